"""What is published: the sdist runs its own tests, and the wheel is the package and nothing else."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.pages import ROOT

PACKAGE = ROOT / "provider" / "pulumi_rekey"
#: What the tests of an unpacked sdist need besides the package.
NEEDED = {
    ".ci/run",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "constraints.txt",
    "docs/tutorial.md",
    "examples/quickstart/__main__.py",
    "properdocs.yml",
    "pyproject.toml",
    "schemas/manifest.json",
    "tests/conftest.py",
    "tests/fixtures/probe.py",
    "tools/demo.py",
    "tools/engine/cli/go.mod",
}
#: A private key in PEM, as opposed to words about one.
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}")


@dataclass(frozen=True)
class Published:
    """The sdist, unpacked, and the wheel that was built from it, as installers without a wheel build it."""

    sdist: Path
    wheel: Path

    def wheel_files(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self.wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def metadata(self) -> Message:
        (text,) = (data for name, data in self.wheel_files().items() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(text.decode())


def build(source: Path, target: str, folder: Path) -> Path:
    """Build with the backend itself: nothing is fetched."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    archive = build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (sdist,) = folder.iterdir()
    return Published(sdist, build(sdist, "wheel", tmp_path_factory.mktemp("wheel")))


def test_sdist_holds_the_tests_and_what_they_need(published: Published) -> None:
    files = {path.relative_to(published.sdist).as_posix() for path in published.sdist.rglob("*") if path.is_file()}
    assert files >= NEEDED
    assert not [name for name in files if re.search(r"(^|/)(\.git|\.venv|\.build|__pycache__|\.\w+_cache)/", name)]


def test_sdist_runs_its_own_tests(published: Published) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/test_durations.py"],
        cwd=published.sdist,
        env={"PYTHONPATH": str(published.sdist / "provider"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_is_the_package_and_nothing_else(published: Published) -> None:
    files = published.wheel_files()
    ours = {name for name in files if ".dist-info/" not in name}
    written = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert ours == {path.relative_to(PACKAGE.parent).as_posix() for path in written}
    assert ours >= {"pulumi_rekey/py.typed", "pulumi_rekey/cli/report_html.css"}
    assert {name.partition(".dist-info/")[2] for name in files.keys() - ours} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_wheel_holds_no_private_key(published: Published) -> None:
    assert [name for name, data in published.wheel_files().items() if PRIVATE_KEY.search(data)] == []


def test_wheel_says_what_it_is(published: Published) -> None:
    metadata = published.metadata()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert re.fullmatch(r"pulumi_rekey-\d+\.\d+\.\d+((a|b|rc)\d+)?-py3-none-any\.whl", published.wheel.name)
    assert published.wheel.name.split("-")[1] == metadata["Version"]
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata.get_all("Provides-Extra") == ["cli", "sandbox"], "tools for developers are dependency groups"
    assert metadata["License-Expression"] == "Apache-2.0"


def test_wheel_works_where_nothing_else_of_this_project_is(published: Published, tmp_path: Path) -> None:
    """A new environment; what the wheel depends on it finds among the tests' packages, without their editable link."""
    environment = tmp_path / "environment"
    venv.create(environment)
    python = environment / "bin" / "python"
    install = ["install", "--quiet", "--no-index", "--no-deps", str(published.wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True)

    def output_of(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={"PYTHONPATH": sysconfig.get_path("purelib")},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    where = Path(
        output_of(str(python), "-c", "import pulumi_rekey as rekey; print(rekey.AppSecret, rekey.__file__)").partition(
            "> "
        )[2]
    )
    assert where.is_relative_to(environment)
    rekey = str(environment / "bin" / "rekey")
    assert output_of(rekey, "--version") == f"rekey {published.metadata()['Version']}"
    assert "report" in output_of(rekey, "--help")
