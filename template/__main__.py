"""The credentials of this project. Without a vendor at hand, try it on the sandbox: `rekey sandbox`."""

import pulumi
import pulumi_rekey as rekey

night = rekey.Window(cron="0 2 * * *", timezone="UTC", duration="4h")

portal = rekey.OidcRelyingParty(
    "portal",
    client_name="Customer portal",
    redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(max_age="90d", windows=[night]),
)

pulumi.export("clientId", portal.client_id)
pulumi.export("clientSecret", portal.client_secret)
