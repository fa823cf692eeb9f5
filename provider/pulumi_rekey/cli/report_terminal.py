"""A report as a table in a terminal, or as aligned plain text for pipes and logs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..model import rfc3339
from .choices import Health
from .report import Report, Row, Section, from_now

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES: Final = {
    Health.FAILING: "bold red",
    Health.EXPIRED: "bold red",
    Health.OVERDUE: "red",
    Health.UNKNOWN: "magenta",
    Health.DUE: "yellow",
    Health.DEFERRED: "cyan",
    Health.PAUSED: "blue",
    Health.NEVER: "dim",
    Health.OK: "green",
}
_NOTHING: Final = "-"
#: The width of a date, which must not be broken.
_DATE: Final = 10
#: A date this near is in yellow.
_SOON: Final = timedelta(days=2)


def plain(report: Report) -> Iterator[str]:
    """Yield aligned lines without colour, one per credential, with full timestamps."""
    head = ("HEALTH", "STACK", "RESOURCE", "TYPE", "ENDPOINT", "AGE", "GENERATION", "EXPIRES", "NEXT DUE")
    lines: list[tuple[str, ...]] = [(*head, "PREVIOUS UNTIL", "WHY")]
    lines += [_plain_cells(section, row, report.at) for section, row in report.rows]
    if len(lines) > 1:
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        for line in lines:
            yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    yield report.summary()


def _plain_cells(section: Section, row: Row, now: datetime) -> tuple[str, ...]:
    s = row.credential.state
    return (
        # First, so that no line begins with text from outside, which a CI system might take for a command.
        str(row.verdict.health),
        section.title,
        row.credential.name,
        row.credential.kind,
        row.credential.endpoint or _NOTHING,
        (row.age(now) or _NOTHING).replace(" ", ""),
        str(s.generation),
        *(_NOTHING if moment is None else rfc3339(moment) for moment in (s.expires_at, row.due, s.previous_expires_at)),
        row.verdict.why or _NOTHING,
    )


def for_terminal(report: Report) -> Iterator[RenderableType]:
    """Yield a table per stack with the reasons below it, then the summary; it fits 80 columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    for section in report.sections:
        if section.rows:
            table = Table(
                title=Text(section.title, "bold"),
                title_justify="left",
                box=box.SIMPLE_HEAD,
                pad_edge=False,
                padding=(0, 1, 0, 0),
            )
            for column in ("health", "resource", "age", "gen"):
                table.add_column(column, no_wrap=column in {"health", "age"}, overflow="fold")
            for column in ("expires", "next due", "previous\nuntil"):
                table.add_column(column, min_width=_DATE)
            for row in section.rows:
                table.add_row(*_terminal_cells(row, report.at))
            yield table
        else:
            yield Text.assemble((section.title, "bold"), "  no credentials managed by Rekey")
        for row in section.rows:
            if row.remark is not None:
                style = _STYLES[row.verdict.health]
                yield Text.assemble((f"{row.verdict.health} ", style), (row.credential.name, "bold"), f"  {row.remark}")
        yield ""
    yield Text(report.summary())


def _terminal_cells(row: Row, now: datetime) -> Iterator[RenderableType]:
    from rich.text import Text

    found, s = row.credential, row.credential.state
    yield Text(str(row.verdict.health), _STYLES[row.verdict.health])
    yield Text.assemble(found.name, (f"\n{found.kind}{f' ({found.endpoint})' if found.endpoint else ''}", "dim"))
    yield Text(row.age(now) or _NOTHING)
    yield Text(str(s.generation))
    for moment, hurries in ((s.expires_at, True), (row.due, True), (s.previous_expires_at, False)):
        if moment is None:
            yield Text(_NOTHING, "dim")
        else:
            style = "yellow" if hurries and moment - now <= _SOON else "dim"
            yield Text.assemble(str(moment.date()), (f"\n{from_now(moment, now)}", style))
