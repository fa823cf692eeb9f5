"""What is wrong with a value, in plain words: pydantic's own never reach a user, and no value does."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

#: The words for pydantic's errors; an error of ours brings its own.
_WORDS: Final = {
    "missing": "is required",
    # A span of dates is written as text.
    **dict.fromkeys(("string_type", "named_tuple_type"), "must be text"),
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "has not the form that it must have",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "too_long": "must have at most {max_length} members",
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "must be a number"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "must be a map"),
}
#: Errors whose limit is most often one: then they say that something must be there.
_MINIMA: Final = {"string_too_short": "characters", "too_short": "members"}


def in_words(error: ErrorDetails) -> str:
    """Return what is wrong with a value, without the value; where it helps, after ": " how to write it."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if kind in _MINIMA:
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} {_MINIMA[kind]}"
    return _WORDS.get(kind, "is not a value of this kind").format_map(context)


def unknown_key(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """Return the words for a key that the model does not have at this place."""
    meant = nearest(str(place[-1]), fields_beside(model, place))
    return f"is not an argument of this resource{f': did you mean {meant}?' if meant else ''}"


def nearest(name: object, allowed: Iterable[str]) -> str | None:
    """Return the name that was probably meant: case, dashes and underscores make no difference."""
    by_letters = {_letters(candidate): candidate for candidate in allowed}
    found = difflib.get_close_matches(_letters(str(name)), by_letters, n=1)
    return by_letters[found[0]] if found else None


def fields_beside(model: type[BaseModel], place: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the fields that are allowed where one that is not stands."""
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return tuple(model.model_fields)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
