"""`rekey probe`: find the endpoint, say what will be done, do it, and show nothing that is the user's."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...endpoints import KINDS, Endpoints
from ...endpoints.session import Runtime
from ...errors import Error, Misconfigured
from ..stack_config import endpoints_of, kind_of
from ..stack_state import printable
from . import run
from .lab import Lab, Options, as_option
from .output import Result
from .recording import Recorder, Recording


class Told(Error):
    """What went wrong, in words that hold nothing of the user's."""

    def __str__(self) -> str:
        return self.happened


@dataclass(frozen=True)
class Command:
    """One call of `rekey probe`."""

    kind: str
    lab: Lab[Any]
    #: The options that the user has said.
    given: Sequence[str] = ()
    #: Takes down what is said.
    recorder: Recorder = field(default_factory=Recorder)

    @classmethod
    def of(cls, endpoint: str, folder: Path, stack: str | None, options: Options) -> Command:
        """Find an endpoint in the stack's configuration and the environment; nothing is sent yet.

        :raises Misconfigured: if there is none of that name, or its settings are wrong.
        """
        configured = endpoints_of(folder, stack)
        runtime = Runtime(environment=os.environ, warn=_warn)
        return cls.in_configuration(endpoint, configured, runtime, options)

    @classmethod
    def in_configuration(
        cls, endpoint: str, configured: Mapping[str, Any], runtime: Runtime, options: Options
    ) -> Command:
        """Find an endpoint among those that are configured."""
        kind, given = kind_of(endpoint, configured), options.given()
        recorder = Recorder()
        session = Endpoints(configured, replace(runtime, heard=recorder.heard)).session(endpoint, kind)
        if kind == "navigator" and options.org is None:
            options = replace(options, org=session.endpoint.org_id)
        return cls(kind, Lab(session, options), given, recorder)

    def foreign_options(self) -> list[str]:
        """Return what the user has said that this kind of endpoint has no use for, as it is written."""
        others = frozenset[str]().union(*map(run.options, KINDS)) - run.options(self.kind)
        return [as_option(name) for name in self.given if name in others]

    def plan(self) -> Iterator[str]:
        """Yield what will be done, a line each."""
        yield f"rekey probe of {self.lab.session.name} ({self.kind}):"
        for line in run.plan(self.lab, self.kind):
            yield f"- {line}"

    def probe(self) -> Result:
        """Find out what can be found out.

        :raises Told: if that is nothing, or if what was made could not be removed.
        """
        with self._told(), _ended_like_an_interruption(), _progress() as self.lab.progress:
            try:
                findings = tuple(run.probe(self.lab, self.kind))
            except KeyboardInterrupt:
                again = f"`rekey probe {self.lab.session.name} --clean` says whether anything is left"
                _warn(f"interrupted: what this probe had made was removed as far as the vendor lets it; {again}")
                raise
        at = datetime.now(UTC).replace(microsecond=0)
        return Result(self.kind, at, self.lab.options.wait, findings)

    def recording(self, *, interrupted: bool = False) -> Recording:
        """Return the shapes of what was said so far."""
        findings = map(self.lab.findings.of, run.facts(self.kind))
        return self.recorder.recording(self.kind, findings, interrupted=interrupted)

    @contextmanager
    def recorded(self, file: Path) -> Iterator[None]:
        """Write the shapes of what is said into a file, also if that does not come to its end.

        :raises Misconfigured: if it cannot be written, which is tried before anything is said.
        """
        with _writable(file):
            # What an earlier recording has left is there until this one is whole.
            file.open("ab").close()
        interrupted = True
        try:
            yield
            interrupted = False
        finally:
            with _writable(file):
                file.write_text(self.recording(interrupted=interrupted).as_json(), encoding="utf-8")

    def clean(self) -> list[str]:
        """Remove what interrupted probes have left; return what was done, a line each."""
        with self._told(), _progress() as self.lab.progress:
            return run.clean(self.lab, self.kind) or ["nothing was left"]

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Error as failed:
            raise Told(self.lab.without_ids(str(failed))) from None
        finally:
            self.lab.session.connections.close()


@contextmanager
def _writable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as wrong:
        raise Misconfigured(
            f"--record {printable(str(file))}: {wrong.strerror}", todo="name a file that can be written"
        ) from None


@contextmanager
def _ended_like_an_interruption() -> Iterator[None]:
    """Let SIGTERM, by which schedulers end what takes too long, leave as little behind as SIGINT does."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set a handler.
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _warn(text: str) -> None:
    sys.stderr.write(f"rekey: {text}\n")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is being asked, where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("") as status:
        yield lambda text: status.update(text.replace("[", r"\["))
