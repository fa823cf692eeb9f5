"""Somebody else is at work: on the stack, on the object, or at the vendor."""

import os
import signal
from typing import Any

import pytest

from tests.engine import Stack
from tests.lifecycle.case import Case
from tests.lifecycle.life import Life
from tests.lifecycle.lives import Lives
from tests.lifecycle.oidc_relying_party import REGENERATE, OidcRelyingPartyCase
from tests.lifecycle.org_oauth_app import OrgOAuthAppCase
from tests.lifecycle.test_lifecycle import CASES
from tools.vendors import Sandbox

FIRST, SECOND = {"triggers": {"release": 1}}, {"triggers": {"release": 2}}
PARTIES = {f"p{number}" for number in range(5)}
#: How a token endpoint refuses whoever comes.
NOBODY = {"status": 401, "body": '{"error": "invalid_client"}', "count": 0}


def life_of(case: type[Case], stack: Stack, sandbox: Sandbox) -> Life:
    return Life(case(sandbox), stack, sandbox)


# -- on the stack -----------------------------------------------------------------------------------------------------


def test_two_ups_on_one_stack(stack: Stack, sandbox: Sandbox) -> None:
    """The engine's lock keeps the second out, which touches nothing; the first ends as if nothing had been."""
    life = life_of(OidcRelyingPartyCase, stack, sandbox)
    life.up(rotation=FIRST)
    life.say(rotation=SECOND)
    sandbox.forget_calls()
    sandbox.fault("regenerateSecret$", latency=10.0)
    first = stack.start("up", "--yes", "--skip-preview")
    while not sandbox.http.get("/_sandbox/faults").json()[0]["fired"]:
        assert first.poll() is None
    second = stack.run("up", "--yes", "--skip-preview", fails=True)
    assert "the stack is currently locked by 1 lock(s)" in second.text
    assert "pulumi cancel" in second.text
    text, _ = first.communicate(timeout=60)
    assert first.returncode == 0, text
    assert [call["path"].endswith("regenerateSecret") for call in sandbox.calls()].count(True) == 1
    assert life.case.accepts(life.outputs())


# -- on the object ----------------------------------------------------------------------------------------------------


def test_a_rotation_by_hand_between_two_ups(stack: Stack, sandbox: Sandbox) -> None:
    """A refresh finds out and a preview says so, where that can be seen; the next up repairs it, and all is quiet."""
    lives = Lives(CASES, stack, sandbox)
    lives.up(rotation=FIRST)
    theirs = {life: life.remember(life.case.rotate_by_hand(ours)) for life, ours in lives.outputs().items()}
    said = {life: step.said for life, step in lives.refresh().items()}
    refused = {life for life in lives if life.case.secrets and not life.case.readable}
    for life, outputs in lives.outputs().items():
        assert life.case.accepts(outputs if life.case.readable else theirs[life])
        assert ("the vendor refuses the secret, so that somebody has made another" in said[life]) == (life in refused)
    for life, step in lives.preview().items():
        assert ("goes on: replace the refused secret" in step.said) == (life in refused)
    lives.up()
    for life, outputs in lives.outputs().items():
        assert life.case.accepts(outputs)
        if life in refused:
            assert not life.case.knows(theirs[life])
            assert outputs["generation"] == 2
            assert "the vendor refuses the secret" in outputs["rotation_reason"]
    for life, step in lives.up("--refresh", "--expect-no-changes").items():
        assert step.steps in ([], [f"refresh-refresh {life.said.name}"])
    lives.up("--expect-no-changes")
    assert lives.calls == ()
    assert lives.traces() == []


def test_two_stacks_on_one_object(stack: Stack, sandbox: Sandbox) -> None:
    """The other stack's rotation is found by a refresh, as anybody's would be."""
    cases = tuple(case for case in CASES if case.secrets)
    ours = Lives(cases, stack, sandbox)
    theirs = Lives(cases, stack.copy(stack.folder.parent / "theirs"), sandbox)
    at = {life.case.resource: life.case.existing()[life.case.id_output] for life in ours}
    for lives in (ours, theirs):
        lives.up(at=lambda life: at[life.case.resource], rotation={"on_adopt": "rotate"} | FIRST)
    for life, outputs in theirs.outputs().items():
        assert life.case.accepts(outputs)
    for life, step in ours.refresh().items():
        assert life.case.readable or "somebody has made another" in step.said
    ours.up()
    for life, outputs in ours.outputs().items():
        assert life.case.accepts(outputs)


def test_a_stranger_with_the_same_name_and_redirect_uris(stack: Stack, sandbox: Sandbox) -> None:
    """Nothing is taken over that has no mark, and no second one is made beside it."""
    life = life_of(OidcRelyingPartyCase, stack, sandbox)
    theirs = life.remember(life.case.existing())
    step = life.up(fails=True)
    assert f"relying party {theirs['relying_party_id']} has the same name and redirect URIs" in step.error
    assert f'set adopt="{theirs["relying_party_id"]}"' in step.error
    assert life.case.objects() == {theirs["relying_party_id"]}
    assert life.case.accepts(theirs)


def test_an_interrupted_creation_beside_a_stranger(stack: Stack, sandbox: Sandbox) -> None:
    """What carries the mark is taken over, with a new secret; the stranger that came meanwhile is left alone."""
    life = life_of(OidcRelyingPartyCase, stack, sandbox)
    sandbox.fault("relyingParties$", method="POST", drop="after")
    step = life.up(fails=True)
    assert "it is not known whether it took effect" in step.error
    (marked,) = life.case.objects()
    theirs = life.remember(life.case.existing())
    life.up()
    outputs = life.outputs()
    assert outputs["relying_party_id"] == marked
    assert life.case.objects() == {marked, theirs["relying_party_id"]}
    assert life.case.accepts(outputs)
    assert life.case.accepts(theirs)


# -- at the vendor ----------------------------------------------------------------------------------------------------


def many(count: int, release: int, *, rotate_now: str | None = None) -> str:
    """A program with so many relying parties."""
    lines = (
        f'rekey.OidcRelyingParty("p{n}", client_name="p{n}", redirect_uris=["https://portal.example.com/callback"],'
        f' rotation=rekey.Rotation(triggers={{"release": {release}}}, rotate_now={rotate_now!r}))'
        for n in range(count)
    )
    return "\n".join(["import pulumi_rekey as rekey", *lines, ""])


@pytest.fixture
def parties(stack: Stack) -> Stack:
    stack.program(many(5, release=1))
    stack.up()
    return stack


def secrets_of(stack: Stack) -> dict[str, Any]:
    return {name: one["outputs"].get("client_secret") for name, one in stack.resources().items() if name in PARTIES}


def test_an_identity_provider_that_refuses_everything_rotates_nothing(parties: Stack, sandbox: Sandbox) -> None:
    """More than two good secrets refused at once are the endpoint's fault: in a refresh, and before a due rotation."""
    before = secrets_of(parties)
    sandbox.fault("^/oidc/oauth2/token$", **NOBODY)
    sandbox.forget_calls()
    run = parties.refresh("--parallel", "16", fails=True)
    assert "refuses 5 of the 5 credentials that were tried, so the endpoint itself may be at fault" in run.text
    parties.up("--expect-no-changes")

    parties.program(many(5, release=2))
    run = parties.up("--continue-on-error", "--parallel", "16", fails=True)
    assert run.text.count("may be at fault: the secret was not changed; run again when it accepts them") >= 5
    assert not [call for call in sandbox.calls() if call["path"].endswith(REGENERATE.rpartition("/")[2])]
    assert secrets_of(parties) == before

    sandbox.http.delete("/_sandbox/faults")
    assert sorted(parties.up().steps) == [f"update p{n}" for n in range(5)]
    after = secrets_of(parties)
    assert not any(after[name] == before[name] for name in before)


def test_many_that_were_replaced_by_hand_are_minted_anew(parties: Stack, sandbox: Sandbox) -> None:
    """This looks like a fault of the endpoint; the message names the way out, and that works."""
    case = OidcRelyingPartyCase(sandbox)
    for name in PARTIES:
        case.rotate_by_hand(parties.resources()[name]["outputs"])
    run = parties.refresh("--parallel", "16", fails=True)
    assert "if somebody has really replaced them, set `rotation.rotate_now` of each to a new text and run" in run.text
    parties.program(many(5, release=1, rotate_now="INC-4712"))
    parties.up("--parallel", "16")
    assert all(case.accepts(parties.resources()[name]["outputs"]) for name in PARTIES)
    parties.refresh("--parallel", "16")
    parties.up("--expect-no-changes")


def test_all_but_one_that_were_replaced_by_hand_heal(parties: Stack, sandbox: Sandbox) -> None:
    """The endpoint accepts one, so it tells good ones."""
    case = OidcRelyingPartyCase(sandbox)
    for name in PARTIES - {"p0"}:
        case.rotate_by_hand(parties.resources()[name]["outputs"])
    kept = secrets_of(parties)["p0"]
    run = parties.refresh("--parallel", "16")
    assert run.text.count("not done yet: replace the refused secret") == 4
    parties.up("--parallel", "16")
    assert secrets_of(parties)["p0"] == kept
    assert all(case.accepts(parties.resources()[name]["outputs"]) for name in PARTIES)


def test_a_refused_new_secret_can_be_broken_out_of(stack: Stack, sandbox: Sandbox) -> None:
    """One that the vendor never accepts is minted anew by the next up, and by a rotation that is asked for."""
    life = life_of(OidcRelyingPartyCase, stack, sandbox)
    life.up(rotation=FIRST)
    sandbox.fault("^/oidc/oauth2/token$", **NOBODY, skip=1)
    step = life.up(fails=True, rotation=SECOND)
    assert "the new secret is minted, and the vendor refuses it" in step.error
    assert "goes on: verify the new secret" in life.preview().said
    step = life.preview(rotation=SECOND | {"rotate_now": "INC-4711"})
    assert step.said.startswith("rotates: rotate_now: INC-4711; ")
    sandbox.http.delete("/_sandbox/faults")
    life.up()
    outputs = life.outputs()
    assert (outputs["generation"], outputs["rotation_reason"]) == (3, "rotate_now: INC-4711")
    assert life.case.accepts(outputs)


# -- on its own login -------------------------------------------------------------------------------------------------


@pytest.fixture
def logged_in_as_an_app(stack: Stack, sandbox: Sandbox) -> Life:
    """A stack whose endpoint logs in as an OAuth app of the organization."""
    life = life_of(OrgOAuthAppCase, stack, sandbox)
    navigator = sandbox.credentials["navigator"]
    stack.run("config", "rm", "--path", "rekey:endpoints.navigator.apiToken")
    path = "rekey:endpoints.navigator"
    stack.configure({f"{path}.clientId": navigator["client_id"]}, {f"{path}.clientSecret": navigator["client_secret"]})
    return life


def test_what_the_endpoint_logs_in_with_does_not_rotate(logged_in_as_an_app: Life) -> None:
    life = logged_in_as_an_app
    own = life.sandbox.credentials["navigator"]["client_id"]
    step = life.preview(fails=True, at=own, rotation={"max_age": "90d"})
    assert "names what this endpoint itself logs in with, and ending its secret would lock rekey out" in step.error
    step = life.up(rotation={})
    assert step.steps == ["create it"]
    step = life.preview(fails=True, at=None, rotation={"rotate_now": "INC-4711"})
    assert "due: rotate_now: INC-4711, but it is what this endpoint itself logs in with" in step.error
    assert life.destroy().steps == ["delete it"]


def test_ctrl_c_of_a_terminal_does_not_reach_the_host(stack: Stack, sandbox: Sandbox) -> None:
    """The engine ends what is under way, and saves it."""
    life = life_of(OidcRelyingPartyCase, stack, sandbox)
    life.up(rotation=FIRST)
    life.say(rotation=SECOND)
    sandbox.fault("regenerateSecret$", latency=3.0)
    run = stack.start("up", "--yes", "--skip-preview")
    while not sandbox.http.get("/_sandbox/faults").json()[0]["fired"]:
        assert run.poll() is None
    os.killpg(run.pid, signal.SIGINT)
    text, _ = run.communicate(timeout=60)
    assert run.returncode != 0, text
    outputs = life.outputs()
    assert outputs["generation"] == 2
    assert life.case.accepts(outputs)
