"""An OAuth app of an organization in Cloud Partner Navigator."""

import secrets
from typing import Any

import httpx

from tools.consumers import NavigatorClient
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, Said

_BASE = "/cphub/api/auth"
_APPS = f"{_BASE}/v2/orgs/{{id}}/oauth-apps"
LOGIN, TRY = f"POST {_BASE}/v1/authn/accesstoken", f"POST {_BASE}/v2/authn/authorize"
CREATE, GET, PATCH = f"POST {_APPS}", f"GET {_APPS}/{{id}}", f"PATCH {_APPS}/{{id}}"
REPLACE = f"PUT {_APPS}/{{id}}/secret"
#: Only this page documents a 404 for an app that does not exist.
GET_CLIENT = f"GET {_BASE}/v2/orgs/{{id}}/clients/{{id}}"


class OrgOAuthAppCase(Case):
    """Rekey creates the app and makes its secret; nothing deletes an app."""

    resource = "OrgOAuthApp"
    endpoint = "navigator"
    first_reason = "created"
    secrets = ("secret", "previous_secret")
    id_output = "oauth_app_id"
    creates = True
    remains = True
    removable = False
    setting = "description"
    stamps = frozenset({"last_updated_at"})
    minting = frozenset({CREATE, REPLACE, f"POST {_APPS}/{{id}}/secret"})
    environment = (("CPN_API_TOKEN", "api_token"),)
    calls = Calls(
        create=(LOGIN, GET, GET_CLIENT, CREATE, GET, TRY),
        update=(LOGIN, PATCH),
        rotate=(TRY, LOGIN, PATCH, TRY),
        refresh=(LOGIN, GET, TRY),
        destroy=(LOGIN, GET, TRY, REPLACE),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.navigator = sandbox.credentials["navigator"]

    def arguments(self, said: Said) -> dict[str, object]:
        description = "reads usage, renamed" if said.changed else "reads usage"
        adopt = {"adopt": said.at} if said.at else {}
        return {"org_id": self.navigator["org_id"], "description": description, **adopt}

    def accepts(self, outputs: Outputs) -> bool:
        client = NavigatorClient(self.http, self.navigator["org_id"])
        return client.logs_in(outputs["oauth_app_id"], outputs["secret"])

    def existing(self) -> Outputs:
        made = self._call("POST", "", {"id": f"shop-{secrets.token_hex(4)}", "description": "reads usage"})
        return {"oauth_app_id": made["clientId"], "secret": made["clientSecret"]}

    def is_there(self, outputs: Outputs) -> bool:
        return self._answer("GET", f"/{outputs['oauth_app_id']}").is_success

    def objects(self) -> set[str]:
        self.sandbox.dialect(navigator__list="present")
        found = self._answer("GET", "").raise_for_status().json()["results"]
        self.sandbox.dialect(navigator__list="absent")
        return {app["id"] for app in found}

    def drift(self, outputs: Outputs) -> None:
        self._call("PATCH", f"/{outputs['oauth_app_id']}", {"description": "somebody's"})

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        made = self._call("PUT", f"/{outputs['oauth_app_id']}/secret", {})
        return outputs | {"secret": made["clientSecret"]}

    def _call(self, method: str, path: str, json: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer(method, path, json).raise_for_status().json()
        return answer

    def _answer(self, method: str, path: str, json: dict[str, Any] | None = None) -> httpx.Response:
        login = self.http.post(f"{_BASE}/v1/authn/accesstoken", json={"refreshToken": self.navigator["api_token"]})
        headers = {"csp-auth-token": login.raise_for_status().json()["accessToken"]}
        apps = _APPS.format(id=self.navigator["org_id"])
        return self.http.request(method, apps + path, headers=headers, json=json)
