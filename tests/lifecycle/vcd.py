"""Cloud Director, as its administrator uses it by hand."""

from typing import Any

import httpx

from tools.consumers import Portal
from tools.vendors import Sandbox

LOGIN = "POST /oauth/provider/token"
BASE = "/cloudapi/1.0.0/openIdProvider"
CALLBACK = "https://portal.example.com/callback"


class Administrator:
    """The provider's administrator."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.http = sandbox.http
        self.vcd = sandbox.credentials["vcd"]

    def call(self, method: str, path: str, json: object = None) -> dict[str, Any]:
        """What the API answers under `openIdProvider`, which must be a success."""
        answer = self.answer(method, path, json).raise_for_status()
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body

    def answer(self, method: str, path: str, json: object = None) -> httpx.Response:
        """The API's answer, whatever it is."""
        grant = {"grant_type": "refresh_token", "refresh_token": self.vcd["api_token"]}
        token = self.http.post("/oauth/provider/token", data=grant).raise_for_status().json()["access_token"]
        headers = {"Accept": "application/json;version=37.2", "Authorization": f"Bearer {token}"}
        return self.http.request(method, BASE + path, headers=headers, json=json)

    def registered(self, name: str) -> dict[str, Any]:
        """A relying party that the administrator has registered."""
        return self.call("POST", "/relyingParties", {"clientName": name, "redirectUris": [CALLBACK]})

    def portal(self, client_id: str, redirect_uri: str = CALLBACK) -> Portal:
        """The consumer that is registered under this client id, with a user."""
        user = f"{self.vcd['user']}@{self.vcd['org']}"
        return Portal(self.http, client_id, redirect_uri, user, self.vcd["password"])
