"""`rekey adopt`: what a vendor has and a stack does not manage, and code that adopts it."""

import ast
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pulumi_rekey.cli.adopt import Found, Unmanaged, manifest, python
from pulumi_rekey.cli.stack_config import kind_of
from pulumi_rekey.errors import Misconfigured
from pulumi_rekey.manifest import problems

from tests.engine import Stack
from tools.administrators import CloudDirector, Roma
from tools.vendors import Sandbox

from .conftest import Ended, Rekey

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "adopt.json").read_text())

PROGRAM = """
import pulumi_rekey as rekey
rekey.OidcRelyingParty("portal", client_name="Portal", redirect_uris=["https://portal.example.com/callback"])
"""
SHOP = "https://shop.example.com/it's"
OTHERS = f"""
rekey.OidcRelyingParty("shop", client_name="The shop's", redirect_uris=["{SHOP}"])
rekey.OpenIdProviderKey("key", description="Signs", algorithm="EC", curve="P-384", activate=False)
"""
NASTY = {"client_name": "a \"b\" 'c' ${d} \\ \u00e9", "redirect_uris": ["https://x.example.com/it's"], "adopt": "p"}


def test_adopt_writes_what_python_and_manifests_read(tmp_path: Path) -> None:
    found = Found("vcd", (Unmanaged(kind="OidcRelyingParty", id="p", name="a-b", arguments=NASTY),), ())
    [call] = [node for node in ast.walk(ast.parse("\n".join(python(found)))) if isinstance(node, ast.Call)]
    assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == NASTY
    file = tmp_path / "adopted.yaml"
    file.write_text("\n".join(manifest(found)))
    assert problems([file]) == []


def test_adopt_what_a_stack_does_not_manage(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    """What is printed is put into the project as it is: the run adopts all of it, and changes nothing at a vendor."""
    stack.program(PROGRAM + OTHERS)
    stack.up()
    shop = stack.resource("shop")["outputs"]
    before = stack.resource("portal")["outputs"]["relying_party_id"]

    def adopt(*words: str, code: int) -> Ended:
        ended = rekey("adopt", *words, "--cwd", str(stack.folder), "--stack", "dev", env=stack.environment)
        assert shop["client_secret"] not in ended.out + ended.err
        assert ended.code == code, ended
        return ended

    said = adopt("vcd", "--check", code=13).out
    assert said.count("\n") == 1
    assert "built-in-key" in said, "the vendor has one from the beginning"
    for name in ("shop", "key"):
        stack.run("state", "delete", "--yes", stack.resource(name)["urn"])
    said = adopt("vcd", "--check", code=13).out
    assert len(said.splitlines()) == 3
    assert before not in said
    document = json.loads(adopt("vcd", "--json", code=0).out)
    Draft202012Validator(SCHEMA).validate(document)
    assert {one["kind"] for one in document["unmanaged"]} == {"OidcRelyingParty", "OpenIdProviderKey"}
    instance = "--instance", sandbox.credentials["roma"]["instance_id"]
    in_python = [
        adopt("vcd", code=0),
        adopt("roma", *instance, code=0),
        # One of the directories cannot be looked at; what there is beside it is printed.
        adopt("broker", code=1),
    ]
    assert "the directory has more than one sync client" in in_python[-1].err
    python_program = PROGRAM + "".join(printed.out for printed in in_python)
    assert "rekey.AppSecret(" in python_program
    assert 'algorithm="EC",\n    curve="P-384",' in python_program, "a rotation makes one of the same kind"
    assert 'rotation=rekey.Rotation(on_adopt="keep")' in python_program
    stack.program(python_program)
    previewed = stack.preview()
    assert "with retain_on_delete=True everything is left alone" in previewed.text

    # As manifests they are the same, and adopted as such.
    manifests = stack.folder / "credentials"
    manifests.mkdir()
    (manifests / "vcd.yaml").write_text(adopt("vcd", "--format", "yaml", code=0).out)
    (manifests / "roma.yaml").write_text(adopt("roma", *instance, "--format", "yaml", code=0).out)
    (manifests / "broker.yaml").write_text(adopt("broker", "--format", "yaml", code=1).out)
    stack.program(PROGRAM + 'rekey.load("credentials")')
    application = sandbox.credentials["roma"]["app_id"]
    director = CloudDirector(sandbox)
    secret, keys = Roma(sandbox).secret(application), director.keys()
    sandbox.forget_calls()
    assert sorted(stack.up().steps) == sorted(previewed.steps)
    writes = [call["path"] for call in sandbox.calls() if call["method"] != "GET"]
    assert all(path.endswith("/token") for path in writes), "nothing but logins"
    assert director.portal(shop["client_id"], SHOP).signs_in(shop["client_secret"])
    assert Roma(sandbox).secret(application) == secret
    assert director.keys() == keys
    assert stack.preview("--expect-no-changes").steps == []
    stack.program(python_program)
    assert stack.preview("--expect-no-changes").steps == []
    assert adopt("vcd", "--check", code=0).out == "nothing is unmanaged\n"
    assert adopt("navigator", code=1).err.startswith("rekey: OrgOAuthApp: the vendor documents no list of these: ")


def test_adopt_of_another_endpoint_than_there_is_says_so(rekey: Rekey) -> None:
    ended = rekey("adopt", "vdc")
    assert ended.err.endswith("is not configured: did you mean vcd? use one of: vcd, broker, navigator, roma\n")
    configured = {"vcd": {}, "site-2": {"kind": "vcd"}}
    with pytest.raises(Misconfigured, match=r"use one of: vcd, site-2, broker, navigator, roma$"):
        kind_of("vdc", configured)
    ended = rekey("adopt", "vcd", "--instance", "i")
    assert ended.code == 2
    assert "--instance can do nothing for an endpoint of kind vcd" in ended.err


def test_adopt_in_a_folder_of_the_project_asks_its_endpoints(rekey: Rekey, stack: Stack) -> None:
    """Pulumi finds the project further up, and so must what reads the stack's configuration."""
    stack.run("stack", "select")
    below = stack.folder / "credentials"
    below.mkdir()
    ended = rekey("adopt", "vcd", "--check", cwd=below, env=stack.environment)
    assert (ended.code, ended.err) == (13, "")
    assert "built-in-key" in ended.out
