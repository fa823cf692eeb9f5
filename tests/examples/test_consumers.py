"""The consumers that are not run here, since their providers are programs to be downloaded: their types are checked.

examples/consumers/file is run, by test_examples.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.pages import ROOT
from tools import consumer_packages

CONSUMERS = ROOT / "examples" / "consumers"
#: Of each provider, something that its types must refuse: otherwise they have not been read.
MISSPELT = {
    "github": 'import pulumi_github\n\npulumi_github.ActionsSecret("x", repository="r", secret_nmae="S", value="v")\n',
    "kubernetes": 'import pulumi_kubernetes\n\npulumi_kubernetes.core.v1.Secret("x", strng_data={"a": "b"})\n',
    "vault": 'import pulumi_vault\n\npulumi_vault.kv.SecretV2("x", mount="secret", dataa_json="{}")\n',
}


@pytest.fixture(scope="session")
def interpreter() -> Path:
    """The Python that has the providers' packages."""
    if not consumer_packages.is_ready():
        if os.environ.get("CI"):
            pytest.fail("the providers' packages are not here: `make consumers` installs them")
        pytest.skip(
            "100 MB of providers that only these examples need: `make consumers` installs them; in CI this fails"
        )
    return consumer_packages.PYTHON


def test_consumer_examples_type_check(interpreter: Path, tmp_path: Path) -> None:
    for name, text in MISSPELT.items():
        (tmp_path / f"{name}.py").write_text((CONSUMERS / name / "__main__.py").read_text())
        (tmp_path / f"misspelt_{name}.py").write_text(text)
    cache = ROOT / ".mypy_cache" / "consumers"
    checker = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable", str(interpreter)]
    run = subprocess.run(
        [*checker, "--cache-dir", str(cache), "."], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    assert [line for line in errors if not line.startswith("misspelt_")] == [], run.stderr
    assert {line.partition(".py:")[0] for line in errors} == {f"misspelt_{name}" for name in MISSPELT}


def test_consumer_pages_say_what_was_checked_and_run() -> None:
    said = dict(re.findall(r"^\| \[(\w+)\]\(\w+\) \| .*? \| (.+?) \|$", (CONSUMERS / "README.md").read_text(), re.M))
    assert said == dict.fromkeys(MISSPELT, "type-checked") | {"file": "run by this project's tests"}
    versions = dict(pin.split("==") for pin in consumer_packages.pins())
    assert versions.keys() == set(consumer_packages.PROVIDERS)
    for package, version in versions.items():
        consumer = CONSUMERS / package.removeprefix("pulumi-")
        for page in (CONSUMERS / "README.md", consumer / "README.md"):
            assert f"{package} {version}" in page.read_text(), page
        lines = (consumer / "requirements.txt").read_text().splitlines()
        needed = [Requirement(line) for line in lines if not line.startswith("./vendor/")]
        (own,) = (requirement for requirement in needed if requirement.name == package)
        assert own.specifier.contains(version)
