"""When a credential rotates: policy, state and the present moment in, a reason in words (or nothing) out.

Pure: no clock, no chance and no I/O, so that it can be tested by the thousand.

A rotation falls due by its rules: a changed trigger, ``max_age``, or ``renew_before`` for what expires. Whether it
then happens is decided in this order:

1. ``paused``: nothing rotates.
2. ``rotate_now``: a new text rotates, whatever follows.
3. The deadline: a secret that would expire while it waits for 4 to 7 does not wait. Since a daily run may fail
   once, two days before its end is the latest.
4. The grace of the previous secret: the next one would evict it, so a due rotation waits until it is over.
5. ``turn``: one of a pair waits for its own slot.
6. ``freeze``: nothing rotates on these dates.
7. ``windows``: nothing rotates outside of them.

The due date is always computed from the policy as it is now and from what minting fixed (when, until when, and which
part of ``jitter`` is taken off). So an edited ``max_age`` takes effect at once, and nothing else moves the date: not
a renamed stack or resource, not another version. ``next_rotation_at`` in the state shows the date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, ValidationInfo, WithJsonSchema, field_validator

from .durations import Duration, as_text, in_words, within
from .model import Model, Moment, rfc3339
from .turns import Turn
from .windows import Dates, Window, allowed_from, can_stay_closed, frozen_until, met_by_a_daily_run

_NONE: Final = timedelta()
#: A secret that has no more than this to live waits for nothing: one of two daily runs may fail.
DEADLINE: Final = timedelta(days=2)
#: Slots of a turn that are looked through for one that windows and freezes leave open.
_MOST_SLOTS: Final = 64


def _as_text(value: Any) -> Any:
    # Pulumi hands every number over as a float; 3 and 3.0 must be one trigger value.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else value


TriggerValue = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]


class Seen(Model):
    """What the credential's last rotation (or an edit since that must not rotate) knew of the policy.

    Kept in the outputs at the same paths as the inputs, so that a value that the user marks secret stays secret.
    """

    # What another version kept beside these is nothing to this one.
    model_config = ConfigDict(extra="ignore")

    triggers: dict[str, TriggerValue] = Field(default_factory=dict)
    rotate_now: str | None = None


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
        " By default age alone makes nothing due.",
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
    def means_compromise(self) -> bool:
        """Whether the old secret is to be ended at once by ``rotate_now``, whatever that breaks."""
        return self.rotate_now is not None and self.grace == _NONE


class Life(Model):
    """Where a credential stands in its life; part of every resource's state."""

    generation: int = Field(default=0, description="How many secrets this resource has had; the first is 1.")
    rotated_at: Moment | None = Field(
        default=None, description="When the present secret was minted, or the object adopted (RFC 3339, UTC)."
    )
    rotation_reason: str | None = Field(default=None, description="Why the present secret was minted.")
    next_rotation_at: Moment | None = Field(
        default=None,
        description="When the next rotation is due by age or expiry (RFC 3339, UTC); unset if never. It happens at the"
        " first `pulumi up` after it that windows and freezes allow.",
    )
    expires_at: Moment | None = Field(
        default=None, description="When the present secret stops working (RFC 3339, UTC); unset if never."
    )
    previous_expires_at: Moment | None = Field(
        default=None, description="Until when the previous secret works (RFC 3339, UTC)."
    )
    spread: float = Field(
        default=0.0, ge=0, le=1, description="Which part of the policy's jitter is taken off; drawn at minting."
    )
    rotation: Seen = Field(default_factory=Seen, description="What the last rotation knew of the policy.")


@dataclass(frozen=True)
class Decision:
    """What happens to a credential now, in words; empty if nothing is due."""

    #: Why it rotates now.
    reason: str | None = None
    #: Why it does not although it is due, and why it is due.
    deferred: str | None = None
    #: Whether the old secret is to be ended at once, whatever that breaks.
    compromised: bool = False


@dataclass(frozen=True)
class _Due:
    #: When the rule makes it due, and how much earlier jitter does.
    by_rule: datetime
    early: timedelta
    #: The rule in words.
    rule: str

    @property
    def at(self) -> datetime:
        return (self.by_rule - self.early).replace(microsecond=0)


def _due(policy: Policy, minted_at: datetime, expires_at: datetime | None, spread: float) -> _Due | None:
    """Return what the first of the rules by time makes of it, if there is any."""
    rules = []
    if policy.max_age is not None:
        rules.append((minted_at + policy.max_age, f"max_age {in_words(policy.max_age)}"))
    if expires_at is not None:
        life = max(expires_at - minted_at, _NONE)
        if policy.renew_before is not None and policy.renew_before < life:
            rules.append((expires_at - policy.renew_before, f"renew_before {in_words(policy.renew_before)}"))
        else:
            rules.append((expires_at - life / 3, "two thirds of its life"))
    if policy.turn is not None:
        every = in_words(policy.turn.every)
        rules.append((policy.turn.begins_after(minted_at), f"its turn in the pair, every {every}"))
    if not rules:
        return None
    by_rule, rule = min(rules)
    # What was adopted after its end was due before it was "minted".
    most = max(by_rule - minted_at, _NONE) / 2
    return _Due(by_rule, min(policy.jitter or _NONE, most) * spread, rule)


def next_rotation_at(
    policy: Policy, minted_at: datetime, expires_at: datetime | None, spread: float
) -> datetime | None:
    """Return when the next rotation is due by age or expiry, to the second; nothing if never.

    ``spread``, from 0 to 1, is the part of the policy's jitter that is taken off, drawn once at minting and kept in
    :attr:`Life.spread`. Half of the time to the due date is the most that it takes.
    """
    due = _due(policy, minted_at, expires_at, spread)
    return None if due is None else due.at


def asked_now(policy: Policy, life: Life) -> bool:
    """Tell whether ``rotate_now`` asks for a rotation that this credential has not had."""
    return policy.rotate_now is not None and policy.rotate_now != life.rotation.rotate_now


def decide(policy: Policy, life: Life, now: datetime) -> Decision:
    """Return whether the credential rotates now, and why or why not. Trigger values never appear in it."""
    asked = asked_now(policy, life)
    why = f"rotate_now: {policy.rotate_now}" if asked else _scheduled(policy, life, now)
    if why is None:
        return Decision()
    if policy.paused:
        return Decision(deferred=f"paused; due: {why}")
    if asked:
        return Decision(reason=why, compromised=policy.means_compromise)
    obstacle, until = _obstacle(policy, life, now)
    if obstacle is None:
        return Decision(reason=why)
    if life.expires_at is not None and (until is None or life.expires_at - until < DEADLINE):
        return Decision(reason=f"{_expiry(life.expires_at, now)}, too soon to wait: {obstacle}")
    return Decision(deferred=f"{obstacle}; due: {why}")


def _scheduled(policy: Policy, life: Life, now: datetime) -> str | None:
    """Return why the credential is due by a trigger or by time, if it is."""
    seen = life.rotation.triggers
    changed = sorted(name for name, value in policy.triggers.items() if seen.get(name, value) != value)
    if changed:
        return f"trigger changed: {', '.join(changed)}"
    if life.rotated_at is None:
        return None
    due = _due(policy, life.rotated_at, life.expires_at, life.spread)
    if due is None or now < due.at:
        return None
    facts = [f"{in_words(now - life.rotated_at)} old", due.rule]
    if now < due.by_rule:
        facts.append(f"{in_words(due.early)} earlier by jitter")
    if life.expires_at is not None:
        facts.append(_expiry(life.expires_at, now))
    return ", ".join(facts)


def _expiry(expires_at: datetime, now: datetime) -> str:
    return f"{'expires' if now < expires_at else 'expired'} {rfc3339(expires_at)}"


def _obstacle(policy: Policy, life: Life, now: datetime) -> tuple[str | None, datetime | None]:
    """Return what a scheduled rotation has to wait for, if for anything, and the first moment that is free of it.

    No moment beside an obstacle means that there is none.
    """
    grace = life.previous_expires_at
    if grace is not None and now < grace:
        return f"previous secret in grace until {rfc3339(grace)}", _allowed_from(policy, life, grace)
    if policy.turn is not None and life.rotated_at is not None and not policy.turn.allows(life.rotated_at, now):
        begins = policy.turn.begins_after(max(life.rotated_at, now))
        return f"not its turn, which begins {rfc3339(begins)}", _allowed_from(policy, life, begins)
    until = _allowed_from(policy, life, now)
    if until == now:
        return None, now
    frozen = frozen_until(policy.freeze, now)
    if frozen is not None:
        return f"frozen until {rfc3339(frozen)}", until
    opens = f"opens in {in_words(until - now)} ({rfc3339(until)})" if until else "which never opens again"
    return f"outside its window, {opens}", until


def _allowed_from(policy: Policy, life: Life, moment: datetime) -> datetime | None:
    """Return the first moment, this one included, that turn, windows and freezes allow; nothing if there is none."""
    for _ in range(_MOST_SLOTS):
        found = allowed_from(policy.windows, policy.freeze, moment)
        turn, rotated_at = policy.turn, life.rotated_at
        if found is None or turn is None or rotated_at is None or turn.allows(rotated_at, found):
            return found
        moment = turn.begins_after(max(rotated_at, found))
    return None


def possible_from(policy: Policy, life: Life) -> datetime | None:
    """Return the first moment at which a rotation that falls due by time is allowed; nothing if there is none."""
    if life.rotated_at is None:
        return None
    at = next_rotation_at(policy, life.rotated_at, life.expires_at, life.spread)
    if at is None:
        return None
    grace = life.previous_expires_at
    return _allowed_from(policy, life, at if grace is None else max(at, grace))


def warnings(policy: Policy, now: datetime) -> list[str]:
    """Return what is allowed in the policy but hardly meant; ``now`` stands for the time of day of the daily runs."""
    if not policy.windows:
        return []
    found = []
    if not met_by_a_daily_run(policy.windows, now):
        found.append(f"windows: a daily run at this time of day ({now.astimezone(UTC):%H:%M} UTC) never finds one open")
    # Closed for less than an hour is as good as open to a run a day.
    if policy.renew_before is not None and can_stay_closed(
        policy.windows, max(policy.renew_before - DEADLINE, timedelta(hours=1))
    ):
        found.append(
            f"renew_before: {in_words(policy.renew_before)} is short for these windows: where none opens"
            f" {in_words(DEADLINE)} before it expires, the credential rotates outside of them"
        )
    return found


def seen_after_rotation(policy: Policy) -> Seen:
    """Return what a rotation (or a creation) under this policy has seen."""
    return Seen(triggers=policy.triggers, rotate_now=policy.rotate_now)


def seen_without_rotation(policy: Policy, life: Life) -> Seen:
    """Return what an edit of the policy that did not rotate has seen: new names join, changes stay open."""
    triggers = {name: life.rotation.triggers.get(name, value) for name, value in policy.triggers.items()}
    return Seen(triggers=triggers, rotate_now=life.rotation.rotate_now)
