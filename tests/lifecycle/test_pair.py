"""A Pair through the real engine: the previous secret is accepted for a whole period."""

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
