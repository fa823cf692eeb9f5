"""The crash matrix: the engine, or the host of the provider, is killed or asked to stop while calls are under way.

Every case is held at a call of its own, by a vendor that takes its time over it, when the signal comes: so one dying
engine interrupts operations at each of their calls at once.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.processes import Process, descendants, end, hosts, send_signal

from .matrix import AT_ONCE, Batch, FaultCase, Matrix, ResourceUnderTest, Result

#: Seconds that a vendor takes for the call at which a case is held; more than it takes all cases to get there.
HELD: Final = 8.0
#: Seconds after which it says to come back, where it is throttled instead.
BACK: Final = 8
#: Seconds after which something that must happen has not.
MAX_WAIT_S: Final = 90.0


@dataclass(frozen=True)
class Crash:
    """Who gets which signals, one after the other."""

    name: str
    signals: tuple[signal.Signals, ...]
    #: Whether it is the host that gets them, or a whole terminal's job; else the engine alone.
    to: str = "engine"
    #: Whether the next run begins while the host that was left behind still waits to come back.
    beside: bool = False
    #: Whether they come at a random moment, and no case is held.
    at_random: bool = False

    @property
    def leaves_a_lock(self) -> bool:
        """Whether the engine cannot put its house in order, and a human must say `pulumi cancel`."""
        return self.to != "host" and self.signals != (signal.SIGINT,)


CRASHES: Final = (
    Crash("engine: SIGKILL", (signal.SIGKILL,)),
    Crash("engine: SIGKILL, and up beside the host", (signal.SIGKILL,), beside=True),
    Crash("engine: SIGINT", (signal.SIGINT,)),
    Crash("engine: SIGINT twice", (signal.SIGINT, signal.SIGINT)),
    Crash("terminal: SIGINT", (signal.SIGINT,), to="terminal"),
    Crash("terminal: SIGINT twice", (signal.SIGINT, signal.SIGINT), to="terminal"),
    Crash("host: SIGKILL", (signal.SIGKILL,), to="host"),
    Crash("host: SIGINT", (signal.SIGINT,), to="host"),
    Crash("host: SIGINT twice", (signal.SIGINT, signal.SIGINT), to="host"),
    Crash("engine: SIGKILL at random", (signal.SIGKILL,), at_random=True),
    Crash("engine: SIGINT twice at random", (signal.SIGINT, signal.SIGINT), at_random=True),
    Crash("host: SIGKILL at random", (signal.SIGKILL,), to="host", at_random=True),
)


def interrupted(batch: Batch, crash: Crash) -> list[Result]:
    """Begin, be interrupted, run once more, and look."""
    batch.begin()
    for resource in batch.resources:
        resource.instance.forget_calls()
        if not crash.at_random:
            _hold(resource, crash)
    command = [batch.command, "--yes", "--skip-preview", *AT_ONCE]
    engine = batch.stack.start_noted(*command, *([] if batch.command == "refresh" else ["--continue-on-error"]))
    started: list[Process] = []
    try:
        ended = engine.poll
        _wait(
            lambda: ended() is not None or any(_has_begun(resource, crash) for resource in batch.resources), MAX_WAIT_S
        )
        if crash.at_random:
            _wait(lambda: ended() is not None, random.uniform(0.0, 1.0))
        else:
            _wait(lambda: ended() is not None or all(_is_held(resource) for resource in batch.resources), HELD - 2)
        started = list(descendants(engine.pid))
        _send(crash, engine, started)
        engine.communicate(timeout=MAX_WAIT_S)
        for resource in batch.resources:
            resource.result.by = crash.name
            resource.result.met = crash.at_random or _is_held(resource)
            if not crash.beside:
                # What a vendor has begun it finishes, whoever asked for it.
                _wait(lambda resource=resource: not _is_under_way(resource), HELD)  # type: ignore[misc]  # bound now
            resource.result.calls = len(resource.instance.calls())
            resource.instance.clear_faults()
        if crash.leaves_a_lock:
            batch.stack.run("cancel", "--yes", fails=None)
        batch.converge()
    finally:
        for process in started:
            end(process)
    return [resource.result for resource in batch.resources]


def _hold(resource: ResourceUnderTest, crash: Crash) -> None:
    call = resource.fault_case.call
    if call is None:
        return
    effect = {"status": 429, "retry_after": str(BACK)} if crash.beside else {"latency": HELD}
    resource.instance.fault(call.pattern, method=call.method, skip=call.earlier, count=1, **effect)


def _is_held(resource: ResourceUnderTest) -> bool:
    return all(rule["fired"] for rule in resource.instance.http.get("/_sandbox/faults").json())


def _has_begun(resource: ResourceUnderTest, crash: Crash) -> bool:
    return bool(resource.instance.calls()) if crash.at_random else _is_held(resource)


def _is_under_way(resource: ResourceUnderTest) -> bool:
    """Whether the call at which it is held has come and has no answer yet."""
    call = resource.fault_case.call
    return call is not None and _is_held(resource) and len(resource.instance.calls()) <= call.number


def _send(crash: Crash, engine: subprocess.Popen[str], started: Sequence[Process]) -> None:
    for number, sent in enumerate(crash.signals):
        if number:
            # The engine takes two at the same moment for one.
            time.sleep(0.5)
        match crash.to:
            case "host":
                for host in hosts(started):
                    send_signal(host.pid, sent)
            case "terminal":
                # A number below zero is a whole process group.
                send_signal(-engine.pid, sent)
            case _:
                send_signal(engine.pid, sent)


def _wait(until: Callable[[], bool], patience: float) -> None:
    """Wait until something has happened, or for so many seconds."""
    end = time.monotonic() + patience
    while not until() and time.monotonic() < end:
        time.sleep(0.05)


def crash_all(matrix: Matrix, fault_cases: Sequence[FaultCase], crashes: Sequence[Crash]) -> Iterator[Result]:
    """Let every crash happen at every call."""
    for crash in crashes:
        for batch in matrix.batches(fault_cases):
            yield from interrupted(batch, crash)
