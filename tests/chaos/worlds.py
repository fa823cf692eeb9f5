"""Many sandboxes in one process, each a world of its own at a port of its own, which can die and come back.

`python -m tests.chaos.worlds 8` prints one line with the origins of a gate and of eight worlds. A world refuses every
connection from `POST <gate>/die {"port": …, "after": 2}` on, once two more vendor calls are answered, until
`POST <gate>/revive`.
"""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import uvicorn
from pulumi_rekey.sandbox.server import Sandbox as Vendors
from pulumi_rekey.sandbox.server import _TransportInScope
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from tools.vendors import Sandbox


@dataclass(eq=False)
class World:
    """One sandbox, its listener and its open connections."""

    vendors: Vendors
    listener: asyncio.Server | None = None
    connections: set[asyncio.Transport] = field(default_factory=set)
    #: After how many more answers it dies; never, if there is none.
    answers_left: int | None = None


class Worlds:
    """The application for all of them; which one is meant is told by the port that a request came in at."""

    def __init__(self, listeners: list[socket.socket]) -> None:
        self._ports = [listener.getsockname()[1] for listener in listeners]
        self._listeners = listeners
        self._worlds = {port: World(Vendors(f"http://127.0.0.1:{port}")) for port in self._ports[1:]}
        self._config = uvicorn.Config(
            self,
            http=_TransportInScope,
            ws="none",
            lifespan="off",
            timeout_keep_alive=120,
            access_log=False,
            date_header=False,
        )
        self._config.load()
        self._state = ServerState()

    async def serve(self) -> None:
        """Listen everywhere, until interrupted."""
        await self._listen(self._listeners[0])
        for listener, world in zip(self._listeners[1:], self._worlds.values(), strict=True):
            world.listener = await self._listen(listener)
        print(json.dumps([f"http://127.0.0.1:{port}" for port in self._ports]), flush=True)  # noqa: T201 - is waited for
        await asyncio.Event().wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        world = self._worlds.get(scope["server"][1])
        if world is None:
            await self._order(Request(scope, receive))
            await Response(status_code=204)(scope, receive, send)
            return
        world.connections.add(scope["state"]["transport"])
        await world.vendors(scope, receive, send)
        if world.answers_left is not None and not scope["path"].startswith(("/_sandbox/", "/_consumer/")):
            world.answers_left -= 1
            self._die_when_due(world)

    async def _order(self, request: Request) -> None:
        if request.url.path == "/die":
            order = await request.json()
            world = self._worlds[order["port"]]
            world.answers_left = order["after"]
            self._die_when_due(world)
            return
        for port, world in self._worlds.items():
            world.answers_left = None
            if world.listener is None:
                world.listener = await self._listen(socket.create_server(("127.0.0.1", port), backlog=256))

    def _die_when_due(self, world: World) -> None:
        if world.answers_left == 0 and world.listener is not None:
            world.listener.close()
            world.listener = None
            for connection in world.connections:
                connection.close()
            world.connections.clear()

    async def _listen(self, listener: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return _TransportInScope(self._config, self._state, {}, loop)

        return await loop.create_server(protocol, sock=listener)


@dataclass(frozen=True)
class Universe:
    """The worlds, as somebody outside sees them, and the gate to their lives and deaths."""

    gate: httpx.Client
    worlds: list[Sandbox]
    #: The switches that are turned in each of them, e.g. {"vcd.changes": "tasks"}.
    dialect: dict[str, str] = field(default_factory=dict)

    def first_state(self, world: Sandbox) -> None:
        """Bring a world back to how it begins."""
        world.reset()
        world.post("/_sandbox/dialect", {**self.dialect})

    def die(self, world: Sandbox, after: int) -> None:
        """Let a world refuse connections once it has answered so many more vendor calls."""
        port = httpx.URL(world.url).port
        self.gate.post("/die", json={"port": port, "after": after}).raise_for_status()

    def revive(self) -> None:
        """Let the dead listen again; nothing of their state is lost."""
        self.gate.post("/revive").raise_for_status()

    def settings(self) -> tuple[dict[str, str], dict[str, str]]:
        """Stack config, plain and secret, that makes every world four endpoints, such as `vcd-7`."""
        plain: dict[str, str] = {}
        secret: dict[str, str] = {}
        for number, world in enumerate(self.worlds):
            for into, settings in ((plain, world.settings()), (secret, world.secret_settings())):
                for path, value in settings.items():
                    prefix, vendor, key = path.rsplit(".", 2)
                    into[f"{prefix}.{vendor}-{number}.{key}"] = value
                    plain[f"{prefix}.{vendor}-{number}.kind"] = vendor
        return plain, secret


@contextlib.contextmanager
def running_universe(size: int, dialect: dict[str, str] | None = None) -> Iterator[Universe]:
    """Serve so many worlds, of vendors that speak a dialect."""
    command = [sys.executable, "-m", "tests.chaos.worlds", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            gate, *origins = json.loads(line)
            with contextlib.ExitStack() as open_clients:
                client = open_clients.enter_context(httpx.Client(base_url=gate, trust_env=False))
                worlds = [Sandbox(origin) for origin in origins]
                for world in worlds:
                    open_clients.callback(world.http.close)
                yield Universe(client, worlds, dialect or {})
        finally:
            process.terminate()


def main() -> None:
    """Serve as many worlds as the command line says."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(int(sys.argv[1]) + 1)]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Worlds(listeners).serve())


if __name__ == "__main__":
    main()
