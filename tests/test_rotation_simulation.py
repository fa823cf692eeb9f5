"""Two years of daily runs, some of them missed, over many credentials with mixed policies.

The vendors and the clock are plain arithmetic here, and what is allowed is judged without the code under test.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pulumi_rekey.policy.decide import applied_by_rotation, applied_without_rotation, decide, next_rotation_at
from pulumi_rekey.policy.model import Policy, RotationState

from .fake_vendor import KEY

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DAYS = 731
CREDENTIALS = 120
SEED = 1
#: A secret that expires is renewed in time if no more runs in a row than this are missed.
MAX_MISSED = 1


@dataclass(frozen=True)
class Opening:
    """A window, written so that it can be judged by plain arithmetic: weekdays (0 = Monday), hour, zone, hours."""

    weekdays: frozenset[int]
    hour: int
    zone: str
    hours: int

    def as_inputs(self) -> dict[str, str]:
        days = ",".join(str((day + 1) % 7) for day in sorted(self.weekdays))
        return {"cron": f"0 {self.hour} * * {days}", "timezone": self.zone, "duration": f"{self.hours}h"}

    def holds(self, moment: datetime) -> bool:
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        for day in (today - DAY, today):
            opened = datetime(day.year, day.month, day.day, self.hour, tzinfo=zone).astimezone(UTC)
            if day.weekday() in self.weekdays and opened <= moment < opened + self.hours * HOUR:
                return True
        return False


EVERY_DAY = frozenset(range(7))
WINDOWS = [
    [Opening(frozenset({6}), 8, "Europe/Sofia", 6)],
    [Opening(frozenset({1, 3}), 4, "America/New_York", 3)],
    [Opening(EVERY_DAY, 18, "Australia/Lord_Howe", 4)],
    [Opening(EVERY_DAY, 12, "Asia/Kolkata", 2)],  # closes an hour before the runs of this simulation
    [Opening(frozenset({5}), 22, "UTC", 12), Opening(frozenset({2}), 9, "Europe/Sofia", 4)],
]
FREEZES = [(date(2026, 12, 20), date(2027, 1, 5)), (date(2027, 11, 22), date(2027, 11, 29)), (date(2028, 3, 3),) * 2]


@dataclass
class Credential:
    """One credential, the vendor's side of it, and what is remembered to judge it."""

    policy: Policy
    openings: list[Opening]
    frozen: list[tuple[date, date]]
    lives: timedelta | None
    grace: timedelta | None
    spreads: random.Random
    life: RotationState = field(default_factory=RotationState)
    #: Whether a trigger has changed since the last mint.
    pending: bool = False
    #: Whether it was paused since the last mint, so that nobody has promised that it lives.
    neglected: bool = False
    minted_for: set[datetime] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def mint(self, now: datetime) -> None:
        """Do what a vendor that holds two secrets does: the new one lives, the old one for its grace, a third ends."""
        ends = now + self.grace if self.grace else None
        if ends and self.life.expires_at:
            ends = min(ends, self.life.expires_at)
        expires_at = now + self.lives if self.lives else None
        spread = self.spreads.random()
        self.life = RotationState(
            generation=self.life.generation + 1,
            rotated_at=now,
            expires_at=expires_at,
            previous_expires_at=ends,
            spread=spread,
            next_rotation_at=next_rotation_at(self.policy, now, expires_at, spread),
            rotation=applied_by_rotation(self.policy, KEY),
        )

    def edit(self, **changes: Any) -> None:
        self.policy = Policy.model_validate(self.policy.model_dump() | changes)

    def allowed(self, moment: datetime) -> bool:
        frozen = any(first <= moment.date() <= last for first, last in self.frozen)
        return not frozen and (not self.openings or any(opening.holds(moment) for opening in self.openings))

    def run(self, now: datetime) -> None:
        """Let one run plan and act, and check all that is promised."""
        before, decision = self.life, decide(self.policy, self.life, now)
        assert decision.reason is None or decision.deferred is None
        alive = before.expires_at is None or before.expires_at > now
        assert alive or self.neglected, "a secret died"
        if decision.reason is None:
            self.counts["deferred"] += decision.deferred is not None
            assert not self.pending or decision.deferred, "a changed trigger was forgotten"
            seen = applied_without_rotation(self.policy, before, KEY)
            if seen != before.rotation:
                self.life = before.model_copy(update={"rotation": seen})
            return
        self.judge(decision.reason, now)
        self.pending = self.neglected = False
        self.mint(now)
        again = decide(self.policy, self.life, now)
        assert again.reason is None, "the same run would mint twice"
        assert self.life.next_rotation_at is None or self.life.next_rotation_at > now

    def judge(self, reason: str, now: datetime) -> None:
        """Check that a rotation for this reason keeps all promises."""
        before, asked, forced = self.life, reason.startswith("rotate_now"), "too soon to wait" in reason
        self.counts["mints"] += 1
        assert not self.policy.paused, "minted while paused"
        if asked:
            self.counts["rotate_now"] += 1
            return
        in_grace = before.previous_expires_at is not None and before.previous_expires_at > now
        if forced:
            self.counts["forced"] += 1
            assert before.expires_at is not None
            # No moment that leaves two days to live is free of all obstacles.
            later = max(now, before.previous_expires_at or now)
            free = [later + k * HOUR / 2 for k in range((before.expires_at - 2 * DAY - later) // (HOUR / 2) + 1)]
            assert not any(map(self.allowed, free)), "forced although it could have waited"
            assert in_grace or not self.allowed(now), "forced although nothing was in the way"
        else:
            assert self.allowed(now), "minted outside of its window or in a freeze"
            assert not in_grace, "a previous secret was evicted while in grace"
        if reason.startswith("trigger changed"):
            assert self.pending, "a trigger rotated twice"
            self.counts["triggered"] += 1
        elif not self.pending:
            assert before.next_rotation_at is not None
            assert before.next_rotation_at <= now, "minted before it was due"
            assert before.next_rotation_at not in self.minted_for, "minted twice for one due date"
            self.minted_for.add(before.next_rotation_at)
            self.counts["by time"] += 1


def credential(number: int, dice: random.Random) -> Credential:
    """Make up a credential; the number sees to it that every kind of policy occurs."""
    lives = [None, 30, 90, 365][number % 4]
    max_age = dice.choice([None, 7, 30, 90, 180]) if lives else dice.choice([7, 30, 90, 180])
    openings = WINDOWS[number // 4 % 10] if number // 4 % 10 < len(WINDOWS) else []
    if openings and max_age == 7:
        max_age = 30
    grace = dice.choice([None, 1, 5, 29])
    if grace and max_age and grace >= max_age:
        grace = 1
    fields: dict[str, Any] = {"triggers": {"release": 0}, "windows": [opening.as_inputs() for opening in openings]}
    if max_age:
        fields["max_age"] = f"{max_age}d"
    if grace:
        fields["grace"] = f"P{grace}D"
    if dice.random() < 0.5:
        fields["jitter"] = dice.choice(["12h", "3d", "6d"])
    if lives and dice.random() < 0.3 and (max_age or 99) > 10:
        fields["renew_before"] = "240h"
    frozen = FREEZES if dice.random() < 0.5 else []
    fields["freeze"] = [f"{first}/{last}" for first, last in frozen]
    return Credential(
        Policy.model_validate(fields),
        openings,
        frozen,
        lives * DAY if lives else None,
        grace * DAY if grace else None,
        dice,
    )


def runs(dice: random.Random) -> Iterator[tuple[int, datetime]]:
    """Yield the days of the runs: daily, some minutes late, and one in twelve missed."""
    missed = 0
    for day in range(1, DAYS):
        missed = missed + 1 if missed < MAX_MISSED and dice.random() < 1 / 12 else 0
        if not missed:
            yield day, START + day * DAY + dice.randrange(600) * timedelta(seconds=1)


def simulate(seed: int) -> Counter[str]:
    dice = random.Random(seed)
    fleet = [credential(number, dice) for number in range(CREDENTIALS)]
    counts: Counter[str] = Counter(credentials=len(fleet), days=DAYS)
    for one in fleet:
        one.mint(START)
    for day, now in runs(dice):
        counts["runs"] += 1
        for one in fleet:
            chance = dice.random()
            if chance < 0.003:
                one.edit(triggers={"release": day})
                one.pending = True
            elif chance < 0.004:
                one.edit(rotate_now=f"INC-{day}")
            elif chance < (0.1 if one.policy.paused else 0.005):
                one.edit(paused=not one.policy.paused)
            elif chance > 0.999:
                one.edit(triggers=one.policy.triggers | {f"added-{day}": day})
            one.neglected |= one.policy.paused
            one.run(now)
            counts["decisions"] += 1
    for one in fleet:
        counts += one.counts
    return counts


def test_simulation_of_two_years_of_daily_runs(capsys: pytest.CaptureFixture[str]) -> None:
    started = time.perf_counter()
    counts = simulate(SEED)
    took = time.perf_counter() - started
    with capsys.disabled():
        figures = ", ".join(f"{number} {name}" for name, number in counts.items())
        print(f"\nsimulation: {figures}; {took:.1f} s")  # noqa: T201 - the figures
    # Every kind of decision has occurred, often enough to mean something.
    assert counts["by time"] > 500
    assert min(counts[name] for name in ("triggered", "rotate_now", "forced", "deferred")) > 20
