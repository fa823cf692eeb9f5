"""Any order of ups, refreshes, faults, deaths, drift, people at the vendor, and time; then one more up.

The reconciler and real sessions run against the sandbox, without the engine: what the engine would keep, this keeps.
The oracle is every credential that was ever handed on: in the end the last one is accepted, and none of the others.
"""

import contextlib
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from pulumi_rekey.errors import Error, Partial

from tests.lifecycle.case import Case, Outputs
from tests.lifecycle.cases import AT_A_VENDOR
from tests.lifecycle.in_process import InProcess
from tools.vendors import Sandbox

from .faults import FAULTS

#: Sequences that are tried of each resource; the variable asks for more.
EXAMPLES = int(os.environ.get("REKEY_EXAMPLES", "25"))
#: What a call can meet without real time passing.
MET = [fault.rule for fault in FAULTS if not fault.refused and "latency" not in fault.rule]


class DeadError(BaseException):
    """The process is gone, and nothing that it knew is kept."""


class Anything(RuleBasedStateMachine):
    """One credential; see the module."""

    case_type: type[Case]
    sandbox: Sandbox

    def __init__(self) -> None:
        super().__init__()
        self.sandbox.reset()
        self.case = self.case_type(self.sandbox)
        self.program = InProcess(self.case)
        self.strangers = self.case.objects()
        self.promoted: list[Outputs] = []
        self.release = 1
        self.changed = False

    # -- what happens ----------------------------------------------------------------------------------------------

    @rule(release=st.booleans(), changed=st.booleans())
    def edit(self, *, release: bool, changed: bool) -> None:
        """Edit the program: a new release rotates, a setting may change."""
        self.release += release
        self.changed = changed

    @rule()
    def up(self) -> None:
        """Run up."""
        with contextlib.suppress(Error):
            self.apply()

    @rule(fault=st.sampled_from(MET), skip=st.integers(0, 7))
    def up_into_a_fault(self, fault: dict[str, Any], skip: int) -> None:
        """Run up while a vendor has a bad moment."""
        self.sandbox.fault(".", **{"count": 0} | fault | {"skip": skip})
        with contextlib.suppress(Error):
            self.apply()
        self.sandbox.clear_faults()

    @rule(writes=st.integers(0, 4), unheard=st.sampled_from([None, "POST", "PUT", "PATCH"]))
    def up_into_death(self, writes: int, unheard: str | None) -> None:
        """Run up, and die before one of the calls that change something, or before its answer is heard."""
        kept = self.program.state
        if unheard is None:
            self.program.wanted = dying_after(writes)
        else:
            self.sandbox.fault(".", method=unheard, drop="after", skip=writes)
        try:
            self.apply()
        except (Error, DeadError):
            self.program.state = kept
        self.program.wanted = lambda: True
        self.sandbox.clear_faults()

    @precondition(lambda self: self.program.state is not None)
    @rule()
    def refresh(self) -> None:
        """Run refresh."""
        with contextlib.suppress(Error):
            self.program.refresh()

    @precondition(lambda self: self.program.state is not None)
    @rule()
    def rotate_by_hand(self) -> None:
        """Let somebody make another secret."""
        before = self.case.objects()
        self.promoted.append(self.case.rotate_by_hand(self.program.outputs()))
        self.strangers |= self.case.objects() - before

    @precondition(lambda self: self.program.state is not None and self.case.setting is not None)
    @rule()
    def drift(self) -> None:
        """Let somebody change a setting."""
        self.case.drift(self.program.outputs())

    @rule(minutes=st.sampled_from([6, 70, 60 * 24 * 40]))
    def pass_time(self, minutes: int) -> None:
        """Let time pass."""
        self.program.advance(f"{minutes}m")

    # -- and must be so --------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """One more refresh and up, with the instruction followed where one is given, reach promise 1."""
        try:
            if self.program.state is not None:
                with contextlib.suppress(Partial):
                    self.program.refresh()
            self._reach()
            self.program.end_overlap()
            outputs = self.program.outputs()
            assert outputs.get("step") is None
            assert self.case.accepts(outputs)
            ids = {value for name, value in outputs.items() if name.endswith("_id")}
            assert self.case.objects() - self.strangers <= ids
            secrets = {outputs.get(name) for name in self.case.secrets}
            for credential in self.promoted:
                is_the_last = secrets & {credential.get(name) for name in self.case.secrets} - {None}
                # A key that people have made is theirs to end.
                there = not self.case.secrets and credential[self.case.id_output] in self.strangers | ids
                assert is_the_last or there or not self.case.knows(credential)
            assert not self.program.has_changes()
        finally:
            self.program.close()

    def _reach(self) -> None:
        try:
            self.apply()
        except Error as stopped:
            instruction = re.search(r'set adopt="([^"]+)" to manage it.* or delete it', str(stopped))
            if instruction is None:
                raise
            self.case.remove_by_hand({self.case.id_output: instruction[1]})
            self.apply()

    def apply(self) -> None:
        """`pulumi up` of the program as it reads now."""
        rotation = {"triggers": {"release": self.release}}
        self.promoted.append(self.program.apply(changed=self.changed, rotation=rotation))


def dying_after(writes: int) -> Callable[[], bool]:
    """What a session asks before it changes something: the answer to one question more than these is death."""
    left = iter(range(writes))

    def wanted() -> bool:
        if next(left, None) is None:
            raise DeadError
        return True

    return wanted


@pytest.fixture
def machine(request: pytest.FixtureRequest, sandbox: Sandbox) -> type[Anything]:
    return type("Sequence", (Anything,), {"case_type": request.param, "sandbox": sandbox})


@pytest.mark.parametrize("machine", AT_A_VENDOR, indirect=True, ids=lambda case: case.resource)
def test_up_converges_after_any_sequence(machine: type[Anything]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
