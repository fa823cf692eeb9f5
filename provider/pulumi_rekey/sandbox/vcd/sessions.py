"""Who may call: API versions, password sessions, API tokens, the list of organizations.

https://developer.vmware.com/apis/vmware-cloud-director/latest/ and "Generate an API Access Token"
in the Service Provider Admin Guide.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...sandbox import wire
from ..tokens import TokenAnswer, Tokens
from ..vcd import cloudapi, oauth
from ..world import World
from .cloudapi import VCLOUD, urn
from .pages import page

MANAGE_OIDC_SERVER = "OIDC Server: Manage Settings"
SYSTEM = "System"

# sessionIdleTimeoutMinutes reports the first; how long a session may live at most is not published.
_IDLE = timedelta(minutes=30)
_SESSION = timedelta(days=1)
_ACCESS_TOKEN = timedelta(days=30)  # expires_in of the documented example
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ACCESS_TOKEN_HEADER = "X-VMWARE-VCLOUD-ACCESS-TOKEN"  # noqa: S105 - a header's name


@dataclass(frozen=True)
class Account:
    """A user of an organization."""

    id: str
    name: str
    org: str
    role: str
    rights: frozenset[str]
    password: str


@dataclass
class Session:
    """What an access token stands for. `idle` is None where only the token's own life bounds it."""

    id: str
    account: Account
    idle: timedelta | None
    used: datetime
    ended: bool = False


@dataclass
class ApiClient:
    """A registered API token; its one refresh token is minted once."""

    account: Account
    minted: bool = False


class Sessions:
    """The accounts, and everything that proves to be one of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.administrator = self._account("administrator", SYSTEM, "System Administrator", {MANAGE_OIDC_SERVER})
        self.auditor = self._account("auditor", SYSTEM, "Auditor", set())
        self.tenant = self._account("orgadmin", "acme", "Organization Administrator", set())
        accounts = (self.administrator, self.auditor, self.tenant)
        self._accounts = {(account.name, account.org.casefold()): account for account in accounts}
        self._api_tokens = {self.api_token(account): account for account in accounts}
        self._api_clients: dict[str, ApiClient] = {}
        self._tokens = Tokens[Session](world, "/oauth")

    def _account(self, name: str, org: str, role: str, rights: set[str]) -> Account:
        identity = urn("user", self._world.random(f"vcd user {name}"))
        return Account(identity, name, org, role, frozenset(rights), self._world.random(f"vcd password {name}"))

    def api_token(self, account: Account) -> str:
        """The API token that every account has from the start; it does not expire."""
        return self._world.random(f"vcd API token {account.name}")

    def org_id(self, org: str) -> str:
        """The id of an organization."""
        return urn("org", self._world.random(f"vcd org {org}"))

    def routes(self) -> list[Route]:
        """The logins, and what a client asks before and directly after them."""
        sessions = "/cloudapi/1.0.0/sessions"
        return [
            Route("/api/versions", self._versions, methods=["GET"]),
            cloudapi.operation("GET", "/api/org", self._orgs, produces=("xml",)),
            cloudapi.operation("GET", sessions, self._list_sessions),
            cloudapi.operation("POST", sessions, self._log_in),
            cloudapi.operation("POST", f"{sessions}/provider", self._log_in_provider),
            cloudapi.operation("GET", f"{sessions}/{{id}}", self._show_session),
            cloudapi.operation("DELETE", f"{sessions}/{{id}}", self._log_out),
            *(
                oauth.operation("POST", f"/oauth/{realm}/{call}", handler)
                for realm in ("provider", "tenant/{org}")
                for call, handler in (("token", self._token), ("register", self._register))
            ),
        ]

    def account(self, login: str, password: str) -> Account | None:
        """The account that `user@org` and a password prove; a bare user is one of the provider's."""
        name, at, org = login.rpartition("@")
        account = self._accounts.get((name, org.casefold()) if at else (login, SYSTEM.casefold()))
        right = account and secrets.compare_digest(account.password.encode(), password.encode())
        return account if right else None

    def authenticate(self, request: Request) -> Session:
        """The session of a request's access token; 401 without one that is alive."""
        token = wire.bearer(request) or request.headers.get(_ACCESS_TOKEN_HEADER)
        session = self._alive(token) if token else None
        if session is None:
            raise cloudapi.refused(401, "UNAUTHORIZED", "there is no session, or it has expired")
        session.used = self._world.now()
        return session

    def _alive(self, token: str) -> Session | None:
        session = self._tokens.holder(token)
        return session if session is not None and self._is_alive(session) else None

    def _is_alive(self, session: Session) -> bool:
        return not session.ended and (session.idle is None or self._world.now() < session.used + session.idle)

    def require(self, request: Request, right: str) -> None:
        """401 without a session, 403 where its account lacks the right."""
        if right not in self.authenticate(request).account.rights:
            raise cloudapi.forbidden()

    async def _versions(self, request: Request) -> Response:
        root = ET.Element("SupportedVersions", {"xmlns": "http://www.vmware.com/vcloud/versions"})
        login = f"{self._world.base_url}/cloudapi/1.0.0/sessions"
        for version in cloudapi.VERSIONS:
            info = ET.SubElement(root, "VersionInfo", {"deprecated": "false"})
            ET.SubElement(info, "Version").text = version
            ET.SubElement(info, "LoginUrl").text = login
            ET.SubElement(info, "ProviderLoginUrl").text = f"{login}/provider"
        return cloudapi.identified(request, cloudapi.xml(root, "text/xml"))

    async def _orgs(self, request: Request) -> Response:
        account = self.authenticate(request).account
        root = ET.Element("OrgList", {"xmlns": VCLOUD, "href": f"{self._world.base_url}/api/org/"})
        for org in (SYSTEM, self.tenant.org) if account.org == SYSTEM else (account.org,):
            href = f"{self._world.base_url}/api/org/{self.org_id(org).rpartition(':')[2]}"
            ET.SubElement(root, "Org", {"href": href, "name": org, "type": "application/vnd.vmware.vcloud.org+xml"})
        return cloudapi.xml(root, "application/vnd.vmware.vcloud.orgList+xml")

    async def _log_in(self, request: Request) -> Response:
        return self._open(request, provider=False)

    async def _log_in_provider(self, request: Request) -> Response:
        return self._open(request, provider=True)

    def _open(self, request: Request, *, provider: bool) -> Response:
        login, password = wire.basic_credentials(request) or ("", "")
        account = self.account(login, password) if "@" in login else None
        if account is None or (account.org == SYSTEM) is not provider:
            raise cloudapi.refused(401, "UNAUTHORIZED", "user, organization or password is wrong")
        session = Session(urn("session"), account, _IDLE, self._world.now())
        token = self._tokens.issue(session, account.id, _SESSION)
        headers = {_ACCESS_TOKEN_HEADER: token, "X-VMWARE-VCLOUD-TOKEN-TYPE": "Bearer"}
        return JSONResponse(self._view(session), headers=headers)

    async def _list_sessions(self, request: Request) -> Response:
        """GET sessions: all of the current user."""
        account = self.authenticate(request).account
        alive = [session for session in self._tokens.holders() if self._is_alive(session)]
        values = [self._view(session) for session in alive if session.account == account]
        return page(request, self._world.base_url, values)

    async def _show_session(self, request: Request) -> Response:
        return JSONResponse(self._view(self._own(request)))

    async def _log_out(self, request: Request) -> Response:
        self._own(request).ended = True
        return Response(status_code=204)

    def _own(self, request: Request) -> Session:
        session = self.authenticate(request)
        if request.path_params["id"] not in {"current", session.id}:
            raise cloudapi.forbidden()
        return session

    def _view(self, session: Session) -> dict[str, Any]:
        account = session.account
        return {
            "id": session.id,
            "site": {"name": "sandbox", "id": urn("site", self._world.random("vcd site"))},
            "user": {"name": account.name, "id": account.id},
            "org": {"name": account.org, "id": self.org_id(account.org)},
            "location": self._world.base_url,
            "roles": [account.role],
            "roleRefs": [{"name": account.role, "id": urn("role", self._world.random(f"vcd role {account.role}"))}],
            "sessionIdleTimeoutMinutes": int(_IDLE.total_seconds()) // 60,
        }

    async def _register(self, request: Request) -> Response:
        session = self.authenticate(request)
        # A session that an API token opened cannot create another.
        if session.idle is None or not _at_home(request, session.account):
            raise cloudapi.forbidden()
        name = wire.required(await wire.json_object(request), "client_name", str)
        client_id = str(uuid.uuid4())
        self._api_clients[client_id] = ApiClient(session.account)
        return JSONResponse(
            {
                "client_name": name,
                "client_id": client_id,
                "grant_types": [_JWT_BEARER],
                "token_endpoint_auth_method": "none",
            }
        )

    async def _token(self, request: Request) -> Response:
        form = await wire.form(request)
        match wire.required(form, "grant_type", str):
            case "refresh_token":
                account = self._api_tokens.get(wire.required(form, "refresh_token", str))
                refresh_token = None
            case grant if grant == _JWT_BEARER:
                account = self._mintable(form)
                refresh_token = secrets.token_hex(16)
            case _:
                raise oauth.refused("unsupported_grant_type", "the grant is refresh_token or jwt-bearer")
        if account is None or not _at_home(request, account):
            raise oauth.refused("invalid_grant", "the token is not known here")
        if refresh_token:
            self._api_clients[form["client_id"]].minted = True
            self._api_tokens[refresh_token] = account
        session = Session(urn("session"), account, None, self._world.now())
        return TokenAnswer(
            {
                "access_token": self._tokens.issue(session, account.id, _ACCESS_TOKEN),
                "token_type": "Bearer",
                "expires_in": int(_ACCESS_TOKEN.total_seconds()),
                "refresh_token": refresh_token,
            }
        )

    def _mintable(self, form: dict[str, str]) -> Account | None:
        """The account of both the assertion and the client, before the client's token is minted."""
        session = self._alive(wire.required(form, "assertion", str))
        client = self._api_clients.get(wire.required(form, "client_id", str))
        if session is None or client is None or client.minted:
            return None
        return client.account if client.account == session.account else None


def _at_home(request: Request, account: Account) -> bool:
    """Whether the address is that of the account's own organization; the provider's has none in its path."""
    org: str | None = request.path_params.get("org")
    if org is None:
        return account.org == SYSTEM
    return account.org != SYSTEM and account.org.casefold() == org.casefold()
