"""The plugin's process: how it starts, and how it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from pulumi_rekey.frontend.version import package_version

from tests.engine import BIN

PLUGIN = str(BIN / "pulumi-resource-rekey")
MAX_WAIT_S = 60.0
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
            with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
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
        stub.Configure(provider_pb2.ConfigureRequest())
        assert not check(stub, vendor="roma").failures
        assert [failure.property for failure in check(stub, vendor="rome").failures] == ["vendor"]
        stub.Cancel(empty_pb2.Empty())
        assert not check(stub, vendor="roma").failures
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=MAX_WAIT_S) == 0


def test_plugin_ends_soon_after_its_engine() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, PLUGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout is not None
        pid, _port = engine.stdout.readline().split()
        assert is_running(int(pid))
        engine.communicate("", timeout=MAX_WAIT_S)
    until = time.monotonic() + MAX_WAIT_S
    while is_running(int(pid)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(int(pid))


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


@pytest.mark.parametrize(
    "obstacle",
    [
        "import pulumi",
        # An SDK that has it elsewhere, or imports in another way.
        "import importlib.util\nimportlib.util.find_spec = lambda _name: None",
    ],
)
def test_plugin_loads_the_protocol_with_the_sdk_otherwise(obstacle: str) -> None:
    found = loaded(f"{obstacle}\nimport pulumi_rekey.native.servicer")
    assert "pulumi.runtime.proto.provider_pb2" in found
    assert not any(name.startswith("pulumi_rekey.native._generated") for name in found)
