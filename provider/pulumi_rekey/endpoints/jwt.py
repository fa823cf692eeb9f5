"""A JSON Web Token's expiry, read without verification: that is for its issuer and audience, and rekey is neither."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime


def expiry(token: str) -> datetime | None:
    """Return the moment in the token's ``exp``; nothing if it has none or is not a JWT."""
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        # A JWT has no padding, and too much of it does no harm.
        exp = json.loads(urlsafe_b64decode(payload + "==")).get("exp")
        return None if isinstance(exp, bool) else datetime.fromtimestamp(exp, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None
