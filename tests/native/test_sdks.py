"""The engine's own generator takes the schema, and what it makes of it compiles.

The SDK for TypeScript is compiled with the example that needs it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi_rekey.resources import all_resources

from tools.engine.install import CLI, UnableError
from tools.engine.languages import generate_sdk
from tools.schemas import FOLDER

SCHEMA = FOLDER / "pulumi.json"
NAMES = [resource.name for resource in all_resources()]


def ran(command: list[str], folder: Path, **environment: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sdk_for_python_is_imported(languages: Path, tmp_path: Path) -> None:
    generate_sdk(SCHEMA, "0.1.0", "python", tmp_path)
    # What pip notes of what it installs, where the SDK looks for its own version.
    noted = tmp_path / "pulumi_rekey_sdk-0.1.0.dist-info"
    noted.mkdir()
    (noted / "METADATA").write_text("Metadata-Version: 2.1\nName: pulumi_rekey_sdk\nVersion: 0.1.0\n")
    program = f"""
import inspect
import pulumi_rekey_sdk as sdk
print([name for name in {NAMES} if "rotation" in inspect.signature(getattr(sdk, name)._internal_init).parameters])
print(sdk.RotationArgs(max_age="90d", windows=[sdk.WindowArgs(cron="0 2 * * SUN", duration="4h")]).windows[0].timezone)
"""
    found = ran([sys.executable, "-W", "error", "-c", program], tmp_path)
    assert found.splitlines() == [str(NAMES), "UTC"]


def test_sdk_for_go_compiles(languages: Path, tmp_path: Path) -> None:
    """With the modules that the engine is built of."""
    generate_sdk(SCHEMA, "0.1.0", "go", tmp_path)
    shutil.copy(CLI / "go.sum", tmp_path)
    pins = (CLI / "go.mod").read_text().splitlines()
    (tmp_path / "go.mod").write_text("\n".join(["module example.com/pulumi-rekey/sdk/go", *pins[1:], ""]))
    (tmp_path / "main.go").write_text("""package main

import (
	"example.com/pulumi-rekey/sdk/go/rekey"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		_, err := rekey.NewAppSecret(ctx, "orders", &rekey.AppSecretArgs{
			Instance_id: pulumi.String("instance"),
			App_id:      pulumi.String("app"),
			Rotation:    rekey.RotationArgs{Max_age: pulumi.String("90d")},
		})
		return err
	})
}
""")
    command = ["go", "build", "-mod=mod", "-trimpath", "-o", os.devnull, "."]
    ran(command, tmp_path, CGO_ENABLED="0", GOPROXY="off", GOFLAGS="-buildvcs=false")


def test_sdk_generator_refuses_what_is_no_schema(languages: Path, tmp_path: Path) -> None:
    """So that the tests above would see a mistake in the schema."""
    schema = json.loads(SCHEMA.read_text())
    schema["resources"]["rekey:index:AppSecret"]["inputProperties"]["app_id"] = {"type": "text"}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    with pytest.raises(UnableError, match=r"rekey:index:AppSecret: doesn.t validate"):
        generate_sdk(tmp_path / "schema.json", "0.1.0", "go", tmp_path)
