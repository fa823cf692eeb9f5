"""The health of a credential in `rekey status`, by policy, state and moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi_rekey.cli.choices import Health
from pulumi_rekey.cli.health import Verdict, judge
from pulumi_rekey.cli.stack_state import SECRET, Credential
from pulumi_rekey.policy.slots import Turn
from pulumi_rekey.reconciler.contract import Resource
from pulumi_rekey.resources import app_secret, oidc_relying_party, open_id_provider_key, org_oauth_app

DAY = timedelta(days=1)
#: A Tuesday, at noon.
MINTED = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUNDAYS = {"cron": "0 2 * * SUN", "duration": "4h"}


def credential(policy: dict[str, Any] | None, errors: tuple[str, ...] = (), **state: Any) -> Credential:
    """An application's secret, minted at `MINTED` unless the state says otherwise."""
    object_ = {"instance_id": "i", "app_id": "a"}
    fields = object_ | {"generation": 1, "rotated_at": MINTED} | state
    return judged(app_secret.RESOURCE, None if policy is None else object_ | {"rotation": policy}, fields, errors)


def judged(
    resource: Resource[Any, Any, Any],
    inputs: dict[str, Any] | None,
    state: dict[str, Any],
    errors: tuple[str, ...] = (),
    follows: tuple[str, ...] = (),
) -> Credential:
    return Credential(
        name="shop",
        kind=resource.name,
        urn=f"urn:pulumi:dev::shop::pulumi-python:dynamic/rekey:{resource.name}::shop",
        id="a",
        endpoint=resource.vendor,
        state=resource.state.model_validate(state),
        inputs=None if inputs is None else resource.inputs.model_validate(inputs),
        unreadable="its policy cannot be read from here" if inputs is None else None,
        resource=resource,
        errors=errors,
        follows=follows,
    )


QUARTERLY = {"max_age": "90d"}
FROZEN = QUARTERLY | {"freeze": ["2027-02-20/2027-03-10"]}
ON_SUNDAYS = {"max_age": "90d", "windows": [SUNDAYS]}


@pytest.mark.parametrize(
    ("found", "after", "health", "why"),
    [
        (credential({}), "0", "never-due", "rotates only when asked"),
        (credential(QUARTERLY), "89", "ok", None),
        (credential(QUARTERLY), "90", "due", "90 d old, max_age 90 d"),
        (credential(QUARTERLY), "91.9", "due", "91 d old, max_age 90 d"),
        (credential(QUARTERLY), "92", "overdue", "could have rotated since 2027-02-22T12:00:00Z; 92 d old"),
        (credential({"rotate_now": "leaked"}), "0", "due", "rotate_now: leaked"),
        (credential({"triggers": {"release": "2"}}, rotation={"triggers": {"release": "1"}}), "0", "due", "trigger "),
        # 22 February 2027 is a Monday; the next Sunday is the 28th.
        (credential(ON_SUNDAYS), "91", "deferred", "outside its window, opens in 4 d (2027-02-28T02:00:00Z); due"),
        (credential(ON_SUNDAYS), "95.6", "due", "95 d old"),
        (credential(ON_SUNDAYS), "97", "deferred", "outside its window"),
        (credential(ON_SUNDAYS), "98", "overdue", "could have rotated since 2027-02-28T02:00:00Z; outside its window"),
        (credential(FROZEN), "95", "deferred", "frozen until 2027-03-11"),
        (credential(FROZEN), "109", "overdue", "could have rotated since 2027-03-11"),
        (credential(QUARTERLY, previous_expires_at=MINTED + 92 * DAY), "91", "deferred", "previous secret in grace"),
        (credential(QUARTERLY, previous_expires_at=MINTED + 92 * DAY), "93", "due", "93 d old"),
        (credential(QUARTERLY | {"paused": True}), "50", "paused", None),
        (credential(QUARTERLY | {"paused": True}), "500", "paused", "paused; due: 500 d old"),
        (credential(QUARTERLY, expires_at=MINTED + 30 * DAY), "19", "ok", None),
        (credential(QUARTERLY, expires_at=MINTED + 30 * DAY), "20", "due", "20 d old, two thirds of its life, expires"),
        (credential(QUARTERLY | {"paused": True}, expires_at=MINTED + 30 * DAY), "30", "expired", "expired 2026-12-24"),
        (credential(QUARTERLY, step="verify the new secret"), "0", "failing", "not done yet: verify the new secret"),
        (credential(QUARTERLY, ("roma: 503", "its update was interrupted")), "500", "failing", "roma: 503; its update"),
        (credential(None), "0", "unknown", "its policy cannot be read from here"),
        (credential(QUARTERLY, rotated_at="9999-12-01T00:00:00Z"), "0", "unknown", "rotated_at is 2912084 d in the"),
    ],
)  # fmt: skip
def test_status_health(found: Credential, after: str, health: str, why: str | None) -> None:
    verdict = judge(found, MINTED + float(after) * DAY)
    assert verdict.health == health
    assert (verdict.why or "").startswith(why or "")
    assert (verdict.why is None) == (why is None)


def signing_key(**state: Any) -> Credential:
    """A signing key."""
    fields = {"generation": 2, "rotated_at": MINTED, "key_id": "2", "public_key": "-"} | state
    return judged(open_id_provider_key.RESOURCE, {}, fields)


def test_status_next_step_of_a_rotation_is_due() -> None:
    waiting = signing_key(next_key_id="3", next_activates_at=MINTED + DAY)
    assert judge(waiting, MINTED).health is Health.NEVER
    assert judge(waiting, MINTED + DAY).health is Health.DUE
    assert "key 3" in (judge(waiting, MINTED + DAY).why or "")
    retiring = signing_key(previous_key_id="1", previous_expires_at=MINTED + DAY)
    assert judge(retiring, MINTED + DAY).health is Health.DUE


def test_status_worst_health_comes_first() -> None:
    assert [health.value for health in Health][:3] == ["failing", "expired", "overdue"]
    bad = credential(QUARTERLY, ("broken",), step="half", expires_at=MINTED)
    assert judge(bad, MINTED + 500 * DAY).health is Health.FAILING


def app(after: float, inputs: dict[str, Any], follows: tuple[str, ...] = (), **state: Any) -> Verdict:
    """An OAuth app, some days after it was minted."""
    fields = {"generation": 1, "rotated_at": MINTED, "org_id": "o", "oauth_app_id": "a", "secret": SECRET} | state
    found = judged(org_oauth_app.RESOURCE, {"org_id": "o"} | inputs, fields, follows=follows)
    return judge(found, MINTED + after * DAY)


def test_status_of_a_credential_that_follows_another() -> None:
    assert app(500, {}, ("generated", "other")) == Verdict(Health.OK, "follows generated, other")
    paused = app(500, {"rotation": {"paused": True}}, ("generated",))
    assert paused.health is Health.PAUSED


def test_status_of_a_secret_that_ended_while_the_next_one_waits() -> None:
    """Such a state has one end, of the secret that is the output; what waits has none."""
    waiting: dict[str, Any] = {
        "step": "verify the next secret",
        "next_secret": SECRET,
        "previous_expires_at": MINTED + 2 * DAY,
    }
    assert app(1, {}, **waiting) == Verdict(Health.FAILING, "not done yet: verify the next secret")
    ended = app(2, {}, **waiting)
    assert ended.health is Health.EXPIRED
    assert ended.why == "expired 2026-11-26T12:00:00Z; not done yet: verify the next secret"
    of_today: dict[str, Any] = {"candidate": {}, "expires_at": MINTED + 2 * DAY, "previous_expires_at": None}
    assert app(2, {}, **waiting | of_today) == ended


def test_status_of_a_change_whose_answer_was_lost_is_failing() -> None:
    lost = judge(credential(QUARTERLY, unconfirmed=True), MINTED)
    assert lost == Verdict(Health.FAILING, "not done yet: find out whether the last change took effect")


def side(after: float, **state: Any) -> Verdict:
    """Blue of a pair whose slots of 30 days begin on 13 December 2026 (green) and 12 January 2027 (blue)."""
    policy = {"turn": {"every": "30d", "side": "blue", "other": {}}}
    state = {"handover": {"number": 1, "to": "green", "at": MINTED, "confirmed": True}} | state
    inputs = {"client_name": "c", "redirect_uris": ["https://c.example.com"], "rotation": policy}
    fields = inputs | {"generation": 1, "rotated_at": MINTED, "relying_party_id": "r", "client_id": "c"} | state
    del fields["rotation"]
    found = judged(oidc_relying_party.RESOURCE, inputs, fields | {"client_secret": SECRET})
    return judge(found, MINTED + after * DAY)


def test_status_of_a_side_that_missed_its_slot_is_deferred() -> None:
    begins = Turn.model_validate({"every": "30d", "side": "blue"}).begins_after(MINTED)
    slot = (begins - MINTED) / DAY
    assert side(slot - 1).health is Health.OK
    assert side(slot + 1).health is Health.DUE
    assert side(slot + 3).health is Health.OVERDUE
    # From the last quarter of its slot on, no run may rotate it.
    for later in (slot + 24, slot + 31, slot + 59):
        missed = side(later)
        assert missed.health is Health.DEFERRED
        assert (missed.why or "").startswith("not its turn, which begins 2027-")
    assert side(slot + 63).health is Health.OVERDUE


def test_status_of_a_side_that_consumers_hold_is_due_and_never_overdue() -> None:
    begins = Turn.model_validate({"every": "30d", "side": "blue"}).begins_after(MINTED)
    slot = (begins - MINTED) / DAY
    for later in (1, 10):
        held = side(slot + later, handover={"number": 1, "to": "blue", "at": MINTED})
        assert held.health is Health.DUE
        assert (held.why or "").startswith("consumers hold this side: this run hands them over to green")


@pytest.mark.parametrize(
    ("ahead", "health"), [(timedelta(minutes=5), "ok"), (timedelta(minutes=6), "unknown"), (200 * DAY, "unknown")]
)
def test_status_of_a_secret_minted_in_the_future_is_a_problem(ahead: timedelta, health: str) -> None:
    verdict = judge(credential(QUARTERLY, rotated_at=MINTED + ahead), MINTED)
    assert verdict.health == health
    assert ("in the future" in (verdict.why or "")) == (health == "unknown")


def test_status_of_a_secret_minted_in_the_future_and_due_is_still_a_problem() -> None:
    found = credential(QUARTERLY | {"rotate_now": "leaked", "paused": True}, rotated_at=MINTED + DAY)
    assert judge(found, MINTED).health is Health.UNKNOWN
