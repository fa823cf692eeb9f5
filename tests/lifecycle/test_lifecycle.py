"""Every resource goes through one lifecycle, on the real engine and its vendor's sandbox."""

from collections.abc import Callable

import pytest

from tests.conftest import FRONT_ENDS
from tests.engine import Stack
from tools.vendors import Sandbox

from .case import Case
from .cases import AT_A_VENDOR, CASES
from .scenario import Scenario, holds_secret


@pytest.fixture(params=FRONT_ENDS)
def front_end(request: pytest.FixtureRequest) -> str:
    """Each in turn."""
    chosen: str = request.param
    return chosen


@pytest.fixture(params=CASES, ids=lambda case: case.resource)
def scenario(request: pytest.FixtureRequest, stack: Stack, sandbox: Sandbox) -> Scenario:
    return Scenario(request.param(sandbox), stack, sandbox)


def only(applies: Callable[[type[Case]], bool], fixture: str = "scenario") -> pytest.MarkDecorator:
    """The cases to which a test applies; what is not run by the engine needs a vendor."""
    cases = [case for case in (CASES if fixture == "scenario" else AT_A_VENDOR) if applies(case)]
    return pytest.mark.parametrize(fixture, cases, indirect=True, ids=lambda case: case.resource)


def test_lifecycle_from_create_to_delete(scenario: Scenario) -> None:
    case = scenario.case
    step = scenario.up(rotation={"triggers": {"release": "s3cret-7"}})
    assert step.steps == ["create it"]
    first = scenario.outputs()
    assert sorted(step.calls) == sorted(case.calls.create)
    assert case.accepts(first)
    assert first["generation"] == 1
    assert first["rotation_reason"] == case.first_reason
    assert first["rotated_at"].endswith("Z")

    step = scenario.up("--expect-no-changes")
    assert (step.steps, step.calls) == ([], ())

    if case.setting is not None:
        case.drift(first)
        step = scenario.refresh()
        assert (step.steps, step.calls) == (["refresh-update it"], case.calls.refresh)
        assert "somebody's" in step.run.text
        step = scenario.up()
        assert (step.steps, step.calls) == (["update it"], case.calls.update)
        repaired = scenario.outputs()
        assert {
            name for name in first.keys() | repaired.keys() if repaired.get(name) != first.get(name)
        } <= case.volatile_outputs

    step = scenario.preview(rotation={"triggers": {"release": "s3cret-8"}})
    assert step.said.startswith("rotates: trigger changed: release; ")
    assert "s3cret" not in step.said
    step = scenario.up()
    assert (step.steps, sorted(step.calls)) == (["update it"], sorted(case.calls.rotate))
    scenario.end_overlap()
    second = scenario.outputs()
    assert case.accepts(second)
    assert not case.knows(first)
    assert not any(second[name] == first[name] for name in case.secrets if name in first)
    assert second["generation"] == 2
    assert second["rotation_reason"] == "trigger changed: release"
    assert second["rotated_at"] >= first["rotated_at"]
    assert scenario.stack.resource("it")["id"] == first[case.id_output]

    step = scenario.refresh()
    assert (step.steps, step.calls) == ([], case.calls.refresh)
    assert scenario.up("--expect-no-changes").calls == ()

    step = scenario.destroy()
    assert (step.steps, step.calls) == (["delete it"], case.calls.destroy)
    assert case.is_there(second) == (case.remains or not case.creates)
    assert not any(case.knows(credential) for credential in scenario.credentials)
    assert scenario.leaks() == []


@only(lambda case: not case.creates)
def test_rename_without_alias_keeps_the_new_secret(scenario: Scenario) -> None:
    """Create and delete meet on one object: deleting the old resource does not revoke the new one's secret."""
    scenario.up()
    step = scenario.up(name="renamed")
    assert step.steps == ["create renamed", "delete it"]
    assert scenario.case.accepts(scenario.outputs())


@only(lambda case: case.stops_when_renamed)
def test_rename_without_alias_stops_until_adopted(scenario: Scenario) -> None:
    """Rekey cannot know that the object is its own until `adopt` says so; then it is not deleted."""
    case = scenario.case
    scenario.up()
    first = scenario.outputs()
    step = scenario.up(name="renamed", fails=True)
    assert "give " in step.error
    assert " an alias" in step.error
    assert f'adopt="{first[case.id_output]}"' in step.error
    assert case.accepts(first)
    step = scenario.up(at=first[case.id_output], rotation={"on_adopt": "rotate"})
    assert step.steps == ["create renamed", "delete it"]
    scenario.end_overlap()
    assert case.accepts(scenario.outputs())
    assert not case.knows(first)


@only(lambda case: case.removable)
def test_delete_by_hand_is_found_by_refresh(scenario: Scenario) -> None:
    """An up then creates another object, or fails with one line where rekey does not create objects."""
    case = scenario.case
    scenario.up()
    first = scenario.outputs()
    case.remove_by_hand(first)
    assert scenario.refresh().steps == ["refresh-delete it"]
    if case.creates:
        assert scenario.up().steps == ["create it"]
        second = scenario.outputs()
        assert second[case.id_output] != first[case.id_output]
        assert case.accepts(second)
    else:
        assert ": 404" in scenario.up(fails=True).error


@only(lambda case: case.readable)
def test_rotation_by_hand_is_taken_over_where_readable(scenario: Scenario) -> None:
    """A refresh takes over a secret that the vendor shows; an up restores one that the program sets."""
    case = scenario.case
    scenario.up()
    theirs = scenario.remember(case.rotate_by_hand(scenario.outputs()))
    scenario.refresh()
    scenario.up("--expect-no-changes")
    assert case.accepts(scenario.outputs())

    scenario.stack.configure({}, {"given": "Chosen-by-the-user1"})
    step = scenario.up(more={"secret": 'pulumi.Config().require_secret("given")'})
    assert (step.steps, case.knows(theirs)) == (["update it"], False)
    given = scenario.outputs()
    assert given["secret"] == "Chosen-by-the-user1"
    theirs = scenario.remember(case.rotate_by_hand(given))
    scenario.refresh()
    assert "the given secret is another one" in scenario.preview().said
    scenario.up()
    assert case.accepts(given)
    assert not case.knows(theirs)
    scenario.destroy()
    assert not case.knows(given)
    assert scenario.leaks() == []


@pytest.mark.parametrize(
    "text",
    [
        b'{"secret": "S3cret@with\\"quotes"}',
        b"UzNjcmV0QHdpdGgicXVvdGVzIQ==",
        b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJpdCJ9.c2ln",
        b"-----BEGIN EC PRIVATE KEY-----",
        b"the second line: second-line",
    ],
)
def test_leak_search_finds_every_form(text: bytes) -> None:
    """The search that finds no secret elsewhere finds one here, in each of its forms."""
    assert holds_secret(text, {'S3cret@with"quotes', "first-line\nsecond-line"})
    assert not holds_secret(b"nothing of the kind: 1b47061264138c4ac30d75fd1eb44270", {"S3cret@with"})
