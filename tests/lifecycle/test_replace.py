"""`pulumi up --replace` of what rekey has created: create(new), then delete(old), with one mark for both."""

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

from .app_secret import AppSecretCase
from .case import IMPORTS, Case, ProgramSpec
from .oidc_relying_party import LIST, LOGIN, OidcRelyingPartyCase
from .open_id_provider_key import OpenIdProviderKeyCase
from .org_oauth_app import OrgOAuthAppCase
from .scenario import Scenario, Step
from .sync_client_credentials import SyncClientCredentialsCase

DELETED_FIRST = "delete_before_replace=True"


@pytest.fixture
def party(stack: Stack, sandbox: Sandbox) -> Scenario:
    return Scenario(OidcRelyingPartyCase(sandbox), stack, sandbox)


@pytest.fixture
def key(stack: Stack, sandbox: Sandbox) -> Scenario:
    return Scenario(OpenIdProviderKeyCase(sandbox), stack, sandbox)


def replace(scenario: Scenario, *, fails: bool = False) -> Step:
    return scenario.up("--replace", scenario.stack.resource("it")["urn"], fails=fails)


def test_replace_of_relying_party_is_refused(party: Scenario) -> None:
    party.up()
    first = party.outputs()
    step = replace(party, fails=True)
    assert step.error.endswith("if it is being replaced, let it be deleted first (delete_before_replace)")
    assert step.calls == (LOGIN, LIST)
    assert party.up("--expect-no-changes").calls == ()
    assert party.outputs() == first
    assert party.case.accepts(first)


def test_replace_of_relying_party_deleted_first(party: Scenario) -> None:
    """Also where another one was created in the same run, before: the list of what was there is then out of date."""
    party.up(options=DELETED_FIRST)
    first = party.outputs()
    case = party.case
    other = case.declaration(ProgramSpec("other", changed=True))
    it = case.declaration(ProgramSpec(options=f"{DELETED_FIRST}, depends_on=[other]"))
    party.stack.program("\n".join([*IMPORTS, f"other = {other}", it, ""]))
    run = party.stack.up("--replace", party.stack.resource("it")["urn"])
    assert run.steps == ["create other", "delete-replaced it", "replace it", "create-replacement it"]
    second = party.outputs()
    assert case.accepts(second)
    assert not case.is_there(first)
    assert second["relying_party_id"] != first["relying_party_id"]
    party.destroy()
    assert case.objects() == set()
    assert party.leaks() == []


@pytest.mark.parametrize("rotated", [False, True], ids=["never rotated", "rotated"])
def test_replace_of_key_keeps_it(key: Scenario, *, rotated: bool) -> None:
    """It is known as rekey's own, of whichever generation; nobody who checks its signatures notices."""
    before = key.case.objects()
    key.up(rotation={"triggers": {"release": 1}})
    if rotated:
        key.up(rotation={"triggers": {"release": 2}})
        key.end_overlap()
    first = key.outputs()
    step = replace(key)
    assert step.steps == ["create-replacement it", "replace it", "delete-replaced it"]
    assert not key.case.minting.intersection(step.calls)
    second = key.outputs()
    assert second["key_id"] == first["key_id"]
    assert key.case.accepts(second)
    assert key.up("--expect-no-changes").calls == ()
    key.destroy()
    assert key.case.objects() == before


def test_replace_of_key_deleted_first(key: Scenario) -> None:
    before = key.case.objects()
    key.up(options=DELETED_FIRST)
    first = key.outputs()
    assert replace(key).steps == ["delete-replaced it", "replace it", "create-replacement it"]
    second = key.outputs()
    assert second["key_id"] != first["key_id"]
    assert second["predecessor_key_id"] == first["predecessor_key_id"]
    assert key.case.accepts(second)
    key.destroy()
    assert key.case.objects() == before


@pytest.mark.parametrize("options", ["", DELETED_FIRST], ids=["created first", "deleted first"])
@pytest.mark.parametrize(
    "case", [SyncClientCredentialsCase, OrgOAuthAppCase, OidcRelyingPartyCase], ids=lambda case: case.resource
)
def test_replace_of_adopted_that_has_rotated_ends_what_rekey_minted(
    case: type[Case], stack: Stack, sandbox: Sandbox, options: str
) -> None:
    """With "keep" the replacement has no secret, and cannot read one; a secret in nobody's state would live on."""
    scenario = Scenario(case(sandbox), stack, sandbox)
    theirs = scenario.case.existing()[case.id_output]
    scenario.up(at=theirs, options=options, rotation={"on_adopt": "keep", "triggers": {"release": 1}})
    scenario.up(rotation={"on_adopt": "keep", "triggers": {"release": 2}})
    first = scenario.outputs()
    assert case(sandbox).accepts(first)
    step = replace(scenario)
    assert "ends the secret that rekey minted: what replaces it keeps none" in step.said
    assert "is replaced by itself: a secret that rekey has minted or stored is ended" in step.said, "before it ends"
    assert not scenario.case.knows(first)
    assert not scenario.outputs().keys() & set(case.secrets)


@pytest.mark.parametrize("options", ["", DELETED_FIRST], ids=["created first", "deleted first"])
def test_replace_of_readable_secret_keeps_it(stack: Stack, sandbox: Sandbox, options: str) -> None:
    scenario = Scenario(AppSecretCase(sandbox), stack, sandbox)
    scenario.up(options=options, rotation={"triggers": {"release": 1}})
    scenario.up(rotation={"triggers": {"release": 2}})
    first = scenario.outputs()
    replace(scenario)
    assert scenario.outputs()["secret"] == first["secret"]
    assert scenario.case.accepts(first)
    scenario.destroy()
    assert not scenario.case.knows(first)
