"""An OAuth app's secret that flows into HashiCorp Vault's KV store, version 2."""

import pulumi
import pulumi_rekey as rekey
import pulumi_vault as vault

config = pulumi.Config()

billing = rekey.OrgOAuthApp(
    "billing",
    org_id=config.require("orgId"),
    display_name="Billing export",
    rotation=rekey.Rotation(max_age="90d", grace="24h"),
)

vault.kv.SecretV2(
    "billing",
    mount=config.get("mount") or "secret",
    name="billing/oauth",
    data_json=pulumi.Output.json_dumps({"client_id": billing.oauth_app_id, "client_secret": billing.secret}),
    # Agents and operators that watch the secret restart their consumers when this changes.
    custom_metadata={"data": {"generation": billing.generation.apply(str), "rotated-at": billing.rotated_at}},
)
