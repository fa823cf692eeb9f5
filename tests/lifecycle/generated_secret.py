"""A secret that rekey makes and keeps; the application of ROMA Connect that it is passed to accepts it."""

import secrets
from dataclasses import replace

from tools.administrators import Roma
from tools.consumers import RomaApplication
from tools.vendors import Sandbox

from .app_secret import GET, PUT
from .case import BESIDE, Calls, Case, Outputs, ProgramSpec


class GeneratedSecretCase(Case):
    """All calls are those of the resource beside it, which takes the secret."""

    resource = "GeneratedSecret"
    at_a_vendor = False
    endpoint = "roma"
    first_reason = "created"
    environment = (("HW_ACCESS_KEY", "access_key"), ("HW_SECRET_KEY", "secret_key"))
    secrets = ("secret",)
    id_output = "secret_id"
    creates = True
    removable = False
    minting = frozenset({PUT})
    calls = Calls(
        create=(PUT, GET),
        rotate=(PUT, GET),
        refresh=(GET,),
        destroy=(GET, PUT),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.owner = Roma(sandbox)
        self._app = self.owner.create_app("takes a secret", secrets.token_hex(16))

    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        return {"vendor": "roma", "length": 30 if spec.changed else 40}

    def declaration(self, spec: ProgramSpec) -> str:
        # The endpoint is a matter of the resource that takes the secret.
        more = "".join(f", {name}={value}" for name, value in spec.more.items())
        app = f'instance_id="{self.owner.known["instance_id"]}", app_id="{self._app}"'
        own = super().declaration(replace(spec, more={}))
        return f'made = {own}\nrekey.AppSecret("{spec.name}{BESIDE}", {app}, secret=made.secret{more})'

    def accepts(self, outputs: Outputs) -> bool:
        return RomaApplication(self.http, self.owner.key(self._app)).calls(outputs["secret"])

    def is_there(self, outputs: Outputs) -> bool:  # noqa: ARG002 - the signature of every case
        return False
