"""Relying parties, as a user of rekey declares them."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()
policy = rekey.Rotation(
    triggers={"release": config.require("release")}, max_age="90d", verify=config.get("verify") != "no"
)
for number in range(config.require_int("count")):
    rekey.OidcRelyingParty(
        f"party-{number}",
        client_name=f"party {number}",
        redirect_uris=[f"https://party-{number}.example.com/callback"],
        rotation=policy,
    )
