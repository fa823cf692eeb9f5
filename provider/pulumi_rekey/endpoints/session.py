"""The one door to HTTP: login, retries, limits and errors are handled here and nowhere else.

A vendor's file says how to log in, which headers to send and how to read its errors; a resource's verbs name method,
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar
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
    NotSent,
    Rejected,
    Throttled,
    Unauthenticated,
    Unavailable,
    VendorError,
    printable_code,
)
from ..policy.durations import in_words
from .address import origin
from .answer import Body, decode
from .config import Endpoint
from .connections import PLAIN, Connections, unsendable
from .credential_checks import CredentialChecks
from .deadline import Deadline
from .no_connection import is_certificate, unreachable

if TYPE_CHECKING:
    import httpx

EndpointT = TypeVar("EndpointT", bound=Endpoint)
T = TypeVar("T")

#: No documented answer comes near this; what is longer is not the vendor's API.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
#: No list that rekey reads has so many pages.
MAX_PAGES = 1000
#: Seconds in which a request may wait for a connection: what is not sent then is better done by another run.
MAX_QUEUE_S = 600.0
#: Seconds between the first sending of a request and the end of all attempts at it, so that a run that has lost its
#: engine cannot mint later. An endpoint whose timeout is longer has one attempt of that length.
MAX_ATTEMPTS_S = 60.0
#: Attempts at one request when the host cannot be reached or fails; a throttled request may take more.
MAX_ATTEMPTS = 5
#: Seconds before its expiry at which a token is no longer used.
TOKEN_MARGIN_S = 60.0
#: Clocks that differ by more are worth a warning: signatures and tokens begin to fail.
MAX_CLOCK_SKEW = timedelta(minutes=5)
#: Clocks that differ by less are taken to agree: a ``Date`` is as old as the answer took.
MIN_CLOCK_SKEW = timedelta(minutes=1)
#: What differs by more is no clock.
MAX_CLOCK_OFFSET = timedelta(days=3650)
#: A week in seconds: no run takes that long, so a longer lifetime of a token makes no difference.
MAX_RUN_S = 604800.0

_BY_STATUS: dict[int, type[VendorError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}
# After a gateway's failure only a request that may be repeated is sent again: it may have taken effect.
_GATEWAY = frozenset({500, 502, 503, 504})
_UNAUTHENTICATED = 401
_NOT_FOUND = 404
# What a header can carry; the token is empty where requests are signed instead.
_TOKEN = re.compile(r"[!-~]*")
_TOO_MANY = 429
_REDIRECTS = range(300, 400)
_SERVER_ERRORS = 500


@contextmanager
def in_a_thread(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do some work while the block runs; both have ended after it, and what is yielded then returns or raises."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(work).result


class Beside(Protocol):
    """Does some work beside a block."""

    def __call__(self, work: Callable[[], T], /) -> AbstractContextManager[Callable[[], T]]:
        """Return the block's context, whose value returns what the work has come to."""


@dataclass(frozen=True)
class Runtime:
    """What the process provides to its sessions; tests inject their own."""

    #: Tells whether the run that asked for a write still wants it.
    wanted: Callable[[], bool] = lambda: True
    #: Shows a warning to the user.
    warn: Callable[[str], None] = lambda _text: None
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Shown each request that was answered, and its whole answer: they hold secrets.
    heard: Callable[[httpx.Request, httpx.Response], None] = lambda _request, _answer: None
    #: Makes calls that do not depend on each other at the same time.
    beside: Beside = in_a_thread


@dataclass(frozen=True)
class Token:
    """A login's token, and the monotonic second at which it ends, where that is known."""

    value: str = field(repr=False)
    ends: float | None = None


@dataclass(frozen=True)
class Reply:
    """The answer to the last attempt at a request, and what a failure would mean for the vendor's objects."""

    source: str
    answer: httpx.Response
    #: True if the request only reads, False if an earlier attempt may have taken effect; else the answer says it.
    no_effect: bool | None

    def decode(self) -> Body:
        """Return the answer's JSON object, which is strict where nothing can be lost."""
        reads = self.no_effect is True
        return decode(self.source, self.answer.content, no_effect=reads, strict=reads)


def fill(path: str, ids: tuple[str, ...]) -> str:
    """Put ids into the ``{}`` of a path, each escaped so that it stays one segment."""
    for segment in ids:
        if segment in {"", ".", ".."}:
            raise Misconfigured("an id is empty or a relative path", todo="correct the id")
    return path.format(*(quote(segment, safe=":") for segment in ids))


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic authentication; user and password are taken as they are."""
    return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


class Session(ABC, Generic[EndpointT]):
    """Requests to one endpoint, shared by all threads of the process."""

    model: ClassVar[type[Endpoint]]
    #: The right that an account needs; named in the advice of a :class:`Forbidden`.
    right: ClassVar[str]

    def __init__(self, name: str, endpoint: EndpointT, runtime: Runtime) -> None:
        self.name = name
        self.endpoint = endpoint
        self.runtime = runtime
        self._token: Token | None = None
        self._refused_login: Unauthenticated | None = None
        self._failed_logins: list[Error] = []
        self._login = threading.Lock()
        self._clock = threading.Lock()
        self._clock_offset = timedelta()
        self._warned_of_clock = False
        #: What the endpoint has said about credentials that it should accept.
        self.checks = CredentialChecks(name, runtime.sleep)
        #: Serialises read-modify-write of an object that all resources of the endpoint share.
        self.exclusive = threading.RLock()
        if endpoint.allow_unverified_ssl:
            runtime.warn(f"endpoint {name}: the server's certificate is not checked (allowUnverifiedSsl)")
        self.connections = Connections(endpoint, runtime.monotonic, runtime.sleep)

    # -- what a vendor's file says ------------------------------------------------------------------------------

    @abstractmethod
    def log_in(self) -> Token:
        """Ask the vendor for a token. Called under a lock, at the first request and when the token has ended."""

    @abstractmethod
    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Put the token, or a signature, on a request."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Return the headers of every request: version, media type."""

    @abstractmethod
    def error_code(self, body: Body) -> object:
        """Return the vendor's error code from an error's body, of whatever type it is."""

    def organization(self) -> str | None:
        """Return in words whose account the login is for, where the vendor asks for that."""
        return None

    def request_id(self, answer: httpx.Response, body: Body) -> object:  # noqa: ARG002 - a vendor may need them
        """Return the vendor's id of the request, if it gives one."""
        return None

    def classify(self, status: int, code: str | None) -> type[VendorError]:  # noqa: ARG002 - a vendor may need it
        """Return the kind of error that a status and code mean."""
        if status >= _SERVER_ERRORS:
            return Unavailable
        return _BY_STATUS.get(status, Rejected)

    def await_task(self, source: str, request: httpx.Request, answer: httpx.Response) -> Body | None:  # noqa: ARG002 - likewise
        """Wait for a task that the vendor has only accepted; return nothing if the answer is already the result."""
        return None

    # -- what a resource's verbs use ----------------------------------------------------------------------------

    def get(self, path: str, *ids: str, query: Mapping[str, str] | None = None) -> Body:
        """GET a JSON object."""
        return self.request("GET", path, *ids, query=query)

    def not_proven_gone(self, refused: VendorError, why: str = "") -> NotProvenGone:
        """Return the error for an object that this refusal does not prove to be gone.

        What proves that is in each vendor's ``find``, and nowhere else: what its pages say of a missing object, and a
        whole list that lacks it.
        """
        found = NotProvenGone(
            f"{refused.happened}, which does not prove that it is gone{why and f': {why}'}",
            todo=f"the account needs {self.right}; if it is gone all the same, run `pulumi state delete`",
            request_id=refused.request_id,
        )
        todo = f"the account needs {self.right}"
        found.in_no_state = Forbidden(refused.happened, todo=todo, request_id=refused.request_id)
        return found

    def put(self, path: str, *ids: str, json: object = None, query: Mapping[str, str] | None = None) -> Body:
        """PUT a whole value: the same call again has the same effect, so it is repeated where that helps."""
        return self.request("PUT", path, *ids, json=json, query=query)

    def post(self, path: str, *ids: str, json: object = None, query: Mapping[str, str] | None = None) -> Body:
        """POST something that is not safe to repeat."""
        return self.request("POST", path, *ids, json=json, query=query, repeatable=False)

    def delete(self, path: str, *ids: str) -> None:
        """DELETE an object; no vendor answers that with content."""
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
        may have no body; a body that is there must still be JSON, which a login page is not. All attempts end within
        :data:`MAX_ATTEMPTS_S` seconds after the first was sent.
        """
        return self.settle(self.look(method, path, *ids, json=json, query=query, repeatable=repeatable), empty=empty)

    def look(
        self,
        method: str,
        path: str,
        *ids: str,
        json: object = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Reply:
        """Send a request as the endpoint's account; return its answer as it is, a refusal too.

        ``headers`` replace some of those that every request has.
        """
        url, said = self.endpoint.url + fill(path, ids), self.headers() | dict(headers or {})
        request = self.connections.request(method, url, params=query, json=json, headers=said)
        return self._send(request, authorized=True, repeatable=repeatable)

    def settle(self, reply: Reply, *, empty: bool = False) -> Body:
        """Return the JSON object that an answer has, or that the task which it names ends with; raise a refusal."""
        self._accept(reply)
        done = self.await_task(reply.source, reply.answer.request, reply.answer)
        if done is not None:
            return done
        return Body(reply.source, {}) if empty and not reply.answer.content else reply.decode()

    def look_in_public(self, method: str, url: str, **how: Any) -> Reply:
        """Send a request that changes nothing, without the account's token; return its answer, a refusal too."""
        return self._send(self.connections.request(method, url, **how), authorized=False)

    def pages(self, path: str, *, query: Mapping[str, str], following: str = "nextPage") -> Iterator[Body]:
        """GET page after page along the ``Link`` headers, never at another origin."""
        url = self.endpoint.url + path
        params: Mapping[str, str] | None = query
        seen: set[str] = set()
        while url not in seen and len(seen) < MAX_PAGES:
            seen.add(url)
            request = self.connections.request("GET", url, params=params, headers=self.headers())
            reply = self._send_authorized(request)
            yield reply.decode()
            link = reply.answer.links.get(following, {}).get("url")
            if link is None:
                return
            url, params = self.same_origin(reply.source, link, base=url, no_effect=True), None
        raise BadAnswer(
            f"{self.name}: GET {path}: the list of pages goes round in a circle, or has no end", no_effect=True
        )

    def get_at(self, url: str, **how: Any) -> tuple[str, httpx.Response]:
        """GET a URL that the vendor has named and :meth:`same_origin` has accepted."""
        reply = self._send_authorized(self.connections.request("GET", url, **how))
        return reply.source, reply.answer

    def same_origin(self, source: str, reference: str, *, base: str = "", no_effect: bool | None = None) -> str:
        """Return the URL that a vendor names, whole or relative to a base, if it stays at the endpoint's origin.

        :raises BadAnswer: if it does not; ``no_effect`` says what that error is to say of the request.
        """
        import httpx

        try:
            url = urljoin(base, reference)
            # The URL is also judged as it is sent: two parsers could see two hosts.
            sent = httpx.URL(url)
            elsewhere = sent.userinfo or not origin(url) == origin(str(sent)) == origin(self.endpoint.url)
        except (ValueError, httpx.InvalidURL):
            raise BadAnswer(f"{source}: the answer points to what is no URL", no_effect=no_effect) from None
        if elsewhere:
            raise BadAnswer(f"{source}: the answer points to another host; it was not followed", no_effect=no_effect)
        return url

    @property
    def clock_offset(self) -> timedelta:
        """How far the endpoint's clock is ahead of this machine's, as far as an answer has shown it."""
        return self._clock_offset

    def vendor_now(self) -> datetime:
        """Return the present moment by the endpoint's clock; by this machine's where no answer has shown it yet.

        The vendor decides by its own clock when a secret ends.
        """
        return self.runtime.now() + self._clock_offset

    def log_in_now(self) -> None:
        """Log in, if that has not been done in this run: then :meth:`vendor_now` is the vendor's."""
        self._usable_token(None)

    def vendor_clock(self) -> datetime:
        """Return the present moment by the endpoint's clock, which the login shows at the latest.

        Whatever ends a credential because of the time asks this one: the clock of this machine may be wrong.
        """
        self.log_in_now()
        return self.vendor_now()

    # -- for a vendor's login -----------------------------------------------------------------------------------

    def log_in_with(self, method: str, url: str, **how: Any) -> tuple[httpx.Response, Body]:
        """Send a login, which is safe to repeat: it makes a token and ends none."""
        reply = self.look_in_public(method, url, **how)
        if reply.answer.is_success:
            self._note_clock(reply.answer)
            content = reply.answer.content or b"{}"
            return reply.answer, decode(reply.source, content, no_effect=True)
        refusal = self._refusal(reply)
        if reply.answer.status_code == _NOT_FOUND:
            # Not NotFound: the login is missing, which says nothing about any object.
            todo = f"check the address of endpoint {self.name!r}"
            raise BadAnswer(refusal.happened, todo=todo, request_id=refusal.request_id, no_effect=True)
        if isinstance(refusal, Rejected | Forbidden):
            # A login that is understood and refused means the credentials, whatever the status.
            refusal = Unauthenticated(refusal.happened, todo=self.login_advice(), request_id=refusal.request_id)
        if isinstance(refusal, Unauthenticated):
            refusal.aftermath = "nothing was changed"
        raise refusal

    def get_in_public(self, url: str) -> tuple[httpx.Response, Body]:
        """GET what is public, without the account's token."""
        reply = self.look_in_public("GET", url, headers={"accept": "application/json"})
        if not reply.answer.is_success:
            raise self._refusal(reply)
        return reply.answer, reply.decode()

    def ping(self) -> datetime | None:
        """GET the address itself, without credentials; return what the clock of the answering server shows, if known.

        :raises Unreachable: if nobody answers there, or the server's certificate is not trusted.
        """
        try:
            reply = self.look_in_public("GET", self.endpoint.url)
        except BadAnswer:
            # A redirect, or a page without end: somebody is there.
            return None
        return _date(reply.answer)

    def proves_right(self) -> bool:
        """Read something that takes the right which rekey needs; tell whether there is such a thing.

        :raises Forbidden: if the account lacks it.
        """
        return False

    def accepts(self, method: str, shows: str, **how: Any) -> bool:
        """Tell whether the vendor accepts the credentials in this request, by a success that ``shows`` a field.

        :raises Error: if the answer says nothing about these credentials.
        """
        reply = self.look_in_public(method, **how)
        if reply.answer.is_success:
            if shows not in reply.decode():
                raise BadAnswer(f"{reply.source}: the answer has no {shows!r}", no_effect=True)
            return True
        refusal = self._refusal(reply)
        if isinstance(refusal, Unauthenticated | Rejected):
            return False
        if isinstance(refusal, NotFound):
            # The address is missing, which says nothing about the object that the credentials are for.
            raise BadAnswer(refusal.happened, request_id=refusal.request_id, no_effect=True)
        raise refusal

    def oauth_error(self, url: str, client_id: str, client_secret: str, form: Mapping[str, str]) -> str:
        """Probe a token endpoint as a client (Basic) and return the OAuth error code.

        :raises Error: if the answer has none, such as that of a gateway that fails.
        """
        # Encoded first, as RFC 6749, 2.3.1 says; the pages of Broker and Navigator show theirs without that.
        client = basic(quote(client_id, safe=""), quote(client_secret, safe=""))
        reply = self.look_in_public("POST", url, data=dict(form), headers=client)
        code = printable_code(self._error_body(reply.answer).get("error"))
        if code is None:
            raise BadAnswer(
                f"{reply.source}: {reply.answer.status_code}: the answer has no OAuth error code", no_effect=True
            )
        return code

    def ends_in(self, seconds: float | None) -> float | None:
        """Return the monotonic second from which a token of this lifetime is no longer used."""
        if seconds is None:
            return None
        # A longer lifetime makes no difference, and no number may be too much for a float.
        seconds = max(0.0, min(seconds, MAX_RUN_S))
        # A token whose lifetime is shorter than the margin is used for half of it.
        return self.runtime.monotonic() + max(seconds - TOKEN_MARGIN_S, seconds / 2)

    # -- inside -------------------------------------------------------------------------------------------------

    def _source(self, request: httpx.Request) -> str:
        # Still escaped: an id that the vendor made could hold a line break.
        return f"{self.name}: {request.method} {request.url.raw_path.partition(b'?')[0].decode()}"

    def _usable_token(self, stale: Token | None) -> Token:
        failed_before = len(self._failed_logins)
        with self._login:
            if self._refused_login is not None:
                # Wrong credentials do not get better in this process, and each try counts towards a locked account.
                raise copy(self._refused_login)
            token = self._token
            ended = token is not None and token.ends is not None and token.ends <= self.runtime.monotonic()
            if token is not None and token is not stale and not ended:
                return token
            if len(self._failed_logins) > failed_before:
                # Another thread's login failed meanwhile. To try again, one after the other, would take hours.
                raise copy(self._failed_logins[-1])
            try:
                token = self.log_in()
                if not _TOKEN.fullmatch(token.value):
                    raise BadAnswer(f"{self.name}: the login's answer has no usable token")
            except Error as failed:
                # Whatever the vendor's file raised: a login changes nothing.
                failed.no_effect = True
                self._token = None
                self._failed_logins.append(failed)
                if isinstance(failed, Unauthenticated):
                    self._refused_login = failed
                raise
            self._token = token
            return token

    def _send_authorized(self, request: httpx.Request) -> Reply:
        """Send a request as the endpoint's account; return the answer if it is a success."""
        reply = self._send(request, authorized=True)
        self._accept(reply)
        return reply

    def _accept(self, reply: Reply) -> None:
        if not reply.answer.is_success:
            raise self._refusal(reply)
        self._note_clock(reply.answer)

    def _note_clock(self, answer: httpx.Response) -> None:
        """Note how far the clock of a vendor that knows the account is ahead of this machine's."""
        shown = _date(answer)
        # What comes out of a cache is older than its answer.
        if shown is None or shown.tzinfo is None or "age" in answer.headers:
            return
        offset = shown - self.runtime.now()
        if abs(offset) > MAX_CLOCK_OFFSET:
            return
        with self._clock:
            self._clock_offset = offset if abs(offset) >= MIN_CLOCK_SKEW else timedelta()
            warns = abs(offset) > MAX_CLOCK_SKEW and not self._warned_of_clock
            self._warned_of_clock |= warns
        if warns:
            which = "ahead of" if offset > timedelta() else "behind"
            self.runtime.warn(
                f"endpoint {self.name}: its clock is {in_words(abs(offset))} {which} this machine's: have this"
                " machine's clock set by NTP"
            )

    def _send(self, request: httpx.Request, *, authorized: bool, repeatable: bool = True) -> Reply:
        """Send a request until it is answered for good or there is no time for another attempt.

        Reads, logins and probes of a credential never take effect, so neither does a failed one.
        """
        import httpx

        source = self._source(request)
        writes = authorized and request.method != "GET"
        deadline = Deadline(self.runtime.monotonic, MAX_ATTEMPTS_S, needed=self.endpoint.timeout if writes else 0.0)
        turned_away: Token | None = None
        # What is known of all attempts before this one.
        no_effect = None if writes else True
        before: Reply | Error | None = None
        turn = self.connections.take_turn()
        for attempt in itertools.count(1):
            ended: Reply | Error
            again, pause = False, 0.0
            asked = self.runtime.monotonic()
            try:
                token = self._usable_token(turned_away) if authorized else None
                answer = self._exchange(request, source, turn, deadline, token, asked=asked, writes=writes)
            except httpx.LocalProtocolError:
                ended, took_effect = unsendable(source), False
            except httpx.TransportError as failed:
                ended = self._failure(source, failed)
                took_effect = not ended.no_effect
                # Without a connection nothing was sent, so any request may be repeated; a certificate stays untrusted.
                again = (repeatable or ended.no_effect) and not is_certificate(failed) and attempt < MAX_ATTEMPTS
                pause = self._backoff(attempt)
            except NotSent as late:
                ended, took_effect = before or late, False
            except Error as failed:
                ended, took_effect = failed, False
            else:
                ended = Reply(source, answer, no_effect)
                if token is not None and turned_away is None and self._is_unauthenticated(answer):
                    # Safe to repeat: the request was refused before it was looked at.
                    turned_away = token
                    continue
                took_effect = answer.status_code in _GATEWAY
                # 429 refuses a request before anything is done for it: what counts requests stands before what serves
                # them. So any may be repeated; after a gateway's failure nobody knows.
                again = answer.status_code == _TOO_MANY or (took_effect and repeatable and attempt < MAX_ATTEMPTS)
                pause = self._retry_after(answer, attempt)
            if not again or not deadline.allows_another_after(pause):
                if isinstance(ended, Reply):
                    return ended
                if no_effect is not None:
                    ended.no_effect = no_effect
                raise ended
            before = ended
            if writes and took_effect:
                no_effect = False
            self.runtime.sleep(pause)
        raise AssertionError  # the loop ends by return or raise only

    def _exchange(
        self,
        request: httpx.Request,
        source: str,
        turn: int,
        deadline: Deadline,
        token: Token | None,
        *,
        asked: float,
        writes: bool,
    ) -> httpx.Response:
        """Make one attempt: wait for a client, send the request and read the whole answer."""
        import httpx

        def before_sending() -> None:
            # A host that outlives its engine must mint nothing, so each attempt at a write asks at the last moment.
            if writes and not self.runtime.wanted():
                raise Abandoned(f"{source}: the engine that asked for this is gone")
            if not deadline.allows_sending():
                raise NotSent(f"{source}: nothing was sent, because there is no time left for the whole answer")

        bound = self.runtime.monotonic() + MAX_QUEUE_S
        with self.connections.lease(source, turn, lambda: bound - self.runtime.monotonic()) as (client, slot):
            # While a vendor takes up nothing at all, each request ends after its time: to wait for one another is vain.
            if not self.connections.only_refuses(asked):
                deadline.put_off(self.runtime.monotonic() - asked)
            if token is not None:
                # Now, because a signature holds for some minutes only.
                try:
                    self.authorize(request, token)
                except UnicodeEncodeError:
                    raise unsendable(f"endpoint {self.name!r}") from None
            answer = client.send(request, left=deadline.left, before_sending=before_sending)
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
            whole = httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content), request=request)
            slot.answered, slot.refused = True, whole.status_code == _TOO_MANY
            if slot.refused:
                slot.hold = self._hold(whole)
            self.runtime.heard(request, whole)
            return whole

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

    def _refusal(self, reply: Reply) -> VendorError:
        body = self._error_body(reply.answer)
        code = printable_code(self.error_code(body))
        status = reply.answer.status_code
        kind = self.classify(status, code)
        happened = f"{reply.source}: {status}{f' {code}' if code else ''}"
        todo = f"the account needs {self.right}" if kind is Forbidden else None
        todo = self.login_advice() if kind is Unauthenticated else todo
        request_id = printable_code(self.request_id(reply.answer, body))
        refusal = kind(happened, todo=todo, request_id=request_id, no_effect=reply.no_effect)
        refusal.code, refusal.has_content = code, bool(reply.answer.content)
        return refusal

    def login_advice(self) -> str:
        """Return where the credentials are from, and for which address and organization."""
        whose = " ".join(filter(None, [self.organization(), f"at {self.endpoint.url}"]))
        given = [self.endpoint.source(self.name, field) for field in self.endpoint.usable_credentials()]
        return f"{Unauthenticated.todo}: {', '.join(given)} ({whose})" if given else Unauthenticated.todo

    def _failure(self, source: str, failed: httpx.TransportError) -> Error:
        import httpx

        match failed:
            case httpx.ConnectError() | httpx.ProxyError() | httpx.ConnectTimeout():
                sent_to = origin(str(failed.request.url))
                here = [field for field in self.model.addresses if self._origin_of(field) == sent_to]
                return unreachable(source, self.name, self.endpoint.source(self.name, (here or ["url"])[0]), failed)
            case httpx.TimeoutException():
                return AnswerLost(f"{source}: no whole answer in time")
            case _:
                return AnswerLost(f"{source}: the connection broke before the whole answer was there")

    def _origin_of(self, field: str) -> object:
        address = getattr(self.endpoint, field)
        return address and origin(address)

    def _backoff(self, attempt: int) -> float:
        # Jitter keeps many threads from coming back at the same moment.
        return random.uniform(0.5, 1.0) * min(0.25 * 2.0**attempt, 8.0)  # noqa: S311 - spreads load, keeps no secret

    def _retry_after(self, answer: httpx.Response, attempt: int) -> float:
        # "At once", or a date in the past, is no permission to hammer.
        return max(self._wanted_pause(answer), self._backoff(attempt))

    def _hold(self, answer: httpx.Response) -> float:
        """Return the seconds for which a vendor that throttles wants no request of anybody."""
        seconds = self._wanted_pause(answer)
        # Nobody waits for longer: then each request is sent and says what the vendor says.
        return seconds if seconds < MAX_ATTEMPTS_S else 0.0

    def _wanted_pause(self, answer: httpx.Response) -> float:
        """Return the seconds that ``Retry-After`` names; 0 without it."""
        asked: str = answer.headers.get("retry-after", "")
        try:
            seconds = (
                float(asked) if asked.isdigit() else (parsedate_to_datetime(asked) - self.runtime.now()).total_seconds()
            )
        except (TypeError, ValueError, OverflowError):
            return 0.0
        return max(seconds, 0.0)


def _date(answer: httpx.Response) -> datetime | None:
    """Return the moment in an answer's ``Date`` header, if there is one."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return None
