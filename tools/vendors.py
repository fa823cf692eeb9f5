"""A running sandbox, in a process of its own, for the tests and the demonstration."""

import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx

#: Where an endpoint's settings in stack config are found among the sandbox's credentials.
SETTINGS = {
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
SECRET_SETTINGS = {
    "vcd.apiToken": ("vcd", "api_token"),
    "broker.clientSecret": ("broker", "client_secret"),
    "navigator.apiToken": ("navigator", "api_token"),
    "roma.secretKey": ("roma", "secret_key"),
}


class Sandbox:
    """The vendors, as somebody outside sees them."""

    def __init__(self, url: str, trusted: ssl.SSLContext | None = None) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, verify=trusted or True)
        self.credentials: dict[str, dict[str, str]] = self.http.get("/_sandbox/credentials").json()

    def settings(self) -> dict[str, str]:
        """Stack config, without what is secret, that makes this sandbox the four endpoints."""
        return {f"rekey:endpoints.{path}": self.credentials[vendor][key] for path, (vendor, key) in SETTINGS.items()}

    def secret_settings(self) -> dict[str, str]:
        """The secret part of that config."""
        found = SECRET_SETTINGS.items()
        return {f"rekey:endpoints.{path}": self.credentials[vendor][key] for path, (vendor, key) in found}

    def endpoint(self, vendor: str, account: str = "") -> dict[str, str]:
        """One endpoint's settings, its credentials included; as another account, such as "weak", where there is one."""
        paths = (SETTINGS | SECRET_SETTINGS).items()
        known = self.credentials[vendor]
        mine = [(path.partition(".")[2], key) for path, (of, key) in paths if of == vendor]
        return {setting: known.get(f"{account}_{key}", known[key]) for setting, key in mine}

    def speaks(self, switch: str) -> str:
        """How a switch is turned, such as "omnissa" of `broker.dialect`."""
        turned: dict[str, str] = self.http.get("/_sandbox/dialect").raise_for_status().json()
        return turned[switch]

    def clear_faults(self) -> None:
        """End all faults."""
        self.http.delete("/_sandbox/faults").raise_for_status()

    def post(self, path: str, json: dict[str, object]) -> dict[str, Any]:
        """The answer of a control endpoint, which must be a good one."""
        answer = self.http.post(path, json=json)
        if not answer.is_success:
            raise ValueError(f"{path}: {answer.text}")
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

    def throttle(self, **limit: object) -> None:
        """Answer 429 beyond a limit, `in_flight` or `rate` a second; without one, lift it."""
        self.post("/_sandbox/throttle", limit)

    def calls(self) -> list[dict[str, Any]]:
        """The vendor calls since the last reset."""
        calls: list[dict[str, Any]] = self.http.get("/_sandbox/calls").json()
        return calls

    def forget_calls(self) -> None:
        """Start the list of calls anew."""
        self.http.delete("/_sandbox/calls").raise_for_status()

    def reset(self) -> None:
        """Back to the first state; ids and credentials stay."""
        self.post("/_sandbox/reset", {})


@contextlib.contextmanager
def running_sandbox(*arguments: str, trusted: ssl.SSLContext | None = None) -> Iterator[Sandbox]:
    """Serve the vendors on a free port of loopback; where that is HTTPS, `trusted` knows the certificate."""
    command = [sys.executable, "-m", "pulumi_rekey.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = process.stdout.readline().strip() if process.stdout else ""
            if not ready.startswith("rekey sandbox ready at "):
                raise RuntimeError(f"the sandbox did not start: {ready}")
            sandbox = Sandbox(ready.rpartition(" ")[2], trusted)
            with contextlib.closing(sandbox.http):
                yield sandbox
        finally:
            process.terminate()
