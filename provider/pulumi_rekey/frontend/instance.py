"""What one process that answers an engine has: configuration, endpoints, a clock, and who manages which object."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final

from ..endpoints import Endpoints
from ..endpoints.config import Endpoint
from ..endpoints.no_vendor import NoVendor
from ..endpoints.session import Runtime, Session
from ..errors import Misconfigured
from ..policy.durations import parse
from . import orders
from .neighbours import Neighbours
from .values import Scope

#: The environment variable by which tests and rehearsals move the clock of rotation, such as ``31d``.
CLOCK_ADVANCE: Final = "REKEY_CLOCK_ADVANCE"


@dataclass(frozen=True)
class Claim:
    """That a resource of this run's program manages an object of a vendor."""

    urn: str
    #: The state by which that is known; none where only the inputs name the object.
    state: Any = None
    #: Whether this run has created it, so that whatever else has its object is what it replaces.
    created: bool = False


class Instance:
    """What all resources of one process share."""

    def __init__(
        self,
        *,
        wanted: Callable[[], bool] = lambda: True,
        warn: Callable[[str], None] = lambda _text: None,
        scope: Callable[[], Scope] = lambda: "unknown",
        engine: Callable[[], int | None] = lambda: None,
        replaced: Callable[[], Iterable[str]] = tuple,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._wanted = wanted
        self._warn = warn
        self._scope = scope
        self._engine = engine
        self._replaced = replaced
        self._environment: Mapping[str, str] = environment or {}
        self._lock = threading.Lock()
        self._endpoints: Endpoints | None = None
        self._configured: str | None = None
        self._ordered: str | None = None
        #: The stack's ``rekey:owner``.
        self.owner: str | None = None
        self._claims: dict[tuple[str, str], Claim] = {}
        #: Resources that the program has declared so far; a refresh asks about those that it had before, too.
        self._declared: set[str] = set()
        #: By resource that the state has, which object its stored inputs name.
        self._named_at_present: dict[str, str | None] = {}
        #: Objects that a create was refused to take: whoever has them keeps them in this run.
        self._protected: set[tuple[str, str]] = set()
        #: The resources of this run that failed: what depends on one is never registered, so it claims nothing.
        self.failed: set[str | None] = set()

    def configure(self, get: Callable[[str], str | None]) -> None:
        """Take the stack's configuration; every resource of the process is handed the same."""
        self._configured, self.owner = get("rekey:endpoints"), get("rekey:owner")
        self._ordered = get(orders.SETTING)

    def order(self, name: str) -> str | None:
        """Return the reason for which the configuration has a resource rotate now, if it does.

        :raises Misconfigured: if what is configured is no map of reasons.
        """
        return orders.read(self._ordered).get(name)

    # -- endpoints and clock ----------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> Endpoints:
        """The configured endpoints.

        :raises Misconfigured: if what is configured is no map.
        """
        with self._lock:
            if self._endpoints is None:
                self._endpoints = Endpoints(_map_of_endpoints(self._configured), self._runtime)
            return self._endpoints

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(wanted=self._wanted, warn=self._warn, now=self.now, environment=self._environment)

    def session(self, endpoint: str | None, vendor: str | None, name: str) -> Session[Any] | NoVendor:
        """Return the session of a resource's endpoint; ``name`` is what a resource without a vendor is called."""
        if vendor is not None:
            return self.endpoints.session(endpoint, vendor)
        return NoVendor(name, self._runtime)

    def settings(self, endpoint: str | None, vendor: str | None) -> Endpoint | None:
        """Return what an endpoint is set to; nothing where no vendor takes part, or the settings are wrong."""
        try:
            return None if vendor is None else self.endpoints.settings(endpoint, vendor)
        except Misconfigured:
            return None

    def address(self, endpoint: str | None, vendor: str | None) -> str:
        """Return where an endpoint is; two names may stand for one address."""
        return "" if vendor is None else self.endpoints.address(endpoint, vendor)

    def now(self) -> datetime:
        """Return the present moment, to the second; in a rehearsal, moved on by ``REKEY_CLOCK_ADVANCE``.

        The variable is honoured only where every endpoint is on this machine: no real credential may rotate because
        of it.
        """
        now = datetime.now(UTC).replace(microsecond=0)
        advance = self._environment.get(CLOCK_ADVANCE)
        if not advance:
            return now
        try:
            span = parse(advance)
        except ValueError as wrong:
            raise Misconfigured(f"{CLOCK_ADVANCE} {wrong}", todo="correct this variable of the environment") from None
        return now + span if self._rehearsal else now

    @cached_property
    def _rehearsal(self) -> bool:
        loopback = self.endpoints.all_loopback()
        if not loopback:
            self._warn(f"{CLOCK_ADVANCE} is ignored: not every endpoint is on this machine")
        return loopback

    # -- who manages what -------------------------------------------------------------------------------------------

    @cached_property
    def scope(self) -> Scope:
        """How much of the stack the run is about; of resources that it leaves aside nothing is known."""
        return self._scope()

    @cached_property
    def _replacements(self) -> tuple[str, ...]:
        return tuple(self._replaced())

    @cached_property
    def neighbours(self) -> Neighbours:
        """What other processes of the same run manage."""
        return Neighbours(self._engine())

    def declare(self, urn: str) -> None:
        """Note that the program declares a resource."""
        with self._lock:
            self._declared.add(urn)

    def note_present(self, urn: str, named: str | None) -> None:
        """Note that the state has a resource, and which object its stored inputs name."""
        with self._lock:
            self._named_at_present[urn] = named

    def replaces_itself(self, urn: str, named: str) -> bool:
        """Tell whether what a new resource names is what it replaces, as far as the engine shows that.

        Of a replacement that the command line asks for it shows no stored inputs.
        """
        with self._lock:
            same = self._named_at_present.get(urn) == named
        return same or any(fnmatchcase(urn, pattern) for pattern in self._replacements)

    def claim_named(self, address: str, object_: str, urn: str) -> str | None:
        """Note that a resource's inputs name an object; return another resource that manages it already."""
        with self._lock:
            holder = self._claims.get((address, object_))
            if holder is not None and holder.urn != urn and holder.urn in self._declared:
                return holder.urn
            if holder is None or holder.urn != urn:
                # What only a refresh has seen may have another name in the program now.
                self._claims[address, object_] = Claim(urn)
        self.neighbours.note(address, object_, urn)
        return None

    def claim_live(self, address: str, object_: str, urn: str | None, state: Any, *, created: bool = False) -> None:
        """Note which object a resource of the program manages by its state; the last state counts."""
        if urn is None:
            return
        with self._lock:
            before = [place for place, claim in self._claims.items() if claim.urn == urn and claim.state is not None]
            for place in before:
                del self._claims[place]
            holder = self._claims.get((address, object_))
            if holder is None or holder.urn == urn:
                self._claims[address, object_] = Claim(urn, state, created)
            declared = urn in self._declared
        if declared:
            # A refresh also asks about what the program has no more.
            self.neighbours.note(address, object_, urn, created=created)

    def rival(self, address: str, object_: str, urn: str | None) -> str | None:
        """Return another resource of the program that manages a resource's object, too."""
        with self._lock:
            holder = self._claims.get((address, object_))
            if holder is None or holder.urn == urn:
                return None
            return holder.urn if self._declared.issuperset({holder.urn, urn}) else None

    def holder(self, address: str, object_: str) -> Claim | None:
        """Return who of this run's program manages an object now."""
        with self._lock:
            return self._claims.get((address, object_))

    def protect(self, address: str, object_: str, urn: str | None) -> None:
        """Keep whoever has an object from ending it in this run: a create was refused because of it."""
        with self._lock:
            self._protected.add((address, object_))
        if urn is not None:
            self.neighbours.note(address, object_, urn)

    def is_protected(self, address: str, object_: str) -> bool:
        """Tell whether an object must not be ended in this run."""
        with self._lock:
            return (address, object_) in self._protected


def _map_of_endpoints(configured: str | None) -> dict[str, Any]:
    try:
        endpoints = json.loads(configured or "{}")
    except ValueError:
        endpoints = None
    if not isinstance(endpoints, dict):
        raise Misconfigured(
            "rekey:endpoints is not a map of endpoints",
            todo="remove it, then set its keys (with --path), such as rekey:endpoints.vcd.url",
        )
    return endpoints
