"""The pipelines' files: judged by the schemas of their systems, and held to what the READMEs promise."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PIPELINES = EXAMPLES / "pipelines"
WORKFLOWS = sorted((PIPELINES / "github-actions" / ".github" / "workflows").glob("*.yml"))
GITLAB = PIPELINES / "gitlab-ci" / ".gitlab-ci.yml"
OPERATOR = PIPELINES / "pulumi-operator" / "stack.yaml"
SCRIPTS = sorted((EXAMPLES / "gitops" / "ci").iterdir())
MANIFESTS = sorted((EXAMPLES / "gitops" / "credentials").rglob("*.yaml"))
#: What the jobs that change something are given.
CREDENTIALS = {
    "VCD_API_TOKEN",
    "DR_SITE_VCD_API_TOKEN",
    "BROKER_CLIENT_ID",
    "BROKER_CLIENT_SECRET",
    "CPN_API_TOKEN",
    "HW_ACCESS_KEY",
    "HW_SECRET_KEY",
}


def read(path: Path) -> Any:
    # BaseLoader: `on` is a word, as GitHub and GitLab take it.
    return yaml.load(path.read_text(), yaml.BaseLoader)


def judged(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_actions_fits_its_schema() -> None:
    judged("--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))


def test_gitlab_ci_fits_its_schema() -> None:
    judged("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(GITLAB))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_pipeline_scripts_parse(script: Path) -> None:
    assert script.stat().st_mode & 0o111 == 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_pipeline_preview_has_no_credential_and_forks_have_none() -> None:
    workflow = read(PIPELINES / "github-actions" / ".github" / "workflows" / "preview.yml")
    assert set(workflow["on"]) == {"pull_request"}
    assert workflow["permissions"] == {}
    preview, comment = workflow["jobs"]["preview"], workflow["jobs"]["comment"]
    assert preview["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert "secrets." not in str(workflow)
    # What runs the branch's code may not write, and what may write does not run it.
    assert preview["permissions"] == {"contents": "read", "id-token": "write"}
    assert comment["permissions"] == {"pull-requests": "write"}
    assert not any("checkout" in step.get("uses", "") for step in comment["steps"])
    gitlab = read(GITLAB)
    (rule,) = gitlab["preview"]["rules"]
    assert rule["if"].endswith("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID")
    assert not CREDENTIALS & set(re.findall(r"\w+", str(gitlab["preview"])))


def test_pipeline_on_gitlab_needs_no_token_that_writes() -> None:
    """A merge request's pipeline is the branch's own: whatever one of its jobs may read, the branch may."""
    jobs = {name: job for name, job in read(GITLAB).items() if "script" in job}
    of_branches = [name for name, job in jobs.items() if "merge_request_event" in str(job["rules"])]
    assert of_branches == ["preview"]
    assert "TOKEN" not in re.sub("AWS_WEB_IDENTITY_TOKEN_FILE", "", GITLAB.read_text())
    assert jobs["preview"]["artifacts"]["expose_as"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.name)
def test_pipeline_commands_hold_no_text_from_outside(workflow: Path) -> None:
    for job in read(workflow)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_pipeline_actions_are_pinned() -> None:
    """All but the one that the README says is left to the reader."""
    used = {
        step["uses"]
        for path in WORKFLOWS
        for job in read(path)["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    assert [use for use in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", use)] == ["pulumi/actions@v6"]


def test_pipeline_on_github_gives_credentials_to_one_run_at_a_time() -> None:
    """And nothing in its group can take the place of an apply that waits but another apply."""
    workflows = {path.stem: read(path) for path in WORKFLOWS}
    assert [name for name, each in workflows.items() if each["concurrency"]["group"] == "prod"] == ["apply"]
    workflow = workflows["apply"]
    assert workflow["concurrency"]["cancel-in-progress"] == "false"
    jobs = workflow["jobs"]
    assert "if" not in jobs["apply"]
    assert jobs["drift"]["needs"] == "apply"
    assert workflow["on"]["schedule"][1]["cron"] in jobs["drift"]["if"]
    for name, job in jobs.items():
        (step,) = (step for step in job["steps"] if step.get("run", "") == f"ci/{name} prod")
        assert step["env"].keys() >= CREDENTIALS
        assert job["environment"] == "prod"
        assert job["steps"][0]["with"] == {"ref": "main", "persist-credentials": "false"}


def test_pipeline_on_gitlab_gives_credentials_to_one_run_at_a_time() -> None:
    """Drift is no deployment: a newer one would make an apply that waits outdated."""
    gitlab = read(GITLAB)
    assert gitlab[".prod"]["resource_group"] == "prod"
    for name in ("apply", "drift"):
        assert gitlab[name]["extends"] == ".prod"
        assert gitlab[name]["script"] == [f"ci/{name} prod"]
    assert gitlab["drift"]["environment"] == {"name": "prod", "action": "verify"}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_pipeline_project_names_the_schema_where_it_is_after_copying(manifest: Path) -> None:
    schema = manifest.read_text().partition("$schema=")[2].partition("\n")[0]
    assert (manifest.parent / schema).resolve() == EXAMPLES / "gitops" / "schemas" / "manifest.json"


def test_pipelines_continue_on_error() -> None:
    (apply,) = (script.read_text() for script in SCRIPTS if script.name == "apply")
    assert "--continue-on-error" in apply
    *_, stack = yaml.load_all(OPERATOR.read_text(), yaml.BaseLoader)
    assert stack["spec"]["envRefs"]["PULUMI_CONTINUE_ON_ERROR"]["literal"]["value"] == "true"
    assert stack["spec"]["continueResyncOnCommitMatch"] == "true"
    assert int(stack["spec"]["resyncFrequencySeconds"]) <= 3600
    assert stack["spec"]["envRefs"].keys() >= CREDENTIALS
