"""What a probe has found out: as a table in a terminal, as plain lines, as JSON, and as Markdown for an issue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field, field_serializer

from ...model import Model, Moment, rfc3339
from ...policy.durations import in_words
from ..report_markdown import literal
from .facts import Finding

if TYPE_CHECKING:
    from rich.console import RenderableType

_UNSEEN: Final = "not seen"


@dataclass(frozen=True)
class Result:
    """The findings of one probe. It names no endpoint, no id and nothing else of the user's."""

    vendor: str
    at: datetime
    waited: timedelta
    findings: Sequence[Finding]

    def summary(self) -> str:
        """Return in one line how much was seen, and how much of that weakens a promise."""
        seen = [finding.answer for finding in self.findings if finding.answer is not None]
        weaker = sum(answer.weaker is not None for answer in seen)
        doing = f"{weaker} of them weaken" if weaker > 1 else f"{weaker or 'none'} of them weakens"
        return f"{len(seen)} of {len(self.findings)} facts seen; {doing} a promise of Rekey"

    def as_json(self) -> str:
        """Return one JSON document, indented."""
        return _document(self).model_dump_json(indent=2)


class FactDocument(Model):
    """One fact about a vendor's system that its pages leave open."""

    name: str = Field(description="The fact, as the documentation names it.")
    question: str = Field(description="What was to be found out.")
    pages: str = Field(description="What the vendor's pages say about it.")
    value: str | None = Field(description="What the system does, in a word; null where that was not seen.")
    seen: str | None = Field(description="What the system does, in words; null where that was not seen.")
    means: str | None = Field(description="What that means for a policy or a setting.")
    weaker: str | None = Field(description="The promise of Rekey that is weaker at such a system; null for none.")
    why: str | None = Field(description="Why it was not seen; null where it was.")


class ProbeDocument(Model):
    """What `rekey probe` has found out about one system. It contains no secret, no id and no address."""

    format: Literal[1] = Field(
        default=1, description="Raised when a field changes its meaning or is removed; new fields may come at any time."
    )
    rekey: str = Field(description="The version of Rekey.")
    vendor: str = Field(description="The kind of endpoint, such as vcd.")
    at: Moment = Field(description="When it was probed (RFC 3339, UTC).")
    wait_seconds: int = Field(description="How long the probe was allowed to wait for each old secret's end.")
    facts: list[FactDocument] = Field(description="The facts, in the order in which they were found.")

    @field_serializer("at")
    def _to_the_second(self, at: datetime) -> str:
        return rfc3339(at)


def _document(result: Result) -> ProbeDocument:
    return ProbeDocument.model_validate(
        {
            "rekey": version("pulumi-rekey"),
            "vendor": result.vendor,
            "at": result.at,
            "wait_seconds": int(result.waited.total_seconds()),
            "facts": [_fact(finding) for finding in result.findings],
        }
    )


def _fact(finding: Finding) -> FactDocument:
    fact, answer = finding.fact, finding.answer
    return FactDocument(
        name=fact.name,
        question=fact.question,
        pages=fact.pages,
        value=finding.value,
        seen=finding.seen,
        means=None if answer is None else answer.means,
        weaker=None if answer is None else answer.weaker,
        why=finding.why,
    )


def markdown(result: Result) -> str:
    """Return the findings as Markdown, to be pasted into an issue."""
    return "\n".join(_markdown_lines(result)) + "\n"


def _markdown_lines(result: Result) -> Iterator[str]:
    yield f"## Probe of {result.vendor}"
    yield ""
    waited = in_words(result.waited) if result.waited else "nothing"
    yield f"Rekey {version('pulumi-rekey')}, {rfc3339(result.at)}; waited for {waited}. {result.summary()}."
    yield ""
    yield "| fact | the pages say | value | seen | what it means here |"
    yield "|---|---|---|---|---|"
    for finding in result.findings:
        answer = finding.answer
        seen = _text(finding.seen or f"{_UNSEEN}: {finding.why}")
        means = "" if answer is None else _text(answer.means)
        if answer is not None and answer.weaker is not None:
            means += f" **Weaker:** {_text(answer.weaker)}"
        value = literal(finding.value) if finding.value is not None else ""
        yield f"| `{finding.fact.name}` | {_text(finding.fact.pages)} | {value} | {seen} | {means} |"


def _text(words: str) -> str:
    """Return our own words so that they stay in their cell."""
    return words.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")


def plain(finding: Finding) -> Iterator[str]:
    """Yield a finding as lines without colour."""
    yield f"{finding.fact.name}: {finding.value if finding.value is not None else _UNSEEN}"
    if finding.answer is None:
        yield f"  why: {finding.why}"
        return
    yield f"  pages: {finding.fact.pages}"
    yield f"  seen: {finding.seen}"
    yield f"  means: {finding.answer.means}"
    if finding.answer.weaker is not None:
        yield f"  weaker: {finding.answer.weaker}"


def for_terminal(result: Result) -> Iterator[RenderableType]:
    """Yield a table of all facts, then the summary; it fits 80 columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_lines=True)
    for column in ("fact", "pages", "seen and what it means here"):
        table.add_column(column, overflow="fold", ratio={"fact": 2, "pages": 3}.get(column, 6))
    for finding in result.findings:
        answer = finding.answer
        if answer is None:
            style, told = "dim", Text(f"{_UNSEEN}: {finding.why}", "dim")
        else:
            style = "bold red" if answer.weaker else "green"
            told = Text.assemble(f"{finding.seen}\n", (answer.means, "dim"))
            if answer.weaker is not None:
                told.append(f"\nWeaker: {answer.weaker}", "red")
        name = Text.assemble(finding.fact.name, (f"\n{finding.value or ''}", style))
        table.add_row(name, Text(finding.fact.pages, "dim"), told)
    yield table
    yield Text(result.summary())
