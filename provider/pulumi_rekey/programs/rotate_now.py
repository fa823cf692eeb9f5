"""What a program's process says of ``rekey:rotateNow`` in the stack's configuration, which the provider obeys."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pulumi
from pulumi.runtime.config import get_config, is_config_secret

from ..errors import Error
from ..frontend import orders
from .arguments import closest

#: The names of the credentials that the program has declared.
_declared: set[str] = set()


def note_declared(name: str) -> None:
    """Note the name of a credential; when the program has run, say which orders are for nobody.

    :raises pulumi.RunError: The reasons are encrypted, although they are repeated in previews and in the state.
    """
    if is_config_secret(orders.SETTING):
        raise pulumi.RunError(str(orders.encrypted()))
    if not _declared and get_config(orders.SETTING) is not None:
        # It runs when the program has, which holds the loop until then.
        with suppress(RuntimeError):
            asyncio.get_running_loop().call_soon(_warn_of_unknown)
    _declared.add(name)


def _warn_of_unknown() -> None:
    # What is wrong with the setting itself is said under each resource.
    with suppress(Error):
        for text in unknown(orders.read(get_config(orders.SETTING)), _declared):
            pulumi.log.warn(text)


def unknown(ordered: dict[str, str], declared: set[str]) -> list[str]:
    """Return what to say of orders for names that no credential has."""
    found = []
    for name in sorted(ordered.keys() - declared):
        close = closest(name, declared)
        meant = f" (did you mean {close}?)" if close else ""
        found.append(
            f"{orders.place(name)} rotates nothing: the program has no credential of this name{meant}; take it away"
            f" with `pulumi config rm --path '{orders.place(name)}'`"
        )
    return found
