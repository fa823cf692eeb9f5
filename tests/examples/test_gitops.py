"""A day in the life of examples/gitops: its own scripts, on a git remote, with the real engine and the sandbox.

`pytest -rP` prints the transcript.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.engine import Engine
from tools.consumers import NavigatorClient, Portal
from tools.vendors import Sandbox

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "gitops"
STACK = "prod"
DR_CALLBACK = "https://dr.portal.example.com/callback"


#: A program that passes a secret on to another stack.
PROGRAM = """
import pulumi
import pulumi_rekey as rekey

pulumi.export("dr", rekey.load("credentials")["portal-dr"].client_secret)
"""


class Repository:
    """The bare remote that everybody clones, and the state that every run shares."""

    def __init__(self, folder: Path, engine: Engine, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.remote = folder / "remote.git"
        state = folder / "state"
        state.mkdir()
        self.environment = engine.environment | {
            "PULUMI_BACKEND_URL": state.as_uri(),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **{f"GIT_{who}_{what}": "dev@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self.runs = 0
        self.begin()

    def begin(self) -> None:
        """What the README says is done once."""
        first = self.folder / "first"
        shutil.copytree(EXAMPLE, first, ignore=shutil.ignore_patterns("__pycache__"))
        # For another stack that reads it.
        (first / "__main__.py").write_text(PROGRAM)
        self.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote), cwd=self.folder)
        self.run("git", "init", "--quiet", "--initial-branch=main", cwd=first)
        self.run("pulumi", "stack", "init", STACK, cwd=first)
        plain = {
            "release": "2026-11",
            "portalHost": "portal.example.com",
            "orgId": self.sandbox.credentials["navigator"]["org_id"],
            "instanceId": self.sandbox.credentials["roma"]["instance_id"],
            "appId": self.sandbox.credentials["roma"]["app_id"],
            "directoryId": self.sandbox.credentials["broker"]["directory_id"],
            "rekey:endpoints.dr-site.kind": "vcd",
            "rekey:endpoints.dr-site.url": self.sandbox.credentials["vcd"]["url"],
            "rekey:endpoints.dr-site.org": self.sandbox.credentials["vcd"]["org"],
        } | {path: value for path, value in self.sandbox.settings().items() if path.split(".")[-1] not in IDENTITIES}
        words = [word for path, value in plain.items() for word in ("--plaintext", f"{path}={value}")]
        self.run("pulumi", "config", "set-all", "--stack", STACK, "--path", *words, cwd=first)
        self.run("pulumi", "config", "set", "--stack", STACK, "--secret", "rekey:owner", cwd=first, stdin="4f1c" * 8)
        self.run("git", "add", ".", cwd=first)
        self.run("git", "commit", "--quiet", "-m", "Credentials of production", cwd=first)
        self.run("git", "push", "--quiet", str(self.remote), "main", cwd=first)

    def clone(self, branch: str = "main") -> Path:
        """A fresh checkout, as every job of a pipeline has it."""
        self.runs += 1
        folder = self.folder / f"checkout-{self.runs}"
        self.run("git", "clone", "--quiet", "--branch", branch, str(self.remote), str(folder), cwd=self.folder)
        return folder

    def propose(self, branch: str, change: Callable[[Path], None]) -> None:
        """Push a branch with a change of a file's text."""
        folder = self.clone()
        self.run("git", "switch", "--quiet", "-c", branch, cwd=folder)
        change(folder)
        self.run("git", "commit", "--quiet", "-am", branch, cwd=folder)
        self.run("git", "push", "--quiet", "origin", branch, cwd=folder)

    def merge(self, branch: str) -> None:
        """Merge a branch into main."""
        folder = self.clone()
        self.run("git", "merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", f"origin/{branch}", cwd=folder)
        self.run("git", "push", "--quiet", "origin", "main", cwd=folder)

    def job(self, script: str, branch: str = "main", *, fails: bool = False, credentials: bool = True) -> str:
        """Run one of the example's scripts in a fresh checkout, with the vendors' credentials or without any."""
        folder = self.clone(branch)
        return self.run(f"ci/{script}", STACK, cwd=folder, fails=fails, **(self.credentials() if credentials else {}))

    def credentials(self) -> dict[str, str]:
        """The secrets of the jobs that may change something."""
        known = self.sandbox.credentials
        return {
            "VCD_API_TOKEN": known["vcd"]["api_token"],
            "DR_SITE_VCD_API_TOKEN": known["vcd"]["api_token"],
            "BROKER_CLIENT_ID": known["broker"]["client_id"],
            "BROKER_CLIENT_SECRET": known["broker"]["client_secret"],
            "CPN_API_TOKEN": known["navigator"]["api_token"],
            "HW_ACCESS_KEY": known["roma"]["access_key"],
            "HW_SECRET_KEY": known["roma"]["secret_key"],
        }

    def run(self, *command: str, cwd: Path, fails: bool = False, stdin: str | None = None, **environment: str) -> str:
        """Run a command, show it, and return what it prints."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.environment | environment,
            input=stdin if stdin is not None else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        sys.stdout.write(f"$ {' '.join(command)}\n{done.stdout}\n")
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def exported(self) -> str:
        """What another stack reads."""
        command = ["pulumi", "stack", "output", "dr", "--stack", STACK, "--show-secrets"]
        folder = self.folder / "first"
        done = subprocess.run(command, cwd=folder, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def state(self) -> str:
        """The state as whoever may decrypt it sees it, such as a preview's role."""
        command = ["pulumi", "stack", "export", "--stack", STACK, "--show-secrets"]
        folder = self.folder / "first"
        return subprocess.run(
            command, cwd=folder, env=self.environment, capture_output=True, text=True, check=True
        ).stdout

    def credentials_in(self, text: str) -> list[str]:
        """Which of the vendors' secrets stand in a text."""
        return [name for name, value in self.credentials().items() if name not in IDENTIFY and value in text]

    def outputs(self, name: str) -> dict[str, str]:
        """A credential's outputs, as consumers get them; nobody else sees them."""
        resources = json.loads(self.state())["deployment"]["resources"]
        outputs = next(resource["outputs"] for resource in resources if resource["urn"].endswith(f"::{name}"))
        return {key: value for key, value in outputs.items() if isinstance(value, str)} | {
            key: json.loads(value["plaintext"])
            for key, value in outputs.items()
            if isinstance(value, dict) and "plaintext" in value
        }

    def change_by_hand(self, client_id: str, redirect_uri: str) -> None:
        """Somebody signs in to Cloud Director and changes where a relying party's users are sent back to."""
        http, vcd = self.sandbox.http, self.sandbox.credentials["vcd"]
        accept = {"Accept": "application/json;version=37.2"}
        user = (f"{vcd['user']}@{vcd['org']}", vcd["password"])
        session = http.post("/cloudapi/1.0.0/sessions/provider", headers=accept, auth=user)
        headers = accept | {"Authorization": f"Bearer {session.headers['X-VMWARE-VCLOUD-ACCESS-TOKEN']}"}
        address = "/cloudapi/1.0.0/openIdProvider/relyingParties"
        parties = http.get(address, headers=headers, params={"pageSize": 128}).json()["values"]
        party = next(party for party in parties if party["clientId"] == client_id)
        changed = {"clientName": party["clientName"], "redirectUris": [redirect_uri]}
        http.put(f"{address}/{party['id']}", headers=headers, json=changed).raise_for_status()


#: Those that are no secret, under the names that the jobs have.
IDENTIFY = {"BROKER_CLIENT_ID", "HW_ACCESS_KEY"}
#: Parts of credentials that are not secret; the jobs have them beside the secret part.
IDENTITIES = {"clientId", "accessKey"}


@pytest.fixture
def repository(tmp_path: Path, engine: Engine, sandbox: Sandbox) -> Repository:
    return Repository(tmp_path, engine, sandbox)


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    """A change of one file."""

    def change(folder: Path) -> None:
        path = folder / "credentials" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def in_the_window_after(days: int) -> str:
    """How long from now it is until that many days have passed and a nightly run meets the example's window."""
    zone, now = ZoneInfo("Europe/Sofia"), datetime.now(UTC)
    moment = (now.astimezone(zone) + timedelta(days=days)).replace(hour=3)
    while (moment.month, moment.day) >= (12, 20) or (moment.month, moment.day) <= (1, 5):
        moment += timedelta(days=1)
    return f"{int((moment - now).total_seconds())}s"


def test_gitops_pipeline_over_a_day(repository: Repository) -> None:
    sandbox = repository.sandbox
    first = repository.job("apply")
    assert "create" in first
    # Whoever may decrypt the state, as a preview may, has no credential of a vendor by it.
    assert repository.credentials_in(repository.state()) == []
    secrets = {repository.outputs("billing")["secret"], repository.outputs("portal-blue")["client_secret"]}

    # A pull request with a mistake: every line of it is named, and nothing is asked.
    repository.propose("mistake", replaced("billing.yaml", "display_name", "displayName"))
    refused = repository.job("preview", "mistake", fails=True, credentials=False)
    assert "credentials/billing.yaml:6:3: spec.displayName: unknown key (did you mean display_name?)" in refused

    # A good one: the preview says why, without a credential and without a call.
    repository.propose(
        "leak", replaced("dr-site.yaml", "spec:\n", "spec:\n  rotation: {rotate_now: INC-4711 leaked}\n")
    )
    sandbox.forget_calls()
    preview = repository.job("preview", "leak", credentials=False)
    assert "rotates: rotate_now: INC-4711 leaked" in preview
    assert sandbox.calls() == []

    # Merged: that one rotates and nothing else does.
    before = repository.outputs("portal-dr")["client_secret"]
    repository.merge("leak")
    # While the vendor fails, another stack reads the secret that still works, and never the engine's "unknown".
    sandbox.fault("/regenerateSecret$", method="POST", status=503, count=0)
    failed = repository.job("apply", fails=True)
    assert repository.exported() == repository.outputs("portal-dr")["client_secret"] == before
    sandbox.clear_faults()
    repository.job("apply")
    after = repository.outputs("portal-dr")
    assert after["client_secret"] != before
    assert repository.exported() == after["client_secret"]
    assert after["rotation_reason"] == "rotate_now: INC-4711 leaked"
    assert {repository.outputs("billing")["secret"], repository.outputs("portal-blue")["client_secret"]} == secrets
    repository.job("drift")

    # A quarter later the nightly run rotates what is due, and consumers get in with the new secrets.
    later = in_the_window_after(91)
    sandbox.advance(later)
    repository.environment["REKEY_CLOCK_ADVANCE"] = later
    old = repository.outputs("billing")
    nightly = repository.job("apply")
    assert "max_age" in nightly
    new = repository.outputs("billing")
    navigator = NavigatorClient(sandbox.http, sandbox.credentials["navigator"]["org_id"])
    assert new["secret"] != old["secret"]
    assert navigator.logs_in(new["oauth_app_id"], new["secret"])
    assert navigator.logs_in(new["oauth_app_id"], old["secret"]), "it has a grace of a day"
    dr = repository.outputs("portal-dr")
    vcd = sandbox.credentials["vcd"]
    portal = Portal(sandbox.http, dr["client_id"], DR_CALLBACK, vcd["user"], vcd["password"])
    assert portal.signs_in(dr["client_secret"])
    assert not portal.signs_in(after["client_secret"])

    # Somebody changes something by hand, which the drift job finds.
    repository.change_by_hand(dr["client_id"], "https://elsewhere.example.net")
    drift = repository.job("drift", fails=True)
    assert "https://elsewhere.example.net" in drift

    report = repository.run("rekey", "report", "--stack", STACK, cwd=repository.clone())
    assert "portal-dr" in report
    printed = first + refused + preview + failed + nightly + drift + report
    assert not any(
        secret in printed for secret in (*secrets, after["client_secret"], new["secret"], dr["client_secret"])
    )
