"""Verifying SDK-HMAC-SHA256 signatures, the way Huawei Cloud does for AK/SK and for APP authentication.

https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-algorithm.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request

ALGORITHM = "SDK-HMAC-SHA256"
FRESH = timedelta(minutes=15)
_HEADER = re.compile(rf"{ALGORITHM} Access=([^, ]+), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{{64}})")


class Unsigned(Exception):
    """Why a signature does not hold, in words that name no secret."""


async def signer(request: Request, secret_of: Callable[[str], str | None]) -> str:
    """The access key that signed this request; `secret_of` gives the secret of a key, or None.

    The signature covers the headers that the request itself lists, X-Sdk-Date among them, and the raw bytes
    of the body. X-Sdk-Date is held against real time: a signer's clock cannot be moved from here.
    Raises Unsigned.
    """
    parts = _HEADER.fullmatch(request.headers.get("authorization", ""))
    if parts is None:
        raise Unsigned("the Authorization header is malformed")
    access, names, signature = parts[1], parts[2].split(";"), parts[3]
    secret = secret_of(access)
    if secret is None:
        raise Unsigned("the access key does not exist")
    if "x-sdk-date" not in names:
        raise Unsigned("X-Sdk-Date is not signed")
    date = request.headers.get("x-sdk-date", "")
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Unsigned("X-Sdk-Date is malformed") from None
    if abs(datetime.now(UTC) - signed_at) > FRESH:
        raise Unsigned("the signature has expired")
    canonical = await _canonical_request(request, names)
    to_sign = f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical).hexdigest()}"
    expected = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise Unsigned("the signature does not match")
    return access


async def _canonical_request(request: Request, names: list[str]) -> bytes:
    raw_path: bytes = request.scope["raw_path"]
    path = "/".join(_encode(segment) for segment in unquote(raw_path.decode()).split("/"))
    query = sorted(parse_qsl(request.scope["query_string"].decode(errors="replace"), keep_blank_values=True))
    headers: dict[str, bytes] = {name.decode("latin-1"): value.strip() for name, value in request.headers.raw}
    if missing := [name for name in names if name not in headers]:
        raise Unsigned(f"a signed header is missing: {', '.join(missing)}")
    body = await request.body()
    payload = hashlib.sha256(body).hexdigest()
    if body and headers.get("x-sdk-content-sha256") == b"UNSIGNED-PAYLOAD":
        payload = "UNSIGNED-PAYLOAD"
    return b"\n".join(
        [
            request.method.encode(),
            (path if path.endswith("/") else path + "/").encode(),
            "&".join(f"{_encode(name)}={_encode(value)}" for name, value in query).encode(),
            b"".join(name.encode() + b":" + headers[name] + b"\n" for name in names),
            ";".join(names).encode(),
            payload.encode(),
        ]
    )


def _encode(text: str) -> str:
    return quote(text, safe="~")
