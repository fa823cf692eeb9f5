"""A change that Cloud Director only takes up: 202, an empty body, and a task that does it."""

import re
from typing import Any

import pytest
from pulumi_rekey.errors import AnswerLost, BadAnswer, Error, Forbidden, Unavailable

from .conftest import Connect, Time
from .scripted import Answer, Scripted, answer, said, scripted

ID = "urn:vcloud:openIdProviderKey:5f9f3c9e"
TASK = "/api/task/1"
SUCCESS = said({"status": "success", "owner": {"id": ID}})
RUNNING = said({"status": "running"})
BASE = "/cloudapi/1.0.0/keys"


@pytest.fixture
def vcd(server: Scripted, connect: Connect) -> Any:
    session = connect("vcd", url=server.url, apiToken="a", timeout=0.5)
    server.script(said({"access_token": "T"}), said({}))
    session.get("/x")
    return session


def taken_up(server: Scripted, *answers: Answer, location: str = "") -> None:
    server.script(answer(202, b"", f"location: {location or server.url + TASK}"), *answers)


@pytest.mark.parametrize("line", [f"POST {BASE}", f"PUT {BASE}/{ID}", f"POST {BASE}/{ID}/regenerateSecret"])
def test_the_object_is_read_when_the_task_has_ended(server: Scripted, vcd: Any, time: Time, line: str) -> None:
    taken_up(server, RUNNING, said({"status": "queued"}), SUCCESS, said({"id": ID, "description": "done"}))
    body = vcd.request(*line.split(), json={})
    assert (dict(body), body.from_task) == ({"id": ID, "description": "done"}, True)
    assert server.lines == [line, *[f"GET {TASK}"] * 3, f"GET {BASE}/{ID}"]
    assert len(time.pauses) == 2
    assert {heard.headers["authorization"] for heard in server.heard} == {"Bearer T"}
    assert server.heard[1].headers["accept"] == "application/*+json;version=37.2"


def test_what_has_no_owner_is_read_where_it_was_changed(server: Scripted, vcd: Any) -> None:
    taken_up(server, said({"status": "success", "owner": None}), said({"a": 1}), location=TASK)
    assert vcd.put("/cloudapi/1.0.0/openIdProvider", json={})["a"] == 1
    assert server.lines[1:] == [f"GET {TASK}", "GET /cloudapi/1.0.0/openIdProvider"]


def test_what_is_deleted_is_not_read(server: Scripted, vcd: Any) -> None:
    taken_up(server, RUNNING, SUCCESS)
    vcd.delete(f"{BASE}/{{}}", ID)
    assert server.lines == [f"DELETE {BASE}/{ID}", f"GET {TASK}", f"GET {TASK}"]


@pytest.mark.parametrize(
    ("task", "kind", "text"),
    [
        (
            {"status": "error", "error": {"majorErrorCode": 403, "minorErrorCode": "ACCESS", "message": "p@ss"}},
            Forbidden,
            f"vcd: POST {BASE}: its task: error ACCESS: the account needs the right",
        ),
        (
            {"status": "error", "error": {"majorErrorCode": 500, "minorErrorCode": "p@ss word"}},
            Unavailable,
            f"vcd: POST {BASE}: its task: error: run again when",
        ),
        ({"status": "canceled"}, Unavailable, f"vcd: POST {BASE}: its task: canceled: run again when"),
        ({"status": "aborted", "error": None}, Unavailable, f"vcd: POST {BASE}: its task: aborted: run again when"),
    ],
)
def test_a_task_that_fails(server: Scripted, vcd: Any, task: dict[str, Any], kind: type[Error], text: str) -> None:
    taken_up(server, RUNNING, said(task))
    with pytest.raises(kind) as failed:
        vcd.post(BASE, json={})
    assert str(failed.value).startswith(text)
    assert failed.value.no_effect == (kind is Forbidden)
    assert len(server.lines) == 3


def test_a_task_that_does_not_end(server: Scripted, vcd: Any, time: Time) -> None:
    taken_up(server, RUNNING)
    with pytest.raises(AnswerLost, match=f"POST {BASE}: the task that does it has not ended in 60 s: run `pulumi up`"):
        vcd.post(BASE, json={})
    assert 50 < time.passed <= 60


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("at", ["task", "object"])
def test_a_refusal_to_show_it_is_none_of_the_change(server: Scripted, vcd: Any, status: int, at: str) -> None:
    """Above all it does not say that the object is gone."""
    refusal = said({"minorErrorCode": "NO"}, status)
    taken_up(server, *([refusal] if at == "task" else [SUCCESS, refusal]))
    shown = TASK if at == "task" else f"{BASE}/{ID}"
    with pytest.raises(
        AnswerLost,
        match=re.escape(f"vcd: PUT {BASE}/{ID}: a task does it, and GET {shown}: {status} NO: run `pulumi up`"),
    ):
        vcd.put(f"{BASE}/{{}}", ID, json={})


def test_a_task_that_is_gone_is_not_an_object_that_is(server: Scripted, vcd: Any) -> None:
    taken_up(server, said({}, 403))
    with pytest.raises(AnswerLost):
        vcd.remove("/keys", ID)
    assert len(server.lines) == 2


def test_a_task_elsewhere_is_not_followed(server: Scripted, vcd: Any) -> None:
    with scripted() as elsewhere:
        elsewhere.script(SUCCESS)
        taken_up(server, location=f"{elsewhere.url}{TASK}")
        with pytest.raises(BadAnswer, match="points to another host"):
            vcd.post(BASE, json={})
        assert elsewhere.lines == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_change_that_is_taken_up_by_nobody(server: Scripted, vcd: Any, method: str) -> None:
    server.script(answer(202, b""))
    with pytest.raises(BadAnswer, match=r"only taken up \(202\), and no task is named"):
        vcd.request(method, BASE, empty=method == "DELETE")


@pytest.mark.parametrize("id_", ["../x?y#z", "", "a b"])
def test_an_owner_that_is_no_id(server: Scripted, vcd: Any, id_: str) -> None:
    taken_up(server, said({"status": "success", "owner": {"id": id_}}), said({}))
    with pytest.raises(BadAnswer, match="'id' is not an id"):
        vcd.post(BASE, json={})
    assert len(server.lines) == 2
