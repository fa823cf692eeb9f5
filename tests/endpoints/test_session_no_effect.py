"""A read never takes effect, nor does a login or a probe: whatever fails, nothing was changed."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from pulumi_rekey.errors import AnswerLost, BadAnswer, Error, Unavailable

from .conftest import Connect
from .scripted import Answer, Scripted, answer, reset, said

TOKEN = said({"access_token": "T"})
FAULTS: dict[str, tuple[Answer, type[Error]]] = {
    "503": (answer(503), Unavailable),
    "501": (answer(501), Unavailable),
    "reset": (reset, AnswerLost),
    "cut": (answer(200, b'{"a": "x', length=100), AnswerLost),
    "redirect": (answer(302), BadAnswer),
    "page": (answer(200, b"<html>"), BadAnswer),
    "empty": (answer(200, b""), BadAnswer),
}


@pytest.fixture
def vcd(server: Scripted, connect: Connect) -> Any:
    session = connect("vcd", url=server.url, apiToken="a")
    server.script(TOKEN, said({}))
    session.get("/x")
    return session


READS: dict[str, Callable[[Any], object]] = {
    "get": lambda vcd: vcd.get("/x"),
    "request": lambda vcd: vcd.request("GET", "/x"),
    "pages": lambda vcd: list(vcd.pages("/x", query={})),
    "get_in_public": lambda vcd: vcd.get_in_public(f"{vcd.endpoint.url}/x"),
    "accepts": lambda vcd: vcd.accepts("POST", "access_token", url=f"{vcd.endpoint.url}/x"),
    "oauth_error": lambda vcd: vcd.oauth_error(f"{vcd.endpoint.url}/x", "i", "s", {}),
    "log_in": lambda vcd: vcd.log_in(),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read", READS)
def test_a_failed_read_changed_nothing(server: Scripted, vcd: Any, read: str, fault: str) -> None:
    server.script(FAULTS[fault][0])
    with pytest.raises(Error) as failed:
        READS[read](vcd)
    assert failed.value.no_effect


#: An empty answer is how a DELETE succeeds.
FAILED_WRITES = [pair for pair in product(("post", "put", "delete"), FAULTS) if pair != ("delete", "empty")]


@pytest.mark.parametrize(("write", "fault"), FAILED_WRITES)
def test_a_failed_write_may_have_taken_effect(server: Scripted, vcd: Any, write: str, fault: str) -> None:
    server.script(FAULTS[fault][0])
    with pytest.raises(FAULTS[fault][1]) as failed:
        getattr(vcd, write)("/x")
    assert not failed.value.no_effect


@pytest.mark.parametrize("fault", FAULTS)
def test_a_login_that_fails_sends_no_write(server: Scripted, connect: Connect, fault: str) -> None:
    session = connect("vcd", url=server.url, apiToken="a")
    server.script(FAULTS[fault][0])
    with pytest.raises(Error) as failed:
        session.post("/x")
    assert failed.value.no_effect
    assert all("/oauth/" in line for line in server.lines)


@pytest.mark.parametrize("login", [{"access_token": ""}, {"access_token": "a b"}, {"access_token": 5}, {}])
def test_a_login_without_a_token_changed_nothing(server: Scripted, connect: Connect, login: object) -> None:
    server.script(said(login))
    with pytest.raises(BadAnswer) as failed:
        connect("vcd", url=server.url, apiToken="a").post("/x")
    assert failed.value.no_effect


@pytest.mark.parametrize(
    "read",
    [
        lambda body: body.text("a"),
        lambda body: body.object("o").secret("x"),
        lambda body: body.objects("l")[0].number("x"),
        lambda body: body.some_of("x"),
    ],
)
def test_a_field_that_is_missing_in_what_was_read_changed_nothing(
    server: Scripted, vcd: Any, read: Callable[[Any], object]
) -> None:
    fields = said({"a": 1, "o": {}, "l": [{}], "t": "x"})
    for method, no_effect in (("get", True), ("post", False)):
        server.script(fields)
        with pytest.raises(BadAnswer) as failed:
            read(getattr(vcd, method)("/x"))
        assert failed.value.no_effect == no_effect


@pytest.mark.parametrize("link", ["https://elsewhere.example/x", "https://[/", "/x"])
def test_a_page_that_leads_astray_changed_nothing(server: Scripted, vcd: Any, link: str) -> None:
    server.script(answer(200, b"{}", f'link: <{link}>; rel="nextPage"'))
    with pytest.raises(BadAnswer) as failed:
        list(vcd.pages("/x", query={}))
    assert failed.value.no_effect


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", ["task", "object"])
def test_what_a_task_did_is_unknown_where_it_cannot_be_read(server: Scripted, vcd: Any, fault: str, at: str) -> None:
    done = said({"status": "success", "owner": {"id": "urn:vcloud:x:1"}})
    server.script(
        answer(202, b"", f"location: {server.url}/api/task/1"), *([] if at == "task" else [done]), FAULTS[fault][0]
    )
    with pytest.raises(Error) as failed:
        vcd.post("/x")
    assert not failed.value.no_effect
    assert server.lines.count("POST /x") == 1
