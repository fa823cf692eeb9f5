"""A relying party of Cloud Director's OpenID provider."""

from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, Said
from .vcd import BASE, CALLBACK, LOGIN, Administrator

_PARTIES = f"{BASE}/relyingParties"
LIST, REGISTER = f"GET {_PARTIES}", f"POST {_PARTIES}"
GET, PUT, DELETE = (f"{method} {_PARTIES}/{{id}}" for method in ("GET", "PUT", "DELETE"))
REGENERATE = f"POST {_PARTIES}/{{id}}/regenerateSecret"
TRY = "POST /oidc/oauth2/token"


class OidcRelyingPartyCase(Case):
    """Rekey registers and deletes it; the vendor makes the secret and shows it once."""

    resource = "OidcRelyingParty"
    endpoint = "vcd"
    first_reason = "created"
    environment = (("VCD_API_TOKEN", "api_token"),)
    secrets = ("client_secret",)
    id_output = "relying_party_id"
    creates = True
    stops_when_renamed = True
    setting = "client_name"
    minting = frozenset({REGISTER, REGENERATE})
    calls = Calls(
        create=(LOGIN, LIST, REGISTER, TRY, PUT),
        update=(LOGIN, PUT),
        rotate=(TRY, LOGIN, REGENERATE, TRY),
        refresh=(LOGIN, GET, TRY),
        destroy=(LOGIN, DELETE),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.administrator = Administrator(sandbox)

    def arguments(self, said: Said) -> dict[str, object]:
        name = "Customer portal, renamed" if said.changed else "Customer portal"
        adopt = {"adopt": said.at} if said.at else {}
        return {"client_name": name, "redirect_uris": [CALLBACK], **adopt}

    def accepts(self, outputs: Outputs) -> bool:
        return self.administrator.portal(outputs["client_id"]).signs_in(outputs["client_secret"])

    def existing(self) -> Outputs:
        made = self.administrator.registered("Customer portal")
        return {
            "relying_party_id": made["id"],
            "client_id": made["clientId"],
            "client_secret": made["clientSecret"],
        }

    def is_there(self, outputs: Outputs) -> bool:
        return self.administrator.answer("GET", self._path(outputs)).is_success

    def objects(self) -> set[str]:
        return {party["id"] for party in self.administrator.call("GET", "/relyingParties")["values"]}

    def drift(self, outputs: Outputs) -> None:
        changed = {"clientName": "somebody's", "redirectUris": [CALLBACK]}
        self.administrator.call("PUT", self._path(outputs), changed)

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        made = self.administrator.call("POST", f"{self._path(outputs)}/regenerateSecret")
        return outputs | {"client_secret": made["clientSecret"]}

    def remove_by_hand(self, outputs: Outputs) -> None:
        self.administrator.call("DELETE", self._path(outputs))

    @staticmethod
    def _path(outputs: Outputs) -> str:
        return f"/relyingParties/{outputs['relying_party_id']}"
