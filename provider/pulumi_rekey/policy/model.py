"""The rotation policy as a user says it, and the state of a rotation as every credential keeps it."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, StrictBool, ValidationInfo, WithJsonSchema, field_validator

from ..model import OPEN, Mark, Model, Moment, Secret, rfc3339
from .durations import as_text
from .fields import Duration, within
from .slots import Handover, Turn
from .windows import Dates, Window, can_stay_closed


def _as_text(value: Any) -> Any:
    # Pulumi hands every number over as a float; 3 and 3.0 must be one trigger value.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value


TriggerValue = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]


#: What a state keeps of the rotations before the last: with that one they are ten.
_MAX_REMEMBERED: Final = 9
_MAX_REMEMBERED_REASON: Final = 100

#: How :attr:`AppliedPolicy.pending` names ``rotate_now``; a trigger is ``triggers.NAME``.
ROTATE_NOW: Final = "rotate_now"


def trigger_path(name: str) -> str:
    """Return how :attr:`AppliedPolicy.pending` names a trigger."""
    return f"triggers.{name}"


class AppliedPolicy(Model):
    """What the credential's last rotation (or an edit since that must not rotate) knew of the policy.

    Of each value only a digest is kept: a value may be secret in one run and plain in the next, and only the engine
    knows which. 0.1.0 kept the values themselves; these have no key.
    """

    # What another version kept beside these is nothing to this one.
    model_config = OPEN

    key: Secret | None = Field(default=None, description="What keys the digests: this credential's alone, for ever.")
    triggers: dict[str, TriggerValue] = Field(default_factory=dict)
    rotate_now: str | None = None
    #: What asks for a rotation that was put off, by path, for readers who lack the key; unset if nothing does.
    pending: tuple[str, ...] | None = None

    def has_seen(self, path: str, kept: str | None, value: str) -> bool:
        """Tell whether what is kept of a value is of this one."""
        return kept == (value if self.key is None else _digest(self.key, path, value))

    def keyed(self, key: SecretStr) -> AppliedPolicy:
        """Return it with digests instead of values, if it holds such."""
        if self.key is not None or not (self.triggers or self.rotate_now):
            return self
        triggers, rotate_now = digests(key, self.triggers), digest_of(key, self.rotate_now)
        return AppliedPolicy(key=key, triggers=triggers, rotate_now=rotate_now, pending=self.pending)


def digests(key: SecretStr, triggers: Mapping[str, str]) -> dict[str, str]:
    """Return what is kept of triggers."""
    return {name: _digest(key, trigger_path(name), value) for name, value in triggers.items()}


def digest_of(key: SecretStr, rotate_now: str | None) -> str | None:
    """Return what is kept of ``rotate_now``."""
    return None if rotate_now is None else _digest(key, ROTATE_NOW, rotate_now)


def _digest(key: SecretStr, path: str, value: str) -> str:
    text = json.dumps([path, value]).encode()
    digest = hmac.digest(key.get_secret_value().encode(), text, "sha256")
    # Every byte stands in the state: 96 bits are enough to tell a change.
    return base64.urlsafe_b64encode(digest[:12]).decode()


class Policy(Model):
    """The policy by which a credential rotates."""

    triggers: dict[str, TriggerValue] = Field(
        default_factory=dict,
        max_length=64,
        description="Named values; the credential rotates when one of them changes. Adding or removing a name"
        " does not rotate.",
        examples=[{"release": "2026-11"}],
    )
    max_age: Annotated[Duration, within("1h", "3660d")] | None = Field(
        default=None,
        description="The age, counted from minting or adoption, at which the credential is due, from 1h to 3660d."
        " By default, age never triggers a rotation.",
        examples=["90d", "720h30m", "P90D"],
    )
    renew_before: Annotated[Duration, within("1h", "3660d")] | None = Field(
        default=None,
        description="For a credential that expires: how long before that it is due, from 1h to 3660d and less than"
        " max_age. By default one third of its life; so too where its life turns out to be no longer than this.",
        examples=["14d"],
    )
    grace: Annotated[Duration, within("0s", "366d")] | None = Field(
        default=None,
        description="How long the previous secret stays valid after a rotation, where the vendor can hold two: at"
        " most 366d and less than max_age. With 0s, rotate_now means that the secret is compromised: the old one is"
        " ended at once. The default is the vendor's.",
        examples=["24h"],
    )
    windows: tuple[Window, ...] = Field(
        default=(),
        max_length=16,
        description="When a due rotation may happen; by default at any time. One that would expire before the next"
        " window opens does not wait for it.",
        examples=[[{"cron": "0 2 * * SUN", "timezone": "Europe/Sofia", "duration": "4h"}]],
    )
    jitter: Annotated[Duration, within("0s", "366d")] | None = Field(
        default=None,
        description="Up to how much earlier than its rules say it is due, so that not all rotate in one run: less than"
        " max_age, and never more than half of the time between minting and due date. The part is drawn at minting.",
        examples=["3d"],
    )
    freeze: tuple[Dates, ...] = Field(
        default=(),
        max_length=64,
        description="Dates in UTC, first and last included, on which nothing rotates but by rotate_now or because"
        " it would expire.",
        examples=[["2026-12-20/2027-01-05", "2027-03-03"]],
    )
    paused: StrictBool = Field(default=False, description="Whether nothing at all rotates, even by rotate_now.")
    rotate_now: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Trigger and audit reason at once, in one line: a new text rotates now. Setting it on a resource"
        " that is being created does not rotate.",
        examples=["INC-4711 leaked in a log"],
    )
    on_adopt: Literal["keep", "rotate"] | None = Field(
        default=None,
        description="What to do with the secret of an object that exists: keep it, or mint a new one.",
    )
    verify: StrictBool = Field(
        default=True,
        description="Whether a new secret is tried as a consumer would, before it is handed on.",
    )

    rotate_now_is_secret: StrictBool = Field(
        default=False,
        description="Whether the text of rotate_now is secret and must not be repeated. Python's constructors see that"
        " for themselves; programs in other languages say false where it may be repeated.",
    )
    turn: Turn | None = Field(
        default=None, description="For one of a pair: it rotates in its own slots only. Set by `rekey.Pair`."
    )

    @field_validator("renew_before", "grace", "jitter")
    @classmethod
    def _shorter_than_max_age(cls, span: timedelta | None, info: ValidationInfo) -> timedelta | None:
        max_age = info.data.get("max_age")
        if span is not None and max_age is not None and span >= max_age:
            raise ValueError(f"must be shorter than max_age ({as_text(max_age)})")
        return span

    @field_validator("rotate_now")
    @classmethod
    def _one_line(cls, text: str | None) -> str | None:
        # It becomes part of a line of the log.
        if text is not None and not text.isprintable():
            raise ValueError("must be one line of printable text")
        if text is not None and text.isspace():
            raise ValueError("must not be blank")
        return text

    @field_validator("windows")
    @classmethod
    def _opens_in_time(cls, windows: tuple[Window, ...], info: ValidationInfo) -> tuple[Window, ...]:
        for name in ("renew_before", "max_age"):
            span = info.data.get(name)
            if windows and span is not None and can_stay_closed(windows, span):
                raise ValueError(f"can stay closed for {name} ({as_text(span)}) or longer")
        return windows

    @field_validator("turn")
    @classmethod
    def _leaves_room(cls, turn: Turn | None, info: ValidationInfo) -> Turn | None:
        windows = info.data.get("windows")
        if turn is not None and windows and can_stay_closed(windows, turn.usable):
            raise ValueError(f"windows can stay closed for three quarters of `every` ({as_text(turn.every)}) or longer")
        if turn is not None and info.data.get("jitter"):
            raise ValueError("cannot be had beside jitter: the slots say when it is due")
        return turn

    @property
    def mints(self) -> bool:
        """Whether the policy could ever ask for a new secret."""
        asks = (self.max_age, self.renew_before, self.rotate_now, self.turn)
        return bool(self.triggers) or self.on_adopt == "rotate" or any(value is not None for value in asks)

    @property
    def rotate_now_in_words(self) -> str:
        """What may be said of the text of ``rotate_now``."""
        return "[secret]" if self.rotate_now_is_secret else str(self.rotate_now)

    @property
    def means_compromise(self) -> bool:
        """Whether the old secret is to be ended at once by ``rotate_now``, whatever that breaks."""
        return self.rotate_now is not None and self.grace == timedelta()


class RotationState(Model):
    """Where a credential stands in its life; part of every resource's state."""

    generation: Annotated[int, Mark.MINTED] = Field(
        default=0, description="How many secrets this resource has had; the first is 1."
    )
    rotated_at: Annotated[Moment | None, Mark.MINTED] = Field(
        default=None, description="When the present secret was minted, or the object adopted (RFC 3339, UTC)."
    )
    rotation_reason: Annotated[str | None, Mark.MINTED] = Field(
        default=None, description="Why the present secret was minted."
    )
    next_rotation_at: Annotated[Moment | None, Mark.MINTED] = Field(
        default=None,
        description="When the next rotation is due by age or expiry (RFC 3339, UTC); unset if never. It happens at the"
        " first `pulumi up` after it that windows and freezes allow.",
    )
    expires_at: Annotated[Moment | None, Mark.MINTED] = Field(
        default=None, description="When the present secret stops working (RFC 3339, UTC); unset if never."
    )
    previous_expires_at: Annotated[Moment | None, Mark.MINTED] = Field(
        default=None, description="Until when the previous secret works (RFC 3339, UTC)."
    )
    handover: Annotated[Handover | None, Mark.MINTED] = Field(
        default=None,
        description="For one of a pair: the last time that it handed consumers over. Of the two sides the higher"
        " `number` counts, and consumers hold the side that it names in `to`.",
    )
    history: Annotated[tuple[str, ...], Mark.MINTED] = Field(
        default=(),
        description="The rotations before the present secret's, oldest first and at most nine: generation, time and"
        " reason of each, in one text.",
    )
    spread: Annotated[float, Mark.MINTED] = Field(
        default=0.0, ge=0, le=1, description="Which part of the policy's jitter is taken off; drawn at minting."
    )
    rotation: Annotated[AppliedPolicy, Mark.MINTED] = Field(
        default_factory=AppliedPolicy, description="What the last rotation knew of the policy."
    )

    def history_with_this(self) -> tuple[str, ...]:
        """Return the history for the secret after this one; before that, a state holds no byte of it."""
        if self.generation == 0 or self.rotated_at is None:
            return self.history
        reason = self.rotation_reason or ""
        if len(reason) > _MAX_REMEMBERED_REASON:
            reason = f"{reason[:_MAX_REMEMBERED_REASON]}\u2026"
        return (*self.history, f"{self.generation} {rfc3339(self.rotated_at)} {reason}".rstrip())[-_MAX_REMEMBERED:]
