"""The shop, which reads its credentials from the stack of the same name that rotates them."""

import pulumi

credentials = pulumi.StackReference(f"{pulumi.get_organization()}/credentials/{pulumi.get_stack()}")
mine = credentials.require_output("applications")["shop"]

# What the shop is started with. All of it is secret here, like what it is read from.
pulumi.export(
    "environment",
    {
        "OIDC_CLIENT_ID": mine["clientId"],
        "OIDC_CLIENT_SECRET": mine["clientSecret"],
        "API_CLIENT_ID": mine["apiClientId"],
        "API_SECRET": mine["apiSecret"],
    },
)
