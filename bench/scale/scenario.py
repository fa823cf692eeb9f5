"""Stacks of credentials on one backend: created, left alone, rotated and destroyed, a few at a time."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.__main__ import PROGRAMS
from bench.processes import watching
from tests.engine import STACK, Engine, Run, Stack
from tools.vendors import Sandbox

from .backends import Backend

OPERATIONS: Final = ("create", "no-op", "rotate", "destroy")
#: The scripts of the example of a pipeline.
_PIPELINE: Final = Path(__file__).parents[2] / "examples/gitops/ci"
_LOCK_LATENCY_S: Final = 4


@dataclass(frozen=True)
class Figures:
    """What one operation on all stacks took."""

    operation: str
    seconds: float
    slowest: float
    """Seconds that the slowest stack took."""
    calls: int
    megabytes: float
    """Peak of one stack's processes."""
    state_bytes: int
    """Of all states, as `pulumi stack export` gives them, without its indentation."""


@dataclass(frozen=True)
class Scale:
    """So many stacks of so many credentials, of which some run at the same time."""

    stacks: int
    credentials: int
    at_once: int = 4

    def prepare(self, engine: Engine, sandbox: Sandbox, backend: Backend, folder: Path) -> list[Stack]:
        """Make the stacks, each a project of its own, without credentials so far."""
        return [self._new(engine, sandbox, backend, folder / f"scale-{number}") for number in range(self.stacks)]

    def _new(self, engine: Engine, sandbox: Sandbox, backend: Backend, folder: Path) -> Stack:
        folder.mkdir()
        shutil.copytree(_PIPELINE, folder / "ci")
        (folder / "Pulumi.yaml").write_text(f"name: {folder.name}\nruntime: python\n")
        stack = Stack(engine, folder)
        stack.environment |= backend.environment | {"PULUMI_BACKEND_URL": backend.url}
        stack.run("stack", "init")
        # Every stack declares the same names at one vendor, where a client's name is taken once.
        program = (PROGRAMS / "rekey.py").read_text()
        stack.program(program.replace('f"party {number}"', f'f"{folder.name} party {{number}}"'))
        plain = {"count": str(self.credentials), "release": "create", "rekey:owner": folder.name}
        stack.configure(sandbox.settings() | plain, sandbox.secret_settings())
        return stack

    def measure(self, operation: str, stacks: list[Stack], sandbox: Sandbox) -> Figures:
        """Run one operation on all stacks."""
        sandbox.forget_calls()
        if operation == "rotate":
            for stack in stacks:
                stack.run("config", "set", "release", operation)
        started = time.perf_counter()
        with ThreadPoolExecutor(self.at_once) as pool:
            took = list(pool.map(_timed, stacks, [operation] * len(stacks)))
        seconds = time.perf_counter() - started
        exports = [json.loads(stack.run("stack", "export").text) for stack in stacks]
        state_bytes = sum(len(json.dumps(export, separators=(",", ":"))) for export in exports)
        slowest, megabytes = (max(column) for column in zip(*took, strict=True))
        return Figures(operation, seconds, slowest, len(sandbox.calls()), megabytes, state_bytes)


def second_run(stack: Stack, sandbox: Sandbox) -> Run:
    """A `pulumi up` on a stack that is being created: the locked stack refuses it, and the first run succeeds."""
    sandbox.forget_calls()
    sandbox.fault(".", latency=_LOCK_LATENCY_S, count=0)
    first = stack.start("up", "--yes", "--skip-preview")
    # A vendor is called only while the lock is held.
    while not sandbox.calls() and first.poll() is None:
        time.sleep(0.05)
    second = stack.up(fails=None)
    sandbox.clear_faults()
    text, _ = first.communicate()
    if first.returncode:
        raise RuntimeError(f"the first run failed beside a second:\n{text}")
    return second


def _timed(stack: Stack, operation: str) -> tuple[float, float]:
    """Seconds and peak megabytes of one stack's operation, which must succeed."""
    started = time.perf_counter()
    if operation == "destroy":
        process = stack.start("destroy", "--yes", "--skip-preview")
    else:
        # What a pipeline's job runs for the stack that its matrix names.
        process = stack.start_program("ci/apply", STACK)
    with watching(process.pid) as watch:
        text, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{operation} failed:\n{text}")
    return time.perf_counter() - started, watch.megabytes
