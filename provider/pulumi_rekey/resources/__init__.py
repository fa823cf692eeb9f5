"""The registry of resources; each has a module of its own: its inputs, its state and its verbs, in the vendor's words.

A module is loaded at first use, so that importing this package costs nothing.
"""

from __future__ import annotations

from functools import cache
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
    return tuple(_by_name().values())


def by_name(name: str) -> Resource[Any, Any, Any] | None:
    """Return the resource that users write under this name, if there is one."""
    return _by_name().get(name)


@cache
def _by_name() -> dict[str, Resource[Any, Any, Any]]:
    return {resource.name: resource for resource in map(load, MODULES)}
