"""docs/interrupted-runs.md, step by step."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine import Stack
from tests.lifecycle.case import Case
from tests.lifecycle.cases import CASES
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tests.lifecycle.scenario import Scenario
from tests.processes import Process, descendants, end, hosts, is_running, send_signal
from tools.vendors import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "interrupted-runs.md").read_text()
#: The commands of its one block, in their order.
CANCEL, UP, CLEAR = re.findall(r"^pulumi .*$", re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0], re.MULTILINE)
FIRST, SECOND = {"triggers": {"release": 1}}, {"triggers": {"release": 2}}


@pytest.fixture
def scenario(stack: Stack, sandbox: Sandbox) -> Scenario:
    return Scenario(OidcRelyingPartyCase(sandbox), stack, sandbox)


def follow(stack: Stack, command: str, *, fails: bool = False) -> str:
    """Run a command of the page."""
    assert command in PAGE
    words = shlex.split(command)[1:]
    return stack.run(*words, *([] if "--yes" in words else ["--yes"]), fails=fails).text


class Held:
    """An `up` that a vendor keeps waiting, and what it has started."""

    def __init__(self, scenario: Scenario, path: str, method: str = "POST") -> None:
        self.sandbox, self.method, self.path = scenario.sandbox, method, re.compile(path)
        scenario.sandbox.fault(path, method=method, latency=4.0)
        self.run = scenario.stack.start("up", "--yes", "--skip-preview")
        while not scenario.sandbox.http.get("/_sandbox/faults").json()[0]["fired"]:
            assert self.run.poll() is None
        self.started: list[Process] = list(descendants(self.run.pid))

    def ended(self) -> subprocess.Popen[str]:
        """The run, once it is over; nothing of it is left, here or at the vendor."""
        self.text, _ = self.run.communicate(timeout=60)
        for process in self.started:
            end(process)
        # What a vendor has begun it finishes, whoever asked for it.
        deadline = time.monotonic() + 60
        while not self.is_answered():
            assert time.monotonic() < deadline
        return self.run

    def is_answered(self) -> bool:
        """Whether the vendor has done what it is kept busy with."""
        calls = self.sandbox.calls()
        return any(call["method"] == self.method and self.path.search(call["path"]) for call in calls)


def test_create_after_engine_was_killed(scenario: Scenario) -> None:
    scenario.write(rotation=FIRST)
    held = Held(scenario, "relyingParties$")
    send_signal(held.run.pid, signal.SIGKILL)
    held.ended()
    assert "the stack is currently locked by 1 lock(s)" in PAGE
    assert "the stack is currently locked by 1 lock(s)" in follow(scenario.stack, UP, fails=True)
    follow(scenario.stack, CANCEL)
    assert "pending operations" in follow(scenario.stack, UP)
    outputs = scenario.outputs()
    assert scenario.case.accepts(outputs)
    assert scenario.case.objects() == {outputs["relying_party_id"]}
    assert "pending operations" in scenario.up("--expect-no-changes").run.text
    follow(scenario.stack, CLEAR)
    assert "pending operations" not in scenario.up("--expect-no-changes").run.text
    assert scenario.outputs() == outputs


def test_host_ends_after_its_engine_was_killed(scenario: Scenario) -> None:
    """By itself, once the vendor has answered what was under way."""
    scenario.up(rotation=FIRST)
    scenario.write(rotation=SECOND)
    held = Held(scenario, "regenerateSecret$")
    (host,) = hosts(held.started)
    send_signal(held.run.pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while is_running(host):
        assert time.monotonic() < deadline, "the host stayed"
    assert held.is_answered()
    held.ended()


def test_rotation_after_ctrl_c_twice(scenario: Scenario) -> None:
    scenario.up(rotation=FIRST)
    scenario.write(rotation=SECOND)
    held = Held(scenario, "regenerateSecret$")
    send_signal(held.run.pid, signal.SIGINT)
    # Some time between the two, as between two keystrokes.
    scenario.sandbox.calls()
    send_signal(held.run.pid, signal.SIGINT)
    held.ended()
    scenario.stack.run(*shlex.split(CANCEL)[1:], fails=None)
    follow(scenario.stack, UP)
    assert scenario.case.accepts(scenario.outputs())


def test_rotation_after_host_was_killed(scenario: Scenario) -> None:
    scenario.up(rotation=FIRST)
    scenario.write(rotation=SECOND)
    held = Held(scenario, "regenerateSecret$")
    for host in hosts(held.started):
        send_signal(host.pid, signal.SIGKILL)
    held.ended()
    assert "error reading from server: EOF" in PAGE
    assert "error reading from server: EOF" in held.text
    follow(scenario.stack, UP)
    assert scenario.case.accepts(scenario.outputs())


def test_lost_answer_within_a_weekly_window_is_healed_by_the_next_daily_run(scenario: Scenario) -> None:
    """By then the window has closed: nothing is due, and the secret in the outputs is not left dead for a week."""
    opens = datetime.now(UTC) + timedelta(days=13)
    window = {"cron": f"0 0 * * {opens:%a}".upper(), "timezone": "UTC", "duration": "48h"}
    scenario.up(rotation={"max_age": "10d", "windows": [window]})
    first = scenario.outputs()
    scenario.advance(14 * 24 * 60)
    scenario.sandbox.fault("/regenerateSecret$", method="POST", drop="after")
    assert "it is not known whether it took effect; the old secret is refused now" in scenario.up(fails=True).error
    assert not scenario.case.accepts(first)
    assert health_of(scenario) == "failing"
    scenario.advance(2 * 24 * 60)
    step = scenario.up()
    assert "the rotation whose answer was lost took effect: the secret before it is refused; the next one" in step.said
    assert scenario.case.accepts(scenario.outputs())
    assert health_of(scenario) == "ok"
    assert scenario.up("--expect-no-changes").calls == ()


def health_of(scenario: Scenario) -> str:
    """What `rekey status` says of it."""
    export = scenario.stack.folder / "export.json"
    export.write_text(json.dumps(scenario.stack.export()))
    rekey = Path(sys.executable).with_name("rekey")
    at = scenario.stack.environment["REKEY_CLOCK_ADVANCE"]
    command = [str(rekey), "status", "--json", "--file", str(export), "--at", at]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ((credential,),) = [stack["credentials"] for stack in json.loads(done.stdout)["stacks"]]
    return str(credential["health"])


def test_create_goes_on_after_a_failed_call(scenario: Scenario) -> None:
    """What is half done outlives a refresh, and is shown by a preview, until the next up goes on from there."""
    scenario.sandbox.fault("relyingParties/[^/]+$", method="PUT", status=503, count=0)
    step = scenario.up(fails=True)
    assert ": 503: " in step.error
    assert "it is not known whether it took effect" in step.error
    assert step.error.endswith("; run again when the vendor has recovered")
    kept = scenario.outputs()
    scenario.sandbox.clear_faults()
    scenario.refresh()
    assert scenario.preview().steps == ["update it"]
    follow(scenario.stack, UP)
    assert scenario.outputs()["client_secret"] == kept["client_secret"]
    assert scenario.case.accepts(kept)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.resource)
def test_delete_after_a_lost_rotation_leaves_no_secret(case: type[Case], stack: Stack, sandbox: Sandbox) -> None:
    """After an answer that was lost: one up, then the destroy."""
    scenario = Scenario(case(sandbox), stack, sandbox)
    scenario.up(rotation=FIRST)
    first = scenario.outputs()
    strangers = scenario.case.objects() - {first[scenario.case.id_output]}
    method, path = case.minting_call()
    sandbox.fault(path, method=method, drop="after", count=0)
    scenario.up(fails=None, rotation=SECOND)
    sandbox.clear_faults()
    scenario.up()
    scenario.outputs()
    scenario.destroy()
    assert not any(scenario.case.knows(credential) for credential in scenario.credentials)
    assert scenario.case.remains or scenario.case.objects() == strangers
