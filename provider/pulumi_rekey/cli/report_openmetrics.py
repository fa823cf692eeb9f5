"""A report as metrics, in OpenMetrics' text format.

Prometheus' older text format reads the same text, and some collectors know only that one: so all metrics are gauges (it
has no state sets), and no sample has a time of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from .health import Health
from .report import Report, Row, Section

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def openmetrics(report: Report) -> str:
    """Return the report as one exposition, to be written as UTF-8."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from _family("rekey_report_timestamp_seconds", "The moment that the report describes.", "seconds")
    yield f"rekey_report_timestamp_seconds {report.at.timestamp():.0f}"
    # A replaced object that is not deleted yet has the URN of the new one: the worse comes first, and counts.
    rows: dict[str, Row] = {}
    for section, row in report.rows:
        rows.setdefault(_labels(section, row), row)

    def seconds_since(moment: datetime | None) -> float | None:
        return None if moment is None else (report.at - moment).total_seconds()

    def seconds_until(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - report.at).total_seconds()

    gauges: tuple[tuple[str, str, str, Callable[[Row], float | None]], ...] = (
        (
            "age_seconds",
            "The age of the present secret.",
            "seconds",
            lambda row: seconds_since(row.credential.state.rotated_at),
        ),
        (
            "until_due_seconds",
            "The time until the next rotation is due; negative afterwards, absent if it is never due.",
            "seconds",
            lambda row: seconds_until(row.due),
        ),
        (
            "until_expiry_seconds",
            "The time until the present secret stops working; negative afterwards, absent if it never does.",
            "seconds",
            lambda row: seconds_until(row.credential.state.expires_at),
        ),
        ("generation", "The number of secrets so far; the first is 1.", "", lambda row: row.credential.state.generation),
    )
    for name, description, unit, value in gauges:
        yield from _family(f"rekey_credential_{name}", description, unit)
        for labels, row in rows.items():
            if (number := value(row)) is not None:
                yield f"rekey_credential_{name}{{{labels}}} {number:.0f}"
    yield from _family("rekey_credential_health", "1 for the health status that the credential has, else 0.")
    for labels, row in rows.items():
        for health in Health:
            value_ = int(health is row.verdict.health)
            yield f'rekey_credential_health{{{labels},health="{health}"}} {value_}'
    yield "# EOF"


def _family(name: str, description: str, unit: str = "") -> Iterator[str]:
    yield f"# HELP {name} {description}"
    yield f"# TYPE {name} gauge"
    if unit:
        yield f"# UNIT {name} {unit}"


def _labels(section: Section, row: Row) -> str:
    found = row.credential
    labels = {
        "urn": found.urn,
        "project": section.stack.project,
        "stack": section.stack.name,
        "type": found.kind,
        "name": found.name,
        # Not `endpoint`: the Prometheus Operator gives that one to its targets.
        "rekey_endpoint": found.endpoint,
    }
    return ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items() if text is not None)
