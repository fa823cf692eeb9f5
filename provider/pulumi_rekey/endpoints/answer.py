"""A vendor's answer, decoded: JSON with typed access, or an error that names what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import SecretStr, TypeAdapter, ValidationError

from ..errors import BadAnswer
from ..model import VendorId

T = TypeVar("T")

_ID: Final = TypeAdapter(VendorId)
#: As many characters as a number of 64 bits has, with its sign.
_MAX_DIGITS: Final = 20


class Body(Mapping[str, Any]):
    """A JSON object of the vendor, read field by field; a field of another type is a :class:`BadAnswer`."""

    def __init__(
        self,
        source: str,
        fields: dict[str, Any],
        *,
        from_task: bool = False,
        no_effect: bool = False,
        strict: bool = False,
    ) -> None:
        self._source = source
        self._fields = fields
        self._no_effect = no_effect
        self._strict = strict
        #: Whether it was read after a task had made the change: what the vendor shows only once is not in it.
        self.from_task = from_task

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Any:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Body({', '.join(sorted(self._fields))})"

    def _wrong(self, what: str) -> BadAnswer:
        return BadAnswer(f"{self._source}: {what}", no_effect=self._no_effect)

    def _part(self, fields: dict[str, Any]) -> Body:
        return Body(self._source, fields, no_effect=self._no_effect, strict=self._strict)

    def _typed(self, name: str, kind: type[T], what: str) -> T:
        value = self._fields.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._wrong(f"the answer has no {what} {name!r}")
        return value

    def text(self, name: str) -> str:
        """Return a field that is text."""
        return self._typed(name, str, "text")

    def secret(self, name: str) -> SecretStr:
        """Return a field that is a secret and not empty."""
        value = self._typed(name, str, "secret")
        if not value:
            raise self._wrong(f"the answer has an empty {name!r}")
        return SecretStr(value)

    def id(self, name: str) -> str:
        """Return a field that is an id: it becomes a part of paths and of messages."""
        value = self._typed(name, str, "text")
        try:
            return _ID.validate_python(value)
        except ValidationError:
            raise self._wrong(f"the answer's {name!r} is not an id") from None

    def number(self, name: str) -> int:
        """Return a field that is a whole number."""
        return self._typed(name, int, "whole number")

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        return self._typed(name, bool, "flag")

    def texts(self, name: str) -> list[str]:
        """Return a field that is a list of texts."""
        values = self._typed(name, list, "list")
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(f"the answer's {name!r} is not a list of texts")
        return values

    def objects(self, name: str) -> list[Body]:
        """Return a field that is a list of objects."""
        values = self._typed(name, list, "list")
        if not all(isinstance(value, dict) for value in values):
            raise self._wrong(f"the answer's {name!r} is not a list of objects")
        return [self._part(value) for value in values]

    def object(self, name: str) -> Body:
        """Return a field that is an object."""
        return self._part(self._typed(name, dict, "object"))

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """Return a field that may be absent or null.

        One of another type counts as absent, so that it does not cost the secret beside it; where the answer is
        strict, it is an error.
        """
        if self._fields.get(name) is None:
            return None
        try:
            return self._typed(name, kind, kind.__name__)
        except BadAnswer:
            if self._strict:
                raise
            return None

    def some_of(self, *names: str) -> None:
        """Make sure that one of these fields is there: where all are optional, what has none is another thing."""
        if not self._fields.keys() & set(names):
            raise self._wrong(f"the answer has none of {', '.join(names)}")


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _fraction(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def decode(
    source: str, content: bytes, *, from_task: bool = False, no_effect: bool = False, strict: bool = False
) -> Body:
    """Decode a JSON object; a number that neither JSON nor a state can hold becomes null.

    ``source``, such as ``roma: GET …/secret``, begins each error about it; ``no_effect`` says that what was asked for
    changes nothing, ``strict`` that a field of another type is an error even if it may be absent.
    """

    def wrong(what: str) -> BadAnswer:
        return BadAnswer(f"{source}: the answer {what}", no_effect=no_effect)

    if not content:
        raise wrong("is empty")
    try:
        fields = json.loads(content, parse_int=_whole, parse_float=_fraction, parse_constant=lambda _name: None)
        # Half of a surrogate pair can be parsed, but neither sent nor saved.
        json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise wrong("is not JSON") from None
    if not isinstance(fields, dict):
        raise wrong("is not a JSON object")
    return Body(source, fields, from_task=from_task, no_effect=no_effect, strict=strict)
