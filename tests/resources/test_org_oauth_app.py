"""What is peculiar to an OAuth app: an id of our choosing, two secrets for a time, nested scopes, and no delete."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pulumi_rekey.errors import (
    AnswerLost,
    BadAnswer,
    Forbidden,
    Misconfigured,
    Partial,
    Refused,
    Rejected,
)
from pulumi_rekey.key_material import generate_secret
from pulumi_rekey.model import problems
from pulumi_rekey.reconciler.plan import policy_problems
from pulumi_rekey.resources.org_oauth_app import RESOURCE

from tests.engine import Stack
from tools.consumers import NavigatorClient
from tools.vendors import Sandbox

from .program import CLOCK_TOLERANCE, Program

AUTH = "/cphub/api/auth"
GRACE = {"grace": "1h"}
SCOPES = {
    "general_scopes": ["openid", "group_ids"],
    "organization_scopes": {"roles": [{"name": "Organization Owner"}, {"name": "Billing"}]},
    "services_scopes": [
        {"service_definition_id": "vcd", "roles": [{"name": "b"}, {"name": "a"}]},
        {"service_definition_id": "cph", "all_roles": True},
    ],
}
GIVEN = "Given-by-the-user-1!"


class Navigator:
    """The organization's owner and the servers that log in as its apps; neither knows of rekey."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.known = sandbox.credentials["navigator"]
        self.org = {"org_id": self.known["org_id"]}
        self.apps = f"{AUTH}/v2/orgs/{self.known['org_id']}/oauth-apps"
        self.client = NavigatorClient(sandbox.http, self.known["org_id"])
        self.programs: list[Program] = []

    def program(self, **settings: str) -> Program:
        """A program with this Navigator as its endpoint."""
        login = {} if "clientId" in settings else {"apiToken": self.known["api_token"]}
        self.programs.append(Program(self.sandbox, RESOURCE, **{"url": self.known["url"], **login, **settings}))
        return self.programs[-1]

    def owner(self, method: str, path: str, body: object = None) -> Any:
        """What the owner's tool is answered."""
        login = self.sandbox.http.post(f"{AUTH}/v1/authn/accesstoken", json={"refreshToken": self.known["api_token"]})
        headers = {"csp-auth-token": login.json()["accessToken"]}
        answer = self.sandbox.http.request(method, self.apps + path, headers=headers, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def existing(self) -> Any:
        """An app that somebody else has made."""
        return self.owner("POST", "", {"displayName": "theirs", "secret": GIVEN})["clientId"]

    def lets_in(self, state: Any, *, previous: bool = False) -> bool:
        """Whether a server gets in with what the outputs hold."""
        secret = state.previous_secret if previous else state.secret
        return self.client.logs_in(state.oauth_app_id, secret.get_secret_value())

    def calls(self) -> list[str]:
        """The calls about apps, without logins and reads."""
        return [
            f"{call['method']} {call['path'].removeprefix(self.apps)}"
            for call in self.sandbox.calls()
            if call["path"].startswith(self.apps) and call["method"] != "GET"
        ]


@pytest.fixture
def navigator(sandbox: Sandbox) -> Iterator[Navigator]:
    navigator = Navigator(sandbox)
    yield navigator
    for program in navigator.programs:
        program.close()


# -- create -----------------------------------------------------------------------------------------------------------


def test_created_app_gets_in(navigator: Navigator) -> None:
    program = navigator.program()
    wanted = {**navigator.org, "display_name": "export", "access_token_ttl": 300, "allowed_scopes": SCOPES}
    state = program.up(**wanted)
    assert navigator.lets_in(state)
    assert (state.generation, state.rotation_reason, state.owner_only_secret_rotation) == (1, "created", False)
    assert navigator.calls() == ["POST "]
    assert not program.planned(**wanted)


def test_interrupted_create_finds_its_own(navigator: Navigator) -> None:
    program = navigator.program()
    navigator.sandbox.fault("/oauth-apps$", method="POST", drop="after")
    with pytest.raises(AnswerLost, match=r"the connection broke .*not known whether it took effect") as lost:
        program.up(**navigator.org, display_name="export")
    assert program.state is None
    state = program.up(**navigator.org, display_name="export", description="now described")
    # Navigator lists no apps: under another name nobody would find it.
    assert lost.value.advice == (
        "run `pulumi up` again before this resource, the stack or rekey:owner is renamed: it finds app"
        f" {state.oauth_app_id} by these"
    )
    assert navigator.lets_in(state)
    assert navigator.calls() == ["POST ", f"PATCH /{state.oauth_app_id}"]
    assert (state.generation, state.description) == (1, "now described")


def test_create_after_destroy_takes_the_app_that_remained(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org, display_name="export")
    program.destroy()
    second = program.up(**navigator.org, display_name="export")
    assert second.oauth_app_id == first.oauth_app_id
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, False)


def test_create_that_ends_the_secret_of_its_own_app_says_so(navigator: Navigator) -> None:
    """As where the state was lost: nobody can tell whether the secret in use is anybody's."""
    program = navigator.program()
    first = program.up(**navigator.org)
    program.state, program.warned = None, []
    program.up(**navigator.org)
    assert program.warned == [
        f"navigator: app {first.oauth_app_id}, which an earlier run of this resource has made, is there: its secret is"
        " ended"
    ]


@pytest.mark.parametrize("missing", ["403", "404"])
def test_created_whatever_a_missing_app_is_answered_with(navigator: Navigator, missing: str) -> None:
    navigator.sandbox.dialect(navigator__missing_app=missing)
    assert navigator.lets_in(navigator.program().up(**navigator.org))


def test_given_secret_is_set(navigator: Navigator) -> None:
    program = navigator.program()
    state = program.up(**navigator.org, secret=GIVEN)
    assert navigator.client.logs_in(state.oauth_app_id, GIVEN)
    assert not program.planned(**navigator.org, secret=GIVEN)
    changed = program.up(**navigator.org, secret=f"{GIVEN}2")
    assert (changed.rotation_reason, changed.generation) == ("the given secret is another one", 2)
    assert navigator.client.logs_in(state.oauth_app_id, f"{GIVEN}2")


def test_settings_read_back_are_lost_without_losing_the_secret(navigator: Navigator) -> None:
    program = navigator.program()
    navigator.sandbox.fault("/oauth-apps/rekey-[0-9a-f]*$", method="GET", skip=1, status=200, body="{")
    with pytest.raises(Partial, match=r"the answer is not JSON.*what was done before is kept"):
        program.up(**navigator.org, display_name="export")
    assert navigator.lets_in(program.state)
    state = program.up(**navigator.org, display_name="export")
    assert (state.step, state.generation, state.display_name) == (None, 1, "export")


@pytest.mark.parametrize("context", ["OPERATOR", "PROVIDER", "TENANT"])
def test_context(navigator: Navigator, context: str) -> None:
    program = navigator.program()
    program.up(**navigator.org, context=context, description="one")
    assert program.up(**navigator.org, context=context, description="two").description == "two"
    assert not program.planned(**navigator.org, context="TENANT", description="two")


# -- settings and drift -----------------------------------------------------------------------------------------------


def test_only_changed_fields_are_sent(navigator: Navigator) -> None:
    program = navigator.program()
    state = program.up(**navigator.org, display_name="export", description="ours")
    navigator.owner("PATCH", f"/{state.oauth_app_id}", {"description": "theirs"})
    program.up(**navigator.org, display_name="renamed", description="ours")
    assert navigator.owner("GET", f"/{state.oauth_app_id}") | {"displayName": "renamed", "description": "theirs"} == (
        navigator.owner("GET", f"/{state.oauth_app_id}")
    )


def test_drift_is_repaired_after_a_refresh_and_rotates_nothing(navigator: Navigator) -> None:
    program = navigator.program()
    wanted = {**navigator.org, "access_token_ttl": 300, "owner_only_secret_rotation": True, "allowed_scopes": SCOPES}
    first = program.up(**wanted)
    theirs = {"accessTokenTTL": 900, "ownerOnlySecretRotation": False, "allowedScopes": {"generalScopes": ["openid"]}}
    navigator.owner("PATCH", f"/{first.oauth_app_id}", theirs)
    program.refresh()
    plan = program.planned(**wanted)
    assert plan.changed == {"access_token_ttl", "owner_only_secret_rotation", "allowed_scopes"}
    assert plan.decision.reason is None
    repaired = program.up(**wanted)
    assert repaired.model_dump(exclude={"last_updated_at"}) == first.model_dump(exclude={"last_updated_at"})
    assert not program.planned(**wanted)


def test_order_of_scopes_means_nothing(navigator: Navigator) -> None:
    program = navigator.program()
    program.up(**navigator.org, allowed_scopes=SCOPES)
    program.refresh()
    other = {name: value[::-1] if isinstance(value, list) else value for name, value in SCOPES.items()}
    assert not program.planned(**navigator.org, allowed_scopes=other)
    other["general_scopes"] = ["openid"]
    assert program.planned(**navigator.org, allowed_scopes=other).changed == {"allowed_scopes"}


def test_another_order_at_the_vendor_is_no_news(navigator: Navigator) -> None:
    program = navigator.program()
    state = program.up(**navigator.org, allowed_scopes={"general_scopes": ["openid", "group_ids"]})
    shown = navigator.owner("GET", f"/{state.oauth_app_id}")
    shown["allowedScopes"]["generalScopes"].reverse()
    navigator.sandbox.fault("/oauth-apps/", method="GET", status=200, body=json.dumps(shown))
    assert program.refresh() == state


def test_part_of_the_scopes_that_is_left_out_stays(navigator: Navigator) -> None:
    program = navigator.program()
    program.up(**navigator.org, allowed_scopes=SCOPES)
    state = program.up(**navigator.org, allowed_scopes={"general_scopes": ["openid"]})
    shown = navigator.owner("GET", f"/{state.oauth_app_id}")["allowedScopes"]
    assert shown["generalScopes"] == ["openid"]
    assert {role["name"] for role in shown["organizationScopes"]["roles"]} == {"Organization Owner", "Billing"}
    assert len(shown["servicesScopes"]) == 2


def test_empty_clears_and_none_leaves(navigator: Navigator) -> None:
    program = navigator.program()
    program.up(**navigator.org, description="text", allowed_scopes=SCOPES)
    assert not program.planned(**navigator.org)
    state = program.up(**navigator.org, description="", allowed_scopes={})
    shown = navigator.owner("GET", f"/{state.oauth_app_id}")
    assert shown["description"] == ""
    assert shown["allowedScopes"] == {"generalScopes": [], "organizationScopes": {"roles": []}, "servicesScopes": []}
    assert not program.planned(**navigator.org, description="", allowed_scopes={})


def test_settings_that_the_vendor_leaves_out_are_empty(navigator: Navigator) -> None:
    program = navigator.program()
    program.up(**navigator.org)
    navigator.sandbox.fault("/oauth-apps/", method="GET", status=200, body='{"allowedScopes": {"generalScopes": null}}')
    program.refresh()
    assert not program.planned(**navigator.org, description="", allowed_scopes={})


def test_unknown_argument_deep_in_the_scopes() -> None:
    raw = {"org_id": "o", "allowed_scopes": {"services_scopes": [{"service_definition_id": "vcd", "allRoles": True}]}}
    assert problems(RESOURCE.inputs, raw, lambda _value: False) == [
        ("allowed_scopes.services_scopes[0].allRoles", "is not an argument of this resource: did you mean all_roles?")
    ]


@pytest.mark.parametrize("missing", ["403", "404"])
def test_app_that_is_gone(navigator: Navigator, missing: str) -> None:
    program = navigator.program()
    program.up(**navigator.org)
    navigator.sandbox.reset()  # Navigator has no delete
    navigator.sandbox.dialect(navigator__missing_app=missing)
    assert program.refresh() is None


# -- rotation ---------------------------------------------------------------------------------------------------------


def test_without_grace_the_old_secret_ends(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    second = program.up(**navigator.org, rotation={"rotate_now": "now"})
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, False)
    assert (second.previous_secret, second.previous_expires_at, second.generation) == (None, None, 2)
    assert navigator.calls()[1:] == [f"PATCH /{first.oauth_app_id}"]


def test_with_grace_both_work_until_it_is_over(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    rotation = {**GRACE, "rotate_now": "now"}
    second = program.up(**navigator.org, rotation=rotation)
    assert navigator.calls()[1:] == [f"POST /{first.oauth_app_id}/secret"]
    assert second.previous_secret == first.secret
    assert abs(second.previous_expires_at - program.clock.now() - timedelta(hours=1)) < CLOCK_TOLERANCE
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, True)
    assert not program.planned(**navigator.org, rotation=rotation)
    program.advance("61m")
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, False)


@pytest.mark.parametrize(("wording", "overlaps"), [("overlap", True), ("replace", False)])
def test_where_post_is_refused_patch_rotates_and_the_overlap_is_tried(
    navigator: Navigator, wording: str, *, overlaps: bool
) -> None:
    navigator.sandbox.dialect(navigator__patch_secret=wording)
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.sandbox.fault("/secret$", method="POST", status=403)
    second = program.up(**navigator.org, rotation={**GRACE, "rotate_now": "now"})
    assert navigator.calls()[-1] == f"PATCH /{first.oauth_app_id}"
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, overlaps)
    assert (second.previous_secret is not None, second.previous_expires_at is not None) == (overlaps, overlaps)


def test_post_that_grants_no_overlap_is_told(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    # Somebody ends the old secret behind the answer.
    navigator.sandbox.fault("/authn/authorize$", method="POST", status=401, skip=1)
    second = program.up(**navigator.org, rotation={**GRACE, "rotate_now": "now"})
    assert navigator.lets_in(second)
    assert (second.previous_secret, second.previous_expires_at, second.step) == (None, None, None)
    assert program.said == ["the vendor has ended the old secret at once, although a grace was asked for"]
    assert first.secret != second.secret


ROTATING = {**GRACE, "rotate_now": "now"}


@pytest.fixture
def refusing(navigator: Navigator) -> tuple[Navigator, Program, Any, Any]:
    """A rotation with grace, whose new secret is refused: the program, its state before and after."""
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.sandbox.dialect(navigator__new_secret="refused")
    with pytest.raises(Partial, match="refuses it: the old one stays in the outputs, and works until 20") as failed:
        program.up(**navigator.org, rotation=ROTATING)
    assert isinstance(failed.value.__cause__, Refused)
    return navigator, program, first, program.state


def test_refused_beside_a_live_one_stays_in_waiting(refusing: tuple[Navigator, Program, Any, Any]) -> None:
    """Who takes the outputs goes on with the secret that works."""
    navigator, program, first, half = refusing
    of_the_old = (half.secret, half.generation, half.rotated_at, half.rotation_reason, half.next_rotation_at)
    assert of_the_old == (first.secret, 1, first.rotated_at, "created", first.next_rotation_at)
    assert half.step == "verify the next secret"
    assert half.next_secret not in (None, first.secret)
    assert half.candidate.rotation_reason == "rotate_now: now"
    assert (half.previous_secret, half.previous_expires_at, half.expires_at is None) == (None, None, False)
    assert navigator.lets_in(half)
    with pytest.raises(Partial, match="not done yet: verify the next secret"):
        program.refresh()
    assert program.state == half


def test_due_date_is_that_of_the_secret_beside_it(navigator: Navigator) -> None:
    """While the next one waits, the date by which the present one was to rotate stays."""
    program = navigator.program()
    rotation = {**GRACE, "max_age": "30d"}
    first = program.up(**navigator.org, rotation=rotation)
    program.advance("31d")
    navigator.sandbox.dialect(navigator__new_secret="refused")
    with pytest.raises(Partial):
        program.up(**navigator.org, rotation=rotation)
    assert program.state.next_secret is not None
    assert program.state.next_rotation_at == first.next_rotation_at


def test_next_run_goes_on_with_the_same_secret(refusing: tuple[Navigator, Program, Any, Any]) -> None:
    navigator, program, _, half = refusing
    wanted = {**navigator.org, "rotation": ROTATING}
    assert program.planned(**wanted).says == (
        "goes on: verify the next secret: it is tried, and sent, again; the old one stays until then, or until its end",
    )
    with pytest.raises(Partial, match="refuses it: the old one stays in the outputs"):
        program.up(**navigator.org, rotation=ROTATING)
    again = program.state
    assert (again.secret, again.next_secret, again.generation) == (half.secret, half.next_secret, 1)
    # What is left is sent as a span, so that a second may end between the look at the clock and the call.
    assert again.expires_at <= half.expires_at + CLOCK_TOLERANCE
    assert again.candidate.rotation_reason == half.candidate.rotation_reason
    navigator.sandbox.dialect(navigator__new_secret="accepted")
    done = program.up(**navigator.org, rotation=ROTATING)
    assert (done.secret, done.previous_secret, done.generation) == (half.next_secret, half.secret, 2)
    assert (done.next_secret, done.candidate, done.step) == (None, None, None)
    assert (done.previous_expires_at, done.expires_at) == (again.expires_at, None)
    assert done.rotation_reason == "rotate_now: now"
    assert navigator.lets_in(done)
    assert navigator.lets_in(done, previous=True)
    assert len([call for call in navigator.calls() if call.startswith("POST /")]) == 2


def test_one_that_the_vendor_has_not_taken_is_sent_again(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.sandbox.fault("/secret$", method="POST", status=204)
    with pytest.raises(Partial, match="refuses it: the old one stays in the outputs"):
        program.up(**navigator.org, rotation=ROTATING)
    half = program.state
    done = program.up(**navigator.org, rotation=ROTATING)
    assert (done.secret, done.previous_secret, done.generation) == (half.next_secret, first.secret, 2)
    assert navigator.lets_in(done)
    assert navigator.lets_in(done, previous=True)


def test_answer_with_content_is_none_to_a_new_secret(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.sandbox.fault("/secret$", method="POST", status=200, body='{"data": null}')
    with pytest.raises(Partial, match="not known whether it took effect"):
        program.up(**navigator.org, rotation=ROTATING)
    assert program.state.secret == first.secret
    assert program.state.next_secret not in (None, first.secret)
    assert navigator.lets_in(program.up(**navigator.org, rotation=ROTATING))


def test_accepted_after_the_old_one_has_ended(refusing: tuple[Navigator, Program, Any, Any]) -> None:
    navigator, program, _, half = refusing
    navigator.sandbox.dialect(navigator__new_secret="accepted")
    program.advance("61m")
    done = program.up(**navigator.org, rotation=ROTATING)
    assert (done.secret, done.previous_secret, done.previous_expires_at) == (half.next_secret, None, None)
    assert program.said == []


def test_refused_when_the_old_one_has_ended_is_replaced(refusing: tuple[Navigator, Program, Any, Any]) -> None:
    navigator, program, _, half = refusing
    navigator.owner("PATCH", f"/{half.oauth_app_id}", {"secret": GIVEN})
    navigator.sandbox.dialect(navigator__new_secret="accepted")
    program.advance("61m")
    done = program.up(**navigator.org, rotation=ROTATING)
    assert done.secret not in (half.secret, half.next_secret)
    assert (done.generation, done.next_secret, done.previous_secret, done.step) == (3, None, None, None)
    assert navigator.lets_in(done)


def test_compromise_does_not_wait_for_the_next_secret(refusing: tuple[Navigator, Program, Any, Any]) -> None:
    navigator, program, first, half = refusing
    navigator.sandbox.dialect(navigator__new_secret="accepted")
    done = program.up(**navigator.org, rotation={"grace": "0s", "rotate_now": "leaked"})
    assert done.secret not in (half.secret, half.next_secret)
    assert (done.next_secret, done.step) == (None, None)
    assert (navigator.lets_in(done), navigator.lets_in(first)) == (True, False)


def test_another_given_secret_takes_the_place_of_a_refused_one(navigator: Navigator) -> None:
    program = navigator.program()
    program.up(**navigator.org, secret=GIVEN, rotation=GRACE)
    navigator.sandbox.dialect(navigator__new_secret="refused")
    with pytest.raises(Partial):
        program.up(**navigator.org, secret=f"{GIVEN}2", rotation=GRACE)
    navigator.sandbox.dialect(navigator__new_secret="accepted")
    navigator.owner("PATCH", f"/{program.state.oauth_app_id}", {"secret": "Somebody-elses-1!"})
    done = program.up(**navigator.org, secret=f"{GIVEN}3", rotation=GRACE)
    assert done.secret.get_secret_value() == f"{GIVEN}3"
    assert navigator.lets_in(done)


def test_destroy_ends_what_is_in_waiting(refusing: tuple[Navigator, Program, Any, Any]) -> None:
    navigator, program, first, half = refusing
    navigator.sandbox.dialect(navigator__new_secret="accepted")
    program.advance("61m")
    program.destroy()
    assert not navigator.lets_in(first)
    assert not navigator.client.logs_in(half.oauth_app_id, half.next_secret.get_secret_value())


def test_grace_of_0s_ends_the_old_secret_whatever_the_app_had_set(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.owner("PATCH", f"/{first.oauth_app_id}", {"secretRotationExpirationInSeconds": 3600})
    second = program.up(**navigator.org, rotation={"grace": "0s", "rotate_now": "leaked"})
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, False)


def test_saved_grace_that_somebody_has_set_since_is_told(navigator: Navigator) -> None:
    """The preview knows it after a refresh; the outputs know it in any case."""
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.owner("PATCH", f"/{first.oauth_app_id}", {"secretRotationExpirationInSeconds": 86400})
    second = program.up(**navigator.org, rotation={"rotate_now": "1"})
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (True, True)
    assert second.previous_secret == first.secret
    assert abs(second.previous_expires_at - program.clock.now() - timedelta(days=1)) < CLOCK_TOLERANCE
    says = program.planned(**navigator.org, rotation={"rotate_now": "2"}).says
    assert "; overlap: the old secret works until 20" in says[0]
    assert says[0].endswith(", as the vendor has saved it")
    program.advance("25h")
    assert program.planned(**navigator.org, rotation={"rotate_now": "1"}).bookkeeping
    assert program.up(**navigator.org, rotation={"rotate_now": "1"}).previous_secret is None


@pytest.mark.parametrize("seconds", [999_999_999_999_999_999, 10**12, -1])
def test_saved_grace_of_any_number_loses_no_secret(navigator: Navigator, seconds: int) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    body = json.dumps({"id": first.oauth_app_id, "secretRotationExpirationInSeconds": seconds})
    navigator.sandbox.fault(f"/{first.oauth_app_id}$", method="PATCH", status=200, body=body, commit=True)
    second = program.up(**navigator.org, rotation={"rotate_now": "1"})
    assert navigator.lets_in(second)
    assert program.planned(**navigator.org, rotation={"rotate_now": "2"}).decision.reason


def test_rotation_whose_answer_is_lost_is_found_out(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.sandbox.fault("/secret$", method="POST", drop="after")
    rotation = {**GRACE, "rotate_now": "now"}
    with pytest.raises(Partial, match="not known whether it took effect"):
        program.up(**navigator.org, rotation=rotation)
    lost = program.state
    assert (lost.secret, lost.step) == (first.secret, "find out what a lost answer did")
    done = program.up(**navigator.org, rotation=rotation)
    assert (done.secret, done.previous_secret, done.generation) == (lost.next_secret, first.secret, 2)
    assert (navigator.lets_in(done), navigator.lets_in(done, previous=True)) == (True, True)
    assert len([call for call in navigator.calls() if call.endswith("/secret")]) == 1
    assert not program.planned(**navigator.org, rotation=rotation)
    # Its last change was rekey's own: nothing tells of somebody else whose secret would have to be spared.
    program.destroy()
    assert (navigator.lets_in(done), navigator.lets_in(done, previous=True)) == (False, False)


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("policy", [{}, GRACE], ids=["no grace", "grace"])
@pytest.mark.parametrize("given_before", [None, f"{GIVEN}2"], ids=["minted before", "another given before"])
def test_secret_that_is_given_after_an_answer_was_lost_is_set_at_once(
    navigator: Navigator, drop: str, policy: dict[str, Any], given_before: str | None
) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    asked = {"secret": given_before} if given_before else {"rotation": {**policy, "rotate_now": "now"}}
    for method in ("POST", "PATCH"):
        navigator.sandbox.fault("/oauth-apps/", method=method, drop=drop, count=0)
    with pytest.raises(Partial, match="not known whether it took effect"):
        program.up(**navigator.org, **{"rotation": policy, **asked})
    navigator.sandbox.clear_faults()
    lost = program.state
    wanted = {**navigator.org, "secret": GIVEN, "rotation": policy}
    assert program.planned(**wanted).says[0].startswith("rotates: the given secret is another one; ")
    done = program.up(**wanted)
    assert done.secret.get_secret_value() == GIVEN
    assert navigator.lets_in(done)
    assert (done.step, done.next_secret, done.rotation_reason) == (None, None, "the given secret is another one")
    took_effect = drop == "after"
    assert done.previous_secret == ((lost.next_secret if took_effect else first.secret) if policy else None)
    assert not policy or navigator.lets_in(done, previous=True)
    assert done.generation == (3 if took_effect else 2)
    assert program.said == []
    assert not program.planned(**wanted)


def test_made_secrets_satisfy_every_reading_of_the_rule() -> None:
    for _ in range(200):
        made = generate_secret("navigator").get_secret_value()
        assert len(made) >= 8
        assert any(c.islower() for c in made)
        assert any(c.isupper() for c in made)
        assert any(c.isdigit() for c in made)
        assert set(made) & set("!@#$%^&*()_+=[]{|}',./:;<>?`~")


@pytest.mark.parametrize("secret", ["Abcdefg1", "A1_bcdefgh", GIVEN])
def test_given_secret_is_checked_by_the_page_to_the_letter(secret: str) -> None:
    assert problems(RESOURCE.inputs, {"org_id": "o", "secret": secret}, lambda _value: False) == []


@pytest.mark.parametrize("secret", ["Abcdef1", "abcdefg1!", "ABCDEFG1!", "Abcdefgh!", "Abcdefg1!\nAbcdefg1!", ""])
def test_given_secret_that_breaks_the_rule(secret: str) -> None:
    ((path, reason),) = problems(RESOURCE.inputs, {"org_id": "o", "secret": secret}, lambda _value: False)
    assert path == "secret"
    assert reason.startswith("must be one line of at least 8 characters with a lower-case letter")


def test_given_secret_beside_a_policy_that_mints() -> None:
    wanted = RESOURCE.inputs.model_validate({"org_id": "o", "secret": GIVEN, "rotation": {"max_age": "90d"}})
    assert [path for path, _ in policy_problems(RESOURCE, wanted.rotation, gives=True)] == ["rotation"]


# -- adoption ---------------------------------------------------------------------------------------------------------


def test_adopt_keeps_and_says_so(navigator: Navigator) -> None:
    program = navigator.program()
    app = navigator.existing()
    state = program.up(**navigator.org, adopt=app, description="managed")
    assert (state.oauth_app_id, state.display_name, state.description) == (app, "theirs", "managed")
    assert (state.secret, state.rotation_reason) == (None, "adopted")
    assert program.said == ["keeps the app's secret, which cannot be read: `secret` stays unset until a rotation"]
    assert navigator.client.logs_in(app, GIVEN)
    assert program.remarks(**navigator.org, adopt=app) == []
    assert not program.planned(**navigator.org, description="managed")
    assert program.planned(**navigator.org, adopt="another").replace == {"adopt"}


def test_adopt_and_rotate(navigator: Navigator) -> None:
    program = navigator.program()
    app = navigator.existing()
    state = program.up(**navigator.org, adopt=app, rotation={"on_adopt": "rotate"})
    assert (state.generation, state.rotation_reason) == (1, "adopted with on_adopt=rotate")
    assert (navigator.lets_in(state), navigator.client.logs_in(app, GIVEN)) == (True, False)


def test_adopt_with_a_given_secret(navigator: Navigator) -> None:
    program = navigator.program()
    app = navigator.existing()
    wanted = {**navigator.org, "adopt": app, "secret": f"{GIVEN}2", "display_name": "ours"}
    state = program.up(**wanted)
    assert (navigator.lets_in(state), state.display_name, state.step) == (True, "ours", None)
    assert navigator.calls()[1:] == [f"PATCH /{app}"]
    assert program.said == [
        f"takes {app} over and replaces the secret in use: no overlap is asked for: set rotation.grace to keep the old"
        " secret for a time"
    ]
    assert not program.planned(**wanted)


# -- destroy ----------------------------------------------------------------------------------------------------------


def test_destroy_ends_both_secrets_and_says_that_the_app_remains(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    second = program.up(**navigator.org, rotation={**GRACE, "rotate_now": "now"})
    (said,) = program.destroy()
    assert said == (
        f"the app {first.oauth_app_id} remains: Navigator documents no way to delete it; its secret has been replaced"
        " by one that nobody knows"
    )
    assert (navigator.lets_in(second), navigator.lets_in(first)) == (False, False)


def test_destroy_ends_a_secret_to_which_the_vendor_gives_a_grace(navigator: Navigator) -> None:
    navigator.sandbox.dialect(navigator__put_secret="grace")
    program = navigator.program()
    state = program.up(**navigator.org)
    (said,) = program.destroy()
    assert said.endswith("its secret has been replaced by one that nobody knows")
    assert not navigator.lets_in(state)


def test_destroy_says_that_the_vendor_still_accepts_the_secret(navigator: Navigator) -> None:
    program = navigator.program()
    state = program.up(**navigator.org)
    # Answers of the right form that have changed nothing.
    answer = {"clientId": state.oauth_app_id, "clientSecret": GIVEN}
    navigator.sandbox.fault("/secret$", method="PUT", status=200, body=json.dumps(answer), count=0)
    (said,) = program.destroy()
    assert said.endswith("by one that nobody knows; the vendor still accepts the old one: have it ended there")
    assert navigator.lets_in(state)


def test_destroy_leaves_a_kept_secret(navigator: Navigator) -> None:
    program = navigator.program()
    app = navigator.existing()
    program.up(**navigator.org, adopt=app)
    (said,) = program.destroy()
    assert said.endswith("its secret is not one that rekey gave it, and stays")
    assert navigator.client.logs_in(app, GIVEN)


def test_destroy_leaves_the_secret_of_somebody_else(navigator: Navigator) -> None:
    program = navigator.program()
    app = program.up(**navigator.org).oauth_app_id
    theirs = navigator.owner("PUT", f"/{app}/secret")["clientSecret"]
    (said,) = program.destroy()
    assert said.endswith("its secret is not one that rekey gave it, and stays")
    assert navigator.client.logs_in(app, theirs)


@pytest.mark.parametrize("refresh", [True, False])
def test_destroy_leaves_the_secret_of_somebody_else_although_ours_still_works(
    navigator: Navigator, *, refresh: bool
) -> None:
    program = navigator.program()
    app = program.up(**navigator.org).oauth_app_id
    body = {"newClientSecret": GIVEN, "secretExpirationTimeInSeconds": 3600}
    navigator.owner("POST", f"/{app}/secret", body)
    if refresh:
        program.refresh()
    (said,) = program.destroy()
    assert said.endswith("somebody has changed it, in no setting, so that its secret may be theirs, and stays")
    assert navigator.client.logs_in(app, GIVEN)


@pytest.mark.parametrize("refresh", [True, False])
def test_destroy_ends_the_secret_of_an_app_that_others_have_described(navigator: Navigator, *, refresh: bool) -> None:
    program = navigator.program()
    state = program.up(**navigator.org)
    navigator.owner("PATCH", f"/{state.oauth_app_id}", {"description": "theirs"})
    if refresh:
        program.refresh()
    program.destroy()
    assert not navigator.lets_in(state)


# -- logins and answers -----------------------------------------------------------------------------------------------


def test_login_as_an_app_and_again_when_its_token_has_ended(navigator: Navigator) -> None:
    login = {"clientId": navigator.known["client_id"], "clientSecret": navigator.known["client_secret"]}
    program = navigator.program(**login, orgId=navigator.known["org_id"])
    program.up(**navigator.org)
    api = program.reconciler().api
    path = "/cphub/api/auth/v2/orgs/{}/oauth-apps/scopes"
    navigator.sandbox.forget_calls()
    for passed in ("0s", "5m", "10m"):  # an app's token lives for ten minutes
        program.advance(passed)
        with pytest.raises(BadAnswer, match="not a JSON object"):  # it is a list
            api.get(path, navigator.known["org_id"])
    logins = [call["path"] for call in navigator.sandbox.calls() if "authn" in call["path"]]
    assert logins == [f"{AUTH}/v1/authn/accounts/{navigator.known['org_id']}/accesstoken"] * 2
    assert all(call["status"] < 300 for call in navigator.sandbox.calls())


def test_client_without_its_organization(navigator: Navigator) -> None:
    program = navigator.program(clientId="rekey-manager", clientSecret="x")
    with pytest.raises(Misconfigured, match=r"its organization: .*set rekey:endpoints\.navigator\.orgId"):
        program.up(**navigator.org)


@pytest.mark.parametrize("body", ["csp", "empty"])
def test_account_without_the_right(navigator: Navigator, body: str) -> None:
    navigator.sandbox.dialect(navigator__error_body=body)
    with pytest.raises(Forbidden, match="nothing was created; the account needs the role Reseller Administrator"):
        navigator.program(apiToken=navigator.known["weak_api_token"]).up(**navigator.org)


def test_setting_that_the_vendor_refuses(navigator: Navigator) -> None:
    program = navigator.program()
    first = program.up(**navigator.org)
    navigator.sandbox.fault("/oauth-apps/", method="PATCH", status=400)
    with pytest.raises(Rejected, match=r"PATCH .* 400: nothing was changed; correct the input"):
        program.up(**navigator.org, display_name="?")
    assert program.state == first


def test_unexpected_shape_of_scopes(navigator: Navigator) -> None:
    program = navigator.program()
    before = program.up(**navigator.org)
    navigator.sandbox.fault(
        "/oauth-apps/", method="GET", status=200, body='{"allowedScopes": {"generalScopes": "all"}}'
    )
    with pytest.raises(BadAnswer, match="the answer has no list 'generalScopes'"):
        program.refresh()
    assert program.state == before


# -- through the engine -----------------------------------------------------------------------------------------------


def test_nested_scopes_in_the_engine(navigator: Navigator, stack: Stack) -> None:
    program = f"""
import pulumi_rekey as rekey

rekey.OrgOAuthApp("export", **{navigator.org!r}, access_token_ttl=300, allowed_scopes=%r)
"""
    stack.program(program % SCOPES)
    assert stack.up().steps == ["create export"]
    app = stack.resource("export")["outputs"]["oauth_app_id"]
    shown = navigator.owner("GET", f"/{app}")["allowedScopes"]
    assert {"allRoles": True, "roles": [], "serviceDefinitionId": "cph"} in shown["servicesScopes"]
    other = {name: value[::-1] if isinstance(value, list) else value for name, value in SCOPES.items()}
    stack.program(program % other)
    stack.up("--expect-no-changes")

    theirs = {"allowedScopes": shown | {"servicesScopes": []}}
    navigator.owner("PATCH", f"/{app}", theirs)
    assert stack.refresh().steps == ["refresh-update export"]
    navigator.sandbox.forget_calls()
    assert stack.up().steps == ["update export"]
    assert navigator.calls() == [f"PATCH /{app}"]
    assert navigator.owner("GET", f"/{app}")["allowedScopes"] == shown

    run = stack.preview()
    assert run.steps == []
    stack.program(program % {"services_scopes": [{"service_definition_id": "vcd", "all": True}]})
    assert "allowed_scopes.services_scopes[0] has no 'all'" in stack.preview(fails=True).text
    assert f"the app {app} remains: Navigator documents no way to delete it" in stack.destroy().text
