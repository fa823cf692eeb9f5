"""VMware Identity Broker, as part of vCenter Server or published as Omnissa Identity Service.

Pages: developer.broadcom.com/xapis/vmware-identity-broker/latest (vCenter Server); the OpenAPI document in
github.com/euc-dev/ws1-identity-services-api (Omnissa).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from ..errors import BadAnswer, Forbidden, Misconfigured, NotFound
from ..model import VendorId
from .answer import Body, decode
from .config import CREDENTIAL, BaseUrl, Endpoint, Secret, plain
from .session import Session, Token, basic

if TYPE_CHECKING:
    import httpx

_MEDIA: Final = "application/vnd.vmware.vidm.usergroup.broker.directory"
_SYNC_CLIENT: Final = f"{_MEDIA}.syncclientconfiguration+json"
_DIRECTORY_LIST: Final = f"{_MEDIA}.list+json"


class BrokerEndpoint(Endpoint):
    """A broker, and the OAuth client by which rekey manages it."""

    kind = "broker"
    credentials = (("client_id", "client_secret"),)

    url: BaseUrl = Field(description="The broker's address.", json_schema_extra={"env": "BROKER_URL"})
    tenant: VendorId = Field(
        default="CUSTOMER",
        description="The tenant of the OAuth client, and of resources that say no other (vcenter only).",
        json_schema_extra={"env": "BROKER_TENANT"},
    )
    dialect: Literal["vcenter", "omnissa"] = Field(
        default="vcenter",
        description="vcenter: paths name a tenant, bodies have VMware's own media type. omnissa: neither.",
        json_schema_extra={"env": "BROKER_DIALECT"},
    )
    client_id: str | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "BROKER_CLIENT_ID"})
    client_secret: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "BROKER_CLIENT_SECRET"})


class Broker(Session[BrokerEndpoint]):
    """A session with an identity broker."""

    model: ClassVar[type[Endpoint]] = BrokerEndpoint
    right = "the rule set IDP_AND_DIRECTORY_ADMIN or TENANT_ADMIN"

    def tenant(self, tenant: str | None) -> str | None:
        """Return the resource's tenant, or the endpoint's; nothing where the dialect has none.

        :raises Misconfigured: if a tenant is named where there are none.
        """
        if self.endpoint.dialect == "vcenter":
            return tenant or self.endpoint.tenant
        if tenant is not None:
            raise Misconfigured(f"endpoint {self.name!r}: dialect omnissa has no tenants", todo="leave out `tenant`")
        return None

    def base(self, service: Literal["usergroup", "acs"], tenant: str | None) -> str:
        """Return the first part of a service's paths, which names the tenant where there are tenants."""
        return f"/{service}" if tenant is None else f"/{service}/t/{quote(tenant, safe='')}"

    def headers(self) -> dict[str, str]:
        """Say the media type of a sync client's configuration, which all of rekey's requests but the list are about."""
        media_type = _SYNC_CLIENT if self.endpoint.dialect == "vcenter" else "application/json"
        return {"accept": media_type, "content-type": media_type}

    def find(self, path: str, directory_id: str) -> Body | None:
        """GET something of a directory; nothing only if the directory is certainly gone: the tenant's list lacks it.

        A 404 has no body by which the broker's own could be told from a gateway's.
        """
        try:
            return self.get(path, directory_id)
        except NotFound as refused:
            try:
                listed = self.directories(path.partition("/{}")[0])
            except (Forbidden, NotFound) as failed:
                raise self.not_proven_gone(failed, "the list itself is not shown") from None
            if directory_id in listed:
                raise self.not_proven_gone(refused, "the directory is there, and has no sync client") from None
            return None

    def directories(self, path: str) -> set[str]:
        """GET the ids of all directories of a tenant; a list with another page is not documented, and not whole."""
        headers = {"accept": _DIRECTORY_LIST} if self.endpoint.dialect == "vcenter" else self.headers()
        source, answer = self.get_at(self.endpoint.url + path, headers=headers)
        body = decode(source, answer.content, no_effect=True)
        if "next" in (body.maybe("_links", dict) or {}):
            raise BadAnswer(f"{source}: the list of directories goes on elsewhere", no_effect=True)
        return {directory.id("id") for directory in body.objects("items")}

    def organization(self) -> str | None:
        """Name the organization."""
        tenant = self.tenant(None)
        return tenant and f"tenant {tenant}"

    def log_in(self) -> Token:
        """Get an access token for the OAuth client."""
        if not self.endpoint.usable_credentials():
            raise self.endpoint.without_credentials(self.name)
        client_id, client_secret = str(self.endpoint.client_id), plain(self.endpoint.client_secret)
        _, body = self.log_in_with("POST", **self._token_request(self.tenant(None), client_id, client_secret))
        return Token(body.secret("access_token").get_secret_value(), self.ends_in(body.maybe("expires_in", int)))

    def accepts_client(self, tenant: str | None, client_id: str, client_secret: SecretStr) -> bool:
        """Tell whether the token endpoint gives this client a token."""
        secret = client_secret.get_secret_value()
        return self.accepts("POST", "access_token", **self._token_request(tenant, client_id, secret))

    def accepts_token(self, tenant: str | None, access_token: SecretStr) -> bool:
        """Tell whether the SCIM service, which is what sync clients call, takes this access token."""
        url = f"{self.endpoint.url}{self.base('usergroup', tenant)}/scim/v2/Users"
        bearer = {"authorization": f"Bearer {access_token.get_secret_value()}"}
        return self.accepts("GET", "schemas", url=url, params={"count": "1"}, headers=bearer)

    def _token_request(self, tenant: str | None, client_id: str, client_secret: str) -> dict[str, Any]:
        return {
            "url": f"{self.endpoint.url}{self.base('acs', tenant)}/token",
            "data": {"grant_type": "client_credentials"},
            "headers": basic(client_id, client_secret),
        }

    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Send the access token."""
        request.headers["authorization"] = f"Bearer {token.value}"

    def error_code(self, body: Body) -> object:
        """Read the first of ``errors[]``, or the token endpoint's ``error``; many errors have no body at all."""
        match body.get("errors"):
            case [{"code": code}, *_]:
                return code
            case _:
                return body.get("error")


SESSION = Broker
