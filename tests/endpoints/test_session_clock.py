"""The vendor's clock, by the ``Date`` of its answers."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tools.vendors import Sandbox

from .conftest import START, Connect, Time
from .scripted import Scripted, answer, said

TOKEN = {"access_token": "T"}


def shown(ahead: timedelta) -> str:
    return f"date: {format_datetime(START + ahead, usegmt=True)}"


@pytest.fixture
def vcd(server: Scripted, connect: Connect) -> Any:
    return connect("vcd", url=server.url, apiToken="a")


@pytest.mark.parametrize(
    ("ahead", "warns"),
    [
        (timedelta(days=-200), "endpoint vcd: its clock is 200 d behind this machine's: have"),
        (timedelta(days=200), "endpoint vcd: its clock is 200 d ahead of this machine's: have"),
        (timedelta(minutes=6), "endpoint vcd: its clock is 6 min ahead of this machine's: have"),
        (timedelta(minutes=4), None),
    ],
)
def test_the_vendors_clock_counts(
    server: Scripted, connect: Connect, time: Time, ahead: timedelta, warns: str | None
) -> None:
    vcd = connect("vcd", url=server.url, apiToken="a")
    assert vcd.vendor_now() == START
    server.script(said(TOKEN), said({}, 200, shown(ahead)))
    vcd.get("/x")
    vcd.post("/x")
    assert vcd.vendor_now() == START + ahead
    time.passed = 3600
    assert vcd.vendor_now() == START + ahead + timedelta(hours=1)
    assert [text[: len(warns or "")] for text in connect.warnings] == ([] if warns is None else [warns])


def test_a_login_shows_it_too(server: Scripted, vcd: Any) -> None:
    server.script(said(TOKEN, 200, shown(timedelta(days=1))), said({}))
    vcd.get("/x")
    assert vcd.vendor_now() == START + timedelta(days=1)


def test_the_last_answer_counts(server: Scripted, vcd: Any) -> None:
    server.script(said(TOKEN), said({}, 200, shown(timedelta(days=1))), said({}, 200, shown(timedelta(seconds=30))))
    vcd.get("/x")
    vcd.get("/x")
    assert vcd.vendor_now() == START


@pytest.mark.parametrize(
    "header",
    [
        "date: soon",
        "date:",
        "date: Tue, 24 Nov 2026 12:00:00",
        "date: Tue, 24 Nov 99999 14:00:20 GMT",
        shown(timedelta(days=3700)),
        shown(timedelta(days=-3700)),
        "x: y",
    ],
)
def test_what_is_no_clock_is_ignored(server: Scripted, vcd: Any, connect: Connect, header: str) -> None:
    server.script(said(TOKEN), said({}, 200, header))
    vcd.get("/x")
    assert vcd.vendor_now() == START
    assert connect.warnings == []


def test_a_cached_answer_shows_no_clock(server: Scripted, vcd: Any) -> None:
    server.script(said(TOKEN), said({}, 200, shown(timedelta(days=-1)), "age: 86400"))
    vcd.get("/x")
    assert vcd.vendor_now() == START


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_who_does_not_know_the_account_shows_no_clock(server: Scripted, vcd: Any, time: Time, status: int) -> None:
    """That may be a proxy or a login page."""
    server.script(said(TOKEN), answer(status, b"{}", shown(timedelta(days=1))))
    with pytest.raises(Exception, match=str(status)):
        vcd.get("/x")
    server.script(said(TOKEN, 200, shown(timedelta(days=1))))
    vcd.get_in_public(f"{vcd.endpoint.url}/y")
    vcd.ping()
    assert vcd.vendor_now() == time.now()


def test_the_sandbox_shows_the_clock_that_is_moved(sandbox: Sandbox, connect: Connect, time: Time) -> None:
    known = sandbox.credentials["vcd"]
    session = connect("vcd", url=known["url"], apiToken=known["api_token"])
    before = session.vendor_now()
    session.get("/cloudapi/1.0.0/openIdProvider")
    real = session.vendor_now()
    assert before == START
    sandbox.advance("31d")
    session._token = None
    session.get("/cloudapi/1.0.0/openIdProvider")
    assert timedelta(days=31) <= session.vendor_now() - real < timedelta(days=31, minutes=1)


def test_a_machine_whose_clock_is_ahead_uses_a_token_for_as_long_as_it_lives(
    server: Scripted, connect: Connect, time: Time
) -> None:
    roma = connect("roma", url=server.url, iamUrl=server.url, userName="u", password="p", domainName="d", projectId="p")
    behind = timedelta(days=200)
    token = {"token": {"expires_at": (START - behind + timedelta(hours=1)).isoformat()}}
    server.script(said(token, 201, "x-subject-token: S", shown(-behind)), said({}))
    roma.get("/x")
    time.passed = 3000
    roma.get("/x")
    assert len(server.lines) == 3
