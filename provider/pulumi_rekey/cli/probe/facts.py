"""Facts about a vendor's system that its pages leave open, and what each possible answer means for Rekey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: The key of the answer to all values that have none of their own.
OTHER: Final = "*"


@dataclass(frozen=True)
class Answer:
    """What one value of a fact means."""

    #: What was seen, as a sentence; ``{}`` stands for the value.
    seen: str
    #: What that means for a policy or a setting.
    means: str
    #: The promise of Rekey that is weaker at such a system, and how.
    weaker: str | None = None


@dataclass(frozen=True)
class Fact:
    """A question that a live system answers."""

    #: Its name in outputs and on the resources' pages, such as ``vcd.regenerate``.
    name: str
    question: str
    #: What the vendor's pages say about it.
    pages: str
    answers: Mapping[str, Answer]

    def answer(self, value: str) -> Answer:
        """Return what a value means."""
        return self.answers.get(value) or self.answers.get(OTHER) or _UNEXPECTED


_UNEXPECTED: Final = Answer("The system answers {}, which is none of the known answers.", "Report it.")


@dataclass(frozen=True)
class Finding:
    """What was found out about a fact: its value, or why there is none."""

    fact: Fact
    value: str | None = None
    #: More than the value says, such as how long something took.
    detail: str | None = None
    #: Why it was not seen.
    why: str | None = None

    @property
    def answer(self) -> Answer | None:
        """What the value means."""
        return None if self.value is None else self.fact.answer(self.value)

    @property
    def seen(self) -> str | None:
        """What was seen, as one or two sentences."""
        if self.answer is None:
            return None
        sentence = self.answer.seen.format(self.value)
        return f"{sentence} {self.detail}" if self.detail else sentence


@dataclass
class Findings:
    """What a probe has found out so far."""

    _found: dict[str, Finding] = field(default_factory=dict)

    def see(self, fact: Fact, value: str, detail: str | None = None) -> None:
        """Note the value of a fact."""
        self._found[fact.name] = Finding(fact, value, detail)

    def miss(self, fact: Fact, why: str) -> None:
        """Note why a fact was not seen, unless it was, or another reason is known."""
        self._found.setdefault(fact.name, Finding(fact, why=why))

    def of(self, fact: Fact) -> Finding:
        """Return the finding about a fact."""
        return self._found.get(fact.name) or Finding(fact, why="the calls did not come so far")
