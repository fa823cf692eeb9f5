"""A vendor's answer, decoded: JSON with typed access, or an error that names what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import SecretStr, TypeAdapter, ValidationError

from ..errors import BadAnswer
from ..model import VendorId

T = TypeVar("T")

_ID: Final = TypeAdapter(VendorId)


class Body(Mapping[str, Any]):
    """A JSON object of the vendor, read field by field; a field of another type is a :class:`BadAnswer`."""

    def __init__(self, source: str, fields: dict[str, Any], *, later: bool = False) -> None:
        self._source = source
        self._fields = fields
        #: Whether it was read after the change instead of being its answer: what is shown only once is not in it.
        self.later = later

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Any:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Body({', '.join(sorted(self._fields))})"

    def _typed(self, name: str, kind: type[T], what: str) -> T:
        value = self._fields.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadAnswer(f"{self._source}: the answer has no {what} {name!r}")
        return value

    def text(self, name: str) -> str:
        """Return a field that is text."""
        return self._typed(name, str, "text")

    def secret(self, name: str) -> SecretStr:
        """Return a field that is a secret and not empty."""
        value = self._typed(name, str, "secret")
        if not value:
            raise BadAnswer(f"{self._source}: the answer has an empty {name!r}")
        return SecretStr(value)

    def id(self, name: str) -> str:
        """Return a field that is an id: it becomes a part of paths and of messages."""
        value = self._typed(name, str, "text")
        try:
            return _ID.validate_python(value)
        except ValidationError:
            raise BadAnswer(f"{self._source}: the answer's {name!r} is not an id") from None

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
            raise BadAnswer(f"{self._source}: the answer's {name!r} is not a list of texts")
        return values

    def objects(self, name: str) -> list[Body]:
        """Return a field that is a list of objects."""
        values = self._typed(name, list, "list")
        if not all(isinstance(value, dict) for value in values):
            raise BadAnswer(f"{self._source}: the answer's {name!r} is not a list of objects")
        return [Body(self._source, value) for value in values]

    def object(self, name: str) -> Body:
        """Return a field that is an object."""
        return Body(self._source, self._typed(name, dict, "object"))

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """Return a field that may be absent or null."""
        return None if self._fields.get(name) is None else self._typed(name, kind, kind.__name__)

    def some_of(self, *names: str) -> None:
        """Make sure that one of these fields is there: where all are optional, what has none is another thing."""
        if not self._fields.keys() & set(names):
            raise BadAnswer(f"{self._source}: the answer has none of {', '.join(names)}")


def decode(source: str, content: bytes, *, later: bool = False) -> Body:
    """Decode a JSON object; ``source`` (such as ``roma: GET …/secret``) stands in the error."""
    if not content:
        raise BadAnswer(f"{source}: the answer is empty")
    try:
        fields = json.loads(content)
        # Half of a surrogate pair parses, but can be neither sent nor saved.
        json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadAnswer(f"{source}: the answer is not JSON") from None
    if not isinstance(fields, dict):
        raise BadAnswer(f"{source}: the answer is not a JSON object")
    return Body(source, fields, later=later)
