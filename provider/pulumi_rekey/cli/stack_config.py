"""The configuration of a stack, secrets included: what the commands need that talk to vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..endpoints import KINDS
from ..endpoints.config import one_of
from ..errors import Misconfigured
from .stack_export import project_file, pulumi
from .stack_state import printable


def stack_config(folder: Path, stack: str | None) -> dict[str, Any]:
    """Return the configuration of a stack of the project in a folder; without a name, of the selected one.

    :raises Misconfigured: if it cannot be read.
    """
    selected = ["--stack", stack] if stack else []
    config: dict[str, Any] = json.loads(pulumi(["config", "--json", "--show-secrets", *selected], folder))
    return config


def configured_endpoints(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the configuration says of endpoints, by name; nothing where it is no map."""
    setting = config.get("rekey:endpoints", {})
    value = setting.get("objectValue")
    if value is None:
        try:
            value = json.loads(setting.get("value") or "{}")
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def endpoints_of(folder: Path, stack: str | None) -> Mapping[str, Any]:
    """Return the endpoints of a stack; none where there is no project, so that the environment says it all."""
    if stack is None and project_file(folder) is None:
        return {}
    endpoints = configured_endpoints(stack_config(folder, stack))
    if endpoints is None:
        raise Misconfigured("rekey:endpoints is not a map", todo="set its keys with --path")
    return endpoints


def kind_of(endpoint: str, configured: Mapping[str, Any]) -> str:
    """Return the kind of an endpoint, configured or not.

    :raises Misconfigured: There is no such endpoint, or its kind is none.
    """
    settings = configured.get(endpoint, {})
    kind = settings.get("kind", endpoint) if isinstance(settings, dict) else None
    if kind in KINDS:
        return str(kind)
    if endpoint in configured:
        raise Misconfigured(
            f"rekey:endpoints.{printable(endpoint)}.kind is not a kind of endpoint", todo=one_of(KINDS, kind)
        )
    raise Misconfigured(
        f"endpoint {printable(endpoint)!r} is not configured",
        todo=one_of(dict.fromkeys([*configured, *KINDS]), endpoint),
    )
