"""The axis of time that the pictures of a report share: the nearer to now, the wider a day. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log1p
from typing import Final

from .report import Report

_DAY: Final = timedelta(days=1)
#: Within about this span of now the axis is linear; beyond it, it is logarithmic.
_NEAR: Final = timedelta(days=7)
#: The past is this much narrower: what is to come matters more.
_PAST: Final = 0.4
#: No picture shows less or more; what lies beyond is cut off at its edge.
_MIN_BEFORE: Final = timedelta(days=7)
_MIN_AFTER: Final = timedelta(days=30)
_MAX_BEFORE: Final = timedelta(days=730)
_MAX_AFTER: Final = timedelta(days=1830)
#: How much further it reaches than what it shows; to come, there is room for the label of the last date.
_ROOM_BEFORE: Final = 1.1
_ROOM_AFTER: Final = 1.6
#: Days from now that may have a label, those that are wanted most first.
_TICKS: Final = (0, 30, 90, 7, 365, 14, 180, 730, 1825)
#: Percent between two labels, on a wide picture and on a narrow one.
_GAP: Final = 11
_NARROW_GAP: Final = 15
#: Percent from either end, within which a label would not fit.
_EDGE: Final = 6
_MINUS: Final = "\u2212"
#: From here on the day of a label says less than its year.
_YEAR: Final = 300


@dataclass(frozen=True)
class Tick:
    """A label of the axis."""

    place: float
    offset: str
    date: str
    #: Whether there is room for it only on a wide picture.
    minor: bool


@dataclass(frozen=True)
class Axis:
    """A span of time around now."""

    now: datetime
    before: timedelta
    after: timedelta

    def place(self, moment: datetime) -> float:
        """Return where a moment lies, in percent, held within the axis; a later moment never lies further left."""
        left, right = _bent(-self.before), _bent(self.after)
        part = (_bent(moment - self.now) - left) / (right - left)
        return round(min(max(part, 0.0), 1.0) * 100, 2)

    def shows(self, moment: datetime) -> bool:
        """Tell whether a moment lies on the axis."""
        return -self.before <= moment - self.now <= self.after

    def ticks(self) -> Iterator[Tick]:
        """Yield the labels, from left to right; none touches another one."""
        major = self._labelled(_NARROW_GAP, [])
        for days in sorted(self._labelled(_GAP, major)):
            moment = self.now + days * _DAY
            offset = f"{'+' if days > 0 else _MINUS}{abs(days)} d" if days else "now"
            date = f"{moment:%b %Y}" if abs(days) > _YEAR else f"{moment.day} {moment:%b}"
            yield Tick(self.place(moment), offset, date, minor=days not in major)

    def _labelled(self, gap: float, before: Sequence[int]) -> list[int]:
        """Return the days from now that have a label, so far apart: some that have one before, and more."""
        chosen = {days: self._place_of(days) for days in before}
        for days in (sign * days for days in _TICKS for sign in (1, -1)):
            place = self._place_of(days)
            fits = _EDGE <= place <= 100 - _EDGE or not days
            if fits and all(abs(place - other) >= gap for other in chosen.values()):
                chosen[days] = place
        return list(chosen)

    def _place_of(self, days: int) -> float:
        return self.place(self.now + days * _DAY)


def axis(report: Report) -> Axis:
    """Return the span that holds the lives, due dates and ends of all credentials, and the present."""
    before, after = _MIN_BEFORE, _MIN_AFTER
    for _, row in report.rows:
        s = row.credential.state
        for moment in (s.rotated_at, s.expires_at, s.previous_expires_at, row.due):
            if moment is not None:
                before, after = max(before, report.at - moment), max(after, moment - report.at)
    return Axis(report.at, min(before, _MAX_BEFORE) * _ROOM_BEFORE, min(after, _MAX_AFTER) * _ROOM_AFTER)


def _bent(span: timedelta) -> float:
    return log1p(span / _NEAR) if span >= timedelta() else -_PAST * log1p(-span / _NEAR)
