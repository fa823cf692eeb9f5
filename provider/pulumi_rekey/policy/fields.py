"""What fields of a policy hold: a span of time, within bounds."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from .durations import PATTERN, as_text, parse


def _read(value: Any) -> Any:
    match value:
        case str():
            return parse(value)
        case timedelta():
            return value
        case _:
            # pydantic would take a bare number as seconds, and the user may have meant days.
            raise ValueError("must be a text with a unit, like 90d")


#: A span of time: read from any of the three spellings, written in the canonical one.
Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(as_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^({PATTERN})$"}),
]


def within(least: str, most: str) -> AfterValidator:
    """Return a validator for the bounds of a :data:`Duration`, both included."""
    low, high = parse(least), parse(most)

    def check(span: timedelta) -> timedelta:
        if not low <= span <= high:
            raise ValueError(f"must be from {least} to {most}")
        return span

    return AfterValidator(check)
