"""How a credential is said to be, by policy, state and moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi_rekey.cli.health import Health, judge
from pulumi_rekey.cli.stack_state import Credential
from pulumi_rekey.policy.model import Policy
from pulumi_rekey.reconciler.contract import State
from pulumi_rekey.resources import app_secret, open_id_provider_key

DAY = timedelta(days=1)
#: A Tuesday, at noon.
MINTED = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUNDAYS = {"cron": "0 2 * * SUN", "duration": "4h"}


def credential(policy: dict[str, Any] | None, errors: tuple[str, ...] = (), **state: Any) -> Credential:
    return Credential(
        name="shop",
        kind="AppSecret",
        urn="urn:pulumi:dev::shop::pulumi-python:dynamic/rekey:AppSecret::shop",
        endpoint="roma",
        state=State.model_validate({"generation": 1, "rotated_at": MINTED} | state),
        policy=None if policy is None else Policy.model_validate(policy),
        resource=app_secret.RESOURCE,
        errors=errors,
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
        (credential(QUARTERLY, rotated_at="9999-12-01T00:00:00Z"), "0", "unknown", "its dates are beyond the calendar"),
    ],
)  # fmt: skip
def test_status_health(found: Credential, after: str, health: str, why: str | None) -> None:
    verdict = judge(found, MINTED + float(after) * DAY)
    assert verdict.health == health
    assert (verdict.why or "").startswith(why or "")
    assert (verdict.why is None) == (why is None)


def signing_key(**state: Any) -> Credential:
    """A signing key."""
    resource = open_id_provider_key.RESOURCE
    fields = {"generation": 2, "rotated_at": MINTED, "key_id": "2", "public_key": "-"} | state
    return Credential("k", resource.name, "urn", "vcd", resource.state.model_validate(fields), Policy(), resource)


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
