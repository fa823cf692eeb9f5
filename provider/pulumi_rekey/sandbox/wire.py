"""Reading requests strictly: a body or a header that is not what a page documents is `Malformed`."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import Request

T = TypeVar("T")

INT32 = 2**31 - 1
FORM = "application/x-www-form-urlencoded"


class Malformed(Exception):
    """What the sender got wrong, in words that name the field and never its value."""


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an absent body reads as an empty object."""
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair parses, but is no text
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(body, dict):
        raise Malformed("the body is not a JSON object")
    return body


def media_type(request: Request) -> str:
    """The media type that a request says its body is of, without parameters; empty where it says none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def form(request: Request) -> dict[str, str]:
    """The fields of an application/x-www-form-urlencoded body."""
    if media_type(request) != FORM:
        raise Malformed("the body is not application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl((await request.body()).decode(), strict_parsing=True, keep_blank_values=True))
    except ValueError:
        raise Malformed("the body is not form-urlencoded") from None


def field(body: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """One field of a JSON object, or None where it is absent or null.

    A boolean is not taken for a number, and a number is bounded as the int32 that the pages write.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Malformed(f"{name} is not of type {kind.__name__}")
    if kind is int and not -INT32 - 1 <= value <= INT32:  # type: ignore[operator]  # it is an int here
        raise Malformed(f"{name} is out of range")
    return value


def required(body: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """One field of a JSON object that must be there."""
    value = field(body, name, kind)
    if value is None:
        raise Malformed(f"{name} is missing")
    return value


def strings(body: Mapping[str, Any], name: str) -> list[str] | None:
    """A field that holds a list of strings, or None where it is absent or null."""
    values = field(body, name, list)
    if values is not None and not all(isinstance(value, str) for value in values):
        raise Malformed(f"{name} holds something that is not a string")
    return values


def whole_number(request: Request, name: str, default: int, lowest: int, highest: int = INT32) -> int:
    """A query parameter that is a number between two bounds."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if re.fullmatch(r"[0-9]{1,10}", given) is None or not lowest <= int(given) <= highest:
        raise Malformed(f"{name} is not a number of at least {lowest} and at most {highest}")
    return int(given)


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Name and secret of an `Authorization: Basic` header; None where there is no such header."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Malformed("the Authorization header is not Basic credentials") from None
    if not colon:
        raise Malformed("the Authorization header is not Basic credentials")
    return name, secret


def bearer(request: Request) -> str | None:
    """The token of an `Authorization: Bearer` header; None where there is no such header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
