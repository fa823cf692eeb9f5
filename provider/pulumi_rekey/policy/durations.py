"""Spans of time as users write them: ``90d``, ``720h30m`` or ``P90D``.

The first two are the manner of Go and Terraform, with weeks and days added; the third is ISO 8601. A month or a year
has no fixed length, so neither is taken.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

# Eight digits of weeks, days, hours, minutes and seconds together still fit a timedelta.
_N: Final = "[0-9]{1,8}"
_SHORT: Final = f"(?=[0-9])(?:({_N})w)?(?:({_N})d)?(?:({_N})h)?(?:({_N})m)?(?:({_N})s)?"
_ISO: Final = f"P(?=[0-9T])(?:({_N})W)?(?:({_N})D)?(?:T(?=[0-9])(?:({_N})H)?(?:({_N})M)?(?:({_N})S)?)?"
PATTERN: Final = f"{_SHORT}|{_ISO}"
_COMPILED: Final = re.compile(PATTERN)
_VAGUE: Final = re.compile(r"P[0-9,.YWD]*[YM].*|[0-9]+(y|mo|M).*")
_UNITS: Final = (
    timedelta(weeks=1),
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=1),
    timedelta(seconds=1),
)


def parse(text: str) -> timedelta:
    """Return the span that a text like ``90d``, ``720h30m`` or ``P90D`` stands for.

    Units are w, d, h, m (minutes) and s, each at most once and the longest first; numbers are whole.

    :raises ValueError: The text is not such a span, or is in months or years, which have no fixed length.
    """
    found = _COMPILED.fullmatch(text)
    if found is None:
        if _VAGUE.fullmatch(text):
            raise ValueError("is in months or years, which have no fixed length: write weeks or days, like 90d")
        raise ValueError("is not a duration: write it like 90d, 720h30m or P90D")
    groups = found.groups()
    counts = groups[5:] if text.startswith("P") else groups[:5]
    return sum((int(count) * unit for count, unit in zip(counts, _UNITS, strict=True) if count), timedelta())


def as_text(span: timedelta) -> str:
    """Return the one canonical text of a span of whole seconds that is not negative: ``90d``, ``30d30m``, ``0s``."""
    parts = []
    for unit, letter in zip(_UNITS[1:], "dhms", strict=True):
        count, span = divmod(span, unit)
        if count:
            parts.append(f"{count}{letter}")
    return "".join(parts) or "0s"


def in_words(span: timedelta) -> str:
    """Return about how long a span is, as people say it: ``91 d``, ``30 h``, ``45 min``; rounded down."""
    for unit, name in zip(_UNITS[1:], ("d", "h", "min", "s"), strict=True):
        # Under two of a unit the next smaller one says more: 30 h, not 1 d.
        if span >= 2 * unit or (span >= unit and span % unit == timedelta()):
            return f"{span // unit} {name}"
    return f"{span // _UNITS[-1]} s"
