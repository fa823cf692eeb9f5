"""Sequences of edits, commands, faults, kills, changes by hand and time, and what must be true all along.

A sequence is made from a seed, or written down: the kinds of credentials in the program, and steps. Each step stands
by itself, so that a sequence which fails is made smaller by leaving steps out.
"""

import json
import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from pulumi_rekey.frontend.values import Secret
from pulumi_rekey.ownership import key_has_tail
from pulumi_rekey.resources import load

from tests.engine import Stack
from tests.lifecycle.app_secret import AppSecretCase
from tests.lifecycle.case import Case, Outputs, ProgramSpec
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tests.lifecycle.open_id_provider_key import OpenIdProviderKeyCase
from tests.lifecycle.org_oauth_app import OrgOAuthAppCase
from tests.lifecycle.sync_client_credentials import SyncClientCredentialsCase
from tools.vendors import Sandbox

from .engine_model import Clock, DeadError, Declaration, EngineModel, Run, Stored
from .faults import FAULTS
from .real_engine import RealEngine

#: The kinds of credentials that a program can have.
KINDS: Final[dict[str, type[Case]]] = {
    "application": AppSecretCase,
    "fed": AppSecretCase,
    "party": OidcRelyingPartyCase,
    "blue": OidcRelyingPartyCase,
    "green": OidcRelyingPartyCase,
    "key": OpenIdProviderKeyCase,
    "sync": SyncClientCredentialsCase,
    "app": OrgOAuthAppCase,
}
PAIR: Final = ("blue", "green")
#: What a call can meet without real time passing.
MET: Final = {fault.name: fault.rule for fault in FAULTS if not fault.refused and "latency" not in fault.rule}
#: Secrets that users give, by vendor.
_GIVEN: Final = {"roma": ("Abcd1234%efgh", "Zyxw9876%vuts"), "navigator": ("Abcd1234!efgh", "Zyxw9876!vuts")}
OWNER: Final = "4f1c9f8ab6d24d5a9d8e5fc0a3b7e612"
_EDITS: Final = [
    "release",
    "release",
    "release",
    "release",
    "back",
    "setting",
    "rename",
    "alias",
    "adopt_own",
    "adopt_other",
    "unadopt",
    "endpoint",
    "grace",
    "max_age",
    "paused",
    "verify",
    "rotate_now",
    "on_adopt",
    "given",
    "remove",
    "activate",
]
_HAND: Final = ("rotate", "drift", "remove", "older signs", "theirs signs")
#: As long lives what a key has signed.
_TOKENS_LIVE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    do: str
    #: The kind of the credential that it happens to; for a run: whose minting alone meets the fault.
    on: str = ""
    #: What is done to it, or how.
    what: str = ""
    #: For a run: what it is limited to.
    targets: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    carry_on: bool = False
    #: For a run: the name of the fault that its calls meet, and how many they are spared.
    fault: str = ""
    skip: int = 0
    #: For a run: before which write the process dies, or, if it is negative, after which.
    dies: int = 0
    minutes: int = 0

    def __repr__(self) -> str:
        """Show what must be written to have it again."""
        default = Step("")
        given = {name: value for name, value in vars(self).items() if name != "do" and value != getattr(default, name)}
        return f"Step({', '.join([repr(self.do), *(f'{name}={value!r}' for name, value in given.items())])})"


@dataclass(frozen=True)
class Script:
    """Which credentials the program has, and what happens."""

    kinds: tuple[str, ...]
    steps: tuple[Step, ...]
    #: Whether everything is destroyed then as it is, or is brought to its end first.
    abrupt: bool = False


def made_from(seed: int, length: int = 14) -> Script:
    """Make a sequence from a seed."""
    chance = random.Random(seed)
    kinds: list[str] = []
    for kind in chance.sample(sorted(KINDS), chance.choice((1, 1, 2, 3))):
        kinds += [one for one in (PAIR if kind in PAIR else (kind,)) if one not in kinds]
    steps = [Step("up")]
    while len(steps) < length:
        steps += _some_step(chance, kinds)
    return Script(tuple(kinds), tuple(steps), abrupt=chance.random() < 0.4)


def _some_step(chance: random.Random, kinds: Sequence[str]) -> Iterator[Step]:
    kind = chance.choice(kinds)
    do = chance.choices(("edit", "run", "hand", "time", "state"), (35, 40, 8, 10, 7))[0]
    if do == "edit" and chance.random() < 0.2:
        # What is asked for, lost on the way, and not asked for any more.
        yield Step("edit", kind, "release")
        lost = chance.choice(sorted(name for name in MET if "after" in name))
        whose, skip = chance.choice(((kind, 0), ("", chance.randrange(5))))
        yield Step("up", whose, fault=lost, skip=skip, carry_on=chance.random() < 0.5)
        yield Step("edit", kind, chance.choice(("back", "back", "paused", "verify", "max_age")))
        yield Step("up")
    elif do == "edit":
        yield Step("edit", kind, chance.choice(_EDITS))
        if chance.random() < 0.7:
            yield _some_run(chance, kinds)
    elif do == "run":
        yield _some_run(chance, kinds)
    elif do == "hand":
        yield Step("hand", kind, chance.choices(_HAND, (5, 2, 2, 2, 1))[0])
        if chance.random() < 0.4:
            yield Step("up --refresh")
    elif do == "time":
        yield Step("time", minutes=chance.choice((6, 70, 60 * 24, 60 * 24 * 8, 60 * 24 * 40)))
    else:
        yield Step("state", kind, chance.choice(("delete", "restore", "rename", "clock")))


def _some_run(chance: random.Random, kinds: Sequence[str]) -> Step:
    command = chance.choices(("up", "refresh", "up --refresh", "destroy"), (70, 10, 12, 4))[0]
    run = Step(command, carry_on=chance.random() < 0.4)
    if command == "destroy" or chance.random() < 0.15:
        some = tuple(chance.sample(list(kinds), 1))
        run = replace(run, excluded=some) if command == "up" and chance.random() < 0.5 else replace(run, targets=some)
    if chance.random() < 0.35:
        run = replace(run, fault=chance.choice(sorted(MET)), skip=chance.randrange(9))
    elif chance.random() < 0.2:
        run = replace(run, dies=chance.choice((1, 2, 3, 4, -1, -2, -3, -4)))
    return run


# -- the program ---------------------------------------------------------------------------------------------------


@dataclass
class Unit:
    """One credential: how the program declares it now, and who uses it."""

    kind: str
    case: Case
    existing: Outputs
    name: str
    declared: bool = True
    aliases: tuple[str, ...] = ()
    release: int = 1
    changed: bool = False
    adopt: str | None = None
    endpoint: str | None = None
    given: int = 0
    activate: bool = True
    policy: dict[str, Any] = field(default_factory=dict)
    #: Names that it has had.
    names: set[str] = field(default_factory=set)
    #: What its consumers have: the outputs at the last green run.
    held: Outputs | None = None
    #: What was said of it since.
    said: list[str] = field(default_factory=list)
    #: Each credential of it that was ever in the state.
    known: list[Outputs] = field(default_factory=list)

    @property
    def module(self) -> str:
        """The module of its resource."""
        return type(self.case).__module__.rpartition(".")[2]

    @property
    def fed(self) -> bool:
        """Whether its secret is made by a resource of its own."""
        return self.kind == "fed"

    def declarations(self) -> Iterator[Declaration]:
        """Yield what the program says."""
        if not self.declared:
            return
        adopts = "adopt" in load(self.module).inputs.model_fields
        at = self.adopt if adopts else str(self.existing[self.case.id_output])
        inputs = {**self.case.arguments(ProgramSpec(at=at, changed=self.changed)), "endpoint": self.endpoint}
        policy = dict(self.policy)
        if not self.activate:
            inputs["activate"] = False
        if self.given and not self.fed:
            inputs["secret"] = Secret(_GIVEN[self.case.endpoint][self.given - 1])
        minting = {"triggers": {"release": self.release}} | policy
        frame = {name: value for name, value in policy.items() if name in {"paused", "verify", "grace"}}
        made = minting if not self.given else frame
        if self.kind in PAIR:
            made |= {"turn": {"every": "30d", "side": self.kind}}
            inputs["client_name"] = f"{inputs['client_name']} {self.kind}"
        if self.fed:
            made_by = f"{self.name}-made"
            aliases = tuple(f"{name}-made" for name in self.aliases)
            yield Declaration(made_by, "generated_secret", {"vendor": "roma", "rotation": minting}, aliases)
            inputs["rotation"] = frame
            yield Declaration(self.name, self.module, inputs, self.aliases, {"secret": (made_by, "secret")})
            return
        if self.kind == "sync":
            made = {"on_adopt": "rotate"} | made
        inputs["rotation"] = made
        parent = "rekey:index:Pair" if self.kind in PAIR else ""
        yield Declaration(self.name, self.module, inputs, self.aliases, parent=parent)


class BrokenError(AssertionError):
    """Something that must always be true is not."""


#: What a line under a resource must speak of, so that whoever reads it expects that a secret ends.
_ENDS: Final = re.compile(r"rotates|ends |ended|goes on|not known|vendor refuses|retires|makes key|nobody knows")
#: What says that something is nobody's any more but people's.
_LEFT: Final = re.compile(r"was left alone|leaves the state|was published by rekey for another")


class Life:
    """A sequence as it happens, on the sandbox."""

    def __init__(
        self,
        sandbox: Sandbox,
        kinds: Sequence[str],
        clock: Clock,
        engine: EngineModel | RealEngine,
        log: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.sandbox, self.clock, self.engine, self.log = sandbox, clock, engine, log
        sandbox.reset()
        #: The last command's run.
        self.last: Run | None = None
        self.units = {kind: self._unit(kind) for kind in kinds}
        self.earlier: tuple[str, list[Stored]] = (self.engine.stack, [])
        self.dead_for_a_reason: list[Outputs] = []
        self.strangers = {kind: unit.case.objects() for kind, unit in self.units.items()}
        #: When each signing key was last seen to sign.
        self.signed: dict[str, timedelta] = {}
        self._writes = 0
        self._dying = False

    def _unit(self, kind: str) -> Unit:
        case = KINDS[kind](self.sandbox)
        existing = {} if case.creates else case.existing()
        return Unit(kind, case, existing, kind, names={kind})

    # -- what happens ------------------------------------------------------------------------------------------------

    def happens(self, step: Step) -> None:
        """Let a step happen, and look whether all is as it must be."""
        unit = self.units.get(step.on)
        before = {kind: self._alive(one.held, one) for kind, one in self.units.items()}
        match step.do:
            case "edit":
                if unit is not None:
                    self._edit(unit, step.what)
                return
            case "hand":
                if unit is not None:
                    self._by_hand(unit, step.what)
                self._excuse()
            case "time":
                self.sandbox.advance(f"{step.minutes}m")
                self.clock.passed += _minutes(step.minutes)
                self._judge_ended(before, "time passed")
                self._excuse()
            case "state":
                if unit is not None:
                    self._state(unit, step.what)
            case _:
                self._see_who_signs()
                self._command(step, before)
        self._see_who_signs()

    def _see_who_signs(self) -> None:
        if "key" in self.units:
            case = self.units["key"].case
            assert isinstance(case, OpenIdProviderKeyCase)
            self.signed[case.administrator.active_key()] = self.clock.passed

    def _edit(self, unit: Unit, what: str) -> None:
        match what:
            case "setting" if unit.case.setting is not None:
                unit.changed = not unit.changed
            case "rename" | "alias":
                unit.aliases = (unit.name, *unit.aliases) if what == "alias" else ()
                unit.name = f"{unit.kind}{len(unit.names)}"
                unit.names |= {unit.name, f"{unit.name}-made"}
            case "adopt_own" if unit.case.creates and unit.kind not in PAIR:
                stored = self.engine.find(unit.name)
                unit.adopt = None if stored is None else str(stored.plain()[unit.case.id_output])
            case "adopt_other" if unit.kind in {"party", "app", "key"}:
                made = unit.case.existing()
                unit.adopt = str(made[unit.case.id_output])
                self.strangers[unit.kind] = self.strangers[unit.kind] | {unit.adopt}
            case "unadopt":
                unit.adopt = None
            case "endpoint":
                other = f"{unit.case.endpoint}-2"
                unit.endpoint = None if unit.endpoint else other
            case "given" if unit.kind in {"application", "app"}:
                unit.given = (unit.given + 1) % 3
            case "remove":
                unit.declared = not unit.declared
            case "activate" if unit.kind == "key":
                unit.activate = not unit.activate
            case _:
                self._edit_policy(unit, what)

    @staticmethod
    def _edit_policy(unit: Unit, what: str) -> None:
        policy = unit.policy
        match what:
            case "release":
                unit.release += 1
            case "back":
                unit.release = max(1, unit.release - 1)
            case "grace" if unit.kind == "app":
                policy["grace"] = None if policy.get("grace") else "1h"
            case "max_age":
                policy["max_age"] = None if policy.get("max_age") else "30d"
            case "paused" | "verify":
                policy[what] = not policy.get(what, what == "verify")
            case "rotate_now":
                policy["rotate_now"] = f"INC-{unit.release}{len(unit.known)}"
            case "on_adopt":
                policy["on_adopt"] = "keep" if policy.get("on_adopt") == "rotate" else "rotate"

    def _by_hand(self, unit: Unit, what: str) -> None:
        stored = self.engine.find(unit.name)
        if stored is None or not unit.case.is_there(outputs := stored.plain()):
            return
        before = unit.case.objects()
        if what == "rotate":
            unit.case.rotate_by_hand(outputs)
        elif what == "drift" and unit.case.setting is not None:
            unit.case.drift(outputs)
        elif what == "remove" and unit.case.creates and unit.case.removable:
            if unit.kind == "key" and len(before) == 1:
                return
            unit.case.remove_by_hand(outputs)
            self.signed.pop(str(outputs[unit.case.id_output]), None)
        elif isinstance(unit.case, OpenIdProviderKeyCase) and what in {"older signs", "theirs signs"}:
            older = {outputs.get("previous_key_id"), *(old["key_id"] for old in outputs.get("retiring") or ())}
            described = unit.case.administrator.keys()
            theirs = {key_id for key_id, text in described.items() if not key_has_tail(text or "")}
            chosen = sorted(before & (older if what == "older signs" else theirs) - {outputs["key_id"]})
            if chosen:
                unit.case.administrator.activate_key(chosen[0])
        self.strangers[unit.kind] = self.strangers[unit.kind] | (unit.case.objects() - before)

    def _state(self, unit: Unit, what: str) -> None:
        match what:
            case "delete":
                # Whoever takes it out of the state has it from now on.
                self.engine.forget(unit.name)
                self._left_to_people(unit)
            case "restore" if isinstance(self.engine, EngineModel):
                # Whoever restores an older state knows that what is in it may have ended since.
                (stack, resources), self.earlier = self.earlier, (self.engine.stack, list(self.engine.resources))
                self.engine.stack, self.engine.resources = stack, list(resources)
                for one in self.units.values():
                    stored = self.engine.find(one.name)
                    if stored is None:
                        self._left_to_people(one)
                    elif not self._alive(stored.plain(), one):
                        self.dead_for_a_reason.append(stored.plain())
                    self.strangers[one.kind] = self.strangers[one.kind] | one.case.objects()
            case "rename" if isinstance(self.engine, EngineModel):
                self.engine.rename("prod" if self.engine.stack == "dev" else "dev")
            case "clock":
                self.clock.wrong = _minutes(0 if self.clock.wrong else 60 * 24 * 40)

    def _left_to_people(self, unit: Unit) -> None:
        self.strangers[unit.kind] = self.strangers[unit.kind] | unit.case.objects()
        unit.known.clear()

    # -- commands ----------------------------------------------------------------------------------------------------

    def program(self) -> list[Declaration]:
        """What the program declares now."""
        return [declaration for unit in self.units.values() for declaration in unit.declarations()]

    def _names(self, kinds: tuple[str, ...]) -> set[str] | None:
        found = {name for kind in kinds if kind in self.units for name in self._names_of(self.units[kind])}
        return found or None

    @staticmethod
    def _names_of(unit: Unit) -> set[str]:
        return {unit.name, f"{unit.name}-made"} if unit.fed else {unit.name}

    def _command(self, step: Step, before: dict[str, bool | None]) -> None:
        earlier = self.engine.stack, list(self.engine.resources)
        looked_at = self._looked_at(step)
        runs = list(self._runs(step))
        run = self.last = runs[-1]
        self.earlier = earlier
        for one in runs:
            self.log(f"   {one.steps}{'' if one.green else ' FAILED'}{' DIED' if one.died else ''}")
            for urn, lines in one.said.items():
                for line in lines:
                    self.log(f"      {urn.rpartition('::')[2]}: {line}")
        self._take_in(runs, destroys=step.do == "destroy")
        self._judge_ended(before, repr(step))
        self._judge_signers(step, runs)
        if run.died or any("to keep it" in error for error in run.errors):
            # The engine says at the next run that a step was interrupted, and to refresh; rekey says it of a delete.
            for unit in self.units.values():
                unit.said.append("it is not known what has been done")
            self._excuse()
        if step.do.startswith("up") and run.green:
            self._judge_outputs(step, looked_at)
            self._judge_preview(step, runs)
            self._consume()
        self._judge_state()
        if isinstance(self.engine, EngineModel) and self.engine.surprises:
            raise BrokenError(f"a preview was wrong: {self.engine.surprises}")

    def _runs(self, step: Step) -> Iterator[Run]:
        how: dict[str, Any] = {"targets": self._names(step.targets), "excluded": self._names(step.excluded) or ()}
        how |= {"carry_on": step.carry_on, "refresh": step.do == "up --refresh"}
        if step.do.startswith("up"):
            yield (preview := self.engine.preview(self.program(), **how))
            if preview.errors and not step.carry_on:
                return
        self._writes, self._dying = 0, False
        if step.fault:
            hit = self.units[step.on].case.minting_call() if step.on in self.units else ("", ".")
            where = {"path": hit[1]} | ({"method": hit[0]} if hit[0] else {})
            self.sandbox.fault(**where, **{"count": 0} | MET[step.fault] | {"skip": step.skip})
        if isinstance(self.engine, EngineModel):
            self.engine.wanted, self.engine.alive = (lambda: self._wanted(step.dies)), self._still_alive
        try:
            match step.do:
                case "refresh":
                    yield self.engine.refresh()
                case "destroy":
                    yield self.engine.destroy(how["targets"], carry_on=step.carry_on)
                case _:
                    yield self.engine.up(self.program(), **how)
        finally:
            self.sandbox.clear_faults()
            if isinstance(self.engine, EngineModel):
                self.engine.wanted, self.engine.alive = (lambda: True), lambda: None

    def _consume(self) -> None:
        """Let every consumer take what is in the outputs."""
        for unit in self.units.values():
            stored = self.engine.find(unit.name)
            if stored is not None and self._has_secret(stored.plain(), unit):
                unit.held, unit.said = stored.plain(), []

    def _wanted(self, dies: int) -> bool:
        if self._dying:
            raise DeadError
        self._writes += 1
        if dies and self._writes == abs(dies):
            if dies > 0:
                raise DeadError
            self._dying = True
            self.sandbox.fault(".", drop="after")
        return True

    def _still_alive(self) -> None:
        if self._dying:
            raise DeadError

    def _take_in(self, runs: list[Run], *, destroys: bool = False) -> None:
        for unit in self.units.values():
            mine = unit.names | {f"{unit.kind}-made"}
            for run in runs:
                lines = [
                    line for urn, of in run.said.items() if not urn or urn.rpartition("::")[2] in mine for line in of
                ]
                unit.said += lines
                if any(_LEFT.search(line) for line in lines):
                    self._left_to_people(unit)
                # That something is deleted is a reason which the engine itself says, unless it only has another name.
                renamed = unit.declared and not destroys and self.engine.find(unit.name) is None
                ops = ("replace",) if renamed else ("delete", "replace")
                ended = {f"{op} {name}" for op in ops for name in unit.names}
                unit.said += [f"ended by the step {step}" for step in run.steps if step in ended]
            self._know(unit)

    def _know(self, unit: Unit) -> None:
        for stored in self.engine.resources:
            if stored.name not in unit.names or stored.module != unit.module:
                continue
            outputs = stored.plain()
            if outputs.get("adopted"):
                # It stays, with a secret that nobody knows.
                self.strangers[unit.kind] = self.strangers[unit.kind] | {str(outputs[unit.case.id_output])}
            if self._has_secret(outputs, unit) and outputs not in unit.known:
                unit.known.append(outputs)

    # -- what must be true -------------------------------------------------------------------------------------------

    @staticmethod
    def _has_secret(outputs: Outputs, unit: Unit) -> bool:
        return not unit.case.secrets or any(outputs.get(name) is not None for name in unit.case.secrets[:2])

    def _alive(self, outputs: Outputs | None, unit: Unit) -> bool | None:
        """Tell whether a consumer gets in with what it has; nothing if it has nothing."""
        if outputs is None or not self._has_secret(outputs, unit):
            return None
        if unit.kind == "app" and outputs.get("secret") is None:
            return None
        return unit.case.knows(outputs)

    def _excuse(self) -> None:
        """Whatever people have ended, or time, is not rekey's doing."""
        for unit in self.units.values():
            stored = self.engine.find(unit.name)
            for outputs in (unit.held, None if stored is None else stored.plain()):
                if outputs is not None and self._alive(outputs, unit) is False:
                    self.dead_for_a_reason.append(outputs)

    def _judge_ended(self, before: dict[str, bool | None], when: str) -> None:
        """What consumers have ends only with a reason that was said."""
        for kind, unit in self.units.items():
            if before[kind] and self._alive(unit.held, unit) is False:
                past = self._is_expired(unit.held or {})
                if not past and not any(_ENDS.search(line) for line in unit.said):
                    raise BrokenError(f"{when}: the secret that consumers of {kind} have has ended; said: {unit.said}")

    def _judge_signers(self, step: Step, runs: list[Run]) -> None:
        """A key is there until everything has expired that it has signed, unless its resource is removed."""
        unit = self.units.get("key")
        ended = {f"{op} {name}" for op in ("delete", "replace") for name in (unit.names if unit else ())}
        if unit is None:
            return
        removed = step.do == "destroy" or any(ended & set(run.steps) for run in runs)
        for key_id in self.signed.keys() - unit.case.objects():
            signed = self.signed.pop(key_id)
            if self.clock.passed - signed < _TOKENS_LIVE and not removed:
                raise BrokenError(f"{step}: a key is deleted that has signed a moment ago; said: {unit.said}")

    def _looked_at(self, step: Step) -> set[str]:
        """Return the kinds whose secrets a run is sure to try before anything else, whoever may have ended them."""
        if step != Step("up --refresh", carry_on=step.carry_on) or self.clock.wrong:
            return set()
        return {kind for kind, unit in self.units.items() if self._is_tried(unit)}

    def _is_tried(self, unit: Unit) -> bool:
        stored = self.engine.find(unit.name)
        # A refresh goes by the last policy; that of the program may trust a secret that it has found refused.
        policies = [unit.policy, (stored.inputs.get("rotation") or {}) if stored else {"verify": False}]
        return all(policy.get("verify") is not False for policy in policies)

    def _judge_outputs(self, step: Step, looked_at: Collection[str]) -> None:
        """What is in the outputs works, or the run was not green."""
        for kind, unit in self.units.items():
            stored = self.engine.find(unit.name)
            if stored is None:
                continue
            outputs = stored.plain()
            if self._alive(outputs, unit) is not False or self._is_expired(outputs):
                continue
            # What a run leaves aside is as the red one before has left it, which the state says.
            left_aside = kind in step.excluded or (bool(step.targets) and kind not in step.targets)
            if left_aside and outputs.get("step") is not None:
                continue
            if kind in looked_at or not self._is_excused(outputs, unit):
                raise BrokenError(f"{step}: green, and what is in the outputs of {kind} does not work")

    def _is_expired(self, outputs: Outputs) -> bool:
        ends = outputs.get("expires_at")
        return isinstance(ends, str) and ends <= f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}"

    def _is_excused(self, outputs: Outputs, unit: Unit) -> bool:
        names = unit.case.secrets[:2] or (unit.case.id_output,)
        return any(all(dead.get(name) == outputs.get(name) for name in names) for dead in self.dead_for_a_reason)

    def _judge_preview(self, step: Step, runs: list[Run]) -> None:
        """What the preview shows, the run does."""
        # What takes a secret that is not known in a preview may turn out to change nothing.
        sure = isinstance(self.engine, EngineModel) and not any(unit.fed for unit in self.units.values())
        calm = step.do == "up" and not step.fault and not step.dies
        if sure and calm and runs[0].steps != runs[-1].steps:
            raise BrokenError(f"{step}: the preview shows {runs[0].steps}, and the run does {runs[-1].steps}")

    def _judge_state(self) -> None:
        """No secret is in the state in plain."""
        secrets = {
            value
            for unit in self.units.values()
            for outputs in unit.known
            for name in (*unit.case.secrets, "next_secret")
            if isinstance(value := outputs.get(name), str)
        }
        shown = repr([(one.inputs, one.outputs) for one in self.engine.resources])
        lines = "\n".join(line for unit in self.units.values() for line in unit.said)
        for secret in secrets:
            if secret in shown or secret in lines:
                raise BrokenError("a secret is in plain text")

    # -- the end -----------------------------------------------------------------------------------------------------

    def ends(self, *, abrupt: bool) -> None:
        """All comes right by what runs say, and nothing is left after a destroy without a word."""
        self.clock.wrong = _minutes(0)
        if not abrupt:
            self._comes_right()
        run = self.engine.destroy(carry_on=True)
        self.log(f"   destroy {run.steps} {run.said}")
        if any("make another key active" in error for error in run.errors):
            made = self.units["key"].case.existing()
            self.strangers["key"] = self.strangers["key"] | {made["key_id"]}
            run = self.engine.destroy(carry_on=True)
        if not run.green:
            if abrupt:
                return
            raise BrokenError(f"destroy fails: {run.errors}")
        for unit in self.units.values():
            # Who was told that it is not known what a lost answer did, and destroys, has been told.
            unit.said = [line for line in unit.said if "not known" in line]
        self._take_in([Run(said=run.said)])
        self._judge_destroyed()

    def _comes_right(self) -> None:
        for unit in self.units.values():
            unit.policy.pop("paused", None)
            unit.policy.pop("verify", None)
            unit.declared = True
        run = self._reached()
        for kind, unit in self.units.items():
            stored = self.engine.find(unit.name)
            if stored is None:
                raise BrokenError(f"{kind} is not there")
            if self._alive(stored.plain(), unit) is False:
                raise BrokenError(f"at the end: what is in the outputs of {kind} does not work: {run.said}")
        again = self.engine.up(self.program())
        if again.steps or not again.green:
            raise BrokenError(f"a second up does {again.steps} {again.errors}")
        self._settled()
        last = {kind: stored.plain() for kind, unit in self.units.items() if (stored := self.engine.find(unit.name))}
        self._judge_objects(last)

    def _reached(self) -> Run:
        """Run up until it is green, doing what it says."""
        for attempt in range(6):
            step = Step("up --refresh" if attempt % 2 else "up", carry_on=True)
            self._command(step, {kind: self._alive(one.held, one) for kind, one in self.units.items()})
            run = self.engine.preview(self.program())
            if attempt and isinstance(self.engine, EngineModel) and not run.errors and not run.steps:
                return run
            final = self.engine.up(self.program(), carry_on=True)
            self.log(f"   then {final.steps} {final.errors}")
            self._take_in([final])
            if attempt and final.green and not final.steps:
                return final
            for error in final.errors:
                self._obey(error)
        raise BrokenError(f"never green: {final.errors or final.steps}")

    def _obey(self, error: str) -> None:
        named = re.search(r'set\s+adopt="([^"]+)"', error)
        wrong = re.search(r"there is no [a-z ]+ (\S+):.*correct `adopt`", error)
        forgotten = re.search(r"run `pulumi state delete '(\S+)'`, which keeps", error)
        for unit in self.units.values():
            if wrong and unit.adopt == wrong[1]:
                unit.adopt = None
            if forgotten and (name := forgotten[1].rpartition("::")[2]) in unit.names:
                self.engine.forget(name)
                self._left_to_people(unit)
        if "make another key active in Cloud Director" in error:
            key = self.units["key"].case
            assert isinstance(key, OpenIdProviderKeyCase)
            others = (one for one, text in key.administrator.keys().items() if not key_has_tail(text or ""))
            key.administrator.activate_key(next(one for one in others if one not in error))
        for unit in self.units.values():
            if named and unit.case.creates and named[1] in unit.case.objects():
                if unit.kind in PAIR or unit.kind == "party":
                    if unit.adopt is None and self.engine.find(unit.name) is None:
                        unit.adopt, unit.policy["on_adopt"] = named[1], "rotate"
                        return
                elif unit.kind == "key":
                    unit.adopt = named[1]
                    return

    def _settled(self) -> None:
        """Let rotations come to their end."""
        for minutes in (6, 70, 6, 70):
            self.sandbox.advance(f"{minutes}m")
            self.clock.passed += _minutes(minutes)
            run = self.engine.up(self.program())
            self.log(f"   settling {run.steps} {run.said}")
            self._take_in([run])
            if not run.green:
                raise BrokenError(f"settling fails: {run.errors}")

    def _judge_objects(self, last: dict[str, Outputs]) -> None:
        """There are no two objects."""
        kinds: dict[type[Case], set[str]] = {}
        for kind, outputs in last.items():
            ids = {value for name, value in outputs.items() if name.endswith("_id") and isinstance(value, str)}
            kinds.setdefault(type(self.units[kind].case), set()).update(ids)
        for kind, unit in self.units.items():
            left = unit.case.objects() - self._all_strangers(unit) - kinds.get(type(unit.case), set())
            if left and not unit.case.remains:
                raise BrokenError(f"{kind}: objects that nobody manages: {len(left)}; said: {unit.said}")

    def _all_strangers(self, unit: Unit) -> set[str]:
        return set().union(
            *(self.strangers[kind] for kind, one in self.units.items() if type(one.case) is type(unit.case))
        )

    def _judge_destroyed(self) -> None:
        """Nothing that rekey minted works any more, unless that was said."""
        for kind, unit in self.units.items():
            for outputs in unit.known:
                if unit.case.secrets and not unit.said and self._alive(outputs, unit) and self._minted(outputs, unit):
                    raise BrokenError(f"{kind}: a secret of generation {outputs['generation']} survives destroy")
            left = unit.case.objects() - self._all_strangers(unit)
            if left and not unit.case.remains and not unit.said:
                raise BrokenError(f"{kind}: {len(left)} objects survive destroy")

    @staticmethod
    def _minted(outputs: Outputs, unit: Unit) -> bool:
        return unit.case.creates or outputs["rotation_reason"] != "adopted"


def _minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def configuration(sandbox: Sandbox) -> dict[str, str]:
    """Return a stack's configuration: each vendor under two names, with its address written in two ways."""
    endpoints = {}
    for vendor in ("vcd", "broker", "navigator", "roma"):
        settings = sandbox.endpoint(vendor)
        endpoints[vendor] = settings
        endpoints[f"{vendor}-2"] = {**settings, "kind": vendor, "url": f"{settings['url']}/"}
    return {"rekey:endpoints": json.dumps(endpoints), "rekey:owner": OWNER}


# -- trying, and making smaller --------------------------------------------------------------------------------------


def for_the_real_engine(sequence: Script) -> Script:
    """Return what of a sequence the real engine can do in seconds: no pair, no death, no fault that lasts."""
    kinds = tuple(kind for kind in sequence.kinds if kind not in PAIR) or ("party",)
    steps = []
    for step in sequence.steps:
        if step.do == "state" and step.what in {"restore", "rename"}:
            continue
        lasts = "count" not in MET.get(step.fault, {})
        steps.append(replace(step, dies=0, carry_on=True, fault="" if lasts else step.fault))
    return replace(sequence, kinds=kinds, steps=tuple(steps))


def tried(
    sandbox: Sandbox, sequence: Script, log: Callable[[str], None] = lambda _text: None, stack: Stack | None = None
) -> str | None:
    """Let a sequence happen, on the model or on a stack of the real engine; return what was wrong, if anything was."""
    clock = Clock()
    engine = EngineModel(configuration(sandbox), clock) if stack is None else RealEngine(stack, sandbox, clock)
    life = Life(sandbox, sequence.kinds, clock, engine, log)
    try:
        for step in sequence.steps:
            log(repr(step))
            life.happens(step)
        life.ends(abrupt=sequence.abrupt)
    except BrokenError as broken:
        return str(broken)
    return None


def shrunk(sandbox: Sandbox, sequence: Script, until: float) -> Script:
    """Leave out what is not needed for it to fail, until a moment of the monotonic clock."""

    def still_fails(less: Script) -> bool:
        return time.monotonic() < until and tried(sandbox, less) is not None

    smaller = True
    while smaller:
        smaller = False
        for kind in sequence.kinds:
            less = replace(sequence, kinds=tuple(one for one in sequence.kinds if one != kind))
            if less.kinds and still_fails(less):
                sequence, smaller = less, True
        for number in reversed(range(len(sequence.steps))):
            less = replace(sequence, steps=sequence.steps[:number] + sequence.steps[number + 1 :])
            if still_fails(less):
                sequence, smaller = less, True
        for number, step in enumerate(sequence.steps):
            for plain in (
                replace(step, fault="", skip=0),
                replace(step, dies=0),
                replace(step, carry_on=False),
                replace(step, targets=(), excluded=()),
            ):
                if plain != sequence.steps[number]:
                    less = replace(sequence, steps=(*sequence.steps[:number], plain, *sequence.steps[number + 1 :]))
                    if still_fails(less):
                        sequence, smaller = less, True
    return sequence
