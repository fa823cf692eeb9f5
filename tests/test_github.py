"""The repository's own workflows and forms: judged by the schemas of their readers, and no job has a right too many."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pages import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE" / "config.yml"})
JUDGED = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.renovate": [GITHUB / "renovate.json"],
}

SECRET = re.compile(r"secrets[.\[]|github\.token|password:|(?<!id-)token:")


def read(path: Path) -> Any:
    # BaseLoader: `on` is a word, as GitHub takes it.
    return yaml.load(path.read_text(), yaml.BaseLoader)


def jobs() -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Each job by its workflow and name, and the rights that it has."""
    for path in WORKFLOWS:
        workflow = read(path)
        for name, job in workflow["jobs"].items():
            yield f"{path.stem}/{name}", job, job.get("permissions", workflow["permissions"])


def steps() -> Iterator[dict[str, Any]]:
    return (step for _, job, _ in jobs() for step in job["steps"])


@pytest.mark.parametrize("schema", JUDGED)
def test_files_fit_their_schemas(schema: str) -> None:
    assert JUDGED[schema]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, JUDGED[schema])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_job_that_runs_the_repository_code_may_only_read() -> None:
    for name, job, rights in jobs():
        if any("run" in step or step["uses"].startswith("actions/checkout@") for step in job["steps"]):
            assert rights == {"contents": "read"}, name


def test_jobs_have_no_right_but_these() -> None:
    assert {name: set(rights) for name, _, rights in jobs() if rights != {"contents": "read"}} == {
        "docs/deploy": {"pages", "id-token"},
        "release/attest": {"id-token", "attestations"},
        "release/publish": {"id-token"},
    }


def test_workflows_use_no_secret() -> None:
    assert [path.name for path in WORKFLOWS if SECRET.search(path.read_text())] == []


def test_release_waits_for_a_maintainer() -> None:
    workflow = read(GITHUB / "workflows" / "release.yml")
    assert workflow["on"] == {"push": {"tags": ["v[0-9]*"]}}
    assert workflow["jobs"]["publish"]["environment"] == "release"
    assert (workflow["jobs"]["publish"]["needs"], workflow["jobs"]["attest"]["needs"]) == ("attest", "build")


def test_actions_have_a_version() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert [use for use in used if not re.search(r"@(v\d+|release/v\d+|[0-9a-f]{40})$", use)] == []


def test_checkouts_leave_no_credential_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_commands_are_targets_and_hold_no_text_from_outside() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for step in steps() if "run" in step]
    assert {target for command in commands for target in re.findall(r"^make (\w+)", command)} <= targets
    assert not [command for command in commands if "${{" in command]


def test_checks_run_on_each_supported_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [word.rpartition(" ")[2] for word in project["classifiers"] if re.search(r"Python :: 3\.\d+$", word)]
    job = read(GITHUB / "workflows" / "checks.yml")["jobs"]["check"]
    assert job["strategy"]["matrix"]["python"] == named
    assert project["requires-python"] == f">={named[0]}"
    pythons = re.search(r"^PYTHONS \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pythons
    assert pythons[1].split() == [f"python{version}" for version in named]
