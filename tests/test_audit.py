"""What is said of a dependency audit: above all, never that nothing was found where nothing was looked up."""

import json
import sys
from typing import Any

import pytest

from tools.audit import CLEAN, NOT_CHECKED, VULNERABLE, audit, verdict

GOOD = {"name": "httpx", "version": "0.28.1", "vulns": []}
BAD = {"name": "h11", "version": "0.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.16"], "description": "x"}]}
UNFIXED = {"name": "idna", "version": "1", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
SKIPPED = {"name": "pulumi", "skip_reason": "Dependency not found on PyPI and could not be audited: pulumi (3.1)"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([GOOD], CLEAN, ["1 of 1 packages checked, 0 known vulnerabilities"]),
        (
            [GOOD, BAD, UNFIXED],
            VULNERABLE,
            [
                "h11 0.1: PYSEC-1, fixed in 0.16",
                "idna 1: PYSEC-2, fixed in no version yet",
                "3 of 3 packages checked, 2 known vulnerabilities",
            ],
        ),
        (
            [SKIPPED, GOOD],
            NOT_CHECKED,
            ["1 of 2 packages checked, 0 known vulnerabilities", "not checked: 1 packages, such as pulumi"],
        ),
        (
            [SKIPPED, BAD],
            VULNERABLE,
            [
                "h11 0.1: PYSEC-1, fixed in 0.16",
                "1 of 2 packages checked, 1 known vulnerabilities",
                "not checked: 1 packages, such as pulumi",
            ],
        ),
        ([], NOT_CHECKED, ["0 of 0 packages checked, 0 known vulnerabilities"]),
    ],
)
def test_audit_report_is_read(packages: list[dict[str, Any]], code: int, said: list[str]) -> None:
    assert verdict(json.dumps({"dependencies": packages, "fixes": []})) == (code, said)


@pytest.mark.parametrize("report", ["", "ERROR: no connection", "{}", "[]", "null"])
def test_audit_without_a_report_is_not_checked(report: str) -> None:
    assert verdict(report) == (NOT_CHECKED, ["not checked: the database of vulnerabilities was not reached"])


def test_audit_ignores_the_exit_code_of_pip_audit(capfd: pytest.CaptureFixture[str]) -> None:
    """It ends with 1 for a vulnerability and for a lost connection, and with 0 if it has skipped everything."""
    report = json.dumps({"dependencies": [SKIPPED]})
    assert audit([sys.executable, "-c", f"print({report!r})"]) == NOT_CHECKED
    assert audit([sys.executable, "-c", "raise SystemExit(1)"]) == NOT_CHECKED
    assert capfd.readouterr().err.splitlines() == [
        "audit: 0 of 1 packages checked, 0 known vulnerabilities",
        "audit: not checked: 1 packages, such as pulumi",
        "audit: not checked: the database of vulnerabilities was not reached",
    ]
