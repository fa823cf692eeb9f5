"""What can be done to a credential, and what is done before it: the rows of the matrices."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pulumi_rekey.reconciler.contract import TwoSecrets

from tests.lifecycle.case import Case
from tests.lifecycle.cases import CASES
from tests.lifecycle.in_process import resource_of

_FIRST: Final = {"triggers": {"release": 1}}
_SECOND: Final = {"triggers": {"release": 2}}
_GRACE: Final = {"grace": "1h"}

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation, of those resources that it applies to."""

    name: str
    command: Literal["up", "refresh", "destroy"] = "up"
    #: What the program says at each up before it; without any there is nothing yet.
    before: tuple[Changes, ...] = ()
    #: What the program says at it; by default what it said before.
    edits: Changes = field(default_factory=dict)
    #: Whether it begins with an object that people have made by hand.
    adopts: bool = False
    #: Whether it ends with another such object in its place.
    replaces: bool = False
    #: How many of the case's overlap steps have passed before it, and whether one more passes just then.
    settled: int | None = None
    #: Whether it makes another secret.
    mints: bool = False
    applies: Callable[[type[Case]], bool] = lambda _case: True

    @property
    def together(self) -> tuple[str, int | None]:
        """Operations of which this is the same can share a run of the engine."""
        return self.command, self.settled


def _takes_grace(case: type[Case]) -> bool:
    return isinstance(resource_of(case), TwoSecrets)


def _can_adopt(case: type[Case]) -> bool:
    return case.at_a_vendor


def _overlap_steps() -> Iterator[Operation]:
    for number in range(max(len(case.overlap_steps) for case in CASES)):
        yield Operation(
            f"step {number + 1} after a rotation",
            before=({"rotation": _FIRST}, {"rotation": _SECOND}),
            settled=number,
            applies=lambda case, number=number: len(case.overlap_steps) > number,  # type: ignore[misc]  # bound now
        )


OPERATIONS: Final = (
    Operation("create", mints=True),
    Operation(
        "adopt and rotate",
        adopts=True,
        edits={"rotation": {"on_adopt": "rotate"}},
        mints=True,
        applies=_can_adopt,
    ),
    Operation("update", before=({},), edits={"changed": True}, applies=lambda case: case.setting is not None),
    Operation("rotate", before=({"rotation": _FIRST},), edits={"rotation": _SECOND}, mints=True),
    Operation(
        "rotate with grace",
        before=({"rotation": _FIRST | _GRACE},),
        edits={"rotation": _SECOND | _GRACE},
        mints=True,
        applies=_takes_grace,
    ),
    *_overlap_steps(),
    Operation(
        "replace",
        adopts=True,
        replaces=True,
        before=({"rotation": {"on_adopt": "rotate"}},),
        edits={"rotation": {"on_adopt": "rotate"}},
        mints=True,
        applies=_can_adopt,
    ),
    Operation("read", "refresh", before=({},)),
    Operation("delete", "destroy", before=({},)),
    Operation(
        "delete adopted",
        "destroy",
        adopts=True,
        before=({"rotation": {"on_adopt": "rotate"}},),
        applies=_can_adopt,
    ),
)
