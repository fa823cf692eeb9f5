"""Cases without the engine, for the tests of what all resources have in common."""

from collections.abc import Iterator

import pytest

from tools.vendors import Sandbox

from .in_process import InProcess
from .test_lifecycle import CASES


@pytest.fixture(params=CASES, ids=lambda case: case.resource)
def program(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[InProcess]:
    program = InProcess(request.param(sandbox))
    yield program
    program.close()
