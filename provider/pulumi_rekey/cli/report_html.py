"""A report as one HTML page that needs nothing else: no script, no font, no request.

Its content security policy allows its own style sheet and nothing more; all text from outside is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Final

from ..model import rfc3339
from .choices import Health
from .report import Remark, Report, Row, Section, from_now, particulars, remarks, spans
from .report_axis import Axis, axis
from .report_timeline import frozen, labels, parts, picture, rhythm

_STYLE: Final = "report_html.css"
#: Their reasons stand above all else, since no run ends them by itself.
_FOR_A_PERSON: Final = (Health.FAILING, Health.EXPIRED, Health.OVERDUE, Health.UNKNOWN)
_LEGEND: Final = (
    ('<rect class="life" y="2" width="22" height="12"/>', "the secret's life so far"),
    ('<rect class="future" y="2" width="22" height="12"/>', "until it is due or expires"),
    ('<rect class="late" y="2" width="22" height="12"/>', "overdue"),
    ('<path class="due" transform="translate(11 8)" d="M0-7L5 0L0 7L-5 0Z"/>', "next due"),
    ('<line class="end" x1="11" x2="11" y1="0" y2="16"/>', "expires"),
    ('<rect class="overlap" y="5" width="22" height="7"/>', "the previous secret works, too"),
    ('<rect class="window" width="22" height="16"/>', "window open"),
    ('<rect class="window often" width="22" height="16"/>', "opens often"),
    ('<rect class="freeze" width="22" height="16"/>', "frozen"),
    ('<line class="now" x1="11" x2="11" y1="0" y2="16"/>', "now"),
)
_NOTHING: Final = '<span class="dim">&ndash;</span>'
#: The columns, and how the style sheet calls them.
_COLUMNS: Final = (
    ("Credential", "name"),
    ("Health", "health"),
    ("Timeline", "time"),
    ("Next due", "date"),
    ("Expires", "date"),
    ("Rotated", "rotated"),
)


def page(report: Report) -> str:
    """Return the report as one HTML document, to be written as UTF-8."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    style = files(__package__).joinpath(_STYLE).read_text("utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    along = axis(report)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>Credentials, {report.at.date()}</title>\n<style>{style}</style>\n</head>\n<body>"
    yield '<a class="skip" href="#credentials">Skip to the credentials</a>'
    yield "<header><h1>Credentials</h1>"
    yield f'<p class="dim">{escape(report.size())}. As of {_time(report.at)}; all dates are in UTC.</p>'
    yield '<ul class="counts">'
    yield from (
        f'<li class="{health}"><b>{count}</b> <span class="badge {health}">{health}</span></li>'
        for health, count in report.counts()
    )
    yield "</ul>"
    if len(report.sections) > 1:
        yield '<nav aria-label="Stacks"><ul class="stacks">'
        for number, section in enumerate(report.sections):
            yield f'<li><a href="#stack-{number}">{escape(section.title)}</a></li>'
        yield "</ul></nav>"
    yield "</header>"
    anchors = {
        id(row): f"credential-{number}-{index}"
        for number, section in enumerate(report.sections)
        for index, row in enumerate(section.rows)
    }
    found = [remark for remark in remarks(report.rows) if remark.health in _FOR_A_PERSON]
    yield from _attention(report, found, anchors)
    said = frozenset(remark.why for remark in found)
    yield '<main id="credentials" tabindex="-1">'
    yield f'{parts(along)}<ul class="legend" aria-label="Legend of the timelines">'
    yield from (f'<li><svg aria-hidden="true">{shape}</svg>{meaning}</li>' for shape, meaning in _LEGEND)
    yield "<li>The nearer to now, the wider a day.</li></ul>"
    for number, section in enumerate(report.sections):
        yield f'<section aria-labelledby="stack-{number}">\n<h2 id="stack-{number}">{escape(section.title)}</h2>'
        if section.rows:
            yield from _table(section, anchors, along, said)
            yield from _addresses(section)
        else:
            yield '<p class="dim">No credentials managed by Rekey.</p>'
        yield "</section>"
    yield "</main>\n</body>\n</html>"


def _attention(report: Report, found: Sequence[Remark], anchors: Mapping[int, str]) -> Iterator[str]:
    """Yield what a person has to look at, each reason once."""
    if not found:
        return
    yield '<section class="attention" aria-labelledby="attention"><h2 id="attention">Needs a person</h2>\n<ul>'
    for remark in found:
        number = f"<b>{len(remark.rows)} credentials</b>" if len(remark.rows) > 1 else ""
        yield f'<li class="{remark.health}"><p><span class="badge {remark.health}">{remark.health}</span>{number}'
        for title, rows in groupby(remark.rows, key=lambda found: found[0].title):
            names = ", ".join(f'<a href="#{anchors[id(row)]}">{escape(row.credential.name)}</a>' for _, row in rows)
            stack = f'<span class="dim">{escape(title)}:</span> ' if len(report.sections) > 1 else ""
            yield f"<span>{stack}{names}</span>"
        yield f"</p><p>{_prose(remark.why)}</p></li>"
    yield "</ul></section>"


def _table(section: Section, anchors: Mapping[int, str], along: Axis, said: frozenset[str]) -> Iterator[str]:
    # Explicit roles: a browser drops the implied ones where the narrow page lays the table out as cards.
    yield '<table role="table"><thead role="rowgroup"><tr role="row">'
    for column, kind in _COLUMNS:
        axis_ = labels() if kind == "time" else ""
        yield f'<th role="columnheader" scope="col" class="{kind}">{column}{axis_}</th>'
    yield '</tr></thead><tbody role="rowgroup">'
    for row in section.rows:
        yield f'<tr role="row" id="{anchors[id(row)]}">{"".join(_cells(row, along, said))}</tr>'
    yield "</tbody></table>"


def _cells(row: Row, along: Axis, said: frozenset[str]) -> Iterator[str]:
    found, s, now, health = row.credential, row.credential.state, along.now, row.verdict.health
    kind = f"{found.kind} · {found.endpoint}" if found.endpoint else found.kind
    yield f'<th role="rowheader" scope="row">{escape(found.name)}<small>{escape(kind)}</small></th>'
    why = row.verdict.why
    if why is not None and health in _FOR_A_PERSON:
        why = None if why in said else particulars(why)
    yield f'<td role="cell" class="health"><span class="badge {health}">{health}</span>{_small(why)}</td>'
    policy = found.policy
    words = [] if policy is None else [f"Window: {rhythm(window)}" for window in policy.windows]
    words += [f"Frozen: {frozen(freeze)}" for freeze in (policy.freeze if policy else ()) if freeze.last >= now.date()]
    yield f'<td role="cell" class="time">{labels()}{picture(row, along)}{"".join(map(_small, words))}</td>'
    yield _cell("Next due", _NOTHING if row.due is None else _day(row.due, now))
    previous = row.previous_until(now)
    overlap = "" if previous is None else f"<small>previous: {_inline_day(previous, now)}</small>"
    yield _cell("Expires", f"{_NOTHING if s.expires_at is None else _day(s.expires_at, now)}{overlap}")
    rotated = _NOTHING if s.rotated_at is None else _day(s.rotated_at, now)
    reason = "" if s.rotation_reason is None else f": {s.rotation_reason}"
    yield _cell("Rotated", f"{rotated}{_small(f'generation {s.generation}{reason}')}")


def _addresses(section: Section) -> Iterator[str]:
    """Yield where the endpoints of a stack are, each once."""
    found = {
        (row.credential.endpoint, row.credential.state.address)
        for row in section.rows
        if row.credential.endpoint and row.credential.state.address
    }
    if found:
        listed = "; ".join(f"{escape(str(endpoint))} at {escape(str(address))}" for endpoint, address in sorted(found))
        yield f'<p class="dim addresses">Endpoints: {listed}.</p>'


def _cell(label: str, content: str) -> str:
    return f'<td role="cell" data-label="{label}">{content}</td>'


def _small(text: str | None) -> str:
    return f"<small>{_prose(text)}</small>" if text else ""


def _prose(text: str) -> str:
    """Return text from outside as HTML; what stands between backticks in it is code."""
    return "".join(f"<code>{escape(part)}</code>" if code else escape(part) for part, code in spans(text))


def _day(moment: datetime, now: datetime) -> str:
    return f'<time datetime="{rfc3339(moment)}">{moment.date()}</time><small>{from_now(moment, now)}</small>'


def _inline_day(moment: datetime, now: datetime) -> str:
    return f'<time datetime="{rfc3339(moment)}">{moment.date()}</time>, {from_now(moment, now)}'


def _time(moment: datetime) -> str:
    return f'<time datetime="{rfc3339(moment)}">{moment.date()} {moment:%H:%M} UTC</time>'
