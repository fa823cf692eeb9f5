"""Why no connection was made, in words: a table of causes, without a network."""

import errno
import socket
import ssl
from collections.abc import Mapping

import httpx
import pytest
from pulumi_rekey.endpoints import Endpoints
from pulumi_rekey.endpoints.no_connection import unreachable
from pulumi_rekey.endpoints.session import Runtime

VCD = "https://vcd.example.com"
SETTING = "rekey:endpoints.vcd.url"
NETWORK = "check the network, the firewall and the proxy settings"


def failure(kind: type[httpx.TransportError], cause: Exception | None, text: str, url: str) -> httpx.TransportError:
    """What httpx raises: the cause is below a layer of its own."""
    failed = kind(text, request=httpx.Request("GET", url))
    between = OSError()
    between.__context__ = cause
    failed.__cause__ = between
    return failed


CAUSES = [
    (ConnectionRefusedError(), f"refused, since nothing listens there: correct {SETTING}, or start the server"),
    (
        socket.gaierror(socket.EAI_NONAME, "x"),
        f"the name vcd.example.com is not known: correct {SETTING}, or check this machine's DNS",
    ),
    (socket.gaierror(socket.EAI_AGAIN, "x"), "no name server answers: check this machine's network and DNS"),
    (
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"),
        f"the server there speaks no TLS that fits: correct the port in {SETTING}",
    ),
    (OSError(errno.ENETUNREACH, "x"), f"this network has no way to it: {NETWORK}"),
    (OSError(errno.EHOSTUNREACH, "x"), f"this network has no way to it: {NETWORK}"),
    (ConnectionResetError(), f"it broke at once: correct {SETTING}, or {NETWORK}"),
    (None, f"it broke at once: correct {SETTING}, or {NETWORK}"),
]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("cause", "words"), CAUSES)
def test_no_connection_says_host_port_and_cause(cause: Exception | None, words: str) -> None:
    failed = failure(httpx.ConnectError, cause, "hunter2", f"{VCD}/api?x=hunter2")
    said = str(unreachable("vcd: GET /api", "vcd", SETTING, failed))
    assert said == f"vcd: GET /api: no connection to vcd.example.com:443: {words}"


def test_no_connection_in_time() -> None:
    failed = failure(httpx.ConnectTimeout, None, "", "https://[2001:db8::7]:8443/")
    said = str(unreachable("vcd: GET /", "vcd", SETTING, failed))
    assert said == (
        f"vcd: GET /: no connection to [2001:db8::7]:8443: nobody answers in time: {NETWORK}, or correct {SETTING}"
    )


@pytest.mark.parametrize(
    ("kind", "cause", "text", "words"),
    [
        (
            httpx.ConnectError,
            ConnectionRefusedError(),
            "",
            "no connection to the proxy proxy:3128 (HTTPS_PROXY): refused, since nothing listens there: correct"
            " HTTPS_PROXY, or list vcd.example.com in NO_PROXY if it is reached without",
        ),
        (
            httpx.ProxyError,
            None,
            "407 Proxy Authentication Required",
            "the proxy proxy:3128 (HTTPS_PROXY) makes no connection to vcd.example.com:443, and answers 407: write"
            " HTTPS_PROXY with the proxy's user and password: http://USER:PASSWORD@HOST:PORT",
        ),
        (
            httpx.ProxyError,
            None,
            "a page with hunter2",
            "the proxy proxy:3128 (HTTPS_PROXY) makes no connection to vcd.example.com:443: list vcd.example.com in"
            " NO_PROXY if it is reached without, or ask who runs the proxy",
        ),
    ],
)
def test_no_connection_names_the_proxy_and_not_its_password(
    monkeypatch: pytest.MonkeyPatch, kind: type[httpx.TransportError], cause: Exception | None, text: str, words: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy:3128/")
    said = str(unreachable("vcd: GET /", "vcd", SETTING, failure(kind, cause, text, f"{VCD}/")))
    assert said == f"vcd: GET /: {words}"


@pytest.mark.parametrize(
    ("kind", "settings", "environment", "words"),
    [
        ("vcd", {"url": VCD, "apiToken": "hunter2"}, {}, f"rekey:endpoints.vcd.apiToken (org System at {VCD})"),
        (
            "vcd",
            {"url": VCD, "org": "acme", "apiToken": "hunter2"},
            {"VCD_USER": "u", "VCD_PASSWORD": "hunter3"},
            f"the environment's VCD_USER, the environment's VCD_PASSWORD (org acme at {VCD})",
        ),
        (
            "broker",
            {"url": VCD, "clientId": "c"},
            {"BROKER_CLIENT_SECRET": "hunter3"},
            f"rekey:endpoints.broker.clientId, the environment's BROKER_CLIENT_SECRET (tenant CUSTOMER at {VCD})",
        ),
        (
            "broker",
            {"url": VCD, "dialect": "omnissa", "clientId": "c", "clientSecret": "hunter2"},
            {},
            f"rekey:endpoints.broker.clientId, rekey:endpoints.broker.clientSecret (at {VCD})",
        ),
        ("navigator", {"url": VCD, "apiToken": "hunter2"}, {}, f"rekey:endpoints.navigator.apiToken (at {VCD})"),
        (
            "roma",
            {"url": VCD, "accessKey": "a", "secretKey": "hunter2"},
            {},
            f"rekey:endpoints.roma.accessKey, rekey:endpoints.roma.secretKey (at {VCD})",
        ),
    ],
)
def test_refused_login_says_source_address_and_organization(
    kind: str, settings: Mapping[str, str], environment: Mapping[str, str], words: str
) -> None:
    session = Endpoints({kind: settings}, Runtime(environment=environment)).session(None, kind)
    assert session.login_advice() == f"correct the credentials of this endpoint: {words}"
