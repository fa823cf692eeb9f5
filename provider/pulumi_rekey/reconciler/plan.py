"""What becomes of a credential now; pure, and the only place that decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ..model import IMMUTABLE, fields_marked, rfc3339
from ..policy import decide as rotation
from ..policy.decide import Decision
from ..policy.model import Policy
from .contract import Inputs, InputsT, Resource, SessionT, State, StateT

#: The step of a secret that is minted and has not been accepted yet.
VERIFY: Final = "verify the new secret"
#: The step of one beside which the old secret lives, and stays the present one.
VERIFY_NEXT: Final = "verify the next secret"
#: The step of a secret that was accepted once and was refused later.
REPLACE: Final = "replace the refused secret"
#: The steps at which a secret is tried, and why the next one is minted if it is still refused.
TRIED: Final = {
    VERIFY: "the vendor refuses the secret that was minted before",
    VERIFY_NEXT: "the vendor refuses the secret that was minted before",
    REPLACE: "the vendor refuses the secret, so that somebody has made another",
}
#: What must not rotate, in words.
OWN_LOGIN: Final = "what this endpoint itself logs in with, and ending its secret would lock rekey out"


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
    seen = rotation.applied_without_rotation(i.rotation, s)
    return Plan(
        replace=frozenset(replace),
        changed=resource.changed(i, s),
        decision=decision,
        follow_up=resource.follow_up(s, now),
        step=s.step,
        bookkeeping=s.rotation != seen or s.endpoint != i.endpoint or s.next_rotation_at != next_rotation(i, s),
    )


def held_back(resource: Resource[Any, StateT, Any], policy: Policy, s: StateT, decision: Decision) -> Decision:
    """Return the decision, deferred where an earlier rotation is not done yet."""
    if decision.reason is None:
        return decision
    if s.step is not None and not (s.step in TRIED and rotation.asked_now(policy, s)):
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
    if todo.step in TRIED:
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


def next_rotation(i: Inputs, s: State) -> datetime | None:
    """Return when the credential is due by age or expiry; nothing if never."""
    return rotation.next_rotation_at(i.rotation, s.rotated_at, s.expires_at, s.spread) if s.rotated_at else None
