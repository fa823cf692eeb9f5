"""The acceptance of live systems, tried on a sandbox behind TLS of a private CA, with other habits than the usual."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import APP, BEGIN, CA_BUNDLE, DIRECTORY, INSTANCE, ORG, accept
from tests.endpoints.test_session_connection import Authority, authority
from tests.lifecycle.scenario import of_the_sandbox
from tools.vendors import Sandbox, running_sandbox

__all__ = ["authority"]

#: What systems may do by their pages, and this project's sandbox does not by default.
HABITS = {
    "vcd__register": "201",
    "vcd__changes": "tasks",
    "vcd__client_secret": "absent",
    "vcd__private_key": "masked",
    "vcd__key_update": "needs-private-key",
    "broker__dialect": "omnissa",
    "broker__omnissa_error_body": "empty",
    "navigator__missing_app": "404",
    "navigator__error_body": "empty",
    "roma__auth_failure": "401",
}


@pytest.fixture
def live(authority: Authority) -> Iterator[Sandbox]:
    """A system that this machine knows by its CA only."""
    authority.server()
    certificate = str(authority.folder / "127.0.0.1 1.pem")
    trusted = ssl.create_default_context(cafile=authority.bundle)
    with running_sandbox("--tls-certificate", certificate, "--tls-key", certificate, trusted=trusted) as sandbox:
        sandbox.dialect(**HABITS)
        yield sandbox


def environment(sandbox: Sandbox, bundle: str) -> dict[str, str]:
    known = sandbox.credentials
    return {
        "VCD_URL": known["vcd"]["url"],
        "VCD_USER": known["vcd"]["user"],
        "VCD_PASSWORD": known["vcd"]["password"],
        "BROKER_URL": known["broker"]["url"],
        "BROKER_DIALECT": "omnissa",
        "BROKER_CLIENT_ID": known["broker"]["client_id"],
        "BROKER_CLIENT_SECRET": known["broker"]["client_secret"],
        "CPN_URL": known["navigator"]["url"],
        "CPN_ORG_ID": known["navigator"]["org_id"],
        "CPN_CLIENT_ID": known["navigator"]["client_id"],
        "CPN_CLIENT_SECRET": known["navigator"]["client_secret"],
        "ROMA_ENDPOINT": known["roma"]["url"],
        "HW_AUTH_URL": known["roma"]["iam_url"],
        "HW_USER_NAME": known["roma"]["user_name"],
        "HW_PASSWORD": known["roma"]["password"],
        "HW_DOMAIN_NAME": known["roma"]["domain_name"],
        "HW_PROJECT_ID": known["roma"]["project_id"],
        DIRECTORY: known["broker"]["directory_id"],
        ORG: known["navigator"]["org_id"],
        INSTANCE: known["roma"]["instance_id"],
        APP: known["roma"]["app_id"],
        CA_BUNDLE: bundle,
    }


def test_acceptance_of_all_resources(live: Sandbox, authority: Authority, tmp_path: Path) -> None:
    said: list[str] = []
    assert accept(environment(live, authority.bundle), tmp_path / "acceptance", said.append), said
    assert sum("rotated, and accepted" in line for line in said) == 5
    assert sum("the secret before is refused" in line for line in said) == 4
    assert not any(secret in line for line in said for secret in of_the_sandbox(live))
    assert not (tmp_path / "acceptance").exists()


def test_acceptance_that_fails_says_so_and_removes_what_it_made(
    live: Sandbox,
    authority: Authority,
    tmp_path: Path,
) -> None:
    only = {
        name: value
        for name, value in environment(live, authority.bundle).items()
        if name.startswith(("VCD", CA_BUNDLE))
    }
    live.fault("/regenerateSecret$", status=400, count=0)
    said: list[str] = []
    assert not accept(only, tmp_path / "acceptance", said.append)
    assert "FAILED" in said[-1]
    assert not (tmp_path / "acceptance").exists()
    live.fault("/relyingParties/", method="DELETE", status=400, count=0)
    assert not accept(only, tmp_path / "acceptance", said.append)
    assert said[-1].startswith("NOT ALL IS REMOVED")
    assert (tmp_path / "acceptance").exists()


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({}, "the environment names no system"),
        ({"VCD_URL": "https://vcd.example.com"}, f"nothing was done: set {BEGIN}=yes to begin"),
    ],
)
def test_acceptance_does_nothing_unasked(named: dict[str, str], says: str) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("VCD_", "REKEY_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance"], env=plain | named, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert says in done.stdout
