"""The typed constructor of ``OrgOAuthApp``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

import pulumi

from .credential import Credential
from .rotation import Rotation


class Role(TypedDict):
    """A role by its name."""

    name: pulumi.Input[str]


class OrganizationScopes(TypedDict):
    """What an app may do in the organization."""

    roles: pulumi.Input[Sequence[pulumi.Input[Role]]]


class ServiceScopes(TypedDict):
    """What an app may do in one service: all of its roles, or those that are named."""

    service_definition_id: pulumi.Input[str]
    all_roles: NotRequired[pulumi.Input[bool]]
    roles: NotRequired[pulumi.Input[Sequence[pulumi.Input[Role]]]]


class AllowedScopes(TypedDict, total=False):
    """The allowed general, organization and service scopes of access; a part that is left out is not managed."""

    general_scopes: pulumi.Input[Sequence[pulumi.Input[str]]]
    organization_scopes: pulumi.Input[OrganizationScopes]
    services_scopes: pulumi.Input[Sequence[pulumi.Input[ServiceScopes]]]


class OrgOAuthApp(Credential, module="rekey", name="OrgOAuthApp"):
    """An OAuth app of an organization in VMware Cloud Partner Navigator, and its secret.

    Page: https://developer.vmware.com/apis/cloud-partner-navigator/identity/latest/

    Navigator documents no way to delete an app: a destroy ends the secret and leaves the app.

    :param org_id: The organization (GUID). Another one replaces.
    :param adopt: The id of an app that exists and is to be managed instead of a new one. Taking it away later changes
        nothing, another id replaces.
    :param context: In which context the app is created and changed: ``PROVIDER``, ``TENANT`` or, for creation only,
        ``OPERATOR``. A change counts from the next call on.
    :param display_name: The app's name.
    :param description: The app's description; empty clears it.
    :param access_token_ttl: How long the app's access tokens live, in seconds (1 to 2147483647).
    :param allowed_scopes: What the app may do; order does not matter, a part that is left out is not managed, and
        ``{}`` clears all.
    :param owner_only_secret_rotation: Whether the app is forbidden to rotate its own secret.
    :param secret: The secret to set: at least 8 characters with a lower-case letter, an upper-case letter, a digit and
        a special character. By default rekey makes it.
    :param endpoint: The configured endpoint; by default ``navigator``.
    :param rotation: When the secret rotates. With ``grace`` the old secret works for that much longer.
    """

    secret_properties = ("secret", "previous_secret", "next_secret")

    oauth_app_id: pulumi.Output[str]
    """The app's id, with which and the secret it gets access tokens."""
    org_id: pulumi.Output[str]
    display_name: pulumi.Output[str | None]
    description: pulumi.Output[str | None]
    access_token_ttl: pulumi.Output[int | None]
    # Not AllowedScopes: Pulumi would look for an instance of it, and what arrives is a dict.
    allowed_scopes: pulumi.Output[dict[str, Any] | None]
    owner_only_secret_rotation: pulumi.Output[bool | None]
    secret: pulumi.Output[str | None]
    """The secret that the vendor accepts; unset while an adopted one has not rotated."""
    previous_secret: pulumi.Output[str | None]
    """The secret before, while it still works (see ``previous_expires_at``)."""
    next_secret: pulumi.Output[str | None]
    """A new secret that the vendor has been given and refuses so far, while ``secret`` still works."""

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
        rotation: Rotation | None = None,
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
            "rotation": rotation.properties() if rotation else None,
        }
        super().__init__("org_oauth_app", name, inputs, opts)
