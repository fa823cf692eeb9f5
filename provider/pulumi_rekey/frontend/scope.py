"""How much of the stack a run is about, as the command line of its engine says: the engine tells no provider.

The host is a child of the engine, with a shell between them. What cannot be found, or is another program's, is
"unknown". A flag's value that looks like a flag may make a run "part" that is not: that is the safe side, on which
secrets stay.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from .values import Scope

#: Commands that run an engine, with their aliases.
_COMMANDS: Final = frozenset(
    {"up", "update", "destroy", "down", "dn", "refresh", "preview", "pre", "watch", "import", "do"}
)
#: Flags by which an engine leaves resources of the stack aside.
_PARTIAL: Final = frozenset({"--target", "--target-replace", "--exclude", "--exclude-protected"})
#: The same as single letters, and the letters after which the rest of a word is a value.
_PARTIAL_LETTERS: Final = frozenset("tx")
_LETTERS_WITH_VALUE: Final = frozenset("Ccmopsv")
#: The flag that replaces a resource.
_REPLACE: Final = "--replace"
#: A host is two or three processes below its engine; wrappers may add some.
_MAX_ANCESTORS: Final = 8


def scope() -> Scope:
    """Tell whether the engine above this process looks at the whole stack, or at chosen resources of it."""
    for words in _ancestors(os.getppid()):
        if _is_engine(words):
            return "part" if any(_is_partial(word) for word in words[1:]) else "whole"
    return "unknown"


def replaced() -> tuple[str, ...]:
    """Return what the command line says to replace: URNs, or patterns of them."""
    words = next((words for words in _ancestors(os.getppid()) if _is_engine(words)), [])
    apart = [following for word, following in pairwise(words) if word == _REPLACE]
    return (*apart, *(word.removeprefix(f"{_REPLACE}=") for word in words if word.startswith(f"{_REPLACE}=")))


def engine() -> int | None:
    """Return the number of the engine's process above this one."""
    return next((pid for pid, words in _line(os.getppid()) if _is_engine(words)), None)


def engines_variables() -> dict[str, str] | None:
    """Return the environment of the engine's process; nothing where it cannot be seen."""
    pid = engine()
    try:
        kept = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return None
    pairs = (variable.partition("=") for variable in os.fsdecode(kept).split("\0"))
    return {name: value for name, _, value in pairs}


def _is_engine(words: Sequence[str]) -> bool:
    # Packagers rename what they wrap: `.pulumi-wrapped`.
    name = Path(words[0]).name.removeprefix(".").removesuffix(".exe").removesuffix("-wrapped")
    return name == "pulumi" and not _COMMANDS.isdisjoint(words[1:])


def _is_partial(word: str) -> bool:
    if word.startswith("--"):
        flag, _, value = word.partition("=")
        return flag in _PARTIAL and value.lower() not in {"false", "f", "0"}
    if not word.startswith("-"):
        return False
    for letter in word[1:]:
        if letter in _PARTIAL_LETTERS:
            return True
        if letter in _LETTERS_WITH_VALUE:
            return False
    return False


def _ancestors(pid: int) -> Iterator[list[str]]:
    """Yield the command lines of a process and of those above it."""
    for _, words in _line(pid):
        yield words


def _line(pid: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the command line of a process and of those above it."""
    for _ in range(_MAX_ANCESTORS):
        if pid <= 1:
            return
        found = _process(pid)
        if found is None:
            return
        parent, words = found
        if words:
            yield pid, words
        pid = parent


def _process(pid: int) -> tuple[int, list[str]] | None:
    """Return a process's parent and its words."""
    folder = Path("/proc", str(pid))
    try:
        # The name, in parentheses, may hold anything.
        parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        words = (folder / "cmdline").read_bytes().decode(errors="replace")
    except (OSError, ValueError, IndexError):
        return _process_by_ps(pid)
    return parent, words.split("\0")[:-1]


def _process_by_ps(pid: int) -> tuple[int, list[str]] | None:
    """Return the same where there is no ``/proc``; words with blanks in them come apart."""
    try:
        done = subprocess.run(  # noqa: S603 - the process's number is the only argument
            ["ps", "-ww", "-o", "ppid=,args=", "-p", str(pid)],  # noqa: S607 - POSIX has it, and its folder differs
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        parent, *words = done.stdout.split()
        return int(parent), words
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
