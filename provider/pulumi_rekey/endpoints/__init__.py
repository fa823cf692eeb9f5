"""The vendors' systems that a stack is configured for, one session each for the whole process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from ..errors import Misconfigured
from .address import is_loopback, origin
from .config import Endpoint, environment_names, gather, one_of, resolve
from .session import Runtime, Session

#: The kinds of endpoint; each is a module beside this one that defines ``SESSION``.
KINDS: Final = ("vcd", "broker", "navigator", "roma")


def session_class(kind: str) -> type[Session[Any]]:
    """Return the session class of a kind of endpoint."""
    session: type[Session[Any]] = import_module(f".{kind}", __name__).SESSION
    return session


class Endpoints:
    """The endpoints of one stack, each connected to at its first use."""

    def __init__(self, configured: Mapping[str, Any], runtime: Runtime) -> None:
        self._configured = configured
        self._runtime = runtime
        self._lock = threading.Lock()
        self._sessions: dict[str, Session[Any]] = {}
        self._resolved: dict[tuple[str, str], Endpoint] = {}

    def settings(self, name: str | None, kind: str) -> Endpoint:
        """Return the settings of an endpoint, checked offline; the credentials need not be there yet.

        :raises Misconfigured: naming where the wrong value is from, and how to write it.
        """
        name = name or kind
        # Every resource of a stack asks, and a CA bundle is a file.
        resolved = self._resolved.get((name, kind))
        if resolved is None:
            configured = self._configured_as(name, kind)
            resolved = resolve(session_class(kind).model, name, configured, self._runtime.environment)
            self._resolved[name, kind] = resolved
        return resolved

    def misconfigured(self, name: str | None, kind: str) -> str | None:
        """Return why a resource cannot use this endpoint, from what a preview can see; nothing if it can."""
        try:
            self.settings(name, kind)
        except Misconfigured as wrong:
            return f"{wrong.happened}: {wrong.advice}"
        return None

    def session(self, name: str | None, kind: str) -> Session[Any]:
        """Return the session of an endpoint; nothing is sent before its first request."""
        name = name or kind
        with self._lock:
            # An endpoint has one kind, so that its settings are refused for any other.
            endpoint = self.settings(name, kind)
            session = self._sessions.get(name)
            if session is None:
                self._sessions[name] = session = session_class(kind)(name, endpoint, self._runtime)
            return session

    def address(self, name: str | None, kind: str) -> str:
        """Return the canonical address of an endpoint; where its settings are wrong, what equals no address."""
        try:
            return self.settings(name, kind).url
        except Misconfigured:
            return f"misconfigured endpoint {name or kind} of kind {kind}"

    def client(self, name: str | None, kind: str) -> str | None:
        """Return the id of the OAuth client that an endpoint logs in as, as far as this can be told."""
        try:
            return self.settings(name, kind).client()
        except Misconfigured:
            return None

    def all_loopback(self) -> bool:
        """Tell whether every address that the configuration or the environment names is on this machine."""
        places: list[object] = []
        for name in {*self._configured, *KINDS}:
            configured = self._configured.get(name, {})
            if not isinstance(configured, dict):
                continue
            kind = configured.get("kind", name)
            if kind not in KINDS:
                places.append(configured.get("url"))
                continue
            model = session_class(kind).model
            settings, _ = gather(model, name, configured, self._runtime.environment)
            # A region names the vendor's own addresses where no other is given.
            implied = {} if settings.get("url") else model.implied(settings)
            places += [(implied | settings).get(field) for field in model.addresses]
        return all(is_loopback(origin(str(place))[1]) for place in places if place)

    def _configured_as(self, name: str, kind: str) -> Mapping[str, Any]:
        """Return what is configured under a name, if it is an endpoint of this kind."""
        if name not in self._configured and name not in KINDS:
            raise Misconfigured(f"endpoint {name!r} is not configured", todo=self._others(name, kind))
        configured = self._configured.get(name, {})
        if not isinstance(configured, dict):
            raise Misconfigured(
                f"rekey:endpoints.{name} is not a map of settings",
                todo=f"set its keys, such as rekey:endpoints.{name}.url",
            )
        its_kind = configured.get("kind", name if name in KINDS else None)
        if its_kind is None:
            raise Misconfigured(f"endpoint {name!r} has no kind", todo=f"set rekey:endpoints.{name}.kind to {kind}")
        if its_kind not in KINDS:
            raise Misconfigured(f"rekey:endpoints.{name}.kind is not a kind of endpoint", todo=one_of(KINDS, its_kind))
        if its_kind != kind:
            raise Misconfigured(
                f"endpoint {name!r} is of kind {its_kind}, and this resource needs {kind}",
                todo=self._others(name, kind),
            )
        return configured

    def _others(self, name: str, kind: str) -> str:
        """Return as advice which endpoints of this kind are configured."""
        kinds = {
            other: settings.get("kind", other)
            for other, settings in self._configured.items()
            if isinstance(settings, dict)
        }
        if self._runtime.environment.get(environment_names(session_class(kind).model)["url"]):
            kinds.setdefault(kind, kind)
        names = [other for other, its_kind in kinds.items() if its_kind == kind]
        if names:
            return one_of(names, name)
        way = f"none of kind {kind} is: set rekey:endpoints.{name}.kind to {kind}, and rekey:endpoints.{name}.url"
        configured = [f"{other} (kind {its_kind})" for other, its_kind in kinds.items() if other != name]
        return f"{way}; configured: {', '.join(configured)}" if configured else way
