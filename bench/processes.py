"""What the processes of one command use: the program, the provider's host, and the engine with all the rest."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes import descendants, hosts

#: A process's share is of three parties; its last tenth of a second may be missing.
PARTIES = ("program", "host", "engine")
_LOOK_EVERY_S = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """What has been seen of a command's processes so far."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        """The peak that all of them held together; what they share counts once."""
        self._seconds: dict[tuple[str, int], float] = {}

    def look(self, pid: int) -> None:
        """Look once at a process and at all that it has started."""
        started = list(descendants(pid))
        of_host = {process.pid for process in hosts(started)}
        kilobytes = resident(pid)
        self._note("engine", pid)
        for process in started:
            kilobytes += resident(process.pid)
            of_program = "pulumi-language-python-exec" in process.command
            self._note("host" if process.pid in of_host else "program" if of_program else "engine", process.pid)
        self.megabytes = max(self.megabytes, kilobytes / 1e3)

    def _note(self, party: str, pid: int) -> None:
        try:
            used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return
        self._seconds[party, pid] = sum(map(int, used)) / _TICKS

    def processor_seconds(self) -> dict[str, float]:
        """What each party has used, as of the last look at each of its processes."""
        found: dict[str, float] = defaultdict(float)
        for (party, _), seconds in self._seconds.items():
            found[party] += seconds
        return found


def resident(pid: int) -> int:
    """Kilobytes that a process holds, and its share of what it holds with others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@contextmanager
def watching(pid: int) -> Iterator[Watch]:
    """Watch a process, and all that it starts, until the end of the block."""
    watch, done = Watch(), threading.Event()

    def keep_looking() -> None:
        while not done.wait(_LOOK_EVERY_S):
            watch.look(pid)

    watcher = threading.Thread(target=keep_looking)
    watcher.start()
    try:
        yield watch
    finally:
        done.set()
        watcher.join()
