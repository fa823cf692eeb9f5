"""A vendor in memory that answers 429 at a limit, and clients that share one limiter, on a clock of their own."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from pulumi_rekey.endpoints.limiter import Limiter, Slot

#: Seconds that a refusal takes.
REFUSAL = 0.002


@dataclass
class Vendor:
    """Bears so many requests in flight, or so many a second with a burst of as many."""

    in_flight: float = math.inf
    rate: float = math.inf
    takes: float = 0.05
    retry_after: float = 0.0
    seed: int = 0
    under_way: int = 0
    tokens: float = field(init=False)
    refilled: float = 0.0
    refusals: int = 0

    def __post_init__(self) -> None:
        self.tokens = self.rate
        self.random = random.Random(self.seed)

    def takes_up(self, now: float) -> bool:
        """Take a request up, or refuse it."""
        if self.rate < math.inf:
            self.tokens = min(self.rate, self.tokens + (now - self.refilled) * self.rate)
            self.refilled = now
        if self.under_way >= self.in_flight or self.tokens < 1:
            self.refusals += 1
            return False
        self.tokens -= 1
        self.under_way += 1
        return True

    def time_to_answer(self) -> float:
        """Return a time near the usual one."""
        return self.takes * self.random.uniform(0.8, 1.2)


@dataclass
class Result:
    """When all was done, how often each request was refused, and how long each took from its first sending."""

    seconds: float
    refusals: list[int]
    waits: list[float]


def simulate(vendor: Vendor, most: int, *, calls: int = 600, parallel: int = 32, adapts: bool = True) -> Result:
    """Send all calls, ``parallel`` callers at a time, first come, first served; refused ones come back with their turn.

    Without ``adapts``, ``most`` is a fixed bound, as good as a user could set it.
    """
    limiter = Limiter(most)
    chance = random.Random(vendor.seed)
    now = 0.0
    todo: Iterator[int] = iter(range(calls))
    queue = [next(todo) for _ in range(min(parallel, calls))]
    heapq.heapify(queue)
    events: list[tuple[float, int, str, int, Slot | None]] = []
    order = iter(range(10**9))
    refusals, first = [0] * calls, [math.nan] * calls
    waits = [math.nan] * calls
    done = 0
    while done < calls:
        while queue and limiter.delay(now) == 0:
            call = heapq.heappop(queue)
            slot = limiter.enter(now)
            first[call] = now if math.isnan(first[call]) else first[call]
            if vendor.takes_up(now):
                slot.answered = True
                heapq.heappush(events, (now + vendor.time_to_answer(), next(order), "answer", call, slot))
            else:
                slot.refused, slot.hold = True, vendor.retry_after
                heapq.heappush(events, (now + REFUSAL, next(order), "refusal", call, slot))
        delay = limiter.delay(now) if queue else math.inf
        if events and events[0][0] <= now + delay:
            now, _, kind, call, ended = heapq.heappop(events)
            if kind == "back":
                heapq.heappush(queue, call)
                continue
            assert ended is not None
            if not adapts:
                # One without an answer teaches nothing.
                ended.answered = ended.refused = False
            limiter.leave(ended, now)
            if kind == "answer":
                vendor.under_way -= 1
                waits[call] = now - first[call]
                done += 1
                if (new := next(todo, None)) is not None:
                    heapq.heappush(queue, new)
            else:
                refusals[call] += 1
                pause = max(vendor.retry_after, chance.uniform(0.5, 1) * min(0.25 * 2.0 ** refusals[call], 8))
                heapq.heappush(events, (now + pause, next(order), "back", call, None))
        else:
            now += delay
    return Result(now, refusals, waits)
