"""How many requests an endpoint bears at once, learnt from its 429s; pure, with the clock handed in.

Nothing differs from a plain bound until the first 429.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: What is left of a window of one request after a 429; and the inverse, by which it grows again.
_SHRINK = 0.8
#: Seconds between two requests at most, so that a vendor that bears more again is soon noticed.
_MAX_SPACING_S = 1.0
#: Answers after which the window grows, at least and at most: each 429 in a row at the same height doubles them.
_MIN_PATIENCE, _MAX_PATIENCE = 4, 128
#: The window does not grow for so many times the wait that the last attempt to grow has cost.
_HOLDS = 10
#: The weight of the newest answer in the mean time that an answer takes.
_WEIGHT = 0.2


@dataclass
class Slot:
    """A request under way, and what became of it."""

    sent: float
    #: Whether there was an answer.
    answered: bool = False
    #: Whether it was 429.
    refused: bool = False
    #: Seconds in which the vendor wants no request at all.
    hold: float = 0.0


class Limiter:
    """A window of requests under way: less after a 429, one more after some answers, never above the bound.

    Below one it is a rate: one request at a time and a pause after it, so that a vendor that counts requests a second
    is met as well as one that counts those in flight.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._window = float(most)
        self._under_way = 0
        self._patience = _MIN_PATIENCE
        self._answers = 0
        self._grew_last = False
        self._takes = 0.0
        self._not_before = -math.inf
        self._grows_from = -math.inf
        self._cut = -math.inf
        self._last_answered = -math.inf
        self._last_refused = -math.inf

    def delay(self, now: float) -> float:
        """Return the seconds after which a request may be sent; infinity if another one must end first."""
        if self._under_way >= max(1, math.floor(self._window)):
            return math.inf
        return max(0.0, self._not_before - now)

    def only_refuses(self, since: float) -> bool:
        """Tell whether the vendor's latest answer is 429, and it has given no other since then."""
        return self._last_answered < min(since, self._last_refused)

    def enter(self, now: float) -> Slot:
        """Count a request that is sent now."""
        self._under_way += 1
        if self._window < 1:
            self._not_before = max(self._not_before, now + min(self._takes / self._window, _MAX_SPACING_S))
        return Slot(now)

    def leave(self, slot: Slot, now: float) -> None:
        """Learn from a request that has ended; one without an answer teaches nothing."""
        self._under_way -= 1
        if slot.refused:
            self._last_refused = now
            self._shrink(slot, now)
        elif slot.answered:
            self._last_answered = now
            self._takes += (now - slot.sent - self._takes) * (_WEIGHT if self._takes else 1)
            if self._window < self._most and now >= self._grows_from:
                self._grow()

    def _shrink(self, slot: Slot, now: float) -> None:
        self._not_before = max(self._not_before, now + slot.hold)
        self._grows_from = max(self._grows_from, now + _HOLDS * slot.hold)
        self._answers = 0
        if self._under_way:
            # What the vendor has not refused is what it bears.
            self._window = min(self._window, self._under_way)
        if slot.sent < self._cut:
            # The same burst of requests: they were sent before the window was made smaller.
            return
        if not self._under_way:
            self._window = min(self._window, 1.0) * _SHRINK
        self._cut = now
        self._patience = min(self._patience * 2, _MAX_PATIENCE)
        self._grew_last = False

    def _grow(self) -> None:
        self._answers += 1
        if self._answers < max(self._patience, self._window):
            return
        self._answers = 0
        self._window = min(self._window + 1 if self._window >= 1 else self._window / _SHRINK, self._most)
        if self._grew_last:
            self._patience = max(self._patience // 2, _MIN_PATIENCE)
        self._grew_last = True
