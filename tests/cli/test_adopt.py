"""`rekey adopt`: what a vendor has and a stack does not manage, and code that adopts it."""

import ast
import json
from pathlib import Path

from pulumi_rekey.cli.adopt import Found, Unmanaged, manifest, python
from pulumi_rekey.manifest import problems

from tests.engine import Stack
from tools.vendors import Sandbox

from .conftest import Rekey

PROGRAM = """
import pulumi_rekey as rekey
rekey.OidcRelyingParty("portal", client_name="Portal", redirect_uris=["https://portal.example.com/callback"])
"""
OTHERS = """
rekey.OidcRelyingParty("shop", client_name="The shop's", redirect_uris=["https://shop.example.com/it's"])
rekey.OpenIdProviderKey("key", description="Signs", algorithm="EC", activate=False)
"""
NASTY = {"client_name": "a \"b\" 'c' ${d} \\ \u00e9", "redirect_uris": ["https://x.example.com/it's"], "adopt": "p"}


def test_adopt_writes_what_python_and_manifests_read(tmp_path: Path) -> None:
    found = Found("vcd", (Unmanaged("OidcRelyingParty", "p", "a-b", NASTY),), ())
    [call] = [node for node in ast.walk(ast.parse("\n".join(python(found)))) if isinstance(node, ast.Call)]
    assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == NASTY
    file = tmp_path / "adopted.yaml"
    file.write_text("\n".join(manifest(found)))
    assert problems([file]) == []


def test_adopt_what_a_stack_does_not_manage(rekey: Rekey, stack: Stack, sandbox: Sandbox) -> None:
    """What is printed is put into the program as it is: the run adopts, and the preview after it is clean."""
    stack.program(PROGRAM + OTHERS)
    stack.up()
    secret = str(stack.resource("shop")["outputs"]["client_secret"])
    before = stack.resource("portal")["outputs"]["relying_party_id"]

    def adopt(*words: str) -> tuple[int, str]:
        ended = rekey("adopt", *words, "--cwd", str(stack.folder), "--stack", "dev", env=stack.environment)
        assert secret not in ended.out + ended.err
        return ended.code, ended.out + ended.err

    code, said = adopt("vcd", "--check")
    assert (code, said.count("\n")) == (13, 1)
    assert "built-in-key" in said, "the vendor has one from the beginning"
    for name in ("shop", "key"):
        stack.run("state", "delete", "--yes", stack.resource(name)["urn"])
    stack.program(PROGRAM)
    code, said = adopt("vcd", "--check")
    assert code == 13
    assert len(said.splitlines()) == 3
    assert before not in said
    assert {one["kind"] for one in json.loads(adopt("vcd", "--json")[1])["unmanaged"]} == {
        "OidcRelyingParty",
        "OpenIdProviderKey",
    }
    code, printed = adopt("vcd")
    assert code == 0
    stack.program(PROGRAM + printed)
    assert "with retain_on_delete=True everything is left alone" in stack.preview().text
    steps = sorted(stack.up().steps)
    # A key's description keeps the tail by which rekey knew it.
    assert [step.partition("-")[0] for step in steps] == ["create built", "create signs", "create the"]
    assert stack.up("--expect-no-changes").steps == []
    assert adopt("vcd", "--check") == (0, "nothing is unmanaged\n")
    code, said = adopt("navigator")
    assert code == 1
    assert "documents no list" in said
    code, said = adopt("roma", "--instance", sandbox.credentials["roma"]["instance_id"])
    assert code == 0
    assert "rekey.AppSecret(" in said
    code, said = adopt("broker")
    assert (code, "the directory has more than one sync client" in said) == (1, True)
    assert 'rotation=rekey.Rotation(on_adopt="keep")' in said
