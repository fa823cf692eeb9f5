"""The vendors' administrators: what a person does by hand, with the vendor's console or with curl.

Each logs in by itself, for every call, and knows nothing of rekey: no login, path, answer or secret comes from there.
"""

from itertools import count
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .consumers import Portal
from .vendors import Sandbox

CALLBACK: Final = "https://portal.example.com/callback"


class CloudDirector:
    """The administrator of Cloud Director's provider."""

    BASE: Final = "/cloudapi/1.0.0/openIdProvider"

    def __init__(self, sandbox: Sandbox) -> None:
        self.http = sandbox.http
        self.known = sandbox.credentials["vcd"]

    def log_in(self, api_token: str = "", realm: str = "provider") -> httpx.Response:
        """Exchange an API token, by default the administrator's, for an access token."""
        grant = {"grant_type": "refresh_token", "refresh_token": api_token or self.known["api_token"]}
        return self.http.post(f"/oauth/{realm}/token", data=grant)

    def answer(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Call the API under `openIdProvider`; return its answer, whatever it is."""
        token = self.log_in().raise_for_status().json()["access_token"]
        headers = {"Accept": "application/json;version=37.2", "Authorization": f"Bearer {token}"}
        return self.http.request(method, self.BASE + path, headers=headers, json=json)

    def call(self, method: str, path: str, json: object = None) -> dict[str, Any]:
        """Call the API, which must succeed; return the body of its answer."""
        answer = self.answer(method, path, json).raise_for_status()
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body

    def register(self, name: str, redirect_uri: str = CALLBACK) -> dict[str, Any]:
        """Register a relying party; return it with its secret."""
        return self.call("POST", "/relyingParties", {"clientName": name, "redirectUris": [redirect_uri]})

    def relying_parties(self) -> list[dict[str, Any]]:
        """List the relying parties."""
        parties: list[dict[str, Any]] = self.call("GET", "/relyingParties?pageSize=128")["values"]
        return parties

    def change_relying_party(self, party_id: str, name: str, redirect_uri: str = CALLBACK) -> None:
        """Give a relying party another name and redirect URI."""
        self.call("PUT", f"/relyingParties/{party_id}", {"clientName": name, "redirectUris": [redirect_uri]})

    def regenerate_secret(self, party_id: str) -> str:
        """Make another secret; return it."""
        return str(self.call("POST", f"/relyingParties/{party_id}/regenerateSecret")["clientSecret"])

    def delete_relying_party(self, party_id: str) -> None:
        """Delete a relying party."""
        self.call("DELETE", f"/relyingParties/{party_id}")

    def keys(self) -> dict[str, str | None]:
        """List the signing keys, of all pages: each one's description, by id."""
        listed: dict[str, str | None] = {}
        for number in count(1):
            page = self.call("GET", f"/keys?pageSize=128&page={number}")
            listed |= {key["id"]: key["description"] for key in page["values"]}
            if number >= page["pageCount"]:
                break
        return listed

    def add_key(self, description: str) -> dict[str, Any]:
        """Upload a new key pair without activating it; return the key as the vendor shows it."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        body = {"description": description, "publicKey": public.decode(), "privateKey": private.decode()}
        before = self.keys()
        self.call("POST", "/keys", body)
        # The answer may be a task, which does not show the key.
        (key_id,) = self.keys().keys() - before.keys()
        return self.call("GET", f"/keys/{key_id}") | {"publicKey": public.decode()}

    def describe_key(self, key_id: str, description: str) -> None:
        """Give a key another description."""
        self.call("PUT", f"/keys/{key_id}", self.call("GET", f"/keys/{key_id}") | {"description": description})

    def active_key(self) -> str:
        """Return the id of the key that signs."""
        return str(self.call("GET", "")["activeKey"]["id"])

    def activate_key(self, key_id: str) -> None:
        """Let another key sign."""
        self.call("PUT", "", self.call("GET", "") | {"activeKey": {"id": key_id}})

    def delete_key(self, key_id: str) -> None:
        """Delete a key, which must not be the one that signs."""
        self.call("DELETE", f"/keys/{key_id}")

    def portal(self, client_id: str, redirect_uri: str = CALLBACK) -> Portal:
        """Return the consumer that is registered under a client id, with a user."""
        user = f"{self.known['user']}@{self.known['org']}"
        return Portal(self.http, client_id, redirect_uri, user, self.known["password"])


class Broker:
    """The administrator of the identity broker's directories."""

    _MEDIA: Final = "application/vnd.vmware.vidm.usergroup.broker.directory"

    def __init__(self, sandbox: Sandbox) -> None:
        self.http = sandbox.http
        self.known = sandbox.credentials["broker"]
        self._omnissa = sandbox.speaks("broker.dialect") == "omnissa"
        #: A part of every path; empty where the broker has no tenants.
        self.tenant = "" if self._omnissa else "/t/CUSTOMER"
        self.directories = f"/usergroup{self.tenant}/broker/directories"

    def log_in(self, client_id: str = "", secret: str = "", **form: str) -> httpx.Response:
        """Get a token, by default as the administrator's client."""
        client = client_id or self.known["client_id"], secret or self.known["client_secret"]
        return self.http.post(f"/acs{self.tenant}/token", auth=client, data={"grant_type": "client_credentials"} | form)

    def answer(self, method: str, path: str, json: object = None, *, kind: str = "") -> httpx.Response:
        """Call the API under `directories`, with the media type of what is sent; return its answer, whatever it is."""
        token = self.log_in().raise_for_status().json()["access_token"]
        media = "application/json" if self._omnissa else f"{self._MEDIA}{kind}+json"
        headers = {"Authorization": f"Bearer {token}", "Accept": media, "Content-Type": media}
        return self.http.request(method, self.directories + path, headers=headers, json=json)

    def create_directory(self, name: str, **settings: object) -> str:
        """Create a provisioned directory, which brings a sync client along; return its id."""
        body = {"name": name, "domains": [f"{name}.example.com"]} | settings
        return str(self.answer("POST", "", body).raise_for_status().json()["id"])

    def has_directory(self, directory_id: str) -> bool:
        """Tell whether there is such a directory."""
        return self.answer("GET", f"/{directory_id}").is_success

    def delete_directory(self, directory_id: str) -> None:
        """Delete a directory and its sync client."""
        self.answer("DELETE", f"/{directory_id}").raise_for_status()

    def generate_credentials(self, directory_id: str, **settings: object) -> dict[str, Any]:
        """Make other credentials for the directory's sync client; return them."""
        path = f"/{directory_id}/sync-client?action=generate_credentials"
        answer = self.answer("POST", path, settings, kind=".syncclientconfiguration").raise_for_status()
        made: dict[str, Any] = answer.json()
        return made


class Navigator:
    """The owner of an organization in Cloud Partner Navigator."""

    BASE: Final = "/cphub/api/auth"

    def __init__(self, sandbox: Sandbox) -> None:
        self.http = sandbox.http
        self.known = sandbox.credentials["navigator"]
        self._sandbox = sandbox

    def log_in(self, api_token: str = "") -> httpx.Response:
        """Exchange an API token, by default the owner's, for an access token."""
        body = {"refreshToken": api_token or self.known["api_token"]}
        return self.http.post(f"{self.BASE}/v1/authn/accesstoken", json=body)

    def answer(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Call the API under `oauth-apps`; return its answer, whatever it is."""
        headers = {"csp-auth-token": self.log_in().raise_for_status().json()["accessToken"]}
        apps = f"{self.BASE}/v2/orgs/{self.known['org_id']}/oauth-apps"
        return self.http.request(method, apps + path, headers=headers, json=json)

    def _call(self, method: str, path: str, json: object = None) -> dict[str, Any]:
        answer = self.answer(method, path, json).raise_for_status()
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body

    def create_app(self, **settings: object) -> dict[str, Any]:
        """Create an app; return its `clientId` and `clientSecret`."""
        return self._call("POST", "", settings)

    def app(self, app_id: str) -> dict[str, Any]:
        """Return an app's settings."""
        return self._call("GET", f"/{app_id}")

    def apps(self) -> set[str]:
        """List the ids of all apps; only a console can do that, or a sandbox in that dialect."""
        self._sandbox.dialect(navigator__list="present")
        found = self._call("GET", "")["results"]
        self._sandbox.dialect(navigator__list="absent")
        return {app["id"] for app in found}

    def change_app(self, app_id: str, **settings: object) -> None:
        """Change an app's settings."""
        self._call("PATCH", f"/{app_id}", settings)

    def replace_secret(self, app_id: str) -> str:
        """Make another secret, which ends all others; return it."""
        return str(self._call("PUT", f"/{app_id}/secret", {})["clientSecret"])

    def add_secret(self, app_id: str, secret: str, *, overlap_s: int) -> None:
        """Set another secret beside the one in use, which works for so many seconds more."""
        body = {"newClientSecret": secret, "secretExpirationTimeInSeconds": overlap_s}
        self._call("POST", f"/{app_id}/secret", body)


class Roma:
    """The owner of applications in an instance of ROMA Connect, who logs in with a password."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.http = sandbox.http
        self.known = sandbox.credentials["roma"]

    def log_in(self, name: str = "", password: str = "", domain: str = "", project: str = "") -> httpx.Response:
        """Get a token by a password, by default the owner's."""
        user = {
            "name": name or self.known["user_name"],
            "password": password or self.known["password"],
            "domain": {"name": domain or self.known["domain_name"]},
        }
        scope = {"project": {"id": project or self.known["project_id"]}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        return self.http.post("/v3/auth/tokens", json=body)

    def answer(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Call the API under `apps`; return its answer, whatever it is."""
        token = self.log_in().raise_for_status().headers["X-Subject-Token"]
        apps = "/v2/{project_id}/instances/{instance_id}/apps".format(**self.known)
        return self.http.request(method, apps + path, headers={"X-Auth-Token": token}, json=json)

    def create_app(self, name: str, secret: str) -> str:
        """Create an application; return its id."""
        return str(self.answer("POST", "", {"name": name, "secret": secret}).raise_for_status().json()["id"])

    def has_app(self, app_id: str) -> bool:
        """Tell whether there is such an application."""
        return self.answer("GET", f"/{app_id}").is_success

    def key(self, app_id: str) -> str:
        """Return the application's key, which is no secret and which its consumers know."""
        return str(self.answer("GET", f"/{app_id}").raise_for_status().json()["key"])

    def secret(self, app_id: str) -> str:
        """Return the application's secret, as the vendor shows it."""
        return str(self.answer("GET", f"/{app_id}/secret").raise_for_status().json()["secret"])

    def set_secret(self, app_id: str, secret: str | None = None) -> str:
        """Set a secret, or let the vendor make one; return it."""
        body = {} if secret is None else {"secret": secret}
        return str(self.answer("PUT", f"/{app_id}/secret", body).raise_for_status().json()["secret"])

    def delete_app(self, app_id: str) -> None:
        """Delete an application."""
        self.answer("DELETE", f"/{app_id}").raise_for_status()
