"""The plugin's answers, as the engine gets them: no engine runs, and vendors only where a test asks for the sandbox."""

import json
import threading
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime import rpc
from pulumi_rekey.frontend.values import Secret
from pulumi_rekey.frontend.version import package_version
from pulumi_rekey.native.protos import provider_pb2
from pulumi_rekey.native.servicer import Servicer
from pulumi_rekey.native.wire import to_wire

from tools.administrators import CALLBACK, CloudDirector
from tools.vendors import Sandbox

from .in_process import Plugin, Refused, decrypted, envelope, is_marked, plugin_in_process, read, urn_of

SITE = "urn:pulumi:dev::probe::pulumi:providers:rekey::site"
PARTY: dict[str, Any] = {"client_name": "portal", "redirect_uris": [CALLBACK]}
MADE = "GeneratedSecret"


def made(plugin: Plugin, **inputs: Any) -> tuple[str, dict[str, Any]]:
    """A resource that needs no vendor: its id, and its outputs as the engine sends them."""
    id_, outputs = plugin.create(MADE, vendor="roma", **inputs)
    return id_, decrypted(outputs)


# -- the provider -----------------------------------------------------------------------------------------------------


def test_handshake_leaves_the_marks_of_secrets_to_the_engine(plugin: Plugin) -> None:
    answer = plugin.call("Handshake", provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert answer == provider_pb2.ProviderHandshakeResponse()


def test_configure_promises_previews_and_accepts_no_marks(plugin: Plugin) -> None:
    assert plugin.configure() == provider_pb2.ConfigureResponse(supportsPreview=True)


def test_schema_has_the_plugins_version(plugin: Plugin) -> None:
    schema = json.loads(plugin.call("GetSchema", provider_pb2.GetSchemaRequest()).schema)
    assert (schema["name"], schema["version"]) == ("rekey", package_version())
    assert plugin.call("GetPluginInfo", empty_pb2.Empty()).version == package_version()


def test_settings_are_checked_and_marked(plugin: Plugin) -> None:
    news = {"endpoints": {"vcd": {"apiToken": "t"}}, "owner": "o", "rotateNow": {"it": "INC-1"}, "nope": "x"}
    answer = plugin.call("CheckConfig", provider_pb2.CheckRequest(news=to_wire(news)))
    assert read(answer.inputs) == news | {"endpoints": envelope(news["endpoints"]), "owner": envelope("o")}
    assert [failure.property for failure in answer.failures] == ["nope"]


def test_settings_that_change_replace_no_resource(plugin: Plugin) -> None:
    olds, news = to_wire({"owner": "o"}), to_wire({"owner": "another"})
    changed = plugin.call("DiffConfig", provider_pb2.DiffRequest(olds=olds, news=news))
    assert changed == provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_SOME)
    same = plugin.call("DiffConfig", provider_pb2.DiffRequest(olds=olds, news=olds))
    assert same == provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)


@pytest.mark.parametrize("order", [Secret({"it": "INC-1"}), {"other": "INC-2", "it": Secret("INC-1")}], ids=repr)
def test_order_that_is_encrypted_is_refused_without_repeating_it(plugin: Plugin, order: Any) -> None:
    with pytest.raises(Refused) as refused:
        plugin.configure(rotateNow=order)
    assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.text.startswith("rekey:rotateNow is encrypted in the stack's configuration")
    assert "INC" not in refused.value.text


def test_order_in_plain_joins_the_policy(plugin: Plugin) -> None:
    plugin.configure(rotateNow={"it": "INC-1"}, owner=Secret("o"))
    assert read(plugin.check(MADE, vendor="roma").inputs)["rotation"] == {
        "rotate_now": "INC-1",
        "rotate_now_is_secret": False,
    }


def test_exposures_are_warned_of_once(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_DEBUG_GRPC", "file")
    plugin.configure()
    ((severity, urn, text),) = plugin.said()
    assert (severity, urn) == ("WARNING", "")
    assert text.startswith("PULUMI_DEBUG_GRPC is set: every secret of this run is written to its file in plain text")


@pytest.mark.parametrize("provider", ["", SITE], ids=["default", "explicit"])
def test_messages_name_the_settings_where_they_are(plugin: Plugin, provider: str) -> None:
    """In a refusal, in an error and in a remark."""
    plugin.configure(provider, endpoints={"vcd": {"url": "https://vcd.example.com", "allowUnverifiedSsl": True}})
    ((_, reason),) = [
        (failure.property, failure.reason)
        for failure in plugin.check("OidcRelyingParty", **PARTY).failures
        if failure.property == ""
    ]
    told = "set the argument owner of provider 'site'" if provider else "pulumi config set --secret rekey:owner "
    assert told in reason
    with pytest.raises(Refused) as refused:
        plugin.read("AppSecret", "i/a")
    plugin.servicer.instance._warn("rekey:endpoints.vcd.allowUnverifiedSsl is set")
    ((_, _, said),) = plugin.said()
    named = "endpoints.vcd.allowUnverifiedSsl of provider 'site' is set"
    assert said == (named if provider else "rekey:endpoints.vcd.allowUnverifiedSsl is set")
    assert ("of provider 'site'" in refused.value.text) == bool(provider)
    assert ("rekey:endpoints" in refused.value.text) != bool(provider)


def test_remark_that_nobody_hears_fails_nothing(plugin: Plugin) -> None:
    plugin.call("Handshake", provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    plugin.servicer._log("WARNING", "text", "")
    # Before the handshake.
    Servicer()._log("WARNING", "text", "")


def test_cancel_ends_nothing(plugin: Plugin) -> None:
    """Half a rotation is worse than a late one, and the engine sends this at the end of every run, too."""
    plugin.call("Cancel", empty_pb2.Empty())
    assert made(plugin)[1]["vendor"] == "roma"


# -- a resource's inputs and what changes -----------------------------------------------------------------------------


def test_check_marks_secrets_and_names_what_is_wrong(configured: Plugin) -> None:
    answer = configured.check("AppSecret", instance_id="i", app_id="a", secret="Hunter2-hunter2")
    assert list(answer.failures) == []
    assert read(answer.inputs)["secret"] == envelope("Hunter2-hunter2")
    answer = configured.check("AppSecret", instance_id="i", app_id="a", secret="a b")
    ((path, reason),) = [(failure.property, failure.reason) for failure in answer.failures]
    assert path == "secret"
    assert "a b" not in reason


@pytest.mark.parametrize(("said", "taken"), [({}, True), ({"rotate_now_is_secret": False}, False)])
def test_text_of_rotate_now_is_repeated_where_the_program_says_so(
    plugin: Plugin, said: dict[str, bool], *, taken: bool
) -> None:
    """Programs in other languages mark it for the engine, which does not hand the mark on."""
    checked = plugin.check(MADE, vendor="roma", rotation={"rotate_now": "INC-1", "max_age": "90d", **said})
    assert list(checked.failures) == []
    policy = read(checked.inputs)["rotation"]
    assert policy == {"rotate_now": "INC-1", "max_age": "90d", "rotate_now_is_secret": taken}


def test_text_of_rotate_now_is_not_said_where_there_is_none(plugin: Plugin) -> None:
    assert read(plugin.check(MADE, vendor="roma", rotation={"max_age": "90d"}).inputs)["rotation"] == {"max_age": "90d"}


def test_diff_names_every_path_and_how_it_changes(plugin: Plugin) -> None:
    id_, state = made(plugin)
    stored: dict[str, Any] = {"vendor": "roma", "length": 30, "rotation": {"triggers": {"a": "1", "b c": "2"}}}
    # What the dynamic front end has among the inputs.
    stored["__provider"] = "a name"
    news = {"vendor": "roma", "rotation": {"triggers": {"b c": "3"}, "max_age": "90d"}}
    answer = plugin.diff(MADE, id_, state, news, stored)
    details = {path: (diff.kind, diff.inputDiff) for path, diff in answer.detailedDiff.items()}
    kinds = provider_pb2.PropertyDiff
    assert details == {
        "length": (kinds.DELETE, True),
        "rotation.max_age": (kinds.ADD, True),
        "rotation.triggers.a": (kinds.DELETE, True),
        'rotation.triggers["b c"]': (kinds.UPDATE, True),
    }
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(answer.diffs) == ["length", "rotation"]
    assert list(answer.replaces) == []
    assert answer.hasDetailedDiff


def test_diff_of_nothing_is_none_and_has_no_details(plugin: Plugin) -> None:
    """Such as of a stored default: a detail would be shown as a change."""
    id_, state = made(plugin)
    news = {"vendor": "roma"}
    answer = plugin.diff(MADE, id_, state, news, {**news, "length": 43})
    assert answer == provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)


def test_diff_says_which_property_replaces(plugin: Plugin) -> None:
    id_, state = made(plugin)
    answer = plugin.diff(MADE, id_, state, {"vendor": "navigator", "length": 40}, {"vendor": "roma"})
    assert list(answer.replaces) == ["vendor"]
    kinds = {path: diff.kind for path, diff in answer.detailedDiff.items()}
    assert kinds == {
        "vendor": provider_pb2.PropertyDiff.UPDATE_REPLACE,
        "length": provider_pb2.PropertyDiff.ADD,
    }


def test_diff_shows_drift_as_an_output_that_differs(configured: Plugin, sandbox: Sandbox) -> None:
    id_, outputs = configured.create("OidcRelyingParty", **PARTY)
    CloudDirector(sandbox).change_relying_party(id_, "somebody's")
    found = configured.read("OidcRelyingParty", id_, decrypted(outputs), PARTY)
    assert read(found.inputs) == {**PARTY, "client_name": "somebody's"}
    state = decrypted(read(found.properties))
    assert state["client_name"] == "somebody's"
    answer = configured.diff("OidcRelyingParty", id_, state, PARTY, PARTY)
    ((path, diff),) = answer.detailedDiff.items()
    assert (path, diff.kind, diff.inputDiff) == ("client_name", provider_pb2.PropertyDiff.UPDATE, False)
    assert (answer.changes, list(answer.diffs)) == (provider_pb2.DiffResponse.DIFF_SOME, ["client_name"])


def test_reason_of_a_rotation_is_said_once_it_is_an_update(plugin: Plugin) -> None:
    """After the diff the engine may still replace, by `replace_on_changes`."""
    id_, state = made(plugin)
    stored, news = {"vendor": "roma"}, {"vendor": "roma", "rotation": {"rotate_now": "INC-1"}}
    for _ in range(2):
        plugin.diff(MADE, id_, state, news, stored)
        assert plugin.said() == []
    plugin.update(MADE, id_, state, news, stored, preview=True)
    ((severity, urn, text),) = plugin.said()
    assert (severity, urn) == ("INFO", urn_of(MADE))
    assert text.startswith("it: rotates: rotate_now")
    plugin.update(MADE, id_, state, news, stored, preview=True)
    assert plugin.said() == []


def test_what_a_replacement_ends_is_said_at_once(configured: Plugin) -> None:
    """The engine creates then, and asks for no update."""
    id_, outputs = configured.create("OidcRelyingParty", **PARTY)
    news = {**PARTY, "adopt": "urn:vcloud:oidcRelyingParty:5f9f3c9e-6f0e-4c0b-9a53-0d4f1c6b5f3a"}
    answer = configured.diff("OidcRelyingParty", id_, decrypted(outputs), news, PARTY)
    assert list(answer.replaces) == ["adopt"]
    ((severity, _, text),) = configured.said()
    assert severity == "WARNING"
    assert text.startswith("it: is replaced, and then removed unless another resource manages it")


def test_warning_beside_no_change_is_said_at_once(plugin: Plugin) -> None:
    """A diff without a change is followed by nothing."""
    id_, state = made(plugin, rotation={"triggers": {"release": "1"}})
    inputs = {"vendor": "roma", "rotation": {"triggers": {"release": "2"}, "paused": True}}
    state = decrypted(plugin.update(MADE, id_, state, inputs, inputs))
    answer = plugin.diff(MADE, id_, state, inputs, inputs)
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert plugin.said() == [
        ("INFO", urn_of(MADE), "it: does not rotate: paused; due: trigger changed: release"),
    ]


# -- what previews know -----------------------------------------------------------------------------------------------


def test_preview_of_a_creation_calls_nobody_and_hides_what_will_be_secret(configured: Plugin, sandbox: Sandbox) -> None:
    sandbox.forget_calls()
    id_, outputs = configured.create("OidcRelyingParty", preview=True, **PARTY)
    assert id_ == ""
    assert outputs["client_name"] == "portal"
    assert outputs["client_id"] == rpc.UNKNOWN
    assert outputs["client_secret"] == envelope(rpc.UNKNOWN)
    assert sandbox.calls() == []


def test_preview_of_an_update_knows_what_stays_and_rotates_nothing(configured: Plugin, sandbox: Sandbox) -> None:
    id_, outputs = configured.create("OidcRelyingParty", **PARTY)
    state = decrypted(outputs)
    sandbox.forget_calls()
    uris = [*PARTY["redirect_uris"], "https://other.example.com/"]
    seen = configured.update("OidcRelyingParty", id_, state, {**PARTY, "redirect_uris": uris}, PARTY, preview=True)
    assert seen == {**outputs, "redirect_uris": uris}
    rotating = {**PARTY, "rotation": {"rotate_now": "INC-1"}}
    seen = configured.update("OidcRelyingParty", id_, state, rotating, PARTY, preview=True)
    assert (seen["generation"], seen["client_id"]) == (2, state["client_id"])
    assert seen["client_secret"] == envelope(rpc.UNKNOWN)
    assert sandbox.calls() == []


# -- real calls -------------------------------------------------------------------------------------------------------


def test_life_of_a_resource_keeps_every_secret_marked(configured: Plugin, sandbox: Sandbox) -> None:
    stored, news = ({**PARTY, "rotation": {"triggers": {"release": f"s3cret-{number}"}}} for number in (1, 2))
    id_, created = configured.create("OidcRelyingParty", **stored)
    assert id_ == created["relying_party_id"]
    secret = created["client_secret"]
    assert is_marked(secret)
    updated = configured.update("OidcRelyingParty", id_, decrypted(created), news, stored)
    assert updated["generation"] == 2
    assert is_marked(updated["client_secret"])
    assert updated["client_secret"] != secret
    # The digest of a trigger is made with a key that nobody sees.
    assert is_marked(updated["rotation"]["key"])
    assert "s3cret-" not in json.dumps(updated)
    found = configured.read("OidcRelyingParty", id_, decrypted(updated), news)
    assert (found.id, read(found.properties), read(found.inputs)) == (id_, updated, news)
    assert not configured.read("OidcRelyingParty", id_, decrypted(updated)).HasField("inputs")
    configured.delete("OidcRelyingParty", id_, decrypted(updated))
    assert CloudDirector(sandbox).relying_parties() == []
    assert configured.read("OidcRelyingParty", id_, decrypted(updated), news) == provider_pb2.ReadResponse()


def test_read_without_a_state_finds_what_is_to_be_imported(configured: Plugin, sandbox: Sandbox) -> None:
    there = CloudDirector(sandbox).register("portal")
    found = configured.read("OidcRelyingParty", there["id"])
    assert found.id == there["id"]
    assert read(found.inputs)["client_name"] == "portal"
    assert read(found.properties)["rotation_reason"] == "imported"
    gone = "urn:vcloud:oidcRelyingParty:5f9f3c9e-6f0e-4c0b-9a53-0d4f1c6b5f3a"
    assert configured.read("OidcRelyingParty", gone) == provider_pb2.ReadResponse()


def test_read_of_an_id_that_names_an_endpoint_finds_it_there(plugin: Plugin, sandbox: Sandbox) -> None:
    plugin.configure(owner="o", endpoints={"dr": {"kind": "vcd", **sandbox.endpoint("vcd")}})
    there = CloudDirector(sandbox).register("portal")
    found = plugin.read("OidcRelyingParty", f"dr::{there['id']}")
    assert found.id == there["id"]
    # A program that is written from these reads there, too.
    assert read(found.inputs)["endpoint"] == read(found.properties)["endpoint"] == "dr"


def test_import_of_what_a_resource_manages_that_is_compared_later_is_refused(
    configured: Plugin, sandbox: Sandbox
) -> None:
    """The engine reads what is imported before the program has declared it."""
    id_, outputs = configured.create("OidcRelyingParty", **PARTY)
    state = decrypted(outputs)
    with plugin_in_process() as later:
        later.use(sandbox)
        later.call("Read", provider_pb2.ReadRequest(urn=f"{urn_of('OidcRelyingParty')}-too", id=id_))
        later.check("OidcRelyingParty", olds=PARTY, **PARTY)
        refused = r"is managed by two resources of this program: urn:\S+::it and urn:\S+::it-too"
        with pytest.raises(Refused, match=refused):
            later.diff("OidcRelyingParty", id_, state, PARTY, PARTY)


def test_what_a_failure_reached_is_saved_with_its_secrets_marked(configured: Plugin, sandbox: Sandbox) -> None:
    sandbox.fault("/relyingParties/", method="PUT", status=403, count=0)
    with pytest.raises(Refused) as failed:
        configured.create("OidcRelyingParty", **PARTY)
    (reached,) = failed.value.reached
    # The engine saves nothing of a failure with another code.
    assert failed.value.code == grpc.StatusCode.UNKNOWN
    assert list(reached.reasons) == [failed.value.text]
    assert "Traceback" not in failed.value.text
    assert "\n" not in failed.value.text
    outputs = read(reached.properties)
    assert reached.id == outputs["relying_party_id"]
    assert is_marked(outputs["client_secret"])
    assert outputs["client_secret"]["value"] not in failed.value.text
    assert not reached.HasField("inputs")
    sandbox.clear_faults()
    updated = configured.update("OidcRelyingParty", reached.id, decrypted(outputs), PARTY, PARTY)
    assert updated["client_secret"] == outputs["client_secret"]


def test_what_a_failed_refresh_found_is_saved_with_its_inputs(configured: Plugin, sandbox: Sandbox) -> None:
    """Without them the engine would take the outputs for the inputs."""
    id_, outputs = configured.create("OidcRelyingParty", **PARTY)
    CloudDirector(sandbox).regenerate_secret(id_)
    with pytest.raises(Refused) as failed:
        configured.read("OidcRelyingParty", id_, decrypted(outputs), PARTY)
    (reached,) = failed.value.reached
    assert read(reached.inputs) == PARTY
    assert read(reached.properties)["step"] == "replace the refused secret"


def test_expected_error_is_one_line(configured: Plugin, sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as refused:
        configured.create("AppSecret", instance_id=sandbox.credentials["roma"]["instance_id"], app_id="nobodys")
    assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.reached == []
    assert "nothing was created; correct the id" in refused.value.text
    assert "\n" not in refused.value.text


def test_defect_is_told_from_an_expected_error(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it looks like belongs to its report."""

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("pulumi_rekey.frontend.answers.Answers.check", fail)
    with pytest.raises(Refused, match=r"(?s)Traceback.*ZeroDivisionError: a defect") as refused:
        plugin.check(MADE, vendor="roma")
    assert refused.value.code == grpc.StatusCode.INTERNAL


def test_resource_of_another_version_is_refused_in_one_line(plugin: Plugin) -> None:
    with pytest.raises(Refused, match=r"^rekey has no resource Nope: install the version of rekey that has it"):
        plugin.check("Nope")


@pytest.mark.parametrize("parents", ["", "my:mod:Component$", "my:mod:C$rekey:index:AppSecret$"])
def test_resource_in_a_component_is_known_by_its_own_type(plugin: Plugin, parents: str) -> None:
    urn = f"urn:pulumi:dev::probe::{parents}rekey:index:{MADE}::it"
    request = provider_pb2.CheckRequest(urn=urn, news=to_wire({"vendor": "rome"}))
    assert [failure.property for failure in plugin.call("Check", request).failures] == ["vendor"]


# -- how calls end ----------------------------------------------------------------------------------------------------


def test_nothing_is_sent_for_an_engine_that_is_gone(configured: Plugin, sandbox: Sandbox) -> None:
    sandbox.forget_calls()
    configured.servicer._parent += 1
    assert configured.servicer.engine_is_gone()
    with pytest.raises(Refused):
        configured.create("OidcRelyingParty", **PARTY)
    assert [call for call in sandbox.calls() if "relyingParties" in call["path"] and call["method"] != "GET"] == []


def test_nothing_is_written_once_the_engine_waits_no_more() -> None:
    """A call that the engine has given up: its thread may still be at work."""

    class Context:
        def __init__(self, *, active: bool) -> None:
            self.is_active = lambda: active

    servicer = Servicer()
    assert servicer._is_wanted()
    for active in (True, False):
        with servicer._answering(Context(active=active)):
            assert servicer._is_wanted() is active
    # The next call of this thread's is another one's.
    assert servicer._is_wanted()


def test_calls_under_way_are_waited_for() -> None:
    servicer, idle = Servicer(), threading.Event()

    def wait() -> None:
        servicer.wait_until_idle(60)
        idle.set()

    servicer.wait_until_idle(0)
    waiting = threading.Thread(target=wait)
    with servicer._answering(None):
        # No longer than is said.
        servicer.wait_until_idle(0.01)
        waiting.start()
        assert not idle.wait(0.05)
    assert idle.wait(20)
    waiting.join()
