"""All resources going through the same in one stack, where a run of the engine for each would show nothing more."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.engine import Run, Stack
from tools.vendors import Sandbox

from .case import IMPORTS, Case, Outputs
from .scenario import Scenario, Step, noted


class AllResources:
    """A scenario for each resource, named after it, in one program."""

    def __init__(self, cases: tuple[type[Case], ...], stack: Stack, sandbox: Sandbox) -> None:
        self.stack, self.sandbox = stack, sandbox
        self._scenarios = [Scenario(case(sandbox), stack, sandbox, case.resource) for case in cases]
        #: The calls of the last run, of all resources.
        self.calls: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self._scenarios)

    def write(self, **changes: Any) -> None:
        """Write the program with these changes to each resource; one that is a function is called with its scenario."""
        for scenario in self:
            mine = {name: change(scenario) if callable(change) else change for name, change in changes.items()}
            scenario.spec = replace(scenario.spec, **mine)
        declarations = [scenario.case.declaration(scenario.spec) for scenario in self]
        self.stack.program("\n".join([*IMPORTS, *declarations, ""]))

    def up(self, *arguments: str, fails: bool = False, **changes: Any) -> dict[Scenario, Step]:
        """`pulumi up` of the program with these changes."""
        self.write(**changes)
        return self._noted(lambda: self.stack.up("--continue-on-error", *arguments, fails=fails))

    def preview(self, **changes: Any) -> dict[Scenario, Step]:
        """`pulumi preview` of the program with these changes."""
        self.write(**changes)
        return self._noted(self.stack.preview)

    def refresh(self) -> dict[Scenario, Step]:
        """`pulumi refresh`; what is found to be refused makes it fail."""
        return self._noted(lambda: self.stack.refresh(fails=None))

    def destroy(self) -> dict[Scenario, Step]:
        """`pulumi destroy`."""
        return self._noted(self.stack.destroy)

    def end_overlap(self) -> None:
        """Let the time pass after which the rotations are over, with the ups that they need."""
        for minutes in max((scenario.case.overlap_steps for scenario in self), key=len):
            # They have one clock.
            self._scenarios[0].advance(minutes)
            for scenario, step in self.up().items():
                assert step.steps == ([f"update {scenario.spec.name}"] if scenario.case.overlap_steps else [])

    def outputs(self) -> dict[Scenario, Outputs]:
        """The outputs of each, as `Scenario.outputs` has them."""
        export = self.stack.export(show_secrets=True)
        return {scenario: scenario.outputs_in(export) for scenario in self}

    def leaks(self) -> list[str]:
        """Where a secret of one of them stands in plain text."""
        return [leak for scenario in self for leak in scenario.leaks()]

    def _noted(self, operate: Callable[[], Run]) -> dict[Scenario, Step]:
        run, self.calls, events = noted(self.stack, self.sandbox, operate)
        found = {}
        for scenario in self:
            mine = [step for step in run.steps if step.endswith(f" {scenario.spec.name}")]
            found[scenario] = scenario.step(replace(run, steps=mine), self.calls, events)
        return found
