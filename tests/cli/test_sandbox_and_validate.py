"""`rekey sandbox` and `rekey validate`."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .conftest import Rekey

GOOD = """
kind: AppSecret
name: orders
spec:
  instance_id: 5b3c1a52
  app_id: b2e6b145
"""


@pytest.mark.parametrize("arguments", [[], ["--seed"]])
def test_sandbox_starts_and_stops(arguments: list[str]) -> None:
    program = Path(sys.executable).with_name("rekey")
    with subprocess.Popen(
        [program, "sandbox", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("rekey sandbox ready at http://127.0.0.1:")
        url = ready.split()[-1]
        known = httpx.get(f"{url}/_sandbox/credentials", trust_env=False).json()
        assert set(known) == {"vcd", "broker", "navigator", "roma"}
        process.send_signal(signal.SIGINT)
        listed = process.stdout.read()
    lines = [line.partition(":")[0] for line in listed.splitlines()]
    assert len(lines) == (11 if arguments else 0)
    if arguments:
        assert "navigator OAuth app 'billing-export'" in lines
        assert {line.split()[0] for line in lines} == {"vcd", "broker", "navigator", "roma"}


def test_sandbox_binds_loopback_only(rekey: Rekey) -> None:
    ended = rekey("sandbox", "--host", "0.0.0.0")
    assert ended.code == 2
    assert "must be a loopback address" in ended.err
    assert rekey("sandbox", "--help").out.startswith("usage: rekey sandbox ")


def test_sandbox_with_a_port_that_cannot_be_had_says_so(rekey: Rekey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = rekey("sandbox", "--port", str(port))
    assert ended.code == 1
    assert ended.err.startswith(f"rekey sandbox: port {port} is taken: choose another one with --port")
    assert ended.err.count("\n") == 1
    ended = rekey("sandbox", "--port", "99999")
    assert ended.code == 2
    assert ended.err.endswith("--port must be from 0 to 65535\n")


def test_validate_lists_problems(rekey: Rekey, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    ended = rekey("validate", good)
    assert (ended.code, ended.out, ended.err) == (0, "nothing is wrong\n", "")
    bad.write_text(GOOD.replace("app_id", "app_ident"))
    ended = rekey("validate", "bad.yaml")
    assert ended.code == 1
    assert ended.err == ""
    assert all(line.startswith("bad.yaml:") for line in ended.out.splitlines())
    assert "app_ident" in ended.out
    assert rekey("validate").code == 2
