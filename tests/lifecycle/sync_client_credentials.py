"""The credentials of a sync client of the identity broker."""

import secrets
from collections.abc import Mapping

from tools.administrators import Broker
from tools.consumers import IdentityProvider
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, ProgramSpec

_SYNC_CLIENT = "/usergroup/t/CUSTOMER/broker/directories/{id}/sync-client"
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
        destroy=(TRY, LOGIN, GENERATE, TRY),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.administrator = Broker(sandbox)

    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        return {"directory_id": spec.at or self.administrator.known["directory_id"]}

    def rotation(self, spec: ProgramSpec) -> Mapping[str, object]:
        return {"on_adopt": "rotate"} | dict(spec.rotation)

    def accepts(self, outputs: Outputs) -> bool:
        provider = IdentityProvider(self.http, self.administrator.tenant.removeprefix("/t/"))
        if "access_token" in outputs:
            return provider.pushes(outputs["access_token"])
        return provider.logs_in(outputs["client_id"], outputs["client_secret"])

    def existing(self) -> Outputs:
        made = self.administrator.create_directory(f"shop-{secrets.token_hex(4)}")
        return self.rotate_by_hand({"directory_id": made})

    def is_there(self, outputs: Outputs) -> bool:
        return self.administrator.has_directory(outputs["directory_id"])

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        made = self.administrator.generate_credentials(outputs["directory_id"])
        return outputs | {"client_id": made["client_id"], "client_secret": made["client_secret"]}

    def remove_by_hand(self, outputs: Outputs) -> None:
        self.administrator.delete_directory(outputs["directory_id"])
