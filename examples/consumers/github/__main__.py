"""An OAuth app's secret that flows into a secret of GitHub Actions."""

import pulumi
import pulumi_github as github
import pulumi_rekey as rekey

config = pulumi.Config()
repository = config.require("repository")

billing = rekey.OrgOAuthApp(
    "billing",
    org_id=config.require("orgId"),
    display_name="Billing export",
    rotation=rekey.Rotation(max_age="90d", grace="24h"),
)

secret = github.ActionsSecret(
    "billing",
    repository=repository,
    secret_name="BILLING_CLIENT_SECRET",  # noqa: S106 - a name
    value=billing.secret,
)
github.ActionsVariable(
    "billing-client-id", repository=repository, variable_name="BILLING_CLIENT_ID", value=billing.oauth_app_id
)
# A workflow that deploys compares this with what it deployed last.
github.ActionsVariable(
    "billing-generation",
    repository=repository,
    variable_name="BILLING_GENERATION",
    value=billing.generation.apply(str),
    opts=pulumi.ResourceOptions(depends_on=[secret]),
)
