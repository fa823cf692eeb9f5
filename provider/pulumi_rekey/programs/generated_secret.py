"""The typed constructor of ``GeneratedSecret``."""

from __future__ import annotations

from typing import Literal

import pulumi

from .credential import Credential
from .rotation import Rotation


class GeneratedSecret(Credential, module="rekey", name="GeneratedSecret"):
    """A secret that rekey only makes and keeps, to be passed as ``secret=`` to ``OrgOAuthApp`` or ``AppSecret``.

    The engine saves it before the resource that it is passed to is touched, so an interrupted rotation sends the same
    secret again, and no overlap is lost.

    :param vendor: The kind of endpoint whose rule the secret obeys: ``"navigator"`` for ``OrgOAuthApp``, ``"roma"`` for
        ``AppSecret``. Another one replaces.
    :param length: Characters, 22 (128 bits) to 128. Takes effect at the next rotation.
    :param rotation: When the secret rotates.
    """

    secret_properties = ("secret",)

    secret: pulumi.Output[str]
    """The present secret."""

    def __init__(
        self,
        name: str,
        *,
        vendor: Literal["navigator", "roma"],
        length: pulumi.Input[int] | None = None,
        rotation: Rotation | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "vendor": vendor,
            "length": length,
            "rotation": rotation.properties() if rotation else None,
        }
        super().__init__("generated_secret", name, inputs, opts)
