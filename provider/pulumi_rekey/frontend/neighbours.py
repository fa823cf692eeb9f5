"""What resources of the same run manage whom another process answers: an explicit provider's, or the other front end's.

Each process notes what its resources manage in a folder of the run's engine, which only this user can read. Where no
such folder can be had, nothing is known of the others.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


class Neighbours:
    """The other processes that answer one engine, by its process's number."""

    def __init__(self, engine: int | None) -> None:
        self._folder = None if engine is None else _folder_of(engine)
        if self._folder is not None:
            atexit.register(self._forget)

    def note(self, address: str, object_: str, urn: str) -> None:
        """Tell the others that a resource of the program manages an object, or was refused to."""
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / f"{_digest(address, object_)}.{os.getpid()}").write_text(urn)

    def holder(self, address: str, object_: str, urn: str | None) -> str | None:
        """Return another resource that manages an object, if a process that still runs has told so."""
        if self._folder is None:
            return None
        for note in self._folder.glob(f"{_digest(address, object_)}.*"):
            with suppress(OSError):
                noted, pid = note.read_text(), int(note.suffix[1:])
                if noted != urn and pid != os.getpid() and _runs(pid):
                    return noted
        return None

    def _forget(self) -> None:
        """Take away what this process has noted; the last one takes the folder away."""
        if self._folder is not None:
            with suppress(OSError):
                for note in self._folder.glob(f"*.{os.getpid()}"):
                    note.unlink()
                self._folder.rmdir()


def _digest(address: str, object_: str) -> str:
    return hashlib.sha256(f"{address}\0{object_}".encode()).hexdigest()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _folder_of(engine: int) -> Path | None:
    """Return the folder, if it is this user's alone."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir(), f"rekey-{os.getuid()}-{engine}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if private else None
