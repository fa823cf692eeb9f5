"""The plugin on the engine."""

from tests.engine import Stack
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
