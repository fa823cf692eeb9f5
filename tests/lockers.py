"""A vendor that is made up, in memory: lockers, the codes that open them, and resources that manage one."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pulumi_rekey.endpoints.answer import Body
from pulumi_rekey.endpoints.config import Endpoint
from pulumi_rekey.endpoints.session import Runtime, Session, Token
from pulumi_rekey.errors import NotFound
from pulumi_rekey.model import IMMUTABLE, Secret
from pulumi_rekey.policy.durations import parse
from pulumi_rekey.reconciler.apply import Reconciler
from pulumi_rekey.reconciler.contract import Inputs, Resource, State
from pydantic import Field, SecretStr

if TYPE_CHECKING:
    import httpx

#: A Tuesday, at noon.
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: On loopback, where no certificate is looked for; nothing is ever sent there.
HOME = "http://localhost:8181"
MARK = "0123456789abcdef01234567"
#: Steps of the vendor's own, the first as a part of a rotation and the second a day after it.
COUNT = "count the spare codes"
TELL = "tell the guard"


# -- the vendor ----------------------------------------------------------------------------------------------


@dataclass
class Locker:
    """One locker, as the vendor has it."""

    site: str
    label: str = "blank"
    note: str = "blank"
    #: What opens it, and until when, if that has an end.
    codes: dict[str, datetime | None] = field(default_factory=dict)


@dataclass
class Vendor:
    """All lockers, what was done to them, and the clock of the test."""

    lockers: dict[str, Locker] = field(default_factory=dict)
    now: datetime = START
    calls: list[str] = field(default_factory=list)
    #: What happens instead of a call, by its name.
    faults: dict[str, Exception] = field(default_factory=dict)
    #: What is answered to the next tries of a code; after them the truth.
    answers: deque[bool | Exception | None] = field(default_factory=deque)
    slept: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    minted: int = 0

    def run(self, resource: Resource[Any, Any, Any] | None = None, **settings: str) -> Reconciler[Any, Any, Any]:
        """A reconciler of one run, with a session of its own."""
        runtime = Runtime(monotonic=lambda: 0.0, sleep=self.slept.append, now=lambda: self.now)
        endpoint = LockersEndpoint.model_validate({"url": HOME} | settings)
        return Reconciler(resource or LOCKER, Lockers(self, endpoint, runtime), self.now, self.said.append)

    def up(self, s: "LockerState | None" = None, resource: Resource[Any, Any, Any] | None = None, **inputs: Any) -> Any:
        """What one `pulumi up` comes to; without a state it creates."""
        i = LockerInputs.model_validate(inputs)
        run = self.run(resource)
        return run.create(i, MARK) if s is None else run.update(s.locker_id, i, s)

    def later(self, duration: str) -> None:
        """Let time pass, and forget what was called until now."""
        self.now += parse(duration)
        self.forget()

    def forget(self) -> None:
        """Forget what was called, said and slept until now."""
        for past in (self.calls, self.said, self.slept):
            past.clear()

    def called(self, name: str, about: str = "") -> None:
        """Note a call, and fail if it is to."""
        self.calls.append(f"{name} {about}".strip())
        if name in self.faults:
            raise self.faults[name]

    def find(self, locker_id: str) -> Locker:
        """Return a locker that is there."""
        if locker_id not in self.lockers:
            raise NotFound(f"lockers: there is no {locker_id}")
        return self.lockers[locker_id]

    def add(self, site: str, label: str) -> str:
        """Put a locker up."""
        self.called("add")
        locker_id = f"locker-{len(self.lockers) + 1}"
        self.lockers[locker_id] = Locker(site, label)
        return locker_id

    def set_code(self, locker_id: str, code: SecretStr | None, until: datetime | None) -> SecretStr:
        """Set a code, or make one; the other one that was set last works until then, if it may at all."""
        if code is None:
            self.minted += 1
            code = SecretStr(f"code {self.minted}")
        new = code.get_secret_value()
        self.called("set", new)
        locker = self.find(locker_id)
        old = [known for known in locker.codes if known != new][-1:]
        locker.codes = (dict.fromkeys(old, until) if until else {}) | {new: None}
        return code

    def opens(self, locker_id: str, code: SecretStr) -> bool | None:
        """Try a code, as who stands before the locker does."""
        self.called("try", code.get_secret_value())
        if self.answers:
            answer = self.answers.popleft()
            if isinstance(answer, Exception):
                raise answer
            return answer
        locker = self.lockers.get(locker_id)
        if locker is None or code.get_secret_value() not in locker.codes:
            return False
        end = locker.codes[code.get_secret_value()]
        return end is None or self.now < end


class LockersEndpoint(Endpoint):
    """Where the lockers are managed, and as which client."""

    kind = "lockers"
    credentials = (("client_id", "client_secret"),)

    client_id: str | None = None
    client_secret: Secret | None = None


class Lockers(Session[LockersEndpoint]):
    """The session of one run, which sends nothing."""

    model = LockersEndpoint
    right = "the right to manage lockers"

    def __init__(self, vendor: Vendor, endpoint: LockersEndpoint, runtime: Runtime) -> None:
        super().__init__("lockers", endpoint, runtime)
        self.vendor = vendor
        self.connections.close()

    def log_in(self) -> Token:
        raise NotImplementedError

    def authorize(self, request: "httpx.Request", token: Token) -> None:
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        raise NotImplementedError

    def error_code(self, body: Body) -> object:
        raise NotImplementedError


# -- the resource --------------------------------------------------------------------------------------------


class LockerInputs(Inputs):
    site: str | None = Field(default=None, json_schema_extra=IMMUTABLE)
    adopt: str | None = None
    label: str | None = None
    note: str | None = None
    code: Secret | None = None


class LockerState(State):
    locker_id: str
    site: str = "north"
    label: str = "blank"
    note: str = "blank"
    code: Secret | None = None
    previous_secret: Secret | None = None
    next_secret: Secret | None = None
    #: Whether the guard knows of the code.
    told: bool = True

    def with_candidate_pending(self) -> Self:
        if self.previous_secret is None:
            return self
        old = {"code": self.previous_secret, "previous_secret": None, "next_secret": self.code}
        return self.model_copy(update=old | {"generation": self.generation - 1})

    def promoted(self) -> Self:
        if self.next_secret is None:
            return self
        new = {"code": self.next_secret, "previous_secret": self.code, "next_secret": None}
        return self.model_copy(update=new | {"generation": self.generation + 1})

    @property
    def codes(self) -> tuple[str | None, ...]:
        """The present code, the one before, and the one in waiting."""
        kept = (self.code, self.previous_secret, self.next_secret)
        return tuple(None if code is None else code.get_secret_value() for code in kept)


class LockerResource(Resource[LockerInputs, LockerState, Lockers]):
    """A locker is put up under its mark, and told its label and its note one after the other."""

    name = "Locker"
    vendor = "lockers"
    inputs = LockerInputs
    state = LockerState
    id_output = "locker_id"
    secret_input: ClassVar[str | None] = "code"
    takes_grace = True

    def create(self, api: Lockers, i: LockerInputs, mark: str | None) -> Iterator[LockerState]:
        site = i.site or "north"
        if i.adopt is None:
            locker_id = api.vendor.add(site, mark or "blank")
            s = LockerState(locker_id=locker_id, site=site, label=mark or "blank")
        else:
            found = api.vendor.find(i.adopt)
            s = LockerState(locker_id=i.adopt, site=found.site, label=found.label, note=found.note)
        if i.adopt is None or i.code is not None:
            s = s.model_copy(update={"code": api.vendor.set_code(s.locker_id, i.code, None)})
        yield s

    def read(self, api: Lockers, s: LockerState) -> LockerState | None:
        api.vendor.called("read")
        found = api.vendor.find(s.locker_id)
        return s.model_copy(update={"site": found.site, "label": found.label, "note": found.note})

    def update(self, api: Lockers, i: LockerInputs, s: LockerState, changed: frozenset[str]) -> Iterator[LockerState]:
        api.vendor.called("open")
        locker = api.vendor.find(s.locker_id)
        for name in sorted(changed):
            api.vendor.called(name)
            setattr(locker, name, getattr(i, name))
            s = s.model_copy(update={name: getattr(i, name)})
            yield s

    def given(self, i: LockerInputs, s: LockerState) -> str | None:
        return "another code is given" if i.code is not None and i.code != s.code else None

    def resend_inputs(self, api: Lockers, i: LockerInputs, s: LockerState) -> LockerInputs:
        api.vendor.called("again")
        return i.model_copy(update={"code": s.next_secret})

    def rotate(self, api: Lockers, i: LockerInputs, s: LockerState) -> Iterator[LockerState]:
        until = api.runtime.now() + i.rotation.grace if i.rotation.grace else None
        minted = {
            "code": api.vendor.set_code(s.locker_id, i.code, until),
            "previous_secret": s.code if until else None,
            "next_secret": None,
            "previous_expires_at": until,
            "told": False,
        }
        yield s.model_copy(update=minted | {"step": COUNT})
        api.vendor.called("count")
        yield s.model_copy(update=minted)

    def delete(self, api: Lockers, s: LockerState) -> str | None:
        api.vendor.called("remove")
        api.vendor.find(s.locker_id)
        del api.vendor.lockers[s.locker_id]
        return None

    def accepted(self, api: Lockers, s: LockerState) -> bool | None:
        return None if s.code is None else api.vendor.opens(s.locker_id, s.code)

    def client(self, s: LockerState) -> str | None:
        return f"client of {s.locker_id}"

    def follow_up(self, s: LockerState, now: datetime) -> str | None:
        told = s.told or s.rotated_at is None or now < s.rotated_at + parse("1d")
        return COUNT if s.step == COUNT else None if told else TELL

    def follow(self, api: Lockers, i: LockerInputs, s: LockerState) -> Iterator[LockerState]:
        if s.step == COUNT:
            api.vendor.called("count")
            s = s.model_copy(update={"step": None})
            yield s
        api.vendor.called("tell", i.label or "")
        yield s.model_copy(update={"told": True})


LOCKER = LockerResource()


class Silent(LockerResource):
    """One whose verbs do nothing."""

    def create(self, api: Lockers, i: LockerInputs, mark: str | None) -> Iterator[LockerState]:
        yield from ()

    def rotate(self, api: Lockers, i: LockerInputs, s: LockerState) -> Iterator[LockerState]:
        yield from ()


class Forgetful(LockerResource):
    """One that tells of what is gone by nothing, and leaves what it ends."""

    def read(self, api: Lockers, s: LockerState) -> LockerState | None:
        return super().read(api, s) if s.locker_id in api.vendor.lockers else None

    def delete(self, api: Lockers, s: LockerState) -> str | None:
        return f"{s.locker_id} stays"


class Endless(LockerResource):
    """One whose old code works on without an end that is known."""

    def rotate(self, api: Lockers, i: LockerInputs, s: LockerState) -> Iterator[LockerState]:
        for minted in super().rotate(api, i, s):
            yield minted.model_copy(update={"previous_expires_at": None})


class Shown(LockerResource):
    """One that shows what it is when it is read."""

    shown = True


# -- another, without a vendor -------------------------------------------------------------------------------


class TicketState(State):
    ticket_id: str = "ticket-1"


class Ticket(Resource[Inputs, TicketState, None]):
    """What is made here, and known to nobody else; it says no more than it must."""

    name = "Ticket"
    vendor = None
    inputs = Inputs
    state = TicketState
    id_output = "ticket_id"

    def create(self, api: None, i: Inputs, mark: str | None) -> Iterator[TicketState]:
        yield TicketState()

    def read(self, api: None, s: TicketState) -> TicketState | None:
        return s

    def rotate(self, api: None, i: Inputs, s: TicketState) -> Iterator[TicketState]:
        yield s

    def delete(self, api: None, s: TicketState) -> str | None:
        return f"{s.ticket_id} is forgotten"


class TriedTicket(Ticket):
    """One that a consumer tries, who answers so, and then no more."""

    def __init__(self, answers: Sequence[bool | None]) -> None:
        self.answers = deque(answers)

    def accepted(self, api: None, s: TicketState) -> bool | None:
        return self.answers.popleft() if self.answers else None

    def client(self, s: TicketState) -> str | None:
        return s.ticket_id
