"""When a credential rotates: policy, state and the present moment in, a reason in words (or nothing) out.

Pure: no clock and no I/O, so that it can be tested by the thousand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from .model import Model, Moment


def _as_text(value: Any) -> Any:
    # Pulumi hands every number over as a float; 3 and 3.0 must be one trigger value.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else str(value)
    return value


TriggerValue = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]


class Seen(Model):
    """What the credential's last rotation (or an edit since that must not rotate) knew of the policy.

    Kept in the outputs at the same paths as the inputs, so that a value that the user marks secret stays secret.
    """

    triggers: dict[str, TriggerValue] = Field(default_factory=dict)
    rotate_now: str | None = None


class Policy(Model):
    """The policy by which a credential rotates."""

    triggers: dict[str, TriggerValue] = Field(
        default_factory=dict,
        description="Named values; the credential rotates when one of them changes. Adding or removing a name"
        " does not rotate.",
        examples=[{"release": "2026-11"}],
    )
    rotate_now: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Trigger and audit reason at once: a new text rotates now. Setting it on a resource that is"
        " being created does not rotate.",
        examples=["INC-4711 leaked in a log"],
    )
    on_adopt: Literal["keep", "rotate"] | None = Field(
        default=None,
        description="What to do with the secret of an object that exists: keep it, or mint a new one.",
    )

    @property
    def mints(self) -> bool:
        """Whether the policy could ever ask for a new secret."""
        return bool(self.triggers) or self.rotate_now is not None or self.on_adopt == "rotate"


class Life(Model):
    """Where a credential stands in its life; part of every resource's state."""

    generation: int = Field(default=0, description="How many secrets this resource has had; the first is 1.")
    rotated_at: Moment | None = Field(
        default=None, description="When the present secret was minted, or the object adopted (RFC 3339, UTC)."
    )
    rotation_reason: str | None = Field(default=None, description="Why the present secret was minted.")
    next_rotation_at: Moment | None = Field(
        default=None,
        description="When the policy asks for the next rotation (RFC 3339, UTC); unset if never.",
    )
    expires_at: Moment | None = Field(
        default=None, description="When the present secret stops working (RFC 3339, UTC); unset if never."
    )
    previous_expires_at: Moment | None = Field(
        default=None, description="Until when the previous secret works (RFC 3339, UTC)."
    )
    rotation: Seen = Field(default_factory=Seen, description="What the last rotation knew of the policy.")


def reason(policy: Policy, life: Life, now: datetime) -> str | None:  # noqa: ARG001 - rules by time come next
    """Return why the credential rotates now, or nothing. Trigger values never appear in it."""
    seen = life.rotation
    if policy.rotate_now is not None and policy.rotate_now != seen.rotate_now:
        return f"rotate_now: {policy.rotate_now}"
    changed = sorted(name for name, value in policy.triggers.items() if seen.triggers.get(name, value) != value)
    if changed:
        return f"trigger changed: {', '.join(changed)}"
    return None


def seen_after_rotation(policy: Policy) -> Seen:
    """Return what a rotation (or a creation) under this policy has seen."""
    return Seen(triggers=policy.triggers, rotate_now=policy.rotate_now)


def seen_without_rotation(policy: Policy, life: Life) -> Seen:
    """Return what an edit of the policy that did not rotate has seen: new names join, changes stay open."""
    triggers = {name: life.rotation.triggers.get(name, value) for name, value in policy.triggers.items()}
    return Seen(triggers=triggers, rotate_now=life.rotation.rotate_now)
