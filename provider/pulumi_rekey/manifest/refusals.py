"""What a model refuses of a node, in words, at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..model import Model
from .references import Template
from .strict_yaml import Node, Problem

_Place = tuple[int | str, ...]


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
    # clientName is client_name for whoever comes from the vendor's pages.
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    close = [by_lower[found] for word in (name, snake) for found in get_close_matches(word.lower(), by_lower, n=1)]
    return f" (did you mean {close[0]}?)" if close else ""


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
    match error["type"]:
        case "extra_forbidden":
            return unknown(str(error["loc"][-1]), _fields_beside(model, error["loc"]))
        case "missing":
            return "is required"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "dict_type" | "model_type":
            return "must be a map"
        case _:
            return error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def _fields_beside(model: type[BaseModel], place: _Place) -> tuple[str, ...]:
    """Return the fields that are allowed where one that is not stands."""
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return tuple(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
