"""The configuration of Cloud Director's OpenID provider: which key signs, and how long what it signs lives."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pulumi_rekey.endpoints.answer import Body
from pulumi_rekey.errors import BadAnswer, Conflict

from .conftest import Connect
from .scripted import Scripted, said

PATH = "/cloudapi/1.0.0/openIdProvider"
OLD, NEW, OTHER = (f"urn:vcloud:openIdProviderKey:{name}" for name in ("old", "new", "other"))


def configuration(key: str | None = OLD, **more: Any) -> dict[str, Any]:
    active = None if key is None else {"id": key, "name": "a name"}
    return {"activeKey": active, "allowHttp": False, "idTokenTimeToLive": 3600, **more}


def body(fields: dict[str, Any]) -> Body:
    return Body("vcd: GET openIdProvider", fields)


@pytest.fixture
def vcd(server: Scripted, connect: Connect) -> Any:
    session = connect("vcd", url=server.url, apiToken="a", timeout=0.5)
    server.script(said({"access_token": "T"}), said({}))
    session.get("/x")
    return session


def test_configuration_names_the_key_that_signs(server: Scripted, vcd: Any) -> None:
    server.script(said(configuration()))
    found = vcd.configuration()
    assert (server.lines, vcd.active_key(found)) == ([f"GET {PATH}"], OLD)
    assert vcd.active_key(body(configuration(None))) is None
    assert vcd.active_key(body({})) is None


@pytest.mark.parametrize("fields", [{}, {"activeKey": {"id": OLD}}, {"allowHttp": "no"}])
def test_configuration_that_is_something_else_is_refused(server: Scripted, vcd: Any, fields: dict[str, Any]) -> None:
    server.script(said(fields))
    with pytest.raises(BadAnswer, match="the answer has no flag 'allowHttp'"):
        vcd.configuration()


def test_make_active_changes_one_field_of_what_was_read(server: Scripted, vcd: Any) -> None:
    server.script(said(configuration(NEW)))
    vcd.make_active(body(configuration(theirs=1)), NEW)
    assert server.lines == [f"PUT {PATH}"]
    assert json.loads(server.heard[0].body) == configuration(theirs=1) | {"activeKey": {"id": NEW}}


def test_make_active_sends_nothing_for_the_key_that_signs(server: Scripted, vcd: Any) -> None:
    server.script(said({}))
    vcd.make_active(body(configuration()), OLD)
    assert server.lines == []


@pytest.mark.parametrize("after", [OTHER, None])
def test_make_active_notices_another_that_was_quicker(server: Scripted, vcd: Any, after: str | None) -> None:
    server.script(said(configuration(after)))
    with pytest.raises(Conflict, match="vcd: another key was made active at the same moment") as conflict:
        vcd.make_active(body(configuration()), NEW)
    assert not conflict.value.no_effect


@pytest.mark.parametrize("answer", [{"data": None}, {"activeKey": {"id": NEW}}])
def test_make_active_takes_no_other_shape_for_an_answer(server: Scripted, vcd: Any, answer: dict[str, Any]) -> None:
    server.script(said(answer))
    with pytest.raises(BadAnswer, match="the answer has no flag 'allowHttp'") as bad:
        vcd.make_active(body(configuration()), NEW)
    assert not bad.value.no_effect


@pytest.mark.parametrize("seconds", [0, 3600, 3650 * 24 * 3600])
def test_id_token_lifetime(vcd: Any, seconds: int) -> None:
    assert vcd.id_token_lifetime(body({"idTokenTimeToLive": seconds})) == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [-1, 3650 * 24 * 3600 + 1, 10**400, None, "3600", True, 3600.5, float("nan")])
def test_id_token_lifetime_that_is_none_is_refused(vcd: Any, seconds: object) -> None:
    with pytest.raises(BadAnswer, match="idTokenTimeToLive"):
        vcd.id_token_lifetime(body({"idTokenTimeToLive": seconds}))
