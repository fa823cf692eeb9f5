"""An endpoint that refuses many credentials and accepts none may be at fault, and they are not."""

import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from pulumi_rekey.endpoints.credential_checks import LINGER_S, MAX_LINGERS, MAX_REFUSED, CredentialChecks
from pulumi_rekey.errors import Stopped


def fresh() -> CredentialChecks:
    """No checks yet, on a clock whose pauses take no time."""
    return CredentialChecks("vcd", lambda _seconds: None)


def refused(checks: CredentialChecks, *credentials: str) -> list[bool | None]:
    return [checks.check(credential, lambda: False) for credential in credentials]


def test_as_many_as_somebody_can_replace_are_refused() -> None:
    checks = fresh()
    assert refused(checks, "a", "b") == [False] * MAX_REFUSED
    with pytest.raises(Stopped) as stopped:
        refused(checks, "c")
    assert str(stopped.value) == (
        "vcd: refuses 3 of the 3 credentials that were tried, so the endpoint itself may be at fault: run again when it"
        " accepts them; if somebody has really replaced them, set `rotation.rotate_now` of each to a new text and run"
        " `pulumi up` without --refresh, which mints new ones"
    )


def test_the_way_out_works() -> None:
    """What is minted anew is accepted, and shows that the endpoint tells good ones: the others heal, too."""
    checks = fresh()
    with pytest.raises(Stopped):
        refused(checks, "a", "b", "c")
    assert checks.check("a", lambda: True)
    assert refused(checks, "b", "c", "d") == [False] * 3


def test_one_that_is_tried_often_counts_once() -> None:
    checks = fresh()
    assert refused(checks, "a", "a", "a", "a") == [False] * 4


def test_an_endpoint_that_accepts_one_has_good_reasons_to_refuse_others() -> None:
    checks = fresh()
    assert checks.check("good", lambda: True) is True
    assert refused(checks, *"abcdefgh") == [False] * 8


def test_the_order_does_not_matter() -> None:
    """One that is accepted while the refused one waits is proof, too."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == MAX_LINGERS:
            checks.check("good", lambda: True)

    checks = CredentialChecks("vcd", pause)
    assert refused(checks, "a", "b", "c") == [False] * 3
    assert pauses == [LINGER_S] * MAX_LINGERS


def test_one_that_is_refused_only_now_and_then_is_not_replaced() -> None:
    checks = fresh()
    refused(checks, "a", "b")
    checks.check("good", lambda: True)
    answers = iter([False, True])
    assert checks.check("c", lambda: next(answers)) is True


def test_a_refusal_that_a_lost_answer_explains_does_not_count() -> None:
    pauses: list[float] = []
    checks = CredentialChecks("vcd", pauses.append)
    for name in "abcdefgh":
        assert checks.check(name, lambda: False, explained=True) is False
    assert pauses == []
    assert refused(checks, "i", "j") == [False] * 2
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        refused(checks, "k")


def test_one_whose_answer_was_lost_is_proof_if_it_is_accepted() -> None:
    checks = fresh()
    assert checks.check("a", lambda: True, explained=True) is True
    assert refused(checks, "b", "c", "d") == [False] * 3


def test_one_that_is_refused_later_is_no_proof_any_more() -> None:
    checks = fresh()
    checks.check("a", lambda: True)
    refused(checks, "a", "b")
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        refused(checks, "c")


def test_what_cannot_be_told_counts_nothing() -> None:
    checks = fresh()
    for number in range(9):
        assert checks.check(str(number), lambda: None) is None


def test_a_try_that_fails_is_over() -> None:
    checks = fresh()

    def fails() -> bool:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        checks.check("a", fails)
    assert refused(checks, "b") == [False]


def test_those_that_are_tried_at_once_are_judged_together() -> None:
    """The first that is refused waits for the others, so that none of them is replaced."""
    checks, all_there = fresh(), threading.Barrier(5)

    def ask() -> bool:
        all_there.wait(timeout=10)
        return False

    with ThreadPoolExecutor(5) as pool:
        tried = [pool.submit(checks.check, str(number), ask) for number in range(5)]
        for one in tried:
            with pytest.raises(Stopped, match="refuses 5 of the 5"):
                one.result(timeout=10)


def _answered(*, answer: bool | None, asked: list[bool | None]) -> bool | None:
    asked.append(answer)
    return answer


def asked_by_proofs(checks: CredentialChecks, answers: Sequence[bool | None]) -> int:
    """How many of those that ask for a proof, one after another, had to ask the endpoint."""
    asked: list[bool | None] = []
    for number, answer in enumerate(answers):
        checks.ensure_endpoint_sane(str(number), partial(_answered, answer=answer, asked=asked))
    return len(asked)


@pytest.mark.parametrize(
    ("answers", "asked"), [((True, True, True), 1), ((None, None), 1), ((False, True, True), 2), ((False, False), 2)]
)
def test_one_that_is_not_refused_is_proof_for_all(answers: tuple[bool | None, ...], asked: int) -> None:
    assert asked_by_proofs(fresh(), answers) == asked


@pytest.mark.parametrize(("first", "asked"), [(True, 1), (False, 5)])
def test_proof_asks_for_all_at_once_only_if_the_first_is_refused(*, first: bool, asked: int) -> None:
    checks, all_come, all_asked = fresh(), threading.Barrier(5), threading.Barrier(5)
    answers, count = iter([first]), 0

    def ask() -> bool:
        nonlocal count
        count += 1
        with contextlib.suppress(threading.BrokenBarrierError):
            all_asked.wait(timeout=0.05)
        return next(answers, False)

    def come(name: str) -> None:
        all_come.wait(timeout=10)
        with contextlib.suppress(Stopped):
            checks.ensure_endpoint_sane(name, ask)

    with ThreadPoolExecutor(5) as pool:
        for done in [pool.submit(come, str(number)) for number in range(5)]:
            done.result(timeout=10)
    assert count == asked


def test_one_that_was_accepted_before_is_proof() -> None:
    checks = fresh()
    checks.check("good", lambda: True)
    assert asked_by_proofs(checks, (False,)) == 0


def test_those_that_come_after_a_fault_are_stopped_too() -> None:
    checks = fresh()
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        asked_by_proofs(checks, (False, False, False))
    with pytest.raises(Stopped, match="refuses 3 of the 3") as stopped:
        asked_by_proofs(checks, (False,))
    assert stopped.value.aftermath == "the secret was not changed"


def test_the_first_that_is_refused_waits_for_those_that_are_about_to_be_tried() -> None:
    """Its verdict can be there before the next try has begun."""
    late = iter("bc")

    def pause(seconds: float) -> None:
        assert seconds == LINGER_S
        for name in late:
            with contextlib.suppress(Stopped):
                checks.check(name, lambda: False)

    checks = CredentialChecks("vcd", pause)
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        checks.check("a", lambda: False)
