"""Declare, reconcile and rotate identity credentials with Pulumi."""

from .dynamic.app_secret import AppSecret
from .dynamic.oidc_relying_party import OidcRelyingParty
from .dynamic.open_id_provider_key import OpenIdProviderKey
from .dynamic.policy import Rotation, Window

__all__ = ["AppSecret", "OidcRelyingParty", "OpenIdProviderKey", "Rotation", "Window"]
