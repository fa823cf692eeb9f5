"""The part of YAML that manifests are written in, read with the position of everything.

It is YAML 1.2's core schema, which is also what editors check against a JSON Schema: ``yes``, ``on``, ``1:30`` and
``2026-12-24`` are texts. Aliases, tags, keys that are no text and keys that stand twice are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml
from yaml.error import MarkedYAMLError

#: A file of credentials that is larger than this is something else.
MAX_BYTES: Final = 1 << 20
_MAX_DEPTH: Final = 24
#: Pulumi keeps every number as a double.
_LARGEST_INT: Final = 2**53


@dataclass(frozen=True, order=True)
class Position:
    """Where something stands; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where; one line."""

    at: Position
    message: str

    def __str__(self) -> str:
        # A file's name or key must not steer a terminal, nor begin a line of its own.
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in f"{self.at}: {self.message}")


@dataclass(frozen=True)
class Node:
    """A value and where it stands: a scalar, a list of nodes or a dict of them."""

    at: Position
    value: Any
    #: Where its key stands, if it has one.
    key_at: Position | None = None

    def plain(self) -> Any:
        """Return the value without positions."""
        match self.value:
            case dict():
                return {key: node.plain() for key, node in self.value.items()}
            case list():
                return [node.plain() for node in self.value]
            case _:
                return self.value

    def leaves(self, path: str) -> Iterator[tuple[str, Node]]:
        """Yield every scalar in it, and its path below the given one, such as ``spec.redirect_uris[0]``."""
        match self.value:
            case dict():
                for key, node in self.value.items():
                    yield from node.leaves(f"{path}.{key}")
            case list():
                for number, node in enumerate(self.value):
                    yield from node.leaves(f"{path}[{number}]")
            case _:
                yield path, self

    def positions(self) -> Iterator[Position]:
        """Yield every position in it."""
        yield self.at
        if self.key_at is not None:
            yield self.key_at
        members = self.value.values() if isinstance(self.value, dict) else self.value
        for node in members if isinstance(self.value, dict | list) else ():
            yield from node.positions()

    def find(self, path: tuple[int | str, ...], *, key: bool = False) -> Position:
        """Return where the value at a path stands, or its key; of a path that leads nowhere, where it ends."""
        node = self
        for part in path:
            found = None
            if isinstance(node.value, dict):
                found = node.value.get(str(part))
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                found = node.value[part]
            if found is None:
                return node.at
            node = found
        return node.key_at if key and node.key_at else node.at


def documents(file: str, data: bytes) -> tuple[list[Node], list[Problem]]:
    """Return a file's documents, without empty ones, and all that is wrong with it as YAML.

    What is no YAML at all ends the reading of the file.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as wrong:
        return [], [Problem(Position(file, data.count(b"\n", 0, wrong.start) + 1), "is not UTF-8")]
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    wrong_characters = [
        Problem(Position(file, number, found.end()), why)
        for number, line in enumerate(text.split("\n"), 1)
        for pattern, why in _REFUSED_CHARACTERS
        if (found := pattern.search(line))
    ]
    return ([], wrong_characters) if wrong_characters else _Reader(file).read(text)


#: What YAML does not allow, and the tab, of which it allows some.
_REFUSED_CHARACTERS: Final = (
    (re.compile(r"^ *\t"), "is indented with a tab: use spaces"),
    (re.compile("[^\t\r\x20-\x7e\x85\xa0-\ufffd\U00010000-\U0010ffff]"), "is a character that cannot be printed"),
)


class _Reader:
    """One file's documents, made of the parser's events, and what is found wrong on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.depth = 0

    def read(self, text: str) -> tuple[list[Node], list[Problem]]:
        found = []
        try:
            events = yaml.parse(text, Loader=_LOADER)
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    node = self._node(next(events), events)
                    if node.value is not None:
                        found.append(node)
        except yaml.MarkedYAMLError as wrong:
            at = self._position(wrong.problem_mark or wrong.context_mark)
            line = text.splitlines()[at.line - 1 : at.line]
            # In a flow collection a brace ends a plain text.
            hint = ': put the reference in quotes: "${...}"' if "${" in "".join(line)[: at.column] else ""
            self.problems.append(Problem(at, f"is not YAML: {wrong.problem or wrong.context}{hint}"))
        except (yaml.YAMLError, ValueError, OverflowError):
            # Without a place, such as PyYAML's own trouble with an escape like "\UFFFFFFFF".
            self.problems.append(Problem(Position(self.file), "is not YAML"))
        return found, self.problems

    def _position(self, mark: Any) -> Position:
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _wrong(self, at: Position, message: str) -> None:
        self.problems.append(Problem(at, message))

    def _node(self, event: Any, events: Iterator[Any]) -> Node:
        at = self._position(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._wrong(at, "is an alias: write the value out, or use `defaults`")
            return Node(at, None)
        if event.tag is not None:
            self._wrong(at, "has a tag: tags are not taken")
        if isinstance(event, yaml.ScalarEvent):
            return Node(at, self._scalar(event, at))
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise MarkedYAMLError(None, None, f"nested more than {_MAX_DEPTH} deep", event.start_mark)
        value = self._mapping(events) if isinstance(event, yaml.MappingStartEvent) else self._sequence(events)
        self.depth -= 1
        return Node(at, value)

    def _sequence(self, events: Iterator[Any]) -> list[Node]:
        found = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            found.append(self._node(event, events))
        return found

    def _mapping(self, events: Iterator[Any]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._node(event, events)
            value = self._node(next(events), events)
            if not isinstance(key.value, str):
                self._wrong(key.at, "a key must be a text: put it in quotes")
            elif key.value in found:
                first = found[key.value].key_at or key.at
                self._wrong(key.at, f"{key.value}: stands twice, first on line {first.line}")
            else:
                found[key.value] = replace(value, key_at=key.at)
        return found

    def _scalar(self, event: yaml.ScalarEvent, at: Position) -> Any:
        text: str = event.value
        plain = bool(event.implicit[0])
        if plain and _NULL.fullmatch(text):
            return None
        if plain and _BOOL.fullmatch(text):
            return text.lower() == "true"
        if plain and _INT.fullmatch(text):
            number = _int(text)
            if number is None:
                self._wrong(at, "is too large a number: put it in quotes if it is a text")
            return number
        if plain and _FLOAT.fullmatch(text):
            return float(text)
        if any("\ud800" <= c <= "\udfff" for c in text):
            self._wrong(at, "has an escape that stands for no character")
        return text


def _int(text: str) -> int | None:
    if len(text) > 24:  # noqa: PLR2004 - more digits than any number below has, and Python itself limits them
        return None
    number = int(text, 0) if text.startswith(("0x", "0o")) else int(text)
    return number if abs(number) <= _LARGEST_INT else None


# The core schema's scalars that are no text.
_NULL: Final = re.compile("~|null|Null|NULL|")
_BOOL: Final = re.compile("true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

#: Only its parser is used: nothing is constructed. libyaml's is ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
