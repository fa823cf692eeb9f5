"""What is done, in which order, and what is kept of it when it fails: with lockers for a vendor, and no engine."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pulumi_rekey.endpoints.credential_checks import LINGER_S
from pulumi_rekey.endpoints.no_vendor import NoVendor
from pulumi_rekey.endpoints.session import Runtime, in_a_thread
from pulumi_rekey.errors import (
    AnswerLost,
    Gone,
    NotFound,
    Partial,
    Refused,
    Rejected,
    Stopped,
    Unavailable,
    Unreachable,
)
from pulumi_rekey.frontend.answers import to_property
from pulumi_rekey.model import rfc3339
from pulumi_rekey.policy.decide import applied_by_rotation
from pulumi_rekey.policy.model import AppliedPolicy, Policy
from pulumi_rekey.reconciler.apply import Reconciler
from pulumi_rekey.reconciler.contract import Candidate, Inputs
from pulumi_rekey.reconciler.plan import Phase
from pydantic import SecretStr

from .fake_vendor import (
    HOME,
    KEY,
    LOCKER,
    MARK,
    START,
    Endless,
    Lasting,
    Locker,
    LockerInputs,
    LockerResource,
    LockerState,
    Shown,
    TicketState,
    TriedTicket,
    Vendor,
)

DAY = timedelta(days=1)
#: Between tries of a secret that is refused, and then before the endpoint is judged.
PATIENCE = [0.5, 1.0, 2.0, 4.0, LINGER_S]
REFUSED = [False] * 5
NINETY = {"max_age": "90d"}
ASKED = {"grace": "2d", "rotate_now": "INC-1"}
UNVERIFIED = "the new secret could not be tried from here: it is handed on unverified"
MINTED_BEFORE = "the vendor refuses the secret that was minted before"
#: What no test expects, and the reconciler does not either.
BROKEN = RuntimeError("a bug")


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def put_up(vendor: Vendor, **inputs: Any) -> LockerState:
    """A locker that `pulumi up` has put up before."""
    s: LockerState = vendor.up(**inputs)
    vendor.forget()
    return s


def applied(**rules: Any) -> AppliedPolicy:
    """What a rotation under this policy keeps of it."""
    return applied_by_rotation(Policy.model_validate(rules), KEY)


def reached(failed: pytest.ExceptionInfo[Partial]) -> LockerState:
    """What is kept of what was done before a failure."""
    state = failed.value.state
    assert isinstance(state, LockerState)
    return state


def live(failed: pytest.ExceptionInfo[Partial]) -> str | None:
    """What is said of the old secret where the new one is refused."""
    refused = failed.value.__cause__
    assert isinstance(refused, Refused)
    return refused.aftermath


def fails(vendor: Vendor, s: LockerState | None = None, **inputs: Any) -> LockerState:
    """What is kept of a `pulumi up` that fails at what is out of order at the vendor."""
    with pytest.raises(Partial) as failed:
        vendor.up(s, **inputs)
    vendor.faults.clear()
    return reached(failed)


def waiting(vendor: Vendor) -> LockerState:
    """A locker whose next code the vendor refuses, while the old one has its grace."""
    s = put_up(vendor)
    vendor.later("1d")
    vendor.answers.extend([*REFUSED, True])
    s = fails(vendor, s, rotation=ASKED)
    assert s.step == Phase.CANDIDATE
    vendor.later("1h")
    vendor.forget()
    return s


# -- creation ------------------------------------------------------------------------------------------------


def test_a_created_object_is_tried_and_then_gets_its_real_settings(vendor: Vendor) -> None:
    s = vendor.up(label="tools", endpoint="lockers", rotation=NINETY | {"rotate_now": "INC-1", "triggers": {"a": "1"}})
    assert vendor.calls == ["add", "set code 1", "try code 1", "open", "label"]
    assert s == LockerState(
        locker_id="locker-1",
        label="tools",
        secret=SecretStr("code 1"),
        address=HOME,
        endpoint="lockers",
        generation=1,
        rotated_at=START,
        rotation_reason="created",
        next_rotation_at=START + 90 * DAY,
        rotation=applied(triggers={"a": "1"}, rotate_now="INC-1"),
    )
    assert vendor.said == []


def test_a_creation_without_settings_sends_none(vendor: Vendor) -> None:
    vendor.up()
    assert vendor.calls == ["add", "set code 1", "try code 1"]


def test_a_setting_that_is_refused_after_creation_loses_nothing(vendor: Vendor) -> None:
    vendor.faults["note"] = Rejected("lockers: 400")
    s = fails(vendor, label="tools", note="keep shut")
    assert (s.label, s.note, s.codes) == ("tools", "blank", ("code 1", None, None))
    assert (s.step, s.generation, s.address) == (None, 1, HOME)
    vendor.faults["label"] = Rejected("lockers: 400")
    assert fails(vendor, label="tools", note="keep shut").label == MARK


def test_a_setting_that_is_refused_beside_a_refused_secret_loses_neither(vendor: Vendor) -> None:
    vendor.answers.extend(REFUSED)
    vendor.faults["label"] = Rejected("lockers: 400")
    s = fails(vendor, label="tools")
    assert (s.label, s.codes, s.step) == (MARK, ("code 1", None, None), Phase.UNVERIFIED)
    assert vendor.up(s, label="tools").label == "tools"


@dataclass
class BothAtOnce(Vendor):
    """A vendor that answers neither the try of a code nor a label before it has got both."""

    both: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))

    def called(self, name: str, about: str = "") -> None:
        super().called(name, about)
        if name in {"try", "label"}:
            self.both.wait(timeout=10)


def test_creation_sends_settings_while_the_secret_is_tried() -> None:
    run = BothAtOnce().run()
    run.api.runtime = replace(run.api.runtime, beside=in_a_thread)
    s = run.create(LockerInputs.model_validate({"label": "tools"}), MARK)
    assert (s.label, s.step) == ("tools", None)


def test_a_creation_that_fails_says_that_nothing_was_created(vendor: Vendor) -> None:
    vendor.faults["add"] = Rejected("lockers: 400")
    with pytest.raises(Rejected, match=": nothing was created; correct the input"):
        vendor.up()


def test_a_creation_whose_answer_is_lost_does_not_say_what_is_live(vendor: Vendor) -> None:
    vendor.faults["add"] = AnswerLost("lockers: no answer")
    with pytest.raises(AnswerLost, match=": it is not known whether it took effect;"):
        vendor.up()


def test_what_an_error_knows_of_what_is_live_stands(vendor: Vendor) -> None:
    failure = Rejected("lockers: 400")
    failure.aftermath = "the door is open"
    vendor.faults["add"] = failure
    with pytest.raises(Rejected, match="the door is open"):
        vendor.up()


def test_a_bug_stays_one(vendor: Vendor) -> None:
    vendor.faults["add"] = BROKEN
    with pytest.raises(RuntimeError, match="a bug") as failed:
        vendor.up()
    assert not hasattr(failed.value, "aftermath")


def test_jitter_draws_its_part_at_minting(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.25012)
    s = vendor.up(rotation=NINETY | {"jitter": "40d"})
    assert s.spread == 0.25
    assert s.next_rotation_at == START + 80 * DAY
    assert vendor.up(rotation=NINETY).spread == 0
    monkeypatch.setattr(random, "random", lambda: 0.12345)
    vendor.later("1d")
    assert vendor.up(s, rotation=NINETY | {"jitter": "40d"}).spread == 0.25, "not drawn again"
    assert vendor.up(s, rotation=NINETY | {"jitter": "40d", "rotate_now": "INC-1"}).spread == 0.123


# -- adoption ------------------------------------------------------------------------------------------------


def test_an_adopted_object_keeps_its_secret_and_gets_its_settings(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south", codes={"theirs": None})
    s = vendor.up(adopt="locker-9", label="tools", rotation=NINETY)
    assert vendor.calls == ["open", "label"]
    assert (s.generation, s.rotation_reason, s.rotated_at) == (1, "adopted", START)
    assert (s.site, s.label, s.codes, s.step) == ("south", "tools", (None, None, None), None)
    assert s.next_rotation_at == START + 90 * DAY
    assert vendor.lockers["locker-9"].codes == {"theirs": None}


def test_an_adopted_object_that_is_as_wanted_needs_no_call(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south", label="tools")
    assert vendor.up(adopt="locker-9", label="tools").label == "tools"
    assert vendor.calls == []


def test_an_adoption_whose_settings_fail_is_kept(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south")
    vendor.faults["note"] = Rejected("lockers: 400")
    s = fails(vendor, adopt="locker-9", label="tools", note="keep shut")
    assert (s.label, s.note, s.rotation_reason, s.address) == ("tools", "blank", "adopted", HOME)
    vendor.lockers["locker-9"] = Locker("south")
    vendor.faults["label"] = Rejected("lockers: 400")
    s = fails(vendor, adopt="locker-9", label="tools", note="keep shut")
    assert (s.label, s.rotation_reason) == ("blank", "adopted")


def test_what_is_adopted_to_rotate_gets_its_settings_and_then_a_new_secret(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south", codes={"theirs": None})
    s = vendor.up(adopt="locker-9", label="tools", rotation={"on_adopt": "rotate"})
    assert vendor.calls == ["open", "label", "set code 1", "count", "try code 1"]
    assert (s.generation, s.rotation_reason, s.step) == (1, "adopted with on_adopt=rotate", None)
    assert (s.label, s.codes) == ("tools", ("code 1", None, None))
    vendor.lockers["locker-9"] = Locker("south", label="tools")
    assert vendor.up(adopt="locker-9", label="tools", rotation={"on_adopt": "rotate"}).generation == 1


@pytest.mark.parametrize("call", ["open", "note", "set"])
def test_nothing_is_adopted_until_the_rotation_that_was_asked_for(vendor: Vendor, call: str) -> None:
    vendor.lockers["locker-9"] = Locker("south")
    vendor.faults[call] = Rejected("lockers: 400")
    with pytest.raises(Rejected, match=": nothing was created; correct the input"):
        vendor.up(adopt="locker-9", label="tools", note="keep shut", rotation={"on_adopt": "rotate"})


@pytest.mark.parametrize(("adopt", "reason"), [(None, "created"), ("locker-9", "adopted, the given secret set")])
def test_a_given_secret_is_set_and_tried(vendor: Vendor, adopt: str | None, reason: str) -> None:
    vendor.lockers["locker-9"] = Locker("south", codes={"theirs": None})
    s = vendor.up(adopt=adopt, secret="0000", label="tools")
    assert vendor.calls[-4:] == ["set 0000", "try 0000", "open", "label"]
    assert (s.generation, s.rotation_reason, s.codes) == (1, reason, ("0000", None, None))


# -- the secret is tried -------------------------------------------------------------------------------------


def test_a_new_secret_is_tried_until_the_vendor_has_replicated_it(vendor: Vendor) -> None:
    vendor.answers.extend([False, False])
    assert vendor.up().step is None
    assert vendor.calls == ["add", "set code 1", *["try code 1"] * 3]
    assert vendor.slept == PATIENCE[:2]


def test_a_new_secret_that_stays_refused_is_kept_as_such(vendor: Vendor) -> None:
    vendor.answers.extend(REFUSED)
    with pytest.raises(Partial, match="lockers: the new secret is minted, and the vendor refuses it") as failed:
        vendor.up(label="tools")
    assert vendor.calls == ["add", "set code 1", *["try code 1"] * 5, "open", "label"]
    assert vendor.slept == PATIENCE
    s = reached(failed)
    assert (s.step, s.label, s.codes, s.generation) == (Phase.UNVERIFIED, "tools", ("code 1", None, None), 1)
    assert live(failed) is None


def test_a_failure_before_the_secret_is_tried_is_kept_as_one_that_is_to_be_tried(vendor: Vendor) -> None:
    vendor.faults["try"] = BROKEN
    with pytest.raises(Partial, match="unexpected RuntimeError: what was done before is kept") as failed:
        vendor.up()
    assert reached(failed).step == Phase.UNVERIFIED


@pytest.mark.parametrize("answer", [None, Unreachable("lockers: no connection")])
def test_a_secret_that_cannot_be_tried_from_here_is_handed_on(vendor: Vendor, answer: Exception | None) -> None:
    vendor.answers.append(answer)
    assert vendor.up().step is None
    assert vendor.said == [UNVERIFIED]
    assert vendor.slept == []


def test_a_secret_is_not_tried_where_the_policy_says_so(vendor: Vendor) -> None:
    rules: dict[str, Any] = {"verify": False}
    vendor.answers.append(BROKEN)
    s = vendor.up(label="tools", rotation=rules)
    assert vendor.calls == ["add", "set code 1", "open", "label"]
    assert s.step is None
    vendor.faults["label"] = BROKEN
    assert fails(vendor, label="tools", rotation=rules).step is None
    vendor.forget()
    s = vendor.up(s, label="tools", rotation=rules | {"grace": "1d", "rotate_now": "INC-1"})
    assert vendor.calls == ["set code 3", "count"]
    assert (s.step, s.codes) == (None, ("code 3", "code 1", None))


# -- settings ------------------------------------------------------------------------------------------------


def test_a_changed_setting_is_sent_and_the_secret_left_alone(vendor: Vendor) -> None:
    s = put_up(vendor, label="tools")
    s = vendor.up(s, label="paint")
    assert vendor.calls == ["open", "label"]
    assert (s.label, s.generation, s.rotation_reason) == ("paint", 1, "created")


def test_what_was_sent_of_the_settings_is_kept(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults["note"] = Rejected("lockers: 400")
    s = fails(vendor, s, label="paint", note="keep shut", endpoint="mirror", rotation=NINETY)
    assert (s.label, s.note) == ("paint", "blank")
    assert (s.endpoint, s.next_rotation_at) == ("mirror", START + 90 * DAY)


def test_settings_are_kept_before_a_rotation_that_fails(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults["set"] = Rejected("lockers: 400")
    s = fails(vendor, s, label="paint", rotation={"rotate_now": "INC-1"})
    assert (s.label, s.generation, s.rotation.rotate_now) == ("paint", 1, None)
    assert vendor.calls == ["open", "label", "set code 2"]


def test_a_failure_says_what_is_as_before(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults = {"open": Rejected("lockers: 400"), "set": Rejected("lockers: 400")}
    with pytest.raises(Rejected, match=": nothing was changed;"):
        vendor.up(s, label="paint")
    vendor.faults["set"] = Rejected("lockers: 400")
    with pytest.raises(Rejected, match=": nothing was changed;"):
        vendor.up(s, rotation={"rotate_now": "INC-1"})


def test_what_only_the_books_have_needs_no_call(vendor: Vendor) -> None:
    s = put_up(vendor, rotation={"triggers": {"a": "1", "b": "2"}})
    vendor.later("1d")
    s = vendor.up(s, endpoint="mirror", rotation=NINETY | {"triggers": {"a": "1", "c": "3"}})
    assert vendor.calls == []
    assert (s.endpoint, s.address, s.next_rotation_at) == ("mirror", HOME, START + 90 * DAY)
    assert s.rotation == applied(triggers={"a": "1", "c": "3"})
    assert (s.generation, s.rotated_at) == (1, START)


RELEASE_1, RELEASE_2 = ({"triggers": {"release": release}} for release in ("hush-1", "hush-2"))


def test_a_rotation_that_is_put_off_is_noted_without_a_call(vendor: Vendor) -> None:
    s = put_up(vendor, rotation=RELEASE_1)
    paused = vendor.up(s, rotation=RELEASE_2 | {"paused": True})
    assert paused.rotation == s.rotation.model_copy(update={"pending": ("triggers.release",)})
    assert vendor.up(paused, rotation=RELEASE_1 | {"paused": True}) == s
    assert vendor.calls == []
    assert vendor.up(paused, rotation=RELEASE_2).rotation == applied(**RELEASE_2)


def test_the_key_of_what_is_kept_is_drawn_once_for_each_credential() -> None:
    i = LockerInputs.model_validate({"rotation": RELEASE_1})
    s, other = (Reconciler(LOCKER, Vendor().run().api, START).create(i, MARK) for _ in range(2))
    assert s.rotation.key is not None
    assert len(s.rotation.key.get_secret_value()) == 22, "128 bits"
    assert s.rotation.key != other.rotation.key
    assert s.rotation.triggers != other.rotation.triggers
    rotated = put_up(vendor := Vendor(), rotation=RELEASE_1).model_copy(update={"rotation": s.rotation})
    assert vendor.up(rotated, rotation=RELEASE_2).rotation.key == s.rotation.key


def test_no_write_holds_the_values_that_another_version_kept(vendor: Vendor) -> None:
    before = AppliedPolicy(triggers={"release": "hush-1"}, rotate_now="hush-0")
    s = put_up(vendor, rotation=RELEASE_1).model_copy(update={"rotation": before})
    written = [vendor.up(s, label="paint", rotation=RELEASE_1), vendor.run().read(s)]
    vendor.faults["set"] = AnswerLost("lockers: no answer")
    written.append(fails(vendor, s, rotation=RELEASE_2))
    for each in written:
        assert each.rotation.key == KEY
        assert "hush" not in str(to_property(each))


# -- rotation ------------------------------------------------------------------------------------------------


def test_a_rotation_ends_the_old_secret(vendor: Vendor) -> None:
    s = put_up(vendor, rotation=NINETY)
    vendor.later("90d")
    s = vendor.up(s, rotation=NINETY | {"rotate_now": "INC-1"})
    assert vendor.calls == ["set code 2", "count", "try code 2"]
    assert (s.codes, s.step, s.previous_expires_at) == (("code 2", None, None), None, None)
    assert (s.generation, s.rotated_at, s.rotation_reason) == (2, vendor.now, "rotate_now: INC-1")
    assert s.next_rotation_at == vendor.now + 90 * DAY
    assert s.rotation == applied(rotate_now="INC-1")
    assert vendor.lockers["locker-1"].codes == {"code 2": None}


def test_a_rotation_with_a_grace_tries_both_secrets(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.later("1d")
    s = vendor.up(s, rotation=ASKED)
    assert vendor.calls == ["set code 2", "count", "try code 2", "try code 1"]
    assert (s.codes, s.step, s.previous_expires_at) == (("code 2", "code 1", None), None, vendor.now + 2 * DAY)
    assert s.generation == 2
    assert vendor.said == []


def test_history_has_the_nine_rotations_before_the_last(vendor: Vendor) -> None:
    s = put_up(vendor)
    assert s.history == ()
    assert "history" not in s.model_dump(exclude_defaults=True)
    for number in range(12):
        vendor.later("1d")
        s = vendor.up(s, rotation={"rotate_now": f"INC-{number}"})
    assert len(s.history) == 9
    assert s.history[-1] == "12 2026-12-05T12:00:00Z rotate_now: INC-10"
    assert (s.generation, s.rotation_reason) == (13, "rotate_now: INC-11")


def test_history_has_each_secret_once_whatever_fails(vendor: Vendor) -> None:
    """A next secret that waits is no rotation yet, and is one when it is handed on."""
    s = waiting(vendor)
    assert s.history == ()
    vendor.answers.append(True)
    s = vendor.up(s, rotation=ASKED)
    assert s.generation == 2
    assert s.history == (f"1 {rfc3339(START)} created",)


def test_history_never_has_a_secret_reason(vendor: Vendor) -> None:
    s = put_up(vendor)
    s = vendor.up(s, rotation={"rotate_now": "Hidden-4711", "rotate_now_is_secret": True})
    s = vendor.up(s, rotation={"rotate_now": "x" * 200})
    s = vendor.up(s, rotation={"rotate_now": "INC-2"})
    assert s.history[1].endswith("rotate_now: [secret]")
    assert len(s.history[2]) < 130
    assert "Hidden" not in str(s.model_dump())


def test_an_old_secret_that_has_ended_in_spite_of_a_grace_is_not_kept(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.answers.extend([True, False])
    s = vendor.up(s, rotation=ASKED)
    assert (s.codes, s.step, s.previous_expires_at) == (("code 2", None, None), None, None)
    assert vendor.said == ["the vendor has ended the old secret at once, although a grace was asked for"]
    assert vendor.slept == [], "it is no verdict on what the endpoint should accept"


def test_an_old_secret_of_which_nothing_is_known_is_kept(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.answers.extend([True, None])
    assert vendor.up(s, rotation=ASKED).codes == ("code 2", "code 1", None)
    assert vendor.said == []


def test_each_step_of_a_rotation_is_kept(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults["count"] = Rejected("lockers: 400")
    half = fails(vendor, s, rotation=ASKED)
    assert (half.step, half.codes, half.generation) == (Phase.CANDIDATE, ("code 1", None, "code 2"), 1)
    assert half.rotation == applied(rotate_now="INC-1")
    vendor.faults["try"] = BROKEN
    untried = fails(vendor, s, rotation=ASKED)
    assert (untried.step, untried.codes) == (Phase.CANDIDATE, ("code 1", None, "code 3"))
    vendor.answers.extend([True, BROKEN])
    tried = fails(vendor, s, rotation=ASKED)
    assert (tried.step, tried.codes) == (None, ("code 4", "code 1", None))
    assert tried.generation == 2


def test_a_next_secret_that_is_refused_waits_beside_the_old_one(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.answers.extend([*REFUSED, True])
    with pytest.raises(Partial) as failed:
        vendor.up(s, rotation=ASKED)
    s = reached(failed)
    assert (s.step, s.codes, s.generation) == (Phase.CANDIDATE, ("code 1", None, "code 2"), 1)
    # All but the candidate belongs to the secret that is handed on.
    assert (s.rotated_at, s.rotation_reason, s.expires_at, s.previous_expires_at) == (
        START,
        "created",
        START + 2 * DAY,
        None,
    )
    assert s.candidate == Candidate(rotated_at=START, rotation_reason="rotate_now: INC-1")
    assert live(failed) == "the old one stays in the outputs, and works until 2026-11-26T12:00:00Z"


def test_a_next_secret_that_is_refused_is_the_present_one_where_the_old_one_has_ended(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.answers.extend([*REFUSED, False])
    with pytest.raises(Partial) as failed:
        vendor.up(s, rotation=ASKED)
    s = reached(failed)
    assert (s.step, s.codes, s.generation) == (Phase.UNVERIFIED, ("code 2", None, None), 2)
    assert live(failed) is None


def test_nothing_is_said_of_an_old_secret_that_rekey_does_not_have(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south", codes={"theirs": None})
    s = put_up(vendor, adopt="locker-9")
    vendor.answers.extend(REFUSED)
    with pytest.raises(Partial) as failed:
        vendor.up(s, rotation=ASKED)
    s = reached(failed)
    assert (s.step, s.codes, s.previous_expires_at) == (Phase.UNVERIFIED, ("code 1", None, None), START + 2 * DAY)
    assert live(failed) is None


def test_no_end_is_told_of_an_old_secret_that_has_none(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.answers.extend([*REFUSED, True])
    with pytest.raises(Partial) as failed:
        vendor.up(s, Endless(), rotation=ASKED)
    assert reached(failed).step == Phase.CANDIDATE
    assert live(failed) == "the old one stays in the outputs"


def test_an_old_secret_that_has_ended_by_itself_leaves_the_outputs(vendor: Vendor) -> None:
    s = vendor.up(put_up(vendor), rotation=ASKED)
    vendor.later("47h59m59s")
    s = vendor.up(s, label="paint", rotation=ASKED)
    assert s.codes == ("code 2", "code 1", None)
    vendor.later("1s")
    s = vendor.up(s, label="tools", rotation=ASKED)
    assert (s.codes, s.previous_expires_at) == (("code 2", None, None), None)


# -- before a rotation ---------------------------------------------------------------------------------------


def due(vendor: Vendor, number: int = 1, **rules: Any) -> list[LockerState]:
    """Lockers whose codes are due by age."""
    states = [put_up(vendor, rotation=NINETY | rules) for _ in range(number)]
    vendor.later("90d")
    return states


def wanted(**rules: Any) -> LockerInputs:
    return LockerInputs.model_validate({"rotation": NINETY | rules})


def test_the_endpoint_accepts_a_good_secret_before_the_first_one_of_a_run_is_ended(vendor: Vendor) -> None:
    run, (first, second) = vendor.run(), due(vendor, 2)
    run = vendor.run()
    run.update("locker-1", wanted(), first)
    assert vendor.calls == ["try code 1", "set code 3", "count", "try code 3"]
    vendor.forget()
    run.update("locker-2", wanted(), second)
    assert vendor.calls == ["set code 4", "count", "try code 4"]


def test_an_endpoint_that_refuses_all_good_secrets_ends_none(vendor: Vendor) -> None:
    states = due(vendor, 3)
    run = vendor.run()
    vendor.answers.extend([False] * 9)
    for s in states[:2]:
        # Somebody may have replaced each of them.
        run.api.checks.check(f"Locker {s.locker_id}", lambda: False)
    with pytest.raises(Stopped, match="lockers: refuses 3 of the 3 credentials") as failed:
        run.update("locker-3", wanted(), states[2])
    assert failed.value.aftermath == "the secret was not changed"
    assert vendor.calls == ["try code 3"]


@pytest.mark.parametrize(
    ("resource", "rules"),
    [(LOCKER, {"verify": False}), (LOCKER, {"rotate_now": "INC-1"}), (Shown(), {})],
)
def test_no_proof_is_asked_for_where_it_is_not_wanted(
    vendor: Vendor, resource: LockerResource, rules: dict[str, Any]
) -> None:
    (s,) = due(vendor)
    vendor.up(s, resource, rotation=NINETY | rules)
    assert vendor.calls[0] == "set code 2"


def test_what_rekey_logs_in_with_never_rotates(vendor: Vendor) -> None:
    (s,) = due(vendor)
    own = vendor.run(client_id="locker-1", client_secret="x")
    with pytest.raises(Stopped, match="lockers: locker-1 is what this endpoint itself logs in with") as failed:
        own.update("locker-1", wanted(), s)
    assert failed.value.aftermath == "nothing was changed"
    assert failed.value.advice == (
        "let the endpoint log in with another credential, or take this resource out of the program with"
        " retain_on_delete=True"
    )
    assert vendor.calls == []
    other = vendor.run(client_id="locker-2", client_secret="x")
    assert other.update("locker-1", wanted(), s).generation == 2


def test_what_rekey_logs_in_with_is_not_adopted_to_rotate(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south")
    i = LockerInputs.model_validate({"adopt": "locker-9", "rotation": {"on_adopt": "rotate"}})
    with pytest.raises(Stopped, match="locker-9 is what this endpoint itself logs in with"):
        vendor.run(client_id="locker-9", client_secret="x").create(i, None)
    assert vendor.calls == []


def test_what_rekey_logs_in_with_is_adopted_where_nothing_ends_its_secret(vendor: Vendor) -> None:
    vendor.lockers["locker-9"] = Locker("south")
    own = vendor.run(client_id="locker-9", client_secret="x")
    assert own.create(LockerInputs(adopt="locker-9"), None).rotation_reason == "adopted"
    for fields in ({"secret": "0000"}, {"rotation": NINETY}):
        with pytest.raises(Stopped, match="locker-9 is what this endpoint itself logs in with"):
            own.create(LockerInputs.model_validate({"adopt": "locker-9"} | fields), None)


# -- lost answers --------------------------------------------------------------------------------------------

LOST = "lockers: no whole answer in time"
LOST_ROTATION = "the rotation whose answer was lost"


def lost(vendor: Vendor, s: LockerState, *, commit: bool, **rules: Any) -> LockerState:
    """What is kept of a rotation whose answer is lost, whether the vendor did it or not."""
    if commit:
        vendor.lost["set"] = AnswerLost(LOST)
    else:
        vendor.faults["set"] = AnswerLost(LOST)
    with pytest.raises(Partial, match="it is not known whether it took effect") as failed:
        vendor.up(s, rotation={"rotate_now": "INC-1"} | rules)
    vendor.faults.clear()
    vendor.later("1h")
    return reached(failed)


def test_lost_rotation_is_in_the_state_with_what_may_be_in_force(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=True, grace="2d")
    assert (s.step, s.codes, s.generation) == (Phase.UNCERTAIN, ("code 1", None, "code 2"), 1)
    assert s.rotation.rotate_now is None, "that the policy was obeyed is not certain"
    known = applied(rotate_now="INC-1", grace="2d")
    assert s.candidate == Candidate(rotated_at=START, rotation_reason="rotate_now: INC-1", rotation=known)


@pytest.mark.parametrize("rules", [{}, {"grace": "2d"}, {"freeze": ["2026-11-01/2026-12-31"]}])
def test_lost_rotation_that_took_effect_is_handed_on_though_the_edit_is_reverted(
    vendor: Vendor, rules: dict[str, Any]
) -> None:
    s = lost(vendor, put_up(vendor), commit=True, **rules)
    s = vendor.up(s, rotation=rules)
    assert vendor.calls[:2] == ["read", "try code 2"]
    assert not any(call.startswith("set") for call in vendor.calls)
    assert vendor.told == [f"{LOST_ROTATION} took effect: its secret is accepted, and is in the outputs now"]
    assert (s.step, s.secret, s.generation) == (None, SecretStr("code 2"), 2)
    assert (s.rotation_reason, s.rotated_at) == ("rotate_now: INC-1", START)


@pytest.mark.parametrize(
    ("before", "sent"),
    [
        ({"triggers": {"release": "1"}}, {"triggers": {"release": "2"}, "rotate_now": None}),
        ({"rotate_now": "INC-0"}, {"rotate_now": "INC-1"}),
    ],
)
def test_lost_rotation_whose_edit_is_reverted_is_not_followed_by_another(
    vendor: Vendor, before: dict[str, Any], sent: dict[str, Any]
) -> None:
    s = lost(vendor, vendor.up(put_up(vendor), rotation=before), commit=True, **sent)
    made = s.next_secret
    s = vendor.up(s, rotation=before)
    assert (s.step, s.secret) == (None, made)
    calls = list(vendor.calls)
    s = vendor.up(s, rotation=before)
    assert (vendor.calls, s.secret) == (calls, made)
    assert vendor.up(s, rotation={"rotate_now": "INC-2"}).secret != made


def test_lost_rotation_that_took_no_effect_is_dropped_where_the_edit_is_reverted(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=False, grace="2d")
    s = vendor.up(s)
    assert vendor.calls == ["read", *["try code 2"] * 5, "try code 1"]
    assert vendor.told == [f"{LOST_ROTATION} did not take effect"]
    assert (s.step, s.codes, s.generation, s.expires_at) == (None, ("code 1", None, None), 1, None)


def test_lost_rotation_is_sent_again_where_it_is_still_wanted(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=False, grace="2d")
    s = vendor.up(s, rotation={"rotate_now": "INC-1", "grace": "2d"})
    assert [call for call in vendor.calls if call.startswith("set")] == ["set code 2"]
    assert vendor.told == [f"the secret of {LOST_ROTATION} is not accepted: it is sent again"]
    assert (s.step, s.codes, s.generation) == (None, ("code 2", "code 1", None), 2)
    assert s.rotation == applied(rotate_now="INC-1")


@pytest.mark.parametrize("commit", [False, True])
def test_lost_rotation_answers_no_order_that_came_after_it(vendor: Vendor, *, commit: bool) -> None:
    """A secret that is compromised ends, whatever became of a rotation that was begun before that was known."""
    s = lost(vendor, put_up(vendor), commit=commit, grace="2d")
    leaked = {"rotate_now": "INC-2", "grace": "0s"}
    s = vendor.up(s, rotation=leaked)
    assert (s.step, s.codes) == (None, ("code 3", None, None))
    assert vendor.lockers["locker-1"].codes == {"code 3": None}
    assert s.rotation == applied(**leaked)


def test_lost_rotation_that_is_found_out_while_paused_leaves_a_later_order_open(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=True, grace="2d")
    s = vendor.up(s, rotation={"rotate_now": "INC-2", "paused": True})
    assert (s.codes, s.rotation.pending) == (("code 2", "code 1", None), ("rotate_now",))
    assert vendor.up(s, rotation={"rotate_now": "INC-2"}).codes == ("code 3", None, None)


def test_lost_rotation_is_found_out_but_nothing_minted_while_paused(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=True)
    assert vendor.up(s, rotation={"paused": True}).codes == ("code 2", None, None)
    s = lost(vendor, put_up(vendor), commit=True)
    vendor.lockers["locker-2"].codes = {"somebody's": None}
    with pytest.raises(Refused, match="and rotation is paused"):
        vendor.up(s, rotation={"paused": True})
    assert not any(call.startswith("set") for call in vendor.calls)


@pytest.mark.parametrize("paused", [False, True])
def test_lost_rotation_is_found_out_though_new_secrets_are_not_to_be_tried(vendor: Vendor, *, paused: bool) -> None:
    """The preview says that it is tried again; untried, a good secret would be ended, or said to be refused."""
    s = lost(vendor, put_up(vendor), commit=False)
    s = vendor.up(s, rotation={"verify": False, "paused": paused})
    assert (s.step, s.codes, s.generation) == (None, ("code 1", None, None), 1)
    assert not any(call.startswith("set") for call in vendor.calls)


def test_lost_rotation_of_which_nobody_can_tell_is_not_said_to_be_refused(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=True)
    vendor.faults["try"] = Unreachable("north: no connection")
    with pytest.raises(Refused, match="nothing shows that the secret before it works, and rotation is paused"):
        vendor.up(s, rotation={"paused": True})


def test_lost_rotation_is_replaced_where_neither_secret_is_accepted(vendor: Vendor) -> None:
    s = lost(vendor, put_up(vendor), commit=True)
    vendor.lockers["locker-1"].codes = {"somebody's": None}
    s = vendor.up(s)
    neither = f"neither the secret of {LOST_ROTATION} nor the one before it is accepted"
    assert vendor.told == [f"{neither}; the next one is minted"]
    assert (s.step, s.codes, s.generation) == (None, ("code 3", None, None), 3)
    assert s.rotation_reason == Phase.UNCERTAIN.because


def test_lost_setting_is_read_back_though_the_edit_is_reverted(vendor: Vendor) -> None:
    s = put_up(vendor, label="tools")
    vendor.faults["note"] = AnswerLost(LOST)
    vendor.lockers["locker-1"].note = "keep shut"
    s = fails(vendor, s, label="tools", note="keep shut")
    assert (s.unconfirmed, s.note, s.step) == (True, "blank", None)
    vendor.forget()
    s = vendor.up(s, label="tools", note="blank")
    assert vendor.calls == ["read", "open", "note"]
    assert (s.unconfirmed, s.note) == (False, "blank")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ([True], "; the old secret was still accepted after it"),
        ([False], "; the old secret is refused now"),
        ([None], ", nor whether the old secret still works"),
        ([Unreachable("north: no connection")], ", nor whether the old secret still works"),
    ],
)
def test_lost_rotation_says_whether_the_old_secret_is_accepted(
    vendor: Vendor, answers: list[bool | Exception | None], found: str
) -> None:
    """It is tried once, which ends nothing."""
    s = put_up(vendor)
    vendor.lost["set"] = AnswerLost(LOST)
    vendor.answers.extend(answers)
    with pytest.raises(Partial) as failed:
        vendor.up(s, rotation={"rotate_now": "INC-1"})
    assert failed.value.aftermath == f"it is not known whether it took effect{found}"
    assert vendor.calls[-1].startswith("try")


def test_bug_in_the_middle_of_a_mint_is_a_lost_answer(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.lost["set"] = BROKEN
    with pytest.raises(Partial, match="unexpected RuntimeError") as failed:
        vendor.up(s, rotation={"rotate_now": "INC-1"})
    assert reached(failed).step == Phase.UNCERTAIN


def test_object_that_is_gone_is_said_to_be(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.lockers.clear()
    with pytest.raises(Gone, match="LockerResource locker-1 is gone: nothing was changed; run `pulumi up --refresh`"):
        vendor.up(s, rotation={"rotate_now": "INC-1"})


# -- clocks --------------------------------------------------------------------------------------------------


def test_moment_of_a_rotation_is_by_the_vendors_clock(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.ahead = timedelta(hours=2)
    assert vendor.up(s, rotation={"rotate_now": "INC-1"}).rotated_at == START + timedelta(hours=2)


def test_rotation_that_only_a_wrong_clock_makes_due_does_not_happen(vendor: Vendor) -> None:
    s = put_up(vendor, rotation=NINETY)
    vendor.later("90d")
    vendor.ahead = -timedelta(days=80)
    s = vendor.up(s, rotation=NINETY)
    assert (s.generation, vendor.said) == (1, ["does not rotate: it is not due by the vendor's clock"])
    assert vendor.calls == ["try code 1"], "which goes beside the login"
    vendor.ahead = timedelta(minutes=5)
    assert vendor.up(s, rotation=NINETY).generation == 2


@pytest.mark.parametrize("accepted", [True, False])
def test_rotation_that_only_a_wrong_clock_makes_due_hides_no_lost_answer(vendor: Vendor, *, accepted: bool) -> None:
    s = put_up(vendor, rotation=NINETY).model_copy(update={"step": Phase.UNCERTAIN})
    vendor.later("90d")
    vendor.ahead = -timedelta(days=80)
    if not accepted:
        vendor.lockers["locker-1"].codes = {"somebody's": None}
    s = vendor.up(s, rotation=NINETY)
    assert (s.step, s.generation) == (None, 1 if accepted else 2)


def test_rotation_that_a_clock_put_into_the_future_counts_from_now(vendor: Vendor) -> None:
    s = put_up(vendor, rotation=NINETY)
    s = s.model_copy(update={"rotated_at": START + 200 * DAY, "expires_at": START + 210 * DAY})
    s = vendor.up(s, rotation=NINETY)
    assert (s.rotated_at, s.expires_at, s.generation) == (START, START + 10 * DAY, 1)
    assert vendor.calls == []


# -- a secret that is to be tried again ----------------------------------------------------------------------


def refused(vendor: Vendor, **inputs: Any) -> LockerState:
    """A locker whose first code the vendor refuses so far."""
    vendor.answers.extend(REFUSED)
    s = fails(vendor, **inputs)
    assert s.step == Phase.UNVERIFIED
    vendor.later("1h")
    return s


@pytest.mark.parametrize("step", [Phase.UNVERIFIED, Phase.REFUSED])
def test_a_secret_that_is_accepted_later_is_handed_on(vendor: Vendor, step: str) -> None:
    s = put_up(vendor).model_copy(update={"step": step})
    s = vendor.up(s)
    assert vendor.calls == ["try code 1"]
    assert (s.step, s.generation, s.codes) == (None, 1, ("code 1", None, None))


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Phase.UNVERIFIED, MINTED_BEFORE),
        (Phase.REFUSED, "the vendor refuses the secret, so that somebody has made another"),
    ],
)
def test_a_secret_that_is_still_refused_is_replaced(vendor: Vendor, step: str, why: str) -> None:
    s = put_up(vendor).model_copy(update={"step": step})
    vendor.later("1h")
    vendor.answers.extend(REFUSED)
    s = vendor.up(s, rotation={"grace": "2d"})
    assert vendor.calls == [*["try code 1"] * 5, "set code 2", "count", "try code 2"]
    assert (s.step, s.generation, s.rotation_reason, s.rotated_at) == (None, 2, why, vendor.now)
    assert s.codes == ("code 2", None, None), "nobody can use what is refused: it is no previous secret"


def test_a_refused_secret_is_not_replaced_while_rotation_is_paused(vendor: Vendor) -> None:
    s = refused(vendor)
    vendor.answers.extend(REFUSED)
    with pytest.raises(Refused, match=f"{MINTED_BEFORE}, and rotation is paused: nothing was changed; end the pause"):
        vendor.up(s, endpoint="mirror", rotation={"paused": True})
    assert vendor.calls == ["try code 1"] * 5


def test_a_refused_secret_that_is_not_to_be_tried_is_handed_on(vendor: Vendor) -> None:
    s = refused(vendor)
    assert vendor.up(s, rotation={"verify": False}).step is None
    assert vendor.calls == []


def test_a_refused_secret_that_rekey_logs_in_with_is_not_replaced(vendor: Vendor) -> None:
    s = refused(vendor)
    vendor.answers.extend(REFUSED)
    with pytest.raises(Stopped, match="locker-1 is what this endpoint itself logs in with"):
        vendor.run(client_id="locker-1", client_secret="x").update("locker-1", LockerInputs(), s)
    assert vendor.calls == ["try code 1"] * 5


def test_a_rotation_that_is_asked_for_does_not_try_what_was_refused(vendor: Vendor) -> None:
    s = refused(vendor)
    s = vendor.up(s, rotation={"rotate_now": "INC-1"})
    assert vendor.calls == ["set code 2", "count", "try code 2"]
    assert (s.step, s.generation, s.rotation_reason) == (None, 2, "rotate_now: INC-1")


def test_what_was_refused_is_forgotten_where_the_next_one_is_not_to_be_tried(vendor: Vendor) -> None:
    s = vendor.up(refused(vendor), rotation={"rotate_now": "INC-1", "verify": False})
    assert (s.step, s.codes) == (None, ("code 2", None, None))


def test_what_was_refused_is_tried_after_the_settings_are_sent(vendor: Vendor) -> None:
    s = refused(vendor, label="tools")
    s = vendor.up(s, label="paint")
    assert vendor.calls == ["open", "label", "try code 1"]
    assert (s.label, s.step) == ("paint", None)


def test_a_verdict_is_kept_before_what_follows_fails(vendor: Vendor) -> None:
    s = put_up(vendor).model_copy(update={"step": Phase.UNVERIFIED, "told": False})
    vendor.later("1d")
    vendor.faults["tell"] = Rejected("lockers: 400")
    s = fails(vendor, s)
    assert (s.step, s.told) == (None, False)


# -- a secret in waiting -------------------------------------------------------------------------------------


def test_a_secret_in_waiting_that_is_accepted_later_is_handed_on(vendor: Vendor) -> None:
    s = vendor.up(waiting(vendor), rotation=ASKED)
    assert vendor.calls == ["try code 2", "try code 1"]
    assert (s.step, s.codes, s.generation) == (None, ("code 2", "code 1", None), 2)
    assert s.rotation_reason == "rotate_now: INC-1"
    assert s.previous_expires_at == START + 3 * DAY


def test_a_secret_in_waiting_is_handed_on_alone_where_the_old_one_has_ended(vendor: Vendor) -> None:
    s = waiting(vendor)
    vendor.answers.extend([True, False])
    s = vendor.up(s, rotation=ASKED)
    assert (s.step, s.codes, s.previous_expires_at) == (None, ("code 2", None, None), None)


def test_a_secret_in_waiting_that_is_still_refused_is_sent_again(vendor: Vendor) -> None:
    s = waiting(vendor)
    vendor.answers.extend(REFUSED)
    s = vendor.up(s, rotation=ASKED)
    again = ["set code 2", "count", "try code 2", "try code 1"]
    assert vendor.calls == [*["try code 2"] * 5, *again]
    assert (s.step, s.codes, s.generation) == (None, ("code 2", "code 1", None), 2)
    assert (s.rotated_at, s.rotation_reason) == (vendor.now, "rotate_now: INC-1")


def test_a_secret_in_waiting_of_which_nobody_knows_why_is_sent_again_as_refused(vendor: Vendor) -> None:
    s = waiting(vendor).model_copy(update={"candidate": None})
    vendor.answers.extend(REFUSED)
    assert vendor.up(s, rotation=ASKED).rotation_reason == MINTED_BEFORE


def test_a_secret_in_waiting_whose_old_one_has_ended_is_replaced(vendor: Vendor) -> None:
    s = waiting(vendor)
    vendor.later("47h")
    vendor.answers.extend(REFUSED)
    s = vendor.up(s, rotation=ASKED)
    assert vendor.calls == [*["try code 2"] * 5, "set code 3", "count", "try code 3"]
    assert (s.step, s.codes, s.generation) == (None, ("code 3", None, None), 3)
    assert s.rotation_reason == MINTED_BEFORE


def test_a_secret_in_waiting_that_is_not_to_be_tried_is_handed_on(vendor: Vendor) -> None:
    s = vendor.up(waiting(vendor), rotation=ASKED | {"verify": False})
    assert vendor.calls == []
    assert (s.step, s.codes, s.generation) == (None, ("code 2", "code 1", None), 2)


def test_a_refused_secret_is_not_sent_again_though_the_one_before_has_its_grace(vendor: Vendor) -> None:
    s = vendor.up(put_up(vendor), rotation=ASKED).model_copy(update={"step": Phase.REFUSED})
    vendor.later("1d")
    vendor.answers.extend(REFUSED)
    s = vendor.up(s, rotation=ASKED)
    assert vendor.calls == [*["try code 2"] * 5, "set code 3", "count", "try code 3"]
    assert (s.step, s.codes, s.generation) == (None, ("code 3", None, None), 3)


def test_what_replaces_a_secret_in_waiting_waits_for_none(vendor: Vendor) -> None:
    s = waiting(vendor)
    vendor.later("47h")
    vendor.answers.extend([*REFUSED, *REFUSED])
    s = fails(vendor, s, rotation={})
    assert (s.step, s.codes, s.generation) == (Phase.UNVERIFIED, ("code 3", None, None), 3)


def test_a_secret_in_waiting_is_replaced_by_one_that_is_given(vendor: Vendor) -> None:
    s = waiting(vendor)
    s = vendor.up(s, secret="0000", rotation=ASKED)
    assert vendor.calls[:2] == ["set 0000", "count"]
    assert (s.codes, s.generation, s.step) == (("0000", None, None), 2, None)


@pytest.mark.parametrize("took_effect", [True, False])
def test_given_secret_is_set_again_where_another_took_its_place(vendor: Vendor, *, took_effect: bool) -> None:
    """The edit that gave the other one was reverted after its answer was lost."""
    s = put_up(vendor, secret="0000")
    (vendor.lost if took_effect else vendor.faults)["set"] = AnswerLost("lockers: no answer")
    with pytest.raises(Partial) as failed:
        vendor.up(s, secret="1111", rotation={"grace": "2d"})
    vendor.faults.clear()
    vendor.forget()
    done = vendor.up(reached(failed), secret="0000", rotation={"grace": "2d"})
    assert ("set 0000" in vendor.calls) == took_effect
    assert (done.codes, done.step) == (("0000", "1111" if took_effect else None, None), None)
    assert vendor.lockers["locker-1"].codes["0000"] is None, "without an end"


def test_a_secret_in_waiting_stays_while_rotation_is_paused(vendor: Vendor) -> None:
    s = waiting(vendor)
    vendor.answers.extend(REFUSED)
    s = vendor.up(s, rotation=ASKED | {"paused": True})
    assert vendor.calls == ["try code 2"] * 5
    assert (s.step, s.codes, s.generation) == (Phase.CANDIDATE, ("code 1", None, "code 2"), 1)
    assert (s.expires_at, s.previous_expires_at) == (START + 3 * DAY, None)
    assert vendor.said == [f"{MINTED_BEFORE}; nothing is minted, and the old one works until 2026-11-27T12:00:00Z"]


# -- later steps ---------------------------------------------------------------------------------------------


def test_a_later_step_is_taken_when_it_is_due(vendor: Vendor) -> None:
    s = vendor.up(put_up(vendor), rotation=ASKED)
    assert not s.told
    vendor.later("23h")
    assert not vendor.up(s, rotation=ASKED).told
    vendor.later("1h")
    s = vendor.up(s, endpoint="mirror", rotation=ASKED)
    assert vendor.calls == ["tell"]
    assert (s.told, s.generation, s.endpoint) == (True, 2, "mirror")


def test_each_later_step_is_kept(vendor: Vendor) -> None:
    s = put_up(vendor).model_copy(update={"told": False})
    vendor.later("1d")
    vendor.faults["tell"] = Rejected("lockers: 400")
    with pytest.raises(Rejected, match="nothing was changed"):
        vendor.up(s, endpoint="mirror")


def test_a_later_step_is_not_taken_before_a_rotation(vendor: Vendor) -> None:
    s = put_up(vendor).model_copy(update={"told": False})
    vendor.later("1d")
    vendor.up(s, rotation=ASKED)
    assert "tell" not in vendor.calls


# -- reading -------------------------------------------------------------------------------------------------


def test_what_is_read_is_the_vendors_and_its_secret_is_tried(vendor: Vendor) -> None:
    s = put_up(vendor, label="tools")
    vendor.lockers["locker-1"].label = "paint"
    assert vendor.run().read(s) == s.model_copy(update={"label": "paint"})
    assert vendor.calls == ["read", "try code 1"]


def test_a_secret_is_not_tried_at_reading_where_that_is_not_wanted_or_of_no_use(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.run().read(s, verify=False)
    vendor.run(Shown()).read(s)
    vendor.run().read(s.model_copy(update={"expires_at": START}))
    with pytest.raises(Partial, match=f"not done yet: {Phase.UNVERIFIED}:"):
        vendor.run().read(s.model_copy(update={"step": Phase.UNVERIFIED}))
    assert vendor.calls == ["read"] * 4
    vendor.run().read(s.model_copy(update={"expires_at": START + timedelta(seconds=1)}))
    assert vendor.calls[4:] == ["read", "try code 1"]


def test_a_secret_that_is_refused_at_reading_is_to_be_replaced(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.lockers["locker-1"].codes.clear()
    with pytest.raises(Partial) as failed:
        vendor.run().read(s)
    assert reached(failed) == s.model_copy(update={"step": Phase.REFUSED})
    assert str(failed.value).startswith(
        "lockers: not done yet: replace the refused secret: the vendor refuses the secret, so that somebody has made"
        " another:"
    )


@pytest.mark.parametrize("step", [Phase.UNVERIFIED, Phase.CANDIDATE, Phase.UNCERTAIN])
def test_what_is_half_done_is_a_failure_at_reading(vendor: Vendor, step: str) -> None:
    s = put_up(vendor).model_copy(update={"step": step})
    with pytest.raises(Partial) as failed:
        vendor.run().read(s)
    assert reached(failed) == s
    assert str(failed.value).startswith(f"lockers: not done yet: {step}: what was done before is kept; run `pulumi up`")


def test_a_secret_of_which_nothing_is_known_is_read_as_it_is(vendor: Vendor) -> None:
    s = put_up(vendor)
    for nothing in (None, Unreachable("lockers: no connection")):
        vendor.answers.append(nothing)
        assert vendor.run().read(s) == s


def test_many_that_are_refused_at_reading_are_not_to_be_replaced(vendor: Vendor) -> None:
    states = [put_up(vendor) for _ in range(3)]
    for locker in vendor.lockers.values():
        locker.codes.clear()
    run = vendor.run()
    for s in (*states[:2], *states[:2]):
        with pytest.raises(Partial):
            run.read(s)
    with pytest.raises(Stopped, match="refuses 3 of the 3 credentials that were tried"):
        run.read(states[2])


def test_what_is_gone_is_read_as_nothing(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.lockers.clear()
    assert vendor.run().read(s) is None
    assert vendor.run(Lasting()).read(s) is None


def test_what_is_said_to_be_gone_and_still_opens_is_not(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.lockers.clear()
    vendor.answers.append(True)
    with pytest.raises(Stopped, match="lockers: locker-1 is said to be gone, and its secret is accepted") as failed:
        vendor.run().read(s)
    assert failed.value.advice == "run again; if that stays so, ask the vendor"
    assert failed.value.aftermath == "nothing was changed"
    vendor.answers.append(None)
    assert vendor.run().read(s) is None


def test_not_found_is_no_proof_that_it_is_gone(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults = {"read": NotFound("lockers: 404"), "remove": NotFound("lockers: 404")}
    with pytest.raises(NotFound, match="404: nothing was changed"):
        vendor.run().read(s)
    with pytest.raises(NotFound, match="404: it may still be there"):
        vendor.run().delete(s)


def test_a_reading_that_fails_changes_nothing(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults["read"] = Unreachable("lockers: no connection")
    with pytest.raises(Unreachable, match=": nothing was changed;"):
        vendor.run().read(s)


# -- the end -------------------------------------------------------------------------------------------------


def test_what_is_ours_is_ended(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.run().delete(s)
    assert vendor.calls == ["remove"]
    assert (vendor.lockers, vendor.said) == ({}, [])


def test_what_is_gone_is_what_was_wanted(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.lockers.clear()
    vendor.run().delete(s)
    assert vendor.calls == ["remove"]


def test_what_remains_is_said(vendor: Vendor) -> None:
    vendor.run(Lasting()).delete(put_up(vendor))
    assert vendor.said == ["locker-1 stays"]


def test_an_end_that_fails_says_that_it_may_still_be_there(vendor: Vendor) -> None:
    s = put_up(vendor)
    vendor.faults["remove"] = Rejected("lockers: 400")
    with pytest.raises(Rejected, match=": it may still be there;"):
        vendor.run().delete(s)
    vendor.faults["remove"] = BROKEN
    with pytest.raises(RuntimeError, match="a bug"):
        vendor.run().delete(s)


def test_end_whose_answer_is_lost_says_how_to_keep_it(vendor: Vendor) -> None:
    """The engine keeps the state as it was: a run that has nothing to do would not see what has ended."""
    s = put_up(vendor)
    vendor.faults["remove"] = AnswerLost(LOST)
    with pytest.raises(AnswerLost) as stopped:
        vendor.run().delete(s)
    assert str(stopped.value).endswith(
        "it is not known whether it took effect; delete it again, or run `pulumi up --refresh` to keep it"
    )
    vendor.faults["remove"] = Unavailable("lockers: 503")
    with pytest.raises(Unavailable, match="has recovered; then delete it again, or run `pulumi up --refresh` to keep"):
        vendor.run().delete(s)


def test_what_rekey_logs_in_with_is_not_ended_where_rekey_has_its_secret(vendor: Vendor) -> None:
    s = put_up(vendor)
    own = vendor.run(client_id="locker-1", client_secret="x")
    for kept in (s, s.model_copy(update={"secret": None, "next_secret": s.secret})):
        with pytest.raises(Stopped, match="locker-1 is what this endpoint itself logs in with"):
            own.delete(kept)
    assert vendor.calls == []
    own.delete(s.model_copy(update={"secret": None}))
    assert vendor.calls == ["remove"]


# -- another address -----------------------------------------------------------------------------------------

MOVED = "http://127.0.0.1:8181"


@pytest.mark.parametrize("more", [{}, {"moved_from": "http://127.0.0.1:9999"}])
def test_nothing_is_sent_to_another_host_than_it_was_made_at(vendor: Vendor, more: dict[str, str]) -> None:
    s = put_up(vendor)
    run = vendor.run(LOCKER, **{"url": MOVED} | more)
    for verb in (run.read, run.delete, lambda s: run.update("locker-1", LockerInputs(label="paint"), s)):
        with pytest.raises(Stopped) as failed:
            verb(s)
        assert str(failed.value) == (
            f"endpoint 'lockers' is at {MOVED}, and this object was made at {HOME}: nothing was changed;"
            f" set rekey:endpoints.lockers.movedFrom to {HOME} if the system has moved"
        )
    assert vendor.calls == []


def test_what_has_moved_is_taken_as_being_there(vendor: Vendor) -> None:
    s = put_up(vendor)
    run = vendor.run(url=MOVED, moved_from=f"{HOME}/api")
    assert run.read(s) == s
    assert run.update("locker-1", LockerInputs(label="paint"), s).address == MOVED


def test_another_path_of_a_host_is_no_other_address_and_an_unknown_one_is_none(vendor: Vendor) -> None:
    s = put_up(vendor)
    assert vendor.run(url=f"{HOME}/api").read(s) == s
    nowhere = s.model_copy(update={"address": None})
    assert vendor.run(url=MOVED).read(nowhere) == nowhere


# -- without a vendor ----------------------------------------------------------------------------------------


def alone(
    answers: Sequence[bool | None], now: datetime = START, said: list[str] | None = None
) -> Reconciler[Any, Any, Any]:
    api = NoVendor("Ticket", Runtime(sleep=lambda _seconds: None, now=lambda: now))
    return Reconciler(TriedTicket(answers), api, now, lambda text: None if said is None else said.append(text))


def test_what_has_no_vendor_lives_as_well() -> None:
    said: list[str] = []
    i = Inputs.model_validate({"rotation": NINETY})
    s = alone([True], said=said).create(i, None)
    assert (s.address, s.generation, s.step, s.next_rotation_at) == (None, 1, None, START + 90 * DAY)
    s = alone([True], now=START + 90 * DAY, said=said).update(s.ticket_id, i, s)
    assert (s.generation, s.rotation_reason) == (2, "90 d old, max_age 90 d")
    elsewhere = s.model_copy(update={"address": HOME})
    assert alone([True], said=said).read(elsewhere) == elsewhere
    assert said == []
    alone([], said=said).delete(s)
    assert said == ["ticket-1 is forgotten"]


def test_what_has_no_vendor_is_tried_as_well() -> None:
    with pytest.raises(Partial, match="Ticket: the new secret is minted, and the vendor refuses it"):
        alone([False] * 5).create(Inputs(), None)
    with pytest.raises(Partial, match="Ticket: not done yet: replace the refused secret"):
        alone([False, True]).read(TicketState())


def test_a_remark_without_a_listener_goes_nowhere() -> None:
    assert Reconciler(TriedTicket([]), alone([]).api, START).create(Inputs(), None).generation == 1


def test_the_end_of_a_previous_secret_that_is_not_kept_here_stays_in_the_outputs() -> None:
    s = TicketState(previous_expires_at=START)
    kept = alone([], now=START + DAY).update("ticket-1", Inputs(endpoint="mirror"), s)
    assert (kept.previous_expires_at, kept.endpoint) == (START, "mirror")
