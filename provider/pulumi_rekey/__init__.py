"""Declare, reconcile and rotate identity credentials with Pulumi."""

from .manifest import load
from .programs.app_secret import AppSecret
from .programs.generated_secret import GeneratedSecret
from .programs.oidc_relying_party import OidcRelyingParty
from .programs.open_id_provider_key import OpenIdProviderKey
from .programs.org_oauth_app import OrgOAuthApp
from .programs.pair import Pair
from .programs.rotation import Rotation, Window
from .programs.sync_client_credentials import SyncClientCredentials

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
