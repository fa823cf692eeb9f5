"""A whole roll-over of a signing key, seen by a relying party that trusts its cached key set to the letter.

The party fetches the set only when its copy is older than the vendor's max-age, never because a token has an unknown
key. It checks a new ID token at every step, and every earlier one again for as long as that lives.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.engine import Stack
from tools.administrators import CloudDirector
from tools.vendors import Sandbox

from .open_id_provider_key import OpenIdProviderKeyCase
from .scenario import Scenario

PROGRAM = """
import pulumi
import pulumi_rekey as rekey

release = pulumi.Config().get("release") or "1"
party = rekey.OidcRelyingParty("portal", client_name="portal", redirect_uris=["https://portal.example.com/callback"])
key = rekey.OpenIdProviderKey("signing", rotation=rekey.Rotation(triggers={"release": release}))
for name in ("client_id", "client_secret"):
    pulumi.export(name, getattr(party, name))
for name in ("key_id", "next_key_id", "previous_key_id"):
    pulumi.export(name, getattr(key, name))
"""


@dataclass
class CachingParty:
    """A relying party with a copy of the key set."""

    http: httpx.Client
    keys: KeySet | None = None
    fetched: datetime | None = None
    max_age: timedelta = timedelta()
    alive: list[tuple[datetime, str]] = field(default_factory=list)

    def check(self, token: str, now: datetime) -> None:
        """Check a new token and, again, every earlier one that is still alive."""
        if self.fetched is None or now - self.fetched >= self.max_age:
            answer = self.http.get("/oidc/jwks").raise_for_status()
            self.keys, self.fetched = KeySet.import_key_set(answer.json()), now
            said = re.search(r"max-age=(\d+)", answer.headers["cache-control"])
            assert said is not None
            self.max_age = timedelta(seconds=int(said[1]))
        self.alive = [(until, old) for until, old in self.alive if until > now]
        claims = self._claims(token)
        self.alive.append((datetime.fromtimestamp(claims["exp"], now.tzinfo), token))
        for _, old in self.alive:
            self._claims(old)

    def _claims(self, token: str) -> dict[str, Any]:
        assert self.keys is not None
        return jwt.decode(token, self.keys, algorithms=["RS256", "ES256"]).claims


def test_key_roll_over_never_fails_with_a_cached_key_set(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(PROGRAM)
    stack.up()
    first = stack.outputs()
    portal = CloudDirector(sandbox).portal(first["client_id"])
    party = CachingParty(sandbox.http)
    # The runs of a pipeline, minutes after the trigger has changed; what each is to do.
    runs = {0: "publish", 4: None, 6: "activate", 40: None, 80: "retire", 90: None}
    began = datetime.fromisoformat(sandbox.post("/_sandbox/clock", {"advance": "0s"})["now"])
    checked = 0
    for minutes in range(-6, 96, 2):
        now = began + timedelta(minutes=minutes + 6)
        if minutes == 0:
            stack.run("config", "set", "release", "2")
        if minutes in runs:
            stack.environment = stack.environment | {"REKEY_CLOCK_ADVANCE": f"{minutes + 6}m"}
            run = stack.up()
            assert run.steps == (["update signing"] if runs[minutes] else [])
        token = portal.id_token(first["client_secret"])
        assert token is not None
        party.check(token, now)
        checked += len(party.alive)
        sandbox.advance("2m")
    last = stack.outputs()
    assert last["key_id"] != first["key_id"]
    assert "next_key_id" not in last or last["next_key_id"] is None
    published = {key["kid"] for key in sandbox.http.get("/oidc/jwks").json()["keys"]}
    assert last["key_id"] in published
    assert first["key_id"] not in published
    assert checked > 1000


def test_key_roll_over_says_that_there_is_no_overlap(stack: Stack, sandbox: Sandbox) -> None:
    sandbox.dialect(vcd__jwks="active")
    stack.program(PROGRAM)
    stack.up()
    first = stack.outputs()["key_id"]
    stack.run("config", "set", "release", "2")
    run = stack.up()
    assert "the vendor publishes the active key only, so there is no overlap" in run.text
    assert stack.outputs()["key_id"] != first


def test_key_that_is_gone_while_the_next_one_waits_is_made_anew(stack: Stack, sandbox: Sandbox) -> None:
    """What is tried then is the next key, which proves nothing about the one that is gone."""
    scenario = Scenario(OpenIdProviderKeyCase(sandbox), stack, sandbox)
    scenario.up(rotation={"triggers": {"release": 1}})
    first = scenario.outputs()
    scenario.up(rotation={"triggers": {"release": 2}})
    scenario.case.existing()
    scenario.case.remove_by_hand(first)
    run = scenario.up("--refresh").run
    assert "kept by a rotation, leaves the state and stays at the vendor" in run.text
    assert scenario.outputs()["key_id"] != first["key_id"]
    assert scenario.case.accepts(scenario.outputs())


def test_signature_moves_only_as_a_preview_says(stack: Stack, sandbox: Sandbox) -> None:
    """Somebody makes the key before sign again; then the program wants none of them to sign, and one again."""
    scenario = Scenario(OpenIdProviderKeyCase(sandbox), stack, sandbox)
    director = CloudDirector(sandbox)

    def signs() -> str:
        return str(director.call("GET", "")["activeKey"]["id"])

    built_in = signs()
    assert "makes the new key sign" in scenario.preview(rotation={"triggers": {"release": 1}}).said
    scenario.up()
    scenario.up(rotation={"triggers": {"release": 2}})
    scenario.advance(6)
    scenario.up()
    key = scenario.outputs()
    before = key["previous_key_id"]
    director.call("PUT", "", {**director.call("GET", ""), "activeKey": {"id": before}})
    scenario.advance(70)
    text = scenario.up().run.text
    assert f"key {before} signs again, which somebody has seen to: it is not deleted" in text
    assert signs() == before

    again = f"makes key {key['key_id']} sign instead of the one that signs now, which stays published"
    assert again in scenario.preview().said
    assert again in scenario.up().said
    assert signs() == key["key_id"]
    assert before in scenario.case.objects()

    back = f"makes key {built_in} sign instead of key {key['key_id']}, which stays published"
    assert back in scenario.preview(more={"activate": "False"}).said
    assert back in scenario.up().said
    assert signs() == built_in
    assert again in scenario.preview(more={}).said
    scenario.up()
    assert signs() == key["key_id"]
    scenario.destroy()


def test_keys_of_a_rotation_that_leave_the_state_are_named(stack: Stack, sandbox: Sandbox) -> None:
    """Whoever adopts the key that signs under another name knows nothing of those before it."""
    scenario = Scenario(OpenIdProviderKeyCase(sandbox), stack, sandbox)
    scenario.up()
    scenario.up(rotation={"rotate_now": "INC-1"})
    key = scenario.outputs()
    run = scenario.up(name="that", at=key["key_id"], rotation={}).run
    assert f"{key['previous_key_id']}, kept by a rotation, leaves the state and stays at the vendor" in run.text
    assert scenario.case.accepts(scenario.outputs())


def test_delete_that_would_end_a_key_which_another_resource_adopts_is_refused(stack: Stack, sandbox: Sandbox) -> None:
    """Renamed after a rotation, with the id of the key from before it still in the program."""
    scenario = Scenario(OpenIdProviderKeyCase(sandbox), stack, sandbox)
    adopted = scenario.case.existing()["key_id"]
    scenario.up(at=adopted)
    scenario.up(rotation={"rotate_now": "INC-1"})
    run = scenario.up(name="that", rotation={}, fails=True).run
    assert f"is kept: deleting it ends {adopted} with it, which is managed by another resource now: urn:" in run.text
    assert adopted in scenario.case.objects()
    stack.run("state", "delete", "--yes", stack.resource("it")["urn"])
    scenario.up()
    assert scenario.case.accepts(scenario.outputs())
