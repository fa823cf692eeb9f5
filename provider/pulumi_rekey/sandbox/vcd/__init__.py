"""VMware Cloud Director with its OpenID provider: the API, the logins, the relying party's side.

https://developer.vmware.com/apis/vmware-cloud-director/latest/
"""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..world import World
from .cloudapi import Handler, error_as_xml, identified, operation, refused
from .oidc import Oidc
from .openid_provider import OpenIdProvider
from .relying_parties import RelyingParties
from .sessions import MANAGE_OIDC_SERVER, Sessions
from .tasks import Tasks

_OPENID_PROVIDER = "/cloudapi/1.0.0/openIdProvider"


class Vcd:
    """One server with a provider organization and one tenant, in the state that it is installed in."""

    paths: ClassVar[tuple[str, ...]] = ("/cloudapi/", "/api/", "/oauth/", "/oidc/")
    switches: ClassVar[dict[str, tuple[str, ...]]] = {
        "vcd.register": ("200", "201"),
        "vcd.regenerate": ("immediate", "grace"),
        "vcd.client_secret": ("null", "absent"),
        "vcd.private_key": ("null", "absent", "masked"),
        "vcd.key_update": ("description", "needs-private-key"),
        "vcd.read_only": ("rejected", "ignored"),
        "vcd.delete_active_key": ("refused", "allowed"),
        "vcd.jwks": ("all", "active"),
        "vcd.changes": ("answered", "tasks", "tasks-and-mints", "mints"),
        "vcd.client_auth": ("both", "basic", "post"),
        "vcd.client_id": ("stays", "changes"),
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions = Sessions(world)
        self._tasks = Tasks(world)
        self._provider = OpenIdProvider(world)
        self._relying_parties = RelyingParties(world, self._provider)
        self._oidc = Oidc(world, self._sessions, self._provider, self._relying_parties)

    def routes(self) -> list[BaseRoute]:
        """Every path that the server answers; those of the API with a slash behind, too, as VMware's client has it."""
        served = self._served()
        api = [route for route in served if route.path.startswith("/cloudapi/")]
        return [*served, *(Route(f"{route.path}/", route.endpoint, methods=list(route.methods or ())) for route in api)]

    def _served(self) -> list[Route]:
        provider, parties = self._provider, self._relying_parties
        return [
            *self._sessions.routes(),
            operation("GET", "/api/task/{id}", self._with_session(self._tasks.show), produces=("xml", "json")),
            self._read("", provider.show),
            self._change("PUT", "", provider.configure),
            self._read("/keys", provider.list_keys),
            self._change("POST", "/keys", provider.create_key),
            self._read("/keys/{id}", provider.show_key),
            self._change("PUT", "/keys/{id}", provider.describe_key),
            self._change("DELETE", "/keys/{id}", provider.delete_key),
            self._read("/relyingParties", parties.query),
            self._change("POST", "/relyingParties", parties.register, mints=True),
            self._read("/relyingParties/{id}", parties.show),
            self._change("PUT", "/relyingParties/{id}", parties.update),
            self._change("DELETE", "/relyingParties/{id}", parties.delete),
            self._change("POST", "/relyingParties/{id}/regenerateSecret", parties.regenerate_secret, mints=True),
            *self._oidc.routes(),
        ]

    def unserved(self, request: Request, *, exists: bool) -> Response:
        """404, or 405 where the path exists; unlike an absent entity, which is 403."""
        status, code = (405, "METHOD_NOT_ALLOWED") if exists else (404, "RESOURCE_NOT_FOUND")
        answer = refused(status, code, "There is no such operation").response
        return identified(request, error_as_xml(answer) if request.url.path.startswith("/api/") else answer)

    def credentials(self) -> dict[str, str]:
        """The address, the provider's administrator, and two who may log in but not manage OIDC."""
        sessions = self._sessions
        administrator, weak, tenant = sessions.administrator, sessions.auditor, sessions.tenant
        return {
            "url": self._world.base_url,
            "org": administrator.org,
            "user": administrator.name,
            "password": administrator.password,
            "api_token": sessions.api_token(administrator),
            "weak_user": weak.name,
            "weak_password": weak.password,
            "weak_api_token": sessions.api_token(weak),
            "tenant_org": tenant.org,
            "tenant_user": tenant.name,
            "tenant_password": tenant.password,
            "tenant_api_token": sessions.api_token(tenant),
        }

    def _read(self, path: str, handler: Handler) -> Route:
        return operation("GET", _OPENID_PROVIDER + path, self._with_right(handler), since="37.2")

    def _change(self, method: str, path: str, handler: Handler, *, mints: bool = False) -> Route:
        answering = self._with_right(self._tasks.answering(handler, mints=mints))
        return operation(method, _OPENID_PROVIDER + path, answering, since="37.2")

    def _with_right(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            self._sessions.require(request, MANAGE_OIDC_SERVER)
            return await handler(request)

        return handle

    def _with_session(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            self._sessions.authenticate(request)
            return await handler(request)

        return handle
