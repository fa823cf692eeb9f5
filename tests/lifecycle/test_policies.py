"""Three months of a pipeline's runs on the real engine, some of them missed: each resource under its own policy."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.engine import Stack
from tools.vendors import Sandbox

from .case import IMPORTS, Case, ProgramSpec
from .cases import CASES
from .scenario import shape

#: Saturdays and Sundays, all day; the runs come on every weekday.
WEEKEND = {"cron": "0 0 * * SAT", "timezone": "UTC", "duration": "48h"}
#: Of what is named here; any other resource is due by its age.
POLICIES: dict[str, dict[str, Any]] = {
    "AppSecret": {"max_age": "30d"},
    "OidcRelyingParty": {"max_age": "20d", "windows": [WEEKEND]},
    "OpenIdProviderKey": {"max_age": "45d"},
    "SyncClientCredentials": {"renew_before": "10d"},
    "OrgOAuthApp": {"max_age": "25d", "grace": "8d"},
}
#: Days between the runs; now and then one is missed.
GAPS = (4, 4, 3, 5, 12, 4, 5, 3, 4, 11, 4, 3, 5, 4, 10, 4)
#: A token of 40 days.
TOKEN = {"generate_token": "True", "token_ttl": str(40 * 24 * 60)}


def program(cases: dict[str, Case]) -> str:
    """All resources, each under its policy."""
    lines = list(IMPORTS)
    for name, case in cases.items():
        more = TOKEN if name == "SyncClientCredentials" else {}
        policy = POLICIES.get(name, {"max_age": "30d"})
        lines.append(case.declaration(ProgramSpec(name=name, rotation=policy, more=more)))
    return "\n".join([*lines, ""])


def outputs_of(stack: Stack, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The outputs of each resource, decrypted."""
    found = stack.resources()
    return {name: found[name]["outputs"] for name in names}


def test_policies_keep_their_promises(stack: Stack, sandbox: Sandbox) -> None:
    cases = {case.resource: case(sandbox) for case in CASES}
    stack.program(program(cases))
    stack.up()
    before = outputs_of(stack, cases)
    days = 0
    mints = dict.fromkeys(cases, 0)
    for gap in GAPS:
        days += gap
        sandbox.advance(f"{gap}d")
        stack.environment = stack.environment | {"REKEY_CLOCK_ADVANCE": f"{days}d"}
        sandbox.forget_calls()
        stack.up()
        now = datetime.now(UTC) + timedelta(days=days)
        calls = [f"{call['method']} {shape(call['path'])}" for call in sandbox.calls()]
        after = outputs_of(stack, cases)
        for name, case in cases.items():
            assert case.accepts(after[name]), f"{name}: the output's secret is not accepted after {days} d"
            rotated = after[name]["generation"] - before[name]["generation"]
            due: str = before[name]["next_rotation_at"]
            assert rotated in {0, 1}
            mints[name] += int(rotated)
            if rotated:
                assert datetime.fromisoformat(due) <= now, f"{name}: rotated before it was due"
                assert due < after[name]["next_rotation_at"], f"{name}: one due date, one mint"
            if name == "OidcRelyingParty":
                assert not rotated or now.weekday() in {5, 6}, "outside its window"
            elif name != "OpenIdProviderKey":
                waits = before[name].get("previous_expires_at") or ""
                late = datetime.fromisoformat(due) <= now - timedelta(minutes=5)
                assert rotated or not late or waits > now.isoformat(), f"{name}: due and not rotated after {days} d"
            if name == "OrgOAuthApp" and rotated:
                old = {"oauth_app_id": before[name]["oauth_app_id"], "secret": before[name]["secret"]}
                assert case.accepts(old), "the old secret works for as long as the grace says"
        vendor_mints = sum(1 for call in calls if any(call in case.minting for case in cases.values()))
        grown = sum(after[name]["generation"] - before[name]["generation"] for name in cases)
        assert vendor_mints == grown, "a mint for each generation, and none besides"
        before = after
    assert all(mints.values()), mints
    assert mints["AppSecret"] in {2, 3}
