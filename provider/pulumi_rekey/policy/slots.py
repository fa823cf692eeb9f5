"""Turns: two credentials of a pair rotate alternately, each in slots of its own.

Time is cut into slots of equal length, counted from 1970 in UTC, which belong to blue and green in turn. So no state
and no agreement is needed, and whatever was missed, the two never rotate in one run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from ..model import Model
from .durations import Duration, within

Side = Literal["blue", "green"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES: Final[tuple[Side, Side]] = ("blue", "green")
#: The part of a slot in which its side may rotate: consumers have the rest before the other side may.
_USABLE: Final = 3 / 4


class Turn(Model):
    """Which side of a pair a credential is, and how long a slot lasts."""

    every: Annotated[Duration, within("1d", "366d")] = Field(
        description="How long a slot lasts, from 1d to 366d: a secret is current for one and previous for the next.",
        examples=["90d"],
    )
    side: Side = Field(description="Whose slots are its own.")

    @property
    def usable(self) -> timedelta:
        """How long from the beginning of its slot a side may rotate."""
        return self.every * _USABLE

    def slot_at(self, moment: datetime) -> tuple[datetime, Side]:
        """Return when the slot that holds a moment began, and whose it is."""
        number = (moment - _EPOCH) // self.every
        return _EPOCH + number * self.every, _SIDES[number % 2]

    def begins_after(self, moment: datetime) -> datetime:
        """Return when this side's first slot after a moment begins."""
        began, whose = self.slot_at(moment)
        return began + (2 if whose == self.side else 1) * self.every

    def allows(self, rotated_at: datetime, moment: datetime) -> bool:
        """Tell whether a side that last rotated then may rotate at a moment: once a slot, never in its last quarter."""
        began, whose = self.slot_at(moment)
        return whose == self.side and rotated_at < began and moment < began + self.usable
