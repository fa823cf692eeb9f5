"""VMware Cloud Partner Navigator: tokens in ``csp-auth-token``, whose expiry only they themselves tell.

Pages: developer.vmware.com/apis/cloud-partner-navigator/identity/latest and the guide "Using Cloud Partner Navigator
APIs" (vdc-download.vmware.com).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field, SecretStr

from ..errors import Forbidden, Misconfigured, NotFound
from ..model import VendorId
from .answer import Body
from .config import CREDENTIAL, BaseUrl, Endpoint, Secret, plain
from .jwt import expiry
from .session import Session, Token, basic, fill

if TYPE_CHECKING:
    import httpx

BASE: Final = "/cphub/api/auth"
_CLIENT: Final = f"{BASE}/v2/orgs/{{}}/clients/{{}}"
_SCOPES: Final = f"{BASE}/v2/orgs/{{}}/oauth-apps/scopes"


class NavigatorEndpoint(Endpoint):
    """A Navigator, and the user (API token) or OAuth app by which rekey manages it."""

    kind = "navigator"
    credentials = (("api_token",), ("client_id", "client_secret"))

    url: BaseUrl = Field(
        description="The Navigator's address, without a path.",
        json_schema_extra={"env": "CPN_URL"},
        examples=["https://console.navigator.vmware.com"],
    )
    org_id: VendorId | None = Field(
        default=None,
        description="The organization of clientId.",
        json_schema_extra={"env": "CPN_ORG_ID"},
    )
    api_token: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "CPN_API_TOKEN"})
    client_id: str | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "CPN_CLIENT_ID"})
    client_secret: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "CPN_CLIENT_SECRET"})


class Navigator(Session[NavigatorEndpoint]):
    """A session with Cloud Partner Navigator."""

    model: ClassVar[type[Endpoint]] = NavigatorEndpoint
    right = "the role Reseller Administrator in the organization that `org_id` names"

    def headers(self) -> dict[str, str]:
        """Ask for JSON."""
        return {"accept": "application/json"}

    def organization(self) -> str | None:
        """Name the organization."""
        return self.endpoint.org_id and f"orgId {self.endpoint.org_id}"

    def log_in(self) -> Token:
        """Exchange the API token, or an OAuth app's id and secret, for an access token."""
        url = f"{self.endpoint.url}{BASE}/v1/authn"
        match self.endpoint.usable_credentials():
            case ("api_token",):
                json = {"refreshToken": plain(self.endpoint.api_token)}
                _, body = self.log_in_with("POST", f"{url}/accesstoken", json=json)
            case ("client_id", _):
                if self.endpoint.org_id is None:
                    raise Misconfigured(
                        f"endpoint {self.name!r} has a client but not its organization",
                        todo=f"set rekey:endpoints.{self.name}.orgId (or CPN_ORG_ID)",
                    )
                json = {"clientId": str(self.endpoint.client_id), "clientSecret": plain(self.endpoint.client_secret)}
                account = fill("/accounts/{}/accesstoken", (self.endpoint.org_id,))
                _, body = self.log_in_with("POST", url + account, json=json)
            case _:
                raise self.endpoint.without_credentials(self.name)
        token = body.secret("accessToken").get_secret_value()
        ends = expiry(token)
        return Token(token, self.ends_in((ends - self.vendor_now()).total_seconds() if ends else None))

    def find(self, path: str, org_id: str, app_id: str) -> Body | None:
        """GET something of an app, by organization and app; nothing only if the app is certainly gone.

        No list is documented. What is: that a client which is missing is a 404, on that one page; elsewhere it may be a
        403.
        """
        try:
            return self.get(path, org_id, app_id)
        except (Forbidden, NotFound) as refused:
            try:
                self.get(_CLIENT, org_id, app_id)
            except Forbidden:
                raise self.not_proven_gone(refused) from None
            except NotFound as missing:
                if not self._is_navigators(missing, org_id):
                    raise self.not_proven_gone(missing, "the answer is not Navigator's") from None
                return None
            raise self.not_proven_gone(refused, "its client is there") from None

    def _is_navigators(self, missing: NotFound, org_id: str) -> bool:
        """Tell whether a 404 is Navigator's own, and not of a gateway before it."""
        if missing.code is not None or missing.has_content:
            return missing.code is not None
        # An empty one is nobody's: then the same API must answer beside it.
        try:
            _, scopes = self.get_at(self.endpoint.url + fill(_SCOPES, (org_id,)), headers=self.headers())
            return isinstance(scopes.json(), list)
        except (Forbidden, NotFound, ValueError):
            return False

    def accepts_client(self, org_id: str, client_id: str, client_secret: SecretStr) -> bool:
        """Tell whether this OAuth app gets an access token."""
        return self.accepts(
            "POST",
            "accessToken",
            url=f"{self.endpoint.url}{BASE}/v2/authn/authorize",
            params={"orgId": org_id},
            data={"grant_type": "client_credentials"},
            headers=basic(client_id, client_secret.get_secret_value()),
        )

    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Send the access token in Navigator's own header."""
        request.headers["csp-auth-token"] = token.value

    def error_code(self, body: Body) -> object:
        """Read the code that the sibling API, VMware Cloud Services, documents; Navigator documents none.

        Its other one, ``errorCode``, has too common a name to tell whose answer it is.
        """
        return body.get("cspErrorCode")

    def request_id(self, answer: httpx.Response, body: Body) -> object:  # noqa: ARG002 - it stands in the body
        """Read the request id of the same body."""
        return body.get("requestId")


SESSION = Navigator
