"""The settings of a provider, as stack configuration or as arguments: ``endpoints``, ``owner`` and ``rotateNow``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from pydantic.alias_generators import to_camel

from ..endpoints import KINDS, session_class
from ..endpoints.config import one_of
from ..frontend.setting_names import unknown
from ..frontend.values import Properties, Secret, holds_unknown
from ..frontend.version import package_version
from ..wording import nearest

_SECRET: Final = ("endpoints", "owner")


def checked(settings: Properties, project: str | None = None) -> tuple[Properties, list[tuple[str, str]]]:
    """Return the settings, marked secret, and (path, reason) for each that does not exist."""
    marked = {name: Secret(value) if name in _SECRET else value for name, value in settings.items()}
    return marked, list(_failures(settings, project))


def _failures(settings: Properties, project: str | None) -> Iterator[tuple[str, str]]:
    wanted = settings.get("version", package_version())
    if wanted != package_version():
        yield (
            "version",
            f"is that of the program's package, and this plugin is {package_version()}: install the same version for"
            " both",
        )
    yield from unknown(settings, project, nearest).items()
    for name, endpoint in _endpoints(settings.get("endpoints")).items():
        # What is not known yet is checked when it is used.
        if not isinstance(endpoint, dict) or (kind := endpoint.get("kind", name)) not in KINDS:
            continue
        keys = [to_camel(field) for field in session_class(kind).model.model_fields]
        for key in endpoint.keys() - {*keys, "kind"}:
            setting = f"endpoints.{name}.{key}"
            yield setting, f"rekey:{setting} is not a setting of kind {kind}: {one_of(sorted(keys), key)}"


def _endpoints(value: Any) -> dict[str, Any]:
    """Return the endpoints that are known, which stack configuration has as JSON."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    return value if isinstance(value, dict) else {}


def as_texts(settings: Properties) -> dict[str, str]:
    """Return the settings under their names in stack configuration, where a map is JSON."""
    return {f"rekey:{name}": _text(value) for name, value in settings.items() if not holds_unknown(value)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
