#!/usr/bin/env python3
"""Make sure that a headless Chromium and its driver are here, for the test of the HTML report.

Where they are missing and this is a Debian machine's root, they are installed from its own packages. Where that cannot
be, it is said what is missing: the test is then skipped, or fails if CI is set.
"""

import os
import shutil
import subprocess
import sys

PACKAGES = ("chromium", "chromium-driver", "fonts-dejavu-core")


def main() -> None:
    """Install if that is needed and possible, with a line about it."""
    if shutil.which("chromedriver"):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        say("there is no chromedriver on PATH: install Chromium with its driver to test the HTML report")
        return
    say(f"installing {', '.join(PACKAGES)} from this machine's packages, once")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *PACKAGES]
    for command in (["apt-get", "update", "--quiet"], install):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"{' '.join(command[:2])} failed: {' '.join(done.stderr.split())[:500]}")
            return


def say(text: str) -> None:
    """One line to whoever waits."""
    sys.stderr.write(f"browser: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
