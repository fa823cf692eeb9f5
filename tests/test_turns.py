"""Two sides of a pair: each rotates in its own slots, once, never in the last quarter, and never both in one run."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.policy.decide import applied_by_rotation, decide, next_rotation_at, possible_from
from pulumi_rekey.policy.model import Policy, RotationState
from pulumi_rekey.policy.slots import Side, Turn
from pydantic import ValidationError

from .fake_vendor import KEY

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MOMENTS = st.integers(0, 36_500 * 86_400).map(
    lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
EVERY = st.integers(1, 366).map(lambda days: f"{days}d")


def policy(side: Side, every: str = "90d", **more: Any) -> Policy:
    return Policy.model_validate({"turn": {"every": every, "side": side}, **more})


def minted(rules: Policy, now: datetime, generation: int = 1) -> RotationState:
    return RotationState(generation=generation, rotated_at=now, rotation=applied_by_rotation(rules, KEY))


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


@pytest.mark.parametrize("seed", range(40))
def test_simulation_of_two_years_of_pairs(seed: int) -> None:
    """Some runs are missed, up to whole months: the previous secret always lives at least a quarter of a slot more."""
    draw = random.Random(seed)
    every = draw.choice(["7d", "30d", "90d", "180d"])
    windows = draw.choice([[], [{"cron": "0 8 * * *", "duration": "4h"}]])
    rules = {side: policy(side, every, windows=windows) for side in ("blue", "green")}
    span = rules["blue"].turn.every if rules["blue"].turn else timedelta()
    lives = {side: minted(rules[side], START) for side in rules}
    mints: list[tuple[datetime, str]] = []
    missing = 0
    for number in range(731):
        now = START + timedelta(days=number)
        missing = draw.randint(1, 60) if draw.random() < 0.02 else max(missing - 1, 0)
        if missing:
            continue
        rotated = [side for side in rules if decide(rules[side], lives[side], now).reason is not None]
        assert len(rotated) <= 1, "both sides in one run"
        for side in rotated:
            mints.append((now, side))
            lives[side] = minted(rules[side], now, lives[side].generation + 1)
    for (before, one), (after, other) in itertools.pairwise(mints):
        assert one != other or after - before >= span, "a side rotates once in a slot"
        assert one == other or after - before > span / 4, "consumers have a quarter of a slot at least"
    assert mints


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
