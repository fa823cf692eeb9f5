"""The settings of a provider: ``endpoints`` and ``owner``, as stack configuration or as arguments of a provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from ..endpoints.config import one_of
from ..frontend.values import Properties, Secret, holds_unknown

_SETTINGS: Final = ("endpoints", "owner")
#: What stands beside them in a stack's configuration, or is the engine's own.
_OTHERS: Final = frozenset({"frontend", "version", "pluginDownloadURL"})


def checked(settings: Properties) -> tuple[Properties, list[tuple[str, str]]]:
    """Return the settings, marked secret, and (path, reason) for each that does not exist."""
    marked = {name: Secret(value) if name in _SETTINGS else value for name, value in settings.items()}
    return marked, list(_failures(settings))


def _failures(settings: Properties) -> Iterator[tuple[str, str]]:
    for name in settings.keys() - {*_SETTINGS, *_OTHERS}:
        yield name, f"is not a setting of rekey: {one_of(_SETTINGS, name)}"


def as_texts(settings: Properties) -> dict[str, str]:
    """Return the settings under their names in stack configuration, where a map is JSON."""
    return {f"rekey:{name}": _text(value) for name, value in settings.items() if not holds_unknown(value)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
