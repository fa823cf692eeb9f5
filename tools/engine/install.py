#!/usr/bin/env python3
"""Find a Pulumi engine, or build the pinned one once, and print the folder to put first on PATH.

Nothing is printed on stdout when the `pulumi` that is already on PATH will do; progress and errors go to
stderr. The engine that is built is the official one, from its Go modules, at the versions in `cli/go.mod` and
`language-python/go.mod` beside this file; it ends in `.build/engine` and is kept until one of these changes.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLI = HERE / "cli"
LANGUAGE_HOST = HERE / "language-python"
ENGINE = ROOT / ".build" / "engine"
SDK = "github.com/pulumi/pulumi/sdk/v3"
PROGRESS_EVERY = 15  # seconds, where there is no terminal to draw a line over


def main() -> int:
    """Print the folder, or nothing where PATH is good as it is; where there is no way: one line, and 1."""
    try:
        folder = find_or_build()
    except (UnableError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("stopped; go keeps what it has compiled, and the next call goes on from there")
        return 130
    if folder:
        sys.stdout.write(f"{folder}\n")
    return 0


def find_or_build() -> Path | None:
    """The folder to put first on PATH; None where the `pulumi` on PATH will do."""
    if version_on_path() >= engine_floor():
        return None
    ENGINE.parent.mkdir(exist_ok=True)
    # Two builds at once would take twice the memory and overwrite each other.
    with (ENGINE.parent / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_built():
            build()
    return ENGINE


def isolated_environment(home: Path) -> dict[str, str]:
    """An environment with this engine and this Python, and with nothing of the user's: home, logins, settings."""
    folders = [Path(sys.executable).parent, find_or_build(), os.environ["PATH"]]
    return {
        "PATH": os.pathsep.join(str(folder) for folder in folders if folder),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PULUMI_HOME": str(home / ".pulumi"),
        "PULUMI_BACKEND_URL": home.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def heed_interrupts() -> None:
    """Heed SIGINT in what is started from here, too.

    A shell that starts something in the background has it ignore that signal. The engine ends its hosts by it, and
    waits five seconds for one that does not heed it, in every run.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class UnableError(Exception):
    """The engine cannot be built here; the message says what to do about it, in one line."""


def engine_floor() -> tuple[int, ...]:
    """The oldest engine that is used from PATH: the number of the oldest SDK that this project allows.

    Engine and SDK are released together, under one number, and nobody tests a newer SDK on an older engine.
    """
    found = re.search(r'"pulumi>=([0-9.]+)', (ROOT / "pyproject.toml").read_text())
    if not found:
        raise UnableError("pyproject.toml names no oldest pulumi SDK, so there is no floor for the engine")
    return numbers(found[1])


def version_on_path() -> tuple[int, ...]:
    """The version of the `pulumi` on PATH, () if there is none or if it lacks the Python language host."""
    pulumi = shutil.which("pulumi")
    if not pulumi or not shutil.which("pulumi-language-python"):
        return ()
    quiet = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    return numbers(run([pulumi, "version"], cwd=ROOT, env=quiet))


def numbers(version: str) -> tuple[int, ...]:
    """`v3.274.1` and `3.274` as numbers that compare; () for what is not a version."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


def stamp() -> str:
    """What the built engine depends on: the pinned modules."""
    pins = sorted(path for module in (CLI, LANGUAGE_HOST) for path in module.glob("go.*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()


def is_built() -> bool:
    """Whether `.build/engine` holds what `stamp` describes."""
    written = ENGINE / "stamp"
    return written.exists() and written.read_text() == stamp()


def build() -> None:
    """Build everything into a folder beside `.build/engine`, then let it take that place in one step."""
    check_go()
    say("PATH has no pulumi that is new enough: building the pinned engine, once, for some minutes")
    with tempfile.TemporaryDirectory(dir=ENGINE.parent, prefix="engine-") as folder:
        fresh = Path(folder) / "engine"
        fresh.mkdir()
        version, sdk = sdk_module()
        compile_tool(CLI, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", fresh, version=version)
        # The newest language host is not published as a module; this one speaks to every engine since.
        compile_tool(LANGUAGE_HOST, f"{SDK}/python/cmd/pulumi-language-python", fresh)
        for script in ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python"):
            source = sdk / "python" / script
            shutil.copyfile(source, fresh / source.name)
            (fresh / source.name).chmod(0o755)
        (fresh / "stamp").write_text(stamp())
        if ENGINE.exists():
            ENGINE.rename(Path(folder) / "old")
        fresh.rename(ENGINE)


def sdk_module() -> tuple[str, Path]:
    """The pinned SDK's version and its folder, fetched if need be: `go list -m` would not fetch it."""
    sdk = json.loads(run(["go", "mod", "download", "-json", SDK], cwd=CLI))
    return sdk["Version"], Path(sdk["Dir"])


def check_go() -> None:
    """Make sure that `go` is here and new enough, before anything is downloaded or compiled."""
    if not shutil.which("go"):
        raise UnableError(
            "neither a pulumi that is new enough nor go is on PATH: install the Pulumi CLI, or Go to build it"
        )
    needed = re.search(r"^go (\S+)", (CLI / "go.mod").read_text(), re.MULTILINE)
    # Asked inside the module: where GOTOOLCHAIN allows it, an older go answers by fetching the one it needs.
    found = run(["go", "env", "GOVERSION"], cwd=CLI).strip().removeprefix("go")
    if needed and numbers(found) < numbers(needed[1]):
        raise UnableError(f"building the engine takes go {needed[1]} or newer, and this is go {found}")


def compile_tool(module: Path, package: str, folder: Path, version: str | None = None) -> None:
    """Compile one command, stripped and without this machine's paths, and show how far it is."""
    name = package.rsplit("/", 1)[1]
    flags = ["-s", "-w"] + ([f"-X={SDK}/go/common/version.Version={version}"] if version else [])
    say(f"{name}: fetching modules")
    packages = len(run(["go", "list", "-deps", package], cwd=module).splitlines())
    command = ["go", "build", "-v", "-trimpath", f"-ldflags={' '.join(flags)}", "-o", f"{folder}/", package]
    started = time.monotonic()
    progress = Progress(f"{name}: compiled")
    log: list[str] = []
    # Pure Go: no C compiler is needed, and the result runs on any Linux or macOS of this architecture.
    environment = os.environ | {"CGO_ENABLED": "0"}
    with subprocess.Popen(
        command, cwd=module, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as go:
        for line in go.stderr or ():
            log.append(line)
            progress.show(f"{len(log)} of at most {packages} packages, {time.monotonic() - started:.0f} s")
    progress.end()
    if go.returncode:
        raise UnableError(f"go build of {package} failed: {' '.join(''.join(log[-5:]).split())}")
    say(f"{name}: built in {time.monotonic() - started:.0f} s")


class Progress:
    """One line that is drawn over in a terminal, and a new one now and then where there is none."""

    def __init__(self, head: str) -> None:
        self.head = head
        self.terminal = sys.stderr.isatty()
        self.last = time.monotonic()

    def show(self, text: str) -> None:
        """Show the newest state, unless one was shown a moment ago."""
        now = time.monotonic()
        if now - self.last < (0.2 if self.terminal else PROGRESS_EVERY):
            return
        self.last = now
        if self.terminal:
            sys.stderr.write(f"\r\033[Kengine: {self.head} {text}")
            sys.stderr.flush()
        else:
            say(f"{self.head} {text}")

    def end(self) -> None:
        """Leave a clean line."""
        if self.terminal:
            sys.stderr.write("\r\033[K")


def run(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints; what it complains of, in one line, if it fails."""
    try:
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        complaint = " ".join(error.stderr.split())
        raise UnableError(f"{' '.join(command[:3])} failed: {complaint[:500]}") from error


def say(text: str) -> None:
    """One line to whoever waits."""
    sys.stderr.write(f"engine: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
