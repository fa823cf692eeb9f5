"""A portal that signs its users in with VMware Cloud Director."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()

portal = rekey.OidcRelyingParty(
    "portal",
    client_name=config.get("clientName") or "Customer portal",
    redirect_uris=["https://portal.example.com/callback", "https://portal.example.com/silent"],
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}),
)

pulumi.export("clientId", portal.client_id)
pulumi.export("clientSecret", portal.client_secret)
pulumi.export("rotatedAt", portal.rotated_at)
pulumi.export("rotationReason", portal.rotation_reason)
