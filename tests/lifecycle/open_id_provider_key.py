"""The key that Cloud Director signs ID tokens with."""

from joserfc.jwk import ECKey

from tools.administrators import CloudDirector
from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, ProgramSpec
from .oidc_relying_party import LOGIN

_KEYS = f"{CloudDirector.BASE}/keys"
LIST, CREATE = f"GET {_KEYS}", f"POST {_KEYS}"
GET, PUT, DELETE = (f"{method} {_KEYS}/{{id}}" for method in ("GET", "PUT", "DELETE"))
CONFIGURATION, ACTIVATE = f"GET {CloudDirector.BASE}", f"PUT {CloudDirector.BASE}"
PUBLISHED = ("GET /oidc/.well-known/openid-configuration", "GET /oidc/jwks")


class OpenIdProviderKeyCase(Case):
    """Its consumers are those who check ID tokens: they find the key that signed one in the published set."""

    resource = "OpenIdProviderKey"
    endpoint = "vcd"
    first_reason = "created"
    environment = (("VCD_API_TOKEN", "api_token"),)
    secrets = ()
    id_output = "key_id"
    creates = True
    stops_when_renamed = True
    rotates_into_another = True
    setting = "description"
    # The set of keys may be cached for five minutes; an ID token lives for an hour.
    overlap_steps = (6, 70)
    minting = frozenset({CREATE})
    calls = Calls(
        create=(LOGIN, LIST, CREATE, CONFIGURATION, ACTIVATE, *PUBLISHED),
        update=(LOGIN, GET, PUT),
        rotate=(LOGIN, LIST, CREATE, *PUBLISHED),
        refresh=(LOGIN, GET, CONFIGURATION),
        destroy=(LOGIN, CONFIGURATION, GET, CONFIGURATION, ACTIVATE, DELETE),
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.administrator = CloudDirector(sandbox)
        self._party = self.administrator.register("whose users are signed in")

    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        description = "signs ID tokens, renamed" if spec.changed else "signs ID tokens"
        adopt = {"adopt": spec.at} if spec.at else {}
        return {"description": description, "algorithm": "EC", **adopt}

    def accepts(self, outputs: Outputs) -> bool:
        portal = self.administrator.portal(self._party["clientId"])
        signed_by = portal.signed_by(self._party["clientSecret"])
        return signed_by == outputs["key_id"] and self._is_published(outputs["public_key"])

    def knows(self, outputs: Outputs) -> bool:
        return self._is_published(outputs["public_key"])

    def existing(self) -> Outputs:
        made = self.administrator.add_key("signs ID tokens")
        self.administrator.activate_key(made["id"])
        return {"key_id": made["id"], "public_key": made["publicKey"]}

    def is_there(self, outputs: Outputs) -> bool:
        return outputs["key_id"] in self.objects()

    def objects(self) -> set[str]:
        return set(self.administrator.keys())

    def drift(self, outputs: Outputs) -> None:
        self.administrator.describe_key(outputs["key_id"], "somebody's")

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:  # noqa: ARG002 - another key signs, whichever did before
        return self.existing()

    def remove_by_hand(self, outputs: Outputs) -> None:
        if self.administrator.active_key() == outputs["key_id"]:
            self.administrator.activate_key(next(key for key in self.objects() if key != outputs["key_id"]))
        self.administrator.delete_key(outputs["key_id"])

    def _is_published(self, public_key: str) -> bool:
        wanted = ECKey.import_key(public_key).as_dict(private=False)
        keys = self.http.get("/oidc/jwks").raise_for_status().json()["keys"]
        return any(all(key.get(name) == wanted[name] for name in ("kty", "crv", "x", "y")) for key in keys)
