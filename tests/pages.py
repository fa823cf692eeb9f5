"""The documentation as tests read it: pages, and the blocks of code in them."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/README.md")])
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
#: A line before a block that says which file it is, such as "`Pulumi.yaml`:" or "`.gitlab-ci.yml`, and a schedule:".
FILE = re.compile(r"^`(?P<name>[\w./-]+\.\w+)`[^\n]*:\n\n\Z", re.MULTILINE)


class Block(NamedTuple):
    """What stands in one fence."""

    page: Path
    line: int
    kind: str
    text: str
    #: The file that the page says it is; empty if it says none.
    file: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in their order."""
    text = page.read_text()
    for found in FENCE.finditer(text):
        file = FILE.search(text[: found.start()])
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["kind"], textwrap.dedent(found["text"]), file["name"] if file else "")


def blocks(*kinds: str) -> Iterator[Block]:
    """The blocks of these kinds, in all pages."""
    yield from (block for page in PAGES for block in blocks_of(page) if block.kind in kinds)


def prose(page: Path) -> str:
    """A page without its blocks."""
    return FENCE.sub("", page.read_text())
