"""Real servers that Pulumi keeps states on, each in a process of its own on a free port of loopback."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tools.backend_servers import S3_SERVER, postgres_programs, s3_is_ready

_START_S: Final = 60
_BUCKET: Final = "states"


@dataclass(frozen=True)
class Backend:
    """Where a stack's state is kept: the URL for `pulumi login`, and what the engine's environment must have."""

    url: str
    environment: dict[str, str] = field(repr=False)


@contextlib.contextmanager
def postgres() -> Generator[Backend]:
    """Serve an empty PostgreSQL database, as an unprivileged user, in a temporary folder."""
    programs = postgres_programs()
    if not programs:
        raise RuntimeError("there is no PostgreSQL server: `make backend-servers` installs it")
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    port, password = _free_port(), secrets.token_urlsafe()
    with tempfile.TemporaryDirectory(prefix="rekey-postgres-") as folder:
        home = Path(folder)
        # The password goes through a file: command lines are everybody's to read.
        file = home / "password"
        file.touch(0o600)
        file.write_text(password)
        shutil.chown(home, user)
        shutil.chown(file, user)
        data = home / "data"
        init: list[str | Path] = [
            programs / "initdb",
            "--pgdata",
            data,
            "--auth",
            "scram-sha-256",
            "--username",
            "rekey",
        ]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        subprocess.run(
            [*init, "--pwfile", file], user=user, cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        file.unlink()
        serve: list[str | Path] = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", home]
        with (
            (home / "log").open("w") as log,
            subprocess.Popen(serve, user=user, cwd=home, env=environment, stdout=log, stderr=log) as server,
        ):
            try:
                # Its file of the process says "ready" in the last line when it takes connections.
                pid_file = data / "postmaster.pid"
                _wait(server, lambda: pid_file.exists() and pid_file.read_text().rstrip().endswith("ready"))
                yield Backend(f"postgres://rekey@127.0.0.1:{port}/postgres?sslmode=disable", {"PGPASSWORD": password})
            finally:
                # Its fast shutdown; SIGTERM would wait for clients.
                server.send_signal(signal.SIGINT)


@contextlib.contextmanager
def s3() -> Generator[Backend]:
    """Serve an empty bucket by an S3-compatible server, which keeps it in memory."""
    if not s3_is_ready():
        raise RuntimeError("there is no S3 server: `make backend-servers` installs it")
    address = f"127.0.0.1:{(port := _free_port())}"
    # It knows no accounts, so these stand for none.
    keys = {
        "AWS_ACCESS_KEY_ID": "rekey",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(),
        # It sends no checksums; without this the engine warns of each answer, between the lines of an export.
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    serve: list[str | Path] = [S3_SERVER, "-H", "127.0.0.1", "-p", str(port)]
    with (
        subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server,
        httpx.Client(base_url=f"http://{address}", trust_env=False) as client,
    ):
        try:
            _wait(server, lambda: _listens(port))
            client.put(f"/{_BUCKET}").raise_for_status()
            query = f"endpoint=http://{address}&s3ForcePathStyle=true&region=us-east-1"
            yield Backend(f"s3://{_BUCKET}?{query}", keys)
        finally:
            server.terminate()


BACKENDS: Final = {"postgres": postgres, "s3": s3}


def missing(name: str) -> str | None:
    """Why a backend cannot be served here, or nothing."""
    there = postgres_programs() is not None if name == "postgres" else s3_is_ready()
    return None if there else f"no server for {name}: `make backend-servers` installs it"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def _wait(server: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> None:
    until = time.monotonic() + _START_S
    while not is_ready():
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the backend's server did not start")
        time.sleep(0.05)
