"""A client secret that is saved before it is sent, so that an interrupted rotation costs no overlap."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()

secret = rekey.GeneratedSecret(
    "billing-secret",
    vendor="navigator",
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}),
)
billing = rekey.OrgOAuthApp(
    "billing",
    org_id=config.require("orgId"),
    display_name="Billing export",
    secret=secret.secret,
    rotation=rekey.Rotation(grace="24h"),
)

# The app's own output: this secret has been sent and tried.
pulumi.export("clientId", billing.oauth_app_id)
pulumi.export("clientSecret", billing.secret)
pulumi.export("previousExpiresAt", billing.previous_expires_at)
pulumi.export("rotatedAt", secret.rotated_at)
pulumi.export("rotationReason", secret.rotation_reason)
