"""Two of a credential that rotate alternately, for vendors that keep only one secret of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar

import pulumi

from .credential import Credential
from .rotation import Rotation

CredentialT = TypeVar("CredentialT", bound=Credential)
Side = Literal["blue", "green"]

_SIDES: Final[tuple[Side, Side]] = ("blue", "green")


@dataclass(frozen=True, kw_only=True)
class _InTurns(Rotation):
    turn: Mapping[str, pulumi.Input[str]] | None = None


class Arguments(TypedDict):
    """What a side's constructor must be given, as ``**its``."""

    name: str
    rotation: Rotation
    opts: pulumi.ResourceOptions


class Pair(pulumi.ComponentResource, Generic[CredentialT]):
    """Two of a credential, blue and green, that rotate alternately, so that the old secret works for a whole period.

    ::

        portal = rekey.Pair(
            "portal",
            lambda side, its: rekey.OidcRelyingParty(client_name=f"portal {side}", redirect_uris=[URI], **its),
            every="90d",
        )
        pulumi.export("secret", portal.current["client_secret"])

    Each side rotates in its own slots only, once in each, never in a slot's last quarter, and the two never in one run.
    For relying parties, OAuth apps and the secrets of two applications; ``SyncClientCredentials`` and
    ``OpenIdProviderKey`` are refused, with the reason.

    :param make: Makes a side: it is called with ``"blue"`` and ``"green"``, and with the arguments that must be passed
        on to the constructor as ``**its``.
    :param every: How long a slot lasts, 1d to 366d: a secret is current for one slot and previous for the next.
    :param rotation: What else the policy says (windows, freeze, paused, grace, verify, triggers). Triggers wait for the
        side's turn; ``rotate_now``, ``max_age`` and ``jitter`` are refused here.
    :param rotate_now: For each side that is to rotate now, the reason.
    """

    blue: CredentialT
    green: CredentialT
    current: pulumi.Output[dict[str, Any]]
    """All outputs of the side that rotated last, by name; secret."""
    previous: pulumi.Output[dict[str, Any]]
    """All outputs of the other side, which still works; secret."""

    def __init__(
        self,
        name: str,
        make: Callable[[Side, Arguments], CredentialT],
        *,
        every: str,
        rotation: Rotation | None = None,
        rotate_now: Mapping[Side, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rekey:index:Pair", name, None, opts)
        base = rotation or Rotation()
        for refused in ("rotate_now", "max_age", "jitter"):
            if getattr(base, refused) is not None:
                raise pulumi.RunError(f"{name}: a Pair cannot have rotation.{refused}: `every` says when a side is due")
        given = {field.name: getattr(base, field.name) for field in fields(base) if field.name != "rotate_now"}
        sides: dict[Side, CredentialT] = {}
        for side in _SIDES:
            turn = {"every": every, "side": side}
            its = Arguments(
                name=f"{name}-{side}",
                rotation=_InTurns(**given, rotate_now=(rotate_now or {}).get(side), turn=turn),
                opts=pulumi.ResourceOptions(parent=self),
            )
            sides[side] = make(side, its)
            if sides[side].pair_unsupported_reason is not None:
                raise pulumi.RunError(f"{name}: no Pair of these: {sides[side].pair_unsupported_reason}")
        self.blue, self.green = sides["blue"], sides["green"]
        both = pulumi.Output.all(_outputs(self.blue), _outputs(self.green))
        # What happened counts, not what the calendar says; times in RFC 3339 sort as text.
        in_order = both.apply(lambda found: sorted(found, key=lambda side: side["rotated_at"] or "", reverse=True))
        self.current = pulumi.Output.secret(in_order.apply(lambda found: found[0]))
        self.previous = pulumi.Output.secret(in_order.apply(lambda found: found[1]))
        # The sides' own outputs are in the state already: a third copy of a secret is one too many.
        self.register_outputs({})


def _outputs(side: Credential) -> pulumi.Output[dict[str, Any]]:
    return pulumi.Output.all(**{name: getattr(side, name) for name in side.output_names()})
