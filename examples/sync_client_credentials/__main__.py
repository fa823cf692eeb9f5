"""The access token with which an identity provider pushes users into a directory of VMware Identity Broker."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()

scim = rekey.SyncClientCredentials(
    "scim",
    directory_id=config.require("directoryId"),
    generate_token=True,
    token_ttl=60 * 24 * 90,  # minutes
    rotation=rekey.Rotation(
        triggers={"rotate": config.get("rotate") or "never"},
        on_adopt="rotate",  # the credentials in use now end when this is first applied
    ),
)

pulumi.export("accessToken", scim.access_token)
pulumi.export("expiresAt", scim.expires_at)
pulumi.export("rotatedAt", scim.rotated_at)
pulumi.export("rotationReason", scim.rotation_reason)
