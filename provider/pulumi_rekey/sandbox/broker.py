"""VMware Identity Broker: directories, their sync clients, and SCIM as the consumer of what a sync client is given.

https://developer.broadcom.com/xapis/vmware-identity-broker/latest/ (vCenter Server: a tenant in every path, media types
of its own) and https://github.com/euc-dev/ws1-identity-services-api (Omnissa: neither). The switch `broker.dialect`
says which of the two is served; the other's paths do not exist then.
"""

import re
import secrets
import uuid
from collections.abc import Awaitable, Callable
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

Handler = Callable[[Request], Awaitable[Response]]

TENANT = "CUSTOMER"
ADMIN_TOKEN_LIFE = timedelta(hours=6)
TOKEN_TTL = range(1, 1051200 + 1)  # minutes
DEFAULT_TOKEN_TTL = 262800  # minutes: six months
# With the switch broker.regenerate at "grace", old secrets work for so long; version 1.0 of the pages does not say.
GRACE = timedelta(hours=1)
MEDIA = "application/vnd.vmware.vidm.usergroup.broker.directory"
SYNC_CLIENT, DIRECTORY, DIRECTORY_LIST = ".syncclientconfiguration+json", "+json", ".list+json"
SCIM = "application/scim+json"
NAME = re.compile(r"[\w\-. ]{1,128}")
SOURCES, KINDS = ("AZURE", "PING", "OKTA", "GENERIC", "ACCESS"), ("PROVISIONED", "JIT")
MAX_DOMAINS, LONGEST_DEFAULT_DOMAIN = 30, 100


@dataclass(frozen=True, slots=True)
class Admin:
    """An OAuth 2.0 client that people made; with the rule set IDP_AND_DIRECTORY_ADMIN it may manage directories."""

    client_id: str
    secret: str = field(repr=False)
    manages: bool


@dataclass(slots=True, eq=False)
class SyncClient:
    """A sync client configuration. Exactly one of its two kinds of credential lives, or none before the first."""

    client_id: str
    secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    generate_token: bool = False
    token_ttl: int = DEFAULT_TOKEN_TTL
    generation: int = 0
    previous_secret: str | None = field(default=None, repr=False)
    previous_ends: datetime | None = None

    def accepts(self, secret: str, now: datetime) -> bool:
        """Whether the client may prove itself with this secret."""
        in_grace = self.previous_ends is not None and now < self.previous_ends
        good = [self.secret, self.previous_secret if in_grace else None]
        return any(one is not None and secrets.compare_digest(one.encode(), secret.encode()) for one in good)


@dataclass(slots=True, eq=False)
class Directory:
    """A directory; a provisioned one has a sync client."""

    id: str
    name: str
    domains: list[str]
    default_domain: str | None
    source: str
    kind: str
    sync_clients: list[SyncClient]


@dataclass(frozen=True, slots=True)
class Pushes:
    """What a sync client's token is good for: SCIM, until the client's next credentials."""

    client: SyncClient
    generation: int


class Broker:
    """The server's state."""

    paths: ClassVar[tuple[str, ...]] = ("/acs/", "/usergroup/")
    switches: ClassVar[dict[str, tuple[str, ...]]] = {
        "broker.dialect": ("vcenter", "omnissa"),
        "broker.error_body": ("empty", "structured"),
        "broker.omnissa_error_body": ("structured", "empty"),
        "broker.get_shows_token": ("yes", "no"),
        "broker.token_auth": ("raw", "encoded"),
        "broker.regenerate": ("immediate", "grace"),
        "broker.ttl_unit": ("minutes", "seconds"),
        "broker.keeps_settings": ("kept", "reset"),
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._admins = {
            name: Admin(name, world.random(f"broker {name} secret"), manages)
            for name, manages in (("rekey-admin", True), ("rekey-guest", False))
        }
        self._tokens: Tokens[Admin | Pushes] = Tokens(world, "/acs")
        self._directories: dict[str, Directory] = {}
        self._seeded = self._seed("corp", sync_clients=1)
        self._conflicting = self._seed("merged", sync_clients=2)

    def _seed(self, name: str, sync_clients: int) -> Directory:
        """A directory that was there before; the credentials of its sync clients are in use."""
        random = self._world.random
        directory = Directory(
            id=str(uuid.UUID(random(f"broker directory {name}"))),
            name=name,
            domains=[f"{name}.example.com"],
            default_domain=f"{name}.example.com",
            source="GENERIC",
            kind="PROVISIONED",
            sync_clients=[
                SyncClient(random(f"broker sync client {name} {n}"), secret=random(f"broker sync secret {name} {n}"))
                for n in range(sync_clients)
            ],
        )
        self._directories[directory.id] = directory
        return directory

    def credentials(self) -> dict[str, str]:
        """How to reach the tenant, its seeded directory and the sync client that is in use there."""
        sync_client = "broker sync {} corp 0"
        return {
            "url": self._world.base_url,
            "tenant": TENANT,
            "client_id": "rekey-admin",
            "client_secret": self._world.random("broker rekey-admin secret"),
            "directory_id": self._seeded.id,
            "weak_client_id": "rekey-guest",
            "weak_client_secret": self._world.random("broker rekey-guest secret"),
            "conflicting_directory_id": self._conflicting.id,
            "sync_client_id": self._world.random(sync_client.format("client")),
            "sync_client_secret": self._world.random(sync_client.format("secret")),
        }

    def routes(self) -> list[BaseRoute]:
        """Both dialects' paths; the dialect that is not spoken answers 404."""
        paths: list[tuple[str, str, str, Handler]] = [
            ("GET", "/broker/directories", DIRECTORY_LIST, self._list),
            ("POST", "/broker/directories", DIRECTORY, self._create),
            ("GET", "/broker/directories/{id}", DIRECTORY, self._get),
            ("PATCH", "/broker/directories/{id}", DIRECTORY, self._update),
            ("DELETE", "/broker/directories/{id}", DIRECTORY, self._delete),
            ("GET", "/broker/directories/{id}/sync-client", SYNC_CLIENT, self._get_sync_client),
            ("POST", "/broker/directories/{id}/sync-client", SYNC_CLIENT, self._generate_credentials),
        ]
        routes: list[BaseRoute] = []
        for dialect, tenant in (("vcenter", "/t/{tenant}"), ("omnissa", "")):
            routes.append(Route(f"/acs{tenant}/token", self._spoken(dialect, self._issue_token), methods=["POST"]))
            routes.append(
                Route(f"/usergroup{tenant}/scim/v2/Users", self._spoken(dialect, self._list_users), methods=["GET"])
            )
            routes.extend(
                Route(
                    f"/usergroup{tenant}{path}", self._spoken(dialect, self._managed(kind, handler)), methods=[method]
                )
                for method, path, kind, handler in paths
            )
        return routes

    def _spoken(self, dialect: str, handler: Handler) -> Handler:
        """A path of one dialect."""

        async def endpoint(request: Request) -> Response:
            if self._world.switch("broker.dialect") != dialect:
                return self.unserved(request, exists=False)
            return await handler(request)

        return endpoint

    def unserved(self, request: Request, *, exists: bool) -> Response:
        """404, or 405 where the path exists in the dialect that is spoken."""
        spoken = request.url.path.split("/")[2] == "t", self._world.switch("broker.dialect") == "vcenter"
        status = HTTPStatus.METHOD_NOT_ALLOWED if exists and spoken[0] is spoken[1] else HTTPStatus.NOT_FOUND
        return self._refusal(status, status.phrase.lower().replace(" ", ".")).response

    # Tokens: POST /acs[/t/{tenant}]/token

    async def _issue_token(self, request: Request) -> Response:
        try:
            fields = await wire.form(request)
            named = wire.basic_credentials(request) or (fields.get("client_id", ""), fields.get("client_secret", ""))
        except Malformed as wrong:
            return _oauth_refusal("invalid_request", str(wrong))
        if request.path_params.get("tenant", TENANT) != TENANT:
            return _oauth_refusal("invalid_request", "the tenant does not exist")
        if "grant_type" not in fields:
            return _oauth_refusal("invalid_request", "grant_type is missing")
        if fields["grant_type"] != "client_credentials":
            return _oauth_refusal("unsupported_grant_type", "grant_type is not client_credentials")
        if wire.basic_credentials(request) and self._world.switch("broker.token_auth") == "encoded":
            named = unquote_plus(named[0]), unquote_plus(named[1])
        known = self._client(*named)
        if known is None:
            return _oauth_refusal("invalid_client", "the client does not exist or its secret is wrong")
        holder, lifetime = known
        token = self._tokens.issue(holder, named[0], lifetime)
        scope = "admin" if isinstance(holder, Admin) else "scim"
        seconds = int(lifetime.total_seconds())
        return TokenAnswer({"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope})

    def _client(self, client_id: str, secret: str) -> tuple[Admin | Pushes, timedelta] | None:
        """Whose id and secret these are, and how long a token lives that they are given."""
        admin = self._admins.get(client_id)
        if admin is not None and secrets.compare_digest(admin.secret.encode(), secret.encode()):
            return admin, ADMIN_TOKEN_LIFE
        for client in self._sync_clients():
            if client.client_id == client_id and client.accepts(secret, self._world.now()):
                return Pushes(client, client.generation), self._token_life(client)
        return None

    def _token_life(self, client: SyncClient) -> timedelta:
        return timedelta(**{self._world.switch("broker.ttl_unit"): client.token_ttl})

    def _sync_clients(self) -> list[SyncClient]:
        return [client for directory in self._directories.values() for client in directory.sync_clients]

    # SCIM: GET /usergroup[/t/{tenant}]/scim/v2/Users

    async def _list_users(self, request: Request) -> Response:
        holder = self._holder(request)
        alive = isinstance(holder, Pushes) and holder.client in self._sync_clients()
        if isinstance(holder, Admin):
            return _scim_refusal(HTTPStatus.FORBIDDEN)
        if holder is None or not alive or holder.generation != holder.client.generation:
            return _scim_refusal(HTTPStatus.UNAUTHORIZED)
        schemas = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
        found = {"schemas": schemas, "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []}
        return JSONResponse(found, media_type=SCIM)

    def _holder(self, request: Request) -> Admin | Pushes | None:
        """Who calls; nobody in a tenant that is not the token's."""
        token = wire.bearer(request)
        if token is None or request.path_params.get("tenant", TENANT) != TENANT:
            return None
        return self._tokens.holder(token)

    # Directories and sync clients: /usergroup[/t/{tenant}]/broker/directories

    def _managed(self, kind: str, handler: Handler) -> Handler:
        """A path that only clients with the rule set may call, and only in the media type of its kind."""

        async def endpoint(request: Request) -> Response:
            holder = self._holder(request)
            if holder is None:
                raise self._refusal(HTTPStatus.UNAUTHORIZED, "unauthorized")
            if not isinstance(holder, Admin) or not holder.manages:
                raise self._refusal(HTTPStatus.FORBIDDEN, "forbidden")
            media = self._media(kind)
            if not {media, "application/*", "*/*"} & set(_media_ranges(request.headers.get("accept", "*/*"))):
                raise self._refusal(HTTPStatus.NOT_ACCEPTABLE, "not.acceptable")
            if await request.body() and _media_ranges(request.headers.get("content-type", "")) != [media]:
                raise self._refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported.media.type")
            try:
                return await handler(request)
            except Malformed as wrong:
                raise self._refusal(HTTPStatus.BAD_REQUEST, "invalid.request", str(wrong)) from None

        return endpoint

    async def _list(self, request: Request) -> Response:
        items = [self._described(directory, whole=False) for directory in self._directories.values()]
        return self._answer({"items": items, "_links": _links(request)}, DIRECTORY_LIST)

    async def _create(self, request: Request) -> Response:
        body = await wire.json_object(request)
        directory = Directory(
            id=str(uuid.uuid4()),
            name=self._free_name(wire.required(body, "name", str)),
            domains=self._free_domains(wire.strings(body, "domains")),
            default_domain=wire.field(body, "default_domain", str),
            source=wire.field(body, "source", str) or "GENERIC",
            kind=wire.field(body, "type", str) or "PROVISIONED",
            sync_clients=[],
        )
        _check(directory)
        if directory.kind == "PROVISIONED":
            directory.sync_clients.append(SyncClient(str(uuid.uuid4())))
        self._directories[directory.id] = directory
        return self._answer(self._described(directory), DIRECTORY, HTTPStatus.CREATED)

    async def _get(self, request: Request) -> Response:
        directory = self._directory(request)
        if len(directory.sync_clients) > 1:
            raise self._conflict()
        return self._answer(self._described(directory), DIRECTORY)

    async def _update(self, request: Request) -> Response:
        directory = self._directory(request)
        if not await request.body():
            raise Malformed("there is no body")
        body = {"name": directory.name, "domains": directory.domains, **await wire.json_object(request)}
        if len(directory.sync_clients) != 1:
            raise self._conflict()
        default_domain = wire.field(body, "default_domain", str)
        changed = Directory(
            id=directory.id,
            name=self._free_name(wire.required(body, "name", str), but=directory),
            domains=self._free_domains(wire.strings(body, "domains"), but=directory),
            default_domain=directory.default_domain if default_domain is None else default_domain,
            source=wire.field(body, "source", str) or directory.source,
            kind=wire.field(body, "type", str) or directory.kind,
            sync_clients=directory.sync_clients,
        )
        _check(changed)
        if changed.kind != directory.kind:
            raise Malformed("type cannot be changed")
        self._directories[directory.id] = changed
        return self._answer(self._described(changed), DIRECTORY)

    async def _delete(self, request: Request) -> Response:
        del self._directories[self._directory(request).id]
        return Response(status_code=HTTPStatus.ACCEPTED)

    async def _get_sync_client(self, request: Request) -> Response:
        client = self._sync_client(request)
        shown = {"_links": _links(request), "client_id": client.client_id, **_settings(client)}
        if client.access_token is not None and self._world.switch("broker.get_shows_token") == "yes":
            shown |= self._token(client.access_token)
        return self._answer(shown, SYNC_CLIENT)

    async def _generate_credentials(self, request: Request) -> Response:
        if request.query_params.getlist("action") != ["generate_credentials"]:
            raise Malformed("action is not generate_credentials")
        client = self._sync_client(request)
        body = await wire.json_object(request)
        generate_token, token_ttl = wire.field(body, "generate_token", bool), wire.field(body, "token_ttl", int)
        if token_ttl is not None and token_ttl not in TOKEN_TTL:
            raise Malformed(f"token_ttl is not between {TOKEN_TTL[0]} and {TOKEN_TTL[-1]} minutes")
        if self._world.switch("broker.keeps_settings") == "reset":
            client.generate_token, client.token_ttl = False, DEFAULT_TOKEN_TTL
        client.generate_token = client.generate_token if generate_token is None else generate_token
        client.token_ttl = client.token_ttl if token_ttl is None else token_ttl
        client.generation += 1
        in_grace = self._world.switch("broker.regenerate") == "grace"
        client.previous_secret = client.secret
        client.previous_ends = self._world.now() + GRACE if in_grace else None
        made: dict[str, Any] = {"_links": _links(request), **_settings(client)}
        if client.generate_token:
            client.secret = None
            pushes = Pushes(client, client.generation)
            client.access_token = self._tokens.issue(pushes, client.client_id, self._token_life(client))
            made |= self._token(client.access_token)
        else:
            client.secret, client.access_token = f"{secrets.token_urlsafe(31)}+=", None
            made |= {"client_id": client.client_id, "client_secret": client.secret}
        return self._answer(made, SYNC_CLIENT)

    def _token(self, token: str) -> dict[str, Any]:
        """A token with the seconds that it has left: 0 says that it has expired."""
        expires = self._tokens.expires(token) or self._world.now()
        left = round((expires - self._world.now()).total_seconds())
        return {"access_token": token, "access_token_expire_in": max(0, left)}

    def _directory(self, request: Request) -> Directory:
        directory = self._directories.get(request.path_params["id"])
        if directory is None:
            raise self._refusal(HTTPStatus.NOT_FOUND, "directory.not.found")
        return directory

    def _sync_client(self, request: Request) -> SyncClient:
        clients = self._directory(request).sync_clients
        if not clients:
            raise self._refusal(HTTPStatus.NOT_FOUND, "sync.client.not.found")
        if len(clients) > 1:
            raise self._conflict()
        return clients[0]

    def _free_name(self, name: str, but: Directory | None = None) -> str:
        if any(directory.name == name for directory in self._directories.values() if directory is not but):
            raise self._refusal(HTTPStatus.CONFLICT, "directory.with.name.already.exists")
        return name

    def _free_domains(self, domains: list[str] | None, but: Directory | None = None) -> list[str]:
        if not domains:
            raise Malformed("domains is missing")
        others = [directory.domains for directory in self._directories.values() if directory is not but]
        if any(domain in taken for taken in others for domain in domains):
            raise self._refusal(HTTPStatus.CONFLICT, "directory.with.domain.already.exists")
        return domains

    def _described(self, directory: Directory, *, whole: bool = True) -> dict[str, Any]:
        shown = {
            "id": directory.id,
            "name": directory.name,
            "domains": directory.domains,
            "source": directory.source,
            "type": directory.kind,
            "delete_in_progress": False,
        }
        return shown | {"default_domain": directory.default_domain} if whole and directory.default_domain else shown

    # Media types and errors

    def _media(self, kind: str) -> str:
        return MEDIA + kind if self._world.switch("broker.dialect") == "vcenter" else "application/json"

    def _answer(self, content: dict[str, Any], kind: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
        return JSONResponse(content, status, media_type=self._media(kind))

    def _conflict(self) -> Refusal:
        return self._refusal(HTTPStatus.CONFLICT, "sync.client.configuration.conflict")

    def _refusal(self, status: HTTPStatus, code: str, message: str = "") -> Refusal:
        omnissa = self._world.switch("broker.dialect") == "omnissa"
        if self._world.switch("broker.omnissa_error_body" if omnissa else "broker.error_body") == "empty":
            return Refusal(Response(status_code=status))
        error = {"code": code, "message": message or status.phrase, "parameters": {}}
        return Refusal(JSONResponse({"errors": [error]}, status))


def _media_ranges(header: str) -> list[str]:
    """The media types of an Accept or a Content-Type header, without their parameters."""
    return [part.partition(";")[0].strip().lower() for part in header.split(",")]


def _check(directory: Directory) -> None:
    """Raise Malformed for what the page of a directory does not allow."""
    if not NAME.fullmatch(directory.name):
        raise Malformed("name is too long or has a character that is not allowed")
    if len(set(directory.domains)) != len(directory.domains) or len(directory.domains) > MAX_DOMAINS:
        raise Malformed(f"domains are more than {MAX_DOMAINS} or not unique")
    if directory.default_domain is not None and (
        directory.default_domain not in directory.domains or len(directory.default_domain) > LONGEST_DEFAULT_DOMAIN
    ):
        raise Malformed("default_domain is too long or not one of domains")
    if directory.source not in SOURCES or directory.kind not in KINDS:
        raise Malformed(f"source is one of {', '.join(SOURCES)} and type one of {', '.join(KINDS)}")


def _settings(client: SyncClient) -> dict[str, Any]:
    return {"generate_token": client.generate_token, "token_ttl": client.token_ttl}


def _links(request: Request) -> dict[str, Any]:
    return {"self": {"href": str(request.url.replace(query=""))}}


def _oauth_refusal(error: str, description: str) -> Response:
    return TokenAnswer({"error": error, "error_description": description}, HTTPStatus.BAD_REQUEST)


def _scim_refusal(status: HTTPStatus) -> Response:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"]
    return JSONResponse(
        {"schemas": schemas, "status": str(status.value), "detail": status.phrase}, status, media_type=SCIM
    )
