"""The sandbox as a process of its own on a free port, put back to its first state before each test."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest


class Sandbox:
    """A running sandbox, as a test sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False)
        self.credentials: dict[str, dict[str, str]] = self.http.get("/_sandbox/credentials").json()

    def post(self, path: str, json: dict[str, object]) -> dict[str, Any]:
        """The answer of a control endpoint, which must be a good one."""
        answer = self.http.post(path, json=json)
        assert answer.is_success, answer.text
        result: dict[str, Any] = answer.json() if answer.content else {}
        return result

    def advance(self, duration: str) -> None:
        """Let time pass, e.g. "31d"."""
        self.post("/_sandbox/clock", {"advance": duration})

    def dialect(self, **switches: str) -> None:
        """Turn switches; a double underscore stands for the point in their names."""
        self.post("/_sandbox/dialect", {name.replace("__", "."): value for name, value in switches.items()})

    def fault(self, path: str, **rule: object) -> None:
        """Order a fault."""
        self.post("/_sandbox/faults", {"path": path, **rule})

    def calls(self) -> list[dict[str, Any]]:
        """The vendor calls since the test began."""
        calls: list[dict[str, Any]] = self.http.get("/_sandbox/calls").json()
        return calls

    def reset(self) -> None:
        """Back to the first state; ids and credentials stay."""
        self.post("/_sandbox/reset", {})


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """One process for all tests of a session."""
    command = [sys.executable, "-m", "pulumi_rekey.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().strip()
        assert ready.startswith("rekey sandbox ready at http://127.0.0.1:"), ready
        sandbox = Sandbox(ready.rpartition(" ")[2])
        yield sandbox
        sandbox.http.close()
        process.terminate()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The sandbox in its first state."""
    sandbox_process.reset()
    return sandbox_process
