"""Connections to one endpoint: at most as many at a time as its vendor bears, each kept for the next request.

Requests are sent in the order in which they first asked; one that a vendor has throttled keeps its place.

httpx is loaded with the first of them: a run in which nothing changes needs none.
"""

from __future__ import annotations

import itertools
import math
import os
import ssl
import sys
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import Misconfigured, NotSent
from .address import is_loopback, origin
from .config import Endpoint
from .limiter import Limiter, Slot
from .proxies import proxy_for

if TYPE_CHECKING:
    import httpcore
    import httpx

#: A few compressed bytes could fill the memory, so none are asked for.
PLAIN = "identity"
#: The environment variables by which OpenSSL and Python find files.
_TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
#: Seconds between looks at the clock while a request waits for a client.
_QUEUE_LOOK_S = 1.0


def unsendable(source: str) -> Misconfigured:
    """Return the error of a request with a header that cannot be written."""
    return Misconfigured(
        f"{source}: nothing was sent, because a credential or a setting has a character that no header can carry",
        todo="correct it: ASCII letters, digits and signs only",
    )


def _never_its_turn(source: str) -> NotSent:
    return NotSent(
        f"{source}: nothing was sent, because too many requests to this endpoint are under way",
        todo="run `pulumi up` again, with a lower --parallel or a higher maxConcurrent of this endpoint",
    )


class PooledClient:
    """A client with one connection, which carries one request at a time.

    It sees the moments at which httpx goes to the network, so that a request is judged at the very last one and none
    of its reads outlasts its end.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._left: Callable[[], float] = lambda: 0.0
        self._before_sending: Callable[[], None] = lambda: None

    def send(
        self, request: httpx.Request, *, left: Callable[[], float], before_sending: Callable[[], None]
    ) -> httpx.Response:
        """Send a request and return the head of the answer.

        ``left`` returns the seconds that are left for it. ``before_sending`` is called when the connection is there
        and no byte of the request is on it yet; what it raises keeps the request from being sent.
        """
        self._left = left
        self._before_sending = before_sending
        request.extensions["trace"] = self._watch
        return self._client.send(request, stream=True)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _watch(self, event: str, about: dict[str, Any]) -> None:
        """Follow what httpx does; documented as its "trace" request extension."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._bound_reads(about["return_value"])
        elif event.endswith("send_request_headers.started") and about["request"].method != b"CONNECT":
            self._before_sending()

    def _bound_reads(self, stream: httpcore.NetworkStream) -> None:
        """Bound all reads of a new connection together.

        httpx's own limit is for each read: an answer of which a byte comes now and then would never end.
        """
        import httpcore

        read = stream.read

        def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:
            left = self._left()
            if left <= 0:
                raise httpcore.ReadTimeout("the answer trickles in")
            return read(max_bytes, left if timeout is None else min(timeout, left))

        stream.read = read_in_time  # type: ignore[method-assign]  # this stream alone reads so


class Connections:
    """The clients of one endpoint; each has one connection and one request at a time.

    A single client with a pool would do, but for each idle connection httpx looks at every connection of the pool,
    twice a request, under a lock that all threads share: with 32 of them that takes longer than all the rest.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._limiter = Limiter(endpoint.max_concurrent)
        self._turns = itertools.count()
        # Those who wait, by their turns; each is woken when it may be the one to go.
        self._queue: list[tuple[int, threading.Event]] = []
        # The client that was used last goes first, so that no more are opened than are needed at a time.
        self._idle: deque[PooledClient] = deque()
        # Builds requests only, so that this needs no free client.
        self._builder = self._client()

    def request(self, method: str, url: str, **how: Any) -> httpx.Request:
        """Build a request with what every request to the endpoint has."""
        try:
            return self._builder.build_request(method, url, **how)
        except UnicodeEncodeError:
            raise unsendable(f"{method} {origin(url)[1]}") from None

    def take_turn(self) -> int:
        """Return a place in the queue, which a request keeps for all its attempts."""
        return next(self._turns)

    def only_refuses(self, since: float) -> bool:
        """Tell whether the vendor's latest answer is 429, and it has given no other since then."""
        with self._lock:
            return self._limiter.only_refuses(since)

    @contextmanager
    def lease(self, source: str, turn: int, left: Callable[[], float]) -> Iterator[tuple[PooledClient, Slot]]:
        """Lend a client; wait for one while as many are lent as the vendor bears, or while it wants no request.

        ``left`` returns the seconds that are left for the wait. The borrower notes on the slot what the vendor answers.

        :raises NotSent: if none becomes free in time.
        """
        slot = self._wait(source, turn, left)
        try:
            try:
                client = self._idle.pop()
            except IndexError:
                client = PooledClient(self._client())
            try:
                yield client, slot
            finally:
                self._idle.append(client)
        finally:
            with self._lock:
                self._limiter.leave(slot, self._monotonic())
                self._wake_next()

    def _wait(self, source: str, turn: int, left: Callable[[], float]) -> Slot:
        waiter = (turn, threading.Event())
        with self._lock:
            insort(self._queue, waiter)
        try:
            while True:
                with self._lock:
                    waiter[1].clear()
                    now = self._monotonic()
                    delay = self._limiter.delay(now) if self._queue[0] is waiter else math.inf
                    if not delay:
                        return self._limiter.enter(now)
                remaining = left()
                if remaining <= 0:
                    raise _never_its_turn(source)
                if delay < math.inf:
                    self._sleep(min(delay, remaining))
                else:
                    waiter[1].wait(min(remaining, _QUEUE_LOOK_S))
        finally:
            with self._lock:
                self._queue.remove(waiter)
                self._wake_next()

    def _wake_next(self) -> None:
        if self._queue:
            self._queue[0][1].set()

    def close(self) -> None:
        """Close all connections; in the host the end of the process does that."""
        self._builder.close()
        for client in self._idle:
            client.close()

    def _client(self) -> httpx.Client:
        _load_httpx()
        import httpx

        scheme, host, _ = origin(self._endpoint.url)
        return httpx.Client(
            verify=_tls_context(
                self._endpoint.ca_bundle,
                # http is for loopback only, where there is neither a certificate nor a proxy.
                needed=scheme != "http",
                verified=not self._endpoint.allow_unverified_ssl,
            ),
            # httpx's own reading of the environment fails on much that other programs understand.
            trust_env=False,
            proxy=None if is_loopback(host) else proxy_for(self._endpoint.url),
            timeout=self._endpoint.timeout,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            headers={"accept-encoding": PLAIN, "user-agent": "pulumi-rekey"},
            follow_redirects=False,
        )


@cache
def _load_httpx() -> None:
    """Import httpx without its command line: rich and click take two thirds of the time."""
    unwanted = "httpx._main"
    absent = unwanted not in sys.modules
    if absent:
        # httpx expects that its command line may not be installed.
        sys.modules[unwanted] = None  # type: ignore[assignment]  # documented: this halts an import
    try:
        import httpx  # noqa: F401 - the next import finds it loaded
    finally:
        if absent:
            sys.modules.pop(unwanted, None)


@cache
def _tls_context(ca_bundle: str | None, *, needed: bool, verified: bool) -> ssl.SSLContext:
    # One context serves all clients: loading the CA certificates costs a tenth of a second.
    if not needed:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import httpx

    try:
        context = httpx.create_ssl_context()
    except (OSError, ssl.SSLError):
        named = [name for name in _TLS_VARIABLES if os.environ.get(name)]
        raise Misconfigured(
            f"{' or '.join(named) or 'the set of CA certificates'} cannot be read", todo="correct it, or unset it"
        ) from None
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except (OSError, ssl.SSLError):
            raise Misconfigured("caBundle is not a readable file of PEM certificates") from None
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
