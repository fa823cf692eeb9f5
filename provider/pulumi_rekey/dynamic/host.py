"""The dynamic provider: what Pulumi pickles into the state, and what answers the engine in its host process.

A provider is pickled by name only (``pulumi_rekey.dynamic.host.app_secret``), so that its code is whatever version
is installed, and the name must keep working for ever. Importing this module loads neither pydantic nor httpx: the
user's program imports it too. The reconciler and the vendors' files are loaded by the first call in the host.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from .engine import (
    PROVIDER_KEY,
    Call,
    current_call,
    fail_in_one_line,
    fail_partly,
    holds_unknown,
    is_wanted,
    log,
    marked_secret,
    more_workers,
    without_unknowns,
)

if TYPE_CHECKING:
    from ..endpoints import Endpoints
    from ..errors import Error
    from ..reconciler.apply import Reconciler
    from ..reconciler.contract import Resource, State

#: The environment variable by which tests and rehearsals move the clock of rotation, such as ``31d``.
CLOCK_ADVANCE: Final = "REKEY_CLOCK_ADVANCE"

Result = TypeVar("Result")
Properties = dict[str, Any]


class Stack:
    """What all providers of one host process share: the stack's configuration and its endpoints."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endpoints: Endpoints | None = None
        self._warned = False
        self.config: Mapping[str, Any] = {}
        #: Which resource of the program manages which object of a vendor.
        self.claims: dict[tuple[str, str], str] = {}
        #: Resources that were created in this run, with the id that they got.
        self.created: set[tuple[str | None, str]] = set()

    def configure(self, get: Callable[[str], str | None]) -> None:
        """Take the stack's configuration; every provider of the host is handed the same."""
        self.config = {"endpoints": get("rekey:endpoints"), "owner": get("rekey:owner")}
        more_workers()
        # Every provider of the host is configured, and one warning is enough.
        if os.environ.get("PULUMI_DEBUG_GRPC") and not self._warned:
            self._warned = True
            log(
                "WARNING",
                "PULUMI_DEBUG_GRPC is set: every secret of this run is written to its file in plain text",
                None,
            )

    @property
    def endpoints(self) -> Endpoints:
        """The configured endpoints.

        :raises Misconfigured: if what is configured is no map.
        """
        with self._lock:
            if self._endpoints is None:
                from ..endpoints import Endpoints
                from ..endpoints.session import Runtime

                self._endpoints = Endpoints(
                    _map_of_endpoints(self.config.get("endpoints")),
                    Runtime(
                        wanted=is_wanted,
                        warn=lambda text: log("WARNING", text, None),
                        now=self.now,
                        environment=os.environ,
                    ),
                )
            return self._endpoints

    def now(self) -> datetime:
        """Return the present moment, to the second; in a rehearsal, moved on by ``REKEY_CLOCK_ADVANCE``.

        The variable is honoured only where every endpoint is on this machine: no real credential may rotate because
        of it.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        advance = os.environ.get(CLOCK_ADVANCE)
        if not advance:
            return now
        from ..errors import Misconfigured
        from ..policy.durations import parse

        try:
            span = parse(advance)
        except ValueError as wrong:
            raise Misconfigured(f"{CLOCK_ADVANCE} {wrong}") from None
        return now + span if self._rehearsal else now

    @cached_property
    def _rehearsal(self) -> bool:
        loopback = self.endpoints.all_loopback()
        if not loopback:
            log("WARNING", f"{CLOCK_ADVANCE} is ignored: not every endpoint is on this machine", None)
        return loopback

    def claim(self, address: str, object_id: str, urn: str) -> str | None:
        """Note that a resource of the program manages an object; return another one that does so too."""
        with self._lock:
            holder = self.claims.setdefault((address, object_id), urn)
            return holder if holder != urn else None

    def claimed_by_another(self, address: str, object_id: str, urn: str | None) -> bool:
        """Tell whether another resource of this run's program manages the object now."""
        with self._lock:
            holder = self.claims.get((address, object_id))
            return urn is not None and holder is not None and holder != urn


def _map_of_endpoints(configured: str | None) -> dict[str, Any]:
    from ..errors import Misconfigured

    try:
        endpoints = json.loads(configured or "{}")
    except ValueError:
        endpoints = None
    if not isinstance(endpoints, dict):
        raise Misconfigured(
            "rekey:endpoints is not a map of endpoints",
            todo="remove it, then use `pulumi config set --path rekey:endpoints.<name>.<key>`",
        )
    return endpoints


_STACK: Final = Stack()


class Provider(ResourceProvider):
    """One resource's answers to the engine."""

    #: Only a name is pickled, so there is nothing to encrypt.
    serialize_as_secret_always = False

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module

    def __reduce__(self) -> str:
        """Pickle as the name of an attribute of this module."""
        return self.module

    @cached_property
    def resource(self) -> Resource[Any, Any, Any]:
        """The resource's models and verbs."""
        resource: Resource[Any, Any, Any] = import_module(f"pulumi_rekey.resources.{self.module}").RESOURCE
        return resource

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration."""
        _STACK.configure(req.config.get)

    # -- check and diff: no network, and values that are not known yet ------------------------------------------

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Validate what is known of the inputs, naming each property that is wrong."""
        call = current_call()
        return self._answer(call, None, lambda: self._check(call, _olds, news), news)

    def _check(self, call: Call, olds: Properties, news: Properties) -> CheckResult:
        from ..model import problems, secret_fields
        from ..policy.decide import warnings
        from ..reconciler.plan import policy_problems

        inputs = {name: value for name, value in news.items() if name != PROVIDER_KEY}
        found = problems(self.resource.inputs, inputs, holds_unknown)
        if not found and not holds_unknown(inputs):
            validated = self.resource.inputs.model_validate(inputs)
            found = [*policy_problems(self.resource, validated), *self.resource.problems(validated)]
            if validated.rotation.mints or self.resource.gives(validated):
                own = self._own_login(self.resource.adopts(validated), validated.endpoint)
                found += [("adopt", f"names {own}")] if own else []
            # Of a policy that is in force a reader is told when it matters: see diff.
            told = (
                [] if olds else [*warnings(validated.rotation, _STACK.now()), *self.resource.remarks(validated, None)]
            )
            for text in told:
                log("WARNING", text, call.urn)
        found += self._misconfigurations(call, inputs)
        for name in secret_fields(self.resource.inputs):
            if isinstance(inputs.get(name), str):
                inputs[name] = marked_secret(inputs[name])
        return CheckResult(inputs, [CheckFailure(path, reason) for path, reason in found])

    def _misconfigurations(self, call: Call, inputs: Properties) -> list[tuple[str, str]]:
        found = []
        endpoint = inputs.get("endpoint")
        vendor = self.resource.vendor
        # What is not known yet, or no name at all, names no endpoint.
        named = endpoint is None or isinstance(endpoint, str)
        if vendor is not None and named:
            wrong = _STACK.endpoints.misconfigured(endpoint, vendor)
            found += [("endpoint", wrong)] if wrong else []
        if self.resource.marked and inputs.get("adopt") is None and not _STACK.config.get("owner"):
            missing = "needs the stack's owner id: run `pulumi config set --secret rekey:owner $(openssl rand -hex 16)`"
            found.append(("", missing))
        if call.urn is not None and named:
            for name, claimed in self.resource.claims(without_unknowns(inputs)):
                rival = _STACK.claim(self._address(endpoint), claimed, call.urn)
                if rival is not None:
                    found.append((name, f"is taken by another resource of this program: {rival}"))
        return found

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Tell what would change, and say under the resource why its credential rotates."""
        call = current_call()
        return self._answer(call, _id, lambda: self._diff(call, _id, _olds, _news), _news)

    def _diff(self, call: Call, id_: str, olds: Properties, news: Properties) -> DiffResult:
        from pydantic import ValidationError

        from ..errors import Stopped
        from ..model import IMMUTABLE, fields_marked
        from ..policy.decide import warnings
        from ..reconciler.plan import explanation, plan

        unknown = {name for name, value in news.items() if holds_unknown(value)}
        known = {name: value for name, value in without_unknowns(news).items() if name != PROVIDER_KEY}
        # What is not known yet is taken as it was, so that the rest can be compared.
        known = {name: olds[name] for name in unknown & olds.keys()} | known
        state = self.resource.state.model_validate(without_unknowns(olds))
        try:
            inputs = self.resource.inputs.model_validate(known)
        except ValidationError:
            if not unknown:
                raise
            return DiffResult(changes=True)
        now = _STACK.now()
        todo = plan(self.resource, id_, inputs, state, now)
        if todo.decision.reason is not None:
            own = self._own_login(self.resource.client(state), inputs.endpoint)
            if own is not None:
                raise Stopped(f"due: {todo.decision.reason}, but it is {own}", todo="use another one for the endpoint")
        # An object that is not known yet is another object.
        replaces = sorted(todo.replace | (unknown & (fields_marked(self.resource.inputs, IMMUTABLE) | {"adopt"})))
        said = explanation(self.resource, todo, inputs, now)
        if said is None and unknown & {self.resource.secret_input, "rotation"}:
            said = "may rotate: what decides it is known during `pulumi up` only"
        if said is not None and not replaces:
            log("INFO", said, call.urn)
        if not replaces:
            deferred = warnings(inputs.rotation, now) if todo.decision.deferred else []
            for text in (*deferred, *self.resource.remarks(inputs, state)):
                log("WARNING", text, call.urn)
        return DiffResult(changes=bool(todo or unknown), replaces=replaces)

    # -- create, read, update, delete: real calls, several at once ----------------------------------------------

    def create(self, props: Properties) -> CreateResult:
        """Create or adopt the object."""
        call = current_call()

        def work() -> CreateResult:
            inputs = self._inputs(props)
            state = self._reconciler(inputs.endpoint, call).create(inputs, self._mark(call))
            _STACK.created.add((call.urn, self._id(state)))
            return created(state)

        def created(state: State) -> CreateResult:
            return CreateResult(self._id(state), self._outputs(state))

        return self._answer(call, None, work, props, created)

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Bring the object and its secret to what is wanted."""
        call = current_call()

        def work() -> UpdateResult:
            inputs = self._inputs(_news)
            return updated(self._reconciler(inputs.endpoint, call).update(_id, inputs, self._state(_olds)))

        def updated(state: State) -> UpdateResult:
            return UpdateResult(self._outputs(state))

        return self._answer(call, _id, work, _news, updated)

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Return the object as the vendor has it, or nothing if it is gone."""
        call = current_call()

        def work() -> ReadResult:
            before = self._state(props)
            state = self._reconciler(before.endpoint, call).read(before, verify=self._verifies(call))
            if state is None:
                return ReadResult("", {})
            return ReadResult(id_, self._outputs(state), self._inputs_as_found(call, before, state))

        def half_done(state: State) -> ReadResult:
            return ReadResult(id_, self._outputs(state), self._stored_inputs(call))

        return self._answer(call, id_, work, props, half_done)

    def delete(self, _id: str, _props: Properties) -> None:
        """End what rekey made, unless another resource of the program, or its own replacement, has taken it over."""
        call = current_call()

        def work() -> None:
            if (call.urn, _id) in _STACK.created:
                # A replacement has found the very same object, and keeps it.
                return
            state = self._state(_props)
            target = getattr(state, self.resource.adopted_by_input or self.resource.id_output)
            if not _STACK.claimed_by_another(self._address(state.endpoint), target, call.urn):
                self._reconciler(state.endpoint, call).delete(state)

        return self._answer(call, _id, work, _props)

    # -- between Pulumi's properties and the models --------------------------------------------------------------

    def _inputs(self, props: Properties) -> Any:
        return self.resource.inputs.model_validate({k: v for k, v in props.items() if k != PROVIDER_KEY})

    def _state(self, props: Properties) -> Any:
        return self.resource.state.model_validate(props)

    def _outputs(self, state: State) -> Properties:
        return {name: to_property(value) for name, value in _set_fields(state).items()}

    def _inputs_as_found(self, call: Call, before: State, state: State) -> Properties | None:
        """Return the stored inputs with what the vendor has now, so that drift shows and is repaired."""
        inputs = self._stored_inputs(call)
        if inputs is None:
            return None
        for name in inputs.keys() & type(state).model_fields.keys() - {"rotation", "endpoint"}:
            if getattr(before, name) != (found := getattr(state, name)):
                inputs[name] = to_property(found)
        return inputs

    def _verifies(self, call: Call) -> bool:
        """Tell whether the stored policy has the secret tried."""
        policy = (self._stored_inputs(call) or {}).get("rotation")
        return not isinstance(policy, dict) or policy.get("verify") is not False

    def _stored_inputs(self, call: Call) -> Properties | None:
        """Return the inputs that the engine sends along with a read, secrets marked; the host passes them not on."""
        stored = getattr(call.request, "inputs", None)
        if stored is None or not stored.fields:
            return None
        from pulumi.runtime import rpc

        from ..model import secret_fields

        inputs: Properties = rpc.deserialize_properties(stored)
        inputs.pop(PROVIDER_KEY, None)
        for name in secret_fields(self.resource.inputs) & inputs.keys():
            inputs[name] = marked_secret(inputs[name])
        return inputs

    def _reconciler(self, endpoint: str | None, call: Call) -> Reconciler[Any, Any, Any]:
        from ..reconciler.apply import Reconciler

        vendor = self.resource.vendor
        session = None if vendor is None else _STACK.endpoints.session(endpoint, vendor)
        return Reconciler(self.resource, session, _STACK.now(), lambda text: log("WARNING", text, call.urn))

    def _address(self, endpoint: str | None) -> str:
        """Return where an endpoint is; two names may stand for one address."""
        vendor = self.resource.vendor
        return "" if vendor is None else _STACK.endpoints.address(endpoint, vendor)

    def _own_login(self, client: str | None, endpoint: str | None) -> str | None:
        """Return in words that an OAuth client is the endpoint's own, if it is."""
        from ..reconciler.plan import OWN_LOGIN

        vendor = self.resource.vendor
        if client is None or vendor is None or client != _STACK.endpoints.client(endpoint, vendor):
            return None
        return OWN_LOGIN

    def _id(self, state: State) -> str:
        return str(getattr(state, self.resource.id_output))

    def _mark(self, call: Call) -> str | None:
        owner = _STACK.config.get("owner")
        if not self.resource.marked or not owner or call.urn is None:
            return None
        import hashlib
        import hmac

        return hmac.new(str(owner).encode(), call.urn.encode(), hashlib.sha256).hexdigest()[:24]

    # -- errors -----------------------------------------------------------------------------------------------------

    def _answer(
        self,
        call: Call,
        id_: str | None,
        work: Callable[[], Result],
        props: Properties,
        half_done: Callable[[State], Result] | None = None,
    ) -> Result:
        from ..errors import Error, Partial

        try:
            return work()
        except Partial as partial:
            state: Any = partial.state
            if call.context is None and half_done is not None:
                # The engine cannot be told of a partial failure: saving what was reached comes first, and what is
                # not done yet shows as a change in the next run.
                log("WARNING", str(partial), call.urn)
                return half_done(state)
            provider = {PROVIDER_KEY: props[PROVIDER_KEY]}
            inputs = self._stored_inputs(call)
            fail_partly(
                call,
                str(partial),
                id_ or self._id(state),
                {**self._outputs(state), **provider},
                None if inputs is None else {**inputs, **provider},
            )
            self._raise(partial)
        except Error as failed:
            fail_in_one_line(call, str(failed))
            self._raise(failed)

    @staticmethod
    def _raise(failed: Error) -> NoReturn:
        # Without its chain: where the one line could not be sent, the host prints the traceback of this.
        raise failed from None


def _set_fields(state: State) -> dict[str, Any]:
    # What has its default says nothing: a state that lacks it reads the same.
    return {
        name: value
        for name, field in type(state).model_fields.items()
        if (value := getattr(state, name)) is not None and value != field.get_default(call_default_factory=True)
    }


def to_property(value: Any) -> Any:
    """Return a model's value as Pulumi takes it: secrets marked at every depth, moments as RFC 3339."""
    from pydantic import BaseModel, SecretStr

    from ..model import rfc3339

    match value:
        case SecretStr():
            return marked_secret(value.get_secret_value())
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


_PROVIDERS: dict[str, Provider] = {}


def __getattr__(name: str) -> Provider:
    """Return the provider of a resource's module; this is what a pickled provider names."""
    if name.startswith("_") or not name.isidentifier():
        raise AttributeError(name)
    provider = _PROVIDERS.get(name)
    if provider is None:
        provider = _PROVIDERS.setdefault(name, Provider(name))
    return provider
