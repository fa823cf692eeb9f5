"""Carrying out a plan, and keeping the books of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic

from ..endpoints.config import origin
from ..errors import Error, NotFound, Partial, Refused, Stopped
from ..model import rfc3339, secret_fields
from ..policy import decide as rotation
from .contract import InputsT, Resource, SessionT, StateT
from .plan import OWN_LOGIN, REPLACE, TRIED, VERIFY, VERIFY_NEXT, Plan, next_rotation, plan

#: Seconds between tries of a secret that is refused: vendors replicate.
_VERIFY_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)


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
            for s in self._mint(i, minted, 1, reason):
                yield s
            # What marks it as ours goes last: until the state has it, an interrupted creation is known by that.
            if s is not None and (changed := self.resource.changed(i, s)):
                for updated in self.resource.update(self.api, i, s, changed):
                    yield self._record(i, updated)
            return
        reached = None
        for s in minted:
            reached = self._record_rotation(i, s, 1, "adopted")
            if i.rotation.on_adopt != "rotate":
                yield reached
        # What is taken over becomes at once what is wanted.
        if reached is not None and (changed := self.resource.changed(i, reached)):
            for updated in self.resource.update(self.api, i, reached, changed):
                reached = self._record(i, updated)
                if i.rotation.on_adopt != "rotate":
                    yield reached
        # Until the rotation has succeeded nothing is adopted: the next run would not ask for it again.
        if reached is not None and i.rotation.on_adopt == "rotate":
            self._stop_before_own_login(self.resource.client(reached))
            yield from self._mint(i, self.resource.rotate(self.api, i, reached), 1, "adopted with on_adopt=rotate")

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
                s = self._record(i, updated)
                yield s
        if s.step in TRIED and not todo.decision.reason:
            again = TRIED[s.step]
            new = self._record(i, s.promoted())
            if not i.rotation.verify or self._verify(new, explained=True):
                s = self._record(i, self._check_overlap(i, new).model_copy(update={"step": None}))
                yield s
            elif i.rotation.paused:
                self.warn(f"{again}; rotation is paused")
                yield self._record(i, s)
                return
            elif self._waits(i, s):
                # A third secret would end the old one, which works. The same one again does not, and the vendor may
                # have answered without taking it.
                minting = self.resource.rotate(self.api, self.resource.resend_inputs(self.api, i, s), s)
                yield from self._mint(i, minting, new.generation, s.rotation_reason or again)
                return
            else:
                self._stop_before_own_login(self.resource.client(s))
                # Nobody can use what is refused: it is no previous secret.
                unknown = new.model_copy(update=dict.fromkeys(secret_fields(type(s))))
                minting = self.resource.rotate(self.api, i, unknown)
                yield from self._mint(i, minting, new.generation + 1, again)
                return
        if todo.follow_up and not todo.decision.reason:
            for followed in self.resource.follow(self.api, i, s):
                s = self._record(i, followed)
                yield s
        if todo.decision.reason:
            self._stop_before_own_login(self.resource.client(s))
            if not rotation.asked_now(i.rotation, s):
                self._stop_before_a_faulty_endpoint(i, s)
            minting = self.resource.rotate(self.api, i, s)
            yield from self._mint(i, minting, s.generation + 1, todo.decision.reason)
        else:
            yield self._record(i, s)

    def _mint(self, i: InputsT, steps: Iterator[StateT], generation: int, reason: str) -> Iterator[StateT]:
        """Keep each state that a mint reaches, then try the secret before it is handed on."""
        s: StateT | None = None
        for reached in steps:
            s = self._record_rotation(i, reached, generation, reason)
            yield self._unverified(s) if i.rotation.verify else s
        if s is None or not i.rotation.verify:
            return
        if self._verify(s):
            s = s.model_copy(update={"step": None})
            yield s
            yield self._check_overlap(i, s)
        else:
            waiting = self._unverified(self._check_overlap(i, s))
            yield waiting
            raise self._refused(waiting)

    @staticmethod
    def _unverified(s: StateT) -> StateT:
        """Return what is kept of a new secret until it is accepted: where the old one works, that goes on."""
        waiting = s.with_candidate_pending()
        return waiting.model_copy(update={"step": s.step or (VERIFY if waiting is s else VERIFY_NEXT)})

    def _check_overlap(self, i: InputsT, s: StateT) -> StateT:
        """Try the old secret, too, where the vendor was to let it live: sources disagree, so it is not believed."""
        old = s.with_candidate_pending()
        if not i.rotation.verify or old is s or self._probe(old) is not False:
            return s
        self.warn("the vendor has ended the old secret at once, although a grace was asked for")
        return s.model_copy(update={"previous_secret": None, "previous_expires_at": None})

    def _waits(self, i: InputsT, s: StateT) -> bool:
        """Tell whether the old secret still lives beside one in waiting, for which no other one is given."""
        lives = s.previous_expires_at is not None and self.now < s.previous_expires_at
        return s.step == VERIFY_NEXT and lives and self.resource.given(i, s.promoted()) is None

    def _refused(self, s: StateT) -> Refused:
        refused = Refused(f"{self._where}: the new secret is minted, and the vendor refuses it")
        if s.step == VERIFY_NEXT and s.previous_expires_at is not None:
            refused.aftermath = f"the old one stays in the outputs, and works until {rfc3339(s.previous_expires_at)}"
        return refused

    def _stop_before_a_faulty_endpoint(self, i: InputsT, s: StateT) -> None:
        """Make sure that the endpoint knows a good secret when it sees one, before the first of a run is ended."""
        tells = i.rotation.verify and not self.resource.shown
        if self.api is not None and tells:
            self.api.checks.ensure_endpoint_sane(self._name(s), lambda: self._probe(s))

    def _stop_before_own_login(self, client: str | None) -> None:
        if self.api is None or client is None or client != self.api.endpoint.client():
            return
        stopped = Stopped(
            f"{self._where}: {client} is {OWN_LOGIN}",
            todo="let the endpoint log in with another credential, or take this resource out of the program with"
            " retain_on_delete=True",
        )
        stopped.aftermath = "nothing was changed"
        raise stopped

    def _verify(self, s: StateT, *, explained: bool = False) -> bool:
        """Try a secret until it is accepted, or refused over some seconds; one that cannot be tried passes."""

        def patiently() -> bool | None:
            verdict = self._probe(s)
            for pause in _VERIFY_PAUSES:
                if verdict is not False or self.api is None:
                    break
                self.api.runtime.sleep(pause)
                verdict = self._probe(s)
            return verdict

        verdict = self._verdict(s, patiently, explained=explained)
        if verdict is None:
            self.warn("the new secret could not be tried from here: it is handed on unverified")
        return verdict is not False

    def _verdict(
        self, s: StateT, ask: Callable[[], bool | None] | None = None, *, explained: bool = False
    ) -> bool | None:
        """Return whether the vendor accepts the secret; nothing if that cannot be told."""
        ask = ask or (lambda: self._probe(s))
        if self.api is None:
            return ask()
        return self.api.checks.check(self._name(s), ask, explained=explained)

    def _name(self, s: StateT) -> str:
        """Return the credential's name in this run."""
        return f"{self.resource.name} {getattr(s, self.resource.id_output)}"

    def _probe(self, s: StateT) -> bool | None:
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
            why = f": {TRIED[found.step]}" if found.step == REPLACE else ""
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
        if self._probe(s):
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
        wrong.aftermath = "nothing was sent"
        raise wrong

    @property
    def _where(self) -> str:
        return self.resource.name if self.api is None else self.api.name

    def _record_rotation(self, i: InputsT, s: StateT, generation: int, reason: str) -> StateT:
        kept = s.model_copy(
            update={
                "generation": generation,
                "rotated_at": self.now,
                "rotation_reason": reason,
                "spread": round(random.random(), 3) if i.rotation.jitter else 0.0,  # noqa: S311 - spreads load
                "rotation": rotation.applied_by_rotation(i.rotation),
                # What was to be tried before was the secret before.
                "step": None if s.step in TRIED else s.step,
            }
        )
        return self._stamp(i, kept)

    def _record(self, i: InputsT, s: StateT) -> StateT:
        kept = s.model_copy(update={"rotation": rotation.applied_without_rotation(i.rotation, s)})
        if "previous_secret" in type(s).model_fields and s.previous_expires_at and s.previous_expires_at <= self.now:
            # The vendor has ended it by itself.
            kept = kept.model_copy(update={"previous_secret": None, "previous_expires_at": None})
        return self._stamp(i, kept)

    def _stamp(self, i: InputsT, s: StateT) -> StateT:
        address = None if self.api is None else self.api.endpoint.url
        update = {"address": address, "endpoint": i.endpoint, "next_rotation_at": next_rotation(i, s)}
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
        if isinstance(failed, Error) and failed.aftermath is None:
            failed.aftermath = live if failed.no_effect else "it is not known whether it took effect"
