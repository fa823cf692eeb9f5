"""Huawei Cloud ROMA Connect's integration applications and the part of IAM that logs in to them.

https://support.huaweicloud.com/intl/en-us/api-roma/ResetRomaAppSecret.html and its siblings.

GET /_consumer/roma/echo stands in for an API that is published on ROMA and authorised for every application:
a request that is signed with an application's key (as Access) and its current secret gets 200 and that key,
any other 401.
"""

import re
import secrets
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..sandbox import wire
from .signature import Unsigned, signer
from .wire import Malformed
from .world import Refusal, World

TOKEN_LIFE = timedelta(hours=24)
DOMAIN = "rekey-domain"
ROLES = ["read", "access", "delete", "modify", "admin"]
# The blank after the page's first special character separates; the Chinese page shows it to be no character.
SECRET = re.compile(r"[A-Za-z0-9!@#$%+=.\-/]+")
KEY = re.compile(r"[A-Za-z0-9\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff\-_@.]*")
LONGEST_ERROR_TEXT = 128
NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fff\-_. ()\uff08\uff09]+")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody that IAM knows, who may manage the instance's applications or only log in."""

    id: str
    name: str
    manages: bool


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An AK with its SK; a temporary one counts only together with its security token, and until it ends."""

    secret: str
    user: User
    security_token: str | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An IAM token, for one project or for none."""

    user: User
    project_id: str | None
    ends: datetime


@dataclass(slots=True)
class App:
    """An integration application."""

    id: str
    name: str
    key: str
    secret: str = field(repr=False)
    remark: str
    favorite: bool
    created_by: User
    created: datetime
    updated_by: User
    updated: datetime


class Roma:
    """The server's state."""

    paths: ClassVar[tuple[str, ...]] = ("/v2/", "/v3/", "/_consumer/roma/")
    switches: ClassVar[dict[str, tuple[str, ...]]] = {
        "roma.missing_app": ("404", "403"),
        "roma.auth_failure": ("400", "401"),
        "roma.get_secret": ("plain", "masked"),
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._project_id = world.random("roma project")
        self._instance_id = str(uuid.UUID(world.random("roma instance")))
        manager = User(world.random("roma user"), "rekey", manages=True)
        guest = User(world.random("roma weak user"), "guest", manages=False)
        self._users = {
            manager.name: (world.random("roma password"), manager),
            guest.name: (world.random("roma weak password"), guest),
        }
        self._access_keys = {
            self._access_key("access"): AccessKey(world.random("roma secret key"), manager),
            self._access_key("weak access"): AccessKey(world.random("roma weak secret key"), guest),
            self._access_key("temporary access"): AccessKey(
                world.random("roma temporary secret key"),
                manager,
                world.random("roma security token"),
                world.now() + TOKEN_LIFE,
            ),
        }
        self._tokens: dict[str, Token] = {}
        seeded = App(
            id=str(uuid.UUID(world.random("roma app"))),
            name="orders",
            key=world.random("roma app key"),
            secret=world.random("roma app secret"),
            remark="",
            favorite=False,
            created_by=manager,
            created=world.now(),
            updated_by=manager,
            updated=world.now(),
        )
        self._seeded_id = seeded.id
        self._apps = {seeded.id: seeded}

    def _access_key(self, name: str) -> str:
        return self._world.random(f"roma {name} key")[:20].upper()

    def credentials(self) -> dict[str, str]:
        """How to reach the instance and its seeded application, as a manager and as somebody who may not."""
        random = self._world.random
        return {
            "url": self._world.base_url,
            "iam_url": self._world.base_url,
            "project_id": self._project_id,
            "instance_id": self._instance_id,
            "app_id": self._seeded_id,
            "access_key": self._access_key("access"),
            "secret_key": random("roma secret key"),
            "domain_name": DOMAIN,
            "user_name": "rekey",
            "password": random("roma password"),
            "temporary_access_key": self._access_key("temporary access"),
            "temporary_secret_key": random("roma temporary secret key"),
            "security_token": random("roma security token"),
            "weak_access_key": self._access_key("weak access"),
            "weak_secret_key": random("roma weak secret key"),
            "weak_user_name": "guest",
            "weak_password": random("roma weak password"),
        }

    def routes(self) -> list[BaseRoute]:
        """IAM's login, ROMA's applications, and the API that consumers call."""
        apps = "/v2/{project_id}/instances/{instance_id}/apps"
        return [
            Route("/v3/auth/tokens", self._log_in, methods=["POST"]),
            Route("/_consumer/roma/echo", self._echo, methods=["GET"]),
            self._route("POST", apps, self._create),
            self._route("GET", apps, self._list),
            self._route("GET", f"{apps}/{{app_id}}", self._get),
            self._route("PUT", f"{apps}/{{app_id}}", self._update),
            self._route("DELETE", f"{apps}/{{app_id}}", self._delete),
            self._route("GET", f"{apps}/{{app_id}}/secret", self._get_secret),
            self._route("PUT", f"{apps}/{{app_id}}/secret", self._reset_secret),
            self._route("GET", "/v2/{project_id}/instances/{instance_id}/validate-apps", self._validate),
        ]

    # IAM: https://support.huaweicloud.com/intl/en-us/api-iam/iam_30_0001.html

    async def _log_in(self, request: Request) -> Response:
        try:
            user, project_id, methods = self._read_login(await wire.json_object(request))
        except Malformed as wrong:
            return _iam_refusal(HTTPStatus.BAD_REQUEST, str(wrong))
        if user is None:
            return _iam_refusal(HTTPStatus.UNAUTHORIZED, "The username or password is wrong.")
        if project_id not in {None, self._project_id}:
            return _iam_refusal(HTTPStatus.FORBIDDEN, "The user has no access to the project.")
        now = self._world.now()
        text = secrets.token_urlsafe(256)
        self._tokens[text] = Token(user, project_id, now + TOKEN_LIFE)
        token = {
            "issued_at": _time(now),
            "expires_at": _time(now + TOKEN_LIFE),
            "methods": methods,
            "user": {"id": user.id, "name": user.name, "domain": {"name": DOMAIN}},
            **({"project": {"id": project_id, "name": "rekey", "domain": {"name": DOMAIN}}} if project_id else {}),
        }
        return JSONResponse({"token": token}, HTTPStatus.CREATED, {"X-Subject-Token": text})

    def _read_login(self, body: dict[str, Any]) -> tuple[User | None, str | None, list[str]]:
        """Who logs in (None: nobody with such a password), to which project, and by which methods."""
        auth = wire.required(body, "auth", dict)
        identity = wire.required(auth, "identity", dict)
        methods = wire.strings(identity, "methods") or []
        if methods != ["password"]:
            raise Malformed('methods is not ["password"]')
        given = wire.required(wire.required(identity, "password", dict), "user", dict)
        domain = wire.required(wire.required(given, "domain", dict), "name", str)
        name, password = wire.required(given, "name", str), wire.required(given, "password", str)
        project = wire.field(wire.field(auth, "scope", dict) or {}, "project", dict)
        project_id = wire.required(project, "id", str) if project is not None else None
        known, user = self._users.get(name, (None, None))
        right = known is not None and secrets.compare_digest(known.encode(), password.encode()) and domain == DOMAIN
        return user if right else None, project_id, methods

    # Who calls

    def _route(self, method: str, path: str, handler: Callable[[Request, User], Awaitable[Response]]) -> Route:
        """A path that asks who calls first, and whose every answer carries a request id."""

        async def endpoint(request: Request) -> Response:
            request.state.id = secrets.token_hex(16)
            try:
                user = await self._caller(request)
                if request.headers.get("x-project-id", request.path_params["project_id"]) != self._project_id:
                    raise self._forbidden(request)
                if not user.manages or request.path_params["instance_id"] != self._instance_id:
                    raise self._forbidden(request)
                response = await handler(request, user)
            except Malformed as wrong:
                response = _refusal(request, HTTPStatus.BAD_REQUEST, "ROMA.13000", str(wrong)).response
            response.headers["X-Request-Id"] = request.state.id
            return response

        return Route(path, endpoint, methods=[method])

    def unserved(self, request: Request, *, exists: bool) -> Response:
        """ROMA says 400 and a code of its own for a URL that it does not have; IAM what HTTP says."""
        request.state.id = secrets.token_hex(16)
        status = HTTPStatus.METHOD_NOT_ALLOWED if exists else HTTPStatus.NOT_FOUND
        if request.url.path.startswith("/v3/"):
            return _iam_refusal(status, status.description)
        status = status if exists else HTTPStatus.BAD_REQUEST
        return _refusal(request, status, "ROMA.1007", "invalid URL").response

    async def _caller(self, request: Request) -> User:
        text = request.headers.get("x-auth-token")
        if text is not None:
            token = self._tokens.get(text)
            if token is None or self._world.now() >= token.ends:
                raise self._unauthenticated(request, "ROMA.1002", "the token is incorrect")
            if token.project_id != request.path_params["project_id"]:
                raise self._forbidden(request)
            return token.user
        if "authorization" not in request.headers:
            raise self._unauthenticated(request, "ROMA.1000", "there is no token")
        try:
            access_key = self._access_keys[await signer(request, self._secret_key)]
        except Unsigned as wrong:
            raise self._unauthenticated(request, "ROMA.1002", str(wrong)) from None
        if access_key.security_token != request.headers.get("x-security-token") or (
            access_key.ends is not None and self._world.now() >= access_key.ends
        ):
            raise self._unauthenticated(request, "ROMA.1002", "the security token is incorrect")
        if request.path_params["project_id"] != self._project_id:
            raise self._forbidden(request)
        return access_key.user

    def _secret_key(self, access: str) -> str | None:
        access_key = self._access_keys.get(access)
        return access_key.secret if access_key else None

    def _unauthenticated(self, request: Request, code: str, reason: str) -> Refusal:
        return _refusal(request, HTTPStatus(int(self._world.switch("roma.auth_failure"))), code, reason)

    @staticmethod
    def _forbidden(request: Request) -> Refusal:
        return _refusal(request, HTTPStatus.FORBIDDEN, "ROMA.00000101", "no permission")

    # Applications

    def _app(self, request: Request) -> App:
        app = self._apps.get(request.path_params["app_id"])
        if app is not None:
            return app
        if self._world.switch("roma.missing_app") == "403":
            raise self._forbidden(request)
        raise _refusal(request, HTTPStatus.NOT_FOUND, "ROMA.00014001", "application not found")

    @staticmethod
    async def _body(request: Request) -> dict[str, Any]:
        """The body of a request that must have one."""
        if not await request.body():
            raise _refusal(request, HTTPStatus.BAD_REQUEST, "ROMA.13001", "there is no request body")
        return await wire.json_object(request)

    async def _create(self, request: Request, user: User) -> Response:
        body = await self._body(request)
        name = self._free_name(wire.required(body, "name", str))
        key = wire.field(body, "key", str) or secrets.token_hex(16)
        if not KEY.fullmatch(key):
            raise Malformed("key has a character that is not allowed")
        if any(app.key == key for app in self._apps.values()):
            raise Malformed("key exists already")
        now = self._world.now()
        app = App(
            id=str(uuid.uuid4()),
            name=name,
            key=key,
            secret=_secret(body),
            remark=wire.field(body, "remark", str) or "",
            favorite=wire.field(body, "favorite", bool) or False,
            created_by=user,
            created=now,
            updated_by=user,
            updated=now,
        )
        self._apps[app.id] = app
        return JSONResponse(_described(app, user), HTTPStatus.CREATED)

    def _free_name(self, name: str, but: App | None = None) -> str:
        if not NAME.fullmatch(name):
            raise Malformed("name has a character that is not allowed")
        if any(app.name == name for app in self._apps.values() if app is not but):
            raise Malformed("name exists already")
        return name

    async def _list(self, request: Request, user: User) -> Response:
        offset = wire.whole_number(request, "offset", 0, 0)
        limit = wire.whole_number(request, "limit", 20, 1)
        name, user_name = (
            request.query_params.get("name", ""),
            request.query_params.get("user_name"),
        )
        favorite, owner = _truth(request, "favorite"), _truth(request, "owner")
        role = request.query_params.get("auth_role", "read")
        apps = [
            app
            for app in self._apps.values()
            if name in app.name
            and favorite in {None, app.favorite}
            and owner in {None, app.created_by == user}
            and role in ROLES
            and user_name in {None, app.created_by.name}
        ]
        apps.sort(key=lambda app: not app.favorite)
        page = [_described(app, user) for app in apps[offset : offset + limit]]
        return JSONResponse({"total": len(apps), "size": len(page), "apps": page})

    async def _get(self, request: Request, user: User) -> Response:
        return JSONResponse(_described(self._app(request), user))

    async def _update(self, request: Request, user: User) -> Response:
        app, body = self._app(request), await self._body(request)
        name, remark = wire.field(body, "name", str), wire.field(body, "remark", str)
        favorite = wire.field(body, "favorite", bool)
        app.name = app.name if name is None else self._free_name(name, but=app)
        app.remark = app.remark if remark is None else remark
        app.favorite = app.favorite if favorite is None else favorite
        self._touch(app, user)
        return JSONResponse(_described(app, user))

    async def _delete(self, request: Request, _user: User) -> Response:
        del self._apps[self._app(request).id]
        return Response(status_code=HTTPStatus.OK)

    async def _get_secret(self, request: Request, _user: User) -> Response:
        app = self._app(request)
        masked = self._world.switch("roma.get_secret") == "masked"
        return JSONResponse(
            {"id": app.id, "secret": f"{app.secret[:3]}****{app.secret[-3:]}" if masked else app.secret}
        )

    async def _reset_secret(self, request: Request, user: User) -> Response:
        app = self._app(request)
        app.secret = _secret(await wire.json_object(request))
        self._touch(app, user)
        return JSONResponse({"id": app.id, "secret": app.secret})

    def _touch(self, app: App, user: User) -> None:
        app.updated, app.updated_by = self._world.now(), user

    async def _validate(self, request: Request, _user: User) -> Response:
        asked = {name: request.query_params[name] for name in ("name", "id", "key") if name in request.query_params}
        if not asked:
            raise Malformed("one of name, id and key is needed")
        for app in self._apps.values():
            if all(getattr(app, name) == value for name, value in asked.items()):
                return JSONResponse({"id": app.id, "name": app.name, "remark": app.remark})
        raise _refusal(request, HTTPStatus.NOT_FOUND, "ROMA.00014001", "application not found")

    async def _echo(self, request: Request) -> Response:
        secrets_by_key = {app.key: app.secret for app in self._apps.values()}
        try:
            key = await signer(request, secrets_by_key.get)
        except Unsigned as wrong:
            reason = f"Incorrect app authentication information: {wrong}"
            return JSONResponse({"error_code": "APIG.0303", "error_msg": reason}, HTTPStatus.UNAUTHORIZED)
        return JSONResponse({"key": key})


def _secret(body: dict[str, Any]) -> str:
    """The secret that a body asks for, or a random one where it asks for none."""
    secret = wire.field(body, "secret", str)
    if secret is None:
        return secrets.token_hex(8)
    if not SECRET.fullmatch(secret):
        raise Malformed("secret has a character that is not allowed")
    return secret


def _truth(request: Request, name: str) -> bool | None:
    given = request.query_params.get(name)
    if given not in {None, "true", "false"}:
        raise Malformed(f"{name} is not true or false")
    return None if given is None else given == "true"


def _described(app: App, user: User) -> dict[str, Any]:
    return {
        "id": app.id,
        "name": app.name,
        "remark": app.remark,
        "roles": ROLES,
        "create_time": _time(app.created),
        "update_time": _time(app.updated),
        "created_user": {"user_id": app.created_by.id, "user_name": app.created_by.name},
        "last_updated_user": {"user_id": app.updated_by.id, "user_name": app.updated_by.name},
        "owner": app.created_by == user,
        "key": app.key,
        "favorite": app.favorite,
    }


def _refusal(request: Request, status: HTTPStatus, code: str, reason: str) -> Refusal:
    told = reason[:LONGEST_ERROR_TEXT]
    body = {"error_code": code, "error_msg": told, "error_details": told, "request_id": request.state.id}
    return Refusal(JSONResponse(body, status, {"X-Request-Id": request.state.id}))


def _iam_refusal(status: HTTPStatus, reason: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": reason, "title": status.phrase}}, status)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
