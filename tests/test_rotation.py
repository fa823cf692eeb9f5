"""The policy: what is due, in which order it is decided, and what is said about it."""

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi_rekey
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.model import problems, rfc3339
from pulumi_rekey.policy.decide import (
    DEADLINE,
    MAX_SKEW,
    Decision,
    applied_by_rotation,
    applied_without_rotation,
    decide,
    differs_in_the_books,
    next_rotation_at,
    warnings,
    with_clock_corrected,
)
from pulumi_rekey.policy.durations import as_text
from pulumi_rekey.policy.model import AppliedPolicy, Policy, RotationState
from pulumi_rekey.policy.windows import Window
from pulumi_rekey.programs.rotation import Rotation
from pydantic import SecretStr

from .fake_vendor import KEY

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
#: A Tuesday, at noon.
MINTED = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUNDAYS = {"cron": "0 2 * * SUN", "duration": "4h"}


def policy(**fields: Any) -> Policy:
    return Policy.model_validate(fields)


def life(**fields: Any) -> RotationState:
    return RotationState.model_validate({"generation": 1, "rotated_at": MINTED} | fields)


def day(number: float) -> datetime:
    return MINTED + number * DAY


# -- what is due ---------------------------------------------------------------------------------------------


def test_decide_without_a_rule_is_nothing() -> None:
    assert decide(Policy(), life(), day(5000)) == Decision()
    assert decide(policy(windows=[SUNDAYS], grace="1d", jitter="1d"), life(), day(5000)) == Decision()
    assert decide(policy(max_age="90d", paused=True), life(), day(89)) == Decision()
    assert decide(policy(max_age="90d"), RotationState(), day(5000)) == Decision()


def test_max_age() -> None:
    ninety = policy(max_age="90d")
    assert decide(ninety, life(), day(90) - SECOND) == Decision()
    assert decide(ninety, life(), day(90)) == Decision(reason="90 d old, max_age 90 d")
    assert decide(ninety, life(), day(91.5)) == Decision(reason="91 d old, max_age 90 d")


def test_max_age_edited_takes_effect_at_once() -> None:
    minted_for_ninety = life(next_rotation_at=day(90))
    assert decide(policy(max_age="30d"), minted_for_ninety, day(45)).reason == "45 d old, max_age 30 d"
    assert decide(policy(max_age="180d"), minted_for_ninety, day(100)) == Decision()


def test_expiry_is_due_at_two_thirds() -> None:
    expiring = life(expires_at=day(30))
    assert decide(Policy(), expiring, day(20) - SECOND) == Decision()
    assert (
        decide(Policy(), expiring, day(20)).reason == "20 d old, two thirds of its life, expires 2026-12-24T12:00:00Z"
    )
    assert next_rotation_at(Policy(), MINTED, day(30), 0) == day(20)


def test_renew_before() -> None:
    fourteen, expiring = policy(renew_before="14d"), life(expires_at=day(30))
    assert decide(fourteen, expiring, day(16) - SECOND) == Decision()
    assert decide(fourteen, expiring, day(16)).reason == "16 d old, renew_before 14 d, expires 2026-12-24T12:00:00Z"
    assert decide(fourteen, life(), day(5000)) == Decision()


@pytest.mark.parametrize("days", [30, 31])
def test_renew_before_spanning_the_life_is_ignored(days: int) -> None:
    assert next_rotation_at(policy(renew_before=f"{days}d"), MINTED, day(30), 0) == day(20)


def test_expiry_passed_is_said() -> None:
    expired = life(expires_at=day(30))
    assert decide(Policy(), expired, day(30) - SECOND).reason == (
        "29 d old, two thirds of its life, expires 2026-12-24T12:00:00Z"
    )
    assert decide(Policy(), expired, day(30)).reason == "30 d old, two thirds of its life, expired 2026-12-24T12:00:00Z"
    adopted = life(expires_at=day(-5))
    assert next_rotation_at(policy(jitter="9d", max_age="30d"), MINTED, day(-5), 0.9) == day(-5)
    assert decide(Policy(), adopted, day(0)).reason == "0 s old, two thirds of its life, expired 2026-11-19T12:00:00Z"


def test_due_by_the_earliest_rule() -> None:
    both = policy(max_age="25d")
    assert next_rotation_at(both, MINTED, day(30), 0) == day(20)
    assert next_rotation_at(both, MINTED, day(60), 0) == day(25)
    assert decide(both, life(expires_at=day(60)), day(25)).reason == (
        "25 d old, max_age 25 d, expires 2027-01-23T12:00:00Z"
    )


def test_jitter_is_only_ever_earlier() -> None:
    jittered = policy(max_age="90d", jitter="10d")
    assert next_rotation_at(jittered, MINTED, None, 0) == day(90)
    assert next_rotation_at(jittered, MINTED, None, 0.5) == day(85)
    assert next_rotation_at(jittered, MINTED, None, 1) == day(80)
    assert decide(jittered, life(spread=0.5), day(85) - SECOND) == Decision()
    assert decide(jittered, life(spread=0.5), day(85)).reason == "85 d old, max_age 90 d, 5 d earlier by jitter"
    assert decide(jittered, life(spread=0.5), day(90)).reason == "90 d old, max_age 90 d"


def test_jitter_takes_half_of_the_time_at_most() -> None:
    assert next_rotation_at(policy(jitter="300d"), MINTED, day(30), 1) == day(10)


def test_due_date_is_whole_seconds() -> None:
    at = next_rotation_at(policy(max_age="90d", jitter="10d"), MINTED, None, 1 / 3)
    assert at is not None
    assert at.microsecond == 0


SPANS = st.none() | st.timedeltas(timedelta(hours=1), timedelta(days=400)).map(
    lambda s: s - timedelta(microseconds=s.microseconds)
)


@given(SPANS, SPANS, SPANS, SPANS, st.floats(0, 1))
def test_due_date_lies_between_minting_and_the_rules(
    max_age: timedelta | None,
    renew_before: timedelta | None,
    jitter: timedelta | None,
    lives: timedelta | None,
    spread: float,
) -> None:
    # Built without validation: what is checked here must hold whatever the spans are.
    rules = Policy.model_construct(max_age=max_age, renew_before=renew_before, jitter=jitter)
    expires_at = MINTED + lives if lives else None
    at = next_rotation_at(rules, MINTED, expires_at, spread)
    if at is None:
        assert max_age is None
        assert expires_at is None
        return
    ends = [MINTED + max_age] if max_age else []
    ends += [expires_at] if expires_at else []
    assert MINTED < at <= min(ends)
    plain = next_rotation_at(rules, MINTED, expires_at, 0)
    assert plain is not None
    assert at <= plain
    assert jitter is not None or at == plain
    assert plain - at <= (jitter or timedelta()) + SECOND
    # Due is due from then on, and not before.
    alive = life(expires_at=expires_at, spread=spread)
    assert decide(rules, alive, at).reason is not None
    assert decide(rules, alive, at - SECOND) == Decision()


# -- triggers ------------------------------------------------------------------------------------------------


def seen(**triggers: str) -> RotationState:
    return life(rotation=AppliedPolicy(triggers=triggers))


def test_trigger_changed_rotates_without_showing_it() -> None:
    decision = decide(
        policy(triggers={"b": "hush2", "a": "hush2", "c": "same"}), seen(a="hush1", b="hush1", c="same"), day(1)
    )
    assert decision == Decision(reason="trigger changed: a, b")
    assert decide(policy(triggers={"a": "hush2"}, paused=True), seen(a="hush1"), day(1)) == Decision(
        deferred="paused; due: trigger changed: a"
    )


def test_trigger_added_or_removed_does_not_rotate() -> None:
    assert decide(policy(triggers={"a": "1", "b": "2"}), seen(a="1"), day(1)) == Decision()
    assert decide(policy(triggers={}), seen(a="1"), day(1)) == Decision()
    assert decide(policy(triggers={"b": "1"}), seen(a="1"), day(1)) == Decision()


@pytest.mark.parametrize(("was", "now"), [(3, 3.0), ("3", 3.0), (True, "true"), (False, "false"), (2.5, "2.5")])
def test_trigger_value_has_one_text(was: object, now: object) -> None:
    kept = applied_by_rotation(policy(triggers={"a": was}), KEY)
    assert decide(policy(triggers={"a": now}), life(rotation=kept), day(1)) == Decision()


def test_trigger_change_stays_open_until_rotated() -> None:
    changed = policy(triggers={"a": "2", "new": "1"}, rotate_now="INC-2")
    before = applied_by_rotation(policy(triggers={"a": "1", "gone": "1"}, rotate_now="INC-1"), KEY)
    kept = applied_without_rotation(changed, life(rotation=before), KEY)
    same = applied_by_rotation(policy(triggers={"a": "1", "new": "1"}, rotate_now="INC-1"), KEY)
    assert kept == same.model_copy(update={"pending": ("rotate_now", "triggers.a")})
    assert applied_without_rotation(changed, life(rotation=kept), KEY) == kept
    assert applied_without_rotation(policy(triggers={"a": "1"}), life(rotation=kept), KEY).pending is None
    after = applied_by_rotation(changed, KEY)
    assert after.pending is None
    assert decide(changed, life(rotation=after), day(1)) == Decision()


def test_no_value_of_a_policy_is_kept() -> None:
    asked = policy(triggers={"a": "hush-1", "b": "hush-1"}, rotate_now="hush-1")
    kept = applied_by_rotation(asked, KEY)
    assert kept.key == KEY
    digests = [*kept.triggers.values(), kept.rotate_now]
    assert all(re.fullmatch("[0-9A-Za-z_-]{16}", str(digest)) for digest in digests)
    assert len(set(digests)) == 3, "nor that two values are the same"
    other = applied_by_rotation(asked, SecretStr("f" * 32))
    assert not {*other.triggers.values(), other.rotate_now} & {*digests}, "nor what another credential has"
    open_ = applied_without_rotation(policy(triggers={"a": "hush-2"}), life(rotation=kept), KEY)
    assert "hush" not in f"{kept.model_dump()}{open_.model_dump()}"


def test_nothing_is_kept_of_a_policy_without_values() -> None:
    assert applied_by_rotation(policy(max_age="90d"), KEY) == AppliedPolicy()
    assert applied_without_rotation(policy(max_age="90d"), life(), KEY) == AppliedPolicy()
    asked = applied_without_rotation(policy(rotate_now="INC-1"), life(), KEY)
    assert asked == AppliedPolicy(pending=("rotate_now",))


def test_trigger_that_is_named_like_rotate_now_is_another_thing() -> None:
    seen = applied_by_rotation(policy(triggers={"rotate_now": "1"}, rotate_now="1"), KEY)
    assert decide(policy(triggers={"rotate_now": "1"}, rotate_now="1"), life(rotation=seen), day(1)) == Decision()
    changed = policy(triggers={"rotate_now": "2"}, rotate_now="1")
    assert decide(changed, life(rotation=seen), day(1)).reason == "trigger changed: rotate_now"
    assert applied_without_rotation(changed, life(rotation=seen), KEY).pending == ("triggers.rotate_now",)


def test_values_that_another_version_kept_compare_as_before() -> None:
    same = policy(triggers={"a": "1"}, rotate_now="INC-1")
    plain = life(rotation=AppliedPolicy(triggers={"a": "1"}, rotate_now="INC-1"))
    assert decide(same, plain, day(1)) == Decision()
    assert not differs_in_the_books(same, plain)
    assert decide(policy(triggers={"a": "2"}), plain, day(1)).reason == "trigger changed: a"
    kept = applied_without_rotation(policy(triggers={"a": "2"}), plain, KEY)
    before = applied_by_rotation(same, KEY)
    assert kept == before.model_copy(update={"pending": ("triggers.a",)})
    assert plain.rotation.keyed(KEY) == before
    assert before.keyed(SecretStr("f" * 32)) == before


def test_what_is_put_off_is_noted_once_and_taken_back_with_the_edit() -> None:
    first, second = policy(triggers={"a": "1"}, paused=True), policy(triggers={"a": "2"}, paused=True)
    s = life(rotation=applied_by_rotation(first, KEY))
    assert not differs_in_the_books(first, s)
    assert differs_in_the_books(second, s)
    noted = life(rotation=applied_without_rotation(second, s, KEY))
    assert not differs_in_the_books(second, noted)
    assert decide(second, noted, day(1)).deferred == "paused; due: trigger changed: a"
    assert differs_in_the_books(first, noted)
    assert applied_without_rotation(first, noted, KEY) == s.rotation


def test_state_of_another_version_is_read() -> None:
    old = RotationState.model_validate(
        {"generation": 3, "rotated_at": MINTED, "rotation": {"triggers": {}, "since": "1.0"}}
    )
    assert decide(policy(max_age="90d", jitter="10d"), old, day(90)).reason == "90 d old, max_age 90 d"
    assert decide(policy(max_age="90d", jitter="10d"), old, day(90) - SECOND) == Decision()
    nothing = dict.fromkeys(RotationState.model_fields) | {"generation": 0, "spread": 0.0, "history": ()}
    assert RotationState.model_validate({}).model_dump() == nothing | {
        "rotation": {"key": None, "triggers": {}, "rotate_now": None, "pending": None}
    }
    # A state is never refused for what chance has drawn.
    assert RotationState.model_validate({"spread": 1}).spread == 1


# -- rotate_now ----------------------------------------------------------------------------------------------


def test_secret_rotate_now_is_not_repeated() -> None:
    asked = policy(rotate_now="hush", rotate_now_is_secret=True)
    assert decide(asked, life(), day(1)) == Decision(reason="rotate_now: [secret]")
    paused = policy(rotate_now="hush", rotate_now_is_secret=True, paused=True)
    assert decide(paused, life(), day(1)) == Decision(deferred="paused; due: rotate_now: [secret]")


def test_rotate_now_rotates_once() -> None:
    asked = policy(rotate_now="INC-2")
    assert decide(asked, life(), day(1)) == Decision(reason="rotate_now: INC-2")
    assert decide(asked, life(rotation=AppliedPolicy(rotate_now="INC-1")), day(1)) == Decision(
        reason="rotate_now: INC-2"
    )
    assert decide(asked, life(rotation=AppliedPolicy(rotate_now="INC-2")), day(1)) == Decision()
    # Taken away and put back, it is not a new text.
    kept = applied_without_rotation(Policy(), life(rotation=AppliedPolicy(rotate_now="INC-2")), KEY)
    assert decide(Policy(), life(rotation=kept), day(1)) == Decision()
    assert decide(asked, life(rotation=kept), day(1)) == Decision()


def test_clock_that_was_ahead_is_corrected_beyond_what_two_good_ones_differ_by() -> None:
    s = life(expires_at=MINTED + 3 * DAY)
    assert with_clock_corrected(s, MINTED - MAX_SKEW) is s
    now = MINTED - MAX_SKEW - timedelta(seconds=1)
    corrected = with_clock_corrected(s, now)
    assert (corrected.rotated_at, corrected.expires_at) == (now, now + 3 * DAY)


@pytest.mark.parametrize(("grace", "compromised"), [("0s", True), ("1s", False), (None, False)])
def test_compromise_is_rotate_now_without_grace(grace: str | None, compromised: bool) -> None:  # noqa: FBT001 - a parameter
    asked = policy(rotate_now="INC-2", grace=grace)
    assert asked.means_compromise is compromised
    assert decide(asked, life(), day(1)).compromised is compromised
    assert not policy(grace=grace).means_compromise


def test_compromise_is_not_a_scheduled_rotation() -> None:
    quiet = policy(rotate_now="INC-2", grace="0s", max_age="90d")
    assert decide(quiet, life(rotation=AppliedPolicy(rotate_now="INC-2")), day(90)) == Decision(
        reason="90 d old, max_age 90 d"
    )


# -- the order in which it is decided ------------------------------------------------------------------------

#: Due by age; outside its window; frozen; the previous one in grace; and expiring tomorrow.
ALL: dict[str, Any] = {"max_age": "90d", "windows": [SUNDAYS], "freeze": ["2027-01-01/2027-03-10"]}
WORST = life(expires_at=day(92), previous_expires_at=day(91.5))
DUE = "91 d old, max_age 90 d"
EXPIRES = "expires 2027-02-24T12:00:00Z"


def test_order_pause_is_first() -> None:
    paused = policy(**ALL, paused=True)
    assert decide(paused, life(), day(91)) == Decision(deferred=f"paused; due: {DUE}")
    assert decide(paused, WORST, day(91)).reason is None
    assert decide(policy(**ALL, paused=True, rotate_now="INC-2", grace="0s"), WORST, day(91)) == Decision(
        deferred="paused; due: rotate_now: INC-2"
    )


def test_order_rotate_now_is_second() -> None:
    assert decide(policy(**ALL, rotate_now="INC-2"), WORST, day(91)) == Decision(reason="rotate_now: INC-2")
    assert decide(policy(**ALL, rotate_now="INC-2", triggers={"a": "2"}), seen(a="1"), day(91)) == Decision(
        reason="rotate_now: INC-2"
    )


def test_order_deadline_is_third() -> None:
    assert decide(policy(**ALL), WORST, day(91)) == Decision(
        reason=f"{EXPIRES}, too soon to wait: previous secret in grace until 2027-02-24T00:00:00Z"
    )
    expiring = WORST.model_copy(update={"previous_expires_at": None})
    assert decide(policy(**ALL), expiring, day(91)) == Decision(
        reason=f"{EXPIRES}, too soon to wait: frozen until 2027-03-11T00:00:00Z"
    )
    assert decide(policy(max_age="90d", windows=[SUNDAYS]), expiring, day(91)) == Decision(
        reason=f"{EXPIRES}, too soon to wait: outside its window, opens in 4 d (2027-02-28T02:00:00Z)"
    )


def test_deadline_is_over_once_expired() -> None:
    assert decide(policy(**ALL), life(expires_at=day(80)), day(91)) == Decision(
        reason="expired 2027-02-12T12:00:00Z, too soon to wait: frozen until 2027-03-11T00:00:00Z"
    )


def test_deadline_leaves_room_for_a_failed_run() -> None:
    # The window opens on Sunday, 2026-12-20, at two o'clock.
    opening = datetime(2026, 12, 20, 2, tzinfo=UTC)
    due = policy(renew_before="20d", windows=[SUNDAYS])
    now = opening - timedelta(hours=6)
    assert decide(due, life(expires_at=opening + DEADLINE), now).deferred == (
        "outside its window, opens in 6 h (2026-12-20T02:00:00Z);"
        " due: 25 d old, renew_before 20 d, expires 2026-12-22T02:00:00Z"
    )
    assert decide(due, life(expires_at=opening + DEADLINE - SECOND), now).reason == (
        "expires 2026-12-22T01:59:59Z, too soon to wait: outside its window, opens in 6 h (2026-12-20T02:00:00Z)"
    )
    assert decide(due, life(expires_at=opening + DEADLINE - SECOND), opening).reason == (
        "25 d old, renew_before 20 d, expires 2026-12-22T01:59:59Z"
    )


def test_deadline_holds_for_triggers() -> None:
    changed = policy(triggers={"a": "2"}, windows=[SUNDAYS], renew_before="7d")
    expiring = seen(a="1").model_copy(update={"expires_at": day(6)})
    assert decide(changed, expiring, day(1)).reason == (
        "expires 2026-11-30T12:00:00Z, too soon to wait: outside its window, opens in 3 d (2026-11-29T02:00:00Z)"
    )
    assert decide(changed, seen(a="1"), day(1)) == Decision(
        deferred="outside its window, opens in 3 d (2026-11-29T02:00:00Z); due: trigger changed: a"
    )


def test_previous_secret_defers_scheduled_rotation() -> None:
    graced = life(previous_expires_at=day(95))
    assert decide(policy(max_age="90d"), graced, day(91)) == Decision(
        deferred=f"previous secret in grace until 2027-02-27T12:00:00Z; due: {DUE}"
    )
    assert decide(policy(max_age="90d"), graced, day(95) - SECOND).reason is None
    assert decide(policy(max_age="90d"), graced, day(95)).reason == "95 d old, max_age 90 d"
    assert decide(policy(max_age="90d", rotate_now="INC-2"), graced, day(91)).reason == "rotate_now: INC-2"


def test_freeze_defers() -> None:
    frozen = policy(max_age="90d", freeze=["2027-02-20/2027-02-24", "2027-02-25"])
    assert decide(frozen, life(), day(91)) == Decision(deferred=f"frozen until 2027-02-26T00:00:00Z; due: {DUE}")
    assert decide(frozen, life(), datetime(2027, 2, 26, tzinfo=UTC)).reason == "93 d old, max_age 90 d"
    # Frozen and outside its window, it is the freeze that is told.
    assert decide(policy(**ALL), life(), day(91)).deferred == f"frozen until 2027-03-11T00:00:00Z; due: {DUE}"


def test_window_defers() -> None:
    sundays = policy(max_age="90d", windows=[SUNDAYS])
    opening = datetime(2027, 2, 28, 2, tzinfo=UTC)
    assert decide(sundays, life(), day(91)) == Decision(
        deferred=f"outside its window, opens in 4 d (2027-02-28T02:00:00Z); due: {DUE}"
    )
    assert decide(sundays, life(), opening - SECOND).reason is None
    assert decide(sundays, life(), opening).reason == "95 d old, max_age 90 d"
    assert decide(sundays, life(), opening + timedelta(hours=4) - SECOND).reason == "95 d old, max_age 90 d"
    assert decide(sundays, life(), opening + timedelta(hours=4)).reason is None


def test_window_covered_by_a_freeze() -> None:
    assert decide(policy(max_age="90d", windows=[SUNDAYS], freeze=["2027-02-28"]), life(), day(91)).deferred == (
        f"outside its window, opens in 11 d (2027-03-07T02:00:00Z); due: {DUE}"
    )


def test_window_that_never_opens_again() -> None:
    # The last 29th of February of the millennium's cron library's horizon is fine; this one cannot come at all.
    never = Window.model_construct(cron="0 0 */29 2 MON#2", timezone="UTC", duration=timedelta(hours=1))
    lost = Policy.model_construct(max_age=90 * DAY, windows=(never,))
    assert decide(lost, life(), day(91)) == Decision(
        deferred=f"outside its window, which never opens again; due: {DUE}"
    )
    assert decide(lost, life(expires_at=day(500)), day(400)).reason == (
        "expires 2028-04-07T12:00:00Z, too soon to wait: outside its window, which never opens again"
    )


MOMENTS = st.none() | st.integers(-100, 200).map(lambda hours: MINTED + timedelta(days=90, hours=hours))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "max_age": st.just("90d"),
            "windows": st.just([SUNDAYS]),
            "freeze": st.just(["2027-02-21/2027-02-23"]),
            "paused": st.booleans(),
            "rotate_now": st.sampled_from(["INC-1", "INC-2"]),
            "triggers": st.sampled_from([{"a": "1"}, {"a": "hush"}]),
            "grace": st.sampled_from(["0s", "5d"]),
        },
    ),
    MOMENTS,
    MOMENTS,
    st.integers(-100, 200),
)
def test_decide_follows_the_order(
    fields: dict[str, Any], expires_at: datetime | None, previous: datetime | None, hours: int
) -> None:
    rules = policy(**fields)
    alive = life(
        expires_at=expires_at,
        previous_expires_at=previous,
        rotation=AppliedPolicy(triggers={"a": "1"}, rotate_now="INC-1"),
    )
    now = MINTED + timedelta(days=90, hours=hours)
    decision = decide(rules, alive, now)
    assert decision.reason is None or decision.deferred is None
    assert "hush" not in str(decision)
    asked = fields.get("rotate_now") == "INC-2"
    if rules.paused:
        assert decision.reason is None
    elif asked:
        assert decision.reason == "rotate_now: INC-2"
    assert decision.compromised == (decision.reason is not None and asked and fields.get("grace") == "0s")
    if decision.deferred is not None and expires_at is not None and not rules.paused:
        assert expires_at > now
    if decision.reason and not asked and "too soon" not in decision.reason:
        assert previous is None or previous <= now
        assert not rules.windows or (now.isoweekday() == 7 and 2 <= now.hour < 6)
        assert not rules.freeze or not 21 <= now.day <= 23
    if decision.reason and "too soon" in decision.reason:
        assert expires_at is not None


# -- validation ----------------------------------------------------------------------------------------------


NO_CRON = "must be five fields: minute, hour, day of month, month, day of week"
NO_DATE = "must be a date, like 2026-12-24, or two, like 2026-12-20/2027-01-05"
NO_ZONE = "is not an IANA time zone, such as Europe/Sofia or UTC"
VAGUE = "is in months or years, which have no fixed length: write weeks or days, like 90d"
WEEKLY = [SUNDAYS]


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"max_age": "30d", "renew_before": "30d"}, "renew_before", "must be shorter than max_age (30d)"),
        ({"max_age": "30d", "grace": "40d"}, "grace", "must be shorter than max_age (30d)"),
        ({"max_age": "30d", "jitter": "P30D"}, "jitter", "must be shorter than max_age (30d)"),
        ({"max_age": "59m59s"}, "max_age", "must be from 1h to 3660d"),
        ({"max_age": "3660d1s"}, "max_age", "must be from 1h to 3660d"),
        ({"renew_before": "59m"}, "renew_before", "must be from 1h to 3660d"),
        ({"renew_before": "3661d"}, "renew_before", "must be from 1h to 3660d"),
        ({"grace": "367d"}, "grace", "must be from 0s to 366d"),
        ({"jitter": "367d"}, "jitter", "must be from 0s to 366d"),
        ({"max_age": "P3M"}, "max_age", VAGUE),
        ({"max_age": 90.0}, "max_age", "must be a text with a unit, like 90d"),
        ({"windows": [SUNDAYS, SUNDAYS | {"cron": "x"}]}, "windows[1].cron", NO_CRON),
        ({"windows": [SUNDAYS | {"timezone": "Mars"}]}, "windows[0].timezone", NO_ZONE),
        ({"windows": WEEKLY, "renew_before": "6d20h"}, "windows", "can stay closed for renew_before (6d20h) or longer"),
        ({"windows": WEEKLY, "max_age": "5d"}, "windows", "can stay closed for max_age (5d) or longer"),
        ({"freeze": ["2026-12-24", "24.12."]}, "freeze[1]", NO_DATE),
        ({"freeze": ["2026-02-30"]}, "freeze[0]", NO_DATE),
        ({"freeze": ["20261224"]}, "freeze[0]", NO_DATE),
        ({"freeze": ["2026-12-24/"]}, "freeze[0]", NO_DATE),
        ({"freeze": ["2027-01-05/2026-12-20"]}, "freeze[0]", "ends before it begins"),
        ({"rotate_now": "INC-1\n::error::"}, "rotate_now", "must be one line of printable text"),
        ({"rotate_now": ""}, "rotate_now", "must not be empty"),
        ({"rotate_now": "x" * 257}, "rotate_now", "must have at most 256 characters"),
        ({"triggers": {str(n): n for n in range(65)}}, "triggers", "must have at most 64 members"),
        ({"windows": WEEKLY * 17}, "windows", "must have at most 16 members"),
        ({"freeze": ["2026-12-24"] * 65}, "freeze", "must have at most 64 members"),
        ({"max_gae": "90d"}, "max_gae", "is not an argument of this resource: did you mean max_age?"),
    ],
)  # fmt: skip
def test_policy_refused_with_path_and_reason(fields: dict[str, Any], path: str, reason: str) -> None:
    assert problems(Policy, fields, lambda _: False) == [(path, reason)]


@pytest.mark.parametrize(
    "fields",
    [
        {"max_age": "1h"}, {"max_age": "3660d"}, {"renew_before": "1h"}, {"grace": "0s"}, {"grace": "366d"},
        {"jitter": "366d"},
        {"max_age": "30d", "renew_before": "29d23h", "grace": "29d", "jitter": "29d"},
        {"windows": [SUNDAYS], "renew_before": "6d20h1s", "max_age": "7d"},
        {"windows": [SUNDAYS]}, {"freeze": ["2026-12-24/2026-12-24"]}, {"rotate_now": "x" * 256},
        {"triggers": {str(n): n for n in range(64)}, "windows": WEEKLY * 16, "freeze": ["2026-12-24"] * 64},
    ],
)  # fmt: skip
def test_policy_accepted(fields: dict[str, Any]) -> None:
    assert problems(Policy, fields, lambda _: False) == []


UNKNOWN = object()


@pytest.mark.parametrize("name", ["max_age", "renew_before", "grace", "jitter", "rotate_now", "paused"])
def test_policy_with_unknowns_is_checked_later(name: str) -> None:
    fields = {"max_age": "30d", "renew_before": "10d", name: UNKNOWN}
    assert problems(Policy, fields, lambda value: value is UNKNOWN) == []


@pytest.mark.parametrize(
    ("fields", "mints"),
    [
        ({}, False),
        ({"triggers": {"a": "1"}}, True),
        ({"max_age": "90d"}, True),
        ({"renew_before": "14d"}, True),
        ({"rotate_now": "INC-1"}, True),
        ({"on_adopt": "rotate"}, True),
        ({"on_adopt": "keep"}, False),
        ({"windows": [SUNDAYS], "freeze": ["2026-12-24"], "grace": "1d", "jitter": "1d", "paused": True}, False),
    ],
)
def test_policy_mints(fields: dict[str, Any], mints: bool) -> None:  # noqa: FBT001 - a parameter
    assert policy(**fields).mints is mints


def test_policy_round_trip() -> None:
    rules = policy(
        max_age="720h30m",
        renew_before="P10D",
        grace="PT24H",
        jitter="0s",
        freeze=["2026-12-24/2026-12-24", "2026-12-30/2027-01-02"],
    )
    written = rules.model_dump(mode="json", exclude_defaults=True)
    assert written == {
        "max_age": "30d30m", "renew_before": "10d", "grace": "1d", "jitter": "0s",
        "freeze": ["2026-12-24", "2026-12-30/2027-01-02"],
    }  # fmt: skip
    assert policy(**written) == rules


def test_policy_fields_are_described() -> None:
    schema = Policy.model_json_schema()
    for model in (schema, schema["$defs"]["Window"]):
        assert all(field.get("description") for field in model["properties"].values())
        assert all(
            field.get("examples")
            for field in model["properties"].values()
            if "string" in str(field) and "enum" not in str(field)
        )


# -- warnings ------------------------------------------------------------------------------------------------


def test_warnings_none_without_windows() -> None:
    assert warnings(policy(max_age="90d", renew_before="1h"), day(0)) == []


def test_warnings_of_a_window_no_daily_run_meets() -> None:
    sundays = policy(windows=[SUNDAYS], renew_before="14d")
    assert warnings(sundays, datetime(2026, 11, 24, 3, tzinfo=UTC)) == []
    assert warnings(sundays, datetime(2026, 11, 24, 12, 30, tzinfo=UTC)) == [
        "windows: a daily run at this time of day (12:30 UTC) never finds one open"
    ]


@pytest.mark.parametrize(("renew_before", "warned"), [("6d21h", True), ("8d20h", True), ("8d20h1s", False)])
def test_warnings_of_a_window_just_in_time(renew_before: str, warned: bool) -> None:  # noqa: FBT001 - a parameter
    found = warnings(policy(windows=[SUNDAYS], renew_before=renew_before), datetime(2026, 11, 24, 3, tzinfo=UTC))
    assert [text.partition(":")[0] for text in found] == (["renew_before"] if warned else [])


def test_warnings_of_renew_before_within_the_deadline() -> None:
    hourly, nightly = {"cron": "0 * * * *", "duration": "1h"}, {"cron": "0 10 * * *", "duration": "4h"}
    assert warnings(policy(windows=[hourly], renew_before="1h"), day(0)) == []
    assert warnings(policy(windows=[nightly], renew_before="1d"), day(0)) == [
        "renew_before: 1 d is short for these windows: where none opens 2 d before it expires, the credential rotates"
        " outside of them"
    ]


# -- the same block in a program -----------------------------------------------------------------------------


def test_rotation_arguments_are_the_policys_fields() -> None:
    # The user gives neither: a turn is what Pair gives each of its two sides.
    added = ["rotate_now_is_secret", "turn"]
    assert [*(field.name for field in dataclasses.fields(Rotation)), *added] == list(Policy.model_fields)
    assert [field.name for field in dataclasses.fields(pulumi_rekey.Window)] == list(Window.model_fields)
    assert pulumi_rekey.Rotation is Rotation
    for block in (Rotation, pulumi_rekey.Window):
        assert all(f":param {field.name}:" in (block.__doc__ or "") for field in dataclasses.fields(block))


def test_rotation_defaults_are_the_policys() -> None:
    assert Rotation().properties() == {}
    assert policy(**Rotation().properties()) == Policy()
    assert pulumi_rekey.Window.__dataclass_fields__["timezone"].default == Window.model_fields["timezone"].default
    assert Policy().verify
    assert not Policy().paused


def test_rotation_reaches_the_provider_whole() -> None:
    said = Rotation(
        triggers={"release": 7},
        max_age="90d",
        renew_before="14d",
        grace="24h",
        windows=[
            pulumi_rekey.Window(cron="0 2 * * SUN", timezone="Europe/Sofia", duration="4h"),
            pulumi_rekey.Window(cron="0 2 * * WED", duration="PT2H"),
        ],
        jitter="3d",
        freeze=("2026-12-20/2027-01-05",),
        paused=True,
        rotate_now="INC-4711",
        on_adopt="rotate",
        verify=False,
    ).properties()
    assert said.keys() == Policy.model_fields.keys() - {"turn"}
    assert said["windows"][1] == {"cron": "0 2 * * WED", "duration": "PT2H"}
    assert policy(**said).model_dump(mode="json") == {
        "triggers": {"release": "7"},
        "max_age": "90d",
        "renew_before": "14d",
        "grace": "1d",
        "windows": [
            {"cron": "0 2 * * SUN", "timezone": "Europe/Sofia", "duration": "4h"},
            {"cron": "0 2 * * WED", "timezone": "UTC", "duration": "2h"},
        ],
        "jitter": "3d",
        "freeze": ["2026-12-20/2027-01-05"],
        "paused": True,
        "rotate_now": "INC-4711",
        "on_adopt": "rotate",
        "verify": False,
        "rotate_now_is_secret": False,
        "turn": None,
    }


def test_reason_shows_moments_in_utc() -> None:
    east = datetime.fromisoformat("2027-02-24T14:00:00+02:00")
    assert f"expires {rfc3339(east)}" == EXPIRES
    assert as_text(DEADLINE) == "2d"
    assert decide(Policy(), life(expires_at=east), day(91)).reason == f"91 d old, two thirds of its life, {EXPIRES}"
