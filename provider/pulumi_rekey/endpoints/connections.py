"""As many connections to an endpoint at a time as its vendor bears, each kept for the next request.

httpx is loaded with the first of them: a run in which nothing changes needs none.
"""

from __future__ import annotations

import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import Misconfigured
from .address import is_loopback, origin
from .config import Endpoint

if TYPE_CHECKING:
    import httpx

#: A few compressed bytes could fill the memory, so none are asked for.
PLAIN = "identity"


class Line:
    """A client with one connection and one request at a time, none of whose reads outlasts the request's end."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._left: Callable[[], float] = lambda: 0.0

    def send(self, request: httpx.Request, left: Callable[[], float]) -> httpx.Response:
        """Send a request for which ``left`` says how many seconds are left, and return the head of the answer."""
        self._left = left
        request.extensions["trace"] = self._watched
        return self._client.send(request, stream=True)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _watched(self, event: str, about: dict[str, Any]) -> None:
        """Bound all reads of a connection that is made.

        httpx's own limit is for each read: an answer of which a byte comes now and then would never end.
        """
        import httpcore

        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        stream: httpcore.NetworkStream = about["return_value"]
        read = stream.read

        def read_in_time(max_bytes: int, timeout: float | None = None) -> bytes:
            left = self._left()
            if left <= 0:
                raise httpcore.ReadTimeout("the answer trickles in")
            return read(max_bytes, left if timeout is None else min(timeout, left))

        stream.read = read_in_time  # type: ignore[method-assign]  # this stream alone reads so


class Connections:
    """The clients of one endpoint; each has one connection and one request at a time.

    A single client with a pool would do, but httpx looks at every connection of the pool for every one that is idle,
    twice a request, under a lock that all threads share: with 32 of them that takes longer than all the rest.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._slots = threading.BoundedSemaphore(endpoint.max_concurrent)
        # The one that was used last goes first, so that no more are opened than are needed at a time.
        self._idle: deque[Line] = deque()
        # Builds requests only, so that this needs no free one.
        self._builder = self._client()

    def request(self, method: str, url: str, **how: Any) -> httpx.Request:
        """Build a request, with what every one to the endpoint has."""
        return self._builder.build_request(method, url, **how)

    @contextmanager
    def one(self) -> Iterator[Line]:
        """Lend a line; wait for one while so many are lent as the vendor bears."""
        with self._slots:
            try:
                line = self._idle.pop()
            except IndexError:
                line = Line(self._client())
            try:
                yield line
            finally:
                self._idle.append(line)

    def close(self) -> None:
        """Hang up; in the host the end of the process does that."""
        self._builder.close()
        for line in self._idle:
            line.close()

    def _client(self) -> httpx.Client:
        _load_httpx()
        import httpx

        scheme, host, _ = origin(self._endpoint.url)
        return httpx.Client(
            verify=_tls_context(
                self._endpoint.ca_bundle,
                # http is for loopback only, where no certificate is and no proxy stands.
                needed=scheme != "http",
                verified=not self._endpoint.allow_unverified_ssl,
            ),
            trust_env=not is_loopback(host),
            timeout=self._endpoint.timeout,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            headers={"accept-encoding": PLAIN, "user-agent": "pulumi-rekey"},
            follow_redirects=False,
        )


@cache
def _load_httpx() -> None:
    """Import httpx without its command line, which brings rich and click: two thirds of the time that it takes."""
    unwanted = "httpx._main"
    absent = unwanted not in sys.modules
    if absent:
        # What is not there to be imported is what httpx is ready for.
        sys.modules[unwanted] = None  # type: ignore[assignment]  # documented: this halts an import
    try:
        import httpx  # noqa: F401 - for whoever imports it next
    finally:
        if absent:
            sys.modules.pop(unwanted, None)


@cache
def _tls_context(ca_bundle: str | None, *, needed: bool, verified: bool) -> ssl.SSLContext:
    # One context serves all clients: loading the CA certificates costs a tenth of a second.
    if not needed:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import httpx

    context = httpx.create_ssl_context()
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=ca_bundle)
        except (OSError, ssl.SSLError):
            raise Misconfigured("caBundle is not a readable file of PEM certificates") from None
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
