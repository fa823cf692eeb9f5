"""Every example: up, up again without a change, an update, a rotation, destroy."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from pulumi_rekey.resources import MODULES, load

from tests.engine import Engine, Stack
from tools.vendors import Sandbox

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
# Their providers are programs that are downloaded.
NOT_RUN = {"consumers/github", "consumers/kubernetes", "consumers/vault"}
FOUND = {program.parent.relative_to(EXAMPLES).as_posix() for program in EXAMPLES.rglob("__main__.py")}
# These have tests of their own.
TRIED = sorted(FOUND - NOT_RUN - {"gitops", "two_stacks/credentials", "two_stacks/shop"})


@pytest.fixture
def example(request: pytest.FixtureRequest, engine: Engine, sandbox: Sandbox, tmp_path: Path) -> Stack:
    """A copy of the example that the test is given the name of, configured as its README says."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLES / request.param, folder)
    stack = engine.new_stack(folder)
    known = {
        "instanceId": sandbox.credentials["roma"]["instance_id"],
        "appId": sandbox.credentials["roma"]["app_id"],
        "directoryId": sandbox.credentials["broker"]["directory_id"],
        "orgId": sandbox.credentials["navigator"]["org_id"],
    }
    program = (folder / "__main__.py").read_text()
    own = {key: value for key, value in known.items() if f'config.require("{key}")' in program}
    stack.configure(own | sandbox.settings(), {"rekey:owner": "0" * 32} | sandbox.secret_settings())
    return stack


@pytest.mark.parametrize("module", MODULES)
def test_examples_exist_for_every_resource(module: str) -> None:
    assert f"rekey.{load(module).name}(" in (EXAMPLES / module / "__main__.py").read_text()


@pytest.mark.parametrize("example", TRIED, indirect=True)
def test_example_from_up_to_destroy(example: Stack) -> None:
    created = sorted(example.up().steps)
    names = [step.removeprefix("create ") for step in created]
    assert names
    assert created == [f"create {name}" for name in names]
    assert example.up("--expect-no-changes").steps == []
    first = example.outputs()
    setting = re.search(r'config\.get\("(clientName|description)"\)', (example.folder / "__main__.py").read_text())
    if setting:
        example.configure({setting[1]: "Another one"})
        assert sorted(example.up().steps) == [f"update {name}" for name in names]
        assert example.outputs() == first, "an update of a setting does not rotate"
    example.configure({"rotate": "monday"})
    assert sorted(example.up().steps) == [f"update {name}" for name in names]
    assert example.up("--expect-no-changes").steps == []
    assert sorted(example.destroy().steps) == [f"delete {name}" for name in names]
    assert not example.export()["deployment"].get("resources")


@pytest.mark.parametrize("example", ["consumers/file"], indirect=True)
def test_consumer_file_follows_the_secret(example: Stack) -> None:
    file, restarts = example.folder / "portal-oidc.json", example.folder / "restarts"
    example.configure({"restart": f'{sys.executable} -c \'open("{restarts}", "a").write("r")\''})
    found = []
    fresh, another = example.folder / "portal-oidc.json.new", example.folder / "another"
    another.touch()
    for rotate in ("monday", "tuesday"):
        # Somebody's link, then what an interrupted run has left.
        if rotate == "monday":
            fresh.symlink_to(another)
        else:
            fresh.touch()
        example.configure({"rotate": rotate})
        example.up()
        assert another.read_text() == ""
        assert file.stat().st_mode & 0o777 == 0o600
        content = json.loads(file.read_text())
        assert content["client_secret"] == example.resource("portal")["outputs"]["client_secret"]
        found.append(content["client_secret"])
    assert found[0] != found[1]
    example.up("--expect-no-changes")
    assert restarts.read_text() == "r", "one rotation, one restart"
    assert found[1] not in json.dumps(example.export())
    example.destroy()
    assert not file.exists()
