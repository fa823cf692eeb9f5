"""A call that may have taken effect although nobody heard so, in every resource, without the engine."""

from typing import Any

import pytest
from pulumi_rekey.errors import Error

from .in_process import InProcess
from .scenario import shape
from .test_lifecycle import only

lost = pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "cut"}, {"status": 502, "commit": True}], ids=str)
RELEASE, NEXT_RELEASE = ({"triggers": {"release": release}} for release in (1, 2))


@lost
@only(lambda case: case.creates and case.at_a_vendor, "program")
@pytest.mark.parametrize("changed", [False, True], ids=["the same program", "an edited program"])
def test_create_whose_answer_is_lost_finds_its_own(program: InProcess, fault: dict[str, Any], *, changed: bool) -> None:
    case, strangers = program.case, program.case.objects()
    create = next(call for call in case.calls.create if call in case.minting)
    program.sandbox.fault(create.rpartition("/")[2] + "$", method="POST", **fault)
    with pytest.raises(Error, match="it is not known whether it took effect; run "):
        program.apply()
    assert program.state is None
    assert len(case.objects() - strangers) == 1
    outputs = program.apply(changed=changed)
    assert case.objects() - strangers == {outputs[case.id_output]}
    assert case.accepts(outputs)
    assert outputs["generation"] == 1
    calls = [f"{call['method']} {shape(call['path'])}" for call in program.sandbox.calls()]
    assert calls.count(create) == 1
    assert not program.has_changes()


@lost
def test_rotation_whose_answer_is_lost_is_repeated(program: InProcess, fault: dict[str, Any]) -> None:
    case = program.case
    first = program.apply(rotation=RELEASE)
    method, path = case.minting_call()
    program.sandbox.fault(path, method=method, count=0, **fault)
    old = "; the old secret is refused now" if case.secrets else ""
    with pytest.raises(Error, match=f"it is not known whether it took effect{old}; run "):
        program.apply(rotation=NEXT_RELEASE)
    assert (program.state.step, program.state.generation) == ("find out what a lost answer did", 1)
    program.sandbox.clear_faults()
    program.apply(rotation=NEXT_RELEASE)
    (told,) = program.told
    assert told.startswith("the rotation whose answer was lost took effect: ")
    program.end_overlap()
    second = program.outputs()
    assert case.accepts(second)
    assert not case.knows(first)
    assert second["generation"] == 2
    assert not program.has_changes()


def test_rotation_that_was_never_made_is_found_out(program: InProcess) -> None:
    """The vendor failed before the change: the old secret is still accepted, and stays where the edit is reverted."""
    case = program.case
    first = program.apply(rotation=RELEASE)
    method, path = case.minting_call()
    program.sandbox.fault(path, method=method, status=502, count=0)
    old = "; the old secret was still accepted after it" if case.secrets else ""
    with pytest.raises(Error, match=f"it is not known whether it took effect{old}; run"):
        program.apply(rotation=NEXT_RELEASE)
    program.sandbox.clear_faults()
    assert case.accepts(program.apply(rotation=RELEASE))
    assert program.told == ["the rotation whose answer was lost did not take effect"]
    assert program.outputs()["generation"] == 1
    assert case.accepts(first)


def test_rotation_is_not_begun_for_an_engine_that_is_gone(program: InProcess) -> None:
    first = program.apply(rotation=RELEASE)
    program.wanted = lambda: False
    program.sandbox.forget_calls()
    with pytest.raises(Error, match=r"the engine that asked for this is gone: .*; run `pulumi cancel`"):
        program.apply(rotation=NEXT_RELEASE)
    program.wanted = lambda: True
    method, path = program.case.minting_call()
    assert not [
        call for call in program.sandbox.calls() if call["method"] == method and call["path"].endswith(path[-9:-1])
    ]
    assert program.case.accepts(first)
