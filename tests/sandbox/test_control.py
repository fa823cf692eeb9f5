"""The control endpoints: time, faults, the log, the dialect, and who may ask for them."""

import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tools.administrators import Roma

from .conftest import Sandbox

SOMETHING = "/v3/auth/tokens"  # any vendor path


def login(sandbox: Sandbox) -> httpx.Response:
    return Roma(sandbox).log_in()


def test_credentials_of_all_vendors(sandbox: Sandbox) -> None:
    assert set(sandbox.credentials) == {"vcd", "broker", "navigator", "roma"}
    assert all(vendor["url"] == sandbox.url for vendor in sandbox.credentials.values())
    sandbox.reset()
    assert sandbox.http.get("/_sandbox/credentials").json() == sandbox.credentials


def test_clock_advances_and_resets(sandbox: Sandbox) -> None:
    def now() -> datetime:
        return datetime.fromisoformat(sandbox.http.get("/_sandbox/clock").json()["now"])

    before = now()
    sandbox.advance("1d12h3m4s")
    moved = now() - before - timedelta(days=1, hours=12, minutes=3, seconds=4)
    assert timedelta() <= moved < timedelta(minutes=1)
    sandbox.reset()
    assert now() - before < timedelta(minutes=1)


@pytest.mark.parametrize("advance", ["", "1", "-1d", "1w", "d", "1h1d", 5, None, "999999999d"])
def test_clock_refuses_bad_durations(sandbox: Sandbox, advance: object) -> None:
    assert sandbox.http.post("/_sandbox/clock", json={"advance": advance}).status_code == 400


def test_control_answers_neither_pages_nor_other_hosts(sandbox: Sandbox) -> None:
    for headers in ({"Host": "rekey.example"}, {"Host": "127.0.0.1.example"}, {"Origin": "http://127.0.0.1"}):
        assert sandbox.http.get("/_sandbox/credentials", headers=headers).status_code == 403
    assert sandbox.http.get("/_sandbox/credentials", headers={"Host": "localhost"}).status_code == 200
    assert sandbox.http.get("/_sandbox/credentials", headers={"Host": "[::1]:80"}).status_code == 200


def test_throttle_refuses_before_the_vendor_hears_of_it(sandbox: Sandbox) -> None:
    sandbox.throttle(rate=1, retry_after="7")
    assert login(sandbox).status_code == 201
    refused = login(sandbox)
    assert (refused.status_code, refused.headers["retry-after"], refused.content) == (429, "7", b"")
    sandbox.throttle()
    assert login(sandbox).status_code == 201


@pytest.mark.parametrize("limit", [{"rate": 0}, {"in_flight": -1}, {"rate": "many"}, {"colour": "red"}])
def test_throttle_refuses_what_is_no_limit(sandbox: Sandbox, limit: dict[str, object]) -> None:
    assert sandbox.http.post("/_sandbox/throttle", json=limit).status_code == 400


def test_calls_list_vendor_calls_only(sandbox: Sandbox) -> None:
    login(sandbox)
    sandbox.http.get(SOMETHING, params={"secret": "x"})
    calls = sandbox.calls()
    assert [(call["method"], call["path"], call["status"]) for call in calls] == [
        ("POST", SOMETHING, 201),
        ("GET", SOMETHING, 405),
    ]
    assert set(calls[0]) == {"method", "path", "status", "time", "ms"}
    sandbox.http.delete("/_sandbox/calls")
    assert sandbox.calls() == []


def test_dialect_switches_are_set_all_or_none(sandbox: Sandbox) -> None:
    before = sandbox.http.get("/_sandbox/dialect").json()
    assert before["roma.missing_app"] == "404"
    answer = sandbox.http.post("/_sandbox/dialect", json={"roma.missing_app": "403", "roma.get_secret": "no"})
    assert answer.status_code == 400
    assert "plain, masked" in answer.json()["error"]
    assert "roma.missing_app" in sandbox.http.post("/_sandbox/dialect", json={"colour": "red"}).json()["error"]
    assert sandbox.http.get("/_sandbox/dialect").json() == before
    sandbox.dialect(roma__missing_app="403")
    assert sandbox.http.get("/_sandbox/dialect").json() == before | {"roma.missing_app": "403"}


def test_fault_status_replaces_the_answer(sandbox: Sandbox) -> None:
    sandbox.fault("auth", method="post", status=503, retry_after="0", body="busy", content_type="text/plain", skip=1)
    assert login(sandbox).status_code == 201
    busy = login(sandbox)
    assert (busy.status_code, busy.headers["retry-after"], busy.text) == (503, "0", "busy")
    assert login(sandbox).status_code == 201
    [rule] = sandbox.http.get("/_sandbox/faults").json()
    assert (rule["path"], rule["status"], rule["fired"]) == ("auth", 503, 1)


def test_fault_lasts_until_cleared(sandbox: Sandbox) -> None:
    sandbox.fault("^/v3/", count=0, status=500)
    assert {login(sandbox).status_code for _ in range(3)} == {500}
    sandbox.clear_faults()
    assert login(sandbox).status_code == 201


def test_fault_status_after_the_change(sandbox: Sandbox) -> None:
    secret = secret_of_the_app(sandbox)
    sandbox.fault("/secret$", method="PUT", status=502, commit=True)
    assert reset_the_secret(sandbox).status_code == 502
    assert secret_of_the_app(sandbox) != secret


@pytest.mark.parametrize(("drop", "changed"), [("before", False), ("after", True), ("cut", True)])
def test_fault_drops_the_connection(sandbox: Sandbox, drop: str, changed: bool) -> None:  # noqa: FBT001 - a case
    secret = secret_of_the_app(sandbox)
    sandbox.fault("/secret$", method="PUT", drop=drop)
    with pytest.raises(httpx.RemoteProtocolError if drop == "cut" else httpx.ReadError):
        reset_the_secret(sandbox)
    assert (secret_of_the_app(sandbox) != secret) is changed
    put = next(call for call in sandbox.calls() if call["method"] == "PUT")
    assert put["status"] == (200 if drop == "cut" else None)


def test_fault_cut_of_an_empty_answer_drops_it(sandbox: Sandbox) -> None:
    sandbox.fault("/apps/", method="DELETE", drop="cut")
    path = secret_path(sandbox).removesuffix("/secret")
    with pytest.raises(httpx.ReadError):
        sandbox.http.delete(path, headers=token(sandbox))
    assert sandbox.http.get(path, headers=token(sandbox)).status_code == 404


def test_reset_is_not_changed_by_earlier_requests(sandbox: Sandbox) -> None:
    secret, headers = secret_of_the_app(sandbox), token(sandbox)
    sandbox.fault("/secret$", method="PUT", latency=0.1)
    with pytest.raises(httpx.ReadTimeout):
        sandbox.http.put(secret_path(sandbox), headers=headers, timeout=0.02)
    sandbox.reset()
    sandbox.fault("auth", latency=0.15)  # the late one comes before this one
    assert secret_of_the_app(sandbox) == secret
    assert "PUT" not in [call["method"] for call in sandbox.calls()]


def test_fault_latency(sandbox: Sandbox) -> None:
    sandbox.fault("auth", latency=0.1)
    started = time.perf_counter()
    assert login(sandbox).status_code == 201
    assert time.perf_counter() - started >= 0.1


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"path": "x"},
        {"path": "(", "status": 500},
        {"path": "x", "status": "500"},
        {"path": "x", "status": 99},
        {"path": "x", "status": 500, "drop": "after"},
        {"path": "x", "drop": "sometimes"},
        {"path": "x", "drop": "before", "commit": True},
        {"path": "x", "latency": -1},
        {"path": "x", "latency": 1e9},
        {"path": "x", "latency": 1, "body": "x"},
        {"path": "x", "status": 500, "count": -1},
        {"path": "x", "status": 500, "times": 1},
    ],
)
def test_fault_with_a_meaningless_rule_is_refused(sandbox: Sandbox, rule: dict[str, object]) -> None:
    assert sandbox.http.post("/_sandbox/faults", json=rule).status_code == 400
    assert sandbox.http.get("/_sandbox/faults").json() == []


@pytest.mark.parametrize(
    "arguments",
    [["--host", "0.0.0.0"], ["--host", "example.org"], ["--tls-key", "x"], ["--port", "0", "--x"]],
)
def test_command_line_refused(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pulumi_rekey.sandbox", *arguments]
    assert subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 2


def test_https_with_a_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    self_signed(certificate, key)
    arguments = ["--port", "0", "--tls-certificate", str(certificate), "--tls-key", str(key)]
    command = [sys.executable, "-m", "pulumi_rekey.sandbox", *arguments]
    trusted = ssl.create_default_context(cafile=str(certificate))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().removeprefix("rekey sandbox ready at ")
        with httpx.Client(base_url=url, trust_env=False, verify=trusted) as http:
            assert http.get("/_sandbox/credentials").json()["roma"]["iam_url"] == url
            for drop in ("before", "after", "cut"):
                assert http.post("/_sandbox/faults", json={"path": "^/v3", "drop": drop}).status_code == 201
                with pytest.raises(httpx.TransportError):
                    http.get(SOMETHING)
            assert http.get(SOMETHING).status_code == 405
        process.terminate()


def self_signed(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def secret_of_the_app(sandbox: Sandbox) -> str:
    secret: str = sandbox.http.get(secret_path(sandbox), headers=token(sandbox)).json()["secret"]
    return secret


def reset_the_secret(sandbox: Sandbox) -> httpx.Response:
    return sandbox.http.put(secret_path(sandbox), headers=token(sandbox))


def secret_path(sandbox: Sandbox) -> str:
    return "/v2/{project_id}/instances/{instance_id}/apps/{app_id}/secret".format(**sandbox.credentials["roma"])


def token(sandbox: Sandbox) -> dict[str, str]:
    return {"X-Auth-Token": login(sandbox).headers["X-Subject-Token"]}
