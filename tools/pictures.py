"""`make pictures`: pictures of terminals for the docs, from real commands on a real stack at the sandbox.

Each command runs in a terminal of its own, and what it writes there is drawn as SVG, without fonts of other hosts.
"""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tools.administrators import CloudDirector
from tools.engine.install import heed_interrupts, isolated_environment
from tools.vendors import Sandbox, running_sandbox

PAGES: Final = Path(__file__).parent.parent / "docs"
COLUMNS: Final = 100
PROGRAM: Final = """\
import pulumi, pulumi_rekey as rekey

config = pulumi.Config()
quarter = rekey.Rotation(max_age="90d", triggers={"release": config.require("release")})

def party(name, **more):
    return rekey.OidcRelyingParty(
        name, client_name=name, redirect_uris=[f"https://{name}.example.com/callback"], **more
    )

party("portal", rotation=quarter)
party("wiki", rotation=rekey.Rotation(paused=True))
rekey.Pair(
    "billing",
    lambda side, its: rekey.OidcRelyingParty(
        client_name=f"billing {side}", redirect_uris=["https://billing.example.com/callback"], **its
    ),
    every="90d",
)
rekey.OpenIdProviderKey("signing", rotation=rekey.Rotation(max_age="365d"))
rekey.AppSecret(
    "orders",
    instance_id=config.require("instance"),
    app_id=config.require("app"),
    rotation=rekey.Rotation(on_adopt="rotate", max_age="30d", windows=[rekey.Window(cron="0 3 * * 6", duration="2h")]),
)
"""
#: Dark on every page, as most terminals are.
_THEME: Final = TerminalTheme(
    (27, 31, 36),
    (230, 233, 237),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (230, 233, 237),
    ],
)
#: What empties a line of a terminal.
_WIPED: Final = "\x1b[2K"
#: Fonts that another host would serve, and a remark.
_NOT_DRAWN: Final = re.compile(r"\s*(@font-face \{.*?\}|<!--.*?-->)", re.DOTALL)


class Terminal:
    """A terminal in which commands run, in a project's folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = {**environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command that nobody watches; return what it has printed."""
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def show(self, *command: str) -> str:
        """Run a command in a terminal; return what that was sent."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self._environment,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
        ) as process:
            os.close(theirs)
            seen = b"".join(_read(ours))
        os.close(ours)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{seen.decode()}")
        # What shows progress is wiped out by the end of it.
        return seen.decode().rpartition(_WIPED)[2]


def _read(terminal: int) -> Sequence[bytes]:
    """Read until the last process has closed its end, which Linux says by an error."""
    found = []
    try:
        while piece := os.read(terminal, 65536):
            found.append(piece)
    except OSError:
        pass
    return found


def draw(name: str, command: Sequence[str], seen: str) -> None:
    """Write the picture of a command and of what it has shown."""
    typed = " ".join(f'"{word}"' if " " in word else word for word in command)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(f"\x1b[1m$ {typed}\x1b[0m\n{seen}".rstrip().replace("\r\n", "\n")))
    svg = console.export_svg(title=typed, theme=_THEME, unique_id=f"rekey-{name}")
    (PAGES / f"terminal-{name}.svg").write_text(f"{_NOT_DRAWN.sub('', svg).rstrip()}\n")


def prepare(terminal: Terminal, sandbox: Sandbox) -> None:
    """Make the stack, with a history of its own and something at the vendor that it does not manage."""
    (terminal.folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (terminal.folder / "__main__.py").write_text(PROGRAM)
    terminal.run("pulumi", "stack", "init", "prod")
    roma = sandbox.credentials["roma"]
    plain = {"release": "2026-10", "instance": roma["instance_id"], "app": roma["app_id"], "rekey:owner": "0" * 32}
    for path, value in (plain | sandbox.settings()).items():
        terminal.run("pulumi", "config", "set", "--path", "--plaintext", path, value)
    for path, value in sandbox.secret_settings().items():
        terminal.run("pulumi", "config", "set", "--path", "--secret", path, stdin=value)
    terminal.run("pulumi", "up", "--yes", "--skip-preview")
    terminal.run("pulumi", "config", "set", "release", "2026-11")
    terminal.run("pulumi", "up", "--yes", "--skip-preview")
    CloudDirector(sandbox).call(
        "POST", "/relyingParties", {"clientName": "old intranet", "redirectUris": ["https://intranet.example.com/in"]}
    )


def main() -> None:
    """Draw them all."""
    heed_interrupts()
    with tempfile.TemporaryDirectory(prefix="rekey-pictures-") as place, running_sandbox() as sandbox:
        folder = Path(place, "shop")
        folder.mkdir()
        terminal = Terminal(folder, isolated_environment(Path(place)))
        prepare(terminal, sandbox)
        order = ("rekey", "rotate", "portal", "--reason", "INC-4711 leaked in a log")
        draw("rotate", order, terminal.show(*order))
        terminal.run("pulumi", "up", "--yes", "--skip-preview")
        for name, command in {
            "status": ("rekey", "status"),
            "status-name": ("rekey", "status", "portal"),
            "adopt": ("rekey", "adopt", "vcd"),
        }.items():
            draw(name, command, terminal.show(*command))
    sys.stderr.write(f"pictures: {PAGES}/terminal-*.svg\n")


if __name__ == "__main__":
    main()
