"""The configuration of a stack, secrets included: what the commands need that talk to vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .stack_export import pulumi


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
