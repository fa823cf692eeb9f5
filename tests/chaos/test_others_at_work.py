"""Somebody else is at work: on the stack, on the object, or at the vendor."""

import os
import signal
from typing import Any

import pytest

from tests.engine import Stack
from tests.lifecycle.all_resources import AllResources
from tests.lifecycle.case import IMPORTS, Case, ProgramSpec
from tests.lifecycle.cases import AT_A_VENDOR
from tests.lifecycle.in_process import InProcess
from tests.lifecycle.oidc_relying_party import REGENERATE, OidcRelyingPartyCase
from tests.lifecycle.org_oauth_app import OrgOAuthAppCase
from tests.lifecycle.scenario import Scenario
from tools.vendors import Sandbox

FIRST, SECOND = {"triggers": {"release": 1}}, {"triggers": {"release": 2}}
PARTIES = {f"p{number}" for number in range(5)}
#: How a token endpoint refuses whoever comes.
NOBODY = {"status": 401, "body": '{"error": "invalid_client"}', "count": 0}


def scenario_of(case: type[Case], stack: Stack, sandbox: Sandbox) -> Scenario:
    return Scenario(case(sandbox), stack, sandbox)


# -- on the stack -----------------------------------------------------------------------------------------------------


def test_lock_keeps_a_second_up_out(stack: Stack, sandbox: Sandbox) -> None:
    """The engine's lock keeps the second out, which touches nothing; the first ends as if nothing had been."""
    scenario = scenario_of(OidcRelyingPartyCase, stack, sandbox)
    scenario.up(rotation=FIRST)
    scenario.write(rotation=SECOND)
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
    assert scenario.case.accepts(scenario.outputs())


# -- on the object ----------------------------------------------------------------------------------------------------


def test_rotation_by_hand_between_two_ups_is_repaired(stack: Stack, sandbox: Sandbox) -> None:
    """A refresh finds out and a preview says so, where that can be seen; the next up repairs it, and all is quiet."""
    resources = AllResources(AT_A_VENDOR, stack, sandbox)
    resources.up(rotation=FIRST)
    theirs = {
        scenario: scenario.remember(scenario.case.rotate_by_hand(ours))
        for scenario, ours in resources.outputs().items()
    }
    said = {scenario: step.said for scenario, step in resources.refresh().items()}
    refused = {scenario for scenario in resources if scenario.case.secrets and not scenario.case.readable}
    for scenario, outputs in resources.outputs().items():
        assert scenario.case.accepts(outputs if scenario.case.readable else theirs[scenario])
        assert ("the vendor refuses the secret, so that somebody has made another" in said[scenario]) == (
            scenario in refused
        )
    for scenario, step in resources.preview().items():
        assert ("goes on: replace the refused secret" in step.said) == (scenario in refused)
    resources.up()
    for scenario, outputs in resources.outputs().items():
        assert scenario.case.accepts(outputs)
        if scenario in refused:
            assert not scenario.case.knows(theirs[scenario])
            assert outputs["generation"] == 2
            assert "the vendor refuses the secret" in outputs["rotation_reason"]
    for scenario, step in resources.up("--refresh", "--expect-no-changes").items():
        assert step.steps in ([], [f"refresh-refresh {scenario.spec.name}"])
    resources.up("--expect-no-changes")
    assert resources.calls == ()
    assert resources.leaks() == []


def test_rotation_by_another_stack_is_found_by_refresh(stack: Stack, sandbox: Sandbox) -> None:
    """The other stack's rotation is found by a refresh, as anybody's would be."""
    cases = tuple(case for case in AT_A_VENDOR if case.secrets)
    ours = AllResources(cases, stack, sandbox)
    theirs = AllResources(cases, stack.copy(stack.folder.parent / "theirs"), sandbox)
    at = {scenario.case.resource: scenario.case.existing()[scenario.case.id_output] for scenario in ours}
    for resources in (ours, theirs):
        resources.up(at=lambda scenario: at[scenario.case.resource], rotation={"on_adopt": "rotate"} | FIRST)
    for scenario, outputs in theirs.outputs().items():
        assert scenario.case.accepts(outputs)
    for scenario, step in ours.refresh().items():
        assert scenario.case.readable or "somebody has made another" in step.said
    ours.up()
    for scenario, outputs in ours.outputs().items():
        assert scenario.case.accepts(outputs)


@pytest.mark.parametrize(
    "case", [case for case in AT_A_VENDOR if case.remains or not case.creates], ids=lambda case: case.resource
)
def test_delete_spares_a_secret_made_by_hand(case: type[Case], sandbox: Sandbox) -> None:
    """Rekey ends its own secrets only, also where it knows the object for its own."""
    program = InProcess(case(sandbox))
    ours = program.apply(rotation={"on_adopt": "rotate"})
    theirs = program.case.rotate_by_hand(ours)
    program.destroy()
    program.close()
    assert program.case.accepts(theirs)
    assert not program.case.accepts(ours)


def test_create_stops_at_a_stranger_of_the_same_name(stack: Stack, sandbox: Sandbox) -> None:
    """Nothing is taken over that has no mark, and no second one is made beside it."""
    scenario = scenario_of(OidcRelyingPartyCase, stack, sandbox)
    theirs = scenario.remember(scenario.case.existing())
    step = scenario.up(fails=True)
    assert f"relying party {theirs['relying_party_id']} has the same name and redirect URIs" in step.error
    assert f'set adopt="{theirs["relying_party_id"]}"' in step.error
    assert scenario.case.objects() == {theirs["relying_party_id"]}
    assert scenario.case.accepts(theirs)


def test_create_interrupted_beside_a_stranger_finds_its_own(stack: Stack, sandbox: Sandbox) -> None:
    """What carries the mark is taken over, with a new secret; the stranger that came meanwhile is left alone."""
    scenario = scenario_of(OidcRelyingPartyCase, stack, sandbox)
    sandbox.fault("relyingParties$", method="POST", drop="after")
    step = scenario.up(fails=True)
    assert "it is not known whether it took effect" in step.error
    (marked,) = scenario.case.objects()
    theirs = scenario.remember(scenario.case.existing())
    scenario.up()
    outputs = scenario.outputs()
    assert outputs["relying_party_id"] == marked
    assert scenario.case.objects() == {marked, theirs["relying_party_id"]}
    assert scenario.case.accepts(outputs)
    assert scenario.case.accepts(theirs)


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


def test_refresh_rotates_nothing_when_everything_is_refused(parties: Stack, sandbox: Sandbox) -> None:
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

    sandbox.clear_faults()
    assert sorted(parties.up().steps) == [f"update p{n}" for n in range(5)]
    after = secrets_of(parties)
    assert not any(after[name] == before[name] for name in before)


def test_refresh_of_many_replaced_by_hand_names_a_way_out(parties: Stack, sandbox: Sandbox) -> None:
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


def test_three_replaced_by_hand_heal_in_the_way_that_is_named(stack: Stack, sandbox: Sandbox) -> None:
    """All of an endpoint: each run says the same until somebody does what it says."""
    stack.program(many(3, release=1))
    stack.up()
    case = OidcRelyingPartyCase(sandbox)
    names = sorted(PARTIES)[:3]
    for name in names:
        case.rotate_by_hand(stack.resources()[name]["outputs"])
    for _ in range(2):
        run = stack.up("--refresh", "--parallel", "16", fails=True)
        assert "refuses 3 of the 3 credentials that were tried, so the endpoint itself may be at fault" in run.text
        assert (
            "if somebody has really replaced them, set `rotation.rotate_now` of each to a new text and run" in run.text
        )
    stack.program(many(3, release=1, rotate_now="INC-4712"))
    stack.up("--parallel", "16")
    assert all(case.accepts(stack.resources()[name]["outputs"]) for name in names)
    stack.up("--refresh", "--expect-no-changes")


def test_refused_new_secrets_are_said_to_be_minted(stack: Stack, sandbox: Sandbox) -> None:
    """The old ones of four apps have ended: no error says that nothing was changed."""
    case = OrgOAuthAppCase(sandbox)
    names = [f"a{number}" for number in range(4)]

    def declare(release: int) -> None:
        specs = (ProgramSpec(name, rotation={"triggers": {"release": release}}) for name in names)
        stack.program("\n".join([*IMPORTS, *(case.declaration(spec) for spec in specs), ""]))

    declare(1)
    stack.up()
    before = {name: stack.resources()[name]["outputs"] for name in names}
    declare(2)
    # The endpoint is trusted by the one that it accepts, before the rotations.
    sandbox.fault("/authn/authorize$", **NOBODY, skip=1)
    run = stack.up("--continue-on-error", "--parallel", "16", fails=True)
    assert not any(case.knows(outputs) for outputs in before.values())
    assert "not changed" not in run.text
    assert "nothing was changed" not in run.text
    assert run.text.count("what was done before is kept") + run.text.count("the new secret is minted") >= 4
    sandbox.clear_faults()
    stack.up("--parallel", "16")
    after = {name: stack.resources()[name]["outputs"] for name in names}
    assert all(case.accepts(outputs) and outputs["generation"] == 2 for outputs in after.values())


def test_refresh_of_all_but_one_replaced_by_hand_heals(parties: Stack, sandbox: Sandbox) -> None:
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


def test_rotation_to_a_refused_secret_has_a_way_out(stack: Stack, sandbox: Sandbox) -> None:
    """One that the vendor never accepts is minted anew by the next up, and by a rotation that is asked for."""
    scenario = scenario_of(OidcRelyingPartyCase, stack, sandbox)
    scenario.up(rotation=FIRST)
    sandbox.fault("^/oidc/oauth2/token$", **NOBODY, skip=1)
    step = scenario.up(fails=True, rotation=SECOND)
    assert "the new secret is minted, and the vendor refuses it" in step.error
    assert "goes on: verify the new secret" in scenario.preview().said
    step = scenario.preview(rotation=SECOND | {"rotate_now": "INC-4711"})
    assert step.said.startswith("rotates: rotate_now: INC-4711; ")
    sandbox.clear_faults()
    scenario.up()
    outputs = scenario.outputs()
    assert (outputs["generation"], outputs["rotation_reason"]) == (3, "rotate_now: INC-4711")
    assert scenario.case.accepts(outputs)


# -- on its own login -------------------------------------------------------------------------------------------------


@pytest.fixture
def logged_in_as_an_app(stack: Stack, sandbox: Sandbox) -> Scenario:
    """A stack whose endpoint logs in as an OAuth app of the organization."""
    scenario = scenario_of(OrgOAuthAppCase, stack, sandbox)
    navigator = sandbox.credentials["navigator"]
    stack.run("config", "rm", "--path", "rekey:endpoints.navigator.apiToken")
    path = "rekey:endpoints.navigator"
    stack.configure({f"{path}.clientId": navigator["client_id"]}, {f"{path}.clientSecret": navigator["client_secret"]})
    return scenario


def test_rotation_of_the_endpoints_own_login_is_refused(logged_in_as_an_app: Scenario) -> None:
    scenario = logged_in_as_an_app
    own = scenario.sandbox.credentials["navigator"]["client_id"]
    step = scenario.preview(fails=True, at=own, rotation={"max_age": "90d"})
    lock_out = f"{own} is what this endpoint itself logs in with, and ending its secret would lock rekey out"
    assert lock_out in step.error
    step = scenario.up(rotation={})
    assert step.steps == ["create it"]
    step = scenario.preview(fails=True, at=None, rotation={"rotate_now": "INC-4711"})
    assert f"{lock_out}: nothing was changed" in step.error
    assert scenario.destroy().steps == ["delete it"]


def test_host_outlives_ctrl_c_of_a_terminal(stack: Stack, sandbox: Sandbox) -> None:
    """The engine ends what is under way, and saves it."""
    scenario = scenario_of(OidcRelyingPartyCase, stack, sandbox)
    scenario.up(rotation=FIRST)
    scenario.write(rotation=SECOND)
    sandbox.fault("regenerateSecret$", latency=3.0)
    run = stack.start("up", "--yes", "--skip-preview")
    while not sandbox.http.get("/_sandbox/faults").json()[0]["fired"]:
        assert run.poll() is None
    os.killpg(run.pid, signal.SIGINT)
    text, _ = run.communicate(timeout=60)
    assert run.returncode != 0, text
    outputs = scenario.outputs()
    assert outputs["generation"] == 2
    assert scenario.case.accepts(outputs)
