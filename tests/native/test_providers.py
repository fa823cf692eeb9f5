"""Explicit providers: endpoints of their own, beside those of the stack's configuration."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_rekey as rekey
import pytest

from tests.engine import NATIVE, Stack
from tools.vendors import Sandbox, running_sandbox

PROGRAM = """
import json
import pulumi, pulumi_rekey as rekey

config = pulumi.Config()
for name in ("one", "two"):
    provider = rekey.Provider(name, endpoints=config.require_secret_object(name), owner=f"owner of {name}")
    rekey.OidcRelyingParty(
        f"party-{name}",
        client_name="portal",
        redirect_uris=["https://portal.example.com/"],
        opts=pulumi.ResourceOptions(provider=provider),
    )
"""


def test_providers_manage_two_systems(native: Stack, sandbox: Sandbox) -> None:
    native.program(PROGRAM)
    with running_sandbox() as second:
        systems = {"one": sandbox, "two": second}
        # Nothing is known of any endpoint but theirs.
        settings: dict[str, dict[str, dict[str, Any]]]
        settings = {name: {"vcd": {**system.endpoint("vcd")}} for name, system in systems.items()}
        native.configure({}, {f"probe:{name}": json.dumps(endpoints) for name, endpoints in settings.items()})
        for system in systems.values():
            system.forget_calls()
        created = native.up(preview=True)
        assert sorted(created.steps) == ["create party-one", "create party-two"]
        # A call is noted when it has been answered, and by then the next one may have been.
        calls = {name: sorted(call["method"] for call in system.calls()) for name, system in systems.items()}
        assert calls["one"] == calls["two"] != []
        assert "api_token" not in created.text
        token = sandbox.credentials["vcd"]["api_token"]
        assert token not in json.dumps(native.export()) + created.text
        settings["one"]["vcd"] |= {"timeout": 20}
        ordered = {"rekey:rotateNow.party-two": "INC-4711"}
        native.configure(ordered, {"probe:one": json.dumps(settings["one"])})
        assert native.up(preview=True).steps == ["update party-two"]
        assert native.resource("party-two")["outputs"]["rotation_reason"] == "rotate_now: INC-4711"
        here, settings["one"]["vcd"]["url"] = settings["one"]["vcd"]["url"], second.endpoint("vcd")["url"]
        native.configure({}, {"probe:one": json.dumps(settings["one"])})
        native.program(PROGRAM.replace('"portal"', '"renamed"'))
        moved = native.preview(fails=True).text
        native.program(PROGRAM)
        assert f"set endpoints.vcd.movedFrom of provider 'one' to {here} if the system has moved" in moved
        settings["one"]["vcd"]["url"] = here
        native.configure({}, {"probe:one": json.dumps(settings["one"])})
        assert sorted(native.destroy().steps) == ["delete party-one", "delete party-two"]


NOT_KNOWN_YET = """
import pulumi, pulumi_rekey as rekey

config = pulumi.Config()
made = rekey.GeneratedSecret("made", vendor="roma")
vcd = {"url": made.secret.apply(lambda _made: config.require("url")), "apiToken": config.require_secret("token")}
rekey.OidcRelyingParty(
    "party",
    client_name="portal",
    redirect_uris=["https://portal.example.com/"],
    opts=pulumi.ResourceOptions(provider=rekey.Provider("site", endpoints={"vcd": vcd}, owner="o")),
)
"""


def test_provider_whose_settings_are_not_known_yet(native: Stack, sandbox: Sandbox) -> None:
    vcd = sandbox.endpoint("vcd")
    native.configure({"probe:url": str(vcd["url"])}, {"probe:token": str(vcd["apiToken"])})
    native.program(NOT_KNOWN_YET)
    run = native.up(preview=True)
    assert "create party" in run.steps
    assert run.tracebacks == 0
    native.program(
        NOT_KNOWN_YET.replace('vendor="roma"', 'vendor="roma", rotation=rekey.Rotation(rotate_now="again")').replace(
            '"portal"', '"renamed"'
        )
    )
    preview = native.preview()
    assert "update party" in preview.steps
    assert "inputs that are not known during preview" in preview.text
    assert "update party" in native.up().steps


IN_YAML = """
name: probe
runtime: yaml
resources:
  site:
    type: pulumi:providers:rekey
    properties:
      rotateNow: {made: INC-4711}
  made:
    type: rekey:GeneratedSecret
    properties: {vendor: roma, rotation: {}}
    options:
      provider: ${site}
"""


def test_provider_in_yaml_orders_rotations(native: Stack, languages: Path) -> None:
    native.environment = native.environment | {"PATH": f"{languages}:{native.environment['PATH']}"}
    project = native.folder / "Pulumi.yaml"
    text = IN_YAML + NATIVE.partition("\n")[2]
    project.write_text(text)
    native.up()
    project.write_text(text.replace("INC-4711", "INC-4712"))
    assert "made: rotates: rotate_now: INC-4712" in native.preview().text
    project.write_text(text.replace("rotation: {}", "rotation: {rotate_now: INC-4713}"))
    refused = native.preview(fails=True).text
    assert "resource 'made': property rotation.rotate_now value" in refused
    assert "or in rotateNow of provider 'site': take it out of the program" in refused


def test_provider_needs_the_native_front_end() -> None:
    """The dynamic one is the default."""
    told = "^one: only the native front end has providers: set rekey:frontend to native$"
    with pytest.raises(pulumi.RunError, match=told):
        rekey.Provider("one", endpoints={})
