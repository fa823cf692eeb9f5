"""Which front end answers the engine: the dynamic provider, or the native plugin where the configuration says so."""

from __future__ import annotations

from typing import Final

import pulumi

#: Pulumi's name of the native package.
PACKAGE: Final = "rekey"
_DYNAMIC: Final = "dynamic"
_NATIVE: Final = "native"


def is_native() -> bool:
    """Tell whether this stack's resources are the native plugin's.

    :raises pulumi.RunError: ``rekey:frontend`` is neither.
    """
    chosen = pulumi.Config(PACKAGE).get("frontend") or _DYNAMIC
    if chosen not in {_DYNAMIC, _NATIVE}:
        raise pulumi.RunError(f"rekey:frontend must be {_DYNAMIC} or {_NATIVE}")
    return chosen == _NATIVE
