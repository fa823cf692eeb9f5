"""A report on the credentials of some stacks at one moment; its JSON is an interface for other programs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import Field, field_serializer

from ..model import Model, Moment, rfc3339
from ..policy.durations import in_words
from . import facts
from .choices import Health, Order
from .health import OVERDUE_AFTER, Verdict, due_at, judge
from .stack_state import Credential, Stack

#: Raised when a field changes its meaning or is removed; new fields may come at any time.
FORMAT = 1
#: What an error says of one request only: an object's path, and the vendor's id of the request.
_PARTICULARS: Final = re.compile(
    r"(?P<method>\b(?:GET|POST|PUT|PATCH|DELETE)) /\S*?(?=[:;,]?(?: |$))| \(request [^)]*\)"
)


@dataclass(frozen=True)
class Row:
    """One credential and its health."""

    credential: Credential
    verdict: Verdict

    @property
    def due(self) -> datetime | None:
        """When it is due by the stored policy; where that cannot be read, as the last run noted it."""
        state, policy = self.credential.state, self.credential.policy
        if policy is None:
            return state.next_rotation_at
        try:
            return due_at(policy, state)
        except OverflowError:
            return None

    def age(self, now: datetime) -> str | None:
        """Return the age of the present secret, in words."""
        minted = self.credential.state.rotated_at
        return None if minted is None else in_words(max(now - minted, timedelta()))

    def previous_until(self, now: datetime) -> datetime | None:
        """Return until when the previous secret still works; none if it does not."""
        until = self.credential.state.previous_expires_at
        return until if until is not None and until > now else None

    @property
    def remark(self) -> str | None:
        """Why its health is what it is, where that needs saying below a table."""
        return None if self.verdict.health is Health.NEVER else self.verdict.why


_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_KEYS: Final[dict[Order, Callable[[Row], Any]]] = {
    Order.HEALTH: lambda row: list(Health).index(row.verdict.health),
    Order.NAME: lambda row: row.credential.name,
    Order.DUE: lambda row: row.due or _LATEST,
    Order.EXPIRES: lambda row: row.credential.state.expires_at or _LATEST,
    # The oldest first.
    Order.AGE: lambda row: row.credential.state.rotated_at or _LATEST,
}


@dataclass(frozen=True)
class Section:
    """The credentials of one stack, worst first."""

    stack: Stack
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Project and stack."""
        return f"{self.stack.project}/{self.stack.name}" if self.stack.project else self.stack.name


@dataclass(frozen=True)
class Report:
    """The health of the credentials of some stacks at one moment."""

    at: datetime
    sections: tuple[Section, ...]

    @property
    def rows(self) -> Iterator[tuple[Section, Row]]:
        """All credentials."""
        return ((section, row) for section in self.sections for row in section.rows)

    def counts(self) -> list[tuple[Health, int]]:
        """Return the number of credentials per health, worst first, without zeros."""
        counter = Counter(row.verdict.health for _, row in self.rows)
        return [(health, counter[health]) for health in Health if counter[health]]

    def size(self) -> str:
        """Return in words how many credentials there are, in how many stacks."""
        number, stacks = sum(1 for _ in self.rows), len(self.sections)
        return f"{number} credential{'' if number == 1 else 's'} in {stacks} stack{'' if stacks == 1 else 's'}"

    def summary(self) -> str:
        """Return in one line how many credentials there are, in total and per health."""
        counts = ", ".join(f"{count} {health}" for health, count in self.counts())
        return f"{self.size()}: {counts}" if counts else self.size()

    def only(self, *healths: Health) -> Report:
        """Return the report, limited to credentials of the given healths."""
        return self.where(lambda row: row.verdict.health in healths)

    def where(self, wanted: Callable[[Row], bool]) -> Report:
        """Return the report, limited to some credentials."""
        return self._with_rows(lambda rows: filter(wanted, rows))

    def sorted(self, order: Order) -> Report:
        """Return the report in another order, which ends with those of which nothing is known."""
        return self._with_rows(lambda rows: sorted(rows, key=_KEYS[order]))

    def _with_rows(self, change: Callable[[tuple[Row, ...]], Iterable[Row]]) -> Report:
        return Report(self.at, tuple(Section(found.stack, tuple(change(found.rows))) for found in self.sections))

    def as_json(self) -> str:
        """Return the report as JSON, one document, indented."""
        return _document(self).model_dump_json(indent=2)


@dataclass(frozen=True)
class Remark:
    """A reason, and the credentials that have it; an outage gives the same one to many."""

    health: Health
    #: Where the credentials' own texts differ in an object's path or a request's id, it is without these.
    why: str
    rows: tuple[tuple[Section, Row], ...]


def remarks(rows: Iterable[tuple[Section, Row]]) -> list[Remark]:
    """Return the reasons of some credentials, worst first, each once."""
    found: dict[tuple[Health, str], list[tuple[Section, Row]]] = {}
    for section, row in rows:
        if row.remark is not None:
            found.setdefault((row.verdict.health, _in_general(row.remark)), []).append((section, row))
    order = list(Health)
    grouped = (
        Remark(health, texts.pop() if len(texts) == 1 else general, tuple(having))
        for (health, general), having in found.items()
        for texts in [{row.remark or general for _, row in having}]
    )
    # Sorting keeps the order of equals.
    return sorted(grouped, key=lambda remark: order.index(remark.health))


def _in_general(why: str) -> str:
    """Return a reason without its particulars."""
    return _PARTICULARS.sub(lambda found: f"{found['method']} …" if found["method"] else "", why)


def particulars(why: str) -> str:
    """Return what a reason says of one request only: ``PUT /apps/17 (request 8c1f)``."""
    return " ".join(found.group().strip() for found in _PARTICULARS.finditer(why))


def spans(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a text without the backticks around code, and whether each is code."""
    for number, part in enumerate(re.split("`([^`]+)`", text)):
        if part:
            yield part, number % 2 == 1


def from_now(moment: datetime, now: datetime) -> str:
    """Return how far away a moment is, in words: ``in 27 d``, ``3 h ago``."""
    return f"in {in_words(moment - now)}" if moment > now else f"{in_words(now - moment)} ago"


def report(stacks: Sequence[Stack], at: datetime, overdue_after: timedelta = OVERDUE_AFTER) -> Report:
    """Judge the credentials of some stacks at one moment."""

    def worst_first(row: Row) -> tuple[int, datetime, str]:
        return _KEYS[Order.HEALTH](row), row.due or _LATEST, row.credential.urn

    sections = (
        Section(
            stack,
            tuple(
                sorted((Row(found, judge(found, at, overdue_after)) for found in stack.credentials), key=worst_first)
            ),
        )
        for stack in stacks
    )
    return Report(at, tuple(sections))


class RotationDocument(Model):
    """One rotation that was."""

    generation: int = Field(description="Number of the secret that it made; the first is 1.")
    at: Moment = Field(description="When it was minted, or the object adopted (RFC 3339, UTC).")
    reason: str = Field(description="Why.")

    @field_serializer("at", when_used="json")
    def _at(self, moment: datetime) -> str:
        return rfc3339(moment)


class CredentialDocument(Model):
    """One credential. It contains no secret, encrypted or not."""

    urn: str = Field(description="The URN of the resource.")
    name: str = Field(description="The name of the resource in the program or manifest.")
    type: str = Field(description="The kind of resource, such as AppSecret.")
    endpoint: str | None = Field(description="The configured endpoint; null where no vendor takes part.")
    address: str | None = Field(description="The address of the endpoint at which it was created.")
    health: Health = Field(description="Health status.")
    why: str | None = Field(
        description="The reason for the health status, in words; null where there is nothing to say."
    )
    generation: int = Field(description="Number of secrets so far; the first is 1.")
    rotated_at: Moment | None = Field(
        description="When the present secret was minted, or the object adopted (RFC 3339, UTC)."
    )
    age_seconds: int | None = Field(description="Age of the present secret in seconds, counted from rotated_at.")
    rotation_reason: str | None = Field(description="Why the present secret was minted.")
    next_rotation_at: Moment | None = Field(
        description="When the next rotation is due by age or expiry; null if never."
    )
    expires_at: Moment | None = Field(description="When the present secret stops working; null if never.")
    previous_expires_at: Moment | None = Field(
        description="Until when the previous secret works; null if there is none."
    )
    step: str | None = Field(description="The remaining step of an interrupted change; null if there is none.")
    policy: tuple[str, ...] = Field(description="The policy in words, or why it cannot be read.")
    consumers: tuple[str, ...] = Field(description="What whoever reads the outputs has, in words.")
    removal: str | None = Field(
        description="What a removal does at the vendor, in words; null where the state cannot be read."
    )
    rotations: tuple[RotationDocument, ...] = Field(description="The last ten rotations, newest first.")

    @field_serializer(
        "rotated_at", "next_rotation_at", "expires_at", "previous_expires_at", when_used="json-unless-none"
    )
    def _moment(self, moment: datetime) -> str:
        return rfc3339(moment)


class StackDocument(Model):
    """The credentials of one stack."""

    name: str = Field(description="The name of the stack.")
    project: str | None = Field(description="The project; null where the stack is empty.")
    credentials: tuple[CredentialDocument, ...] = Field(description="The credentials, worst first.")


class ReportDocument(Model):
    """The report as JSON."""

    format: int = Field(
        description="The version of this format; raised when a field changes its meaning or is removed."
    )
    at: Moment = Field(description="The moment that the report describes (RFC 3339, UTC).")
    summary: dict[Health, int] = Field(description="Number of credentials per health status.")
    stacks: tuple[StackDocument, ...] = Field(description="The stacks, in the order given.")

    @field_serializer("at", when_used="json")
    def _at(self, moment: datetime) -> str:
        return rfc3339(moment)


def _document(whole: Report) -> ReportDocument:
    return ReportDocument(
        format=FORMAT,
        at=whole.at,
        summary=dict(whole.counts()),
        stacks=tuple(
            StackDocument(
                name=section.stack.name,
                project=section.stack.project,
                credentials=tuple(_credential_document(row, whole.at) for row in section.rows),
            )
            for section in whole.sections
        ),
    )


def _credential_document(row: Row, at: datetime) -> CredentialDocument:
    found, s = row.credential, row.credential.state
    return CredentialDocument(
        urn=found.urn,
        name=found.name,
        type=found.kind,
        endpoint=found.endpoint,
        address=s.address,
        health=row.verdict.health,
        why=row.verdict.why,
        generation=s.generation,
        rotated_at=s.rotated_at,
        age_seconds=None if s.rotated_at is None else int((at - s.rotated_at).total_seconds()),
        rotation_reason=s.rotation_reason,
        next_rotation_at=row.due,
        expires_at=s.expires_at,
        previous_expires_at=s.previous_expires_at,
        step=s.step,
        policy=tuple(facts.policy_of(found)),
        consumers=tuple(facts.consumers_of(found, at)),
        removal=facts.removal_of(found),
        rotations=tuple(
            RotationDocument(generation=one.generation, at=one.at, reason=one.reason) for one in facts.rotations(found)
        ),
    )
