"""A program with one resource, run without the engine: the reconciler and a real session, on a clock of the test's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pulumi_rekey.endpoints import Endpoints
from pulumi_rekey.endpoints.config import Endpoint
from pulumi_rekey.endpoints.session import Runtime, Session
from pulumi_rekey.errors import Partial
from pulumi_rekey.frontend.answers import to_property
from pulumi_rekey.frontend.values import Secret
from pulumi_rekey.policy.durations import parse
from pulumi_rekey.reconciler.apply import Reconciler
from pulumi_rekey.reconciler.contract import Resource, object_id
from pulumi_rekey.reconciler.plan import Plan, plan, plan_creation

from tests.in_turn import in_turn
from tools.vendors import Sandbox

MARK = "0123456789abcdef01234567"
#: More than a few runs' looks at the clock take: by so much it may be ahead of the vendor's.
CLOCK_TOLERANCE = timedelta(minutes=1)


class Clock:
    """The session's and the reconciler's time; a pause takes none of the test's.

    A second passes between two looks at it, since one may end there at any time.
    """

    def __init__(self) -> None:
        self.passed = timedelta()

    def now(self) -> datetime:
        """The moment, to the second, as the host has it."""
        self.passed += timedelta(seconds=1)
        return (datetime.now(UTC) + self.passed).replace(microsecond=0)

    def monotonic(self) -> float:
        """The same clock, as sessions measure spans."""
        return (datetime.now(UTC) + self.passed).timestamp()

    def sleep(self, seconds: float) -> None:
        """Let a pause pass."""
        self.passed += timedelta(seconds=seconds)


class Program:
    """One resource and what `pulumi up` keeps of it."""

    def __init__(self, sandbox: Sandbox, resource: Resource[Any, Any, Any], **settings: str) -> None:
        self.sandbox = sandbox
        self.resource = resource
        self.clock = Clock()
        self.settings = settings
        self.said: list[str] = []
        #: What runs have found out.
        self.told: list[str] = []
        #: What its sessions have said.
        self.warned: list[str] = []
        self.state: Any = None
        self.wanted: Callable[[], bool] = lambda: True
        self._id: str | None = None
        self._sessions: list[Session[Any]] = []

    def close(self) -> None:
        """Hang up; in the host the end of the process does that."""
        for session in self._sessions:
            session.connections.close()

    def advance(self, duration: str) -> None:
        """Let time pass, here and at the vendors."""
        self.sandbox.advance(duration)
        self.clock.passed += parse(duration)

    def up(self, **inputs: Any) -> Any:
        """Run `pulumi up`; the state that is reached before a failure is kept, as the engine keeps it."""
        wanted = self.resource.inputs.model_validate(inputs)
        assert list(self.resource.problems(wanted)) == []
        if self.state is None:
            self.said += plan_creation(self.resource, wanted, self._endpoint()).says
        self.said += self.resource.remarks(wanted, self.state)
        try:
            if self.state is None:
                self._id = None
                self.state = self.reconciler().create(wanted, MARK)
                self._id = object_id(self.state)
            elif self.planned(**inputs):
                self.state = self.reconciler().update(self.id, wanted, self.stored())
        except Partial as partial:
            self.state = partial.state
            raise
        return self.state

    def planned(self, **inputs: Any) -> Plan:
        """What `pulumi preview` finds to be done to a resource that is there."""
        wanted = self.resource.inputs.model_validate(inputs)
        return plan(self.resource, self.id, wanted, self.stored(), self.clock.now(), endpoint=self._endpoint())

    def remarks(self, **inputs: Any) -> list[str]:
        """What `pulumi preview` says beside the plan."""
        return list(self.resource.remarks(self.resource.inputs.model_validate(inputs), self.stored()))

    def refresh(self) -> Any:
        """Run `pulumi refresh`."""
        try:
            self.state = self.reconciler().read(self.stored())
        except Partial as partial:
            self.state = partial.state
            raise
        return self.state

    def destroy(self) -> list[str]:
        """Run `pulumi destroy` and return what it said."""
        said = len(self.said)
        self.reconciler().delete(self.stored())
        self.state = None
        return self.said[said:]

    @property
    def id(self) -> str:
        """Pulumi's id: the vendor's at creation, which a rotation may change there."""
        return self._id or object_id(self.state)

    def stored(self) -> Any:
        """The state as it comes back out of its file."""
        return self.resource.state.model_validate(_stored(to_property(self.state)))

    def reconciler(self) -> Reconciler[Any, Any, Any]:
        """A reconciler of one run, with a login of its own."""
        runtime = Runtime(
            wanted=self.wanted,
            warn=self.warned.append,
            monotonic=self.clock.monotonic,
            sleep=self.clock.sleep,
            now=self.clock.now,
            beside=in_turn,
        )
        session = self._endpoints(runtime).session(None, self._kind)
        self._sessions.append(session)
        return Reconciler(self.resource, session, self.clock.now(), self.said.append, self.told.append)

    @property
    def _kind(self) -> str:
        return str(self.resource.vendor)

    def _endpoints(self, runtime: Runtime) -> Endpoints:
        return Endpoints({self._kind: self.settings}, runtime)

    def _endpoint(self) -> Endpoint:
        return self._endpoints(Runtime()).settings(None, self._kind)


def _stored(value: Any) -> Any:
    """What Pulumi makes of a property: secrets come back bare, and every number as a float."""
    match value:
        case Secret():
            return value.value
        case dict():
            return {name: _stored(member) for name, member in value.items()}
        case list():
            return [_stored(member) for member in value]
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value
