"""The one door to HTTP: login, retries, limits and errors are here, and nowhere else.

A vendor's file says how to log in, which headers to send and how its errors read; a resource's verbs say method,
path and payload.
"""

from __future__ import annotations

import itertools
import random
import re
import threading
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from urllib.parse import quote, urljoin

from ..errors import (
    Abandoned,
    AnswerLost,
    BadAnswer,
    Conflict,
    Error,
    Forbidden,
    Misconfigured,
    NotFound,
    NotProvenGone,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
    Unreachable,
    VendorError,
    printable_code,
)
from .address import origin
from .answer import Body, decode
from .config import Endpoint
from .connections import PLAIN, Connections
from .credential_checks import CredentialChecks

if TYPE_CHECKING:
    import httpx

EndpointT = TypeVar("EndpointT", bound=Endpoint)

#: No documented answer comes near this; what is longer is not the vendor's API.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
#: Nor does any list that rekey reads have so many pages.
MAX_PAGES = 1000
#: Seconds within which all attempts at one request end, so that an orphaned run cannot mint later.
MAX_ATTEMPTS_S = 60.0
#: Attempts at one request when the host cannot be reached or fails; throttling alone may take more.
MAX_ATTEMPTS = 5
#: Seconds before its expiry at which a token is no longer used.
TOKEN_MARGIN_S = 60.0
#: Seconds that no run comes near, so that a longer life of a token is of no use to it: a week.
MAX_RUN_S = 604800.0

_BY_STATUS: dict[int, type[VendorError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}
# A gateway's failures: safe to repeat only where the request itself is.
_GATEWAY = frozenset({500, 502, 503, 504})
_UNAUTHENTICATED = 401
_NOT_FOUND = 404
# What a header can carry; a vendor whose requests are signed instead has an empty one.
_TOKEN = re.compile(r"[!-~]*")
_TOO_MANY = 429
_REDIRECTS = range(300, 400)
_SERVER_ERRORS = 500


@dataclass(frozen=True)
class Runtime:
    """What the process around the sessions provides; tests put their own in."""

    #: Whether the run that asked for a write still wants it.
    wanted: Callable[[], bool] = lambda: True
    #: Where a warning for the user goes.
    warn: Callable[[str], None] = lambda _text: None
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Token:
    """What a login gave: the token and the monotonic second at which it ends (if it is known to)."""

    value: str = field(repr=False)
    ends: float | None = None


def fill(path: str, ids: tuple[str, ...]) -> str:
    """Put ids into a path's ``{}``, each escaped to stay one segment."""
    for segment in ids:
        if segment in {"", ".", ".."}:
            raise Misconfigured("an id is empty or a relative path", todo="correct the id")
    return path.format(*(quote(segment, safe=":") for segment in ids))


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic authentication, user and password as they are."""
    return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


class Session(ABC, Generic[EndpointT]):
    """Requests to one endpoint, shared by all threads of the process."""

    model: ClassVar[type[Endpoint]]
    #: What an account needs to be granted; stands in the advice of a :class:`Forbidden`.
    right: ClassVar[str]

    def __init__(self, name: str, endpoint: EndpointT, runtime: Runtime) -> None:
        self.name = name
        self.endpoint = endpoint
        self.runtime = runtime
        self._token: Token | None = None
        self._refused_login: Unauthenticated | None = None
        self._login = threading.Lock()
        #: What the endpoint has said of credentials that it should accept.
        self.checks = CredentialChecks(name, runtime.sleep)
        #: Serialises read-modify-write of an object that all resources of the endpoint share.
        self.exclusive = threading.RLock()
        if endpoint.allow_unverified_ssl:
            runtime.warn(f"endpoint {name}: the server's certificate is not checked (allowUnverifiedSsl)")
        self.connections = Connections(endpoint)

    # -- what a vendor's file says ------------------------------------------------------------------------------

    @abstractmethod
    def log_in(self) -> Token:
        """Ask the vendor for a token; called under a lock, at the first request and when the token has ended."""

    @abstractmethod
    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Put the token, or a signature, on a request."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Return the headers of every request: version, media type."""

    @abstractmethod
    def error_code(self, body: Body) -> object:
        """Return the vendor's error code out of an error's body, whatever stands there."""

    def request_id(self, answer: httpx.Response, body: Body) -> object:  # noqa: ARG002 - a vendor may need them
        """Return the vendor's id of the request, if it gives one."""
        return None

    def classify(self, status: int, code: str | None) -> type[VendorError]:  # noqa: ARG002 - a vendor may need it
        """Return the kind of error that a status and code mean."""
        if status >= _SERVER_ERRORS:
            return Unavailable
        return _BY_STATUS.get(status, Rejected)

    def later(self, source: str, request: httpx.Request, answer: httpx.Response) -> Body | None:  # noqa: ARG002 - likewise
        """Wait for what a vendor that only took the request up does later; nothing if the answer is all there is."""
        return None

    # -- what a resource's verbs use ----------------------------------------------------------------------------

    def get(self, path: str, *ids: str, query: Mapping[str, str] | None = None) -> Body:
        """GET a JSON object."""
        try:
            return self.request("GET", path, *ids, query=query)
        except Error as failed:
            # However it failed: reading changes nothing.
            failed.certain = True
            raise

    def not_proven_gone(self, refused: VendorError, why: str = "") -> NotProvenGone:
        """Return the error for an object that this refusal does not prove to be gone.

        What proves that is in each vendor's ``find``, and nowhere else: what its pages say of a missing object, and a
        whole list that lacks it.
        """
        return NotProvenGone(
            f"{refused.happened}, which does not prove that it is gone{why and f': {why}'}",
            todo=f"the account needs {self.right}; what is gone all the same, `pulumi state delete` forgets",
            request_id=refused.request_id,
        )

    def put(self, path: str, *ids: str, json: object = None, query: Mapping[str, str] | None = None) -> Body:
        """PUT a whole value: the same call again has the same effect, so it is repeated where that helps."""
        return self.request("PUT", path, *ids, json=json, query=query)

    def post(self, path: str, *ids: str, json: object = None, query: Mapping[str, str] | None = None) -> Body:
        """POST something that is not safe to repeat."""
        return self.request("POST", path, *ids, json=json, query=query, repeatable=False)

    def delete(self, path: str, *ids: str) -> None:
        """DELETE an object; nobody answers that with content."""
        answer = self.request("DELETE", path, *ids, empty=True)
        if answer:
            raise BadAnswer(f"{self.name}: DELETE {path}: the answer has content, as if something else had been done")

    def request(
        self,
        method: str,
        path: str,
        *ids: str,
        json: object = None,
        query: Mapping[str, str] | None = None,
        repeatable: bool = True,
        empty: bool = False,
    ) -> Body:
        """Send a request as the endpoint's account and decode the answer, or raise what went wrong.

        ``repeatable`` says that sending it twice has the effect of sending it once. ``empty`` says that a success
        need carry no body; one that is there must still be JSON, as a login page is not. All attempts end within
        :data:`MAX_ATTEMPTS_S` seconds.
        """
        request = self.connections.request(
            method, self.endpoint.url + fill(path, ids), params=query, json=json, headers=self.headers()
        )
        source = self._source(request)
        answer = self._attempts(request, source, repeatable=repeatable, authorized=True)
        if not answer.is_success:
            raise self._refusal(source, answer)
        later = self.later(source, request, answer)
        if later is not None:
            return later
        return Body(source, {}) if empty and not answer.content else decode(source, answer.content)

    def pages(self, path: str, *, query: Mapping[str, str], following: str = "nextPage") -> Iterator[Body]:
        """GET page after page, along the ``Link`` headers, never to another origin."""
        url = self.endpoint.url + path
        params: Mapping[str, str] | None = query
        seen: set[str] = set()
        while url not in seen and len(seen) < MAX_PAGES:
            seen.add(url)
            source, answer = self.get_at(url, params=params, headers=self.headers())
            yield decode(source, answer.content)
            link = answer.links.get(following, {}).get("url")
            if link is None:
                return
            url, params = self.same_origin(source, link, base=url), None
        raise BadAnswer(f"{self.name}: GET {path}: the list of pages goes round in a circle, or has no end")

    def get_at(self, url: str, **how: Any) -> tuple[str, httpx.Response]:
        """GET a URL that the vendor has named, which :meth:`same_origin` has let pass."""
        request = self.connections.request("GET", url, **how)
        source = self._source(request)
        answer = self._attempts(request, source, repeatable=True, authorized=True)
        if not answer.is_success:
            raise self._refusal(source, answer)
        return source, answer

    def same_origin(self, source: str, reference: str, *, base: str = "") -> str:
        """Return the URL that a vendor names, whole or relative to a base, if it stays at the endpoint's origin."""
        import httpx

        try:
            url = urljoin(base, reference)
            # Judged as it is sent, too: one parser could see another host than the other.
            sent = httpx.URL(url)
            elsewhere = sent.userinfo or not origin(url) == origin(str(sent)) == origin(self.endpoint.url)
        except (ValueError, httpx.InvalidURL):
            raise BadAnswer(f"{source}: the answer points to what is no URL") from None
        if elsewhere:
            raise BadAnswer(f"{source}: the answer points to another host; it was not followed")
        return url

    # -- for a vendor's login -----------------------------------------------------------------------------------

    def log_in_with(self, method: str, url: str, **how: Any) -> tuple[httpx.Response, Body]:
        """Send a login, which is safe to repeat: it makes a token and ends none."""
        request = self.connections.request(method, url, **how)
        source = self._source(request)
        answer = self._attempts(request, source, repeatable=True, authorized=False)
        if answer.is_success:
            return answer, (decode(source, answer.content) if answer.content else Body(source, {}))
        refusal = self._refusal(source, answer)
        if answer.status_code == _NOT_FOUND:
            # Not NotFound: what is not there is the login, and no object is gone because of it.
            todo = f"check the address of endpoint {self.name!r}"
            wrong = BadAnswer(refusal.happened, todo=todo, request_id=refusal.request_id)
            wrong.certain = True
            raise wrong
        if isinstance(refusal, Rejected | Forbidden):
            # A login that is understood and refused means the credentials, whatever status says it.
            refusal = Unauthenticated(refusal.happened, request_id=refusal.request_id)
        if isinstance(refusal, Unauthenticated):
            refusal.live = "nothing was changed"
        raise refusal

    def get_in_public(self, url: str) -> tuple[httpx.Response, Body]:
        """GET what is for everybody, without the account's token."""
        request = self.connections.request("GET", url, headers={"accept": "application/json"})
        source = self._source(request)
        answer = self._attempts(request, source, repeatable=True, authorized=False)
        if not answer.is_success:
            raise self._refusal(source, answer)
        return answer, decode(source, answer.content)

    def ping(self) -> datetime | None:
        """GET the address itself, as nobody; return what the clock of whoever answers shows, if the answer says so.

        :raises Unreachable: if nobody answers there, or one whose certificate is not trusted.
        """
        request = self.connections.request("GET", self.endpoint.url)
        source = self._source(request)
        try:
            answer = self._attempts(request, source, repeatable=True, authorized=False)
        except BadAnswer:
            # A redirect, or a page without end: somebody is there.
            return None
        try:
            return parsedate_to_datetime(answer.headers.get("date", ""))
        except (TypeError, ValueError):
            return None

    def proves_right(self) -> bool:
        """Read something that takes the right which rekey needs; say whether there is such a thing.

        :raises Forbidden: if the account lacks it.
        """
        return False

    def accepts(self, method: str, shows: str, **how: Any) -> bool:
        """Tell whether the vendor lets in who presents the credentials in this request, by an answer that ``shows``.

        :raises Error: if the answer says nothing about these credentials.
        """
        request = self.connections.request(method, **how)
        source = self._source(request)
        answer = self._attempts(request, source, repeatable=True, authorized=False)
        if answer.is_success:
            if shows not in decode(source, answer.content):
                raise BadAnswer(f"{source}: the answer has no {shows!r}")
            return True
        refusal = self._refusal(source, answer)
        if isinstance(refusal, Unauthenticated | Rejected):
            return False
        if isinstance(refusal, NotFound):
            # What is not there is the address, not the object that the credentials are for.
            raise BadAnswer(refusal.happened, request_id=refusal.request_id)
        raise refusal

    def oauth_error(self, url: str, client_id: str, client_secret: str, form: Mapping[str, str]) -> str:
        """Knock at a token endpoint as a client (Basic) and return the OAuth error code.

        :raises Error: if the answer has none, as of a gateway that fails.
        """
        # Encoded first, as RFC 6749, 2.3.1 has it; the pages of Broker and Navigator have theirs as they are.
        client = basic(quote(client_id, safe=""), quote(client_secret, safe=""))
        request = self.connections.request("POST", url, data=dict(form), headers=client)
        # Safe to repeat: it only asks.
        source = self._source(request)
        answer = self._attempts(request, source, repeatable=True, authorized=False)
        code = printable_code(self._error_body(answer).get("error"))
        if code is None:
            raise BadAnswer(f"{source}: {answer.status_code}: the answer has no OAuth error code")
        return code

    def ends_in(self, seconds: float | None) -> float | None:
        """Return the monotonic second at which a token of this lifetime is used no more."""
        if seconds is None:
            return None
        # What is longer than any run makes no difference, and could be too much for a float.
        seconds = min(seconds, MAX_RUN_S)
        # A token that lives shorter than the margin is still good for half of its life.
        return self.runtime.monotonic() + max(seconds - TOKEN_MARGIN_S, seconds / 2)

    # -- inside -------------------------------------------------------------------------------------------------

    def _source(self, request: httpx.Request) -> str:
        # Still escaped: an id that the vendor made could hold a line break.
        return f"{self.name}: {request.method} {request.url.raw_path.partition(b'?')[0].decode()}"

    def _usable_token(self, stale: Token | None) -> Token:
        with self._login:
            if self._refused_login is not None:
                # Wrong credentials do not get better in this process, and each try counts towards a locked account.
                raise copy(self._refused_login)
            token = self._token
            ended = token is not None and token.ends is not None and token.ends <= self.runtime.monotonic()
            if token is None or token is stale or ended:
                try:
                    self._token = token = self.log_in()
                except Unauthenticated as refused:
                    self._refused_login = refused
                    raise
                if not _TOKEN.fullmatch(token.value):
                    self._token = None
                    raise BadAnswer(f"{self.name}: the login's answer has no usable token")
            return token

    def _attempts(self, request: httpx.Request, source: str, *, repeatable: bool, authorized: bool) -> httpx.Response:
        import httpx

        end = self.runtime.monotonic() + MAX_ATTEMPTS_S
        turned_away: Token | None = None
        for attempt in itertools.count(1):
            token: Token | None = None
            if authorized:
                token = self._usable_token(turned_away)
                self.authorize(request, token)
            failure: Error | None = None
            try:
                answer = self._exchange(request, source, end, asks=authorized and request.method != "GET")
            except httpx.TransportError as failed:
                failure = self._failure(source, failed)
                # Without a connection nothing was sent, so any request may be repeated; a certificate stays untrusted.
                again = (repeatable or failure.certain) and not _is_tls(failed) and attempt < MAX_ATTEMPTS
                pause = self._backoff(attempt)
            else:
                if token is not None and turned_away is None and self._is_unauthenticated(answer):
                    # Safe to repeat: the request was turned away at the door.
                    turned_away = token
                    continue
                # A throttled request was not taken up, so any may be repeated; after a gateway's failure nobody knows.
                again = answer.status_code == _TOO_MANY or (
                    answer.status_code in _GATEWAY and repeatable and attempt < MAX_ATTEMPTS
                )
                pause = self._retry_after(answer, attempt)
            if not again or self.runtime.monotonic() + pause >= end:
                if failure is not None:
                    raise failure
                return answer
            self.runtime.sleep(pause)
        raise AssertionError  # the loop ends by return or raise only

    def _exchange(self, request: httpx.Request, source: str, end: float, *, asks: bool) -> httpx.Response:
        import httpx

        with self.connections.one() as line:
            # A host that outlives its engine must mint nothing: asked directly before each write and each retry of one.
            if asks and not self.runtime.wanted():
                raise Abandoned(f"{source}: the engine that asked for this is gone")
            answer = line.send(request, lambda: end - self.runtime.monotonic())
            try:
                if answer.status_code in _REDIRECTS:
                    raise BadAnswer(f"{source}: the answer is a redirect ({answer.status_code}); it was not followed")
                if answer.headers.get("content-encoding", PLAIN) != PLAIN:
                    # A few compressed bytes could fill the memory.
                    raise BadAnswer(f"{source}: the answer is compressed, which was not asked for")
                content = bytearray()
                for chunk in answer.iter_raw():
                    content += chunk
                    if len(content) > MAX_ANSWER_BYTES:
                        raise BadAnswer(f"{source}: the answer is longer than {MAX_ANSWER_BYTES // 1024**2} MiB")
            finally:
                answer.close()
            return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content), request=request)

    def _is_unauthenticated(self, answer: httpx.Response) -> bool:
        if answer.status_code == _UNAUTHENTICATED:
            return True
        if answer.is_client_error:
            return issubclass(self.classify(answer.status_code, self._code(answer)), Unauthenticated)
        return False

    def _code(self, answer: httpx.Response) -> str | None:
        return printable_code(self.error_code(self._error_body(answer)))

    @staticmethod
    def _error_body(answer: httpx.Response) -> Body:
        try:
            return decode("", answer.content)
        except BadAnswer:
            return Body("", {})

    def _refusal(self, source: str, answer: httpx.Response) -> VendorError:
        body = self._error_body(answer)
        code = printable_code(self.error_code(body))
        status = answer.status_code
        kind = self.classify(status, code)
        happened = f"{source}: {status}{f' {code}' if code else ''}"
        todo = f"the account needs {self.right}" if kind is Forbidden else None
        refusal = kind(happened, todo=todo, request_id=printable_code(self.request_id(answer, body)))
        refusal.code, refusal.has_content = code, bool(answer.content)
        return refusal

    def _failure(self, source: str, failed: httpx.TransportError) -> Error:
        import httpx

        match failed:
            case httpx.ConnectError() if _is_tls(failed):
                what, todo = self._certificate(str(failed))
                return Unreachable(f"{source}: the server's certificate {what}", todo=todo)
            case httpx.ConnectError():
                return Unreachable(f"{source}: no connection")
            case httpx.ProxyError():
                return Unreachable(f"{source}: the proxy makes no connection")
            case httpx.ConnectTimeout():
                return Unreachable(f"{source}: no connection in time")
            case httpx.TimeoutException():
                return AnswerLost(f"{source}: no whole answer in time")
            case _:
                return AnswerLost(f"{source}: the connection broke before the whole answer was there")

    def _certificate(self, reason: str) -> tuple[str, str]:
        """Return what is wrong with a certificate, and what to do."""
        if "mismatch" in reason:
            return "is for another host", "correct the address"
        if "expired" in reason:
            return "has expired", "have it renewed"
        return "is not trusted", f"set rekey:endpoints.{self.name}.caBundle to the CA that signed it"

    def _backoff(self, attempt: int) -> float:
        # Full jitter keeps many threads from coming back at the same moment.
        return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, 8.0)  # noqa: S311 - spreads load, keeps no secret

    def _retry_after(self, answer: httpx.Response, attempt: int) -> float:
        asked: str = answer.headers.get("retry-after", "")
        backoff = self._backoff(attempt)
        try:
            seconds = (
                float(asked) if asked.isdigit() else (parsedate_to_datetime(asked) - self.runtime.now()).total_seconds()
            )
        except (TypeError, ValueError, OverflowError):
            return backoff
        # "At once", or a date that has passed, is no leave to hammer.
        return max(seconds, backoff)


def _is_tls(failed: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(failed)
