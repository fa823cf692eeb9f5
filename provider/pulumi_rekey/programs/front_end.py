"""Which front end answers the engine: the dynamic provider, or the native plugin where the configuration says so."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pulumi

from ..frontend.scope import engines_variables

#: Pulumi's name of the native package.
PACKAGE: Final = "rekey"
_DYNAMIC: Final = "dynamic"
_NATIVE: Final = "native"
#: With this the engine downloads no plugins.
_NO_DOWNLOADS: Final = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"


def is_native() -> bool:
    """Tell whether this stack's resources are the native plugin's.

    :raises pulumi.RunError: ``rekey:frontend`` is neither, or the engine would look for the plugin on the internet.
    """
    chosen = pulumi.Config(PACKAGE).get("frontend") or _DYNAMIC
    if chosen not in {_DYNAMIC, _NATIVE}:
        raise pulumi.RunError(f"rekey:frontend must be {_DYNAMIC} or {_NATIVE}")
    if chosen == _NATIVE:
        _look_for_plugin()
    return chosen == _NATIVE


@cache
def _look_for_plugin() -> None:
    """Say what to write where the engine does not find the plugin: its own message does not.

    Nothing is run that Rekey does not ship: an engine that would download one is not asked.
    """
    folders = [Path.cwd(), *Path.cwd().parents]
    project = next((found for folder in folders if (found := folder / "Pulumi.yaml").is_file()), None)
    environment = Path(sys.executable).parent
    seen = engines_variables()
    if project is None or _is_found(project, environment, seen):
        return
    path = os.path.relpath(environment, project.parent)
    missing = (
        "rekey:frontend is native, and Pulumi.yaml does not say where the plugin is: write"
        f" `plugins: {{providers: [{{name: rekey, path: {path}}}]}}` into it"
    )
    if seen is not None and seen.get(_NO_DOWNLOADS, "").lower() not in {"1", "true"}:
        raise pulumi.RunError(f"{missing}; without it the engine would look for an executable on the internet")
    pulumi.log.warn(missing)


def _is_found(project: Path, environment: Path, seen: Mapping[str, str] | None) -> bool:
    """Tell whether a project names the plugin, or the engine finds it elsewhere.

    Where the engine's own variables are not seen, the program's environment does not count: it is put on the path for
    the program, and often not for the engine.
    """
    variables = os.environ if seen is None else seen
    home = Path(variables.get("PULUMI_HOME") or Path.home() / ".pulumi")
    parts = variables.get("PATH", "").split(os.pathsep)
    looked_in = [part for part in parts if seen is not None or Path(part) != environment]
    return (
        # As the name of a plugin or of a package, and not as that of a setting such as `rekey:owner`.
        re.search(r"\brekey\b(?!:\w)", project.read_text(errors="replace")) is not None
        or shutil.which("pulumi-resource-rekey", path=os.pathsep.join(looked_in)) is not None
        or any(home.glob("plugins/resource-rekey-v*"))
        or PACKAGE in variables.get("PULUMI_DEBUG_PROVIDERS", "")
    )
