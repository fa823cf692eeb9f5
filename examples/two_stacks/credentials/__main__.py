"""Sixteen credentials at two systems: four applications with three each, a pair for the portal, two for jobs."""

import pulumi
import pulumi_rekey as rekey
from application import Application

CALLBACKS = {
    "orders": "https://orders.example.com/callback",
    "shop": "https://shop.example.com/callback",
    "support": "https://support.example.com/callback",
    "reports": "https://reports.example.com/callback",
}
JOBS = ["backup", "metering"]

org_id = pulumi.Config().require("orgId")
night = rekey.Window(cron="0 2 * * *", timezone="Europe/Sofia", duration="4h")
quarterly = rekey.Rotation(max_age="90d", windows=[night])

applications = {
    name: Application(name, callback=callback, org_id=org_id, rotation=quarterly)
    for name, callback in CALLBACKS.items()
}

# Cloud Director keeps one secret of each. The portal cannot take a new one in that moment, so two take turns.
portal = rekey.Pair(
    "portal",
    lambda side, its: rekey.OidcRelyingParty(
        client_name=f"portal {side}", redirect_uris=["https://portal.example.com/callback"], **its
    ),
    every="90d",
    rotation=rekey.Rotation(windows=[night]),
)

jobs = {
    name: rekey.OrgOAuthApp(name, org_id=org_id, rotation=rekey.Rotation(max_age="30d", grace="24h", windows=[night]))
    for name in JOBS
}

pulumi.export("applications", {name: application.connection for name, application in applications.items()})
pulumi.export("portal", {"clientId": portal.current.client_id, "clientSecret": portal.current.client_secret})
pulumi.export("jobs", {name: {"clientId": job.oauth_app_id, "secret": job.secret} for name, job in jobs.items()})
