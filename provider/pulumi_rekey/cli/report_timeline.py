"""Pictures of the lives of credentials over time, as inline SVG: lives, overlaps, due dates, windows and freezes.

Places along the axis are percentages and sizes are pixels, so that it fits any width and its text keeps its size. All
looks are classes of the page's style sheet: its content security policy forbids style attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from html import escape
from typing import Final

from ..policy.durations import in_words
from ..policy.windows import Freeze, Window
from .choices import Health
from .report import Row
from .report_axis import Axis, Tick

_DAY: Final = timedelta(days=1)
#: How many openings are looked for; the densest windows are then drawn a part of the way.
_MAX_OPENINGS: Final = 1000
_HEIGHT: Final = 44
_AXIS_HEIGHT: Final = 34
#: Percent; a window of an hour in a picture of months is still seen.
_THINNEST: Final = 0.4
#: Percent; openings that lie closer together cannot be told apart.
_TELLABLE: Final = 0.8
_DIAMOND: Final = '<path class="due" d="M0-8L6 0L0 8L-6 0Z"/>'
_BAD: Final = frozenset({Health.FAILING, Health.EXPIRED, Health.OVERDUE})


def parts(along: Axis) -> str:
    """Return what all pictures of a page have in common, drawn once: the labels of the axis, and its lines."""
    return "".join(_parts(along))


def _parts(along: Axis) -> Iterator[str]:
    ticks = list(along.ticks())
    yield '<svg class="parts" width="0" height="0" aria-hidden="true"><defs><g id="labels">'
    for tick in ticks:
        yield f'<g class="{_kind(tick)}"><text class="offset" x="{tick.place}%" y="12">{tick.offset}</text>'
        yield f'<text x="{tick.place}%" y="27">{tick.date}</text></g>'
    yield '</g><g id="lines">'
    for tick in ticks:
        yield f'<line class="{_kind(tick)}" x1="{tick.place}%" x2="{tick.place}%" y1="0" y2="100%"/>'
    yield "</g></defs></svg>"


def _kind(tick: Tick) -> str:
    return "tick minor" if tick.minor else "tick"


def labels() -> str:
    """Return the labels of the axis, as they stand above pictures."""
    return f'<svg class="axis" width="100%" height="{_AXIS_HEIGHT}" aria-hidden="true"><use href="#labels"/></svg>'


def picture(row: Row, along: Axis) -> str:
    """Return the picture of one credential's life."""
    return "".join(_picture(row, along))


def _picture(row: Row, along: Axis) -> Iterator[str]:
    s, now, policy = row.credential.state, along.now, row.credential.policy
    yield f'<svg class="life-line {row.verdict.health}" width="100%" height="{_HEIGHT}" role="img"'
    yield f' aria-label="{escape(_in_words(row, now))}">'
    if policy is not None:
        for first, last, often in _openings(policy.windows, along):
            yield _span("window often" if often else "window", along, first, last, y=2, height=40)
        for freeze in policy.freeze:
            yield _span("freeze", along, *_bounds(freeze), y=2, height=40)
    yield '<use href="#lines"/>'
    if s.rotated_at is not None:
        yield _span("life", along, s.rotated_at, now, y=12, height=14)
        end = s.expires_at or row.due
        if end is not None and end > now:
            yield _span("future", along, now, end, y=12, height=14)
        if row.verdict.health in _BAD and row.due is not None and row.due < now:
            yield _span("late", along, row.due, now, y=12, height=14)
        if s.previous_expires_at is not None and s.previous_expires_at > s.rotated_at:
            yield _span("overlap", along, s.rotated_at, s.previous_expires_at, y=29, height=7)
    if s.expires_at is not None and along.shows(s.expires_at):
        x = along.place(s.expires_at)
        yield f'<line class="end" x1="{x}%" x2="{x}%" y1="8" y2="30"/>'
    x = along.place(now)
    yield f'<line class="now" x1="{x}%" x2="{x}%" y1="0" y2="{_HEIGHT}"/>'
    if row.due is not None and along.shows(row.due):
        # Shapes cannot be placed in percent, but a nested picture can.
        yield f'<svg x="{along.place(row.due)}%" y="19" overflow="visible">{_DIAMOND}</svg>'
    yield "</svg>"


def _span(name: str, along: Axis, first: datetime, last: datetime, *, y: int, height: int) -> str:
    x, end = along.place(first), along.place(last)
    if end <= x and not along.shows(first):
        return ""
    width = max(round(end - x, 2), _THINNEST)
    return f'<rect class="{name}" x="{x}%" y="{y}" width="{width}%" height="{height}"/>'


@cache
def _openings(windows: tuple[Window, ...], along: Axis) -> list[tuple[datetime, datetime, bool]]:
    """Return when the windows are open, from now on; what the picture cannot tell apart is one, and marked so."""
    openings: list[tuple[datetime, datetime]] = []
    for window in windows:
        moment = window.next_opening(along.now - window.duration)
        while moment is not None and moment < along.now + along.after and len(openings) < _MAX_OPENINGS:
            openings.append((max(moment, along.now), moment + window.duration))
            moment = window.next_opening(moment)
    merged: list[tuple[datetime, datetime, bool]] = []
    for first, last in sorted(openings):
        if merged and along.place(first) - along.place(merged[-1][1]) < _TELLABLE:
            merged[-1] = merged[-1][0], max(last, merged[-1][1]), True
        else:
            merged.append((first, last, False))
    return merged


def _bounds(freeze: Freeze) -> tuple[datetime, datetime]:
    return datetime.combine(freeze.first, time(), UTC), datetime.combine(freeze.last, time(), UTC) + _DAY


def rhythm(window: Window) -> str:
    """Return when a window is open, in words: ``at 02:00 on Sunday for 4 h, Europe/Sofia``."""
    from cronsim import CronSim

    # The words do not depend on the moment.
    words = CronSim(window.cron, datetime(2028, 1, 1)).explain()  # noqa: DTZ001 - cronsim wants bare wall times
    return f"{words[0].lower()}{words[1:]} for {in_words(window.duration)}, {window.timezone}"


def frozen(freeze: Freeze) -> str:
    """Return the dates of a freeze: ``2026-12-20 to 2027-01-05``."""
    return str(freeze.first) if freeze.first == freeze.last else f"{freeze.first} to {freeze.last}"


def _in_words(row: Row, now: datetime) -> str:
    """Describe the picture for a screen reader."""
    s = row.credential.state
    said = [f"{row.credential.name}: {row.verdict.health}"]
    if (age := row.age(now)) is not None:
        said.append(f"{age} old")
    if row.due is not None:
        said.append(f"due {row.due.date()}")
    if s.expires_at is not None:
        said.append(f"{'expires' if s.expires_at > now else 'expired'} {s.expires_at.date()}")
    if (previous := row.previous_until(now)) is not None:
        said.append(f"the previous secret works until {previous.date()}")
    return ", ".join(said)
