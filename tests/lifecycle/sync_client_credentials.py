"""The credentials of a sync client of the identity broker."""

import secrets
from collections.abc import Mapping
from typing import Any

import httpx

from tools.consumers import IdentityProvider
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, Said

_DIRECTORIES = "/usergroup/t/CUSTOMER/broker/directories"
_SYNC_CLIENT = f"{_DIRECTORIES}/{{id}}/sync-client"
_MEDIA = "application/vnd.vmware.vidm.usergroup.broker.directory"
LOGIN = TRY = "POST /acs/t/CUSTOMER/token"
GET, GENERATE = f"GET {_SYNC_CLIENT}", f"POST {_SYNC_CLIENT}"


class SyncClientCredentialsCase(Case):
    """The directory brings the sync client along; what it has been given before cannot be read."""

    resource = "SyncClientCredentials"
    endpoint = "broker"
    secrets = ("client_secret", "access_token")
    id_output = "directory_id"
    creates = False
    first_reason = "adopted with on_adopt=rotate"
    minting = frozenset({GENERATE})
    environment = (("BROKER_CLIENT_ID", "client_id"), ("BROKER_CLIENT_SECRET", "client_secret"))
    calls = Calls(
        create=(LOGIN, GET, GENERATE, TRY),
        rotate=(TRY, LOGIN, GENERATE, TRY),
        refresh=(LOGIN, GET, TRY),
        destroy=(TRY, LOGIN, GENERATE),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.broker = sandbox.credentials["broker"]

    def arguments(self, said: Said) -> dict[str, object]:
        return {"directory_id": said.at or self.broker["directory_id"]}

    def rotation(self, said: Said) -> Mapping[str, object]:
        return {"on_adopt": "rotate"} | dict(said.rotation)

    def accepts(self, outputs: Outputs) -> bool:
        provider = IdentityProvider(self.http, "CUSTOMER")
        if "access_token" in outputs:
            return provider.pushes(outputs["access_token"])
        return provider.logs_in(outputs["client_id"], outputs["client_secret"])

    def existing(self) -> Outputs:
        name = f"shop {secrets.token_hex(4)}"
        made = self._call("POST", "", "+json", {"name": name, "domains": [f"{name[5:]}.example.com"]})
        return self.rotate_by_hand({"directory_id": made["id"]})

    def is_there(self, outputs: Outputs) -> bool:
        return self._answer("GET", f"/{outputs['directory_id']}", "+json").is_success

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        path = f"/{outputs['directory_id']}/sync-client?action=generate_credentials"
        made = self._call("POST", path, ".syncclientconfiguration+json", {})
        return outputs | {"client_id": made["client_id"], "client_secret": made["client_secret"]}

    def remove_by_hand(self, outputs: Outputs) -> None:
        self._answer("DELETE", f"/{outputs['directory_id']}", "+json").raise_for_status()

    def _call(self, method: str, path: str, kind: str, json: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer(method, path, kind, json).raise_for_status().json()
        return answer

    def _answer(self, method: str, path: str, kind: str, json: dict[str, Any] | None = None) -> httpx.Response:
        login = self.http.post(
            "/acs/t/CUSTOMER/token",
            data={"grant_type": "client_credentials"},
            auth=(self.broker["client_id"], self.broker["client_secret"]),
        )
        media = {"Accept": _MEDIA + kind} | ({} if json is None else {"Content-Type": _MEDIA + kind})
        token = login.raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"} | media
        return self.http.request(method, _DIRECTORIES + path, headers=headers, json=json)
