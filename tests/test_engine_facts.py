"""What the project relies on that Pulumi does not promise: each fact is shown on the engine and SDK in use.

And what is left where a fact does not hold: a longer message, a slower run or a larger state, but no failure.
"""

import base64
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dill  # type: ignore[import-untyped]  # ships no types
import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi import resource as declared
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import resource as runtime
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi_rekey.dynamic import engine, host

from tools.vendors import Sandbox

from .engine import Stack

PROBE = Path(__file__).parent / "fixtures" / "probe.py"
#: What the first version wrote into states. A line is never changed and never leaves.
WRITTEN = {
    "app_secret": "gASVLAAAAAAAAACMGXB1bHVtaV9yZWtleS5keW5hbWljLmhvc3SUjAphcHBfc2VjcmV0lJOULg==",
    "generated_secret": "gASVMgAAAAAAAACMGXB1bHVtaV9yZWtleS5keW5hbWljLmhvc3SUjBBnZW5lcmF0ZWRfc2VjcmV0lJOULg==",
    "oidc_relying_party": "gASVNAAAAAAAAACMGXB1bHVtaV9yZWtleS5keW5hbWljLmhvc3SUjBJvaWRjX3JlbHlpbmdfcGFydHmUk5Qu",
    "open_id_provider_key": "gASVNgAAAAAAAACMGXB1bHVtaV9yZWtleS5keW5hbWljLmhvc3SUjBRvcGVuX2lkX3Byb3ZpZGVyX2tleZSTlC4=",
    "org_oauth_app": "gASVLwAAAAAAAACMGXB1bHVtaV9yZWtleS5keW5hbWljLmhvc3SUjA1vcmdfb2F1dGhfYXBwlJOULg==",
    "sync_client_credentials": (
        "gASVOQAAAAAAAACMGXB1bHVtaV9yZWtleS5keW5hbWljLmhvc3SUjBdzeW5jX2NsaWVudF9jcmVkZW50aWFsc5STlC4="
    ),
}


@pytest.fixture
def probe(bare_stack: Stack) -> Stack:
    """A stack with the probe beside its program."""
    shutil.copy(PROBE, bare_stack.folder)
    return bare_stack


def declare(stack: Stack, *lines: str) -> None:
    stack.program("\n".join(["import pulumi", "from probe import Thing", "", *lines, ""]))


def diagnostics(stack: Stack) -> dict[str, list[str]]:
    """What the last run says under each resource, by its name."""
    found: dict[str, list[str]] = {}
    for line in (stack.folder / "events.json").read_text().splitlines():
        event = json.loads(line).get("diagnosticEvent", {})
        found.setdefault(event.get("urn", "").rpartition("::")[2], []).append(event.get("message", ""))
    return found


# -- the engine -----------------------------------------------------------------------------------------------------


def test_component_survives_up_and_destroy(bare_stack: Stack) -> None:
    bare_stack.program("""
import pulumi

pulumi.ComponentResource("rekey:test:Component", "part")
pulumi.export("word", pulumi.Output.secret("sesame"))
""")
    assert bare_stack.up().steps == ["create part"]
    assert bare_stack.up("--expect-no-changes").steps == []
    assert bare_stack.outputs() == {"word": "sesame"}
    exported, shown = ("stack", "export", "--show-secrets"), ("stack", "output", "--json", "--show-secrets")
    assert bare_stack.export(show_secrets=True) == json.loads(bare_stack.run(*exported).text)
    assert bare_stack.outputs() == json.loads(bare_stack.run(*shown).text)
    assert bare_stack.outputs(show_secrets=False) == {"word": "[secret]"}
    assert bare_stack.destroy().steps == ["delete part"]
    assert bare_stack.export()["deployment"].get("resources", []) == []


def test_provider_failures_and_remarks_reach_the_user(probe: Stack) -> None:
    """Context and request of a call, one clean line, a partial failure that is saved, and remarks with a URN."""
    probe.configure({"rekey:endpoints.vcd.url": "https://vcd"}, {"rekey:endpoints.vcd.apiToken": "t0ken"})
    declare(probe, 'Thing("whole", nested={"a": 1})', 'Thing("refused")', 'Thing("half")')
    run = probe.up("--continue-on-error", fails=True)
    assert run.tracebacks == 0
    assert "not to be seen" not in run.text
    said = diagnostics(probe)
    assert [line.strip() for line in said["refused"]] == ["refused: it is what was asked for"]
    assert "half of it is done" in said["half"][0]

    whole = probe.resource("whole")
    assert whole["outputs"]["urn_seen"] == whole["urn"]
    assert whole["outputs"]["request"] == "CreateRequest"
    assert json.loads(whole["outputs"]["endpoints"]) == {"vcd": {"url": "https://vcd", "apiToken": "t0ken"}}
    half = probe.resource("half")
    assert (half["id"], half["outputs"]["reached"]) == ("id-of-half", "half")
    assert half["outputs"]["token"] == "half a secret"
    for secret in ("a whole secret", "a secret within", "half a secret"):
        assert secret not in json.dumps(probe.export())

    preview = json.loads(probe.preview("--json").text)
    said_in_json = {found["urn"]: found["message"].strip() for found in preview["diagnostics"]}
    assert said_in_json[whole["urn"]] == "diff of whole"
    assert [line.strip() for line in diagnostics(probe)["half"]] == ["diff of half"]

    declare(probe, 'Thing("whole", nested={"a": 1})', 'Thing("half")')
    run = probe.up()
    assert run.steps == ["update half"]
    assert "diff of whole" in run.text
    half = probe.resource("half")
    assert (half["outputs"]["reached"], half["outputs"]["before"]) == ("all", "half")
    assert "initErrors" not in half


def test_unknown_values_are_seen_at_every_depth(probe: Stack) -> None:
    declare(
        probe,
        'first = Thing("whole")',
        'Thing("other", top=first.reached, listed=[first.reached, 1], nested={"a": 1, "b": {"c": first.reached}})',
    )
    probe.preview()
    (said,) = diagnostics(probe)["other"]
    assert said.strip() == "unknown: ['listed', 'nested', 'top']; known of nested: ['a', 'b']"


def test_host_serves_more_than_four_calls_at_once(probe: Stack) -> None:
    """Nine creates wait for each other; with the stock host's four workers they would wait in vain."""
    declare(probe, "for number in range(9):", '    Thing(f"crowd-{number}")')
    assert len(probe.up("--parallel", "16").steps) == 9


def test_host_notices_that_its_engine_is_gone(probe: Stack) -> None:
    declare(probe, 'Thing("orphan")')
    running = probe.start("up", "--yes", "--skip-preview")
    wait_for(probe.folder / "started")
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    wait_for(probe.folder / "noticed")
    # It would live on: only what rekey itself starts in a host ends one that has lost its engine.
    os.kill(int((probe.folder / "started").read_text()), signal.SIGTERM)


def test_host_notices_that_nobody_waits_for_its_answer() -> None:
    """A server that is asked to stop ends its calls; the thread that answers one goes on."""
    called, stopped = threading.Event(), threading.Event()
    wanted: list[bool] = []

    class Host(provider_pb2_grpc.ResourceProviderServicer):
        def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's
            wanted.append(engine.is_wanted())
            called.set()
            stopped.wait(timeout=60)
            wanted.append(engine.is_wanted())
            return plugin_pb2.PluginInfo()

    with ThreadPoolExecutor(1) as workers:
        server = grpc.server(workers)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(Host(), server)
        with grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}") as channel:
            server.start()
            answer = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo.future(empty_pb2.Empty())
            assert called.wait(timeout=60)
            server.stop(0).wait()
            assert isinstance(answer.exception(timeout=60), grpc.RpcError)
            stopped.set()
    assert wanted == [True, False]


@pytest.mark.parametrize(
    ("given", "warning", "leaks"),
    [
        (["--tracing", "file:OUT"], "--tracing is set: every secret of this run", "secrets and credentials"),
        (["PULUMI_TRACING_NO_PAYLOADS=true", "--tracing", "file:OUT"], None, "nothing"),
        (["--otel-traces", "file://OUT"], "--otel-traces is set: the endpoints' credentials", "credentials"),
        (["PULUMI_TRACING_NO_PAYLOADS=true", "--otel-traces", "file://OUT"], None, "nothing"),
        (["PULUMI_DEBUG_GRPC=OUT"], "PULUMI_DEBUG_GRPC is set: every secret", "secrets and credentials"),
        (["--logtostderr", "-v=11", "--logflow", "--debug"], None, "nothing"),
        (["GRPC_VERBOSITY=DEBUG", "GRPC_TRACE=http,tcp", "GODEBUG=http2debug=2"], None, "nothing"),
        (["--profiling", "OUT"], None, "nothing"),
    ],
    ids=["tracing", "tracing without payloads", "otel", "otel without payloads", "grpc", "logs", "frames", "profiling"],
)
def test_exposures_are_warned_of(
    stack: Stack, sandbox: Sandbox, given: list[str], warning: str | None, leaks: str
) -> None:
    """What the engine can be told to write down, and whether there are secrets in it, and a warning of it."""
    stack.program("""
import pulumi_rekey as rekey

rekey.OidcRelyingParty("portal", client_name="portal", redirect_uris=["https://portal.example.com/"])
""")
    written = stack.folder / "written"
    written.mkdir()
    words = [word.replace("OUT", f"{written}/it") for word in given]
    environment = dict(word.split("=", 1) for word in words if word[0].isupper())
    stack.environment |= environment
    text = stack.up(*(word for word in words if not word[0].isupper())).text
    for name in environment:
        del stack.environment[name]
    for said in ("PULUMI_DEBUG_GRPC is set", "--tracing is set", "--otel-traces is set"):
        assert (f"warning: {said}" in text) == (said in (warning or ""))
    assert (warning or "") in text
    found = b"".join(path.read_bytes() for path in written.iterdir()) + text.encode()
    secret = stack.resource("portal")["outputs"]["client_secret"]
    assert (secret.encode() in found) == ("secrets" in leaks)
    assert (sandbox.credentials["vcd"]["api_token"].encode() in found) == ("credentials" in leaks)


def wait_for(path: Path) -> None:
    """Wait for another process to make a file."""
    patience = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < patience, f"{path.name} did not come"
        time.sleep(0.05)


def test_state_keeps_the_users_line_and_no_stack_trace(stack: Stack) -> None:
    arguments = 'vendor="roma"'
    stack.program(f"""\
import pulumi
import pulumi_rekey as rekey

rekey.GeneratedSecret("plain", {arguments})


class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("rekey:test:Part", name)
        rekey.GeneratedSecret("within", {arguments}, opts=pulumi.ResourceOptions(parent=self))


Part("part")
pulumi.Output.from_input(1).apply(
    lambda _: rekey.GeneratedSecret("applied", {arguments}) and 1
)
""")
    assert len(stack.up().steps) == 4
    for name, line in (("plain", 4), ("within", 10), ("applied", 15)):
        assert kept_line(stack, name) == f"__main__.py#{line}"


def kept_line(stack: Stack, name: str) -> str:
    """The file and line that the state keeps of a resource's source, without a stack trace."""
    kept = stack.resource(name)
    assert "stackTrace" not in kept
    position: str = kept["sourcePosition"]
    return position.rpartition("/")[2]


def test_source_position_is_the_users_where_rekey_declares(stack: Stack, sandbox: Sandbox) -> None:
    folder = stack.folder / "credentials"
    folder.mkdir()
    app = {"instance_id": sandbox.credentials["roma"]["instance_id"], "app_id": sandbox.credentials["roma"]["app_id"]}
    (folder / "app.yaml").write_text(json.dumps({"kind": "AppSecret", "name": "loaded", "spec": app}))
    stack.program("""\
import pulumi_rekey as rekey

rekey.load("credentials")
rekey.Pair(
    "pair",
    lambda side, its: rekey.OidcRelyingParty(
        client_name=side, redirect_uris=["https://portal.example.com/callback"], **its
    ),
    every="90d",
)
""")
    stack.up()
    assert kept_line(stack, "loaded") == "__main__.py#3"
    assert kept_line(stack, "pair-blue") == "__main__.py#6"


ALIASED = """
import pulumi, pulumi_rekey as rekey

party = rekey.OidcRelyingParty(
    "{name}",
    client_name="portal",
    redirect_uris=["https://portal.example.com/callback"],
    opts=pulumi.ResourceOptions(aliases={aliases}),
)
rekey.GeneratedSecret("child", vendor="roma", opts=pulumi.ResourceOptions(parent=party))
"""


def test_aliases_of_a_resource_and_of_its_child_reach_the_engine(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(ALIASED.format(name="party", aliases=[]))
    stack.up()
    stack.program(ALIASED.format(name="renamed", aliases='[pulumi.Alias(name="party")]'))
    assert stack.up("--expect-no-changes").steps == []
    stack.use_native()
    sandbox.forget_calls()
    assert stack.up("--expect-no-changes").steps == []
    assert sandbox.calls() == []


# -- the pickled provider -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", WRITTEN)
def test_pickle_holds_the_providers_name(module: str) -> None:
    provider = getattr(host, module)
    short = engine.pickled_name(host.__name__, module)
    assert len(short) <= 72 < len(serialize_provider(provider))
    for kept in (short, serialize_provider(provider), WRITTEN[module]):
        assert dill.loads(base64.b64decode(kept)) is provider


# -- where a fact does not hold -------------------------------------------------------------------------------------


def test_call_is_none_outside_of_a_host() -> None:
    call = engine.current_call()
    assert (call.context, call.request, call.urn) == (None, None, None)
    engine.fail_in_one_line(call, "nobody hears")
    engine.fail_partly(call, "nobody hears", "id", {}, None)


def test_call_ignores_frames_of_other_contexts() -> None:
    context = "not a call's"  # noqa: F841 - found by its name
    assert engine.current_call().context is None


def test_more_workers_without_a_server_changes_nothing() -> None:
    engine.more_workers()
    server: Any = object()  # noqa: F841 - found by its name
    engine.more_workers()


def test_more_workers_take_what_waits_already_and_what_comes_next() -> None:
    """A host is configured by its first call, when others may be queued behind it."""
    waiting, later = 8, 20
    all_at_once = threading.Barrier(1 + waiting + later + 1)
    with ThreadPoolExecutor(1) as pool:
        server = SimpleNamespace(_state=SimpleNamespace(thread_pool=pool))  # noqa: F841 - found by its name
        for _ in range(1 + waiting):
            pool.submit(all_at_once.wait, 10)
        engine.more_workers()
        for _ in range(later):
            pool.submit(all_at_once.wait, 10)
        all_at_once.wait(10)


@pytest.fixture
def started_by(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make this process one that was started with these arguments, which has not spoken to its engine yet."""
    monkeypatch.setattr(engine, "_log_stub", None)
    return lambda *arguments: monkeypatch.setattr(sys, "argv", ["host", *arguments])


@pytest.mark.parametrize("arguments", [[], ["--flag"], ["a:b"], [":80"]])
def test_engine_absent_means_wanted_and_silent(started_by: Callable[..., None], arguments: list[str]) -> None:
    started_by(*arguments)
    assert engine.engine_answers()
    engine.log("INFO", "nobody hears", None)


def test_engine_gone_is_noticed(started_by: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        started_by(f"127.0.0.1:{server.getsockname()[1]}")
        assert engine.engine_answers()
    assert not engine.engine_answers()
    engine.log("INFO", "nobody hears", None)


@pytest.mark.parametrize("missing", ["_get_stack_trace", "_get_source_position", "_get_source_position_for_frame"])
def test_stack_trace_stays_whole_without_its_functions(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delattr(runtime, missing)
    before = getattr(runtime, "_get_stack_trace", None)
    with engine.source_position_only("/package"):
        assert getattr(runtime, "_get_stack_trace", None) is before


def test_aliases_are_worked_out_where_the_sdk_has_no_such_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(declared, "collapse_alias_to_urn")
    with engine.aliases_left_to_engine():
        assert not hasattr(declared, "collapse_alias_to_urn")


def test_stack_trace_is_restored_after_a_failure() -> None:
    before = runtime._get_stack_trace

    def fail() -> None:
        with engine.source_position_only("/package"):
            assert runtime._get_stack_trace is not before
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert runtime._get_stack_trace is before
