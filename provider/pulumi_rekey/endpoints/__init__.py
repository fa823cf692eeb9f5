"""The vendors' systems that a stack is configured for, one session each for the whole process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from ..errors import Misconfigured
from .config import Endpoint, environment_names, is_loopback, origin, resolve
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

    def misconfigured(self, name: str | None, kind: str) -> str | None:
        """Return why no endpoint of this name and kind can be there, from what a preview can see."""
        try:
            self._settings(name or kind, kind)
        except Misconfigured as wrong:
            return f"{wrong.happened}: {wrong.advice}"
        return None

    def settings(self, name: str | None, kind: str) -> Endpoint:
        """Return the settings of an endpoint.

        :raises Misconfigured: if one is missing or wrong.
        """
        name = name or kind
        return resolve(session_class(kind).model, name, self._settings(name, kind), self._runtime.environment)

    def session(self, name: str | None, kind: str) -> Session[Any]:
        """Return the session of an endpoint; nothing is sent before its first request."""
        name = name or kind
        with self._lock:
            session = self._sessions.get(name)
            if session is None:
                settings = self._settings(name, kind)
                cls = session_class(kind)
                endpoint = resolve(cls.model, name, settings, self._runtime.environment)
                self._sessions[name] = session = cls(name, endpoint, self._runtime)
            elif session.model.kind != kind:
                raise Misconfigured(f"endpoint {name!r} is of kind {session.model.kind}, not {kind}")
            return session

    def address(self, name: str | None, kind: str) -> str:
        """Return where an endpoint is, as far as the configuration says; else its name."""
        settings = self._configured.get(name or kind)
        url = settings.get("url") if isinstance(settings, dict) else None
        return str(url or name or kind)

    def client(self, name: str | None, kind: str) -> str | None:
        """Return the id of the OAuth client that an endpoint logs in as, as far as this can be told."""
        name = name or kind
        try:
            settings = self._settings(name, kind)
            return resolve(session_class(kind).model, name, settings, self._runtime.environment).client()
        except Misconfigured:
            return None

    def all_loopback(self) -> bool:
        """Tell whether every endpoint that the configuration or the environment names is on this machine."""
        # A region stands for addresses of the vendor's where no other address is given.
        named = [each for each in self._configured.values() if isinstance(each, dict)]
        places = [each.get("url") or each.get("region") for each in named]
        for kind in KINDS:
            variables = environment_names(session_class(kind).model)
            url, region = (self._runtime.environment.get(variables.get(field, "")) for field in ("url", "region"))
            configured = self._configured.get(kind)
            elsewhere = isinstance(configured, dict) and configured.get("url")
            places.append(url or (None if elsewhere else region))
        return all(is_loopback(origin(str(place))[1]) for place in places if place)

    def _settings(self, name: str, kind: str) -> Mapping[str, Any]:
        settings = self._configured.get(name, {})
        if not isinstance(settings, dict):
            raise Misconfigured(f"rekey:endpoints.{name} is not a map of settings")
        its_kind = settings.get("kind", name if name in KINDS else None)
        if its_kind is None:
            raise Misconfigured(f"endpoint {name!r} has no kind", todo=f"set rekey:endpoints.{name}.kind to {kind}")
        if its_kind not in KINDS:
            raise Misconfigured(f"endpoint {name!r} has an unknown kind", todo=f"use one of: {', '.join(KINDS)}")
        if its_kind != kind:
            raise Misconfigured(
                f"endpoint {name!r} is of kind {its_kind}, and this resource needs {kind}",
                todo="name another endpoint",
            )
        return settings
