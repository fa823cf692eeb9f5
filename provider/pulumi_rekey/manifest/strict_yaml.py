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
from yaml.composer import ComposerError

#: A file of credentials that is larger than this is something else.
MOST_BYTES: Final = 1 << 20
_MOST_DEPTH: Final = 24
#: Pulumi keeps every number as a double.
_LARGEST_INT: Final = 2**53
_TAG: Final = "tag:yaml.org,2002:"


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
        return [], [Problem(Position(file, data[: wrong.start].count(b"\n") + 1), "is not UTF-8")]
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    tabs = [
        Problem(Position(file, number, line.index("\t") + 1), "is indented with a tab: use spaces")
        for number, line in enumerate(text.split("\n"), 1)
        if line[: len(line) - len(line.lstrip())].count("\t") and line.strip()
    ]
    return ([], tabs) if tabs else _Reader(file).read(text)


class _Reader:
    """One file's documents, and what is found wrong on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def read(self, text: str) -> tuple[list[Node], list[Problem]]:
        found = []
        try:
            loader = _Loader(text)
            while loader.check_node():
                composed = loader.get_node()
                node = self._node(composed) if composed else None
                if node is not None and node.value is not None:
                    found.append(node)
        except yaml.MarkedYAMLError as wrong:
            mark = wrong.problem_mark or wrong.context_mark
            at = self._position(mark) if mark else Position(self.file)
            self.problems.append(Problem(at, f"is not YAML: {wrong.problem or wrong.context}"))
        except yaml.reader.ReaderError as wrong:
            line = text.count("\n", 0, wrong.position) + 1
            self.problems.append(Problem(Position(self.file, line), "is not YAML: a character that cannot be printed"))
        except (ValueError, OverflowError):
            # PyYAML's own, of an escape like "\UFFFFFFFF".
            at = self._position(loader.get_mark())
            self.problems.append(Problem(at, "is not YAML: an escape that stands for no character"))
        return found, self.problems

    def _position(self, mark: Any) -> Position:
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _node(self, node: yaml.Node) -> Node:
        at = self._position(node.start_mark)
        match node:
            case yaml.MappingNode(tag=tag) if tag == f"{_TAG}map":
                return Node(at, self._mapping(node))
            case yaml.SequenceNode(tag=tag) if tag == f"{_TAG}seq":
                return Node(at, [self._node(member) for member in node.value])
            case yaml.ScalarNode():
                return Node(at, self._scalar(node, at))
            case _:
                self.problems.append(Problem(at, "has a tag: tags are not taken"))
                return Node(at, None)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for key_node, value_node in node.value:
            at = self._position(key_node.start_mark)
            value = self._node(value_node)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{_TAG}str":
                self.problems.append(Problem(at, "a key must be a text: put it in quotes"))
                continue
            key = key_node.value
            if key in found:
                first = found[key].key_at
                self.problems.append(Problem(at, f"{key}: stands twice, first on line {first.line if first else 1}"))
                continue
            found[key] = replace(value, key_at=at)
        return found

    def _scalar(self, node: yaml.ScalarNode, at: Position) -> Any:
        text: str = node.value
        name = str(node.tag).removeprefix(_TAG)
        if (name in _PATTERNS and not _PATTERNS[name].fullmatch(text)) or name not in {"str", *_PATTERNS}:
            self.problems.append(Problem(at, "has a tag: tags are not taken"))
            return None
        match name:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "float":
                return float(text)
            case "int":
                number = _int(text)
                if number is None:
                    self.problems.append(Problem(at, "is too large a number: put it in quotes if it is a text"))
                return number
            case _:
                if any("\ud800" <= c <= "\udfff" for c in text):
                    self.problems.append(Problem(at, "is not YAML: an escape that stands for no character"))
                return text


def _int(text: str) -> int | None:
    if len(text) > 24:  # noqa: PLR2004 - more digits than any number below has, and Python itself limits them
        return None
    number = int(text, 0) if text.startswith(("0x", "0o")) else int(text)
    return number if abs(number) <= _LARGEST_INT else None


#: The core schema's scalars that are no text.
_PATTERNS: Final = {
    "null": re.compile("~|null|Null|NULL|"),
    "bool": re.compile("true|True|TRUE|false|False|FALSE"),
    "int": re.compile("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"),
}


class _Loader(yaml.SafeLoader):
    """The safe loader, as far as its nodes: with the core schema's scalars and without aliases."""

    # Its own, so that nothing of YAML 1.1 is inherited.
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's name, and filled below

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one value, unless it repeats another or lies too deep."""
        if self.check_event(yaml.AliasEvent):
            raise self._refused("an alias: write the value out, or use `defaults`")
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise self._refused(f"nested more than {_MOST_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refused(self, why: str) -> ComposerError:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's own, untyped in its stubs
        return ComposerError(None, None, why, event.start_mark)


for _name, _pattern in _PATTERNS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"(?:{_pattern.pattern})\\Z"), None)
