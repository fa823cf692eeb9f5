"""The reconciler that all resources share: check, plan (pure), apply.

A resource is a class with a few verbs in its vendor's words. Each verb that changes something is a generator that
yields the state after every change at the vendor: what it has yielded last is what is saved if the next line fails.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Self, TypeVar

from pydantic import ConfigDict, Field

from . import rotation
from .endpoints.config import origin
from .endpoints.session import Session
from .errors import Error, NotFound, Partial, Refused, Stopped
from .model import IMMUTABLE, Model, fields_marked, rfc3339, secret_fields
from .rotation import Decision, Life, Policy


class Inputs(Model):
    """What every resource can be told."""

    endpoint: str | None = Field(
        default=None, description="The configured endpoint to use; by default the one named like its kind."
    )
    rotation: Policy = Field(default_factory=Policy, description="The policy by which the credential rotates.")


class State(Life):
    """What every resource keeps: its life, and where it was made."""

    # A state may come from another version of rekey: what it does not know it leaves alone.
    model_config = ConfigDict(extra="ignore")

    address: str | None = Field(default=None, description="The address of the endpoint that it was made at.")
    endpoint: str | None = Field(default=None, description="The configured endpoint that manages it.")
    step: str | None = Field(
        default=None, description="What is still to be done of an interrupted change; unset when nothing is."
    )

    def in_waiting(self) -> Self:
        """Return it with the old secret as the present one, where the new one has not ended that."""
        return self

    def handed_on(self) -> Self:
        """Return it with the secret that is in waiting as the present one, if there is one."""
        return self


InputsT = TypeVar("InputsT", bound=Inputs)
StateT = TypeVar("StateT", bound=State)
SessionT = TypeVar("SessionT", bound=Session[Any] | None)


class Resource(ABC, Generic[InputsT, StateT, SessionT]):
    """One kind of credential: its models, and its verbs in the vendor's words."""

    #: The name that users write.
    name: ClassVar[str]
    #: The kind of endpoint that serves it; none if there is no vendor behind it.
    vendor: ClassVar[str | None]
    inputs: type[InputsT]
    state: type[StateT]
    #: The output that holds the vendor's id at creation, which becomes Pulumi's id.
    id_output: ClassVar[str]
    #: The input that names an object that exists and is always taken over, if the kind is of that sort.
    taken_over: ClassVar[str | None] = None
    #: The input by which a user gives the secret, if there is one; then nothing may mint beside it.
    secret_input: ClassVar[str | None] = None
    #: Whether the vendor keeps two secrets for as long as a grace says.
    takes_grace: ClassVar[bool] = False
    #: What a rotation means for whoever uses the old secret; stands in the preview.
    overlap: ClassVar[str] = "no overlap: the vendor ends the old secret at once"
    #: Whether `read` itself sees what the credential is, so that it need not be tried.
    shown: ClassVar[bool] = False
    #: Whether a created object is marked as ours until it is whole, which needs `rekey:owner`.
    marked: ClassVar[bool] = False

    @abstractmethod
    def create(self, api: SessionT, i: InputsT, mark: str | None) -> Iterator[StateT]:
        """Create the object, or take over the one that is named."""

    @abstractmethod
    def read(self, api: SessionT, s: StateT) -> StateT | None:
        """Return the state as the vendor has it now; nothing, or NotFound, if the object is gone."""

    @abstractmethod
    def rotate(self, api: SessionT, i: InputsT, s: StateT) -> Iterator[StateT]:
        """Mint the next secret.

        The last state has no step of the resource's own: that would stand in for the one which has it verified.
        """

    @abstractmethod
    def delete(self, api: SessionT, s: StateT) -> str | None:
        """End what rekey made; revoke what it minted or stored, if it is still the current one.

        Return what remains and why, where that is not plain. NotFound says that the object is gone.
        """

    def update(self, api: SessionT, i: InputsT, s: StateT, changed: frozenset[str]) -> Iterator[StateT]:
        """Send changed settings."""
        raise NotImplementedError

    def changed(self, i: InputsT, s: StateT) -> frozenset[str]:
        """Return the names of the settings in which the vendor differs from what is wanted."""
        shared = type(i).model_fields.keys() & type(s).model_fields.keys()
        settings = shared - _FRAME - fields_marked(type(i), IMMUTABLE) - secret_fields(type(i))
        return frozenset(
            name for name in settings if (wanted := getattr(i, name)) is not None and wanted != getattr(s, name)
        )

    def given(self, i: InputsT, s: StateT) -> str | None:
        """Return why a secret that the user gives must be sent, if it must."""
        return None

    def sent_again(self, api: SessionT, i: InputsT, s: StateT) -> InputsT:
        """Return inputs with which `rotate` sends the secret in waiting again, where there is such a thing."""
        raise NotImplementedError

    def accepted(self, api: SessionT, s: StateT) -> bool | None:
        """Try the present secret as a consumer would; nothing if there is no way to tell."""
        return None

    def client(self, s: StateT) -> str | None:
        """Return the id of the OAuth client that the credential is for, if it is for one."""
        return None

    def problems(self, i: InputsT) -> Iterator[tuple[str, str]]:
        """Yield (property path, reason) for what a field by itself cannot tell."""
        yield from ()

    def remarks(self, i: InputsT, s: StateT | None) -> Iterator[str]:
        """Yield what the reader of a preview must know; without a state it is about to be created or adopted."""
        yield from ()

    def claims(self, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (property, object) for each object of the vendor that only one resource of a program may manage."""
        name = self.taken_over or "adopt"
        if isinstance(inputs.get(name), str):
            yield name, inputs[name]

    def pending(self, s: StateT) -> str | None:
        """Return in words which later step of the last rotation a scheduled one has to wait for."""
        return None

    def follow_up(self, s: StateT, now: datetime) -> str | None:
        """Return in words which later step of a rotation is due now, where there are such steps."""
        return None

    def follow(self, api: SessionT, i: InputsT, s: StateT) -> Iterator[StateT]:
        """Take the steps that are due."""
        yield s

    def gives(self, i: InputsT) -> bool:
        """Tell whether the user gives the secret."""
        return self.secret_input is not None and getattr(i, self.secret_input) is not None

    def adopts(self, i: InputsT) -> str | None:
        """Return the vendor's id of the object that exists and is to be managed, if one is named."""
        adopted = getattr(i, self.taken_over or "adopt", None)
        return adopted if isinstance(adopted, str) else None


#: Inputs that concern rekey and not the vendor's object.
_FRAME = frozenset({"endpoint", "rotation", "adopt"})


#: The step of a secret that is minted and has not been accepted yet.
VERIFY: Final = "verify the new secret"
#: The step of one beside which the old secret lives, and stays the present one.
VERIFY_NEXT: Final = "verify the next secret"
#: The step of a secret that was accepted once and was refused later.
REPLACE: Final = "replace the refused secret"
#: The steps at which a secret is tried, and why the next one is minted if it is still refused.
_TRIED: Final = {
    VERIFY: "the vendor refuses the secret that was minted before",
    VERIFY_NEXT: "the vendor refuses the secret that was minted before",
    REPLACE: "the vendor refuses the secret, so that somebody has made another",
}
#: What must not rotate, in words.
OWN_LOGIN: Final = "what this endpoint itself logs in with, and ending its secret would lock rekey out"
#: Seconds between tries of a secret that is refused: vendors replicate.
_VERIFY_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Plan:
    """What an update would do."""

    #: Immutable inputs that differ: only another object can have them.
    replace: frozenset[str] = frozenset()
    #: Settings that the vendor is to be told.
    changed: frozenset[str] = frozenset()
    #: Whether the credential rotates, or is due and does not, and why.
    decision: Decision = field(default_factory=Decision)
    #: Which later step of a rotation is due, in words.
    follow_up: str | None = None
    #: What is still to be done of an interrupted change, in words.
    step: str | None = None
    #: Whether the state must be written although the vendor needs no call.
    bookkeeping: bool = False

    def __bool__(self) -> bool:
        todo = (self.replace, self.changed, self.decision.reason, self.follow_up, self.step, self.bookkeeping)
        return any(todo)


def plan(resource: Resource[InputsT, StateT, SessionT], id_: str, i: InputsT, s: StateT, now: datetime) -> Plan:
    """Compare what is wanted with what is; pure."""
    replace = {
        name
        for name in fields_marked(type(i), IMMUTABLE)
        if getattr(i, name) is not None and getattr(i, name) != getattr(s, name)
    }
    # Taking `adopt` away changes nothing, and the id that it named may have been rotated away since.
    adopted = getattr(i, "adopt", None)
    if adopted is not None and adopted != id_:
        replace.add("adopt")
    # What the user gives is sent when it is another one, and by no rule beside that.
    decision = Decision() if resource.gives(i) else rotation.decide(i.rotation, s, now)
    given = resource.given(i, s)
    if given is not None:
        decision = Decision(deferred=f"paused; due: {given}") if i.rotation.paused else Decision(reason=given)
    decision = held_back(resource, i.rotation, s, decision)
    seen = rotation.seen_without_rotation(i.rotation, s)
    return Plan(
        replace=frozenset(replace),
        changed=resource.changed(i, s),
        decision=decision,
        follow_up=resource.follow_up(s, now),
        step=s.step,
        bookkeeping=s.rotation != seen or s.endpoint != i.endpoint or s.next_rotation_at != _next(i, s),
    )


def held_back(resource: Resource[Any, StateT, Any], policy: Policy, s: StateT, decision: Decision) -> Decision:
    """Return the decision, deferred where an earlier rotation is not done yet."""
    if decision.reason is None:
        return decision
    if s.step is not None and not (s.step in _TRIED and rotation.asked_now(policy, s)):
        # Never mint while something minted is not done yet, unless that is what is asked for.
        return Decision(deferred=f"first: {s.step}")
    pending = resource.pending(s)
    if pending is not None and not rotation.asked_now(policy, s):
        return Decision(deferred=f"{pending}; due: {decision.reason}")
    return decision


def explanation(resource: Resource[InputsT, StateT, SessionT], todo: Plan, i: InputsT, now: datetime) -> str | None:
    """Return in words why the credential rotates and what that means, or why it does not although it is due."""
    if todo.decision.reason is not None:
        if todo.decision.compromised:
            meaning = "the old secret is ended at once, whatever that breaks"
        elif resource.takes_grace and i.rotation.grace:
            meaning = f"overlap: the old secret works until {rfc3339(now + i.rotation.grace)}"
        else:
            meaning = resource.overlap
        due = rotation.next_rotation_at(i.rotation, now, None, 0.0)
        by = "by" if i.rotation.jitter else "on"
        return f"rotates: {todo.decision.reason}; {meaning}{f'; next due {by} {rfc3339(due)}' if due else ''}"
    if todo.step == VERIFY_NEXT:
        return f"goes on: {todo.step}: it is tried, and sent, again; the old one stays until then, or until its end"
    if todo.step in _TRIED:
        also = "; rotation is paused" if i.rotation.paused else ", and the next one is minted if it is still refused"
        return f"goes on: {todo.step}: it is tried again{also}"
    if todo.decision.deferred is not None:
        return f"does not rotate: {todo.decision.deferred}"
    return todo.follow_up


def policy_problems(resource: Resource[InputsT, StateT, SessionT], i: InputsT) -> Iterator[tuple[str, str]]:
    """Yield (property path, reason) where the policy asks for what this resource, or its vendor, cannot do."""
    if i.rotation.grace and not resource.takes_grace:
        yield "rotation.grace", f"cannot be had from this vendor ({resource.overlap})"
    if resource.gives(i) and i.rotation.mints:
        yield "rotation", f"would mint beside the {resource.secret_input} that is given: give one of the two"


def _next(i: Inputs, s: State) -> datetime | None:
    return rotation.next_rotation_at(i.rotation, s.rotated_at, s.expires_at, s.spread) if s.rotated_at else None


@dataclass(frozen=True)
class Reconciler(Generic[InputsT, StateT, SessionT]):
    """Carries out a plan and keeps the books: generation, times, reasons, address."""

    resource: Resource[InputsT, StateT, SessionT]
    api: SessionT
    now: datetime
    #: Where a remark on this resource goes.
    warn: Callable[[str], None] = lambda _text: None

    def create(self, i: InputsT, mark: str | None) -> StateT:
        """Create or adopt; the policy may ask for a rotation of what is adopted."""
        return self._reach(self._creation(i, mark), "nothing was created")

    def _creation(self, i: InputsT, mark: str | None) -> Iterator[StateT]:
        adopted = self.resource.adopts(i)
        given = self.resource.gives(i)
        if given or i.rotation.mints:
            self._stop_before_own_login(adopted)
        minted = self.resource.create(self.api, i, mark)
        if adopted is None or given:
            s = None
            reason = "created" if adopted is None else "adopted, the given secret set"
            for s in self._minting(i, minted, 1, reason):
                yield s
            # What marks it as ours goes last: until the state has it, an interrupted creation is known by that.
            if s is not None and (changed := self.resource.changed(i, s)):
                for updated in self.resource.update(self.api, i, s, changed):
                    yield self._kept(i, updated)
            return
        reached = None
        for s in minted:
            reached = self._minted(i, s, 1, "adopted")
            if i.rotation.on_adopt != "rotate":
                yield reached
        # What is taken over becomes at once what is wanted.
        if reached is not None and (changed := self.resource.changed(i, reached)):
            for updated in self.resource.update(self.api, i, reached, changed):
                reached = self._kept(i, updated)
                if i.rotation.on_adopt != "rotate":
                    yield reached
        # Until the rotation has succeeded nothing is adopted: the next run would not ask for it again.
        if reached is not None and i.rotation.on_adopt == "rotate":
            self._stop_before_own_login(self.resource.client(reached))
            yield from self._minting(i, self.resource.rotate(self.api, i, reached), 1, "adopted with on_adopt=rotate")

    def update(self, id_: str, i: InputsT, s: StateT) -> StateT:
        """Bring the vendor's object, and then its secret, to what is wanted."""
        self.check_address(s)
        todo = plan(self.resource, id_, i, s, self.now)
        live = "the old secret still works" if todo.decision.reason else "its settings are as before"
        return self._reach(self._changes(i, s, todo), live)

    def _changes(self, i: InputsT, s: StateT, todo: Plan) -> Iterator[StateT]:
        # Settings first: a rotation that follows must not be lost to a setting that the vendor refuses.
        if todo.changed:
            for updated in self.resource.update(self.api, i, s, todo.changed):
                s = self._kept(i, updated)
                yield s
        if s.step in _TRIED and not todo.decision.reason:
            again = _TRIED[s.step]
            new = self._kept(i, s.handed_on())
            if not i.rotation.verify or self._tried(new):
                s = self._kept(i, self._overlapping(i, new).model_copy(update={"step": None}))
                yield s
            elif i.rotation.paused:
                self.warn(f"{again}; rotation is paused")
                yield self._kept(i, s)
                return
            elif self._waits(i, s):
                # A third secret would end the old one, which works. The same one again does not, and the vendor may
                # have answered without taking it.
                minting = self.resource.rotate(self.api, self.resource.sent_again(self.api, i, s), s)
                yield from self._minting(i, minting, new.generation, s.rotation_reason or again)
                return
            else:
                self._stop_before_own_login(self.resource.client(s))
                # Nobody can use what is refused: it is no previous secret.
                unknown = new.model_copy(update=dict.fromkeys(secret_fields(type(s))))
                minting = self.resource.rotate(self.api, i, unknown)
                yield from self._minting(i, minting, new.generation + 1, again)
                return
        if todo.follow_up and not todo.decision.reason:
            for followed in self.resource.follow(self.api, i, s):
                s = self._kept(i, followed)
                yield s
        if todo.decision.reason:
            self._stop_before_own_login(self.resource.client(s))
            if not rotation.asked_now(i.rotation, s):
                self._stop_before_a_faulty_endpoint(i, s)
            minting = self.resource.rotate(self.api, i, s)
            yield from self._minting(i, minting, s.generation + 1, todo.decision.reason)
        else:
            yield self._kept(i, s)

    def _minting(self, i: InputsT, steps: Iterator[StateT], generation: int, reason: str) -> Iterator[StateT]:
        """Keep each state that a mint reaches, then try the secret before it is handed on."""
        s: StateT | None = None
        for reached in steps:
            s = self._minted(i, reached, generation, reason)
            yield self._unverified(s) if i.rotation.verify else s
        if s is None or not i.rotation.verify:
            return
        if self._tried(s):
            s = s.model_copy(update={"step": None})
            yield s
            yield self._overlapping(i, s)
        else:
            waiting = self._unverified(self._overlapping(i, s))
            yield waiting
            raise self._refused(waiting)

    @staticmethod
    def _unverified(s: StateT) -> StateT:
        """Return what is kept of a new secret until it is accepted: where the old one works, that goes on."""
        waiting = s.in_waiting()
        return waiting.model_copy(update={"step": s.step or (VERIFY if waiting is s else VERIFY_NEXT)})

    def _overlapping(self, i: InputsT, s: StateT) -> StateT:
        """Try the old secret, too, where the vendor was to let it live: sources disagree, so it is not believed."""
        old = s.in_waiting()
        if not i.rotation.verify or old is s or self._asked(old) is not False:
            return s
        self.warn("the vendor has ended the old secret at once, although a grace was asked for")
        return s.model_copy(update={"previous_secret": None, "previous_expires_at": None})

    def _waits(self, i: InputsT, s: StateT) -> bool:
        """Tell whether the old secret still lives beside one in waiting, for which no other one is given."""
        lives = s.previous_expires_at is not None and self.now < s.previous_expires_at
        return s.step == VERIFY_NEXT and lives and self.resource.given(i, s.handed_on()) is None

    def _refused(self, s: StateT) -> Refused:
        refused = Refused(f"{self._where}: the new secret is minted, and the vendor refuses it")
        if s.step == VERIFY_NEXT and s.previous_expires_at is not None:
            refused.live = f"the old one stays in the outputs, and works until {rfc3339(s.previous_expires_at)}"
        return refused

    def _stop_before_a_faulty_endpoint(self, i: InputsT, s: StateT) -> None:
        """Make sure that the endpoint knows a good secret when it sees one, before the first of a run is ended."""
        tells = i.rotation.verify and not self.resource.shown
        if self.api is not None and tells:
            self.api.verdicts.prove(self._name(s), lambda: self._asked(s))

    def _stop_before_own_login(self, client: str | None) -> None:
        if self.api is None or client is None or client != self.api.endpoint.client():
            return
        stopped = Stopped(
            f"{self._where}: {client} is {OWN_LOGIN}",
            todo="let the endpoint log in with another credential, or take this resource out of the program with"
            " retain_on_delete=True",
        )
        stopped.live = "nothing was changed"
        raise stopped

    def _tried(self, s: StateT) -> bool:
        """Try a secret until it is accepted, or refused over some seconds; one that cannot be tried passes."""

        def patiently() -> bool | None:
            verdict = self._asked(s)
            for pause in _VERIFY_PAUSES:
                if verdict is not False or self.api is None:
                    break
                self.api.around.sleep(pause)
                verdict = self._asked(s)
            return verdict

        verdict = self._verdict(s, patiently)
        if verdict is None:
            self.warn("the new secret could not be tried from here: it is handed on unverified")
        return verdict is not False

    def _verdict(self, s: StateT, ask: Callable[[], bool | None] | None = None) -> bool | None:
        """Return whether the vendor accepts the secret; nothing if that cannot be told."""
        ask = ask or (lambda: self._asked(s))
        if self.api is None:
            return ask()
        return self.api.verdicts.of(self._name(s), ask)

    def _name(self, s: StateT) -> str:
        """Return the credential's name in this run."""
        return f"{self.resource.name} {getattr(s, self.resource.id_output)}"

    def _asked(self, s: StateT) -> bool | None:
        try:
            return self.resource.accepted(self.api, s)
        except Error:
            # A consumer's endpoint that cannot be reached from here says nothing about the secret.
            return None

    def read(self, s: StateT, *, verify: bool = True) -> StateT | None:
        """Return the state as the vendor has it now, and whether it still accepts the secret, if that is to be tried.

        What is half done, or refused, is a partial failure until it is done.
        """
        self.check_address(s)
        with self._explained("nothing was changed"):
            try:
                found = self.resource.read(self.api, s)
            except NotFound:
                found = None
            if found is None:
                self._stop_if_not_gone(s)
                return None
            expired = s.expires_at is not None and s.expires_at <= self.now
            tried = verify and not self.resource.shown and not expired and found.step is None
            if tried and self._verdict(found) is False:
                found = found.model_copy(update={"step": REPLACE})
        if found.step is not None:
            why = f": {_TRIED[found.step]}" if found.step == REPLACE else ""
            raise Partial(found, Stopped(f"{self._where}: not done yet: {found.step}{why}"))
        return found

    def delete(self, s: StateT) -> None:
        """End what is ours; what is gone is what was wanted."""
        self.check_address(s)
        if any(getattr(s, name) is not None for name in secret_fields(type(s))):
            self._stop_before_own_login(self.resource.client(s))
        with self._explained("it may still be there"):
            try:
                remains = self.resource.delete(self.api, s)
            except NotFound:
                self._stop_if_not_gone(s)
                return
        if remains is not None:
            self.warn(remains)

    def _stop_if_not_gone(self, s: StateT) -> None:
        if self._asked(s):
            raise Stopped(
                f"{self._where}: {getattr(s, self.resource.id_output)} is said to be gone, and its secret is accepted",
                todo="run again; if that stays so, ask the vendor",
            )

    def check_address(self, s: StateT) -> None:
        """Refuse to send an object's secret or id to another host than it was made at."""
        if s.address is None or self.api is None or origin(s.address) == origin(self.api.endpoint.url):
            return
        moved_from = self.api.endpoint.moved_from
        if moved_from is not None and origin(s.address) == origin(moved_from):
            return
        wrong = Stopped(
            f"endpoint {self.api.name!r} is at {self.api.endpoint.url}, and this object was made at {s.address}",
            todo=f"set rekey:endpoints.{self.api.name}.movedFrom to {s.address} if the system has moved",
        )
        wrong.live = "nothing was sent"
        raise wrong

    @property
    def _where(self) -> str:
        return self.resource.name if self.api is None else self.api.name

    def _minted(self, i: InputsT, s: StateT, generation: int, reason: str) -> StateT:
        kept = s.model_copy(
            update={
                "generation": generation,
                "rotated_at": self.now,
                "rotation_reason": reason,
                "spread": round(random.random(), 3) if i.rotation.jitter else 0.0,  # noqa: S311 - spreads load
                "rotation": rotation.seen_after_rotation(i.rotation),
                # What was to be tried before was the secret before.
                "step": None if s.step in _TRIED else s.step,
            }
        )
        return self._placed(i, kept)

    def _kept(self, i: InputsT, s: StateT) -> StateT:
        kept = s.model_copy(update={"rotation": rotation.seen_without_rotation(i.rotation, s)})
        if "previous_secret" in type(s).model_fields and s.previous_expires_at and s.previous_expires_at <= self.now:
            # The vendor has ended it by itself.
            kept = kept.model_copy(update={"previous_secret": None, "previous_expires_at": None})
        return self._placed(i, kept)

    def _placed(self, i: InputsT, s: StateT) -> StateT:
        address = None if self.api is None else self.api.endpoint.url
        update = {"address": address, "endpoint": i.endpoint, "next_rotation_at": _next(i, s)}
        return s.model_copy(update=update)

    def _reach(self, steps: Iterator[StateT], live: str) -> StateT:
        """Go as far as it goes; what was reached before a failure is kept, whatever the failure is."""
        reached: StateT | None = None
        try:
            for step in steps:
                reached = step
        except Exception as failed:
            if reached is not None:
                raise Partial(reached, failed) from failed
            self._say_what_is_live(failed, live)
            raise
        if reached is None:
            raise Stopped("nothing was done", todo="report this")
        return reached

    @contextmanager
    def _explained(self, live: str) -> Iterator[None]:
        try:
            yield
        except Error as failed:
            self._say_what_is_live(failed, live)
            raise

    @staticmethod
    def _say_what_is_live(failed: Exception, live: str) -> None:
        if isinstance(failed, Error) and failed.live is None:
            failed.live = live if failed.certain else "it is not known whether it took effect"
