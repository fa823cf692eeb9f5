"""Fetching the state of stacks: from ``pulumi stack export``, from files, from standard input.

``pulumi stack export`` leaves secrets encrypted, and needs neither a passphrase nor a key for that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..errors import Misconfigured
from .stack_state import Stack, printable, read_stack

#: The name of standard input among files.
STDIN: Final = "-"
#: Exports that are fetched at once.
AT_ONCE: Final = 4
_COMPLAINT: Final = 500


def pulumi(arguments: Sequence[str], folder: Path) -> bytes:
    """Return what a pulumi command prints.

    :raises Misconfigured: There is no pulumi, or it refuses; with its complaint in one line.
    """
    program = shutil.which("pulumi")
    if program is None:
        raise Misconfigured("there is no pulumi on PATH", todo="install the Pulumi CLI, or give exports with --file")
    if not folder.is_dir():
        raise Misconfigured(f"there is no folder {folder}")
    done = subprocess.run(  # noqa: S603 - the user's own pulumi, by its full path
        [program, *arguments, "--non-interactive", "--color", "never"],
        cwd=folder,
        env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        complaint = printable(" ".join(done.stderr.decode(errors="replace").split()))[:_COMPLAINT]
        raise Misconfigured(f"pulumi {arguments[0]}: {complaint.removeprefix('error: ')}", todo="see its message")
    return done.stdout


def stack_names(folder: Path) -> list[str]:
    """Return the names of all stacks of the project in a folder."""
    listed = json.loads(pulumi(["stack", "ls", "--json"], folder))
    return [str(stack["name"]) for stack in listed]


def export(name: str | None, folder: Path) -> Stack:
    """Return a stack of the project in a folder; without a name the selected one."""
    selected = ["--stack", name] if name else []
    return read_stack(pulumi(["stack", "export", *selected], folder), name or "the selected stack")


def read_file(path: str) -> Stack:
    """Return the stack whose export a file holds, or standard input."""
    if path == STDIN:
        return read_stack(sys.stdin.buffer.read(), "standard input")
    try:
        content = Path(path).read_bytes()
    except OSError as wrong:
        raise Misconfigured(f"{printable(path)}: {wrong.strerror}", todo="correct the path") from None
    return read_stack(content, path)
