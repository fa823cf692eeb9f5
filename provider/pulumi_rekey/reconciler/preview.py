"""What a run will write into the state, as far as a preview can know it; pure, from the run's own plan.

What is called known is right, unless somebody changes the object between the preview and the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic

from pydantic import SecretStr

from ..endpoints.config import Endpoint
from ..model import IMMUTABLE, Mark, fields_marked, fields_with, secret_fields
from ..policy import decide as policy
from . import books
from .contract import Adjustable, Inputs, InputsT, Resource, SessionT, State, StateT, settings_of
from .plan import Plan, plan_creation

#: The outputs that have to do with where and by whom, and not with a secret.
_PLACE: Final = frozenset({"address", "endpoint"})
#: What a mint changes of what every resource keeps of its rotation.
_BOOKS: Final = frozenset(fields_with(State, Mark.MINTED))
#: In place of the key of a credential that gets its first one in the run.
_NO_KEY: Final = SecretStr("")


@dataclass(frozen=True)
class Foreseen(Generic[StateT]):
    """The state as the run will write it, and the names of its fields of which that is not known."""

    state: StateT
    unknown: frozenset[str]


def foresee_update(
    resource: Resource[InputsT, StateT, SessionT],
    i: InputsT,
    s: StateT,
    todo: Plan,
    now: datetime,
    *,
    endpoint: Endpoint | None = None,
    unknown_inputs: frozenset[str] = frozenset(),
) -> Foreseen[StateT]:
    """Return what an update with this plan will write.

    :param endpoint: What its endpoint is set to, where that is known.
    :param unknown_inputs: The inputs that only the run will know; ``i`` has them as they were.
    """
    corrected = policy.with_clock_corrected(s, now)
    changed = todo.changed | (unknown_inputs & settings_of(resource))
    sent: dict[str, Any] = {}
    refreshed: frozenset[str] = frozenset()
    if isinstance(resource, Adjustable):
        sent = {name: value for name, value in resource.sent(i, changed).items() if name not in unknown_inputs}
        refreshed = resource.refreshed(changed)
    new = books.recorded(
        i,
        corrected.model_copy(update=sent),
        now,
        None if endpoint is None else endpoint.url,
        s.rotation.key or _NO_KEY,
    )
    new = books.handed_over(i, new, now, away=todo.decision.hands_over)
    unknown = (refreshed - sent.keys()) | (unknown_inputs & type(s).model_fields.keys())
    unknown |= _place_unknown(resource, endpoint, unknown_inputs)
    if corrected.rotated_at != s.rotated_at:
        # From when it counts is the moment of the run.
        unknown |= {"rotated_at", "expires_at", "previous_expires_at", "next_rotation_at"}
    if new.handover != s.handover:
        unknown |= {"handover"}
    if new.rotation.key == _NO_KEY:
        unknown |= {"rotation"}
    deciding = {"rotation", *_deciding(resource)}
    if todo.read_back or todo.retry is not None or not deciding.isdisjoint(unknown_inputs):
        unknown |= _all_but_identity(resource)
    elif todo.decision.reason is not None:
        unknown |= minted(resource)
        if not todo.decision.by_time:
            # Otherwise the vendor's clock has a say, too.
            update = {"generation": s.generation + 1, "rotation_reason": todo.decision.reason, "step": None}
            update |= given(resource, i)
            new = new.model_copy(update=update)
            unknown -= update.keys()
        if i.rotation.turn is None:
            unknown -= {"handover"}
    elif todo.follow_up is not None:
        unknown |= (minted(resource) - _BOOKS) | {"previous_expires_at"}
    return Foreseen(new, unknown)


def foresee_creation(
    resource: Resource[InputsT, StateT, SessionT], i: InputsT, *, endpoint: Endpoint | None = None
) -> dict[str, Any]:
    """Return what is known of the state that a create will write."""
    todo = plan_creation(resource, i, endpoint)
    sent: dict[str, Any] = {}
    if isinstance(resource, Adjustable):
        sent = resource.sent(i, frozenset(name for name in resource.settings() if getattr(i, name) is not None))
    if todo.adopted is not None:
        # What is there already is left as it is where only the order differs.
        sent = {name: value for name, value in sent.items() if isinstance(value, str | int)}
    identity = fields_marked(resource.inputs, IMMUTABLE) & resource.state.model_fields.keys()
    known: dict[str, Any] = {name: value for name in identity if (value := getattr(i, name)) is not None}
    known |= sent | given(resource, i)
    known |= {"generation": 1, "rotation_reason": todo.reason or "adopted", "endpoint": i.endpoint, "step": None}
    if i.rotation.turn is None:
        known["handover"] = None
    if resource.vendor is None or endpoint is not None:
        known["address"] = None if endpoint is None else endpoint.url
    return known


def minted(resource: Resource[Any, Any, Any]) -> frozenset[str]:
    """Return the outputs that a mint changes: every secret, and what is marked."""
    return secret_fields(resource.state) | frozenset(fields_with(resource.state, Mark.MINTED))


def given(resource: Resource[Any, Any, Any], i: Inputs) -> dict[str, Any]:
    """Return the outputs of a mint that are what an input says: a secret that the user gives, or what decides."""
    shared = _deciding(resource) & resource.state.model_fields.keys()
    return {name: value for name in shared if (value := getattr(i, name)) is not None}


def _deciding(resource: Resource[Any, Any, Any]) -> frozenset[str]:
    """Return the inputs beside the policy that decide whether, and what, is minted."""
    marks = (Mark.EXPLICIT_SECRET, Mark.DECIDES)
    return frozenset(name for mark in marks for name in fields_with(resource.inputs, mark))


def _place_unknown(
    resource: Resource[Any, Any, Any], endpoint: Endpoint | None, unknown_inputs: frozenset[str]
) -> frozenset[str]:
    if "endpoint" in unknown_inputs:
        return _PLACE
    return frozenset({"address"}) if resource.vendor is not None and endpoint is None else frozenset()


def _all_but_identity(resource: Resource[Any, Any, Any]) -> frozenset[str]:
    """Return the outputs that may differ after what nobody can foresee."""
    ids = {*fields_with(resource.state, Mark.OBJECT_ID), *fields_with(resource.state, Mark.CLIENT_ID)}
    fixed = (ids - minted(resource)) | fields_marked(resource.inputs, IMMUTABLE) | _PLACE
    return frozenset(resource.state.model_fields) - fixed
