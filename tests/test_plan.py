"""What an update would do, and what is said about it: the pure half of what all resources share."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pulumi_rekey.policy.decide import Decision, applied_by_rotation
from pulumi_rekey.policy.model import Policy
from pulumi_rekey.reconciler.contract import Inputs
from pulumi_rekey.reconciler.plan import (
    REPLACE,
    VERIFY,
    VERIFY_NEXT,
    Plan,
    explanation,
    held_back,
    plan,
    policy_problems,
)
from pydantic import SecretStr

from .fake_vendor import COUNT, LOCKER, START, TELL, LockerInputs, LockerResource, LockerState, Ticket, TicketState

DAY = timedelta(days=1)
DUE = "90 d old, max_age 90 d"
NINETY = {"max_age": "90d"}
TICKET = Ticket()
NEXT = START + 90 * DAY


def inputs(**fields: Any) -> LockerInputs:
    return LockerInputs.model_validate(fields)


def kept(i: LockerInputs, **fields: Any) -> LockerState:
    """What is kept of a locker that was put up under these inputs, when the test begins."""
    rules = i.rotation
    life = {
        "generation": 1,
        "rotated_at": START,
        "next_rotation_at": START + rules.max_age if rules.max_age else None,
        "rotation": applied_by_rotation(rules),
        "endpoint": i.endpoint,
    }
    return LockerState.model_validate({"locker_id": "locker-1", "code": SecretStr("code 1")} | life | fields)


def planned(i: LockerInputs, s: LockerState, now: datetime = START, resource: LockerResource = LOCKER) -> Plan:
    return plan(resource, "locker-1", i, s, now)


# -- what a resource says by default -------------------------------------------------------------------------


def test_a_resource_that_says_no_more_than_it_must() -> None:
    i, s = Inputs(), TicketState()
    assert list(TICKET.problems(i)) == []
    assert list(TICKET.remarks(i, s)) == []
    assert list(TICKET.follow(None, i, s)) == [s]
    assert TICKET.changed(i, s) == frozenset()
    assert TICKET.given(i, s) is None
    assert TICKET.accepted(None, s) is None
    assert TICKET.client(s) is None
    assert TICKET.pending(s) is None
    assert TICKET.follow_up(s, START) is None
    assert TICKET.adopts(i) is None
    assert not TICKET.gives(i)
    assert [TICKET.takes_grace, TICKET.shown, TICKET.marked] == [False] * 3
    assert s.with_candidate_pending() is s
    assert s.promoted() is s
    with pytest.raises(NotImplementedError):
        TICKET.update(None, i, s, frozenset())
    with pytest.raises(NotImplementedError):
        TICKET.resend_inputs(None, i, s)


def test_settings_are_compared_where_they_are_wanted() -> None:
    s = kept(inputs(), label="tools", note="keep shut")
    assert LOCKER.changed(inputs(), s) == frozenset()
    assert LOCKER.changed(inputs(label="tools", note="keep shut"), s) == frozenset()
    assert LOCKER.changed(inputs(label="paint", note="keep shut"), s) == {"label"}
    assert LOCKER.changed(inputs(label="paint", note=""), s) == {"label", "note"}


def test_what_is_no_setting_of_the_vendors_is_not_compared() -> None:
    wanted = inputs(endpoint="other", site="south", code="0000", rotation=NINETY)
    assert LOCKER.changed(wanted, kept(inputs())) == frozenset()


def test_a_secret_is_given_where_there_is_an_input_for_it_and_it_is_set() -> None:
    assert LOCKER.gives(inputs(code="0000"))
    assert not LOCKER.gives(inputs())

    class Vending(LockerResource):
        secret_input = None

    assert not Vending().gives(inputs(code="0000"))


def test_an_object_is_adopted_by_the_input_that_names_it() -> None:
    assert LOCKER.adopts(inputs(adopt="locker-9")) == "locker-9"
    assert LOCKER.adopts(inputs(label="locker-9")) is None
    assert LOCKER.adopts(LockerInputs.model_construct(adopt=9)) is None

    class AtItsLabel(LockerResource):
        adopted_by_input = "label"

    assert AtItsLabel().adopts(inputs(label="locker-9")) == "locker-9"


def test_an_object_that_is_named_is_claimed() -> None:
    assert list(LOCKER.claims({"adopt": "locker-9", "label": "tools"})) == [("adopt", "locker-9")]
    assert list(LOCKER.claims({"label": "tools"})) == []
    assert list(LOCKER.claims({"adopt": None})) == []

    class AtItsLabel(LockerResource):
        adopted_by_input = "label"

    assert list(AtItsLabel().claims({"adopt": "locker-9", "label": "tools"})) == [("label", "tools")]


# -- the plan ------------------------------------------------------------------------------------------------


def test_nothing_is_to_be_done_where_all_is_as_wanted() -> None:
    i = inputs(site="north", label="blank", endpoint="lockers", rotation=NINETY)
    todo = planned(i, kept(i))
    assert todo == Plan()
    assert not todo


@pytest.mark.parametrize(
    "todo",
    [
        Plan(replace=frozenset({"site"})),
        Plan(changed=frozenset({"label"})),
        Plan(decision=Decision(reason=DUE)),
        Plan(follow_up=TELL),
        Plan(step=VERIFY),
        Plan(bookkeeping=True),
    ],
)
def test_each_thing_to_be_done_makes_a_plan(todo: Plan) -> None:
    assert todo


def test_what_is_only_deferred_makes_no_plan() -> None:
    assert not Plan(decision=Decision(deferred=f"paused; due: {DUE}"))


def test_an_immutable_input_that_differs_replaces() -> None:
    s = kept(inputs())
    assert planned(inputs(site="south"), s).replace == {"site"}
    assert planned(inputs(site="north"), s).replace == frozenset()
    assert planned(inputs(), s).replace == frozenset()


def test_another_object_that_is_named_replaces_and_one_that_is_named_no_more_does_not() -> None:
    s = kept(inputs())
    assert planned(inputs(adopt="locker-9"), s).replace == {"adopt"}
    assert planned(inputs(adopt="locker-1"), s).replace == frozenset()
    assert planned(inputs(), s).replace == frozenset()


def test_a_changed_setting_is_in_the_plan() -> None:
    assert planned(inputs(label="paint"), kept(inputs())).changed == {"label"}


def test_the_policy_decides() -> None:
    i = inputs(rotation=NINETY)
    assert planned(i, kept(i), NEXT).decision == Decision(reason=DUE)


def test_beside_a_given_secret_no_rule_decides() -> None:
    i = inputs(rotation=NINETY, code="code 1")
    assert planned(i, kept(i), NEXT).decision == Decision()


def test_another_secret_that_is_given_is_sent_unless_rotation_is_paused() -> None:
    s = kept(inputs())
    given = "another code is given"
    assert planned(inputs(code="0000"), s).decision == Decision(reason=given)
    paused = planned(inputs(code="0000", rotation={"paused": True}), s)
    assert paused.decision == Decision(deferred=f"paused; due: {given}")
    assert not paused


def test_the_plan_has_the_step_and_what_follows() -> None:
    i = inputs()
    assert planned(i, kept(i, step=VERIFY)).step == VERIFY
    assert planned(i, kept(i, told=False), START + DAY).follow_up == TELL
    assert planned(i, kept(i, told=False)).follow_up is None


def test_a_policy_that_a_rotation_has_not_seen_is_noted() -> None:
    i = inputs(rotation={"triggers": {"release": "1"}})
    s = kept(i)
    more = inputs(rotation={"triggers": {"release": "1", "year": "2026"}})
    assert planned(more, s) == Plan(bookkeeping=True)


def test_another_endpoint_is_noted() -> None:
    assert planned(inputs(endpoint="mirror"), kept(inputs())) == Plan(bookkeeping=True)


def test_another_due_date_is_noted() -> None:
    s = kept(inputs(rotation=NINETY))
    assert planned(inputs(rotation={"max_age": "60d"}), s) == Plan(bookkeeping=True)
    assert planned(inputs(), s) == Plan(bookkeeping=True)


def test_what_was_never_minted_has_no_due_date() -> None:
    i = inputs(rotation=NINETY)
    assert planned(i, kept(i, rotated_at=None, next_rotation_at=None), NEXT) == Plan()


# -- an earlier rotation that is not done yet ----------------------------------------------------------------


def held(s: LockerState, decision: Decision, resource: LockerResource = LOCKER, **rules: Any) -> Decision:
    return held_back(resource, Policy.model_validate(rules), s, decision)


class Pending(LockerResource):
    def pending(self, s: LockerState) -> str | None:
        return f"the guard has to be told of {s.locker_id}"


def test_what_does_not_rotate_is_not_held_back() -> None:
    for nothing in (Decision(), Decision(deferred="paused")):
        assert held(kept(inputs(), step=VERIFY), nothing, Pending()) is nothing


def test_what_was_begun_comes_first() -> None:
    due = Decision(reason=DUE)
    assert held(kept(inputs()), due) is due
    for step in (COUNT, VERIFY, VERIFY_NEXT, REPLACE):
        assert held(kept(inputs(), step=step), due) == Decision(deferred=f"first: {step}")
    assert held(kept(inputs()), due, Pending()) == Decision(
        deferred=f"the guard has to be told of locker-1; due: {DUE}"
    )


def test_a_rotation_that_is_asked_for_waits_for_no_secret_that_is_to_be_tried() -> None:
    asked = Decision(reason="rotate_now: INC-1")
    for step in (None, VERIFY, VERIFY_NEXT, REPLACE):
        assert held(kept(inputs(), step=step), asked, Pending(), rotate_now="INC-1") is asked
    assert held(kept(inputs(), step=COUNT), asked, rotate_now="INC-1") == Decision(deferred=f"first: {COUNT}")


def test_a_rotation_that_was_asked_for_before_is_no_more() -> None:
    i = inputs(rotation={"rotate_now": "INC-1"})
    due = Decision(reason=DUE)
    assert held(kept(i, step=VERIFY), due, rotate_now="INC-1") == Decision(deferred=f"first: {VERIFY}")
    assert held(kept(i), due, Pending(), rotate_now="INC-1").reason is None


def test_the_plan_holds_back() -> None:
    i = inputs(rotation=NINETY)
    assert planned(i, kept(i, step=VERIFY), NEXT).decision == Decision(deferred=f"first: {VERIFY}")


# -- in words ------------------------------------------------------------------------------------------------


class NoOverlap(LockerResource):
    takes_grace = False
    overlap = "both codes open it for a day"


def told(todo: Plan, resource: LockerResource = LOCKER, **rules: Any) -> str | None:
    return explanation(resource, todo, inputs(rotation=rules), START)


def test_a_rotation_is_explained() -> None:
    due = Plan(decision=Decision(reason=DUE))
    assert told(due) == f"rotates: {DUE}; no overlap: the vendor ends the old secret at once"
    assert told(due, NoOverlap()) == f"rotates: {DUE}; both codes open it for a day"


def test_the_next_rotation_is_told_with_it() -> None:
    due = Plan(decision=Decision(reason=DUE))
    meaning = "no overlap: the vendor ends the old secret at once"
    assert told(due, max_age="90d") == f"rotates: {DUE}; {meaning}; next due on 2027-02-22T12:00:00Z"
    assert told(due, max_age="90d", jitter="3d") == f"rotates: {DUE}; {meaning}; next due by 2027-02-22T12:00:00Z"


def test_the_end_of_the_old_secret_is_told_where_there_is_a_grace() -> None:
    due = Plan(decision=Decision(reason=DUE))
    assert told(due, grace="1d") == f"rotates: {DUE}; overlap: the old secret works until 2026-11-25T12:00:00Z"
    for resource, grace in ((NoOverlap(), "1d"), (LOCKER, "0s")):
        assert told(due, resource, grace=grace) == f"rotates: {DUE}; {resource.overlap}"


def test_what_is_compromised_is_said_to_end_at_once() -> None:
    leaked = Plan(decision=Decision(reason="rotate_now: INC-1", compromised=True))
    ended = "rotates: rotate_now: INC-1; the old secret is ended at once, whatever that breaks"
    assert told(leaked, grace="1d") == ended
    assert told(leaked) == ended


def test_a_secret_that_is_to_be_tried_is_explained() -> None:
    again = "it is tried again, and the next one is minted if it is still refused"
    for step in (VERIFY, REPLACE):
        assert told(Plan(step=step)) == f"goes on: {step}: {again}"
        assert told(Plan(step=step), paused=True) == f"goes on: {step}: it is tried again; rotation is paused"
    assert told(Plan(step=VERIFY_NEXT)) == (
        f"goes on: {VERIFY_NEXT}: it is tried, and sent, again; the old one stays until then, or until its end"
    )


def test_what_is_deferred_is_explained_after_what_goes_on() -> None:
    deferred = Decision(deferred=f"first: {VERIFY}")
    assert told(Plan(decision=deferred)) == f"does not rotate: first: {VERIFY}"
    for step in (VERIFY, VERIFY_NEXT):
        assert str(told(Plan(decision=deferred, step=step))).startswith(f"goes on: {step}")


def test_what_follows_is_explained_where_nothing_else_is() -> None:
    assert told(Plan(follow_up=TELL)) == TELL
    assert told(Plan(follow_up=COUNT, step=COUNT)) == COUNT
    assert told(Plan(follow_up=TELL, decision=Decision(deferred="paused"))) == "does not rotate: paused"
    assert told(Plan()) is None


# -- what a policy cannot ask for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "fields", "found"),
    [
        (NoOverlap(), {}, []),
        (NoOverlap(), {"rotation": {"grace": "0s"}}, []),
        (LOCKER, {"rotation": {"grace": "1d"}}, []),
        (
            NoOverlap(),
            {"rotation": {"grace": "1d"}},
            [("rotation.grace", "cannot be had from this vendor (both codes open it for a day)")],
        ),
        (LOCKER, {"code": "0000"}, []),
        (LOCKER, {"rotation": NINETY}, []),
        (
            LOCKER,
            {"code": "0000", "rotation": NINETY},
            [("rotation", "would mint beside the code that is given: give one of the two")],
        ),
    ],
)
def test_problems_of_a_policy(resource: LockerResource, fields: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert list(policy_problems(resource, inputs(**fields))) == found
