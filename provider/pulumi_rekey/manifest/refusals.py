"""What is found wrong: by a model of a node, in words and at its place, and by those who read manifests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..model import Model
from ..wording import fields_beside, in_words, nearest
from .references import Template, parse
from .strict_yaml import Node, Position, Problem

_Place = tuple[int | str, ...]


@dataclass
class Findings:
    """The problems so far."""

    problems: list[Problem] = field(default_factory=list)

    def wrong(self, at: Position, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(at, message))

    def known(self, node: Node, allowed: Iterable[str], path: str) -> Node:
        """Return a map without its unknown keys, which are noted."""
        names = tuple(allowed)
        for key, member in node.value.items():
            if key not in names:
                self.wrong(member.key_at or member.at, f"{path}{key}: {unknown(key, names)}")
        return replace(node, value={key: member for key, member in node.value.items() if key in names})

    def text(self, node: Node, key: str, path: str = "") -> str | None:
        """Return a required text of a map; note it if it is missing or something else."""
        member = node.value.get(key)
        if member is None:
            self.wrong(node.at, f"{path}{key}: is required")
        elif isinstance(member.value, str):
            return member.value
        else:
            self.wrong(member.at, f"{path}{key}: must be a text")
        return None

    def with_references(self, node: Node, path: str) -> Node:
        """Return the node with a template for each text that holds references."""
        match node.value:
            case dict():
                members = {key: self.with_references(member, f"{path}.{key}") for key, member in node.value.items()}
                return replace(node, value=members)
            case list():
                listed = [self.with_references(member, f"{path}[{n}]") for n, member in enumerate(node.value)]
                return replace(node, value=listed)
            case str():
                try:
                    return replace(node, value=parse(node.value))
                except ValueError as wrong:
                    self.wrong(node.at, f"{path}: {wrong}")
            case _:
                pass
        return node


def read_as(model: type[Model], node: Node, path: str) -> tuple[Any, list[Problem]]:
    """Return what the model makes of the node, if all of its values are known and good, and what it refuses.

    A value with references in it is not judged: what they stand for is known when the engine runs.
    """
    problems = [
        Problem(leaf.at, f"{inner}: null says nothing here: leave it out")
        for inner, leaf in node.leaves(path)
        if leaf.value is None
    ]
    raw = node.plain()
    read, refused = _read(model, raw)
    for place, (error, reason) in refused.items():
        if error == "missing" or _value_at(raw, place) is not None:
            where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
            at = node.find(place, key=error == "extra_forbidden")
            problems.append(Problem(at, f"{path}{where}: {reason}"))
    return None if problems or holds_references(raw) else read, problems


def holds_references(value: Any) -> bool:
    """Tell whether there is a reference at any depth of a plain value."""
    match value:
        case Template():
            return True
        case dict():
            return any(holds_references(member) for member in value.values())
        case list() | tuple():
            return any(holds_references(member) for member in value)
        case _:
            return False


def unknown(name: str, allowed: Iterable[str], what: str = "key") -> str:
    """Return the words for a name that is none of those that are allowed."""
    names = tuple(allowed)
    return f"unknown {what}{hint(name, names)}; allowed: {', '.join(names)}"


def hint(name: str, allowed: Iterable[str]) -> str:
    """Return the name that was probably meant, in words."""
    meant = nearest(name, allowed)
    return f" (did you mean {meant}?)" if meant else ""


def _read(model: type[Model], raw: Any) -> tuple[Any, dict[_Place, tuple[str, str]]]:
    refused: dict[_Place, tuple[str, str]] = {}
    read: Any = None
    # Pulumi may hand over "5" for 5, so the models take it; a file can say what it means. In strict mode only tuples
    # fit the models' tuples, and then not their lists.
    for strict, value in ((False, raw), (True, _tuples(raw))):
        try:
            read = model.model_validate(value, strict=strict)
        except ValidationError as refusal:
            for error in refusal.errors(include_url=False):
                is_tuple = strict and error["type"] == "list_type"
                if not is_tuple and (error["type"] == "missing" or not holds_references(error["input"])):
                    refused.setdefault(error["loc"], (error["type"], _in_words(model, error)))
    return read, refused


def _tuples(value: Any) -> Any:
    match value:
        case dict():
            return {key: _tuples(member) for key, member in value.items()}
        case list():
            return tuple(_tuples(member) for member in value)
        case _:
            return value


def _value_at(raw: Any, place: _Place) -> Any:
    """Return the value that an error is about; what is at no such place is no null."""
    for part in place:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return ...
    return raw


def _in_words(model: type[Model], error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return unknown(str(error["loc"][-1]), fields_beside(model, error["loc"]))
    return in_words(error)
