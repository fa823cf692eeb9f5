"""The axis of the report's timelines: monotone, wide around now, and with labels that are true."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.cli.report_axis import Axis, axis
from pulumi_rekey.cli.report_timeline import rhythm
from pulumi_rekey.policy.windows import Window

from .estate import NOW, estate

DAY = timedelta(days=1)
AXES = st.builds(lambda before, after: Axis(NOW, before * DAY, after * DAY), st.integers(7, 800), st.integers(30, 3000))
MOMENTS = st.floats(-4000, 4000).map(lambda days: NOW + days * DAY)


@given(AXES, MOMENTS, MOMENTS)
def test_axis_never_places_a_later_moment_further_left(along: Axis, one: datetime, other: datetime) -> None:
    first, last = sorted([one, other])
    assert 0 <= along.place(first) <= along.place(last) <= 100


def test_axis_places_its_ends_at_the_edges() -> None:
    along = Axis(NOW, 90 * DAY, 365 * DAY)
    assert [along.place(NOW - 90 * DAY), along.place(NOW + 365 * DAY)] == [0, 100]
    assert along.place(NOW - 4000 * DAY) == 0
    assert not along.shows(NOW + 366 * DAY)


def test_axis_gives_the_weeks_around_now_their_width_beside_a_year() -> None:
    """On a linear axis the next four weeks would be 6 % of this picture."""
    along = Axis(NOW, 90 * DAY, 365 * DAY)
    assert along.place(NOW + 28 * DAY) - along.place(NOW) > 25
    assert along.place(NOW + 7 * DAY) - along.place(NOW) > 10
    assert along.place(NOW + 365 * DAY) - along.place(NOW + 337 * DAY) < 2


def test_axis_of_a_report_holds_what_it_shows_up_to_a_bound() -> None:
    along = axis(estate())
    assert along.now == NOW
    for _, row in estate().rows:
        s = row.credential.state
        assert all(along.shows(moment) for moment in (s.rotated_at, s.expires_at, row.due) if moment is not None)
    assert along.after < timedelta(days=600)


@given(AXES)
def test_axis_labels_are_true_and_do_not_touch(along: Axis) -> None:
    ticks = list(along.ticks())
    assert [tick.offset for tick in ticks].count("now") == 1
    for tick in ticks:
        days = 0 if tick.offset == "now" else int(tick.offset.replace("\u2212", "-").removesuffix(" d"))
        moment = NOW + days * DAY
        assert tick.place == along.place(moment)
        assert tick.date in {f"{moment.day} {moment:%b}", f"{moment:%b %Y}"}
    for room, shown in ((11, ticks), (15, [tick for tick in ticks if not tick.minor])):
        places = [tick.place for tick in shown]
        assert all(after - before >= room for before, after in pairwise(places))


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 2 * * SUN", "at 02:00 on Sunday for 4 h, Europe/Sofia"),
        ("0 2 * * *", "at 02:00 every day for 4 h, Europe/Sofia"),
        ("30 22 1 * *", "at 22:30 on the first day of every month for 4 h, Europe/Sofia"),
    ],
)
def test_rhythm_of_a_window_is_in_words(cron: str, words: str) -> None:
    window = Window.model_validate({"cron": cron, "timezone": "Europe/Sofia", "duration": "4h"})
    assert rhythm(window) == words
