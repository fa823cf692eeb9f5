"""The key that Cloud Director signs ID tokens with."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from tools.vendors import Sandbox

from .case import Calls, Case, Outputs, Said
from .vcd import BASE, LOGIN, Administrator

_KEYS = f"{BASE}/keys"
LIST, CREATE = f"GET {_KEYS}", f"POST {_KEYS}"
GET, PUT, DELETE = (f"{method} {_KEYS}/{{id}}" for method in ("GET", "PUT", "DELETE"))
CONFIGURATION, ACTIVATE = f"GET {BASE}", f"PUT {BASE}"
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
    settling = (6, 70)
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
        self.administrator = Administrator(sandbox)
        self._party = self.administrator.registered("whose users are signed in")

    def arguments(self, said: Said) -> dict[str, object]:
        description = "signs ID tokens, renamed" if said.changed else "signs ID tokens"
        adopt = {"adopt": said.at} if said.at else {}
        return {"description": description, "algorithm": "EC", **adopt}

    def accepts(self, outputs: Outputs) -> bool:
        portal = self.administrator.portal(self._party["clientId"])
        signed_by = portal.signed_by(self._party["clientSecret"])
        return signed_by == outputs["key_id"] and self._is_published(outputs["public_key"])

    def knows(self, outputs: Outputs) -> bool:
        return self._is_published(outputs["public_key"])

    def existing(self) -> Outputs:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        body = {"description": "signs ID tokens", "publicKey": public.decode(), "privateKey": private.decode()}
        made = self.administrator.call("POST", "/keys", body)
        self._activate(made["id"])
        return {"key_id": made["id"], "public_key": public.decode()}

    def is_there(self, outputs: Outputs) -> bool:
        return self.administrator.answer("GET", f"/keys/{outputs['key_id']}").is_success

    def objects(self) -> set[str]:
        return {key["id"] for key in self.administrator.call("GET", "/keys")["values"]}

    def drift(self, outputs: Outputs) -> None:
        key = self.administrator.call("GET", f"/keys/{outputs['key_id']}")
        self.administrator.call("PUT", f"/keys/{outputs['key_id']}", key | {"description": "somebody's"})

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:  # noqa: ARG002 - another key signs, whichever did before
        return self.existing()

    def remove_by_hand(self, outputs: Outputs) -> None:
        others = [key["id"] for key in self.administrator.call("GET", "/keys")["values"]]
        self._activate(next(key for key in others if key != outputs["key_id"]))
        self.administrator.call("DELETE", f"/keys/{outputs['key_id']}")

    def _activate(self, key_id: str) -> None:
        configuration = self.administrator.call("GET", "")
        self.administrator.call("PUT", "", configuration | {"activeKey": {"id": key_id}})

    def _is_published(self, public_key: str) -> bool:
        wanted = ECKey.import_key(public_key).as_dict(private=False)
        keys = self.http.get("/oidc/jwks").raise_for_status().json()["keys"]
        return any(all(key.get(name) == wanted[name] for name in ("kty", "crv", "x", "y")) for key in keys)
