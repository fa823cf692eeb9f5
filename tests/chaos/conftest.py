"""A fleet of sandboxes for the tests of a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import Engine

from .matrix import Matrix
from .sandbox_fleet import SandboxFleet, running_fleet

INSTANCES = 24


@pytest.fixture(scope="session")
def fleet() -> Iterator[SandboxFleet]:
    with running_fleet(INSTANCES) as fleet:
        yield fleet


@pytest.fixture
def matrix(engine: Engine, fleet: SandboxFleet, tmp_path: Path) -> Matrix:
    folder = tmp_path / "project"
    folder.mkdir()
    return Matrix(engine.new_stack(folder), fleet)
