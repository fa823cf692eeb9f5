"""The secret of a ROMA Connect application."""

import secrets

from tools.administrators import Roma
from tools.consumers import RomaApplication
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, ProgramSpec

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
        self.owner = Roma(sandbox)

    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        return {"instance_id": self.owner.known["instance_id"], "app_id": spec.at or self.owner.known["app_id"]}

    def accepts(self, outputs: Outputs) -> bool:
        app = outputs["app_id"]
        return self.owner.has_app(app) and RomaApplication(self.http, self.owner.key(app)).calls(outputs["secret"])

    def existing(self) -> Outputs:
        secret = secrets.token_hex(16)
        return {"app_id": self.owner.create_app(f"shop {secrets.token_hex(4)}", secret), "secret": secret}

    def is_there(self, outputs: Outputs) -> bool:
        return self.owner.has_app(outputs["app_id"])

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        return outputs | {"secret": self.owner.set_secret(outputs["app_id"])}

    def remove_by_hand(self, outputs: Outputs) -> None:
        self.owner.delete_app(outputs["app_id"])
