#!/usr/bin/env python3
"""Look the versions in `constraints.txt` up in the database of known vulnerabilities, with pip-audit.

Ends with 0 if all were looked up and none is known to be vulnerable, 1 if one is, 3 if any could not be looked up; make
prints that number and ends with 2. pip-audit itself calls a package that it cannot look up skipped, and then says that
no vulnerabilities were found.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".build" / "audit"
PIP_AUDIT = "pip-audit==2.10.1"
CLEAN, VULNERABLE, NOT_CHECKED = 0, 1, 3


def verdict(report: str) -> tuple[int, list[str]]:
    """What a report of pip-audit in JSON means: the exit code, and lines to be read."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return NOT_CHECKED, ["not checked: the database of vulnerabilities was not reached"]
    found = [
        f"{package['name']} {package['version']}: {known['id']}"
        f", fixed in {', '.join(known['fix_versions']) or 'no version yet'}"
        for package in packages
        for known in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    checked = len(packages) - len(skipped)
    lines = [*found, f"{checked} of {len(packages)} packages checked, {len(found)} known vulnerabilities"]
    if skipped:
        lines.append(f"not checked: {len(skipped)} packages, such as {', '.join(skipped[:3])}")
    if found:
        return VULNERABLE, lines
    return (NOT_CHECKED if skipped or not packages else CLEAN), lines


def audit(command: Sequence[str]) -> int:
    """Run pip-audit, say what it found, and return the exit code."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    code, lines = verdict(done.stdout)
    for line in lines:
        say(line)
    return code


def main() -> int:
    """Install pip-audit, once, into an environment of its own, and run it."""
    program = FOLDER / "bin" / "pip-audit"
    stamp = FOLDER / "stamp"
    if not stamp.exists() or stamp.read_text() != PIP_AUDIT:
        say(f"installing {PIP_AUDIT} into .build/audit, once")
        venv.create(FOLDER, clear=True, with_pip=True)
        install = [str(FOLDER / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", PIP_AUDIT]
        if subprocess.run(install, check=False).returncode:
            say("not checked: pip-audit cannot be installed")
            return NOT_CHECKED
        stamp.write_text(PIP_AUDIT)
    # All are pinned, with what they need: nothing is to be resolved.
    pinned = ["--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip"]
    return audit([str(program), "--format", "json", "--progress-spinner", "off", "--timeout", "15", *pinned])


def say(text: str) -> None:
    """One line to whoever waits."""
    sys.stderr.write(f"audit: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
