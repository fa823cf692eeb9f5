"""Each public name as a program uses it, and the types of what it gives back."""

from datetime import timedelta
from typing import Any, assert_type

import pulumi
import pulumi_rekey as rekey

text = pulumi.Output.from_input("a value of another resource")

rotation = rekey.Rotation(
    triggers={"incident": "4711", "revision": 3, "leaver": True, "approved_by": text},
    max_age="90d",
    renew_before=text,
    grace="7d",
    windows=[rekey.Window(cron="0 2 * * SUN", timezone="Europe/Berlin", duration="4h")],
    jitter="2d",
    freeze=["2026-12-20/2027-01-05", text],
    paused=False,
    rotate_now="laptop stolen",
    on_adopt="rotate",
    verify=True,
)

# The same as a dict, and spans of time as Python has them.
as_dict: rekey.RotationDict = {
    "triggers": {"revision": 3},
    "max_age": timedelta(days=90),
    "grace": "7d",
    "windows": [
        {"cron": "0 2 * * SUN", "duration": timedelta(hours=4)},
        rekey.Window(cron="0 2 * * SAT", duration=timedelta(hours=4)),
        rekey.WindowDict(cron="0 2 * * FRI", duration="4h", timezone=text),
    ],
    "on_adopt": "keep",
}
rekey.Rotation(**as_dict)
rekey.Rotation(max_age=timedelta(days=90), jitter=timedelta(hours=1), windows=as_dict["windows"])
rekey.AppSecret("dict", instance_id="i", app_id="a", rotation={"max_age": "90d", "paused": True})
rekey.AppSecret("named-dict", instance_id="i", app_id="a", rotation=as_dict)

generated = rekey.GeneratedSecret("generated", vendor="roma", length=40, rotation=rotation)
assert_type(generated.secret, pulumi.Output[str])

app_secret = rekey.AppSecret(
    "app-secret",
    instance_id=text,
    app_id="app",
    project_id="project",
    secret=generated.secret,
    endpoint="roma",
    rotation=rotation,
    opts=pulumi.ResourceOptions(protect=True),
)
assert_type(app_secret.secret, pulumi.Output[str | None])
assert_type(app_secret.project_id, pulumi.Output[str | None])

relying_party = rekey.OidcRelyingParty(
    "relying-party",
    client_name="Portal",
    redirect_uris=["https://portal.example.com/callback", text],
    adopt="4c1f0a52-3a0c-4d52-9a0e-0c8d3f9f1a11",
)
assert_type(relying_party.client_secret, pulumi.Output[str | None])
assert_type(relying_party.redirect_uris, pulumi.Output[list[str]])

key = rekey.OpenIdProviderKey("key", algorithm="EC", curve="P-384", private_key_passphrase=text, activate=True)
assert_type(key.active, pulumi.Output[bool])
assert_type(key.previous_key_id, pulumi.Output[str | None])

app = rekey.OrgOAuthApp(
    "app",
    org_id="0f1e2d3c",
    context="TENANT",
    display_name="Backup",
    access_token_ttl=3600,
    allowed_scopes={
        "general_scopes": ["openid", text],
        "organization_scopes": {"roles": [{"name": "org_member"}]},
        "services_scopes": [{"service_definition_id": "backup", "all_roles": True}],
    },
    secret=rekey.GeneratedSecret("app", vendor="navigator").secret,
)
scopes = rekey.AllowedScopes(
    general_scopes=["openid"],
    organization_scopes=rekey.OrganizationScopes(roles=[rekey.Role(name="org_member")]),
    services_scopes=[rekey.ServiceScopes(service_definition_id="backup", all_roles=True)],
)
rekey.OrgOAuthApp("with-classes", org_id="0f1e2d3c", allowed_scopes=scopes)
assert_type(app.secret, pulumi.Output[str | None])

sync = rekey.SyncClientCredentials(
    "sync", directory_id="directory", generate_token=True, token_ttl=1440, rotation=rekey.Rotation(on_adopt="keep")
)
assert_type(sync.access_token, pulumi.Output[str | None])
assert_type(sync.generation, pulumi.Output[int])
assert_type(sync.next_rotation_at, pulumi.Output[str | None])

pair = rekey.Pair(
    "pair",
    lambda side, its: rekey.OidcRelyingParty(client_name=f"Portal {side}", redirect_uris=[text], **its),
    every="90d",
    rotation=rotation,
    rotate_now={"blue": "laptop stolen"},
)
rekey.Pair(
    "by-timedelta",
    lambda side, its: rekey.OidcRelyingParty(client_name=side, redirect_uris=[text], **its),
    every=timedelta(days=90),
    rotation={"paused": True},
)
assert_type(pair, rekey.Pair[rekey.OidcRelyingParty])
assert_type(pair.blue, rekey.OidcRelyingParty)
assert_type(pair.current.client_id, pulumi.Output[str])
assert_type(pair.current.client_secret, pulumi.Output[str | None])
assert_type(pair.previous.redirect_uris, pulumi.Output[list[str]])
assert_type(pair.current["client_secret"], pulumi.Output[Any])

assert_type(rekey.load("credentials", values={"zone": text}), dict[str, Any])

# -- an explicit provider, whose settings may come from config ---------------------------------------------------

site = rekey.Provider(
    "site",
    endpoints={"vcd": {"url": "https://vcd.example.com", "apiToken": pulumi.Output.secret("token"), "timeout": 20}},
    owner=pulumi.Output.secret("owner"),
)
rekey.Provider("of-config", endpoints=pulumi.Config().require_secret_object("endpoints"))
pulumi.ResourceOptions(provider=site)
