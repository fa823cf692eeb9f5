"""The health of a credential: what the next ``pulumi up`` would do about it, and what should worry its owner.

The plan decides, as it does in ``pulumi up``; here it is only read. Pure: no clock and no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..model import rfc3339
from ..policy import decide as rotation
from ..policy.decide import DEADLINE
from ..policy.durations import in_words
from ..policy.model import Policy
from ..reconciler.contract import State, has_candidate
from ..reconciler.plan import Plan, plan
from .choices import Health
from .stack_state import Credential

#: How long a rotation may be possible and not happen before it counts as overdue: one of two daily runs may fail.
OVERDUE_AFTER: Final = DEADLINE
#: Clocks of two machines differ by no more than this; a later moment is a clock that was wrong.
_MAX_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Verdict:
    """The health of a credential, and why, in words; without a why where there is nothing to say."""

    health: Health
    why: str | None = None


def judge(credential: Credential, now: datetime, overdue_after: timedelta = OVERDUE_AFTER) -> Verdict:
    """Return the health of the credential at a moment."""
    try:
        return next(_verdicts(credential, now, overdue_after))
    except OverflowError:
        return Verdict(Health.UNKNOWN, "its dates are beyond the calendar")


def planned(credential: Credential, at: datetime) -> Plan | None:
    """Return what a run at a moment would do; none where the inputs cannot be read."""
    if credential.resource is None or credential.inputs is None:
        return None
    return plan(credential.resource, credential.id, credential.inputs, credential.state, at)


def _verdicts(credential: Credential, now: datetime, overdue_after: timedelta) -> Iterator[Verdict]:
    """Yield what can be said of it, worst first; the last always holds."""
    s, policy = credential.state, credential.policy
    unfinished = "; ".join(credential.errors)
    if not unfinished and (s.step is not None or s.unconfirmed):
        unfinished = f"not done yet: {s.step or 'find out whether the last change took effect'}"
    expired = f"expired {rfc3339(s.expires_at)}" if s.expires_at is not None and s.expires_at <= now else None
    if expired and has_candidate(s):
        yield Verdict(Health.EXPIRED, f"{expired}; {unfinished or 'the next secret waits'}")
    if unfinished:
        yield Verdict(Health.FAILING, unfinished)
    if expired:
        yield Verdict(Health.EXPIRED, expired)
    todo = planned(credential, now)
    if todo is None or policy is None:
        yield Verdict(Health.UNKNOWN, credential.unreadable)
        return
    if s.rotated_at is not None and s.rotated_at - now > _MAX_SKEW:
        yield Verdict(
            Health.UNKNOWN,
            f"rotated_at is {in_words(s.rotated_at - now)} in the future ({rfc3339(s.rotated_at)}), so a clock was"
            " wrong and no due date can be relied on: correct the clock, then rotate with rotate_now",
        )
    why = todo.decision.reason or todo.decision.deferred
    if policy.paused:
        yield Verdict(Health.PAUSED, why)
    since = None if why is None else _possible_since(credential, policy, now)
    if since is not None and now - since >= overdue_after:
        yield Verdict(Health.OVERDUE, f"could have rotated since {rfc3339(since)}; {why}")
    hands_over = todo.decision.deferred if todo.decision.hands_over else None
    if acts := todo.decision.reason or todo.follow_up or hands_over:
        yield Verdict(Health.DUE, acts)
    if todo.decision.deferred is not None:
        yield Verdict(Health.DEFERRED, todo.decision.deferred)
    if credential.follows:
        yield Verdict(Health.OK, f"follows {', '.join(credential.follows)}")
    if due_at(policy, s) is None:
        yield Verdict(Health.NEVER, "rotates only when asked")
    yield Verdict(Health.OK)


def _possible_since(credential: Credential, policy: Policy, now: datetime) -> datetime | None:
    """Return since when a run would have rotated what is due by time, and still could."""
    s = credential.state
    since = rotation.possible_from(policy, s)
    if since is None or s.rotated_at is None:
        return None
    if policy.turn is not None and not policy.turn.allows(s.rotated_at, now):
        # A side of a pair that has missed its slot waits for its next one: no run can help before.
        return None
    then = planned(credential, since)
    return since if then is not None and then.decision.reason is not None else None


def due_at(policy: Policy, s: State) -> datetime | None:
    """Return when it is due by age or expiry; none if never."""
    return rotation.next_rotation_at(policy, s.rotated_at, s.expires_at, s.spread) if s.rotated_at else None
