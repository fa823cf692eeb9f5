"""The OpenID provider's configuration and its signing keys.

https://developer.broadcom.com/xapis/vmware-cloud-director-api/v38.0/cloudapi/1.0.0/openIdProvider/keys/openIdProviderKeyId/put
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..wire import Malformed, field, required
from ..world import World
from .cloudapi import forbidden, json_object, refuse_changes, urn
from .pages import page
from .signing_keys import SigningKey, built_in, read_pair

CODE_LIFETIME = timedelta(minutes=5)
ACCESS_TOKEN_LIFETIME = timedelta(minutes=5)
ID_TOKEN_LIFETIME = timedelta(hours=1)
LONGEST_DESCRIPTION = 256
MASK = "******"
_SERVER_MADE = ("id", "creationDate")
_LIFETIMES = {
    "authorizationCodeTimeToLive": int(CODE_LIFETIME.total_seconds()),
    "accessTokenTimeToLive": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
    "idTokenTimeToLive": int(ID_TOKEN_LIFETIME.total_seconds()),
}


@dataclass
class ProviderKey:
    """An entry of the list of keys. Its id is also the `kid` of what it signs."""

    id: str
    description: str | None
    created: datetime
    pair: SigningKey
    jwk: RSAKey | ECKey


class OpenIdProvider:
    """The keys, which of them signs, and whether redirect URIs may be plain http."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._keys: dict[str, ProviderKey] = {}
        self.allow_http = False
        self.active = self._add(urn("openIdProviderKey", world.random("vcd key")), "Built-in key", built_in())

    def _add(self, identity: str, description: str | None, pair: SigningKey) -> ProviderKey:
        key = ProviderKey(identity, description, self._world.now(), pair, pair.jwk(identity))
        self._keys[identity] = key
        return key

    def presented(self) -> list[ProviderKey]:
        """The keys of the jwks endpoint.

        The page of the list operation says all of them, that of the configuration the active one.
        """
        return [self.active] if self._world.switch("vcd.jwks") == "active" else list(self._keys.values())

    async def show(self, _request: Request) -> Response:
        """GET openIdProvider."""
        return JSONResponse(self._view())

    async def configure(self, request: Request) -> Response:
        """PUT openIdProvider: activeKey and allowHttp; the rest is read-only."""
        body = await json_object(request)
        reference = required(body, "activeKey", dict)
        allow_http = required(body, "allowHttp", bool)
        if self._world.switch("vcd.read_only") == "rejected":
            refuse_changes(body, self._view(), ("wellKnownEndpoint", *_LIFETIMES))
        active = self._keys.get(required(reference, "id", str))
        if active is None:
            raise Malformed("activeKey is not one of the keys")
        self.active, self.allow_http = active, allow_http
        return JSONResponse(self._view())

    def _view(self) -> dict[str, Any]:
        return {
            "activeKey": {"name": self.active.description or self.active.id, "id": self.active.id},
            "allowHttp": self.allow_http,
            "wellKnownEndpoint": f"{self._world.base_url}/oidc/.well-known/openid-configuration",
            **_LIFETIMES,
        }

    async def list_keys(self, request: Request) -> Response:
        """GET openIdProvider/keys."""
        values = [self._key_view(key) for key in self._keys.values()]
        return page(request, self._world.base_url, values, ("id", "description", "creationDate"))

    async def create_key(self, request: Request) -> Response:
        """POST openIdProvider/keys: checks the pair; it does not begin to sign by that."""
        body = await json_object(request)
        public, private = required(body, "publicKey", str), required(body, "privateKey", str)
        description, passphrase = _description(body), field(body, "privateKeyPassphrase", str)
        if self._world.switch("vcd.read_only") == "rejected":
            refuse_changes(body, dict.fromkeys(_SERVER_MADE), _SERVER_MADE)
        key = self._add(urn("openIdProviderKey"), description, read_pair(public, private, passphrase))
        return JSONResponse(self._key_view(key), 201)

    async def show_key(self, request: Request) -> Response:
        """GET openIdProvider/keys/{id}."""
        return JSONResponse(self._key_view(self._addressed(request)))

    async def describe_key(self, request: Request) -> Response:
        """PUT openIdProvider/keys/{id}: only the description may differ from what the key is.

        The private half of the built-in key is nobody's, so a body that leaves out or masks it must be good.
        """
        key, body = self._addressed(request), await json_object(request)
        description = _description(body)
        present = self._key_view(key)
        refuse_changes(body, present, ("id",))
        created = field(body, "creationDate", str)
        if created is not None and _instant(created) != _instant(present["creationDate"]):
            raise Malformed("creationDate is read-only")
        if not key.pair.is_public(required(body, "publicKey", str)):
            raise Malformed("publicKey is read-only")
        private, passphrase = field(body, "privateKey", str), field(body, "privateKeyPassphrase", str)
        if private is None or private == MASK:
            if self._world.switch("vcd.key_update") == "needs-private-key":
                raise Malformed("privateKey is required")
            unchanged = passphrase is None or passphrase == MASK
        else:
            unchanged = key.pair.is_private(private, passphrase)
        if not unchanged:
            raise Malformed("privateKey and its passphrase are read-only")
        key.description = description
        return JSONResponse(self._key_view(key))

    async def delete_key(self, request: Request) -> Response:
        """DELETE openIdProvider/keys/{id}.

        Where the active key may go, the youngest of the others signs after it.
        """
        key = self._addressed(request)
        rest = [other for other in self._keys.values() if other is not key]
        if key is self.active:
            if self._world.switch("vcd.delete_active_key") == "refused" or not rest:
                raise Malformed("the active key cannot be deleted")
            self.active = rest[-1]
        del self._keys[key.id]
        return Response(status_code=204)

    def _addressed(self, request: Request) -> ProviderKey:
        key = self._keys.get(request.path_params["id"])
        if key is None:
            raise forbidden()
        return key

    def _key_view(self, key: ProviderKey) -> dict[str, Any]:
        view = {
            "id": key.id,
            "description": key.description,
            "creationDate": key.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "publicKey": key.pair.public_pem,
        }
        hidden = {"null": None, "masked": MASK}
        shown = self._world.switch("vcd.private_key")
        return (
            view if shown == "absent" else view | dict.fromkeys(("privateKey", "privateKeyPassphrase"), hidden[shown])
        )


def _description(body: dict[str, Any]) -> str | None:
    description = field(body, "description", str)
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        raise Malformed(f"description is longer than {LONGEST_DESCRIPTION} characters")
    return description


def _instant(written: str) -> datetime:
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        raise Malformed("creationDate is not an ISO-8601 timestamp") from None
    if instant.tzinfo is None:
        raise Malformed("creationDate has no time zone")
    return instant
