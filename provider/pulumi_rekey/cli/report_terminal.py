"""A report for a terminal, or as plain text where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ..model import rfc3339
from ..policy.durations import in_words
from .health import Health, age
from .report import Report, Row, Section

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .doctor import Finding

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
_LEVELS: Final = {"ok": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "yellow"), "problem": ("✗", "bold red")}
_NOTHING: Final = "-"


def summary(report: Report) -> str:
    """Return in one line how many credentials there are, and how they are."""
    counts = report.counts()
    number = sum(count for _, count in counts)
    stacks = len(report.sections)
    found = f"{number} credential{'' if number == 1 else 's'} in {stacks} stack{'' if stacks == 1 else 's'}"
    return f"{found}: {', '.join(f'{count} {health}' for health, count in counts)}" if counts else found


def from_now(moment: datetime | None, now: datetime) -> str | None:
    """Return how far a moment is away, in words: ``in 27 d``, ``3 h ago``."""
    if moment is None:
        return None
    return f"in {in_words(moment - now)}" if moment > now else f"{in_words(now - moment)} ago"


def plain(report: Report) -> Iterator[str]:
    """Yield aligned lines without colour, one a credential; moments are whole, so that they can be compared."""
    head = ("HEALTH", "STACK", "RESOURCE", "TYPE", "ENDPOINT", "AGE", "GENERATION", "EXPIRES", "NEXT DUE")
    lines: list[tuple[str, ...]] = [(*head, "PREVIOUS UNTIL", "WHY")]
    lines += [_plain_cells(section, row, report.at) for section, row in report.rows]
    if len(lines) > 1:
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        for line in lines:
            yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    yield summary(report)


def _plain_cells(section: Section, row: Row, now: datetime) -> tuple[str, ...]:
    s = row.credential.state
    moments = (s.expires_at, row.due, s.previous_expires_at)
    return (
        # First, so that no line begins with text from outside, which a CI system might take for a command.
        str(row.verdict.health),
        section.title,
        row.credential.name,
        row.credential.kind,
        row.credential.endpoint or _NOTHING,
        (age(s, now) or _NOTHING).replace(" ", ""),
        str(s.generation),
        *(_NOTHING if moment is None else rfc3339(moment) for moment in moments),
        row.verdict.why or _NOTHING,
    )


def for_terminal(report: Report) -> Iterator[RenderableType]:
    """Yield a table a stack, then what needs a word, then the summary."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    for number, section in enumerate(report.sections):
        if number:
            yield ""
        table = Table(title=Text(section.title, "bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("health", "resource", "endpoint", "age", "gen", "expires", "next due", "previous until"):
            table.add_column(column, no_wrap=column in {"health", "age", "gen"}, overflow="fold")
        for row in section.rows:
            table.add_row(*_terminal_cells(row, report.at))
        if section.rows:
            yield table
        else:
            yield Text.assemble((section.title, "bold"), "  no credential of rekey")
        for row in section.rows:
            if row.verdict.why is not None and row.verdict.health is not Health.NEVER:
                style = _STYLES[row.verdict.health]
                yield Text.assemble(
                    (f"{row.verdict.health} ", style), (row.credential.name, "bold"), f"  {row.verdict.why}"
                )
    yield Text(f"\n{summary(report)}")


def _terminal_cells(row: Row, now: datetime) -> Iterator[RenderableType]:
    from rich.text import Text

    found, s = row.credential, row.credential.state
    yield Text(str(row.verdict.health), _STYLES[row.verdict.health])
    yield Text.assemble(found.name, (f"\n{found.kind}", "dim"))
    yield Text(found.endpoint or _NOTHING)
    yield Text(age(s, now) or _NOTHING)
    yield Text(str(s.generation))
    soon = now + timedelta(days=2)
    for moment, hurries in ((s.expires_at, True), (row.due, True), (s.previous_expires_at, False)):
        if moment is None:
            yield Text(_NOTHING, "dim")
        else:
            style = "yellow" if hurries and moment <= soon else "dim"
            yield Text.assemble(f"{moment:%Y-%m-%d}", (f"\n{from_now(moment, now)}", style))


def plain_finding(finding: Finding) -> Iterator[str]:
    """Yield a finding of the doctor, and its remedy on a line of its own."""
    yield f"{finding.level:<8} {finding.subject}: {finding.what}"
    if finding.remedy is not None:
        yield f"{'':<8} -> {finding.remedy}"


def finding_for_terminal(finding: Finding) -> RenderableType:
    """Return a finding of the doctor with its sign and, below it, its remedy."""
    from rich.text import Text

    sign, style = _LEVELS[finding.level]
    text = Text.assemble((f"{sign} ", style), (finding.subject, "bold"), f"  {finding.what}")
    if finding.remedy is not None:
        text.append(f"\n  → {finding.remedy}", style)
    return text
