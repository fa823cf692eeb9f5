"""Windows over daylight-saving changes, judged by a plain reading of cron that shares nothing with the code."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pulumi_rekey.policy.windows import (
    Freeze,
    Window,
    allowed_from,
    can_stay_closed,
    frozen_until,
    is_open,
    met_by_a_daily_run,
)
from pydantic import ValidationError

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ZONES = ["Europe/Sofia", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(cron: str, duration: str = "1h", timezone: str = "UTC") -> Window:
    return Window.model_validate({"cron": cron, "duration": duration, "timezone": timezone})


# -- the plain reading: every minute is looked at ------------------------------------------------------------------

FIELDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, dash, last = (str(low), "-", str(high)) if span == "*" else span.partition("-")
        found |= set(range(int(first), int(last if dash else first) + 1, int(step or 1)))
    return found


def matcher(cron: str) -> Callable[[datetime], bool]:
    fields = cron.split()
    minute, hour, day, month, weekday = (values(field, *bounds) for field, bounds in zip(fields, FIELDS, strict=True))
    both = fields[2].startswith("*") or fields[4].startswith("*")

    def matches(wall: datetime) -> bool:
        if not (wall.minute in minute and wall.hour in hour and wall.month in month):
            return False
        on_day, on_weekday = wall.day in day, bool(weekday & {wall.isoweekday(), wall.isoweekday() % 7})
        return (on_day and on_weekday) if both else (on_day or on_weekday)

    return matches


def openings(window: Window, start: datetime, end: datetime) -> list[datetime]:
    """All openings after the start, until the end: minutes at which a clock shows a match first, or has skipped one."""
    matches, zone = matcher(window.cron), ZoneInfo(window.timezone)
    moment = start.replace(second=0, microsecond=0)
    shown, found = moment.astimezone(zone).replace(tzinfo=None), []
    while (moment := moment + MINUTE) <= end:
        local = moment.astimezone(zone)
        before, shown = shown, local.replace(tzinfo=None)
        passed = [before + MINUTE * k for k in range(1, (shown - before) // MINUTE)]
        if not local.fold and (matches(shown) or any(map(matches, passed))):
            found.append(moment)
    return found


@cache
def changes(zone: str) -> list[datetime]:
    """The moments in 2026 and 2027 at which the zone's clock jumps."""
    tz, start = ZoneInfo(zone), at("2026-01-01")
    hours = [start + timedelta(hours=k) for k in range(2 * 365 * 24)]
    return [hour for hour in hours if hour.astimezone(tz).utcoffset() != (hour - MINUTE).astimezone(tz).utcoffset()]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.integers(1, max(2, (high - low) // 2)).map(lambda step: f"*/{step}")
    return st.one_of(
        st.just("*"),
        number.map(str),
        span,
        step,
        st.lists(number, min_size=2, max_size=3).map(lambda ns: ",".join(map(str, ns))),
    )


#: Mostly close to the hours in which clocks change.
CRON = st.tuples(
    field(0, 59),
    st.one_of(st.sampled_from(["1", "2", "3", "*", "1-2", "2,3", "*/2"]), field(0, 23)),
    st.one_of(st.just("*"), field(1, 28)),
    st.just("*"),
    st.one_of(st.just("*"), field(0, 7)),
).map(" ".join)
DURATION = st.integers(10, 1500).map(lambda minutes: f"{minutes}m")


@st.composite
def windows_and_moments(draw: st.DrawFn) -> tuple[Window, datetime]:
    zone = draw(st.sampled_from(ZONES))
    near = draw(st.sampled_from(changes(zone) or [at("2026-03-29")]))
    moment = near + timedelta(seconds=draw(st.integers(-86400, 86400)))
    return window(draw(CRON), draw(DURATION), zone), moment


HOWE = window("*/10 2 * * *", "10m", "Australia/Lord_Howe")


@given(windows_and_moments())
@example((HOWE, at("2026-04-04T14:50")))
@example((HOWE, at("2026-04-04T15:00")))
@example((window("30 2 * * *", "1h", "Europe/Sofia"), at("2026-03-29T00:59:59")))
@example((window("30 3 * * *", "1h", "Europe/Sofia"), at("2026-03-29T00:59:59")))
@example((window("30 3 * * *", "1h", "Europe/Sofia"), at("2026-03-29T01:00:00")))
@example((window("30 3 * * *", "1h", "Europe/Sofia"), at("2026-10-25T00:45:00")))
@example((window("30 3 * * *", "1h", "Europe/Sofia"), at("2026-10-25T01:15:00")))
@settings(max_examples=150, deadline=None)
def test_openings_are_those_of_a_minute_by_minute_search(case: tuple[Window, datetime]) -> None:
    window, now = case
    horizon = DAY
    around = openings(window, now - horizon, now + horizon)
    later = [opening for opening in around if opening > now]
    earlier = [opening for opening in around if opening <= now]
    found, last = window.next_opening(now), window.last_opening(now)
    assert found is not None
    assert last is not None
    assert found == later[0] if later else found > now + horizon - MINUTE
    assert last == earlier[-1] if earlier else last < now - horizon + MINUTE
    assert window.is_open(now) == any(opening <= now < opening + window.duration for opening in earlier)
    assert window.is_open(found)
    assert window.is_open(found + window.duration - timedelta(seconds=1))


@given(windows_and_moments())
@settings(max_examples=60, deadline=None)
def test_window_closes_when_its_duration_is_over(case: tuple[Window, datetime]) -> None:
    window, now = case
    opening = window.next_opening(now)
    assert opening is not None
    closing = opening + window.duration
    following = window.next_opening(opening)
    assert following is not None
    assert window.is_open(closing) == (following <= closing)
    assert window.is_open(opening - timedelta(seconds=1)) == (
        (last := window.last_opening(opening - timedelta(seconds=1))) is not None and opening <= last + window.duration
    )


@given(windows_and_moments())
@settings(max_examples=30, deadline=None)
def test_openings_are_the_same_in_both_directions(case: tuple[Window, datetime]) -> None:
    window, now = case
    forwards = [now]
    for _ in range(6):
        following = window.next_opening(forwards[-1])
        assert following is not None
        forwards.append(following)
    backwards = [window.last_opening(forwards[-1])]
    while len(backwards) < 6 and backwards[-1] is not None:
        backwards.append(window.last_opening(backwards[-1] - timedelta(microseconds=1)))
    assert backwards == forwards[:0:-1]


# -- examples --------------------------------------------------------------------------------------------------------


def test_clock_change_skips_a_time() -> None:
    # On 2026-03-29 Sofia's clock goes from 03:00 to 04:00, at 01:00 UTC.
    assert window("30 3 * * *", timezone="Europe/Sofia").next_opening(at("2026-03-29T00:00")) == at("2026-03-29T01:00")


def test_clock_change_repeats_a_time() -> None:
    # On 2026-10-25 Sofia's clock goes from 04:00 back to 03:00, at 01:00 UTC.
    nightly = window("30 3 * * *", timezone="Europe/Sofia")
    assert nightly.next_opening(at("2026-10-25T00:00")) == at("2026-10-25T00:30")
    assert nightly.next_opening(at("2026-10-25T00:30")) == at("2026-10-26T01:30")
    assert nightly.is_open(at("2026-10-25T01:29:59"))
    assert not nightly.is_open(at("2026-10-25T01:30"))


def test_clock_change_of_half_an_hour() -> None:
    # On 2026-04-05 Lord Howe's clock goes from 02:00 back to 01:30, at 15:00 UTC the day before.
    found = [HOWE.next_opening(at("2026-04-04T14:00"))]
    for _ in range(2):
        assert found[-1] is not None
        found.append(HOWE.next_opening(found[-1]))
    assert found == [at("2026-04-04T15:30"), at("2026-04-04T15:40"), at("2026-04-04T15:50")]


def test_timezone_with_half_hours() -> None:
    assert window("0 2 * * *", timezone="Asia/Kolkata").next_opening(at("2026-06-01T00:00")) == at("2026-06-01T20:30")


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-11-29T02:00", True),
        ("2026-11-29T05:59:59", True),
        ("2026-11-29T06:00", False),
        ("2026-11-29T01:59:59", False),
    ],
)
def test_window_includes_its_opening_and_not_its_end(moment: str, opened: bool) -> None:  # noqa: FBT001 - a parameter
    assert window("0 2 * * SUN", "4h").is_open(at(moment)) is opened


@pytest.mark.parametrize(
    ("fields", "place", "reason"),
    [
        ({"cron": "0 2 * *"}, "cron", "must be five fields"),
        ({"cron": "0 0 2 * * *"}, "cron", "must be five fields"),
        ({"cron": "61 2 * * *"}, "cron", "does not parse: bad minute"),
        ({"cron": "0 2 * * FUNDAY"}, "cron", "does not parse: bad day-of-week"),
        ({"cron": "0 0 30 2 *"}, "cron", "does not parse: bad day-of-month"),
        ({"cron": "0 0 */29 2 MON#2"}, "cron", "never opens"),
        ({"timezone": "Europe/Nowhere"}, "timezone", "is not an IANA time zone"),
        ({"timezone": "Europe"}, "timezone", "is not an IANA time zone"),
        ({"timezone": "localtime"}, "timezone", "is not an IANA time zone"),
        ({"timezone": "/etc/localtime"}, "timezone", "is not an IANA time zone"),
        ({"timezone": "../Europe/Sofia"}, "timezone", "is not an IANA time zone"),
        ({"timezone": ""}, "timezone", "is not an IANA time zone"),
        ({"duration": "9m59s"}, "duration", "must be from 10m to 31d"),
        ({"duration": "31d1s"}, "duration", "must be from 10m to 31d"),
        ({"duration": "P1M"}, "duration", "have no fixed length"),
    ],
)
def test_window_refused_with_path_and_reason(fields: dict[str, str], place: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Window.model_validate({"cron": "0 2 * * *", "duration": "4h", **fields})
    (error,) = refused.value.errors()
    assert error["loc"] == (place,)
    assert reason in error["msg"]


@pytest.mark.parametrize(
    "timezone", ["UTC", "Europe/Sofia", "Etc/GMT+5", "America/Argentina/Ushuaia", "America/Port-au-Prince"]
)
def test_timezone_in_every_spelling(timezone: str) -> None:
    assert window("0 2 * * *", timezone=timezone).timezone == timezone


@pytest.mark.parametrize("duration", ["10m", "31d"])
def test_duration_includes_the_bounds(duration: str) -> None:
    window("0 2 * * *", duration)


def test_window_round_trip() -> None:
    assert window("0 2 * * SUN", "PT4H", "Europe/Sofia").model_dump(mode="json") == {
        "cron": "0 2 * * SUN",
        "timezone": "Europe/Sofia",
        "duration": "4h",
    }


# -- freezes, and all together -----------------------------------------------------------------------------------------


def freeze(first: str, last: str | None = None) -> Freeze:
    return Freeze(at(first).date(), at(last or first).date())


XMAS = freeze("2026-12-20", "2027-01-05")


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-12-19T23:59:59", None),
        ("2026-12-20T00:00", "2027-01-06T00:00"),
        ("2027-01-05T23:59:59", "2027-01-06T00:00"),
        ("2027-01-06T00:00", None),
    ],
)
def test_freeze_includes_its_first_and_last_day(moment: str, until: str | None) -> None:
    assert XMAS.until(at(moment)) == (at(until) if until else None)


def test_freezes_that_adjoin_are_one() -> None:
    apart = (freeze("2027-01-09"), freeze("2027-01-06", "2027-01-07"), XMAS, freeze("2026-12-25"))
    assert frozen_until(apart, at("2026-12-21T12:00")) == at("2027-01-08T00:00")
    assert frozen_until(apart, at("2027-01-08T12:00")) is None
    assert frozen_until((), at("2027-01-08T12:00")) is None


def test_allowed_is_in_a_window_and_not_frozen() -> None:
    sundays = (window("0 2 * * SUN", "4h"),)
    assert allowed_from((), (), at("2026-12-21T12:00")) == at("2026-12-21T12:00")
    assert allowed_from((), (XMAS,), at("2026-12-21T12:00")) == at("2027-01-06T00:00")
    assert allowed_from(sundays, (), at("2026-12-20T03:00")) == at("2026-12-20T03:00")
    assert allowed_from(sundays, (), at("2026-12-20T06:00")) == at("2026-12-27T02:00")
    assert allowed_from(sundays, (XMAS,), at("2026-12-20T03:00")) == at("2027-01-10T02:00")
    # A freeze that ends inside a window leaves the rest of it.
    assert allowed_from((window("0 22 * * *", "4h"),), (XMAS,), at("2026-12-20T03:00")) == at("2027-01-06T00:00")
    # The next opening is frozen, the one after it is not.
    assert allowed_from(sundays, (freeze("2026-11-29"),), at("2026-11-25T00:00")) == at("2026-12-06T02:00")


def test_allowed_in_any_of_several_windows() -> None:
    both = (window("0 2 * * SUN", "4h"), window("0 12 * * WED", "1h"))
    assert allowed_from(both, (), at("2026-11-24T00:00")) == at("2026-11-25T12:00")
    assert allowed_from(both, (), at("2026-11-26T00:00")) == at("2026-11-29T02:00")
    assert is_open(both, at("2026-11-25T12:30"))
    assert not is_open(both, at("2026-11-25T13:00"))
    assert not is_open((), at("2026-11-25T13:00"))


@given(windows_and_moments(), CRON, st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2)), max_size=3))
@settings(max_examples=60, deadline=None)
def test_next_allowed_is_the_first_moment(
    case: tuple[Window, datetime], other: str, days: list[tuple[int, int]]
) -> None:
    first, now = case
    windows = (first, window(other, "30m"))
    freezes = tuple(Freeze((now + DAY * a).date(), (now + DAY * (a + b)).date()) for a, b in days)

    def allowed(moment: datetime) -> bool:
        frozen = any(freeze.first <= moment.date() <= freeze.last for freeze in freezes)
        return not frozen and any(window.is_open(moment) for window in windows)

    found = allowed_from(windows, freezes, now)
    assert found is not None
    assert allowed(found)
    assert found == now or not any(allowed(now + (found - now) * k / 40) for k in range(40))
    assert found == now or not allowed(found - timedelta(seconds=1))


WEEKLY = window("0 2 * * SUN", "4h")  # closed for 6d20h
WEEKDAYS = window("0 8 * * 1-5", "10h")  # closed from Friday 18:00 to Monday 08:00, 62h


@pytest.mark.parametrize(
    ("windows", "hours", "stays"),
    [
        ((WEEKLY,), 6 * 24 + 20, True),
        ((WEEKDAYS,), 62, True),
        ((WEEKLY, WEEKDAYS), 36, False),  # from Friday 18:00 to Sunday 02:00 it is 32h
        ((WEEKLY, WEEKDAYS), 32, True),
        ((window("0 0 * * *", "24h"),), 1, False),
        ((window("0 0 1 1 *", "1h"),), 365 * 24, True),
        ((window("0 0 29 2 *", "1h"),), 366 * 24, True),
        ((window("0 0 1 * *", "31d"),), 1, False),
        ((window("*/10 * * 1-6,8-12 *", "10m"),), 31 * 24, True),  # closed in July
        ((window("*/10 * * 1-6,8-12 *", "10m"),), 32 * 24, False),
    ],
)
def test_longest_closed_time(windows: tuple[Window, ...], hours: int, stays: bool) -> None:  # noqa: FBT001 - a parameter
    span = timedelta(hours=hours)
    assert can_stay_closed(windows, span) is stays
    if stays and hours < 365 * 24:
        assert not can_stay_closed(windows, span + timedelta(seconds=1))


def test_longest_closed_time_over_clock_change() -> None:
    nightly = (window("0 2 * * *", "4h", "Europe/Sofia"),)
    assert can_stay_closed(nightly, timedelta(hours=21))
    assert not can_stay_closed(nightly, timedelta(hours=21, seconds=1))


@pytest.mark.parametrize(
    ("windows", "time", "met"),
    [
        ((window("0 2 * * SUN", "4h"),), "2026-11-24T05:59", True),
        ((window("0 2 * * SUN", "4h"),), "2026-11-24T02:00", True),
        ((window("0 2 * * SUN", "4h"),), "2026-11-24T06:00", False),
        ((window("0 2 * * SUN", "4h"),), "2026-11-24T01:59", False),
        ((window("0 2 * * SUN", "24h"),), "2026-11-24T12:00", True),
        ((window("0 2 * * SUN", "4h"), window("0 12 1 * *", "1h")), "2026-11-24T12:30", True),
        # Two in the morning in Sofia is midnight UTC in winter and 23:00 in summer.
        ((window("0 2 * * *", "30m", "Europe/Sofia"),), "2026-11-24T23:15", True),
        ((window("0 2 * * *", "30m", "Europe/Sofia"),), "2026-11-24T00:45", False),
        ((window("0 2 * 3 *", "4h"),), "2026-11-24T03:00", True),
    ],
)
def test_daily_run_meets_a_window(windows: tuple[Window, ...], time: str, met: bool) -> None:  # noqa: FBT001 - a parameter
    assert met_by_a_daily_run(windows, at(time)) is met


def test_imports_without_windows_hold_no_cron() -> None:
    program = (
        "import sys; from datetime import datetime, UTC; "
        "from pulumi_rekey.policy.model import *; from pulumi_rekey.policy.decide import *;"
        "policy = Policy(max_age='30d'); now = datetime(2027, 1, 1, tzinfo=UTC);"
        "assert decide(policy, RotationState(rotated_at=datetime(2026, 1, 1, tzinfo=UTC)), now).reason;"
        "warnings(policy, now);"
        "sys.exit('cronsim' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
