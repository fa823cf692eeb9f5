"""The typed constructor of ``AppSecret``."""

from __future__ import annotations

import pulumi

from .credential import Credential
from .rotation import Rotation


class AppSecret(Credential, module="rekey", name="AppSecret"):
    """The secret of a Huawei ROMA Connect application.

    Page: https://support.huaweicloud.com/intl/en-us/api-roma/ResetRomaAppSecret.html

    :param instance_id: The ROMA Connect instance (1 to 64 characters). Another one replaces.
    :param app_id: The application, which exists (1 to 64 characters). Another one replaces.
    :param project_id: The project; by default the endpoint's. Another one replaces.
    :param secret: The secret to set: letters, digits and ``!@#$%+=.-/`` only. By default it stays as it is until it
        rotates, and rekey makes the next one. The vendor keeps one secret, so a rotation has no overlap.
    :param endpoint: The configured endpoint; by default ``roma``.
    :param rotation: When the secret rotates.
    """

    secret_properties = ("secret",)

    instance_id: pulumi.Output[str]
    app_id: pulumi.Output[str]
    project_id: pulumi.Output[str | None]
    secret: pulumi.Output[str]
    """The secret that the vendor accepts."""

    def __init__(
        self,
        name: str,
        *,
        instance_id: pulumi.Input[str],
        app_id: pulumi.Input[str],
        project_id: pulumi.Input[str] | None = None,
        secret: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "instance_id": instance_id,
            "app_id": app_id,
            "project_id": project_id,
            "secret": secret,
            "endpoint": endpoint,
            "rotation": rotation.properties() if rotation else None,
        }
        super().__init__("app_secret", name, inputs, opts)
