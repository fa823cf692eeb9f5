"""What is deleted while another resource, or a replacement, manages the same object: on the real engine."""

import pytest

from tests.engine import Stack
from tests.lifecycle.app_secret import AppSecretCase
from tests.lifecycle.case import IMPORTS, ProgramSpec
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tests.lifecycle.scenario import Scenario
from tools.vendors import Sandbox

#: A resource that the vendor refuses.
FAILING = 'rekey.AppSecret("failing", instance_id="i", app_id="nobody\'s")'


@pytest.fixture
def app(stack: Stack, sandbox: Sandbox) -> Scenario:
    return Scenario(AppSecretCase(sandbox), stack, sandbox)


def declare(scenario: Scenario, spec: ProgramSpec, *more: str) -> None:
    scenario.stack.program("\n".join([*IMPORTS, f"it = {scenario.case.declaration(spec)}", *more, ""]))


@pytest.mark.parametrize("unavailable", [False, True], ids=["it is in the way", "the vendor fails"])
def test_delete_after_a_create_that_failed_is_refused(stack: Stack, sandbox: Sandbox, *, unavailable: bool) -> None:
    """Renamed without an alias, with the command of the documented pipeline."""
    scenario = Scenario(OidcRelyingPartyCase(sandbox), stack, sandbox)
    scenario.up()
    first = scenario.outputs()
    if unavailable:
        sandbox.fault("/relyingParties$", method="GET", status=403, count=0)
    step = scenario.up("--continue-on-error", name="renamed", fails=True)
    refused = "is what another resource of this run was refused to create again"
    assert ("is left alone, since another resource failed" if unavailable else refused) in step.run.text
    assert scenario.case.accepts(first)
    assert scenario.stack.resource("it")["outputs"]["client_secret"] == first["client_secret"]


def test_delete_of_what_a_failed_resource_was_to_take_over_is_refused(app: Scenario) -> None:
    """Renamed without an alias: the state has the only copy of the secret that works."""
    app.up(rotation={"triggers": {"release": 1}})
    app.up(rotation={"triggers": {"release": 2}})
    first = app.outputs()
    app.sandbox.fault("/secret$", status=403, count=9)
    step = app.up("--continue-on-error", name="renamed", fails=True)
    app.sandbox.clear_faults()
    assert "was to be taken over by another resource of this run, which was not created: urn:" in step.run.text
    assert app.stack.resource("it")["outputs"]["secret"] == first["secret"]
    assert app.case.accepts(first)
    assert app.up(name="renamed").steps == ["create renamed", "delete it"]
    assert app.case.accepts(app.outputs())


def test_delete_beside_a_failure_is_refused(app: Scenario) -> None:
    """Renamed without an alias, it depends on what fails: the engine skips it, and the provider never hears of it."""
    app.up(rotation={"triggers": {"release": 1}})
    app.up(rotation={"triggers": {"release": 2}})
    first = app.outputs()
    spec = ProgramSpec("renamed", options="depends_on=[failing]")
    app.stack.program("\n".join([*IMPORTS, f"failing = {FAILING}", f"it = {app.case.declaration(spec)}", ""]))
    run = app.stack.up("--continue-on-error", fails=True)
    assert "what depends on that one was not reached, and may manage this object: nothing was changed" in run.text
    assert app.case.accepts(first)
    assert app.up(name="renamed").steps == ["create renamed", "delete it"]
    assert app.case.accepts(app.outputs())


def test_delete_of_what_a_half_done_resource_replaces_waits_for_it(app: Scenario) -> None:
    """Another application: the answer to its first rotation is lost."""
    app.up(rotation={"triggers": {"release": 1}})
    app.up(rotation={"triggers": {"release": 2}})
    first, other = app.outputs(), app.case.existing()["app_id"]
    app.sandbox.fault(f"/apps/{other}/secret$", method="PUT", drop="after", count=9)
    app.write(at=other, rotation={"on_adopt": "rotate"})
    run = app.stack.up("--continue-on-error", fails=True)
    app.sandbox.clear_faults()
    assert f"{first['app_id']} is left alone, since what replaces it is not done" in run.text
    assert app.case.accepts(first)
    assert "delete-replaced it" in app.up().steps
    assert not app.case.accepts(first)
    assert app.case.accepts(app.outputs())


@pytest.mark.parametrize("slash", ["", "/"])
def test_delete_after_a_rename_to_another_endpoint_of_one_address(app: Scenario, slash: str) -> None:
    url = app.sandbox.url.replace("http:", "HTTP:") + slash
    key = app.sandbox.credentials["roma"]
    app.stack.configure(
        {
            "rekey:endpoints.eu.kind": "roma",
            "rekey:endpoints.eu.url": url,
            "rekey:endpoints.eu.projectId": key["project_id"],
        },
        {"rekey:endpoints.eu.accessKey": key["access_key"], "rekey:endpoints.eu.secretKey": key["secret_key"]},
    )
    app.up(rotation={"triggers": {"release": 1}})
    app.up(rotation={"triggers": {"release": 2}})
    step = app.up(name="renamed", more={"endpoint": '"eu"'})
    assert step.steps == ["create renamed", "delete it"]
    assert app.case.accepts(app.outputs())


def test_project_of_the_endpoint_said_explicitly_is_no_replacement(app: Scenario) -> None:
    app.up(rotation={"triggers": {"release": 1}})
    own = repr(app.sandbox.credentials["roma"]["project_id"])
    assert not any("replace" in step for step in app.up(more={"project_id": own}).steps)
    assert app.case.accepts(app.outputs())


@pytest.mark.parametrize("policy", [{}, {"triggers": {"release": 2}}], ids=["kept", "rotated"])
def test_delete_of_a_replaced_copy_in_a_later_run_keeps_the_secret(app: Scenario, policy: dict[str, object]) -> None:
    """Another resource fails, so the run in which it is replaced does not get to the delete."""
    app.up(rotation={"triggers": {"release": 1}})
    app.up(rotation={"triggers": {"release": 2}})
    spec = ProgramSpec(rotation=policy)
    declare(app, spec, FAILING)
    run = app.stack.up("--replace", app.stack.resource("it")["urn"], fails=True)
    assert "create-replacement it" in run.steps
    assert "delete-replaced it" not in run.steps
    declare(app, spec)
    assert "delete-replaced it" in app.stack.up().steps
    assert app.case.accepts(app.stack.resource("it")["outputs"])
