"""Sessions with a clock of the test's, and vendors that say what the test wants."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi_rekey.endpoints import Endpoints
from pulumi_rekey.endpoints.session import Runtime, Session

from .scripted import Scripted, scripted

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Time:
    """The session's clock; a pause takes none of the test's time."""

    passed: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Seconds since the test began, on this clock."""
        return self.passed

    def now(self) -> datetime:
        """The moment on this clock."""
        return START + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        """Note a pause and let it pass."""
        self.pauses.append(seconds)
        self.passed += seconds


@dataclass
class Connect:
    """Opens sessions; what they warn of is kept."""

    time: Time
    warnings: list[str] = field(default_factory=list)
    sessions: list[Session[Any]] = field(default_factory=list)

    def __call__(self, kind: str, around: Any = None, **settings: Any) -> Any:
        """Open a session with an endpoint of this kind; `around` changes its runtime."""
        runtime = Runtime(
            monotonic=self.time.monotonic, now=self.time.now, sleep=self.time.sleep, warn=self.warnings.append
        )
        endpoints = Endpoints({kind: settings}, replace(runtime, **(around or {})))
        self.sessions.append(endpoints.session(None, kind))
        return self.sessions[-1]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def connect(time: Time) -> Iterator[Connect]:
    connect = Connect(time)
    yield connect
    for session in connect.sessions:
        session.connections.close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture
def signed(server: Scripted, connect: Connect) -> Any:
    """A session that signs its requests, so that the server's script needs no login."""
    return connect("roma", url=server.url, accessKey="AK", secretKey="SK", projectId="p", timeout=1)
