"""What is sent again, what is not, how long it takes, and who is asked before."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pulumi_rekey.endpoints.session import MAX_ATTEMPTS, MAX_ATTEMPTS_S
from pulumi_rekey.errors import Abandoned, AnswerLost, NotFound, Rejected, Throttled, Unavailable, Unreachable

from .conftest import START, Connect, Time
from .scripted import Answer, Scripted, answer, closed_port, reset, said, silence

CUT = answer(200, b'{"secret": "x', length=100)


def sends(session: Any) -> dict[str, Callable[[], Any]]:
    return {
        "GET": lambda: session.get("/x"),
        "PUT": lambda: session.put("/x", json={"a": 1}),
        "DELETE": lambda: session.delete("/x"),
        "POST": lambda: session.post("/x", json={"a": 1}),
    }


# -- what is repeated -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "fault",
    [*map(answer, (500, 502, 503, 504)), reset, silence, CUT, b"", b"garbage\r\n\r\n"],
    ids=["500", "502", "503", "504", "reset", "timeout", "cut", "hang up", "garbage"],
)
def test_what_is_safe_is_repeated(server: Scripted, signed: Any, time: Time, method: str, fault: Answer) -> None:
    server.script(fault, answer(204, b"") if method == "DELETE" else said({"a": 1}))
    sends(signed)[method]()
    assert server.lines == [f"{method} /x"] * 2
    assert server.heard[0].body == server.heard[1].body
    assert len(time.pauses) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *((answer(status), Unavailable) for status in (500, 501, 502, 503, 504, 599)),
        *((fault, AnswerLost) for fault in (reset, silence, CUT, b"", b"garbage\r\n\r\n")),
    ],
    ids=["500", "501", "502", "503", "504", "599", "reset", "timeout", "cut", "hang up", "garbage"],
)
def test_a_mint_is_not_repeated_once_it_may_have_been_done(
    server: Scripted, signed: Any, time: Time, fault: Answer, error: type[Exception]
) -> None:
    server.script(fault, said({"secret": "s"}))
    with pytest.raises(error):
        signed.post("/x")
    assert server.lines == ["POST /x"]
    assert time.pauses == []


def test_a_mint_is_repeated_when_it_was_throttled(server: Scripted, signed: Any) -> None:
    server.script(answer(429), answer(429), said({"secret": "s"}))
    assert signed.post("/x")["secret"] == "s"
    assert server.lines == ["POST /x"] * 3


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_nobody_listens_nothing_was_sent_so_all_is_repeated(connect: Connect, time: Time, method: str) -> None:
    session = connect("roma", url=f"http://127.0.0.1:{closed_port()}", accessKey="a", secretKey="s")
    with pytest.raises(
        Unreachable, match=rf"^roma: {method} /x: no connection to 127.0.0.1:\d+: refused, since nothing listens"
    ):
        sends(session)[method]()
    assert len(time.pauses) == MAX_ATTEMPTS - 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 408, 409, 410, 418, 422, 499, 501, 505])
def test_a_no_is_not_asked_again(server: Scripted, signed: Any, status: int) -> None:
    server.script(answer(status))
    with pytest.raises(Exception, match=f"GET /x: {status}"):
        signed.get("/x")
    assert len(server.lines) == 1


def test_an_object_that_is_gone_is_said_to_be(server: Scripted, signed: Any) -> None:
    """By the vendor, in its own words; a 404 of whatever stands before it says nothing about the object."""
    server.script(reset, said({"error_code": "ROMA.00014004"}, 404))
    with pytest.raises(NotFound):
        signed.delete("/x")
    assert server.lines == ["DELETE /x"] * 2
    server.script(answer(404))
    with pytest.raises(Unavailable):
        signed.delete("/x")


# -- how often, how long ----------------------------------------------------------------------------------------------


def test_a_host_that_fails_is_asked_five_times_within_a_minute(server: Scripted, signed: Any, time: Time) -> None:
    server.script(answer(503))
    with pytest.raises(Unavailable):
        signed.get("/x")
    assert len(server.lines) == MAX_ATTEMPTS
    assert time.pauses == sorted(time.pauses)
    assert 3 < time.passed < MAX_ATTEMPTS_S


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("asked", ["0", "1", "-1", "Mon, 01 Jan 1990 00:00:00 GMT", None])
def test_throttling_ends_within_a_minute_and_never_hammers(
    server: Scripted, signed: Any, time: Time, method: str, asked: str | None
) -> None:
    server.script(answer(429, b"{}", *([] if asked is None else [f"retry-after: {asked}"])))
    with pytest.raises(Throttled, match=r"429.*run again later, or lower maxConcurrent"):
        sends(signed)[method]()
    assert time.passed < MAX_ATTEMPTS_S
    assert 5 < len(server.lines) < 70


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "asked", ["20", format_datetime(START + timedelta(seconds=20), usegmt=True), "Tue, 24 Nov 2026 14:00:20 +0200"]
)
def test_it_waits_for_as_long_as_the_vendor_asks(
    server: Scripted, signed: Any, time: Time, status: int, asked: str
) -> None:
    server.script(answer(status, b"{}", f"Retry-After: {asked}"), said({}))
    signed.get("/x")
    assert time.pauses == [20]


@pytest.mark.parametrize("asked", ["61", "3600", "9" * 400, format_datetime(START + timedelta(hours=2), usegmt=True)])
@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (503, Unavailable)])
def test_it_does_not_wait_longer_than_a_minute(  # noqa: PLR0917 - fixtures and parameters
    server: Scripted, signed: Any, time: Time, status: int, error: type[Exception], asked: str
) -> None:
    server.script(answer(status, b"{}", f"Retry-After: {asked}"), said({}))
    with pytest.raises(error):
        signed.get("/x")
    assert len(server.lines) == 1
    assert time.pauses == []


@pytest.mark.parametrize(
    "asked",
    [
        "soon",
        "",
        "1.5",
        "1e9",
        "\xb2",
        "Tue, 24 Nov 99999 14:00:20 GMT",
        "Tue, 24 Nov 2026 14:00:20 +99999999999",
        "NaN",
    ],
)
def test_a_retry_after_that_is_none_is_no_matter(server: Scripted, signed: Any, time: Time, asked: str) -> None:
    server.script(
        answer(503, b"{}").replace(b"connection", f"retry-after: {asked}\r\nconnection".encode("latin-1")), said({})
    )
    signed.get("/x")
    assert len(time.pauses) == 1
    assert time.pauses[0] < 2


@pytest.mark.parametrize("part", ["head", "body"])
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
def test_an_answer_that_trickles_in_is_given_up(
    server: Scripted, signed: Any, time: Time, part: str, *, kept: bool
) -> None:
    """A byte now and then is in time for each read, and never ends; on a connection that is kept as on a new one."""

    def trickle(connection: Any) -> None:
        if kept:
            connection.sendall(said({}).replace(b"connection: close", b"x: y"))
            connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 X\r\nx: " if part == "head" else answer(200, b"", length=1000))
        for _ in range(100):
            time.passed += 10
            connection.sendall(b" ")
            threading.Event().wait(0.01)

    server.script(trickle)
    if kept:
        signed.get("/x")
        time.passed = 100
    started = time.passed
    with pytest.raises(AnswerLost, match=r"no whole answer in time"):
        signed.get("/x")
    assert len(server.lines) == 1
    # The server goes on for a while.
    assert 60 <= time.passed - started < 500


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_requests_at_once_than_allowed(server: Scripted, connect: Connect, most: int) -> None:
    session = connect("roma", url=server.url, accessKey="a", secretKey="s", maxConcurrent=most)
    being_answered: list[int] = []
    at_once: list[int] = []

    def slow(connection: Any) -> None:
        being_answered.append(1)
        at_once.append(len(being_answered))
        threading.Event().wait(0.02)
        # Before the answer is on its way: the client may send the next one before this thread goes on.
        being_answered.pop()
        connection.sendall(said({}))

    server.script(slow)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: session.get("/x"), range(12)))
    assert len(server.lines) == 12
    assert max(at_once) == most


def test_a_failed_request_gives_its_place_back(server: Scripted, connect: Connect) -> None:
    session = connect("roma", url=server.url, accessKey="a", secretKey="s", maxConcurrent=1)
    for fault in (reset, answer(302), answer(200, b"x" * 5_000_000)):
        server.script(fault)
        with pytest.raises(Exception, match="POST /x"):
            session.post("/x")
    server.script(said({}))
    session.get("/x")


# -- whether it is still wanted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_nothing_is_written_for_an_engine_that_is_gone(server: Scripted, connect: Connect, method: str) -> None:
    gone: dict[str, Any] = {"wanted": lambda: False}
    session = connect("roma", gone, url=server.url, accessKey="a", secretKey="s")
    server.script(said({}))
    with pytest.raises(
        Abandoned, match=rf"^roma: {method} /x: the engine that asked for this is gone: run `pulumi cancel`, then"
    ):
        sends(session)[method]()
    assert server.lines == []
    session.get("/x")


@pytest.mark.parametrize(
    ("method", "fault"), [("PUT", answer(503)), ("PUT", reset), ("DELETE", answer(429)), ("POST", answer(429))]
)
def test_a_write_is_not_repeated_for_an_engine_that_is_gone(
    server: Scripted, connect: Connect, method: str, fault: Answer
) -> None:
    wanted = iter([True, False])
    session = connect("roma", {"wanted": lambda: next(wanted)}, url=server.url, accessKey="a", secretKey="s")
    server.script(fault, said({}))
    with pytest.raises(Abandoned):
        sends(session)[method]()
    assert len(server.lines) == 1


def test_a_write_is_not_sent_with_a_new_token_for_an_engine_that_is_gone(server: Scripted, connect: Connect) -> None:
    wanted = iter([True, False])
    session = connect("vcd", {"wanted": lambda: next(wanted)}, url=server.url, apiToken="a")
    server.script(said({"access_token": "T"}), answer(401), said({"access_token": "T"}), said({}))
    with pytest.raises(Abandoned):
        session.post("/x")
    assert sum(line == "POST /x" for line in server.lines) == 1


def test_a_write_that_waited_for_its_turn_is_asked_about_after_the_wait(server: Scripted, connect: Connect) -> None:
    engine_lives, first_is_sent = threading.Event(), threading.Event()
    engine_lives.set()
    session = connect(
        "roma", {"wanted": engine_lives.is_set}, url=server.url, accessKey="a", secretKey="s", maxConcurrent=1
    )

    def outlives_the_engine(connection: Any) -> None:
        first_is_sent.set()
        threading.Event().wait(0.1)
        engine_lives.clear()
        connection.sendall(said({}))

    server.script(outlives_the_engine, said({}))
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(session.post, "/first")
        first_is_sent.wait(5)
        others = [pool.submit(session.post, "/other") for _ in range(7)]
    assert first.exception() is None
    assert {type(other.exception()) for other in others} == {Abandoned}
    assert server.lines == ["POST /first"]


def test_what_is_refused_says_what_it_needs(server: Scripted, signed: Any) -> None:
    server.script(said({"error_code": "ROMA.13000"}, 400))
    with pytest.raises(Rejected, match=r"^roma: PUT /x: 400 ROMA.13000: correct the input$"):
        signed.put("/x")
