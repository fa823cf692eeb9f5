"""The errors that rekey raises, split by what the reader does next.

::

    Error
    ├── Misconfigured      fix the stack's configuration or the environment
    ├── VendorError        the vendor answered, and said no
    │   ├── Unauthenticated    fix the credentials of the endpoint
    │   ├── Forbidden          grant the token a right
    │   ├── NotProvenGone      make sure that the object is there, or is gone; nothing is assumed
    │   ├── NotFound           correct the id, or let rekey create the object
    │   ├── Conflict           resolve what stands in the way at the vendor
    │   ├── Rejected           correct the input that the vendor refuses
    │   ├── Throttled          run again later
    │   └── Unavailable        run again when the vendor has recovered
    ├── Unreachable        nothing was sent; repair the way to the host
    ├── NotSent            it would have come too late, so nothing was sent; run again
    ├── AnswerLost         it may have been done; the next ``pulumi up`` finds out
    ├── BadAnswer          the vendor answered something that is not its API
    ├── Abandoned          the run that wanted this is over; nothing was sent
    ├── Gone               the object does not exist any more; refresh
    ├── Refused            the vendor does not accept the secret that it minted; run again, then ask the vendor
    ├── Stopped            rekey itself refuses to go on; the text says what to do
    └── Partial            some of it is done and kept in the state; run again

A message is one line: what happened, what is live now, what to do. It never holds a body, a header or an
input value: of the vendor's answer only the code (if it looks like one) and the request id are kept.
"""

from __future__ import annotations

import re
from typing import ClassVar

#: Advice that says so already needs no more of it.
_AGAIN = re.compile(r"run again|run `pulumi")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def printable_code(text: object) -> str | None:
    """Return the vendor's error code or request id if it looks like one, else nothing.

    Vendor text could echo a secret, steer a terminal or be read as a command by a CI system, so only a short
    word of letters, digits, dots, dashes and underscores passes.
    """
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None


class Error(Exception):
    """Anything that rekey expects to go wrong; shown to the user as one line, without a traceback."""

    todo: ClassVar[str] = "see the message"
    #: Whether the request is known to have had no effect; decides what may be said about what is live.
    no_effect: bool = True

    def __init__(
        self,
        happened: str,
        *,
        todo: str | None = None,
        request_id: str | None = None,
        no_effect: bool | None = None,
    ) -> None:
        super().__init__(happened)
        self.happened = happened
        if no_effect is not None:
            self.no_effect = no_effect
        #: What is live now, in words, where it is known.
        self.aftermath: str | None = None
        self.advice = todo or self.todo
        self.request_id = request_id

    def __str__(self) -> str:
        what = "; ".join(part for part in (self.aftermath, self.advice) if part)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.happened}: {what}{request}"


class Misconfigured(Error):
    """The stack's configuration or the environment lacks something, or contradicts itself."""

    todo = "correct the configuration"


class VendorError(Error):
    """The vendor answered with a status that is not a success."""

    #: The vendor's error code, where the answer has one; the answer of a gateway has another, or none.
    code: str | None = None
    #: Whether the answer has any content.
    has_content: bool = True


class Unauthenticated(VendorError):
    """The endpoint's own credentials are refused."""

    todo = "correct the credentials of this endpoint"


class Forbidden(VendorError):
    """The credentials are good, but lack a right."""

    todo = "grant the endpoint's account the right it needs"


class NotProvenGone(Forbidden):
    """The vendor does not show an object, which does not prove that it is gone: it is taken to be there.

    ``in_no_state`` says the same of an object that is in no state so far, so that none could be wrong.
    """

    in_no_state: Forbidden | None = None


class NotFound(VendorError):
    """The object does not exist (or is not shown to this account)."""

    todo = "correct the id"


class Conflict(VendorError):
    """Something at the vendor stands in the way."""

    todo = "resolve the conflict at the vendor, then run again"


class Rejected(VendorError):
    """The vendor refuses the payload."""

    todo = "correct the input"


class Throttled(VendorError):
    """The vendor asks for fewer requests and went on asking for as long as rekey may wait."""

    todo = "run again later, or lower maxConcurrent of this endpoint"


class Unavailable(VendorError):
    """The vendor failed (5xx); whether the request took effect is not known."""

    todo = "run again when the vendor has recovered"
    no_effect = False


class Unreachable(Error):
    """No connection was made, so nothing was sent."""

    todo = "check the address, the network and the proxy settings"


class NotSent(Error):
    """The request waited too long for its turn, so it was not sent."""

    todo = "run `pulumi up` again"


class AnswerLost(Error):
    """The request was sent and no whole answer came back."""

    todo = "run `pulumi up` again: it finds out and goes on"
    no_effect = False


class BadAnswer(Error):
    """The answer is not what the vendor documents: not JSON, cut off, too long, of another shape."""

    todo = "check that the endpoint's url is the vendor's API and not a proxy or login page"
    no_effect = False


class Abandoned(Error):
    """The engine that asked for this write is gone, so it was not sent."""

    todo = "run `pulumi cancel`, then `pulumi up`"


class Gone(Error):
    """The object is certainly gone, as the vendor documents it."""

    todo = "run `pulumi up --refresh`: it takes the object out of the state and makes what the program declares"


class Refused(Error):
    """A new secret is refused where a consumer would use it."""

    todo = "run `pulumi up` again: it tries the same secret again"


class Stopped(Error):
    """Going on could take over or end something that is not ours.

    ``names`` is the vendor's id of the object that is in the way, which must not be ended in the same run.
    """

    def __init__(
        self, happened: str, *, todo: str | None = None, request_id: str | None = None, names: str | None = None
    ) -> None:
        super().__init__(happened, todo=todo, request_id=request_id)
        self.names = names


class Partial(Error):
    """A step failed after others were done, or after a write whose answer was lost.

    ``state`` is what has been reached and must be saved; ``cause`` is why it went no further.
    """

    todo = "run `pulumi up` again: it goes on from here"

    def __init__(self, state: object, cause: Exception) -> None:
        known = cause if isinstance(cause, Error) else None
        super().__init__(
            known.happened if known else f"unexpected {type(cause).__name__}",
            request_id=known.request_id if known else None,
        )
        self.state = state
        self.no_effect = known is not None and known.no_effect
        lost = known is not None and not known.no_effect
        said = "it is not known whether it took effect" if lost else "what was done before is kept"
        self.aftermath = (known and known.aftermath) or said
        if known is not None and known.advice != Error.todo:
            self.advice = known.advice if _AGAIN.search(known.advice) else f"{known.advice}, then {self.todo}"
