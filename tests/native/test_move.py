"""A stack moves from the dynamic front end to the native one, and back: nothing changes at any vendor."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi_rekey import resources
from pulumi_rekey.frontend.answers import Answers, Call
from pulumi_rekey.frontend.instance import Instance
from pulumi_rekey.native.protos import provider_pb2
from pulumi_rekey.native.wire import from_wire, to_wire
from pulumi_rekey.reconciler.contract import Resource

from tests.engine import Stack
from tests.lifecycle.case import IMPORTS, ProgramSpec
from tests.lifecycle.cases import CASES
from tests.lifecycle.scenario import Scenario
from tools.administrators import CALLBACK, CloudDirector
from tools.vendors import Sandbox

from .in_process import Plugin, Refused, plugin_in_process, urn_of

STATES = sorted((Path(__file__).parents[1] / "fixtures/states").glob("*/*.json"))
PAIR = """
pair = rekey.Pair(
    "pair",
    lambda side, its: rekey.OidcRelyingParty(client_name=f"pair {side}", redirect_uris=["https://pair/"], **its),
    every="30d",
)
pulumi.export("pair", pair.current)
"""


class Python(str):
    """A value of a program that is an expression."""

    def __repr__(self) -> str:
        return str(self)


@pytest.fixture
def front_end() -> str:
    """A stack begins as every stack did."""
    return "dynamic"


class Program:
    """One resource of each kind and a pair, with a secret trigger."""

    def __init__(self, stack: Stack, sandbox: Sandbox) -> None:
        self.stack, self.sandbox = stack, sandbox
        self.scenarios = [Scenario(case(sandbox), stack, sandbox, case.resource) for case in CASES]

    def write(self, release: str) -> None:
        lines = []
        for scenario in self.scenarios:
            rotation = {"triggers": {"release": Python(f"pulumi.Output.secret({release!r})")}}
            scenario.spec = ProgramSpec(scenario.case.resource, rotation=rotation)
            lines.append(scenario.case.declaration(scenario.spec))
        self.stack.program("\n".join([*IMPORTS, *lines, PAIR]))

    def calls(self) -> list[str]:
        return [f"{call['method']} {call['path']}" for call in self.sandbox.calls()]

    def kinds(self) -> set[str]:
        """The first part of the types in the state, but those of the engine and of the pair."""
        found = {one["type"] for one in self.stack.resources(show_secrets=False).values()}
        return {kind.partition(":")[0] for kind in found if not kind.startswith("pulumi:") and "Pair" not in kind}

    def accepted(self) -> bool:
        return all(scenario.case.accepts(scenario.outputs()) for scenario in self.scenarios)

    def leaks(self) -> list[str]:
        return [leak for scenario in self.scenarios for leak in scenario.leaks()]


def resource(name: str) -> Resource[Any, Any, Any]:
    found = resources.by_name(name)
    assert found is not None
    return found


def as_0_1_0_wrote_it(stack: Stack, file: Path) -> None:
    """Let the state keep the values of triggers, as that version did, instead of digests."""
    state = stack.export(show_secrets=True)
    written = 0
    for one in state["deployment"]["resources"]:
        applied, policy = one.get("outputs", {}).get("rotation"), one.get("inputs", {}).get("rotation")
        if isinstance(applied, dict) and isinstance(policy, dict) and "triggers" in policy:
            one["outputs"]["rotation"] = {"triggers": policy["triggers"]}
            written += 1
    assert written >= len(CASES)
    file.write_text(json.dumps(state))
    stack.run("stack", "import", "--file", str(file))


def test_move_changes_nothing_and_back_calls_nobody(stack: Stack, sandbox: Sandbox, tmp_path: Path) -> None:
    program = Program(stack, sandbox)
    program.write("s3cret-trigger-1")
    stack.up()
    as_0_1_0_wrote_it(stack, tmp_path / "state.json")
    before = stack.resources()

    stack.use_native()
    sandbox.forget_calls()
    assert stack.preview().steps == []
    assert stack.up("--expect-no-changes").steps == []
    assert program.calls() == []
    assert program.kinds() == {"rekey"}
    after = stack.resources()
    for scenario in program.scenarios:
        name = scenario.spec.name
        assert after[name]["id"] == before[name]["id"]
        assert after[name]["outputs"] == before[name]["outputs"]
        assert "__provider" not in after[name]["inputs"]
    assert stack.refresh().steps == []

    program.write("s3cret-trigger-2")
    rotated = stack.up()
    assert {f"update {scenario.spec.name}" for scenario in program.scenarios} <= set(rotated.steps)
    assert program.accepted()
    assert stack.up("--expect-no-changes").steps == []

    stack.use_dynamic()
    sandbox.forget_calls()
    back = stack.up()
    # Each resource gets the provider again by which the engine finds who deletes it.
    assert all(step.startswith("update ") for step in back.steps)
    assert program.calls() == []
    assert program.kinds() == {"pulumi-python"}
    assert program.accepted()
    assert stack.up("--expect-no-changes").steps == []
    assert stack.refresh().steps == []
    stack.destroy()
    assert not any(scenario.case.knows(held) for scenario in program.scenarios for held in scenario.credentials)
    assert program.leaks() == []
    texts = [path.read_bytes() for path in stack.state.rglob("*") if path.is_file()]
    assert not any(b"s3cret-trigger" in text for text in texts)


def test_move_of_an_interrupted_creation_knows_its_own(configured: Plugin, sandbox: Sandbox) -> None:
    """The mark of what was half created is made from a URN whose type the move changes."""
    inputs: dict[str, Any] = {"client_name": "portal", "redirect_uris": [CALLBACK]}
    sandbox.fault("/relyingParties$", method="POST", drop="after")
    urn = urn_of("OidcRelyingParty").replace("rekey:index:", "pulumi-python:dynamic/rekey:")
    with plugin_in_process() as earlier:
        earlier.use(sandbox)
        with pytest.raises(Refused, match="it is not known whether"):
            earlier.call("Create", provider_pb2.CreateRequest(urn=urn, properties=to_wire(inputs)))
    (left,) = CloudDirector(sandbox).relying_parties()
    id_, _ = configured.create("OidcRelyingParty", **inputs)
    (party,) = CloudDirector(sandbox).relying_parties()
    assert party["id"] == left["id"] == id_
    assert party["clientName"] == "portal"


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("rekey:index:OidcRelyingParty", "pulumi-python:dynamic/rekey:OidcRelyingParty"),
        (
            "my:mod:C$rekey:index:AppSecret$rekey:index:OidcRelyingParty",
            "my:mod:C$pulumi-python:dynamic/rekey:AppSecret$pulumi-python:dynamic/rekey:OidcRelyingParty",
        ),
    ],
)
def test_move_keeps_the_mark_of_a_resource(kind: str, same: str) -> None:
    instance = Instance()
    instance.configure({"rekey:owner": "o"}.get)
    answers = Answers(resource("OidcRelyingParty"), instance)
    marks = {answers._mark(Call(f"urn:pulumi:s::p::{each}::rekey:index:a::b")) for each in (kind, same)}
    assert len(marks) == 1
    other = answers._mark(Call(f"urn:pulumi:s::p::{same}::pulumi-python:dynamic/rekey:a::b"))
    assert other not in marks


def test_move_with_a_step_half_done_goes_on(stack: Stack, sandbox: Sandbox) -> None:
    (case,) = (case for case in CASES if case.resource == "OidcRelyingParty")
    scenario = Scenario(case(sandbox), stack, sandbox)
    scenario.up(rotation={"triggers": {"release": 1}})
    sandbox.fault("/regenerateSecret$", method="POST", drop="after")
    scenario.up(rotation={"triggers": {"release": 2}}, fails=True)
    stack.use_native()
    assert scenario.up().steps == ["update it"]
    outputs = scenario.outputs()
    assert scenario.case.accepts(outputs)
    assert outputs["generation"] == 2
    assert scenario.up("--expect-no-changes").calls == ()
    scenario.destroy()
    assert scenario.leaks() == []


@pytest.mark.parametrize("path", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_move_of_an_earlier_state_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = json.loads(path.read_text())
    inputs = {name: value for name, value in kept["inputs"].items() if name != "__provider"}
    answers = Answers(resource(path.stem), Instance())
    olds, news = (from_wire(to_wire(properties)) for properties in (kept["outputs"], inputs))
    found = answers.diff(Call(stored_inputs=news), kept["id"], olds, news)
    assert (found.changes, found.replaces) == (False, [])
