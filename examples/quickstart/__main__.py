"""Five credentials at four vendors; all rotate when `rotate` in the stack's config changes."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()
triggers = {"rotate": config.get("rotate") or "never"}
rotation = rekey.Rotation(triggers=triggers)

orders = rekey.AppSecret(
    "orders", instance_id=config.require("instanceId"), app_id=config.require("appId"), rotation=rotation
)
portal = rekey.OidcRelyingParty(
    "portal", client_name="Portal", redirect_uris=["https://portal.example.com/callback"], rotation=rotation
)
signing = rekey.OpenIdProviderKey("signing", description="Signs ID tokens", algorithm="EC", rotation=rotation)
scim = rekey.SyncClientCredentials(
    "scim",
    directory_id=config.require("directoryId"),
    rotation=rekey.Rotation(triggers=triggers, on_adopt="rotate"),  # ends the credentials in use now
)
billing = rekey.OrgOAuthApp("billing", org_id=config.require("orgId"), display_name="Billing", rotation=rotation)

pulumi.export("orders", {"secret": orders.secret})
pulumi.export("portal", {"clientId": portal.client_id, "clientSecret": portal.client_secret})
pulumi.export("signing", {"keyId": signing.key_id})
pulumi.export("scim", {"clientId": scim.client_id, "clientSecret": scim.client_secret})
pulumi.export("billing", {"clientId": billing.oauth_app_id, "clientSecret": billing.secret})
