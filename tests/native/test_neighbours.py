"""What two processes of one run have in common: a front end, or an explicit provider, knows what the others manage."""

import json

import pytest

from tests.engine import Stack
from tests.lifecycle.app_secret import AppSecretCase
from tests.lifecycle.case import IMPORTS, ProgramSpec
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tools.vendors import Sandbox

KEPT = "names it in this run: urn:"
PROVIDER = 'site = rekey.Provider("site", endpoints=pulumi.Config().require_secret_object("site"), owner="o")'


@pytest.mark.parametrize(("before", "after"), [("dynamic", "native"), ("native", "dynamic")])
def test_secret_that_another_process_has_taken_over_is_kept(
    native: Stack, sandbox: Sandbox, before: str, after: str
) -> None:
    case = AppSecretCase(sandbox)
    native.configure({"rekey:frontend": before})
    native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec("first", rotation={"on_adopt": "rotate"}))]))
    native.up()
    native.configure({"rekey:frontend": after})
    native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec("second"))]))
    assert KEPT in native.up(fails=True).text
    assert case.accepts(native.resource("second")["outputs"])
    native.run("state", "delete", native.resource("first")["urn"], "--yes")
    assert native.up("--expect-no-changes").steps == []


def test_secret_of_a_replacement_by_another_provider_is_kept(native: Stack, sandbox: Sandbox) -> None:
    """Both have one name in Pulumi: the old provider deletes what the new one has just taken over."""
    case = AppSecretCase(sandbox)
    native.configure({}, {"probe:site": json.dumps({"roma": sandbox.endpoint("roma")})})
    native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec("first", rotation={"on_adopt": "rotate"}))]))
    native.up()
    options = 'provider=site, replace_on_changes=["rotation"]'
    spec = ProgramSpec("first", options=options, rotation={"on_adopt": "rotate", "triggers": {"release": "2"}})
    native.program("\n".join([*IMPORTS, PROVIDER, case.declaration(spec)]))
    replaced = native.up()
    assert "alone, and its secret alive: what replaces it, of another provider" in replaced.text
    assert case.accepts(native.resource("first")["outputs"])
    assert native.up("--expect-no-changes").steps == []


def test_object_that_another_process_was_refused_is_kept(native: Stack, sandbox: Sandbox) -> None:
    case = OidcRelyingPartyCase(sandbox)
    native.configure({}, {"probe:site": json.dumps({"vcd": sandbox.endpoint("vcd")})})
    native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec("first"))]))
    native.up()
    renamed = case.declaration(ProgramSpec("second", options="provider=site"))
    native.program("\n".join([*IMPORTS, PROVIDER, renamed]))
    assert KEPT in native.up("--continue-on-error", fails=True).text
    assert case.accepts(native.resource("first")["outputs"])
