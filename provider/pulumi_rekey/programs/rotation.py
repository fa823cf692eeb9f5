"""The rotation policy as a program writes it; it is validated by the provider, at preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import pulumi

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, kw_only=True)
class Window:
    """A span of time in which a due rotation may happen.

    :param cron: When it opens, as five cron fields: ``"0 2 * * SUN"``.
    :param timezone: The IANA time zone of the cron fields; by default ``"UTC"``.
    :param duration: How long it stays open, from ``10m`` to ``31d``.
    """

    cron: pulumi.Input[str]
    timezone: pulumi.Input[str] = "UTC"
    duration: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """When a credential rotates.

    Durations are written ``90d``, ``720h30m`` or ``P90D``; months and years have no fixed length and are refused.

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
    max_age: pulumi.Input[str] | None = None
    renew_before: pulumi.Input[str] | None = None
    grace: pulumi.Input[str] | None = None
    windows: Sequence[Window] | None = None
    jitter: pulumi.Input[str] | None = None
    freeze: Sequence[pulumi.Input[str]] | None = None
    paused: pulumi.Input[bool] = False
    rotate_now: pulumi.Input[str] | None = None
    on_adopt: Literal["keep", "rotate"] | None = None
    verify: pulumi.Input[bool] = True

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


def _said(block: DataclassInstance) -> dict[str, Any]:
    """Return the fields that differ from their defaults: what need not be said need not be in every state."""
    said = ((field, getattr(block, field.name)) for field in fields(block))
    return {field.name: _property(value) for field, value in said if value is not field.default}


def _property(value: Any) -> Any:
    match value:
        case Window():
            return _said(value)
        case Mapping():
            return dict(value)
        case list() | tuple():
            return [_property(member) for member in value]
        case _:
            return value
