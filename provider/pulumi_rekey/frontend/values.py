"""The values that a front end and the core exchange: plain ones, secrets, and what only ``pulumi up`` will know."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Properties = dict[str, Any]


@dataclass(frozen=True)
class Secret:
    """A value that must be stored encrypted and never shown."""

    value: Any = field(repr=False)


class _Unknown:
    """What only ``pulumi up`` will know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


def holds_unknown(value: Any) -> bool:
    """Tell whether a value is, or holds at any depth, one that only ``pulumi up`` will know."""
    if isinstance(value, dict):
        return any(holds_unknown(member) for member in value.values())
    if isinstance(value, list | tuple):
        return any(holds_unknown(member) for member in value)
    return value is UNKNOWN


def without_unknowns(value: Properties) -> Properties:
    """Return what is known of a map; a list with an unknown member is left out whole."""
    return {
        name: without_unknowns(member) if isinstance(member, dict) else member
        for name, member in value.items()
        if isinstance(member, dict) or not holds_unknown(member)
    }


def to_property(value: Any) -> Any:
    """Return a model's value as a property: secrets wrapped at every depth, moments as RFC 3339."""
    from pydantic import BaseModel, SecretStr

    from ..model import rfc3339

    match value:
        case SecretStr():
            return Secret(value.get_secret_value())
        case datetime():
            return rfc3339(value)
        case BaseModel():
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return {name: to_property(member) for name, member in fields.items() if member not in (None, {})}
        case dict():
            return {name: to_property(member) for name, member in value.items()}
        case list() | tuple():
            return [to_property(member) for member in value]
        case _:
            return value
