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
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

#: Behind the URN in a note.
_CREATED: Final = "created"
#: Seconds after which a folder to which nothing was added may be taken away.
_STALE_S: Final = 86400.0


class Neighbours:
    """The other processes that answer one engine, by its process's number."""

    def __init__(self, engine: int | None) -> None:
        self._folder = None if engine is None else _folder_of(engine)
        if self._folder is not None:
            atexit.register(_forget, self._folder)

    def note(self, address: str, object_: str, urn: str, *, created: bool = False) -> None:
        """Tell the others that a resource of the program manages an object, or was refused to.

        ``created``: this run has created it, so that what else has its object and its name is what it replaces.
        """
        # The process that was the last one until now may have taken the folder away.
        if self._folder is not None and _is_ours(self._folder):
            with suppress(OSError):
                note = self._folder / f"{_digest(address, object_)}.{os.getpid()}"
                note.write_text(f"{urn}\n{_CREATED if created else ''}")

    def holder(self, address: str, object_: str, urn: str | None) -> str | None:
        """Return another resource that manages an object, if a process that still runs has told so."""
        return next((noted for noted, _ in self._notes(address, object_) if noted != urn), None)

    def has_replaced(self, address: str, object_: str, urn: str | None) -> bool:
        """Tell whether another process has created what replaces a resource, under its own name, on its object."""
        return (urn, _CREATED) in self._notes(address, object_)

    def _notes(self, address: str, object_: str) -> list[tuple[str, str]]:
        """Return what other processes that still run have told of an object."""
        found = []
        if self._folder is not None:
            for note in self._folder.glob(f"{_digest(address, object_)}.*"):
                with suppress(OSError):
                    urn, _, created = note.read_text().partition("\n")
                    pid = int(note.suffix[1:])
                    if pid != os.getpid() and _runs(pid):
                        found.append((urn, created))
        return found


def _digest(address: str, object_: str) -> str:
    return hashlib.sha256(f"{address}\0{object_}".encode()).hexdigest()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # Another user's.
        return True
    return True


def _folder_of(engine: int) -> Path | None:
    """Return the folder, if it is this user's alone."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir(), f"rekey-{os.getuid()}-{engine}")
    _sweep(folder.parent)
    return folder if _is_ours(folder) else None


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder is this user's alone, and make it if there is none."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        return _is_private(folder.lstat())
    except OSError:
        return False


def _is_private(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _sweep(where: Path) -> None:
    """Take away the folders of this user's engines that are long gone: a killed process leaves its own.

    What is younger may belong to an engine whose number means nothing here, such as a container's.
    """
    old = time.time() - _STALE_S
    for folder in where.glob(f"rekey-{os.getuid()}-*"):
        engine = folder.name.rpartition("-")[2]
        with suppress(OSError):
            # Only this user can put something into such a folder, and what is a link is none.
            found = folder.lstat()
            if engine.isdecimal() and _is_private(found) and found.st_mtime < old and not _runs(int(engine)):
                for note in folder.iterdir():
                    note.unlink()
                folder.rmdir()


def _forget(folder: Path) -> None:
    """Take away what this process has noted; the last one takes the folder away."""
    with suppress(OSError):
        for note in folder.glob(f"*.{os.getpid()}"):
            note.unlink()
        folder.rmdir()
