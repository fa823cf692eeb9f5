"""A limit that a test sets on all vendors together: what exceeds it is answered 429 before the vendor hears of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from .wire import Malformed
from .wire import field as optional

KNOWN = {"in_flight", "rate", "retry_after"}


@dataclass(slots=True)
class Throttle:
    """At most so many requests in flight, and so many a second, of which a second's may come at once."""

    in_flight: int | None = None
    rate: int | None = None
    #: What `Retry-After` says; none is sent without it.
    retry_after: str | None = None
    _under_way: int = 0
    _tokens: float = 0.0
    _filled: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._tokens = float(self.rate or 0)

    def takes(self) -> bool:
        """Whether one more request is taken up; counts it."""
        now = time.monotonic()
        if self.rate is not None:
            self._tokens = min(self.rate, self._tokens + (now - self._filled) * self.rate)
            self._filled = now
        full = self.in_flight is not None and self._under_way >= self.in_flight
        if full or (self.rate is not None and self._tokens < 1):
            return False
        self._tokens -= 1
        return True

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Count a request while it is served."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def refusal(self) -> Response:
        """The answer to what is not taken up."""
        headers = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
        return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)


def read_throttle(body: dict[str, Any]) -> Throttle:
    """A limit from the body of POST /_sandbox/throttle; an empty one lifts it. Raises Malformed for another one."""
    if unknown := set(body) - KNOWN:
        raise Malformed(f"no such field: {', '.join(sorted(unknown))}")
    in_flight, rate = optional(body, "in_flight", int), optional(body, "rate", int)
    if any(limit is not None and limit < 1 for limit in (in_flight, rate)):
        raise Malformed("in_flight and rate are at least 1")
    return Throttle(in_flight, rate, optional(body, "retry_after", str))
