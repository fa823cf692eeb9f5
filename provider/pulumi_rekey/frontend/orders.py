"""Rotations that a stack's configuration orders: ``rekey:rotateNow.NAME`` is ``rotate_now`` of that resource. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ..errors import Misconfigured

SETTING: Final = "rekey:rotateNow"


def read(configured: str | None) -> dict[str, str]:
    """Return the reasons by the names of resources.

    :raises Misconfigured: The setting is no map of texts.
    """
    try:
        orders = json.loads(configured or "{}")
    except ValueError:
        orders = None
    if not isinstance(orders, dict) or any(isinstance(reason, dict | list) for reason in orders.values()):
        raise Misconfigured(
            f"{SETTING} in the stack's configuration is not a map of reasons by the names of resources",
            todo=f"remove it (there, `pulumi config rm {SETTING}`), then use `rekey rotate NAME --reason TEXT`",
        )
    # `pulumi config set --path` makes a number of 4711, and nobody means anything else by it.
    return {name: _as_text(reason) for name, reason in orders.items() if reason is not None}


def encrypted() -> Misconfigured:
    """Return the refusal of reasons that are encrypted in the configuration: nobody would keep them so."""
    return Misconfigured(
        f"{SETTING} is encrypted in the stack's configuration, and a reason is repeated in previews and in the state",
        todo=f"run `pulumi config rm {SETTING}`, then `rekey rotate NAME --reason TEXT`",
    )


def _as_text(reason: Any) -> str:
    return reason if isinstance(reason, str) else json.dumps(reason)


def place(name: str) -> str:
    """Return where the order for a resource is, as ``pulumi config set --path`` takes it."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f"{SETTING}.{name}" if name.replace("-", "").replace("_", "").isalnum() else f'{SETTING}["{quoted}"]'


def name_of(urn: str) -> str:
    """Return the name of a resource."""
    return urn.split("::", 3)[-1]


def with_order(inputs: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return a resource's inputs with the order in its policy, which says nothing of the kind itself."""
    policy = inputs.get("rotation") or {}
    return {**inputs, "rotation": {**policy, "rotate_now": reason, "rotate_now_is_secret": False}}


def conflict(inputs: Mapping[str, Any], name: str) -> tuple[str, str] | None:
    """Return why an order cannot be obeyed beside what the program says: (property path, reason).

    The two are not ranked. What was obeyed is known by the last text alone, so that the loser would rotate the
    credential once more as soon as the winner is taken away.
    """
    policy = inputs.get("rotation")
    if isinstance(policy, Mapping) and policy.get("rotate_now") is not None:
        return (
            "rotation.rotate_now",
            f"is set in the program, and {place(name)} in the stack's configuration: take it out of the program, which"
            " rotates nothing",
        )
    return None


def with_source(problem: tuple[str, str], name: str) -> tuple[str, str]:
    """Return a problem, with where its value is from if it is about the order."""
    path, reason = problem
    return (path, f"{reason} ({place(name)} in the stack's configuration)") if path in _ABOUT else problem


_ABOUT: Final = frozenset({"rotation", "rotation.rotate_now"})
