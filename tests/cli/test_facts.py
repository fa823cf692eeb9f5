"""What `rekey status NAME` says of a credential: policy, consumers, removal, and what was before."""

from datetime import timedelta
from typing import Any

import pytest
from pulumi_rekey.cli.facts import consumers_of, policy_of, removal_of, rotations
from pulumi_rekey.resources import app_secret, oidc_relying_party, open_id_provider_key, org_oauth_app

from .test_health import MINTED, credential, judged

PARTY = {
    "client_name": "Portal",
    "redirect_uris": ["https://portal.example.com"],
    "relying_party_id": "p",
    "client_id": "c",
}
APP = {"org_id": "o", "oauth_app_id": "a"}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({}, ["rotates only when asked, or two thirds into its life if it expires"]),
        (
            {"max_age": "90d", "grace": "2d", "triggers": {"release": "1"}, "paused": True},
            [
                "rotates when 90 d old",
                "rotates when a trigger changes: release",
                "the old secret works for another 2 d",
                "paused: nothing rotates it",
            ],
        ),
        (None, ["its policy cannot be read from here"]),
    ],
)
def test_status_says_the_policy_in_words(policy: dict[str, Any] | None, words: list[str]) -> None:
    assert policy_of(credential(policy)) == words


def test_status_shows_rotations_newest_first_and_leaves_out_what_is_none() -> None:
    past = ("1 2026-01-01T00:00:00Z created", "no rotation", "2 2026-02-01T00:00:00Z rotate_now: a b")
    found = credential({}, generation=3, rotation_reason="90 d old", history=past)
    assert [(one.generation, one.reason) for one in rotations(found)] == [
        (3, "90 d old"),
        (2, "rotate_now: a b"),
        (1, "created"),
    ]


@pytest.mark.parametrize(
    ("resource", "state", "said"),
    [
        (app_secret, {"instance_id": "i", "app_id": "a", "secret": "s"}, "stays at the vendor, but its secret is repl"),
        (app_secret, {"instance_id": "i", "app_id": "a"}, "stays at the vendor as it is"),
        (oidc_relying_party, PARTY | {"client_secret": "s"}, "is deleted at the vendor"),
        (oidc_relying_party, PARTY | {"client_secret": "s", "adopted": True}, "stays at the vendor, but"),
        (oidc_relying_party, PARTY | {"adopted": True}, "stays at the vendor as it is"),
        (org_oauth_app, APP | {"secret": "s"}, "stays at the vendor, but"),
        (open_id_provider_key, {"key_id": "k", "public_key": "p", "adopted": True}, "stays at the vendor as it is"),
    ],
)
def test_status_says_what_a_removal_does(resource: Any, state: dict[str, Any], said: str) -> None:
    removal = removal_of(judged(resource.RESOURCE, None, state))
    assert removal is not None
    assert removal.startswith(said)


def test_status_says_what_consumers_have() -> None:
    until = MINTED + timedelta(days=2)
    found = credential({}, generation=2, previous_expires_at=until, secret="s")
    assert consumers_of(found, MINTED) == [
        "the outputs have generation 2",
        "the secret before works until 2026-11-26T12:00:00Z",
    ]
    assert consumers_of(found, until)[1] == "no previous secret is kept"


def test_status_says_that_consumers_have_nothing_of_an_adopted_secret() -> None:
    adopted = judged(oidc_relying_party.RESOURCE, None, PARTY | {"adopted": True, "generation": 1})
    assert consumers_of(adopted, MINTED) == [
        "the outputs have no secret until a rotation: what was adopted cannot be read",
        "no previous secret is known",
    ]
    key = judged(open_id_provider_key.RESOURCE, None, {"key_id": "k", "public_key": "p", "generation": 1})
    assert consumers_of(key, MINTED)[0] == "the outputs have generation 1"
