"""What checkers must refuse: misspelt names, values of the wrong type, and what is left out."""

import pulumi
import pulumi_rekey as rekey

number = pulumi.Output.from_input(1)
URIS = ["https://portal.example.com/callback"]

# A name that does not exist.
rekey.OidcRelyingParties  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
rekey.OidcRelyingParty("x", client_nmae="Portal", redirect_uris=URIS)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.AppSecret("x", instance_id="instance", app_id="app", client_secret="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.OpenIdProviderKey("x", size=4096)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.Rotation(max_aeg="90d")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.Provider("x", endpoint={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.load("credentials", value={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.GeneratedSecret("x", vendor="roma").client_secret  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
rekey.Pair("x", lambda side, its: rekey.AppSecret(instance_id="i", app_id=side, **its), every="9d").current.secrte  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

# A value of the wrong type.
rekey.OidcRelyingParty("x", client_name=1, redirect_uris=URIS)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.AppSecret("x", instance_id=number, app_id="app")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.SyncClientCredentials("x", directory_id="directory", token_ttl="90d")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.OpenIdProviderKey("x", activate="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.OpenIdProviderKey("x", algorithm="DSA")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.OrgOAuthApp("x", org_id="organization", context="ADMIN")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.OrgOAuthApp("x", org_id="organization", allowed_scopes={"roles": []})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.GeneratedSecret("x", vendor="vcd")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.Rotation(max_age=90)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.Rotation(on_adopt="mint")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.Rotation(windows=[{"cron": "0 2 * * SUN"}])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
rekey.AllowedScopes(general_scope=["openid"])  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportCallIssue]
rekey.AppSecret("x", instance_id="instance", app_id="app", rotation={"max_age": 90})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.AppSecret("x", instance_id="instance", app_id="app", rotation={"max_aeg": "90d"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.Pair("x", lambda side, its: rekey.AppSecret(instance_id="i", app_id=side, **its), every=90)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
rekey.Pair("x", lambda _, its: rekey.AppSecret(instance_id="i", app_id="a", **its), every="90d", rotate_now={"r": "x"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]

# An argument that is left out, and one without its name.
rekey.OidcRelyingParty("x", client_name="Portal")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.Window(cron="0 2 * * SUN")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
rekey.AppSecret("x", "instance", "app")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
