"""What becomes of a credential now; pure, and the only place that decides.

Preview, ``rekey status``, ``rekey due`` and :mod:`.apply` all read one :class:`Plan` (or, before there is a state, one
:class:`Creation`); nothing decides again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final

from ..endpoints.address import same_system
from ..endpoints.config import Endpoint
from ..model import IMMUTABLE, fields_marked, rfc3339, secret_fields
from ..policy import decide as policy
from ..policy.decide import Decision
from ..policy.durations import in_words
from ..policy.model import AppliedPolicy, Policy
from .contract import (
    ChosenSecretState,
    Inputs,
    InputsT,
    InSteps,
    Resource,
    SessionT,
    State,
    StateT,
    TwoSecrets,
    TwoSecretsState,
    adopted_id,
    claimed,
    client_id,
    explicit_secret,
    has_candidate,
    named_since,
    object_named,
)

#: The reason of a secret that was found by an import, and that nothing has rotated since.
IMPORTED: Final = "imported"


class Phase(StrEnum):
    """What is still to be done about a secret, as the state says it in ``step``."""

    #: The old one has ended, the new one is the output.
    UNVERIFIED = "verify the new secret"
    #: The old one is the output, the new one waits.
    CANDIDATE = "verify the next secret"
    #: It was accepted once, and was refused on refresh.
    REFUSED = "replace the refused secret"
    #: A rotation was sent and its answer never came.
    UNCERTAIN = "find out what a lost answer did"

    @property
    def because(self) -> str:
        """Why the next secret is minted if this one is still refused."""
        return _BECAUSE[self]


_BECAUSE: Final = {
    Phase.UNVERIFIED: "the vendor refuses the secret that was minted before",
    Phase.CANDIDATE: "the vendor refuses the secret that was minted before",
    Phase.REFUSED: "the vendor refuses the secret, so that somebody has made another",
    Phase.UNCERTAIN: "the answer to the last rotation was lost, and nothing shows that the secret before it works",
}


class Retry(Enum):
    """How a run goes on with a secret that is not certain yet; the value says it in a preview."""

    TRUST = "verify=False, so that it is handed on as it is"
    ONLY_TRY = "the secret is tried again, and nothing is minted"
    SEND_AGAIN = "it is tried, and sent, again; the old one stays until then, or until its end"
    REPLACE = "the secret is tried again, and the next one is minted if the vendor still refuses it"


@dataclass(frozen=True)
class Refusal:
    """Why nothing may be done, and what the user can do about it."""

    why: str
    way_out: str


@dataclass(frozen=True)
class Plan:
    """What an update does."""

    #: Immutable inputs that differ: only another object can have them.
    replace: frozenset[str] = frozenset()
    #: Settings that the vendor is to be told.
    changed: frozenset[str] = frozenset()
    #: Whether the credential rotates, or is due and does not, and why.
    decision: Decision = field(default_factory=Decision)
    #: What a secret is that is not certain yet, and how the run goes on with it; nothing beside a rotation.
    phase: Phase | None = None
    retry: Retry | None = None
    #: Whether the object is read first: a change was sent whose answer never came.
    read_back: bool = False
    #: Which later step of a rotation is due, in words.
    follow_up: str | None = None
    #: Why nothing may be done: said in the preview, obeyed by the run.
    refusal: Refusal | None = None
    #: Whether the state must be written although the vendor needs no call.
    bookkeeping: bool = False
    #: All of this in words, for the reader of a preview: a line each.
    says: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        todo = (self.replace, self.changed, self.decision.reason, self.retry, self.read_back, self.follow_up)
        return any(todo) or self.bookkeeping


def plan(
    resource: Resource[InputsT, StateT, SessionT],
    id_: str,
    i: InputsT,
    s: StateT,
    now: datetime,
    *,
    endpoint: Endpoint | None = None,
) -> Plan:
    """Compare what is wanted with what is.

    ``id_`` is Pulumi's id of the object, ``endpoint`` what its endpoint is set to, where that is known.
    """
    ahead, s = s.rotated_at, policy.with_clock_corrected(s, now)
    phase = phase_of(s)
    decision = _decision(resource, i, s, phase, now)
    login = own_login(i.endpoint or resource.vendor, client_id(s), endpoint)
    retry = None if decision.reason else _retry(i, s, phase, decision, now, own_login=login is not None)
    follow_up = resource.follow_up(i, s, now) if isinstance(resource, InSteps) else None
    said = [f"goes on: {phase}: {_going_on(i, s, phase, retry)}"] if retry else _words(resource, i, s, decision, now)
    if follow_up is not None and decision.reason is None:
        said.append(follow_up)
    if s.rotated_at != ahead:
        said.append("was minted by a clock that was ahead: its age counts from now")
    return Plan(
        replace=_replacing(resource, id_, i, s, endpoint),
        changed=resource.changed(i, s),
        decision=decision,
        phase=phase,
        retry=retry,
        read_back=s.unconfirmed or phase is Phase.UNCERTAIN,
        follow_up=None if decision.reason else follow_up,
        refusal=moved(resource, s, endpoint, i.endpoint or resource.vendor) or (login if decision.reason else None),
        bookkeeping=s.rotated_at != ahead or _differs_in_the_books(id_, i, s, now) or _hands_over(i, s, decision, now),
        says=tuple(said),
    )


def phase_of(s: State) -> Phase | None:
    """Return what is still to be done about the secret; what another version wrote has to be found out."""
    if s.step is None:
        return None
    try:
        return Phase(s.step)
    except ValueError:
        return Phase.UNCERTAIN


def _replacing(
    resource: Resource[Any, Any, Any], id_: str, i: Inputs, s: State, endpoint: Endpoint | None
) -> frozenset[str]:
    replace = set()
    for name in fields_marked(type(i), IMMUTABLE):
        wanted, present = getattr(i, name), getattr(s, name)
        if present is None:
            # It was left to the endpoint: the same said explicitly is the same object.
            present = getattr(endpoint, name, None)
        if wanted is not None and wanted != present:
            replace.add(name)
    # Taking `adopt` away changes nothing, and the id that it named may have been rotated away since.
    adopted: str | None = getattr(i, "adopt", None)
    if adopted not in {None, id_, s.named} and object_named(resource, str(adopted)) != claimed(resource, s):
        replace.add("adopt")
    return frozenset(replace)


def moved(
    resource: Resource[Any, Any, Any], s: State, endpoint: Endpoint | None, named: str | None = None
) -> Refusal | None:
    """Return why an object's secret or id must not be sent to where the endpoint is now, if it must not.

    ``named`` is how the inputs call the endpoint; in a read and a delete the state alone says.
    """
    if s.address is None or endpoint is None or same_system(s.address, endpoint.url):
        return None
    if endpoint.moved_from is not None and same_system(s.address, endpoint.moved_from):
        return None
    before = s.endpoint or resource.vendor
    name = named or before
    way_out = f"set rekey:endpoints.{name}.movedFrom to {s.address} if the system has moved"
    if name != before:
        way_out = (
            f"let `endpoint` name {before} again; an object that was imported is read at {name} if its id is written"
            f" {name}::ID; {way_out}"
        )
    return Refusal(f"endpoint {name!r} is at {endpoint.url}, and this object was made at {s.address}", way_out)


def own_login(name: str | None, client: str | None, endpoint: Endpoint | None) -> Refusal | None:
    """Return why an OAuth client's secret must not be ended: rekey itself logs in with it, if that is so."""
    if client is None or endpoint is None or client != endpoint.client():
        return None
    return Refusal(
        f"{name}: {client} is what this endpoint itself logs in with, and ending its secret would lock rekey out",
        "let the endpoint log in with another credential, or take this resource out of the program with"
        " retain_on_delete=True",
    )


def _decision(resource: Resource[Any, Any, Any], i: Inputs, s: State, phase: Phase | None, now: datetime) -> Decision:
    # What the user gives is sent when it is another one, and by no rule beside that.
    decision = Decision() if explicit_secret(i) is not None else policy.decide(i.rotation, s, now)
    # The vendor has been told of the one that waits: what is given has to be another than that.
    last = s.promoted() if phase is Phase.CANDIDATE and isinstance(s, TwoSecretsState) else s
    given = resource.explicit_secret_change(i, last)
    if decision.reason is None and s.rotation_reason == IMPORTED and _rotates_what_is_imported(i):
        decision = Decision(reason=f"{IMPORTED} with on_adopt=rotate")
    if given is not None:
        decision = Decision(deferred=f"paused; due: {given}") if i.rotation.paused else Decision(reason=given)
    if decision.reason is None:
        return decision
    asked = _is_new_order(i, s, phase)
    wanted = asked or (given is not None and _gives_another(i, s))
    if phase is Phase.UNCERTAIN and not has_candidate(s):
        # Whatever became of the lost one, the next one is due.
        return decision
    if phase is not None and not wanted:
        # Never mint while something minted is not done yet, unless that is what is asked for.
        return Decision(deferred=f"first: {phase}")
    pending = resource.pending(s) if isinstance(resource, InSteps) else None
    if pending is not None and not asked:
        return Decision(deferred=f"{pending}; due: {decision.reason}")
    return decision


def _rotates_what_is_imported(i: Inputs) -> bool:
    """Tell whether the policy asks for another secret at adoption: of an import it is known after it only."""
    return i.rotation.on_adopt == "rotate" and not i.rotation.paused and explicit_secret(i) is None


def _is_new_order(i: Inputs, s: State, phase: Phase | None) -> bool:
    """Tell whether ``rotate_now`` asks for what no minting has answered yet, not even one whose answer was lost."""
    if phase is not Phase.UNCERTAIN:
        return policy.asked_now(i.rotation, s)
    lost = lost_policy(s)
    return lost is not None and policy.asked_now(i.rotation, s.model_copy(update={"rotation": lost}))


def _gives_another(i: Inputs, s: State) -> bool:
    """Tell whether the user gives a secret that the vendor has not even been sent: no try of another one matters."""
    given = explicit_secret(i)
    return given is not None and not (isinstance(s, ChosenSecretState) and given == s.next_secret)


def lost_policy(s: State) -> AppliedPolicy | None:
    """Return what a rotation knew of the policy whose answer was lost, where its secret waits and that is kept."""
    return s.candidate.rotation if isinstance(s, ChosenSecretState) and s.candidate is not None else None


def _retry(
    i: Inputs, s: State, phase: Phase | None, decision: Decision, now: datetime, *, own_login: bool
) -> Retry | None:
    if phase is None:
        return None
    uncertain = phase is Phase.UNCERTAIN
    if not i.rotation.verify and not uncertain:
        return Retry.TRUST
    if i.rotation.paused or own_login:
        return Retry.ONLY_TRY
    if not has_candidate(s) or not isinstance(s, ChosenSecretState):
        return Retry.REPLACE
    given = explicit_secret(i)
    if given is not None and given != s.next_secret:
        return Retry.REPLACE
    # While the old one lives a third secret would end it; the same one again does not. What nobody knows to have been
    # sent is sent again only where it is still wanted.
    lives = s.expires_at is not None and now < s.expires_at
    wanted = decision.deferred is not None if uncertain else lives
    return Retry.SEND_AGAIN if wanted else Retry.REPLACE


def _differs_in_the_books(id_: str, i: Inputs, s: State, now: datetime) -> bool:
    ended = s.previous_expires_at is not None and s.previous_expires_at <= now
    return (
        policy.differs_in_the_books(i.rotation, s)
        or s.endpoint != i.endpoint
        or s.next_rotation_at != next_rotation(i, s)
        or (isinstance(s, TwoSecretsState) and ended)
        or (adopted_id(i) != id_ and s.named != named_since(i, s))
    )


def _hands_over(i: Inputs, s: State, decision: Decision, now: datetime) -> bool:
    return s.step is None and policy.handover(i.rotation, s, now, away=decision.hands_over) != s.handover


def next_rotation(i: Inputs, s: State) -> datetime | None:
    """Return when the credential is due by age or expiry; nothing if never."""
    return policy.next_rotation_at(i.rotation, s.rotated_at, s.expires_at, s.spread) if s.rotated_at else None


def _words(resource: Resource[Any, Any, Any], i: Inputs, s: State, decision: Decision, now: datetime) -> list[str]:
    """Say why the credential rotates and what that means, or why it does not although it is due."""
    if decision.deferred is not None:
        return [f"does not rotate: {decision.deferred}"]
    if decision.reason is None:
        return []
    ends = "the old secret is ended at once, whatever that breaks"
    meaning = (ends if decision.compromised else _meaning(resource, i, s, now)) + _held(i, s, now)
    due = policy.next_rotation_at(i.rotation, now, None, 0.0)
    by = "by" if i.rotation.jitter else "on"
    return [f"rotates: {decision.reason}; {meaning}{f'; next due {by} {rfc3339(due)}' if due else ''}"]


def _going_on(i: Inputs, s: State, phase: Phase | None, retry: Retry) -> str:
    """Say how a run goes on; after a lost answer, a secret that cannot be tried is no reason to wait."""
    if phase is Phase.UNCERTAIN and retry is Retry.SEND_AGAIN:
        return "the secret that was sent is tried, and sent again unless the vendor accepts it"
    if phase is not Phase.UNCERTAIN or retry is not Retry.REPLACE:
        return retry.value
    if explicit_secret(i) is not None and has_candidate(s):
        return "the secrets are tried, and the given one is set again unless it is the one in force"
    if not secret_fields(type(s)):
        return "the vendor is asked, and nothing is minted"
    return "the secret is tried, and the next one is minted unless the vendor accepts it"


def _meaning(resource: Resource[Any, Any, Any], i: Inputs, s: State, now: datetime) -> str:
    """Return what a rotation means for whoever uses the old secret."""
    if not isinstance(resource, TwoSecrets):
        return resource.overlap
    saved = resource.lifetime_without_grace(s) if i.rotation.grace is None else None
    lives = i.rotation.grace or saved
    if not lives:
        return resource.overlap
    whose = ", as the vendor has saved it" if saved else ""
    return f"overlap: the old secret works until {rfc3339(now + lives)}{whose}"


def _held(i: Inputs, s: State, now: datetime) -> str:
    """Say whether a rotation ends what consumers of a pair hold: a person's reason may, or its own end."""
    turn = i.rotation.turn
    if turn is None or turn.rests_since(s.handover, now) is not None:
        return ""
    last = turn.last_handover(s.handover) if turn.other else None
    return f"; it {'may be' if last is None else 'is'} the side that consumers hold"


# -- before there is a state ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Creation:
    """What a create does."""

    #: The vendor's id of the object that is taken over.
    adopted: str | None
    #: Why the first secret is made; nothing where the one in use is kept.
    reason: str | None
    #: Whether the object is taken over first and its secret rotated then.
    rotates: bool
    #: Why nothing may be done.
    refusal: Refusal | None
    #: What ends somebody's secret, in words.
    says: tuple[str, ...]


def plan_creation(resource: Resource[Any, Any, Any], i: Inputs, endpoint: Endpoint | None = None) -> Creation:
    """Decide what a create does with an object that is named, or makes."""
    adopted, given = adopted_id(i), explicit_secret(i) is not None
    rotates = adopted is not None and not given and i.rotation.on_adopt == "rotate"
    reason = "created" if adopted is None else "adopted, the given secret set" if given else None
    if rotates:
        reason = "adopted with on_adopt=rotate"
    ends = None if adopted is None else takeover_ends(resource, adopted, i.rotation, gives=given)
    return Creation(
        adopted=adopted,
        reason=reason,
        rotates=rotates,
        refusal=own_login(i.endpoint or resource.vendor, adopted, endpoint) if given or i.rotation.mints else None,
        says=() if ends is None else (ends,),
    )


def takeover_ends(resource: Resource[Any, Any, Any], adopted: str, rotation: Policy, *, gives: bool) -> str | None:
    """Return in words that an object's secret ends when it is taken over; nothing where the one in use is kept.

    ``gives`` tells whether the user gives the secret, known already or not.
    """
    if not gives and rotation.on_adopt != "rotate":
        return None
    meaning = resource.overlap
    if not gives and isinstance(resource, TwoSecrets) and rotation.grace:
        meaning = f"overlap: the old secret works for another {in_words(rotation.grace)}"
    return f"takes {adopted} over and replaces the secret in use: {meaning}"


def policy_problems(resource: Resource[Any, Any, Any], rotation: Policy, *, gives: bool) -> list[tuple[str, str]]:
    """Return (property path, reason) where the policy asks for what this resource, or its vendor, cannot do.

    ``gives`` tells whether the user gives the secret, known already or not.
    """
    found = []
    if rotation.grace and not isinstance(resource, TwoSecrets):
        found.append(("rotation.grace", f"is not supported by this vendor ({resource.overlap})"))
    if gives and rotation.mints:
        found.append(("rotation", "would mint beside the secret that is given: give one of the two"))
    return found
