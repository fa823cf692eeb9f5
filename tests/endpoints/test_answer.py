"""A vendor's answer, read field by field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.endpoints.answer import Body, decode
from pulumi_rekey.endpoints.jwt import expiry
from pulumi_rekey.errors import BadAnswer

SECRET = "Hunter2"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def body(value: object) -> Body:
    return Body("vcd: GET /x", {"f": value}, strict=True)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("text", "a"),
        ("text", ""),
        ("number", 0),
        ("number", -5),
        ("texts", []),
        ("texts", ["a", "b"]),
    ],
)
def test_a_field_of_its_kind_is_read(read: str, value: object) -> None:
    assert getattr(body(value), read)("f") == value


def test_nested_objects_are_read_with_the_same_words() -> None:
    answer = body([{"a": {"b": "c"}}])
    assert [entry.object("a").text("b") for entry in answer.objects("f")] == ["c"]
    with pytest.raises(BadAnswer, match=r"^vcd: GET /x: the answer has no text 'x'"):
        answer.objects("f")[0].object("a").text("x")


@pytest.mark.parametrize(
    ("read", "value", "what"),
    [
        ("text", None, "has no text 'f'"),
        ("text", 5, "has no text 'f'"),
        ("text", [SECRET], "has no text 'f'"),
        ("secret", "", "has an empty 'f'"),
        ("secret", None, "has no secret 'f'"),
        ("secret", 12345678, "has no secret 'f'"),
        ("secret", {"value": SECRET}, "has no secret 'f'"),
        ("number", True, "has no whole number 'f'"),
        ("number", 1.5, "has no whole number 'f'"),
        ("number", "5", "has no whole number 'f'"),
        ("texts", SECRET, "has no list 'f'"),
        ("texts", [SECRET, 5], "'f' is not a list of texts"),
        ("texts", {SECRET: 1}, "has no list 'f'"),
        ("objects", [{}, SECRET], "'f' is not a list of objects"),
        ("objects", None, "has no list 'f'"),
        ("object", [], "has no object 'f'"),
        ("object", SECRET, "has no object 'f'"),
        ("id", 17, "has no text 'f'"),
        ("id", "", "'f' is not an id"),
        ("id", "..", "'f' is not an id"),
        ("id", f"{SECRET}/..", "'f' is not an id"),
        ("id", f"{SECRET}\n::set-env name=a::b", "'f' is not an id"),
        ("id", f"{SECRET}\x1b[31m", "'f' is not an id"),
        ("id", f"{SECRET}?x", "'f' is not an id"),
        ("id", "a" * 257, "'f' is not an id"),
    ],
)
def test_a_field_of_another_kind_is_named_and_never_shown(read: str, value: object, what: str) -> None:
    with pytest.raises(BadAnswer) as failed:
        getattr(body(value), read)("f")
    assert what in str(failed.value)
    assert str(failed.value).startswith("vcd: GET /x: the answer")
    assert SECRET not in str(failed.value)


@pytest.mark.parametrize("id_", ["a", "urn:vcloud:oidcRelyingParty:5f9f", "5b3c-1", "ключ"])
def test_an_id_is_read(id_: str) -> None:
    assert body(id_).id("f") == id_


@pytest.mark.parametrize("value", [None, 5, True, "x", [], {}])
@pytest.mark.parametrize("kind", [str, int, bool])
def test_what_may_be_absent_is_still_of_its_kind(value: object, kind: type) -> None:
    if value is None or type(value) is kind:
        assert body(value).maybe("f", kind) == value
        assert body(value).maybe("g", kind) is None
        return
    with pytest.raises(BadAnswer):
        body(value).maybe("f", kind)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 21, "9" * 400, "-" + "9" * 5000]
)
def test_a_number_that_no_state_can_hold_does_not_cost_the_secret(number: str) -> None:
    answer = decode("x", f'{{"clientSecret": "{SECRET}", "ttl": {number}, "n": [{{"a": {number}}}]}}'.encode())
    assert answer.secret("clientSecret").get_secret_value() == SECRET
    assert answer.maybe("ttl", int) is None
    assert dict(answer)["n"] == [{"a": None}]


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-5", -5), (str(2**63), 2**63), ("1.5", 1.5), ("1e3", 1000.0)])
def test_other_numbers_are_as_they_are(text: str, number: float) -> None:
    assert decode("x", f'{{"f": {text}}}'.encode())["f"] == number


@pytest.mark.parametrize("value", ["x", True, 1.5, [], {}])
def test_information_of_another_type_does_not_cost_a_minted_secret(value: object) -> None:
    content = json.dumps({"clientSecret": SECRET, "ttl": value}).encode()
    assert decode("x", content).maybe("ttl", int) is None
    with pytest.raises(BadAnswer):
        decode("x", content, strict=True).maybe("ttl", int)


def test_a_secret_is_in_no_repr() -> None:
    answer = body(SECRET)
    assert SECRET not in f"{answer!r} {answer.secret('f')!r}"
    assert repr(answer) == "Body(f)"
    assert dict(answer) == {"f": SECRET}


@given(JSON)
def test_any_value_is_read_or_refused(value: Any) -> None:
    answer = body(value)
    for read in ("text", "secret", "number", "texts", "objects", "object", "id"):
        try:
            getattr(answer, read)("f")
        except BadAnswer:
            continue


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(content: bytes) -> None:
    try:
        assert decode("x", content)._source == "x"
    except BadAnswer:
        return


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_token_has_an_expiry_or_none(token: str) -> None:
    found = expiry(token)
    assert found is None or found.tzinfo is not None
