"""Turns: two credentials of a pair rotate alternately, each in slots of its own, and never the one that consumers hold.

Time is cut into slots of equal length, counted from 1970 in UTC, which belong to blue and green in turn. That alone
says when a side is due. Whether consumers hold it is written down: each side keeps, in its own state, the last
handover of consumers that it has made, by number, and of the two the one with the higher number counts. In a run, the
side whose slot it is comes second and is told of the other one, so that it knows both; the first knows nothing, and
hands nothing over. So there is one writer in a run, whatever fails. A run of chosen resources counts as one that knows
nothing: the consumers may be among those that it leaves aside.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, StrictBool
from pydantic.json_schema import SkipJsonSchema

from ..model import OPEN, Model, Moment
from .fields import Duration, within

Side = Literal["blue", "green"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES: Final[tuple[Side, Side]] = ("blue", "green")
#: The part of a slot in which its side may rotate: consumers have the rest before the other side may.
_USABLE: Final = 3 / 4


class Handover(Model):
    """That the consumers of a pair were handed over to a side."""

    model_config = OPEN

    number: int = Field(ge=1, description="The handovers of the pair so far, this one included.")
    to: Side = Field(description="The side that consumers hold from then on.")
    at: Moment = Field(description="When that was.")
    #: Whether a later run of the side that wants to rotate has found it so: one that hands consumers over, or rotates
    #: what they then hold, may have died before it had updated them.
    confirmed: bool = False


class OtherSide(Model):
    """What the side whose slot it is knows of the other one, which the run has brought up to date before it."""

    handover: Handover | None = None
    #: Whether its secret is not certain to work.
    unfinished: StrictBool = False


class Turn(Model):
    """Which side of a pair a credential is, and how long a slot lasts."""

    every: Annotated[Duration, within("1d", "366d")] = Field(
        description="How long a slot lasts, from 1d to 366d: a secret is current for one and previous for the next.",
        examples=["90d"],
    )
    side: Side = Field(description="Whose slots are its own.")
    #: The other side as it is in this run; given to the side whose slot it is.
    other: SkipJsonSchema[OtherSide | None] = None
    #: Whether the run leaves resources of the stack aside: the consumers may be among them.
    partial: SkipJsonSchema[StrictBool] = False

    def in_partial_run(self) -> Turn:
        """Return the turn as a run of chosen resources knows it: it does not show what consumers hold afterwards."""
        return self.model_copy(update={"other": None, "partial": True})

    @property
    def opposite(self) -> Side:
        """The name of the other side."""
        return _SIDES[1 - _SIDES.index(self.side)]

    @property
    def usable(self) -> timedelta:
        """How long from the beginning of its slot a side may rotate."""
        return self.every * _USABLE

    @property
    def settled(self) -> timedelta:
        """How long after consumers were handed over to the one side the other one may rotate at the earliest.

        Several runs in a row may die before they have updated the consumers; people have so long to repeat them.
        """
        return self.every - self.usable

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

    def last_handover(self, own: Handover | None) -> Handover | None:
        """Return the pair's last handover, as far as this side knows."""
        found = [own, self.other.handover if self.other else None]
        return max((one for one in found if one is not None), key=lambda one: one.number, default=None)

    def rests_since(self, own: Handover | None, moment: datetime) -> datetime | None:
        """Return since when consumers hold the other side and not this one; nothing if that is not certain.

        The handover must be this side's own and confirmed, and written by an earlier run. What is dated in the future
        was dated by a clock that was wrong, and says nothing.
        """
        certain = self.other is not None and own is not None and own == self.last_handover(own) and own.confirmed
        return own.at if certain and own is not None and own.to == self.opposite and own.at <= moment else None

    def hand_over(self, own: Handover | None, to: Side, moment: datetime) -> Handover:
        """Return the pair's next handover; it confirms the last one if consumers were handed over to that side."""
        last = self.last_handover(own)
        if last is None:
            return Handover(number=1, to=to, at=moment)
        confirmed = last.to == to and last.at <= moment
        return Handover(number=last.number + 1, to=to, at=last.at if confirmed else moment, confirmed=confirmed)
