"""Searches for every secret of all resources in everything that runs leave behind, or show while they last."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.engine import PATIENCE, Stack
from tests.processes import descendants, hosts
from tools.vendors import Sandbox

from .case import IMPORTS, Case, ProgramSpec
from .cases import CASES
from .scenario import holds_secret, of_the_sandbox

#: All that the engine and its processes can be made to say.
LOUD = ("-v=9", "--logtostderr", "--logflow")
PROGRAM_ENVIRONMENT = "environment of the program"
HOST_ENVIRONMENT = "environment of the provider's host"
GIVEN = "Chosen-by-the-user"
CANARY = "c4nary-of-this-test"


class Left:
    """What is left, and what could be seen meanwhile, by where it was found."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.texts: dict[str, bytes] = {}

    def with_a_secret(self, secrets: set[str]) -> set[str]:
        """Where one of them stands in plain text."""
        return {where for where, text in self.texts.items() if holds_secret(text, secrets)}

    @contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Look again and again at what a process has started, and at temporary files, as long as it runs."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.02):
                # What has just gone leaves nothing.
                with suppress(OSError):
                    self._look_at_processes(pid)
                with suppress(OSError):
                    self.add_files(self.temporary)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.add_files(self.temporary)

    def _look_at_processes(self, pid: int) -> None:
        started = list(descendants(pid))
        for process in started:
            self.texts[f"arguments {process.command}"] = process.command.encode()
        for name, some in (
            ("the program", [process for process in started if "pulumi-language-python-exec" in process.command]),
            ("the provider's host", hosts(started)),
        ):
            for process in some:
                # Between fork and exec it is that of whoever starts it.
                if environment := Path(f"/proc/{process.pid}/environ").read_bytes():
                    self.texts[f"environment of {name}"] = environment

    def add_files(self, folder: Path) -> None:
        """Read all files in a folder."""
        for path in folder.rglob("*"):
            # A program holds what the test itself has written into it.
            if path.is_file() and path.name != "__main__.py":
                self.texts[str(path)] = path.read_bytes()


def run(left: Left, stack: Stack, *arguments: str) -> str:
    """A pulumi command; what it prints is kept, too."""
    process = stack.start(*arguments)
    with left.watching(process.pid):
        text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, text
    left.texts[f"printed by {' '.join(arguments)}"] = text.encode()
    return text


def test_leaks_are_in_nothing_that_runs_leave(stack: Stack, sandbox: Sandbox, front_end: str, tmp_path: Path) -> None:
    """Except the program's environment, into which Pulumi itself writes the config with its secrets."""
    left = Left(tmp_path / "temporary")
    left.temporary.mkdir()
    stack.environment["TMPDIR"] = str(left.temporary)
    stack.configure({}, {"given1": f"{GIVEN}1", "given2": f"{GIVEN}2"})
    secrets = of_the_sandbox(sandbox) | {f"{GIVEN}1", f"{GIVEN}2"}
    cases = [case(sandbox) for case in CASES]
    plan = tmp_path / "plan.json"

    def spec(case: Case, number: int) -> ProgramSpec:
        if case.resource == "AppSecret":
            return ProgramSpec(case.resource, more={"secret": f'pulumi.Config().require_secret("given{number}")'})
        return ProgramSpec(case.resource, rotation={"triggers": {"release": number}})

    def up(number: int) -> None:
        """Preview, keep the plan, carry it out."""
        stack.program("\n".join([*IMPORTS, *(case.declaration(spec(case, number)) for case in cases), ""]))
        preview = run(left, stack, "preview", "--diff", "--json", "--save-plan", str(plan))
        assert len(json.loads(preview)["steps"]) >= len(CASES)
        left.texts[f"plan {number}"] = plan.read_bytes()
        events = stack.folder / f"events {number}.json"
        text = run(left, stack, "up", "--yes", "--skip-preview", "--plan", str(plan), *LOUD, "--event-log", str(events))
        # It has been loud.
        assert text.count("\n") > 300
        for case in cases:
            outputs = stack.resource(case.resource)["outputs"]
            found = {outputs[name] for name in case.secrets if outputs.get(name)}
            assert found or not case.secrets
            secrets.update(found)

    up(1)
    first = set(secrets)
    up(2)
    assert len(secrets) >= len(first) + 3
    run(left, stack, "refresh", "--yes", "--skip-preview", *LOUD)
    run(left, stack, "destroy", "--yes", "--skip-preview", *LOUD)
    left.add_files(stack.folder)
    assert {HOST_ENVIRONMENT, PROGRAM_ENVIRONMENT} <= left.texts.keys()
    names = ("pulumi.dynamic", "pulumi-resource-rekey")
    assert any(name in where for name in names for where in left.texts if where.startswith("arguments "))
    assert any("/backups/" in where for where in left.texts)
    # The engine starts a plugin, like a program, with what is configured for it.
    exposed = {PROGRAM_ENVIRONMENT} | ({HOST_ENVIRONMENT} if front_end == "native" else set())
    assert left.with_a_secret(secrets) == exposed


@pytest.mark.parametrize(
    ("program", "words", "where"),
    [
        ("pass", [CANARY], "arguments "),
        ("file = tempfile.NamedTemporaryFile(); file.write(canary); file.flush()", [], "/temporary/"),
        ("file = tempfile.NamedTemporaryFile(delete=False); file.write(canary)", [], "/temporary/"),
    ],
    ids=["an argument", "a file that passes", "a file that stays"],
)
def test_leak_watch_sees_arguments_and_files(tmp_path: Path, program: str, words: list[str], where: str) -> None:
    """The same search finds a secret that was put there."""
    left = Left(tmp_path / "temporary")
    left.temporary.mkdir()
    text = f"import tempfile, time; canary = bytes.fromhex({CANARY.encode().hex()!r}); {program}; time.sleep(0.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {text!r}, *{words!r}], check=True)"
    environment = {"TMPDIR": str(left.temporary)}
    with (
        subprocess.Popen([sys.executable, "-c", parent], env=environment) as process,
        left.watching(process.pid),
    ):
        process.wait()
    found = left.with_a_secret({CANARY})
    assert found
    assert all(where in place for place in found)
