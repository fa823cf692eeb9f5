"""Two of a credential that rotate alternately, for vendors that keep only one secret of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final, Generic, Literal, NoReturn, TypedDict, TypeVar, cast

import pulumi
from pulumi.output import UNKNOWN
from pulumi.runtime.config import get_config

from .arguments import closest, judge, refused, types_of
from .credential import Credential
from .rotation import Rotation, RotationDict, as_rotation, duration_text

CredentialT = TypeVar("CredentialT", bound=Credential)
Side = Literal["blue", "green"]

_SIDES: Final[tuple[Side, Side]] = ("blue", "green")


@dataclass(frozen=True, kw_only=True)
class _InTurns(Rotation):
    turn: Mapping[str, Any] | None = None


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
        pulumi.export("secret", portal.current.client_secret)

    Each side rotates in its own slots only, once in each, never in a slot's last quarter, and only after consumers have
    been led to the other one. For relying parties, OAuth apps and the secrets of two applications;
    ``SyncClientCredentials`` and ``OpenIdProviderKey`` are refused, with the reason.

    :param make: Makes a side: it is called with ``"blue"`` and ``"green"``, and with the arguments that must be passed
        on to the constructor as ``**its``.
    :param every: How long a slot lasts, 1d to 366d: a secret is current for one slot and previous for the next.
    :param rotation: What else the policy says (windows, freeze, paused, grace, verify, triggers). Triggers wait for the
        side's turn; ``rotate_now``, ``max_age`` and ``jitter`` are refused here.
    :param rotate_now: For each side that is to rotate now, the reason.
    """

    blue: CredentialT
    """One side, with its own outputs."""
    green: CredentialT
    """The other side, with its own outputs."""
    current: CredentialT
    """The outputs of the side that consumers are to hold, as ``current.client_id`` or ``current["client_id"]``. No
    policy ends its secret. It is no resource.
    """
    previous: CredentialT
    """The outputs of the other side, which works until its turn."""

    def __init__(
        self,
        name: str,
        make: Callable[[Side, Arguments], CredentialT],
        *,
        every: str | timedelta,
        rotation: Rotation | RotationDict | None = None,
        rotate_now: Mapping[Side, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rekey:index:Pair", name, None, opts)
        types = types_of(Pair.__init__)
        judge(name, types, {"every": every, "rotation": rotation, "rotate_now": rotate_now})
        if isinstance(every, timedelta):
            every = duration_text(every)
        base = as_rotation(rotation or {}, name)
        for unfit in ("rotate_now", "max_age", "jitter"):
            if getattr(base, unfit) is not None:
                raise refused(f"{name}: a Pair cannot have rotation.{unfit}: `every` says when a side is due")
        if not isinstance(every, str):
            raise refused(f"{name}: `every` must be text or a timedelta, and no output of another resource")
        given = {field.name: getattr(base, field.name) for field in fields(base) if field.name != "rotate_now"}
        sides: dict[Side, CredentialT] = {}
        access = _Access(name)
        for side in _in_order(every):
            other = access.then(next(iter(sides.values()), None))
            turn = {"every": every, "side": side, "other": other}
            its = Arguments(
                name=f"{name}-{side}",
                rotation=_InTurns(**given, rotate_now=(rotate_now or {}).get(side), turn=turn),
                opts=pulumi.ResourceOptions(parent=self),
            )
            made: Any = make(side, its)
            if not isinstance(made, Credential) or not made.rotates_by(its["rotation"]):
                # Nobody awaits it any more.
                other.close()
                raise refused(f"{name}: its function must pass **its to a resource, and return that")
            sides[side] = cast(CredentialT, made)
            if sides[side].pair_unsupported_reason is not None:
                raise pulumi.RunError(f"{name}: no Pair of these: {sides[side].pair_unsupported_reason}")
        self.blue, self.green = sides["blue"], sides["green"]
        green_is_current: pulumi.Output[bool] = pulumi.Output.from_input(_green_is_current(self.blue, self.green))
        # A type checker completes the outputs of the kind.
        self.current = cast(CredentialT, _Outputs(access, self.blue, self.green, green_is_current))
        self.previous = cast(CredentialT, _Outputs(access, self.green, self.blue, green_is_current))
        # The sides' own outputs are in the state already: a third copy of a secret is one too many.
        self.register_outputs({})


def _in_order(every: str) -> tuple[Side, Side]:
    """Return the sides, the one whose slot it is last: it can be told of the other one."""
    from pydantic import ValidationError

    from ..errors import Error
    from ..frontend.instance import Instance
    from ..policy.slots import Turn

    instance = Instance(environment=os.environ)
    instance.configure(get_config)
    try:
        _, whose = Turn.model_validate({"every": every, "side": "blue"}).slot_at(instance.now())
    except (ValidationError, Error):
        # What is wrong is said under the sides, whose inputs are validated.
        return _SIDES
    return ("green", "blue") if whose == "blue" else _SIDES


async def _as_of_this_run(side: Credential) -> Any:
    """Return what the other side, and the pair, must know of a side; nothing of one that failed in this run."""
    # In a preview every output that is unset is unknown, and all of a side that changes.
    if not await side.rotated_at.is_known():
        return UNKNOWN if pulumi.runtime.is_dry_run() else None
    return {
        "handover": await side.handover.future(),
        "rotated_at": await side.rotated_at.future(),
        "unfinished": await side.step.future() is not None,
    }


async def _green_is_current(blue: Credential, green: Credential) -> Any:
    """Tell which side consumers are to hold: the last handover says it."""
    found = [await _as_of_this_run(side) for side in (blue, green)]
    if not all(isinstance(side, dict) for side in found):
        return UNKNOWN
    numbers = [0 if side["handover"] is None else side["handover"]["number"] for side in found]
    if any(numbers):
        return found[numbers.index(max(numbers))]["handover"]["to"] == "green"
    # Before the first handover it is the side that rotated last; times in RFC 3339 sort as text.
    return found[1]["rotated_at"] > found[0]["rotated_at"]


class _Access:
    """Whether the program has asked for outputs that exist, which is known before anything is made."""

    def __init__(self, pair: str) -> None:
        self._pair = pair
        self._wrong: str | None = None

    def refuse(self, outputs: Mapping[str, Any], kind: str, name: str) -> str:
        """Note that there is no such output, and return what to say of it."""
        close = closest(name, outputs)
        meant = f"did you mean {close}?" if close else f"it has {', '.join(outputs)}"
        self._wrong = f"{self._pair}: {name} is no output of {kind}: {meant}"
        return self._wrong

    async def then(self, side: Credential | None) -> Any:
        """Return what a side is told of the other one, which comes before it; nothing is known of one that failed.

        It is no ``Output``, which would make the one depend on the other in the state; they change places in each slot.
        """
        if self._wrong is not None:
            # The program has ended with this already, and Pulumi makes what it has declared until then all the same.
            raise pulumi.RunError(self._wrong)
        found = None if side is None else await _as_of_this_run(side)
        return {name: found[name] for name in ("handover", "unfinished")} if isinstance(found, dict) else found


class _Outputs(dict[str, pulumi.Output[Any]]):
    """The outputs of one side or the other, by name; secret are those that are secret in a side."""

    __slots__ = ("_access", "_kind")

    def __init__(self, access: _Access, one: Credential, other: Credential, is_other: pulumi.Output[bool]) -> None:
        super().__init__({name: _one_of(one, other, is_other, name) for name in one.output_names()})
        self._access = access
        self._kind = type(one).__name__

    def __getattr__(self, name: str) -> pulumi.Output[Any]:
        """Return an output."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as unknown:
            raise AttributeError(*unknown.args) from None

    def __missing__(self, name: str) -> NoReturn:
        """Refuse a name that is no output."""
        raise KeyError(self._access.refuse(self, self._kind, name))


def _one_of(one: Credential, other: Credential, is_other: pulumi.Output[bool], name: str) -> pulumi.Output[Any]:
    both = pulumi.Output.all(is_other, getattr(one, name), getattr(other, name))
    chosen = both.apply(lambda found: found[2] if found[0] else found[1])
    return pulumi.Output.secret(chosen) if name in one.secret_properties else chosen
