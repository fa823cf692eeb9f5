"""One resource's answers to an engine: check, diff, create, read, update and delete, in plain dicts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, SecretStr, ValidationError

from ..errors import Error, Partial, Stopped
from ..model import IMMUTABLE, Mark, fields_marked, fields_with, problems, rfc3339, secret_fields
from ..ownership import mark_of
from ..policy.decide import warnings
from ..policy.model import Policy
from ..reconciler.apply import Reconciler, refused
from ..reconciler.contract import (
    Importable,
    Inputs,
    InSteps,
    Resource,
    State,
    claimed,
    claims,
    creates,
    object_id,
    object_named,
)
from ..reconciler.plan import Phase, Plan, phase_of, plan, plan_creation, policy_problems, takeover_ends
from ..reconciler.preview import foresee_creation, foresee_update
from . import orders
from .differences import Kind, differences, top_of
from .instance import Instance
from .values import UNKNOWN, Properties, Secret, holds_unknown, without_unknowns

Severity = Literal["INFO", "WARNING"]
_NO_OWNER: Final = "needs the stack's owner id: run `pulumi config set --secret rekey:owner $(openssl rand -hex 16)`"
#: Between the endpoint and the rest, in an id to import.
ENDPOINT_OF_ID: Final = "::"
_NATIVE_TYPE: Final = re.compile(r"(?:^|(?<=\$))rekey:index:(?=\w+(?:\$|$))")
_DYNAMIC_TYPE: Final = "pulumi-python:dynamic/rekey:"
#: The engine asks no provider in the preview of a removal: said when there is a preview.
_REMOVAL: Final = (
    "is taken over: its removal from the program leaves it at the vendor, and replaces a secret that rekey has minted"
    " or stored by one that nobody keeps; with retain_on_delete=True everything is left alone"
)
_REPLACED_BY_ITSELF: Final = (
    "is replaced by itself: a secret that rekey has minted or stored is ended, since what replaces it cannot read it;"
    " to have a new one, rotate instead"
)
_MAY_ROTATE: Final = "may rotate: what decides it is known during `pulumi up` only"


@dataclass(frozen=True)
class Call:
    """What a front end hands in with a call of its engine."""

    #: Pulumi's name of the resource, where it is known.
    urn: str | None = None
    #: The inputs as the state has them, where the engine sends them along.
    stored_inputs: Properties | None = None
    #: Where a remark on the resource goes.
    remark: Callable[[Severity, str], None] = field(default=lambda _severity, _text: None, repr=False)


@dataclass(frozen=True)
class Checked:
    """The inputs as they are to be stored, and (property path, reason) for each that is refused."""

    inputs: Properties
    failures: list[tuple[str, str]]


@dataclass(frozen=True)
class Difference:
    """Whether an update has something to do, and which inputs only another object can have."""

    changes: bool
    replaces: list[str] = field(default_factory=list)
    #: The path of each input that differs from the stored one, where the engine sends these along.
    inputs: dict[str, Kind] = field(default_factory=dict)
    #: Settings that the vendor has otherwise, although the program says what it said before.
    drifted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """A resource as it is now: its id, its outputs and, after a read, its inputs."""

    id: str
    outputs: Properties
    inputs: Properties | None = None


@dataclass(frozen=True)
class _Wanted:
    """What an update is about, as far as it is known."""

    #: Nothing where too little is known to tell.
    inputs: Any
    state: Any
    #: The names of the inputs that only the run will know.
    unknown: frozenset[str]
    #: Whether one of these decides about a rotation.
    may_rotate: bool
    #: Whether nothing is known of the other one of a pair.
    other_is_unknown: bool


class HalfDone(Error):
    """An operation stopped halfway; ``found`` is what must be saved."""

    def __init__(self, found: Found, partial: Partial) -> None:
        super().__init__(partial.happened, todo=partial.advice, request_id=partial.request_id)
        self.found = found
        self.aftermath = partial.aftermath
        self.no_effect = partial.no_effect


class Answers:
    """The answers of one resource, whichever front end asks."""

    def __init__(self, resource: Resource[Any, Any, Any], instance: Instance) -> None:
        self.resource = resource
        self._instance = instance

    # -- check and diff: no network, and values that are not known yet ----------------------------------------------

    def check(self, call: Call, olds: Properties, news: Properties) -> Checked:
        """Validate what is known of the inputs, naming each property that is wrong."""
        if call.urn is not None:
            self._instance.declare(call.urn)
        name = None if call.urn is None else orders.name_of(call.urn)
        order = None if name is None else self._instance.order(name)
        refused_order = None if name is None or order is None else orders.conflict(news, name)
        if refused_order is not None:
            return Checked(dict(news), [refused_order])
        # A policy that is not known as a whole gets its order when it is; what is no policy is refused as such.
        obeyed = order is not None and isinstance(news.get("rotation") or {}, dict)
        inputs = orders.with_order(news, order) if order is not None and obeyed else dict(news)
        found = problems(self.resource.inputs, inputs, holds_unknown)
        if not found:
            found = list(self._policy_problems(inputs))
        if name is not None and obeyed:
            found = [orders.with_source(problem, name) for problem in found]
        if not found and not holds_unknown(inputs):
            found = list(self._rule_problems(call, inputs, is_new=not olds))
        elif not found and not olds:
            self._say_what_takeover_ends(call, inputs)
        if call.urn is not None and olds:
            self._instance.note_present(call.urn, self._named(olds))
        found += self._misconfigurations(call, inputs)
        return Checked(self._with_secrets(inputs), found)

    def _policy_problems(self, inputs: Properties) -> Iterator[tuple[str, str]]:
        """Judge what is known of the policy; that a secret will be given is known before the secret is."""
        rotation = inputs.get("rotation")
        if not holds_unknown(rotation):
            gives = any(inputs.get(name) is not None for name in self._explicit)
            yield from policy_problems(self.resource, Policy.model_validate(rotation or {}), gives=gives)

    @property
    def _explicit(self) -> tuple[str, ...]:
        return fields_with(self.resource.inputs, Mark.EXPLICIT_SECRET)

    def _rule_problems(self, call: Call, inputs: Properties, *, is_new: bool) -> Iterator[tuple[str, str]]:
        i = self.resource.inputs.model_validate(inputs)
        yield from self.resource.problems(i)
        creation = plan_creation(self.resource, i, self._instance.settings(i.endpoint, self.resource.vendor))
        if creation.refusal is not None:
            yield (
                fields_with(self.resource.inputs, Mark.ADOPTS)[0],
                f"{creation.refusal.why}: {creation.refusal.way_out}",
            )
        if is_new:
            # Of a policy that is in force a reader is told when it matters: see diff.
            remarks = self.resource.remarks(i, None)
            if creation.reason is None and self._is_replaced_by_itself(call, creation.adopted):
                remarks = [_REPLACED_BY_ITSELF]
            for text in (*warnings(i.rotation, self._instance.now()), *creation.says, *remarks):
                call.remark("WARNING", text)
            if creation.adopted is not None:
                call.remark("INFO", _REMOVAL)

    def _say_what_takeover_ends(self, call: Call, inputs: Properties) -> None:
        """Say it also where the object, or the secret that is given, is known during `pulumi up` only."""
        gives = any(inputs.get(name) is not None for name in self._explicit)
        policy = inputs.get("rotation")
        known = without_unknowns(policy) if isinstance(policy, dict) else {}
        rotation = Policy.model_validate({name: known.get(name) for name in ("on_adopt", "grace")})
        for name in fields_with(self.resource.inputs, Mark.ADOPTS):
            adopted = inputs.get(name)
            if adopted is not None:
                named = adopted if isinstance(adopted, str) else f"the object that `{name}` will name"
                ends = takeover_ends(self.resource, named, rotation, gives=gives)
                if ends is not None:
                    call.remark("WARNING", ends)

    def _named(self, inputs: Properties) -> str | None:
        """Return the id of the object that inputs name, if they name one."""
        named = (inputs.get(name) for name in fields_with(self.resource.inputs, Mark.ADOPTS))
        return next((id_ for id_ in named if isinstance(id_, str)), None)

    def _is_replaced_by_itself(self, call: Call, adopted: str | None) -> bool:
        """Tell whether a new resource takes over what it replaces, whose secret is in the old one's state only."""
        if adopted is None or call.urn is None or self.resource.verified_by_read:
            return False
        return self._instance.replaces_itself(call.urn, adopted)

    def _misconfigurations(self, call: Call, inputs: Properties) -> Iterator[tuple[str, str]]:
        endpoint, vendor = inputs.get("endpoint"), self.resource.vendor
        # What is not known yet, or no name at all, names no endpoint.
        named = endpoint is None or isinstance(endpoint, str)
        if vendor is not None and named:
            wrong = self._instance.endpoints.misconfigured(endpoint, vendor)
            if wrong is not None:
                yield "endpoint", wrong
        if creates(self.resource) and inputs.get("adopt") is None and not self._instance.owner:
            yield "", _NO_OWNER
        if call.urn is not None and named:
            address = self._instance.address(endpoint, vendor)
            for name, object_ in claims(self.resource, without_unknowns(inputs)):
                rival = self._instance.claim_named(address, object_, call.urn)
                if rival is not None:
                    yield name, f"is taken by another resource of this program: {rival}"

    def diff(self, call: Call, id_: str, olds: Properties, news: Properties) -> Difference:
        """Tell what would change, and say under the resource why its credential rotates."""
        wanted = self._wanted(olds, news)
        unknown, i, state = wanted.unknown, wanted.inputs, wanted.state
        differing = {} if call.stored_inputs is None else differences(call.stored_inputs, news)
        if i is None:
            if wanted.may_rotate:
                call.remark("INFO", _MAY_ROTATE)
            return Difference(changes=True, inputs=differing)
        now = self._instance.now()
        todo = self._plan(id_, i, state, now)
        if wanted.other_is_unknown and todo.decision.needs_other:
            unknown |= {"rotation"}
        # An object that is not known yet is another object.
        replaces = sorted(todo.replace | (unknown & (fields_marked(self.resource.inputs, IMMUTABLE) | {"adopt"})))
        if replaces:
            self._say_what_replacement_ends(call, state)
            return Difference(changes=True, replaces=replaces, inputs=differing)
        self._claim(call, state)
        if todo.refusal is not None and (todo or unknown):
            raise refused(todo.refusal)
        for text in (_MAY_ROTATE,) if wanted.may_rotate else todo.says:
            call.remark("INFO", text)
        deferred = warnings(i.rotation, now) if todo.decision.deferred else []
        for text in (*deferred, *self.resource.remarks(i, state)):
            call.remark("WARNING", text)
        drifted = (todo.changed & state.__class__.model_fields.keys()) - {top_of(path) for path in differing}
        return Difference(changes=bool(todo or unknown), inputs=differing, drifted=drifted)

    def _say_what_replacement_ends(self, call: Call, state: State) -> None:
        """The engine asks no provider in the preview of the removal; a run of chosen resources ends nothing."""
        if isinstance(self.resource, Importable) and self._instance.scope != "part":
            call.remark(
                "WARNING",
                "is replaced, and then removed unless another resource manages it or retain_on_delete=True:"
                f" {object_id(state)} {self.resource.removal(state)}",
            )

    def _wanted(self, olds: Properties, news: Properties) -> _Wanted:
        """Read what is known of the inputs; what is not known yet is as it was, so that the rest can be compared."""
        news, other_is_unknown = _without_unknown_other(news)
        unknown = frozenset(name for name, value in news.items() if holds_unknown(value))
        known = {name: olds[name] for name in unknown & olds.keys() - {"rotation"}} | without_unknowns(news)
        deciding = {"rotation", *self._explicit, *fields_with(self.resource.inputs, Mark.DECIDES)}
        try:
            i = self._inputs(known)
        except ValidationError:
            if not unknown:
                raise
            i = None
        return _Wanted(
            inputs=i,
            state=self.resource.state.model_validate(without_unknowns(olds)),
            unknown=unknown,
            may_rotate=not deciding.isdisjoint(unknown),
            other_is_unknown=other_is_unknown,
        )

    def _plan(self, id_: str, i: Inputs, state: State, now: datetime) -> Plan:
        endpoint = self._instance.settings(i.endpoint, self.resource.vendor)
        return plan(self.resource, id_, i, state, now, endpoint=endpoint)

    # -- previews: the outputs that a create or an update will have ---------------------------------------------------

    def preview_create(self, props: Properties) -> Properties:
        """Return what is known of the outputs before the object is there."""
        known: dict[str, Any] = {}
        if not holds_unknown(props):
            i = self._inputs(props)
            known = foresee_creation(
                self.resource, i, endpoint=self._instance.settings(i.endpoint, self.resource.vendor)
            )
        return self._foreseen({name: to_property(value) for name, value in known.items()}, known.keys())

    def preview_update(self, call: Call, id_: str, olds: Properties, news: Properties) -> Properties:
        """Return what is known of the outputs after an update."""
        wanted = self._wanted(olds, news)
        i, state, unknown = wanted.inputs, wanted.state, wanted.unknown
        if i is None:
            return self._foreseen({}, frozenset())
        now = self._instance.now()
        todo = self._plan(id_, i, state, now)
        if wanted.other_is_unknown and todo.decision.needs_other:
            unknown |= {"rotation"}
        foreseen = foresee_update(
            self.resource,
            i,
            state,
            todo,
            now,
            endpoint=self._instance.settings(i.endpoint, self.resource.vendor),
            unknown_inputs=unknown,
        )
        said = (call.stored_inputs or {}).keys() | set(state.encrypted or ())
        encrypted, uncertain = self._unsaid(said, i, foreseen.state), foreseen.unknown
        if uncertain:
            encrypted, uncertain = tuple({*(encrypted or ()), *(state.encrypted or ())}), uncertain | {"encrypted"}
        outputs = self._outputs(foreseen.state.model_copy(update={"encrypted": encrypted}))
        return self._foreseen(outputs, self.resource.state.model_fields.keys() - uncertain)

    def _foreseen(self, outputs: Properties, known: Collection[str]) -> Properties:
        """Return the outputs, and for each that is not among the known ones that it is unknown."""
        names = self.resource.state.model_fields.keys() - set(known)
        secrets = secret_fields(self.resource.state)
        hidden = {name: Secret(UNKNOWN) if name in secrets else UNKNOWN for name in names}
        return {name: value for name, value in outputs.items() if value is not None} | hidden

    # -- create, read, update, delete: real calls, several at once --------------------------------------------------

    def create(self, call: Call, props: Properties) -> Found:
        """Create or adopt the object."""
        i = self._inputs(props)
        with self._noticed(call), self._saving(None, None), self._protecting(i.endpoint, call.urn):
            state = self._reconciler(i.endpoint, call).create(i, self._mark(call))
        object_ = claimed(self.resource, state)
        self._instance.claim_live(self._address(i.endpoint), object_, call.urn, state, created=True)
        return Found(object_id(state), self._outputs(state))

    def update(self, call: Call, id_: str, olds: Properties, news: Properties) -> Found:
        """Bring the object and its secret to what is wanted."""
        i = self._inputs(news)
        before = self._state(olds)
        said = (call.stored_inputs or {}).keys() | set(before.encrypted or ())

        def closed(state: State) -> State:
            return state.model_copy(update={"encrypted": self._unsaid(said, i, state)})

        with self._noticed(call), self._saving(id_, None, closed):
            state = closed(self._reconciler(i.endpoint, call).update(id_, i, before))
        self._instance.claim_live(self._address(i.endpoint), claimed(self.resource, state), call.urn, state)
        return Found(id_, self._outputs(state))

    def _inputs(self, props: Properties) -> Any:
        """Read the inputs as the run can obey them: what one of a pair has to know, only a whole run shows."""
        i: Any = self.resource.inputs.model_validate(props)
        turn = i.rotation.turn
        if turn is None or self._instance.scope != "part":
            return i
        return i.model_copy(update={"rotation": i.rotation.model_copy(update={"turn": turn.in_partial_run()})})

    def read(self, call: Call, id_: str, props: Properties) -> Found | None:
        """Return the object as the vendor has it, or nothing if it is gone."""
        before = self._state(props)
        stored = None if call.stored_inputs is None else self._with_secrets(call.stored_inputs)
        policy = (call.stored_inputs or {}).get("rotation")
        verify = not isinstance(policy, dict) or policy.get("verify") is not False
        with self._saving(id_, stored):
            state = self._reconciler(before.endpoint, call).read(before, verify=verify)
        if state is None:
            for text in self._leaving(before):
                call.remark("WARNING", text)
            return None
        return Found(id_, self._outputs(state), stored and self._as_found(stored, before, state))

    def find(self, call: Call, id_: str) -> Found | None:
        """Return an object that exists, to be managed from now on; nothing if there is none."""
        # Of the inputs nothing is known here: the engine checks them when the object is found.
        alias, named, at = id_.rpartition(ENDPOINT_OF_ID)
        endpoint = alias if named else None
        with self._noticed(call):
            found = self._reconciler(endpoint, call).find(at, self._mark(call), endpoint)
        if found is None:
            return None
        state, inputs = found
        if call.urn is not None:
            # Of an import nothing is checked before it is found.
            self._instance.declare(call.urn)
        self._claim(call, state)
        known = {name: to_property(value) for name, value in inputs.items()}
        return Found(
            object_id(state), self._outputs(state), known | ({} if endpoint is None else {"endpoint": endpoint})
        )

    def delete(self, call: Call, props: Properties) -> None:
        """End what rekey made, unless another resource of the program, or its own replacement, manages it now."""
        state = self._state(props)
        address, object_ = self._address(state.endpoint), claimed(self.resource, state)
        elsewhere = self._instance.neighbours.holder(address, object_, call.urn)
        if elsewhere is not None:
            # Whether that one has the same secret is not known here.
            raise self._kept(
                state,
                f"is kept: a resource of another provider or of the other front end names it in this run: {elsewhere}",
                f"if that one is to manage it, run `pulumi state delete '{call.urn}'`; if this one was renamed in the"
                " program, give it an alias",
            )
        if self._instance.neighbours.has_replaced(address, object_, call.urn):
            call.remark(
                "WARNING",
                f"leaves {object_id(state)} alone, and its secret alive: what replaces it, of another provider, manages"
                " it now",
            )
            return
        holder = self._instance.holder(address, object_)
        is_this = holder is not None and holder.urn == call.urn and holder.state == state and not holder.created
        is_replaced = holder is not None and not is_this
        if self._instance.is_protected(address, object_):
            raise self._kept(
                state,
                "is what another resource of this run was refused to create again",
                "give that one an alias if it was renamed in the program, or delete this one in a run of its own",
            )
        failed = self._instance.failed if self.resource.vendor is not None else set()
        if failed and holder is not None and holder.urn != call.urn and holder.state is None:
            raise self._kept(
                state,
                f"was to be taken over by another resource of this run, which was not created: {holder.urn}",
                "run `pulumi up` again: it deletes this one when that one is there",
            )
        only_here = holder is not None and is_replaced and self._only_here(state, holder.state)
        if holder is not None and is_replaced and (holder.urn != call.urn or not only_here):
            for text in self._leaving(state, holder.urn.rpartition("::")[2] if only_here else None):
                call.remark("WARNING", text)
            return
        if failed and holder is None:
            if call.urn in failed:
                raise self._kept(
                    state,
                    "is left alone, since what replaces it is not done",
                    "run `pulumi up` again: it deletes this one when that one is done",
                )
            raise self._kept(
                state,
                "is left alone, since another resource failed: what depends on that one was not reached, and may manage"
                " this object",
                "run `pulumi up` again: it deletes this one when nothing else fails",
            )
        if self._instance.scope == "part" and self.resource.vendor is not None:
            call.remark("WARNING", self._left_alone(state))
            return
        if self._is_kept_for_another(call, state, address):
            return
        if is_replaced:
            call.remark("WARNING", "ends the secret that rekey minted: what replaces it keeps none")
        self._reconciler(state.endpoint, call).delete(state)

    def _is_kept_for_another(self, call: Call, state: State, address: str) -> bool:
        """Tell whether the object stays, since its deletion would end another that its own replacement manages.

        :raises Stopped: Another resource does.
        """
        for id_ in self._beside(state):
            other = self._instance.holder(address, object_named(self.resource, id_))
            if other is None:
                continue
            if other.urn != call.urn:
                raise self._kept(
                    state,
                    f"is kept: deleting it ends {id_} with it, which is managed by another resource now: {other.urn}",
                    f"run `pulumi state delete '{call.urn}'`, which keeps both at the vendor",
                )
            call.remark(
                "WARNING",
                f"{object_id(state)} leaves the state and stays at the vendor: {id_}, which would be deleted with it,"
                " is what replaces it; delete it there when nobody needs it",
            )
            return True
        return False

    def _leaving(self, state: State, name: str | None = None) -> Iterator[str]:
        """Yield what lives on and leaves the state; ``name`` manages the object now, and cannot read its secret."""
        if name is not None:
            # What was sent and not answered may have ended the one in the state.
            what = "the secret that rekey minted stays in use, and leaves the state"
            if phase_of(state) is Phase.UNCERTAIN:
                what = "the answer to the last rotation was lost, so that nobody may know the secret in use"
            yield (
                f"{what}: {name}, which manages {object_id(state)} now, cannot read it; set rotation.rotate_now there"
                " to have another"
            )
        beside = self._beside(state)
        if beside:
            yield (
                f"{', '.join(beside)}, kept by a rotation, leaves the state and stays at the vendor: delete it there"
                " when nobody needs it"
            )

    def _beside(self, state: State) -> tuple[str, ...]:
        return self.resource.beside(state) if isinstance(self.resource, InSteps) else ()

    def _kept(self, state: State, why: str, way_out: str) -> Stopped:
        kept = Stopped(f"{state.endpoint or self.resource.vendor}: {object_id(state)} {why}", todo=way_out)
        kept.aftermath = "nothing was changed, and its secret was not ended"
        return kept

    def _left_alone(self, state: State) -> str:
        id_ = object_id(state)
        again = f'declare it again with adopt="{id_}"' if creates(self.resource) else "declare it again"
        return (
            f"{state.endpoint or self.resource.vendor}: {id_} was left alone, and its secret was not ended: a run of"
            " chosen resources does not show whether another resource manages it; if none does,"
            f" {again}, and remove it in a run without --target and --exclude"
        )

    def _only_here(self, state: State, other: State | None) -> bool:
        """Tell whether rekey's secret is in this state, and what replaces it has none, or can read none."""
        names = secret_fields(self.resource.state)
        mine = any(getattr(state, name) is not None for name in names)
        if other is None:
            return mine and not self.resource.verified_by_read
        return mine and all(getattr(other, name) is None for name in names)

    # -- between properties and the models ----------------------------------------------------------------------------

    def _state(self, props: Properties) -> Any:
        return self.resource.state.model_validate(props)

    def _outputs(self, state: State) -> Properties:
        # What has its default says nothing: a state that lacks it reads the same. An output that says no is one.
        outputs = {
            name: to_property(value)
            for name, known in type(state).model_fields.items()
            if (value := getattr(state, name)) is not None
            and (value != known.get_default(call_default_factory=True) or (value is False and known.description))
        }
        return outputs | {name: Secret(outputs[name]) for name in outputs.keys() & set(state.encrypted or ())}

    def _unsaid(self, said: set[str], i: Inputs, state: State) -> tuple[str, ...] | None:
        """Return the outputs that hold what was said before and the inputs do not say.

        It may have been secret then. The engine marks an output only if the present input of its name is secret.
        """
        differs = {name for name in said & type(i).model_fields.keys() if getattr(i, name) is None}
        differs |= said & (self.resource.changed(i, state) | ({"endpoint"} if i.endpoint != state.endpoint else set()))
        shown = type(state).model_fields.keys() - secret_fields(type(state))
        return tuple(sorted(differs & shown)) or None

    def _with_secrets(self, inputs: Properties) -> Properties:
        secrets = secret_fields(self.resource.inputs)
        return {
            name: Secret(value) if name in secrets and isinstance(value, str) else value
            for name, value in inputs.items()
        }

    @staticmethod
    def _as_found(stored: Properties, before: State, state: State) -> Properties:
        """Return the stored inputs with what the vendor has now, so that drift shows and is repaired."""
        found = dict(stored)
        for name in found.keys() & type(state).model_fields.keys() - {"rotation", "endpoint"}:
            if getattr(before, name) != (value := getattr(state, name)):
                found[name] = to_property(value)
        return found

    def _reconciler(self, endpoint: str | None, call: Call) -> Reconciler[Any, Any, Any]:
        session = self._instance.session(endpoint, self.resource.vendor, self.resource.name)
        return Reconciler(
            self.resource,
            session,
            self._instance.now(),
            warn=lambda text: call.remark("WARNING", text),
            tell=lambda text: call.remark("INFO", text),
        )

    def _address(self, endpoint: str | None) -> str:
        return self._instance.address(endpoint, self.resource.vendor)

    def _claim(self, call: Call, state: State) -> None:
        """Note that a resource of the program manages an object; refuse it where another one does, by its state.

        Only an import, or a state that was edited, leads to two: of what inputs name a check knows.
        """
        address, object_ = self._address(state.endpoint), claimed(self.resource, state)
        self._instance.claim_live(address, object_, call.urn, state)
        rival = self._instance.rival(address, object_, call.urn)
        if rival is not None:
            why = f"is managed by two resources of this program: {call.urn} and {rival}"
            raise self._kept(state, why, "remove one of them with `pulumi state delete`, and from the program")

    def _mark(self, call: Call) -> str | None:
        owner = self._instance.owner
        return mark_of(owner, _as_of_dynamic(call.urn)) if creates(self.resource) and owner and call.urn else None

    @contextmanager
    def _saving(
        self, id_: str | None, inputs: Properties | None, closed: Callable[[State], State] = lambda state: state
    ) -> Iterator[None]:
        """Hand on what was reached before a failure."""
        try:
            yield
        except Partial as partial:
            reached: Any = partial.state
            state = closed(reached)
            raise HalfDone(Found(id_ or object_id(state), self._outputs(state), inputs), partial) from partial

    @contextmanager
    def _noticed(self, call: Call) -> Iterator[None]:
        """Note that a resource failed."""
        try:
            yield
        except Exception:
            self._instance.failed.add(call.urn)
            raise

    @contextmanager
    def _protecting(self, endpoint: str | None, urn: str | None) -> Iterator[None]:
        """Keep what a refused create names from being ended in the same run."""
        try:
            yield
        except Stopped as stopped:
            if stopped.names is not None:
                object_ = object_named(self.resource, stopped.names)
                self._instance.protect(self._address(endpoint), object_, urn)
            raise


def _as_of_dynamic(urn: str) -> str:
    """Return a URN as the dynamic front end has it, so that a mark outlives the move from one to the other."""
    head, found, rest = urn.partition("::")
    project, _, rest = rest.partition("::")
    kind, _, name = rest.partition("::")
    return f"{head}{found}{project}::{_NATIVE_TYPE.sub(_DYNAMIC_TYPE, kind)}::{name}" if name else urn


def to_property(value: Any) -> Any:
    """Return a model's value as a property: secrets wrapped at every depth, moments as RFC 3339."""
    match value:
        case SecretStr():
            return Secret(value.get_secret_value())
        case datetime():
            return rfc3339(value)
        case BaseModel():
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return {name: to_property(member) for name, member in fields.items() if member not in (None, {})}
        case dict():
            return {name: to_property(member) for name, member in value.items()}
        case list() | tuple():
            return [to_property(member) for member in value]
        case _:
            return value


def _without_unknown_other(news: Properties) -> tuple[Properties, bool]:
    """Return the inputs without the other one of a pair, if it is not known yet: it matters in few runs only."""
    match news:
        case {"rotation": {"turn": {"other": other, **turn}, **policy}, **rest} if holds_unknown(other):
            return {**rest, "rotation": {**policy, "turn": turn}}, True
        case _:
            return news, False
