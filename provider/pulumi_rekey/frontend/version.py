"""The version of this package, as the engine writes versions."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

# Python's words for what comes before a release, and how semantic versions have them.
_BEFORE: Final = {"a": "alpha", "b": "beta", "rc": "rc", ".dev": "dev"}


@cache
def package_version() -> str:
    """Return the version of this package: a program and its plugin must have the same."""
    # A program on the dynamic front end, which does not ask, is spared the import.
    from importlib.metadata import version

    return semantic(version("pulumi-rekey"))


def semantic(found: str) -> str:
    """Return a version of Python's as a semantic one."""
    parts = re.fullmatch(r"(\d+\.\d+\.\d+)(?:(a|b|rc|\.dev)(\d+))?", found)
    return found if parts is None or parts[2] is None else f"{parts[1]}-{_BEFORE[parts[2]]}.{parts[3]}"
