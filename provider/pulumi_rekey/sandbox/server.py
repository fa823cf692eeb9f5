"""One ASGI application out of the four vendors, their faults, the log of calls and the control endpoints."""

import asyncio
import re
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Protocol

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .broker import Broker
from .faults import Fault, read_fault
from .navigator import Navigator
from .roma import Roma
from .seed import populate
from .throttle import Throttle, read_throttle
from .vcd import Vcd
from .wire import Malformed, json_object, required
from .world import Refusal, World


class Vendor(Protocol):
    """What the application needs of a vendor's server; a new one is a fresh state."""

    switches: ClassVar[dict[str, tuple[str, ...]]]
    #: The beginnings of all paths that are its own, served or not.
    paths: ClassVar[tuple[str, ...]]

    def __init__(self, world: World) -> None: ...

    def routes(self) -> list[BaseRoute]:
        """The paths that it serves."""

    def unserved(self, request: Request, *, exists: bool) -> Response:
        """Its refusal of a path that it does not have, or, where the path `exists`, of the method."""

    def credentials(self) -> dict[str, str]:
        """What a client needs to know of it."""


VENDORS: dict[str, type[Vendor]] = {"vcd": Vcd, "broker": Broker, "navigator": Navigator, "roma": Roma}
CONTROL = "/_sandbox/"
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
REMEMBERED_CALLS = 100_000
DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


class Sandbox:
    """The application. `base_url` is the origin that it is served at."""

    def __init__(self, base_url: str) -> None:
        switches = {name: values for vendor in VENDORS.values() for name, values in vendor.switches.items()}
        self._world = World(base_url, switches)
        self._control = Router(
            [
                Route("/_sandbox/credentials", self._show_credentials, methods=["GET"]),
                Route("/_sandbox/reset", self._do_reset, methods=["POST"]),
                Route("/_sandbox/clock", self._show_clock, methods=["GET"]),
                Route("/_sandbox/clock", self._advance_clock, methods=["POST"]),
                Route("/_sandbox/faults", self._list_faults, methods=["GET"]),
                Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
                Route("/_sandbox/faults", self._clear_faults, methods=["DELETE"]),
                Route("/_sandbox/throttle", self._set_throttle, methods=["POST"]),
                Route("/_sandbox/calls", self._list_calls, methods=["GET"]),
                Route("/_sandbox/calls", self._clear_calls, methods=["DELETE"]),
                Route("/_sandbox/dialect", self._show_dialect, methods=["GET"]),
                Route("/_sandbox/dialect", self._turn_dialect, methods=["POST"]),
            ]
        )
        self._build()

    def _build(self) -> None:
        self._faults: list[Fault] = []
        self._throttle = Throttle()
        self._calls: deque[tuple[str, str, int | None, datetime, float]] = deque(maxlen=REMEMBERED_CALLS)
        vendors = {name: vendor(self._world) for name, vendor in VENDORS.items()}
        self._credentials = {name: vendor.credentials() for name, vendor in vendors.items()}
        self._vendors = _Vendors(list(vendors.values()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path: str = scope["path"]
        if path.startswith(CONTROL):
            await self._serve_control(scope, receive, send)
            return
        # Held from here on: what outlives a reset neither changes nor shows in the new state.
        vendors, calls = self._vendors, self._calls
        method: str = scope["method"]
        at, started, status = self._world.now(), time.perf_counter(), None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                date = format_datetime(self._world.now(), usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        throttle = self._throttle
        if not throttle.takes():
            await throttle.refusal()(scope, receive, noting)
            calls.append((method, path, status, at, time.perf_counter() - started))
            return
        fault = next((rule for rule in self._faults if rule.meets(method, path)), None) if self._faults else None
        try:
            with throttle.under_way():
                if fault is None:
                    await _serve(vendors, scope, receive, noting)
                else:
                    await _serve_fault(fault, vendors, scope, receive, noting)
        finally:
            calls.append((method, path, status, at, time.perf_counter() - started))

    async def _serve_control(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a control request, but not one that a web page or a rebound host name could have sent."""
        request = Request(scope, receive)
        host = re.sub(r":\d+$", "", request.headers.get("host", ""))
        if host not in LOOPBACK or "origin" in request.headers:
            refused = JSONResponse({"error": "control answers a loopback Host and no Origin"}, HTTPStatus.FORBIDDEN)
            await refused(scope, receive, send)
            return
        try:
            await self._control(scope, receive, send)
        except Malformed as wrong:
            await JSONResponse({"error": str(wrong)}, HTTPStatus.BAD_REQUEST)(scope, receive, send)

    async def _show_credentials(self, _request: Request) -> Response:
        return JSONResponse(self._credentials)

    async def _do_reset(self, _request: Request) -> Response:
        self._world.reset()
        self._build()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _show_clock(self, _request: Request) -> Response:
        return JSONResponse({"now": _rfc3339(self._world.now())})

    async def _advance_clock(self, request: Request) -> Response:
        parts = DURATION.fullmatch(text := required(await json_object(request), "advance", str))
        if not text or parts is None:
            raise Malformed("advance is a duration such as 31d, 1d12h, 90m or 30s")
        days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
        try:
            self._world.advance(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        except OverflowError:
            raise Malformed("advance goes beyond the calendar") from None
        return await self._show_clock(request)

    async def _list_faults(self, _request: Request) -> Response:
        return JSONResponse([fault.describe() for fault in self._faults])

    async def _add_fault(self, request: Request) -> Response:
        fault = read_fault(await json_object(request))
        self._faults.append(fault)
        return JSONResponse(fault.describe(), HTTPStatus.CREATED)

    async def _clear_faults(self, _request: Request) -> Response:
        self._faults.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _set_throttle(self, request: Request) -> Response:
        self._throttle = read_throttle(await json_object(request))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _list_calls(self, _request: Request) -> Response:
        return JSONResponse(
            [
                {
                    "method": method,
                    "path": path,
                    "status": status,
                    "time": _rfc3339(at),
                    "ms": round(took * 1000, 3),
                }
                for method, path, status, at, took in self._calls
            ]
        )

    async def _clear_calls(self, _request: Request) -> Response:
        self._calls.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _show_dialect(self, _request: Request) -> Response:
        return JSONResponse(self._world.dialect())

    async def _turn_dialect(self, request: Request) -> Response:
        try:
            self._world.turn(await json_object(request))
        except ValueError as wrong:
            raise Malformed(str(wrong)) from None
        return await self._show_dialect(request)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Vendors:
    """All vendors' paths; each vendor refuses in its own words what it does not serve."""

    def __init__(self, vendors: list[Vendor]) -> None:
        self._vendors = vendors
        self._routes = [route for vendor in vendors for route in vendor.routes()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        allowed: set[str] = set()
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                await route.handle(scope, receive, send)
                return
            if match is Match.PARTIAL:
                allowed |= getattr(route, "methods", set())
        await self._unserved(Request(scope, receive), allowed)(scope, receive, send)

    def _unserved(self, request: Request, allowed: set[str]) -> Response:
        path = request.url.path
        vendor = next((vendor for vendor in self._vendors if path.startswith(vendor.paths)), None)
        if vendor is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        refused = vendor.unserved(request, exists=bool(allowed))
        if refused.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            refused.headers["Allow"] = ", ".join(sorted(allowed))
        return refused


async def _serve(vendors: _Vendors, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await vendors(scope, receive, send)
    except Refusal as refusal:
        await refusal.response(scope, receive, send)


async def _serve_fault(fault: Fault, vendors: _Vendors, scope: Scope, receive: Receive, send: Send) -> None:
    """Let happen to one request what the fault says."""
    if fault.latency:
        receive = await _whole(receive)
        await asyncio.sleep(fault.latency)
    if fault.drop == "before":
        await _abort(scope, receive)
        return
    if fault.status is None and fault.drop is None:
        await _serve(vendors, scope, receive, send)
        return
    answer: list[Message] = []

    async def keep(message: Message) -> None:
        answer.append(message)

    if fault.commit or fault.drop:
        await _serve(vendors, scope, receive, keep)
    if fault.status is not None:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
        await Response(fault.body, fault.status, headers, fault.content_type)(scope, receive, send)
        return
    body = b"".join(part.get("body", b"") for part in answer)
    if fault.drop == "cut" and body:
        await send(answer[0])
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await _end(scope, receive)
    else:
        await _abort(scope, receive)


async def _whole(receive: Receive) -> Receive:
    """Take in the request: one whose client hangs up while it waits is served all the same."""
    parts = [await receive()]
    while parts[-1].get("more_body"):
        parts.append(await receive())

    async def once_more() -> Message:
        return parts.pop(0) if parts else await receive()

    return once_more


async def _abort(scope: Scope, receive: Receive) -> None:
    """Reset the connection, so that the client reads an error and not an end."""
    transport: asyncio.Transport = scope["state"]["transport"]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _until_gone(receive)


async def _end(scope: Scope, receive: Receive) -> None:
    """Close the connection after what was already written."""
    scope["state"]["transport"].close()
    await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    """Wait for the disconnect: until then uvicorn takes the silence for a fault of the application."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _TransportInScope(HttpToolsProtocol):
    """Hands the connection on to the application, which may have to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent has it
        """Send at once: a head that waits for its body to fill a packet costs 40 ms an answer."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


class _Server(uvicorn.Server):
    """Says when it answers, after it has been filled."""

    def __init__(self, config: uvicorn.Config, ready: str, fill: Callable[[], list[str]]) -> None:
        super().__init__(config)
        self._ready = ready
        self._fill = fill

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer."""
        await super().startup(sockets)
        made = await asyncio.to_thread(self._fill)
        # The first line is the one that callers wait for.
        print(self._ready, *made, sep="\n", flush=True)  # noqa: T201 - for people at the terminal


def serve(host: str, port: int, tls: tuple[str, str] | None = None, *, seed: bool = False) -> None:
    """Serve until interrupted.

    `host` is a loopback address, `port` 0 picks a free one, `tls` names a certificate chain and its key, `seed` fills
    the world first and says what is in it. Raises OSError where the port is taken or a file cannot be read.
    """
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
    )
    address = f"[{host}]" if ":" in host else host
    base_url = f"{'https' if tls else 'http'}://{address}:{listener.getsockname()[1]}"
    certificate: dict[str, Any] = {"ssl_certfile": tls[0], "ssl_keyfile": tls[1]} if tls else {}
    config = uvicorn.Config(
        Sandbox(base_url),
        http=_TransportInScope,
        ws="none",
        lifespan="off",
        timeout_keep_alive=120,
        access_log=False,
        log_level="warning",
        server_header=False,
        # The vendors show their own clock, which can be moved.
        date_header=False,
        timeout_graceful_shutdown=1,
        **certificate,
    )
    fill = partial(populate, base_url, tls[0] if tls else None) if seed else list
    _Server(config, f"rekey sandbox ready at {base_url}", fill).run(sockets=[listener])
