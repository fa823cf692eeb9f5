"""A policy in words, for people; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from .durations import in_words
from .model import Policy


def policy_in_words(policy: Policy) -> list[str]:
    """Return what a policy says, a phrase each; a policy that says nothing rotates only when asked."""
    return [*_rules(policy), *_limits(policy)]


def _rules(policy: Policy) -> Iterator[str]:
    if policy.turn is not None:
        yield f"takes turns with {policy.turn.opposite}, every {in_words(policy.turn.every)}"
    if policy.max_age is not None:
        yield f"rotates when {in_words(policy.max_age)} old"
    if policy.renew_before is not None:
        yield f"rotates {in_words(policy.renew_before)} before it expires"
    if policy.triggers:
        yield f"rotates when a trigger changes: {', '.join(sorted(policy.triggers))}"
    if not (policy.turn or policy.max_age or policy.renew_before or policy.triggers):
        yield "rotates only when asked, or two thirds into its life if it expires"


def _limits(policy: Policy) -> Iterator[str]:
    for window in policy.windows:
        yield f"in the window {window.cron} ({window.timezone}) for {in_words(window.duration)}"
    if policy.jitter:
        yield f"up to {in_words(policy.jitter)} earlier"
    if policy.grace is not None:
        grace = in_words(policy.grace)
        yield f"the old secret works for another {grace}" if policy.grace > timedelta() else "without a grace"
    if policy.freeze:
        yield f"not on {len(policy.freeze)} frozen date{'' if len(policy.freeze) == 1 else 's'} or spans"
    if policy.paused:
        yield "paused: nothing rotates it"
    if not policy.verify:
        yield "new secrets are not tried"
