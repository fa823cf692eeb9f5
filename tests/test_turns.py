"""Two sides of a pair: each rotates in its own slots, once, never in the last quarter, and not while it is held."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.model import rfc3339
from pulumi_rekey.policy.decide import (
    DEADLINE,
    Decision,
    applied_by_rotation,
    decide,
    handover,
    next_rotation_at,
    possible_from,
)
from pulumi_rekey.policy.model import Policy, RotationState
from pulumi_rekey.policy.slots import Handover, Side, Turn
from pydantic import ValidationError

from .fake_vendor import KEY
from .test_pair_simulation import Pair

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MOMENTS = st.integers(0, 36_500 * 86_400).map(
    lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
EVERY = st.integers(1, 366).map(lambda days: f"{days}d")


def policy(side: Side, every: str = "90d", **more: Any) -> Policy:
    return Policy.model_validate({"turn": {"every": every, "side": side, "other": {}}, **more})


def minted(rules: Policy, now: datetime, generation: int = 1) -> RotationState:
    """One whose consumers have held the other side for long."""
    turn = rules.turn or Turn.model_validate({"every": "90d", "side": "blue"})
    away = Handover(number=1, to=turn.opposite, at=datetime(2000, 1, 1, tzinfo=UTC), confirmed=True)
    return RotationState(generation=generation, rotated_at=now, rotation=applied_by_rotation(rules, KEY), handover=away)


@given(EVERY, MOMENTS)
def test_slot_belongs_to_one_side_in_turn(every: str, moment: datetime) -> None:
    blue, green = (Turn.model_validate({"every": every, "side": side}) for side in ("blue", "green"))
    began, whose = blue.slot_at(moment)
    assert began <= moment < began + blue.every
    assert green.slot_at(moment) == (began, whose)
    assert blue.slot_at(began + blue.every)[1] != whose


@given(EVERY, MOMENTS, st.integers(0, 4 * 366))
def test_slot_is_never_of_both_sides(every: str, now: datetime, days: int) -> None:
    rotated_at = now - timedelta(days=days)
    allowed = [
        Turn.model_validate({"every": every, "side": side}).allows(rotated_at, now) for side in ("blue", "green")
    ]
    assert sum(allowed) <= 1


@given(EVERY, MOMENTS)
def test_turn_begins_where_the_side_is_allowed(every: str, moment: datetime) -> None:
    turn = Turn.model_validate({"every": every, "side": "blue"})
    begins = turn.begins_after(moment)
    assert moment < begins <= moment + 2 * turn.every
    assert turn.allows(moment, begins)
    assert not turn.allows(begins, begins + turn.usable / 2), "once a slot"
    assert not turn.allows(moment, begins + turn.usable), "never in the last quarter"


def test_turn_reason_in_words() -> None:
    rules = policy("blue")
    life = minted(rules, START)
    begins = Turn.model_validate({"every": "90d", "side": "blue"}).begins_after(START)
    assert next_rotation_at(rules, START, None, 0.0) == begins
    assert decide(rules, life, begins - timedelta(seconds=1)) == decide(rules, life, START)
    assert decide(rules, life, START).reason is None
    reason = decide(rules, life, begins).reason
    assert reason is not None
    assert reason.endswith("its turn in the pair, every 90 d")


def test_turn_missed_waits_for_the_next_own_slot() -> None:
    rules = policy("blue")
    life = minted(rules, START)
    turn = Turn.model_validate({"every": "90d", "side": "blue"})
    begins = turn.begins_after(START)
    late = decide(rules, life, begins + turn.usable)
    assert late.reason is None
    assert late.deferred is not None
    assert late.deferred.startswith(f"not its turn, which begins {begins + 2 * turn.every:%Y-%m-%d}")


def test_trigger_waits_for_the_turn_and_rotate_now_does_not() -> None:
    old = policy("green", triggers={"release": "1"})
    life = minted(old, START)
    outside = Turn.model_validate({"every": "90d", "side": "blue"}).begins_after(START)
    changed = decide(policy("green", triggers={"release": "2"}), life, outside)
    assert changed.reason is None
    assert changed.deferred is not None
    assert "trigger changed: release" in changed.deferred
    assert decide(policy("green", rotate_now="INC-1"), life, outside).reason == "rotate_now: INC-1"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"jitter": "3d"}, "cannot be had beside jitter"),
        ({"windows": [{"cron": "0 2 1 1 *", "duration": "4h"}]}, "windows can stay closed"),
    ],
)
def test_policy_without_room_in_a_slot_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        policy("blue", **more)


# -- what consumers hold -------------------------------------------------------------------------------------


def in_its_slot(handover: dict[str, Any] | None, other: dict[str, Any] | None) -> Decision:
    """What happens to blue in the first run of its slot, with these handovers of its own and of green."""
    begins = Turn.model_validate({"every": "90d", "side": "blue"}).begins_after(START)
    rules = Policy.model_validate({"turn": {"every": "90d", "side": "blue", "other": other}})
    life = RotationState.model_validate({"generation": 1, "rotated_at": START, "handover": handover})
    return decide(rules, life, begins)


def to(side: Side, number: int, **more: Any) -> dict[str, Any]:
    return {"number": number, "to": side, "at": START, **more}


@pytest.mark.parametrize(
    ("own", "other", "deferred", "hands_over"),
    [
        (None, None, "consumers may hold this side: nothing is known of green in this run", False),
        (None, {"unfinished": True}, "consumers may need this side: green is not done yet", False),
        (None, {}, "consumers hold this side: this run hands them over to green, and it can rotate from ", True),
        (to("blue", 1), {}, "consumers hold this side: this run hands them over to green", True),
        (to("blue", 1), {"handover": to("green", 2)}, "consumers hold green: a later run can rotate this side", True),
        (to("green", 3), {"handover": to("blue", 2)}, "consumers hold green: a later run can rotate this side", True),
        (to("green", 1), {"handover": to("blue", 2)}, "consumers hold this side until green has rotated", False),
        (to("green", 3, confirmed=True), {"handover": to("blue", 4)}, "consumers hold this side until green", False),
        (to("green", 3, confirmed=True), {"handover": to("green", 2)}, None, False),
    ],
)
def test_turn_of_a_side_that_consumers_may_hold(
    own: dict[str, Any] | None, other: dict[str, Any] | None, deferred: str | None, *, hands_over: bool
) -> None:
    found = in_its_slot(own, other)
    assert (found.reason is None) == (deferred is not None)
    assert (found.deferred or "").startswith(deferred or "")
    assert found.hands_over == hands_over
    assert found.needs_other == (other is None)


def test_turn_in_a_run_of_chosen_resources_says_that_these_hide_its_consumers() -> None:
    turn = Turn.model_validate({"every": "90d", "side": "blue"})
    life = RotationState.model_validate({"generation": 1, "rotated_at": START})
    found = decide(Policy(turn=turn.in_partial_run()), life, turn.begins_after(START))
    assert "run without --target and --exclude" in str(found.deferred)
    # The other side need not be waited for: nothing that it says would help.
    assert not found.needs_other


def test_turn_waits_a_quarter_of_a_slot_after_a_handover() -> None:
    turn = Turn.model_validate({"every": "90d", "side": "blue"})
    begins = turn.begins_after(START)
    held = to("green", 1, confirmed=True) | {"at": begins}
    life = RotationState.model_validate({"generation": 1, "rotated_at": START, "handover": held})
    rules = policy("blue")
    soon = decide(rules, life, begins + turn.every / 4 - timedelta(seconds=1))
    since, until = (rfc3339(moment) for moment in (begins, begins + turn.every / 4))
    handed = f"consumers were handed over to green on {since}, and it can rotate from {until}; due: "
    assert (soon.deferred or "").startswith(handed)
    first = decide(rules, life.model_copy(update={"handover": None}), begins)
    hands = f"consumers hold this side: this run hands them over to green, and it can rotate from {until}; due: "
    assert (first.deferred or "").startswith(hands)
    assert decide(rules, life, begins + turn.every / 4).reason is not None


def test_turn_of_what_was_never_minted_is_whenever_it_is_due() -> None:
    rules = policy("blue", triggers={"release": "2"})
    life = minted(policy("blue", triggers={"release": "1"}), START).model_copy(update={"rotated_at": None})
    assert decide(rules, life, START).reason == "trigger changed: release"


def test_turn_of_a_secret_that_ends_does_not_end_what_consumers_hold_before_it_must() -> None:
    begins = Turn.model_validate({"every": "90d", "side": "blue"}).begins_after(START)
    rules = Policy.model_validate({"turn": {"every": "90d", "side": "blue"}})
    life = RotationState.model_validate({"generation": 1, "rotated_at": START, "expires_at": begins + DEADLINE})
    assert decide(rules, life, begins).reason is None
    ended = decide(rules, life, begins + timedelta(seconds=1))
    assert (ended.reason is not None, ended.by_time) == (True, True)


def test_turn_of_a_clock_that_was_ahead_says_nothing() -> None:
    ahead = to("green", 1, confirmed=True) | {"at": START + timedelta(days=2000)}
    found = in_its_slot(ahead, {})
    assert found.reason is None
    assert found.hands_over
    begins = Turn.model_validate({"every": "90d", "side": "blue"}).begins_after(START)
    life = RotationState.model_validate({"generation": 1, "rotated_at": START, "handover": ahead})
    kept = handover(policy("blue"), life, begins, away=True)
    assert kept is not None
    assert (kept.number, kept.to, kept.at, kept.confirmed) == (2, "green", begins, False)


def test_turn_of_a_handover_in_the_future_hands_over_again() -> None:
    begins = Turn.model_validate({"every": "90d", "side": "blue"}).begins_after(START)
    for own, other in ((True, False), (False, True)):
        ahead = to("green", 1) | {"at": begins + timedelta(seconds=1)}
        found = in_its_slot(ahead if own else None, {"handover": ahead} if other else {})
        assert (found.deferred or "").startswith("consumers hold this side: this run hands them over to green")
    now = in_its_slot(to("green", 1) | {"at": begins}, {})
    assert (now.deferred or "").startswith("consumers hold green: a later run can rotate this side")


def test_handover_is_to_the_side_that_has_rotated_in_its_slot() -> None:
    turn = Turn.model_validate({"every": "90d", "side": "blue"})
    begins, rules = turn.begins_after(START), policy("blue")
    away = Handover(number=1, to="green", at=START, confirmed=True)
    life = RotationState(generation=2, rotated_at=begins, handover=away)

    def after(now: datetime, **changes: object) -> Handover | None:
        return handover(rules, life.model_copy(update=changes), now, away=False)

    assert after(begins) == Handover(number=2, to="blue", at=begins)
    for unchanged in (
        after(begins, rotated_at=None),
        after(begins, rotated_at=begins - timedelta(seconds=1)),
        after(begins, rotated_at=begins + timedelta(seconds=1)),
        # Nothing is known of green.
        handover(Policy.model_validate({"turn": {"every": "90d", "side": "blue"}}), life, begins, away=False),
        # Green's slot.
        after(begins + turn.every, rotated_at=begins + turn.every),
        handover(Policy(), life, begins, away=False),
    ):
        assert unchanged == away
    held = Handover(number=2, to="blue", at=begins)
    assert after(begins, handover=held) == held


@pytest.mark.parametrize(("every", "least"), [("7d", 95), ("30d", 22), ("90d", 7)])
def test_turn_of_daily_runs_comes_in_every_slot(every: str, least: int) -> None:
    """What is safe must still rotate: about once a slot."""
    pair = Pair(random.Random(1), every)
    for day in range(731):
        pair.run(START + timedelta(days=day))
    assert pair.counts["rotations"] >= least


# -- when a rotation is possible -----------------------------------------------------------------------------


def test_possible_from_the_due_date() -> None:
    def from_(**fields: object) -> datetime | None:
        life = RotationState.model_validate({"generation": 1, "rotated_at": START} | fields)
        return possible_from(Policy.model_validate({"max_age": "30d"}), life)

    due = START + timedelta(days=30)
    assert from_() == due
    assert from_(previous_expires_at=due - timedelta(days=1)) == due
    assert from_(previous_expires_at=due + timedelta(days=1)) == due + timedelta(days=1)
    assert from_(rotated_at=None) is None


def test_possible_from_a_quarter_of_a_slot_after_a_handover() -> None:
    turn = Turn.model_validate({"every": "90d", "side": "blue"})
    begins, rules = turn.begins_after(START), policy("blue")
    handed = Handover(number=2, to="green", at=begins + timedelta(days=3), confirmed=True)
    life = RotationState(generation=1, rotated_at=START, handover=handed)
    assert possible_from(rules, life) == handed.at + turn.settled
    newer = policy("blue", turn={"every": "90d", "side": "blue", "other": {"handover": to("blue", 3)}})
    assert possible_from(newer, life) == begins


def test_possible_from_nothing_without_a_rule_by_time() -> None:
    assert possible_from(Policy(), RotationState(generation=1, rotated_at=START)) is None


def test_possible_from_the_next_open_slot() -> None:
    turn = Turn.model_validate({"every": "90d", "side": "blue"})
    begins = turn.begins_after(START)
    life = RotationState(generation=1, rotated_at=START)
    assert possible_from(Policy(turn=turn), life) == begins
    frozen = {"turn": turn, "freeze": [f"{begins:%Y-%m-%d}/{begins + turn.usable:%Y-%m-%d}"]}
    found = possible_from(Policy.model_validate(frozen), life)
    assert found is not None
    assert turn.allows(START, found), "the slot after next, where a freeze takes up all of the next one"
    assert found > begins + turn.every


def test_policy_with_a_window_in_each_slot_accepted() -> None:
    assert policy("blue", "90d", windows=[{"cron": "0 2 1 * *", "duration": "4h"}]).windows
