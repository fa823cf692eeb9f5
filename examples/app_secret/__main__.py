"""The secret of an application in Huawei ROMA Connect."""

import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()

orders = rekey.AppSecret(
    "orders",
    instance_id=config.require("instanceId"),
    app_id=config.require("appId"),
    rotation=rekey.Rotation(triggers={"rotate": config.get("rotate") or "never"}),
)

pulumi.export("secret", orders.secret)
pulumi.export("rotatedAt", orders.rotated_at)
pulumi.export("rotationReason", orders.rotation_reason)
