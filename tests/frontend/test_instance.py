"""What one process knows: its clock, its endpoints, and which resource of the program manages which object."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pulumi_rekey.errors import Misconfigured
from pulumi_rekey.frontend.instance import CLOCK_ADVANCE, Claim, Instance
from pulumi_rekey.frontend.values import Scope

HERE, OBJECT = "https://a.example.com/", "an object"
ONE, TWO, GONE = (f"urn:pulumi:dev::p::rekey:index:AppSecret::{name}" for name in ("one", "two", "gone"))
LOCAL = {"vcd": {"url": "http://127.0.0.1:1"}, "roma": {"url": "http://localhost:1", "iamUrl": "http://127.0.0.1:1"}}


def instance(endpoints: Any = None, **made: Any) -> Instance:
    """A configured process."""
    configured = Instance(**made)
    text = endpoints if isinstance(endpoints, str) else json.dumps(endpoints or {})
    configured.configure({"rekey:endpoints": text, "rekey:rotateNow": '{"one": "INC-1"}'}.get)
    return configured


@pytest.fixture
def run() -> Instance:
    """A process whose program has declared two resources."""
    run = instance()
    for urn in (ONE, TWO):
        run.declare(urn)
    return run


# -- endpoints and clock ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["[]", "3", '"x"', "{", "null"])
def test_endpoints_that_are_no_map_are_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="rekey:endpoints is not a map of endpoints"):
        instance(wrong).address(None, "vcd")


def test_endpoint_that_is_wrong_has_no_settings() -> None:
    made = instance({"vcd": {"url": "https://vcd.example.com", "nope": "x"}, "roma": {"url": "https://r.example.com"}})
    assert made.settings(None, "vcd") is None
    assert made.settings(None, None) is None
    settings = made.settings(None, "roma")
    assert settings is not None
    assert made.address(None, "roma").startswith("https://r.example.com")
    assert made.address(None, None) == ""


def test_endpoints_are_read_once_and_may_be_none() -> None:
    """Sessions, and what they have found out, are kept with them."""
    made = Instance()
    made.configure(dict[str, str]().get)
    assert made.endpoints is made.endpoints
    assert made.settings(None, "roma") is None


def test_order_is_for_the_resource_of_its_name() -> None:
    assert instance().order("one") == "INC-1"
    assert instance().order("two") is None


def test_clock_is_the_present_to_the_second() -> None:
    before, now = datetime.now(UTC).replace(microsecond=0), instance().now()
    assert before <= now <= datetime.now(UTC)
    assert now.microsecond == 0


def test_clock_is_moved_where_every_endpoint_is_on_this_machine() -> None:
    warned: list[str] = []
    made = instance(LOCAL, environment={CLOCK_ADVANCE: "31d"}, warn=warned.append)
    assert (
        timedelta(0)
        <= made.now() - timedelta(days=31) - datetime.now(UTC).replace(microsecond=0)
        < timedelta(minutes=1)
    )
    assert warned == []


def test_clock_is_not_moved_where_a_real_credential_would_rotate() -> None:
    warned: list[str] = []
    far = {**LOCAL, "navigator": {"url": "https://navigator.example.com"}}
    made = instance(far, environment={CLOCK_ADVANCE: "31d"}, warn=warned.append)
    for _ in range(2):
        assert abs(made.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert warned == ["REKEY_CLOCK_ADVANCE is ignored: not every endpoint is on this machine"]


def test_clock_that_is_moved_by_no_duration_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"^REKEY_CLOCK_ADVANCE "):
        instance(LOCAL, environment={CLOCK_ADVANCE: "tomorrow"}).now()


# -- who manages what -------------------------------------------------------------------------------------------------


def test_object_that_inputs_name_has_one_resource(run: Instance) -> None:
    assert run.claim_named(HERE, OBJECT, ONE) is None
    # Checked once more in a replacement.
    assert run.claim_named(HERE, OBJECT, ONE) is None
    assert run.claim_named(HERE, OBJECT, TWO) == ONE
    assert run.holder(HERE, OBJECT) == Claim(ONE)
    assert run.claim_named("https://b.example.com/", OBJECT, TWO) is None
    assert run.claim_named(HERE, "another", TWO) is None
    assert run.holder(HERE, "nobody's") is None


def test_object_of_what_the_program_has_no_more_is_free(run: Instance) -> None:
    """A refresh asks about what the state has, and the program may have another name for it."""
    run.claim_live(HERE, OBJECT, GONE, "its state")
    assert run.rival(HERE, OBJECT, ONE) is None
    assert run.claim_named(HERE, OBJECT, ONE) is None
    assert run.holder(HERE, OBJECT) == Claim(ONE)


def test_object_keeps_the_state_by_which_it_is_managed(run: Instance) -> None:
    run.claim_live(HERE, OBJECT, ONE, "its state", created=True)
    assert run.claim_named(HERE, OBJECT, ONE) is None
    assert run.holder(HERE, OBJECT) == Claim(ONE, "its state", created=True)
    run.claim_live(HERE, OBJECT, ONE, "the next")
    assert run.holder(HERE, OBJECT) == Claim(ONE, "the next")
    run.claim_named(HERE, "named", TWO)
    run.claim_live(HERE, "named", TWO, "their state")
    assert run.holder(HERE, "named") == Claim(TWO, "their state")


def test_object_of_a_state_moves_with_it(run: Instance) -> None:
    run.claim_named(HERE, "named", ONE)
    run.claim_live(HERE, "old", ONE, "its state")
    run.claim_live(HERE, "theirs", TWO, "their state")
    run.claim_live(HERE, "new", ONE, "its state")
    assert run.holder(HERE, "old") is None
    assert run.holder(HERE, "named") == Claim(ONE)
    assert run.holder(HERE, "theirs") == Claim(TWO, "their state")
    run.claim_live(HERE, "nobody's", None, "a state")
    assert run.holder(HERE, "nobody's") is None


def test_object_of_two_states_is_said(run: Instance) -> None:
    run.claim_live(HERE, OBJECT, ONE, "its state")
    run.claim_live(HERE, OBJECT, TWO, "their state")
    assert run.holder(HERE, OBJECT) == Claim(ONE, "its state")
    assert run.rival(HERE, OBJECT, TWO) == ONE
    assert run.rival(HERE, OBJECT, ONE) is None
    assert run.rival(HERE, "another", TWO) is None
    # What only a refresh asks about is no part of the program.
    assert run.rival(HERE, OBJECT, GONE) is None


def test_object_of_a_refused_create_is_protected(run: Instance) -> None:
    run.protect(HERE, OBJECT, None)
    assert run.is_protected(HERE, OBJECT)
    assert not run.is_protected(HERE, "another")
    assert run.holder(HERE, OBJECT) is None


def test_scope_is_asked_for_once() -> None:
    """It is a look at the processes above."""
    asked: list[Scope] = ["whole", "part"]
    made = instance(scope=asked.pop)
    assert [made.scope, made.scope] == ["part", "part"]


@pytest.mark.parametrize(("pattern", "itself"), [(ONE, True), ("**one", True), (TWO, False), ("", False)])
def test_replacement_by_itself_is_seen_by_the_command_line(pattern: str, *, itself: bool) -> None:
    assert instance(replaced=lambda: [pattern]).replaces_itself(ONE, OBJECT) is itself


def test_replacement_by_itself_is_seen_by_the_stored_inputs() -> None:
    made = instance()
    assert not made.replaces_itself(ONE, OBJECT)
    made.note_present(ONE, OBJECT)
    assert made.replaces_itself(ONE, OBJECT)
    assert not made.replaces_itself(ONE, "another")
    assert not made.replaces_itself(TWO, OBJECT)
