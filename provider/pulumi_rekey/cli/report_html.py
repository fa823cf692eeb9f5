"""A report as one HTML page that needs nothing else: no script, no font, no request.

Its content security policy allows its own style sheet and nothing more; all text from outside is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Final

from ..model import rfc3339
from .report import Report, Row, Section, from_now
from .report_timeline import axis, timeline

_STYLE: Final = "report_html.css"
_LEGEND: Final = (
    ('<rect class="life" y="3" width="22" height="11" rx="2"/>', "the secret's life so far"),
    ('<rect class="future" y="3" width="22" height="11" rx="2"/>', "until it is due or ends"),
    ('<rect class="late" y="3" width="22" height="11" rx="2"/>', "overdue"),
    ('<rect class="overlap" y="5" width="22" height="7" rx="2"/>', "the previous secret works too"),
    ('<path class="due" transform="translate(11 8)" d="M0-7L5 0L0 7L-5 0Z"/>', "due"),
    ('<line class="end" x1="11" x2="11" y1="0" y2="16"/>', "the secret ends"),
    ('<rect class="window" y="6" width="22" height="4" rx="2"/>', "a window is open"),
    ('<rect class="freeze" y="3" width="22" height="11" rx="2"/>', "frozen"),
    ('<line class="now" x1="11" x2="11" y1="0" y2="16"/>', "now"),
)


def page(report: Report) -> str:
    """Return the report as one HTML document, to be written as UTF-8."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    style = files(__package__).joinpath(_STYLE).read_text("utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>Credentials, {report.at.date()}</title>\n<style>{style}</style>\n</head>\n<body>"
    yield '<a class="skip" href="#credentials">Skip to the credentials</a>'
    yield "<header><h1>Credentials</h1>"
    yield f'<p class="dim">{escape(report.summary())}. As of {_time(report.at)}.</p>'
    yield '<ul class="counts">'
    yield from (
        f'<li><span class="badge {health}"><b>{count}</b> {health}</span></li>' for health, count in report.counts()
    )
    yield "</ul>"
    if len(report.sections) > 1:
        yield '<nav aria-label="Stacks"><ul class="stacks">'
        for number, section in enumerate(report.sections):
            yield f'<li><a href="#stack-{number}">{escape(section.title)}</a></li>'
        yield "</ul></nav>"
    yield '<ul class="legend" aria-label="Legend of the timelines">'
    yield from (f'<li><svg aria-hidden="true">{shape}</svg>{meaning}</li>' for shape, meaning in _LEGEND)
    yield '</ul></header>\n<main id="credentials" tabindex="-1">'
    along = axis(report)
    for number, section in enumerate(report.sections):
        yield f'<section aria-labelledby="stack-{number}">\n<h2 id="stack-{number}">{escape(section.title)}</h2>'
        if section.rows:
            anchors = [f"credential-{number}-{index}" for index in range(len(section.rows))]
            yield f"<figure>{timeline(section.rows, along, report.at, anchors)}</figure>"
            yield from _table(section, anchors, report.at)
        else:
            yield '<p class="dim">No credentials managed by Rekey.</p>'
        yield "</section>"
    yield "</main>\n</body>\n</html>"


def _table(section: Section, anchors: list[str], now: datetime) -> Iterator[str]:
    # Explicit roles: a browser drops the implied ones where the narrow page lays the table out as cards.
    yield '<table role="table"><thead role="rowgroup"><tr role="row">'
    for column in ("Resource", "Health", "Endpoint", "Age", "Generation", "Expires", "Next due", "Previous until"):
        yield f'<th role="columnheader" scope="col">{column}</th>'
    yield '</tr></thead><tbody role="rowgroup">'
    for row, anchor in zip(section.rows, anchors, strict=True):
        yield f'<tr role="row" id="{anchor}">{"".join(_cells(row, now))}</tr>'
    yield "</tbody></table>"


def _cells(row: Row, now: datetime) -> Iterator[str]:
    found, s, health = row.credential, row.credential.state, row.verdict.health
    yield f'<th role="rowheader" scope="row">{escape(found.name)}<small>{escape(found.kind)}</small></th>'
    why = f'<small class="why">{escape(row.verdict.why)}</small>' if row.verdict.why else ""
    yield f'<td role="cell" class="wide"><span class="badge {health}">{health}</span>{why}</td>'
    address = f"<small>{escape(s.address)}</small>" if s.address else ""
    yield _cell("Endpoint", f"{escape(found.endpoint or '-')}{address}")
    yield _cell("Age", f"<span>{row.age(now) or '-'}</span>")
    reason = f"<small>{escape(s.rotation_reason)}</small>" if s.rotation_reason else ""
    yield _cell("Generation", f"{s.generation}{reason}")
    for label, moment in (("Expires", s.expires_at), ("Next due", row.due), ("Previous until", s.previous_expires_at)):
        yield _cell(label, "-" if moment is None else _day_and_time(moment, now))


def _cell(label: str, content: str) -> str:
    return f'<td role="cell" data-label="{label}">{content}</td>'


def _day_and_time(moment: datetime, now: datetime) -> str:
    day = f'<time datetime="{rfc3339(moment)}">{moment.date()}</time>'
    return f"{day}<small>{moment:%H:%M} UTC, {from_now(moment, now)}</small>"


def _time(moment: datetime) -> str:
    return f'<time datetime="{rfc3339(moment)}">{moment.date()} {moment:%H:%M} UTC</time>'
