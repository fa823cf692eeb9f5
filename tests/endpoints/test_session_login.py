"""Logging in: at the first request, once for all threads, again before the token ends, and once more on a 401."""

import base64
import json
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pulumi_rekey.endpoints.session import MAX_RUN_S, Session
from pulumi_rekey.errors import BadAnswer, Misconfigured, Unauthenticated, Unavailable
from pydantic import SecretStr

from tools.vendors import SECRET_SETTINGS, SETTINGS, Sandbox

from .conftest import START, Connect, Time
from .scripted import Scripted, answer, said

THING = "/cloudapi/1.0.0/openIdProvider"
LOGINS = {
    "vcd": "/oauth/provider/token",
    "broker": "/acs/t/CUSTOMER/token",
    "navigator": "/cphub/api/auth/v1/authn/accesstoken",
    "roma": "/v3/auth/tokens",
}


def vcd_token(seconds: int | None = 600, text: str = "T1") -> bytes:
    return said({"access_token": text, **({} if seconds is None else {"expires_in": seconds})})


@pytest.fixture
def vcd(server: Scripted, connect: Connect) -> Any:
    return connect("vcd", url=server.url, apiToken="refresh", timeout=0.5)


def in_sandbox(sandbox: Sandbox, connect: Connect, kind: str) -> tuple[Session[Any], Callable[[], Any]]:
    """A session and a read of something that is there."""
    names = {**SETTINGS, **SECRET_SETTINGS}
    settings: dict[str, Any] = {
        path.partition(".")[2]: sandbox.credentials[vendor][key]
        for path, (vendor, key) in names.items()
        if vendor == kind
    }
    if kind == "roma":
        login = {"userName": "user_name", "password": "password", "domainName": "domain_name", "iamUrl": "iam_url"}
        settings = {name: settings[name] for name in ("url", "projectId")}
        settings |= {name: sandbox.credentials["roma"][key] for name, key in login.items()}
    session = connect(kind, **settings)
    known = sandbox.credentials[kind]
    match kind:
        case "vcd":
            return session, lambda: session.get(THING)
        case "broker":
            path = "/usergroup/t/CUSTOMER/broker/directories/{}/sync-client"
            return session, lambda: session.get(path, known["directory_id"])
        case "navigator":
            path = "/cphub/api/auth/v2/orgs/{}/oauth-apps"
            return session, lambda: session.post(path, known["org_id"], json={})
        case _:
            ids = (known["project_id"], known["instance_id"], known["app_id"])
            return session, lambda: session.get("/v2/{}/instances/{}/apps/{}/secret", *ids)


def logins(sandbox: Sandbox, kind: str) -> int:
    return sum(call["path"] == LOGINS[kind] for call in sandbox.calls())


# -- one for all --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOGINS)
def test_nothing_is_sent_before_the_first_request(sandbox: Sandbox, connect: Connect, kind: str) -> None:
    _, read = in_sandbox(sandbox, connect, kind)
    assert sandbox.calls() == []
    read()
    read()
    assert logins(sandbox, kind) == 1


@pytest.mark.parametrize("threads", [4, 32])
@pytest.mark.parametrize("kind", LOGINS)
def test_threads_share_one_login(sandbox: Sandbox, connect: Connect, kind: str, threads: int) -> None:
    _, read = in_sandbox(sandbox, connect, kind)
    together = threading.Barrier(threads)

    def work(_: int) -> None:
        together.wait()
        read()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
    assert logins(sandbox, kind) == 1
    assert len(sandbox.calls()) == threads + 1


@pytest.mark.parametrize("kind", LOGINS)
def test_threads_share_one_login_again_when_the_vendor_ends_the_token(
    sandbox: Sandbox, connect: Connect, kind: str
) -> None:
    _, read = in_sandbox(sandbox, connect, kind)
    read()
    # The vendor's clock goes on and the session's does not: all threads meet a 401 with the same token.
    sandbox.advance("40d")
    together = threading.Barrier(16)

    def work(_: int) -> None:
        together.wait()
        read()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert logins(sandbox, kind) == 2


def test_two_sessions_do_not_share_a_token(sandbox: Sandbox, connect: Connect) -> None:
    for _ in range(2):
        in_sandbox(sandbox, connect, "vcd")[1]()
    assert logins(sandbox, "vcd") == 2


# -- how long ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("life", "used_for"), [(600, 540), (3600, 3540), (90, 45), (30, 15), (1, 0.5)])
def test_a_token_is_used_until_shortly_before_its_end(
    server: Scripted, vcd: Any, time: Time, life: int, used_for: float
) -> None:
    server.script(vcd_token(life), said({}))
    vcd.get(THING)
    time.passed = used_for - 0.1
    vcd.get(THING)
    assert len(server.lines) == 3
    server.script(vcd_token(life), said({}))
    time.passed = used_for
    vcd.get(THING)
    assert server.lines == [f"POST {LOGINS['vcd']}", f"GET {THING}"]


def test_a_token_without_an_end_is_used_until_it_is_refused(server: Scripted, vcd: Any, time: Time) -> None:
    server.script(vcd_token(None), said({}))
    vcd.get(THING)
    time.passed = 10**9
    vcd.get(THING)
    assert len(server.lines) == 3


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, 10**400, -(10**400), 0, -5, 1, 3600.5])
def test_any_lifetime_is_one(vcd: Any, seconds: float) -> None:
    ends = vcd.ends_in(seconds)
    assert 0 <= ends <= MAX_RUN_S


@pytest.mark.parametrize("life", [0, -5])
def test_a_token_that_has_ended_when_it_comes_is_tried_once(server: Scripted, vcd: Any, life: int) -> None:
    server.script(vcd_token(life), said({}))
    vcd.get(THING)
    assert len(server.lines) == 2


def jwt(exp: object) -> str:
    return f"h.{base64.urlsafe_b64encode(json.dumps({'exp': exp}).encode()).decode().rstrip('=')}.s"


@pytest.mark.parametrize("exp", [None, "soon", True, 10**30, [], -(10**20), float("1e400")])
def test_a_navigator_token_whose_end_is_unreadable_is_used_all_the_same(
    server: Scripted, connect: Connect, exp: object
) -> None:
    navigator = connect("navigator", url=server.url, apiToken="a")
    server.script(said({"accessToken": jwt(exp)}, 201), said({}))
    navigator.get("/x")
    assert server.heard[1].headers["csp-auth-token"] == jwt(exp)


def test_a_navigator_token_ends_when_it_says(server: Scripted, connect: Connect, time: Time) -> None:
    navigator = connect("navigator", url=server.url, apiToken="a")
    server.script(said({"accessToken": jwt(int(START.timestamp()) + 1800)}, 201), said({}))
    navigator.get("/x")
    time.passed = 1739
    navigator.get("/x")
    assert len(server.lines) == 3
    server.script(said({"accessToken": jwt(int(START.timestamp()) + 9999)}, 201), said({}))
    time.passed = 1741
    navigator.get("/x")
    assert len(server.lines) == 2


@pytest.mark.parametrize(
    ("expires_at", "used_for"),
    [("2026-11-24T13:00:00.000000Z", 3540), ("2026-11-24T15:00:00+02:00", 3540), ("tomorrow", None), ("", None)],
)
def test_an_iam_token_ends_when_it_says(
    server: Scripted, connect: Connect, time: Time, expires_at: str, used_for: int | None
) -> None:
    roma = connect("roma", url=server.url, iamUrl=server.url, userName="u", password="p", domainName="d", projectId="p")
    token = said({"token": {"expires_at": expires_at}}, 201, "x-subject-token: S")
    server.script(token, said({}))
    roma.get("/x")
    time.passed = (used_for or 10**9) - 1
    roma.get("/x")
    assert len(server.lines) == 3
    if used_for:
        server.script(token, said({}))
        time.passed = used_for
        roma.get("/x")
        assert len(server.lines) == 2


# -- when it is refused -----------------------------------------------------------------------------------------------


def test_a_refused_token_is_replaced_once_and_the_request_sent_again(server: Scripted, vcd: Any) -> None:
    server.script(vcd_token(text="T1"), answer(401), vcd_token(text="T2"), said({"it": "worked"}))
    assert vcd.post(THING)["it"] == "worked"
    assert [heard.headers.get("authorization") for heard in server.heard] == [None, "Bearer T1", None, "Bearer T2"]


def test_it_does_not_log_in_for_ever(server: Scripted, vcd: Any, time: Time) -> None:
    server.script(vcd_token(), answer(401), vcd_token(), answer(401))
    with pytest.raises(Unauthenticated, match=r"401.*correct the credentials"):
        vcd.get(THING)
    assert len(server.lines) == 4
    assert time.pauses == []


def test_wrong_credentials_are_tried_once_by_all_threads(server: Scripted, vcd: Any) -> None:
    # Each further try counts towards the vendor locking the account.
    server.script(said({"error": "invalid_grant"}, 400))

    def refused(_: int) -> str:
        with pytest.raises(Unauthenticated) as failed:
            vcd.get(THING)
        return str(failed.value)

    with ThreadPoolExecutor(8) as pool:
        messages = set(pool.map(refused, range(8)))
    assert server.lines == [f"POST {LOGINS['vcd']}"]
    assert messages == {
        f"vcd: POST {LOGINS['vcd']}: 400 invalid_grant: nothing was changed; correct the credentials of this endpoint:"
        f" rekey:endpoints.vcd.apiToken (org System at {server.url})"
    }


def test_a_login_that_could_not_be_answered_is_tried_again_by_the_next(server: Scripted, vcd: Any) -> None:
    server.script(answer(503))
    with pytest.raises(Unavailable):
        vcd.get(THING)
    server.script(vcd_token(), said({}))
    vcd.get(THING)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("kind", LOGINS)
def test_a_refused_login_means_the_credentials(server: Scripted, connect: Connect, kind: str, status: int) -> None:
    session = connect(kind, url=server.url, **credentials(server.url)[kind])
    server.script(answer(status, b"<html>no</html>"))
    with pytest.raises(Unauthenticated, match=rf"^{kind}: POST {LOGINS[kind]}: {status}: nothing was changed; correct"):
        session.get("/x")


@pytest.mark.parametrize("kind", LOGINS)
def test_a_login_that_is_not_there_means_the_address(server: Scripted, connect: Connect, kind: str) -> None:
    session = connect(kind, url=server.url, **credentials(server.url)[kind])
    server.script(answer(404, b"<html>no such page</html>"))
    with pytest.raises(BadAnswer, match=rf"^{kind}: POST {LOGINS[kind]}: 404: check the address"):
        session.get("/x")


def credentials(url: str) -> dict[str, dict[str, Any]]:
    return {
        "vcd": {"apiToken": "a"},
        "broker": {"clientId": "i", "clientSecret": "s"},
        "navigator": {"apiToken": "a"},
        "roma": {"userName": "u", "password": "p", "domainName": "d", "iamUrl": url},
    }


@pytest.mark.parametrize(
    ("kind", "sets"),
    [
        ("vcd", "apiToken, or user and password (or VCD_API_TOKEN, …)"),
        ("broker", "clientId and clientSecret (or BROKER_CLIENT_ID and BROKER_CLIENT_SECRET)"),
        ("navigator", "apiToken, or clientId and clientSecret (or CPN_API_TOKEN, …)"),
        (
            "roma",
            "accessKey and secretKey, or userName, password and domainName (or HW_ACCESS_KEY and HW_SECRET_KEY, …)",
        ),
    ],
)
def test_missing_credentials_are_named_and_nothing_is_sent(
    server: Scripted, connect: Connect, kind: str, sets: str
) -> None:
    session = connect(kind, url=server.url)
    server.script(said({}))
    with pytest.raises(Misconfigured) as refused:
        session.get("/x")
    assert str(refused.value) == f"endpoint '{kind}' has no credentials: set rekey:endpoints.{kind}.{sets}"
    assert server.lines == []


@pytest.mark.parametrize(
    ("kind", "login"),
    [
        ("vcd", said({"access_token": ""})),
        ("vcd", said({"access_token": "a\nb"})),
        ("vcd", said({"access_token": "a\r\nX-Evil: 1"})),
        ("vcd", said({"access_token": 5})),
        ("vcd", said({})),
        ("vcd", answer(200, b"")),
        ("broker", said({"access_token": "ключ"})),
        ("navigator", said({"accessToken": None}, 201)),
        ("navigator", said({"accessToken": "a b"}, 201)),
        ("roma", said({"token": []}, 201, "x-subject-token: S")),
    ],
)
def test_a_login_without_a_usable_token_is_no_login(
    server: Scripted, connect: Connect, kind: str, login: bytes
) -> None:
    session = connect(kind, url=server.url, **credentials(server.url)[kind])
    server.script(login, said({}))
    with pytest.raises(BadAnswer) as failed:
        session.get("/x")
    assert len(server.lines) == 1
    assert "Evil" not in str(failed.value)


def test_tokens_and_credentials_are_in_no_repr(server: Scripted, vcd: Any) -> None:
    server.script(vcd_token(text="Token-1"), said({}))
    vcd.get(THING)
    assert "Token-1" not in repr(vcd._token)
    assert "refresh" not in repr(vcd.endpoint)


@pytest.mark.parametrize(
    ("secret", "sent"),
    [
        ("aZ09-._~", "aZ09-._~"),
        ("a+b/c==", "a%2Bb%2Fc%3D%3D"),
        ("100%25:x y", "100%2525%3Ax%20y"),
        ("ä", "%C3%A4"),
    ],
)
def test_a_relying_party_is_tried_as_rfc_6749_says(server: Scripted, connect: Connect, secret: str, sent: str) -> None:
    """Section 2.3.1: whoever decodes it gets another secret out of one that was sent as it is."""
    server.script(said({"error": "invalid_grant"}, 400))
    assert connect("vcd", url=server.url, apiToken="a").knows_client("id:1", secret)
    assert server.heard[0].headers["authorization"] == f"Basic {base64.b64encode(f'id%3A1:{sent}'.encode()).decode()}"


def test_a_lifetime_without_bounds_does_no_harm(server: Scripted, connect: Connect, time: Time) -> None:
    server.script(vcd_token(10**400), said({"a": 1}))
    session = connect("vcd", url=server.url, apiToken="a")
    assert session.get("/x")["a"] == 1
    time.passed = 86400
    assert session.get("/x")["a"] == 1
    assert server.lines == ["POST /oauth/provider/token", "GET /x", "GET /x"]


@pytest.mark.parametrize("expires_in", [b"NaN", b"Infinity", b"1e400", b"9" * 400, b'"600"', b"[]", b"true", b"null"])
def test_a_lifetime_that_is_none_does_not_cost_the_token(server: Scripted, vcd: Any, expires_in: bytes) -> None:
    server.script(answer(200, b'{"access_token": "T", "expires_in": ' + expires_in + b"}"), said({"a": 1}))
    assert vcd.get("/x")["a"] == 1
    assert server.heard[1].headers["authorization"] == "Bearer T"


KEY = "ключ"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("roma", {"accessKey": "a", "secretKey": KEY}),
        ("vcd", {"apiToken": KEY}),
        ("vcd", {"user": KEY, "password": KEY}),
        ("broker", {"clientId": KEY, "clientSecret": KEY}),
        ("navigator", {"apiToken": KEY}),
    ],
)
def test_a_credential_in_other_letters_is_sent(
    server: Scripted, connect: Connect, kind: str, settings: dict[str, Any]
) -> None:
    """What no header can carry is refused before, as a setting."""
    token = {"access_token": "T", "accessToken": "T"}
    server.script(said(token, 200, "x-vmware-vcloud-access-token: T"), said({}))
    connect(kind, url=server.url, **settings).post("/x")


@pytest.mark.parametrize("token", [KEY, "a\nb", "a\r\nX-Evil: 1", "\x00"])
def test_a_minted_token_that_no_header_can_carry_is_refused_in_one_line(
    server: Scripted, connect: Connect, token: str
) -> None:
    server.script(said({"schemas": []}))
    broker = connect("broker", url=server.url, clientId="i", clientSecret="s")
    with pytest.raises(Misconfigured, match="nothing was sent, because a credential or a setting has a character"):
        broker.accepts_token(None, SecretStr(token))
    assert server.lines == []
