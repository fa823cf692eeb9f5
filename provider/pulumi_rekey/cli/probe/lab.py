"""What a vendor's probe works with: the session, what the user has allowed, and a notebook that names no id."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from urllib.parse import quote

from ...endpoints.answer import Body, decode
from ...endpoints.session import MAX_RUN_S, TOKEN_MARGIN_S, Reply, Session, fill
from ...errors import BadAnswer, Error, Forbidden, Misconfigured, NotFound, Rejected, Stopped
from ...policy.durations import in_words
from .facts import Fact, Findings

if TYPE_CHECKING:
    import httpx

SessionT = TypeVar("SessionT", bound=Session[Any])

#: What every scratch object is called, before the mark of its run.
SCRATCH: Final = "rekey-probe-scratch"
_MARK: Final = re.compile(rf"{SCRATCH} [0-9a-f]{{8}}( changed| \(before: \S+?(; deletes)?\))?")
#: Seconds between two looks at a secret that is expected to end, and the part of the whole time that later ones are
#: apart.
_LOOK_S: Final = 5.0
_PRECISION: Final = 0.05
#: What is shorter could be a part of any word.
_SHORTEST_ID: Final = 3


@dataclass(frozen=True)
class Options:
    """What the user names and allows on the command line."""

    directory: str | None = None
    org: str | None = None
    instance: str | None = None
    app: str | None = None
    make_app: bool = False
    activate: bool = False
    wait: timedelta = timedelta()

    def given(self) -> list[str]:
        """Return the names of what the user has said."""
        return [option.name for option in fields(self) if getattr(self, option.name)]


class Disturbed(Stopped):
    """Somebody else is at work on what the probe looks at, so that nothing that it sees counts."""


def as_option(name: str) -> str:
    """Return an option as it is written on the command line."""
    return f"--{name.replace('_', '-')}"


def is_scratch(text: object) -> bool:
    """Tell whether an object with this name or description was made by a probe."""
    return isinstance(text, str) and _MARK.fullmatch(text) is not None


@dataclass
class Lab(Generic[SessionT]):
    """One run of a probe."""

    session: SessionT
    options: Options
    #: Told what is being asked.
    progress: Callable[[str], None] = lambda _text: None
    findings: Findings = field(default_factory=Findings)
    #: The mark of what this run makes.
    mark: str = field(default_factory=lambda: f"{SCRATCH} {secrets.token_hex(4)}")
    #: Calls that were refused for want of a right.
    forbidden: list[str] = field(default_factory=list)
    #: Whether a call was made that takes a right.
    asked: bool = False
    _ids: set[str] = field(default_factory=set)

    # -- calls ------------------------------------------------------------------------------------------------------

    def look(self, method: str, path: str, *ids: str, may_be_refused: bool = False, **how: Any) -> Reply:
        """Send a request; return its answer, whatever it is.

        ``may_be_refused`` says that a refusal is an answer here, and shows no missing right.
        """
        asked = f"{method} {fill(path, tuple('…' for _ in ids)).replace(quote('…', safe=''), '…')}"
        self.progress(asked)
        self._ids.update(ids)
        reply = self.session.look(method, path, *ids, repeatable=method in {"GET", "PUT"}, **how)
        self.asked = True
        if reply.answer.status_code == HTTPStatus.FORBIDDEN and not may_be_refused:
            self.forbidden.append(asked)
        return reply

    def call(self, method: str, path: str, *ids: str, empty: bool = False, **how: Any) -> Body:
        """Send a request that must succeed; return its answer, or what the task that it names ends with."""
        return self.session.settle(self.look(method, path, *ids, **how), empty=empty)

    @contextmanager
    def naming(self, *options: str) -> Iterator[None]:
        """Look at what the user has named, before anything is changed.

        :raises Misconfigured: if that is refused, which may be because it does not exist.
        """
        try:
            yield
        except (NotFound, Rejected, Forbidden) as refused:
            names = " and ".join(map(as_option, options))
            right = f", or {refused.advice}" if isinstance(refused, Forbidden) else ""
            raise Misconfigured(
                refused.happened, todo=f"nothing was changed; check that {names} names what is there{right}"
            ) from None

    def log_in(self) -> str:
        """Log in; return in words how long the token lives."""
        begun = self.session.runtime.monotonic()
        token = self.session.log_in()
        if not token.value:
            return "none"
        if token.ends is None:
            return "unknown"
        used = token.ends - begun
        # A token is used until a margin before its end, or for half of its life.
        lives = used + TOKEN_MARGIN_S if used >= TOKEN_MARGIN_S else 2 * used
        return "a week or more" if lives >= MAX_RUN_S else in_words(timedelta(seconds=round(lives, -1)))

    # -- notes ------------------------------------------------------------------------------------------------------

    def see(self, fact: Fact, value: str, detail: str | None = None) -> None:
        """Note the value of a fact."""
        self.findings.see(fact, value, detail)

    def miss(self, fact: Fact, why: str) -> None:
        """Note why a fact is not seen."""
        self.findings.miss(fact, why)

    def outlives(self, accepted: Callable[[], bool | None]) -> str:
        """Wait for an old secret to end, for no longer than the user has said; return in words what was seen."""
        clock, allowed = self.session.runtime.monotonic, self.options.wait.total_seconds()
        begun = clock()
        while (left := begun + allowed - clock()) > 0:
            self.progress(f"waiting for the old secret to end: {in_words(timedelta(seconds=left))} left")
            self.session.runtime.sleep(min(max(_LOOK_S, (allowed - left) * _PRECISION), left))
            if accepted() is False:
                return f"It ended within {in_words(timedelta(seconds=clock() - begun))}."
        if not allowed:
            return "Nobody waited for its end (--wait)."
        return f"It still worked after {in_words(self.options.wait)}."

    def without_ids(self, text: str) -> str:
        """Return a text without what is the user's: ids, names, the address."""
        settings = self.session.endpoint
        defaults = {name: described.default for name, described in type(settings).model_fields.items()}
        known: Iterable[object] = [
            *self._ids,
            *(value for name, value in settings if value != defaults.get(name)),
            *(getattr(self.options, option.name) for option in fields(self.options)),
            settings.url.partition("//")[2],
        ]
        words = {word for value in known if isinstance(value, str) for word in (value, quote(value, safe=":"))}
        for word in sorted(words, key=len, reverse=True):
            if len(word) >= _SHORTEST_ID:
                text = text.replace(word, "…")
        return text

    def said(self, failed: Error) -> str:
        """Return what went wrong, in words that may be shown to anybody."""
        return self.without_ids(failed.happened.removeprefix(f"{self.session.name}: "))


def body_of(answer: httpx.Response) -> Mapping[str, Any] | None:
    """Return the JSON object in an answer; nothing where there is none."""
    try:
        return decode("", answer.content)
    except BadAnswer:
        return None
