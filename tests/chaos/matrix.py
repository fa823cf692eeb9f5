"""The fault matrix: each kind of fault at each call of each operation of each resource, through the real engine.

Every case has a resource and a sandbox of its own, so that one run of the engine tries many cases at once and none of
them sees another's fault. Which calls an operation makes is learned from a run without faults. For example::

    from pathlib import Path

    from tests.chaos.faults import FAULTS
    from tests.chaos.matrix import Matrix
    from tests.chaos.sandbox_fleet import running_fleet
    from tests.engine import Engine

    def test_create_converges_after_each_lost_answer(engine: Engine, tmp_path: Path) -> None:
        (lost,) = [fault for fault in FAULTS if fault.name == "reset after the change"]
        project = tmp_path / "project"
        project.mkdir()
        with running_fleet(5) as fleet:
            matrix = Matrix(engine.new_stack(project), fleet)
            learned = list(matrix.learn("OidcRelyingParty | create"))
            cases = [case for case in matrix.fault_cases(learned) if case.fault == lost]
            results = list(matrix.run(cases))
        assert len(results) == len(fleet.instances)
        assert all(result.met for result in results)
        assert [result.problems for result in results if result.problems] == []
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.engine import Run, Stack
from tests.lifecycle.case import IMPORTS, Case, Outputs, ProgramSpec
from tests.lifecycle.cases import CASES
from tests.lifecycle.scenario import said_in, shape

from .faults import FAULTS, PATIENCE, Fault
from .operations import OPERATIONS, Changes, Operation
from .sandbox_fleet import SandboxFleet

#: No case waits for another one's pauses.
AT_ONCE: Final = ("--parallel", "64")


@dataclass(frozen=True)
class Call:
    """A call of an operation: which it is of all, and which of those of its shape."""

    number: int
    method: str
    shape: str
    earlier: int

    def __str__(self) -> str:
        return f"{self.number + 1}. {self.method} {self.shape}"

    @property
    def pattern(self) -> str:
        """The regular expression of its path."""
        return f"^{re.escape(self.shape).replace(re.escape('{id}'), '[^/]+')}$"


@dataclass(frozen=True)
class FaultCase:
    """One fault at one call of one operation of one resource; without these two the operation as it should be."""

    case: type[Case]
    operation: Operation
    call: Call | None = None
    fault: Fault | None = None

    def __str__(self) -> str:
        where = f" | {self.call} | {self.fault.name}" if self.call and self.fault else ""
        return f"{self.case.resource} | {self.operation.name}{where}"


@dataclass
class Result:
    """What became of a case."""

    fault_case: FaultCase
    #: What it met with; nothing, if the operation was left alone.
    by: str = ""
    #: Why it has not converged, if it is not.
    problems: list[str] = field(default_factory=list)
    #: Whether the fault met a call.
    met: bool = True
    #: What the run with the fault said, if it failed.
    error: str | None = None
    #: The calls in the run with the fault, and in the one after it.
    calls: int = 0
    #: Whether the run after it stopped with the instruction that leads on, and a human had to follow it.
    instructed: bool = False
    calls_to_converge: int = 0


#: How a destroy says that a secret which the vendor refuses, or cannot be asked about, is left as it is.
LEFT: Final = re.compile(r"(and|it) stays\b|nothing had to be ended")
#: How a replacement says that what it was to delete is kept beside a failure; what failed has a line of its own.
KEPT: Final = " is left alone, since "


class ResourceUnderTest:
    """A case's resource in its instance."""

    def __init__(self, fault_case: FaultCase, fleet: SandboxFleet, number: int) -> None:
        self.fleet, self.number = fleet, number
        self.instance = fleet.instances[number]
        fleet.first_state(self.instance)
        self.fault_case, self.operation = fault_case, fault_case.operation
        self.case = fault_case.case(self.instance)
        self.name = f"{self.case.resource}-{number}"
        self.theirs = self.case.existing() if self.operation.adopts else None
        self.others = self.case.existing() if self.operation.replaces else None
        self.strangers = self.case.objects()
        #: What is at the vendor before the operation.
        self.present = self.strangers
        self.before: Outputs | None = None
        #: Whether the credential before is good when the operation begins.
        self.worked = False
        #: What a failed run has left half done, with a secret that is good.
        self.half_done: Outputs | None = None
        #: Whether a failed run has left something that the next one has to go on with.
        self.goes_on = False
        #: Whether a run has said which secret it leaves at the vendor, as one that it could not know for its own.
        self.named = False
        #: Whether the program declares it.
        self.begun = False
        self.result = Result(fault_case, fault_case.fault.name if fault_case.fault else "")
        #: Whether its endpoint gives up soon, so that an answer comes too late.
        self.hurries = fault_case.fault is not None and fault_case.fault.late
        self.endpoint = f"{self.case.endpoint}-{number}"
        at = self.theirs[self.case.id_output] if self.theirs else None
        self.spec = ProgramSpec(name=self.name, at=at, more={"endpoint": repr(self.endpoint)})

    def declaration(self) -> str:
        """Its part of the program."""
        return self.case.declaration(self.spec)

    def edits(self) -> Changes:
        """What its part of the program says at the operation."""
        at = {"at": self.others[self.case.id_output]} if self.others else {}
        return {**self.operation.edits, **at}

    def order(self) -> None:
        """Let the fault happen from now on."""
        self.present = self.case.objects()
        self.worked = self.before is not None and self._accepted(self.before)
        # What the test itself asks is no call of the operation.
        self.instance.forget_calls()
        call, fault = self.fault_case.call, self.fault_case.fault
        if call is None or fault is None:
            return
        if fault.refused:
            self.fleet.die(self.instance, call.number)
            return
        self.instance.fault(call.pattern, **{"method": call.method, "skip": call.earlier, "count": 0} | fault.rule)

    def lift(self) -> None:
        """Let it happen no more, and note what there was."""
        self.result.calls = len(self.instance.calls())
        call, fault = self.fault_case.call, self.fault_case.fault
        if call is not None and fault is not None:
            if fault.refused:
                # It died with the answer before this call.
                self.result.met = self.result.calls >= call.number
            else:
                (rule,) = self.instance.http.get("/_sandbox/faults").json()
                self.result.met = bool(rule["fired"])
            if not self.result.met:
                self.wrong("nothing has met with it, so that it shows nothing")
        self.instance.clear_faults()

    def wrong(self, problem: str) -> None:
        """Note a problem."""
        self.result.problems.append(problem)

    # -- what must be so -------------------------------------------------------------------------------------------

    def judge_error(self, errors: list[str], outputs: Outputs | None) -> None:
        """What a failed run says is true."""
        if self.operation.replaces:
            errors = [error for error in errors if KEPT not in error]
        if not errors:
            return
        # Where nobody knows whether a secret was made, the next run may make another.
        if outputs is not None and str(outputs.get("step")).startswith("verify ") and self._accepted(outputs):
            self.half_done = outputs
        self.result.error = said = errors[0]
        if len(set(errors)) > 1 or "\n" in said or "Traceback" in said:
            self.wrong(f"not one line: {errors}")
        if "nothing was changed" in said and self.before is not None and self.worked != self._accepted(self.before):
            self.wrong("said that nothing was changed")
        if "nothing was created" in said and self.case.objects() != self.present:
            self.wrong("said that nothing was created")
        if "it goes on from here" in said and outputs is None:
            self.wrong("said that what was done is kept, and it is not in the state")
        self.goes_on = outputs is not None and bool(outputs.get("step") or outputs.get("unconfirmed"))

    def follow_instruction(self, errors: list[str]) -> bool:
        """Do what the one line says, where it stops before an object that has no mark (any more)."""
        adopt = re.search(r'set adopt="([^"]+)" to manage it', errors[0]) if errors and self.before is None else None
        if adopt is None or adopt[1] in self.strangers:
            return False
        self.spec = replace(self.spec, at=adopt[1], rotation={"on_adopt": "rotate"})
        self.result.instructed = True
        return True

    def judge(self, converged: Run, outputs: Outputs | None, errors: list[str]) -> None:
        """Promise 1 holds again."""
        if errors:
            self.wrong(f"the next run failed: {errors}")
        if self.operation.command == "destroy":
            self._judge_gone(outputs)
            return
        if outputs is None:
            self.wrong(f"is not in the state:\n{converged.text}")
            return
        if self.goes_on and not {f"update {self.name}", f"create {self.name}"} & set(converged.steps):
            self.wrong("did not go on with what was left half done")
        if outputs.get("step"):
            self.wrong(f"is not done: {outputs['step']}")
        before = self.before
        if self.case.id_output not in outputs or not self._accepted(outputs):
            self.wrong("the vendor does not accept the secret of the outputs")
        strays = self.case.objects() - self.strangers - _ids(outputs)
        if strays:
            self.wrong(f"strays at the vendor: {strays}")
        if self.others is not None and before is not None:
            self._judge_replaced(before)
        half = self.half_done
        # What is in waiting while the old secret works is handed on.
        due = None if half is None else half | ({"secret": half["next_secret"]} if "next_secret" in half else {})
        if due is not None and any(outputs.get(name) != due[name] for name in self.case.secrets if name in due):
            self.wrong("did not go on with the secret that was kept")
        if before is not None:
            kept = {name: before.get(name) for name in self.case.secrets if name in before}
            if not self.operation.mints and any(outputs.get(name) != kept[name] for name in kept):
                self.wrong("another secret, without a reason")

    def _accepted(self, outputs: Outputs) -> bool:
        try:
            return self.case.accepts(outputs)
        except KeyError:
            return False

    def _judge_replaced(self, before: Outputs) -> None:
        # The key that was there before signs on, until its successor is known to all.
        if self.case.knows(before) and not self.case.overlap_steps and not self.named:
            self.wrong("the object before keeps the secret that it had")
        if self.theirs is not None and not self.case.is_there(self.theirs):
            self.wrong("deleted an object that is not rekey's")

    def _judge_gone(self, outputs: Outputs | None) -> None:
        if outputs is not None:
            self.wrong("is still in the state")
        assert self.before is not None
        # The key that was there before signs on, until its successor is known to all.
        if self.case.knows(self.before) and not (self.theirs and self.case.overlap_steps) and not self.named:
            self.wrong("the vendor still accepts the secret")
        left = self.case.objects() - self.strangers
        if left and not self.case.remains:
            self.wrong(f"left at the vendor: {left}")
        if self.theirs is not None and not self.case.is_there(self.theirs):
            self.wrong("deleted an object that is not rekey's")


def _ids(outputs: Outputs) -> set[str]:
    named = {value for name, value in outputs.items() if name.endswith("_id") and isinstance(value, str)}
    return named | {old["key_id"] for old in outputs.get("retiring", ())}


class Batch:
    """Cells of operations that go together, tried by the same runs of the engine."""

    def __init__(self, stack: Stack, fleet: SandboxFleet, fault_cases: Sequence[FaultCase]) -> None:
        self.stack = stack
        self.command, self.settled = fault_cases[0].operation.together
        self.resources = [ResourceUnderTest(fault_case, fleet, number) for number, fault_case in enumerate(fault_cases)]
        self.fleet = fleet
        self._advanced = 0

    def run(self, *, looked_at: bool = False) -> list[Result]:
        """Begin, meet the faults, lift them, run once more, and look; between them only look, if that is asked for."""
        self.begin()
        met = self.operate()
        self.lift(met)
        if looked_at:
            self.stack.preview(fails=None)
            self.stack.refresh(*AT_ONCE, fails=None)
            self.stack.preview("--refresh", fails=None)
        self.converge()
        return [resource.result for resource in self.resources]

    def begin(self) -> None:
        """Come to where the operations begin."""
        rounds = max(len(resource.operation.before) for resource in self.resources)
        for number in range(rounds):
            self._say({resource: resource.operation.before[number - rounds :][:1] for resource in self.resources})
            self._up(fails=False)
        if self.settled is not None:
            spans = max((resource.case.overlap_steps for resource in self.resources), key=len)
            for minutes in spans[: self.settled]:
                self._advance(minutes)
                self._up(fails=False)
            self._advance(spans[self.settled])
        if rounds:
            for resource, outputs in self._outputs():
                resource.before = outputs
        self._say({resource: (resource.edits(),) for resource in self.resources})

    def operate(self) -> Run:
        """Run the operation into the faults."""
        for resource in self.resources:
            resource.order()
        hurried = [f"rekey:endpoints.{resource.endpoint}.timeout" for resource in self.resources if resource.hurries]
        if not hurried:
            return self._command(fails=None)
        # Every other case and run waits as long as a user's: a machine that stalls for a moment is no fault of theirs.
        self.stack.configure(dict.fromkeys(hurried, str(PATIENCE)))
        met = self._command(fails=None)
        self.stack.run("config", "rm-all", "--path", *hurried)
        return met

    def lift(self, met: Run) -> None:
        """End the faults; what the failed run said, and what it left, must agree."""
        self.fleet.revive()
        for resource in self.resources:
            resource.lift()
        errors = self._said("error")
        for resource in self.resources:
            warnings = self._said("warning").get(resource.name, [])
            resource.named = any(LEFT.search(warning) for warning in warnings)
        if met.tracebacks:
            self.resources[0].wrong(f"a traceback:\n{met.text}")
        for resource, outputs in self._outputs():
            resource.judge_error(errors.get(resource.name, []), outputs)

    def converge(self) -> None:
        """One more run reaches the end; another one finds nothing to do."""
        for resource in self.resources:
            resource.instance.forget_calls()
        converged = self._command(fails=None) if self.command == "destroy" else self._up()
        for resource in self.resources:
            resource.result.calls_to_converge = len(resource.instance.calls())
        errors = self._said("error")
        if [resource for resource in self.resources if resource.follow_instruction(errors.get(resource.name, []))]:
            self._say({})
            converged, errors = self._up(), self._said("error")
        for resource, outputs in self._outputs():
            resource.judge(converged, outputs, errors.get(resource.name, []))
        if self.command == "destroy":
            return
        again = self._up("--refresh")
        for resource in self.resources:
            mine = [step for step in again.steps if step.endswith(f" {resource.name}")]
            steps = [step for step in mine if not step.startswith("refresh-refresh ")]
            failed = self._said("error").get(resource.name)
            if steps or failed:
                resource.wrong(f"state and vendor do not agree: {steps} {failed or ''}")

    # -- the engine ------------------------------------------------------------------------------------------------

    def _say(self, changes: Mapping[ResourceUnderTest, Sequence[Changes]]) -> None:
        """Write the program; a resource that has not begun and says nothing yet is not in it."""
        for resource, edits in changes.items():
            for change in edits:
                resource.spec = replace(resource.spec, **change)
                resource.begun = True
        declarations = (resource.declaration() for resource in self.resources if resource.begun)
        self.stack.program("\n".join([*IMPORTS, *declarations, ""]))

    def _command(self, *, fails: bool | None) -> Run:
        if self.command == "refresh":
            return self.stack.refresh(*AT_ONCE, fails=fails)
        if self.command == "destroy":
            return self.stack.destroy("--continue-on-error", *AT_ONCE, fails=fails)
        return self._up(fails=fails)

    def _up(self, *arguments: str, fails: bool | None = None) -> Run:
        return self.stack.up("--continue-on-error", *AT_ONCE, *arguments, fails=fails)

    def _advance(self, minutes: int) -> None:
        self._advanced += minutes
        for resource in self.resources:
            resource.instance.advance(f"{minutes}m")
        self.stack.environment["REKEY_CLOCK_ADVANCE"] = f"{self._advanced}m"

    def _outputs(self) -> Iterator[tuple[ResourceUnderTest, Outputs | None]]:
        resources = self.stack.resources()
        for resource in self.resources:
            yield resource, resources[resource.name].get("outputs") if resource.name in resources else None

    def _said(self, severity: str) -> dict[str, list[str]]:
        """What the last run said of that severity, by the name of the resource."""
        found: dict[str, list[str]] = {}
        for line in self.stack.events.read_text().splitlines():
            event = json.loads(line).get("diagnosticEvent", {})
            if event.get("severity") == severity and event.get("urn"):
                found.setdefault(event["urn"].rpartition("::")[2], []).append(said_in(event["message"]))
        return found


class Matrix:
    """All cases, and the runs that try them."""

    def __init__(self, stack: Stack, fleet: SandboxFleet) -> None:
        self.stack, self.fleet = stack, fleet
        self._runs = 0
        plain, secret = fleet.settings()
        stack.configure({"rekey:owner": "4f1c9f8ab6d24d5a9d8e5fc0a3b7e612"} | plain, secret)

    def learn(self, only: str = "") -> Iterator[tuple[Result, list[Call]]]:
        """Each operation of each resource (of those in whose name this is) without a fault, and its calls."""
        fault_cases = [
            FaultCase(case, operation) for operation in OPERATIONS for case in CASES if operation.applies(case)
        ]
        for batch in self.batches([fault_case for fault_case in fault_cases if only in str(fault_case)]):
            batch.begin()
            batch.lift(batch.operate())
            calls = [resource.instance.calls() for resource in batch.resources]
            batch.converge()
            for resource, made in zip(batch.resources, calls, strict=True):
                yield resource.result, list(_numbered(made))

    def fault_cases(self, learned: Sequence[tuple[Result, list[Call]]]) -> list[FaultCase]:
        """Every fault at every call."""
        return [
            replace(result.fault_case, call=call, fault=fault)
            for result, calls in learned
            for call in calls
            for fault in FAULTS
        ]

    def run(self, fault_cases: Sequence[FaultCase]) -> Iterator[Result]:
        """Try cases, as many at once as there are instances and the operations allow."""
        beside: list[FaultCase] = []
        for batch in self.batches(fault_cases):
            for result in batch.run():
                if result.met or not result.fault_case.operation.replaces:
                    yield result
                else:
                    beside.append(result.fault_case)
        # Beside a create that fails nothing is deleted: the calls of a delete are met where all creates succeed.
        for batch in self.batches(beside):
            yield from batch.run()

    def batches(self, fault_cases: Sequence[FaultCase]) -> Iterator[Batch]:
        """Bring those together that can share runs of the engine."""
        together: dict[object, list[FaultCase]] = {}
        for fault_case in fault_cases:
            together.setdefault(fault_case.operation.together, []).append(fault_case)
        size = len(self.fleet.instances)
        for mine in together.values():
            for first in range(0, len(mine), size):
                self._runs += 1
                folder = self.stack.folder.parent / f"batch-{self._runs}"
                yield Batch(self.stack.copy(folder), self.fleet, mine[first : first + size])


def _numbered(calls: list[dict[str, Any]]) -> Iterator[Call]:
    seen: dict[tuple[str, str], int] = {}
    for number, call in enumerate(calls):
        key = call["method"], shape(call["path"])
        yield Call(number, *key, earlier=seen.get(key, 0))
        seen[key] = seen.get(key, 0) + 1
