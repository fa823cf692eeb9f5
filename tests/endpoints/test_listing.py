"""A list that others change while it is read page by page."""

import random
from collections.abc import Callable, Iterator

import pytest
from pulumi_rekey.endpoints.listing import MAX_READINGS, whole

PAGE = 5


def readings(entries: list[str], between_pages: Callable[[], None]) -> Callable[[], tuple[dict[str, str], set[int]]]:
    """A vendor's list in pages, and what happens to it after each page."""

    def pages() -> Iterator[tuple[list[str], int]]:
        offset = 0
        while True:
            yield entries[offset : offset + PAGE], len(entries)
            between_pages()
            offset += PAGE
            if offset >= len(entries):
                return

    def read() -> tuple[dict[str, str], set[int]]:
        found: dict[str, str] = {}
        totals = set()
        for page, total in pages():
            found |= {entry: entry for entry in page}
            totals.add(total)
        return found, totals

    return read


@pytest.mark.parametrize("seed", range(50))
def test_list_that_grows_while_it_is_read_has_all_that_was_there(seed: int) -> None:
    entries, chance = [f"old {number}" for number in range(23)], random.Random(seed)
    old = set(entries)

    def grow() -> None:
        if len(entries) < 200:
            entries.insert(chance.randrange(len(entries) + 1), f"new {len(entries)}")

    found = whole(readings(entries, grow))
    assert found is not None
    assert old <= found.keys()


@pytest.mark.parametrize("seed", range(50))
def test_list_that_loses_something_while_it_is_read_hides_nothing_else(seed: int) -> None:
    entries, chance = [f"old {number}" for number in range(23)], random.Random(seed)
    left = {*entries}

    def shrink() -> None:
        if len(left) > 20:
            gone = chance.choice(entries)
            entries.remove(gone)
            left.discard(gone)

    found = whole(readings(entries, shrink))
    assert found is not None
    assert left <= found.keys()


@pytest.mark.parametrize("total", [0, 4, 9])
def test_list_that_is_cut_is_none(total: int) -> None:
    read = 0

    def cut() -> tuple[dict[str, str], set[int]]:
        nonlocal read
        read += 1
        return dict.fromkeys("abc", ""), {total} - {0}

    assert whole(cut) is None
    assert read == 2 < MAX_READINGS
