"""The plugin on the engine."""

import os
from pathlib import Path

from tests.engine import BIN, Stack
from tools.vendors import Sandbox

PROGRAM = """
import pulumi, pulumi_rekey as rekey

portal = rekey.OidcRelyingParty(
    "portal",
    client_name="portal",
    redirect_uris=["https://portal.example.com/"],
    rotation=rekey.Rotation(triggers={"release": RELEASE}),
)
pulumi.export("secret", portal.client_secret)
pulumi.export("generation", portal.generation)
"""


def test_plugin_creates_rotates_and_destroys(native: Stack, sandbox: Sandbox) -> None:
    native.program(PROGRAM.replace("RELEASE", "1"))
    created = native.up(preview=True)
    assert created.steps == ["create portal"]
    resource = native.resource("portal")
    assert resource["type"] == "rekey:index:OidcRelyingParty"
    first = native.outputs()
    assert native.up("--expect-no-changes").steps == []
    native.program(PROGRAM.replace("RELEASE", "2"))
    rotated = native.up(preview=True)
    assert rotated.steps == ["update portal"]
    assert "rotates: trigger changed: release" in rotated.text
    second = native.outputs()
    assert second["generation"] == first["generation"] + 1 == 2
    assert second["secret"] != first["secret"]
    for text in (created.text, rotated.text, str(native.export())):
        assert first["secret"] not in text
        assert second["secret"] not in text
    assert native.refresh().steps == []
    assert native.destroy().steps == ["delete portal"]


def test_plugin_of_another_version_is_refused(native: Stack, sandbox: Sandbox) -> None:
    native.program("""
import pulumi, pulumi_rekey as rekey

rekey.GeneratedSecret("it", vendor="roma", opts=pulumi.ResourceOptions(version="0.0.1"))
""")
    text = native.preview(fails=True).text
    assert "is that of the program's package, and this plugin is " in text
    assert "install the same version for both" in text


def test_settings_that_do_not_exist_are_refused(native: Stack, sandbox: Sandbox) -> None:
    native.program("import pulumi_rekey as rekey\nrekey.GeneratedSecret('it', vendor='roma')\n")
    native.configure({"rekey:endpont": "x"})
    assert "did you mean endpoints? use one of: endpoints, owner, rotateNow" in native.preview(fails=True).text


def test_front_end_that_does_not_exist_is_refused(native: Stack, sandbox: Sandbox) -> None:
    native.program("import pulumi_rekey as rekey\nrekey.GeneratedSecret('it', vendor='roma')\n")
    native.configure({"rekey:frontend": "nativ"})
    assert "error: rekey:frontend must be dynamic or native" in native.preview(fails=True).text


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
