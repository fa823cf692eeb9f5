#!/usr/bin/env python3
"""Make sure that PostgreSQL and an S3 server are here, for `make scale` and the test of shared backends.

PostgreSQL comes from this machine's packages, where it is a Debian machine's root. The S3 server comes from the
registry of Python packages, by the pins in `backend_servers.txt`, into an environment of its own in `.build/s3`. What
cannot be had is said; its test is then skipped, or fails if CI is set.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = Path(__file__).with_suffix(".txt")
S3_FOLDER = ROOT / ".build" / "s3"
S3_SERVER = S3_FOLDER / "bin" / "moto_server"


def postgres_programs() -> Path | None:
    """The folder with `initdb` and `postgres`, which Debian does not put on PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    found = [*folders, *([Path(on_path).parent] if on_path else [])]
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def s3_is_ready() -> bool:
    """Whether `.build/s3` holds what the pins describe."""
    stamp = S3_FOLDER / "stamp"
    return stamp.exists() and stamp.read_text() == PINS.read_text()


def main() -> None:
    """Install what is missing, with a line about it."""
    if not postgres_programs():
        install_postgres()
    if not s3_is_ready():
        install_s3()


def install_postgres() -> None:
    """Take PostgreSQL from the machine's packages."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        say("there is no PostgreSQL server: install it to test that backend")
        return
    say("installing postgresql from this machine's packages, once")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "postgresql"]
    for command in (["apt-get", "update", "--quiet"], install):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"{' '.join(command[:2])} failed: {' '.join(done.stderr.split())[:500]}")
            return


def install_s3() -> None:
    """Take the S3 server from the registry of Python packages."""
    say("installing an S3 server into .build/s3, once")
    venv.create(S3_FOLDER, clear=True)
    python = str(S3_FOLDER / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "-r", str(PINS)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"pip failed: {' '.join(done.stderr.split())[:500]}")
        return
    # pip --python writes the scripts beside that Python, so that they run in its environment.
    (S3_FOLDER / "stamp").write_text(PINS.read_text())


def say(text: str) -> None:
    """One line to whoever waits."""
    sys.stderr.write(f"backend servers: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
