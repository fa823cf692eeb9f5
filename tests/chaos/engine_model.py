"""A small engine in this process: the package's real answers, in the order in which Pulumi's engine asks for them.

What it does is what the real one does with dynamic resources: check, diff, then create, update or replace, what the
program does not declare any more deleted last; each step saved when it is done, a partial failure with what it has
reached. `test_engine_model.py` holds it against the real one. A run is a process of its own: nothing but the state is
left of it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import Error
from pulumi_rekey.frontend.answers import Answers, Call, HalfDone
from pulumi_rekey.frontend.instance import Instance
from pulumi_rekey.frontend.values import UNKNOWN, Properties, Scope, Secret
from pulumi_rekey.resources import load

from tests.in_turn import in_turn

Op = Literal["create", "update", "replace", "delete", "refresh-update", "refresh-delete"]
_URN: Final = "urn:pulumi:{stack}::probe::{parent}pulumi-python:dynamic/rekey:{kind}::{name}"


class DeadError(BaseException):
    """The process is gone, and nothing that it knew is kept."""


@dataclass(frozen=True)
class Declaration:
    """A resource as the program declares it."""

    name: str
    #: The module of the resource, such as `app_secret`.
    module: str
    inputs: Properties
    #: Names that it had before, as the program says.
    aliases: tuple[str, ...] = ()
    #: Inputs that are outputs of a resource declared before: the name of that one, and of the output.
    needs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    #: The types of the components that it is a child of.
    parent: str = ""

    def urn(self, stack: str, name: str = "") -> str:
        """Return Pulumi's name of it, under one of its names."""
        parent = f"{self.parent}$" if self.parent else ""
        return _URN.format(stack=stack, parent=parent, kind=load(self.module).name, name=name or self.name)


@dataclass(frozen=True)
class Stored:
    """A resource in the state; each object of this is another one, whatever it holds."""

    urn: str
    module: str
    id: str
    inputs: Properties
    outputs: Properties
    #: What it was made from.
    needs: tuple[str, ...] = ()
    #: Whether its last step was a partial failure: then it is updated, whatever a diff says.
    failed: bool = False
    #: Whether another object has its place, and it has still to be deleted.
    replaced: bool = False

    @property
    def name(self) -> str:
        """The name in the program."""
        return self.urn.rpartition("::")[2]

    def plain(self) -> dict[str, Any]:
        """Return the outputs, decrypted."""
        return {name: _sent(value) for name, value in self.outputs.items()}


@dataclass
class Run:
    """What one command did and said."""

    #: Steps such as `update portal`, in order.
    steps: list[str] = field(default_factory=list)
    #: What was said under a resource, by its URN: remarks and errors.
    said: dict[str, list[str]] = field(default_factory=dict)
    #: The errors among them.
    errors: list[str] = field(default_factory=list)
    died: bool = False

    @property
    def green(self) -> bool:
        """Whether it ends with exit code 0."""
        return not self.errors and not self.died

    def say(self, urn: str, text: str) -> None:
        """Show a line under a resource."""
        self.said.setdefault(urn, []).append(text)

    def fail(self, urn: str, text: str) -> None:
        """Show an error under a resource."""
        self.say(urn, text)
        self.errors.append(text)


class Clock:
    """The time of the machine that runs rekey; a pause takes none of the test's."""

    def __init__(self) -> None:
        self.passed = timedelta()
        #: By how much it is wrong.
        self.wrong = timedelta()

    def now(self) -> datetime:
        """The moment, to the second."""
        return (datetime.now(UTC) + self.passed + self.wrong).replace(microsecond=0)

    def monotonic(self) -> float:
        """The same clock, as sessions measure spans."""
        return (datetime.now(UTC) + self.passed).timestamp()

    def sleep(self, seconds: float) -> None:
        """Let a pause pass."""
        self.passed += timedelta(seconds=seconds)


class _Process(Instance):
    """A provider's host, for one run."""

    def __init__(
        self, clock: Clock, wanted: Callable[[], bool], configuration: Mapping[str, str], run: "Run", scope: Scope
    ) -> None:
        # What is said of no resource stands under the stack.
        super().__init__(wanted=wanted, warn=lambda text: run.say("", text), scope=lambda: scope)
        self._clock = clock
        self._opened: list[Any] = []
        self.configure(configuration.get)

    @cached_property
    def _runtime(self) -> Runtime:
        clock = self._clock
        return Runtime(
            wanted=self._wanted,
            warn=self._warn,
            monotonic=clock.monotonic,
            sleep=clock.sleep,
            now=self.now,
            beside=in_turn,
        )

    def now(self) -> datetime:
        return self._clock.now()

    def session(self, endpoint: str | None, vendor: str | None, name: str) -> Any:
        found = super().session(endpoint, vendor, name)
        self._opened.append(found)
        return found

    def close(self) -> None:
        """Hang up, as the end of the process does."""
        for session in self._opened:
            if hasattr(session, "connections"):
                session.connections.close()


class EngineModel:
    """A stack: its state, and the commands on it."""

    def __init__(self, configuration: Mapping[str, str], clock: Clock) -> None:
        self.configuration = configuration
        self.clock = clock
        self.stack = "dev"
        self.resources: list[Stored] = []
        #: Asked before each write of a run: by raising DeadError it ends the process.
        self.wanted: Callable[[], bool] = lambda: True
        #: Asked after each step, before it is saved.
        self.alive: Callable[[], None] = lambda: None
        #: What the native front end's preview of a step called known and was another value, each in words.
        self.surprises: list[str] = []
        #: How many outputs of steps such previews have called known, and how many unknown.
        self.foreseen = {"known": 0, "unknown": 0}

    def compare(self, step: str, foreseen: Properties, outputs: Properties) -> None:
        """Compare the preview of a step with what it wrote: what is called known must be right."""
        for name in sorted(foreseen.keys() | outputs.keys()):
            expected = foreseen.get(name)
            if UNKNOWN in (expected, expected.value if isinstance(expected, Secret) else None):
                self.foreseen["unknown"] += 1
                continue
            self.foreseen["known"] += 1
            found = outputs.get(name)
            # What is hidden in a preview may be shown later; the other way round it was shown too early.
            if isinstance(expected, Secret) and not isinstance(found, Secret):
                expected = expected.value
            if expected != found:
                self.surprises.append(f"{step}: {name} is {found!r}, and its preview said {expected!r}")

    # -- commands ----------------------------------------------------------------------------------------------------

    def preview(self, program: Sequence[Declaration], **how: Any) -> Run:
        """`pulumi preview`."""
        return self._run(program, dry=True, **how)

    def up(self, program: Sequence[Declaration], **how: Any) -> Run:
        """`pulumi up`."""
        return self._run(program, dry=False, **how)

    def refresh(self) -> Run:
        """`pulumi refresh`."""
        return self._command(lambda work: work.refresh(), dry=False)

    def destroy(self, targets: Collection[str] | None = None, *, carry_on: bool = False) -> Run:
        """`pulumi destroy`."""
        scope: Scope = "whole" if targets is None else "part"
        return self._command(lambda work: work.delete(targets), dry=False, carry_on=carry_on, scope=scope)

    def forget(self, name: str) -> None:
        """`pulumi state delete`."""
        self.resources = [stored for stored in self.resources if stored.name != name]

    def rename(self, stack: str) -> None:
        """`pulumi stack rename`."""
        old, self.stack = f"urn:pulumi:{self.stack}::", stack
        new = f"urn:pulumi:{stack}::"
        self.resources = [
            replace(
                stored,
                urn=stored.urn.replace(old, new, 1),
                needs=tuple(urn.replace(old, new, 1) for urn in stored.needs),
            )
            for stored in self.resources
        ]

    def find(self, name: str) -> Stored | None:
        """Return a resource of the state."""
        return next((stored for stored in self.resources if stored.name == name and not stored.replaced), None)

    def _run(
        self,
        program: Sequence[Declaration],
        *,
        dry: bool,
        targets: Collection[str] | None = None,
        excluded: Collection[str] = (),
        carry_on: bool = False,
        refresh: bool = False,
    ) -> Run:
        names = {declaration.name for declaration in program} | {stored.name for stored in self.resources}
        chosen = (
            None if targets is None and not excluded else (names if targets is None else set(targets)) - {*excluded}
        )

        def work(work: "_Work") -> None:
            if refresh:
                work.refresh(chosen)
                if work.run.errors:
                    return
            work.apply(program, chosen)

        return self._command(work, dry=dry, carry_on=carry_on, scope="whole" if chosen is None else "part")

    def _command(
        self, command: Callable[["_Work"], None], *, dry: bool, carry_on: bool = False, scope: Scope = "whole"
    ) -> Run:
        run, kept = Run(), list(self.resources)
        process = _Process(self.clock, self.wanted, self.configuration, run, scope)
        try:
            command(_Work(self, process, run, dry=dry, carry_on=carry_on))
        except DeadError:
            run.died = True
        finally:
            process.close()
            if dry:
                self.resources = kept
        return run


class _Stopped(Exception):
    """An error ends the run."""


@dataclass
class _Step:
    declaration: Declaration
    op: Op | Literal["same"]
    inputs: Properties
    old: Stored | None


class _Work:
    """One command at work."""

    def __init__(self, engine: EngineModel, process: _Process, run: Run, *, dry: bool, carry_on: bool) -> None:
        self.engine, self.process, self.run = engine, process, run
        self.dry, self.carry_on = dry, carry_on
        #: What the program has declared, as it is in the state now: nothing must delete it.
        self._kept: list[Stored] = []
        self._outputs: dict[str, Properties | None] = {}

    # -- refresh ------------------------------------------------------------------------------------------------------

    def refresh(self, targets: Collection[str] | None = None) -> None:
        """Read everything."""
        for stored in list(self.engine.resources):
            if not stored.replaced and (targets is None or stored.name in targets):
                self._read(stored)

    def _read(self, stored: Stored) -> None:
        answers, call = self._answers(stored.module), self._call(stored.urn, stored.inputs)
        try:
            found = answers.read(call, stored.id, _received(stored.outputs))
        except HalfDone as half:
            self.run.say(stored.urn, str(half))
            inputs = stored.inputs if half.found.inputs is None else half.found.inputs
            self._save(stored, replace(stored, inputs=inputs, outputs=half.found.outputs, failed=True))
            return
        except Error as failed:
            self.run.fail(stored.urn, str(failed))
            return
        if found is None:
            self.run.steps.append(f"refresh-delete {stored.name}")
            self._save(stored, None)
            return
        inputs = stored.inputs if found.inputs is None else found.inputs
        new = replace(stored, inputs=inputs, outputs=found.outputs, failed=False)
        if new.outputs != stored.outputs:
            self.run.steps.append(f"refresh-update {stored.name}")
        self._save(stored, new)
        try:
            answers.diff(call, stored.id, _received(found.outputs), _received(stored.inputs))
        except Error as failed:
            self.run.fail(stored.urn, str(failed))

    # -- up and preview ---------------------------------------------------------------------------------------------

    def apply(self, program: Sequence[Declaration], targets: Collection[str] | None) -> None:
        """Bring about what the program declares, then delete what it does not."""
        try:
            left = list(program)
            while left:
                ready = [one for one in left if all(name in self._outputs for name, _ in one.needs.values())]
                left = [one for one in left if one not in ready]
                # Steps are made one after the other, before the first of them is done.
                for step in [step for one in ready for step in self._planned(one, targets)]:
                    self._do(step)
            if not self.run.errors or self.carry_on:
                self.delete(targets, but=self._kept)
        except _Stopped:
            return

    def _planned(self, one: Declaration, targets: Collection[str] | None) -> Iterator[_Step]:
        urn, old = one.urn(self.engine.stack), self._old(one)
        if old is not None:
            self._kept.append(old)
        if targets is not None and one.name not in targets and (old is None or old.name not in targets):
            if old is not None:
                old = self._save(old, replace(old, urn=urn))
            self._outputs[one.name] = None if old is None else old.outputs
            return
        news = dict(one.inputs)
        for name, (other, output) in one.needs.items():
            found = self._outputs[other]
            if found is None:
                # What it needs has failed, or is not there: it is left as it is.
                self._outputs[one.name] = None
                return
            news[name] = found.get(output)
        news = {name: value for name, value in news.items() if value is not None}
        answers, olds = self._answers(one.module), {} if old is None else _received(old.inputs)
        call = self._call(urn, None if old is None else old.inputs)
        try:
            checked = answers.check(call, olds, _received(news))
            if checked.failures:
                self._fail(one, urn, "; ".join(f"{path} {reason}" for path, reason in checked.failures))
                return
            if old is None:
                yield _Step(one, "create", checked.inputs, None)
                return
            difference = answers.diff(call, old.id, _received(old.outputs), _received(checked.inputs))
            if difference.replaces:
                again = answers.check(call, {}, _received(news))
                if again.failures:
                    self._fail(one, urn, "; ".join(f"{path} {reason}" for path, reason in again.failures))
                    return
                yield _Step(one, "replace", again.inputs, old)
            else:
                yield _Step(one, "update" if difference.changes or old.failed else "same", checked.inputs, old)
        except Error as failed:
            self._fail(one, urn, str(failed))

    def _do(self, step: _Step) -> None:
        one, old = step.declaration, step.old
        urn = one.urn(self.engine.stack)
        needs = tuple(other.urn for other in self._kept if other.name in {name for name, _ in one.needs.values()})
        if step.op == "same" and old is not None:
            new = replace(old, urn=urn, inputs=step.inputs, needs=needs)
            self._outputs[one.name] = new.outputs
            self._save(old, new)
            return
        self.run.steps.append(f"{step.op} {one.name}")
        if self.dry:
            if step.op == "replace" and old is not None:
                self._give_place(old)
            known = self._answers(one.module).resource.state.model_fields
            self._outputs[one.name] = dict.fromkeys(known, UNKNOWN) | step.inputs
            return
        answers = self._answers(one.module)
        call = self._call(urn, None if old is None or step.op == "replace" else old.inputs)
        try:
            if step.op == "update" and old is not None:
                olds = _received(old.outputs)
                foreseen = answers.preview_update(call, old.id, olds, _received(step.inputs))
                found = answers.update(call, old.id, olds, _received(step.inputs))
            else:
                foreseen = answers.preview_create(_received(step.inputs))
                found = answers.create(call, _received(step.inputs))
        except HalfDone as half:
            self.engine.alive()
            # After a failed update the engine keeps the inputs before it.
            inputs = old.inputs if step.op == "update" and old is not None else step.inputs
            new = Stored(urn, one.module, half.found.id, inputs, half.found.outputs, needs, failed=True)
            self._put(step, new)
            self._fail(one, urn, str(half))
            return
        except Error as failed:
            self.engine.alive()
            self._fail(one, urn, str(failed))
            return
        self.engine.compare(self.run.steps[-1], foreseen, found.outputs)
        self.engine.alive()
        self._put(step, Stored(urn, one.module, found.id, step.inputs, found.outputs, needs))
        self._outputs[one.name] = found.outputs

    def _put(self, step: _Step, new: Stored) -> None:
        if step.op == "update" and step.old is not None:
            self._save(step.old, new)
            return
        if step.old is not None:
            self._give_place(step.old)
        self.engine.resources.append(new)
        self._kept.append(new)

    def _give_place(self, old: Stored) -> None:
        replaced = self._save(old, replace(old, replaced=True))
        self._kept = [one for one in self._kept if one is not replaced]

    def _old(self, one: Declaration) -> Stored | None:
        urns = [one.urn(self.engine.stack, name) for name in (one.name, *one.aliases)]
        present = {stored.urn: stored for stored in self.engine.resources if not stored.replaced}
        return next((present[urn] for urn in urns if urn in present), None)

    def _fail(self, one: Declaration, urn: str, text: str) -> None:
        self.run.fail(urn, text)
        self._outputs[one.name] = None
        if not self.carry_on:
            raise _Stopped

    # -- delete -----------------------------------------------------------------------------------------------------

    def delete(self, targets: Collection[str] | None, but: Sequence[Stored] = ()) -> None:
        """Delete everything, the newest first."""
        for stored in reversed(list(self.engine.resources)):
            if any(stored is kept for kept in but) or (targets is not None and stored.name not in targets):
                continue
            self.run.steps.append(f"delete {stored.name}")
            if self.dry:
                continue
            try:
                self._answers(stored.module).delete(self._call(stored.urn, stored.inputs), _received(stored.outputs))
            except Error as failed:
                self.engine.alive()
                self.run.fail(stored.urn, str(failed))
                if not self.carry_on:
                    return
                continue
            self.engine.alive()
            self._save(stored, None)

    # -- what all of them need --------------------------------------------------------------------------------------

    def _answers(self, module: str) -> Answers:
        return Answers(load(module), self.process)

    def _call(self, urn: str, stored_inputs: Properties | None) -> Call:
        inputs = None if stored_inputs is None else _received(stored_inputs)
        return Call(urn, inputs, lambda _severity, text: self.run.say(urn, text))

    def _save(self, old: Stored, new: Stored | None) -> Stored:
        self.engine.resources = [
            kept for one in self.engine.resources if (kept := new if one is old else one) is not None
        ]
        if new is not None:
            self._kept = [new if one is old else one for one in self._kept]
        return new or old


def _received(props: Properties) -> Properties:
    """Return properties as a provider receives them: secrets bare, what is unset left out, numbers as floats."""
    found: Properties = _sent(props)
    return found


def _sent(value: Any) -> Any:
    match value:
        case Secret():
            return value.value
        case dict():
            return {name: _sent(member) for name, member in value.items() if member is not None}
        case list() | tuple():
            return [_sent(member) for member in value]
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value
