"""The examples in YAML and TypeScript, on the native plugin: up, up again, an update, a rotation, destroy."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi_rekey.resources import all_resources

from tests.engine import Engine, Stack
from tools.engine.languages import NODE, generate_sdk
from tools.schemas import FOLDER
from tools.vendors import Sandbox

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture
def project(languages: Path, engine: Engine, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Stack:
    """A copy of the example that the test is given the name of, configured as its README says."""
    speaking = copy.copy(engine)
    speaking.environment = engine.environment | {"PATH": f"{languages}:{NODE.parent}:{engine.environment['PATH']}"}
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLES / request.param, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    stack = speaking.new_stack(folder)
    known = {
        "instanceId": sandbox.credentials["roma"]["instance_id"],
        "appId": sandbox.credentials["roma"]["app_id"],
    }
    stack.configure(known | sandbox.settings(), {"rekey:owner": "0" * 32} | sandbox.secret_settings())
    return stack


def tried(stack: Stack) -> None:
    """Take the example from `up` to `destroy`."""
    seen = stack.up(preview=True)
    assert sorted(seen.steps) == ["create orders", "create portal", "create secret"]
    first = stack.outputs()
    assert first["rotationReason"] == "created"
    assert stack.up("--expect-no-changes").steps == []
    stack.configure({"clientName": "Another one"})
    assert stack.preview().steps == ["update portal"]
    stack.configure({"rotate": "monday"})
    rotated = stack.up(preview=True)
    assert sorted(rotated.steps) == ["update orders", "update portal", "update secret"]
    assert "rotates: trigger changed: rotate" in rotated.text
    second = stack.outputs()
    assert second["clientId"] == first["clientId"]
    assert second["rotationReason"] == "trigger changed: rotate"
    for name in ("clientSecret", "ordersSecret"):
        assert second[name] != first[name]
        for text in (seen.text, rotated.text, json.dumps(stack.export())):
            assert first[name] not in text
            assert second[name] not in text
    assert stack.up("--expect-no-changes").steps == []
    assert sorted(stack.destroy().steps) == ["delete orders", "delete portal", "delete secret"]
    assert not stack.export()["deployment"].get("resources")


@pytest.mark.parametrize("project", ["yaml"], indirect=True)
def test_example_in_yaml(project: Stack) -> None:
    tried(project)


@pytest.mark.parametrize("project", ["yaml"], indirect=True)
def test_example_in_yaml_is_checked_by_the_schema(project: Stack, sandbox: Sandbox) -> None:
    """Before anything runs."""
    file = project.folder / "Pulumi.yaml"
    file.write_text(file.read_text().replace("client_name:", "clientName:"))
    refused = project.preview(fails=True)
    assert "Missing required property 'client_name'" in refused.text
    assert sandbox.calls() == []


IN_PYTHON = """
import pulumi, pulumi_rekey as rekey

config = pulumi.Config()
rotation = rekey.Rotation(triggers={"rotate": "never"})
rekey.OidcRelyingParty(
    "portal",
    client_name="Customer portal",
    redirect_uris=["https://portal.example.com/callback", "https://portal.example.com/silent"],
    rotation=rotation,
)
secret = rekey.GeneratedSecret("secret", vendor="roma", rotation=rotation)
rekey.AppSecret(
    "orders", instance_id=config.require("instanceId"), app_id=config.require("appId"), secret=secret.secret
)
"""


@pytest.mark.parametrize("project", ["yaml"], indirect=True)
def test_stack_of_a_python_program_goes_on_in_yaml(project: Stack, sandbox: Sandbox) -> None:
    """The schema has the dynamic provider's types as aliases: nothing changes, and no vendor is called."""
    file = project.folder / "Pulumi.yaml"
    in_yaml = file.read_text()
    file.write_text("name: portal\nruntime: python\n")
    project.program(IN_PYTHON)
    project.up()
    before = project.resources()
    file.write_text(in_yaml)
    sandbox.forget_calls()
    assert project.up().steps == []
    assert sandbox.calls() == []
    after = project.resources()
    for name in ("portal", "secret", "orders"):
        assert before[name]["type"].startswith("pulumi-python:dynamic/rekey:")
        assert after[name]["type"].startswith("rekey:index:")
        assert after[name]["id"] == before[name]["id"]
    assert after["portal"]["outputs"]["client_secret"] == before["portal"]["outputs"]["client_secret"]
    # A reason is repeated in plain, so that one that is encrypted is refused, whoever it is for.
    project.run("config", "set", "--path", "--secret", "rekey:rotateNow.other", "INC-4711")
    refused = project.preview(fails=True).text
    assert "rekey:rotateNow is encrypted in the stack's configuration" in refused
    assert "INC-4711" not in refused
    project.run("config", "rm", "rekey:rotateNow")
    project.run("config", "set", "--path", "--plaintext", "rekey:rotateNow.portal", "INC-4712")
    assert "rotates: rotate_now: INC-4712" in project.preview().text


@pytest.mark.parametrize("project", ["typescript"], indirect=True)
def test_example_in_typescript(project: Stack, languages: Path) -> None:
    with_sdk(project.folder, languages)
    compiler = ["node_modules/typescript/bin/tsc", "-p", "."]
    assert node(project.folder, *compiler) == ""
    names = [resource.name for resource in all_resources()]
    program = f"const sdk = require('pulumi-rekey'); console.log({names}.every(name => name in sdk))"
    assert node(project.folder, "-e", program) == "true\n"
    # The compiler has checked it.
    project.environment["PULUMI_NODEJS_TRANSPILE_ONLY"] = "true"
    tried(project)


def with_sdk(folder: Path, languages: Path) -> None:
    """Make and install the SDK as `pulumi package add` and npm do, without a network."""
    sdk, packages = folder / "sdks" / "rekey", folder / "node_modules"
    generate_sdk(FOLDER / "pulumi.json", "0.1.0", "nodejs", sdk)
    packages.mkdir()
    for package in (languages / "node_modules").iterdir():
        (packages / package.name).symlink_to(package)
    (packages / "pulumi-rekey").symlink_to(sdk)
    node(sdk, "scripts/postinstall.js")


def node(folder: Path, *command: str) -> str:
    """What Node.js prints; it must succeed."""
    environment = {**os.environ, "PATH": f"../../node_modules/.bin:{NODE.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(NODE), *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
