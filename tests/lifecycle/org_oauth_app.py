"""An OAuth app of an organization in Cloud Partner Navigator."""

import secrets

from tools.administrators import Navigator
from tools.consumers import NavigatorClient
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, ProgramSpec

_BASE = Navigator.BASE
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
    volatile_outputs = frozenset({"last_updated_at"})
    minting = frozenset({CREATE, REPLACE, f"POST {_APPS}/{{id}}/secret"})
    environment = (("CPN_API_TOKEN", "api_token"),)
    calls = Calls(
        create=(LOGIN, GET, GET_CLIENT, CREATE, GET, TRY),
        update=(LOGIN, PATCH),
        rotate=(TRY, LOGIN, PATCH, TRY),
        refresh=(LOGIN, GET, TRY),
        destroy=(LOGIN, GET, TRY, REPLACE, TRY),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.owner = Navigator(sandbox)

    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        description = "reads usage, renamed" if spec.changed else "reads usage"
        adopt = {"adopt": spec.at} if spec.at else {}
        return {"org_id": self.owner.known["org_id"], "description": description, **adopt}

    def accepts(self, outputs: Outputs) -> bool:
        client = NavigatorClient(self.http, self.owner.known["org_id"])
        return client.logs_in(outputs["oauth_app_id"], outputs["secret"])

    def existing(self) -> Outputs:
        made = self.owner.create_app(id=f"shop-{secrets.token_hex(4)}", description="reads usage")
        return {"oauth_app_id": made["clientId"], "secret": made["clientSecret"]}

    def is_there(self, outputs: Outputs) -> bool:
        return outputs["oauth_app_id"] in self.objects()

    def objects(self) -> set[str]:
        return self.owner.apps()

    def drift(self, outputs: Outputs) -> None:
        self.owner.change_app(outputs["oauth_app_id"], description="somebody's")

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        return outputs | {"secret": self.owner.replace_secret(outputs["oauth_app_id"])}
