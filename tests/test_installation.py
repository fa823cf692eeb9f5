"""What an installation does to its user's machine: it asks nobody for a plugin."""

import json
import os
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine import Stack
from tests.installed import Installed, built
from tests.pages import ROOT

SAYS_NO_PLUGIN = "pulumi_rekey/pulumi-plugin.json"
PROGRAM = """
import pulumi
import pulumi_rekey as rekey

pulumi.export("where", rekey.__file__)
rekey.GeneratedSecret("generated", vendor="navigator")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "venv")


# -- no plugin ---------------------------------------------------------------------------------------------------------


def test_the_wheel_says_that_there_is_no_plugin(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.namelist().count(SAYS_NO_PLUGIN) == 1
        assert json.loads(archive.read(SAYS_NO_PLUGIN)) == {"resource": False}


def test_the_sdist_has_it_for_the_wheel(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        assert [name for name in archive.getnames() if name.endswith(f"/provider/{SAYS_NO_PLUGIN}")]


def test_an_editable_install_says_so_where_the_language_host_looks(installed: Installed) -> None:
    """The host looks in the folder of the distribution's metadata, not where its modules are."""
    installed.pip("install", "--no-deps", "--editable", str(ROOT))
    assert json.loads((installed.packages / SAYS_NO_PLUGIN).read_text()) == {"resource": False}
    imported = installed.run("import pulumi_rekey; print(pulumi_rekey.__file__)").stdout.strip()
    assert Path(imported) == ROOT / "provider" / "pulumi_rekey" / "__init__.py"


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """The way out of this machine, which is closed: its address, and what somebody wanted to reach by it."""
    wanted: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    wanted.append(connection.recv(65536).partition(b"\r\n")[0].decode())
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", wanted
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


#: What the engine's log says of a package that the language host has found to have a plugin.
REQUIRED = "gatherPackagesFromProgram(): "


def required(said: str) -> list[str]:
    """The lines about Rekey among them."""
    return [line for line in said.splitlines() if REQUIRED in line and "rekey" in line]


def acquiring(stack: Stack, installed: Installed, proxy: str) -> Stack:
    """The stack as its user runs it: plugins are acquired, by whatever way out there is."""
    stack.environment.pop("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
    stack.environment["PATH"] = os.pathsep.join([str(installed.python.parent), stack.environment["PATH"]])
    ways = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
    stack.environment |= ways | dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    stack.program(PROGRAM)
    return stack


@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_no_plugin_is_looked_for(bare_stack: Stack, installed: Installed, wheel: Path, how: str) -> None:
    source = [str(wheel)] if how == "wheel" else ["--editable", str(ROOT)]
    installed.pip("install", "--no-deps", "--ignore-installed", *source)
    with recording_proxy() as (proxy, wanted):
        stack = acquiring(bare_stack, installed, proxy)
        said = stack.up("-v=9", "--logtostderr").text
        where = Path(stack.outputs()["where"])
    assert wanted == []
    assert where.is_relative_to(installed.packages if how == "wheel" else ROOT)
    assert REQUIRED in said
    assert required(said) == []


def test_without_that_file_a_plugin_would_be_looked_for(bare_stack: Stack, installed: Installed, wheel: Path) -> None:
    """The proxy does see what the engine wants, so that the test above can fail."""
    installed.pip("install", "--no-deps", "--ignore-installed", str(wheel))
    (installed.packages / SAYS_NO_PLUGIN).unlink()
    with recording_proxy() as (proxy, wanted):
        said = acquiring(bare_stack, installed, proxy).preview("-v=9", "--logtostderr", fails=None).text
    assert required(said)
    assert [line for line in wanted if line.startswith("CONNECT ")]
