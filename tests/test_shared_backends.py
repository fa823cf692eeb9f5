"""Stacks on real shared backends: PostgreSQL and an S3-compatible server."""

import os
from pathlib import Path

import pytest

from bench.scale.backends import BACKENDS, missing
from bench.scale.scenario import Scale, second_run
from tests.engine import Engine
from tools.vendors import Sandbox


@pytest.mark.parametrize("name", BACKENDS)
def test_shared_backend_holds_its_lock_and_rotates(name: str, engine: Engine, sandbox: Sandbox, tmp_path: Path) -> None:
    if reason := missing(name):
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(f"{reason}; in CI this fails")
    with BACKENDS[name]() as backend:
        scale = Scale(stacks=2, credentials=3)
        stacks = scale.prepare(engine, sandbox, backend, tmp_path)
        refused = second_run(stacks[0], sandbox)
        assert refused.exit_code
        assert "the stack is currently locked by 1 lock(s)" in refused.text
        assert scale.measure("create", stacks, sandbox).calls
        assert not scale.measure("no-op", stacks, sandbox).calls
        before = [stack.resource("party-0")["outputs"]["client_secret"] for stack in stacks]
        scale.measure("rotate", stacks, sandbox)
        after = [stack.resource("party-0")["outputs"] for stack in stacks]
        assert [outputs["generation"] for outputs in after] == [2, 2]
        assert not {outputs["client_secret"] for outputs in after} & set(before)
        scale.measure("destroy", stacks, sandbox)
        assert [list(stack.resources()) for stack in stacks] == [[], []]
