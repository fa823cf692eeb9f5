"""The expiry of a JWT, read without verifying it."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from pulumi_rekey.endpoints.jwt import expiry


def token(payload: str) -> str:
    return f"e30.{urlsafe_b64encode(payload.encode()).decode().rstrip('=')}.c2lnbmF0dXJl"


@pytest.mark.parametrize("padding", ["", "a", "aa", "aaa"])
def test_expiry(padding: str) -> None:
    assert expiry(token(f'{{"exp": 1795539402, "sub": "{padding}"}}')) == datetime(2026, 11, 24, 16, 56, 42, tzinfo=UTC)


NUMBERS = ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400, "9" * 5000, "-99999999999999", "true", "null"]
UNREADABLE = ["[]", "{}", '{"exp": "soon"}', '{"exp": 1e300}', *(f'{{"exp": {number}}}' for number in NUMBERS)]


@pytest.mark.parametrize("text", ["", "opaque", "a.b", "a.!!.c", *map(token, UNREADABLE)])
def test_what_has_no_expiry(text: Any) -> None:
    assert expiry(text) is None
