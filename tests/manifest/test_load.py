"""Manifests on the real engine: the same resources as a program in Python, references, and what is refused."""

import subprocess
import sys
from pathlib import Path

from tests.engine import Stack
from tools.vendors import Sandbox

LOAD = """
import pulumi
import pulumi_rekey as rekey

loaded = rekey.load("credentials", values={"host": pulumi.Output.from_input("portal.example.com"), "ttl": 600})
pulumi.export("names", sorted(loaded))
"""
MANIFEST = """
kind: OrgOAuthApp
name: billing
spec:
  org_id: ${config.orgId}
  display_name: Billing of ${portal.client_name}
  description: costs $${5}, for ${values.ttl} s
  access_token_ttl: ${values.ttl}
  secret: ${made.secret}
  allowed_scopes: {general_scopes: "${config.scopes}"}
---
kind: GeneratedSecret
name: made
spec: {vendor: navigator}
---
kind: OidcRelyingParty
name: portal
spec:
  client_name: Portal
  redirect_uris: ["https://${values.host}/callback"]
  rotation:
    max_age: 90d
    windows: [{cron: 0 0 * * *, duration: 1d}]
    triggers: {release: "${config.release}"}
---
kind: Pair
name: pair
spec:
  of: OidcRelyingParty
  every: 30d
  both: {redirect_uris: [https://pair.example.com]}
  blue: {client_name: pair blue}
  green: {client_name: pair green}
  rotation: {verify: false}
---
export:
  scopes: ${billing.display_name}
  secret: ${billing.secret}
  pair: ${pair.current.client_secret}
  app:
    header: Basic ${portal.client_id}:${portal.client_secret}
    hosts: ["${values.host}"]
"""
PYTHON = """
import pulumi
import pulumi_rekey as rekey

config = pulumi.Config()
made = rekey.GeneratedSecret("made", vendor="navigator")
portal = rekey.OidcRelyingParty(
    "portal",
    client_name="Portal",
    redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation(
        max_age="90d",
        windows=[rekey.Window(cron="0 0 * * *", duration="1d")],
        triggers={"release": config.require("release")},
    ),
)
billing = rekey.OrgOAuthApp(
    "billing",
    org_id=config.require("orgId"),
    display_name=pulumi.Output.concat("Billing of ", portal.client_name),
    description="costs ${5}, for 600 s",
    access_token_ttl=600,
    secret=made.secret,
    allowed_scopes={"general_scopes": config.require_object("scopes")},
)
pair = rekey.Pair(
    "pair",
    lambda side, its: rekey.OidcRelyingParty(
        client_name=f"pair {side}", redirect_uris=["https://pair.example.com"], **its
    ),
    every="30d",
    rotation=rekey.Rotation(verify=False),
)
pulumi.export("names", ["billing", "made", "pair", "portal"])
pulumi.export("scopes", billing.display_name)
pulumi.export("secret", billing.secret)
pulumi.export("pair", pair.current["client_secret"])
header = pulumi.Output.concat("Basic ", portal.client_id, ":", portal.client_secret)
pulumi.export("app", {"header": header, "hosts": ["portal.example.com"]})
"""
CONSUMER = """
import pulumi

other = pulumi.StackReference("organization/probe/dev")
pulumi.export("header", other.require_output("app").apply(lambda app: app["header"]))
pulumi.export("scopes", other.require_output("scopes"))
"""


def write(stack: Stack, manifest: str) -> None:
    folder = stack.folder / "credentials"
    folder.mkdir(exist_ok=True)
    (folder / "all.yaml").write_text(manifest)


def urns(stack: Stack) -> set[str]:
    return {resource["urn"] for resource in stack.export()["deployment"]["resources"]}


def test_a_program_and_its_manifests_are_the_same(stack: Stack, sandbox: Sandbox, tmp_path: Path) -> None:
    scopes = {"scopes[0]": "openid", "scopes[1]": "profile"}
    stack.configure({"orgId": sandbox.credentials["navigator"]["org_id"], "release": "2026-11"} | scopes)
    write(stack, MANIFEST)
    stack.program(LOAD)
    assert sorted(stack.up().steps) == [
        "create billing",
        "create made",
        "create pair",
        "create pair-blue",
        "create pair-green",
        "create portal",
    ]
    before, declared = stack.outputs(), urns(stack)
    assert before["scopes"] == "Billing of Portal"
    shown = stack.outputs(show_secrets=False)
    assert [name for name, value in shown.items() if "[secret]" in str(value)] == ["app", "pair", "secret"]
    for program in (PYTHON, LOAD):
        stack.program(program)
        sandbox.forget_calls()
        assert stack.up("--expect-no-changes").steps == []
        assert sandbox.calls() == []
        assert urns(stack) == declared
        assert stack.outputs() == before
    stack.configure({"release": "2026-12"})
    assert stack.up().steps == ["update portal"]
    consumer = Stack(stack.engine, tmp_path / "consumer")
    consumer.folder.mkdir()
    consumer.environment = dict(stack.environment)
    (consumer.folder / "Pulumi.yaml").write_text("name: consumer\nruntime: python\n")
    consumer.run("stack", "init")
    consumer.program(CONSUMER)
    consumer.up()
    header = stack.outputs()["app"]["header"]
    assert header != before["app"]["header"]
    assert consumer.outputs() == {"header": header, "scopes": "Billing of Portal"}
    assert consumer.outputs(show_secrets=False) == {"header": "[secret]", "scopes": "Billing of Portal"}


def test_all_that_is_wrong_is_said_before_anything_is_declared(stack: Stack) -> None:
    stack.program("import pulumi_rekey as rekey\nrekey.load('credentials')\n")
    write(
        stack,
        """
kind: OrgOAuthApp
name: billing
spec:
  org_id: ${config.orgId}
  secret: ${config.secret}
  description: ${values.text}
---
kind: OpenIdProviderKey
name: signing
""",
    )
    stack.configure({"secret": "in plain text"})
    run = stack.up(fails=True)
    assert run.steps == []
    for line in (
        "error: the manifests are not right:",
        "credentials/all.yaml:5:11: ${config.orgId}: is not set in this stack: run `pulumi config set probe:orgId`",
        "credentials/all.yaml:6:11: ${config.secret}: stands in the stack's configuration in plain text: replace it at"
        " the vendor, then run `pulumi config set --secret probe:secret`",
        'credentials/all.yaml:7:16: ${values.text}: is not given: rekey.load(..., values={"text": ...})',
    ):
        assert line in run.text
    assert run.tracebacks == 0
    write(stack, "kind: OrgOAuthApp\nname: billing\nspec: {orgid: x}\n")
    run = stack.up(fails=True)
    assert "credentials/all.yaml:3:8: spec.orgid: unknown key (did you mean org_id?)" in run.text
    assert run.tracebacks == 0


def test_options(stack: Stack) -> None:
    stack.program("import pulumi_rekey as rekey\nrekey.load('credentials/all.yaml')\n")
    party = "kind: OidcRelyingParty\nname: {}\nspec: {{client_name: P, redirect_uris: [https://p.example.com]}}\n"
    write(stack, party.format("old"))
    stack.up()
    write(stack, party.format("new") + "options: {aliases: [old], protect: true, retain_on_delete: true}\n")
    assert stack.up().steps == []
    resource = stack.resource("new")
    assert (resource["protect"], resource["retainOnDelete"]) == (True, True)


def test_importing_the_package_reads_no_manifest_and_loads_no_model() -> None:
    program = (
        "import sys, pulumi_rekey; pulumi_rekey.load; assert not {'pydantic', 'httpx',"
        " 'pulumi_rekey.manifest.entries', 'pulumi_rekey.manifest.declare'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent)
