"""What all resources go through alike, on the real engine and the sandbox of their vendors."""

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

from .all_resources import AllResources
from .cases import AT_A_VENDOR


@pytest.fixture
def resources(stack: Stack, sandbox: Sandbox) -> AllResources:
    return AllResources(AT_A_VENDOR, stack, sandbox)


def test_policy_added_or_edited_rotates_nothing(resources: AllResources) -> None:
    """A policy that comes later, a trigger that joins it or leaves it; then a rotation and a setting at once."""
    resources.up()
    first = resources.outputs()
    for triggers in ({"release": 1}, {"release": 1, "incident": "none"}, {"incident": "none"}):
        for scenario, step in resources.up(rotation={"triggers": triggers}).items():
            assert step.steps == [f"update {scenario.spec.name}"]
        assert resources.calls == ()
    for scenario, outputs in resources.outputs().items():
        assert outputs | {"rotation": None} == first[scenario] | {"rotation": None}

    for scenario, step in resources.up(changed=True, rotation={"triggers": {"incident": "INC-1"}}).items():
        assert step.steps == [f"update {scenario.spec.name}"]
    for scenario, outputs in resources.outputs().items():
        assert outputs["generation"] == 2
        assert scenario.case.accepts(outputs)
        if scenario.case.setting is not None:
            assert outputs[scenario.case.setting] != first[scenario][scenario.case.setting]


def test_preview_needs_no_credential(bare_stack: Stack, sandbox: Sandbox) -> None:
    """Neither that of a creation nor that of a rotation; an up without one says which."""
    resources = AllResources(AT_A_VENDOR, bare_stack, sandbox)
    plain = {path: value for path, value in sandbox.settings().items() if not path.endswith(("Key", "clientId"))}
    bare_stack.configure({"rekey:owner": "0f8e7d6c5b4a39281706f5e4d3c2b1a0"} | plain)
    for scenario, step in resources.preview(rotation={"triggers": {"release": 1}}).items():
        assert step.steps == [f"create {scenario.spec.name}"]
    assert resources.calls == ()
    for scenario, step in resources.up(fails=True).items():
        assert step.error.startswith(
            f"endpoint '{scenario.case.endpoint}' has no credentials: nothing was created; set "
        )
    assert resources.calls == ()

    given = {
        variable: sandbox.credentials[scenario.case.endpoint][key]
        for scenario in resources
        for variable, key in scenario.case.environment
    }
    bare_stack.environment |= given
    resources.up()
    for scenario, outputs in resources.outputs().items():
        assert scenario.case.accepts(outputs)
    for variable in given:
        del bare_stack.environment[variable]
    for step in resources.preview(rotation={"triggers": {"release": 2}}).values():
        assert step.said.startswith("rotates: trigger changed: release; ")
    assert resources.calls == ()


def test_delete_with_retain_on_delete_changes_nothing(resources: AllResources) -> None:
    """Pulumi's own option leaves everything alone."""
    resources.up(options="retain_on_delete=True")
    outputs = resources.outputs()
    for scenario, step in resources.destroy().items():
        assert step.steps == [f"delete {scenario.spec.name}"]
        assert scenario.case.accepts(outputs[scenario])
    assert resources.calls == ()


def test_adopt_without_rotation_is_not_noticed(resources: AllResources) -> None:
    """Its users notice nothing; nor when `adopt` goes, nor at the end where rekey has never had the secret."""
    theirs = {scenario: scenario.remember(scenario.case.existing()) for scenario in resources}
    resources.up(at=lambda scenario: theirs[scenario][scenario.case.id_output], rotation={"on_adopt": "keep"})
    for scenario, ours in resources.outputs().items():
        case = scenario.case
        assert not case.minting.intersection(resources.calls)
        assert case.accepts(theirs[scenario])
        assert ours["generation"] == 1
        assert ours["rotation_reason"] == "adopted"
        if case.readable:
            assert case.accepts(ours)
        else:
            assert not ours.keys() & set(case.secrets)
    resources.up("--expect-no-changes", at=lambda scenario: None if scenario.case.creates else scenario.spec.at)
    assert resources.calls == ()
    resources.destroy()
    for scenario in resources:
        assert scenario.case.is_there(theirs[scenario])
        assert scenario.case.accepts(theirs[scenario]) == (not scenario.case.readable)
    assert resources.leaks() == []


def test_adopt_with_rotation_spares_newer_secrets_at_the_end(resources: AllResources) -> None:
    """What somebody else has made since is not revoked at the end."""
    theirs = {scenario: scenario.remember(scenario.case.existing()) for scenario in resources}
    resources.up(at=lambda scenario: theirs[scenario][scenario.case.id_output], rotation={"on_adopt": "rotate"})
    resources.end_overlap()
    newer = {}
    for scenario, ours in resources.outputs().items():
        assert scenario.case.accepts(ours)
        assert not scenario.case.knows(theirs[scenario])
        assert ours["generation"] == 1
        assert ours["rotation_reason"] == "adopted with on_adopt=rotate"
        newer[scenario] = scenario.remember(scenario.case.rotate_by_hand(ours))
    resources.destroy()
    for scenario in resources:
        assert scenario.case.is_there(newer[scenario])
        assert scenario.case.accepts(newer[scenario])
    assert resources.leaks() == []


def test_replace_by_another_object_ends_the_old_secret(resources: AllResources) -> None:
    """The object before keeps no secret of rekey's, and is there."""
    before, after = (
        {scenario: scenario.remember(scenario.case.existing()) for scenario in resources} for _ in range(2)
    )
    resources.up(at=lambda scenario: before[scenario][scenario.case.id_output], rotation={"on_adopt": "rotate"})
    resources.end_overlap()
    old = resources.outputs()
    for scenario, step in resources.up(at=lambda scenario: after[scenario][scenario.case.id_output]).items():
        name = scenario.spec.name
        assert step.steps == [f"create-replacement {name}", f"replace {name}", f"delete-replaced {name}"]
    resources.end_overlap()
    for scenario, outputs in resources.outputs().items():
        assert scenario.case.accepts(outputs)
        assert not scenario.case.knows(old[scenario])
        assert scenario.case.is_there(before[scenario]) != scenario.case.rotates_into_another
        assert scenario.case.is_there(after[scenario]) or scenario.case.rotates_into_another


def test_rename_with_alias_changes_nothing(resources: AllResources) -> None:
    resources.up(rotation={"triggers": {"release": 1}})
    before = resources.outputs()
    resources.up(
        "--expect-no-changes",
        name=lambda scenario: f"renamed {scenario.case.resource}",
        options=lambda scenario: f'aliases=[pulumi.Alias(name="{scenario.case.resource}")]',
    )
    assert resources.calls == ()
    assert resources.outputs() == before
    resources.destroy()
    assert not any(scenario.case.knows(before[scenario]) for scenario in resources)
