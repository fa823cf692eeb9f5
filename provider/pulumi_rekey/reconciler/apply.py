"""Carrying out a plan, and keeping the books of it.

What has been reached at the vendor is kept in a :class:`Journal`, whatever fails next; nothing is decided here.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic

from pydantic import SecretStr

from ..errors import AnswerLost, Error, Forbidden, Gone, NotFound, NotProvenGone, Partial, Refused, Stopped
from ..model import rfc3339, secret_fields
from ..policy import decide as policy
from ..policy.model import AppliedPolicy
from . import books
from .contract import (
    Adjustable,
    ChosenSecret,
    ChosenSecretState,
    Importable,
    Inputs,
    InputsT,
    InSteps,
    Resource,
    Save,
    SessionT,
    State,
    StateT,
    TwoSecretsState,
    client_id,
    creates,
    explicit_secret,
    has_candidate,
    object_id,
    parts_of_import_id,
)
from .plan import IMPORTED, Phase, Plan, Refusal, Retry, lost_policy, moved, own_login, phase_of, plan, plan_creation

#: Seconds between tries of a secret that is refused: vendors replicate.
_VERIFY_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0)
_UNCHANGED: Final = "nothing was changed"
_NOT_KNOWN: Final = "it is not known whether it took effect"
_LOST: Final = "the rotation whose answer was lost"
_FOUND: Final = "found after its answer was lost"


class Journal(Generic[StateT]):
    """What one operation has reached: the engine saves it if the next line fails."""

    def __init__(self, before: StateT | None) -> None:
        self._before = before
        self.reached: StateT | None = None
        #: What may be in force if the answer to the next write is lost.
        self.if_lost: StateT | None = None
        #: What is said of a state where such an answer is lost.
        self.on_lost: Callable[[StateT], StateT] = _unconfirmed

    def after(self, failed: Exception) -> StateT | None:
        """Return what must be saved after a failure; nothing if the engine's state still says all there is."""
        if isinstance(failed, Error) and failed.no_effect:
            return self.reached
        last = self.reached or self._before
        return self.if_lost or (None if last is None else self.on_lost(last))

    def saving(self, stamp: Callable[[StateT], StateT], lost: Callable[[StateT], StateT] | None = None) -> Save[StateT]:
        """Return what a verb saves with: ``stamp`` keeps the books of each state, ``lost`` of one that may be."""
        return _Saving(self, stamp, lost or stamp)


class _Saving(Generic[StateT]):
    def __init__(
        self, journal: Journal[StateT], stamp: Callable[[StateT], StateT], lost: Callable[[StateT], StateT]
    ) -> None:
        self._journal = journal
        self._stamp = stamp
        self._lost = lost

    def __call__(self, s: StateT, /) -> StateT:
        self._journal.reached, self._journal.if_lost, self._journal.on_lost = self._stamp(s), None, _unconfirmed
        return s

    def if_lost(self, s: StateT, /) -> None:
        self._journal.if_lost = self._lost(s)


def _unconfirmed(s: StateT) -> StateT:
    return s.model_copy(update={"unconfirmed": True})


def _uncertain(s: StateT) -> StateT:
    return s.model_copy(update={"step": Phase.UNCERTAIN.value})


@dataclass(frozen=True)
class Reconciler(Generic[InputsT, StateT, SessionT]):
    """Carries out a plan and keeps the books: generation, times, reasons, address."""

    resource: Resource[InputsT, StateT, SessionT]
    api: SessionT
    now: datetime
    #: Where a remark on this resource goes.
    warn: Callable[[str], None] = lambda _text: None
    #: Where what a run has found out is said, which needs nobody's care.
    tell: Callable[[str], None] = lambda _text: None
    #: Keys what is kept of the policy of a credential that has no key yet.
    new_key: SecretStr = field(default_factory=lambda: SecretStr(secrets.token_urlsafe(16)))

    # -- what the engine asks for ---------------------------------------------------------------------------------

    def create(self, i: InputsT, mark: str | None) -> StateT:
        """Create or adopt; the policy may ask for a rotation of what is adopted."""
        todo = plan_creation(self.resource, i, self.api.endpoint)
        self._obey(todo.refusal)
        with self._journal(None, "nothing was created") as journal:

            def made(save: Save[StateT]) -> StateT:
                try:
                    return self.resource.create(self.api, i, mark, save)
                except NotProvenGone as unseen:
                    raise _in_no_state(unseen, "`adopt`" if todo.adopted is not None else None) from None
                except Forbidden as forbidden:
                    if isinstance(self.resource, Importable) and not creates(self.resource):
                        _may_not_exist(forbidden, " or ".join(f"`{name}`" for name in self.resource.import_id))
                    raise

            if todo.rotates:
                s = self._adopt_and_rotate(journal, i, made, str(todo.reason))
            elif todo.reason is not None:
                s = self._mint(journal, i, None, made, generation=1, reason=todo.reason)
            else:
                s = self._adopt(journal, i, made)
                s = self._send_settings(journal, i, s, self.resource.changed(i, s))
        return books.handed_over(i, s, self.now, away=False)

    def update(self, id_: str, i: InputsT, s: StateT) -> StateT:
        """Bring the vendor's object, and then its secret, to what is wanted."""
        todo = plan(self.resource, id_, i, s, self.now, endpoint=self.api.endpoint)
        self._obey(todo.refusal)
        s = self._keyed(policy.with_clock_corrected(s, self.now))
        with self._journal(s, _UNCHANGED) as journal:
            made = None
            if todo.read_back:
                s, made = self._read_back(s)
            # Settings first: a rotation that follows must not be lost to a setting that the vendor refuses.
            s = self._send_settings(journal, i, s, self.resource.changed(i, s) if todo.read_back else todo.changed)
            s = self._with_secret(journal, i, s, todo, made)
        return books.handed_over(i, s, self.now, away=todo.decision.hands_over)

    def _with_secret(self, journal: Journal[StateT], i: InputsT, s: StateT, todo: Plan, made: str | None) -> StateT:
        if todo.retry is not None:
            s, settled = self._go_on(journal, i, s, todo.retry, made)
            if not settled:
                return s
            again = self.resource.explicit_secret_change(i, s) if todo.retry is Retry.REPLACE else None
            if again is not None and explicit_secret(i) is not None:
                # What is given was in force before the one whose answer was lost.
                return self._mint(journal, i, s, self._rotating(i, s), generation=s.generation + 1, reason=again)
        if todo.follow_up is not None and isinstance(self.resource, InSteps):
            keep = journal.saving(lambda s: self._record(i, s))
            s = keep(self.resource.follow(self.api, i, s, keep, self.api.vendor_clock))
        if todo.decision.reason is None:
            return self._record(i, s)
        return self._rotate(journal, i, s, todo, made)

    def read(self, s: StateT, *, verify: bool = True) -> StateT | None:
        """Return the state as the vendor has it now, and whether it still accepts the secret, if that is to be tried.

        What is half done, or refused, is a partial failure until it is done.
        """
        self.check_address(s)
        with self._explained(_UNCHANGED):
            found = self.resource.read(self.api, s)
            if found is None:
                self._stop_if_not_gone(s)
                return None
            found = self._keyed(books.without_ended(found, self.now)).model_copy(update={"unconfirmed": False})
            expired = s.expires_at is not None and s.expires_at <= self.now
            tried = verify and not self.resource.verified_by_read and not expired and found.step is None
            if tried and self._check(found) is False:
                found = found.model_copy(update={"step": Phase.REFUSED.value})
        phase = phase_of(found)
        if phase is not None:
            why = f": {phase.because}" if phase is Phase.REFUSED else ""
            raise Partial(found, Stopped(f"{self._where}: not done yet: {found.step}{why}"))
        return found

    def find(self, id_: str, mark: str | None, endpoint: str | None) -> tuple[StateT, dict[str, Any]] | None:
        """Return the object that exists under an id, taken over with its secret, and the inputs that say what it is."""
        if not isinstance(self.resource, Importable):
            raise Stopped(f"{self.resource.name} cannot be imported: no vendor has one", todo="let rekey create it")
        at = parts_of_import_id(self.resource, id_)
        with self._explained(_UNCHANGED):
            try:
                found = self.resource.find(self.api, at, mark)
            except NotProvenGone as unseen:
                raise _in_no_state(unseen, "the id") from None
        if found is None:
            return None
        inputs = self.resource.inputs_as_found(found)
        return self._record_rotation(Inputs(endpoint=endpoint), found, 1, IMPORTED, spread=0.0), inputs

    def delete(self, s: StateT) -> None:
        """End what is ours; what is gone is what was wanted."""
        self.check_address(s)
        if any(getattr(s, name) is not None for name in secret_fields(type(s))):
            self._stop_before_own_login(s)
        journal: Journal[StateT] = Journal(s)
        try:
            remains = self.resource.delete(self.api, s, journal.saving(lambda s: s))
        except Error as failed:
            partly = "a part of it has been ended, the rest may still be there"
            _say_what_is_live(failed, partly if journal.reached else "it may still be there")
            if journal.reached or not failed.no_effect:
                # The engine keeps the state as it was, whatever has ended: a run that changes nothing would not see it.
                again = "delete it again, or run `pulumi up --refresh` to keep it"
                failed.advice = again if isinstance(failed, AnswerLost) else f"{failed.advice}; then {again}"
            raise
        if remains is not None:
            self.warn(remains)
        if phase_of(s) is Phase.UNCERTAIN and (not creates(self.resource) or getattr(s, "adopted", False)):
            self.warn("the answer to its last rotation was lost: the secret in force may be one that nobody knows")

    def check_address(self, s: StateT) -> None:
        """Refuse to send an object's secret or id to another host than it was made at."""
        self._obey(moved(self.resource, s, self.api.endpoint))

    # -- parts of it ------------------------------------------------------------------------------------------------

    def _adopt(self, journal: Journal[StateT], i: InputsT, adopt: Callable[[Save[StateT]], StateT]) -> StateT:
        """Take an object over and keep its secret."""
        spread = _drawn_spread(i)

        def stamped(s: StateT) -> StateT:
            return self._record_rotation(i, s, 1, "adopted", spread=spread)

        keep = journal.saving(stamped)
        return stamped(keep(adopt(keep)))

    def _adopt_and_rotate(
        self, journal: Journal[StateT], i: InputsT, adopt: Callable[[Save[StateT]], StateT], reason: str
    ) -> StateT:
        """Take an object over, which becomes at once what is wanted, its secret, too.

        Until the rotation has succeeded nothing is adopted, so that the next run asks for it again; only what is sent
        and not answered is kept.
        """
        unsaved: Journal[StateT] = Journal(None)
        s = self._adopt(unsaved, i, adopt)
        self._stop_before_own_login(s)
        if isinstance(self.resource, Adjustable) and (changed := self.resource.changed(i, s)):
            s = self._record(i, self.resource.update(self.api, i, s, changed, unsaved.saving(lambda s: s)))
        journal.if_lost = _uncertain(s)
        return self._mint(journal, i, s, self._rotating(i, s), generation=1, reason=reason)

    def _read_back(self, s: StateT) -> tuple[StateT, str | None]:
        """Take in what a change did whose answer was lost; say what it has made, if reading shows that."""
        found = self.resource.read(self.api, s)
        if found is None:
            raise self._gone(s)
        made = None
        if isinstance(self.resource, InSteps):
            made = self.resource.clear_strays(self.api, found)
        elif self.resource.verified_by_read and not has_candidate(s) and _has_another_secret(found, s):
            made = "the vendor shows its secret"
        return found.model_copy(update={"unconfirmed": False}), made

    def _send_settings(
        self,
        journal: Journal[StateT],
        i: InputsT,
        s: StateT,
        changed: frozenset[str],
        kept: Callable[[StateT], StateT] = lambda s: s,
    ) -> StateT:
        """Send them; ``kept`` returns the state as it is kept until that of which it is a part is done."""
        if not (changed and isinstance(self.resource, Adjustable)):
            return s
        keep = journal.saving(lambda s: kept(self._record(i, s)))
        return self._record(i, keep(self.resource.update(self.api, i, s, changed, keep)))

    def _go_on(
        self, journal: Journal[StateT], i: InputsT, s: StateT, retry: Retry, made: str | None
    ) -> tuple[StateT, bool]:
        """Go on with a secret that is not certain yet; return whether it is certain now, without a new one.

        What is in the outputs works, or the run fails. ``made`` is what a rotation has made whose answer was lost.
        """
        phase = phase_of(s)
        certain = self._certain(i, s, phase, retry, made)
        if certain is not None:
            journal.reached = certain
            return certain, True
        because = "" if phase is None else phase.because
        if retry is Retry.ONLY_TRY:
            if phase is Phase.CANDIDATE and s.expires_at is not None and self.now < s.expires_at:
                self.warn(f"{because}; nothing is minted, and the old one works until {rfc3339(s.expires_at)}")
                return self._record(i, s), False
            self._stop_before_own_login(s)
            raise Refused(
                f"{self._where}: {because}, and rotation is paused",
                todo="end the pause, so that `pulumi up` mints the next one",
            )
        if retry is Retry.SEND_AGAIN and isinstance(self.resource, ChosenSecret):
            if phase is Phase.UNCERTAIN:
                self.tell(f"the secret of {_LOST} is not accepted: it is sent again")
            again = self.resource.resend_inputs(i, s, self.api.vendor_clock)
            reason = (isinstance(s, ChosenSecretState) and s.candidate and s.candidate.rotation_reason) or because
            minted = self._mint(journal, again, s, self._rotating(again, s), generation=s.generation + 1, reason=reason)
            return minted, False
        self._stop_before_own_login(s)
        if phase is Phase.UNCERTAIN:
            self.tell(f"{self._became(s, made)}; the next one is minted")
        new = _promoted(s)
        # Nobody can use what is refused: it is no previous secret.
        unknown = new.model_copy(update=dict.fromkeys(secret_fields(type(s))))
        minted = self._mint(
            journal, i, unknown, self._rotating(i, unknown), generation=new.generation + 1, reason=because
        )
        return minted, False

    def _certain(self, i: InputsT, s: StateT, phase: Phase | None, retry: Retry, made: str | None) -> StateT | None:
        """Return the state with the secret that is accepted, or trusted; nothing if none is."""
        new = self._record(i, _promoted(s)).model_copy(update={"step": None})
        if retry is Retry.TRUST:
            return new
        if phase is not Phase.UNCERTAIN:
            return self._checked_overlap(i, new) if self._verify(new, explained=True) else None
        if has_candidate(s) and self._accepts(new):
            if isinstance(self.resource, ChosenSecret):
                new = self.resource.recover(self.api, new)
            # What was asked for since is still to be done.
            lost = lost_policy(s)
            seen = policy.applied_by_lost_rotation(i.rotation, lost, s.rotation) if lost else self._applied(i, s)
            new = new.model_copy(update={"rotation": seen})
            self.tell(f"{_LOST} took effect: its secret is accepted, and is in the outputs now")
            return self._checked_overlap(i, new)
        if retry is Retry.SEND_AGAIN:
            return None
        # What was read back says all there is; where the old one is accepted, the lost change was never made.
        old = self._record(i, _without_candidate(s)).model_copy(update={"step": None})
        if secret_fields(type(s)) and not self._accepts(old):
            return None
        self.tell(f"{_LOST} took effect: {made}" if made else f"{_LOST} did not take effect")
        return self._dated(i, old) if made and secret_fields(type(s)) else old

    def _dated(self, i: InputsT, s: StateT) -> StateT:
        """Return it with a secret of its own in the books, whose age counts from now at the latest."""
        dated = self._record_rotation(i, s, s.generation + 1, _FOUND, spread=_drawn_spread(i))
        # What was asked for since is still to be done.
        return dated.model_copy(update={"rotation": s.rotation})

    def _became(self, s: StateT, made: str | None) -> str:
        """Say what has become of a rotation whose answer was lost, as far as reading or trying a secret shows."""
        if made is not None:
            return f"{_LOST} took effect: {made}"
        if not secret_fields(type(s)):
            return f"{_LOST} did not take effect"
        accepted = self._probe(s)
        if has_candidate(s) and accepted is False:
            return f"neither the secret of {_LOST} nor the one before it is accepted"
        match accepted:
            case True:
                return f"{_LOST} did not take effect: the secret before it is accepted"
            case False:
                return f"{_LOST} took effect: the secret before it is refused"
            case _:
                return f"nothing shows whether {_LOST} took effect"

    def _accepts(self, s: StateT) -> bool:
        """Tell whether a secret is certainly accepted, after an answer was lost, which explains a refusal.

        Whatever `verify` says of new secrets: there is no other way to find out.
        """
        return self._patiently(s, explained=True) is True

    def _rotate(self, journal: Journal[StateT], i: InputsT, s: StateT, todo: Plan, made: str | None) -> StateT:
        expected = todo.phase is None and not policy.asked_now(i.rotation, s)
        tells = self.resource.vendor is not None and not self.resource.verified_by_read
        if expected and i.rotation.verify and tells:
            # The endpoint must know a good secret when it sees one, before the first of a run is ended. A login that
            # fails beside it is tried again, and says why, where it is needed.
            with self.api.runtime.beside(self.api.log_in_now):
                self.api.checks.ensure_endpoint_sane(self._name(s), lambda: self._probe(s))
        if todo.decision.by_time and not self._is_due_at_the_vendor(i, s):
            # What became of a lost one has to be found out all the same.
            return self._go_on(journal, i, s, Retry.REPLACE, made)[0] if todo.phase else self._record(i, s)
        if todo.phase is Phase.UNCERTAIN:
            if has_candidate(s) and self._probe(_promoted(s)):
                # In a grace the one before it may be accepted, too, which shows nothing.
                s, became = _promoted(s), f"{_LOST} took effect: its secret is accepted"
            else:
                became = self._became(s, made)
            self.tell(f"{became}; the next one is due all the same")
        minted = self._mint(
            journal, i, s, self._rotating(i, s), generation=s.generation + 1, reason=str(todo.decision.reason)
        )
        if todo.decision.compromised and tells and self._outlives(s):
            self.warn(
                "the vendor still accepts the old secret, which was to end at once: set another rotate_now, or have it"
                " ended there"
            )
        return minted

    def _outlives(self, s: StateT) -> bool:
        """Tell whether a secret is accepted after the next one is minted, even when that has had time to replicate."""
        pauses = iter(_VERIFY_PAUSES_S)
        while self._probe(s):
            pause = next(pauses, None)
            if pause is None:
                return True
            self.api.runtime.sleep(pause)
        return False

    def _is_due_at_the_vendor(self, i: InputsT, s: StateT) -> bool:
        """Tell whether a rotation is due by the vendor's clock, too: one that is wrong here must not end secrets."""
        self.api.log_in_now()
        offset = self.api.clock_offset
        if abs(offset) <= policy.MAX_SKEW or policy.decide(i.rotation, s, self.now + offset).reason is not None:
            return True
        self.warn("does not rotate: it is not due by the vendor's clock")
        return False

    def _rotating(self, i: InputsT, s: StateT) -> Callable[[Save[StateT]], StateT]:
        return partial(self.resource.rotate, self.api, i, s, now=self.api.vendor_clock)

    def _mint(
        self,
        journal: Journal[StateT],
        i: InputsT,
        before: StateT | None,
        verb: Callable[[Save[StateT]], StateT],
        *,
        generation: int,
        reason: str,
    ) -> StateT:
        """Keep each state that a mint reaches, then try the secret before it is handed on."""
        spread = _drawn_spread(i)
        if before is not None:
            journal.on_lost = _uncertain

        def stamped(s: StateT) -> StateT:
            return self._record_rotation(i, s, generation, reason, spread=spread)

        def kept(s: StateT) -> StateT:
            return self._unverified(stamped(s), before) if i.rotation.verify else stamped(s)

        def lost(s: StateT) -> StateT:
            new = stamped(s)
            if isinstance(new, ChosenSecretState) and isinstance(before, type(new)) and before.secret is not None:
                new = new.with_candidate_lost(before)
            return _uncertain(new)

        keep, reached = journal.saving(kept, lost), journal.reached
        try:
            s = stamped(keep(verb(keep)))
        except Error as failed:
            if before is not None and not failed.no_effect and journal.reached is reached:
                failed.aftermath = failed.aftermath or self._seen_of_old(before)
            raise
        # What marks a new object as ours goes last: until the state has it, an interrupted creation is known by that.
        changed = self.resource.changed(i, s) if before is None else frozenset[str]()
        if not i.rotation.verify:
            return self._send_settings(journal, i, s, changed)
        if changed:
            s, accepted = self._verify_beside_settings(journal, i, s, changed)
        else:
            accepted = self._verify(s)
        if accepted:
            journal.reached = s
            return self._checked_overlap(i, s)
        waiting = self._unverified(self._checked_overlap(i, s), before)
        journal.reached = waiting
        raise self._refused(waiting)

    def _verify_beside_settings(
        self, journal: Journal[StateT], i: InputsT, s: StateT, changed: frozenset[str]
    ) -> tuple[StateT, bool]:
        """Try the secret of a new object while its settings are sent: neither needs the other."""
        with self.api.runtime.beside(partial(self._verify, s)) as verdict:
            try:
                s = self._send_settings(journal, i, s, changed, kept=lambda s: self._unverified(s, None))
            except Exception:
                # What the try has shown is kept; what stops it is found again by the next run.
                with suppress(Error):
                    if verdict() and journal.reached is not None:
                        journal.reached = journal.reached.model_copy(update={"step": None})
                raise
        return s, verdict()

    def _seen_of_old(self, s: StateT) -> str:
        """Say whether the old secret is accepted although the answer to a minting was lost: trying it ends nothing."""
        if all(getattr(s, name) is None for name in secret_fields(type(s))):
            return _NOT_KNOWN
        match self._probe(s):
            case True:
                return f"{_NOT_KNOWN}; the old secret was still accepted after it"
            case False:
                return f"{_NOT_KNOWN}; the old secret is refused now"
            case _:
                return f"{_NOT_KNOWN}, nor whether the old secret still works"

    @staticmethod
    def _unverified(s: StateT, before: StateT | None) -> StateT:
        """Return what is kept of a new secret until it is accepted: where the old one works, that goes on."""
        if isinstance(s, TwoSecretsState) and isinstance(before, TwoSecretsState) and s.previous_secret is not None:
            return s.with_candidate_pending(before).model_copy(update={"step": Phase.CANDIDATE.value})
        return s.model_copy(update={"step": Phase.UNVERIFIED.value})

    def _checked_overlap(self, i: InputsT, s: StateT) -> StateT:
        """Try the old secret, too, where the vendor was to let it live: sources disagree, so it is not believed."""
        if not i.rotation.verify or not isinstance(s, TwoSecretsState) or s.previous_secret is None:
            return s
        if self._probe(s.model_copy(update={"secret": s.previous_secret})) is not False:
            return s
        self.warn("the vendor has ended the old secret at once, although a grace was asked for")
        return s.model_copy(update={"previous_secret": None, "previous_expires_at": None})

    def _refused(self, s: StateT) -> Refused:
        refused = Refused(f"{self._where}: the new secret is minted, and the vendor refuses it")
        if phase_of(s) is Phase.CANDIDATE:
            until = f", and works until {rfc3339(s.expires_at)}" if s.expires_at is not None else ""
            refused.aftermath = f"the old one stays in the outputs{until}"
        return refused

    # -- trying a secret --------------------------------------------------------------------------------------------

    def _verify(self, s: StateT, *, explained: bool = False) -> bool:
        """Try a secret until it is accepted, or refused over some seconds; one that cannot be tried passes."""
        verdict = self._patiently(s, explained=explained)
        if verdict is None:
            self.warn("the new secret could not be tried from here: it is handed on unverified")
        return verdict is not False

    def _patiently(self, s: StateT, *, explained: bool = False) -> bool | None:
        def ask() -> bool | None:
            verdict = self._probe(s)
            for pause in _VERIFY_PAUSES_S:
                if verdict is not False:
                    break
                self.api.runtime.sleep(pause)
                verdict = self._probe(s)
            return verdict

        return self.api.checks.check(self._name(s), ask, explained=explained)

    def _check(self, s: StateT) -> bool | None:
        """Return whether the vendor accepts the secret; nothing if that cannot be told."""
        return self.api.checks.check(self._name(s), lambda: self._probe(s))

    def _probe(self, s: StateT) -> bool | None:
        try:
            return self.resource.accepted(self.api, s, self.api.vendor_clock)
        except Error:
            # A consumer's endpoint that cannot be reached from here says nothing about the secret.
            return None

    def _name(self, s: StateT) -> str:
        """Return the credential's name in this run."""
        return f"{self.resource.name} {object_id(s)}"

    # -- what stops an operation, and what an error says ------------------------------------------------------------

    def _obey(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            raise refused(refusal)

    def _stop_before_own_login(self, s: StateT) -> None:
        """Stop before a secret is ended by which rekey logs in itself; of what was adopted that shows only now."""
        self._obey(own_login(self._where, client_id(s), self.api.endpoint))

    def _stop_if_not_gone(self, s: StateT) -> None:
        if not self.resource.verified_by_read and self._probe(s):
            raise Stopped(
                f"{self._where}: {object_id(s)} is said to be gone, and its secret is accepted",
                todo="run again; if that stays so, ask the vendor",
            )

    def _gone(self, s: StateT) -> Gone:
        gone = Gone(f"{self._where}: {self.resource.name} {object_id(s)} is gone")
        gone.aftermath = _UNCHANGED
        return gone

    @contextmanager
    def _journal(self, before: StateT | None, undone: str) -> Iterator[Journal[StateT]]:
        """Keep what is reached; a failure becomes a partial one, or says what is live."""
        journal: Journal[StateT] = Journal(before)
        try:
            yield journal
        except Exception as failed:
            kept = journal.after(failed)
            if kept is not None:
                raise Partial(kept, failed) from failed
            if before is not None and isinstance(failed, Forbidden | NotFound) and self._is_gone(before):
                # Said by the verb as a lack of rights, which nobody should grant for nothing.
                raise self._gone(before) from failed
            _say_what_is_live(failed, undone)
            raise

    def _is_gone(self, s: StateT) -> bool:
        try:
            return self.resource.read(self.api, s) is None
        except Error:
            return False

    @contextmanager
    def _explained(self, live: str) -> Iterator[None]:
        try:
            yield
        except Error as failed:
            _say_what_is_live(failed, live)
            raise

    # -- the books ----------------------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return self.api.name

    def _record_rotation(self, i: Inputs, s: StateT, generation: int, reason: str, *, spread: float) -> StateT:
        kept = s.model_copy(
            update={
                "generation": generation,
                "history": s.history if generation <= s.generation else s.history_with_this(),
                # The vendor decides by its own clock when a secret ends.
                "rotated_at": (self.now + self.api.clock_offset).replace(microsecond=0),
                "rotation_reason": reason,
                "spread": spread,
                "rotation": self._applied(i, s),
                # What was to be tried before was the secret before.
                "step": None,
            }
        )
        return self._stamp(i, kept)

    def _applied(self, i: Inputs, s: StateT) -> AppliedPolicy:
        return policy.applied_by_rotation(i.rotation, self._key(s))

    def _key(self, s: StateT) -> SecretStr:
        return s.rotation.key or self.new_key

    def _keyed(self, s: StateT) -> StateT:
        """Return it without the values that another version kept: nothing that is written holds them."""
        return s.model_copy(update={"rotation": s.rotation.keyed(self.new_key)})

    def _record(self, i: InputsT, s: StateT) -> StateT:
        return books.recorded(i, s, self.now, self._address, self._key(s))

    def _stamp(self, i: Inputs, s: StateT) -> StateT:
        return books.stamped(i, s, self._address)

    @property
    def _address(self) -> str | None:
        return None if self.api.endpoint is None else self.api.endpoint.url


def refused(refusal: Refusal) -> Stopped:
    """Return the error that a refusal is to the user."""
    stopped = Stopped(refusal.why, todo=refusal.way_out)
    stopped.aftermath = _UNCHANGED
    return stopped


def _in_no_state(unseen: NotProvenGone, named_by: str | None) -> Forbidden:
    """Return what is said of an object that the vendor does not show: of no state that it could leave.

    ``named_by`` is what the user has named the object by, if anything.
    """
    forbidden = unseen.in_no_state or unseen
    if named_by and forbidden is not unseen:
        _may_not_exist(forbidden, named_by)
    return forbidden


def _may_not_exist(forbidden: Forbidden, named_by: str) -> None:
    forbidden.advice = f"correct {named_by} if there is no such object; else {forbidden.advice}"


def _has_another_secret(s: State, before: State) -> bool:
    names = secret_fields(type(before))
    return any(getattr(s, name) != getattr(before, name) for name in names)


def _drawn_spread(i: Inputs) -> float:
    return round(random.random(), 3) if i.rotation.jitter else 0.0  # noqa: S311 - spreads load, keeps no secret


def _promoted(s: StateT) -> StateT:
    return s.promoted() if isinstance(s, ChosenSecretState) else s


def _without_candidate(s: StateT) -> StateT:
    return s.without_candidate() if has_candidate(s) and isinstance(s, ChosenSecretState) else s


def _say_what_is_live(failed: Exception, live: str) -> None:
    if isinstance(failed, Error) and failed.aftermath is None:
        failed.aftermath = live if failed.no_effect else _NOT_KNOWN
