"""The real Pulumi engine, as a test drives it: a stack of its own, in a folder of its own.

Nothing of the user's is touched or read: home, logins, backend, passphrase and environment are the test's. For
example::

    from tests.engine import Stack
    from tools.vendors import Sandbox

    PROGRAM = '''
    import pulumi, pulumi_rekey as rekey
    portal = rekey.OidcRelyingParty("portal", client_name="portal", redirect_uris=["https://portal.example.com/"])
    pulumi.export("secret", portal.client_secret)
    '''

    def test_preview_makes_no_call(stack: Stack, sandbox: Sandbox) -> None:
        stack.program(PROGRAM)
        assert stack.preview().steps == ["create portal"]
        assert sandbox.calls() == []
        run = stack.up()
        assert run.steps == ["create portal"]
        assert stack.outputs()["secret"] not in run.text
        assert stack.resource("portal")["outputs"]["client_name"] == "portal"
        assert stack.up("--expect-no-changes").steps == []
        sandbox.fault("/relyingParties/", method="DELETE", status=503, count=0)
        assert ": 503: " in stack.destroy(fails=True).text
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.engine.install import heed_interrupts, isolated_environment

from .key_service import KEY_URL
from .network import PROXIES
from .state_file import decrypted

PROJECT = "probe"
#: Where the environment has the plugin's script: the engine does not look there by itself.
BIN = Path(sys.executable).parent
STACK = "dev"
#: The entries of Pulumi.yaml that let the native plugin answer.
NATIVE = f"config: {{rekey:frontend: native}}\nplugins: {{providers: [{{name: rekey, path: {BIN}}}]}}\n"
#: What the Python language host asks pip in every command that runs a program, to find plugins that packages need.
_PACKAGES = "-m pip list -v --format json"
PATIENCE = 120  # seconds until a command that hangs is ended, with everything that it started


@dataclass(frozen=True)
class Run:
    """What one command did."""

    exit_code: int
    text: str
    """All that it printed, as the user sees it without a terminal."""
    steps: list[str]
    """What the engine did or, in a preview, means to do, such as `create app`; without what stays the same, the
    stack and the providers. What a refresh found is `refresh-update app` or `refresh-delete app`."""
    seconds: float

    @property
    def tracebacks(self) -> int:
        """How many it printed as it went on.

        Where a resource failed, those of the program are left out, which are chance: the engine interrupts it then,
        wherever it is.
        """
        lines = self.text.partition("\nDiagnostics:")[0].splitlines()
        of_resources = [line for line in lines if "pulumi:pulumi:Stack" not in line]
        failed = any(" error: " in line for line in of_resources)
        return sum("Traceback (most recent" in line for line in (of_resources if failed else lines))


class Engine:
    """The engine's program, home and environment, shared by the stacks of a test session."""

    def __init__(self, home: Path) -> None:
        heed_interrupts()
        self._home = home
        self._secrets_provider: tuple[str, ...] = ()
        self.environment = isolated_environment(home) | {
            **PROXIES,
            "PULUMI_DEBUG_COMMANDS": "true",  # --event-log, from which the steps are read
            # Branches that run in the engine's processes count too.
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        }

    def hasten(self, key_service: Mapping[str, str]) -> "Engine":
        """Leave out what is a third of a short command and concerns no test; measurements do not use it.

        The language host's question what is installed is answered with what pip says now, for this Python only: one
        that a test puts before it on PATH is asked. The key of a stack comes from a key service, found by the given
        environment, instead of a passphrase. The engine collects garbage less often.
        """
        answer, python = self._home / "packages.json", self._home / "python"
        answer.write_bytes(subprocess.check_output([sys.executable, *_PACKAGES.split()], env=self.environment))
        python.write_text(
            "#!/bin/sh\n"
            f'[ "$(command -v python3)" = "{BIN / "python3"}" ] && [ "$*" = "{_PACKAGES}" ] && exec cat "{answer}"\n'
            'exec python3 "$@"\n'
        )
        python.chmod(0o700)
        self.environment |= {"PULUMI_PYTHON_CMD": str(python), "GOGC": "400", **key_service}
        self._secrets_provider = ("--secrets-provider", KEY_URL)
        return self

    def new_stack(self, folder: Path) -> "Stack":
        """An empty stack of the project in a folder, which is made if there is none."""
        stack = Stack(self, folder)
        stack.state.mkdir()
        project = folder / "Pulumi.yaml"
        if not project.exists():
            project.write_text(f"name: {PROJECT}\nruntime: python\n")
        stack.run("stack", "init", *self._secrets_provider)
        return stack


class Stack:
    """A Pulumi project with one stack, in a folder of its own, with its state beside it.

    A command must succeed, or fail where the test says `fails=True`, or may do either where it says `fails=None`;
    otherwise all that it printed is the test's failure.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.state = folder / "state"
        self.events = folder / "events.json"
        self.environment = engine.environment | {"PULUMI_BACKEND_URL": self.state.as_uri()}

    def copy(self, folder: Path) -> "Stack":
        """The same project and stack once more, with config and state; cheaper than a new one."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Stack(self.engine, folder)

    def use_native(self) -> "Stack":
        """Let the native plugin answer for the project's resources, by two entries in Pulumi.yaml."""
        self._project.write_text(self._project.read_text() + NATIVE)
        return self

    def use_dynamic(self) -> "Stack":
        """Take these entries away again."""
        self._project.write_text(self._project.read_text().replace(NATIVE, ""))
        return self

    @property
    def _project(self) -> Path:
        return self.folder / "Pulumi.yaml"

    def program(self, text: str) -> None:
        """Write the program, or put another one in its place."""
        (self.folder / "__main__.py").write_text(text)
        # Python tells a source from the one before by its size and the second in which it was written.
        shutil.rmtree(self.folder / "__pycache__", ignore_errors=True)

    def up(self, *arguments: str, fails: bool | None = False, preview: bool = False) -> Run:
        """`pulumi up`, without the preview before it unless the test wants that too."""
        skip = [] if preview else ["--skip-preview"]
        return self._operate("up", "--yes", *skip, *arguments, fails=fails)

    def preview(self, *arguments: str, fails: bool | None = False) -> Run:
        """`pulumi preview`."""
        return self._operate("preview", *arguments, fails=fails)

    def refresh(self, *arguments: str, fails: bool | None = False) -> Run:
        """`pulumi refresh`."""
        return self._operate("refresh", "--yes", "--skip-preview", *arguments, fails=fails)

    def destroy(self, *arguments: str, fails: bool | None = False) -> Run:
        """`pulumi destroy`."""
        return self._operate("destroy", "--yes", "--skip-preview", *arguments, fails=fails)

    def export(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The state: what `pulumi stack export` prints, or its file, with the secrets in plain text."""
        # Several projects may keep their states beside this one's; another backend than a folder has no such file.
        file = self.state / ".pulumi" / "stacks" / yaml.safe_load(self._project.read_text())["name"] / f"{STACK}.json"
        if show_secrets and file.exists():
            return decrypted(file, self.environment["PULUMI_CONFIG_PASSPHRASE"])
        flags = ["--show-secrets"] if show_secrets else []
        state: dict[str, Any] = json.loads(self.run("stack", "export", *flags).text)
        return state

    def resources(self, *, show_secrets: bool = True) -> dict[str, dict[str, Any]]:
        """The resources in the state by name; their secrets as they are, or encrypted as the state keeps them."""
        found = self.export(show_secrets=show_secrets)["deployment"].get("resources", ())
        return {one["urn"].rpartition("::")[2]: dict(_opened(one)) if show_secrets else one for one in found}

    def resource(self, name: str, *, show_secrets: bool = True) -> dict[str, Any]:
        """One of them."""
        return self.resources(show_secrets=show_secrets)[name]

    def outputs(self, *, show_secrets: bool = True) -> dict[str, Any]:
        """What the program exports: decrypted, or as `pulumi stack output` shows it."""
        if not show_secrets:
            shown: dict[str, Any] = json.loads(self.run("stack", "output", "--json").text)
            return shown
        found = self.export(show_secrets=True)["deployment"].get("resources", ())
        exported = (one.get("outputs", {}) for one in found if one["type"] == "pulumi:pulumi:Stack")
        return dict(_opened(next(exported, {})))

    def configure(self, plain: Mapping[str, str], secret: Mapping[str, str] | None = None) -> None:
        """Set config at the given paths, e.g. `rekey:endpoints.vcd.url`; all in one command."""
        pairs = [("--plaintext", *pair) for pair in plain.items()] + [
            ("--secret", *pair) for pair in (secret or {}).items()
        ]
        words = [word for flag, path, value in pairs for word in (flag, f"{path}={value}")]
        self.run("config", "set-all", "--path", *words)

    def run(self, *arguments: str, fails: bool | None = False) -> Run:
        """Any pulumi command, e.g. `run("cancel", "--yes")`."""
        started = time.monotonic()
        process = self.start(*arguments)
        try:
            text, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
            raise AssertionError(f"pulumi {' '.join(arguments[:2])} hung:\n{text}") from None
        assert fails in {None, process.returncode != 0}, (
            f"pulumi {arguments[0]} ended with {process.returncode}:\n{text}"
        )
        return Run(process.returncode, text, [], time.monotonic() - started)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Any pulumi command, still running and leading a process group, for a test that interferes with it."""
        return self.start_program("pulumi", *arguments, "--non-interactive", "--color", "never", "--stack", STACK)

    def start_program(self, *command: str) -> subprocess.Popen[str]:
        """Any program in the project's folder and environment, such as a pipeline's script; as above."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_noted(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        """Any operation, still running, that writes its log of events where the finished ones do."""
        self.events.unlink(missing_ok=True)
        return self.start(command, *arguments, "--event-log", str(self.events))

    def _operate(self, command: str, *arguments: str, fails: bool | None) -> Run:
        self.events.unlink(missing_ok=True)
        run = self.run(command, *arguments, "--event-log", str(self.events), fails=fails)
        return Run(run.exit_code, run.text, steps(self.events), run.seconds)


def _opened(value: Any) -> Any:
    """A value of an export that shows secrets, without the envelopes around these."""
    match value:
        case {"plaintext": str(secret)}:
            return json.loads(secret)
        case dict():
            return {key: _opened(member) for key, member in value.items()}
        case list():
            return [_opened(member) for member in value]
        case _:
            return value


def steps(events: Path) -> list[str]:
    """The steps in an engine's log of events; where a preview came before an update, the update's alone."""
    found: list[str] = []
    being_read: set[str] = set()
    for line in events.read_text().splitlines() if events.exists() else ():
        event = json.loads(line)
        if "preludeEvent" in event:
            found.clear()
        before, after = event.get("resourcePreEvent"), event.get("resOutputsEvent")
        step = (before or after or {}).get("metadata")
        if not step or step["type"].startswith("pulumi:"):
            continue
        # What a read found is known only after it; every other step is announced.
        if before and step["op"] == "refresh":
            being_read.add(step["urn"])
        elif step["op"] != "same" and (before or step["urn"] in being_read):
            found.append(f"{'' if before else 'refresh-'}{step['op']} {step['urn'].rpartition('::')[2]}")
        if after:
            being_read.discard(step["urn"])
    return found
