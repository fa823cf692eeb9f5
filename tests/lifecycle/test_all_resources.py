"""What all resources go through alike, on the real engine and the sandbox of their vendors."""

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

from .lives import Lives
from .test_lifecycle import CASES


@pytest.fixture
def lives(stack: Stack, sandbox: Sandbox) -> Lives:
    return Lives(CASES, stack, sandbox)


def test_a_new_policy_and_its_edits_rotate_nothing(lives: Lives) -> None:
    """A policy that comes later, a trigger that joins it or leaves it; then a rotation and a setting at once."""
    lives.up()
    first = lives.outputs()
    for triggers in ({"release": 1}, {"release": 1, "incident": "none"}, {"incident": "none"}):
        for life, step in lives.up(rotation={"triggers": triggers}).items():
            assert step.steps == [f"update {life.said.name}"]
        assert lives.calls == ()
    for life, outputs in lives.outputs().items():
        assert outputs | {"rotation": None} == first[life] | {"rotation": None}

    for life, step in lives.up(changed=True, rotation={"triggers": {"incident": "INC-1"}}).items():
        assert step.steps == [f"update {life.said.name}"]
    for life, outputs in lives.outputs().items():
        assert outputs["generation"] == 2
        assert life.case.accepts(outputs)
        if life.case.setting is not None:
            assert outputs[life.case.setting] != first[life][life.case.setting]


def test_a_preview_needs_no_credential(bare_stack: Stack, sandbox: Sandbox) -> None:
    """Neither that of a creation nor that of a rotation; an up without one says which."""
    lives = Lives(CASES, bare_stack, sandbox)
    plain = {path: value for path, value in sandbox.settings().items() if not path.endswith(("Key", "clientId"))}
    bare_stack.configure({"rekey:owner": "0f8e7d6c5b4a39281706f5e4d3c2b1a0"} | plain)
    for life, step in lives.preview(rotation={"triggers": {"release": 1}}).items():
        assert step.steps == [f"create {life.said.name}"]
    assert lives.calls == ()
    for life, step in lives.up(fails=True).items():
        assert step.error.startswith(f"endpoint '{life.case.endpoint}' has no credentials: nothing was created; set ")
    assert lives.calls == ()

    given = {
        variable: sandbox.credentials[life.case.endpoint][key]
        for life in lives
        for variable, key in life.case.environment
    }
    bare_stack.environment |= given
    lives.up()
    for life, outputs in lives.outputs().items():
        assert life.case.accepts(outputs)
    for variable in given:
        del bare_stack.environment[variable]
    for step in lives.preview(rotation={"triggers": {"release": 2}}).values():
        assert step.said.startswith("rotates: trigger changed: release; ")
    assert lives.calls == ()


def test_retained_on_delete(lives: Lives) -> None:
    """Pulumi's own option leaves everything alone."""
    lives.up(options="retain_on_delete=True")
    outputs = lives.outputs()
    for life, step in lives.destroy().items():
        assert step.steps == [f"delete {life.said.name}"]
        assert life.case.accepts(outputs[life])
    assert lives.calls == ()


def test_adopted_without_a_rotation(lives: Lives) -> None:
    """Its users notice nothing; nor when `adopt` goes, nor at the end where rekey has never had the secret."""
    theirs = {life: life.remember(life.case.existing()) for life in lives}
    lives.up(at=lambda life: theirs[life][life.case.id_output], rotation={"on_adopt": "keep"})
    for life, ours in lives.outputs().items():
        case = life.case
        assert not case.minting.intersection(lives.calls)
        assert case.accepts(theirs[life])
        assert ours["generation"] == 1
        assert ours["rotation_reason"] == "adopted"
        if case.readable:
            assert case.accepts(ours)
        else:
            assert not ours.keys() & set(case.secrets)
    lives.up("--expect-no-changes", at=lambda life: None if life.case.creates else life.said.at)
    assert lives.calls == ()
    lives.destroy()
    for life in lives:
        assert life.case.is_there(theirs[life])
        assert life.case.accepts(theirs[life]) == (not life.case.readable)
    assert lives.traces() == []


def test_adopted_with_a_rotation(lives: Lives) -> None:
    """What somebody else has made since is not revoked at the end."""
    theirs = {life: life.remember(life.case.existing()) for life in lives}
    lives.up(at=lambda life: theirs[life][life.case.id_output], rotation={"on_adopt": "rotate"})
    lives.settle()
    newer = {}
    for life, ours in lives.outputs().items():
        assert life.case.accepts(ours)
        assert not life.case.knows(theirs[life])
        assert ours["generation"] == 1
        assert ours["rotation_reason"] == "adopted with on_adopt=rotate"
        newer[life] = life.remember(life.case.rotate_by_hand(ours))
    lives.destroy()
    for life in lives:
        assert life.case.is_there(newer[life])
        assert life.case.accepts(newer[life])
    assert lives.traces() == []


def test_another_object_replaces(lives: Lives) -> None:
    """The object before keeps no secret of rekey's, and is there."""
    before, after = ({life: life.remember(life.case.existing()) for life in lives} for _ in range(2))
    lives.up(at=lambda life: before[life][life.case.id_output], rotation={"on_adopt": "rotate"})
    lives.settle()
    old = lives.outputs()
    for life, step in lives.up(at=lambda life: after[life][life.case.id_output]).items():
        name = life.said.name
        assert step.steps == [f"create-replacement {name}", f"replace {name}", f"delete-replaced {name}"]
    lives.settle()
    for life, outputs in lives.outputs().items():
        assert life.case.accepts(outputs)
        assert not life.case.knows(old[life])
        assert life.case.is_there(before[life]) != life.case.rotates_into_another
        assert life.case.is_there(after[life]) or life.case.rotates_into_another


def test_renamed_in_code_with_an_alias(lives: Lives) -> None:
    lives.up(rotation={"triggers": {"release": 1}})
    before = lives.outputs()
    lives.up(
        "--expect-no-changes",
        name=lambda life: f"renamed {life.case.resource}",
        options=lambda life: f'aliases=[pulumi.Alias(name="{life.case.resource}")]',
    )
    assert lives.calls == ()
    assert lives.outputs() == before
    lives.destroy()
    assert not any(life.case.knows(before[life]) for life in lives)
