"""A report as Markdown, for a pull request or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..model import rfc3339
from .choices import Health
from .report import Report, Row, from_now

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
    """Return the report for GitHub and GitLab: a table per stack, with the reasons below it."""
    return "\n".join(_lines(report)) + "\n"


def literal(text: str) -> str:
    """Return text from outside so that it renders literally: no markup, no mention of anybody, no new cell.

    It is put into ``code``, in which neither GitHub nor GitLab looks for mentions and links, with every character that
    could be markup written as an entity.
    """
    return f"<code>{''.join(c if c.isalnum() or c in ' -,;' else f'&#{ord(c)};' for c in text)}</code>"


def _lines(report: Report) -> Iterator[str]:
    yield "## Credentials"
    yield ""
    yield f"{report.summary()}. As of {rfc3339(report.at)}."
    for section in report.sections:
        yield ""
        yield f"### {literal(section.title)}"
        yield ""
        if not section.rows:
            yield "No credentials managed by Rekey."
            continue
        yield "| | health | resource | endpoint | age | generation | expires | next due | previous until |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for row in section.rows:
            yield f"| {' | '.join(_cells(row, report.at))} |"
        remarks = [(row, row.remark) for row in section.rows if row.remark is not None]
        if remarks:
            yield ""
        for row, remark in remarks:
            yield f"- **{row.verdict.health}** {literal(row.credential.name)}: {literal(remark)}"


def _cells(row: Row, now: datetime) -> Iterator[str]:
    found, s = row.credential, row.credential.state
    yield _SIGNS[row.verdict.health]
    yield str(row.verdict.health)
    yield f"{literal(found.name)} {literal(found.kind)}"
    yield _NOTHING if found.endpoint is None else literal(found.endpoint)
    yield row.age(now) or _NOTHING
    yield str(s.generation)
    for moment in (s.expires_at, row.due, s.previous_expires_at):
        yield _NOTHING if moment is None else f"{moment.date()} ({from_now(moment, now)})"
