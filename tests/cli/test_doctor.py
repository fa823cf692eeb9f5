"""`rekey doctor`, against the real engine and the sandbox: what it finds, and what it must not say."""

import socket
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.engine import Engine, Stack
from tests.pages import ROOT
from tools.vendors import Sandbox

from .conftest import Ended, Exports, Rekey

DEV = ("doctor", "--stack", "dev")


def findings(ended: Ended) -> list[tuple[str, str]]:
    """(level, subject: what), without the remedies."""
    return [
        (line[:8].strip(), line[9:]) for line in ended.out.splitlines() if not line.startswith(" ") and line[8:9] == " "
    ]


def of(ended: Ended, level: str) -> list[str]:
    return [what for found, what in findings(ended) if found == level]


def remedies(ended: Ended) -> str:
    return "\n".join(line for line in ended.out.splitlines() if line.startswith(" "))


def leaks(ended: Ended, sandbox: Sandbox) -> list[str]:
    secret = ("token", "secret", "password", "secret_key", "api_token")
    values = [value for vendor in sandbox.credentials.values() for key, value in vendor.items() if key.endswith(secret)]
    assert len(values) > 8
    return [value for value in values if value in ended.out + ended.err]


def test_doctor_finds_no_problem_where_there_is_none(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    sandbox.forget_calls()
    ended = rekey(*DEV, cwd=stack.folder, env=stack.environment)
    assert (ended.code, ended.err) == (0, "")
    assert of(ended, "problem") == []
    assert of(ended, "warning") == []
    good = of(ended, "ok")
    assert good[0].startswith("engine: pulumi v3.")
    assert "owner: rekey:owner is set" in good
    assert "endpoint vcd: apiToken from the stack; org from the stack; url from the stack" in good
    assert "endpoint vcd: logs in with apiToken, and may read what it has to manage" in good
    assert "endpoint roma: its clock and this machine's agree" in good
    assert "make sure that it has the permission to manage the application that `app_id` names" in remedies(ended)
    assert leaks(ended, sandbox) == []
    assert {call["method"] for call in sandbox.calls() if "token" not in call["path"]} == {"GET"}


def test_doctor_proves_rights_by_reading_existing_credentials(
    rekey: Rekey, exports: Exports, sandbox_process: Sandbox
) -> None:
    """Nothing but the state tells which directory, or which application, the account has to manage."""
    ended = rekey(*DEV, cwd=exports.stack.folder, env=exports.stack.environment)
    note = "that the account has its rights shows at the first credential"
    assert not [what for what in of(ended, "note") if note in what], ended.out
    assert leaks(ended, sandbox_process) == []


def test_doctor_reads_nothing_whose_id_is_secret(rekey: Rekey, exports: Exports) -> None:
    ended = rekey(*DEV, cwd=exports.linked_stack.folder, env=exports.linked_stack.environment)
    assert (ended.code, of(ended, "problem")) == (0, [])
    assert len([what for what in of(ended, "note") if what.startswith("endpoint broker: logs in with")]) == 1


def test_doctor_names_the_missing_right(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    stack.configure({}, {"rekey:endpoints.vcd.apiToken": sandbox.credentials["vcd"]["weak_api_token"]})
    ended = rekey(*DEV, cwd=stack.folder, env=stack.environment)
    assert ended.code == 1
    (problem,) = of(ended, "problem")
    assert problem.startswith("endpoint vcd: vcd: GET /cloudapi/1.0.0/openIdProvider/relyingParties: 403 ")
    assert 'the account needs the right "OIDC Server: Manage Settings"' in remedies(ended)
    assert leaks(ended, sandbox) == []


def test_doctor_names_the_variable_of_wrong_credentials(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    environment = stack.environment | {"CPN_API_TOKEN": "hunter2", "VCD_PASSWORD": "hunter3"}
    ended = rekey(*DEV, cwd=stack.folder, env=environment)
    assert ended.code == 1
    assert "endpoint navigator: apiToken from CPN_API_TOKEN; orgId from the stack; url from the stack" in of(
        ended, "ok"
    )
    (problem,) = of(ended, "problem")
    assert problem.startswith("endpoint navigator: navigator: POST ")
    assert "correct the credentials of this endpoint" in remedies(ended)
    assert "hunter" not in ended.out + ended.err


def test_doctor_refuses_a_credential_in_plain_text(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    stack.configure({"rekey:endpoints.vcd.apiToken": sandbox.credentials["vcd"]["api_token"]})
    ended = rekey(*DEV, cwd=stack.folder, env=stack.environment)
    assert ended.code == 1
    assert of(ended, "problem") == [
        "endpoint vcd: rekey:endpoints.vcd.apiToken is in the stack's configuration in plain text"
    ]
    assert "pulumi config set --path --secret rekey:endpoints.vcd.apiToken" in remedies(ended)
    assert leaks(ended, sandbox) == []


def test_doctor_reports_unreachable_endpoint_and_missing_kind(rekey: Rekey, stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    stack.configure({"rekey:endpoints.roma.url": f"http://127.0.0.1:{closed}", "rekey:endpoints.dr-site.url": "x"})
    ended = rekey(*DEV, cwd=stack.folder, env=stack.environment)
    assert ended.code == 1
    assert of(ended, "problem") == [
        "endpoint dr-site: its kind is not known",
        f"endpoint roma: roma: GET /: no connection to 127.0.0.1:{closed}: refused, since nothing listens there",
    ]


@contextmanager
def clock(ahead: timedelta) -> Iterator[str]:
    """A server whose clock is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    shown = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
                    head = f"HTTP/1.1 404 Not Found\r\nDate: {shown}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    connection.sendall(head.encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (timedelta(minutes=2), "warning", "1"),
        (-timedelta(minutes=20), "problem", "20 min behind this machine's"),
    ],
)
def test_doctor_reports_clock_skew(rekey: Rekey, stack: Stack, ahead: timedelta, level: str, said: str) -> None:
    with clock(ahead) as url:
        stack.configure({"rekey:endpoints.roma.url": url})
        ended = rekey(*DEV, cwd=stack.folder, env=stack.environment)
    found = [what for what in of(ended, level) if what.startswith("endpoint roma: its clock is")]
    assert len(found) == 1
    assert said in found[0]


def test_doctor_without_project_checks_the_environment(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    vcd = sandbox.credentials["vcd"]
    environment = stack.environment | {"VCD_URL": vcd["url"], "VCD_API_TOKEN": vcd["api_token"], "CPN_API_TOKEN": "x"}
    ended = rekey("doctor", env=environment)
    assert ended.code == 1
    assert [what.partition(":")[0] for what in of(ended, "problem")] == ["stack"]
    assert "endpoint vcd: apiToken from VCD_API_TOKEN; url from VCD_URL" in of(ended, "ok")
    assert of(ended, "note") == ["environment: CPN_API_TOKEN is set, and no endpoint uses it"]
    assert leaks(ended, sandbox) == []


def test_doctor_without_passphrase_says_so(rekey: Rekey, stack: Stack) -> None:
    stack.run("stack", "change-secrets-provider", "passphrase")
    environment = {name: value for name, value in stack.environment.items() if "PASSPHRASE" not in name}
    ended = rekey(*DEV, cwd=stack.folder, env=environment)
    assert ended.code == 1
    assert [what for what in of(ended, "problem") if "passphrase must be set with PULUMI_CONFIG_PASSPHRASE" in what]
    assert "no endpoint is configured" not in ended.out, "that is not known"


def test_doctor_with_a_wrong_passphrase_says_so(rekey: Rekey, stack: Stack) -> None:
    stack.run("stack", "change-secrets-provider", "passphrase")
    ended = rekey(*DEV, cwd=stack.folder, env=stack.environment | {"PULUMI_CONFIG_PASSPHRASE": "wrong"})
    assert ended.code == 1
    assert "stack: pulumi config: incorrect passphrase" in of(ended, "problem")
    assert "-> set PULUMI_CONFIG_PASSPHRASE, or the file that" in remedies(ended)


def test_a_program_without_rekey_gets_it_from_where_this_one_came(rekey: Rekey, engine: Engine, tmp_path: Path) -> None:
    """Not by its name: an index has nothing of ours by that."""
    venv.create(tmp_path / "venv")
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: {name: python, options: {virtualenv: venv}}\n")
    ended = rekey("doctor", cwd=tmp_path, env=engine.environment)
    assert "project: the Python of its program has no pulumi-rekey" in of(ended, "problem")
    assert f"-> venv/bin/python -m pip install --editable {ROOT}\n" in ended.out
