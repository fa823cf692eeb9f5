"""The vendors, as a test sees them: a running sandbox, in a process of its own."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx

PLAIN = {
    "vcd.url": ("vcd", "url"),
    "vcd.org": ("vcd", "org"),
    "broker.url": ("broker", "url"),
    "broker.tenant": ("broker", "tenant"),
    "broker.clientId": ("broker", "client_id"),
    "navigator.url": ("navigator", "url"),
    "navigator.orgId": ("navigator", "org_id"),
    "roma.url": ("roma", "url"),
    "roma.projectId": ("roma", "project_id"),
    "roma.accessKey": ("roma", "access_key"),
}
SECRET = {
    "vcd.apiToken": ("vcd", "api_token"),
    "broker.clientSecret": ("broker", "client_secret"),
    "navigator.apiToken": ("navigator", "api_token"),
    "roma.secretKey": ("roma", "secret_key"),
}


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

    def settings(self) -> tuple[dict[str, str], dict[str, str]]:
        """Stack config that makes this sandbox the four endpoints: what is plain, and what is secret."""
        plain, secret = {"rekey:owner": "4f1c9f8ab6d24d5a9d8e5fc0a3b7e612"}, {}
        for path, (vendor, key) in PLAIN.items():
            plain[f"rekey:endpoints.{path}"] = self.credentials[vendor][key]
        for path, (vendor, key) in SECRET.items():
            secret[f"rekey:endpoints.{path}"] = self.credentials[vendor][key]
        return plain, secret


@contextlib.contextmanager
def running_sandbox(*arguments: str) -> Iterator[Sandbox]:
    """Serve the vendors on a free port of loopback."""
    command = [sys.executable, "-m", "pulumi_rekey.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline().strip()
        assert ready.startswith("rekey sandbox ready at "), ready
        sandbox = Sandbox(ready.rpartition(" ")[2])
        try:
            yield sandbox
        finally:
            sandbox.http.close()
            process.terminate()
