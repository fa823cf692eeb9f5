"""A client secret that flows into a file of mode 0600, and a command that follows every rotation."""

import pulumi
import pulumi_rekey as rekey
from secret_file import SecretFile

config = pulumi.Config()

portal = rekey.OidcRelyingParty(
    "portal",
    client_name="Customer portal",
    redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}),
)

file = SecretFile(
    "portal-oidc",
    path=config.get("path") or "portal-oidc.json",
    content=pulumi.Output.json_dumps({"client_id": portal.client_id, "client_secret": portal.client_secret}),
    generation=portal.generation,
    restart=config.get("restart"),
)

pulumi.export("path", file.path)
pulumi.export("rotatedAt", portal.rotated_at)
pulumi.export("rotationReason", portal.rotation_reason)
