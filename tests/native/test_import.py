"""Objects that exist, brought under the program's management by Pulumi's own import."""

import re
from pathlib import Path

import grpc
import pytest
from pulumi_rekey.reconciler.contract import Importable, form_of_import_id
from pulumi_rekey.resources import all_resources

from tests.engine import Stack
from tests.lifecycle.app_secret import AppSecretCase
from tests.lifecycle.case import IMPORTS, Case, Outputs, ProgramSpec
from tests.lifecycle.cases import AT_A_VENDOR
from tests.lifecycle.oidc_relying_party import OidcRelyingPartyCase
from tools.vendors import Sandbox, running_sandbox

from .in_process import Plugin, Refused


def import_id(case: Case, existing: Outputs) -> str:
    """How the id of an object is written for an import."""
    known = case.sandbox.credentials
    first = {
        "AppSecret": known["roma"].get("instance_id"),
        "OrgOAuthApp": known["navigator"].get("org_id"),
        "SyncClientCredentials": known["broker"].get("tenant"),
    }.get(case.resource)
    id_ = str(existing[case.id_output])
    return id_ if first is None else f"{first}/{id_}"


def test_import_of_every_resource_only_reads(native: Stack, sandbox: Sandbox) -> None:
    cases = [case(sandbox) for case in AT_A_VENDOR]
    existing = {case: case.existing() for case in cases}
    lines, plain = [], []
    for case in cases:
        spec = ProgramSpec(name=case.resource, options=f"import_={import_id(case, existing[case])!r}")
        if case.resource == "SyncClientCredentials":
            spec = ProgramSpec(name=spec.name, options=spec.options, rotation={"on_adopt": "keep"})
        if "adopt" not in case.arguments(ProgramSpec(at="it")):
            spec = ProgramSpec(
                name=spec.name, options=spec.options, rotation=spec.rotation, at=existing[case][case.id_output]
            )
        lines.append(case.declaration(spec))
        plain.append(case.declaration(ProgramSpec(name=spec.name, at=spec.at, rotation=spec.rotation)))
    native.program("\n".join([*IMPORTS, *lines, ""]))
    sandbox.forget_calls()
    run = native.up(preview=True)
    assert sorted(step for step in run.steps if step.startswith("import ")) == sorted(
        f"import {case.resource}" for case in cases
    )
    writes = [call for call in sandbox.calls() if call["method"] != "GET" and "/sync-client" not in call["path"]]
    assert [call["path"] for call in writes if not re.search("login|token|session|auth", call["path"])] == []
    for case, was in existing.items():
        found = native.resource(case.resource)["outputs"]
        assert found["generation"] == 1
        assert found["rotation_reason"] == "imported"
        assert found[case.id_output] == was[case.id_output]
        assert case.accepts(was)
    # The import stands in the program for one run only.
    native.program("\n".join([*IMPORTS, *plain, ""]))
    native.up()
    assert native.up("--expect-no-changes").steps == []


def test_import_by_the_command_line(native: Stack, sandbox: Sandbox) -> None:
    (case,) = (case(sandbox) for case in AT_A_VENDOR if case.resource == "OidcRelyingParty")
    existing = case.existing()
    native.program("\n".join(IMPORTS))
    id_ = str(existing["relying_party_id"])
    words = ("--yes", "--generate-code=false", "--skip-preview")
    native.run("import", "rekey:index:OidcRelyingParty", "portal", id_, *words)
    found = native.resource("portal")
    assert found["id"] == id_
    assert found["inputs"] == {"client_name": "Customer portal", "redirect_uris": found["outputs"]["redirect_uris"]}
    assert "client_secret" not in found["outputs"]


def test_import_reads_at_the_endpoint_that_the_id_names(native: Stack, sandbox: Sandbox) -> None:
    with running_sandbox() as second:
        case = OidcRelyingPartyCase(second)
        id_ = str(case.existing()["relying_party_id"])
        there = second.endpoint("vcd")
        native.configure(
            {"rekey:endpoints.dr.kind": "vcd", "rekey:endpoints.dr.url": there["url"]},
            {"rekey:endpoints.dr.apiToken": there["apiToken"]},
        )
        more = {"endpoint": '"dr"'}
        native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec(more=more, options=f"import_={id_!r}"))]))
        assert "does not exist" in native.up(fails=True).text
        at = f"dr::{id_}"
        native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec(more=more, options=f"import_={at!r}"))]))
        sandbox.forget_calls()
        assert native.up().steps == ["import it"]
        assert sandbox.calls() == []
        found = native.resource("it")
        assert (found["id"], found["outputs"]["endpoint"]) == (id_, "dr")
        native.program("\n".join([*IMPORTS, case.declaration(ProgramSpec(more=more))]))
        assert native.up("--expect-no-changes").steps == []
        native.destroy()


def test_import_with_a_policy_that_asks_for_another_secret_rotates(native: Stack, sandbox: Sandbox) -> None:
    cases = {"adopt": OidcRelyingPartyCase(sandbox), "now": AppSecretCase(sandbox)}
    existing = {name: case.existing() for name, case in cases.items()}
    policies: dict[str, dict[str, object]] = {"adopt": {"on_adopt": "rotate"}, "now": {"rotate_now": "INC-1"}}
    lines = [
        case.declaration(
            ProgramSpec(
                name,
                at=None if name == "adopt" else str(existing[name][case.id_output]),
                options=f"import_={import_id(case, existing[name])!r}",
                rotation=policies[name],
            )
        )
        for name, case in cases.items()
    ]
    native.program("\n".join([*IMPORTS, *lines]))
    preview = native.preview()
    assert "adopt: rotates: imported with on_adopt=rotate" in preview.text
    assert "now: rotates: rotate_now: INC-1" in preview.text
    native.up()
    for name, case in cases.items():
        outputs = native.resource(name)["outputs"]
        assert outputs["generation"] == 2
        assert case.accepts(outputs)
        assert not case.accepts(existing[name])
    assert native.up("--expect-no-changes").steps == []


def test_import_of_what_another_resource_manages_is_refused(native: Stack, sandbox: Sandbox) -> None:
    """A rotation of one would end the secret that the other one hands on."""
    (case,) = (case(sandbox) for case in AT_A_VENDOR if case.resource == "OidcRelyingParty")
    first = case.declaration(ProgramSpec(name="first"))
    native.program("\n".join([*IMPORTS, first]))
    native.up()
    id_ = native.resource("first")["id"]
    second = case.declaration(ProgramSpec(name="second", options=f"import_={id_!r}"))
    native.program("\n".join([*IMPORTS, first, second]))
    assert "is managed by two resources of this program: urn:" in native.preview(fails=True).text
    assert "is managed by two resources of this program: urn:" in native.up(fails=True).text
    # The command does not ask the program; the next run of the program does.
    words = ("--yes", "--generate-code=false", "--skip-preview")
    native.run("import", "rekey:index:OidcRelyingParty", "second", id_, *words, fails=None)
    native.program("\n".join([*IMPORTS, first, case.declaration(ProgramSpec(name="second"))]))
    refused = native.up(fails=True).text
    assert "is managed by two resources of this program: urn:" in refused
    assert "pulumi state delete" in refused


def test_import_of_what_does_not_exist_says_so(native: Stack, sandbox: Sandbox) -> None:
    native.program("\n".join(IMPORTS))
    id_ = "urn:vcloud:oidcRelyingParty:5f9f3c9e-6f0e-4c0b-9a53-0d4f1c6b5f3a"
    words = ("--yes", "--generate-code=false", "--skip-preview")
    run = native.run("import", "rekey:index:OidcRelyingParty", "it", id_, *words, fails=True)
    assert "does not exist" in run.text
    assert run.tracebacks == 0


@pytest.mark.parametrize(
    ("resource", "id_", "said"),
    [
        (
            "OidcRelyingParty",
            "urn:vcloud:openIdProviderKey:5f9f3c9e-6f0e-4c0b-9a53-0d4f1c6b5f3a",
            "is not that of OidcRelyingParty: it is the id of another kind: one of this kind begins with"
            " urn:vcloud:oidcRelyingParty: write RELYING_PARTY_ID",
        ),
        ("OrgOAuthApp", "just-one-part", "the id to import is not that of OrgOAuthApp: write ORG_ID/OAUTH_APP_ID"),
        ("AppSecret", "instance/no application", "it is not an id: it must be a name without spaces"),
        ("GeneratedSecret", "anything", "GeneratedSecret cannot be imported: no vendor has one: let rekey create it"),
    ],
)
def test_import_of_what_cannot_be_says_so(configured: Plugin, resource: str, id_: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        configured.read(resource, id_)
    assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert "\n" not in refused.value.text


def test_import_of_what_the_vendor_does_not_show_is_of_no_state(configured: Plugin, sandbox: Sandbox) -> None:
    """What is not in a state need not be taken out of it: the id may be wrong, or a right be missing."""
    sandbox.dialect(roma__missing_app="403")
    with pytest.raises(Refused) as refused:
        configured.read("AppSecret", f"{sandbox.credentials['roma']['instance_id']}/nobody")
    assert "correct the id if there is no such object; else the account needs the permission" in refused.value.text
    assert "pulumi state delete" not in refused.value.text


def test_import_ids_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs/native.md").read_text()
    for resource in all_resources():
        if isinstance(resource, Importable):
            assert f"| `{resource.name}` | `{form_of_import_id(resource)}`" in page
