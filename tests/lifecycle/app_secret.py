"""The secret of a ROMA Connect application."""

import secrets
from typing import Any

import httpx

from tools.consumers import RomaApplication
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, Said

_SECRET = "/v2/{id}/instances/{id}/apps/{id}/secret"
GET, PUT = f"GET {_SECRET}", f"PUT {_SECRET}"


class AppSecretCase(Case):
    """The application is there before and after; its secret can be read back."""

    resource = "AppSecret"
    endpoint = "roma"
    first_reason = "adopted"
    environment = (("HW_ACCESS_KEY", "access_key"), ("HW_SECRET_KEY", "secret_key"))
    secrets = ("secret",)
    id_output = "app_id"
    creates = False
    readable = True
    minting = frozenset({PUT})
    calls = Calls(
        create=(GET,),
        rotate=(PUT, GET),
        refresh=(GET,),
        destroy=(GET, PUT),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.roma = sandbox.credentials["roma"]
        self._apps = "/v2/{project_id}/instances/{instance_id}/apps".format(**self.roma)

    def arguments(self, said: Said) -> dict[str, object]:
        return {"instance_id": self.roma["instance_id"], "app_id": said.at or self.roma["app_id"]}

    def accepts(self, outputs: Outputs) -> bool:
        key = self._key(outputs["app_id"])
        return key is not None and RomaApplication(self.http, key).calls(outputs["secret"])

    def existing(self) -> Outputs:
        made = self._call("POST", "", {"name": f"shop {secrets.token_hex(4)}", "secret": secrets.token_hex(16)})
        return {"app_id": made["id"], "secret": self._call("GET", f"/{made['id']}/secret")["secret"]}

    def is_there(self, outputs: Outputs) -> bool:
        return self._key(outputs["app_id"]) is not None

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        return outputs | {"secret": self._call("PUT", f"/{outputs['app_id']}/secret", {})["secret"]}

    def remove_by_hand(self, outputs: Outputs) -> None:
        self._answer("DELETE", f"/{outputs['app_id']}").raise_for_status()

    def _key(self, app_id: str) -> str | None:
        answer = self._answer("GET", f"/{app_id}")
        return str(answer.json()["key"]) if answer.is_success else None

    def _call(self, method: str, path: str, json: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer(method, path, json).raise_for_status().json()
        return answer

    def _answer(self, method: str, path: str, json: dict[str, Any] | None = None) -> httpx.Response:
        user = {key: self.roma[given] for key, given in (("name", "user_name"), ("password", "password"))}
        identity = {
            "methods": ["password"],
            "password": {"user": user | {"domain": {"name": self.roma["domain_name"]}}},
        }
        login = {"auth": {"identity": identity, "scope": {"project": {"id": self.roma["project_id"]}}}}
        token = self.http.post("/v3/auth/tokens", json=login).raise_for_status().headers["X-Subject-Token"]
        return self.http.request(method, self._apps + path, headers={"X-Auth-Token": token}, json=json)
