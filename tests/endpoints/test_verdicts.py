"""An endpoint that refuses many credentials at once is at fault, and they are not."""

import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from pulumi_rekey.endpoints.credential_checks import LINGER_S, MAX_REFUSED, CredentialChecks
from pulumi_rekey.errors import Stopped


def fresh() -> CredentialChecks:
    """No verdicts yet, on a clock whose pauses take no time."""
    return CredentialChecks("vcd", lambda _seconds: None)


def refused(verdicts: CredentialChecks, *credentials: str) -> list[bool | None]:
    return [verdicts.of(credential, lambda: False) for credential in credentials]


def test_as_many_as_somebody_can_replace_are_refused() -> None:
    verdicts = fresh()
    assert refused(verdicts, "a", "b") == [False] * MAX_REFUSED
    with pytest.raises(Stopped, match="vcd: refuses 3 of the 3 credentials that were tried") as stopped:
        refused(verdicts, "c")
    assert "no secret was changed" in str(stopped.value)


def test_one_that_is_tried_often_counts_once() -> None:
    verdicts = fresh()
    assert refused(verdicts, "a", "a", "a", "a") == [False] * 4


def test_a_tenth_of_many_is_somebodys_doing_too() -> None:
    verdicts = fresh()
    for number in range(40):
        assert verdicts.of(f"good {number}", lambda: True) is True
    assert refused(verdicts, "a", "b", "c", "d") == [False] * 4
    with pytest.raises(Stopped, match="refuses 5 of the 45"):
        refused(verdicts, "e")


def test_one_that_is_accepted_later_counts_no_more() -> None:
    verdicts = fresh()
    refused(verdicts, "a", "b")
    verdicts.of("a", lambda: True)
    assert refused(verdicts, "c") == [False]


def test_what_cannot_be_told_counts_nothing() -> None:
    verdicts = fresh()
    for number in range(9):
        assert verdicts.of(str(number), lambda: None) is None


def test_a_try_that_fails_is_over() -> None:
    verdicts = fresh()

    def fails() -> bool:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        verdicts.of("a", fails)
    assert refused(verdicts, "b") == [False]


def test_those_that_are_tried_at_once_are_judged_together() -> None:
    """The first that is refused waits for the others, so that none of them is replaced."""
    verdicts, all_there = fresh(), threading.Barrier(5)

    def ask() -> bool:
        all_there.wait(timeout=10)
        return False

    with ThreadPoolExecutor(5) as pool:
        tried = [pool.submit(verdicts.of, str(number), ask) for number in range(5)]
        for one in tried:
            with pytest.raises(Stopped, match="refuses 5 of the 5"):
                one.result(timeout=10)


def _answered(*, answer: bool | None, asked: list[bool | None]) -> bool | None:
    asked.append(answer)
    return answer


def asked_by_prove(verdicts: CredentialChecks, answers: Sequence[bool | None]) -> int:
    """How many of those that ask for a proof, one after another, had to ask the endpoint."""
    asked: list[bool | None] = []
    for number, answer in enumerate(answers):
        verdicts.prove(str(number), partial(_answered, answer=answer, asked=asked))
    return len(asked)


@pytest.mark.parametrize(
    ("answers", "asked"), [((True, True, True), 1), ((None, None), 1), ((False, True, True), 2), ((False, False), 2)]
)
def test_one_that_is_not_refused_is_proof_for_all(answers: tuple[bool | None, ...], asked: int) -> None:
    assert asked_by_prove(fresh(), answers) == asked


def test_one_that_was_accepted_before_is_proof() -> None:
    verdicts = fresh()
    verdicts.of("good", lambda: True)
    assert asked_by_prove(verdicts, (False,)) == 0


def test_those_that_come_after_a_fault_are_stopped_too() -> None:
    verdicts = fresh()
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        asked_by_prove(verdicts, (False, False, False))
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        asked_by_prove(verdicts, (False,))


def test_the_first_that_is_refused_waits_for_those_that_are_about_to_be_tried() -> None:
    """Its verdict can be there before the next try has begun."""
    late = iter("bc")

    def pause(seconds: float) -> None:
        assert seconds == LINGER_S
        for name in late:
            with contextlib.suppress(Stopped):
                verdicts.of(name, lambda: False)

    verdicts = CredentialChecks("vcd", pause)
    with pytest.raises(Stopped, match="refuses 3 of the 3"):
        verdicts.of("a", lambda: False)
