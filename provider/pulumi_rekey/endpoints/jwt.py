"""A JSON Web Token's expiry, read without verifying it: only its issuer and its audience can, and rekey is neither."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime


def expiry(token: str) -> datetime | None:
    """Return the moment in the token's ``exp``; nothing if it has none or is no such token."""
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        # More padding than is needed does no harm, and a JWT has none.
        exp = json.loads(urlsafe_b64decode(payload + "==")).get("exp")
        return datetime.fromtimestamp(exp, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None
