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


def test_previews_in_the_life_of_a_resource(native: Stack, sandbox: Sandbox) -> None:
    """One stack for all of them: what each shows, and that the run after it does this."""
    native.program(program())
    created = native.up(preview=True)
    assert created.steps == ["create portal", "create dependent"]
    assert native.resource("portal")["type"] == "rekey:index:OidcRelyingParty"
    first = native.resource("portal")["outputs"]["client_secret"]

    # A setting: what depends on the secret is left alone.
    edited = ', "https://other.example.com/"'
    native.program(program(more=edited))
    preview = native.preview("--diff")
    assert preview.steps == ["update portal"]
    assert "may rotate" not in preview.text
    assert '+ [1]: "https://other.example.com/"' in preview.text.replace("  ", " ")
    assert native.up().steps == ["update portal"]
    assert native.up("--expect-no-changes").steps == []

    # A setting for which the program wants a replacement, as it does for a rotation: then nothing rotates.
    native.program(program(options='replace_on_changes=["redirect_uris"]'))
    assert "replace portal" in native.preview().steps
    native.program(program(more=edited, release=2, options='replace_on_changes=["rotation"]'))
    preview = native.preview()
    assert "replace portal" in preview.steps
    assert "portal: rotates" not in preview.text

    # A rotation: what it changes, and nothing else.
    native.program(program(more=edited, release=2))
    preview = native.preview("--diff")
    assert preview.steps == ["update portal", "update dependent"]
    assert "portal: rotates: trigger changed: release" in preview.text
    assert "generation: 1 => 2" in preview.text.replace("  ", " ")
    assert "~ release" in preview.text
    assert "client" not in [line.strip(" ~+-").split(":")[0] for line in preview.text.splitlines()]
    rotated = native.up()
    assert rotated.steps == ["update portal", "update dependent"]
    assert "portal: rotates: trigger changed: release" in rotated.text
    party = native.resource("portal")["outputs"]
    assert party["client_secret"] != first
    for text in (created.text, preview.text, rotated.text, str(native.export())):
        assert first not in text
        assert party["client_secret"] not in text

    # Drift: the property that differs.
    OidcRelyingPartyCase(sandbox).drift(party)
    native.refresh()
    preview = native.preview("--diff")
    assert preview.steps == ["update portal"]
    assert '~ client_name : "somebody\'s" => "portal"' in " ".join(preview.text.split())
    assert native.destroy().steps == ["delete dependent", "delete portal"]
