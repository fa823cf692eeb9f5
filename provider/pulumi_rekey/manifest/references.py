"""References in a manifest's texts: ``${portal.client_secret}``, ``${config.release}``, ``${values.host}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: What stands before the first point when a reference is not to an entry.
CONFIG: Final = "config"
VALUES: Final = "values"

_TOKEN: Final = re.compile(r"(\$\$\{)|\$\{([^{}]*)\}|(\$\{)")


@dataclass(frozen=True)
class Reference:
    """One ``${source.key}``: an entry's output, a key of the stack's config, or a value that the program gives."""

    source: str
    key: str

    def __str__(self) -> str:
        return f"${{{self.source}.{self.key}}}"


@dataclass(frozen=True)
class Template:
    """A text with references in it: its parts in order."""

    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references alone."""
        return tuple(part for part in self.parts if isinstance(part, Reference))

    @property
    def whole(self) -> Reference | None:
        """The reference, if it is all there is: then its value is taken as it is, and not as a text."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, Reference) else None


def parse(text: str) -> str | Template:
    """Return the text, or its parts if there are references in it; ``$${`` stands for ``${``.

    :raises ValueError: A ``${`` that begins no reference.
    """
    parts: list[str | Reference] = []
    end = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[end : token.start()])
        end = token.end()
        escaped, inner, _ = token.groups()
        parts.append("${" if escaped else _reference(inner))
    parts.append(text[end:])
    if not any(isinstance(part, Reference) for part in parts):
        return "".join(str(part) for part in parts)
    return Template(tuple(part for part in parts if part))


def _reference(inner: str | None) -> Reference:
    for source in (CONFIG, VALUES):
        if inner and inner.startswith(f"{source}.") and inner != f"{source}.":
            return Reference(source, inner.removeprefix(f"{source}."))
    entry, _, output = (inner or "").rpartition(".")
    if not entry or not output:
        raise ValueError("a reference is ${ENTRY.OUTPUT}, ${config.KEY} or ${values.KEY}; a plain ${ is written $${")
    return Reference(entry, output)
