"""Errors: one line each, and a tree that says what the reader does next."""

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey import errors
from pulumi_rekey.errors import (
    BadAnswer,
    Conflict,
    Error,
    Forbidden,
    NotFound,
    Partial,
    Unauthenticated,
    Unavailable,
    VendorError,
    printable_code,
)

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, Error) and cls not in {Error, Partial}
]


@pytest.mark.parametrize("cls", ALL)
def test_message_says_what_to_do_in_one_line(cls: type[Error]) -> None:
    text = str(cls("vcd: GET /x: 403"))
    assert re.fullmatch(r"vcd: GET /x: 403: [^\n]+", text)
    assert str(cls("a", todo="b", request_id="c")) == "a: b (request c)"


def test_docstring_draws_the_tree() -> None:
    drawn = re.findall(r"^[│├└─\s]*([A-Z][A-Za-z]+)  ", errors.__doc__ or "", re.M)
    assert set(drawn) | {"Error", "VendorError"} == {cls.__name__ for cls in [*ALL, Error, Partial]}
    for name in drawn:
        nested = re.search(rf"^    │   [├└]── {name} ", errors.__doc__ or "", re.M) is not None
        assert issubclass(getattr(errors, name), VendorError) is (nested or name == "VendorError")


def test_message_has_three_parts() -> None:
    failed = Forbidden("vcd: POST …/regenerateSecret: 403", todo='the token needs the right "x"', request_id="7f3a")
    failed.aftermath = "the old secret still works"
    assert str(failed) == (
        'vcd: POST …/regenerateSecret: 403: the old secret still works; the token needs the right "x" (request 7f3a)'
    )


def test_no_effect_is_true_of_most() -> None:
    uncertain = {cls.__name__ for cls in ALL if not cls.no_effect}
    assert uncertain == {"AnswerLost", "BadAnswer", "Unavailable"}
    assert all(cls.no_effect for cls in (Unauthenticated, NotFound, Conflict))
    assert not Unavailable.no_effect
    assert not BadAnswer.no_effect


def test_partial_keeps_the_message_of_its_cause() -> None:
    cause = Conflict("vcd: PUT /x: 409", request_id="r")
    partial = Partial({"a": 1}, cause)
    assert partial.state == {"a": 1}
    assert str(partial) == (
        "vcd: PUT /x: 409: what was done before is kept; resolve the conflict at the vendor, then run again (request r)"
    )


def test_partial_names_an_unexpected_cause_without_its_text() -> None:
    assert "Hunter2" not in str(Partial({}, RuntimeError("Hunter2")))
    assert str(Partial({}, RuntimeError("Hunter2"))).startswith("unexpected RuntimeError: ")


@pytest.mark.parametrize(
    "code", ["ROMA.00014001", "ACCESS_TO_RESOURCE_IS_FORBIDDEN", "invalid_grant", "a.b-c", "7", "a" * 64]
)
def test_code_of_the_vendor_is_kept(code: str) -> None:
    assert printable_code(code) == code


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_code_of_another_form_is_dropped(text: object) -> None:
    kept = printable_code(text)
    assert kept is None or (kept == text and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kept))
