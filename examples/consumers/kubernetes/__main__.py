"""A client secret that flows into a Kubernetes Secret, and a rollout of the deployment that reads it."""

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_rekey as rekey

namespace = "portal"

portal = rekey.Pair(
    "portal",
    lambda side, its: rekey.OidcRelyingParty(
        client_name=f"Customer portal ({side})", redirect_uris=["https://portal.example.com/callback"], **its
    ),
    every="90d",
)

# Unset only while an adopted relying party has not rotated.
client_secret = portal.current.client_secret.apply(lambda secret: secret or "")

secret = kubernetes.core.v1.Secret(
    "portal-oidc",
    metadata={"name": "portal-oidc", "namespace": namespace},
    string_data={"client-id": portal.current.client_id, "client-secret": client_secret},
)

# The deployment is somebody else's: only this annotation is ours, and a new value of it rolls the pods. Both sides are
# in it, because either may be the one that has rotated.
generation = pulumi.Output.concat(portal.blue.generation.apply(str), "-", portal.green.generation.apply(str))
kubernetes.apps.v1.DeploymentPatch(
    "portal",
    metadata={"name": "portal", "namespace": namespace},
    spec={"template": {"metadata": {"annotations": {"rekey/generation": generation}}}},
    opts=pulumi.ResourceOptions(depends_on=[secret]),
)
