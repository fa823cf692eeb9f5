"""When a rotation is allowed: windows that open by cron in a time zone, and dates on which everything is frozen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator

from ..model import Model
from .fields import Duration, within

_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
#: The year over which the pattern of windows is judged: a fixed one, so that the same policy is always judged alike.
_YEAR: Final = (datetime(2028, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC))
#: How far, and over how many openings of a window, to look whether a daily run meets one.
_AHEAD: Final = (timedelta(days=366), 400)


class Window(Model):
    """A span of time that opens by cron in a time zone; a rotation is allowed while it is open.

    A time that the clock skips in spring opens the window at the end of the skip; one that the clock shows twice in
    autumn opens it the first time only. The duration is real time, whatever the clock does meanwhile.
    """

    cron: str = Field(
        max_length=128,
        description="When it opens, as five cron fields: minute, hour, day of month, month, day of week."
        " If neither day field starts with a star, either of them is enough.",
        examples=["0 2 * * SUN"],
    )
    timezone: str = Field(
        default="UTC",
        max_length=64,
        description="The IANA time zone of the cron fields.",
        examples=["Europe/Sofia"],
    )
    duration: Annotated[Duration, within("10m", "31d")] = Field(
        description="How long it stays open, from 10m to 31d.", examples=["4h"]
    )

    @field_validator("cron")
    @classmethod
    def _parses(cls, cron: str) -> str:
        # Imported where it is used: a policy without windows does not pay for it.
        from cronsim import CronSim, CronSimError

        if len(cron.split()) != 5:  # noqa: PLR2004 - as the message says
            raise ValueError("must be five fields: minute, hour, day of month, month, day of week")
        try:
            matches = CronSim(cron, _YEAR[0].replace(tzinfo=None))
        except CronSimError as wrong:
            raise ValueError(f"does not parse: {str(wrong).lower()}") from None
        if next(matches, None) is None:
            raise ValueError("never opens")
        return cron

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        # The names of files beside the zones ("localtime", "posixrules") begin with a small letter.
        if re.fullmatch(r"[A-Z][A-Za-z0-9_+/-]*", timezone):
            try:
                ZoneInfo(timezone)
            except (KeyError, ValueError, OSError):
                pass
            else:
                return timezone
        raise ValueError("is not an IANA time zone, such as Europe/Sofia or UTC")

    def next_opening(self, moment: datetime) -> datetime | None:
        """Return the first opening after a moment, in UTC; nothing if it never opens again."""
        from cronsim import CronSim

        # cronsim steps through bare wall times: with a zone of its own it misses openings at a change of half an hour.
        zone = ZoneInfo(self.timezone)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        for match in CronSim(self.cron, wall):
            opening = _real(match, zone)
            if opening > moment:
                return opening
        return None

    def last_opening(self, moment: datetime) -> datetime | None:
        """Return the last opening until a moment, that moment included, in UTC; nothing if there was none."""
        from cronsim import CronSim

        zone = ZoneInfo(self.timezone)
        local = moment.astimezone(zone)
        # Where the clock shows an hour for the second time, all of that hour has been shown before.
        wall = local.replace(tzinfo=None) + timedelta(hours=local.fold, seconds=1)
        for match in CronSim(self.cron, wall, reverse=True):
            opening = _real(match, zone)
            if opening <= moment:
                return opening
        return None

    def closes_after(self, moment: datetime) -> datetime | None:
        """Return when the opening that holds a moment ends, or when the last one before it did."""
        opening = self.last_opening(moment)
        return None if opening is None else opening + self.duration

    def is_open(self, moment: datetime) -> bool:
        """Tell whether a moment lies in the window: its opening does, its end does not."""
        closing = self.closes_after(moment)
        return closing is not None and moment < closing


def _real(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which a clock of the zone first shows a wall time, or has skipped it."""
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall += _MINUTE


_DATE: Final = "2[0-9]{3}-[0-9]{2}-[0-9]{2}"


class Freeze(NamedTuple):
    """Dates in UTC on which nothing rotates, the first and the last included."""

    first: date
    last: date

    def until(self, moment: datetime) -> datetime | None:
        """Return when the freeze that holds a moment ends; nothing if it does not hold it."""
        start = datetime.combine(self.first, time(), UTC)
        end = datetime.combine(self.last, time(), UTC) + _DAY
        return end if start <= moment < end else None


def _freeze(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    first, slash, last = value.partition("/")
    try:
        freeze = Freeze(_date(first), _date(last if slash else first))
    except ValueError:
        raise ValueError("must be a date, like 2026-12-24, or two, like 2026-12-20/2027-01-05") from None
    if freeze.last < freeze.first:
        raise ValueError("ends before it begins")
    return freeze


def _date(text: str) -> date:
    # date.fromisoformat alone takes other spellings too (20261224, 2026-W52-4), which nobody means here.
    if not re.fullmatch(_DATE, text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _freeze_text(freeze: Freeze) -> str:
    return str(freeze.first) if freeze.first == freeze.last else f"{freeze.first}/{freeze.last}"


#: One date or two, as text.
Dates = Annotated[
    Freeze,
    BeforeValidator(_freeze),
    PlainSerializer(_freeze_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE}(/{_DATE})?$"}),
]


def frozen_until(freezes: Iterable[Freeze], moment: datetime) -> datetime | None:
    """Return when the freezes that hold a moment end, adjoining ones together; nothing if none holds it."""
    end = None
    while ends := [until for freeze in freezes if (until := freeze.until(end or moment)) is not None]:
        end = max(ends)
    return end


def is_open(windows: Iterable[Window], moment: datetime) -> bool:
    """Tell whether any of the windows is open."""
    return any(window.is_open(moment) for window in windows)


def allowed_from(windows: tuple[Window, ...], freezes: tuple[Freeze, ...], moment: datetime) -> datetime | None:
    """Return the first moment, this one included, that is in a window and not frozen; nothing if there is none.

    No windows at all means that every moment is in one.
    """
    while True:
        end = frozen_until(freezes, moment)
        if end is not None:
            moment = end
        elif not windows or is_open(windows, moment):
            return moment
        else:
            openings = [opening for window in windows if (opening := window.next_opening(moment)) is not None]
            if not openings:
                return None
            moment = min(openings)


# Asked at every validation, mostly about the same policy on many resources.
@lru_cache(maxsize=128)
def can_stay_closed(windows: tuple[Window, ...], span: timedelta) -> bool:
    """Tell whether there is a stretch at least so long in which none of the windows is open."""
    # A stretch so long holds a second that lies this far from its start; so it is enough to look from each closing.
    reach = span - timedelta(seconds=1)
    moment, end = _YEAR[0] + reach, _YEAR[1] + reach
    while moment < end:
        closings = [closing for window in windows if (closing := window.closes_after(moment)) is not None]
        closing = max(closings, default=_YEAR[0])
        if closing <= moment - reach:
            return True
        moment = closing + reach
    return False


def met_by_a_daily_run(windows: tuple[Window, ...], moment: datetime) -> bool:
    """Tell whether runs at this time of day (UTC), one a day, find any of the windows open within a year."""
    for window in windows:
        opening = window.last_opening(moment)
        for _ in range(_AHEAD[1]):
            if opening is not None and (moment - opening) % _DAY < window.duration:
                return True
            opening = window.next_opening(moment if opening is None else opening)
            if opening is None or opening > moment + _AHEAD[0]:
                break
    return False
