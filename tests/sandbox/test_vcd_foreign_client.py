"""VMware's own client, go-vcloud-director, which knows nothing of this project, drives Cloud Director."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.engine.install import UnableError
from tools.govcd.install import find_or_build

from .conftest import Sandbox

Govcd = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def program() -> Path:
    """The client, built once."""
    try:
        return find_or_build()
    except UnableError as unable:
        if os.environ.get("CI"):
            pytest.fail(str(unable))
        pytest.skip(f"{unable}; in CI this fails")


@pytest.fixture
def govcd(program: Path, sandbox: Sandbox, tmp_path: Path) -> Govcd:
    """Let the client go through all its steps in a version of the API."""

    def drive(version: str = "37.2") -> dict[str, Any]:
        known = sandbox.credentials["vcd"]
        command = [str(program), known["url"], known["user"], known["password"], known["api_token"], version]
        # It writes a log where it stands.
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    return drive


def test_govcd_logs_in(govcd: Govcd) -> None:
    said = govcd()
    assert said["login with a password"] == said["login with an API token"] == "in"
    assert "401" in said["login with a wrong password"]
    assert said["login with a wrong API token"].startswith("error: ")


@pytest.mark.parametrize("changes", ["answered", "tasks", "tasks-and-mints"])
def test_govcd_manages_relying_parties(sandbox: Sandbox, govcd: Govcd, changes: str) -> None:
    """With tasks, which it asks for as XML, it finds what it has made by the task's owner."""
    sandbox.dialect(vcd__changes=changes)
    said = govcd()
    assert [said[f"register {name}"] for name in "abcde"] == [*"abcde"]
    assert said["change"] == "f"
    assert said["delete"] == "gone"
    assert said["get what is gone"] == "error: not found"
    if changes != "tasks-and-mints":
        assert said["regenerate"] is True
    else:
        # It appends the owner's id to the address of the action: a secret that a task makes is nobody's.
        assert "RESOURCE_NOT_FOUND" in said["regenerate"]


def test_govcd_reads_lists(govcd: Govcd) -> None:
    said = govcd()
    assert said["pages of two"] == [*"abcde"]
    assert said["filter"] == ["b", "a"]
    for step in ("filter that is none", "sort by what cannot be sorted by", "register without a name"):
        assert "BAD_REQUEST" in said[step]


@pytest.mark.parametrize(("version", "code"), [("37.1", "RESOURCE_NOT_FOUND"), ("36.3", "NOT_ACCEPTABLE")])
def test_govcd_is_told_of_a_wrong_version(govcd: Govcd, version: str, code: str) -> None:
    said = govcd(version)
    assert said["login with a password"] == "in"
    assert code in said["register a"]
    assert code in said["pages of two"]
