"""A report as metrics, in OpenMetrics' text format.

Prometheus' older text format reads the same text, and some collectors know only that one: so all metrics are gauges (it
has no state sets), and no sample has a time of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .choices import Health
from .report import Report, Row, Section

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class _Gauge:
    """A metric of each credential; one that a credential has no value of is absent."""

    name: str
    description: str
    value: Callable[[Row, datetime], float | None]


_GAUGES: Final = (
    _Gauge(
        "rekey_credential_age_seconds",
        "The age of the present secret.",
        lambda row, now: _seconds(row.credential.state.rotated_at, now, -1),
    ),
    _Gauge(
        "rekey_credential_until_due_seconds",
        "The time until the next rotation is due; negative afterwards, absent if it is never due.",
        lambda row, now: _seconds(row.due, now),
    ),
    _Gauge(
        "rekey_credential_until_expiry_seconds",
        "The time until the present secret stops working; negative afterwards, absent if it never does.",
        lambda row, now: _seconds(row.credential.state.expires_at, now),
    ),
    _Gauge(
        "rekey_credential_generation",
        "The number of secrets so far; the first is 1.",
        lambda row, _: row.credential.state.generation,
    ),
)


def openmetrics(report: Report) -> str:
    """Return the report as one exposition, to be written as UTF-8."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    # A replaced object that is not deleted yet has the URN of the new one: the worse comes first, and counts.
    rows: dict[str, Row] = {}
    for section, row in report.rows:
        rows.setdefault(_labels(section, row), row)
    yield from _family("rekey_report_timestamp_seconds", "The moment that the report of the stack describes.")
    # With labels: a collector that reads several such files may get no sample twice.
    for labels in dict.fromkeys(_text(_of_stack(section)) for section in report.sections):
        yield f"rekey_report_timestamp_seconds{{{labels}}} {report.at.timestamp():.0f}"
    for gauge in _GAUGES:
        yield from _family(gauge.name, gauge.description)
        for labels, row in rows.items():
            if (value := gauge.value(row, report.at)) is not None:
                yield f"{gauge.name}{{{labels}}} {value:.0f}"
    yield from _family("rekey_credential_health", "1 for the health status that the credential has, else 0.")
    for labels, row in rows.items():
        for health in Health:
            yield f'rekey_credential_health{{{labels},health="{health}"}} {int(health is row.verdict.health)}'
    yield "# EOF"


def _seconds(moment: datetime | None, now: datetime, sign: int = 1) -> float | None:
    return None if moment is None else sign * (moment - now).total_seconds()


def _family(name: str, description: str) -> Iterator[str]:
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} gauge"
    if name.endswith("_seconds"):
        yield f"# UNIT {name} seconds"


def _of_stack(section: Section) -> dict[str, str | None]:
    return {"project": section.stack.project, "stack": section.stack.name}


def _labels(section: Section, row: Row) -> str:
    found = row.credential
    labels = {
        "urn": found.urn,
        **_of_stack(section),
        "type": found.kind,
        "name": found.name,
        # Not `endpoint`: the Prometheus Operator gives that one to its targets.
        "rekey_endpoint": found.endpoint,
    }
    return _text(labels)


def _text(labels: Mapping[str, str | None]) -> str:
    return ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items() if text is not None)
