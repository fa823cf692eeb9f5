"""Sentences of the pages that state behaviour, each tried on the engine and the sandbox as a reader would.

A page names the test that proves a sentence in a comment behind it: ``<!-- proved by test_… -->``.
"""

import json
import re

import pytest
from pulumi.runtime import rpc
from pulumi_rekey.dynamic.engine import to_engine
from pulumi_rekey.frontend.values import Secret
from pulumi_rekey.model import secret_fields
from pulumi_rekey.resources import all_resources

from tests.engine import Stack
from tests.pages import ROOT
from tools.vendors import Sandbox

PORTAL = """
import pulumi
import pulumi_rekey as rekey

rekey.OidcRelyingParty(
    "portal",
    client_name="Portal",
    redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(triggers={"release": pulumi.Config().get("release") or "1"}),
)
"""


def writes(sandbox: Sandbox) -> list[str]:
    """The calls that may change something, without logins and tries of secrets."""
    said = [f"{call['method']} {call['path']}" for call in sandbox.calls() if call["method"] != "GET"]
    return [call for call in said if not call.endswith("/token")]


# -- docs/configuration.md ---------------------------------------------------------------------------------------------


def test_refresh_and_destroy_log_in_with_the_config_of_the_last_up(stack: Stack) -> None:
    stack.program(PORTAL)
    stack.up()
    stack.configure({}, {"rekey:endpoints.vcd.apiToken": "replaced-since"})
    stack.refresh()
    stack.preview("--refresh")
    stack.up("--refresh")
    # That was an up: it has recorded the config of now.
    assert "correct the credentials of this endpoint" in stack.refresh(fails=True).text


@pytest.mark.parametrize("command", ["refresh", "preview", "up", "destroy"])
def test_run_program_takes_the_present_config(stack: Stack, command: str) -> None:
    stack.program(PORTAL)
    stack.up()
    stack.configure({}, {"rekey:endpoints.vcd.apiToken": "replaced-since"})
    refresh = [] if command in {"refresh", "destroy"} else ["--refresh"]
    assert (
        "correct the credentials of this endpoint"
        in getattr(stack, command)(*refresh, "--run-program", fails=True).text
    )


def test_credentials_of_the_environment_are_the_present_ones(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(PORTAL)
    stack.run("config", "rm", "--path", "rekey:endpoints.vcd.apiToken")
    stack.environment |= {"VCD_API_TOKEN": sandbox.credentials["vcd"]["api_token"]}
    stack.up()
    stack.environment |= {"VCD_API_TOKEN": "replaced-since"}
    assert "correct the credentials of this endpoint" in stack.refresh(fails=True).text


def test_endpoints_of_a_stack_replace_those_of_the_project(stack: Stack, sandbox: Sandbox) -> None:
    project = stack.folder / "Pulumi.yaml"
    theirs = json.dumps({"vcd": {"url": sandbox.url}})
    project.write_text(f"{project.read_text()}config:\n  rekey:endpoints:\n    value: {theirs}\n")
    stack.program(PORTAL)
    stack.run("config", "rm", "--path", "rekey:endpoints.vcd.url")
    assert "endpoint 'vcd' has no url" in stack.up(fails=True).text
    stack.run("config", "rm", "rekey:endpoints")
    stack.environment |= {"VCD_API_TOKEN": sandbox.credentials["vcd"]["api_token"]}
    assert stack.up().steps == ["create portal"]


# -- docs/adopt.md, and what the resources' pages say of adoption, drift and the end ----------------------------------

LEFT = """
import pulumi
import pulumi_rekey as rekey

rekey.OidcRelyingParty(
    "before",
    client_name="Before",
    redirect_uris=["https://portal.example.com/callback"],
    opts=pulumi.ResourceOptions(retain_on_delete=True),
)
"""


def test_adoption_changes_settings_in_the_same_run_and_keeps_the_secret(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(LEFT)
    stack.up()
    left = stack.resource("before")["outputs"]
    sandbox.forget_calls()
    stack.program(f"""
import pulumi_rekey as rekey

rekey.OidcRelyingParty(
    "after",
    client_name="After",
    redirect_uris=["https://portal.example.com/other"],
    adopt="{left["relying_party_id"]}",
)
""")
    assert "`client_secret` stays unset until a rotation" in stack.preview().text
    stack.up()
    adopted = stack.resource("after")["outputs"]
    assert (adopted["client_name"], adopted["redirect_uris"]) == ("After", ["https://portal.example.com/other"])
    assert (adopted["generation"], adopted["rotation_reason"]) == (1, "adopted")
    assert "client_secret" not in adopted
    assert writes(sandbox) == [f"PUT /cloudapi/1.0.0/openIdProvider/relyingParties/{left['relying_party_id']}"]
    stack.refresh("--expect-no-changes")
    stack.up("--expect-no-changes")


def test_a_refresh_finds_a_secret_that_somebody_has_regenerated(stack: Stack) -> None:
    stack.program(PORTAL)
    stack.up()
    theirs = stack.copy(stack.folder.parent / "theirs")
    theirs.configure({"release": "2"})
    theirs.up()
    # Pulumi takes what is only half well for a success.
    assert "not done yet: replace the refused secret" in stack.refresh().text
    assert stack.resource("portal")["outputs"]["step"] == "replace the refused secret"
    assert stack.up().steps == ["update portal"]
    assert "not done yet: replace the refused secret" in theirs.refresh().text


# -- docs/resources/org_oauth_app.md -----------------------------------------------------------------------------------

BILLING = """
import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()
rekey.OrgOAuthApp("billing", org_id={org_id!r}{more})
"""


def test_a_lower_case_letter_counts_as_special(stack: Stack, sandbox: Sandbox) -> None:
    """The page's pattern holds a range that takes in all of them, here and at the vendor."""
    stack.configure({}, {"given": "Abcdefg1"})
    org_id = sandbox.credentials["navigator"]["org_id"]
    stack.program(BILLING.format(org_id=org_id, more=', secret=config.require_secret("given")'))
    assert stack.up().steps == ["create billing"]
    assert stack.resource("billing")["outputs"]["secret"] == "Abcdefg1"


def test_without_grace_the_saved_overlap_holds(stack: Stack, sandbox: Sandbox) -> None:
    """The app's owner has set one in Navigator; the outputs show it."""
    known = sandbox.credentials["navigator"]
    org_id = known["org_id"]
    rotation = ', rotation=rekey.Rotation(rotate_now=config.get("why"))'
    stack.program(BILLING.format(org_id=org_id, more=rotation))
    stack.up()
    first = stack.resource("billing")["outputs"]
    token = sandbox.http.post("/cphub/api/auth/v1/authn/accesstoken", json={"refreshToken": known["api_token"]}).json()
    sandbox.http.patch(
        f"/cphub/api/auth/v2/orgs/{org_id}/oauth-apps/{first['oauth_app_id']}",
        json={"secretRotationExpirationInSeconds": 86400},
        headers={"csp-auth-token": token["accessToken"]},
    ).raise_for_status()

    def gets_a_token(outputs: dict[str, str]) -> bool:
        return sandbox.http.post(
            "/cphub/api/auth/v2/authn/authorize",
            params={"orgId": org_id},
            data={"grant_type": "client_credentials"},
            auth=(outputs["oauth_app_id"], outputs["secret"]),
        ).is_success

    stack.configure({"why": "INC-1"})
    stack.up()
    second = stack.resource("billing")["outputs"]
    assert (gets_a_token(second), gets_a_token(first)) == (True, True)
    assert second.keys() & {"previous_secret", "previous_expires_at"} == {"previous_secret", "previous_expires_at"}
    sandbox.advance("25h")
    assert (gets_a_token(second), gets_a_token(first)) == (True, False)


# -- docs/resources/open_id_provider_key.md ----------------------------------------------------------------------------


def test_an_adopted_key_that_signs_and_is_not_to_signs_until_another_one_can(stack: Stack, sandbox: Sandbox) -> None:
    key = """
import pulumi_rekey as rekey

rekey.OpenIdProviderKey("theirs", adopt="{id}", activate=False)
"""
    token = sandbox.http.post(
        "/oauth/provider/token",
        data={"grant_type": "refresh_token", "refresh_token": sandbox.credentials["vcd"]["api_token"]},
    ).json()["access_token"]
    headers = {"authorization": f"Bearer {token}", "accept": "application/json;version=37.2"}
    active = sandbox.http.get("/cloudapi/1.0.0/openIdProvider", headers=headers).json()["activeKey"]["id"]
    stack.program(key.format(id=active))
    assert "make another key active in Cloud Director" in stack.up(fails=True).text
    assert stack.resource("theirs")["outputs"]["active"] is True


# -- SECURITY.md -------------------------------------------------------------------------------------------------------


def test_the_secrets_of_outputs_are_all_named() -> None:
    page = (ROOT / "SECURITY.md").read_text()
    (row,) = re.findall(r"^\| Secrets of the outputs \((.+?)\) \|", page, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row))
    assert named == {name for resource in all_resources() for name in secret_fields(resource.state)}


def test_a_secret_is_never_returned_without_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the SDK has no mark any more, the call fails (the docstring of dynamic/engine.py)."""
    monkeypatch.delattr(rpc, "_special_secret_sig")
    with pytest.raises(AttributeError):
        to_engine({"token": Secret("s3cret")})
