"""What a relying party sees of the OpenID provider: discovery, keys, authorization code, tokens, user info.

"OIDC Proxy" in the VMware Cloud Director Service Provider Admin Guide; OpenID Connect Core 1.0; RFC 6749.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode

from joserfc import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...sandbox import wire
from ..tokens import TokenAnswer
from ..vcd import oauth
from ..world import World
from .openid_provider import ACCESS_TOKEN_LIFETIME, CODE_LIFETIME, ID_TOKEN_LIFETIME, OpenIdProvider
from .relying_parties import SCOPES, RelyingParties, RelyingParty
from .sessions import Account, Sessions

_JWKS_MAX_AGE = 300


@dataclass(frozen=True)
class Consent:
    """What a user agreed to: the grant that a code, and then an access token, stands for."""

    client_id: str
    account: Account
    scope: list[str]
    redirect_uri: str
    nonce: str | None
    given: datetime


class Oidc:
    """The endpoints under /oidc."""

    def __init__(
        self, world: World, sessions: Sessions, provider: OpenIdProvider, relying_parties: RelyingParties
    ) -> None:
        self._world = world
        self._sessions = sessions
        self._provider = provider
        self._relying_parties = relying_parties
        self._codes: dict[str, Consent] = {}
        self._access_tokens: dict[str, tuple[Consent, datetime]] = {}
        self._issuer = f"{world.base_url}/oidc"

    def routes(self) -> list[Route]:
        """The endpoints that discovery names, and discovery."""
        return [
            oauth.operation("GET", "/oidc/.well-known/openid-configuration", self._discover),
            oauth.operation("GET", "/oidc/jwks", self._jwks),
            oauth.operation("GET", "/oidc/oauth2/authorize", self._authorize),
            oauth.operation("POST", "/oidc/oauth2/token", self._token),
            oauth.operation("GET", "/oidc/userinfo", self._userinfo),
        ]

    async def _discover(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self._issuer,
                "authorization_endpoint": f"{self._issuer}/oauth2/authorize",
                "token_endpoint": f"{self._issuer}/oauth2/token",
                "userinfo_endpoint": f"{self._issuer}/userinfo",
                "jwks_uri": f"{self._issuer}/jwks",
                "scopes_supported": SCOPES,
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "ES384", "ES512"],
                "token_endpoint_auth_methods_supported": [
                    f"client_secret_{way}"
                    for way in ("basic", "post")
                    if self._world.switch("vcd.client_auth") in {"both", way}
                ],
            }
        )

    async def _jwks(self, _request: Request) -> Response:
        keys = [key.jwk.as_dict(private=False) for key in self._provider.presented()]
        return JSONResponse({"keys": keys}, headers={"Cache-Control": f"public, max-age={_JWKS_MAX_AGE}"})

    async def _authorize(self, request: Request) -> Response:
        """Give a user's code to a relying party.

        The user signs in with Basic, `user@org` (or a bare provider's user) and password, in place of the
        login page. Nothing is sent to a redirect URI before it is known to be the client's.
        """
        query = request.query_params
        party = self._relying_parties.client(query.get("client_id", ""))
        if party is None:
            raise oauth.refused("invalid_request", "client_id is not known")
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in party.redirect_uris:
            raise oauth.refused("invalid_request", "redirect_uri is not registered for this client")
        account = self._sessions.account(*(wire.basic_credentials(request) or ("", "")))
        if account is None:
            challenge = 'Basic realm="sandbox", charset="UTF-8"'
            raise oauth.refused("access_denied", "user or password is wrong", 401, challenge)
        scope = query.get("scope", "").split()
        if query.get("response_type") != "code":
            answer = {"error": "unsupported_response_type"}
        elif "openid" not in scope or not set(scope) <= set(SCOPES):
            answer = {"error": "invalid_scope"}
        else:
            code = secrets.token_urlsafe(32)
            consent = Consent(party.client_id, account, scope, redirect_uri, query.get("nonce"), self._world.now())
            self._codes[code] = consent
            answer = {"code": code}
        if "state" in query:
            answer["state"] = query["state"]
        joint = "&" if "?" in redirect_uri else "?"
        return RedirectResponse(f"{redirect_uri}{joint}{urlencode(answer)}", 302)

    async def _token(self, request: Request) -> Response:
        form = await wire.form(request)
        party = self._client(request, form)
        if wire.required(form, "grant_type", str) != "authorization_code":
            raise oauth.refused("unsupported_grant_type", "the grant is authorization_code")
        now = self._world.now()
        consent = self._codes.pop(wire.required(form, "code", str), None)
        if (
            consent is None
            or consent.client_id != party.client_id
            or consent.redirect_uri != form.get("redirect_uri")
            or now >= consent.given + CODE_LIFETIME
        ):
            raise oauth.refused("invalid_grant", "the code is unknown, spent, expired or another client's")
        token = secrets.token_urlsafe(48)
        self._access_tokens[token] = (consent, now + ACCESS_TOKEN_LIFETIME)
        return TokenAnswer(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
                "scope": " ".join(consent.scope),
                "id_token": self._id_token(consent, now),
            }
        )

    def _client(self, request: Request, form: dict[str, str]) -> RelyingParty:
        """The relying party that proved itself by client_secret_basic or client_secret_post."""
        basic = wire.basic_credentials(request)
        if basic and "client_secret" in form:
            raise oauth.refused("invalid_request", "the client proves itself in two ways at once")
        if self._world.switch("vcd.client_auth") not in {"both", "basic" if basic else "post"}:
            raise oauth.refused("invalid_client", "the client proves itself in another way", 401, 'Basic realm="oidc"')
        if basic:
            client_id, secret = map(unquote_plus, basic)
        else:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        party = self._relying_parties.client(client_id)
        if party is None or not party.accepts(secret, self._world.now()):
            raise oauth.refused("invalid_client", "client or secret is wrong", 401, 'Basic realm="oidc"')
        return party

    def _id_token(self, consent: Consent, now: datetime) -> str:
        key = self._provider.active
        claims = {
            "iss": self._issuer,
            "aud": consent.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + ID_TOKEN_LIFETIME).timestamp()),
            "auth_time": int(consent.given.timestamp()),
            **({"nonce": consent.nonce} if consent.nonce is not None else {}),
            **self._about(consent),
        }
        algorithm = key.pair.algorithm
        return jwt.encode({"alg": algorithm, "kid": key.id}, claims, key.jwk, algorithms=[algorithm])

    async def _userinfo(self, request: Request) -> Response:
        consent, expires = self._access_tokens.get(wire.bearer(request) or "", (None, None))
        if consent is None or expires is None or self._world.now() >= expires:
            raise oauth.refused(
                "invalid_token",
                "there is no access token, or it has expired",
                401,
                'Bearer error="invalid_token"',
            )
        return JSONResponse(self._about(consent), headers={"Cache-Control": "no-store"})

    def _about(self, consent: Consent) -> dict[str, Any]:
        """The claims about the user that the scope asks for; nobody here has a telephone or is in a group."""
        account = consent.account
        claims: dict[str, dict[str, Any]] = {
            "profile": {"name": account.name, "preferred_username": f"{account.name}@{account.org}"},
            "email": {"email": f"{account.name}@{account.org.lower()}.example", "email_verified": False},
            "groups": {"groups": []},
            "vcd_idp": {
                "roles": [account.role],
                "org_id": self._sessions.org_id(account.org),
                "org_name": account.org,
                "org_display_name": account.org,
            },
        }
        about: dict[str, Any] = {"sub": account.id}
        for scope in consent.scope:
            about |= claims.get(scope, {})
        return about
