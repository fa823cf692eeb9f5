"""The typed constructors of all resources. Written by `make constructors` from their models: edit those instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

import pulumi

from .credential import Credential, unless_default
from .rotation import Rotation, RotationDict

__all__ = [
    "AllowedScopes",
    "AppSecret",
    "GeneratedSecret",
    "OidcRelyingParty",
    "OpenIdProviderKey",
    "OrgOAuthApp",
    "OrganizationScopes",
    "Role",
    "ServiceScopes",
    "SyncClientCredentials",
]


class AppSecret(Credential, module="rekey", name="AppSecret"):
    """The secret of a Huawei ROMA Connect application.

    Page: https://support.huaweicloud.com/intl/en-us/api-roma/ResetRomaAppSecret.html (and CheckRomaAppSecret.html)

    Who makes the secret: the caller, or the vendor. How many live at once: one. Readable afterwards: yes. A grace
    cannot be set: the old secret ends with the reset.

    :param instance_id: The ROMA Connect instance. From 1 to 64 characters. Another one replaces.
    :param app_id: The application, which exists. From 1 to 64 characters. Another one replaces.
    :param project_id: The project of the instance; by default the endpoint's. From 1 to 64 characters. Another one
        replaces.
    :param secret: The secret to set: letters, digits and ``!@#$%+=.-/`` only. By default it stays as it is until it
        rotates, and rekey makes the next one. Secret.
    :param endpoint: The configured endpoint to use; by default the one named like its kind, ``roma``.
    :param rotation: The policy by which the credential rotates. No overlap: the vendor ends the old secret at once.
    """

    secret_properties = ("secret", "next_secret")

    secret: pulumi.Output[str | None]
    """The secret that the vendor accepts; unset while an adopted one cannot be read."""
    next_secret: pulumi.Output[str | None]
    """The secret of a rotation whose answer was lost; the next run finds out whether it is in force."""
    instance_id: pulumi.Output[str]
    """The ROMA Connect instance."""
    app_id: pulumi.Output[str]
    """The application, which exists."""
    project_id: pulumi.Output[str | None]
    """The project of the instance; by default the endpoint's."""

    def __init__(
        self,
        name: str,
        *,
        instance_id: pulumi.Input[str],
        app_id: pulumi.Input[str],
        project_id: pulumi.Input[str] | None = None,
        secret: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | RotationDict | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "instance_id": instance_id,
            "app_id": app_id,
            "project_id": project_id,
            "secret": secret,
            "endpoint": endpoint,
            "rotation": rotation,
        }
        super().__init__("app_secret", name, inputs, opts)


class GeneratedSecret(Credential, module="rekey", name="GeneratedSecret"):
    """A secret that rekey only makes and keeps, to be passed as ``secret=`` to ``OrgOAuthApp`` or ``AppSecret``.

    The engine saves it before the resource that it is passed to is touched: a rotation that is interrupted sends the
    same secret again, and no overlap is lost. No vendor takes part in it.

    :param vendor: The kind of endpoint whose rule the secret obeys: ``navigator`` for ``OrgOAuthApp``, ``roma`` for
        ``AppSecret``. Another one replaces.
    :param length: How many characters it has, 22 (128 bits) to 128. Takes effect at the next rotation. Default: ``40``.
    :param rotation: The policy by which the credential rotates. The resource that it is passed to decides what becomes
        of the old secret.
    """

    secret_properties = ("secret",)

    secret_id: pulumi.Output[str]
    """A random name of this resource."""
    vendor: pulumi.Output[str]
    """The kind of endpoint whose rule the secret obeys: ``navigator`` for ``OrgOAuthApp``, ``roma`` for ``AppSecret``.
    """
    secret: pulumi.Output[str]
    """The present secret."""

    def __init__(
        self,
        name: str,
        *,
        vendor: pulumi.Input[Literal["navigator", "roma"]],
        length: pulumi.Input[int] = 40,
        rotation: Rotation | RotationDict | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "vendor": vendor,
            "length": unless_default(length, default=40),
            "rotation": rotation,
        }
        super().__init__("generated_secret", name, inputs, opts)


class OidcRelyingParty(Credential, module="rekey", name="OidcRelyingParty"):
    """A relying party of VMware Cloud Director's OpenID provider, and its client secret.

    Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (OidcRelyingParty)

    Who makes the secret: the vendor. How many live at once: one. Readable afterwards: no. A grace cannot be set:
    nothing documents that the old secret survives its regeneration.

    :param client_name: The human readable name.
    :param redirect_uris: Where users may be sent back to: absolute URIs without a fragment, at least one. ``http://``
        only where the vendor's ``allowHttp`` is set. The order does not matter.
    :param adopt: The id of a relying party that exists and is to be managed instead of a new one. Removing it later
        changes nothing; another id replaces. From 1 to 256 characters.
    :param endpoint: The configured endpoint to use; by default the one named like its kind, ``vcd``.
    :param rotation: The policy by which the credential rotates. No overlap: the vendor ends the old secret at once.
    """

    secret_properties = ("client_secret",)

    relying_party_id: pulumi.Output[str]
    """The vendor's id."""
    client_id: pulumi.Output[str]
    """The client id, made by the vendor; it stays when the secret rotates."""
    client_name: pulumi.Output[str]
    """The human readable name."""
    redirect_uris: pulumi.Output[list[str]]
    """Where users may be sent back to: absolute URIs without a fragment, at least one. ``http://`` only where the
    vendor's ``allowHttp`` is set. The order does not matter.
    """
    client_secret: pulumi.Output[str | None]
    """The secret that the vendor accepts; unset while an adopted one has not rotated."""

    def __init__(
        self,
        name: str,
        *,
        client_name: pulumi.Input[str],
        redirect_uris: pulumi.Input[Sequence[pulumi.Input[str]]],
        adopt: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | RotationDict | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "client_name": client_name,
            "redirect_uris": redirect_uris,
            "adopt": adopt,
            "endpoint": endpoint,
            "rotation": rotation,
        }
        super().__init__("oidc_relying_party", name, inputs, opts)


class OpenIdProviderKey(Credential, module="rekey", name="OpenIdProviderKey"):
    """A signing key of VMware Cloud Director's OpenID provider, and whether it is the one that signs.

    Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (openIdProviderKey), and "Manage
    OIDC Proxy Keys" in the Service Provider Admin Guide.

    Who makes the key: the caller (here or the user). How many live at once: many, of which one signs. Readable
    afterwards: the public half. Overlap: the old key stays published until what it signed has expired.

    Give a PEM pair, a private key alone (its public half is derived), or nothing (rekey makes a key, hands it to the
    vendor and keeps no copy).

    :param description: What the key is for, for people. At most 220 characters.
    :param private_key: A PEM private key, RSA of at least 2048 bits or EC. Another one rotates in place. By default
        rekey makes one, hands it to the vendor and keeps no copy. Secret. Not kept in the outputs.
    :param private_key_passphrase: The passphrase of an encrypted private key. Another one alone is no change. Secret.
        Not kept in the outputs.
    :param public_key: The PEM public key of ``private_key``; by default it is derived. Refused if the two do not belong
        together.
    :param algorithm: The kind of key that rekey makes; takes effect at the next rotation. Default: ``"RSA"``.
    :param key_size: Bits of an RSA key that rekey makes; takes effect at the next rotation. From 2048 to 8192. Default:
        ``3072``.
    :param curve: Curve of an EC key that rekey makes; takes effect at the next rotation. Default: ``"P-256"``.
    :param activate: Whether this is the key that signs. Two such keys on one endpoint are refused. Default: ``True``.
    :param adopt: The id of a key that exists and is to be managed instead of a new one. Removing it later changes
        nothing; another id replaces. From 1 to 256 characters.
    :param endpoint: The configured endpoint to use; by default the one named like its kind, ``vcd``.
    :param rotation: The policy by which the credential rotates. Overlap: the next key is published ahead, and the old
        one until what it signed has expired.
    """

    pair_unsupported_reason = "a signing key keeps its predecessor published by itself: give it a Rotation"
    secret_properties = ("private_key", "private_key_passphrase")

    key_id: pulumi.Output[str]
    """The vendor's id of the present key; it changes when the key rotates."""
    public_key: pulumi.Output[str]
    """The public half, PEM, as the vendor has it."""
    description: pulumi.Output[str | None]
    """What the key is for, for people."""
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
        rotation: Rotation | RotationDict | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "description": description,
            "private_key": private_key,
            "private_key_passphrase": private_key_passphrase,
            "public_key": public_key,
            "algorithm": unless_default(algorithm, default="RSA"),
            "key_size": unless_default(key_size, default=3072),
            "curve": unless_default(curve, default="P-256"),
            "activate": unless_default(activate, default=True),
            "adopt": adopt,
            "endpoint": endpoint,
            "rotation": rotation,
        }
        super().__init__("open_id_provider_key", name, inputs, opts)


class Role(TypedDict):
    """A role by its name."""

    name: pulumi.Input[str]
    """The role's name."""


class OrganizationScopes(TypedDict):
    """What the app may do in the organization."""

    roles: NotRequired[pulumi.Input[Sequence[pulumi.Input[Role]]]]
    """Organization roles."""


class ServiceScopes(TypedDict):
    """What the app may do in one service."""

    service_definition_id: pulumi.Input[str]
    """The service."""
    all_roles: NotRequired[pulumi.Input[bool]]
    """Whether it has every role of the service."""
    roles: NotRequired[pulumi.Input[Sequence[pulumi.Input[Role]]]]
    """Roles of the service."""


class AllowedScopes(TypedDict):
    """The allowed general, organization and service scopes of access; a part that is left out is not managed."""

    general_scopes: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """General scopes, such as openid."""
    organization_scopes: NotRequired[pulumi.Input[OrganizationScopes]]
    """Scopes in the organization."""
    services_scopes: NotRequired[pulumi.Input[Sequence[pulumi.Input[ServiceScopes]]]]
    """Scopes in services."""


class OrgOAuthApp(Credential, module="rekey", name="OrgOAuthApp"):
    """An OAuth app of an organization in VMware Cloud Partner Navigator, and its secret.

    Page: https://developer.vmware.com/apis/cloud-partner-navigator/identity/latest/ ("Update Organization OAuth
    Application By Organization ID And Application ID", and the pages beside it)

    Who makes the secret: rekey, so that it is known whatever happens to the answer. How many live at once: two, for as
    long as ``rotation.grace`` says. Readable afterwards: no.

    Navigator documents no way to delete an app: a destroy ends the secret and leaves the app.

    :param org_id: The organization (GUID). From 1 to 256 characters. Another one replaces.
    :param adopt: The id of an app that exists and is to be managed instead of a new one. Removing it later changes
        nothing; another id replaces. From 1 to 256 characters.
    :param context: In which context the app is created and changed: ``PROVIDER``, ``TENANT`` or, for creation only,
        ``OPERATOR``. A change counts from the next call on.
    :param display_name: The app's name.
    :param description: The app's description; empty clears it.
    :param access_token_ttl: How long the app's access tokens live, in seconds. From 1 to 2147483647.
    :param allowed_scopes: What the app may do; order does not matter, a part that is left out is not managed, and
        ``{}`` clears all.
    :param owner_only_secret_rotation: Whether the app is forbidden to rotate its own secret.
    :param secret: The secret to set: at least 8 characters, with a lower-case letter, an upper-case letter, a digit and
        a special character. By default rekey makes it. Secret.
    :param endpoint: The configured endpoint to use; by default the one named like its kind, ``navigator``.
    :param rotation: The policy by which the credential rotates. No overlap is asked for: set rotation.grace to keep the
        old secret for a time.
    """

    secret_properties = ("secret", "next_secret", "previous_secret")

    secret: pulumi.Output[str | None]
    """The secret that the vendor accepts; unset while an adopted one has not rotated."""
    next_secret: pulumi.Output[str | None]
    """A new secret that the vendor has been given and has not accepted so far, while ``secret`` still works."""
    previous_secret: pulumi.Output[str | None]
    """The secret before, while it still works (see ``previous_expires_at``)."""
    org_id: pulumi.Output[str]
    """The organization (GUID)."""
    oauth_app_id: pulumi.Output[str]
    """The app's id, which is its OAuth client id."""
    display_name: pulumi.Output[str | None]
    """The app's name."""
    description: pulumi.Output[str | None]
    """The app's description; empty clears it."""
    access_token_ttl: pulumi.Output[int | None]
    """How long the app's access tokens live, in seconds."""
    allowed_scopes: pulumi.Output[dict[str, Any] | None]
    """What the app may do; order does not matter, a part that is left out is not managed, and ``{}`` clears all."""
    owner_only_secret_rotation: pulumi.Output[bool | None]
    """Whether the app is forbidden to rotate its own secret."""

    def __init__(
        self,
        name: str,
        *,
        org_id: pulumi.Input[str],
        adopt: pulumi.Input[str] | None = None,
        context: pulumi.Input[Literal["OPERATOR", "PROVIDER", "TENANT"]] | None = None,
        display_name: pulumi.Input[str] | None = None,
        description: pulumi.Input[str] | None = None,
        access_token_ttl: pulumi.Input[int] | None = None,
        allowed_scopes: pulumi.Input[AllowedScopes] | None = None,
        owner_only_secret_rotation: pulumi.Input[bool] | None = None,
        secret: pulumi.Input[str] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | RotationDict | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "org_id": org_id,
            "adopt": adopt,
            "context": context,
            "display_name": display_name,
            "description": description,
            "access_token_ttl": access_token_ttl,
            "allowed_scopes": allowed_scopes,
            "owner_only_secret_rotation": owner_only_secret_rotation,
            "secret": secret,
            "endpoint": endpoint,
            "rotation": rotation,
        }
        super().__init__("org_oauth_app", name, inputs, opts)


class SyncClientCredentials(Credential, module="rekey", name="SyncClientCredentials"):
    """The credentials of a directory's sync client in VMware Identity Broker, with which users are provisioned.

    Page: https://developer.broadcom.com/xapis/vmware-identity-broker/latest/ (Generate Credentials For Sync Client)

    Who makes the secret: the vendor. How many live at once: one. Readable afterwards: no. A grace cannot be set: the
    old credentials end with the minting of the new ones.

    ``rotation.on_adopt`` must be set, because the first minting ends the credentials in use, which cannot be read:
    ``"rotate"`` mints, ``"keep"`` leaves them, and the secret outputs unset, until a rotation.

    :param directory_id: The directory, which exists and has one sync client. From 1 to 256 characters. Another one
        replaces.
    :param tenant: The tenant of the directory, where the endpoint's dialect is ``vcenter``; by default the endpoint's.
        From 1 to 256 characters. Another one replaces.
    :param generate_token: ``True``: a long-lived access token (``access_token``, ``expires_at``). ``False``: a client
        id and secret (``client_id``, ``client_secret``). By default as it was. A change rotates.
    :param token_ttl: How long access tokens live, in minutes: 1 to 1051200 (two years). By default as it was; the
        vendor's first value is 262800 (six months). A change rotates.
    :param endpoint: The configured endpoint to use; by default the one named like its kind, ``broker``.
    :param rotation: The policy by which the credential rotates. No overlap: the vendor ends the old credentials at
        once.
    """

    pair_unsupported_reason = "a directory has one sync client, so there is no second one to fall back on"
    secret_properties = ("client_secret", "access_token")

    directory_id: pulumi.Output[str]
    """The directory, which exists and has one sync client."""
    tenant: pulumi.Output[str | None]
    """The tenant of the directory; unset where there are none."""
    generate_token: pulumi.Output[bool | None]
    """Whether an access token was asked for at the last minting."""
    token_ttl: pulumi.Output[int | None]
    """The lifetime that was asked for at the last minting, in minutes."""
    client_id: pulumi.Output[str | None]
    """The sync client's OAuth id."""
    client_secret: pulumi.Output[str | None]
    """Its secret, if that is what was minted; unset while adopted credentials have not rotated."""
    access_token: pulumi.Output[str | None]
    """Its access token, if that is what was minted; unset while adopted credentials have not rotated."""

    def __init__(
        self,
        name: str,
        *,
        directory_id: pulumi.Input[str],
        tenant: pulumi.Input[str] | None = None,
        generate_token: pulumi.Input[bool] | None = None,
        token_ttl: pulumi.Input[int] | None = None,
        endpoint: pulumi.Input[str] | None = None,
        rotation: Rotation | RotationDict | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "directory_id": directory_id,
            "tenant": tenant,
            "generate_token": generate_token,
            "token_ttl": token_ttl,
            "endpoint": endpoint,
            "rotation": rotation,
        }
        super().__init__("sync_client_credentials", name, inputs, opts)
