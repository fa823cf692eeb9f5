"""What an update would do, and what is said about it: the pure half of what all resources share."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import pytest
from pulumi_rekey.endpoints.config import Endpoint
from pulumi_rekey.endpoints.no_vendor import NoVendor
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.model import IMMUTABLE, Mark, fields_marked, secret_fields
from pulumi_rekey.policy.decide import Decision, applied_by_rotation
from pulumi_rekey.reconciler.contract import (
    Candidate,
    Inputs,
    Resource,
    adopted_id,
    claimed,
    claims,
    client_id,
    creates,
    explicit_secret,
    has_candidate,
    object_id,
    settings_of,
)
from pulumi_rekey.reconciler.plan import (
    Creation,
    Phase,
    Plan,
    Refusal,
    Retry,
    next_rotation,
    phase_of,
    plan,
    plan_creation,
    policy_problems,
)
from pulumi_rekey.resources import all_resources
from pydantic import SecretStr

from .fake_vendor import (
    HOME,
    KEY,
    LOCKER,
    START,
    TELL,
    LockerInputs,
    LockerResource,
    LockersEndpoint,
    LockerState,
    Ticket,
    TicketState,
)

DAY = timedelta(days=1)
DUE = "90 d old, max_age 90 d"
NINETY = {"max_age": "90d"}
TICKET = Ticket()
NEXT = START + 90 * DAY
AT_ONCE = "no overlap: the vendor ends the old secret at once"


def inputs(**fields: Any) -> LockerInputs:
    return LockerInputs.model_validate(fields)


def kept(i: LockerInputs, **fields: Any) -> LockerState:
    """What is kept of a locker that was put up under these inputs, when the test begins."""
    rules = i.rotation
    life = {
        "generation": 1,
        "rotated_at": START,
        "next_rotation_at": START + rules.max_age if rules.max_age else None,
        "rotation": applied_by_rotation(rules, KEY),
        "endpoint": i.endpoint,
    }
    return LockerState.model_validate({"locker_id": "locker-1", "secret": SecretStr("code 1")} | life | fields)


def planned(
    i: LockerInputs,
    s: LockerState,
    now: datetime = START,
    resource: Resource[Any, Any, Any] = LOCKER,
    endpoint: Endpoint | None = None,
) -> Plan:
    return plan(resource, "locker-1", i, s, now, endpoint=endpoint)


# -- what a resource says by default -------------------------------------------------------------------------


def test_resource_says_no_more_than_it_must() -> None:
    i, s = Inputs(), TicketState()
    api = NoVendor("Ticket", Runtime())
    assert TICKET.name == "Ticket"
    assert list(TICKET.problems(i)) == []
    assert list(TICKET.remarks(i, s)) == []
    assert TICKET.changed(i, s) == frozenset()
    assert TICKET.explicit_secret_change(i, s) is None
    assert TICKET.accepted(api, s, lambda: START) is None
    assert [TICKET.verified_by_read, TICKET.pair_unsupported_reason] == [False, None]
    assert [client_id(s), adopted_id(i), explicit_secret(i)] == [None] * 3
    assert [creates(TICKET), has_candidate(s)] == [False] * 2
    assert object_id(s) == "ticket-1"


@pytest.mark.parametrize("resource", all_resources(), ids=lambda resource: resource.name)
def test_input_that_is_an_output_too_is_fixed_or_can_be_changed(resource: Resource[Any, Any, Any]) -> None:
    """Otherwise an edit of it would be lost in silence."""
    shared = frozenset(resource.inputs.model_fields) & resource.state.model_fields.keys()
    fixed = fields_marked(resource.inputs, IMMUTABLE) | secret_fields(resource.inputs) | Inputs.model_fields.keys()
    # A given key pair is one secret in two fields: another public half is minted with its private one.
    assert shared - fixed - {"adopt", "public_key"} <= settings_of(resource)


def test_changed_compares_settings_that_are_wanted() -> None:
    s = kept(inputs(), label="tools", note="keep shut")
    assert LOCKER.changed(inputs(), s) == frozenset()
    assert LOCKER.changed(inputs(label="tools", note="keep shut"), s) == frozenset()
    assert LOCKER.changed(inputs(label="paint", note="keep shut"), s) == {"label"}
    assert LOCKER.changed(inputs(label="paint", note=""), s) == {"label", "note"}


def test_changed_leaves_out_what_is_not_a_setting() -> None:
    wanted = inputs(endpoint="other", site="south", secret="0000", rotation=NINETY)
    assert LOCKER.changed(wanted, kept(inputs())) == frozenset()


def test_explicit_secret_is_the_marked_input() -> None:
    assert explicit_secret(inputs(secret="0000")) == SecretStr("0000")
    assert explicit_secret(inputs()) is None


class AtItsLabelInputs(LockerInputs):
    adopt: str | None = None
    label: Annotated[str | None, Mark.ADOPTS] = None


class AtItsLabel(LockerResource):
    inputs = AtItsLabelInputs


def test_adopted_id_is_the_marked_input() -> None:
    assert adopted_id(inputs(adopt="locker-9")) == "locker-9"
    assert adopted_id(inputs(label="locker-9")) is None
    assert adopted_id(LockerInputs.model_construct(adopt=9)) is None
    assert adopted_id(AtItsLabelInputs(label="locker-9")) == "locker-9"


def test_claims_name_the_object_as_its_state_does() -> None:
    found = [("adopt", "LockerResource locker-1")]
    assert list(claims(LOCKER, {"adopt": "locker-1", "label": "tools"})) == found
    assert claimed(LOCKER, kept(inputs())) == found[0][1]
    assert list(claims(LOCKER, {"label": "tools"})) == []
    assert list(claims(LOCKER, {"adopt": None})) == []
    assert list(claims(AtItsLabel(), {"adopt": "locker-9", "label": "tools"})) == [("label", "AtItsLabel tools")]


# -- the plan ------------------------------------------------------------------------------------------------


def test_plan_is_empty_where_all_is_as_wanted() -> None:
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
        Plan(retry=Retry.REPLACE),
        Plan(read_back=True),
        Plan(bookkeeping=True),
    ],
)
def test_plan_is_true_where_something_is_to_be_done(todo: Plan) -> None:
    assert todo


def test_plan_is_false_where_all_is_deferred() -> None:
    assert not Plan(decision=Decision(deferred=f"paused; due: {DUE}"))
    assert not Plan(refusal=Refusal("why", "way out"))


def test_plan_replaces_where_an_immutable_input_differs() -> None:
    s = kept(inputs())
    assert planned(inputs(site="south"), s).replace == {"site"}
    assert planned(inputs(site="north"), s).replace == frozenset()
    assert planned(inputs(), s).replace == frozenset()


def test_plan_replaces_where_another_object_is_named() -> None:
    s = kept(inputs())
    assert planned(inputs(adopt="locker-9"), s).replace == {"adopt"}
    assert planned(inputs(adopt="locker-1"), s).replace == frozenset()
    assert planned(inputs(), s).replace == frozenset()
    # Pulumi's id is that of the first object, which may have been rotated away.
    for adopted in ("locker-1", "locker-2"):
        assert planned(inputs(adopt=adopted), kept(inputs(), locker_id="locker-2")).replace == frozenset()


class WithSite(LockersEndpoint):
    site: str | None = None


def test_plan_does_not_replace_where_what_the_endpoint_says_is_said_explicitly() -> None:
    class Placed(LockerState):
        site: str | None = None  # type: ignore[assignment]  # left to the endpoint

    s = Placed.model_validate(dict(kept(inputs())) | {"site": None})
    endpoint = WithSite.model_validate({"url": HOME, "site": "south"})
    assert planned(inputs(site="south"), s, endpoint=endpoint).replace == frozenset()
    assert planned(inputs(site="north"), s, endpoint=endpoint).replace == {"site"}
    assert planned(inputs(site="south"), s).replace == {"site"}


def test_plan_has_changed_settings() -> None:
    assert planned(inputs(label="paint"), kept(inputs())).changed == {"label"}


def test_plan_rotates_by_the_policy() -> None:
    i = inputs(rotation=NINETY)
    assert planned(i, kept(i), NEXT).decision == Decision(reason=DUE)


def test_plan_has_no_rule_beside_an_explicit_secret() -> None:
    i = inputs(rotation=NINETY, secret="code 1")
    assert planned(i, kept(i), NEXT).decision == Decision()


def test_plan_sends_another_explicit_secret_unless_paused() -> None:
    s = kept(inputs())
    given = "the given secret is another one"
    assert planned(inputs(secret="0000"), s).decision == Decision(reason=given)
    paused = planned(inputs(secret="0000", rotation={"paused": True}), s)
    assert paused.decision == Decision(deferred=f"paused; due: {given}")
    assert not paused


def test_plan_has_what_follows() -> None:
    i = inputs()
    assert planned(i, kept(i, told=False), START + DAY).follow_up == TELL
    assert planned(i, kept(i, told=False)).follow_up is None


def test_plan_reads_back_what_was_not_confirmed() -> None:
    i = inputs()
    assert planned(i, kept(i, unconfirmed=True)).read_back
    assert planned(i, kept(i, step=Phase.UNCERTAIN)).read_back
    assert not planned(i, kept(i, step=Phase.UNVERIFIED)).read_back


def test_plan_notes_a_previous_secret_that_has_ended() -> None:
    i = inputs()
    s = kept(i, previous_secret="code 0", previous_expires_at=START + DAY)
    assert not planned(i, s, START + DAY - timedelta(seconds=1))
    assert planned(i, s, START + DAY).bookkeeping
    # Where the vendor keeps one secret, that is only a date.
    assert not plan(TICKET, "ticket-1", Inputs(), TicketState(previous_expires_at=START), START + DAY)


def test_plan_notes_a_policy_that_no_rotation_has_seen() -> None:
    i = inputs(rotation={"triggers": {"release": "1"}})
    s = kept(i)
    more = inputs(rotation={"triggers": {"release": "1", "year": "2026"}})
    assert planned(more, s) == Plan(bookkeeping=True)


def test_plan_notes_another_endpoint() -> None:
    assert planned(inputs(endpoint="mirror"), kept(inputs())) == Plan(bookkeeping=True)


def test_plan_notes_another_due_date() -> None:
    s = kept(inputs(rotation=NINETY))
    assert planned(inputs(rotation={"max_age": "60d"}), s) == Plan(bookkeeping=True)
    assert planned(inputs(), s) == Plan(bookkeeping=True)


def test_plan_notes_a_clock_that_was_ahead() -> None:
    i = inputs()
    todo = planned(i, kept(i, rotated_at=START + DAY))
    assert todo.bookkeeping
    assert todo.says == ("was minted by a clock that was ahead: its age counts from now",)


def in_a_pair(other: dict[str, Any] | None, *, to: str | None = None, **fields: Any) -> Plan:
    """What is planned for blue, due in its slot, of which consumers were handed over to a side a slot ago."""
    rules = {"turn": {"every": "90d", "side": "blue", "other": other}}
    begins = inputs(rotation=rules).rotation.turn.begins_after(START)  # type: ignore[union-attr]  # given above
    own = None if to is None else {"number": 1, "to": to, "at": START, "confirmed": True}
    i = inputs(rotation=rules | fields)
    due = {"next_rotation_at": next_rotation(i, kept(i))}
    return planned(i, kept(inputs(), handover=own, **due), begins)


def test_plan_notes_a_handover_unless_something_is_half_done() -> None:
    assert in_a_pair({}).bookkeeping
    assert not in_a_pair({"unfinished": True}).bookkeeping
    i = inputs(rotation={"turn": {"every": "90d", "side": "blue", "other": {}}})
    begins = i.rotation.turn.begins_after(START)  # type: ignore[union-attr]  # given above
    due = next_rotation(i, kept(i, rotated_at=begins))
    assert planned(i, kept(i, rotated_at=begins, next_rotation_at=due), begins).bookkeeping
    half_done = kept(i, rotated_at=begins, next_rotation_at=due, step=Phase.UNVERIFIED)
    assert not planned(i, half_done, begins).bookkeeping


@pytest.mark.parametrize(
    ("other", "to", "held"),
    [
        ({}, None, "it may be the side that consumers hold"),
        (None, "blue", "it may be the side that consumers hold"),
        ({}, "blue", "it is the side that consumers hold"),
    ],
)
def test_words_of_a_rotation_tell_what_consumers_hold(other: dict[str, Any] | None, to: str | None, held: str) -> None:
    assert f"; {held}; next due on " in in_a_pair(other, to=to, rotate_now="INC-1").says[0]


def test_words_of_a_rotation_of_what_consumers_do_not_hold_end_with_it() -> None:
    assert f"{AT_ONCE}; next due on " in in_a_pair({}, to="green", rotate_now="INC-1").says[0]


def test_plan_has_no_due_date_for_what_was_never_minted() -> None:
    i = inputs(rotation=NINETY)
    assert planned(i, kept(i, rotated_at=None, next_rotation_at=None), NEXT) == Plan()


# -- an earlier rotation that is not done yet ----------------------------------------------------------------


class Pending(LockerResource):
    def pending(self, s: LockerState) -> str | None:
        return f"the guard has to be told of {s.locker_id}"


def decided(i: LockerInputs, resource: LockerResource = LOCKER, **fields: Any) -> Decision:
    """What is decided of a credential that is due by age, in this state."""
    s = kept(inputs(rotation=NINETY)).model_copy(update=fields)
    return planned(i, s, NEXT, resource).decision


def test_decision_waits_for_what_was_begun() -> None:
    i = inputs(rotation=NINETY)
    assert decided(i) == Decision(reason=DUE)
    for step in (Phase.UNVERIFIED, Phase.CANDIDATE, Phase.REFUSED):
        assert decided(i, step=step) == Decision(deferred=f"first: {step}")
    assert decided(i, Pending()) == Decision(deferred=f"the guard has to be told of locker-1; due: {DUE}")


def test_decision_that_was_asked_for_waits_for_no_secret_that_is_to_be_tried() -> None:
    asked = inputs(rotation=NINETY | {"rotate_now": "INC-1"})
    for step in (None, Phase.UNVERIFIED, Phase.CANDIDATE, Phase.REFUSED):
        assert decided(asked, Pending(), step=step) == Decision(reason="rotate_now: INC-1")


def test_decision_after_a_lost_answer_stands_unless_a_secret_waits() -> None:
    due = inputs(rotation=NINETY)
    asked, leaked = (inputs(rotation=NINETY | {"rotate_now": "INC-1", "grace": grace}) for grace in ("1d", "0s"))
    lost: dict[str, Any] = {"step": Phase.UNCERTAIN}
    assert decided(due, **lost) == Decision(reason=DUE)
    assert decided(asked, **lost) == Decision(reason="rotate_now: INC-1")
    assert decided(leaked, **lost) == Decision(reason="rotate_now: INC-1", compromised=True)
    for candidate in (Candidate(), Candidate(rotation=applied_by_rotation(asked.rotation, KEY))):
        waits = lost | {"next_secret": SecretStr("code 2"), "candidate": candidate}
        for i in (due, asked, leaked):
            assert decided(i, **waits) == Decision(deferred=f"first: {Phase.UNCERTAIN}")


def test_decision_stands_where_it_is_asked_for_after_an_answer_was_lost() -> None:
    lost = Candidate(rotation=applied_by_rotation(inputs(rotation={"rotate_now": "INC-1"}).rotation, KEY))
    waits: dict[str, Any] = {"step": Phase.UNCERTAIN, "next_secret": SecretStr("code 2"), "candidate": lost}
    assert decided(inputs(rotation={"rotate_now": "INC-2"}), **waits) == Decision(reason="rotate_now: INC-2")
    paused = inputs(rotation={"rotate_now": "INC-2", "paused": True})
    assert decided(paused, **waits) == Decision(deferred="paused; due: rotate_now: INC-2")


def test_decision_to_set_what_is_given_waits_for_no_other_secret() -> None:
    reason = "the given secret is another one"
    waits: dict[str, Any] = {"next_secret": SecretStr("code 2"), "candidate": Candidate()}
    for step in (Phase.UNVERIFIED, Phase.REFUSED):
        assert decided(inputs(secret="code 3"), step=step) == Decision(reason=reason)
    for step in (Phase.CANDIDATE, Phase.UNCERTAIN):
        assert decided(inputs(secret="code 3"), step=step, **waits) == Decision(reason=reason)
        paused = inputs(secret="code 3", rotation={"paused": True})
        assert decided(paused, step=step, **waits) == Decision(deferred=f"paused; due: {reason}")
    # The vendor was told to use the next one, or was perhaps.
    assert decided(inputs(secret="code 1"), step=Phase.CANDIDATE, **waits) == Decision(reason=reason)
    assert decided(inputs(secret="code 1"), step=Phase.UNCERTAIN, **waits) == Decision()
    assert planned(inputs(secret="code 1"), kept(inputs(), step=Phase.UNCERTAIN, **waits)).says == (
        f"goes on: {Phase.UNCERTAIN}: the secrets are tried, and the given one is set again unless it is the one in"
        " force",
    )


def test_phase_that_another_version_wrote_has_to_be_found_out() -> None:
    assert phase_of(kept(inputs())) is None
    assert phase_of(kept(inputs(), step="verify the next secret")) is Phase.CANDIDATE
    assert phase_of(kept(inputs(), step="count the spare codes")) is Phase.UNCERTAIN


def test_phases_and_retries_in_words() -> None:
    """States of earlier versions have the first, and readers match on all."""
    assert [str(phase) for phase in Phase] == [
        "verify the new secret",
        "verify the next secret",
        "replace the refused secret",
        "find out what a lost answer did",
    ]
    assert [retry.value for retry in Retry] == [
        "verify=False, so that it is handed on as it is",
        "the secret is tried again, and nothing is minted",
        "it is tried, and sent, again; the old one stays until then, or until its end",
        "the secret is tried again, and the next one is minted if the vendor still refuses it",
    ]


# -- a secret that is not certain ----------------------------------------------------------------------------


def retried(s: LockerState, now: datetime = START, endpoint: Endpoint | None = None, **fields: Any) -> Retry | None:
    return planned(inputs(**fields), s, now, endpoint=endpoint).retry


def test_retry_of_a_secret_that_is_certain_is_none() -> None:
    assert retried(kept(inputs())) is None
    assert retried(kept(inputs(), step=Phase.UNVERIFIED), rotation={"rotate_now": "INC-1"}) is None


@pytest.mark.parametrize("phase", [Phase.UNVERIFIED, Phase.REFUSED, Phase.UNCERTAIN, Phase.CANDIDATE])
def test_retry_replaces_trusts_or_only_tries(phase: Phase) -> None:
    s = kept(inputs(), step=phase)
    trusted = Retry.REPLACE if phase is Phase.UNCERTAIN else Retry.TRUST
    assert retried(s) is Retry.REPLACE
    assert retried(s, rotation={"verify": False}) is trusted
    assert retried(s, rotation={"paused": True}) is Retry.ONLY_TRY
    login = LockersEndpoint.model_validate({"url": HOME, "client_id": "locker-1", "client_secret": "x"})
    assert retried(s, endpoint=login) is Retry.ONLY_TRY


def test_retry_sends_the_next_secret_again_while_the_old_one_lives() -> None:
    waiting = {"step": Phase.CANDIDATE, "next_secret": "code 2", "candidate": {"rotated_at": START}}
    s = kept(inputs(), expires_at=START + DAY, **waiting)
    assert retried(s, START + DAY - timedelta(seconds=1)) is Retry.SEND_AGAIN
    assert retried(s, START + DAY) is Retry.REPLACE
    assert retried(s, secret="code 2") is Retry.SEND_AGAIN
    assert retried(s, secret="code 3") is None, "it is set at once"
    # Without a next secret there is none to send.
    assert retried(kept(inputs(), step=Phase.UNVERIFIED, expires_at=START + DAY)) is Retry.REPLACE


def test_retry_sends_what_was_lost_again_only_where_it_is_still_wanted() -> None:
    lost = {"step": Phase.UNCERTAIN, "next_secret": "code 2", "candidate": {"rotated_at": START}}
    s = kept(inputs(), **lost)
    assert retried(s) is Retry.REPLACE, "the edit that asked for it was reverted"
    assert retried(s, rotation={"rotate_now": "INC-1"}) is Retry.SEND_AGAIN


# -- what nothing may be done about --------------------------------------------------------------------------


def test_refusal_where_the_endpoint_has_moved() -> None:
    s = kept(inputs(), address="https://old.example.com")
    moved = LockersEndpoint.model_validate({"url": "https://new.example.com"})
    assert planned(inputs(), s, endpoint=moved).refusal == Refusal(
        "endpoint 'lockers' is at https://new.example.com, and this object was made at https://old.example.com",
        "set rekey:endpoints.lockers.movedFrom to https://old.example.com if the system has moved",
    )
    named = moved.model_copy(update={"moved_from": "https://old.example.com"})
    elsewhere = planned(inputs(), kept(inputs(), address=s.address, endpoint="mirror"), endpoint=moved).refusal
    assert elsewhere is not None
    assert elsewhere.why.startswith("endpoint 'lockers' is at ")
    assert elsewhere.way_out.startswith("let `endpoint` name mirror again; ")
    for endpoint in (None, named, LockersEndpoint.model_validate({"url": "https://OLD.example.com:443/"})):
        assert planned(inputs(), s, endpoint=endpoint).refusal is None


def test_refusal_where_rekey_logs_in_with_it() -> None:
    login = LockersEndpoint.model_validate({"url": HOME, "client_id": "locker-1", "client_secret": "x"})
    i = inputs(rotation=NINETY)
    refusal = planned(i, kept(i), NEXT, endpoint=login).refusal
    assert refusal is not None
    assert refusal.why.startswith("lockers: locker-1 is what this endpoint itself logs in with")
    refusal = planned(inputs(rotation=NINETY, endpoint="mirror"), kept(i), NEXT, endpoint=login).refusal
    assert refusal is not None
    assert refusal.why.startswith("mirror: ")
    assert planned(i, kept(i), endpoint=login).refusal is None


# -- in words ------------------------------------------------------------------------------------------------


class NoOverlap(Ticket):
    overlap = "both codes open it for a day"


def said(resource: Resource[Any, Any, Any] = LOCKER, **rules: Any) -> tuple[str, ...]:
    """What is said of a credential that is rotated because its release has changed."""
    i = inputs(rotation={"triggers": {"release": "2"}} | rules)
    before = inputs(rotation={"triggers": {"release": "1"}})
    return planned(i, kept(before), resource=resource).says


CHANGED = "trigger changed: release"


def test_words_of_a_rotation() -> None:
    assert said() == (f"rotates: {CHANGED}; {AT_ONCE}",)
    assert said(max_age="90d") == (f"rotates: {CHANGED}; {AT_ONCE}; next due on 2027-02-22T12:00:00Z",)
    assert said(max_age="90d", jitter="3d") == (f"rotates: {CHANGED}; {AT_ONCE}; next due by 2027-02-22T12:00:00Z",)


def test_words_tell_the_end_of_the_old_secret_where_there_is_a_grace() -> None:
    assert said(grace="1d") == (f"rotates: {CHANGED}; overlap: the old secret works until 2026-11-25T12:00:00Z",)
    assert said(grace="0s") == (f"rotates: {CHANGED}; {AT_ONCE}",)


def test_words_tell_the_lifetime_that_the_vendor_has_saved() -> None:
    class Saved(LockerResource):
        def lifetime_without_grace(self, s: LockerState) -> timedelta | None:  # noqa: ARG002 - the contract's
            return DAY

    until = "overlap: the old secret works until 2026-11-25T12:00:00Z, as the vendor has saved it"
    assert said(Saved()) == (f"rotates: {CHANGED}; {until}",)
    assert said(Saved(), grace="0s") == (f"rotates: {CHANGED}; {AT_ONCE}",)


def test_words_say_that_what_is_compromised_ends_at_once() -> None:
    i = inputs(rotation={"rotate_now": "INC-1", "grace": "0s"})
    ended = "rotates: rotate_now: INC-1; the old secret is ended at once, whatever that breaks"
    assert planned(i, kept(inputs())).says == (ended,)


def test_words_of_a_retry_go_before_what_is_deferred() -> None:
    i = inputs(rotation=NINETY)
    todo = planned(i, kept(i, step=Phase.REFUSED), NEXT)
    assert todo.decision.deferred is not None
    assert todo.says == (f"goes on: {Phase.REFUSED}: {Retry.REPLACE.value}",)


def test_words_of_a_lost_answer_say_that_a_secret_that_cannot_be_tried_is_replaced() -> None:
    i = inputs()
    todo = planned(i, kept(i, step=Phase.UNCERTAIN))
    assert todo.says == (
        f"goes on: {Phase.UNCERTAIN}: the secret is tried, and the next one is minted unless the vendor accepts it",
    )
    ticket = plan(TICKET, "ticket-1", Inputs(), TicketState(step=Phase.UNCERTAIN), START)
    assert ticket.says == (f"goes on: {Phase.UNCERTAIN}: the vendor is asked, and nothing is minted",)
    asked = Inputs.model_validate({"rotation": {"rotate_now": "INC-1"}})
    ticket = plan(TICKET, "ticket-1", asked, TicketState(step=Phase.UNCERTAIN), START)
    assert ticket.decision.reason == "rotate_now: INC-1"
    paused = planned(inputs(rotation={"paused": True}), kept(i, step=Phase.UNCERTAIN))
    assert paused.says == (f"goes on: {Phase.UNCERTAIN}: {Retry.ONLY_TRY.value}",)


def test_words_of_what_is_deferred_and_of_what_follows() -> None:
    i = inputs(rotation=NINETY | {"paused": True})
    s = kept(i, told=False)
    assert planned(i, s, NEXT).says == (f"does not rotate: paused; due: {DUE}", TELL)
    assert planned(i, s).says == ()
    (rotates,) = planned(inputs(rotation=NINETY), s, NEXT).says
    assert rotates.startswith(f"rotates: {DUE}; ")


# -- before there is a state ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "policy", "rotates"),
    [
        ("imported", {"on_adopt": "rotate"}, True),
        ("imported", {"on_adopt": "keep"}, False),
        ("imported", {"on_adopt": "rotate", "paused": True}, False),
        ("adopted", {"on_adopt": "rotate"}, False),
        ("imported with on_adopt=rotate", {"on_adopt": "rotate"}, False),
    ],
)
def test_what_was_imported_rotates_if_the_policy_says_so(reason: str, policy: dict[str, object], rotates: bool) -> None:  # noqa: FBT001 - a column of the table
    i = inputs(adopt="locker-1", rotation=policy)
    decided = plan(LOCKER, "locker-1", i, kept(i, rotation_reason=reason), START + DAY).decision.reason
    assert decided == ("imported with on_adopt=rotate" if rotates else None)


def test_creation_makes_or_keeps() -> None:
    assert plan_creation(LOCKER, inputs()) == Creation(None, "created", rotates=False, refusal=None, says=())
    kept_one = Creation("locker-9", None, rotates=False, refusal=None, says=())
    assert plan_creation(LOCKER, inputs(adopt="locker-9")) == kept_one


def test_creation_says_what_ends_the_secret_in_use() -> None:
    ends = f"takes locker-9 over and replaces the secret in use: {AT_ONCE}"
    rotated = plan_creation(LOCKER, inputs(adopt="locker-9", rotation={"on_adopt": "rotate"}))
    assert (rotated.rotates, rotated.reason, rotated.says) == (True, "adopted with on_adopt=rotate", (ends,))
    given = plan_creation(LOCKER, inputs(adopt="locker-9", secret="0000"))
    assert (given.rotates, given.reason, given.says) == (False, "adopted, the given secret set", (ends,))
    overlapping = plan_creation(LOCKER, inputs(adopt="locker-9", rotation={"on_adopt": "rotate", "grace": "2d"}))
    assert overlapping.says == (
        "takes locker-9 over and replaces the secret in use: overlap: the old secret works for another 2 d",
    )
    both = {"on_adopt": "rotate", "grace": "2d"}
    given = plan_creation(LOCKER, inputs(adopt="locker-9", secret="0000", rotation=both))
    assert (given.rotates, given.says) == (False, (ends,))
    without = plan_creation(NoOverlap(), inputs(adopt="locker-9", rotation=both))
    assert without.says == ("takes locker-9 over and replaces the secret in use: both codes open it for a day",)
    assert not plan_creation(LOCKER, inputs(rotation=both)).rotates


def test_creation_is_refused_where_rekey_logs_in_with_it() -> None:
    login = LockersEndpoint.model_validate({"url": HOME, "client_id": "locker-9", "client_secret": "x"})
    for endpoint, name in ((None, "lockers"), ("mirror", "mirror")):
        i = inputs(adopt="locker-9", secret="0000", endpoint=endpoint)
        refusal = plan_creation(LOCKER, i, login).refusal
        assert refusal is not None
        assert refusal.why.startswith(f"{name}: locker-9 is what this endpoint itself logs in with")
    assert plan_creation(LOCKER, inputs(adopt="locker-9"), login).refusal is None


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
            [("rotation.grace", "is not supported by this vendor (both codes open it for a day)")],
        ),
        (LOCKER, {"secret": "0000"}, []),
        (LOCKER, {"rotation": NINETY}, []),
        (
            LOCKER,
            {"secret": "0000", "rotation": NINETY},
            [("rotation", "would mint beside the secret that is given: give one of the two")],
        ),
    ],
)
def test_policy_problems(
    resource: Resource[Any, Any, Any], fields: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    i = inputs(**fields)
    assert list(policy_problems(resource, i.rotation, gives=explicit_secret(i) is not None)) == found
