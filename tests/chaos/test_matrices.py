"""A sample of both matrices, in which every kind of fault, every crash and every resource occurs.

`make chaos` runs them whole.
"""

from collections.abc import Iterator

import pytest

from tests.lifecycle.case import Case
from tests.lifecycle.cases import CASES

from .crashes import CRASHES, Crash, interrupted
from .faults import FAULTS
from .matrix import Call, FaultCase, Matrix, Result
from .operations import OPERATIONS, Operation

#: One of each sort: the engine dies, its host lives on, both are asked to stop, the host dies.
SAMPLED = [crash for crash in CRASHES if crash.beside or crash.signals[1:] or crash.name == "host: SIGKILL"][:4]


def test_fault_matrix_sample_converges(matrix: Matrix) -> None:
    """What is half done when the fault ends is looked at before the next run, which changes nothing of it."""
    fault_cases = list(_sample())
    assert [fault_case.fault for fault_case in fault_cases] == list(FAULTS)
    assert {fault_case.case for fault_case in fault_cases} == set(CASES)
    for batch in matrix.batches(fault_cases):
        _converged(batch.run(looked_at=True))


@pytest.mark.parametrize("crash", SAMPLED, ids=lambda crash: crash.name)
def test_crash_matrix_sample_converges(matrix: Matrix, crash: Crash) -> None:
    """Creations and rotations of all resources, each interrupted at one of its calls."""
    number = CRASHES.index(crash)
    fault_cases = [
        FaultCase(case, operation, call=calls[(number + offset) % len(calls)])
        for case in CASES
        for operation, calls in _operations(case)
        for offset in (0, 3)
    ]
    for batch in matrix.batches(fault_cases):
        _converged(interrupted(batch, crash))


def _sample() -> Iterator[FaultCase]:
    """Each fault at one call, of one resource after the other."""
    for number, fault in enumerate(FAULTS):
        case, turn = CASES[number % len(CASES)], number // len(CASES)
        operations = list(_operations(case))
        operation, calls = operations[(number + turn) % len(operations)]
        # Most of what can be lost is lost late in an operation.
        yield FaultCase(case, operation, calls[-1 - turn % len(calls)], fault)


def _operations(case: type[Case]) -> Iterator[tuple[Operation, list[Call]]]:
    """The creation and the rotation, and their calls as the lifecycle knows them."""
    known = {"create": case.calls.create, "rotate": case.calls.rotate}
    for operation in OPERATIONS:
        if operation.name in known:
            yield operation, list(_calls(known[operation.name]))


def _calls(lines: tuple[str, ...]) -> Iterator[Call]:
    for number, line in enumerate(lines):
        method, shape = line.split(" ")
        yield Call(number, method, shape, earlier=lines[:number].count(line))


def _converged(results: list[Result]) -> None:
    assert [f"{result.fault_case}: {result.problems}" for result in results if result.problems] == []
