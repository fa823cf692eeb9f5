"""The credentials of a report in full, each as a paragraph; the same in a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Final

from ..model import rfc3339
from .facts import consumers_of, policy_of, removal_of, rotations
from .report import Report, Row, Section, from_now

_NOTHING: Final = "-"
#: The width of a label.
_LABEL: Final = 10


def lines(report: Report, width: int | None) -> Iterator[str]:
    """Yield each credential of a report as text, a fact a line; longer ones are broken where there is a width."""
    for section, row in report.rows:
        for line in _lines(section, row, report.at):
            yield from [line] if width is None else wrap(line, width, subsequent_indent=" " * _LABEL)
        yield ""


def _lines(section: Section, row: Row, now: datetime) -> Iterator[str]:
    found, s = row.credential, row.credential.state
    why = f": {row.verdict.why}" if row.verdict.why else ""
    # First, so that no line begins with text from outside, which a CI system might take for a command.
    yield f"{'name':<{_LABEL}}{found.name} ({found.kind}, {section.title})"
    yield f"{'health':<{_LABEL}}{row.verdict.health}{why}"
    yield f"{'endpoint':<{_LABEL}}{found.endpoint or _NOTHING}{f' ({s.address})' if s.address else ''}"
    yield from _list("policy", policy_of(found))
    for label, moment in (("due", row.due), ("expires", s.expires_at)):
        yield f"{label:<{_LABEL}}{_moment(moment, now)}"
    yield from _list("consumers", consumers_of(found, now))
    removal = removal_of(found)
    if removal is not None:
        yield from _list("removal", [removal, "with retain_on_delete=True it is left alone"])
    past = [f"{one.generation:>4}  {rfc3339(one.at)}  {one.reason}" for one in rotations(found)]
    yield from _list("rotations", past or ["none"])


def _list(label: str, members: Sequence[str]) -> Iterator[str]:
    for number, member in enumerate(members):
        yield f"{'' if number else label:<{_LABEL}}{member}"


def _moment(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{rfc3339(moment)} ({from_now(moment, now)})"
