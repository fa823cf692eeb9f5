"""Which engine is used, and what is said where there is none: in copies of the repository that have built nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.engine.install import (
    CLI,
    ENGINE,
    ROOT,
    SDK,
    engine_floor,
    is_built,
    numbers,
    sdk_module,
    stamp,
    version_on_path,
)

FLOOR = ".".join(map(str, engine_floor()))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the installer needs, and a `bin` that is all of PATH."""
    shutil.copytree(ROOT / "tools/engine", tmp_path / "tools/engine")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def command(checkout: Path, name: str, script: str = "exit 0") -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def install(checkout: Path) -> subprocess.CompletedProcess[str]:
    script = str(checkout / "tools/engine/install.py")
    environment = {"PATH": str(checkout / "bin")}
    return subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", [f"v{FLOOR}", "v3.999.0", "v4.0.0-alpha.1"])
def test_pulumi_on_path_is_used_if_new_enough(checkout: Path, version: str) -> None:
    command(checkout, "pulumi", f"echo {version}")
    command(checkout, "pulumi-language-python")
    found = install(checkout)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("version", ["v3.229.9", "v2.0.0", "3.0.0-dev", "who knows"])
def test_pulumi_on_path_is_not_used_if_older(checkout: Path, version: str) -> None:
    command(checkout, "pulumi", f"echo {version}")
    command(checkout, "pulumi-language-python")
    assert "is on PATH" in install(checkout).stderr


def test_pulumi_on_path_is_not_used_without_python(checkout: Path) -> None:
    command(checkout, "pulumi", "echo v3.999.0")
    assert "is on PATH" in install(checkout).stderr


def test_go_missing_is_said_in_one_line(checkout: Path) -> None:
    found = install(checkout)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == (
        "engine: neither a pulumi that is new enough nor go is on PATH: install the Pulumi CLI, or Go to build it\n"
    )


def test_go_too_old_is_refused_before_the_build(checkout: Path) -> None:
    command(checkout, "go", "echo go1.19.2")
    found = install(checkout)
    needed = next(line.split()[1] for line in (CLI / "go.mod").read_text().splitlines() if line.startswith("go "))
    assert found.returncode == 1
    assert found.stderr == f"engine: building the engine takes go {needed} or newer, and this is go 1.19.2\n"


def test_go_errors_are_passed_on(checkout: Path) -> None:
    command(checkout, "go", "echo 'go: go.mod requires go >= 9.9 (GOTOOLCHAIN=local)' >&2; exit 1")
    found = install(checkout)
    assert found.returncode == 1
    assert found.stderr == "engine: go env GOVERSION failed: go: go.mod requires go >= 9.9 (GOTOOLCHAIN=local)\n"


@pytest.fixture
def fetched() -> Path:
    """The modules that Go has fetched to build the engine, which serve as its proxy where there is no network."""
    go = shutil.which("go")
    found = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout if go else ""
    modules = Path(found.strip()) / "cache/download"
    if not (modules / SDK / "@v").is_dir():
        pytest.skip("a user's own pulumi is used, so that Go has fetched no modules here")
    return modules


def test_build_from_nothing_puts_scripts_beside_the_engine(
    fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", fetched.as_uri())
    monkeypatch.setenv("GOMODCACHE", str(tmp_path))
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    _, sdk = sdk_module()
    assert sdk.is_relative_to(tmp_path)
    assert (sdk / "python/dist/pulumi-resource-pulumi-python").exists()
    assert (sdk / "python/cmd/pulumi-language-python-exec").exists()


def test_build_that_failed_leaves_nothing(checkout: Path) -> None:
    answers = """case "$1" in
env) echo go99.9 ;;
mod) echo '{"Version": "v3.0.0", "Dir": "/nowhere"}' ;;
list) ;;
*) echo "disk full" >&2; exit 1 ;;
esac"""
    command(checkout, "go", answers)
    found = install(checkout)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].endswith(
        "go build of github.com/pulumi/pulumi/pkg/v3/cmd/pulumi failed: disk full"
    )
    assert [path.name for path in (checkout / ".build").iterdir()] == ["engine.lock"]


def test_build_happens_once(checkout: Path) -> None:
    engine = checkout / ".build" / "engine"
    engine.mkdir(parents=True)
    (engine / "stamp").write_text(stamp())
    assert install(checkout).stdout == f"{engine}\n"


def test_engine_in_use_is_pinned_or_new_enough() -> None:
    assert is_built() if ENGINE.exists() else version_on_path() >= engine_floor()


def test_versions_compare() -> None:
    assert numbers("v3.274.1") > numbers("3.230") > numbers("") == numbers("dev")
