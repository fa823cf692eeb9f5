"""The plugin's process: how it starts, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi_rekey.frontend.version import package_version
from pulumi_rekey.native.__main__ import LOOK_S

from tests.engine import BIN

PLUGIN = str(BIN / "pulumi-resource-rekey")
MAX_WAIT_S = 60.0
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
URN = "urn:pulumi:dev::probe::rekey:index:GeneratedSecret::it"
#: Starts a plugin and dies without a word, as an engine that is killed does; the plugin's pid and port are printed.
ENGINE = """
import os, subprocess, sys
plugin = subprocess.Popen([sys.argv[1], "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
print(plugin.pid, plugin.stdout.readline().strip(), flush=True)
sys.stdin.read()
os._exit(9)
"""


@contextmanager
def plugin(**environment: str) -> Iterator[tuple[subprocess.Popen[str], provider_pb2_grpc.ResourceProviderStub]]:
    with subprocess.Popen(
        [PLUGIN, "127.0.0.1:1"], env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = f"127.0.0.1:{process.stdout.readline().strip()}"
            with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
                yield process, provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.kill()


def check(stub: provider_pb2_grpc.ResourceProviderStub, **inputs: str) -> provider_pb2.CheckResponse:
    news = struct_pb2.Struct()
    news.update(inputs)
    answer: provider_pb2.CheckResponse = stub.Check(provider_pb2.CheckRequest(urn=URN, news=news))
    return answer


def test_plugin_answers_and_ends_at_a_signal() -> None:
    with plugin() as (process, stub):
        assert stub.GetPluginInfo(empty_pb2.Empty()).version == package_version()
        stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))
        stub.Configure(provider_pb2.ConfigureRequest())
        assert not check(stub, vendor="roma").failures
        assert [failure.property for failure in check(stub, vendor="rome").failures] == ["vendor"]
        # A state is one message, however large.
        assert check(stub, vendor="x" * 5_000_000).failures
        stub.Cancel(empty_pb2.Empty())
        assert not check(stub, vendor="roma").failures
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=MAX_WAIT_S) == 0


@contextmanager
def call_under_way(stub: provider_pb2_grpc.ResourceProviderStub) -> Iterator[tuple[Any, socket.socket]]:
    """A creation, and the connection at which its vendor is to answer."""
    settings, inputs = struct_pb2.Struct(), struct_pb2.Struct()
    with socket.create_server(("127.0.0.1", 0)) as vendor:
        vendor.settimeout(MAX_WAIT_S)
        vcd = {"url": f"http://127.0.0.1:{vendor.getsockname()[1]}", "apiToken": "t"}
        settings.update({"owner": "o", "endpoints": {"vcd": vcd}})
        stub.Configure(provider_pb2.ConfigureRequest(args=settings))
        inputs.update({"client_name": "portal", "redirect_uris": ["https://portal.example.com/"]})
        urn = "urn:pulumi:dev::probe::rekey:index:OidcRelyingParty::it"
        created = stub.Create.future(provider_pb2.CreateRequest(urn=urn, properties=inputs))
        asked, _ = vendor.accept()
        with asked:
            yield created, asked


def test_plugin_ends_after_the_calls_under_way() -> None:
    """And answers others beside them."""
    with plugin() as (process, stub), call_under_way(stub) as (created, asked):
        assert not check(stub, vendor="roma").failures
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
        asked.sendall(FORBIDDEN)
        failed = created.exception(timeout=MAX_WAIT_S)
        assert failed.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert "vcd: POST /oauth/provider/token: 403: " in failed.details()
        assert process.wait(timeout=MAX_WAIT_S) == 0


#: What Python imports at the start of each process with this folder on its path.
PROBE = """
import atexit, os, sys
def tell():
    line = f"{'PULUMI_CONFIG' in os.environ} {hasattr(sys.modules['secrets'], 'THEIRS')} {'recorder' in sys.modules}"
    os.write(1, line.encode())
atexit.register(tell)
"""
#: A plugin of pydantic's that records nothing.
RECORDER = """
class Plugin:
    def new_schema_validator(self, *_):
        return None, None, None
plugin = Plugin()
"""


def test_plugin_keeps_the_configuration_and_the_users_files_out(tmp_path: Path) -> None:
    """No child inherits what the engine has configured, no module of the user's is taken for one of Python's, and what
    extends pydantic is told of no secret.
    """
    (tmp_path / "sitecustomize.py").write_text(PROBE)
    installed = tmp_path / "recorder-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: recorder\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[pydantic]\nrecorder = recorder:plugin\n")
    (tmp_path / "recorder.py").write_text(RECORDER)
    (tmp_path / "secrets.py").write_text("THEIRS = True\n")
    with plugin(PYTHONPATH=str(tmp_path), PULUMI_CONFIG='{"rekey:owner": "o"}') as (process, stub):
        made = struct_pb2.Struct()
        made.update({"vendor": "roma"})
        assert stub.Create(provider_pb2.CreateRequest(urn=URN, properties=made)).id
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.read() == "False False False"


def test_plugin_ends_soon_after_its_engine() -> None:
    """Once the calls under way have ended."""
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, PLUGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout is not None
        pid, port = engine.stdout.readline().split()
        with (
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
            call_under_way(provider_pb2_grpc.ResourceProviderStub(channel)) as (_, asked),
        ):
            engine.communicate("", timeout=MAX_WAIT_S)
            # It looks for its engine every second.
            assert not has_ended(int(pid), LOOK_S + 0.3)
            asked.sendall(FORBIDDEN)
            assert has_ended(int(pid), MAX_WAIT_S)


def has_ended(pid: int, seconds: float) -> bool:
    """Wait for the end of a process, and tell whether it has come."""
    until = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_running(pid)


def is_running(pid: int) -> bool:
    """Tell whether there is such a process, and not only what is left of it."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def loaded(program: str) -> set[str]:
    """The modules that a program has loaded."""
    code = f"import sys\n{program}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_plugin_loads_the_protocol_without_the_sdk() -> None:
    """It takes longer than all else that is loaded; what the SDK has generated is loaded from where it lies."""
    found = loaded("import pulumi_rekey.native.servicer")
    assert "pulumi_rekey.native._generated.provider_pb2" in found
    assert found.isdisjoint({"pulumi", "pydantic", "httpx", "yaml"})
    found = loaded("import pulumi_rekey.native.__main__ as plugin\nimport pulumi_rekey.native.servicer\nplugin._load()")
    assert "pulumi_rekey.frontend.answers" in found
    assert found.isdisjoint({"pulumi", "httpx", "yaml", "cryptography", "deepdiff"})


#: The last one of the modules cannot be imported in this way.
HALFWAY = """
import sys
class Refusal:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pulumi_rekey.native._generated.status_pb2":
            raise ImportError(name)
sys.meta_path.insert(0, Refusal)
"""


@pytest.mark.parametrize(
    "obstacle",
    [
        "import pulumi",
        # An SDK that has it elsewhere, or imports in another way.
        "import importlib.util\nimportlib.util.find_spec = lambda _name: None",
        HALFWAY,
    ],
    ids=["loaded already", "not found", "halfway"],
)
def test_plugin_loads_the_protocol_with_the_sdk_otherwise(obstacle: str) -> None:
    found = loaded(f"{obstacle}\nimport pulumi_rekey.native.servicer")
    assert "pulumi.runtime.proto.provider_pb2" in found
    assert not any(name.startswith("pulumi_rekey.native._generated") for name in found)
