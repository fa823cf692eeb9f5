#!/usr/bin/env python3
"""Make an environment with the providers that examples/consumers import, so that a test can check their types.

It is one of its own, in `.build/consumers`: beside these packages the engine would want their plugins for every
program. They take 5 MB to fetch and 100 MB on disk. Where they cannot be had, it is said; the test is then skipped, or
fails if CI is set.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".build" / "consumers"
PYTHON = FOLDER / "bin" / "python"
PROVIDERS = ("pulumi-github", "pulumi-kubernetes", "pulumi-vault")


def pins() -> list[str]:
    """The providers with their versions, as `constraints.txt` has them."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line.partition("==")[0] in PROVIDERS]


def stamp() -> str:
    """What the environment depends on: the versions, and where everything else is installed."""
    return "\n".join([*pins(), sysconfig.get_path("purelib")])


def is_ready() -> bool:
    """Whether `.build/consumers` holds what `stamp` describes."""
    written = FOLDER / "stamp"
    return written.exists() and written.read_text() == stamp()


def main() -> None:
    """Make it, if it is not there yet, with a line about it."""
    if is_ready():
        return
    say(f"installing {', '.join(pins())} into .build/consumers, to check the types of examples, once")
    venv.create(FOLDER, clear=True)
    # The rest they share with the tests: Pulumi and this project.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(FOLDER)}))
    (packages / "shared.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    install = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "--no-deps", *pins()]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        say(f"pip failed: {' '.join(done.stderr.split())[:500]}")
        return
    (FOLDER / "stamp").write_text(stamp())


def say(text: str) -> None:
    """One line to whoever waits."""
    sys.stderr.write(f"consumers: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
