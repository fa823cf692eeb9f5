"""What is peculiar to a signing key: one of several signs, it is published ahead, and its predecessor comes back."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pulumi_rekey.errors import AnswerLost, BadAnswer, Error, Partial, Rejected, Stopped
from pulumi_rekey.key_material import generate_key_pair
from pulumi_rekey.model import problems
from pulumi_rekey.reconciler.plan import policy_problems
from pulumi_rekey.resources.open_id_provider_key import RESOURCE

from tools.vendors import Sandbox

from .program import MARK, Program
from .vcd import Director

KEY: dict[str, Any] = {"description": "signs ID tokens", "algorithm": "EC"}
ROTATE = {"rotation": {"max_age": "30d"}}
NOW = {"rotation": {"rotate_now": "INC-1"}}


@pytest.fixture
def vcd(sandbox: Sandbox) -> Iterator[Director]:
    director = Director(sandbox, RESOURCE)
    yield director
    for program in director.programs:
        program.close()


def keys(vcd: Director) -> dict[str, str | None]:
    """Every key's description, by id."""
    return {key["id"]: key["description"] for key in vcd.administrator.call("GET", "/keys?pageSize=128")["values"]}


def active(vcd: Director) -> str:
    return str(vcd.administrator.call("GET", "")["activeKey"]["id"])


def activate(vcd: Director, key_id: str) -> None:
    configuration = vcd.administrator.call("GET", "")
    vcd.administrator.call("PUT", "", {**configuration, "activeKey": {"id": key_id}})


def posted(vcd: Director, description: str = "theirs") -> str:
    pair = generate_key_pair("EC", 0, "P-256")
    body = {"description": description, "publicKey": pair.public, "privateKey": pair.private.get_secret_value()}
    return str(vcd.administrator.call("POST", "/keys", body)["id"])


@cache
def pem(kind: str, passphrase: str | None = None) -> str:
    key = ec.generate_private_key(ec.SECP256R1()) if kind.startswith("EC") else rsa.generate_private_key(65537, 2048)
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


# -- the whole way, in every dialect ----------------------------------------------------------------------------------

DIALECTS = [
    {"vcd.changes": "tasks"},
    {},
    {"vcd.private_key": "absent"},
    {"vcd.private_key": "masked"},
    {"vcd.read_only": "ignored"},
    {"vcd.delete_active_key": "allowed"},
    {"vcd.jwks": "active"},
]


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_the_whole_way_in_every_dialect(vcd: Director, dialect: dict[str, str]) -> None:
    vcd.sandbox.post("/_sandbox/dialect", dict(dialect))
    built_in = active(vcd)
    program = vcd.program()
    first = program.up(**KEY)
    assert active(vcd) == first.key_id
    assert keys(vcd)[first.key_id] == f"signs ID tokens [{MARK} 1]"
    assert (first.description, first.predecessor_key_id, first.generation) == ("signs ID tokens", built_in, 1)
    assert not program.planned(**KEY)
    renamed = program.up(**{**KEY, "description": "renamed"})
    assert keys(vcd)[first.key_id] == f"renamed [{MARK} 1]"
    assert (renamed.key_id, renamed.public_key) == (first.key_id, first.public_key)
    program.advance("40d")
    wanted = {**KEY, "description": "renamed", **ROTATE}
    second = program.up(**wanted)
    at_once = dialect.get("vcd.jwks") == "active"
    assert (active(vcd) == first.key_id) is not at_once
    program.advance("10m")
    second = program.up(**wanted)
    assert (active(vcd), second.previous_key_id) == (second.key_id, first.key_id)
    assert set(keys(vcd)) == {built_in, first.key_id, second.key_id}
    program.advance("2h")
    third = program.up(**wanted)
    assert third.previous_key_id is None
    assert set(keys(vcd)) == {built_in, second.key_id}
    assert not program.planned(**wanted)
    program.destroy()
    assert (active(vcd), set(keys(vcd))) == (built_in, {built_in})


def test_a_private_key_is_in_no_state(vcd: Director) -> None:
    program = vcd.program()
    for inputs in (KEY, {**KEY, "private_key": pem("EC")}):
        state = program.up(**inputs)
        shown = f"{state!r} {state.model_dump_json()} {program.stored()!r}"
        assert "PRIVATE" not in shown


# -- keys that are given ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["EC", "RSA"])
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_given_key_is_published_and_no_layout_of_it_is_another(
    vcd: Director, kind: str, passphrase: str | None
) -> None:
    program = vcd.program()
    locked = {} if passphrase is None else {"private_key_passphrase": passphrase}
    given = pem(kind, passphrase)
    state = program.up(**KEY, private_key=given, **locked)
    for layout in (given.replace("\n", "\r\n"), f"\n  {given}\n\n", given.strip(), given.replace("\n", "\n    ")):
        assert not program.planned(**KEY, private_key=layout, **locked)
        assert not program.planned(**KEY, private_key=layout, public_key=f" {state.public_key}\r\n", **locked)
    assert not program.planned(**KEY)
    other = pem(f"{kind} other")
    assert program.planned(**KEY, private_key=other).decision.reason == "the given private key is another one"


def test_a_changed_passphrase_alone_is_no_change(vcd: Director) -> None:
    program = vcd.program()
    key = ec.generate_private_key(ec.SECP256R1())
    for passphrase in ("one", "two"):
        locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
        wanted = {**KEY, "private_key": locked.decode(), "private_key_passphrase": passphrase}
        state = program.up(**wanted)
        assert (state.generation, len(keys(vcd))) == (1, 2)


def test_another_given_key_rotates_in_place(vcd: Director) -> None:
    program = vcd.program()
    first = program.up(**KEY, private_key=pem("EC"))
    wanted = {**KEY, "private_key": pem("EC next")}
    program.up(**wanted)
    assert active(vcd) == first.key_id
    # Published once, however often it runs before it signs.
    for _ in range(2):
        program.up(**wanted)
        assert len(keys(vcd)) == 3
    program.advance("10m")
    state = program.up(**wanted)
    assert (active(vcd), state.generation) == (state.key_id, 2)
    assert state.key_id != first.key_id
    assert not program.planned(**wanted)


def test_a_key_of_the_vendors_that_cannot_be_read_is_no_reason_to_rotate(vcd: Director) -> None:
    program = vcd.program()
    program.up(**KEY, private_key=pem("EC"))
    program.state = program.state.model_copy(update={"public_key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"})
    assert not program.planned(**KEY, private_key=pem("EC"))


def test_a_policy_beside_a_given_key_is_refused() -> None:
    inputs = RESOURCE.inputs.model_validate({"private_key": pem("EC"), **ROTATE})
    assert [path for path, _ in policy_problems(RESOURCE, inputs.rotation, gives=True)] == ["rotation"]


def test_the_longest_description_fits_with_its_mark(vcd: Director) -> None:
    program = vcd.program()
    longest = "ü" * 220
    state = program.up(**{**KEY, "description": longest})
    assert state.description == longest
    program.state = program.state.model_copy(update={"generation": 10**6})
    program.up(**{**KEY, "description": longest, **NOW})
    assert max(len(text or "") for text in keys(vcd).values()) <= 256
    assert problems(RESOURCE.inputs, {"description": longest + "ü"}, lambda _: False)


@pytest.mark.parametrize("description", [None, "", "[a 1]", "a [b 1]", f"x [{MARK} 1] y", "]", " "])
def test_any_description_comes_back(vcd: Director, description: str | None) -> None:
    program = vcd.program()
    wanted = {"algorithm": "EC", "description": description}
    state = program.up(**wanted)
    assert state.description == (description or None)
    program.refresh()
    assert not program.planned(**wanted)


def test_a_description_is_cleared_by_an_empty_one(vcd: Director) -> None:
    program = vcd.program()
    state = program.up(**KEY)
    program.up(**{**KEY, "description": ""})
    assert keys(vcd)[state.key_id] == f" [{MARK} 1]"
    assert not program.planned(**{**KEY, "description": ""})


# -- which key signs --------------------------------------------------------------------------------------------------


def test_a_key_may_wait_without_signing(vcd: Director) -> None:
    built_in = active(vcd)
    program = vcd.program()
    state = program.up(**KEY, activate=False)
    assert (active(vcd), state.active) == (built_in, False)
    state = program.up(**KEY)
    assert (active(vcd), state.predecessor_key_id) == (state.key_id, built_in)
    state = program.up(**KEY, activate=False)
    assert (active(vcd), state.active) == (built_in, False)
    program.destroy()
    assert set(keys(vcd)) == {built_in}


def test_activation_by_somebody_else_is_drift_and_repaired(vcd: Director) -> None:
    built_in = active(vcd)
    program = vcd.program()
    state = program.up(**KEY)
    activate(vcd, built_in)
    assert program.refresh().active is False
    assert program.planned(**KEY).changed == {"activate"}
    assert program.remarks(**KEY) == [
        f"makes key {state.key_id} sign instead of the one that signs now, which stays published"
    ]
    program.up(**KEY)
    assert active(vcd) == state.key_id
    assert program.state.generation == 1


def test_destroying_what_does_not_sign_leaves_what_does(vcd: Director) -> None:
    program = vcd.program()
    state = program.up(**KEY)
    theirs = posted(vcd)
    activate(vcd, theirs)
    program.destroy()
    assert active(vcd) == theirs
    assert state.key_id not in keys(vcd)


def test_destroying_without_a_predecessor_lets_the_only_other_key_sign(vcd: Director) -> None:
    built_in = active(vcd)
    program = vcd.program()
    theirs = posted(vcd)
    activate(vcd, theirs)
    program.up(**KEY)
    vcd.administrator.call("DELETE", f"/keys/{theirs}")
    program.destroy()
    assert (active(vcd), set(keys(vcd))) == (built_in, {built_in})


@pytest.mark.parametrize("known", [True, False])
def test_destroying_without_a_predecessor_stops_with_what_to_do(vcd: Director, *, known: bool) -> None:
    program = vcd.program()
    theirs, _another = posted(vcd), posted(vcd)
    activate(vcd, theirs)
    state = program.up(**KEY)
    if known:
        vcd.administrator.call("DELETE", f"/keys/{theirs}")
    else:
        # As `pulumi state delete` does; nothing at the vendor says which key it was.
        program.state = None
        program.up(**KEY)
    with pytest.raises(Stopped) as stopped:
        program.destroy()
    why = "the key that signed before it is gone" if known else "it is not known which key signed before it"
    assert str(stopped.value) == (
        f"vcd: key {state.key_id} signs, and {why}: it may still be there; make another key active in Cloud Director,"
        " then run again"
    )
    assert active(vcd) == state.key_id
    activate(vcd, next(key for key in keys(vcd) if key != state.key_id))
    program.destroy()
    assert state.key_id not in keys(vcd)


def test_a_race_for_the_active_key_is_a_conflict(vcd: Director) -> None:
    built_in = active(vcd)
    configuration = vcd.administrator.call("GET", "")
    vcd.sandbox.fault("/openIdProvider$", method="PUT", status=200, body=json.dumps(configuration))
    program = vcd.program()
    with pytest.raises(Partial, match="another key was made active at the same moment"):
        program.up(**KEY)
    assert active(vcd) == built_in
    assert program.state.active is False
    state = program.up(**KEY)
    assert active(vcd) == state.key_id


@pytest.mark.parametrize("body", ['{"activeKey": {"id": "x"}}', "{}", "[]", '{"activeKey": 5, "allowHttp": true}'])
def test_what_is_no_configuration_is_not_written_back(vcd: Director, body: str) -> None:
    vcd.sandbox.fault("/openIdProvider$", method="GET", status=200, body=body, count=0)
    program = vcd.program()
    with pytest.raises(Partial):
        program.up(**KEY)
    assert [call for call in vcd.calls() if call == "PUT "] == []


def test_other_settings_of_the_provider_survive(vcd: Director) -> None:
    vcd.administrator.call("PUT", "", {**vcd.administrator.call("GET", ""), "allowHttp": True})
    vcd.program().up(**KEY)
    assert vcd.administrator.call("GET", "")["allowHttp"] is True


# -- what an interruption leaves --------------------------------------------------------------------------------------


def test_an_interrupted_create_finds_its_own_given_key(vcd: Director) -> None:
    program = vcd.program()
    wanted = {**KEY, "private_key": pem("EC")}
    vcd.sandbox.fault("/keys$", method="POST", drop="after")
    with pytest.raises(AnswerLost):
        program.up(**wanted)
    assert program.state is None
    state = program.up(**wanted)
    assert len(keys(vcd)) == 2
    assert active(vcd) == state.key_id
    assert vcd.calls().count("POST /keys") == 1


def test_an_interrupted_create_of_another_given_key_is_replaced(vcd: Director) -> None:
    program = vcd.program()
    vcd.sandbox.fault("/keys$", method="POST", drop="after")
    with pytest.raises(AnswerLost):
        program.up(**KEY, private_key=pem("EC"))
    wanted = {**KEY, "private_key": pem("EC next")}
    state = program.up(**wanted)
    # Whether the other one has signed is not known: it goes when that has expired.
    (other,) = state.retiring
    assert set(keys(vcd)) == {state.key_id, state.predecessor_key_id, other.key_id}
    assert not program.planned(**wanted)
    program.advance("2h")
    program.up(**wanted)
    assert set(keys(vcd)) == {state.key_id, state.predecessor_key_id}
    assert not program.planned(**wanted)


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"drop": "after"}, {"status": 500}, {"status": 409}])
def test_an_interrupted_activation_is_made_by_the_next_run(vcd: Director, fault: dict[str, Any]) -> None:
    built_in = active(vcd)
    program = vcd.program()
    vcd.sandbox.fault("/openIdProvider$", method="PUT", count=0, **fault)
    with pytest.raises(Partial):
        program.up(**KEY)
    vcd.sandbox.http.delete("/_sandbox/faults")
    state = program.up(**KEY)
    assert (active(vcd), len(keys(vcd)), state.step) == (state.key_id, 2, None)
    program.destroy()
    assert set(keys(vcd)) == {built_in}


@pytest.mark.parametrize("adopts", [False, True])
def test_interrupted_create_under_another_mark_is_named(vcd: Director, *, adopts: bool) -> None:
    """As after a rename of the stack, the resource or the owner; it may as well be another resource's."""
    begun, _other = posted(vcd, f"signs ID tokens [{MARK[::-1]} 1]"), posted(vcd, f"elsewhere [{MARK[::-1]} 1]")
    program = vcd.program()
    program.up(**KEY, **({"adopt": posted(vcd), "rotation": {"on_adopt": "rotate"}} if adopts else {}))
    (said,) = (text for text in program.warned if "another resource" in text)
    assert said == (
        f"vcd: key {begun}, which does not sign, was published by rekey for another resource with the same description:"
        " if that was this one, before it, the stack or rekey:owner was renamed, delete it in Cloud Director"
    )
    assert begun in keys(vcd)


@pytest.mark.parametrize("rotates", [False, True])
def test_activate_true_takes_the_signature_from_no_other_resource(vcd: Director, *, rotates: bool) -> None:
    """Not at creation only: of another stack the name of its key is all that tells."""
    program = vcd.program()
    program.up(**KEY, activate=False)
    theirs = posted(vcd, f"theirs [{MARK[::-1]} 1]")
    activate(vcd, theirs)
    with pytest.raises(Stopped, match=f"key {theirs}, which signs, was published by rekey for another resource"):
        program.up(**KEY, **(NOW if rotates else {}))
    assert active(vcd) == theirs
    program.up(**KEY, activate=False)
    program.destroy()
    assert (active(vcd), theirs in keys(vcd)) == (theirs, True)


def test_replacement_under_another_mark_names_what_helps(vcd: Director) -> None:
    """As by `--replace` after a rename of the stack or the owner: no alias helps, and a rotation does."""
    program = vcd.program()
    key = program.up(**KEY).key_id
    with pytest.raises(Stopped) as stopped:
        program.reconciler().create(program.resource.inputs.model_validate(KEY), MARK[::-1])
    assert stopped.value.advice == (
        "give this resource an alias if it was renamed in the program; if it is being replaced by itself, after a"
        " rename of the stack or of rekey:owner, set rotation.rotate_now instead, which makes another key sign; else"
        f' set adopt="{key}" to manage that key, or activate=False'
    )
    assert active(vcd) == key
    other = program.up(**KEY, rotation={"rotate_now": "another key"}).key_id
    assert active(vcd) == other != key


def rolled_over(vcd: Director, release: int = 1) -> tuple[Program, dict[str, Any]]:
    """A program whose key has been replaced, the one before still being published; and its inputs."""
    program = vcd.program()
    program.up(**KEY, rotation={"triggers": {"release": release}})
    wanted = {**KEY, "rotation": {"triggers": {"release": release + 1}}}
    program.up(**wanted)
    program.advance("10m")
    program.up(**wanted)
    return program, wanted


def test_previous_key_that_somebody_makes_sign_again_is_not_deleted(vcd: Director) -> None:
    """Not before everything has expired that it has signed since."""
    program, wanted = rolled_over(vcd)
    before = program.state.previous_key_id
    activate(vcd, before)
    program.advance("2h")
    program.up(**wanted)
    assert (active(vcd), program.state.previous_key_id) == (before, before)
    program.up(**wanted)
    assert active(vcd) == program.state.key_id
    assert before in keys(vcd)
    program.advance("30m")
    assert not program.planned(**wanted)
    program.advance("40m")
    program.up(**wanted)
    assert before not in keys(vcd)


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "a lost answer"])
@pytest.mark.parametrize("activates", [True, False])
def test_older_key_that_somebody_makes_sign_stays_for_its_tokens_when_another_takes_over(
    vcd: Director, *, activates: bool, lost: bool
) -> None:
    """The next one by its turn, or the one before rekey's by `activate=False`: nothing that was signed is refused."""
    program, wanted = rolled_over(vcd)
    older = program.state.previous_key_id
    activate(vcd, older)
    program.advance("75m")
    if activates:
        wanted = {**wanted, "rotation": {**wanted["rotation"], "rotate_now": "INC-1"}}
    if lost:
        vcd.sandbox.fault("/openIdProvider$", method="PUT", count=0, drop="after")
        with pytest.raises(Partial):
            program.up(**wanted, activate=activates)
        vcd.sandbox.clear_faults()
    program.up(**wanted, activate=activates)
    assert active(vcd) != older
    for pause in ("30m", "20m"):
        program.advance(pause)
        if program.planned(**wanted, activate=activates):
            program.up(**wanted, activate=activates)
        assert older in keys(vcd)
    program.advance("1h")
    program.up(**wanted, activate=activates)
    assert older not in keys(vcd)


def test_activate_false_leaves_the_signature_where_somebody_has_put_it(vcd: Director) -> None:
    program = vcd.program()
    program.up(**KEY)
    theirs = posted(vcd)
    activate(vcd, theirs)
    state = program.up(**KEY, activate=False)
    assert (active(vcd), state.active) == (theirs, False)


def test_adopt_that_was_the_keys_own_id_replaces_nothing_after_the_next_rotations(vcd: Director) -> None:
    program = vcd.program()
    program.up(**KEY)
    own = program.up(**KEY, **NOW).key_id
    wanted: dict[str, Any] = {**KEY, "adopt": own, **NOW}
    program.up(**wanted)
    assert not program.planned(**wanted)
    for reason in ("INC-2", "INC-3"):
        wanted["rotation"] = {"rotate_now": reason}
        program.up(**wanted)
        program.advance("2h")
        program.up(**wanted)
        assert not program.planned(**wanted)
    assert own not in keys(vcd)
    assert program.planned(**{**wanted, "adopt": posted(vcd)}).replace == {"adopt"}


def test_adopted_key_that_may_have_signed_outlives_its_rotation(vcd: Director) -> None:
    program = vcd.program()
    theirs = posted(vcd)
    policy = {"on_adopt": "rotate"}
    assert program.up(**KEY, adopt=theirs, activate=False, rotation=policy).key_id != theirs
    program.advance("50m")
    assert theirs in keys(vcd)
    program.advance("20m")
    program.up(**KEY, adopt=theirs, activate=False, rotation=policy)
    assert theirs not in keys(vcd)


@pytest.mark.parametrize("refreshed", [False, True])
def test_key_that_signed_until_somebody_relieved_it_outlives_a_rotation_that_makes_none_sign(
    vcd: Director, *, refreshed: bool
) -> None:
    program = vcd.program()
    first = program.up(**KEY).key_id
    activate(vcd, posted(vcd))
    if refreshed:
        program.refresh()
    wanted = {**KEY, **NOW, "activate": False}
    assert program.up(**wanted).key_id != first
    program.advance("50m")
    assert not program.planned(**wanted)
    assert first in keys(vcd)
    program.advance("20m")
    program.up(**wanted)
    assert first not in keys(vcd)


@pytest.mark.parametrize("refreshed", [False, True])
def test_next_key_that_somebody_makes_sign_early_goes_on(vcd: Director, *, refreshed: bool) -> None:
    program = vcd.program()
    program.up(**KEY, rotation={"triggers": {"release": 1}})
    wanted = {**KEY, "rotation": {"triggers": {"release": 2}}}
    first = program.up(**wanted).key_id
    following = program.state.next_key_id
    activate(vcd, following)
    if refreshed:
        program.refresh()
    program.advance("10m")
    state = program.up(**wanted)
    assert (active(vcd), state.key_id, state.previous_key_id) == (following, following, first)
    program.destroy()
    assert following not in keys(vcd)


def test_key_that_is_gone_is_forgotten_while_the_next_one_waits(vcd: Director) -> None:
    """That the next one is published says nothing of it."""
    built_in = active(vcd)
    program = vcd.program()
    program.up(**KEY)
    state = program.up(**KEY, rotation={"triggers": {"release": 1}, "rotate_now": None})
    assert not state.next_key_id
    program.advance("40d")
    state = program.up(**KEY, **ROTATE)
    activate(vcd, built_in)
    vcd.administrator.call("DELETE", f"/keys/{state.key_id}")
    assert program.refresh() is None
    again = program.up(**KEY, **ROTATE)
    assert again.key_id == state.next_key_id


def test_state_that_is_lost_finds_all_its_keys_again(vcd: Director) -> None:
    """Of whichever generation: the one that signs is the present one, and none stays when it is over."""
    built_in = active(vcd)
    program, wanted = rolled_over(vcd)
    first, second = program.state.previous_key_id, program.state.key_id
    program.state = None
    state = program.up(**wanted)
    assert (state.key_id, active(vcd), set(keys(vcd))) == (second, second, {built_in, first, second})
    program.advance("2h")
    program.up(**wanted)
    assert set(keys(vcd)) == {built_in, second}
    program.destroy()
    assert (active(vcd), set(keys(vcd))) == (built_in, {built_in})


def test_older_state_that_is_restored_makes_no_third_key(vcd: Director) -> None:
    built_in = active(vcd)
    program = vcd.program()
    older = program.up(**KEY, rotation={"triggers": {"release": 1}})
    wanted = {**KEY, "rotation": {"triggers": {"release": 2}}}
    program.up(**wanted)
    program.advance("10m")
    second = program.up(**wanted).key_id
    program.state = older
    for pause in ("1m", "10m", "2h"):
        program.advance(pause)
        program.up(**wanted)
        assert active(vcd) == second
    assert (program.state.key_id, set(keys(vcd))) == (second, {built_in, second})
    program.state = older
    program.destroy()
    assert (active(vcd), set(keys(vcd))) == (built_in, {built_in})


@pytest.mark.parametrize("wrong", [timedelta(days=40), timedelta(days=-40)], ids=["ahead", "behind"])
def test_key_before_stays_until_the_vendors_clock_says_that_what_it_signed_has_expired(
    vcd: Director, wrong: timedelta
) -> None:
    program = vcd.program()
    program.clock.passed += min(wrong, timedelta())
    wanted: dict[str, Any] = {**KEY, "rotation": {"rotate_now": "INC-1"}}
    first = program.up(**KEY).key_id
    program.up(**wanted)
    activate(vcd, first)
    program.up(**wanted, activate=False)
    program.clock.passed += max(wrong, timedelta())
    for pause in ("10m", "50m"):
        if program.planned(**wanted, activate=False):
            program.up(**wanted, activate=False)
        assert first in keys(vcd)
        program.advance(pause)
    program.clock.passed -= wrong
    program.advance("10m")
    program.up(**wanted, activate=False)
    assert first not in keys(vcd)


@pytest.mark.parametrize("refreshed", [False, True])
@pytest.mark.parametrize("made", ["whole", "with a lost answer", "while the next one waits"])
def test_older_state_that_is_restored_keeps_every_key_that_has_signed_for_its_tokens(
    vcd: Director, made: str, *, refreshed: bool
) -> None:
    """And none for ever, although the state knows of none of them; the one that signs goes on, not one before it."""
    built_in = active(vcd)
    program = vcd.program()
    older = program.up(**KEY, rotation={"triggers": {"release": 1}})
    wanted: dict[str, Any] = {**KEY, "rotation": {"triggers": {"release": 2}}}
    if made == "with a lost answer":
        vcd.sandbox.fault("/keys$", method="POST", drop="after")
        with pytest.raises(Partial):
            program.up(**wanted)
        older = program.state
    waiting = program.up(**wanted)
    if made == "while the next one waits":
        older = waiting
    program.advance("10m")
    second = program.up(**wanted).key_id
    wanted["rotation"]["rotate_now"] = "INC-1"
    third = program.up(**wanted).key_id
    program.state = older
    if refreshed:
        with suppress(Partial):
            program.refresh()
    moved = vcd.calls().count("PUT ")
    program.up(**wanted)
    # The restored state asks for its rotation once more: by a key after the third, if it has seen that one.
    assert vcd.calls().count("PUT ") - moved == (active(vcd) != third)
    for pause in ("30m", "20m"):
        assert active(vcd) == program.state.key_id != older.key_id
        assert {second, third} <= keys(vcd).keys()
        program.advance(pause)
        if program.planned(**wanted):
            program.up(**wanted)
    program.advance("2h")
    program.up(**wanted)
    assert set(keys(vcd)) == {built_in, active(vcd)}


@pytest.mark.parametrize("goes_back", [False, True])
def test_activate_false_in_the_middle_of_a_roll_over(vcd: Director, *, goes_back: bool) -> None:
    """What signed before rekey's signs again, at once; the roll-over goes on, and signs if that is wanted again."""
    built_in = active(vcd)
    program = vcd.program()
    program.up(**KEY, rotation={"triggers": {"release": 1}})
    wanted: dict[str, Any] = {**KEY, "rotation": {"triggers": {"release": 2}}}
    first = program.up(**wanted).key_id
    assert program.remarks(**wanted) == []
    says = [f"makes key {built_in} sign instead of key {first}, which stays published"]
    assert program.remarks(**wanted, activate=False) == says
    program.up(**wanted, activate=False)
    assert active(vcd) == built_in
    assert program.remarks(**wanted, activate=False) == []
    wanted["activate"] = goes_back
    for pause in ("1m", "10m", "2h", "2h"):
        program.advance(pause)
        if program.planned(**wanted):
            program.up(**wanted)
    state = program.state
    assert (state.generation, state.active) == (2, goes_back)
    assert active(vcd) == (state.key_id if goes_back else built_in)
    assert set(keys(vcd)) == {built_in, state.key_id}
    assert state.key_id != first
    program.destroy()
    assert (active(vcd), set(keys(vcd))) == (built_in, {built_in})


def test_rotate_now_in_an_overlap_keeps_the_key_before_for_its_whole_time(vcd: Director) -> None:
    program, wanted = rolled_over(vcd)
    first, ends = program.state.previous_key_id, program.state.previous_expires_at
    program.advance("30m")
    wanted = {**wanted, "rotation": {**wanted["rotation"], "rotate_now": "INC-1"}}
    state = program.up(**wanted)
    assert [(old.key_id, old.expires_at) for old in state.retiring] == [(first, ends)]
    program.advance("30m")
    assert not program.planned(**wanted)
    assert first in keys(vcd)
    program.advance("10m")
    program.up(**wanted)
    assert first not in keys(vcd)
    assert state.previous_key_id in keys(vcd)


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 403}, {"drop": "before"}, {"drop": "after"}], ids=str)
def test_rotate_now_that_fails_while_the_next_key_waits_is_asked_for_again(
    vcd: Director, fault: dict[str, Any]
) -> None:
    """Nothing has been minted, so the order stands, and the key that waits is there until another one is."""
    program = vcd.program()
    program.up(**KEY, rotation={"triggers": {"release": 1}})
    wanted: dict[str, Any] = {**KEY, "rotation": {"triggers": {"release": 2}}}
    first, waiting = program.state.key_id, program.up(**wanted).next_key_id
    wanted["rotation"]["rotate_now"] = "INC-1"
    vcd.sandbox.fault("/keys$", method="POST", count=0, **fault)
    with pytest.raises(Error):
        program.up(**wanted)
    assert waiting in keys(vcd)
    assert program.planned(**wanted).decision.reason == "rotate_now: INC-1"
    vcd.sandbox.clear_faults()
    state = program.up(**wanted)
    assert active(vcd) == state.key_id
    assert state.key_id not in {first, waiting}
    assert not program.planned(**wanted)
    program.advance("2h")
    program.up(**wanted)
    assert {first, waiting}.isdisjoint(keys(vcd))


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_description_of_a_given_key_is_sent_with_its_private_half(vcd: Director, passphrase: str | None) -> None:
    """The page says that it is required; one that rekey made is known to nobody any more."""
    vcd.sandbox.dialect(vcd__key_update="needs-private-key")
    program = vcd.program()
    given = {"private_key": pem("EC", passphrase), "private_key_passphrase": passphrase}
    program.up(**KEY, **given)
    state = program.up(**KEY | {"description": "renamed"}, **given)
    assert keys(vcd)[state.key_id] == f"renamed [{MARK} 1]"
    made = program.up(**KEY | {"description": "renamed"})
    assert made.key_id == state.key_id
    with pytest.raises(Rejected):
        program.up(**KEY | {"description": "of nobody's"})


def test_a_stranger_with_the_same_description_is_not_touched(vcd: Director) -> None:
    strangers = {posted(vcd, "signs ID tokens"), posted(vcd, f"signs ID tokens [{MARK[::-1]} 1]"), posted(vcd, MARK)}
    program = vcd.program()
    state = program.up(**KEY)
    assert state.key_id not in strangers
    program.destroy()
    assert strangers < set(keys(vcd))


@pytest.mark.parametrize("kept", [True, False], ids=["a lost answer", "a killed engine"])
@pytest.mark.parametrize("lost", [{"drop": "after"}, {"drop": "cut"}])
def test_a_stray_of_an_interrupted_rotation_is_not_left(vcd: Director, lost: dict[str, Any], *, kept: bool) -> None:
    """Where the state tells of it, it goes and the next one is made; where nobody could tell, it is taken over."""
    program = vcd.program()
    first = program.up(**KEY)
    program.advance("40d")
    vcd.sandbox.fault("/keys$", method="POST", **lost)
    with pytest.raises(Partial, match="it is not known whether it took effect"):
        program.up(**KEY, **ROTATE)
    assert len(keys(vcd)) == 3
    if not kept:
        program.state = first
    state = program.up(**KEY, **ROTATE)
    assert (len(keys(vcd)), state.generation, state.step) == (3, 2, None)
    assert state.next_key_id in keys(vcd)
    assert vcd.calls().count("POST /keys") == (3 if kept else 2)


def half_rotated(vcd: Director, **fault: Any) -> Program:
    """A program whose rotation stopped when the next key was to sign."""
    program = vcd.program()
    program.up(**KEY)
    vcd.sandbox.fault("/openIdProvider$", method="PUT", count=0, **fault)
    with pytest.raises(Partial):
        program.up(**KEY, **NOW)
    vcd.sandbox.http.delete("/_sandbox/faults")
    return program


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"drop": "after"}, {"status": 500}])
def test_a_half_rotated_key_goes_on_where_it_stopped(vcd: Director, fault: dict[str, Any]) -> None:
    program = half_rotated(vcd, **fault)
    before = set(keys(vcd))
    state = program.up(**KEY, **NOW)
    assert set(keys(vcd)) == before
    assert (active(vcd), state.generation, state.next_key_id) == (state.key_id, 2, None)
    program.advance("2h")
    state = program.up(**KEY, **NOW)
    assert len(keys(vcd)) == 2
    assert not program.planned(**KEY, **NOW)


def test_a_half_rotated_key_is_destroyed_whole(vcd: Director) -> None:
    built_in = active(vcd)
    program = half_rotated(vcd, status=500)
    program.destroy()
    assert (active(vcd), set(keys(vcd))) == (built_in, {built_in})


def test_a_rotation_for_an_incident_ends_the_old_key_at_once(vcd: Director) -> None:
    built_in = active(vcd)
    program = vcd.program()
    first = program.up(**KEY)
    state = program.up(**KEY, rotation={"rotate_now": "INC-1", "grace": "0s"})
    assert active(vcd) == state.key_id
    assert first.key_id not in keys(vcd)
    assert set(keys(vcd)) == {built_in, state.key_id}


def test_the_next_key_is_not_retired_before_what_it_signed_has_expired(vcd: Director) -> None:
    program = vcd.program()
    first = program.up(**KEY)
    program.up(**KEY, **NOW)
    for minutes in ("30m", "30m"):
        program.advance(minutes)
        program.up(**KEY, **NOW)
        assert first.key_id in keys(vcd)
    program.advance("10m")
    program.up(**KEY, **NOW)
    assert first.key_id not in keys(vcd)


@pytest.mark.parametrize("life", [10**30, 2**63, 3650 * 86400 + 1, -1, True, "3600", 3600.5, None])
def test_a_lifetime_that_is_none_stops_before_the_next_key_signs(vcd: Director, life: object) -> None:
    program = vcd.program()
    first = program.up(**KEY)
    program.advance("40d")
    program.up(**KEY, **ROTATE)
    program.advance("10m")
    body = json.dumps({**vcd.administrator.call("GET", ""), "idTokenTimeToLive": life})
    vcd.sandbox.fault("/openIdProvider$", method="GET", status=200, body=body, count=1)
    with pytest.raises(BadAnswer, match=r"idTokenTimeToLive.*: nothing was changed; check"):
        program.up(**KEY, **ROTATE)
    assert active(vcd) == first.key_id
    second = program.up(**KEY, **ROTATE)
    assert (active(vcd), second.previous_key_id) == (second.key_id, first.key_id)


def test_a_retirement_of_what_is_already_gone_is_done(vcd: Director) -> None:
    program = vcd.program()
    first = program.up(**KEY)
    program.up(**KEY, **NOW)
    vcd.administrator.call("DELETE", f"/keys/{first.key_id}")
    program.advance("2h")
    assert program.up(**KEY, **NOW).previous_key_id is None


# -- the published set ------------------------------------------------------------------------------------------------


def test_where_the_set_cannot_be_read_the_next_key_waits_all_the_same(vcd: Director) -> None:
    program = vcd.program()
    program.up(**KEY)
    program.advance("40d")
    vcd.sandbox.fault("/oidc/", status=503, count=0)
    state = program.up(**KEY, **ROTATE)
    assert state.next_key_id is not None
    assert state.next_activates_at is not None
    assert state.next_activates_at > program.clock.now()


def test_a_set_somewhere_else_is_not_fetched(vcd: Director) -> None:
    vcd.sandbox.fault("/openid-configuration$", status=200, body='{"jwks_uri": "http://127.0.0.1:1/jwks"}', count=0)
    program = vcd.program()
    state = program.up(**KEY)
    assert active(vcd) == state.key_id


@pytest.mark.parametrize("body", ["", "{}", '{"keys": 5}', '{"keys": ["x"]}', '{"keys": [{"kty": null}]}'])
def test_a_set_of_another_shape_loses_no_key(vcd: Director, body: str) -> None:
    program = vcd.program()
    vcd.sandbox.fault("/oidc/jwks$", status=200, body=body, count=0)
    try:
        program.up(**KEY)
    except Error:
        assert program.state is not None
    vcd.sandbox.http.delete("/_sandbox/faults")
    state = program.up(**KEY)
    assert (active(vcd), len(keys(vcd)), state.step) == (state.key_id, 2, None)


def test_an_id_with_a_trick_in_it_is_not_used(vcd: Director) -> None:
    shown = '{"id": "x\\n::set-env name=A::b", "publicKey": "p", "description": null}'
    vcd.sandbox.fault("/keys$", method="POST", status=201, body=shown)
    with pytest.raises(BadAnswer) as failed:
        vcd.program().up(**KEY)
    assert str(failed.value).isprintable()


# -- adoption ---------------------------------------------------------------------------------------------------------


def test_an_adopted_key_stays(vcd: Director) -> None:
    theirs = posted(vcd)
    program = vcd.program()
    state = program.up(description="theirs", algorithm="EC", adopt=theirs)
    assert (state.key_id, state.generation, active(vcd)) == (theirs, 1, theirs)
    assert not program.planned(description="theirs", algorithm="EC", adopt=theirs)
    program.destroy()
    assert theirs in keys(vcd)
