"""What two resources, and several endpoints, of one program have to do with each other; messages are read whole."""

import json
import re
from collections.abc import Iterable

import pytest
from pulumi_rekey.endpoints import KINDS, Endpoints
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import Misconfigured

from tests.engine import Run, Stack
from tools.vendors import Sandbox

from .app_secret import AppSecretCase
from .case import IMPORTS, Case, ProgramSpec
from .oidc_relying_party import OidcRelyingPartyCase
from .open_id_provider_key import OpenIdProviderKeyCase
from .scenario import Scenario


def declare(stack: Stack, case: Case, resources: Iterable[ProgramSpec]) -> None:
    stack.program("\n".join([*IMPORTS, *(case.declaration(spec) for spec in resources), ""]))


def complaints(stack: Stack, run: Run, sandbox: Sandbox) -> list[str]:
    """The errors of a run, each in one line and without a secret; there was no call to a vendor."""
    events = [json.loads(line) for line in (stack.folder / "events.json").read_text().splitlines()]
    said = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
    # The engine adds that its program has ended.
    found = {event["message"].strip() for event in said if event["severity"] == "error"}
    errors = [text for text in found if "rekey" in text]
    assert not any("\n" in text for text in errors), errors
    secrets = sandbox.secret_settings().values()
    assert not any(secret in run.text for secret in secrets)
    assert sandbox.calls() == []
    return errors


def test_claim_of_one_object_by_two_resources_is_refused(stack: Stack, sandbox: Sandbox) -> None:
    """Also where two endpoints are one address, which each writes in its way."""
    url = f"{sandbox.url.replace('http:', 'HTTP:')}/"
    stack.configure({"rekey:endpoints.again.kind": "roma", "rekey:endpoints.again.url": url})
    case = AppSecretCase(sandbox)
    declare(stack, case, [ProgramSpec("a"), ProgramSpec("b", more={"endpoint": '"again"'})])
    run = stack.preview(fails=True)
    (error,) = complaints(stack, run, sandbox)
    assert "AppSecret resource '" in error
    assert "property app_id value {" in error
    assert re.search(r"is taken by another resource of this program: urn:pulumi:dev::probe::\S+:AppSecret::", error)


def test_claim_goes_with_a_name_that_a_refresh_still_has(stack: Stack, sandbox: Sandbox) -> None:
    """A refresh asks about the old name, in the process that then meets the new one: with an alias or without."""
    scenario = Scenario(AppSecretCase(sandbox), stack, sandbox)
    scenario.up()
    secret = scenario.outputs()["secret"]
    scenario.up("--refresh", name="that", options='aliases=[pulumi.Alias(name="it")]')
    assert scenario.outputs()["secret"] == secret
    scenario.up("--refresh", name="another", options="")
    assert scenario.outputs()["secret"] == secret
    assert scenario.case.accepts(scenario.outputs())


def test_rename_that_leaves_a_secret_out_of_the_state_says_so(stack: Stack, sandbox: Sandbox) -> None:
    """Under another name it is adopted, and Cloud Director shows no secret; whoever uses it is not locked out."""
    scenario = Scenario(OidcRelyingPartyCase(sandbox), stack, sandbox)
    scenario.up()
    first = scenario.outputs()
    id_ = first["relying_party_id"]
    run = scenario.up(name="that", at=id_).run
    assert (
        "the secret that rekey minted stays in use, and leaves the state: that, which manages"
        f" {id_} now, cannot read it; set rotation.rotate_now there to have another"
    ) in run.text
    assert scenario.case.accepts(first)


def test_delete_with_another_resource_calls_no_vendor(stack: Stack, sandbox: Sandbox) -> None:
    """The engine believes that the other resource's deletion ends this one, and asks nobody."""
    case = OidcRelyingPartyCase(sandbox)
    beside = 'other = rekey.GeneratedSecret("other", vendor="roma")'
    it = case.declaration(ProgramSpec(options="deleted_with=other"))
    stack.program("\n".join([*IMPORTS, beside, it, ""]))
    stack.up()
    outputs = stack.resource("it")["outputs"]
    sandbox.forget_calls()
    assert sorted(stack.destroy().steps) == ["delete it", "delete other"]
    assert sandbox.calls() == []
    assert case.accepts(outputs)


def test_claim_of_one_adopted_object_by_two_resources_is_refused(stack: Stack, sandbox: Sandbox) -> None:
    case = OidcRelyingPartyCase(sandbox)
    theirs = case.existing()["relying_party_id"]
    sandbox.forget_calls()
    declare(stack, case, [ProgramSpec("a", at=theirs), ProgramSpec("b", at=theirs)])
    (error,) = complaints(stack, stack.preview(fails=True), sandbox)
    assert "property adopt value {" in error
    assert "is taken by another resource of this program: urn:" in error


def test_claim_of_the_active_key_by_two_resources_is_refused(stack: Stack, sandbox: Sandbox) -> None:
    """A second key is welcome where it is only published."""
    case = OpenIdProviderKeyCase(sandbox)
    sandbox.forget_calls()
    declare(stack, case, [ProgramSpec("a"), ProgramSpec("b")])
    (error,) = complaints(stack, stack.preview(fails=True), sandbox)
    assert "is taken by another resource of this program: urn:" in error
    assert "activate" in error
    declare(stack, case, [ProgramSpec("a"), ProgramSpec("b", more={"activate": "False"})])
    assert sorted(stack.preview().steps) == ["create a", "create b"]


def test_endpoints_of_one_kind_log_in_separately_and_rename(stack: Stack, sandbox: Sandbox) -> None:
    """Each logs in for itself; another name for the same system is no change at the vendor."""
    second = {"kind": "vcd", "url": sandbox.url, "org": "System"}
    token = {"apiToken": sandbox.credentials["vcd"]["api_token"]}

    def configure(name: str) -> None:
        paths = {f"rekey:endpoints.{name}.{key}": value for key, value in second.items()}
        stack.configure(paths, {f"rekey:endpoints.{name}.{key}": value for key, value in token.items()})

    configure("dr")
    case = OidcRelyingPartyCase(sandbox)
    elsewhere = {"redirect_uris": '["https://portal.example.net/callback"]'}
    declare(stack, case, [ProgramSpec("here"), ProgramSpec("there", more={"endpoint": '"dr"', **elsewhere})])
    assert sorted(stack.up().steps) == ["create here", "create there"]
    logins = [call for call in sandbox.calls() if call["path"] == "/oauth/provider/token"]
    assert len(logins) == 2
    before = stack.resource("there")["outputs"]
    assert case.administrator.portal(before["client_id"], "https://portal.example.net/callback").signs_in(
        before["client_secret"]
    )

    configure("recovery")
    sandbox.forget_calls()
    declare(stack, case, [ProgramSpec("here"), ProgramSpec("there", more={"endpoint": '"recovery"', **elsewhere})])
    stack.up()
    assert sandbox.calls() == []
    assert stack.resource("there")["outputs"] == before | {"endpoint": "recovery"}


def test_endpoint_that_moved_needs_moved_from(stack: Stack, sandbox: Sandbox) -> None:
    """Nothing goes to another host than the object was made at, until the configuration says that it has moved."""
    scenario = Scenario(AppSecretCase(sandbox), stack, sandbox)
    scenario.up(rotation={"triggers": {"release": 1}})
    first = scenario.outputs()
    moved = sandbox.url.replace("127.0.0.1", "localhost")
    stack.configure({"rekey:endpoints.roma.url": moved})
    assert scenario.up("--expect-no-changes").calls == ()
    step = scenario.up(fails=True, rotation={"triggers": {"release": 2}})
    assert step.error == (
        f"endpoint 'roma' is at {moved}, and this object was made at {sandbox.url}: nothing was changed;"
        f" set rekey:endpoints.roma.movedFrom to {sandbox.url} if the system has moved"
    )
    assert step.calls == ()
    stack.configure({"rekey:endpoints.roma.movedFrom": sandbox.url})
    assert scenario.up().steps == ["update it"]
    second = scenario.outputs()
    assert second["address"] == moved
    assert scenario.case.accepts(second)
    assert not scenario.case.knows(first)


def test_endpoint_that_is_not_configured_is_refused(stack: Stack, sandbox: Sandbox) -> None:
    """A preview says so, before any call."""
    declare(stack, AppSecretCase(sandbox), [ProgramSpec("a", more={"endpoint": '"nowhere"'})])
    (error,) = complaints(stack, stack.preview(fails=True), sandbox)
    assert error.endswith(
        "property endpoint value {nowhere} has a problem: endpoint 'nowhere' is not configured: use one of: roma"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("url", "127.0.0.1:8201", "rekey:endpoints.roma.url has no scheme: write http://127.0.0.1:8201"),
        (
            "url",
            "http://roma.example.com",
            "rekey:endpoints.roma.url must be https, as http is for loopback only: write https://roma.example.com",
        ),
        (
            "url",
            "https://roma.example.com/api",
            "rekey:endpoints.roma.url has the path /api, which does not belong to it: write https://roma.example.com",
        ),
        (
            "caBundle",
            "/nowhere/ca.pem",
            "rekey:endpoints.roma.caBundle names a file that does not exist: write the path",
        ),
        (
            "acessKey",
            "a",
            "rekey:endpoints.roma.acessKey is not a setting of kind roma: did you mean accessKey? use one of: ",
        ),
    ],
)
def test_preview_refuses_bad_endpoint_settings(
    stack: Stack, sandbox: Sandbox, key: str, value: str, message: str
) -> None:
    declare(stack, AppSecretCase(sandbox), [ProgramSpec("a")])
    stack.configure({f"rekey:endpoints.roma.{key}": value})
    sandbox.forget_calls()
    (error,) = complaints(stack, stack.preview(fails=True), sandbox)
    assert message in error


def test_user_name_of_digits_is_taken(stack: Stack, sandbox: Sandbox) -> None:
    """Pulumi hands it over as a number."""
    stack.configure({"rekey:endpoints.roma.userName": "4711"})
    (settings,) = stack.folder.glob("Pulumi.*.yaml")
    assert "userName: 4711\n" in settings.read_text()
    declare(stack, AppSecretCase(sandbox), [ProgramSpec("a")])
    assert stack.preview().steps == ["create a"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "endpoints.vcd.url",
            "is one name with dots in it, since it was set without --path: run `pulumi config rm"
            " 'rekey:endpoints.vcd.url'`, then set it with --path",
        ),
        (
            "frontent",
            "is not a setting of rekey: did you mean frontend? use one of: endpoints, owner, rotateNow, frontend",
        ),
    ],
)
def test_setting_that_does_not_exist_is_refused(bare_stack: Stack, sandbox: Sandbox, name: str, said: str) -> None:
    bare_stack.run("config", "set", f"rekey:{name}", sandbox.url)
    declare(bare_stack, OidcRelyingPartyCase(sandbox), [ProgramSpec("a")])
    (error,) = complaints(bare_stack, bare_stack.preview(fails=True), sandbox)
    assert error.removeprefix("error: ") == f"rekey:{name} {said}"


def test_credential_in_plain_config_is_refused(bare_stack: Stack, sandbox: Sandbox) -> None:
    """It is refused without being shown."""
    token = "an-api-token-in-plain-text"
    bare_stack.configure({"rekey:endpoints.vcd.url": sandbox.url, "rekey:endpoints.vcd.apiToken": token})
    declare(bare_stack, OidcRelyingPartyCase(sandbox), [ProgramSpec("a")])
    sandbox.forget_calls()
    run = bare_stack.preview(fails=True)
    (error,) = complaints(bare_stack, run, sandbox)
    assert error.removeprefix("error: ") == (
        "rekey:endpoints.vcd.apiToken stands in the stack's configuration in plain text: replace it at the vendor, then"
        " set it with `pulumi config set --path --secret rekey:endpoints.vcd.apiToken`"
    )
    assert token not in run.text


def test_endpoints_that_are_no_map_are_refused_without_being_shown(bare_stack: Stack, sandbox: Sandbox) -> None:
    bare_stack.run("config", "set", "rekey:endpoints", '{"vcd": {"apiToken": "an-api-token-that-leaks"')
    declare(bare_stack, OidcRelyingPartyCase(sandbox), [ProgramSpec("a")])
    run = bare_stack.preview(fails=True)
    assert "that-leaks" not in run.text
    assert (
        "rekey:endpoints is not a map of endpoints: remove it, then set its keys (with --path), such as"
        " rekey:endpoints.vcd.url"
    ) in run.text


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        (
            "https://roma.example.com",
            "rekey:endpoints.roma is not a map of settings: set its keys, such as rekey:endpoints.roma.url",
        ),
        (
            {"kind": "rome"},
            "rekey:endpoints.roma.kind is not a kind of endpoint: did you mean roma? use one of: vcd, broker,"
            " navigator, roma",
        ),
        (
            {"kind": "vcd"},
            "endpoint 'roma' is of kind vcd, and this resource needs roma: none of kind roma is:"
            " set rekey:endpoints.roma.kind to roma, and rekey:endpoints.roma.url",
        ),
    ],
)
def test_endpoint_of_a_wrong_kind_is_refused(configured: object, message: str) -> None:
    assert Endpoints({"roma": configured}, Runtime()).misconfigured(None, "roma") == message


@pytest.mark.parametrize("kind", KINDS)
def test_endpoint_without_an_address_names_the_key(kind: str) -> None:
    """The message names the key, and the variable that could fill it."""
    with pytest.raises(Misconfigured) as refused:
        Endpoints({}, Runtime()).session(None, kind)
    variable = {"vcd": "VCD_URL", "broker": "BROKER_URL", "navigator": "CPN_URL", "roma": "ROMA_ENDPOINT"}[kind]
    assert str(refused.value) == (
        f"endpoint '{kind}' has no url: set rekey:endpoints.{kind}.url or the environment variable {variable}"
    )
    with pytest.raises(Misconfigured) as refused:
        Endpoints({"dr": {"kind": kind}}, Runtime()).session("dr", kind)
    assert str(refused.value) == "endpoint 'dr' has no url: set rekey:endpoints.dr.url"
