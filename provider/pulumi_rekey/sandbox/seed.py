"""A populated world to rehearse in: what an estate has that was there before Rekey.

Everything is made through the vendors' own APIs, over HTTP, as their administrators would.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_PARTIES = {"Customer portal": "portal", "Partner portal": "partners", "Service desk": "desk"}
_APPLICATIONS = ("shop", "warehouse", "returns")
_OAUTH_APPS = {"billing-export": "Reads usage every night", "inventory": "Lists what tenants run"}
_DIRECTORIES = {"Employees": "employees.example.com", "Contractors": "contractors.example.com"}
_MEDIA_TYPE = "application/vnd.vmware.vidm.usergroup.broker.directory+json"


def populate(url: str, certificate: str | None = None) -> list[str]:
    """Fill a fresh sandbox at an address, and return what was made, one line each, with the id to adopt it by.

    `certificate` names the PEM file that the sandbox serves HTTPS with.
    """
    # httpx loads the machine's certificates even where no TLS is spoken; an empty context is at hand.
    trusted = ssl.create_default_context(cafile=certificate) if certificate else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(base_url=url, verify=trusted, trust_env=False) as http:
        known = http.get("/_sandbox/credentials").raise_for_status().json()
        return [
            *_vcd(http, known["vcd"]),
            *_broker(http, known["broker"]),
            *_navigator(http, known["navigator"]),
            *_roma(http, known["roma"]),
        ]


@contextmanager
def _as(http: httpx.Client, headers: dict[str, str]) -> Iterator[httpx.Client]:
    """Send these headers for a while."""
    before = http.headers.copy()
    http.headers.update(headers)
    try:
        yield http
    finally:
        http.headers = before


def _post(http: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = http.post(path, json=body).raise_for_status().json()
    return made


def _vcd(http: httpx.Client, known: dict[str, str]) -> Iterator[str]:
    form = {"grant_type": "refresh_token", "refresh_token": known["api_token"]}
    token = http.post("/oauth/provider/token", data=form).raise_for_status().json()["access_token"]
    provider = "/cloudapi/1.0.0/openIdProvider"
    with _as(http, {"Accept": "application/json;version=37.2", "Authorization": f"Bearer {token}"}):
        for name, host in _PARTIES.items():
            party = {"clientName": name, "redirectUris": [f"https://{host}.example.com/callback"]}
            yield f"vcd relying party {party['clientName']!r}: {_post(http, f'{provider}/relyingParties', party)['id']}"
        private = ec.generate_private_key(ec.SECP256R1())
        key = {
            "description": "Made by hand",
            "publicKey": private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "privateKey": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        }
        yield f"vcd key {key['description']!r}: {_post(http, f'{provider}/keys', key)['id']}"


def _broker(http: httpx.Client, known: dict[str, str]) -> Iterator[str]:
    client = known["client_id"], known["client_secret"]
    answer = http.post(f"/acs/t/{known['tenant']}/token", data={"grant_type": "client_credentials"}, auth=client)
    token = answer.raise_for_status().json()["access_token"]
    directories = f"/usergroup/t/{known['tenant']}/broker/directories"
    with _as(http, {"Authorization": f"Bearer {token}", "Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}):
        for name, domain in _DIRECTORIES.items():
            made = _post(http, directories, {"name": name, "domains": [domain], "default_domain": domain})
            yield f"broker directory {name!r}: {made['id']}"


def _navigator(http: httpx.Client, known: dict[str, str]) -> Iterator[str]:
    base = "/cphub/api/auth"
    token = _post(http, f"{base}/v1/authn/accesstoken", {"refreshToken": known["api_token"]})["accessToken"]
    with _as(http, {"csp-auth-token": token}):
        for name, description in _OAUTH_APPS.items():
            app = {"id": f"{name}-app", "displayName": name, "description": description}
            made = _post(http, f"{base}/v2/orgs/{known['org_id']}/oauth-apps", app)
            yield f"navigator OAuth app {name!r}: {made['clientId']}"


def _roma(http: httpx.Client, known: dict[str, str]) -> Iterator[str]:
    user = {"name": known["user_name"], "password": known["password"], "domain": {"name": known["domain_name"]}}
    identity = {"methods": ["password"], "password": {"user": user}}
    login = {"auth": {"identity": identity, "scope": {"project": {"id": known["project_id"]}}}}
    token = http.post("/v3/auth/tokens", json=login).raise_for_status().headers["X-Subject-Token"]
    applications = f"/v2/{known['project_id']}/instances/{known['instance_id']}/apps"
    with _as(http, {"X-Auth-Token": token}):
        for name in _APPLICATIONS:
            yield f"roma application {name!r}: {_post(http, applications, {'name': name})['id']}"
