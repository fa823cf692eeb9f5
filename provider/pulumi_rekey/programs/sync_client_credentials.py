"""The typed constructor of ``SyncClientCredentials``."""

from __future__ import annotations

import pulumi

from .credential import Credential
from .rotation import Rotation


class SyncClientCredentials(Credential, module="rekey", name="SyncClientCredentials"):
    """The credentials of a directory's sync client in VMware Identity Broker.

    Page: https://developer.broadcom.com/xapis/vmware-identity-broker/latest/ (Generate Credentials For Sync Client)

    :param directory_id: The directory, which exists and has one sync client. Another one replaces.
    :param tenant: The tenant of the directory, where the endpoint's dialect is ``vcenter``; by default the endpoint's.
        Another one replaces.
    :param generate_token: ``True``: a long-lived access token (``access_token``, ``expires_at``). ``False``: a client
        id and secret (``client_id``, ``client_secret``). By default as it was. A change rotates.
    :param token_ttl: How long access tokens live, in minutes: 1 to 1051200 (two years). By default as it was; the
        vendor's first value is 262800 (six months). A change rotates.
    :param endpoint: The configured endpoint; by default ``broker``.
    :param rotation: When the credentials rotate. ``on_adopt`` must be said, because the first minting ends the
        credentials in use, which cannot be read: ``"rotate"`` mints, ``"keep"`` leaves them, and the secret outputs
        unset, until a rotation. The vendor keeps one set of credentials, so a rotation has no overlap.
    """

    pair_unsupported_reason = "a directory has one sync client, so there is no second one to fall back on"
    secret_properties = ("client_secret", "access_token")

    directory_id: pulumi.Output[str]
    tenant: pulumi.Output[str | None]
    """The tenant of the directory; unset where there are none."""
    generate_token: pulumi.Output[bool | None]
    """Whether an access token was asked for at the last minting."""
    token_ttl: pulumi.Output[int | None]
    """The lifetime that was asked for at the last minting, in minutes."""
    client_id: pulumi.Output[str | None]
    """The sync client's OAuth id."""
    client_secret: pulumi.Output[str | None]
    """Its secret, if that is what was minted."""
    access_token: pulumi.Output[str | None]
    """Its access token, if that is what was minted."""

    def __init__(
        self,
        name: str,
        *,
        directory_id: pulumi.Input[str],
        tenant: pulumi.Input[str] | None = None,
        generate_token: pulumi.Input[bool] | None = None,
        token_ttl: pulumi.Input[int] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "directory_id": directory_id,
            "tenant": tenant,
            "generate_token": generate_token,
            "token_ttl": token_ttl,
            "endpoint": endpoint,
            "rotation": rotation.properties() if rotation else None,
        }
        super().__init__("sync_client_credentials", name, inputs, opts)
