"""A Pair through the real engine: what consumers hold is accepted until they have read the next one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine import Stack
from tools.administrators import CloudDirector
from tools.vendors import Sandbox

PROGRAM = """
import pulumi
import pulumi_rekey as rekey

URI = "https://portal.example.com/callback"
pair = rekey.Pair(
    "portal",
    lambda side, its: rekey.OidcRelyingParty(client_name=f"portal {side}", redirect_uris=[URI], **its),
    every="30d",
)
pulumi.export("current", pair.current)
pulumi.export("previous", pair.previous)
"""
MISSPELT = (
    PROGRAM
    + """
pulumi.export("secret", pair.current{access})
"""
)
REFUSED = """
import pulumi_rekey as rekey

rekey.Pair("keys", lambda side, its: rekey.OpenIdProviderKey(**its), every="30d")
"""


def accepted(sandbox: Sandbox, party: dict[str, str]) -> bool:
    """Tell whether a user gets in at a portal with this client id and secret."""
    return CloudDirector(sandbox).portal(party["client_id"]).signs_in(party["client_secret"])


def test_pair_sides_take_turns_and_both_secrets_work(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(PROGRAM)
    assert sorted(step for step in stack.up().steps if "Party" not in step)
    before = stack.outputs()
    assert accepted(sandbox, before["current"])
    assert accepted(sandbox, before["previous"])
    rotations = 0
    for days in range(10, 100, 10):
        stack.environment = stack.environment | {"REKEY_CLOCK_ADVANCE": f"{days}d"}
        sandbox.advance("10d")
        run = stack.up()
        assert len([step for step in run.steps if step.startswith("update")]) <= 1
        now = stack.outputs()
        assert accepted(sandbox, now["current"])
        assert accepted(sandbox, now["previous"])
        if now["current"] != before["current"]:
            rotations += 1
            # What was current is previous now, and unchanged; a consumer has a whole period to follow.
            if now["current"]["client_id"] != before["current"]["client_id"]:
                assert now["previous"]["client_secret"] == before["current"]["client_secret"]
        before = now
    assert rotations == 3
    text = str(stack.export())
    assert before["current"]["client_secret"] not in text
    assert before["previous"]["client_secret"] not in text


def test_pair_of_signing_keys_is_refused_with_the_reason(stack: Stack) -> None:
    stack.program(REFUSED)
    assert "no Pair of these: a signing key keeps its predecessor published by itself" in stack.up(fails=True).text


class Consumer:
    """Reads `current` in every run that comes to its end, and holds it until the next one."""

    def __init__(self, stack: Stack, sandbox: Sandbox) -> None:
        self.stack, self.sandbox = stack, sandbox
        self.day = 0
        self.held: dict[str, Any] = {}
        self.handed_over = 0

    def up(self, days: int, *arguments: str, fails: bool | None = False) -> str:
        """Run so many days later."""
        if days:
            self.sandbox.advance(f"{days}d")
        self.day += days
        self.stack.environment = self.stack.environment | {"REKEY_CLOCK_ADVANCE": f"{self.day}d"}
        run = self.stack.up(*arguments, fails=fails)
        assert not self.held or accepted(self.sandbox, self.held), (
            f"ended while it was held, on day {self.day}:\n{run.text}"
        )
        if run.exit_code == 0 and "--target" not in arguments:
            now = self.stack.outputs()["current"]
            self.handed_over += now["client_id"] != self.held.get("client_id", now["client_id"])
            self.held = now
            assert accepted(self.sandbox, now)
        return run.text


@pytest.mark.parametrize("created_on", [0, 30])
def test_pair_never_ends_what_a_consumer_holds(stack: Stack, sandbox: Sandbox, created_on: int) -> None:
    """Created in a blue slot and in a green one; slots are missed, runs fail, and a side is left out."""
    stack.program(PROGRAM)
    consumer = Consumer(stack, sandbox)
    consumer.up(created_on)
    for days in (10, 15, 31, 1, 9, 2, 60):
        consumer.up(days)
    # A slot is missed, so that the side that consumers hold is due.
    consumer.up(8)
    sandbox.fault("/regenerateSecret$", method="POST", status=503, count=0)
    for days in (12, 12, 12):
        consumer.up(days, "--continue-on-error", fails=None)
    sandbox.clear_faults()
    for days in (1, 1, 28):
        consumer.up(days, "--target", f"**portal-{'blue' if days > 1 else 'green'}")
        consumer.up(1)
    assert consumer.handed_over >= 3
    before = consumer.held
    stack.program(PROGRAM.replace('every="30d"', 'every="30d", rotate_now={"blue": "INC-1", "green": "INC-1"}'))
    preview = stack.preview().text
    assert (
        "rotates: rotate_now: INC-1; no overlap: the vendor ends the old secret at once; it may be the side" in preview
    )
    stack.up()
    assert not accepted(sandbox, before)
    assert accepted(sandbox, stack.outputs()["current"])


def test_pair_of_a_year_with_a_freeze_a_pause_and_lost_answers(stack: Stack, sandbox: Sandbox) -> None:
    """Each of them in a slot in which a side is due, with runs that are missed between them."""
    today = datetime.now(UTC)

    def rules(policy: str) -> None:
        stack.program(PROGRAM.replace('every="30d"', f'every="30d", rotation=rekey.Rotation({policy})'))

    stack.program(PROGRAM)
    consumer = Consumer(stack, sandbox)
    consumer.up(0)
    for days in (31, 8, 24, 1):
        consumer.up(days)
    rules(f'freeze=["{today + timedelta(days=65):%Y-%m-%d}/{today + timedelta(days=170):%Y-%m-%d}"]')
    frozen = consumer.held["client_secret"]
    for days in (30, 60):
        consumer.up(days)
    assert consumer.held["client_secret"] == frozen
    rules("paused=True")
    consumer.up(30)
    stack.program(PROGRAM)
    # Whichever side comes to its rotation next, its answer is lost: the run after that finds out, and mints again.
    sandbox.fault("/regenerateSecret$", method="POST", drop="after", count=0)
    lost = "it is not known whether it took effect; the old secret is refused now"
    assert any(lost in consumer.up(8, "--continue-on-error", fails=None) for _ in range(10))
    sandbox.clear_faults()
    found = "the rotation whose answer was lost took effect: the secret before it is refused"
    assert found in consumer.up(1)
    handed_over = consumer.handed_over
    while consumer.handed_over == handed_over:
        consumer.up(8)
        assert consumer.day < 400
    assert consumer.held["client_secret"] != frozen
    assert accepted(sandbox, stack.outputs()["previous"])


def test_pair_waits_in_a_run_of_chosen_resources(stack: Stack, sandbox: Sandbox) -> None:
    """Consumers may be among what it leaves aside: whatever such runs do, what they hold is not ended."""
    stack.program(PROGRAM)
    consumer = Consumer(stack, sandbox)
    consumer.up(0)
    first = consumer.held
    for days in (60, 8, 23, 8, 22, 8):
        for side in ("blue", "green"):
            said = consumer.up(days if side == "blue" else 0, "--target", f"**portal-{side}")
    assert "a run of chosen resources does not show whether they are handed over; run without --target" in said
    assert stack.outputs()["current"] == first
    for days in (1, 8, 22, 1, 1):
        consumer.up(days)
    assert consumer.held["client_secret"] != first["client_secret"]


def test_pair_shows_what_is_no_secret(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(PROGRAM)
    stack.up()
    assert stack.up("--expect-no-changes").steps == []
    shown = stack.outputs(show_secrets=False)
    for side in ("current", "previous"):
        assert shown[side]["client_secret"] == "[secret]"
        assert shown[side]["client_id"] == stack.outputs()[side]["client_id"]
        assert shown[side]["client_name"].startswith("portal ")


@pytest.mark.parametrize(
    "body",
    [
        'rekey.OidcRelyingParty(f"portal {side}", client_name=side, redirect_uris=["https://portal.example.com/"])',
        "None",
    ],
)
def test_pair_whose_function_leaves_out_what_it_is_given_is_refused(stack: Stack, sandbox: Sandbox, body: str) -> None:
    """Its sides would not take turns."""
    stack.program(f'import pulumi_rekey as rekey\nrekey.Pair("portal", lambda side, its: {body}, every="90d")\n')
    run = stack.preview(fails=True)
    assert "__main__.py:2: portal: its function must pass **its to a resource, and return that" in run.text
    assert "never awaited" not in run.text
    assert sandbox.calls() == []


@pytest.mark.parametrize("access", [".client_sceret", '["client_sceret"]'])
def test_pair_output_that_is_misspelt_is_refused_before_anything_is_made(
    stack: Stack, sandbox: Sandbox, access: str
) -> None:
    stack.program(MISSPELT.replace("{access}", access))
    expected = "portal: client_sceret is no output of OidcRelyingParty: did you mean client_secret?"
    assert expected in stack.preview(fails=True).text
    assert expected in stack.up(fails=True).text
    assert sandbox.calls() == []
    assert "portal-blue" not in stack.resources()
