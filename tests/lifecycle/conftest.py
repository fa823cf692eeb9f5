"""Cases without the engine, for the tests of what all resources have in common."""

from collections.abc import Iterator

import pytest

from tools.vendors import Sandbox

from .cases import AT_A_VENDOR
from .in_process import InProcess


@pytest.fixture(params=AT_A_VENDOR, ids=lambda case: case.resource)
def program(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[InProcess]:
    program = InProcess(request.param(sandbox))
    yield program
    program.close()
