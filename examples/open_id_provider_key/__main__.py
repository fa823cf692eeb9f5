"""The key that VMware Cloud Director signs ID tokens with."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()

signing = rekey.OpenIdProviderKey(
    "signing",
    description=config.get("description") or "Signs the ID tokens of our portals",
    algorithm="EC",
    curve="P-256",
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}),
)

pulumi.export("keyId", signing.key_id)
pulumi.export("publicKey", signing.public_key)
pulumi.export("rotatedAt", signing.rotated_at)
pulumi.export("rotationReason", signing.rotation_reason)
