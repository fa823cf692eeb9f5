"""The typed constructor of ``OpenIdProviderKey``."""

from __future__ import annotations

from typing import Literal

import pulumi

from .credential import Credential
from .rotation import Rotation


class OpenIdProviderKey(Credential, module="rekey", name="OpenIdProviderKey"):
    """A signing key of VMware Cloud Director's OpenID provider, and whether it is the one that signs.

    Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (openIdProviderKey)

    Give a PEM pair, a private key alone (its public half is derived), or nothing (a key is made, handed to the vendor
    and not kept).

    :param description: What the key is for, for people; at most 220 characters.
    :param private_key: A PEM private key, RSA of at least 2048 bits or EC. Another one rotates in place. It is sent
        once and never stored in the outputs.
    :param private_key_passphrase: The passphrase of an encrypted private key. Another one alone is no change.
    :param public_key: The PEM public key of ``private_key``; refused if the two do not belong together.
    :param algorithm: ``"RSA"`` or ``"EC"``, for a key that is made; takes effect at the next rotation.
    :param key_size: Bits of an RSA key that is made, 2048 to 8192; takes effect at the next rotation.
    :param curve: Curve of an EC key that is made; takes effect at the next rotation.
    :param activate: Whether this is the key that signs. Two such keys on one endpoint are refused.
    :param adopt: The id of a key that exists and is to be managed instead of a new one. Taking it away later changes
        nothing, another id replaces.
    :param endpoint: The configured endpoint; by default ``vcd``.
    :param rotation: When the key rotates. The old key stays published until every ID token that it signed has expired.
    """

    pair_unsupported_reason = "a signing key keeps its predecessor published by itself: give it a Rotation"
    secret_properties = ("private_key", "private_key_passphrase")

    key_id: pulumi.Output[str]
    """The vendor's id of the present key; it changes when the key rotates."""
    public_key: pulumi.Output[str]
    """The public half, PEM, as the vendor has it."""
    description: pulumi.Output[str | None]
    active: pulumi.Output[bool]
    """Whether it is the key that signs."""
    next_key_id: pulumi.Output[str | None]
    """A key that is published and does not sign yet."""
    previous_key_id: pulumi.Output[str | None]
    """The key before, published until what it signed has expired."""

    def __init__(
        self,
        name: str,
        *,
        description: pulumi.Input[str] | None = None,
        private_key: pulumi.Input[str] | None = None,
        private_key_passphrase: pulumi.Input[str] | None = None,
        public_key: pulumi.Input[str] | None = None,
        algorithm: pulumi.Input[Literal["RSA", "EC"]] = "RSA",
        key_size: pulumi.Input[int] = 3072,
        curve: pulumi.Input[Literal["P-256", "P-384", "P-521"]] = "P-256",
        activate: pulumi.Input[bool] = True,
        adopt: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "description": description,
            "private_key": private_key,
            "private_key_passphrase": private_key_passphrase,
            "public_key": public_key,
            # What has its default need not stand in the state.
            "algorithm": None if algorithm == "RSA" else algorithm,
            "key_size": None if key_size == 3072 else key_size,  # noqa: PLR2004 - the default above
            "curve": None if curve == "P-256" else curve,
            "activate": None if activate is True else activate,
            "adopt": adopt,
            "endpoint": endpoint,
            "rotation": rotation.properties() if rotation else None,
        }
        super().__init__("open_id_provider_key", name, inputs, opts)
