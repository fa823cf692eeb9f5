"""What `rekey doctor` says of a project: its Python, and the native plugin; without an engine."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pulumi_rekey.cli.doctor import _proxy, _unknown_settings
from pulumi_rekey.cli.doctor_project import Project
from pulumi_rekey.cli.finding import Finding, Level
from pulumi_rekey.cli.stack_export import advice

OWN = version("pulumi-rekey")
NATIVE = {"rekey:frontend": {"value": "native"}}
PLUGIN = "pulumi-resource-rekey"


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def python_with(folder: Path, name: str, found: str | None) -> None:
    """What looks like a Python with this version of the package, or with none."""
    script(folder / name, f"#!/bin/sh\n{f'echo {found}' if found else 'exit 1'}\n")


def project(folder: Path, described: str, **environment: str) -> Project:
    (folder / "Pulumi.yaml").write_text(f"name: x\n{described}\n")
    return Project(folder, {"PATH": str(folder / "bin"), **environment})


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level.value, f"{finding.subject}: {finding.what}") for finding in found]


VENV = "runtime: {name: python, options: {virtualenv: venv}}"


@pytest.mark.parametrize(
    ("described", "pythons", "environment", "expected"),
    [
        ("runtime: python", {"bin/python3": OWN}, {}, [("ok", f"project: its program uses pulumi-rekey {OWN}")]),
        (
            "runtime: python",
            {"bin/python3": "0.0.9"},
            {},
            [("warning", f"project: its program uses pulumi-rekey 0.0.9, this command is of {OWN}")],
        ),
        (
            "runtime: python",
            {"bin/python3": None},
            {},
            [("problem", "project: the Python of its program has no pulumi-rekey")],
        ),
        (
            "runtime: python",
            {},
            {},
            [
                ("problem", "project: its Python is missing: neither python3 nor python is on PATH"),
                ("problem", "python host: there is no python3 on PATH, by which Pulumi starts the host"),
            ],
        ),
        (
            "runtime: python",
            {"bin/python": OWN},
            {},
            [
                ("ok", f"project: its program uses pulumi-rekey {OWN}"),
                ("problem", "python host: there is no python3 on PATH, by which Pulumi starts the host"),
            ],
        ),
        (
            "runtime: python",
            {"bin/python": OWN},
            {"PULUMI_PYTHON_CMD": "python"},
            [("ok", f"project: its program uses pulumi-rekey {OWN}")],
        ),
        (VENV, {"venv/bin/python": OWN}, {}, [("ok", f"project: its program uses pulumi-rekey {OWN}")]),
        (VENV, {"bin/python3": OWN}, {}, [("problem", "project: its Python is missing: FOLDER/venv has none")]),
        (
            "runtime: {name: python, options: {toolchain: uv}}",
            {".venv/bin/python": OWN},
            {},
            [("ok", f"project: its program uses pulumi-rekey {OWN}")],
        ),
    ],
)
def test_doctor_sees_which_python_runs_the_program(
    tmp_path: Path,
    described: str,
    pythons: dict[str, str | None],
    environment: dict[str, str],
    expected: list[tuple[str, str]],
) -> None:
    for place, its_version in pythons.items():
        python_with(tmp_path / Path(place).parent, Path(place).name, its_version)
    judged = project(tmp_path, described, **environment)
    found = said([*judged.program(), *judged.front_end({})])
    assert found == [(level, what.replace("FOLDER", str(tmp_path))) for level, what in expected]


POINTS = "plugins: {providers: [{name: rekey, path: plug}]}"


@pytest.mark.parametrize(
    ("described", "config", "plugin", "expected"),
    [
        ("runtime: python", NATIVE, {}, ("problem", "Pulumi.yaml does not say where it is, and no PLUGIN is on PATH")),
        (
            f"runtime: python\n{POINTS}",
            NATIVE,
            {},
            ("problem", "plugins.providers in Pulumi.yaml points to plug, where no PLUGIN is"),
        ),
        (
            f"runtime: python\n{POINTS}",
            NATIVE,
            {"plug": OWN},
            ("ok", f"AT is of pulumi-rekey {OWN}, as the package is"),
        ),
        (
            f"runtime: python\n{POINTS}",
            NATIVE,
            {"plug": "0.0.9"},
            ("problem", f"AT is of pulumi-rekey 0.0.9, and the package of {OWN}"),
        ),
        (f"runtime: python\n{POINTS}", NATIVE, {"plug": None}, ("note", "AT is of a version that is not known")),
        # Another language has only the plugin, and the project's own configuration chooses it, too.
        (f"runtime: yaml\n{POINTS}", {}, {"plug": OWN}, ("ok", f"AT is of pulumi-rekey {OWN}, as the package is")),
        (
            f"runtime: python\nconfig: {{'rekey:frontend': native}}\n{POINTS}",
            {},
            {"plug": OWN},
            ("ok", f"AT is of pulumi-rekey {OWN}, as the package is"),
        ),
        (f"runtime: python\n{POINTS}", {}, {}, None),
    ],
)
def test_doctor_sees_the_native_plugin(
    tmp_path: Path,
    described: str,
    config: dict[str, object],
    plugin: dict[str, str | None],
    expected: tuple[str, str] | None,
) -> None:
    python_with(tmp_path / "bin", "python3", OWN)
    for folder, its_version in plugin.items():
        script(tmp_path / folder / PLUGIN, "#!/bin/sh\n")
        python_with(tmp_path / folder, "python", its_version)
    found = list(project(tmp_path, described).front_end(config))
    at = str(tmp_path / "plug" / PLUGIN)
    wanted = [] if expected is None else [(expected[0], f"native plugin: {expected[1]}")]
    assert said(found) == [
        (level, what.replace("PLUGIN", PLUGIN).replace("AT is", f"{at} is")) for level, what in wanted
    ]
    assert all(finding.remedy for finding in found if finding.level is not Level.GOOD)


def test_doctor_finds_the_plugins_version_by_its_first_line(tmp_path: Path) -> None:
    script(tmp_path / "bin" / PLUGIN, f"#!{sys.executable}\n")
    python_with(tmp_path / "bin", "python3", OWN)
    (found,) = project(tmp_path, "runtime: python").front_end(NATIVE)
    assert found.level is Level.GOOD


def test_without_a_project_nothing_is_said_of_front_ends(tmp_path: Path) -> None:
    nothing = Project(tmp_path, {})
    assert said([*nothing.program(), *nothing.front_end(NATIVE)]) == [
        ("warning", "project: this folder has no Pulumi project")
    ]


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("error: incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE_FILE names, to the passphrase that this stack was"),
        ("error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE", "set PULUMI_CONFIG_PASSPHRASE to the stack's"),
        ("error: no stack named 'prod' found", "`pulumi stack ls` lists those that there are"),
        ("error: PULUMI_ACCESS_TOKEN must be set for login during", "run `pulumi login`, or set PULUMI_BACKEND_URL"),
        ("error: something else", "see its message"),
    ],
)
def test_complaints_of_the_engine_that_everybody_meets_have_advice(complaint: str, said: str) -> None:
    assert said in advice(complaint)


def test_doctor_finds_the_project_of_a_folder_further_down(tmp_path: Path) -> None:
    """As Pulumi does; what the project's file names is relative to it."""
    python_with(tmp_path / "venv" / "bin", "python", OWN)
    described = project(tmp_path, VENV)
    below = tmp_path / "credentials" / "prod"
    below.mkdir(parents=True)
    assert said([*Project(below, {}).program()]) == said([*described.program()])
    assert Project(below, {}).name == "x"


def test_doctor_names_settings_that_do_not_exist(tmp_path: Path) -> None:
    config: dict[str, Any] = {"rekey:owner": {}, "rekey:endpoints.vcd.url": {}, "shop:size": {}}
    (found,) = _unknown_settings(config, "shop")
    assert (found.level, found.subject) == (Level.PROBLEM, "rekey:endpoints.vcd.url")
    assert found.remedy == "run `pulumi config rm 'rekey:endpoints.vcd.url'`, then set it with --path"
    (tmp_path / "Pulumi.yaml").write_text("name: rekey\nruntime: python\n")
    assert list(_unknown_settings(config, Project(tmp_path, {}).name)) == [], "the project's own"


def test_doctor_says_through_which_proxy_an_endpoint_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy:3128")
    (found,) = _proxy("endpoint vcd", "https://vcd.example.com")
    assert found == Finding(
        Level.NOTE,
        "endpoint vcd",
        "is reached through the proxy proxy:3128 of HTTPS_PROXY",
        "list vcd.example.com in NO_PROXY if it is to be reached directly",
    )
    assert list(_proxy("endpoint vcd", "http://127.0.0.1:8181")) == []
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert list(_proxy("endpoint vcd", "https://vcd.example.com")) == []
