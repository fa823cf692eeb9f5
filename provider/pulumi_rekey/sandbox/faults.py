"""Faults that a test orders: which requests they meet, and what then happens to them."""

import re
from dataclasses import dataclass
from typing import Any

from .wire import Malformed, field, required

LONGEST_WAIT = 3600  # seconds
DROPS = ("before", "after", "cut")
KNOWN = {
    "path",
    "method",
    "count",
    "skip",
    "status",
    "retry_after",
    "body",
    "content_type",
    "latency",
    "drop",
    "commit",
}  # fmt: skip - one row of words reads better than eleven


@dataclass(slots=True)
class Fault:
    """One rule. It fires for `count` matching requests (0: until cleared), after letting `skip` through.

    `latency` (seconds) is waited first. Then `status` answers in the vendor's place, with `commit` after the
    vendor has done its work; or `drop` ends the connection "before" the vendor hears of the request, "after"
    it has done its work, or in the middle of the answer ("cut"; where that is empty, as "after"); or, with
    neither, the vendor answers.
    """

    path: re.Pattern[str]
    method: str | None = None
    count: int = 1
    skip: int = 0
    status: int | None = None
    retry_after: str | None = None
    body: str = ""
    content_type: str = "application/json"
    latency: float = 0.0
    drop: str | None = None
    commit: bool = False
    fired: int = 0

    def meets(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.count and self.fired >= self.count:
            return False
        if (self.method is not None and self.method != method) or not self.path.search(path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.fired += 1
        return True

    def describe(self) -> dict[str, Any]:
        """The rule as GET /_sandbox/faults shows it."""
        effects = {"status": self.status, "latency": self.latency or None, "drop": self.drop}
        return {
            "path": self.path.pattern,
            "method": self.method,
            "count": self.count,
            "skip": self.skip,
            "fired": self.fired,
            **{name: value for name, value in effects.items() if value is not None},
        }


def read_fault(body: dict[str, Any]) -> Fault:
    """A rule from the body of POST /_sandbox/faults. Raises Malformed for what would not do as it says."""
    if unknown := set(body) - KNOWN:
        raise Malformed(f"no such field: {', '.join(sorted(unknown))}")
    try:
        path = re.compile(required(body, "path", str))
    except re.error as wrong:
        raise Malformed(f"path is not a regular expression: {wrong}") from None
    latency = body.get("latency", 0.0)
    if not isinstance(latency, int | float) or isinstance(latency, bool) or not 0 <= latency <= LONGEST_WAIT:
        raise Malformed("latency is not a number of seconds")
    method = field(body, "method", str)
    fault = Fault(
        path=path,
        method=method.upper() if method else None,
        count=1 if (count := field(body, "count", int)) is None else count,
        skip=field(body, "skip", int) or 0,
        status=field(body, "status", int),
        retry_after=field(body, "retry_after", str),
        body=field(body, "body", str) or "",
        content_type=field(body, "content_type", str) or "application/json",
        latency=float(latency),
        drop=field(body, "drop", str),
        commit=field(body, "commit", bool) or False,
    )
    if fault.count < 0 or fault.skip < 0:
        raise Malformed("count and skip are not negative")
    if fault.status is not None and not 200 <= fault.status <= 599:  # noqa: PLR2004 - what HTTP calls an answer
        raise Malformed("status is not an HTTP status")
    if fault.drop is not None and fault.drop not in DROPS:
        raise Malformed(f"drop is one of {', '.join(DROPS)}")
    if (fault.status is None) == (fault.drop is None) and (fault.drop or not fault.latency):
        raise Malformed("a fault has a status or a drop, and without either a latency")
    if fault.status is None and (fault.commit or fault.retry_after or fault.body):
        raise Malformed("commit, retry_after and body go with a status")
    return fault
