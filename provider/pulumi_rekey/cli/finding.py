"""What `rekey doctor` finds: how bad it is, what it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import Error
from .stack_state import printable


class Level(StrEnum):
    """The severity of a finding."""

    GOOD = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    level: Level
    #: The thing that was checked, such as ``engine`` or ``endpoint vcd``.
    subject: str
    what: str
    #: What to do about it.
    remedy: str | None = None


def problem(subject: str, wrong: Error) -> Finding:
    """Return the finding that an error is."""
    return Finding(Level.PROBLEM, subject, printable(wrong.happened), printable(wrong.advice))
