"""A report as Markdown, for a pull request or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..model import rfc3339
from .health import Health, age
from .report import Report, Row
from .report_terminal import from_now, summary

_SIGNS: Final = {
    Health.FAILING: "❌",
    Health.EXPIRED: "❌",
    Health.OVERDUE: "🔴",
    Health.UNKNOWN: "❔",
    Health.DUE: "🟡",
    Health.DEFERRED: "⏳",
    Health.PAUSED: "⏸️",
    Health.NEVER: "⚪",
    Health.OK: "🟢",
}
_NOTHING: Final = "-"


def markdown(report: Report) -> str:
    """Return the report as GitHub and GitLab show it: a table a stack, and why what needs a word is as it is."""
    return "\n".join(_lines(report)) + "\n"


def literal(text: str) -> str:
    """Return text from outside so that it shows as it is: no markup, no mention of anybody, no new cell.

    It stands in ``code``, in which neither GitHub nor GitLab looks for mentions and links, with every character that
    could mean something written as an entity.
    """
    return f"<code>{''.join(c if c.isalnum() or c in ' -,;' else f'&#{ord(c)};' for c in text)}</code>"


def _lines(report: Report) -> Iterator[str]:
    yield "## Credentials"
    yield ""
    yield f"{summary(report)}. As of {rfc3339(report.at)}."
    for section in report.sections:
        yield ""
        yield f"### {literal(section.title)}"
        yield ""
        if not section.rows:
            yield "No credential of Rekey."
            continue
        yield "| | health | resource | endpoint | age | generation | expires | next due | previous until |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for row in section.rows:
            yield f"| {' | '.join(_cells(row, report.at))} |"
        told = [row for row in section.rows if row.verdict.why is not None and row.verdict.health is not Health.NEVER]
        if told:
            yield ""
        for row in told:
            yield f"- **{row.verdict.health}** {literal(row.credential.name)}: {literal(row.verdict.why or '')}"


def _cells(row: Row, now: datetime) -> Iterator[str]:
    found, s = row.credential, row.credential.state
    yield _SIGNS[row.verdict.health]
    yield str(row.verdict.health)
    yield f"{literal(found.name)} {literal(found.kind)}"
    yield _NOTHING if found.endpoint is None else literal(found.endpoint)
    yield age(s, now) or _NOTHING
    yield str(s.generation)
    for moment in (s.expires_at, row.due, s.previous_expires_at):
        yield _NOTHING if moment is None else f"{moment:%Y-%m-%d} ({from_now(moment, now)})"
