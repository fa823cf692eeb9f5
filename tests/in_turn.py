"""Calls that go side by side in a run, one after the other: for tests in which their order must not vary."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_turn(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do the work before the block."""
    done: Future[T] = Future()
    try:
        done.set_result(work())
    except Exception as failed:  # noqa: BLE001 - whoever asks for the result gets it
        done.set_exception(failed)
    yield done.result
