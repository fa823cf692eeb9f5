"""A stack whose resources are the native plugin's."""

import pytest

from tests.engine import Stack


@pytest.fixture
def front_end() -> str:
    """The tests here are about this one."""
    return "native"


@pytest.fixture
def native(stack: Stack) -> Stack:
    """The stack, by a name that says so."""
    return stack
