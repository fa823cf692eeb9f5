"""Facts of one credential in words: its policy, what consumers have, what a removal does, what was before. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ..model import rfc3339, secret_fields
from ..policy.words import policy_in_words
from ..reconciler.contract import Importable, has_candidate
from .stack_state import Credential, printable


@dataclass(frozen=True)
class Rotated:
    """One rotation that was."""

    generation: int
    at: datetime
    reason: str


def rotations(credential: Credential) -> list[Rotated]:
    """Return the last ten rotations, newest first; a text of another version that says none is left out."""
    found = [one for text in credential.state.history if (one := _rotated(text)) is not None]
    s = credential.state
    if s.rotated_at is not None:
        found.append(Rotated(s.generation, s.rotated_at, s.rotation_reason or ""))
    return found[::-1]


def _rotated(text: str) -> Rotated | None:
    generation, _, rest = text.partition(" ")
    at, _, reason = rest.partition(" ")
    try:
        return Rotated(int(generation), datetime.fromisoformat(at).astimezone(UTC), printable(reason))
    except ValueError:
        return None


def policy_of(credential: Credential) -> list[str]:
    """Return the policy in words; why it cannot be read, if so."""
    if credential.policy is None:
        return [credential.unreadable or "unknown"]
    return policy_in_words(credential.policy)


def removal_of(credential: Credential) -> str | None:
    """Return what the removal of the resource does at the vendor; nothing where its state cannot be read."""
    resource = credential.resource
    if isinstance(resource, Importable):
        return resource.removal(credential.state)
    return None if resource is None else "is forgotten: the state is all there is"


def consumers_of(credential: Credential, now: datetime) -> list[str]:
    """Return what whoever reads the outputs has, a phrase each."""
    return list(_consumers(credential, now))


def _consumers(credential: Credential, now: datetime) -> Iterator[str]:
    s, policy = credential.state, credential.policy
    secrets = secret_fields(type(s))
    if not s.generation:
        yield "the outputs have no secret yet"
    elif secrets and all(getattr(s, name) is None for name in secrets):
        yield "the outputs have no secret until a rotation: what was adopted cannot be read"
    else:
        yield f"the outputs have generation {s.generation}"
    if credential.follows:
        yield f"its secret comes from {', '.join(credential.follows)}"
    if has_candidate(s):
        yield "a next secret waits until the vendor accepts it"
    if s.previous_expires_at is not None and s.previous_expires_at > now:
        yield f"the secret before works until {rfc3339(s.previous_expires_at)}"
    else:
        yield "no previous secret is kept" if s.generation > 1 else "no previous secret is known"
    if policy is not None and policy.turn is not None:
        last = policy.turn.last_handover(s.handover)
        holds = policy.turn.side if last is None else last.to
        since = "" if last is None else f", since {rfc3339(last.at)}"
        yield f"of the pair they {'may ' if last is None else ''}hold {holds}{since}"
