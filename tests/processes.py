"""Processes that a test has started, and those that these have started; signals to them, and their end."""

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int
    parent: int
    command: str


def hosts(started: Sequence[Process]) -> list[Process]:
    """The provider's host, or its plugin, among the processes that an engine has started.

    Between an engine and a host a shell stays.
    """
    commands = {process: process.command.partition(" ")[2] for process in started}
    return [
        process
        for process, words in commands.items()
        if words.startswith("-u -m pulumi.dynamic") or "/pulumi-resource-rekey " in words
    ]


def send_signal(pid: int, sent: signal.Signals) -> None:
    """Send a signal to a process that may be gone by now."""
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return


def is_running(process: Process) -> bool:
    """Whether a process is there, and its number has not become another one's."""
    return any(left.pid == process.pid and left.command == process.command for left in _processes())


def end(process: Process) -> None:
    """End a process that is left over."""
    if is_running(process):
        send_signal(process.pid, signal.SIGKILL)


def descendants(pid: int) -> Iterator[Process]:
    """The processes that a process has started, and those that these have."""
    everybody = list(_processes())
    parents = {pid}
    while parents:
        children = [process for process in everybody if process.parent in parents]
        yield from children
        parents = {process.pid for process in children}


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield Process(int(folder.name), parent, command)
