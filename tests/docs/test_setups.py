"""docs/setups.md, reading.md and stopping.md, executed on the real engine."""

import subprocess
import sys
from pathlib import Path

from tests.engine import Engine, Stack
from tests.lifecycle.all_resources import AllResources
from tests.lifecycle.cases import AT_A_VENDOR
from tests.pages import ROOT, blocks_of
from tools.consumers import Portal
from tools.vendors import Sandbox

CALLBACK = "https://portal.example.com/callback"


def block(page: str, kind: str, part: str) -> str:
    """The one block of a page that has this part."""
    (found,) = (found.text for found in blocks_of(ROOT / "docs" / page) if found.kind == kind and part in found.text)
    return found


def shell(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a block as a reader does."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def signs_in(sandbox: Sandbox, client_id: str, secret: str) -> bool:
    vcd = sandbox.credentials["vcd"]
    return Portal(sandbox.http, client_id, CALLBACK, vcd["user"], vcd["password"]).signs_in(secret)


def test_template_becomes_a_project_that_runs(engine: Engine, sandbox: Sandbox, tmp_path: Path) -> None:
    script = block("setups.md", "sh", "pulumi new").replace("/path/to/rekey", str(ROOT))
    new, wheel = script.splitlines()
    assert wheel.startswith("pip wheel ")
    shell(f"{new} --yes", tmp_path, engine.environment)
    folder = tmp_path / "credentials"
    assert {path.name for path in folder.iterdir()} == {"Pulumi.yaml", "__main__.py", "requirements.txt", ".gitignore"}
    project = (folder / "Pulumi.yaml").read_text()
    assert project.startswith("name: credentials\n")
    assert "${" not in project, "each placeholder is one that Pulumi fills"
    assert (folder / "requirements.txt").read_text() == (ROOT / "examples/gitops/requirements.txt").read_text()
    # The environment that `pulumi install` makes.
    (folder / ".venv").symlink_to(sys.prefix)
    stack = engine.new_stack(folder)
    stack.configure(sandbox.settings(), {"rekey:owner": "0" * 32} | sandbox.secret_settings())
    assert stack.up().steps == ["create portal"]
    assert stack.up("--expect-no-changes").steps == []
    outputs = stack.outputs()
    assert signs_in(sandbox, outputs["clientId"], outputs["clientSecret"])


def test_secret_is_read_as_the_page_says(stack: Stack, sandbox: Sandbox, tmp_path: Path) -> None:
    stack.program(block("reading.md", "python", "pulumi.export"))
    stack.up()
    place = tmp_path / "secret"
    script = block("reading.md", "sh", "install").replace("sudo ", "").replace("/etc/portal/secret", str(place))
    shell(script.replace("production", "dev"), stack.folder, stack.environment)
    assert place.stat().st_mode & 0o777 == 0o600
    assert signs_in(sandbox, stack.resource("portal")["outputs"]["client_id"], place.read_text().strip())


def test_automation_api_as_the_page_says(engine: Engine, sandbox: Sandbox, tmp_path: Path) -> None:
    program = block("setups.md", "python", "automation")
    plain = {path: (value, False) for path, value in sandbox.settings().items()}
    secret = {path: (value, True) for path, value in sandbox.secret_settings().items()}
    settings = plain | secret | {"rekey:owner": ("0" * 32, True)}
    call = "print('SECRET', run({path: automation.ConfigValue(*value) for path, value in settings.items()}))"
    (tmp_path / "run.py").write_text(f"{program}\n\nsettings = {settings!r}\n{call}\n")
    found = []
    for _ in range(2):
        *printed, last = shell(f"{sys.executable} run.py", tmp_path, engine.environment).splitlines()
        found.append(last.removeprefix("SECRET "))
        assert found[0] not in "".join(printed)
    assert found[0] == found[1], "the second run changes nothing"
    client = shell("pulumi stack ls --all --json", tmp_path, engine.environment)
    assert "production" in client


def test_stack_removed_as_the_page_says_leaves_every_secret_alive(stack: Stack, sandbox: Sandbox) -> None:
    stack.run("stack", "select")
    resources = AllResources(AT_A_VENDOR, stack, sandbox)
    resources.up()
    outputs = resources.outputs()
    sandbox.forget_calls()
    shell(block("stopping.md", "sh", "stack rm"), stack.folder, stack.environment)
    assert sandbox.calls() == []
    for scenario, its in outputs.items():
        assert scenario.case.accepts(its)
    kept = stack.folder / "secrets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    text = kept.read_text()
    for scenario, its in outputs.items():
        for name in scenario.case.secrets:
            assert its.get(name) is None or str(its[name]) in text
    assert not list(stack.state.rglob("dev.json"))
