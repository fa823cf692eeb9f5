"""How long a request may wait for its turn, and how long it then has."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pulumi_rekey.endpoints import connections
from pulumi_rekey.endpoints.session import MAX_ATTEMPTS, MAX_ATTEMPTS_S, MAX_QUEUE_S
from pulumi_rekey.errors import (
    Abandoned,
    AnswerLost,
    Error,
    Forbidden,
    NotSent,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unreachable,
)

from .conftest import Connect, Time
from .scripted import Answer, Scripted, answer, closed_port, reset, said

TOKEN = said({"access_token": "T"})
KEYS: dict[str, Any] = {"accessKey": "AK", "secretKey": "SK", "projectId": "p"}


def after(time: Time, seconds: float, what: bytes) -> Callable[[Any], None]:
    """An answer that takes its time, on the session's clock."""

    def send(connection: Any) -> None:
        time.passed += seconds
        connection.sendall(what)

    return send


# -- waiting for a connection -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["post", "put"])
def test_writes_that_wait_for_one_connection_are_all_sent(
    server: Scripted, connect: Connect, time: Time, method: str
) -> None:
    """64 of 1.3 s take longer than all attempts at one may."""
    session = connect("roma", url=server.url, maxConcurrent=1, **KEYS)
    server.script(after(time, 1.3, said({"secret": "s"})))
    with ThreadPoolExecutor(64) as pool:
        minted = list(pool.map(lambda _: getattr(session, method)("/x")["secret"], range(64)))
    assert minted == ["s"] * 64
    assert time.passed > MAX_ATTEMPTS_S


def test_a_throttled_write_may_wait_for_its_turn_again(server: Scripted, connect: Connect, time: Time) -> None:
    first_is_sent, second_is_sent = threading.Event(), threading.Event()

    def throttle(connection: Any) -> None:
        first_is_sent.set()
        connection.sendall(answer(429))

    def take_long(connection: Any) -> None:
        second_is_sent.set()
        # Meanwhile the first one comes back.
        threading.Event().wait(0.05)
        time.passed += 2 * MAX_ATTEMPTS_S
        connection.sendall(said({}))

    pause: dict[str, Any] = {"sleep": lambda _seconds: second_is_sent.wait(5)}
    session = connect("roma", pause, url=server.url, maxConcurrent=1, **KEYS)
    server.script(throttle, take_long, said({"a": 1}))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(session.post, "/first")
        first_is_sent.wait(5)
        second = pool.submit(session.post, "/second")
    assert second.exception() is None
    assert first.result()["a"] == 1
    assert server.lines == ["POST /first", "POST /second", "POST /first"]


def test_a_wait_without_end_sends_nothing_and_says_so(
    server: Scripted, connect: Connect, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_QUEUE_LOOK_S", 0.01)
    session = connect("roma", url=server.url, maxConcurrent=1, **KEYS)
    first_is_sent, second_gave_up = threading.Event(), threading.Event()

    def hold(connection: Any) -> None:
        first_is_sent.set()
        second_gave_up.wait(5)
        connection.sendall(said({}))

    server.script(hold)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(session.post, "/first")
        first_is_sent.wait(5)
        second = pool.submit(session.post, "/second")
        while not second.done():
            time.passed += MAX_QUEUE_S / 20
            threading.Event().wait(0.01)
        second_gave_up.set()
        refused = second.exception()
    assert isinstance(refused, NotSent)
    assert refused.no_effect
    assert str(refused) == (
        "roma: POST /second: nothing was sent, because too many requests to this endpoint are under way: run"
        " `pulumi up` again, with a lower --parallel or a higher maxConcurrent of this endpoint"
    )
    assert first.exception() is None
    assert server.lines == ["POST /first"]


# -- logging in -------------------------------------------------------------------------------------------------------


def test_a_slow_login_takes_no_time_from_a_write(server: Scripted, connect: Connect, time: Time) -> None:
    vcd = connect("vcd", url=server.url, apiToken="a", timeout=30)
    slow = after(time, 50, TOKEN)
    server.script(slow, after(time, 29, answer(401)), slow, after(time, 29, answer(429)), said({"a": 1}))
    with pytest.raises(Throttled):
        vcd.post("/x")
    server.script(slow, after(time, 5, answer(401)), slow, after(time, 5, answer(429)), said({"a": 1}))
    vcd._token = None
    assert vcd.post("/x")["a"] == 1


def test_those_that_wait_for_a_login_share_its_failure(server: Scripted, connect: Connect, time: Time) -> None:
    """Each would try for a minute, one after the other."""
    asking: set[int] = set()
    all_ask = threading.Event()

    def monotonic() -> float:
        asking.add(threading.get_ident())
        if len(asking) == 8:
            all_ask.set()
        return time.passed

    vcd = connect("vcd", {"monotonic": monotonic}, url=server.url, apiToken="a")

    def fail(connection: Any) -> None:
        all_ask.wait(5)
        threading.Event().wait(0.05)
        connection.sendall(answer(503))

    server.script(fail)
    with ThreadPoolExecutor(8) as pool:
        failures = [each.exception() for each in [pool.submit(vcd.post, "/x") for _ in range(8)]]
    assert {type(each) for each in failures} == {Unavailable}
    assert all(isinstance(each, Error) and each.no_effect for each in failures)
    assert len(server.lines) == MAX_ATTEMPTS
    server.script(TOKEN, said({"a": 1}))
    assert vcd.post("/x")["a"] == 1


# -- the full time ahead ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("timeout", "sent"), [(30, 1), (20, 2)])
def test_a_write_is_sent_again_only_with_its_full_time_ahead(
    server: Scripted, connect: Connect, status: int, timeout: float, sent: int
) -> None:
    session = connect("roma", url=server.url, timeout=timeout, **KEYS)
    server.script(answer(status, b"{}", "retry-after: 35"), said({"a": 1}))
    if sent == 1:
        with pytest.raises((Throttled, Unavailable)):
            session.put("/x")
    else:
        assert session.put("/x")["a"] == 1
    assert len(server.lines) == sent


def test_a_read_is_sent_again_with_less(server: Scripted, connect: Connect) -> None:
    session = connect("roma", url=server.url, timeout=30, **KEYS)
    server.script(answer(429, b"{}", "retry-after: 35"), said({"a": 1}))
    assert session.get("/x")["a"] == 1


def test_a_write_that_has_no_time_left_when_its_turn_comes_ends_as_it_did_before(
    server: Scripted, connect: Connect, time: Time
) -> None:
    """The time passes while it connects."""
    wanted = iter([0, 45])

    def asked() -> bool:
        time.passed += next(wanted)
        return True

    session = connect("roma", {"wanted": asked}, url=server.url, timeout=30, **KEYS)
    server.script(answer(503), said({}))
    with pytest.raises(Unavailable) as failed:
        session.put("/x")
    assert not failed.value.no_effect
    assert server.lines == ["PUT /x"]


@pytest.mark.parametrize(("takes", "arrives"), [(50, True), (100, True), (130, False)])
def test_a_timeout_of_more_than_a_minute_is_waited_for(
    server: Scripted, connect: Connect, time: Time, takes: float, *, arrives: bool
) -> None:
    session = connect("roma", url=server.url, timeout=120, **KEYS)

    def trickle(connection: Any) -> None:
        whole = said({"a": 1})
        time.passed += takes
        for part in (whole[:20], whole[20:-1], whole[-1:]):
            connection.sendall(part)
            threading.Event().wait(0.02)

    server.script(trickle)
    if arrives:
        assert session.post("/x")["a"] == 1
    else:
        with pytest.raises(AnswerLost):
            session.post("/x")


def test_connecting_has_a_minute_of_its_own(server: Scripted, connect: Connect, time: Time) -> None:
    """Nothing is sent while there is no connection, so the run is not asked either."""
    session = connect("roma", {"wanted": lambda: 1 / 0}, url=f"http://127.0.0.1:{closed_port()}", **KEYS)
    with pytest.raises(Unreachable) as failed:
        session.post("/x")
    assert failed.value.no_effect
    assert time.passed < MAX_ATTEMPTS_S


# -- what an earlier attempt may have done ----------------------------------------------------------------------------


@pytest.mark.parametrize("first", [answer(503), reset], ids=["503", "reset"])
@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (answer(429, b"{}", "retry-after: 99"), Throttled),
        (said({"error_code": "ROMA.1006"}, 403), Forbidden),
        (said({"error_code": "ROMA.1000"}, 401), Unauthenticated),
    ],
)
def test_a_refusal_of_another_attempt_does_not_undo_the_first(
    server: Scripted, signed: Any, first: Answer, second: Answer, kind: type[Error]
) -> None:
    server.script(first, second)
    with pytest.raises(kind) as failed:
        signed.put("/x")
    assert len(server.lines) >= 2
    assert not failed.value.no_effect


@pytest.mark.parametrize(("first", "no_effect"), [(answer(429), True), (answer(503), False)])
def test_a_write_that_is_not_wanted_any_more_may_have_taken_effect(
    server: Scripted, connect: Connect, first: Answer, *, no_effect: bool
) -> None:
    wanted = iter([True, False])
    session = connect("roma", {"wanted": lambda: next(wanted)}, url=server.url, **KEYS)
    server.script(first, said({}))
    with pytest.raises(Abandoned) as failed:
        session.put("/x")
    assert failed.value.no_effect == no_effect
