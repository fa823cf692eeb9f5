"""The examples in the docstrings of the harnesses and the test in CONTRIBUTING.md are run as they are read."""

import hashlib
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
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
def test_worked_example_passes(
    source: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A module, so that an assertion that fails says what it has compared.
    name = f"worked_example_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    pytest.register_assert_rewrite(name)
    module = importlib.import_module(name)
    (test,) = [value for name, value in vars(module).items() if name.startswith("test_")]
    test(**{name: request.getfixturevalue(name) for name in inspect.signature(test).parameters})
