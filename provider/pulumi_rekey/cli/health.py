"""How a credential is: what the next ``pulumi up`` would do about it, and what should worry its owner.

Decided as the provider decides, from the policy and the state of the last run. Pure: no clock and no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ..model import rfc3339
from ..policy import decide as rotation
from ..policy.decide import DEADLINE
from ..policy.durations import in_words
from ..policy.model import Policy
from ..reconciler.contract import State
from ..reconciler.plan import held_back
from .stack_state import Credential

#: How long a rotation may be possible and not happen before it counts as overdue: one of two daily runs may fail.
OVERDUE_AFTER: Final = DEADLINE


class Health(StrEnum):
    """How a credential is, the worst first."""

    #: The last run could not finish what it began.
    FAILING = "failing"
    #: The secret does not work any more.
    EXPIRED = "expired"
    #: It could have rotated for some time, and no run has done it.
    OVERDUE = "overdue"
    #: Its state or policy cannot be read from here.
    UNKNOWN = "unknown"
    #: The next run rotates it, or takes the next step of its last rotation.
    DUE = "due"
    #: It is due, and waits for its window, the end of a freeze or of a grace.
    DEFERRED = "deferred"
    #: Nothing rotates it until its owner ends the pause.
    PAUSED = "paused"
    #: No rule by time makes it due.
    NEVER = "never-due"
    #: Nothing is due.
    OK = "ok"


@dataclass(frozen=True)
class Verdict:
    """How a credential is, and why, in words; without a why where there is nothing to say."""

    health: Health
    why: str | None = None


def judge(credential: Credential, now: datetime, overdue_after: timedelta = OVERDUE_AFTER) -> Verdict:
    """Return how the credential is at a moment."""
    try:
        return next(_verdicts(credential, now, overdue_after))
    except OverflowError:
        return Verdict(Health.UNKNOWN, "its dates are beyond the calendar")


def _verdicts(credential: Credential, now: datetime, overdue_after: timedelta) -> Iterator[Verdict]:
    """Yield what can be said of it, the worst first; the last holds always."""
    s, policy, resource = credential.state, credential.policy, credential.resource
    if credential.errors:
        yield Verdict(Health.FAILING, "; ".join(credential.errors))
    if s.step is not None:
        yield Verdict(Health.FAILING, f"not done yet: {s.step}")
    if s.expires_at is not None and s.expires_at <= now:
        yield Verdict(Health.EXPIRED, f"expired {rfc3339(s.expires_at)}")
    if policy is None:
        yield Verdict(Health.UNKNOWN, "its policy cannot be read from here: it is secret, or of another version")
        return
    decision = rotation.decide(policy, s, now)
    if resource is not None:
        decision = held_back(resource, policy, s, decision)
    why = decision.reason or decision.deferred
    if policy.paused:
        yield Verdict(Health.PAUSED, why)
    since = rotation.possible_from(policy, s)
    waits = resource is not None and resource.pending(s) is not None
    if why is not None and not waits and since is not None and now - since >= overdue_after:
        yield Verdict(Health.OVERDUE, f"could have rotated since {rfc3339(since)}; {why}")
    follow_up = resource.follow_up(s, now) if resource is not None else None
    if decision.reason is not None or follow_up is not None:
        yield Verdict(Health.DUE, decision.reason or follow_up)
    if decision.deferred is not None:
        yield Verdict(Health.DEFERRED, decision.deferred)
    if due_at(policy, s) is None:
        yield Verdict(Health.NEVER, "rotates only when asked")
    yield Verdict(Health.OK)


def due_at(policy: Policy, s: State) -> datetime | None:
    """Return when it is due by age or expiry; nothing if never."""
    return rotation.next_rotation_at(policy, s.rotated_at, s.expires_at, s.spread) if s.rotated_at else None


def age(s: State, now: datetime) -> str | None:
    """Return how old the present secret is, in words."""
    return None if s.rotated_at is None else in_words(max(now - s.rotated_at, timedelta()))
