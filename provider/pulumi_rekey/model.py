"""The facts about a field are marks on the field; the models of inputs, state and policy build on this.

A field is *secret* if its type is :data:`Secret`, *immutable* or *write-only* if its ``json_schema_extra`` says so.
The fields of a state are the resource's outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, ParamSpec, TypeVar, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    WithJsonSchema,
)
from pydantic.config import JsonDict

from .wording import in_words, unknown_key

P = ParamSpec("P")
R = TypeVar("R")

#: Another value means another object: Pulumi replaces the resource.
IMMUTABLE: Final[JsonDict] = {"immutable": True}
#: Sent to the vendor and never kept in the outputs.
WRITE_ONLY: Final[JsonDict] = {"writeOnly": True}


class Mark(Enum):
    """What a field is to rekey alone; a mark stands in the field's ``Annotated`` and in no schema."""

    #: The input that names an object that exists and is to be managed.
    ADOPTS = "adopts"
    #: The input by which a user gives the secret; then nothing may mint beside it.
    EXPLICIT_SECRET = "explicit secret"  # noqa: S105 - the name of a mark
    #: An input, beside policy and explicit secret, without which it is not known whether the credential rotates.
    DECIDES = "decides"
    #: The flag that one resource of an endpoint can have.
    EXCLUSIVE = "exclusive"
    #: The output that holds the vendor's id of the live object.
    OBJECT_ID = "object id"
    #: The output that holds the id of the OAuth client that the credential is for.
    CLIENT_ID = "client id"
    #: An output that a mint may change, beside the secrets, of which that is plain.
    MINTED = "minted"


#: A value that is encrypted in the state and masked wherever Pulumi prints.
Secret = Annotated[
    SecretStr, WithJsonSchema({"type": "string", "format": "password", "secret": True}, mode="validation")
]


def vendor_id(value: str) -> str:
    """Return the value if it can be one segment of a URL."""
    if value in {".", ".."} or not value.isprintable() or any(c in value for c in "/\\?#% "):
        raise ValueError("is not an id: it must be a name without spaces, slashes, '?', '#' or '%'")
    return value


#: An id that becomes one segment of a URL.
VendorId = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(vendor_id)]


def _no_flag(value: Any) -> Any:
    # Python takes true for 1, and the user did not mean that.
    match value:
        case bool():
            raise ValueError("must be a number, not true or false")
        case _:
            return value


#: For every number: refuse true and false.
NO_FLAG: Final = BeforeValidator(_no_flag)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar") from None


#: A moment, in UTC; RFC 3339 in the state.
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


def rfc3339(moment: datetime) -> str:
    """Return the moment as RFC 3339 text in UTC, to the second."""
    # Not strftime, which writes the year 1 as "1".
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


class Model(BaseModel):
    """A frozen model that refuses unknown fields, and shows no value in an error or in its repr."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Name the fields that are set, never their values."""
        yield from ((None, name) for name in sorted(self.model_fields_set))


#: For what another version may have written: what it does not know it leaves alone.
OPEN: Final = ConfigDict(extra="ignore")


def _cached(look: Callable[P, R]) -> Callable[P, R]:
    """Look once at what a model's fields are: every comparison of every resource asks."""
    # mypy does not know that a class of models is hashable.
    return cast("Callable[P, R]", cache(look))


@_cached
def fields_with(model: type[BaseModel], mark: Mark) -> tuple[str, ...]:
    """Return the names of the model's fields that carry the mark."""
    return tuple(name for name, field in model.model_fields.items() if mark in field.metadata)


def fields_marked(model: type[BaseModel], mark: JsonDict) -> frozenset[str]:
    """Return the names of the model's fields that carry the mark."""
    return _fields_marked(model, tuple(mark.items()))


@_cached
def _fields_marked(model: type[BaseModel], mark: tuple[tuple[str, Any], ...]) -> frozenset[str]:
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and set(mark) <= field.json_schema_extra.items()
    )


@_cached
def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the model's secret fields."""
    return frozenset(name for name, field in model.model_fields.items() if _is_secret(field.annotation))


def _is_secret(annotation: Any) -> bool:
    # `Secret | None` is a union whose members still carry Annotated.
    inner = (getattr(annotation, "__origin__", None), *getattr(annotation, "__args__", ()))
    return annotation is SecretStr or any(a is not annotation and a is not None and _is_secret(a) for a in inner)


def property_path(location: tuple[int | str, ...]) -> str:
    """Return the location of a validation error as a Pulumi property path, such as ``rotation.windows[0].cron``."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def problems(model: type[BaseModel], raw: dict[str, Any], unknown: Callable[[Any], bool]) -> list[tuple[str, str]]:
    """Validate the known part of ``raw`` and return pairs of property path and reason.

    ``unknown`` tells whether a value is, or holds at any depth, one that only ``pulumi up`` will know. Errors about
    such a value are left out: it is validated when it is known. Causes come before consequences. No reason holds a
    secret; of other values, only durations of the policy appear.
    """
    try:
        model.model_validate(raw)
    except ValidationError as refused:
        errors = [
            error
            for error in refused.errors(include_url=False)
            if error["type"] == "missing" or not unknown(error["input"])
        ]
        # A misspelt name is often why another one is missing.
        errors.sort(key=lambda error: error["type"] != "extra_forbidden")
        return [
            (
                property_path(error["loc"]),
                unknown_key(model, error["loc"]) if error["type"] == "extra_forbidden" else in_words(error),
            )
            for error in errors
        ]
    return []
