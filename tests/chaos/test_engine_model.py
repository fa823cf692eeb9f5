"""The model of the engine beside the real one: the same sequence has the same steps, words and outputs."""

import re

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

from .engine_model import Clock, EngineModel
from .real_engine import RealEngine
from .sequences import Life, Step, configuration

SEQUENCES: dict[str, tuple[tuple[str, ...], tuple[Step, ...]]] = {
    "rotations": (
        ("party", "application", "fed", "app"),
        (
            Step("up"),
            Step("edit", "party", "release"),
            Step("edit", "fed", "release"),
            Step("edit", "app", "grace"),
            Step("edit", "app", "release"),
            Step("up"),
            Step("hand", "party", "drift"),
            Step("hand", "app", "rotate"),
            Step("up --refresh"),
        ),
    ),
    "names": (
        ("party", "application", "key", "fed"),
        (
            Step("up"),
            Step("edit", "application", "alias"),
            Step("edit", "fed", "rename"),
            Step("edit", "party", "rename"),
            Step("up", carry_on=True),
            Step("edit", "key", "remove"),
            Step("up", targets=("application",)),
            Step("up", carry_on=True),
            Step("state", "application", "delete"),
            Step("up", excluded=("party",)),
        ),
    ),
    "faults": (
        ("application", "party", "sync", "app"),
        (
            Step("up", carry_on=True),
            Step("edit", "sync", "release"),
            Step("edit", "app", "adopt_other"),
            Step("up", carry_on=True),
            Step("edit", "party", "adopt_other"),
            Step("edit", "party", "on_adopt"),
            Step("edit", "application", "release"),
            Step("up", carry_on=True, fault="503"),
            Step("up", carry_on=True),
            Step("destroy", targets=("sync",)),
            Step("refresh"),
        ),
    ),
}
#: What chance and the clock decide.
_CHANCE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24,}|shop-[0-9a-f]{8}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    r"|\(request \S+\)"
)


def story(life: Life, steps: tuple[Step, ...]) -> list[object]:
    """What each command did and said, and what is in the state then, without what chance decides."""
    told: list[object] = []
    for step in steps:
        life.happens(step)
        run = life.last
        if step.do in {"edit", "hand", "state"} or run is None:
            continue
        said = {
            urn.rpartition("::")[2]: sorted({_CHANCE.sub("_", line) for line in lines})
            for urn, lines in run.said.items()
            if urn
        }
        state = {
            (one.name, one.replaced): (sorted(one.inputs), sorted(one.outputs), one.failed, one.plain()["generation"])
            for one in life.engine.resources
        }
        done = sorted(one for one in run.steps if not one.startswith("refresh-"))
        told.append((step, done, run.green, said, state))
    return told


@pytest.mark.parametrize("name", SEQUENCES)
def test_model_does_what_the_engine_does(name: str, stack: Stack, sandbox: Sandbox) -> None:
    kinds, steps = SEQUENCES[name]
    clock = Clock()
    model = story(Life(sandbox, kinds, clock, EngineModel(configuration(sandbox), clock)), steps)
    clock = Clock()
    real = story(Life(sandbox, kinds, clock, RealEngine(stack, sandbox, clock)), steps)
    for ours, theirs in zip(model, real, strict=True):
        assert ours == theirs, f"{ours}\n{theirs}"
