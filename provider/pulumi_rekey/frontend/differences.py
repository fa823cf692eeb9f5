"""In which of its properties a resource changes, as paths of Pulumi's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from .values import Properties, holds_unknown

Kind = Literal["add", "delete", "update"]
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def differences(olds: Properties, news: Properties) -> dict[str, Kind]:
    """Return the path of each difference between two sets of inputs, and what becomes of it."""
    return dict(_between("", olds, news))


def top_of(path: str) -> str:
    """Return the property that a path leads into."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _between(path: str, old: Any, new: Any) -> Iterator[tuple[str, Kind]]:
    match old, new:
        case dict(), dict():
            for name in sorted(old.keys() | new.keys()):
                inner = _member(path, name)
                if name not in old:
                    yield inner, "add"
                elif name not in new:
                    yield inner, "delete"
                else:
                    yield from _between(inner, old[name], new[name])
        case list(), list():
            for number in range(max(len(old), len(new))):
                inner = f"{path}[{number}]"
                if number >= len(old):
                    yield inner, "add"
                elif number >= len(new):
                    yield inner, "delete"
                else:
                    yield from _between(inner, old[number], new[number])
        case _:
            if holds_unknown(new) or old != new:
                yield path, "update"


def _member(path: str, name: str) -> str:
    if not _PLAIN.fullmatch(name):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{name}" if path else name
