"""`rekey rotate`: what it writes, what it refuses, and what the next run makes of it."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pulumi_rekey.cli.rotate import Rotate
from pulumi_rekey.errors import Misconfigured
from pulumi_rekey.frontend import orders
from pulumi_rekey.programs.rotate_now import unknown

from tests.engine import Stack

from .conftest import Rekey

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "rotate.json").read_text())
PROGRAM = """
import pulumi, pulumi_rekey as rekey
made = rekey.GeneratedSecret("made", vendor="navigator")
rekey.GeneratedSecret("still", vendor="navigator", rotation=rekey.Rotation(paused=True))
rekey.GeneratedSecret("asked", vendor="navigator", rotation=rekey.Rotation(rotate_now="INC-1"))
rekey.Pair("portal", lambda side, its: rekey.OidcRelyingParty(client_name=f"portal {side}",
    redirect_uris=["https://portal.example.com/callback"], **its), every="30d")
pulumi.export("made", made.secret)
"""
URN = "urn:pulumi:dev::shop::rekey:index:GeneratedSecret::a::b"


def test_order_is_read_as_text() -> None:
    assert orders.read('{"a": "INC-1", "b": 4711, "c": true, "d": null}') == {"a": "INC-1", "b": "4711", "c": "true"}
    assert orders.read(None) == {}
    assert orders.name_of(URN) == "a::b"


@pytest.mark.parametrize("wrong", ["INC-1", '["a"]', '{"a": {"blue": "INC-1"}}'])
def test_order_that_is_no_map_of_reasons_is_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="rekey:rotateNow in the stack's configuration is not a map of reasons"):
        orders.read(wrong)


def test_order_joins_the_policy_of_the_program() -> None:
    said = {"rotation": {"max_age": "90d"}, "vendor": "roma"}
    policy = {"max_age": "90d", "rotate_now": "INC-1", "rotate_now_is_secret": False}
    assert orders.with_order(said, "INC-1") == {"rotation": policy, "vendor": "roma"}
    assert said["rotation"] == {"max_age": "90d"}
    for nothing in ({}, {"rotation": None}):
        joined = orders.with_order(nothing, "INC-1")
        assert joined == {"rotation": {"rotate_now": "INC-1", "rotate_now_is_secret": False}}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("portal-blue", "rekey:rotateNow.portal-blue"),
        ("a.b", 'rekey:rotateNow["a.b"]'),
        ('"', 'rekey:rotateNow["\\""]'),
    ],
)
def test_order_has_a_place_that_pulumi_reads_as_one_name(name: str, place: str) -> None:
    assert orders.place(name) == place


@pytest.mark.parametrize("said", [{}, {"rotation": None}, {"rotation": {"rotate_now": None}}, {"rotation": "unknown"}])
def test_order_stands_where_the_program_says_nothing(said: dict[str, object]) -> None:
    assert orders.conflict(said, "portal") is None


def test_order_beside_what_the_program_says_is_refused() -> None:
    """Whichever lost would rotate once more when the other is taken away."""
    refused = orders.conflict({"rotation": {"rotate_now": "INC-1"}}, "portal")
    assert refused is not None
    path, reason = refused
    assert path == "rotation.rotate_now"
    assert reason.startswith("is set in the program, and rekey:rotateNow.portal in the stack's configuration: take it")
    assert "INC-1" not in reason


def test_order_that_is_wrong_is_said_to_be_the_configurations() -> None:
    for path in ("rotation", "rotation.rotate_now"):
        where = "wrong (rekey:rotateNow.portal in the stack's configuration)"
        assert orders.with_source((path, "wrong"), "portal") == (path, where)
    assert orders.with_source(("secret", "wrong"), "portal") == ("secret", "wrong")


@pytest.mark.parametrize("reason", ["", "   ", "\u00a0"])
def test_order_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Rotate(Path(), None, reason).order(["portal"])
    assert re.fullmatch("--reason must .*: write in it why the credential rotates", str(refused.value))


def test_order_for_nobody_is_said() -> None:
    [said] = unknown({"portl": "INC-1", "made": "INC-2"}, {"portal", "made"})
    assert said.startswith("rekey:rotateNow.portl rotates nothing")
    assert "did you mean portal?" in said


@pytest.mark.usefixtures("sandbox")
def test_rotate_and_up(rekey: Rekey, stack: Stack) -> None:
    """One stack for all of it: orders, refusals, a run, and the run after it."""
    stack.program(PROGRAM)
    stack.up()
    before, file = stack.outputs()["made"], stack.folder / "Pulumi.dev.yaml"
    configured = file.read_text()

    def rotate(*words: str, code: int) -> str:
        ended = rekey("rotate", *words, "--cwd", str(stack.folder), "--stack", "dev", env=stack.environment)
        assert ended.code == code, ended
        return ended.out + ended.err

    for names, reason, said in [
        (["mad"], "INC-2", "no credential called mad: did you mean made?"),
        (["portal"], "INC-2", "name a side: portal-blue or portal-green"),
        (["made"], "two\nlines", "--reason must be one line"),
        (["made", "still"], "INC-2", "does not rotate: paused"),
        (["asked"], "INC-2", "is set in the program, and rekey:rotateNow.asked"),
    ]:
        assert said in rotate(*names, "--reason", reason, code=1)
        assert file.read_text() == configured
    said = rotate("made", "portal-blue", "--reason", "4711", code=0)
    assert "made: rotates: rotate_now: 4711" in said
    assert "portal-blue: rotates: rotate_now: 4711" in said
    assert stack.outputs()["made"] == before
    found = json.loads(rotate("made", "--reason", "INC-5", "--up", "--json", code=0).partition("\n}\n")[0] + "}")
    Draft202012Validator(SCHEMA).validate(found)
    assert found["done"] is True
    assert stack.outputs()["made"] != before
    resources = stack.resources()
    assert resources["made"]["outputs"]["rotation_reason"] == "rotate_now: INC-5"
    assert resources["portal-blue"]["outputs"]["generation"] == 1
    assert "has rotated for this reason already" in rotate("made", "--reason", "INC-5", code=1)
    stack.run("config", "set", "--path", "--plaintext", "rekey:rotateNow.gone", "INC-6")
    run = stack.up()
    assert run.steps == ["update portal-blue"]
    assert "rekey:rotateNow.gone rotates nothing" in run.text
    stack.run("config", "rm", "rekey:rotateNow")
    assert stack.up("--expect-no-changes").steps == []
    stack.run("config", "set", "--path", "--secret", "rekey:rotateNow.made", "INC-7")
    configured = file.read_text()
    assert "rekey:rotateNow is encrypted" in rotate("made", "--reason", "INC-8", code=1)
    assert file.read_text() == configured
    assert "rekey:rotateNow is encrypted" in stack.preview(fails=True).text
