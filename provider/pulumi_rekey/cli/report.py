"""What is known of the credentials of some stacks at one moment; its JSON is an interface for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field, field_serializer

from ..model import Model, Moment, rfc3339
from .health import OVERDUE_AFTER, Health, Verdict, due_at, judge
from .stack_state import Credential, Stack

#: Raised when a field changes its meaning or goes; new fields may come at any time.
FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One credential and how it is."""

    credential: Credential
    verdict: Verdict

    @property
    def due(self) -> datetime | None:
        """When it is due by the policy as it is in the state, or as it was noted where that cannot be read."""
        state, policy = self.credential.state, self.credential.policy
        if policy is None or self.verdict.health is Health.UNKNOWN:
            return state.next_rotation_at
        try:
            return due_at(policy, state)
        except OverflowError:
            return None


@dataclass(frozen=True)
class Section:
    """The credentials of one stack, the worst first."""

    stack: Stack
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Project and stack."""
        return f"{self.stack.project}/{self.stack.name}" if self.stack.project else self.stack.name


@dataclass(frozen=True)
class Report:
    """How the credentials of some stacks are at one moment."""

    at: datetime
    sections: tuple[Section, ...]

    @property
    def rows(self) -> Iterator[tuple[Section, Row]]:
        """All credentials."""
        return ((section, row) for section in self.sections for row in section.rows)

    def counts(self) -> list[tuple[Health, int]]:
        """Return how many credentials are how, the worst first; what there is none of is left out."""
        counter = Counter(row.verdict.health for _, row in self.rows)
        return [(health, counter[health]) for health in Health if counter[health]]

    def only(self, *healths: Health) -> Report:
        """Return the part of the report that is about credentials of some healths."""
        sections = (
            Section(section.stack, tuple(row for row in section.rows if row.verdict.health in healths))
            for section in self.sections
        )
        return Report(self.at, tuple(sections))

    def as_json(self) -> str:
        """Return the report as JSON, one document, indented."""
        return _document(self).model_dump_json(indent=2)


def report(stacks: Sequence[Stack], at: datetime, overdue_after: timedelta = OVERDUE_AFTER) -> Report:
    """Judge the credentials of some stacks at one moment."""
    order = list(Health)
    latest = datetime.max.replace(tzinfo=at.tzinfo)

    def worst_first(row: Row) -> tuple[int, datetime, str]:
        return order.index(row.verdict.health), row.due or latest, row.credential.urn

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


class CredentialDocument(Model):
    """One credential. No secret is in it, encrypted or not."""

    urn: str = Field(description="Pulumi's name of the resource.")
    name: str = Field(description="The resource's name in the program or manifest.")
    type: str = Field(description="The kind of resource, such as AppSecret.")
    endpoint: str | None = Field(description="The configured endpoint; null where no vendor takes part.")
    address: str | None = Field(description="The address that it was made at.")
    health: Health = Field(description="How it is.")
    why: str | None = Field(description="Why it is so, in words.")
    generation: int = Field(description="How many secrets it has had.")
    rotated_at: Moment | None = Field(description="When the present secret was minted, or the object adopted.")
    age_seconds: int | None = Field(description="How long ago that was.")
    rotation_reason: str | None = Field(description="Why the present secret was minted.")
    next_rotation_at: Moment | None = Field(description="When the next rotation is due by age or expiry.")
    expires_at: Moment | None = Field(description="When the present secret stops working.")
    previous_expires_at: Moment | None = Field(description="Until when the previous secret works.")
    step: str | None = Field(description="What is still to be done of an interrupted change.")

    @field_serializer(
        "rotated_at", "next_rotation_at", "expires_at", "previous_expires_at", when_used="json-unless-none"
    )
    def _moment(self, moment: datetime) -> str:
        return rfc3339(moment)


class StackDocument(Model):
    """The credentials of one stack."""

    name: str = Field(description="The stack.")
    project: str | None = Field(description="Its project; null where the stack is empty.")
    credentials: tuple[CredentialDocument, ...] = Field(description="Its credentials, the worst first.")


class ReportDocument(Model):
    """The report as JSON."""

    format: int = Field(description="Raised when a field changes its meaning or goes.")
    at: Moment = Field(description="The moment that the report is about.")
    summary: dict[Health, int] = Field(description="How many credentials are how.")
    stacks: tuple[StackDocument, ...] = Field(description="The stacks, as they were asked for.")

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
    )
