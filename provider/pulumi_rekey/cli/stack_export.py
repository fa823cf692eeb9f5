"""Fetch the state of stacks: from ``pulumi stack export``, from files, from standard input.

``pulumi stack export`` leaves secrets encrypted, and needs neither a passphrase nor a key for that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from ..errors import Misconfigured
from .stack_state import Stack, printable, read_stack

#: Standard input, in place of a file's name.
STDIN: Final = "-"
#: How many exports are fetched at the same time.
AT_ONCE: Final = 4
_COMPLAINT: Final = 500
#: What to do about complaints of Pulumi's that everybody meets.
_ADVICE: Final = {
    "incorrect passphrase": "set PULUMI_CONFIG_PASSPHRASE, or the file that PULUMI_CONFIG_PASSPHRASE_FILE names, to the"
    " passphrase that this stack was made with",
    "passphrase must be set": "set PULUMI_CONFIG_PASSPHRASE to the stack's passphrase",
    "no stack named": "`pulumi stack ls` lists those that there are",
    "PULUMI_ACCESS_TOKEN must be set": "run `pulumi login`, or set PULUMI_BACKEND_URL to where the stack's state is",
    "no stack selected": "name one with --stack, or run `pulumi stack select`",
    "no Pulumi.yaml": "name the project's folder with --cwd",
}


def project_file(folder: Path) -> Path | None:
    """Return the file of the project that a folder is in, as Pulumi finds it: here or further up."""
    places = (folder, *folder.absolute().parents)
    names = ("Pulumi.yaml", "Pulumi.yml")
    return next((file for place in places for name in names if (file := place / name).is_file()), None)


def pulumi(arguments: Sequence[str], folder: Path) -> bytes:
    """Run a pulumi command and return its standard output.

    :raises Misconfigured: there is no pulumi on PATH, or it failed; with its complaint in one line.
    """
    done = pulumi_result(arguments, folder)
    if done.returncode:
        complaint = printable(" ".join(done.stderr.decode(errors="replace").split()))[:_COMPLAINT]
        raise Misconfigured(f"pulumi {arguments[0]}: {complaint.removeprefix('error: ')}", todo=advice(complaint))
    return done.stdout


def pulumi_result(
    arguments: Sequence[str], folder: Path, *, captured: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Run a pulumi command to its end, whatever that is; what is not captured, the user sees.

    :raises Misconfigured: there is no pulumi on PATH.
    """
    if not folder.is_dir():
        raise Misconfigured(f"the folder {printable(folder)} does not exist", todo="correct --cwd")
    program = shutil.which("pulumi")
    if program is None:
        raise Misconfigured("there is no pulumi on PATH", todo="install the Pulumi CLI, or give exports with --file")
    # Options come before what follows `--`.
    split = arguments.index("--") if "--" in arguments else len(arguments)
    plain = ["--non-interactive", "--color", "never"] if captured else ["--non-interactive"]
    return subprocess.run(  # noqa: S603 - the user's own pulumi, by its full path
        [program, *arguments[:split], *plain, *arguments[split:]],
        cwd=folder,
        env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        stdin=subprocess.DEVNULL,
        # Standard output is for what programs read.
        stdout=subprocess.PIPE if captured else sys.stderr,
        stderr=subprocess.PIPE if captured else None,
        check=False,
    )


def advice(complaint: str, otherwise: str = "see its message") -> str:
    """Return what to do about a complaint of Pulumi's."""
    return next((todo for words, todo in _ADVICE.items() if words in complaint), otherwise)


def stacks(names: Sequence[str], files: Sequence[str], folder: Path, *, every: bool) -> list[Stack]:
    """Return the stacks in files and the named, or all, stacks of a project; by default the selected one."""
    wanted: Sequence[str | None] = stack_names(folder) if every else names
    if not wanted and not files and not every:
        wanted = [None]
    return [*map(read_file, files), *_at_once(lambda name: export(name, folder), wanted)]


def _at_once(fetch: Callable[[str | None], Stack], names: Sequence[str | None]) -> list[Stack]:
    """Fetch several stacks, some at a time, with a progress bar in a terminal."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(fetch, names)
        if len(names) > 1 and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import track

            return list(track(results, "reading stacks", len(names), console=Console(stderr=True), transient=True))
        return list(results)


def stack_names(folder: Path) -> list[str]:
    """List the stacks of the project in a folder."""
    listed = json.loads(pulumi(["stack", "ls", "--json"], folder))
    return [str(stack["name"]) for stack in listed]


def export(name: str | None, folder: Path) -> Stack:
    """Export a stack of the project in a folder; without a name, the selected one."""
    selected = ["--stack", name] if name else []
    return read_stack(pulumi(["stack", "export", *selected], folder), name or "the selected stack")


def read_file(path: str) -> Stack:
    """Read an export from a file, or from standard input."""
    if path == STDIN:
        return read_stack(sys.stdin.buffer.read(), "standard input")
    try:
        content = Path(path).read_bytes()
    except OSError as wrong:
        raise Misconfigured(f"{printable(path)}: {wrong.strerror}", todo="correct the path") from None
    return read_stack(content, path)
