"""A list that comes page by page, and that others may change meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

EntryT = TypeVar("EntryT")
#: How often a list is read until its pages fit each other.
MAX_READINGS: Final = 5


def whole(read: Callable[[], tuple[dict[str, EntryT], set[int]]]) -> dict[str, EntryT] | None:
    """Return the entries of a list by their ids; nothing if its pages do not add up.

    What others add between two pages moves the rest to later pages, where it is read (again): it hides nothing. Only
    what leaves the list can. So where the totals grow, a second reading that has all of the first one is whole, too.

    :param read: Reads all pages once: the entries, and the totals that the pages name.
    """
    before: set[str] = set()
    for number in range(MAX_READINGS):
        entries, totals = read()
        if totals == {len(entries)}:
            return entries
        if number and totals and before <= entries.keys() and min(totals) <= len(entries) <= max(totals):
            return entries
        if number and before == entries.keys():
            # Nobody changes it: it is cut.
            return None
        before = set(entries)
    return None
