"""Two years of a pair: a consumer that holds what it read in one run until the next one is never refused.

Runs are missed, die, fail at one side, leave one side out, or go by a wrong clock; policies are edited, paused and
frozen; new secrets are refused; people rotate and replace. Vendor, engine and clock are plain arithmetic.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from pulumi_rekey.policy.decide import (
    applied_by_rotation,
    applied_without_rotation,
    asked_now,
    decide,
    handover,
    with_clock_corrected,
)
from pulumi_rekey.policy.model import Policy, RotationState
from pulumi_rekey.policy.slots import Side, Turn

from .fake_vendor import KEY

START: Final = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DAY: Final = timedelta(days=1)
DAYS: Final = 731
SIDES: Final[tuple[Side, Side]] = ("blue", "green")


class RunFailed(Exception):
    """A side could not be brought up to date."""


@dataclass
class SideOfPair:
    """One side: its state, and what the vendor accepts."""

    life: RotationState
    #: The one secret that the vendor accepts, by number, and the number in the state.
    accepted: int = 1
    #: Whether the state says that its secret is not certain.
    step: bool = False
    #: Until when the vendor refuses every change of it.
    forbidden_until: datetime = START
    rotate_now: str | None = None


@dataclass
class Pair:
    dice: random.Random
    every: str
    policy: dict[str, Any] = field(default_factory=dict)
    sides: dict[Side, SideOfPair] = field(default_factory=dict)
    #: What the consumer has read: a side and the number of its secret.
    held: tuple[Side, int] | None = None
    #: What people have ended: a side's secrets up to a number.
    ended_by_people: dict[Side, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    #: Whether the run leaves resources out, the consumers among them.
    partial: bool = False

    @property
    def turn(self) -> Turn:
        return Turn.model_validate({"every": self.every, "side": "blue"})

    def rules(self, side: Side, other: dict[str, Any] | None) -> Policy:
        asked = self.sides[side].rotate_now if side in self.sides else None
        turn = Turn.model_validate({"every": self.every, "side": side, "other": other})
        turn = turn.in_partial_run() if self.partial else turn
        return Policy.model_validate({**self.policy, "rotate_now": asked, "turn": turn})

    def known_of(self, side: Side) -> dict[str, Any]:
        one = self.sides[side]
        return {"handover": one.life.handover, "unfinished": one.step}

    # -- one run -----------------------------------------------------------------------------------------------------

    def run(self, now: datetime, *, only: Side | None = None, keeps_going: bool = False, dies: bool = False) -> bool:
        """Bring the sides up to date as the engine does; return whether the consumer could read then."""
        only = only if len(self.sides) == len(SIDES) else None
        self.partial = only is not None
        # The program looks at the clock before the provider does.
        _, whose = self.turn.slot_at(now - timedelta(seconds=self.dice.randrange(3)))
        first, second = reversed(SIDES) if whose == "blue" else SIDES
        other: dict[str, Any] | None = None
        failed = False
        for side in (first, second):
            try:
                if only in {None, side}:
                    self.bring_up_to_date(side, None if side == first else other, now)
                other = self.known_of(side)
            except RunFailed:
                self.counts["failed"] += 1
                failed = True
                if not keeps_going:
                    break
        self.judge(self.held)
        reached = not failed and not dies and only is None
        if reached:
            self.held = self.current()
            self.judge(self.held)
            refused = self.held is not None and self.sides[self.held[0]].step
            assert not refused or self.held is None or self.held[0] in self.ended_by_people, (
                "handed over what is refused"
            )
        return reached

    def reach_consumers(self, now: datetime) -> None:
        """Run until nothing fails."""
        for side in self.sides.values():
            side.forbidden_until = now
        while not self.run(now):
            pass

    def bring_up_to_date(self, side: Side, other: dict[str, Any] | None, now: datetime) -> None:
        rules = self.rules(side, other)
        if side not in self.sides:
            number = self.ended_by_people.get(side, 0) + 1
            life = RotationState(generation=number, rotated_at=now, rotation=applied_by_rotation(rules, KEY))
            self.sides[side] = SideOfPair(life, number)
            self.sides[side].life = life.model_copy(update={"handover": handover(rules, life, now, away=False)})
            return
        one = self.sides[side]
        if now < one.forbidden_until:
            raise RunFailed
        one.life = with_clock_corrected(one.life, now)
        if one.step:
            self.go_on(side, one, rules, now)
            away = False
        else:
            decision = decide(rules, one.life, now)
            away = decision.hands_over
            self.counts["handed over"] += away
            self.counts["deferred"] += decision.deferred is not None
            if decision.reason is not None:
                if asked_now(rules, one.life):
                    self.ended_by_people[side] = one.accepted
                    self.counts["by people"] += 1
                self.counts["rotations"] += 1
                self.mint(one, rules, now)
            else:
                one.life = one.life.model_copy(update={"rotation": applied_without_rotation(rules, one.life, KEY)})
        one.life = one.life.model_copy(update={"handover": handover(rules, one.life, now, away=away)})

    def go_on(self, side: Side, one: SideOfPair, rules: Policy, now: datetime) -> None:
        """What was refused is accepted now, or the next secret is minted."""
        self.counts["gone on"] += 1
        if self.dice.random() < 0.5:
            one.step = False
        else:
            if self.ended_by_people.get(side) == one.accepted - 1:
                # What people asked for and was refused.
                self.ended_by_people[side] = one.accepted
            self.mint(one, rules, now)

    def mint(self, one: SideOfPair, rules: Policy, now: datetime) -> None:
        one.accepted += 1
        update = {"generation": one.accepted, "rotated_at": now, "rotation": applied_by_rotation(rules, KEY)}
        one.life = one.life.model_copy(update=update)
        one.step = self.dice.random() < 0.1
        if one.step:
            raise RunFailed

    # -- the consumer ------------------------------------------------------------------------------------------------

    def current(self) -> tuple[Side, int] | None:
        """What `current` is in the program."""
        if len(self.sides) < 2:
            return self.held
        records = [self.sides[side].life.handover for side in SIDES]
        numbers = [0 if record is None else record.number for record in records]
        assert numbers[0] != numbers[1] or not any(numbers), "two handovers with one number"
        last = max((record for record in records if record), key=lambda record: record.number, default=None)
        blue, green = (self.sides[side].life.rotated_at or START for side in SIDES)
        side: Side = last.to if last else "green" if green > blue else "blue"
        return side, self.sides[side].accepted

    def judge(self, held: tuple[Side, int] | None) -> None:
        if held is None or held[1] <= self.ended_by_people.get(held[0], 0):
            return
        side, number = held
        assert self.sides[side].accepted == number, f"{side} was ended while consumers held it"

    # -- what else happens --------------------------------------------------------------------------------------------

    def edit(self, now: datetime) -> None:
        """People edit the policy, rotate, or replace a side; vendors refuse changes for some time."""
        chance, side = self.dice.random(), self.dice.choice(SIDES)
        if chance < 0.01 and side in self.sides:
            self.sides[side].rotate_now = f"INC-{now:%Y-%m-%d}"
        elif chance < 0.02:
            self.policy["triggers"] = {"release": str(now)}
        elif chance < (0.1 if self.policy.get("paused") else 0.03):
            self.policy["paused"] = not self.policy.get("paused")
        elif chance < 0.035:
            until = now + self.dice.randrange(1, 120) * DAY
            self.policy["freeze"] = [f"{now:%Y-%m-%d}/{until:%Y-%m-%d}"]
        elif chance < 0.045 and side in self.sides:
            self.sides[side].forbidden_until = now + self.dice.randrange(1, 200) * DAY
        elif chance < 0.05 and side in self.sides:
            # Another object, whose predecessor is deleted.
            self.ended_by_people[side] = self.sides.pop(side).accepted
            self.counts["replaced"] += 1


def simulate(seed: int) -> Counter[str]:
    dice = random.Random(seed)
    every = dice.choice(["1d", "2d", "7d", "30d", "90d", "180d"])
    windows = dice.choice([[], [{"cron": "0 8 * * *", "duration": "4h"}]]) if every not in {"1d", "2d"} else []
    pair = Pair(dice, every, {"windows": windows})
    quarter = pair.turn.every / 4
    now = START + dice.randrange(400) * DAY
    end = now + DAYS * DAY
    while now < end:
        pair.edit(now)
        chance = dice.random()
        pair.counts["runs"] += 1
        if chance < 0.05:
            # Some runs in a row do not come to the consumers: they die, or one side alone is brought up to date. Within
            # a quarter of a slot one does.
            for moment in sorted(now + quarter * dice.uniform(0, 0.9) for _ in range(dice.randrange(1, 4))):
                pair.run(moment, only=dice.choice([None, *SIDES]), dies=True)
            now += quarter * 0.95
            pair.reach_consumers(now)
        elif chance < 0.1:
            # One does not, and whenever the next one is, it does.
            pair.run(now, only=dice.choice([None, *SIDES]), dies=True)
            now += dice.randrange(1, 120) * DAY
            pair.reach_consumers(now)
        elif chance < 0.12:
            # The machine's clock is wrong.
            pair.run(now + dice.choice([-40, -1, 1, 40, 200]) * DAY)
        else:
            pair.run(now, only=dice.choice([None] * 8 + [*SIDES]), keeps_going=dice.random() < 0.5)
        missed = dice.randrange(1, 200) * DAY if dice.random() < 0.03 else timedelta()
        now += dice.choice([timedelta(minutes=1), DAY, DAY, DAY, DAY]) + missed
        now += timedelta(seconds=dice.randrange(600))
    return pair.counts


@pytest.mark.parametrize("seed", range(60))
def test_pair_simulation_of_two_years(seed: int) -> None:
    counts = simulate(seed)
    assert counts["runs"]
