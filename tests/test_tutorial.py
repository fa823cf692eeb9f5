"""docs/tutorial.md, followed to the letter: every block, in its order, in an empty folder, on the real engine."""

import re
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import PATIENCE, Engine
from tests.pages import ROOT, Block, blocks_of

PAGE = ROOT / "docs" / "tutorial.md"
SERVER = "rekey sandbox"
PORT = "8181"
#: What is another one every day: moments, ids, how long a step took.
VARIES = {
    "MOMENT": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "ID": r"rekey-[0-9a-z]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "SPAN": r"\b\d+(?:\.\d+)?s\b",
}


class Reader:
    """Somebody who types what the page says; what a terminal remembers is kept from block to block."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.port = ""
        self.printed = ""
        self.sandbox: subprocess.Popen[str] | None = None
        # Pip builds and installs this project; what else it would fetch it finds among the tests' own packages. That
        # "false" means no isolation is pip's logic.
        offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "false"}
        self.environment = engine.environment | offline | {"PYTHONPATH": sysconfig.get_path("purelib")}
        # The page sets these itself.
        for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):
            del self.environment[name]

    def read(self, block: Block) -> None:
        """Do what a block is for."""
        if block.kind == "text":
            assert re.search(pattern(block.text), canonical(self.printed)), f"{block} is not in:\n{self.printed}"
        elif block.file:
            (self.folder / block.file).write_text(block.text)
        elif block.text.strip() == SERVER:
            self.serve()
        else:
            assert block.kind == "sh", block
            self.type(block.text)

    def serve(self) -> None:
        """Start the sandbox, as in another terminal, on a free port."""
        self.sandbox = subprocess.Popen(
            [*SERVER.split(), "--port", "0"], env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, text=True
        )
        assert self.sandbox.stdout
        ready = self.sandbox.stdout.readline()
        self.port = ready.strip().rpartition(":")[2]
        self.printed = ready.replace(self.port, PORT)

    def type(self, text: str) -> None:
        """Run a block in a shell, and keep its folder and its exported variables."""
        text = text.replace("/path/to/rekey", str(ROOT)).replace(PORT, self.port or PORT)
        kept = self.folder.parent / "kept"
        script = f"set -e -o pipefail\n{text}\nset +e\n{{ pwd; env --null; }} > '{kept}'\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        self.printed = done.stdout.replace(self.port or PORT, PORT)
        folder, _, variables = kept.read_text().partition("\n")
        self.folder = Path(folder)
        self.environment = dict(pair.split("=", 1) for pair in variables.split("\0") if pair)

    def end(self) -> None:
        """Ctrl-C in the other terminal."""
        if self.sandbox:
            self.sandbox.send_signal(signal.SIGINT)
            self.sandbox.communicate(timeout=PATIENCE)


def canonical(text: str) -> str:
    """The same text on every day, with columns of any width."""
    for name, varying in VARIES.items():
        text = re.sub(varying, name, text)
    return "".join(f"{re.sub('  +', '  ', line.rstrip())}\n" for line in text.splitlines())


def pattern(shown: str) -> str:
    """What matches an output that the page shows like this; `...` on a line by itself stands for any lines."""
    return re.escape(canonical(shown)).replace(re.escape("...\n"), r"(?:.*\n)*?")


@pytest.fixture
def reader(engine: Engine, tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "empty"
    folder.mkdir()
    reading = Reader(folder, engine)
    yield reading
    reading.end()


def test_tutorial_works_as_written(reader: Reader) -> None:
    for block in blocks_of(PAGE):
        reader.read(block)
    assert (reader.folder / "report.html").read_text().startswith("<!doctype html>")
    assert not list((reader.folder / "state").rglob("dev.json")), "the stack is gone"
