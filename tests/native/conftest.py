"""A stack whose resources are the native plugin's, and the plugin without an engine."""

from collections.abc import Iterator

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

from .in_process import Plugin, plugin_in_process


@pytest.fixture
def front_end() -> str:
    """The tests here are about this one."""
    return "native"


@pytest.fixture
def native(stack: Stack) -> Stack:
    """The stack, by a name that says so."""
    return stack


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    """The plugin in this process, before it is configured."""
    with plugin_in_process() as plugin:
        yield plugin


@pytest.fixture
def configured(plugin: Plugin, sandbox: Sandbox) -> Plugin:
    """The plugin whose endpoints are the sandbox."""
    plugin.use(sandbox)
    return plugin
