"""The typed constructor of ``OidcRelyingParty``."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from .credential import Credential
from .rotation import Rotation


class OidcRelyingParty(Credential, module="rekey", name="OidcRelyingParty"):
    """A relying party of VMware Cloud Director's OpenID provider, and its client secret.

    Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (OidcRelyingParty)

    :param client_name: The human readable name.
    :param redirect_uris: Where users may be sent back to; absolute URIs without a fragment, at least one. ``http://``
        only where the vendor's ``allowHttp`` is set. The order does not matter.
    :param adopt: The id of a relying party that exists and is to be managed instead of a new one. Taking it away later
        changes nothing, another id replaces.
    :param endpoint: The configured endpoint; by default ``vcd``.
    :param rotation: When the secret rotates. The vendor keeps one secret, so a rotation has no overlap.
    """

    secret_properties = ("client_secret",)

    relying_party_id: pulumi.Output[str]
    """The vendor's id."""
    client_id: pulumi.Output[str]
    """The client id, made by the vendor; it stays when the secret rotates."""
    client_name: pulumi.Output[str]
    redirect_uris: pulumi.Output[list[str]]
    client_secret: pulumi.Output[str]
    """The secret that the vendor accepts; unset while an adopted one has not rotated."""

    def __init__(
        self,
        name: str,
        *,
        client_name: pulumi.Input[str],
        redirect_uris: pulumi.Input[Sequence[pulumi.Input[str]]],
        adopt: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "client_name": client_name,
            "redirect_uris": redirect_uris,
            "adopt": adopt,
            "endpoint": endpoint,
            "rotation": rotation.properties() if rotation else None,
        }
        super().__init__("oidc_relying_party", name, inputs, opts)
