"""When a credential rotates: policy, state and the present moment in, a reason in words (or nothing) out.

Pure: no clock, no chance and no I/O, so that it can be tested by the thousand.

A rotation falls due by its rules: a changed trigger, ``max_age``, or ``renew_before`` for what expires. Whether it
then happens is decided in this order:

1. ``paused``: nothing rotates.
2. ``rotate_now``: a new text rotates, whatever follows.
3. The deadline: a secret that would expire while it waits for 4 to 8 does not wait. Since a daily run may fail
   once, two days before its end is the latest. One of a pair that consumers may hold waits until then: it is ended
   only if it ended anyway.
4. The grace of the previous secret: the next one would evict it, so a due rotation waits until it is over.
5. ``turn``: one of a pair waits for its own slot.
6. ``freeze``: nothing rotates on these dates.
7. ``windows``: nothing rotates outside of them.
8. ``turn`` again: one of a pair that consumers may hold is not ended; it hands them over to the other one and waits.

The due date is always computed from the policy as it is now and from what minting fixed (when, until when, and which
part of ``jitter`` is taken off). So an edited ``max_age`` takes effect at once, and nothing else moves the date: not
a renamed stack or resource, not another version. ``next_rotation_at`` in the state shows the date.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from pydantic import SecretStr

from ..model import rfc3339
from .durations import in_words
from .model import ROTATE_NOW, AppliedPolicy, Policy, RotationState, digest_of, digests, trigger_path
from .slots import Handover, Turn
from .windows import allowed_from, can_stay_closed, frozen_until, met_by_a_daily_run

LifeT = TypeVar("LifeT", bound=RotationState)

_NONE: Final = timedelta()
#: A secret that has no more than this to live waits for nothing: one of two daily runs may fail.
DEADLINE: Final = timedelta(days=2)
#: How far two good clocks may be apart.
MAX_SKEW: Final = timedelta(minutes=5)
_PARTIAL_RUN: Final = (
    "a run of chosen resources does not show whether they are handed over; run without --target and --exclude"
)
#: Slots of a turn that are looked through for one that windows and freezes leave open.
_MAX_SLOTS: Final = 64


@dataclass(frozen=True)
class Decision:
    """What happens to a credential now, in words; empty if nothing is due."""

    #: Why it rotates now.
    reason: str | None = None
    #: Why it does not although it is due, and why it is due.
    deferred: str | None = None
    #: Whether the old secret is to be ended at once, whatever that breaks.
    compromised: bool = False
    #: Whether it rotates because of the time, so that a wrong clock would be a wrong reason.
    by_time: bool = field(default=False, compare=False)
    #: Whether it is one of a pair, and this run hands its consumers over to the other one, so that a later run can
    #: rotate it.
    hands_over: bool = False
    #: Whether it would depend on the other one of a pair, of which nothing is known.
    needs_other: bool = False


@dataclass(frozen=True)
class _Obstacle:
    #: What a scheduled rotation has to wait for.
    what: str
    #: The first moment that is free of it; nothing if there is none, or none that is known.
    until: datetime | None = None
    hands_over: bool = False
    needs_other: bool = False


@dataclass(frozen=True)
class _Due:
    #: When the rule makes it due, and how much earlier jitter does.
    by_rule: datetime
    early: timedelta
    #: The rule in words.
    rule: str

    @property
    def at(self) -> datetime:
        return (self.by_rule - self.early).replace(microsecond=0)


def _due(policy: Policy, minted_at: datetime, expires_at: datetime | None, spread: float) -> _Due | None:
    """Return what the first of the rules by time makes of it, if there is any."""
    rules = []
    if policy.max_age is not None:
        rules.append((minted_at + policy.max_age, f"max_age {in_words(policy.max_age)}"))
    if expires_at is not None:
        life = max(expires_at - minted_at, _NONE)
        if policy.renew_before is not None and policy.renew_before < life:
            rules.append((expires_at - policy.renew_before, f"renew_before {in_words(policy.renew_before)}"))
        else:
            rules.append((expires_at - life / 3, "two thirds of its life"))
    if policy.turn is not None:
        every = in_words(policy.turn.every)
        rules.append((policy.turn.begins_after(minted_at), f"its turn in the pair, every {every}"))
    if not rules:
        return None
    by_rule, rule = min(rules)
    # What was adopted after its end was due before it was "minted".
    most = max(by_rule - minted_at, _NONE) / 2
    return _Due(by_rule, min(policy.jitter or _NONE, most) * spread, rule)


def next_rotation_at(
    policy: Policy, minted_at: datetime, expires_at: datetime | None, spread: float
) -> datetime | None:
    """Return when the next rotation is due by age or expiry, to the second; nothing if never.

    ``spread``, from 0 to 1, is the part of the policy's jitter that is taken off, drawn once at minting and kept in
    :attr:`RotationState.spread`. Half of the time to the due date is the most that it takes.
    """
    due = _due(policy, minted_at, expires_at, spread)
    return None if due is None else due.at


def with_clock_corrected(life: LifeT, now: datetime) -> LifeT:
    """Return the state of a credential that was minted by a clock which was ahead, its times as seen from now.

    When it was really minted nobody knows; it was before now, and it lives as long as it was to live.
    """
    if life.rotated_at is None or life.rotated_at - now <= MAX_SKEW:
        return life
    ahead = life.rotated_at - now
    ends = {name: getattr(life, name) for name in ("expires_at", "previous_expires_at")}
    earlier = {name: moment - ahead for name, moment in ends.items() if moment is not None}
    return life.model_copy(update={"rotated_at": now, **earlier})


def asked_now(policy: Policy, life: RotationState) -> bool:
    """Tell whether ``rotate_now`` asks for a rotation that this credential has not had."""
    asked, seen = policy.rotate_now, life.rotation
    return asked is not None and not seen.has_seen(ROTATE_NOW, seen.rotate_now, asked)


def changed_triggers(policy: Policy, seen: AppliedPolicy) -> list[str]:
    """Return the names of the triggers that have changed since the last rotation; a new name has not."""
    both = sorted(policy.triggers.keys() & seen.triggers.keys())
    return [name for name in both if not seen.has_seen(trigger_path(name), seen.triggers[name], policy.triggers[name])]


def pending(policy: Policy, life: RotationState) -> tuple[str, ...] | None:
    """Return the paths of what asks for a rotation that this credential has not had, if anything does."""
    asked = (ROTATE_NOW,) if asked_now(policy, life) else ()
    return (*asked, *map(trigger_path, changed_triggers(policy, life.rotation))) or None


def decide(policy: Policy, life: RotationState, now: datetime) -> Decision:
    """Return whether the credential rotates now, and why or why not; no trigger's value and no secret is in it."""
    asked = asked_now(policy, life)
    triggered = _triggered(policy, life)
    why = f"rotate_now: {policy.rotate_now_in_words}" if asked else triggered or _due_by_time(policy, life, now)
    if why is None:
        return Decision()
    if policy.paused:
        return Decision(deferred=f"paused; due: {why}")
    if asked:
        return Decision(reason=why, compromised=policy.means_compromise)
    obstacle = _obstacle(policy, life, now)
    if obstacle is None:
        return Decision(reason=why, by_time=triggered is None)
    if life.expires_at is not None and _too_late(policy, life, now, obstacle.until):
        return Decision(reason=f"{_expiry(life.expires_at, now)}, too soon to wait: {obstacle.what}", by_time=True)
    deferred = f"{obstacle.what}; due: {why}"
    return Decision(deferred=deferred, hands_over=obstacle.hands_over, needs_other=obstacle.needs_other)


def _triggered(policy: Policy, life: RotationState) -> str | None:
    """Return why the credential is due by a trigger, if it is."""
    changed = changed_triggers(policy, life.rotation)
    return f"trigger changed: {', '.join(changed)}" if changed else None


def _due_by_time(policy: Policy, life: RotationState, now: datetime) -> str | None:
    """Return why the credential is due by age or expiry, if it is."""
    if life.rotated_at is None:
        return None
    due = _due(policy, life.rotated_at, life.expires_at, life.spread)
    if due is None or now < due.at:
        return None
    facts = [f"{in_words(now - life.rotated_at)} old", due.rule]
    if now < due.by_rule:
        facts.append(f"{in_words(due.early)} earlier by jitter")
    if life.expires_at is not None:
        facts.append(_expiry(life.expires_at, now))
    return ", ".join(facts)


def _expiry(expires_at: datetime, now: datetime) -> str:
    return f"{'expires' if now < expires_at else 'expired'} {rfc3339(expires_at)}"


def _too_late(policy: Policy, life: RotationState, now: datetime, until: datetime | None) -> bool:
    """Tell whether a secret that expires cannot wait for an obstacle that is gone at ``until``."""
    if policy.turn is not None and policy.turn.rests_since(life.handover, now) is None:
        # Consumers may hold it, and it may not come to that: until then the other one can become current.
        until = now
    return until is None or (life.expires_at is not None and life.expires_at - until < DEADLINE)


def _obstacle(policy: Policy, life: RotationState, now: datetime) -> _Obstacle | None:
    """Return what a scheduled rotation has to wait for, if for anything."""
    grace, turn = life.previous_expires_at, policy.turn
    if grace is not None and now < grace:
        return _Obstacle(f"previous secret in grace until {rfc3339(grace)}", _allowed_from(policy, life, grace))
    if turn is not None and life.rotated_at is not None and not turn.allows(life.rotated_at, now):
        begins = turn.begins_after(max(life.rotated_at, now))
        return _Obstacle(f"not its turn, which begins {rfc3339(begins)}", _allowed_from(policy, life, begins))
    until = _allowed_from(policy, life, now)
    frozen = frozen_until(policy.freeze, now)
    if until == now:
        return None if turn is None else _held(policy, turn, life, now)
    if frozen is not None:
        return _Obstacle(f"frozen until {rfc3339(frozen)}", until)
    opens = f"opens in {in_words(until - now)} ({rfc3339(until)})" if until else "which never opens again"
    return _Obstacle(f"outside its window, {opens}", until)


def _held(policy: Policy, turn: Turn, life: RotationState, now: datetime) -> _Obstacle | None:
    """Return why one of a pair does not rotate although its turn has come: no policy ends what consumers may hold."""
    if turn.other is None:
        if turn.partial:
            return _Obstacle(f"consumers may hold this side: {_PARTIAL_RUN}")
        what = f"consumers may hold this side: nothing is known of {turn.opposite} in this run"
        return _Obstacle(what, needs_other=True)
    if turn.other.unfinished:
        return _Obstacle(f"consumers may need this side: {turn.opposite} is not done yet")
    since = turn.rests_since(life.handover, now)
    if since is None:
        return _hands_over(policy, turn, life, now)
    if now >= since + turn.settled:
        return None
    until = _allowed_from(policy, life, since + turn.settled)
    return _Obstacle(f"consumers were handed over to {turn.opposite} on {rfc3339(since)}{_from(until)}", until)


def _hands_over(policy: Policy, turn: Turn, life: RotationState, now: datetime) -> _Obstacle:
    """Return what becomes of the consumers of one of a pair that would rotate if it were certain that none holds it."""
    last = turn.last_handover(life.handover)
    if last is not None and last.to == turn.opposite and last.at <= now:
        return _Obstacle(f"consumers hold {turn.opposite}: a later run can rotate this side", hands_over=True)
    if last is not None and last.to == turn.side and last != life.handover:
        # That one had its consumers handed over to rotate, and has not come to it: it goes first.
        return _Obstacle(f"consumers hold this side until {turn.opposite} has rotated")
    until = _allowed_from(policy, life, now + turn.settled)
    what = f"consumers hold this side: this run hands them over to {turn.opposite}{_from(until)}"
    return _Obstacle(what, until, hands_over=True)


def _from(moment: datetime | None) -> str:
    return "" if moment is None else f", and it can rotate from {rfc3339(moment)}"


def handover(policy: Policy, life: RotationState, now: datetime, *, away: bool) -> Handover | None:
    """Return the last handover that one of a pair has made, after a run in which all went well.

    :param away: The run hands its consumers over to the other one: see :attr:`Decision.hands_over`.
    """
    turn = policy.turn
    if turn is None or turn.other is None:
        return life.handover
    if away:
        return turn.hand_over(life.handover, turn.opposite, now)
    last, (began, whose) = turn.last_handover(life.handover), turn.slot_at(now)
    rotated = whose == turn.side and life.rotated_at is not None and began <= life.rotated_at <= now
    if rotated and (last is None or last.to != turn.side):
        return turn.hand_over(life.handover, turn.side, now)
    return life.handover


def _allowed_from(policy: Policy, life: RotationState, moment: datetime) -> datetime | None:
    """Return the first moment, this one included, that turn, windows and freezes allow; nothing if there is none."""
    for _ in range(_MAX_SLOTS):
        found = allowed_from(policy.windows, policy.freeze, moment)
        turn, rotated_at = policy.turn, life.rotated_at
        if found is None or turn is None or rotated_at is None or turn.allows(rotated_at, found):
            return found
        moment = turn.begins_after(max(rotated_at, found))
    return None


def possible_from(policy: Policy, life: RotationState) -> datetime | None:
    """Return the first moment at which a rotation that falls due by time is allowed; nothing if there is none."""
    if life.rotated_at is None:
        return None
    at = next_rotation_at(policy, life.rotated_at, life.expires_at, life.spread)
    if at is None:
        return None
    waits = [at, life.previous_expires_at]
    if policy.turn is not None and policy.turn.last_handover(life.handover) == life.handover is not None:
        waits.append(life.handover.at + policy.turn.settled)
    return _allowed_from(policy, life, max(moment for moment in waits if moment is not None))


def warnings(policy: Policy, now: datetime) -> list[str]:
    """Return what is allowed in the policy but hardly meant; ``now`` stands for the time of day of the daily runs."""
    if not policy.windows:
        return []
    found = []
    if not met_by_a_daily_run(policy.windows, now):
        found.append(f"windows: a daily run at this time of day ({now.astimezone(UTC):%H:%M} UTC) never finds one open")
    # Closed for less than an hour is as good as open to a run a day.
    if policy.renew_before is not None and can_stay_closed(
        policy.windows, max(policy.renew_before - DEADLINE, timedelta(hours=1))
    ):
        found.append(
            f"renew_before: {in_words(policy.renew_before)} is short for these windows: where none opens"
            f" {in_words(DEADLINE)} before it expires, the credential rotates outside of them"
        )
    return found


def applied_by_rotation(policy: Policy, key: SecretStr) -> AppliedPolicy:
    """Return what a rotation (or a creation) under this policy has seen."""
    return _kept(key, digests(key, policy.triggers), digest_of(key, policy.rotate_now))


def applied_by_lost_rotation(policy: Policy, lost: AppliedPolicy, before: AppliedPolicy) -> AppliedPolicy:
    """Return what a rotation has seen whose answer was lost, and which took effect: ``lost`` is what it knew.

    Whoever has taken the edit back that asked for it, wants no other rotation.
    """
    if lost.key != before.key:
        return lost
    present = policy.triggers
    taken_back = {
        name: kept
        for name, kept in before.triggers.items()
        if name in present and before.has_seen(trigger_path(name), kept, present[name])
    }
    asked, kept = policy.rotate_now, before.rotate_now
    same_order = asked is not None and before.has_seen(ROTATE_NOW, kept, asked)
    update = {"triggers": lost.triggers | taken_back, "rotate_now": kept if same_order else lost.rotate_now}
    return lost.model_copy(update=update)


def applied_without_rotation(policy: Policy, life: RotationState, key: SecretStr) -> AppliedPolicy:
    """Return what an edit of the policy that did not rotate has seen: new names join, changes stay open."""
    seen = life.rotation.keyed(key)
    open_ = {name: kept for name, kept in seen.triggers.items() if name in policy.triggers}
    return _kept(key, digests(key, policy.triggers) | open_, seen.rotate_now, pending(policy, life))


def _kept(
    key: SecretStr, triggers: dict[str, str], rotate_now: str | None, put_off: tuple[str, ...] | None = None
) -> AppliedPolicy:
    # Without a digest there is nothing to key, and no byte more in the state.
    keyed = key if triggers or rotate_now else None
    return AppliedPolicy(key=keyed, triggers=triggers, rotate_now=rotate_now, pending=put_off)


def differs_in_the_books(policy: Policy, life: RotationState) -> bool:
    """Tell whether what is kept of the policy must be written anew although nothing rotates."""
    return policy.triggers.keys() != life.rotation.triggers.keys() or pending(policy, life) != life.rotation.pending
