"""A client secret that flows into a Kubernetes Secret manifest, which follows every rotation."""

import pulumi
import pulumi_rekey as rekey
from manifest import SecretManifest

config = pulumi.Config()

portal = rekey.OidcRelyingParty(
    "portal",
    client_name="Customer portal",
    redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}),
)

manifest = SecretManifest(
    "portal-oidc",
    path=config.get("path") or "portal-oidc.yaml",
    data={"client-id": portal.client_id, "client-secret": portal.client_secret},
)

pulumi.export("path", manifest.path)
pulumi.export("rotatedAt", portal.rotated_at)
pulumi.export("rotationReason", portal.rotation_reason)
