"""What an installation does to its user's machine: it asks nobody for a plugin, and no index for a package."""

import json
import os
import re
import shutil
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.engine import Engine, Stack
from tests.installed import Installed, built
from tests.pages import ROOT

SAYS_NO_PLUGIN = "pulumi_rekey/pulumi-plugin.json"
PROGRAM = """
import pulumi
import pulumi_rekey as rekey

pulumi.export("where", rekey.__file__)
rekey.GeneratedSecret("generated", vendor="navigator")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "venv")


# -- no plugin ---------------------------------------------------------------------------------------------------------


def test_the_wheel_says_that_there_is_no_plugin(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.namelist().count(SAYS_NO_PLUGIN) == 1
        assert json.loads(archive.read(SAYS_NO_PLUGIN)) == {"resource": False}


def test_the_sdist_has_it_for_the_wheel(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        assert [name for name in archive.getnames() if name.endswith(f"/provider/{SAYS_NO_PLUGIN}")]


def test_an_editable_install_says_so_where_the_language_host_looks(installed: Installed) -> None:
    """The host looks in the folder of the distribution's metadata, not where its modules are."""
    installed.pip("install", "--no-deps", "--editable", str(ROOT))
    assert json.loads((installed.packages / SAYS_NO_PLUGIN).read_text()) == {"resource": False}
    imported = installed.run("import pulumi_rekey; print(pulumi_rekey.__file__)").stdout.strip()
    assert Path(imported) == ROOT / "provider" / "pulumi_rekey" / "__init__.py"


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """The way out of this machine, which is closed: its address, and what somebody wanted to reach by it."""
    wanted: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    wanted.append(connection.recv(65536).partition(b"\r\n")[0].decode())
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", wanted
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


#: The native plugin's executable.
PLUGIN = "pulumi-resource-rekey"
#: What the engine's log says of a package that the language host has found to have a plugin.
REQUIRED = "gatherPackagesFromProgram(): "


def required(said: str) -> list[str]:
    """The lines about Rekey among them."""
    return [line for line in said.splitlines() if REQUIRED in line and "rekey" in line]


def acquiring(stack: Stack, installed: Installed, proxy: str) -> Stack:
    """The stack as its user runs it: plugins are acquired, by whatever way out there is."""
    stack.environment.pop("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
    stack.environment["PATH"] = os.pathsep.join([str(installed.python.parent), stack.environment["PATH"]])
    ways = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    stack.environment |= ways | dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    stack.program(PROGRAM)
    return stack


@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_no_plugin_is_looked_for(bare_stack: Stack, installed: Installed, wheel: Path, how: str) -> None:
    source = [str(wheel)] if how == "wheel" else ["--editable", str(ROOT)]
    installed.pip("install", "--no-deps", "--ignore-installed", *source)
    with recording_proxy() as (proxy, wanted):
        stack = acquiring(bare_stack, installed, proxy)
        said = stack.up("-v=9", "--logtostderr").text
        where = Path(stack.outputs()["where"])
    assert wanted == []
    assert where.is_relative_to(installed.packages if how == "wheel" else ROOT)
    assert REQUIRED in said
    assert required(said) == []


def test_without_that_file_a_plugin_would_be_looked_for(bare_stack: Stack, installed: Installed, wheel: Path) -> None:
    """The proxy does see what the engine wants, so that the test above can fail."""
    installed.pip("install", "--no-deps", "--ignore-installed", str(wheel))
    (installed.packages / SAYS_NO_PLUGIN).unlink()
    # The native plugin, which the engine would find here.
    (installed.python.parent / PLUGIN).unlink()
    with recording_proxy() as (proxy, wanted):
        stack = acquiring(bare_stack, installed, proxy)
        paths = stack.environment["PATH"].split(os.pathsep)
        stack.environment["PATH"] = os.pathsep.join(path for path in paths if not Path(path, PLUGIN).exists())
        said = stack.preview("-v=9", "--logtostderr", fails=None).text
    assert required(said)
    assert [line for line in wanted if line.startswith("CONNECT ")]


def test_native_plugin_that_is_nowhere_is_not_looked_for(bare_stack: Stack, installed: Installed, wheel: Path) -> None:
    installed.pip("install", "--no-deps", "--ignore-installed", str(wheel))
    (installed.python.parent / PLUGIN).unlink()
    with recording_proxy() as (proxy, wanted):
        stack = acquiring(bare_stack, installed, proxy)
        paths = stack.environment["PATH"].split(os.pathsep)
        stack.environment["PATH"] = os.pathsep.join(path for path in paths if not Path(path, PLUGIN).exists())
        stack.configure({"rekey:frontend": "native"})
        run = stack.up(fails=True)
    assert "into it; without it the engine would look for an executable on the internet" in run.text
    assert run.tracebacks == 0
    assert wanted == []


# -- no index ----------------------------------------------------------------------------------------------------------

REQUIREMENTS = sorted((ROOT / "examples").rglob("requirements.txt"))


def test_every_example_with_requirements_has_rekey_from_its_repository(wheel: Path) -> None:
    assert len(REQUIREMENTS) == 4
    for file in REQUIREMENTS:
        first = file.read_text().splitlines()[0]
        assert re.fullmatch(rf"\./vendor/{re.escape(wheel.name)}(\[cli\])?", first), file
        assert "pip wheel --no-deps --wheel-dir vendor /path/to/rekey\n" in (file.parent / "README.md").read_text()


def test_the_requirements_install_what_the_repository_holds(installed: Installed, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(ROOT / "examples" / "gitops", repository)
    installed.pip("wheel", "--no-deps", "--wheel-dir", "vendor", str(ROOT), cwd=repository)
    with recording_proxy() as (index, asked):
        installed.pip("install", "--requirement", "requirements.txt", cwd=repository, index=index)
    assert asked == []
    assert (installed.packages / SAYS_NO_PLUGIN).is_file()


#: How somebody asks for one of Rekey's extras, and what it lacks.
LACKING = {
    "cli": "import sys; sys.modules['typer'] = None; from pulumi_rekey.__main__ import main; main()",
    "sandbox": "import sys; sys.modules['starlette'] = None; sys.argv[1:] = ['sandbox'];"
    " from pulumi_rekey.__main__ import main; main()",
}


@pytest.mark.parametrize("extra", LACKING)
def test_what_is_missing_is_installed_from_the_same_source(installed: Installed, wheel: Path, extra: str) -> None:
    installed.pip("install", "--no-deps", "--ignore-installed", str(wheel))
    lacking = installed.run(LACKING[extra])
    assert lacking.returncode == 1
    advice = lacking.stderr.strip()
    assert advice.endswith(f"pip install '{wheel}[{extra}]'"), advice
    installed.pip("install", f"{wheel}[{extra}]")


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        (None, "install Rekey from where this one came, with the extra cli"),
        ("nonsense", "install Rekey from where this one came, with the extra cli"),
        (
            {"url": "file:///nowhere/rekey", "dir_info": {}},
            "install Rekey from where this one came, with the extra cli",
        ),
        (
            {"url": "https://files.example.com/rekey.whl?token=hunter2", "archive_info": {"hashes": {"sha256": "ab"}}},
            "install Rekey from where this one came, with the extra cli",
        ),
        ({"url": ROOT.as_uri(), "dir_info": {"editable": True}}, f"pip install --editable '{ROOT}[cli]'"),
        ({"url": ROOT.as_uri(), "dir_info": {}}, f"pip install '{ROOT}[cli]'"),
        (
            {"url": "https://git.example.com/rekey.git", "vcs_info": {"vcs": "git", "commit_id": "4f1c"}},
            "pip install 'pulumi-rekey[cli] @ git+https://git.example.com/rekey.git@4f1c'",
        ),
        (
            {"url": "https://files.example.com/rekey.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
            "pip install 'pulumi-rekey[cli] @ https://files.example.com/rekey.whl#sha256=ab'",
        ),
    ],
)
def test_the_advice_names_the_source_or_none(installed: Installed, wheel: Path, origin: object, advice: str) -> None:
    installed.pip("install", "--no-deps", "--ignore-installed", str(wheel))
    (written,) = installed.packages.glob("pulumi_rekey-*.dist-info/direct_url.json")
    if origin is None:
        written.unlink()
    else:
        written.write_text(json.dumps(origin))
    said = installed.run("from pulumi_rekey.cli.installation import how_to_install; print(how_to_install('cli'))")
    assert said.stdout.strip() == advice, said.stderr


def test_another_python_is_named(engine: Engine) -> None:
    """As `rekey doctor` does for the Python of a project's program."""
    from pulumi_rekey.cli.installation import how_to_install

    assert how_to_install(python="/a b/python") == f"'/a b/python' -m pip install --editable {ROOT}"


#: Where nobody looks for advice: this repository's history, and what is made.
MADE = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines())]
#: A name of Rekey's that an installer would look up: no path or file, and no address behind it.
NAME = r"""(?<![\w./:@~-])["']?(?i:(?:pulumi[-_.]+)?rekey)(?![\w./:@-])(?:\[[\w, -]*\])?+["']?+(?! *@)"""
ASKS = re.compile(
    r"\b(?:(?:pip3?|pipx|uv|poetry|pdm|pipenv|rye|hatch|conda|mamba|micromamba)\b[^\n|;&]*?"
    r" (?:install|add|run|inject|download|wheel|require|sync)|uvx|easy_install|pulumi (?:plugin install|package add))"
    rf" (?:[^\n|;&]*? )?{NAME}"
)
#: A line of requirements, a list's member, or Poetry's table.
REQUIRES = re.compile(
    r"""^[\s#-]*(?:[\w-]+ *= *\[ *)?["']?pulumi[-_.]+rekey(?:\[[\w, -]*\])?["']?"""
    r"""\s*(?:(?:===?|~=|[<>!]=?|=)[^\n]*)?["']?[\],]*\s*(?:[#;][^\n]*)?$""",
    re.IGNORECASE | re.MULTILINE,
)
LISTING = {".txt", ".in", ".toml", ".cfg", ".yaml", ".yml", ".md", ".lock"}
#: The tests' own extra adds up others of the project that pip has at hand.
OF_THE_PROJECT_ITSELF = {"pyproject.toml": ['source_pkgs = ["pulumi_rekey"]']}


def asked_by_name(file: Path, text: str) -> list[str]:
    """The lines by which somebody, or a tool, would ask an index for Rekey."""
    text = re.sub(r"\\\n\s*", " ", text)
    asking = [found[0] for found in ASKS.finditer(text)]
    return asking + [found[0].strip("\n") for found in REQUIRES.finditer(text) if file.suffix in LISTING]


def files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        kept = [name for name in [*folders, *names] if not any(fnmatch(name, made) for made in MADE)]
        folders[:] = [name for name in folders if name in kept]
        yield from (Path(folder) / name for name in names if name in kept)


def test_nothing_asks_an_index_for_rekey() -> None:
    found = {}
    for file in files():
        try:
            asked = asked_by_name(file, file.read_text())
        except UnicodeDecodeError:
            continue
        if asked:
            found[file.relative_to(ROOT).as_posix()] = asked
    assert found == OF_THE_PROJECT_ITSELF


@pytest.mark.parametrize(
    "line",
    [
        "pip install NAME",
        "run: python -m pip install --upgrade 'NAME[cli]'",
        "pip install NAME==0.1.0 \\\n  --no-deps",
        "pip install \\\n  NAME",
        "pip install pulumi NAME",
        "uv add NAME",
        "uv pip install NAME>=0.1",
        "uvx NAME status",
        "uv tool install NAME",
        "pipx run SHORT",
        "poetry add NAME",
        "pip download NAME",
        "pulumi plugin install resource SHORT",
        "pulumi package add SHORT",
        "NAME",
        "NAME[cli]>=0.1,<1  # comment",
        "Pulumi_Rekey==0.1.0",
        '  "NAME[cli]>=0.1",',
        'dependencies = ["NAME"]',
        "# dependencies = ['NAME']",
        'NAME = "^0.1"',
        "  - NAME=0.1",
    ],
)
def test_the_search_finds_what_asks(line: str) -> None:
    assert asked_by_name(Path("page.md"), line.replace("NAME", "pulumi-rekey").replace("SHORT", "rekey"))


@pytest.mark.parametrize(
    "line",
    [
        "pip install '/path/to/rekey[cli]'",
        "pip install --editable /path/to/rekey",
        "pip wheel --no-deps --wheel-dir vendor /path/to/rekey",
        "pip install './vendor/pulumi_rekey-0.1.0-py3-none-any.whl[cli]'",
        "./vendor/pulumi_rekey-0.1.0-py3-none-any.whl",
        "pip install 'NAME[cli] @ git+https://git.example.com/rekey.git@4f1c'",
        "pulumi config set --secret rekey:owner",
        'name = "NAME"',
        "the Python of its program has no NAME",
    ],
)
def test_the_search_leaves_what_names_its_source(line: str) -> None:
    assert asked_by_name(Path("page.md"), line.replace("NAME", "pulumi-rekey")) == []
