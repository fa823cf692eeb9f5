"""Rekey as users install it, each time into an environment of its own, without a network."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.pages import ROOT


class Installed:
    """A virtual environment that sees the tests' packages behind its own, so that only Rekey has to be installed."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        (purelib,) = folder.glob("lib/python*/site-packages")
        self.packages = purelib
        # A path alone: the .pth files in there, among them that of the tests' own Rekey, are not read.
        (purelib / "behind.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def pip(self, *arguments: str, cwd: Path = ROOT, index: str = "") -> None:
        """Run pip, which must succeed, with an index or, by default, without any."""
        command = [str(self.python), "-m", "pip", *arguments]
        # That "false" means no isolation is pip's logic; without it pip would ask an index for the build's backend.
        source = {"PIP_INDEX_URL": index} if index else {"PIP_NO_INDEX": "1"}
        offline = source | {"PIP_NO_BUILD_ISOLATION": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        done = subprocess.run(command, cwd=cwd, env=offline, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program of some lines."""
        return subprocess.run([self.python, "-I", "-c", program], capture_output=True, text=True, check=False)


def built(kind: str, folder: Path) -> Path:
    """Build a `wheel` or an `sdist` of this project."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.iterdir()
    return found
