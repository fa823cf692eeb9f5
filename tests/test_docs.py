"""The documentation says what is so: its programs type-check, its commands exist, its links lead somewhere."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from pulumi_rekey.sandbox.server import VENDORS

from tests.engine import Engine
from tools import reference
from tools.schemas import all_resources
from tools.vendors import Sandbox

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
#: What a fence may say that it holds; `text` is what programs print.
KINDS = {"python", "sh", "yaml", "json", "text"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
#: A command and what it is told, up to where the shell goes on with something else.
COMMAND = re.compile(
    r"(?:^|\s)(?P<program>pulumi|make|rekey|python -m pulumi_rekey\.sandbox)(?P<told> [^&|;<>#\n]+)", re.MULTILINE
)
#: The commands of pulumi that have commands of their own.
OF_TWO_WORDS = {"config", "stack"}

MISSPELT = """
import pulumi_rekey as rekey

rekey.OidcRelyingParty("portal", client_nmae="Portal", redirect_uris=["https://portal.example.com/callback"])
"""


class Block(NamedTuple):
    """What stands in one fence."""

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*kinds: str) -> Iterator[Block]:
    """The blocks of these kinds, in all pages."""
    for page in PAGES:
        text = page.read_text()
        for found in FENCE.finditer(text):
            if not kinds or found["kind"] in kinds:
                line = text.count("\n", 0, found.start()) + 1
                yield Block(page, line, found["kind"], textwrap.dedent(found["text"]))


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Where a program is called, in shell blocks and in pipelines, and what it is told."""
    for block in blocks("sh", "yaml"):
        for found in COMMAND.finditer(block.text.replace("\\\n", " ")):
            if found["program"] == program:
                yield str(block), shlex.split(found["told"])


@cache
def output_of(*command: str) -> str:
    """What a command prints, which must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def flags_of(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def test_every_fence_says_what_it_holds() -> None:
    assert [str(block) for block in blocks() if block.kind not in KINDS] == []


def test_programs_type_check_for_users(tmp_path: Path) -> None:
    """As a user's type checker sees the installed package, with none of this project's settings."""
    programs = {f"block_{number}": block for number, block in enumerate(blocks("python"))}
    for name, block in programs.items():
        (tmp_path / f"{name}.py").write_text(block.text)
    for example in ROOT.glob("examples/*/*.py"):
        name = example.parent.name if example.stem == "__main__" else example.stem
        (tmp_path / f"{name}.py").write_text(example.read_text())
    (tmp_path / "misspelt.py").write_text(MISSPELT)
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", ROOT / ".mypy_cache" / "docs", "."],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    known = {f"{name}.py": str(block) for name, block in programs.items()}
    wrong = [f"{known.get(line.partition(':')[0], '')} {line}" for line in errors if "misspelt.py" not in line]
    assert wrong == [], run.stderr
    assert [line for line in errors if 'Unexpected keyword argument "client_nmae"' in line], "py.typed has an effect"


def test_programs_stand_for_themselves() -> None:
    """A reader who copies one block has all that it needs."""
    for block in blocks("python"):
        names = [name for node in ast.parse(block.text).body if isinstance(node, ast.Import) for name in node.names]
        assert "rekey" in {name.asname for name in names}, block


@pytest.mark.parametrize("block", [*blocks("yaml", "json")], ids=str)
def test_data_parses(block: Block) -> None:
    if block.kind == "json":
        json.loads(block.text)
    else:
        assert list(yaml.safe_load_all(block.text))


def test_make_has_the_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {word for _, words in commands("make") for word in words if "=" not in word}
    assert asked
    assert asked <= targets


def test_pulumi_has_the_commands_and_flags(engine: Engine) -> None:
    pulumi = shutil.which("pulumi", path=engine.environment["PATH"])
    assert pulumi
    for where, words in commands("pulumi"):
        command = words[: 2 if words[0] in OF_TWO_WORDS else 1]
        told = output_of(pulumi, *command, "--help")
        # An unknown command's help is that of the one above it; some go by several names.
        assert command[-1] in re.split(r"[\s,]+", told.partition("Usage:")[2].partition("Flags:")[0]), where
        assert [flag for flag in flags_of(words) if not re.search(rf"{flag}\b", told)] == [], where


@pytest.mark.parametrize(
    ("program", "module"), [("rekey", "pulumi_rekey"), ("python -m pulumi_rekey.sandbox", "pulumi_rekey.sandbox")]
)
def test_rekey_has_the_commands_and_flags(program: str, module: str) -> None:
    asked = list(commands(program))
    assert asked
    for where, words in asked:
        command = words[: 1 if program == "rekey" else 0]
        told = output_of(sys.executable, "-m", module, *command, "--help")
        assert [flag for flag in flags_of(words) if flag not in told] == [], where


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(FENCE.sub("", page.read_text())):
        path, _, heading = found["target"].partition("#")
        if path.startswith("https://"):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), found["target"]
        if heading:
            assert heading in headings(target), found["target"]


def headings(page: Path) -> set[str]:
    """The names by which a page's headings are linked to."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", sorted(reference.DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_tables_are_generated_from_the_models(page: Path) -> None:
    assert page.read_text() == reference.written(page.read_text()), "stale: run `make reference`"


def test_every_table_stands_in_a_page() -> None:
    text = "".join(page.read_text() for page in reference.DOCS.rglob("*.md"))
    assert {found["name"] for found in reference.TABLE.finditer(text)} == reference.tables().keys()


def test_every_resource_of_a_vendor_has_a_page() -> None:
    modules = {type(resource).__module__.rpartition(".")[2] for resource in all_resources() if resource.vendor}
    assert {page.stem for page in (reference.DOCS / "resources").glob("*.md")} == modules


def test_the_sandbox_has_the_switches() -> None:
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+?) \|", (reference.DOCS / "sandbox.md").read_text(), re.MULTILINE)
    said = {name: tuple(re.findall(r"`(.+?)`", values)) for name, values in rows}
    assert said == {name: values for vendor in VENDORS.values() for name, values in vendor.switches.items()}


def test_the_sandbox_takes_what_is_said(sandbox: Sandbox) -> None:
    for block in blocks("json"):
        body = json.loads(block.text)
        control = "clock" if "advance" in body else "faults" if "path" in body else "dialect"
        assert sandbox.post(f"/_sandbox/{control}", body), block
