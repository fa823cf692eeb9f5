"""What is loaded where: a program does not wait for what only the host needs, nor a run without calls for HTTP."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi_rekey import resources
from pulumi_rekey.resources import MODULES

#: Each costs from a tenth to a quarter of a second.
HEAVY = ("pydantic", "httpx", "deepdiff", "cryptography", "cronsim", "yaml", "rich", "typer")


def loaded(program: str) -> set[str]:
    """What a program loads beyond what pulumi itself does."""
    code = (
        f"import sys, pulumi, pulumi.dynamic\nbefore = set(sys.modules)\n{program}\nprint(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_imports_of_a_program_are_light() -> None:
    found = loaded("from pulumi_rekey import *")
    assert "pulumi_rekey" in found
    assert found.isdisjoint(HEAVY)


def test_imports_of_administrators_and_consumers_hold_nothing_of_the_product() -> None:
    """So that what judges the product shares no mistake with it."""
    found = loaded("import tools.administrators, tools.consumers")
    assert "httpx" in found
    assert "pulumi_rekey" not in found


@pytest.mark.parametrize("module", MODULES)
def test_imports_of_a_comparing_host_hold_no_http(module: str) -> None:
    found = loaded(f"import pulumi_rekey.dynamic.host as host\nhost.{module}.answers")
    assert "pydantic" in found
    assert found.isdisjoint({"httpx", "deepdiff", "cryptography", "rich", "typer"})


def test_imports_of_one_resource_hold_no_other() -> None:
    code = "import sys\nfrom pulumi_rekey import resources\nresources.by_name('OrgOAuthApp').name\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if name.startswith("pulumi_rekey.resources.")}
    assert found == {"pulumi_rekey.resources.org_oauth_app"}


def test_imports_of_http_hold_no_command_line() -> None:
    found = loaded(
        "from pulumi_rekey.endpoints.connections import Connections\n"
        "from pulumi_rekey.endpoints.vcd import VcdEndpoint\n"
        "Connections(VcdEndpoint(url='http://127.0.0.1:1')).close()\n"
        "assert 'httpx._main' not in sys.modules"
    )
    assert "httpx" in found
    assert found.isdisjoint({"rich", "click", "pygments"})


def test_imports_of_what_both_front_ends_share_hold_neither_pulumi_nor_grpc() -> None:
    """They speak in plain dicts; each front end has its own way to say the same to the engine."""
    code = (
        "import sys, pkgutil, importlib, pulumi_rekey.frontend as shared\n"
        "for found in pkgutil.iter_modules(shared.__path__):\n"
        "    importlib.import_module(f'{shared.__name__}.{found.name}')\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert "pulumi_rekey.frontend.answers" in found
    assert found.isdisjoint({"pulumi", "grpc", "google.protobuf"})


def test_imports_of_a_front_end_hold_nothing_of_the_other() -> None:
    package = Path(resources.__file__).parent.parent
    for mine, other in (("dynamic", "native"), ("native", "dynamic")):
        files = sorted((package / mine).glob("*.py"))
        assert files
        for file in files:
            names = [
                node.module or "" for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)
            ]
            assert not any(other in name.split(".") for name in names), file
