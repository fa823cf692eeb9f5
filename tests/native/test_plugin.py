"""The plugin on the engine."""

import os
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.config import CONFIG
from pulumi_rekey.programs.front_end import is_native

from tests.engine import BIN, Stack
from tools.vendors import Sandbox


def test_plugin_of_another_version_is_refused(native: Stack, sandbox: Sandbox) -> None:
    native.program("""
import pulumi, pulumi_rekey as rekey

rekey.GeneratedSecret("it", vendor="roma", opts=pulumi.ResourceOptions(version="0.0.1"))
""")
    text = native.preview(fails=True).text
    assert "is that of the program's package, and this plugin is " in text
    assert "install the same version for both" in text


def test_front_end_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONFIG.get(), "rekey:frontend", "nativ")
    with pytest.raises(pulumi.RunError, match=r"^rekey:frontend must be dynamic or native$"):
        is_native()


def test_plugin_that_is_not_found_is_said_where_to_name(native: Stack, sandbox: Sandbox, tmp_path: Path) -> None:
    """The engine looks on its own path, where a virtual environment is that was activated."""
    native.use_dynamic()
    native.configure({"rekey:frontend": "native"})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec "{BIN}/python3" "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    paths = [str(tmp_path / "bin"), *native.environment["PATH"].split(":")]
    native.environment = native.environment | {"PATH": ":".join(path for path in paths if Path(path) != BIN)}
    native.program("import pulumi_rekey as rekey\nrekey.GeneratedSecret('it', vendor='roma')\n")
    text = native.preview(fails=True).text
    assert "error: no resource plugin 'pulumi-resource-rekey' found" in text
    assert (
        f"write `plugins: {{providers: [{{name: rekey, path: {os.path.relpath(BIN, native.folder)}}}]}}` into it"
        in text
    )
