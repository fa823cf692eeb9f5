"""How a host process ends, with its engine or at a run's normal end; a program and a test end as ever."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from pulumi_rekey.dynamic import engine, lifetime

from tests.test_engine_facts import WRITTEN

MAX_WAIT_S = 60.0
#: What a user's code may have begun in a host: Python imports it at the start of each process.
USERS_CODE = """
import atexit, os, threading
class Kept:
    def __del__(self):
        os.write(1, b"taken apart\\n")
kept = Kept()
atexit.register(os.write, 1, b"exit function\\n")
print("a line without its end", end="")
"""


@contextmanager
def host_of_an_engine(folder: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """A host that rekey has answered a call in, and the socket at which its engine listens."""
    (folder / "sitecustomize.py").write_text(USERS_CODE)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic", *flags, f"127.0.0.1:{listening.getsockname()[1]}"],
            env=os.environ | {"PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            port = process.stdout.readline().removeprefix("a line without its end").strip()
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                stub.Configure(provider_pb2.ConfigureRequest())
                news = struct_pb2.Struct()
                news.update({"__provider": WRITTEN["generated_secret"], "vendor": "roma"})
                assert not stub.Check(provider_pb2.CheckRequest(urn="urn:it", news=news)).failures
            yield process, listening
        finally:
            process.kill()


def test_host_ends_without_taking_its_interpreter_apart(tmp_path: Path) -> None:
    """Exit functions run, and nothing that was printed is lost."""
    with host_of_an_engine(tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        printed, _stderr = process.communicate(timeout=MAX_WAIT_S)
        assert process.returncode == 0
        assert printed == "exit function\n"


@pytest.mark.parametrize("flags", [(), ("--logtostderr", "-v=9", "--tracing", "file:trace")], ids=["plain", "traced"])
def test_host_ends_soon_after_its_engine(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with host_of_an_engine(tmp_path, *flags) as (process, listening):
        listening.close()
        assert process.wait(timeout=10) == 0


def test_host_is_no_program_and_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "127.0.0.1:80"])
    assert engine.engine_address() == ("127.0.0.1", 80)
    assert not engine.is_host()


def test_host_without_exit_functions_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python has no such function any more."""
    monkeypatch.delattr("atexit._run_exitfuncs")
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    lifetime._end_quickly()
    assert ended == [0]


def test_host_that_dies_of_an_exception_keeps_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr(sys, "last_type", KeyboardInterrupt, raising=False)
    lifetime._end_quickly()
    assert ended == []


def test_engine_is_gone_only_when_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["host"])
    assert not engine.engine_is_gone()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setattr(sys, "argv", ["host", "--tracing", "file:trace", address])
        assert not engine.engine_is_gone()
    assert engine.engine_is_gone()

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError("too many open files")

    # A machine that is short of something says nothing about the engine.
    monkeypatch.setattr("socket.create_connection", fail)
    assert not engine.engine_is_gone()


def test_call_under_way_is_seen_from_another_thread() -> None:
    class Context:
        def set_trailing_metadata(self) -> None: ...

    assert not engine.calls_under_way()
    context = Context()
    assert engine.calls_under_way()
    del context
