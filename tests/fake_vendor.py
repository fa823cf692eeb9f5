"""A vendor that is made up, in memory: lockers, the codes that open them, and a resource that manages one.

A test of the reconciler by itself, without an engine or a server::

    def test_rotation_is_kept_before_it_is_tried() -> None:
        vendor = Vendor()
        s = vendor.up(label="tools")                            # what one `pulumi up` comes to
        assert vendor.calls == ["add", "set code 1", "try code 1", "open", "label"]
        vendor.later("1d")                                      # time passes, and the calls are forgotten
        vendor.faults["try"] = RuntimeError("a bug")            # happens instead of a call
        with pytest.raises(Partial) as failed:
            vendor.up(s, label="tools", rotation={"rotate_now": "INC-1"})
        assert failed.value.state.step == Phase.UNVERIFIED      # what the engine saves
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pulumi_rekey.endpoints.answer import Body
from pulumi_rekey.endpoints.config import Endpoint
from pulumi_rekey.endpoints.no_vendor import NoVendor
from pulumi_rekey.endpoints.session import Runtime, Session, Token
from pulumi_rekey.errors import NotFound
from pulumi_rekey.model import IMMUTABLE, Mark, Secret
from pulumi_rekey.policy.durations import parse
from pulumi_rekey.reconciler.apply import Reconciler
from pulumi_rekey.reconciler.contract import (
    Adjustable,
    Clock,
    Inputs,
    InSteps,
    Resource,
    Save,
    State,
    TwoSecrets,
    TwoSecretsState,
)
from pydantic import Field, SecretStr

from .in_turn import in_turn

if TYPE_CHECKING:
    import httpx

#: Keys what is kept of a policy; in a state it is drawn by chance.
KEY = SecretStr("0123456789abcdef" * 2)
#: A Tuesday, at noon.
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: On loopback, where no certificate is looked for; nothing is ever sent there.
HOME = "http://localhost:8181"
MARK = "0123456789abcdef01234567"
#: A later step of a rotation, a day after it.
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
    #: What happens instead of an answer, once the call is done, by its name.
    lost: dict[str, Exception] = field(default_factory=dict)
    #: What is answered to the next tries of a code; after them the truth.
    answers: deque[bool | Exception | None] = field(default_factory=deque)
    slept: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    #: What a run has found out.
    told: list[str] = field(default_factory=list)
    minted: int = 0
    #: How far the vendor's clock is ahead of the run's.
    ahead: timedelta = timedelta()

    def run(self, resource: Resource[Any, Any, Any] | None = None, **settings: str) -> Reconciler[Any, Any, Any]:
        """A reconciler of one run, with a session of its own."""
        runtime = Runtime(monotonic=lambda: 0.0, sleep=self.slept.append, now=lambda: self.now, beside=in_turn)
        endpoint = LockersEndpoint.model_validate({"url": HOME} | settings)
        api = Lockers(self, endpoint, runtime)
        return Reconciler(resource or LOCKER, api, self.now, self.said.append, self.told.append, KEY)

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
        for past in (self.calls, self.said, self.told, self.slept):
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

    def make_code(self) -> SecretStr:
        """Make a code that is not set yet."""
        self.minted += 1
        return SecretStr(f"code {self.minted}")

    def set_code(self, locker_id: str, code: SecretStr | None, until: datetime | None) -> SecretStr:
        """Set a code, or make one; the other one that was set last works until then, if it may at all."""
        code = code or self.make_code()
        new = code.get_secret_value()
        self.called("set", new)
        locker = self.find(locker_id)
        old = [known for known in locker.codes if known != new][-1:]
        locker.codes = (dict.fromkeys(old, until) if until else {}) | {new: None}
        lost = self.lost.pop("set", None)
        if lost is not None:
            raise lost
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
        return Token("token")

    @property
    def clock_offset(self) -> timedelta:
        return self.vendor.ahead

    def authorize(self, request: "httpx.Request", token: Token) -> None:
        raise NotImplementedError

    def headers(self) -> dict[str, str]:
        raise NotImplementedError

    def error_code(self, body: Body) -> object:
        raise NotImplementedError


# -- the resource --------------------------------------------------------------------------------------------


class LockerInputs(Inputs):
    site: str | None = Field(default=None, json_schema_extra=IMMUTABLE)
    adopt: Annotated[str | None, Mark.ADOPTS] = None
    label: str | None = None
    note: str | None = None
    secret: Annotated[Secret | None, Mark.EXPLICIT_SECRET] = None


class LockerState(TwoSecretsState):
    locker_id: Annotated[str, Mark.OBJECT_ID, Mark.CLIENT_ID]
    site: str = "north"
    label: str = "blank"
    note: str = "blank"
    #: Whether the guard knows of the code.
    told: bool = True

    @property
    def codes(self) -> tuple[str | None, ...]:
        """The present code, the one before, and the one in waiting."""
        kept = (self.secret, self.previous_secret, self.next_secret)
        return tuple(None if code is None else code.get_secret_value() for code in kept)


class LockerResource(
    Adjustable[LockerInputs, LockerState, Lockers],
    TwoSecrets[LockerInputs, LockerState, Lockers],
    InSteps[LockerInputs, LockerState, Lockers],
):
    """A locker is put up under its mark, and told its label and its note one after the other."""

    vendor = "lockers"
    inputs = LockerInputs
    state = LockerState

    def create(self, api: Lockers, i: LockerInputs, mark: str | None, save: Save[LockerState]) -> LockerState:
        site = i.site or "north"
        if i.adopt is None:
            locker_id = api.vendor.add(site, mark or "blank")
            s = LockerState(locker_id=locker_id, site=site, label=mark or "blank")
        else:
            found = api.vendor.find(i.adopt)
            s = LockerState(locker_id=i.adopt, site=found.site, label=found.label, note=found.note)
        if i.adopt is None or i.secret is not None:
            s = s.model_copy(update={"secret": api.vendor.set_code(s.locker_id, i.secret, None)})
        return s

    def read(self, api: Lockers, s: LockerState) -> LockerState | None:
        api.vendor.called("read")
        found = api.vendor.lockers.get(s.locker_id)
        shown = {} if found is None else {"site": found.site, "label": found.label, "note": found.note}
        return None if found is None else s.model_copy(update=shown)

    def update(
        self, api: Lockers, i: LockerInputs, s: LockerState, changed: frozenset[str], save: Save[LockerState]
    ) -> LockerState:
        api.vendor.called("open")
        locker = api.vendor.find(s.locker_id)
        for name in sorted(changed):
            api.vendor.called(name)
            setattr(locker, name, getattr(i, name))
            s = save(s.model_copy(update={name: getattr(i, name)}))
        return s

    def rotate(self, api: Lockers, i: LockerInputs, s: LockerState, save: Save[LockerState], now: Clock) -> LockerState:
        until = now() + i.rotation.grace if i.rotation.grace else None
        code = i.secret or api.vendor.make_code()
        minted = s.model_copy(
            update={
                "secret": code,
                "previous_secret": s.secret if until else None,
                "next_secret": None,
                "candidate": None,
                "expires_at": None,
                "previous_expires_at": until,
                "told": False,
            }
        )
        save.if_lost(minted)
        api.vendor.set_code(s.locker_id, code, until)
        save(minted)
        api.vendor.called("count")
        return minted

    def delete(self, api: Lockers, s: LockerState, save: Save[LockerState]) -> str | None:
        api.vendor.called("remove")
        api.vendor.lockers.pop(s.locker_id, None)
        return None

    def accepted(self, api: Lockers, s: LockerState, now: Clock) -> bool | None:
        return None if s.secret is None else api.vendor.opens(s.locker_id, s.secret)

    def resend_inputs(self, i: LockerInputs, s: LockerState, now: Clock) -> LockerInputs:
        ends = s.expires_at
        grace = i.rotation.grace if ends is None else max(ends - now(), timedelta())
        return i.model_copy(
            update={"secret": s.next_secret, "rotation": i.rotation.model_copy(update={"grace": grace})}
        )

    def pending(self, s: LockerState) -> str | None:
        return None

    def follow_up(self, i: LockerInputs, s: LockerState, now: datetime) -> str | None:
        told = s.told or s.next_secret is not None or s.rotated_at is None or now < s.rotated_at + parse("1d")
        return None if told else TELL

    def follow(self, api: Lockers, i: LockerInputs, s: LockerState, save: Save[LockerState], now: Clock) -> LockerState:
        api.vendor.called("tell", i.label or "")
        return s.model_copy(update={"told": True})

    def clear_strays(self, api: Lockers, s: LockerState) -> str | None:
        return None

    def beside(self, s: LockerState) -> tuple[str, ...]:
        return ()


LOCKER = LockerResource()


class Lasting(LockerResource):
    """One that leaves what it ends."""

    def delete(self, api: Lockers, s: LockerState, save: Save[LockerState]) -> str | None:
        return f"{s.locker_id} stays"


class Endless(LockerResource):
    """One whose old code works on without an end that is known."""

    def rotate(self, api: Lockers, i: LockerInputs, s: LockerState, save: Save[LockerState], now: Clock) -> LockerState:
        minted = super().rotate(api, i, s, save, now)
        return save(minted.model_copy(update={"previous_expires_at": None}))


class Shown(LockerResource):
    """One that shows what it is when it is read."""

    verified_by_read = True


# -- another, without a vendor -------------------------------------------------------------------------------


class TicketState(State):
    ticket_id: Annotated[str, Mark.OBJECT_ID] = "ticket-1"


class Ticket(Resource[Inputs, TicketState, NoVendor]):
    """What is made here, and known to nobody else; it says no more than it must."""

    vendor = None
    inputs = Inputs
    state = TicketState

    def create(self, api: NoVendor, i: Inputs, mark: str | None, save: Save[TicketState]) -> TicketState:
        return TicketState()

    def read(self, api: NoVendor, s: TicketState) -> TicketState | None:
        return s

    def rotate(self, api: NoVendor, i: Inputs, s: TicketState, save: Save[TicketState], now: Clock) -> TicketState:
        return s

    def delete(self, api: NoVendor, s: TicketState, save: Save[TicketState]) -> str | None:
        return f"{s.ticket_id} is forgotten"


class TriedTicket(Ticket):
    """One that a consumer tries, who answers so, and then no more."""

    def __init__(self, answers: Sequence[bool | None]) -> None:
        self.answers = deque(answers)

    def accepted(self, api: NoVendor, s: TicketState, now: Clock) -> bool | None:
        return self.answers.popleft() if self.answers else None
