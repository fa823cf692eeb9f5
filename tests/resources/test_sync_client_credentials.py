"""What is peculiar to a sync client's credentials: two kinds, minutes and seconds, and a minting that ends the old."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pulumi_rekey.errors import (
    BadAnswer,
    Conflict,
    Misconfigured,
    NotFound,
    Partial,
    Stopped,
)
from pulumi_rekey.model import problems
from pulumi_rekey.resources.sync_client_credentials import RESOURCE

from tests.engine import Stack
from tools.consumers import IdentityProvider
from tools.vendors import Sandbox

from .program import CLOCK_TOLERANCE, Program

ROTATE, KEEP = {"on_adopt": "rotate"}, {"on_adopt": "keep"}


class Broker:
    """The broker's administrator and the identity provider that pushes into it; neither knows of rekey."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.known = sandbox.credentials["broker"]
        self.directory = {"directory_id": self.known["directory_id"]}
        self.path = f"/usergroup/t/CUSTOMER/broker/directories/{self.known['directory_id']}/sync-client"
        self.programs: list[Program] = []
        self.provider = IdentityProvider(sandbox.http, self.known["tenant"])

    def program(self, **settings: str) -> Program:
        """A program with this broker as its endpoint."""
        login = {"clientId": self.known["client_id"], "clientSecret": self.known["client_secret"]}
        self.programs.append(Program(self.sandbox, RESOURCE, **{"url": self.known["url"], **login, **settings}))
        return self.programs[-1]

    def administrator(self, method: str, path: str, media_type: str, **how: Any) -> Any:
        """What the administrator's tool is answered."""
        token = self.sandbox.http.post(
            "/acs/t/CUSTOMER/token",
            data={"grant_type": "client_credentials"},
            auth=(self.known["client_id"], self.known["client_secret"]),
        ).json()["access_token"]
        media = f"application/vnd.vmware.vidm.usergroup.broker.directory{media_type}+json"
        headers = {"Authorization": f"Bearer {token}", "Accept": media, "Content-Type": media}
        answer = self.sandbox.http.request(method, path, headers=headers, **how)
        return answer.raise_for_status().json()

    def mints(self, **settings: object) -> Any:
        """Somebody else mints."""
        query = {"action": "generate_credentials"}
        return self.administrator("POST", self.path, ".syncclientconfiguration", params=query, json=settings)

    def mintings(self) -> int:
        """How often the broker was asked to mint."""
        return sum(call["method"] == "POST" and call["path"].endswith("/sync-client") for call in self.sandbox.calls())

    def lets_in(self, state: Any) -> bool:
        """Whether the identity provider gets in with what the outputs hold."""
        if state.access_token is not None:
            return self.provider.pushes(state.access_token.get_secret_value())
        return self.provider.logs_in(state.client_id, state.client_secret.get_secret_value())

    def lets_the_first_in(self) -> bool:
        """Whether what was in use before rekey still is."""
        return self.provider.logs_in(self.known["sync_client_id"], self.known["sync_client_secret"])


@pytest.fixture
def broker(sandbox: Sandbox) -> Iterator[Broker]:
    broker = Broker(sandbox)
    yield broker
    for program in broker.programs:
        program.close()


def refused(settings: dict[str, Any]) -> list[tuple[str, str]]:
    return problems(RESOURCE.inputs, {"directory_id": "d", **settings}, lambda _value: False)


# -- adoption ---------------------------------------------------------------------------------------------------------


def test_on_adopt_must_be_said() -> None:
    ((path, reason),) = RESOURCE.problems(RESOURCE.inputs.model_validate({"directory_id": "d"}))
    assert path == "rotation.on_adopt"
    assert reason.startswith('must be said: "rotate" ends the credentials that the sync client uses now')


def test_keep_mints_nothing_and_says_so(broker: Broker) -> None:
    program = broker.program()
    state = program.up(**broker.directory, rotation=KEEP)
    assert (state.client_id, state.client_secret, state.access_token) == (broker.known["sync_client_id"], None, None)
    assert (state.generation, state.rotation_reason, state.expires_at) == (1, "adopted", None)
    assert program.said == [
        "keeps the credentials in use, which cannot be read: secret outputs stay unset until a rotation"
    ]
    assert (broker.mintings(), broker.lets_the_first_in()) == (0, True)
    assert not program.planned(**broker.directory, rotation=KEEP)


def test_keep_does_not_mint_for_other_settings(broker: Broker) -> None:
    program = broker.program()
    wanted = {**broker.directory, "generate_token": True, "token_ttl": 1440, "rotation": KEEP}
    program.up(**wanted)
    assert not program.planned(**wanted)
    assert program.remarks(**wanted) == [
        "generate_token is false at the vendor and true in code: only minting could repair that, so it waits for the"
        " next rotation",
        "token_ttl is 262800 at the vendor and 1440 in code: only minting could repair that, so it waits for the next"
        " rotation",
    ]
    assert broker.lets_the_first_in()
    rotated = program.up(**{**wanted, "rotation": {**KEEP, "rotate_now": "now"}})
    assert (rotated.saved.generate_token, rotated.saved.token_ttl) == (True, 1440)
    assert broker.lets_in(rotated)


def test_keep_leaves_a_token_alone_that_the_vendor_shows(broker: Broker) -> None:
    token = broker.mints(generate_token=True)["access_token"]
    state = broker.program().up(**broker.directory, rotation=KEEP)
    assert (state.access_token, state.expires_at, state.generate_token) == (None, None, True)
    assert broker.provider.pushes(token)


def test_rotate_at_adoption_ends_the_first_credentials(broker: Broker) -> None:
    state = broker.program().up(**broker.directory, rotation=ROTATE)
    assert (state.generation, state.rotation_reason) == (1, "adopted with on_adopt=rotate")
    assert (broker.lets_in(state), broker.lets_the_first_in(), broker.mintings()) == (True, False, 1)


def test_rotation_that_fails_at_adoption_is_asked_for_again(broker: Broker, sandbox: Sandbox) -> None:
    program = broker.program()
    sandbox.fault("/sync-client$", method="POST", status=500, count=1)
    with pytest.raises(Partial, match=r"POST .*/sync-client: 500: .*not known whether it took effect"):
        program.up(**broker.directory, rotation=ROTATE)
    assert program.state.step == "find out what a lost answer did"
    assert broker.lets_in(program.up(**broker.directory, rotation=ROTATE))


# -- kinds and lifetimes ----------------------------------------------------------------------------------------------


def test_token_expires_after_minutes_that_are_answered_in_seconds(broker: Broker) -> None:
    program = broker.program()
    state = program.up(**broker.directory, generate_token=True, token_ttl=1440, rotation=ROTATE)
    assert broker.lets_in(state)
    assert (state.client_secret, broker.lets_the_first_in()) == (None, False)
    assert abs(state.expires_at - program.clock.now() - timedelta(minutes=1440)) < CLOCK_TOLERANCE
    program.advance("1d")
    assert not broker.lets_in(state)


def test_id_and_secret_do_not_expire(broker: Broker) -> None:
    state = broker.program().up(**broker.directory, generate_token=False, rotation=ROTATE)
    assert (state.expires_at, state.access_token, state.next_rotation_at) == (None, None, None)
    assert broker.lets_in(state)


def test_settings_that_are_not_given_stay_as_they_were(broker: Broker) -> None:
    broker.mints(generate_token=True, token_ttl=77)
    state = broker.program().up(**broker.directory, rotation=ROTATE)
    assert (state.saved.generate_token, state.saved.token_ttl) == (True, 77)
    assert (state.generate_token, state.token_ttl) == (True, 77)
    assert broker.lets_in(state)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"token_ttl": 2880}, "changed in code: token_ttl"),
        ({"generate_token": False}, "changed in code: generate_token"),
        ({"token_ttl": 2880, "generate_token": False}, "changed in code: generate_token, token_ttl"),
    ],
)
def test_change_in_code_rotates(broker: Broker, change: dict[str, Any], reason: str) -> None:
    program = broker.program()
    wanted = {**broker.directory, "generate_token": True, "token_ttl": 1440, "rotation": ROTATE}
    first = program.up(**wanted)
    assert not program.planned(**wanted)
    assert program.planned(**{**wanted, **change}).decision.reason == reason
    assert program.remarks(**{**wanted, **change}) == []
    second = program.up(**{**wanted, **change})
    assert (second.generation, second.rotation_reason) == (2, reason)
    assert (broker.lets_in(second), broker.lets_in(first)) == (True, False)
    assert (second.client_secret is None) != (second.access_token is None)
    assert (second.expires_at is None) == (second.access_token is None)
    assert not program.planned(**{**wanted, **change})


def test_change_from_secret_to_token(broker: Broker) -> None:
    program = broker.program()
    first = program.up(**broker.directory, generate_token=False, rotation=ROTATE)
    second = program.up(**broker.directory, generate_token=True, rotation=ROTATE)
    assert (second.client_secret, second.client_id) == (None, first.client_id)
    assert (broker.lets_in(second), broker.lets_in(first)) == (True, False)


def test_setting_taken_out_of_code_does_not_rotate(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, token_ttl=1440, rotation=ROTATE)
    assert not program.planned(**broker.directory, rotation=ROTATE)


def test_nothing_rotates_while_paused(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, token_ttl=1440, rotation=ROTATE)
    wanted = {**broker.directory, "token_ttl": 2880, "rotation": {**ROTATE, "paused": True}}
    assert not program.planned(**wanted)
    assert program.remarks(**wanted)[0].startswith("token_ttl is 1440 at the vendor and 2880 in code")


@pytest.mark.parametrize(("minutes", "reason"), [(0, "must be at least 1"), (1051201, "must be at most 1051200")])
def test_lifetime_has_bounds(minutes: int, reason: str) -> None:
    ((path, said),) = refused({"token_ttl": minutes})
    assert path == "token_ttl"
    assert reason in said


# -- drift ------------------------------------------------------------------------------------------------------------


def test_credentials_that_somebody_has_replaced_are_minted_anew(broker: Broker) -> None:
    """Not by a refresh, and not without a word."""
    program = broker.program()
    wanted = {**broker.directory, "generate_token": True, "token_ttl": 1440, "rotation": ROTATE}
    program.up(**wanted)
    broker.mints(generate_token=False, token_ttl=60)
    broker.sandbox.forget_calls()
    for _ in range(2):
        with pytest.raises(Partial, match="replace the refused secret: the vendor refuses the secret"):
            program.refresh()
        assert program.planned(**wanted).phase == "replace the refused secret"
        kind, lifetime = program.remarks(**wanted)
        assert kind.startswith("generate_token is false at the vendor and true in code")
        assert lifetime.startswith("token_ttl is 60 at the vendor and 1440 in code")
    assert broker.mintings() == 0
    state = program.up(**wanted)
    assert broker.lets_in(state)
    assert (broker.mintings(), state.generation, state.step, state.saved.token_ttl) == (1, 2, None, 1440)
    assert not program.planned(**wanted)


def test_drift_taken_over_into_code_is_only_noted(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, token_ttl=1440, rotation=ROTATE)
    broker.sandbox.fault("/sync-client$", method="GET", status=200, body='{"token_ttl": 60}')
    program.refresh()
    wanted = {**broker.directory, "token_ttl": 60, "rotation": ROTATE}
    assert program.planned(**wanted).decision.reason is None
    state = program.up(**wanted)
    assert (state.token_ttl, state.generation) == (60, 1)
    assert not program.planned(**wanted)


@pytest.mark.parametrize("shows", ["yes", "no"])
def test_refresh_changes_nothing_where_nobody_was(broker: Broker, shows: str) -> None:
    broker.sandbox.dialect(broker__get_shows_token=shows)
    program = broker.program()
    before = program.up(**broker.directory, generate_token=True, rotation=ROTATE)
    program.advance("1h")
    after = program.refresh()
    assert after.model_copy(update={"client_id": before.client_id}) == program.resource.state.model_validate(
        before.model_dump()
    )


def test_a_newer_token_is_noticed_where_the_vendor_shows_it(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, generate_token=True, rotation=ROTATE)
    broker.mints()
    with pytest.raises(Partial):
        program.refresh()
    assert program.state.saved.replaced


def test_a_newer_client_is_noticed_and_its_id_is_not_put_beside_the_old_secret(broker: Broker) -> None:
    program = broker.program()
    before = program.up(**broker.directory, rotation=ROTATE)
    broker.sandbox.fault("/sync-client$", method="GET", status=200, body='{"client_id": "another"}')
    assert program.refresh().client_id == before.client_id
    assert len(program.remarks(**broker.directory, rotation=ROTATE)) == 1


def test_what_the_endpoint_logs_in_with_is_left_alone(broker: Broker) -> None:
    """Where the broker says that this sync client is the client that rekey itself logs in as."""
    program = broker.program()
    body = f'{{"client_id": "{broker.known["client_id"]}", "generate_token": false}}'
    broker.sandbox.fault("/sync-client$", method="GET", status=200, body=body, count=0)
    with pytest.raises(Stopped, match="is what this endpoint itself logs in with"):
        program.up(**broker.directory, rotation=ROTATE)
    program.up(**broker.directory, rotation={"on_adopt": "keep"})
    with pytest.raises(Stopped, match="lock rekey out: nothing was changed; let the endpoint log in with another"):
        program.up(**broker.directory, rotation={"on_adopt": "keep", "rotate_now": "INC-4711"})
    assert broker.mintings() == 0


# -- destroy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("generate_token", [True, False])
def test_destroy_ends_what_rekey_minted(broker: Broker, *, generate_token: bool) -> None:
    program = broker.program()
    state = program.up(**broker.directory, generate_token=generate_token, rotation=ROTATE)
    assert program.destroy() == ["the sync client has new credentials that nobody knows: what used it needs others"]
    assert not broker.lets_in(state)


def test_destroy_ends_credentials_to_which_the_vendor_gives_a_grace(broker: Broker) -> None:
    broker.sandbox.dialect(broker__regenerate="grace")
    program = broker.program()
    state = program.up(**broker.directory, generate_token=False, rotation=ROTATE)
    program.destroy()
    assert not broker.lets_in(state)


@pytest.mark.parametrize("generate_token", [True, False])
def test_destroy_ends_nothing_of_somebody_else(broker: Broker, *, generate_token: bool) -> None:
    program = broker.program()
    program.up(**broker.directory, generate_token=generate_token, rotation=ROTATE)
    theirs = broker.mints(generate_token=True)["access_token"]
    (said,) = program.destroy()
    assert said == "nothing had to be ended: the vendor does not accept rekey's credentials any more"
    assert broker.provider.pushes(theirs)


@pytest.mark.parametrize("rotation", [ROTATE, KEEP], ids=["rotate", "keep"])
def test_destroy_after_a_lost_rotation_says_that_nobody_may_know_the_secret(
    broker: Broker, rotation: dict[str, Any]
) -> None:
    program = broker.program()
    program.up(**broker.directory, rotation=rotation)
    broker.sandbox.fault("/sync-client$", method="POST", drop="after")
    with pytest.raises(Partial, match="it is not known whether it took effect"):
        program.up(**broker.directory, rotation={**rotation, "rotate_now": "INC-1"})
    assert program.destroy()[-1] == (
        "the answer to its last rotation was lost: the secret in force may be one that nobody knows"
    )


def test_destroy_leaves_kept_credentials(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, rotation=KEEP)
    assert program.destroy() == ["the sync client keeps its credentials: rekey has minted none"]
    assert broker.lets_the_first_in()


def test_destroy_does_not_mint_for_an_expired_token(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, generate_token=True, token_ttl=60, rotation=ROTATE)
    program.advance("2h")
    broker.sandbox.forget_calls()
    program.destroy()
    # The login shows the vendor's clock: by it, the token has expired.
    assert [call["path"] for call in broker.sandbox.calls()] == ["/acs/t/CUSTOMER/token"]


def test_destroy_ends_a_token_that_has_expired_by_a_wrong_clock_only(broker: Broker) -> None:
    program = broker.program()
    state = program.up(**broker.directory, generate_token=True, token_ttl=60, rotation=ROTATE)
    program.clock.passed += timedelta(hours=2)
    assert broker.lets_in(state)
    program.destroy()
    assert not broker.lets_in(state)


# -- dialects and refusals --------------------------------------------------------------------------------------------


def test_omnissa_has_no_tenant_in_paths(broker: Broker) -> None:
    broker.sandbox.dialect(broker__dialect="omnissa")
    program = broker.program(dialect="omnissa")
    state = program.up(**broker.directory, generate_token=True, rotation=ROTATE)
    headers = {"Authorization": f"Bearer {state.access_token.get_secret_value()}"}
    assert broker.sandbox.http.get("/usergroup/scim/v2/Users", headers=headers).is_success
    assert state.tenant is None
    program.destroy()
    assert broker.sandbox.http.get("/usergroup/scim/v2/Users", headers=headers).status_code == httpx.codes.UNAUTHORIZED


def test_omnissa_refuses_a_tenant(broker: Broker) -> None:
    program = broker.program(dialect="omnissa")
    with pytest.raises(Misconfigured, match=r"dialect omnissa has no tenants: .*leave out `tenant`"):
        program.up(**broker.directory, tenant="CUSTOMER", rotation=KEEP)


def test_naming_the_endpoints_tenant_is_no_change(broker: Broker) -> None:
    program = broker.program()
    program.up(**broker.directory, rotation=KEEP)
    assert not program.planned(**broker.directory, tenant="CUSTOMER", rotation=KEEP)
    assert program.planned(**broker.directory, tenant="OTHER", rotation=KEEP).replace == {"tenant"}


def test_404_is_explained(broker: Broker) -> None:
    body = {"name": "guests", "domains": ["guests.example.com"], "type": "JIT"}
    directory = broker.administrator("POST", "/usergroup/t/CUSTOMER/broker/directories", "", json=body)["id"]
    with pytest.raises(NotFound) as failed:
        broker.program().up(directory_id=directory, rotation=ROTATE)
    assert str(failed.value) == (
        f"broker: GET /usergroup/t/CUSTOMER/broker/directories/{directory}/sync-client: 404: the directory has no sync"
        " client, or does not exist: nothing was created; correct directory_id (a provisioned directory brings its sync"
        " client along)"
    )


@pytest.mark.parametrize("body", ["empty", "structured"])
def test_409_is_explained(broker: Broker, body: str) -> None:
    broker.sandbox.dialect(broker__error_body=body)
    with pytest.raises(
        Conflict, match=r"409.*: the directory has more than one sync client: nothing was created; remove"
    ):
        broker.program().up(directory_id=broker.known["conflicting_directory_id"], rotation=ROTATE)


def test_missing_credentials(broker: Broker) -> None:
    program = broker.program()
    del program.settings["clientSecret"]
    with pytest.raises(Misconfigured, match=r"no credentials: .*set rekey:endpoints.broker.clientId and clientSecret"):
        program.up(**broker.directory, rotation=ROTATE)


# The example of the vendor's page: both kinds of credentials at once, and minutes that contradict the seconds.
EXAMPLE = """{"_links": {"self": {"href": "https://example.com/path-to-self"}}, "generate_token": true,
"client_id": "my-oauth-grant-client1", "client_secret": "my-oauth-grant-client1-secret",
"access_token": "eyJ0eXAi.xxxx.HVcA", "access_token_expire_in": 21599, "token_ttl": 1800}"""


def test_answer_of_the_vendors_page(broker: Broker) -> None:
    program = broker.program()
    broker.sandbox.fault("/sync-client$", method="POST", status=200, body=EXAMPLE)
    state = program.up(**broker.directory, rotation={**ROTATE, "verify": False})
    assert (state.access_token.get_secret_value(), state.client_secret) == ("eyJ0eXAi.xxxx.HVcA", None)
    assert abs(state.expires_at - program.clock.now() - timedelta(seconds=21599)) < CLOCK_TOLERANCE


def test_answer_that_does_not_say_its_kind(broker: Broker) -> None:
    program = broker.program()
    body = '{"client_id": "c", "client_secret": "s", "access_token": "t"}'
    broker.sandbox.fault("/sync-client$", method="POST", status=200, body=body)
    state = program.up(**broker.directory, generate_token=True, rotation={**ROTATE, "verify": False})
    assert (state.access_token.get_secret_value(), state.client_secret) == ("t", None)


@pytest.mark.parametrize(
    "body",
    ["", "<html>", '{"generate_token": true}', '{"client_id": 5, "client_secret": "x"}', '{"client_secret": ""}'],
)
def test_answer_of_another_shape_keeps_the_old_secret(broker: Broker, body: str) -> None:
    program = broker.program()
    first = program.up(**broker.directory, rotation=ROTATE)
    broker.sandbox.fault("/sync-client$", method="POST", status=200, body=body, commit=True)
    wanted = {**broker.directory, "rotation": {**ROTATE, "rotate_now": "INC-1"}}
    with pytest.raises(Partial, match=r"POST .*/sync-client: the answer .*: it is not known whether it took effect"):
        program.up(**wanted)
    assert program.state.client_secret == first.client_secret
    assert program.state.step == "find out what a lost answer did"
    assert broker.lets_in(program.up(**wanted))


def test_odd_settings_do_not_lose_a_minted_secret(broker: Broker) -> None:
    program = broker.program()
    wanted: dict[str, Any] = {**broker.directory, "rotation": {**ROTATE, "verify": False}}
    program.up(**wanted)
    wanted["token_ttl"] = 60
    body = '{"generate_token": true, "access_token": "a.b.c", "access_token_expire_in": 1e30, "token_ttl": "long"}'
    broker.sandbox.fault("/sync-client$", method="POST", status=200, body=body)
    program.up(**wanted)
    assert program.state.access_token.get_secret_value() == "a.b.c"
    assert program.planned(**wanted).decision.reason is None


# -- through the engine -----------------------------------------------------------------------------------------------


def test_drift_in_the_engine_is_said_by_refreshes_and_repaired_by_an_up(broker: Broker, stack: Stack) -> None:
    program = """
import pulumi_rekey as rekey

rekey.SyncClientCredentials(
    "scim", directory_id="{directory_id}", token_ttl=1440, rotation=rekey.Rotation(on_adopt="{on_adopt}")
)
"""
    stack.program(program.format(**broker.directory, on_adopt="keep"))
    assert "keeps the credentials in use, which cannot be read" in stack.preview().text
    assert broker.mintings() == 0
    stack.program(program.format(**broker.directory, on_adopt="rotate"))
    stack.up()
    broker.mints(generate_token=True, token_ttl=60)
    broker.sandbox.forget_calls()
    drift = "token_ttl is 60 at the vendor and 1440 in code: only minting could repair that"
    for _ in range(2):
        run = stack.refresh()
        assert drift in run.text
        assert "the vendor refuses the secret, so that somebody has made another" in run.text
        run = stack.preview()
        assert drift in run.text
        assert "goes on: replace the refused secret" in run.text
    assert broker.mintings() == 0
    assert stack.up().steps == ["update scim"]
    assert broker.mintings() == 1
    stack.up("--expect-no-changes")


def test_a_login_that_is_not_there_does_not_mean_that_the_object_is_gone(broker: Broker) -> None:
    program = broker.program()
    state = program.up(**broker.directory, rotation=ROTATE)
    broker.sandbox.fault("/token$", method="POST", status=404, count=0)
    with pytest.raises(BadAnswer, match=r"/token: 404: nothing was changed; check the address of endpoint 'broker'"):
        program.refresh()
    assert program.state == state
