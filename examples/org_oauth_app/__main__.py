"""A server-to-server client of VMware Cloud Partner Navigator."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()

billing = rekey.OrgOAuthApp(
    "billing",
    org_id=config.require("orgId"),
    display_name="Billing export",
    description=config.get("description") or "Reads usage every night",
    access_token_ttl=1800,  # seconds
    allowed_scopes={"general_scopes": ["openid"], "organization_scopes": {"roles": [{"name": "Billing User"}]}},
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}, grace="24h"),
)

pulumi.export("clientId", billing.oauth_app_id)
pulumi.export("clientSecret", billing.secret)
pulumi.export("previousExpiresAt", billing.previous_expires_at)
pulumi.export("rotatedAt", billing.rotated_at)
pulumi.export("rotationReason", billing.rotation_reason)
