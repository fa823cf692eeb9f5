"""The values that a front end and the core exchange: plain ones, secrets, and what only ``pulumi up`` will know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

Properties = dict[str, Any]
#: Whether a run is about the whole stack, or leaves resources of it aside, which then claim nothing.
Scope = Literal["whole", "part", "unknown"]


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
