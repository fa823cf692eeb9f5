"""What is peculiar to a relying party: a secret shown once, a 403 with two meanings, a name that marks what is ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi_rekey.errors import (
    AnswerLost,
    BadAnswer,
    Partial,
    Rejected,
    Stopped,
)
from pulumi_rekey.resources.oidc_relying_party import RESOURCE

from tools.vendors import Sandbox

from ..endpoints.scripted import answer, said, scripted
from .program import MARK, Program
from .vcd import CALLBACK, Director

PARTY: dict[str, Any] = {"client_name": "Grafana", "redirect_uris": [CALLBACK]}
PARTIES = "/openIdProvider/relyingParties$"


@pytest.fixture
def vcd(sandbox: Sandbox) -> Iterator[Director]:
    director = Director(sandbox, RESOURCE)
    yield director
    for program in director.programs:
        program.close()


def registered(vcd: Director) -> list[dict[str, Any]]:
    parties: list[dict[str, Any]] = vcd.administrator.call("GET", "/relyingParties?pageSize=128")["values"]
    return parties


def lets_in(vcd: Director, state: Any) -> bool:
    return vcd.portal(state.client_id).signs_in(state.client_secret.get_secret_value())


def change(vcd: Director, state: Any, name: str = "theirs", uri: str = CALLBACK) -> None:
    vcd.administrator.call(
        "PUT", f"/relyingParties/{state.relying_party_id}", {"clientName": name, "redirectUris": [uri]}
    )


# -- the whole way, in every dialect ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dialect",
    [
        {},
        {"vcd.register": "201"},
        {"vcd.regenerate": "grace"},
        {"vcd.client_secret": "absent"},
        {"vcd.read_only": "ignored"},
        {"vcd.changes": "tasks"},
        {"vcd.register": "201", "vcd.client_secret": "absent", "vcd.read_only": "ignored"},
    ],
    ids=str,
)
def test_the_whole_way_in_every_dialect(vcd: Director, dialect: dict[str, str]) -> None:
    vcd.sandbox.post("/_sandbox/dialect", dict(dialect))
    program = vcd.program()
    first = program.up(**PARTY)
    assert lets_in(vcd, first)
    assert [party["clientName"] for party in registered(vcd)] == ["Grafana"]
    assert not program.planned(**PARTY)
    assert program.refresh() == program.stored()
    renamed = program.up(**{**PARTY, "client_name": "Grafana 2"})
    assert (renamed.client_name, renamed.client_secret, renamed.generation) == ("Grafana 2", first.client_secret, 1)
    second = program.up(**{**PARTY, "client_name": "Grafana 2", "rotation": {"rotate_now": "INC-1"}})
    assert lets_in(vcd, second)
    assert lets_in(vcd, first) is (dialect.get("vcd.regenerate") == "grace")
    assert (second.relying_party_id, second.client_id) == (first.relying_party_id, first.client_id)
    assert program.destroy() == []
    assert registered(vcd) == []
    made = "POST /relyingParties", f"PUT /relyingParties/{first.relying_party_id}"
    assert vcd.calls() == [
        *made,
        made[1],
        f"POST /relyingParties/{first.relying_party_id}/regenerateSecret",
        f"DELETE /relyingParties/{first.relying_party_id}",
    ]


def test_only_what_is_writable_is_sent() -> None:
    shown = {"id": "urn:vcloud:oidcRelyingParty:1", "clientId": "c", "scope": ["openid"], "redirectUris": [CALLBACK]}
    page = {"values": [], "resultTotal": 0}
    with scripted() as server:
        server.script(
            said({"access_token": "T"}),
            said(page),
            said({**shown, "clientName": f"Grafana {MARK}", "clientSecret": "s"}),
            said({"error": "invalid_grant"}, 400),
            said({**shown, "clientName": "Grafana"}),
        )
        program = Program(Sandbox.__new__(Sandbox), RESOURCE, url=server.url, apiToken="a")
        program.up(**PARTY)
        program.close()
    assert [heard.method for heard in server.heard] == ["POST", "GET", "POST", "POST", "PUT"]
    assert json.loads(server.heard[2].body) == {"clientName": f"Grafana {MARK}", "redirectUris": [CALLBACK]}
    assert json.loads(server.heard[4].body) == {"clientName": "Grafana", "redirectUris": [CALLBACK]}
    assert {heard.headers["accept"] for heard in (*server.heard[1:3], server.heard[4])} == {
        "application/json;version=37.2"
    }


def test_a_refused_redirect_uri_leaves_nothing_behind(vcd: Director) -> None:
    program = vcd.program()
    with pytest.raises(
        Rejected, match=r"POST /cloudapi/1.0.0/openIdProvider/relyingParties: 400 BAD_REQUEST: nothing was"
    ):
        program.up(**{**PARTY, "redirect_uris": ["http://plain.example.com"]})
    assert program.state is None
    assert registered(vcd) == []


def test_the_order_of_redirect_uris_is_no_change(vcd: Director) -> None:
    program = vcd.program()
    uris = [CALLBACK, "https://b.example.com/x"]
    program.up(**{**PARTY, "redirect_uris": uris})
    assert not program.planned(**{**PARTY, "redirect_uris": uris[::-1]})
    assert program.planned(**{**PARTY, "redirect_uris": uris[:1]}).changed == {"redirect_uris"}


def test_drift_of_settings_is_repaired_without_a_rotation(vcd: Director) -> None:
    program = vcd.program()
    first = program.up(**PARTY)
    change(vcd, first, "somebody's", "https://evil.example.com/x")
    program.refresh()
    assert program.planned(**PARTY).changed == {"client_name", "redirect_uris"}
    repaired = program.up(**PARTY)
    assert (repaired.client_name, repaired.redirect_uris, repaired.generation) == ("Grafana", [CALLBACK], 1)
    assert repaired.client_secret == first.client_secret
    assert lets_in(vcd, repaired)


# -- what an interruption leaves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edit", [{}, {"client_name": "Renamed meanwhile"}, {"redirect_uris": ["https://b.example.com/x"]}]
)
def test_an_interrupted_create_finds_its_own(vcd: Director, edit: dict[str, Any]) -> None:
    program = vcd.program()
    vcd.sandbox.fault(PARTIES, method="POST", drop="after")
    with pytest.raises(AnswerLost, match=r"it is not known whether it took effect; run `pulumi up` again"):
        program.up(**PARTY)
    assert program.state is None
    assert [party["clientName"] for party in registered(vcd)] == [f"Grafana {MARK}"]
    wanted = {**PARTY, **edit}
    state = program.up(**wanted)
    (party,) = registered(vcd)
    assert (party["clientName"], party["redirectUris"]) == (wanted["client_name"], wanted["redirect_uris"])
    assert (party["id"], state.generation) == (state.relying_party_id, 1)
    assert vcd.calls().count("POST /relyingParties") == 1
    portal = vcd.administrator.portal(state.client_id, wanted["redirect_uris"][0])
    assert portal.signs_in(state.client_secret.get_secret_value())


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 400}, {"drop": "before"}, {"drop": "after"}, {"drop": "cut"}]
)
def test_a_name_that_could_not_be_given_is_given_by_the_next_run(vcd: Director, fault: dict[str, Any]) -> None:
    program = vcd.program()
    vcd.sandbox.fault("/relyingParties/", method="PUT", count=0, **fault)
    refused = fault.get("status") == 400
    said = "what was done before is kept" if refused else "it is not known whether it took effect"
    with pytest.raises(Partial, match=rf"{said}; .*run (`pulumi up` )?again"):
        program.up(**PARTY)
    assert program.state.unconfirmed is not refused
    secret = program.state.client_secret
    vcd.sandbox.http.delete("/_sandbox/faults")
    state = program.up(**PARTY)
    assert [party["clientName"] for party in registered(vcd)] == ["Grafana"]
    assert (state.client_secret, state.step, state.unconfirmed) == (secret, None, False)
    assert lets_in(vcd, state)
    assert not program.planned(**PARTY)


def test_a_created_answer_without_a_secret_loses_nothing(vcd: Director) -> None:
    program = vcd.program()
    shown = '{"id": "urn:vcloud:oidcRelyingParty:1", "clientId": "c", "clientName": "x", "redirectUris": []}'
    vcd.sandbox.fault(PARTIES, method="POST", status=200, body=shown, commit=True)
    with pytest.raises(BadAnswer, match="the answer has no secret 'clientSecret'"):
        program.up(**PARTY)
    assert lets_in(vcd, program.up(**PARTY))
    assert len(registered(vcd)) == 1


def test_a_secret_that_a_task_made_is_shown_nowhere_and_replaced(vcd: Director) -> None:
    vcd.sandbox.dialect(vcd__changes="tasks-and-mints")
    program = vcd.program()
    lost = (
        "regenerateSecret: 202: done by a task, which shows no secret: the secret before has ended, and nobody knows"
        " the new one; run `pulumi up` again"
    )
    with pytest.raises(AnswerLost, match=lost):
        program.up(**PARTY)
    assert [party["clientName"] for party in registered(vcd)] == [f"Grafana {MARK}"]
    vcd.sandbox.dialect(vcd__changes="tasks")
    first = program.up(**PARTY)
    assert lets_in(vcd, first)

    vcd.sandbox.dialect(vcd__changes="tasks-and-mints")
    wanted = {**PARTY, "rotation": {"rotate_now": "INC-1"}}
    with pytest.raises(Partial, match=lost):
        program.up(**wanted)
    assert program.state == first.model_copy(update={"step": "find out what a lost answer did"})
    vcd.sandbox.dialect(vcd__changes="answered")
    assert lets_in(vcd, program.up(**wanted))
    assert len(registered(vcd)) == 1


def test_registered_by_a_task_its_secret_is_regenerated_at_once() -> None:
    shown = {"id": "urn:vcloud:oidcRelyingParty:1", "clientId": "c", "redirectUris": [CALLBACK], "clientSecret": None}
    with scripted() as server:
        server.script(
            said({"access_token": "T"}),
            said({"values": [], "resultTotal": 0}),
            answer(202, b"", "location: /api/task/1"),
            said({"status": "success", "owner": {"id": shown["id"]}}),
            said({**shown, "clientName": f"Grafana {MARK}"}),
            said({**shown, "clientName": f"Grafana {MARK}", "clientSecret": "s"}),
            said({"error": "invalid_grant"}, 400),
            said({**shown, "clientName": "Grafana"}),
        )
        program = Program(Sandbox.__new__(Sandbox), RESOURCE, url=server.url, apiToken="a")
        state = program.up(**PARTY)
        program.close()
    assert server.lines[5] == f"POST /cloudapi/1.0.0/openIdProvider/relyingParties/{shown['id']}/regenerateSecret"
    assert (state.client_secret.get_secret_value(), state.client_name, state.step) == ("s", "Grafana", None)


def test_the_secret_of_an_adopted_one_is_revoked_by_a_task_too(vcd: Director) -> None:
    theirs = vcd.administrator.registered("theirs")
    program = vcd.program()
    ours = program.up(**{**PARTY, "adopt": theirs["id"], "rotation": {"on_adopt": "rotate"}})
    assert lets_in(vcd, ours)
    vcd.sandbox.dialect(vcd__changes="tasks-and-mints")
    assert program.destroy() == []
    assert not lets_in(vcd, ours)


def test_where_nobody_can_tell_an_adopted_secret_is_not_revoked_and_that_is_said(vcd: Director) -> None:
    theirs = vcd.administrator.registered("theirs")
    program = vcd.program()
    ours = program.up(**{**PARTY, "adopt": theirs["id"], "rotation": {"on_adopt": "rotate"}})
    vcd.sandbox.fault("/oidc/oauth2/token", method="POST", status=400, body='{"error": "slow_down"}', count=1)
    assert program.destroy() == [
        f"vcd: nobody can tell from here whether the secret of relying party {theirs['id']} is still rekey's: it stays,"
        " and works; regenerate it in Cloud Director if nobody else has"
    ]
    assert lets_in(vcd, ours)


def test_the_mark_of_another_resource_is_not_ours(vcd: Director) -> None:
    other = vcd.administrator.registered(f"Grafana {MARK[::-1]}")
    state = vcd.program().up(**PARTY | {"client_name": "Prometheus"})
    assert state.relying_party_id != other["id"]
    assert len(registered(vcd)) == 2


def test_interrupted_create_under_another_mark_is_named(vcd: Director) -> None:
    """As after a rename of the stack, the resource or the owner: no second one is made, and both ways out work."""
    begun = vcd.administrator.registered(f"Grafana {MARK[::-1]}")["id"]
    program = vcd.program()
    with pytest.raises(Stopped, match=f"relying party {begun} was begun by rekey for another resource") as stopped:
        program.up(**PARTY)
    assert f'set adopt="{begun}" with rotation.on_adopt="rotate", or delete it' in str(stopped.value)
    assert (stopped.value.names, len(registered(vcd))) == (begun, 1)
    state = program.up(**PARTY, adopt=begun, rotation={"on_adopt": "rotate"})
    assert [party["clientName"] for party in registered(vcd)] == ["Grafana"]
    assert lets_in(vcd, state)


def test_interrupted_create_finds_its_own_behind_others(vcd: Director) -> None:
    """Whatever the order of the list."""
    vcd.administrator.registered("Grafana")
    vcd.administrator.registered(f"Grafana {MARK[::-1]}")
    ours = vcd.administrator.registered(f"Grafana {MARK}")["id"]
    assert vcd.program().up(**PARTY).relying_party_id == ours


# -- strangers --------------------------------------------------------------------------------------------------------


def test_a_stranger_of_the_same_name_and_uris_is_not_touched(vcd: Director) -> None:
    stranger = vcd.administrator.registered("Grafana")
    vcd.sandbox.forget_calls()
    with pytest.raises(Stopped) as stopped:
        vcd.program().up(**PARTY)
    text = str(stopped.value)
    assert text.startswith(
        f"vcd: relying party {stranger['id']} has the same name and redirect URIs: nothing was created; set"
        f' adopt="{stranger["id"]}" to manage it'
    )
    assert text.endswith(
        "or delete it; if this resource was renamed in the program, give it an alias; if it is being replaced, let"
        " it be deleted first (delete_before_replace)"
    )
    assert vcd.calls() == []
    assert vcd.portal(stranger["clientId"]).signs_in(stranger["clientSecret"])


def test_a_stranger_of_the_same_name_elsewhere_is_another(vcd: Director) -> None:
    stranger = vcd.administrator.registered("Grafana")
    state = vcd.program().up(client_name="Grafana", redirect_uris=["https://b.example.com/x"])
    assert state.relying_party_id != stranger["id"]
    assert vcd.portal(stranger["clientId"]).signs_in(stranger["clientSecret"])


def test_an_id_with_a_trick_in_it_is_not_shown(vcd: Director) -> None:
    entry = {"id": "x\n::set-env name=A::b", "clientName": "Grafana", "redirectUris": [CALLBACK]}
    page = json.dumps({"values": [entry], "resultTotal": 1})
    vcd.sandbox.fault(PARTIES, method="GET", status=200, body=page, count=0)
    with pytest.raises(BadAnswer) as failed:
        vcd.program().up(**PARTY)
    assert str(failed.value).isprintable()
    assert "set-env" not in str(failed.value)


# -- adoption ---------------------------------------------------------------------------------------------------------


def test_adopted_and_kept_until_it_rotates(vcd: Director) -> None:
    theirs = vcd.administrator.registered("theirs")
    program = vcd.program()
    state = program.up(**PARTY, adopt=theirs["id"])
    assert (state.client_secret, state.generation, state.rotation_reason) == (None, 1, "adopted")
    assert vcd.portal(theirs["clientId"]).signs_in(theirs["clientSecret"])
    # The settings are what the program says.
    assert [party["clientName"] for party in registered(vcd)] == [state.client_name] == ["Grafana"]
    assert not program.planned(**PARTY, adopt=theirs["id"])
    program.destroy()
    assert vcd.portal(theirs["clientId"]).signs_in(theirs["clientSecret"])
    assert len(registered(vcd)) == 1


def test_adopted_and_rotated_is_revoked_in_the_end(vcd: Director) -> None:
    theirs = vcd.administrator.registered("Grafana")
    program = vcd.program()
    state = program.up(**PARTY, adopt=theirs["id"], rotation={"on_adopt": "rotate"})
    assert lets_in(vcd, state)
    assert not vcd.portal(theirs["clientId"]).signs_in(theirs["clientSecret"])
    program.destroy()
    assert [party["id"] for party in registered(vcd)] == [theirs["id"]]
    assert not lets_in(vcd, state)


def test_adopted_and_rotated_is_revoked_although_the_vendor_gives_it_a_grace(vcd: Director) -> None:
    vcd.sandbox.dialect(vcd__regenerate="grace")
    theirs = vcd.administrator.registered("Grafana")
    program = vcd.program()
    state = program.up(**PARTY, adopt=theirs["id"], rotation={"on_adopt": "rotate"})
    assert program.destroy() == []
    assert not lets_in(vcd, state)


def test_compromised_secret_that_the_vendor_still_accepts_is_told(vcd: Director) -> None:
    vcd.sandbox.dialect(vcd__regenerate="grace")
    program = vcd.program()
    program.up(**PARTY)
    program.up(**PARTY, rotation={"rotate_now": "INC-1", "grace": "0s"})
    (said,) = program.said
    assert said.startswith("the vendor still accepts the old secret, which was to end at once: set another rotate_now")


@pytest.mark.parametrize("verify", [True, False])
def test_client_id_that_changes_with_the_secret_is_handed_on(vcd: Director, *, verify: bool) -> None:
    vcd.sandbox.dialect(vcd__client_id="changes")
    program = vcd.program()
    first = program.up(**PARTY)
    second = program.up(**PARTY, rotation={"rotate_now": "INC-1", "verify": verify})
    assert first.client_id != second.client_id
    assert lets_in(vcd, second)


def test_somebody_elses_new_secret_is_not_revoked(vcd: Director) -> None:
    theirs = vcd.administrator.registered("Grafana")
    program = vcd.program()
    program.up(**PARTY, adopt=theirs["id"], rotation={"on_adopt": "rotate"})
    newer = vcd.administrator.call("POST", f"/relyingParties/{theirs['id']}/regenerateSecret")
    (said,) = program.destroy()
    assert said.endswith(f"{theirs['id']} has another secret than the one in the state: it stays")
    assert vcd.portal(theirs["clientId"]).signs_in(newer["clientSecret"])


def test_another_adopted_id_replaces_and_none_changes_nothing(vcd: Director) -> None:
    theirs = vcd.administrator.registered("Grafana")
    program = vcd.program()
    program.up(**PARTY, adopt=theirs["id"])
    assert not program.planned(**PARTY)
    assert not program.planned(**PARTY, adopt=theirs["id"])
    assert program.planned(**PARTY, adopt="urn:vcloud:oidcRelyingParty:other").replace == {"adopt"}
