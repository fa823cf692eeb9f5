"""What is written into the state beside what the vendor has: the policy as it was obeyed, times, address.

Pure, and what a preview and a run have in common.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import SecretStr

from ..policy import decide as policy
from .contract import Inputs, StateT, TwoSecretsState, named_since
from .plan import next_rotation


def recorded(i: Inputs, s: StateT, now: datetime, address: str | None, key: SecretStr) -> StateT:
    """Return the state as it is written where nothing was minted."""
    kept = s.model_copy(update={"rotation": policy.applied_without_rotation(i.rotation, s, key)})
    return stamped(i, without_ended(kept, now), address)


def stamped(i: Inputs, s: StateT, address: str | None) -> StateT:
    """Return it with where it was made, what the program calls it, and when it is due."""
    update = {
        "address": address,
        "endpoint": i.endpoint,
        "next_rotation_at": next_rotation(i, s),
        "named": named_since(i, s),
    }
    return s.model_copy(update=update)


def without_ended(s: StateT, now: datetime) -> StateT:
    """Return it without a previous secret that the vendor has ended by itself."""
    if not isinstance(s, TwoSecretsState) or s.previous_expires_at is None or now < s.previous_expires_at:
        return s
    return s.model_copy(update={"previous_secret": None, "previous_expires_at": None})


def handed_over(i: Inputs, s: StateT, now: datetime, *, away: bool) -> StateT:
    """Return it with what consumers of a pair are told: of a run that fails they hear nothing."""
    if s.step is not None:
        return s
    return s.model_copy(update={"handover": policy.handover(i.rotation, s, now, away=away)})
