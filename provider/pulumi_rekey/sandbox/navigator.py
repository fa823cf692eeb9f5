"""VMware Cloud Partner Navigator: an organisation's OAuth apps, and the logins that prove their secrets.

https://developer.vmware.com/apis/cloud-partner-navigator/identity/latest/. What these pages leave open (the body of an
error, the list of apps, what a missing app answers) is a switch, with the sibling Cloud Services Platform as the guide.
"""

import re
import secrets
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..sandbox import wire
from .tokens import TokenAnswer, Tokens
from .wire import Malformed
from .world import Refusal, World

BASE = "/cphub/api/auth"
USER_TOKEN_LIFE = timedelta(minutes=30)
DEFAULT_ACCESS_TOKEN_TTL = 600  # seconds
# The page of PUT …/secret says "immediately"; with the switch at "grace" the old one works for so many seconds.
PUT_GRACE = 3600
MANAGER = "Reseller Administrator"
# As the page prints it. Its last class holds a range from ] to {, so that a lower-case letter passes for a special one.
SECRET = re.compile(r"(?=.{8,})(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?=.*[!@#$%^&*()_+=\[\]-{|}',./:;<>?`~]).*")
CLIENT_ID = re.compile(r"[A-Za-z0-9-_]+")
SETTINGS = {
    "accessTokenTTL": int,
    "allowedScopes": dict,
    "description": str,
    "displayName": str,
    "ownerOnlySecretRotation": bool,
    "secret": str,
    "secretRotationExpirationInSeconds": int,
}
SCOPES = ("customer_number", "group_ids", "group_names", "openid")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who holds a token: a user or an app of an organisation, which may manage its apps or not."""

    org_id: str
    manages: bool


@dataclass(slots=True, eq=False)
class App:
    """An OAuth app. Its previous secret works until `previous_ends`, if there is one."""

    id: str
    secret: str = field(repr=False)
    created: datetime
    updated: datetime
    previous: str | None = field(default=None, repr=False)
    previous_ends: datetime | None = None
    access_token_ttl: int = DEFAULT_ACCESS_TOKEN_TTL
    allowed_scopes: dict[str, Any] = field(default_factory=lambda: _normalised({}))
    description: str = ""
    display_name: str = ""
    owner_only: bool = False
    overlap: int = 0

    def accepts(self, secret: str, now: datetime, *, replicated: bool) -> bool:
        """Whether this secret logs in; a new one does where it is known already."""
        if secrets.compare_digest(self.secret.encode(), secret.encode()):
            return replicated or self.previous is None
        if self.previous is None or self.previous_ends is None or now >= self.previous_ends:
            return False
        return secrets.compare_digest(self.previous.encode(), secret.encode())

    def rotate(self, secret: str, now: datetime, overlap: int) -> None:
        """Take a new secret; the present one works for `overlap` more seconds.

        The same secret again can only shorten the life of the one before.
        """
        ends = now + timedelta(seconds=overlap)
        if secret != self.secret:
            self.previous, self.previous_ends = self.secret, ends
            self.secret, self.updated = secret, now
        elif self.previous_ends is not None:
            self.previous_ends = min(self.previous_ends, ends)

    def manages(self) -> bool:
        """Whether the app has the role that manages apps."""
        return {"name": MANAGER} in self.allowed_scopes["organizationScopes"]["roles"]


class Navigator:
    """The server's state."""

    paths: ClassVar[tuple[str, ...]] = ("/cphub/",)
    switches: ClassVar[dict[str, tuple[str, ...]]] = {
        "navigator.patch_secret": ("overlap", "replace"),
        "navigator.missing_app": ("403", "404"),
        "navigator.error_body": ("csp", "empty"),
        "navigator.list": ("absent", "present"),
        "navigator.new_secret": ("accepted", "refused"),
        "navigator.put_secret": ("immediate", "grace"),
        "navigator.token_auth": ("raw", "encoded"),
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._org_id = str(uuid.UUID(world.random("navigator org")))
        self._users = {
            world.random("navigator api token"): Identity(self._org_id, manages=True),
            world.random("navigator weak api token"): Identity(self._org_id, manages=False),
        }
        self._tokens: Tokens[Identity] = Tokens(world, BASE)
        now = world.now()
        manager = App("rekey-manager", world.random("navigator client secret"), created=now, updated=now)
        manager.allowed_scopes = _normalised({"organizationScopes": {"roles": [{"name": MANAGER}]}})
        self._manager_id = manager.id
        self._apps = {manager.id: manager}

    def credentials(self) -> dict[str, str]:
        """The organisation, a user and an app that may manage its apps, and a user that may not."""
        return {
            "url": self._world.base_url,
            "org_id": self._org_id,
            "api_token": self._world.random("navigator api token"),
            "client_id": self._manager_id,
            "client_secret": self._world.random("navigator client secret"),
            "weak_api_token": self._world.random("navigator weak api token"),
        }

    def routes(self) -> list[BaseRoute]:
        """Logins, apps and clients."""
        apps = f"{BASE}/v2/orgs/{{org_id}}/oauth-apps"
        return [
            self._route("POST", f"{BASE}/v1/authn/accesstoken", self._log_in_user),
            self._route("POST", f"{BASE}/v1/authn/accounts/{{org_id}}/accesstoken", self._log_in_app),
            self._route("POST", f"{BASE}/v2/authn/authorize", self._authorize),
            self._route("POST", f"{BASE}/v2/clients/{{id}}/secret", self._rotate_own_secret),
            self._route("POST", apps, self._managed(self._create, "OPERATOR", "PROVIDER", "TENANT")),
            self._route("GET", apps, self._managed(self._list)),
            self._route("GET", f"{apps}/scopes", self._managed(self._list_scopes)),
            self._route("GET", f"{apps}/{{id}}", self._managed(self._get)),
            self._route("PATCH", f"{apps}/{{id}}", self._managed(self._update)),
            self._route("PUT", f"{apps}/{{id}}/secret", self._managed(self._replace_secret)),
            self._route("POST", f"{apps}/{{id}}/secret", self._managed(self._rotate_secret)),
            self._route("GET", f"{BASE}/v2/orgs/{{org_id}}/clients/{{id}}", self._managed(self._get_client)),
        ]

    def _route(self, method: str, path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
        takes = wire.FORM if handler == self._authorize else "application/json"

        async def endpoint(request: Request) -> Response:
            if await request.body() and wire.media_type(request) != takes:
                raise self._refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body must be {takes}")
            try:
                return await handler(request)
            except Malformed as wrong:
                raise self._refusal(HTTPStatus.BAD_REQUEST, str(wrong)) from None

        return Route(path, endpoint, methods=[method])

    def unserved(self, request: Request, *, exists: bool) -> Response:  # noqa: ARG002 - another vendor needs it
        """404, or 405 where the path exists."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if exists else HTTPStatus.NOT_FOUND
        return self._refusal(status, status.phrase.lower()).response

    def _managed(
        self, handler: Callable[[Request], Awaitable[Response]], *contexts: str
    ) -> Callable[[Request], Awaitable[Response]]:
        """A path for those who manage the organisation's apps, in one of the contexts that its page names."""
        allowed = contexts or ("PROVIDER", "TENANT")

        async def endpoint(request: Request) -> Response:
            identity = self._tokens.holder(request.headers.get("csp-auth-token", ""))
            if identity is None:
                raise self._refusal(HTTPStatus.UNAUTHORIZED, "the user is not authorized to use the API")
            if identity.org_id != request.path_params["org_id"] or not identity.manages:
                raise self._forbidden()
            if request.query_params.get("context", allowed[0]) not in allowed:
                raise Malformed(f"context is one of {', '.join(allowed)}")
            return await handler(request)

        return endpoint

    # Logins

    async def _log_in_user(self, request: Request) -> Response:
        body = await wire.json_object(request)
        wire.field(body, "passcode", str)
        api_token = wire.required(body, "refreshToken", str)
        identity = self._users.get(api_token)
        if identity is None:
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "the API token is not valid")
        return self._tokens_for(identity, "user", USER_TOKEN_LIFE, HTTPStatus.CREATED, api_token)

    async def _log_in_app(self, request: Request) -> Response:
        body = await wire.json_object(request)
        client = wire.required(body, "clientId", str), wire.required(body, "clientSecret", str)
        app = self._authenticated(*client, org_id=request.path_params["org_id"])
        lifetime = timedelta(seconds=app.access_token_ttl)
        return self._tokens_for(Identity(self._org_id, app.manages()), app.id, lifetime, HTTPStatus.CREATED)

    async def _authorize(self, request: Request) -> Response:
        client = wire.basic_credentials(request)
        if client is None:
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "there are no Basic credentials")
        if "orgId" not in request.query_params:
            raise Malformed("orgId is missing")
        if self._world.switch("navigator.token_auth") == "encoded":
            client = unquote_plus(client[0]), unquote_plus(client[1])
        app = self._authenticated(*client, org_id=request.query_params["orgId"])
        seconds = wire.whole_number(request, "accessTokenValiditySeconds", app.access_token_ttl, 1)
        lifetime = timedelta(seconds=min(seconds, app.access_token_ttl))
        return self._tokens_for(Identity(self._org_id, app.manages()), app.id, lifetime, HTTPStatus.OK)

    def _authenticated(self, client_id: str, secret: str, org_id: str) -> App:
        app = self._apps.get(client_id)
        replicated = self._world.switch("navigator.new_secret") == "accepted"
        known = app is not None and app.accepts(secret, self._world.now(), replicated=replicated)
        if app is None or org_id != self._org_id or not known:
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "the client does not exist or its secret is wrong")
        return app

    def _tokens_for(
        self,
        identity: Identity,
        subject: str,
        lifetime: timedelta,
        status: HTTPStatus,
        refresh_token: str | None = None,
    ) -> Response:
        """AuthenticationTokens: they do not say when they end, the access token does."""
        return TokenAnswer(
            {
                "accessToken": self._tokens.issue(identity, subject, lifetime),
                "idToken": Tokens[None](self._world, BASE).issue(None, subject, lifetime),
                "refreshToken": refresh_token,
                "returnUrl": None,
            },
            status,
        )

    # Apps

    async def _create(self, request: Request) -> Response:
        body = _read(await wire.json_object(request), SETTINGS | {"id": str})
        client_id = body.pop("id", None) or secrets.token_urlsafe(18)
        if not CLIENT_ID.fullmatch(client_id):
            raise Malformed("id has a character that is not allowed")
        if client_id in self._apps:
            raise Malformed("id exists already")
        secret = body.pop("secret", None) or _random_secret()
        now = self._world.now()
        app = App(client_id, secret, created=now, updated=now)
        _set(app, body)
        self._apps[app.id] = app
        return JSONResponse({"clientId": app.id, "clientSecret": app.secret})

    async def _list(self, request: Request) -> Response:
        if self._world.switch("navigator.list") == "absent":
            refused = self.unserved(request, exists=True)
            refused.headers["Allow"] = "POST"
            return refused
        start = wire.whole_number(request, "pageStart", 1, 1)
        limit = wire.whole_number(request, "pageLimit", 20, 1)
        apps = list(self._apps.values())[start - 1 :]
        after = request.url.include_query_params(pageStart=start + limit, pageLimit=limit)
        return JSONResponse(
            {
                "results": [_described(app) for app in apps[:limit]],
                "totalResults": len(self._apps),
                "nextLink": f"{after.path}?{after.query}" if len(apps) > limit else None,
            }
        )

    async def _list_scopes(self, _request: Request) -> Response:
        return JSONResponse(
            [
                {"enabled": True, "incompatibleWith": [], "name": name, "serviceScopeType": "NO_SERVICES"}
                for name in SCOPES
            ]
        )

    async def _get(self, request: Request) -> Response:
        return JSONResponse(_described(self._app(request)))

    async def _update(self, request: Request) -> Response:
        app = self._app(request)
        body = _read(await wire.json_object(request), SETTINGS)
        secret = body.pop("secret", None)
        _set(app, body)
        app.updated = self._world.now()
        if secret is not None:
            overlaps = self._world.switch("navigator.patch_secret") == "overlap"
            app.rotate(secret, self._world.now(), app.overlap if overlaps else 0)
        return JSONResponse(_described(app))

    async def _replace_secret(self, request: Request) -> Response:
        app = self._app(request)
        ends_at_once = self._world.switch("navigator.put_secret") == "immediate"
        app.rotate(_random_secret(), self._world.now(), 0 if ends_at_once else PUT_GRACE)
        return JSONResponse({"clientId": app.id, "clientSecret": app.secret})

    async def _rotate_secret(self, request: Request) -> Response:
        return await self._rotated(request, self._app(request))

    async def _rotate_own_secret(self, request: Request) -> Response:
        client = wire.basic_credentials(request)
        if client is None:
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "there are no Basic credentials")
        app = self._authenticated(*client, org_id=self._org_id)
        if app.owner_only or app.id != request.path_params["id"]:
            raise self._forbidden()
        return await self._rotated(request, app)

    async def _rotated(self, request: Request, app: App) -> Response:
        body = await wire.json_object(request)
        overlap = wire.required(body, "secretExpirationTimeInSeconds", int)
        secret = wire.required(body, "newClientSecret", str)
        if not SECRET.fullmatch(secret):
            raise Malformed("newClientSecret does not match the pattern of secrets")
        if overlap < 0:
            raise Malformed("secretExpirationTimeInSeconds is negative")
        app.rotate(secret, self._world.now(), overlap)
        return Response(status_code=HTTPStatus.OK)

    async def _get_client(self, request: Request) -> Response:
        app = self._apps.get(request.path_params["id"])
        if app is None:
            raise self._refusal(HTTPStatus.NOT_FOUND, "the client does not exist")
        return JSONResponse(
            {
                "id": app.id,
                "displayName": app.display_name,
                "description": app.description,
                "organizationRoles": app.allowed_scopes["organizationScopes"]["roles"],
                "serviceRoles": app.allowed_scopes["servicesScopes"],
                "sourceOrg": self._org_id,
            }
        )

    def _app(self, request: Request) -> App:
        app = self._apps.get(request.path_params["id"])
        if app is not None:
            return app
        if self._world.switch("navigator.missing_app") == "403":
            raise self._forbidden()
        raise self._refusal(HTTPStatus.NOT_FOUND, "the OAuth app does not exist")

    def _forbidden(self) -> Refusal:
        return self._refusal(HTTPStatus.FORBIDDEN, "the user does not have permission for this operation")

    def _refusal(self, status: HTTPStatus, message: str) -> Refusal:
        if self._world.switch("navigator.error_body") == "empty":
            return Refusal(Response(status_code=status))
        body = {
            "cspErrorCode": f"auth.{status.phrase.lower().replace(' ', '.')}",
            "errorCode": status.phrase,
            "message": message,
            "moduleCode": "auth",
            "requestId": str(uuid.uuid4()),
            "statusCode": status,
        }
        return Refusal(JSONResponse(body, status))


def _read(body: Mapping[str, Any], allowed: Mapping[str, type]) -> dict[str, Any]:
    """The settings that a body gives, checked; null counts as absent. Raises Malformed."""
    if unknown := set(body) - set(allowed):
        raise Malformed(f"not a field of the request: {', '.join(sorted(unknown))}")
    read: dict[str, Any] = {name: wire.field(body, name, kind) for name, kind in allowed.items()}
    given = {name: value for name, value in read.items() if value is not None}
    for name in ("accessTokenTTL", "secretRotationExpirationInSeconds"):
        if given.get(name, 0) < 0:
            raise Malformed(f"{name} is negative")
    if "secret" in given and not SECRET.fullmatch(given["secret"]):
        raise Malformed("secret does not match the pattern of secrets")
    if "allowedScopes" in given:
        given["allowedScopes"] = _normalised(given["allowedScopes"])
    return given


def _set(app: App, given: Mapping[str, Any]) -> None:
    """Apply settings that were read; scopes are replaced as a whole."""
    app.access_token_ttl = given.get("accessTokenTTL", app.access_token_ttl)
    app.allowed_scopes = given.get("allowedScopes", app.allowed_scopes)
    app.description = given.get("description", app.description)
    app.display_name = given.get("displayName", app.display_name)
    app.owner_only = given.get("ownerOnlySecretRotation", app.owner_only)
    app.overlap = given.get("secretRotationExpirationInSeconds", app.overlap)


def _normalised(scopes: Mapping[str, Any]) -> dict[str, Any]:
    """Scopes as the server keeps them: whole, without doubles, in an order of its own. Raises Malformed."""
    if unknown := set(scopes) - {"generalScopes", "organizationScopes", "servicesScopes"}:
        raise Malformed(f"not a field of allowedScopes: {', '.join(sorted(unknown))}")
    services: dict[str, dict[str, Any]] = {}
    for scope in _objects(scopes, "servicesScopes"):
        identity = wire.required(scope, "serviceDefinitionId", str)
        every = wire.field(scope, "allRoles", bool) or False
        services[identity] = {"allRoles": every, "roles": _roles(scope), "serviceDefinitionId": identity}
    return {
        "generalScopes": sorted(set(wire.strings(scopes, "generalScopes") or [])),
        "organizationScopes": {"roles": _roles(wire.field(scopes, "organizationScopes", dict) or {})},
        "servicesScopes": [services[identity] for identity in sorted(services)],
    }


def _roles(scope: Mapping[str, Any]) -> list[dict[str, str]]:
    names = {wire.required(role, "name", str) for role in _objects(scope, "roles")}
    return [{"name": name} for name in sorted(names)]


def _objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    values = wire.field(body, name, list) or []
    if not all(isinstance(value, dict) for value in values):
        raise Malformed(f"{name} holds something that is not an object")
    return values


def _described(app: App) -> dict[str, Any]:
    return {
        "id": app.id,
        "accessTokenTTL": app.access_token_ttl,
        "allowedScopes": app.allowed_scopes,
        "createdAt": _milliseconds(app.created),
        "description": app.description,
        "displayName": app.display_name,
        "grantTypes": ["client_credentials"],
        "lastUpdatedAt": _milliseconds(app.updated),
        "ownerOnlySecretRotation": app.owner_only,
        "secretRotationExpirationInSeconds": app.overlap,
    }


def _random_secret() -> str:
    return f"{secrets.token_urlsafe(24)}aA1!"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
