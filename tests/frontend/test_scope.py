"""How much of the stack a run is about, by the engine's command line; and what is left alone where it is a part."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi_rekey.frontend import scope

from tests.engine import Stack
from tests.lifecycle.app_secret import AppSecretCase
from tests.lifecycle.case import IMPORTS, Case
from tests.lifecycle.cases import AT_A_VENDOR
from tests.lifecycle.scenario import Scenario
from tools.vendors import Sandbox

PROBE = """
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult
from pulumi_rekey.frontend.scope import scope

class Probe(ResourceProvider):
    def diff(self, id, olds, news):
        return DiffResult(changes=True)
    def create(self, props):
        return CreateResult("id", props)
    def update(self, id, olds, news):
        open("scope", "a").write(scope() + " ")
        return UpdateResult(news)
    def delete(self, id, props):
        open("scope", "a").write(scope() + " ")

class Thing(Resource):
    def __init__(self, name):
        super().__init__(Probe(), name, {})

Thing("it")
Thing("other")
"""
URN = "urn:pulumi:dev::probe::pulumi-python:dynamic:Resource::it"


@pytest.fixture(scope="module")
def probe(_empty_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    stack = _empty_stack.copy(tmp_path_factory.mktemp("scope"))
    stack.program(PROBE)
    stack.up()
    return stack


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (f"up --replace {URN} --message 'no target'", "whole"),
        (f"update -ft{URN}", "part"),
        (f"up --target-replace {URN}", "part"),
        (f"up --exclude {URN}", "part"),
    ],
)
def test_scope_of_an_update(probe: Stack, tmp_path: Path, command: str, found: str) -> None:
    assert scope_in(probe.copy(tmp_path / "stack"), command) == found


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("down --exclude-protected=false", "whole"),
        ("destroy --exclude-protected", "part"),
    ],
)
def test_scope_of_a_destroy(probe: Stack, tmp_path: Path, command: str, found: str) -> None:
    assert scope_in(probe.copy(tmp_path / "stack"), command) == found


def scope_in(stack: Stack, command: str) -> str:
    stack.run(*shlex.split(command), "--yes", "--skip-preview")
    (found,) = set((stack.folder / "scope").read_text().split())
    return found


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("/usr/bin/pulumi --cwd there up --stack prod", "whole"),
        ("pulumi -C there up --exec-kind auto.local --target x", "part"),
        ("pulumi up --target=x", "part"),
        ("pulumi up -t x", "part"),
        ("pulumi update --target x --target-dependents", "part"),
        ("pulumi destroy -x x", "part"),
        ("pulumi destroy --exclude=x", "part"),
        ("pulumi destroy", "whole"),
        (".pulumi-wrapped refresh -vt", "whole"),
        ("pulumi.exe preview -dt x", "part"),
        ("pulumi up --exec-kind auto.local --stack at --json", "whole"),
        ("pulumi up --exclude-protected=0 -yf", "whole"),
        ("pulumi-t up", "unknown"),
        ("pulumi stack ls --target x", "unknown"),
        ("somebody up --target x", "unknown"),
    ],
)
def test_scope_of_a_command_line(monkeypatch: pytest.MonkeyPatch, command: str, found: str) -> None:
    def ancestors(_pid: int) -> Iterator[list[str]]:
        yield ["/bin/sh", "/opt/pulumi-resource-pulumi-python", "127.0.0.1:1"]
        yield command.split()

    monkeypatch.setattr(scope, "_ancestors", ancestors)
    assert scope.scope() == found


def test_replaced_are_those_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["pulumi", "up", "--replace", "urn:a", "--yes", "--replace=**b", "--target-replace", "urn:c"]
    monkeypatch.setattr(scope, "_ancestors", lambda _pid: iter([["/bin/sh"], words]))
    assert scope.replaced() == ("urn:a", "**b")


def test_scope_is_unknown_without_an_engine() -> None:
    assert scope.scope() == "unknown"
    assert scope.replaced() == ()


def test_engine_is_the_nearest_one_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine may run in another one's program."""
    processes = {
        os.getppid(): (20, ["/bin/sh", "plugin"]),
        20: (30, []),
        30: (40, ["pulumi", "up"]),
        40: (1, ["pulumi", "destroy", "--target", "x"]),
        # The first process of all is nobody's engine.
        1: (0, ["pulumi", "up"]),
    }
    monkeypatch.setattr(scope, "_process", processes.get)
    assert scope.engine() == 30
    assert scope.scope() == "whole"
    processes[40] = (1, ["bash"])
    del processes[30]
    assert scope.engine() is None
    processes[20] = (40, [])
    assert scope.engine() is None


def test_engine_is_looked_for_a_few_steps_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def process(pid: int) -> tuple[int, list[str]]:
        asked.append(pid)
        return (pid + 1, ["/bin/sh"])

    monkeypatch.setattr(scope, "_process", process)
    assert scope.engine() is None
    assert len(asked) == 8


def test_process_has_its_words(tmp_path: Path) -> None:
    """Whatever its name is, and however odd they are."""
    program = tmp_path / "odd) 1 2 ("
    program.symlink_to(sys.executable)
    words = [str(program), "-c", "print(flush=True); input()", "", "two words"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert scope._process(child.pid) == (os.getpid(), words)
        child.communicate("\n")
    assert scope._process(child.pid) is None
    assert scope._process_by_ps(child.pid) is None


def test_scope_is_found_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `ps`, and where there is none either it is unknown."""
    by_proc = scope._process(os.getpid())
    assert by_proc is not None
    found = scope._process_by_ps(os.getpid())
    assert found is not None
    assert (found[0], found[1][0]) == (by_proc[0], by_proc[1][0])
    monkeypatch.setenv("PATH", "/nowhere")
    assert scope._process_by_ps(os.getpid()) is None


# -- what is left alone ---------------------------------------------------------------------------------------------


def urn(stack: Stack, name: str) -> str:
    found: str = stack.resource(name)["urn"]
    return found


def test_delete_in_a_partial_run_leaves_what_another_resource_may_manage(stack: Stack, sandbox: Sandbox) -> None:
    """Renamed without an alias, and brought up one at a time: the delete knows nothing of the other."""
    scenario = Scenario(AppSecretCase(sandbox), stack, sandbox)
    scenario.up()
    old = urn(stack, "it")
    scenario.up("--target", old.removesuffix("it") + "renamed", name="renamed")
    run = stack.up("--target", old)
    assert run.steps == ["delete it"]
    assert scenario.case.accepts(scenario.outputs())
    # What is known in a whole run is done as ever.
    scenario.destroy()
    assert not any(scenario.case.knows(credential) for credential in scenario.credentials)


@pytest.mark.parametrize("case", AT_A_VENDOR, ids=lambda case: case.resource)
def test_destroy_of_chosen_resources_leaves_the_secret(case: type[Case], stack: Stack, sandbox: Sandbox) -> None:
    scenario = Scenario(case(sandbox), stack, sandbox)
    scenario.up()
    outputs = scenario.outputs()
    sandbox.forget_calls()
    run = stack.destroy("--target", urn(stack, "it"))
    assert run.steps == ["delete it"]
    assert (
        " was left alone, and its secret was not ended: a run of chosen resources does not show whether another"
        " resource manages it; if none does, declare it again" in run.text
    )
    assert sandbox.calls() == []
    assert scenario.case.accepts(outputs)


def test_destroy_of_a_chosen_generated_secret_says_nothing(stack: Stack) -> None:
    """It is at no vendor."""
    stack.program("\n".join([*IMPORTS, 'rekey.GeneratedSecret("it", vendor="roma")', ""]))
    stack.up()
    assert "left alone" not in stack.destroy("--target", urn(stack, "it")).text
