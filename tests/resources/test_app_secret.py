"""What is peculiar to the secret of a ROMA application: it is chosen by the caller, and the vendor shows it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.errors import (
    AnswerLost,
    BadAnswer,
    Error,
    Forbidden,
    Misconfigured,
    NotFound,
    Partial,
    Rejected,
    Stopped,
    Unauthenticated,
    Unavailable,
)
from pulumi_rekey.key_material import generate_secret
from pulumi_rekey.model import problems
from pulumi_rekey.reconciler.plan import policy_problems
from pulumi_rekey.resources.app_secret import RESOURCE

from tools.consumers import RomaApplication
from tools.vendors import Sandbox

from .program import CLOCK_TOLERANCE, Program

GIVEN = "Given-by-the/user=1"
ROTATE = {"rotation": {"rotate_now": "INC-1"}}
FOUND = "the rotation whose answer was lost took effect: its secret is accepted, and is in the outputs now"
SIGNED = {"accessKey": "access_key", "secretKey": "secret_key"}
PASSWORD = {"userName": "user_name", "password": "password", "domainName": "domain_name", "iamUrl": "iam_url"}
TEMPORARY = {
    "accessKey": "temporary_access_key",
    "secretKey": "temporary_secret_key",
    "securityToken": "security_token",
}


class Roma:
    """The application's owner, who knows nothing of rekey, and the programs that manage its secret."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.known = sandbox.credentials["roma"]
        self.app = {"instance_id": self.known["instance_id"], "app_id": self.known["app_id"]}
        self.path = "/v2/{project_id}/instances/{instance_id}/apps/{app_id}".format(**self.known)
        self.programs: list[Program] = []
        self.owner = self.program()

    def shows(self, secret: str) -> None:
        """Let GET show this from now on."""
        body = json.dumps({"id": self.known["app_id"], "secret": secret})
        self.sandbox.fault("/secret$", method="GET", status=200, body=body, count=100)

    def program(self, login: dict[str, str] = SIGNED, **settings: str) -> Program:
        """A program with this ROMA as its endpoint."""
        known = {name: self.known[key] for name, key in login.items()}
        defaults = {"url": self.known["url"], "projectId": self.known["project_id"]}
        self.programs.append(Program(self.sandbox, RESOURCE, **{**defaults, **known, **settings}))
        return self.programs[-1]

    @property
    def key(self) -> str:
        """The application's key, which its consumers know."""
        api = self.owner.reconciler().api
        return str(api.get(self.path)["key"])

    def secret(self) -> str:
        """The secret that the vendor has, past what a dialect shows."""
        return str(self.owner.reconciler().api.get(f"{self.path}/secret")["secret"])

    def set(self, secret: str | None) -> None:
        """Somebody else resets it."""
        self.owner.reconciler().api.put(f"{self.path}/secret", json={} if secret is None else {"secret": secret})

    def calls_with(self, secret: str) -> bool:
        """Whether an application gets in that signs with this secret."""
        return RomaApplication(self.sandbox.http, self.key).calls(secret)

    def puts(self) -> int:
        """How often the secret was set."""
        return sum(call["method"] == "PUT" and call["path"].endswith("/secret") for call in self.sandbox.calls())


@pytest.fixture
def roma(sandbox: Sandbox) -> Iterator[Roma]:
    roma = Roma(sandbox)
    yield roma
    for program in roma.programs:
        program.close()


def value(state: Any) -> str:
    return str(state.secret.get_secret_value())


# -- who chooses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [SIGNED, PASSWORD, TEMPORARY], ids=["signed", "password", "temporary"])
def test_the_whole_way_with_every_login(roma: Roma, login: dict[str, str]) -> None:
    before = roma.secret()
    program = roma.program(login)
    first = program.up(**roma.app)
    assert (value(first), first.generation, first.rotation_reason) == (before, 1, "adopted")
    assert roma.puts() == 0
    assert not program.planned(**roma.app)
    second = program.up(**roma.app, **ROTATE)
    assert (second.generation, second.rotation_reason) == (2, "rotate_now: INC-1")
    assert roma.calls_with(value(second))
    assert not roma.calls_with(value(first))
    program.refresh()
    assert not program.planned(**roma.app, **ROTATE)
    program.destroy()
    assert not roma.calls_with(value(second))
    assert roma.puts() == 2


def test_a_given_secret_is_set_and_watched(roma: Roma) -> None:
    program = roma.program()
    state = program.up(**roma.app, secret=GIVEN)
    assert program.said == [
        f"takes {roma.app['app_id']} over and replaces the secret in use: no overlap: the vendor ends the old secret at"
        " once"
    ]
    assert (value(state), state.rotation_reason) == (GIVEN, "adopted, the given secret set")
    assert roma.calls_with(GIVEN)
    assert not program.planned(**roma.app, secret=GIVEN)
    state = program.up(**roma.app, secret=GIVEN + "2")
    assert (value(state), state.generation, state.rotation_reason) == (
        GIVEN + "2",
        2,
        "the given secret is another one",
    )
    roma.set("somebody-elses")
    program.refresh()
    assert program.planned(**roma.app, secret=GIVEN + "2").decision.reason == "the given secret is another one"
    program.up(**roma.app, secret=GIVEN + "2")
    assert roma.secret() == GIVEN + "2"


def test_a_given_secret_that_is_taken_away_stays(roma: Roma) -> None:
    program = roma.program()
    program.up(**roma.app, secret=GIVEN)
    assert not program.planned(**roma.app)


def test_a_new_secret_of_the_vendors_or_of_somebody_is_read(roma: Roma) -> None:
    program = roma.program()
    program.up(**roma.app)
    roma.set(None)
    state = program.refresh()
    assert value(state) == roma.secret()
    assert (state.generation, state.rotation_reason) == (1, "adopted")


def test_a_policy_beside_a_given_secret_is_refused() -> None:
    for policy in ({"max_age": "30d"}, {"rotate_now": "x"}, {"triggers": {"a": 1}}, {"on_adopt": "rotate"}):
        inputs = RESOURCE.inputs.model_validate(
            {"instance_id": "i", "app_id": "a", "secret": GIVEN, "rotation": policy}
        )
        assert [path for path, _ in policy_problems(RESOURCE, inputs.rotation, gives=True)] == ["rotation"]


@given(st.text(min_size=1))
def test_what_the_vendor_would_refuse_is_refused_here(text: str) -> None:
    allowed = all(c.isascii() and (c.isalnum() or c in "!@#$%+=.-/") for c in text)
    inputs = {"instance_id": "i", "app_id": "a", "secret": text}
    found = problems(RESOURCE.inputs, inputs, lambda _: False)
    assert found == ([] if allowed else [("secret", "must be letters, digits and !@#$%+=.-/ only, and not empty")])


def test_made_secrets_are_within_the_rule() -> None:
    for _ in range(200):
        made = generate_secret("roma").get_secret_value()
        assert problems(RESOURCE.inputs, {"instance_id": "i", "app_id": "a", "secret": made}, lambda _: False) == []


# -- a vendor that shows it masked ------------------------------------------------------------------------------------


def test_a_masked_secret_is_no_secret(roma: Roma) -> None:
    before = roma.secret()
    roma.sandbox.dialect(roma__get_secret="masked")
    program = roma.program()
    state = program.up(**roma.app)
    assert state.secret is None
    assert roma.puts() == 0
    program.destroy()
    roma.sandbox.dialect(roma__get_secret="plain")
    assert roma.secret() == before


def test_a_rotation_is_known_behind_its_mask(roma: Roma) -> None:
    roma.sandbox.dialect(roma__get_secret="masked")
    program = roma.program()
    program.up(**roma.app)
    state = program.up(**roma.app, **ROTATE)
    assert roma.calls_with(value(state))
    assert program.refresh().secret == state.secret
    assert not program.planned(**roma.app, **ROTATE)
    roma.set("ZZZ-somebody-elses-ZZZ")
    assert program.refresh().secret is None
    program.destroy()
    assert roma.calls_with("ZZZ-somebody-elses-ZZZ")


def test_what_is_masked_and_ours_is_revoked(roma: Roma) -> None:
    roma.sandbox.dialect(roma__get_secret="masked")
    program = roma.program()
    state = program.up(**roma.app, secret=GIVEN)
    program.destroy()
    assert not roma.calls_with(value(state))


@pytest.mark.parametrize("shown", ["****", "Giv****", "*r=1"])
def test_what_shows_too_little_is_not_revoked_and_that_is_said(roma: Roma, shown: str) -> None:
    """It may be ours, or that of somebody who has moved on."""
    program = roma.program()
    state = program.up(**roma.app, secret=GIVEN)
    roma.shows(shown)
    assert program.refresh() == state
    assert not program.planned(**roma.app, secret=GIVEN)
    app = roma.app["app_id"]
    assert program.destroy() == [
        f"roma: the secret of application {app} is masked, so that nobody can tell whether it is still rekey's: it"
        " stays, and works; reset it in ROMA Connect if nobody else has set it"
    ]
    assert roma.puts() == 1
    assert roma.calls_with(GIVEN)


@pytest.mark.parametrize("shown", ["X****", "Gi*X", f"{GIVEN}*1", "****X"])
def test_what_shows_another_one_is_not_ours(roma: Roma, shown: str) -> None:
    program = roma.program()
    program.up(**roma.app, secret=GIVEN)
    roma.shows(shown)
    (said,) = program.destroy()
    assert said.endswith(" has another secret than the one in the state: it stays")
    assert roma.puts() == 1


def test_a_rotation_behind_a_mask_that_shows_nothing_is_handed_on_unverified(roma: Roma) -> None:
    program = roma.program()
    program.up(**roma.app)
    roma.shows("****")
    state = program.up(**roma.app, **ROTATE)
    assert program.said == ["the new secret could not be tried from here: it is handed on unverified"]
    assert roma.calls_with(value(state))


# -- what the vendor says no to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth_failure", ["400", "401"])
@pytest.mark.parametrize("login", [SIGNED, PASSWORD, TEMPORARY], ids=["signed", "password", "temporary"])
def test_wrong_credentials(roma: Roma, login: dict[str, str], auth_failure: str) -> None:
    roma.sandbox.dialect(roma__auth_failure=auth_failure)
    wrong = {"secretKey": "Hunter2"} if login is not PASSWORD else {"password": "Hunter2"}
    with pytest.raises(Unauthenticated, match=r"nothing was .*; correct the credentials of this endpoint") as failed:
        roma.program(login, **wrong).up(**roma.app)
    assert "Hunter2" not in str(failed.value)


def test_a_missing_security_token(roma: Roma) -> None:
    without = {name: key for name, key in TEMPORARY.items() if name != "securityToken"}
    with pytest.raises(Unauthenticated):
        roma.program(without).up(**roma.app)


@pytest.mark.parametrize("missing", ["404", "403"])
def test_an_application_that_does_not_exist(roma: Roma, missing: str) -> None:
    roma.sandbox.dialect(roma__missing_app=missing)
    kind, what = {
        "404": (NotFound, "404 ROMA.00014001: nothing was created; correct the id"),
        "403": (Forbidden, "403 ROMA.00000101: nothing was created; correct `instance_id` or `app_id` if there is no"),
    }[missing]
    with pytest.raises(kind) as failed:
        roma.program().up(instance_id=roma.known["instance_id"], app_id="gone")
    assert what in str(failed.value)


@pytest.mark.parametrize("wrong", ["instance_id", "project_id"])
def test_an_id_of_another_kind(roma: Roma, wrong: str) -> None:
    with pytest.raises(Forbidden, match=r"ROMA.00000101"):
        roma.program().up(**{**roma.app, wrong: roma.known["app_id"]})


def test_login_for_a_project_that_the_account_does_not_have_names_it(roma: Roma) -> None:
    program = roma.program(PASSWORD, projectId="another")
    with pytest.raises(Unauthenticated) as failed:
        program.up(**roma.app)
    whose = f"(domainName {roma.known['domain_name']}, projectId another at {roma.known['url']})"
    assert failed.value.advice.endswith(f"rekey:endpoints.roma.domainName {whose}")
    assert value(program.up(**roma.app, project_id=roma.known["project_id"])) == roma.secret()


def test_no_project_is_said_before_any_call(roma: Roma) -> None:
    program = roma.program(projectId="")
    program.settings = {name: value for name, value in program.settings.items() if name != "projectId"}
    with pytest.raises(
        Misconfigured, match="has no project id: nothing was created; set project_id on the resource or"
    ):
        program.up(**roma.app)
    assert value(program.up(**roma.app, project_id=roma.known["project_id"])) == roma.secret()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ROMA.1000", Unauthenticated),
        (400, "ROMA.1002", Unauthenticated),
        (400, "ROMA.1006", Forbidden),
        (400, "ROMA.12001", Forbidden),
        (400, "ROMA.00014001", NotFound),
        (400, "ROMA.13000", Rejected),
        (400, None, Rejected),
        (401, None, Unauthenticated),
        (403, "ROMA.00000101", Forbidden),
        (404, "ROMA.00014001", NotFound),
        (500, "ROMA.0", Unavailable),
    ],
)
def test_each_refusal_is_understood(roma: Roma, status: int, code: str | None, kind: type[Error]) -> None:
    body = "" if code is None else f'{{"error_code": "{code}", "error_msg": "Hunter2", "request_id": "7f3a"}}'
    roma.sandbox.fault("/secret$", status=status, body=body, count=0)
    with pytest.raises(kind) as failed:
        roma.program().up(**roma.app)
    assert f": {status}{f' {code}' if code else ''}: " in str(failed.value)
    assert "Hunter2" not in str(failed.value)
    assert str(failed.value).endswith("(request 7f3a)") is (code is not None)


@pytest.mark.parametrize("body", ["", "[]", "<html>", '{"secret": 5}', '{"secret": ""}', "{}"])
def test_an_answer_of_another_shape(roma: Roma, body: str) -> None:
    roma.sandbox.fault("/secret$", method="GET", status=200, body=body, count=0)
    program = roma.program()
    with pytest.raises(BadAnswer, match=r"^roma: GET /v2/\S+/secret: the answer "):
        program.up(**roma.app)
    assert program.state is None


# -- interruptions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [{"drop": "before"}, {"drop": "after"}, {"status": 503}, {"status": 502, "commit": True}]
)
def test_a_chosen_secret_is_sent_again(roma: Roma, fault: dict[str, Any]) -> None:
    program = roma.program()
    program.up(**roma.app)
    roma.sandbox.fault("/secret$", method="PUT", count=2, **fault)
    state = program.up(**roma.app, **ROTATE)
    assert roma.calls_with(value(state))
    assert state.generation == 2


@pytest.mark.parametrize("known", [True, False], ids=["its secret is known", "as an earlier version kept it"])
def test_rotation_that_was_lost_is_dated_when_its_secret_is_found(roma: Roma, *, known: bool) -> None:
    """Or the next window would end the secret once more, which is as old as that of before in the books."""
    rules = {"max_age": "10d", "triggers": {"release": "1"}}
    program = roma.program()
    first = program.up(**roma.app, rotation=rules)
    roma.sandbox.fault("/secret$", method="PUT", count=0, drop="after")
    program.advance("11d")
    with pytest.raises(Partial):
        program.up(**roma.app, rotation=rules)
    roma.sandbox.clear_faults()
    if not known:
        program.state = program.state.model_copy(update={"next_secret": None, "candidate": None})
    frozen = {"max_age": "10d", "freeze": ["2000-01-01/2999-12-31"], "triggers": {"release": "2"}}
    second = program.up(**roma.app, rotation=frozen)
    assert value(second) == roma.secret() != value(first)
    reason = "11 d old, max_age 10 d" if known else "found after its answer was lost"
    assert (second.generation, second.rotation_reason) == (2, reason)
    assert abs(second.rotated_at - program.clock.now()) < CLOCK_TOLERANCE
    assert program.told == [
        FOUND if known else "the rotation whose answer was lost took effect: the vendor shows its secret"
    ]
    assert program.planned(**roma.app, rotation=rules).decision.reason is None
    # What was asked for since is still to be done.
    assert program.planned(**roma.app, rotation={"triggers": {"release": "2"}}).decision.reason


@pytest.mark.parametrize("shown", ["plain", "masked"])
def test_rotation_that_was_lost_and_is_still_due_is_not_made_again(roma: Roma, shown: str) -> None:
    """Rekey has chosen the secret: it is found out behind a mask, too."""
    program = roma.program()
    first = program.up(**roma.app)
    roma.sandbox.dialect(roma__get_secret=shown)
    roma.sandbox.fault("/secret$", method="PUT", count=0, drop="after")
    with pytest.raises(Partial):
        program.up(**roma.app, **ROTATE)
    assert value(program.state) == value(first)
    roma.sandbox.clear_faults()
    roma.sandbox.forget_calls()
    second = program.up(**roma.app, **ROTATE)
    assert [call["method"] for call in roma.sandbox.calls()] == ["GET", "GET"]
    roma.sandbox.dialect(roma__get_secret="plain")
    assert value(second) == roma.secret() != value(first)
    assert (second.generation, second.next_secret, program.told) == (2, None, [FOUND])
    assert not program.planned(**roma.app, **ROTATE)


def test_rotation_that_had_no_effect_sends_the_same_secret(roma: Roma) -> None:
    program = roma.program()
    program.up(**roma.app)
    roma.sandbox.fault("/secret$", method="PUT", count=0, status=502)
    with pytest.raises(Partial):
        program.up(**roma.app, **ROTATE)
    chosen = program.state.next_secret.get_secret_value()
    roma.sandbox.clear_faults()
    second = program.up(**roma.app, **ROTATE)
    assert value(second) == roma.secret() == chosen
    assert second.generation == 2
    assert program.told == ["the secret of the rotation whose answer was lost is not accepted: it is sent again"]
    assert not program.planned(**roma.app, **ROTATE)


@pytest.mark.parametrize("refreshed", [False, True])
def test_destroy_ends_the_secret_of_a_rotation_that_was_lost(roma: Roma, *, refreshed: bool) -> None:
    program = roma.program()
    program.up(**roma.app)
    roma.sandbox.fault("/secret$", method="PUT", count=0, drop="after")
    with pytest.raises(Partial):
        program.up(**roma.app, **ROTATE)
    chosen = program.state.next_secret.get_secret_value()
    roma.sandbox.clear_faults()
    if refreshed:
        with pytest.raises(Partial, match="find out what a lost answer did"):
            program.refresh()
    program.destroy()
    assert roma.secret() != chosen


def test_a_given_secret_that_was_lost_is_repaired_by_the_next_run(roma: Roma) -> None:
    program = roma.program()
    roma.sandbox.fault("/secret$", method="PUT", count=5, drop="after")
    with pytest.raises(AnswerLost):
        program.up(**roma.app, secret=GIVEN)
    assert program.state is None
    assert value(program.up(**roma.app, secret=GIVEN)) == GIVEN
    assert roma.calls_with(GIVEN)


def test_a_secret_that_the_vendor_does_not_keep_is_not_handed_on_as_good(roma: Roma) -> None:
    roma.sandbox.fault("/secret$", method="PUT", status=200, body=f'{{"secret": "{GIVEN}"}}', count=0)
    program = roma.program()
    with pytest.raises(Partial, match="the new secret is minted, and the vendor refuses it"):
        program.up(**roma.app, secret=GIVEN)
    assert program.state.step is not None
    roma.sandbox.http.delete("/_sandbox/faults")
    state = program.up(**roma.app, secret=GIVEN)
    assert state.step is None
    assert roma.calls_with(value(state))


@pytest.mark.parametrize("body", ['{"secret": "x"}', '{"data": null}'])
def test_a_secret_that_the_vendor_does_not_echo_is_not_set(roma: Roma, body: str) -> None:
    program = roma.program()
    program.up(**roma.app, secret=GIVEN)
    roma.sandbox.fault("/secret$", method="PUT", status=200, body=body)
    with pytest.raises(BadAnswer, match="it is not known whether it took effect"):
        program.destroy()
    program.destroy()
    assert roma.secret() != GIVEN


def test_somebody_elses_newer_secret_is_not_revoked(roma: Roma) -> None:
    program = roma.program()
    program.up(**roma.app, secret=GIVEN)
    roma.set("newer")
    program.destroy()
    assert roma.secret() == "newer"


def test_another_host_is_never_sent_anything(roma: Roma) -> None:
    program = roma.program()
    program.up(**roma.app)
    program.settings = {**program.settings, "url": "http://127.0.0.1:1"}
    for verb in (program.refresh, program.destroy, lambda: program.up(**roma.app, **ROTATE)):
        with pytest.raises(
            Stopped, match=r"nothing was changed; set rekey:endpoints.roma.movedFrom to http://127.0.0.1:\d+ if"
        ):
            verb()
    program.settings = {
        **program.settings,
        "url": roma.known["url"].replace("127.0.0.1", "localhost"),
        "movedFrom": roma.known["url"],
    }
    assert value(program.refresh()) == roma.secret()
