"""What of a project keeps `pulumi up` from working: the Python of its program, of the host, and the native plugin."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from .finding import Finding, Level
from .installation import how_to_install
from .stack_export import project_file
from .stack_state import printable

_PLUGIN: Final = "pulumi-resource-rekey"
#: Where Pulumi looks for a program's environment if only the tool that made it is named.
_ENVIRONMENTS: Final = {"uv": ".venv"}


@dataclass(frozen=True)
class Project:
    """The project in a folder; ``environment`` is the process's."""

    folder: Path
    environment: Mapping[str, str]

    @cached_property
    def _file(self) -> Path | None:
        return project_file(self.folder)

    @property
    def _root(self) -> Path:
        return self._file.parent if self._file else self.folder

    @cached_property
    def _described(self) -> dict[str, Any]:
        try:
            found = yaml.safe_load(self._file.read_bytes()) if self._file else None
        except (OSError, yaml.YAMLError, RecursionError):
            found = None
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str | None:
        """Its name, as far as that can be read."""
        found = self._described.get("name")
        return found if isinstance(found, str) else None

    @cached_property
    def _language(self) -> str:
        runtime = self._described.get("runtime")
        return str(_map(runtime).get("name", "python") if isinstance(runtime, dict) else runtime or "python")

    @cached_property
    def _options(self) -> dict[str, Any]:
        return _map(_map(self._described.get("runtime")).get("options"))

    @cached_property
    def _virtual_environment(self) -> Path | None:
        given = self._options.get("virtualenv") or _ENVIRONMENTS.get(str(self._options.get("toolchain")))
        return self._root / given if isinstance(given, str) else None

    def program(self) -> Iterator[Finding]:
        """Yield what is found of the Python that runs the program, which is often not this one."""
        if self._file is None:
            yield Finding(Level.WARNING, "project", "this folder has no Pulumi project", "name its folder with --cwd")
        elif self._language == "python":
            yield from self._program()

    def _program(self) -> Iterator[Finding]:
        python = self._python()
        own = version("pulumi-rekey")
        found = None if python is None else _version_in(python)
        if python is None and self._virtual_environment is not None:
            what = f"its Python is missing: {printable(self._virtual_environment)} has none"
            yield Finding(Level.PROBLEM, "project", what, "run `pulumi install` in its folder")
        elif python is None:
            what = "its Python is missing: neither python3 nor python is on PATH"
            yield Finding(Level.PROBLEM, "project", what, "install Python, or correct PATH or PULUMI_PYTHON_CMD")
        elif found is None:
            yield Finding(
                Level.PROBLEM,
                "project",
                "the Python of its program has no pulumi-rekey",
                how_to_install(python=python),
            )
        elif found != own:
            yield Finding(
                Level.WARNING,
                "project",
                f"its program uses pulumi-rekey {printable(found)}, this command is of {own}",
                "install the same version in both places",
            )
        else:
            yield Finding(Level.GOOD, "project", f"its program uses pulumi-rekey {own}")

    def _python(self) -> str | None:
        """Return the Python of the program's environment, or the one on the path that Pulumi takes."""
        environment = self._virtual_environment
        if environment is not None:
            path = f"{environment / 'bin'}{os.pathsep}{environment / 'Scripts'}"
            return shutil.which("python", path=path)
        names = [self.environment.get("PULUMI_PYTHON_CMD"), "python3", "python"]
        return next((found for name in names if name and (found := self._which(name))), None)

    def _which(self, name: str) -> str | None:
        return shutil.which(name, path=self.environment.get("PATH"))

    def front_end(self, config: Mapping[str, Any]) -> Iterator[Finding]:
        """Yield what is found of what answers the engine: the dynamic provider's host, or the native plugin."""
        if self._file is None:
            return
        if self._language == "python" and not self._is_native(config):
            yield from self._host()
        else:
            yield from self._plugin()

    def _is_native(self, config: Mapping[str, Any]) -> bool:
        said = _map(self._described.get("config")).get("rekey:frontend")
        said = said.get("value", said.get("default")) if isinstance(said, dict) else said
        return _map(config.get("rekey:frontend")).get("value", said) == "native"

    def _host(self) -> Iterator[Finding]:
        # The program also runs by `python`; the host of dynamic providers does not.
        name = self.environment.get("PULUMI_PYTHON_CMD") or "python3"
        if self._virtual_environment is None and not self._options.get("toolchain") and self._which(name) is None:
            yield Finding(
                Level.PROBLEM,
                "python host",
                f"there is no {printable(name)} on PATH, by which Pulumi starts the host",
                "install it, or name the program's environment in Pulumi.yaml as runtime.options.virtualenv",
            )

    def _plugin(self) -> Iterator[Finding]:
        subject = "native plugin"
        listed = _map(self._described.get("plugins")).get("providers")
        entries = [entry for entry in listed or () if isinstance(entry, dict) and entry.get("name") == "rekey"]
        named = next((entry.get("path") for entry in entries), None)
        if isinstance(named, str):
            place = (self._root / named).resolve()
            program = shutil.which(_PLUGIN, path=str(place))
            missing = f"plugins.providers in Pulumi.yaml points to {printable(named)}, where no {_PLUGIN} is"
        else:
            program = self._which(_PLUGIN)
            missing = f"Pulumi.yaml does not say where it is, and no {_PLUGIN} is on PATH"
        if program is None:
            write = "plugins: {providers: [{name: rekey, path: FOLDER}]}"
            yield Finding(Level.PROBLEM, subject, missing, f"write `{write}`, with the folder in which pip has put it")
            return
        yield from self._plugin_version(subject, Path(program))

    def _plugin_version(self, subject: str, program: Path) -> Iterator[Finding]:
        """Compare the plugin's version with that of the program's package: the engine refuses another one."""
        python = shutil.which("python", path=str(program.parent)) or _shebang(program)
        found = None if python is None else _version_in(python)
        where = printable(program)
        package = self._python() if self._language == "python" else None
        wanted = (package and _version_in(package)) or version("pulumi-rekey")
        if found is None:
            yield Finding(
                Level.NOTE, subject, f"{where} is of a version that is not known", "compare it with the package's"
            )
        elif found != wanted:
            what = f"{where} is of pulumi-rekey {printable(found)}, and the package of {printable(wanted)}"
            yield Finding(Level.PROBLEM, subject, what, "install the same version in both places")
        else:
            yield Finding(Level.GOOD, subject, f"{where} is of pulumi-rekey {found}, as the package is")


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shebang(program: Path) -> str | None:
    try:
        first = program.read_bytes()[:512].partition(b"\n")[0].decode(errors="replace")
    except OSError:
        return None
    return first.removeprefix("#!").strip() if first.startswith("#!") and "python" in first else None


def _version_in(python: str) -> str | None:
    """Return the version of pulumi-rekey that is installed for another Python."""
    ask = "import importlib.metadata as found; print(found.version('pulumi-rekey'))"
    try:
        done = subprocess.run(  # noqa: S603 - the project's own Python, by its full path
            [python, "-I", "-c", ask], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
