"""`rekey status`, on exports that the real engine has written."""

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from .conftest import REASON, Exports, Rekey, credentials

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.json").read_text())


def document(rekey: Rekey, *arguments: str | Path) -> dict[str, Any]:
    ended = rekey("status", "--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = json.loads(ended.out)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def test_status_after_create_is_ok(rekey: Rekey, exports: Exports) -> None:
    found = credentials(document(rekey, "--file", exports.fresh))
    assert {name: credential["health"] for name, credential in found.items()} == {
        "billing": "ok",
        "orders": "ok",
        "portal": "paused",
        "scim": "ok",
    }
    assert found["billing"]["generation"] == 1
    assert found["billing"]["endpoint"] == "navigator"
    assert found["billing"]["type"] == "OrgOAuthApp"
    assert found["portal"]["next_rotation_at"] is None
    minted = datetime.fromisoformat(found["orders"]["rotated_at"])
    assert datetime.fromisoformat(found["orders"]["next_rotation_at"]) == minted + timedelta(days=90)
    assert found["scim"]["expires_at"] > found["scim"]["next_rotation_at"]


def test_status_after_rotation_and_failure(rekey: Rekey, exports: Exports) -> None:
    found = credentials(document(rekey, "--file", exports.rotated))
    assert found["billing"]["generation"] == 2
    assert found["billing"]["rotation_reason"] == f"rotate_now: {REASON}"
    assert found["billing"]["previous_expires_at"] > found["billing"]["rotated_at"]
    assert found["signing"]["health"] == "failing"
    assert "403" in found["signing"]["why"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("29d", {"billing": "ok", "portal": "paused"}),
        ("31d", {"billing": "due 31 d old, max_age 30 d", "orders": "ok"}),
        ("33d", {"billing": "overdue could have rotated since"}),
        ("250d", {"scim": "expired expired 20", "portal": "paused"}),
    ],
)
def test_status_at_a_later_moment(rekey: Rekey, exports: Exports, at: str, expected: dict[str, str]) -> None:
    found = credentials(document(rekey, "--file", exports.fresh, "--at", at))
    for name, said in expected.items():
        assert f"{found[name]['health']} {found[name]['why']}".startswith(said)


def test_status_due_and_report_never_print_secrets(rekey: Rekey, exports: Exports) -> None:
    assert len(exports.secrets) >= 5
    reports = [["report", "--format", name] for name in ("markdown", "html", "openmetrics")]
    for command in (["status"], ["status", "--json"], ["due"], *reports):
        for file in (exports.shown, exports.rotated):
            ended = rekey(*command, "--file", file)
            assert not [secret for secret in exports.secrets if secret in ended.out + ended.err]
            assert "ciphertext" not in ended.out


def test_status_of_several_files_and_standard_input(rekey: Rekey, exports: Exports) -> None:
    files = ["--file", exports.rotated, "--file", exports.foreign, "--file", exports.empty, "--file", "-"]
    ended = rekey("status", "--json", *files, stdin=exports.fresh.read_bytes())
    found = json.loads(ended.out)
    assert [len(stack["credentials"]) for stack in found["stacks"]] == [5, 0, 0, 4]
    assert [stack["name"] for stack in found["stacks"]] == ["dev", "dev", str(exports.empty), "dev"]
    assert sum(found["summary"].values()) == 9


def test_status_of_the_stacks_of_a_project_without_passphrase(rekey: Rekey, exports: Exports) -> None:
    """No passphrase is needed: nothing is decrypted."""
    environment = {name: value for name, value in exports.stack.environment.items() if "PASSPHRASE" not in name}
    for arguments in (["--stack", "dev"], ["--all"], ["--stack", "dev", "--cwd", exports.stack.folder]):
        cwd = exports.folder if "--cwd" in arguments else exports.stack.folder
        ended = rekey("status", "--json", *arguments, cwd=cwd, env=environment)
        assert (ended.code, ended.err) == (0, "")
        assert len(credentials(json.loads(ended.out))) == 5
    ended = rekey("status", "--stack", "nowhere", cwd=exports.stack.folder, env=environment)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("no stack named 'nowhere' found: `pulumi stack ls` lists those that there are\n")


def test_status_without_terminal_is_one_line_per_credential(rekey: Rekey, exports: Exports) -> None:
    ended = rekey("status", "--file", exports.rotated)
    head, *lines, summary = ended.out.splitlines()
    assert head.startswith("HEALTH   STACK      RESOURCE  TYPE ")
    assert head.endswith("  PREVIOUS UNTIL        WHY")
    assert [line.split()[0] for line in lines] == ["failing", "paused", "ok", "ok", "ok"]
    assert [line.split()[2] for line in lines] == ["signing", "portal", "billing", "orders", "scim"]
    assert summary == "5 credentials in 1 stack: 1 failing, 1 paused, 3 ok"
    assert "\x1b" not in ended.out


def terminal(*arguments: str | Path, columns: int = 200, **environment: str) -> str:
    """What `rekey` writes to a terminal."""
    own, its = pty.openpty()
    settings = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(columns)} | environment
    program = Path(sys.executable).with_name("rekey")
    with subprocess.Popen([program, *arguments], stdin=its, stdout=its, stderr=its, env=settings) as process:
        os.close(its)
        shown = b""
        try:
            while part := os.read(own, 65536):
                shown += part
        except OSError:
            pass  # the program has ended, and with it the terminal
        os.close(own)
    assert process.returncode == 0, shown
    return shown.decode()


def test_status_in_a_terminal_is_a_table_with_colour(exports: Exports) -> None:
    shown = terminal("status", "--file", exports.rotated)
    assert "\x1b[1;31mfailing" in shown
    assert "previous" in shown
    assert "in 29 d" in shown
    assert "\x1b[" not in terminal("status", "--file", exports.rotated, TERM="dumb")
    assert "\x1b[1;31m" not in terminal("status", "--file", exports.rotated, NO_COLOR="1")


def test_status_in_a_narrow_terminal_breaks_no_date(exports: Exports) -> None:
    shown = terminal("status", "--file", exports.rotated, columns=80, NO_COLOR="1")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if re.search(r" 20[0-9]{2}-[0-9]{2}-[0-9]{2}\b", line)]) >= 3
    assert not [line for line in lines if re.search(r"[0-9]{4}-[0-9]{2}-[0-9]?( |$)", line)]
    assert [line for line in lines if "SyncClientCredentials" in line]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not the export of a stack"),
        (b"\xff\xfe", "is not the export of a stack"),
        (b"[" * 100_000, "is not the export of a stack"),
        (b"[]", "is not the export of a stack"),
        (b'{"version": 3}', "is not the export of a stack"),
        (b'{"deployment": {"resources": {}}}', "is not the export of a stack"),
        (b'{"deployment": {"resources": [1]}}', "is not the export of a stack"),
        (b'{"deployment": {"pending_operations": [1]}}', "is not the export of a stack"),
    ],
)
def test_status_of_what_is_not_an_export_fails_in_one_line(rekey: Rekey, content: bytes, message: str) -> None:
    ended = rekey("status", "--file", "-", stdin=content)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"rekey: standard input {message}: ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--at", "tomorrow"], "is neither a span from now, like 7d, nor a moment"),
        (["--at", "2026-12-24T00:00:00"], "is neither a span from now, like 7d, nor a moment"),
        (["--at", "99999999w"], "is beyond the calendar"),
        (["--at", "99999999d"], "is beyond the calendar"),
        (["--at", "0001-01-01T00:00:00Z"], "is beyond the calendar"),
        (["--at", "0001-01-01T00:00:00+14:00"], "is beyond the calendar"),
        (["--at", "9999-12-31T23:59:59-14:00"], "is beyond the calendar"),
        (["--overdue-after", "2mo"], "is in months or years"),
        (["--all", "--stack", "dev"], "cannot go together"),
        (["--colour"], "No such option"),
    ],
)
def test_status_usage_error_exits_with_2(rekey: Rekey, arguments: list[str], message: str) -> None:
    ended = rekey("status", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_status_without_pulumi_still_reads_files(rekey: Rekey, exports: Exports, tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path)}
    assert rekey("status", "--file", exports.fresh, env=environment).code == 0
    ended = rekey("status", env=environment)
    assert ended.code == 1
    assert ended.err == ("rekey: there is no pulumi on PATH: install the Pulumi CLI, or give exports with --file\n")
    assert rekey("status", "--file", tmp_path / "none.json").err.endswith(
        "No such file or directory: correct the path\n"
    )


def test_status_of_a_folder_that_is_not_there_says_so(rekey: Rekey) -> None:
    assert rekey("status", "--cwd", "/nowhere").err == "rekey: the folder /nowhere does not exist: correct --cwd\n"


def test_help_lists_commands_in_whole_sentences(rekey: Rekey) -> None:
    listed = rekey("--help").out.partition("Commands:\n")[2].partition("\n\n")[0]
    for line in listed.splitlines():
        assert line.endswith("."), line
        assert not line.endswith("..."), line
    assert rekey("status", "--help").out.startswith("Usage: rekey status [OPTIONS] [NAME]...\n")


def test_help_documents_exit_codes(rekey: Rekey) -> None:
    for words in ((), ("due",)):
        ended = rekey(*words, "--help")
        assert ended.code == 0
        assert "Exit codes: 0 " in ended.out
        assert "2 on a usage error" in " ".join(ended.out.split())
    assert rekey("--version").out.startswith("rekey 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_works_in_shell(rekey: Rekey, shell: str) -> None:
    # Which shell the tests themselves run in is nothing to it.
    env = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ended = rekey("--show-completion", shell, env=env)
    assert ended.code == 0
    assert "rekey" in ended.out


def test_status_of_credentials_that_hang_together(rekey: Rekey, exports: Exports) -> None:
    found = credentials(document(rekey, "--file", exports.linked))
    assert {name: (each["health"], each["why"]) for name, each in found.items()} == {
        "mailer-secret": ("ok", None),
        "mailer": ("ok", "follows mailer-secret"),
        "legacy": ("never-due", "rotates only when asked"),
        "portal-blue": ("ok", None),
        "portal-green": ("ok", None),
        "masked": ("ok", None),
        "hidden": ("never-due", "rotates only when asked"),
    }
    minted = datetime.fromisoformat(found["masked"]["rotated_at"])
    assert datetime.fromisoformat(found["masked"]["next_rotation_at"]) == minted + timedelta(days=90)


def test_status_of_a_pair_that_missed_its_slots(rekey: Rekey, exports: Exports) -> None:
    """Whenever nothing has run for a year, one side at most can be overdue: the other waits for its turn."""
    for days in range(365, 425, 7):
        found = credentials(document(rekey, "--file", exports.linked, "--at", f"{days}d"))
        sides = [found["portal-blue"], found["portal-green"]]
        deferred = [side for side in sides if side["health"] == "deferred"]
        assert deferred, sides
        assert all(side["why"].startswith("not its turn, which begins ") for side in deferred)
        assert {side["health"] for side in sides} <= {"deferred", "overdue", "due"}


def test_status_without_terminal_follows(rekey: Rekey, exports: Exports) -> None:
    ended = rekey("status", "--file", exports.linked)
    (line,) = [line for line in ended.out.splitlines() if line.split()[2] == "mailer"]
    assert line.endswith("  follows mailer-secret")


def test_status_moments_are_in_utc(rekey: Rekey, exports: Exports) -> None:
    found = document(rekey, "--file", exports.fresh, "--at", "2027-01-01T02:00:00+02:00")
    assert found["at"] == "2027-01-01T00:00:00Z"
    assert datetime.fromisoformat(found["at"]).tzinfo == UTC


def test_status_of_one_credential_in_full(rekey: Rekey, exports: Exports) -> None:
    ended = rekey("status", "billing", "--file", exports.rotated)
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines() if line[:1] not in {"", " "}] == [
        *("name", "health", "endpoint", "policy", "due", "expires", "consumers", "removal", "rotations")
    ]
    assert f"rotate_now: {REASON}" in ended.out
    assert ended.out.index(REASON) < ended.out.index("created")
    assert not [secret for secret in exports.secrets if secret in ended.out]
    ended = rekey("status", "bilin", "--file", exports.rotated)
    assert (ended.code, ended.err) == (1, "rekey: there is no credential called bilin: did you mean billing?\n")
    ended = rekey("status", "--endpoint", "navigtor", "--file", exports.rotated)
    assert (ended.code, ended.err) == (1, "rekey: no credential is of the endpoint navigtor: did you mean navigator?\n")


def test_status_filters_and_sorts(rekey: Rekey, exports: Exports) -> None:
    def names(*words: str) -> list[str]:
        found = document(rekey, "--file", exports.rotated, *words)
        return [credential["name"] for stack in found["stacks"] for credential in stack["credentials"]]

    assert names("--health", "failing") == ["signing"]
    assert names("--endpoint", "roma", "--endpoint", "broker", "--sort", "name") == ["orders", "scim"]
    assert names("--sort", "name") == ["billing", "orders", "portal", "scim", "signing"]
    assert names("--sort", "due")[0] == "billing"
