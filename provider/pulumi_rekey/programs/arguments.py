"""What is wrong with an argument by its type, said in one line that begins with the user's own line.

Only plain values are judged, and only by what their type shows: what is worth more is the provider's to say, in the
preview. What another resource gives is not known here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pulumi

from ..frontend.import_order import own_first

_PACKAGE: Final = f"{Path(__file__).parent.parent}{os.sep}"
#: The words for a type, and the types that pass for it: configuration gives the digits of a number as text.
_PLAIN: Final[dict[Any, tuple[str, tuple[type, ...]]]] = {
    str: ("text", (str,)),
    bool: ("true or false", (bool, int, str)),
    int: ("a whole number", (int, float, str)),
    float: ("a number", (int, float, str)),
}
_WORDS: Final[dict[type, str]] = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    dict: "a map",
    list: "a list",
    tuple: "a list",
    bytes: "bytes",
}
#: A value of these can be read at a glance.
_SHOWN: Final = (bool, int, float, NoneType)


class _Wrong(Exception):
    """The first thing that is wrong."""


def judge(subject: str, types: Mapping[str, Any], given: Mapping[str, Any], secret: tuple[str, ...] = ()) -> None:
    """Refuse the first argument whose value is not of its type.

    :param subject: What the arguments are for: a resource's name, or a class.
    :param secret: The arguments of which no value is shown.
    :raises pulumi.RunError: One line, which begins with the line that passes the argument.
    """
    try:
        for name, value in given.items():
            if value is not None:
                _judge(name, types[name], value, shown=name not in secret)
    except _Wrong as wrong:
        raise refused(f"{subject}: {wrong}") from None


def refused(message: str) -> pulumi.RunError:
    """Return the error that shows one line and no traceback: it begins with the line of the user's program."""
    frame = sys._getframe(1)
    # A dataclass makes its constructor of a text.
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<")):
        frame = frame.f_back
    file = Path(frame.f_code.co_filename)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return pulumi.RunError(f"{shown}:{frame.f_lineno}: {message}")


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, if one is near."""
    # Python's own: the user's program may have a file of this name.
    with own_first():
        from difflib import get_close_matches
    return next(iter(get_close_matches(name, known, 1)), None)


@cache
def types_of(made: Any) -> dict[str, Any]:
    """Return the types of what a class, or a function, is told."""
    # In pulumi's own `Input` the names of its module stand as text.
    return get_type_hints(made, localns={"Output": pulumi.Output, "T": Any}, include_extras=True)


def _judge(path: str, wanted: Any, value: Any, *, shown: bool) -> None:
    if isinstance(value, pulumi.Output | Awaitable) or wanted is Any:
        return
    choices = list(_choices(wanted))
    maps = [choice for choice in choices if is_typeddict(choice)]
    if maps and isinstance(value, Mapping):
        _judge_map(path, maps[0], value, shown=shown)
    elif isinstance(value, list | tuple) and (lists := [c for c in choices if _is_list(c)]):
        for number, member in enumerate(value):
            _judge(f"{path}[{number}]", get_args(lists[0])[0], member, shown=shown)
    elif isinstance(value, Mapping) and (members := [c for c in choices if _is_mapping(c)]):
        names, wanted_member = get_args(members[0])
        for key, member in value.items():
            if get_origin(names) is Literal and key not in get_args(names):
                raise _Wrong(f"{path} has no {key!r}: it has {' and '.join(get_args(names))}")
            _judge(f"{path}.{key}", wanted_member, member, shown=shown)
    elif not any(_passes(choice, value) for choice in choices):
        # Whoever takes any number takes a whole one.
        named = [choice for choice in choices if not (choice is int and float in choices)]
        words = dict.fromkeys(_in_words(choice) for choice in named)
        raise _Wrong(f"{path} must be {_one_of(list(words))}, not {_seen(value, choices, shown=shown)}")


def _judge_map(path: str, wanted: Any, value: Mapping[Any, Any], *, shown: bool) -> None:
    types = types_of(wanted)
    for key in value:
        if key not in types:
            close = closest(str(key), types)
            raise _Wrong(f"{path} has no {key!r}: {f'did you mean {close}?' if close else ', '.join(types)}")
    for key, type_ in types.items():
        # None is what the class has by default.
        if value.get(key) is not None:
            _judge(f"{path}.{key}", type_, value[key], shown=shown)
        elif wanted.__total__ and get_origin(type_) is not NotRequired:
            raise _Wrong(f"{path}.{key} is missing")


def _choices(wanted: Any) -> Iterator[Any]:
    """Yield the types that a plain value can have."""
    origin = get_origin(wanted)
    if origin is NotRequired:
        yield from _choices(get_args(wanted)[0])
    elif origin in {Union, UnionType}:
        for member in get_args(wanted):
            yield from _choices(member)
    elif origin not in {pulumi.Output, Awaitable} and wanted is not NoneType:
        yield wanted


def _is_list(choice: Any) -> bool:
    return get_origin(choice) is not None and get_origin(choice).__name__ == "Sequence"


def _is_mapping(choice: Any) -> bool:
    return get_origin(choice) is not None and get_origin(choice).__name__ == "Mapping"


def _passes(choice: Any, value: Any) -> bool:
    if get_origin(choice) is Literal:
        return value in get_args(choice)
    if choice in _PLAIN:
        # true is 1 to Python alone.
        return isinstance(value, _PLAIN[choice][1]) and (choice in {bool, str} or not isinstance(value, bool))
    return isinstance(choice, type) and not is_typeddict(choice) and isinstance(value, choice)


def _one_of(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _in_words(choice: Any) -> str:
    if get_origin(choice) is Literal:
        return _one_of([repr(one) for one in get_args(choice)])
    if choice in _PLAIN:
        return _PLAIN[choice][0]
    if _is_list(choice):
        return "a list"
    if _is_mapping(choice) or is_typeddict(choice):
        return "a map"
    return f"a {choice.__name__}"


def _seen(value: Any, choices: list[Any], *, shown: bool) -> str:
    if shown and (isinstance(value, _SHOWN) or any(get_origin(choice) is Literal for choice in choices)):
        return repr(value) if len(repr(value)) <= 40 else type(value).__name__  # noqa: PLR2004 - a glance
    return _WORDS.get(type(value), f"a {type(value).__name__}")
