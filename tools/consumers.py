"""Who uses the credentials: each function tells whether a consumer of that kind gets in with what it has.

They know nothing of rekey; they do what the vendors' pages tell an application, a portal or an identity provider to do.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet


@dataclass(frozen=True)
class RomaApplication:
    """An application that calls an API published on ROMA Connect, which checks the application's signature."""

    http: httpx.Client
    key: str

    def calls(self, secret: str) -> bool:
        """Sign a request with the secret: https://support.huaweicloud.com/intl/en-us/devg-apisign/."""
        path, date = "/_consumer/roma/echo", f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        empty = hashlib.sha256(b"").hexdigest()
        canonical = f"GET\n{path}/\n\nx-sdk-date:{date}\n\nx-sdk-date\n{empty}"
        to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        authorization = f"SDK-HMAC-SHA256 Access={self.key}, SignedHeaders=x-sdk-date, Signature={signature}"
        answer = self.http.get(path, headers={"X-Sdk-Date": date, "Authorization": authorization})
        return _accepted(answer, 200, 401)


@dataclass(frozen=True)
class Portal:
    """A relying party of Cloud Director's OpenID provider, and one of its users."""

    http: httpx.Client
    client_id: str
    redirect_uri: str
    user: str
    password: str

    def signs_in(self, secret: str) -> bool:
        """Whether a user comes to the portal and gets in."""
        return self.id_token(secret) is not None

    def signed_by(self, secret: str) -> str | None:
        """The id of the published key that the ID token of a user was signed with; None if there is none."""
        token = self.id_token(secret)
        if token is None:
            return None
        keys = KeySet.import_key_set(self.http.get("/oidc/jwks").json())
        try:
            return str(jwt.decode(token, keys, algorithms=["RS256", "ES256", "ES384", "ES512"]).header["kid"])
        except (JoseError, ValueError):
            return None

    def id_token(self, secret: str) -> str | None:
        """A new ID token of a user who comes to the portal; None if the portal or the user is refused."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
        }
        consent = self.http.get("/oidc/oauth2/authorize", params=query, auth=(self.user, self.password))
        if not _accepted(consent, 302, 400):
            return None
        code = parse_qs(urlsplit(consent.headers["Location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri}
        basic = quote(self.client_id, safe=""), quote(secret, safe="")
        answer = self.http.post("/oidc/oauth2/token", data=form, auth=basic)
        return str(answer.json()["id_token"]) if _accepted(answer, 200, 401) else None


@dataclass(frozen=True)
class IdentityProvider:
    """The directory service that pushes users into the identity broker, over SCIM."""

    http: httpx.Client
    #: Empty where the broker has no tenants.
    tenant: str

    def logs_in(self, client_id: str, client_secret: str) -> bool:
        """Get a token for the id and secret, and push with it."""
        form = {"grant_type": "client_credentials"}
        answer = self.http.post(f"/acs{self._of_tenant}/token", data=form, auth=(client_id, client_secret))
        return _accepted(answer, 200, 400) and self.pushes(answer.json()["access_token"])

    def pushes(self, access_token: str) -> bool:
        """Push with a token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return _accepted(self.http.get(f"/usergroup{self._of_tenant}/scim/v2/Users", headers=headers), 200, 401)

    @property
    def _of_tenant(self) -> str:
        return f"/t/{self.tenant}" if self.tenant else ""


@dataclass(frozen=True)
class NavigatorClient:
    """A server that logs in to Cloud Partner Navigator as an OAuth app."""

    http: httpx.Client
    org_id: str

    def logs_in(self, client_id: str, secret: str) -> bool:
        """Get a token for the id and secret."""
        basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        address, query = "/cphub/api/auth/v2/authn/authorize", {"orgId": self.org_id}
        return _accepted(self.http.post(address, params=query, headers={"Authorization": f"Basic {basic}"}), 200, 401)


def _accepted(answer: httpx.Response, good: int, refused: int) -> bool:
    """Tell yes from no; anything else is neither, and the consumer's own fault."""
    if answer.status_code not in {good, refused}:
        raise ValueError(f"{answer.request.method} {answer.request.url.path} answers {answer.status_code}")
    return answer.status_code == good
