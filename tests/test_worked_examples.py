"""The examples in the docstrings of the harnesses and the test in CONTRIBUTING.md are run as they are read."""

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from .pages import ROOT, blocks_of

HARNESSES = ("tests/engine.py", "tests/lifecycle/scenario.py", "tests/chaos/matrix.py")


def worked_examples() -> Iterator[Any]:
    """The source of each, by where it is."""
    for name in HARNESSES:
        docstring = (ROOT / name).read_text().split('"""')[1]
        yield pytest.param(textwrap.dedent(docstring.partition("::\n")[2]), id=name)
    (block,) = [block for block in blocks_of(ROOT / "CONTRIBUTING.md") if block.kind == "python"]
    yield pytest.param(block.text, id="CONTRIBUTING.md")


@pytest.mark.parametrize("source", list(worked_examples()))
def test_worked_example_passes(source: str, request: pytest.FixtureRequest) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(source, "a worked example", "exec"), namespace)
    (test,) = [value for name, value in namespace.items() if name.startswith("test_")]
    test(**{name: request.getfixturevalue(name) for name in inspect.signature(test).parameters})
