"""Properties on the engine's wire."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc
from pulumi_rekey.frontend.values import UNKNOWN, Secret
from pulumi_rekey.native.wire import from_wire, holds_secret, to_wire

from .in_process import envelope, read

#: What stands for a value that is not known yet, as the SDK writes them.
UNKNOWNS = (
    rpc.UNKNOWN,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
)


def message(properties: dict[str, Any]) -> Struct:
    """A message that is not written by what is tested."""
    struct = Struct()
    struct.update(properties)
    return struct


@pytest.mark.parametrize("value", ["", "text", True, False, 0.0, 2.5, {}, [], {"a": [{"b": True}, "c", 1.0]}], ids=repr)
def test_wire_keeps_plain_values(value: Any) -> None:
    assert read(to_wire({"it": value})) == {"it": value}
    found = from_wire(message({"it": value}))
    assert found == {"it": value}
    assert type(found["it"]) is type(value)


def test_wire_takes_null_for_nothing_and_sends_it() -> None:
    assert from_wire(message({"it": None, "deep": {"it": None}, "list": [None]})) == {"deep": {}, "list": [None]}
    assert from_wire(message({"it": envelope(None), "deep": {"it": envelope(None)}})) == {"deep": {}}
    sent = to_wire({"it": None, "numbers": (1, 2)})
    assert sent.fields["it"].WhichOneof("kind") == "null_value"
    assert [one.number_value for one in sent.fields["numbers"].list_value.values] == [1, 2]


@pytest.mark.parametrize("value", ["text", {"a": "b"}, ["a"], UNKNOWN], ids=repr)
def test_wire_marks_a_secret_at_every_depth(value: Any) -> None:
    plain = rpc.UNKNOWN if value is UNKNOWN else value
    assert read(to_wire({"it": Secret(value)})) == {"it": envelope(plain)}
    assert read(to_wire({"deep": [{"it": Secret(value)}]})) == {"deep": [{"it": envelope(plain)}]}
    assert from_wire(message({"deep": [{"it": envelope(plain)}]})) == {"deep": [{"it": value}]}


def test_wire_takes_for_a_secret_only_what_the_engine_marks() -> None:
    """A user's map with a member that is called `value` is a map."""
    (signature,) = envelope("x").keys() - {"value"}
    for map_ in ({"value": "x"}, {signature: "another mark", "value": "x"}):
        assert from_wire(message({"it": map_})) == {"it": map_}
        assert not holds_secret(message({"it": map_}).fields["it"])


@pytest.mark.parametrize("text", UNKNOWNS)
def test_wire_knows_every_kind_of_unknown(text: str) -> None:
    assert from_wire(message({"it": text, "deep": [{"it": text}]})) == {"it": UNKNOWN, "deep": [{"it": UNKNOWN}]}


def test_wire_sends_an_unknown_as_the_sdk_does() -> None:
    assert read(to_wire({"it": UNKNOWN})) == {"it": rpc.UNKNOWN}


@pytest.mark.parametrize(
    "value", [envelope("x"), {"portal": envelope("x")}, [envelope("x")], {"a": [{"b": envelope("x")}]}], ids=repr
)
def test_secret_is_found_at_every_depth(value: Any) -> None:
    assert holds_secret(message({"it": value}).fields["it"])
    assert not holds_secret(message({"it": {"a": ["x", 1, None, {}]}}).fields["it"])
    assert not holds_secret(Value())


def test_wire_refuses_what_is_no_property_without_repeating_it() -> None:
    with pytest.raises(TypeError, match=r"^no property: bytes$"):
        to_wire({"it": b"s3cret"})
