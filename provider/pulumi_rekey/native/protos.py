"""The engine's protocol: the messages and stubs that the SDK has generated, without the SDK.

``import pulumi.runtime.proto`` executes all of ``pulumi``, which takes longer than everything else that a plugin
loads. The generated files import only one another, so they are loaded as a package of their own from where the SDK
has them. Where that fails, it is imported as usual: slower, nothing else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

_SDK: Final = "pulumi.runtime.proto"
_ALONE: Final = f"{__package__}._generated"
_MODULES: Final = ("engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2")


def _generated() -> list[ModuleType]:
    """Load the generated modules; one process registers each of them once."""
    # Once the SDK is there, nothing is saved any more.
    if "pulumi" not in sys.modules:
        try:
            return _loaded_alone()
        except Exception:  # noqa: BLE001 - whatever an SDK has in those places, the usual import is the judge of it
            for name in [name for name in sys.modules if name.startswith(_ALONE)]:
                del sys.modules[name]
    return [import_module(f"{_SDK}.{name}") for name in _MODULES]


def _loaded_alone() -> list[ModuleType]:
    spec = find_spec("pulumi")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pulumi")
    package = ModuleType(_ALONE)
    package.__path__ = [str(Path(spec.origin).parent / "runtime" / "proto")]
    sys.modules[_ALONE] = package
    return [import_module(f"{_ALONE}.{name}") for name in _MODULES]


if TYPE_CHECKING:
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )
else:
    engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2 = _generated()

__all__ = ["engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2"]
