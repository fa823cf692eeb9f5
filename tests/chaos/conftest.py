"""Worlds for the tests of a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import Engine

from .matrix import Matrix
from .worlds import Universe, running_universe

WORLDS = 24


@pytest.fixture(scope="session")
def universe() -> Iterator[Universe]:
    with running_universe(WORLDS) as universe:
        yield universe


@pytest.fixture
def matrix(engine: Engine, universe: Universe, tmp_path: Path) -> Matrix:
    folder = tmp_path / "project"
    folder.mkdir()
    return Matrix(engine.new_stack(folder), universe)
