"""The vendors and the engine, for every test: each test meets the first state of both."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.engine.languages import LANGUAGES, is_built
from tools.vendors import Sandbox, running_sandbox

from .browser import Browser, browser, driver_on_path
from .engine import Engine, Stack
from .key_service import running_key_service
from .network import refuse_other_machines

#: What can answer the engine for the resources of a stack.
FRONT_ENDS = ("dynamic", "native")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let any test run on either front end; modules that try both do so whatever is said."""
    parser.addoption("--front-end", choices=FRONT_ENDS, default="dynamic")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker's share begin with tests that run the engine, so that the workers end together.

    A share is a piece of the list; who has finished early takes from the end of another's (`--dist worksteal`).
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    uses_engine = [item for item in items if "engine" in getattr(item, "fixturenames", ())]
    others = [item for item in items if "engine" not in getattr(item, "fixturenames", ())]
    items[:] = [
        item
        for worker in range(workers)
        for tests in (uses_engine, others)
        for item in tests[len(tests) * worker // workers : len(tests) * (worker + 1) // workers]
    ]


@pytest.fixture
def front_end(request: pytest.FixtureRequest) -> str:
    """What answers the engine for the resources of a test's stack."""
    chosen: str = request.config.getoption("--front-end")
    return chosen


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> None:
    """No socket but loopback, in any test."""
    refuse_other_machines()


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """One process for all tests of a worker."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The sandbox in its first state."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine with a home of its own."""
    with running_key_service() as key_service:
        yield Engine(tmp_path_factory.mktemp("engine")).hasten(key_service)


@pytest.fixture(scope="session")
def _empty_stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return engine.new_stack(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="session")
def _configured_stack(_empty_stack: Stack, sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    stack = _empty_stack.copy(tmp_path_factory.mktemp("configured"))
    stack.configure(
        {"rekey:owner": "4f1c9f8ab6d24d5a9d8e5fc0a3b7e612"} | sandbox_process.settings(),
        sandbox_process.secret_settings(),
    )
    return stack


@pytest.fixture
def bare_stack(_empty_stack: Stack, front_end: str, tmp_path: Path) -> Stack:
    """A stack without any config."""
    stack = _empty_stack.copy(tmp_path / "stack")
    return stack.use_native() if front_end == "native" else stack


@pytest.fixture
def stack(_configured_stack: Stack, sandbox: Sandbox, front_end: str, tmp_path: Path) -> Stack:
    """A stack that knows the sandbox as its endpoints."""
    stack = _configured_stack.copy(tmp_path / "stack")
    return stack.use_native() if front_end == "native" else stack


@pytest.fixture(scope="session")
def languages() -> Path:
    """The folder of the language hosts and of the generator of SDKs."""
    if not is_built():
        if os.environ.get("CI"):
            pytest.fail("`make languages` has built nothing")
        pytest.skip("`make languages` has built nothing here; in CI this fails")
    return LANGUAGES


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless browser, where there is one."""
    if driver_on_path() is None:
        if os.environ.get("CI"):
            pytest.fail("chromedriver is not on PATH: `make browser` installs it")
        pytest.skip("no chromedriver on PATH, and only Debian's root can install one; in CI this fails")
    with browser(tmp_path_factory.mktemp("browser")) as running:
        yield running
