"""Properties as the engine's protocol has them, and as the core has them."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.struct_pb2 import Struct, Value

from ..frontend.values import UNKNOWN, Properties, Secret

# By these the engine tells its marks from a user's values; they are part of its protocol.
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret
#: What stands for a value that is not known yet: of a string, and of each other kind.
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # an array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)


def from_wire(struct: Struct) -> Properties:
    """Return the properties that a message holds; null is the same as nothing, and so is a secret that is null."""
    return {name: found for name, value in struct.fields.items() if (found := _from(value)) is not None}


def _from(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            members = from_wire(value.struct_value)
            return members.get("value") if members.get(_SIGNATURE) == _SECRET else members
        case "list_value":
            return [_from(member) for member in value.list_value.values]
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def holds_secret(value: Value) -> bool:
    """Tell whether a value of a message is, or holds at any depth, one with the engine's mark of a secret."""
    match value.WhichOneof("kind"):
        case "struct_value":
            members = value.struct_value.fields
            marked = _SIGNATURE in members and members[_SIGNATURE].string_value == _SECRET
            return marked or any(map(holds_secret, members.values()))
        case "list_value":
            return any(map(holds_secret, value.list_value.values))
        case _:
            return False


def to_wire(properties: Properties) -> Struct:
    """Return properties as a message holds them: secrets with the engine's mark."""
    struct = Struct()
    for name, value in properties.items():
        _fill(struct.fields[name], value)
    return struct


def _fill(slot: Value, value: Any) -> None:
    match value:
        case Secret():
            slot.struct_value.fields[_SIGNATURE].string_value = _SECRET
            _fill(slot.struct_value.fields["value"], value.value)
        case dict():
            slot.struct_value.SetInParent()
            for name, member in value.items():
                _fill(slot.struct_value.fields[name], member)
        case list() | tuple():
            slot.list_value.SetInParent()
            for member in value:
                _fill(slot.list_value.values.add(), member)
        case bool():
            slot.bool_value = value
        case int() | float():
            slot.number_value = value
        case str():
            slot.string_value = value
        case None:
            slot.null_value = 0  # type: ignore[assignment]  # the one member of its enumeration
        case _ if value is UNKNOWN:
            slot.string_value = _UNKNOWN
        case _:
            raise TypeError(f"no property: {type(value).__name__}")
