"""Declare, reconcile and rotate identity credentials with Pulumi.

The public names are loaded at first use: the native plugin, whose process needs none of them, imports this, too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

_PLACES: Final = {
    "Pair": ".programs.pair",
    "Provider": ".programs.provider",
    "Rotation": ".programs.rotation",
    "RotationDict": ".programs.rotation",
    "Window": ".programs.rotation",
    "WindowDict": ".programs.rotation",
    "load": ".manifest",
}

if TYPE_CHECKING:
    from .manifest import load
    from .programs import constructors
    from .programs.constructors import *  # noqa: F403 - every resource of the registry, and no list of them here
    from .programs.pair import Pair
    from .programs.provider import Provider
    from .programs.rotation import Rotation, RotationDict, Window, WindowDict

    __all__ = ["Pair", "Provider", "Rotation", "RotationDict", "Window", "WindowDict", "load"]
    __all__ += constructors.__all__
else:
    # Checkers must not see these: with them, every name would be one of this module's.
    def __getattr__(name: str) -> Any:
        """Load a public name; Python asks for submodules here, too, which are none."""
        if name in _PLACES:
            found = getattr(import_module(_PLACES[name], __name__), name)
        elif name == "__all__" or name[:1].isupper():
            constructors = import_module(".programs.constructors", __name__)
            if name != "__all__" and name not in constructors.__all__:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
            found = [*_PLACES, *constructors.__all__] if name == "__all__" else getattr(constructors, name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
