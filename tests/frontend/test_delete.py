"""What a delete ends, and what it leaves to another resource of the run: without an engine, at the sandbox."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pulumi_rekey.errors import Error, Stopped
from pulumi_rekey.frontend.answers import Answers, Call, Found, HalfDone
from pulumi_rekey.frontend.instance import Instance
from pulumi_rekey.frontend.values import Properties, Scope, Secret
from pulumi_rekey.reconciler.plan import Phase
from pulumi_rekey.resources import by_name

from tests.lifecycle.app_secret import AppSecretCase
from tests.lifecycle.case import Case, ProgramSpec
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tools.vendors import Sandbox

#: Where the processes of a run tell each other what they manage.
pytestmark = pytest.mark.usefixtures("where")
ROTATE: dict[str, Any] = {"rotation": {"on_adopt": "rotate"}}


class Run:
    """One run's process: each verb as the engine asks for it, and the remarks."""

    def __init__(self, sandbox: Sandbox, scope: Scope) -> None:
        self.instance = Instance(scope=lambda: scope, engine=os.getpid)
        endpoints = {kind: sandbox.endpoint(kind) for kind in ("roma", "vcd")}
        self.instance._runtime = replace(self.instance._runtime, sleep=lambda _seconds: None)
        self.instance.configure({"rekey:owner": "o", "rekey:endpoints": json.dumps(endpoints)}.get)
        self.said: list[str] = []

    def _answers(self, kind: str) -> Answers:
        resource = by_name(kind)
        assert resource is not None
        return Answers(resource, self.instance)

    def _call(self, kind: str, name: str) -> Call:
        return Call(f"urn:pulumi:dev::p::rekey:index:{kind}::{name}", None, lambda _, text: self.said.append(text))

    def create(self, kind: str, name: str, inputs: Properties) -> Found:
        """Check a new resource's inputs and create it."""
        assert self._answers(kind).check(self._call(kind, name), {}, inputs).failures == []
        self.said.clear()
        return self._answers(kind).create(self._call(kind, name), inputs)

    def diff(self, kind: str, name: str, inputs: Properties, found: Found) -> None:
        """Find that a resource is as the program has it."""
        assert not self._answers(kind).diff(self._call(kind, name), found.id, decrypted(found), inputs).changes

    def delete(self, kind: str, name: str, found: Found) -> None:
        """Delete a resource that an earlier run has created."""
        self._answers(kind).delete(self._call(kind, name), decrypted(found))


@contextmanager
def run(sandbox: Sandbox, scope: Scope = "whole") -> Iterator[Run]:
    """A run, whose connections end with it."""
    begun = Run(sandbox, scope)
    try:
        yield begun
    finally:
        endpoints = begun.instance._endpoints
        for session in endpoints._sessions.values() if endpoints else ():
            session.connections.close()


def decrypted(found: Found) -> Properties:
    def opened(value: Any) -> Any:
        match value:
            case Secret():
                return opened(value.value)
            case dict():
                return {name: opened(member) for name, member in value.items()}
            case _:
                return value

    return {name: opened(value) for name, value in found.outputs.items()}


class Made:
    """A resource that an earlier run has created, with a secret that it has minted."""

    def __init__(self, case: Case, sandbox: Sandbox) -> None:
        self.case, self.kind = case, case.resource
        self.inputs: dict[str, Any] = dict(case.arguments(ProgramSpec()))
        with run(sandbox) as earlier:
            self.found = earlier.create(self.kind, "old", self.inputs | ROTATE)
        sandbox.forget_calls()

    def works(self) -> bool:
        return self.case.accepts(decrypted(self.found))


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, for this test alone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def app(sandbox: Sandbox) -> Made:
    """One whose secret the vendor shows."""
    return Made(AppSecretCase(sandbox), sandbox)


@pytest.fixture
def party(sandbox: Sandbox) -> Made:
    """One whose secret the vendor does not show."""
    return Made(OidcRelyingPartyCase(sandbox), sandbox)


def failed_resource(run: Run) -> None:
    """Let a resource of the run fail that has nothing to do with any other."""
    inputs = {"instance_id": "i", "app_id": "nobodys"}
    with pytest.raises(Error):
        run.create("AppSecret", "failing", inputs)


def test_delete_ends_what_nobody_else_manages(app: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        now.delete(app.kind, "old", app.found)
        assert now.said == []
    assert not app.works()


def test_delete_leaves_a_secret_to_whom_it_was_renamed(app: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        now.create(app.kind, "new", app.inputs)
        sandbox.forget_calls()
        now.delete(app.kind, "old", app.found)
        # That one has read it.
        assert now.said == []
    assert sandbox.calls() == []
    assert app.works()


def test_delete_leaves_a_secret_to_whom_it_was_renamed_beside_a_failure(app: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        now.create(app.kind, "new", app.inputs)
        failed_resource(now)
        now.said.clear()
        now.delete(app.kind, "old", app.found)
        assert now.said == []
    assert app.works()


def test_delete_before_a_replacement_ends_the_secret(app: Made, sandbox: Sandbox) -> None:
    """With `delete_before_replace`, of what the run has compared before."""
    with run(sandbox) as now:
        now.diff(app.kind, "old", app.inputs, app.found)
        now.delete(app.kind, "old", app.found)
        assert now.said == []
    assert not app.works()


def test_delete_says_that_the_only_copy_of_a_secret_leaves_the_state(party: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        now.create(party.kind, "new", party.inputs | {"adopt": party.found.id})
        sandbox.forget_calls()
        now.delete(party.kind, "old", party.found)
        assert now.said == [
            "the secret that rekey minted stays in use, and leaves the state: new, which manages"
            f" {party.found.id} now, cannot read it; set rotation.rotate_now there to have another"
        ]
    assert sandbox.calls() == []
    assert party.works()


def test_delete_says_of_a_lost_rotation_that_nobody_may_know_the_secret(party: Made, sandbox: Sandbox) -> None:
    found = replace(party.found, outputs=party.found.outputs | {"step": Phase.UNCERTAIN.value})
    with run(sandbox) as now:
        now.create(party.kind, "new", party.inputs | {"adopt": party.found.id})
        now.delete(party.kind, "old", found)
        assert now.said == [
            "the answer to the last rotation was lost, so that nobody may know the secret in use: new, which manages"
            f" {party.found.id} now, cannot read it; set rotation.rotate_now there to have another"
        ]


def test_delete_says_nothing_of_a_secret_that_was_never_minted(sandbox: Sandbox) -> None:
    case = OidcRelyingPartyCase(sandbox)
    existing = case.existing()
    inputs = {**case.arguments(ProgramSpec()), "adopt": existing["relying_party_id"]}
    with run(sandbox) as earlier:
        kept = earlier.create(case.resource, "old", inputs)
    with run(sandbox) as now:
        now.create(case.resource, "new", inputs)
        now.delete(case.resource, "old", kept)
        assert now.said == []
    assert case.accepts(existing)


def test_delete_of_what_is_replaced_by_itself_ends_the_secret_that_nobody_keeps(party: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        now.create(party.kind, "old", party.inputs | {"adopt": party.found.id})
        now.delete(party.kind, "old", party.found)
        assert now.said == ["ends the secret that rekey minted: what replaces it keeps none"]
    assert not party.works()


def test_delete_of_what_is_replaced_by_itself_keeps_a_secret_that_was_read(app: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        now.create(app.kind, "old", app.inputs)
        now.delete(app.kind, "old", app.found)
        assert now.said == []
    assert app.works()


def test_delete_of_the_copy_of_what_an_earlier_run_replaced_keeps_the_secret(app: Made, sandbox: Sandbox) -> None:
    """That run died before it deleted what it had replaced."""
    with run(sandbox) as earlier:
        present = earlier.create(app.kind, "old", app.inputs)
    with run(sandbox) as now:
        now.diff(app.kind, "old", app.inputs, present)
        now.delete(app.kind, "old", app.found)
        assert now.said == []
    assert app.works()


def test_delete_of_what_a_create_was_refused_is_refused(party: Made, sandbox: Sandbox) -> None:
    with run(sandbox) as now:
        with pytest.raises(Stopped):
            now.create(party.kind, "new", party.inputs)
        with pytest.raises(
            Stopped,
            match="is what another resource of this run was refused to create again: nothing was changed, and its"
            " secret was not ended; give",
        ):
            now.delete(party.kind, "old", party.found)
    assert party.works()


def test_delete_of_what_another_was_to_take_over_is_refused(app: Made, sandbox: Sandbox) -> None:
    sandbox.fault("/secret$", status=403, count=0)
    with run(sandbox) as now:
        with pytest.raises(Error):
            now.create(app.kind, "new", app.inputs)
        sandbox.clear_faults()
        with pytest.raises(
            Stopped,
            match=r"was to be taken over by another resource of this run, which was not created: urn:\S+::new: noth",
        ):
            now.delete(app.kind, "old", app.found)
    assert app.works()


def test_delete_waits_for_what_replaces_it(app: Made, sandbox: Sandbox) -> None:
    other = app.case.existing()["app_id"]
    sandbox.fault(f"/apps/{other}/secret$", method="PUT", drop="after", count=0)
    with run(sandbox) as now:
        with pytest.raises(HalfDone):
            now.create(app.kind, "old", app.inputs | {"app_id": other} | ROTATE)
        with pytest.raises(Stopped, match="is left alone, since what replaces it is not done: nothing was changed"):
            now.delete(app.kind, "old", app.found)
    assert app.works()


def test_delete_beside_a_failure_waits_for_a_run_without_one(app: Made, sandbox: Sandbox) -> None:
    """What depends on the one that failed was not reached, and may manage this object."""
    with run(sandbox) as now:
        failed_resource(now)
        with pytest.raises(Stopped, match="is left alone, since another resource failed: what depends on that one was"):
            now.delete(app.kind, "old", app.found)
    assert app.works()


def test_delete_in_a_run_of_chosen_resources_leaves_the_secret(app: Made, party: Made, sandbox: Sandbox) -> None:
    with run(sandbox, "part") as now:
        for made, again in ((app, "declare it again"), (party, f'declare it again with adopt="{party.found.id}"')):
            now.said.clear()
            now.delete(made.kind, "old", made.found)
            (said,) = now.said
            assert f"{made.found.id} was left alone, and its secret was not ended: a run of chosen resources" in said
            assert f"if none does, {again}, and remove it in a run without --target and --exclude" in said
    assert sandbox.calls() == []
    assert app.works()
    assert party.works()


def told_by_another_process(where: Path) -> None:
    """Let what this process has told be another one's, which runs."""
    for note in where.glob("rekey-*/*"):
        note.rename(note.with_suffix(f".{os.getppid()}"))


def test_delete_of_what_another_process_manages_is_refused(app: Made, sandbox: Sandbox, where: Path) -> None:
    with run(sandbox) as other:
        other.create(app.kind, "new", app.inputs)
        told_by_another_process(where)
    with run(sandbox) as now:
        refused = r"names it in this run: urn:\S+::new: nothing was changed, .* not ended; if .* give it an alias$"
        with pytest.raises(Stopped, match=refused):
            now.delete(app.kind, "old", app.found)
    assert app.works()


def test_delete_of_what_another_process_has_replaced_leaves_the_secret(
    app: Made, sandbox: Sandbox, where: Path
) -> None:
    with run(sandbox) as other:
        other.create(app.kind, "old", app.inputs)
        told_by_another_process(where)
    sandbox.forget_calls()
    with run(sandbox) as now:
        now.delete(app.kind, "old", app.found)
        assert now.said == [
            f"leaves {app.found.id} alone, and its secret alive: what replaces it, of another provider, manages it now"
        ]
    assert sandbox.calls() == []
    assert app.works()


@pytest.mark.parametrize("scope", ["whole", "part"])
def test_delete_of_what_is_at_no_vendor_is_done_in_every_run(sandbox: Sandbox, scope: Scope) -> None:
    with run(sandbox) as earlier:
        made = earlier.create("GeneratedSecret", "old", {"vendor": "roma"})
    with run(sandbox, scope) as now:
        failed_resource(now)
        now.said.clear()
        now.delete("GeneratedSecret", "old", made)
        assert now.said == []
