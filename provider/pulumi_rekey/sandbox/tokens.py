"""Access tokens: issued as JSON web tokens, known by their text, alive while the sandbox's clock says so."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.responses import JSONResponse

from .world import World

Holder = TypeVar("Holder")

#: What answers about tokens say, so that nothing on the way keeps them (RFC 6749, 5.1).
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class TokenAnswer(JSONResponse):
    """An answer with a token, or with the reason why there is none."""

    media_type = "application/json;charset=UTF-8"

    def __init__(
        self, content: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(content, status, NO_STORE | dict(headers or {}))


class Tokens(Generic[Holder]):
    """The tokens that one issuer gave out, each with what its bearer is entitled to."""

    def __init__(self, world: World, issuer: str) -> None:
        self._world = world
        self._issuer = issuer
        self._key = OctKey.import_key(world.random(f"{issuer} signing key"))
        self._issued: dict[str, tuple[Holder, datetime]] = {}

    def issue(self, holder: Holder, subject: str, lifetime: timedelta) -> str:
        """A new token for `subject` that lives for `lifetime`."""
        now = self._world.now()
        expires = now + lifetime
        claims = {
            "iss": f"{self._world.base_url}{self._issuer}",
            "sub": subject,
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
            "jti": str(uuid.uuid4()),
        }
        token = jwt.encode({"alg": "HS256"}, claims, self._key)
        self._issued[token] = (holder, expires)
        return token

    def holder(self, token: str) -> Holder | None:
        """What the bearer is entitled to; None for a token that is foreign or has expired."""
        holder, expires = self._issued.get(token, (None, None))
        return holder if expires is not None and self._world.now() < expires else None

    def holders(self) -> list[Holder]:
        """What the tokens that have not expired stand for, the oldest first."""
        return [holder for holder, expires in self._issued.values() if self._world.now() < expires]

    def expires(self, token: str) -> datetime | None:
        """When a token of this issuer ends or has ended; None for a foreign one."""
        return self._issued[token][1] if token in self._issued else None
