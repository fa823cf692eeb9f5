"""Every kind of fault that a vendor, or what stands before it, can meet a call with."""

from dataclasses import dataclass, field
from typing import Any, Final

#: Seconds that an endpoint waits for an answer that is to come too late, and that such an answer takes.
PATIENCE: Final = 4
_LATE: Final = PATIENCE + 1.5
_PAGE: Final = {"status": 200, "body": "<html><body>Sign in</body></html>", "content_type": "text/html"}


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    #: What the sandbox is told; without `count`, every call of this shape is met until the fault is lifted.
    rule: dict[str, Any] = field(default_factory=dict)
    #: Whether the instance refuses connections instead, from this call on.
    refused: bool = False

    @property
    def late(self) -> bool:
        """Whether the answer comes when nobody waits for it any more."""
        return "latency" in self.rule


FAULTS: Final = (
    Fault("connection refused", refused=True),
    Fault("reset before the change", {"drop": "before"}),
    Fault("reset before the change, once", {"drop": "before", "count": 1}),
    Fault("reset after the change", {"drop": "after"}),
    Fault("cut off after the change", {"drop": "cut"}),
    Fault("too late, once", {"latency": _LATE, "count": 1}),
    Fault("401, once", {"status": 401, "count": 1}),
    Fault("401", {"status": 401}),
    Fault("403", {"status": 403}),
    Fault("404", {"status": 404}),
    Fault("409", {"status": 409}),
    Fault("429, twice, to come back at once", {"status": 429, "retry_after": "0", "count": 2}),
    Fault("429, once, not saying when to come back", {"status": 429, "count": 1}),
    Fault("429, to come back in an hour", {"status": 429, "retry_after": "3600"}),
    Fault("500", {"status": 500}),
    Fault("500 after the change, once", {"status": 500, "commit": True, "count": 1}),
    Fault("502", {"status": 502, "body": "<html>Bad Gateway</html>", "content_type": "text/html"}),
    Fault("503, once, to come back at once", {"status": 503, "retry_after": "0", "count": 1}),
    Fault("503", {"status": 503}),
    Fault("not JSON", _PAGE),
    Fault("not JSON, after the change", _PAGE | {"commit": True}),
    Fault("another shape", {"status": 200, "body": '{"data": null}'}),
    Fault("another shape, after the change", {"status": 200, "body": "[]", "commit": True}),
)
