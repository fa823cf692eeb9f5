"""The order of a probe: its plan, its stages, and the removal of what it has made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, Final, Protocol, TypeVar

from ...errors import Abandoned, Error, Stopped
from ...policy.durations import in_words
from .facts import OTHER, Answer, Fact, Finding
from .lab import Disturbed, Lab, as_option

LabT = TypeVar("LabT", bound=Lab[Any])


@dataclass(frozen=True)
class Stage:
    """Some calls that belong together, and the facts that they show."""

    #: What it does, for the plan: a sentence whose subject is the probe.
    plan: str
    facts: tuple[Fact, ...]
    run: Callable[[Any], None]
    #: The options of the command line without which it is left out.
    needs: tuple[str, ...] = ()

    def lacks(self, lab: Lab[Any]) -> str:
        """Return the options that it needs and the user has not given; empty if none."""
        return " and ".join(as_option(name) for name in self.needs if not getattr(lab.options, name))


class Vendor(Protocol):
    """A vendor's module. The first stage logs in and shows that the account may do what is needed: it must succeed."""

    STAGES: tuple[Stage, ...]

    @staticmethod
    def clean(lab: Any, *, every_run: bool) -> list[str]:
        """Remove what this run has made, or `every_run`; return what was done, a line each, without ids."""


#: Facts of every vendor, by the end of their names.
_COMMON: Final = {
    "clock": (
        "Does the system's clock agree with this machine's?",
        "Nothing. Whoever decides when a secret ends decides by the vendor's clock.",
        {
            "agrees": Answer("The clocks agree to a minute.", "Nothing has to be set."),
            OTHER: Answer(
                "The system's clock is off by {}.",
                "Graces and tokens are reckoned by the vendor's clock; signatures (ROMA) fail from 15 minutes on. Have"
                " this machine's clock set by NTP.",
            ),
        },
    ),
    "token_lifetime": (
        "How long does a login's token live?",
        "Mostly nothing beyond an example.",
        {
            "unknown": Answer("The login does not say.", "Rekey logs in again once a token is refused."),
            "none": Answer("There is no token: each request is signed.", "Nothing has to be set."),
            "a week or more": Answer("A week or more.", "No run takes as long."),
            OTHER: Answer("About {}.", "Rekey logs in again a minute before."),
        },
    ),
    "rights": (
        "Has the account every right that Rekey needs?",
        "Rights are named for some operations only.",
        {
            "enough": Answer("No call was refused for want of a right.", "The account can be used as it is."),
            "partly": Answer(
                "No call that was made was refused; not all of Rekey's calls were made.",
                "A right may be missing for the others.",
            ),
            "missing": Answer(
                "Some calls were refused.",
                "Grant the right, or Rekey stops with a 403 at these calls.",
                "Rekey cannot keep its promises about what it may not call.",
            ),
        },
    ),
}


def common(kind: str, name: str) -> Fact:
    """Return a fact that every vendor has, for one of them."""
    question, pages, answers = _COMMON[name]
    return Fact(f"{kind}.{name}", question, pages, answers)


def vendor(kind: str) -> Vendor:
    """Return the module of a kind of endpoint."""
    module: Any = import_module(f".{kind}", __package__)
    return module  # type: ignore[no-any-return]  # a module cannot be checked against a protocol at run time


def options(kind: str) -> frozenset[str]:
    """Return the names of the options that only this kind of endpoint, or a few kinds, have a use for."""
    return frozenset(name for stage in vendor(kind).STAGES for name in stage.needs)


def facts(kind: str) -> tuple[Fact, ...]:
    """Return all facts of a kind of endpoint, in the order in which they are found."""
    return tuple(fact for stage in vendor(kind).STAGES for fact in stage.facts)


def plan(lab: Lab[Any], kind: str) -> Iterator[str]:
    """Yield what a probe will do, and what it leaves out, a line each."""
    for stage in vendor(kind).STAGES:
        if lacking := stage.lacks(lab):
            yield f"Leaves out {', '.join(fact.name for fact in stage.facts)}: that takes {lacking}."
        else:
            yield stage.plan
    waits = lab.options.wait
    yield f"Waits up to {in_words(waits)} for old secrets to end." if waits else "Waits for no old secret to end."


def probe(lab: Lab[Any], kind: str) -> Iterator[Finding]:
    """Run the stages and yield what each has found; then remove what was made, whatever has happened.

    :raises Error: if nothing can be found out, such as without a login; or if what was made could not be removed.
    """
    stages = vendor(kind).STAGES
    omitted: list[str] = []
    lab.progress("logging in")
    for number, stage in enumerate(stages):
        if lacking := stage.lacks(lab):
            omitted.append(f"what takes {lacking}")
            for fact in stage.facts:
                lab.miss(fact, f"not asked for: it takes {lacking}")
        else:
            try:
                if not _run(stage, lab, kind, must_succeed=number == 0):
                    omitted.append(f"what comes after a failure ({stage.facts[0].name})")
            finally:
                if number:
                    _remove(lab, kind)
        yield from map(lab.findings.of, _own(stage, kind))
    rights = next(fact for fact in facts(kind) if fact.name == f"{kind}.rights")
    _note_rights(lab, rights, omitted)
    yield lab.findings.of(rights)


def _own(stage: Stage, kind: str) -> list[Fact]:
    """Return the facts that a stage shows by itself: which rights there are is known after the last one."""
    return [fact for fact in stage.facts if fact.name != f"{kind}.rights"]


def _note_rights(lab: Lab[Any], rights: Fact, omitted: list[str]) -> None:
    """Say what no call has been refused for only of what was asked."""
    not_looked_at = f"Not looked at: {'; '.join(dict.fromkeys(omitted))}." if omitted else None
    if lab.forbidden:
        lab.see(rights, "missing", f"Refused: {'; '.join(dict.fromkeys(lab.forbidden))}.")
    elif not lab.asked:
        lab.miss(rights, f"no call was made that takes a right. {not_looked_at}")
    else:
        lab.see(rights, "partly" if omitted else "enough", not_looked_at)


def _run(stage: Stage, lab: Lab[Any], kind: str, *, must_succeed: bool) -> bool:
    """Run a stage; tell whether all its calls were made."""
    succeeded = False
    try:
        stage.run(lab)
    except (Abandoned, Disturbed):
        raise
    except Error as failed:
        if must_succeed:
            raise
        for fact in stage.facts:
            lab.miss(fact, lab.said(failed))
    else:
        succeeded = True
        for fact in _own(stage, kind):
            lab.miss(fact, "it cannot be told from what the system answers")
    _note_clock(lab, kind, stage)
    return succeeded


def _note_clock(lab: Lab[Any], kind: str, stage: Stage) -> None:
    fact = next((fact for fact in stage.facts if fact.name == f"{kind}.clock"), None)
    if fact is not None:
        off: timedelta = abs(lab.session.clock_offset)
        lab.see(fact, in_words(off) if off else "agrees")


def _remove(lab: Lab[Any], kind: str) -> None:
    try:
        try:
            vendor(kind).clean(lab, every_run=False)
        except KeyboardInterrupt:
            # The first one ends the probe, and the second one its cleaning up.
            vendor(kind).clean(lab, every_run=False)
            raise
    except Abandoned:
        raise
    except Error as failed:
        raise Stopped(
            f"{lab.said(failed)}: what the probe has made could not all be removed",
            todo=f"run `rekey probe {lab.session.name} --clean`",
        ) from None


def clean(lab: Lab[Any], kind: str) -> list[str]:
    """Remove what interrupted probes have left; return what was done, a line each."""
    return vendor(kind).clean(lab, every_run=True)
