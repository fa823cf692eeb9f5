"""The life of examples/two_stacks, applied by its own script."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.engine import STACK, Engine, Stack
from tools.consumers import NavigatorClient
from tools.vendors import Sandbox

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "two_stacks"


def generations(stack: Stack) -> dict[str, int]:
    """The number of secrets that each credential has had, by name."""
    outputs = {name: resource.get("outputs", {}) for name, resource in stack.resources().items()}
    return {name: its["generation"] for name, its in outputs.items() if "generation" in its}


def test_two_stacks_from_up_to_destroy(engine: Engine, sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    credentials = engine.new_stack(folder / "credentials")
    org_id = sandbox.credentials["navigator"]["org_id"]
    credentials.configure(
        {"orgId": org_id} | sandbox.settings(),
        {"rekey:owner": "0" * 32} | sandbox.secret_settings(),
    )
    shop = Stack(engine, folder / "shop")
    shop.state, shop.environment = credentials.state, credentials.environment
    shop.run("stack", "init")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=credentials.environment, capture_output=True, text=True, timeout=120, check=False
        )

    created = credentials.up().steps
    before, first = generations(credentials), credentials.outputs()["applications"]
    assert len(before) == 16
    sandbox.forget_calls()
    assert credentials.up("--expect-no-changes").steps == []
    assert sandbox.calls() == []

    # An edit that fails keeps no new secret from whoever reads it.
    program = folder / "credentials" / "__main__.py"
    program.write_text(program.read_text().replace("reports.example.com", "figures.example.com"))
    sandbox.fault("/relyingParties/", method="PUT", status=400, count=0)
    order = ["rekey", "rotate", "shop-api-secret", "--reason", "INC-4711", "--cwd", "credentials", "--stack", STACK]
    assert run(*order).returncode == 0
    applied = run(sys.executable, "apply.py", STACK)
    assert applied.returncode == 1
    assert applied.stderr == "Some credentials failed, see above.\n"
    its = shop.outputs()["environment"]
    assert its["API_SECRET"] != first["shop"]["apiSecret"]
    assert NavigatorClient(sandbox.http, org_id).logs_in(its["API_CLIENT_ID"], its["API_SECRET"])
    assert its["OIDC_CLIENT_SECRET"] == first["shop"]["clientSecret"]
    assert its["API_SECRET"] not in applied.stdout
    assert credentials.outputs()["applications"]["reports"] == first["reports"], "nobody reads what is unknown"
    after = generations(credentials)
    assert {name for name in before if after[name] != before[name]} == {"shop-api-secret", "shop-api"}
    sandbox.clear_faults()
    assert credentials.up().steps == ["update reports-sign-in"]
    destroyed = credentials.destroy().steps
    assert {step.removeprefix("delete ") for step in destroyed} == {step.removeprefix("create ") for step in created}
