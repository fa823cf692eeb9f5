"""The harness of the commands' tests: exports that the real engine has written, and `rekey` as it is installed.

`exports` holds files that `pulumi stack export` wrote, made once for all tests of a worker; `rekey` runs the program in
an empty folder without a terminal, and fails where it prints a traceback. A whole test::

    def test_due_lists_an_expired_token(rekey: Rekey, exports: Exports) -> None:
        # 250 days after the stack was created, seen by the command as 250 days from now:
        ended = rekey("due", "--json", "--file", exports.fresh, "--at", "250d")
        assert ended.code == 12
        assert ended.err == ""
        scim = credentials(json.loads(ended.out))["scim"]
        assert scim["health"] == "expired"
        assert scim["why"].startswith("expired 20")

What no engine writes, a test writes itself, beginning with something that one did::

    def test_status_of_a_negative_generation(rekey: Rekey, exports: Exports) -> None:
        found = json.loads(exports.fresh.read_text())
        for resource in found["deployment"]["resources"]:
            resource.get("outputs", {})["generation"] = -1
        ended = rekey("status", "--file", "-", stdin=json.dumps(found).encode())
        assert ended.code == 0
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

PROGRAM = """
import pulumi, pulumi_rekey as rekey
config = pulumi.Config()
now = config.get("now")
rekey.AppSecret("orders", instance_id=config.require("instanceId"), app_id=config.require("appId"),
    rotation=rekey.Rotation(max_age="90d", triggers={"release": pulumi.Output.secret("release-1c7f")},
        windows=[rekey.Window(cron="0 2 * * SUN", timezone="Europe/Sofia", duration="4h")]))
rekey.OidcRelyingParty("portal", client_name="Portal", redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(paused=True))
rekey.SyncClientCredentials("scim", directory_id=config.require("directoryId"), generate_token=True,
    rotation=rekey.Rotation(on_adopt="rotate", freeze=["2026-12-20/2027-01-05"]))
rekey.OrgOAuthApp("billing", org_id=config.require("orgId"), display_name="Billing",
    rotation=rekey.Rotation(max_age="30d", grace="2d", rotate_now=now))
if now:
    rekey.OpenIdProviderKey("signing", algorithm="EC")
"""
LINKED = """
import pulumi, pulumi_rekey as rekey
config = pulumi.Config()
org = config.require("orgId")
generated = rekey.GeneratedSecret("mailer-secret", vendor="navigator", rotation=rekey.Rotation(max_age="60d"))
rekey.OrgOAuthApp("mailer", org_id=org, display_name="Mailer", secret=generated.secret)
rekey.OrgOAuthApp("legacy", org_id=org, display_name="Legacy", secret=config.require_secret("given"))
rekey.Pair("portal", lambda side, its: rekey.OidcRelyingParty(client_name=f"portal {side}",
    redirect_uris=["https://portal.example.com/callback"], **its), every="30d")
rekey.OidcRelyingParty("masked", client_name=pulumi.Output.secret("Masked"),
    redirect_uris=pulumi.Output.secret(["https://masked.example.com/callback"]),
    rotation=rekey.Rotation(max_age="90d"))
rekey.SyncClientCredentials("hidden", directory_id=config.require_secret("directoryId"),
    rotation=rekey.Rotation(on_adopt="keep"))
"""
FOREIGN = """
import pulumi
class Shop(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Shop", name)
Shop("shop")
"""
REASON = "INC-4711 <b>leaked</b> | in a log"


@dataclass(frozen=True)
class Exports:
    """Files that `pulumi stack export` has written."""

    folder: Path
    #: Everything that is secret in them.
    secrets: frozenset[str]
    stack: Stack
    linked_stack: Stack

    @property
    def fresh(self) -> Path:
        """Four credentials, as they were created."""
        return self.folder / "fresh.json"

    @property
    def rotated(self) -> Path:
        """The OAuth app has rotated with a grace, and the creation of a signing key went half the way."""
        return self.folder / "rotated.json"

    @property
    def shown(self) -> Path:
        """The same with all secrets in plain text, as somebody may have asked for."""
        return self.folder / "shown.json"

    @property
    def linked(self) -> Path:
        """An app fed by a GeneratedSecret, one whose secret is given, a pair, and two with secret settings."""
        return self.folder / "linked.json"

    @property
    def foreign(self) -> Path:
        """A stack that has nothing of rekey's."""
        return self.folder / "foreign.json"

    @property
    def empty(self) -> Path:
        """A stack without any resource."""
        return self.folder / "empty.json"


@pytest.fixture(scope="session")
def exports(
    _configured_stack: Stack,
    _empty_stack: Stack,
    sandbox_process: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Exports:
    """Made once for all tests of a worker; nobody may change them."""
    sandbox_process.reset()
    folder = tmp_path_factory.mktemp("exports")
    vendors = sandbox_process.credentials
    stack = _configured_stack.copy(folder / "stack")
    stack.configure(
        {
            "instanceId": vendors["roma"]["instance_id"],
            "appId": vendors["roma"]["app_id"],
            "directoryId": vendors["broker"]["directory_id"],
            "orgId": vendors["navigator"]["org_id"],
        }
    )
    stack.program(PROGRAM)
    stack.up()
    _write(folder / "fresh.json", stack.export())
    sandbox_process.fault("/openIdProvider$", method="PUT", status=403, count=0)
    stack.configure({"now": REASON})
    stack.up("--continue-on-error", fails=True)
    _write(folder / "rotated.json", stack.export())
    shown = stack.export(show_secrets=True)
    _write(folder / "shown.json", shown)
    linked = _configured_stack.copy(folder / "linked")
    linked.configure(
        {"orgId": vendors["navigator"]["org_id"]},
        {"given": "Given-by-a-user-1", "directoryId": vendors["broker"]["directory_id"]},
    )
    linked.program(LINKED)
    linked.up()
    _write(folder / "linked.json", linked.export())
    other = _empty_stack.copy(folder / "other")
    _write(folder / "empty.json", other.export())
    other.program(FOREIGN)
    other.up()
    _write(folder / "foreign.json", other.export())
    return Exports(folder, frozenset(_secrets(shown)), stack, linked)


def credentials(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The credentials in what `--json` prints, by name."""
    return {found["name"]: found for stack in document["stacks"] for found in stack["credentials"]}


def _write(file: Path, export: dict[str, Any]) -> None:
    file.write_text(json.dumps(export))


def _secrets(value: Any) -> list[str]:
    match value:
        case {"plaintext": str(text)}:
            return [str(json.loads(text))]
        case dict():
            return [found for member in value.values() for found in _secrets(member)]
        case list():
            return [found for member in value for found in _secrets(member)]
        case _:
            return []


@dataclass(frozen=True)
class Ended:
    """How the program ended, and what it said."""

    code: int
    out: str
    err: str


Rekey = Callable[..., Ended]


@pytest.fixture
def rekey(tmp_path: Path) -> Rekey:
    """Run `rekey`, by default in an empty folder and without a terminal."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", cwd: Path = tmp_path, env: dict[str, str] | None = None
    ) -> Ended:
        program = Path(sys.executable).with_name("rekey")
        done = subprocess.run(
            [program, *arguments], input=stdin, cwd=cwd, env=env or os.environ, capture_output=True, check=False
        )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in ended.out + ended.err, ended
        return ended

    return run
