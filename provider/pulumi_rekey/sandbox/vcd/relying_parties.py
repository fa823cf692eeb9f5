"""The OIDC relying parties: clients that sign their users in with the provider.

https://developer.vmware.com/apis/vmware-cloud-director/latest/cloudapi/1.0.0/openIdProvider/relyingParties/id/regenerateSecret/post/
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..wire import Malformed, required, strings
from ..world import World
from .cloudapi import forbidden, json_object, refuse_changes, urn
from .openid_provider import OpenIdProvider
from .pages import page

SCOPES = ["openid", "profile", "email", "phone", "groups", "vcd_idp"]
_READ_ONLY = ("id", "clientId", "clientSecret", "scope")
# No page documents an overlap; with the switch at "grace" it is this long.
_GRACE = timedelta(hours=1)


@dataclass
class RelyingParty:
    """A client. `previous` is the secret before and when it ends, while there is one."""

    id: str
    client_id: str
    client_name: str
    redirect_uris: list[str]
    secret: str
    previous: tuple[str, datetime] | None = None

    def accepts(self, secret: str, now: datetime) -> bool:
        """Whether a client may prove itself with this secret."""
        good = [self.secret, self.previous[0]] if self.previous and now < self.previous[1] else [self.secret]
        return any(secrets.compare_digest(one.encode(), secret.encode()) for one in good)


class RelyingParties:
    """All that are registered."""

    def __init__(self, world: World, provider: OpenIdProvider) -> None:
        self._world = world
        self._provider = provider
        self._parties: dict[str, RelyingParty] = {}

    def client(self, client_id: str) -> RelyingParty | None:
        """The relying party of a client id."""
        return next((party for party in self._parties.values() if party.client_id == client_id), None)

    async def query(self, request: Request) -> Response:
        """GET relyingParties."""
        values = [self._view(party) for party in self._parties.values()]
        names = ("id", "clientId", "clientName")
        return page(request, self._world.base_url, values, names, non_sortable=("id", "clientId"))

    async def register(self, request: Request) -> Response:
        """POST relyingParties: the answer holds the secret.

        The page of the operation says 200, the overview of the API 201.
        """
        body = await json_object(request)
        name, redirect_uris = self._writable(body)
        if self._world.switch("vcd.read_only") == "rejected":
            refuse_changes(body, {**dict.fromkeys(_READ_ONLY), "scope": SCOPES}, _READ_ONLY)
        party = RelyingParty(urn("oidcRelyingParty"), str(uuid.uuid4()), name, redirect_uris, secrets.token_urlsafe(32))
        self._parties[party.id] = party
        if self._world.switch("vcd.register") == "200":
            return JSONResponse(self._view(party, party.secret))
        location = f"{self._world.base_url}{request.url.path.rstrip('/')}/{party.id}"
        return JSONResponse(self._view(party, party.secret), 201, {"Content-Location": location})

    async def show(self, request: Request) -> Response:
        """GET relyingParties/{id}."""
        return JSONResponse(self._view(self._addressed(request)))

    async def update(self, request: Request) -> Response:
        """PUT relyingParties/{id}: the whole object, of which clientName and redirectUris may change."""
        party, body = self._addressed(request), await json_object(request)
        name, redirect_uris = self._writable(body)
        if self._world.switch("vcd.read_only") == "rejected":
            refuse_changes(body, self._view(party, party.secret), _READ_ONLY)
        party.client_name, party.redirect_uris = name, redirect_uris
        return JSONResponse(self._view(party))

    async def delete(self, request: Request) -> Response:
        """DELETE relyingParties/{id}."""
        del self._parties[self._addressed(request).id]
        return Response(status_code=204)

    async def regenerate_secret(self, request: Request) -> Response:
        """POST relyingParties/{id}/regenerateSecret: the same object with its next secret."""
        party = self._addressed(request)
        if self._world.switch("vcd.regenerate") == "grace":
            party.previous = (party.secret, self._world.now() + _GRACE)
        else:
            party.previous = None
        party.secret = secrets.token_urlsafe(32)
        if self._world.switch("vcd.client_id") == "changes":
            party.client_id = str(uuid.uuid4())
        return JSONResponse(self._view(party, party.secret))

    def _addressed(self, request: Request) -> RelyingParty:
        party = self._parties.get(request.path_params["id"])
        if party is None:
            raise forbidden()
        return party

    def _writable(self, body: dict[str, Any]) -> tuple[str, list[str]]:
        name, redirect_uris = required(body, "clientName", str), strings(body, "redirectUris")
        if not name.strip():
            raise Malformed("clientName is blank")
        if not redirect_uris:
            raise Malformed("redirectUris is missing or empty")
        for uri in redirect_uris:
            self._check(uri)
        return name, redirect_uris

    def _check(self, uri: str) -> None:
        try:
            parts = urlsplit(uri)
        except ValueError:
            raise Malformed("one of redirectUris is not a URI") from None
        web = parts.scheme in {"http", "https"}
        if not parts.scheme or (web and not parts.netloc) or parts.fragment or any(sign.isspace() for sign in uri):
            raise Malformed("one of redirectUris is not an absolute URI without fragment")
        if parts.scheme == "http" and not self._provider.allow_http:
            raise Malformed("one of redirectUris is http, and allowHttp is false")

    def _view(self, party: RelyingParty, secret: str | None = None) -> dict[str, Any]:
        view = {
            "id": party.id,
            "clientId": party.client_id,
            "clientName": party.client_name,
            "clientSecret": secret,
            "redirectUris": party.redirect_uris,
            "scope": SCOPES,
        }
        if secret is None and self._world.switch("vcd.client_secret") == "absent":
            del view["clientSecret"]
        return view
