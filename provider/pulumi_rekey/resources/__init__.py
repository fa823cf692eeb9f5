"""One file a resource: its inputs, its state and its verbs, in the vendor's words; this is the one list of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..reconciler.contract import Resource

#: The module of each resource.
MODULES: Final = (
    "app_secret",
    "generated_secret",
    "oidc_relying_party",
    "open_id_provider_key",
    "org_oauth_app",
    "sync_client_credentials",
)


def load(module: str) -> Resource[Any, Any, Any]:
    """Return the resource of a module, which is loaded now."""
    resource: Resource[Any, Any, Any] = import_module(f".{module}", __name__).RESOURCE
    return resource
