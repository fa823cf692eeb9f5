"""The schema of the package."""

from __future__ import annotations

from typing import Any


def package_schema() -> dict[str, Any]:
    """Return the schema that the engine hands to languages without typed constructors."""
    return {"name": "rekey", "resources": {}}
