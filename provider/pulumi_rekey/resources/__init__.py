"""The registry of resources; each has a module of its own: its inputs, its state and its verbs, in the vendor's words.

A module is loaded at first use, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..reconciler.contract import Resource

#: The modules of this package, by the names of their resources.
MODULES: Final = (
    "app_secret",
    "generated_secret",
    "oidc_relying_party",
    "open_id_provider_key",
    "org_oauth_app",
    "sync_client_credentials",
)


def load(module: str) -> Resource[Any, Any, Any]:
    """Return the resource of a module.

    :raises KeyError: There is no such module.
    """
    if module not in MODULES:
        raise KeyError(module)
    resource: Resource[Any, Any, Any] = import_module(f"{__name__}.{module}").RESOURCE
    return resource


def all_resources() -> tuple[Resource[Any, Any, Any], ...]:
    """Return every resource, in the order of the registry."""
    return tuple(map(load, MODULES))


def by_name(name: str) -> Resource[Any, Any, Any] | None:
    """Return the resource that users write under this name, if there is one; no other module is loaded."""
    module = next((module for module in MODULES if module.replace("_", "") == name.lower()), None)
    resource = None if module is None else load(module)
    return resource if resource is not None and resource.name == name else None
