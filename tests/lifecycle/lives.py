"""All resources going through the same in one stack, where a run of the engine for each would show nothing more."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.engine import Run, Stack
from tools.vendors import Sandbox

from .case import IMPORTS, Case, Outputs
from .life import Life, Step, noted


class Lives:
    """A life for each resource, named after it, in one program."""

    def __init__(self, cases: tuple[type[Case], ...], stack: Stack, sandbox: Sandbox) -> None:
        self.stack, self.sandbox = stack, sandbox
        self._lives = [Life(case(sandbox), stack, sandbox, case.resource) for case in cases]
        #: The calls of the last run, of all resources.
        self.calls: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Life]:
        return iter(self._lives)

    def say(self, **changes: Any) -> None:
        """Write the program with these changes in all lives; a change that is a function is one for each life."""
        for life in self:
            mine = {name: change(life) if callable(change) else change for name, change in changes.items()}
            life.said = replace(life.said, **mine)
        declarations = [life.case.declaration(life.said) for life in self]
        self.stack.program("\n".join([*IMPORTS, *declarations, ""]))

    def up(self, *arguments: str, fails: bool = False, **changes: Any) -> dict[Life, Step]:
        """`pulumi up` of the program with these changes."""
        self.say(**changes)
        return self._noted(lambda: self.stack.up("--continue-on-error", *arguments, fails=fails))

    def preview(self, **changes: Any) -> dict[Life, Step]:
        """`pulumi preview` of the program with these changes."""
        self.say(**changes)
        return self._noted(self.stack.preview)

    def refresh(self) -> dict[Life, Step]:
        """`pulumi refresh`; what is found to be refused makes it fail."""
        return self._noted(lambda: self.stack.refresh(fails=None))

    def destroy(self) -> dict[Life, Step]:
        """`pulumi destroy`."""
        return self._noted(self.stack.destroy)

    def settle(self) -> None:
        """Let the time pass after which the rotations are over, with the ups that they need."""
        for minutes in max((life.case.settling for life in self), key=len):
            # They have one clock.
            self._lives[0].advance(minutes)
            for life, step in self.up().items():
                assert step.steps == ([f"update {life.said.name}"] if life.case.settling else [])

    def outputs(self) -> dict[Life, Outputs]:
        """The outputs of each, as `Life.outputs` has them."""
        export = self.stack.export(show_secrets=True)
        return {life: life.outputs_in(export) for life in self}

    def traces(self) -> list[str]:
        """Where a secret of one of them stands in plain text."""
        return [trace for life in self for trace in life.traces()]

    def _noted(self, operate: Callable[[], Run]) -> dict[Life, Step]:
        run, self.calls, events = noted(self.stack, self.sandbox, operate)
        found = {}
        for life in self:
            mine = [step for step in run.steps if step.endswith(f" {life.said.name}")]
            found[life] = life.step(replace(run, steps=mine), self.calls, events)
        return found
