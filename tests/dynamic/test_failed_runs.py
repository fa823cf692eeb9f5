"""What stack outputs are after a failed run, for those who read them: docs/pipeline.md, executed."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "pipeline.md").read_text()
SECTION = PAGE.partition("## Outputs after a failed run")[2].partition("\n## ")[0]
(SCRIPT,) = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
#: What Pulumi writes for a value that it does not know.
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
PROGRAM = """
import pulumi
import pulumi_rekey as rekey


def party(name, after=()):
    policy = rekey.Rotation(triggers={"release": RELEASE})
    uris = [f"https://{name}.example.com/"]
    opts = pulumi.ResourceOptions(depends_on=after)
    return rekey.OidcRelyingParty(name, client_name=name, redirect_uris=uris, rotation=policy, opts=opts)


parties = [party(name) for name in NAMES]
for name, one in zip(NAMES, parties):
    pulumi.export(name, one.client_secret)
pulumi.export("both", pulumi.Output.all(*[one.client_secret for one in parties[:2]]).apply("|".join))
"""
READER = """
import pulumi

credentials = pulumi.StackReference("organization/probe/dev")
for name in ("bad", "good"):
    pulumi.export(name, credentials.METHOD(name))
"""


def write(stack: Stack, release: int, *names: str) -> None:
    stack.program(PROGRAM.replace("RELEASE", str(release)).replace("NAMES", repr(names)))


def in_state(stack: Stack) -> dict[str, str]:
    """The secrets in the outputs of the resources themselves."""
    kept = stack.resources()
    return {name: kept[name]["outputs"]["client_secret"] for name in ("bad", "good")}


@pytest.fixture
def failing(stack: Stack, sandbox: Sandbox) -> Stack:
    """A program whose next run rotates two secrets and creates a third; the vendor fails at two of these."""
    stack.run("stack", "select")
    write(stack, 1, "bad", "good")
    stack.up()
    bad = stack.resource("bad")["outputs"]["relying_party_id"].rpartition(":")[2]
    sandbox.fault(f"{bad}/regenerateSecret$", method="POST", status=503, count=0)
    write(stack, 2, "bad", "good", "new")
    sandbox.fault("relyingParties$", method="POST", status=503, count=0)
    return stack


@pytest.fixture
def reader(failing: Stack, tmp_path: Path) -> Stack:
    """Another stack, which has read the outputs before."""
    reader = Stack(failing.engine, tmp_path / "reader")
    reader.folder.mkdir()
    reader.environment = dict(failing.environment)
    (reader.folder / "Pulumi.yaml").write_text("name: reader\nruntime: python\n")
    reader.run("stack", "init")
    read_by(reader, "require_output")
    reader.up()
    return reader


def read_by(reader: Stack, method: str) -> None:
    reader.program(READER.replace("METHOD", method))


def test_outputs_of_what_failed_are_no_secrets_with_continue_on_error(failing: Stack, reader: Stack) -> None:
    before = failing.outputs()
    failing.up("--continue-on-error", fails=True)
    after = failing.outputs()
    kept = in_state(failing)
    assert (kept["bad"], kept["good"]) == (before["bad"], after["good"])
    assert before["good"] != after["good"]
    assert (after["bad"], after["both"], after["new"]) == (UNKNOWN_TEXT,) * 3
    assert UNKNOWN_TEXT in SECTION
    assert UNKNOWN_TEXT in failing.run("stack", "output", "bad").text
    # Whoever requires it stops, and keeps what it had.
    assert "KeyError: 'bad'" in reader.up(fails=True).text
    read_by(reader, "get_output")
    reader.up()
    assert reader.outputs() == {"good": after["good"]}


def test_outputs_without_continue_on_error_are_those_of_the_run_before(failing: Stack) -> None:
    """Even of what has rotated, whose old secret is dead."""
    before = failing.outputs()
    good_first = PROGRAM.replace(
        "[party(name) for name in NAMES]", "[party('good')]\nparties = [*parties, party('bad', parties)]"
    )
    failing.program(good_first.replace("RELEASE", "2").replace("NAMES", "['good', 'bad']"))
    failing.up(fails=True)
    assert failing.outputs() == before
    kept = in_state(failing)
    assert (kept["bad"] == before["bad"], kept["good"] == before["good"]) == (True, False)


@pytest.mark.parametrize("flag", ["--continue-on-error", ""], ids=["continued", "stopped"])
def test_outputs_after_the_pages_script_are_those_of_the_state(
    failing: Stack, reader: Stack, sandbox: Sandbox, flag: str
) -> None:
    script = SCRIPT.replace(" --continue-on-error", f" {flag}".rstrip())
    done = sh(script, failing)
    assert done.returncode == 1, done.stdout
    after: dict[str, Any] = failing.outputs()
    kept = in_state(failing)
    assert {name: after[name] for name in kept} == kept
    assert after["both"] == f"{kept['bad']}|{kept['good']}"
    # What was never created has no value yet.
    assert after["new"] == UNKNOWN_TEXT
    reader.up()
    assert reader.outputs() == kept
    # The second command asks no vendor for anything, and leaves what is due to the next run.
    sandbox.clear_faults()
    assert sh(script, failing).returncode == 0
    healed = failing.outputs()
    assert healed["bad"] != after["bad"]
    assert UNKNOWN_TEXT not in healed.values()


def sh(script: str, stack: Stack) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-eu", "-c", script, "rotate.sh", "dev"],
        cwd=stack.folder,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
