"""What the native plugin's previews show."""

from tests.engine import Stack
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tools.vendors import Sandbox

PROGRAM = """
import pulumi, pulumi_rekey as rekey

portal = rekey.OidcRelyingParty(
    "portal",
    client_name="portal",
    redirect_uris=["https://portal.example.com/"MORE],
    rotation=rekey.Rotation(triggers={"release": RELEASE}),
    opts=pulumi.ResourceOptions(OPTIONS),
)
dependent = rekey.GeneratedSecret(
    "dependent",
    vendor="roma",
    rotation=rekey.Rotation(triggers={"secret": portal.client_secret, "client": portal.client_id}),
)
pulumi.export("generation", portal.generation)
pulumi.export("uris", portal.redirect_uris)
"""


def program(*, more: str = "", release: int = 1, options: str = "") -> str:
    return PROGRAM.replace("MORE", more).replace("RELEASE", str(release)).replace("OPTIONS", options)


def test_preview_of_a_setting_leaves_dependents_alone(native: Stack, sandbox: Sandbox) -> None:
    native.program(program())
    assert native.preview().steps == ["create portal", "create dependent"]
    native.up()
    native.program(program(more=', "https://other.example.com/"'))
    preview = native.preview("--diff")
    assert preview.steps == ["update portal"]
    assert "may rotate" not in preview.text
    assert '+ [1]: "https://other.example.com/"' in preview.text.replace("  ", " ")
    assert native.up().steps == ["update portal"]


def test_preview_of_a_rotation_shows_what_it_changes(native: Stack, sandbox: Sandbox) -> None:
    native.program(program())
    native.up()
    native.program(program(release=2))
    preview = native.preview("--diff")
    assert preview.steps == ["update portal", "update dependent"]
    assert "portal: rotates" in preview.text
    assert "generation: 1 => 2" in preview.text.replace("  ", " ")
    assert "~ release" in preview.text
    assert "client" not in [line.strip(" ~+-").split(":")[0] for line in preview.text.splitlines()]
    assert native.up().steps == ["update portal", "update dependent"]


def test_drift_shows_as_the_property_that_differs(native: Stack, sandbox: Sandbox) -> None:
    native.program(program())
    native.up()
    party = native.resource("portal")["outputs"]
    OidcRelyingPartyCase(sandbox).drift(party)
    native.refresh()
    preview = native.preview("--diff")
    assert preview.steps == ["update portal"]
    assert '~ client_name : "somebody\'s" => "portal"' in " ".join(preview.text.split())


def test_replace_on_changes_replaces(native: Stack, sandbox: Sandbox) -> None:
    native.program(program())
    native.up()
    native.program(program(more=', "https://other.example.com/"', options='replace_on_changes=["redirect_uris"]'))
    assert "replace portal" in native.preview().steps
    native.program(program(release=2, options='replace_on_changes=["rotation"]'))
    preview = native.preview()
    assert "replace portal" in preview.steps
    assert "portal: rotates" not in preview.text
