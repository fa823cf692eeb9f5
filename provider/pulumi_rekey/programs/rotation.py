"""The rotation policy as a program writes it; it is validated by the provider, at preview."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

import pulumi

from .arguments import judge, refused, types_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

#: A span of time: ``90d``, or a ``timedelta`` of whole seconds.
Duration = pulumi.Input[str] | timedelta


class WindowDict(TypedDict):
    """A :class:`Window` as a dict."""

    cron: pulumi.Input[str]
    """When it opens, as five cron fields: ``"0 2 * * SUN"``."""
    timezone: NotRequired[pulumi.Input[str]]
    """The IANA time zone of the cron fields; by default ``"UTC"``."""
    duration: Duration
    """How long it stays open, from ``10m`` to ``31d``."""


class RotationDict(TypedDict, total=False):
    """A :class:`Rotation` as a dict; what each key means, is said there."""

    triggers: Mapping[str, pulumi.Input[str | int | float | bool]]
    """Named values; the credential rotates when one of them changes."""
    max_age: Duration
    """The age at which it is due."""
    renew_before: Duration
    """For what expires: how long before that it is due."""
    grace: Duration
    """How long the previous secret stays valid, where the vendor can hold two."""
    windows: Sequence[Window | WindowDict]
    """When a due rotation may happen."""
    jitter: Duration
    """Up to how much earlier it is due."""
    freeze: Sequence[pulumi.Input[str]]
    """Dates in UTC on which nothing rotates."""
    paused: pulumi.Input[bool]
    """Whether nothing at all rotates."""
    rotate_now: pulumi.Input[str]
    """Trigger and audit reason at once: a new text rotates now."""
    on_adopt: Literal["keep", "rotate"]
    """Whether the secret of an object that exists is kept or rotated."""
    verify: pulumi.Input[bool]
    """Whether a new secret is tried before it is handed on."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A span of time in which a due rotation may happen.

    :param cron: When it opens, as five cron fields: ``"0 2 * * SUN"``.
    :param timezone: The IANA time zone of the cron fields; by default ``"UTC"``.
    :param duration: How long it stays open, from ``10m`` to ``31d``.
    """

    cron: pulumi.Input[str]
    timezone: pulumi.Input[str] = "UTC"
    duration: Duration

    def __post_init__(self) -> None:
        """Refuse a value of the wrong type where it is written."""
        _judge(self)


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """When a credential rotates.

    Durations are written ``90d``, ``720h30m`` or ``P90D``, or are a ``timedelta``;
    months and years have no fixed length and are refused.

    :param triggers: Named values; the credential rotates when one of them changes. Adding or removing a name does
        not rotate, and no value appears in a reason.
    :param max_age: The age, counted from minting or adoption, at which it is due (1h to 3660d).
    :param renew_before: For what expires: how long before that it is due (1h to 3660d, less than ``max_age``). The
        default is one third of its life.
    :param grace: How long the previous secret stays valid, where the vendor can hold two (0s to 366d, less than
        ``max_age``). With ``"0s"``, ``rotate_now`` means that the secret is compromised: the old one is ended at once.
    :param windows: When a due rotation may happen; by default at any time. What would expire before the next window
        opens does not wait for it.
    :param jitter: Up to how much earlier it is due, drawn at minting, so that not all rotate in one run (0s to 366d,
        less than ``max_age``).
    :param freeze: Dates in UTC on which nothing rotates but by ``rotate_now`` or because it would expire:
        ``"2026-12-24"``, or the first and the last of several, ``"2026-12-20/2027-01-05"``.
    :param paused: Whether nothing at all rotates, even by ``rotate_now``.
    :param rotate_now: Trigger and audit reason at once (1 to 256 characters, one line): a new text rotates now.
    :param on_adopt: ``"keep"`` the secret of an object that exists, or ``"rotate"`` it. The default is to keep;
        :class:`SyncClientCredentials` needs it said.
    :param verify: Whether a new secret is tried as a consumer would, before it is handed on.
    """

    triggers: Mapping[str, pulumi.Input[str | int | float | bool]] | None = None
    max_age: Duration | None = None
    renew_before: Duration | None = None
    grace: Duration | None = None
    windows: Sequence[Window | WindowDict] | None = None
    jitter: Duration | None = None
    freeze: Sequence[pulumi.Input[str]] | None = None
    paused: pulumi.Input[bool] = False
    rotate_now: pulumi.Input[str] | None = None
    on_adopt: Literal["keep", "rotate"] | None = None
    verify: pulumi.Input[bool] = True

    def __post_init__(self) -> None:
        """Refuse a value of the wrong type where it is written."""
        _judge(self)

    def properties(self) -> dict[str, Any]:
        """Return the policy as Pulumi's properties."""
        said = _said(self)
        now = self.rotate_now
        if now is not None:
            # A provider is not told which of its inputs are secret, and repeats this one in the reason if it is none.
            said["rotate_now_is_secret"] = (
                pulumi.Output.from_input(now.is_secret()) if isinstance(now, pulumi.Output) else False
            )
        return said


def as_rotation(given: Rotation | RotationDict, subject: str) -> Rotation:
    """Return a policy that may be given as a dict, whose types have been judged.

    :raises pulumi.RunError: It is an output as a whole: then nothing of it would be known before.
    """
    if isinstance(given, pulumi.Output | Awaitable):
        raise refused(f"{subject}: rotation must be a Rotation or a map, not an output: give outputs to its members")
    return given if isinstance(given, Rotation) else Rotation(**given)


def duration_text(span: timedelta) -> str:
    """Return a span as the text that a program could have written instead.

    :raises pulumi.RunError: It is no span of whole seconds.
    """
    from ..policy.durations import as_text

    if span < timedelta() or span.microseconds:
        raise refused(f"timedelta: must be of whole seconds, and not negative: {span}")
    return as_text(span)


def _judge(block: DataclassInstance) -> None:
    given = {field.name: getattr(block, field.name) for field in fields(block)}
    judge(type(block).__name__.lstrip("_"), types_of(type(block)), given)


def _said(block: DataclassInstance) -> dict[str, Any]:
    """Return the fields that differ from their defaults: what need not be said need not be in every state."""
    said = ((field, getattr(block, field.name)) for field in fields(block))
    return {field.name: _property(value) for field, value in said if value is not field.default}


def _property(value: Any) -> Any:
    match value:
        case Window():
            return _said(value)
        case Mapping():
            return {key: _property(member) for key, member in value.items()}
        case timedelta():
            return duration_text(value)
        case list() | tuple():
            return [_property(member) for member in value]
        case _:
            return value
