"""The real engine, with the commands of its model: what a sequence does there, it does here."""

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from pulumi_rekey.frontend.values import Properties, Secret
from pulumi_rekey.resources import MODULES, load

from tests.engine import Run as EngineRun
from tests.engine import Stack
from tests.lifecycle.case import IMPORTS
from tests.lifecycle.scenario import said_in
from tools.vendors import Sandbox

from .engine_model import Clock, Declaration, Run, Stored

_KINDS: Final = {load(module).name: module for module in MODULES}
#: The engine's words for the parts of a replacement; the step that says that one is under way is none.
_OPS: Final = {"create-replacement": "replace", "delete-replaced": "delete", "replace": ""}


class RealEngine:
    """A stack: its state, and the commands on it."""

    def __init__(self, stack: Stack, sandbox: Sandbox, clock: Clock) -> None:
        self._stack, self.clock = stack, clock
        self.stack = "dev"
        plain: dict[str, str] = {}
        secret: dict[str, str] = {}
        for into, settings in ((plain, sandbox.settings()), (secret, sandbox.secret_settings())):
            for path, value in settings.items():
                prefix, vendor, key = path.rsplit(".", 2)
                into[f"{prefix}.{vendor}-2.{key}"] = f"{value}/" if key == "url" else value
                plain[f"{prefix}.{vendor}-2.kind"] = vendor
        stack.configure(plain, secret)

    def preview(self, _program: Sequence[Declaration], **_how: Any) -> Run:
        """Leave it out: a run says what it does."""
        return Run()

    def up(
        self,
        program: Sequence[Declaration],
        *,
        targets: Collection[str] | None = None,
        excluded: Collection[str] = (),
        carry_on: bool = False,
        refresh: bool = False,
    ) -> Run:
        """`pulumi up`."""
        self._stack.program(written(program))
        chosen = [word for name in sorted(targets or ()) for word in ("--target", f"**::{name}")]
        chosen += [word for name in sorted(excluded) for word in ("--exclude", f"**::{name}")]
        flags = ["--continue-on-error"] * carry_on + ["--refresh"] * refresh
        return self._done(lambda: self._stack.up(*chosen, *flags, fails=None))

    def refresh(self) -> Run:
        """`pulumi refresh`."""
        return self._done(lambda: self._stack.refresh(fails=None))

    def destroy(self, targets: Collection[str] | None = None, *, carry_on: bool = False) -> Run:
        """`pulumi destroy`."""
        chosen = [word for name in sorted(targets or ()) for word in ("--target", f"**::{name}")]
        flags = ["--continue-on-error"] * carry_on
        return self._done(lambda: self._stack.destroy(*chosen, *flags, fails=None))

    def forget(self, name: str) -> None:
        """`pulumi state delete`."""
        stored = self.find(name)
        if stored is not None:
            self._stack.run("state", "delete", "--yes", stored.urn)

    def find(self, name: str) -> Stored | None:
        """Return a resource of the state."""
        return next((stored for stored in self.resources if stored.name == name and not stored.replaced), None)

    @property
    def resources(self) -> list[Stored]:
        """What is in the state."""
        found = self._stack.export(show_secrets=True)["deployment"].get("resources", ())
        return [_stored(one) for one in found if one["type"].startswith("pulumi-python:dynamic/rekey:")]

    def _done(self, command: Any) -> Run:
        passed = int((self.clock.passed + self.clock.wrong).total_seconds() // 60)
        self._stack.environment["REKEY_CLOCK_ADVANCE"] = f"{passed}m"
        done: EngineRun = command()
        run = Run()
        for step in done.steps:
            op, name = step.split(" ")
            if op := _OPS.get(op, op):
                run.steps.append(f"{op} {name}")
        for line in self._stack.events.read_text().splitlines():
            event = json.loads(line).get("diagnosticEvent", {})
            urn, text = event.get("urn", ""), said_in(event.get("message", ""))
            if "pulumi-python:dynamic/rekey:" in urn:
                text = text.removeprefix("Refreshed resource is in an unhealthy state:\n* ")
                text = text.removeprefix(f"{urn.rpartition('::')[2]}: ")
                (run.fail if event["severity"] == "error" else run.say)(urn, text)
        if done.exit_code and not run.errors:
            run.errors.append(done.text)
        return run


def written(program: Sequence[Declaration]) -> str:
    """Return what a user would write."""
    lines = ["made = {}"]
    for one in program:
        inputs = {name: _literal(value) for name, value in one.inputs.items() if value is not None}
        policy = one.inputs.get("rotation") or {}
        inputs["rotation"] = f"rekey.Rotation({', '.join(f'{name}={value!r}' for name, value in policy.items())})"
        inputs |= {name: f"made[{other!r}].{output}" for name, (other, output) in one.needs.items()}
        aliases = ", ".join(f"pulumi.Alias(name={name!r})" for name in one.aliases)
        inputs["opts"] = f"pulumi.ResourceOptions(aliases=[{aliases}])"
        arguments = ", ".join(f"{name}={value}" for name, value in inputs.items())
        lines.append(f"made[{one.name!r}] = rekey.{load(one.module).name}({one.name!r}, {arguments})")
    return "\n".join([*IMPORTS, *lines, ""])


def _literal(value: Any) -> str:
    return repr(value.value if isinstance(value, Secret) else value)


def _stored(one: dict[str, Any]) -> Stored:
    return Stored(
        urn=one["urn"],
        module=_KINDS[one["type"].rpartition(":")[2]],
        id=one["id"],
        inputs=_opened(one["inputs"]),
        outputs=_opened(one["outputs"]),
        needs=tuple(one.get("dependencies", ())),
        failed=bool(one.get("initErrors")),
        replaced=one.get("delete", False),
    )


def _opened(props: dict[str, Any]) -> Properties:
    found: Properties = _bare(props)
    found.pop("__provider", None)
    return found


def _bare(value: Any) -> Any:
    match value:
        case {"plaintext": str(secret)}:
            return Secret(json.loads(secret))
        case dict():
            return {name: _bare(member) for name, member in value.items()}
        case list():
            return [_bare(member) for member in value]
        case _:
            return value
