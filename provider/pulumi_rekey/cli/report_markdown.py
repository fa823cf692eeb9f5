"""A report as Markdown, for a pull request or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..model import rfc3339
from .choices import Health
from .report import Report, Row, from_now, remarks, spans

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
    return f"<code>{_entities(text)}</code>"


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in " -,;" else f"&#{ord(c)};" for c in text)


def _prose(text: str) -> str:
    """Return a reason literally; what stands between backticks in it is bold, since all of it is code."""
    parts = (f"<b>{_entities(part)}</b>" if code else _entities(part) for part, code in spans(text))
    return f"<code>{''.join(parts)}</code>"


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
        yield "| Health | Credential | Age<br>Generation | Next due | Expires |"
        yield "|---|---|---|---|---|"
        for row in section.rows:
            yield f"| {' | '.join(_cells(row, report.at))} |"
        found = remarks((section, row) for row in section.rows)
        if found:
            yield ""
        for remark in found:
            names = ", ".join(literal(row.credential.name) for _, row in remark.rows)
            yield f"- **{remark.health}** {names}: {_prose(remark.why)}"


def _cells(row: Row, now: datetime) -> Iterator[str]:
    found, s = row.credential, row.credential.state
    # With line breaks, and without any of its own, the table fits the column of a pull request.
    yield f"{_SIGNS[row.verdict.health]}&nbsp;{row.verdict.health}"
    kind = f"{found.kind} ({found.endpoint})" if found.endpoint else found.kind
    yield f"**{literal(found.name)}**<br>{literal(kind)}"
    yield f"{row.age(now) or _NOTHING}<br>{s.generation}"
    yield _NOTHING if row.due is None else _day(row.due, now)
    previous = row.previous_until(now)
    overlap = "" if previous is None else f"<br>previous:<br>{_day(previous, now)}"
    yield f"{_NOTHING if s.expires_at is None else _day(s.expires_at, now)}{overlap}"


def _day(moment: datetime, now: datetime) -> str:
    return f"{moment.date()}<br>{from_now(moment, now)}"
