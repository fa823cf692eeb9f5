"""A case without the engine: the reconciler and real sessions, where a run of the engine would show nothing more."""

from dataclasses import replace
from importlib import import_module
from typing import Any

from pulumi_rekey.reconciler.contract import Resource
from pydantic import SecretStr

from tests.resources.program import Program

from .case import Case, Outputs, ProgramSpec


def resource_of(case: type[Case]) -> Resource[Any, Any, Any]:
    """The package's resource that a case is about."""
    module = import_module(case.__module__.replace("tests.lifecycle", "pulumi_rekey.resources"))
    resource: Resource[Any, Any, Any] = module.RESOURCE
    return resource


class InProcess(Program):
    """The case's resource, and what `pulumi up` keeps of it."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.sandbox, resource_of(type(case)), **case.sandbox.endpoint(case.endpoint))
        self.case = case
        self.spec = ProgramSpec()

    def log_in_as(self, account: str) -> None:
        """Log in as another account of the sandbox from now on, such as "weak" or "tenant"."""
        self.settings = self.sandbox.endpoint(self.case.endpoint, account)

    def apply(self, **changes: Any) -> Outputs:
        """Run `pulumi up` of the program with these changes; return the outputs."""
        self.spec = replace(self.spec, **changes)
        self.up(**self.inputs())
        return self.outputs()

    def has_changes(self) -> bool:
        """Tell whether a preview shows a change."""
        return bool(self.planned(**self.inputs()))

    def end_overlap(self) -> None:
        """Let the time pass after which a rotation is over, with the ups that it needs."""
        for minutes in self.case.overlap_steps:
            self.advance(f"{minutes}m")
            self.apply()

    def inputs(self) -> dict[str, Any]:
        """What the program says of the resource."""
        return {**self.case.arguments(self.spec), "rotation": self.case.rotation(self.spec)}

    def outputs(self) -> Outputs:
        """The outputs, decrypted."""
        values = ((name, getattr(self.state, name)) for name in type(self.state).model_fields)
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values
            if value is not None
        }
