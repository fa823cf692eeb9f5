"""Declare, reconcile and rotate identity credentials with Pulumi."""

from .dynamic.app_secret import AppSecret
from .dynamic.generated_secret import GeneratedSecret
from .dynamic.oidc_relying_party import OidcRelyingParty
from .dynamic.open_id_provider_key import OpenIdProviderKey
from .dynamic.org_oauth_app import OrgOAuthApp
from .dynamic.pair import Pair
from .dynamic.policy import Rotation, Window
from .dynamic.sync_client_credentials import SyncClientCredentials
from .manifest import load

__all__ = [
    "AppSecret",
    "GeneratedSecret",
    "OidcRelyingParty",
    "OpenIdProviderKey",
    "OrgOAuthApp",
    "Pair",
    "Rotation",
    "SyncClientCredentials",
    "Window",
    "load",
]
