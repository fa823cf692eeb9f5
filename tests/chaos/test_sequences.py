"""Sequences of whatever can happen, on the model of the engine; `make chaos` tries more, from other seeds."""

import pytest

from tools.vendors import Sandbox

from .sequences import Script, Step, made_from, tried

#: Sequences of each test, from so many fixed seeds.
SEEDS = range(12)
LENGTHS = (8, 16, 32)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("tenth", range(4))
def test_sequence_locks_nobody_out(tenth: int, length: int, sandbox: Sandbox) -> None:
    """Each is printed as what can be written down: `tried(sandbox, ...)` has it again."""
    wrong = {}
    for seed in SEEDS:
        sequence = made_from(1000 * tenth + seed, length)
        broken = tried(sandbox, sequence)
        if broken is not None:
            wrong[str(sequence)] = broken
    assert wrong == {}


def test_sequence_goes_on_as_a_kept_key_says(sandbox: Sandbox) -> None:
    """The key that was adopted is still the one that the program names: whoever kept it says how to have both."""
    steps = (
        Step("up"),
        Step("edit", "key", "adopt_other"),
        Step("up"),
        Step("edit", "key", "rotate_now"),
        Step("up"),
        Step("edit", "key", "rename"),
        Step("up", carry_on=True),
    )
    assert tried(sandbox, Script(("key",), steps)) is None


def test_sequence_of_a_key_that_does_not_sign_has_that_in_its_outputs(sandbox: Sandbox) -> None:
    """As its preview says, and as its type: a flag that is false is not unset."""
    assert tried(sandbox, Script(("key",), (Step("edit", "key", "activate"), Step("up")))) is None


def test_sequence_keeps_a_former_key_that_the_program_adopts(sandbox: Sandbox) -> None:
    """Its own replacement has the key from before the rotation: what is replaced must not be deleted with that one."""
    steps = (
        Step("up"),
        Step("edit", "key", "release"),
        Step("up"),
        Step("time", minutes=11520),
        Step("up"),
        Step("time", minutes=57600),
        Step("edit", "key", "release"),
        Step("up", fault="not JSON, after the change", skip=3),
        Step("edit", "key", "adopt_own"),
        Step("state", "app", "clock"),
        Step("up", fault="not JSON", skip=6),
    )
    assert tried(sandbox, Script(("app", "key"), steps)) is None
