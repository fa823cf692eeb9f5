"""Which front end answers the engine: the dynamic provider, or the native plugin where the configuration says so."""

from __future__ import annotations

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path
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
    if chosen == _NATIVE:
        _warn_if_missing()
    return chosen == _NATIVE


@cache
def _warn_if_missing() -> None:
    """Say what to write where the engine hardly finds the plugin: its own message does not."""
    folders = [Path.cwd(), *Path.cwd().parents]
    project = next((found for folder in folders if (found := folder / "Pulumi.yaml").is_file()), None)
    environment = Path(sys.executable).parent
    if project is None or _is_found(project, environment):
        return
    path = os.path.relpath(environment, project.parent)
    pulumi.log.warn(
        "rekey:frontend is native, and Pulumi.yaml does not say where the plugin is: write"
        f" `plugins: {{providers: [{{name: rekey, path: {path}}}]}}` into it"
    )


def _is_found(project: Path, environment: Path) -> bool:
    """Tell whether a project names the plugin, or the engine finds it elsewhere.

    The program's own environment does not count: it is put on the path for the program, and often not for the engine.
    """
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    elsewhere = [part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part) != environment]
    return (
        # As the name of a plugin or of a package, and not as that of a setting such as `rekey:owner`.
        re.search(r"\brekey\b(?!:\w)", project.read_text(errors="replace")) is not None
        or shutil.which("pulumi-resource-rekey", path=os.pathsep.join(elsewhere)) is not None
        or any(home.glob("plugins/resource-rekey-v*"))
        or PACKAGE in os.environ.get("PULUMI_DEBUG_PROVIDERS", "")
    )
