"""A picture of the lives of credentials over time, as inline SVG: lives, overlaps, due dates, windows and freezes.

Places along the axis are percentages and sizes are pixels, so that it fits any width and its text keeps its size. All
looks are classes of the page's style sheet: its content security policy forbids style attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from html import escape
from typing import Final

from ..policy.windows import Freeze, Window
from .choices import Health
from .report import Report, Row

_DAY: Final = timedelta(days=1)
#: No picture shows less or more; what lies beyond is cut off at its edge.
_LEAST: Final = timedelta(days=7)
_MAX_BEFORE: Final = timedelta(days=400)
_MAX_AFTER: Final = timedelta(days=400)
#: How many openings are looked for; the densest windows are then drawn a part of the way.
_MAX_OPENINGS: Final = 1000
_MAX_TICKS: Final = 8
_ROW_HEIGHT: Final = 46
_AXIS_HEIGHT: Final = 28
#: Percent; a window of hours in a picture of months is still seen.
_THINNEST: Final = 0.35
_DIAMOND: Final = '<path class="due" d="M0-8L6 0L0 8L-6 0Z"/>'
_BAD: Final = frozenset({Health.FAILING, Health.EXPIRED, Health.OVERDUE})


@dataclass(frozen=True)
class Axis:
    """The span of time that pictures of one report share."""

    start: datetime
    end: datetime

    def place(self, moment: datetime) -> float:
        """Return where a moment lies, in percent, held within the axis."""
        return round(min(max((moment - self.start) / (self.end - self.start), 0.0), 1.0) * 100, 2)

    def shows(self, moment: datetime) -> bool:
        """Tell whether a moment lies on the axis."""
        return self.start <= moment <= self.end

    def ticks(self) -> Iterator[tuple[datetime, str]]:
        """Yield round moments and how they are written."""
        span = self.end - self.start
        moment = datetime.combine(self.start.date() + _DAY, time(), UTC)
        if span > 45 * _DAY:
            months = next(n for n in (1, 2, 3, 6, 12) if span / (n * 30 * _DAY) <= _MAX_TICKS or n == 12)  # noqa: PLR2004 - a year
            while moment < self.end:
                if moment.day == 1 and (moment.month - 1) % months == 0:
                    yield moment, f"{moment:%b %Y}" if moment.month == 1 else f"{moment:%b}"
                moment += _DAY
        else:
            days = max(1, round(span / _DAY / _MAX_TICKS))
            while moment < self.end:
                yield moment, f"{moment.day} {moment:%b}"
                moment += days * _DAY


def axis(report: Report) -> Axis:
    """Return the span that holds the lives, due dates and ends of all credentials, and the present."""
    before, after = [report.at], [report.at]
    for _, row in report.rows:
        s = row.credential.state
        before += [moment for moment in (s.rotated_at, row.due) if moment is not None]
        after += [moment for moment in (s.expires_at, row.due, s.previous_expires_at) if moment is not None]
    start = max(min(before), report.at - _MAX_BEFORE)
    end = min(max(after), report.at + _MAX_AFTER)
    room = max((end - start) / 20, (_LEAST - (end - start)) / 2)
    return Axis(start - room, end + room)


def timeline(rows: Sequence[Row], along: Axis, now: datetime, anchors: Sequence[str]) -> str:
    """Return the picture of one stack's credentials; each row is a link to its anchor in the page."""
    return "".join(_picture(rows, along, now, anchors))


def _picture(rows: Sequence[Row], along: Axis, now: datetime, anchors: Sequence[str]) -> Iterator[str]:
    height = _AXIS_HEIGHT + _ROW_HEIGHT * len(rows)
    yield f'<svg class="timeline" width="100%" height="{height}" role="group" aria-label="Timeline">'
    for number, (moment, text) in enumerate(along.ticks()):
        x = along.place(moment)
        minor = ' class="minor"' if number % 2 else ""
        yield f'<g{minor}><line class="tick" x1="{x}%" x2="{x}%" y1="{_AXIS_HEIGHT}" y2="{height}"/>'
        yield f'<text class="tick" x="{x}%" y="18" text-anchor="middle">{text}</text></g>'
    for number, (row, anchor) in enumerate(zip(rows, anchors, strict=True)):
        yield from _row(row, along, now, anchor, _AXIS_HEIGHT + number * _ROW_HEIGHT)
    x = along.place(now)
    yield f'<line class="now" x1="{x}%" x2="{x}%" y1="{_AXIS_HEIGHT - 4}" y2="{height}"/></svg>'


def _row(row: Row, along: Axis, now: datetime, anchor: str, top: int) -> Iterator[str]:
    found, s = row.credential, row.credential.state
    said = escape(_in_words(row, now))
    health = row.verdict.health.value
    yield f'<a href="#{anchor}" class="row {health}" aria-label="{said}"><title>{said}</title>'
    yield f'<rect class="hit" x="0" y="{top}" width="100%" height="{_ROW_HEIGHT}"/>'
    bar = top + 22
    policy = found.policy
    if policy is not None:
        for first, last in _openings(policy.windows, along, now):
            yield _span("window", along, first, last, y=bar + 15, height=4)
    if s.rotated_at is not None:
        yield _span("life", along, s.rotated_at, now, y=bar, height=14)
        end = s.expires_at or row.due
        if end is not None and end > now:
            yield _span("future", along, now, end, y=bar, height=14)
        if row.verdict.health in _BAD and row.due is not None and row.due < now:
            yield _span("late", along, row.due, now, y=bar, height=14)
        if s.previous_expires_at is not None and s.previous_expires_at > s.rotated_at:
            yield _span("overlap", along, s.rotated_at, s.previous_expires_at, y=bar + 3, height=8)
    for freeze in policy.freeze if policy is not None else ():
        yield _span("freeze", along, *_bounds(freeze), y=bar - 3, height=20)
    if s.expires_at is not None and along.shows(s.expires_at):
        x = along.place(s.expires_at)
        yield f'<line class="end" x1="{x}%" x2="{x}%" y1="{bar - 3}" y2="{bar + 17}"/>'
    if row.due is not None and along.shows(row.due):
        # Shapes cannot be placed in percent, but a nested picture can.
        yield f'<svg x="{along.place(row.due)}%" y="{bar + 7}" overflow="visible">{_DIAMOND}</svg>'
    label = found.name if row.verdict.health is Health.OK else f"{found.name} · {health}"
    yield f'<text class="name" x="0" y="{top + 15}">{escape(label)}</text></a>'


def _span(name: str, along: Axis, first: datetime, last: datetime, *, y: int, height: int) -> str:
    x, end = along.place(first), along.place(last)
    if end <= x and not along.shows(first):
        return ""
    return (
        f'<rect class="{name}" x="{x}%" y="{y}" width="{max(round(end - x, 2), _THINNEST)}%" height="{height}" rx="2"/>'
    )


@cache
def _openings(windows: tuple[Window, ...], along: Axis, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return when the windows are open, from now on; what the picture could not tell apart is one."""
    openings: list[tuple[datetime, datetime]] = []
    for window in windows:
        moment = window.next_opening(now - window.duration)
        while moment is not None and moment < along.end and len(openings) < _MAX_OPENINGS:
            openings.append((moment, moment + window.duration))
            moment = window.next_opening(moment)
    merged: list[tuple[datetime, datetime]] = []
    for first, last in sorted(openings):
        if merged and along.place(first) - along.place(merged[-1][1]) < 2 * _THINNEST:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _bounds(freeze: Freeze) -> tuple[datetime, datetime]:
    return datetime.combine(freeze.first, time(), UTC), datetime.combine(freeze.last, time(), UTC) + _DAY


def _in_words(row: Row, now: datetime) -> str:
    """Describe the row for a screen reader."""
    s = row.credential.state
    said = [f"{row.credential.name}: {row.verdict.health}"]
    if (age := row.age(now)) is not None:
        said.append(f"{age} old")
    if row.due is not None:
        said.append(f"due {row.due.date()}")
    if s.expires_at is not None:
        said.append(f"{'expires' if s.expires_at > now else 'expired'} {s.expires_at.date()}")
    if s.previous_expires_at is not None and s.previous_expires_at > now:
        said.append(f"the previous secret works until {s.previous_expires_at.date()}")
    return ", ".join(said)
