"""Files that rekey writes: none holds a secret."""

import ast
from pathlib import Path

import pulumi_rekey
import pytest

PACKAGE = Path(pulumi_rekey.__file__).parent
#: Where a file is written, and what it is. One that may hold a secret has to be made with mode 0600.
WRITTEN = {
    # The report, which is made of a state whose secrets stay encrypted.
    "cli/main.py": ["write_bytes"],
    # A recording, which holds no value of what was said.
    "cli/probe/command.py": ["write_text", "open"],
    # Names of resources and digests of ids, for other processes of the same run, in a folder of mode 0700.
    "frontend/neighbours.py": ["write_text"],
}
WRITING = frozenset(
    {"write_text", "write_bytes", "writelines", "mkstemp", "mkdtemp", "touch", "dump", "copyfile", "copy2"}
)
OPENING = frozenset({"open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "TemporaryDirectory"})


def writes(text: str) -> list[str]:
    """The calls in a module that write, or open to write."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    named = [(call, getattr(call.func, "attr", None) or getattr(call.func, "id", "")) for call in calls]
    return [
        name
        for call, name in named
        if name in WRITING or (name in OPENING and [ast.unparse(argument) for argument in call.args] != ["'rb'"])
    ]


def test_files_written_are_the_listed_ones() -> None:
    found = {str(path.relative_to(PACKAGE)): writes(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert {name: calls for name, calls in found.items() if calls} == WRITTEN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Path('x').write_text('s')", ["write_text"]),
        ("open('x', 'w').write('s')", ["open"]),
        ("path.open('a')", ["open"]),
        ("path.open('rb')", []),
        ("os.open(path, os.O_WRONLY)", ["open"]),
        ("tempfile.NamedTemporaryFile()", ["NamedTemporaryFile"]),
        ("json.dump(secret, file)", ["dump"]),
        ("json.dumps(secret)", []),
    ],
)
def test_files_search_finds_every_write(text: str, found: list[str]) -> None:
    assert writes(text) == found
