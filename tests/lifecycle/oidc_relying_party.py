"""A relying party of Cloud Director's OpenID provider."""

from tools.administrators import CALLBACK, CloudDirector
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, ProgramSpec

LOGIN = "POST /oauth/provider/token"
_PARTIES = f"{CloudDirector.BASE}/relyingParties"
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
        self.administrator = CloudDirector(sandbox)

    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        name = "Customer portal, renamed" if spec.changed else "Customer portal"
        adopt = {"adopt": spec.at} if spec.at else {}
        return {"client_name": name, "redirect_uris": [CALLBACK], **adopt}

    def accepts(self, outputs: Outputs) -> bool:
        return self.administrator.portal(outputs["client_id"]).signs_in(outputs["client_secret"])

    def existing(self) -> Outputs:
        made = self.administrator.register("Customer portal")
        return {
            "relying_party_id": made["id"],
            "client_id": made["clientId"],
            "client_secret": made["clientSecret"],
        }

    def is_there(self, outputs: Outputs) -> bool:
        return outputs["relying_party_id"] in self.objects()

    def objects(self) -> set[str]:
        return {party["id"] for party in self.administrator.relying_parties()}

    def drift(self, outputs: Outputs) -> None:
        self.administrator.change_relying_party(outputs["relying_party_id"], "somebody's")

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        return outputs | {"client_secret": self.administrator.regenerate_secret(outputs["relying_party_id"])}

    def remove_by_hand(self, outputs: Outputs) -> None:
        self.administrator.delete_relying_party(outputs["relying_party_id"])
