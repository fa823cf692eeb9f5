"""A test reaches loopback only; see tests/network.py."""

import socket
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from tools.vendors import Sandbox

from .engine import Engine
from .network import PROXIES, NotLoopbackError

#: An address that is reserved for documentation, so that nobody has it.
ELSEWHERE = ("192.0.2.1", 443)
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).status)"


def datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", ELSEWHERE)


def listen_to_all() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(ELSEWHERE, timeout=1),
        lambda: socket.create_connection(("2001:db8::1", 443), timeout=1),
        lambda: socket.getaddrinfo("example.com", 443),
        lambda: socket.gethostbyname("example.com"),
        lambda: httpx.get(f"https://{ELSEWHERE[0]}", trust_env=False),
        datagram,
        listen_to_all,
    ],
    ids=["connect", "connect by IPv6", "resolve", "resolve, the old way", "httpx", "send", "bind"],
)
def test_network_is_refused_in_the_test_process(reach: Callable[[], object]) -> None:
    with pytest.raises(NotLoopbackError, match="is not loopback"):
        reach()


def test_network_is_refused_to_subprocesses(engine: Engine) -> None:
    """Also to what the engine starts, whose environment is its own."""
    for environment in (None, engine.environment):
        command = [sys.executable, "-c", FETCH, "http://example.com"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "Connection refused" in done.stderr
    assert engine.environment.items() >= PROXIES.items()


def test_network_of_this_machine_is_open_to_both(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/_sandbox/credentials"
    assert httpx.get(url).is_success
    assert (
        subprocess.run([sys.executable, "-c", FETCH, url], capture_output=True, text=True, check=True).stdout == "200\n"
    )
