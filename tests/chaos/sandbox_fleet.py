"""Many sandboxes in one process, each an instance of its own at a port of its own, which can die and come back.

`python -m tests.chaos.sandbox_fleet 8` prints one line with the origins of a control endpoint and of eight instances.
After `POST <control>/die {"port": …, "after": 2}` an instance answers two more vendor calls, then refuses every
connection until `POST <control>/revive`.
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
class SandboxInstance:
    """One sandbox, its listener and its open connections."""

    vendors: Vendors
    listener: asyncio.Server | None = None
    connections: set[asyncio.Transport] = field(default_factory=set)
    #: After how many more answers it dies; never, if there is none.
    answers_left: int | None = None


class FleetServer:
    """The application for all of them; which one is meant is told by the port that a request came in at."""

    def __init__(self, listeners: list[socket.socket]) -> None:
        self._ports = [listener.getsockname()[1] for listener in listeners]
        self._listeners = listeners
        self._instances = {port: SandboxInstance(Vendors(f"http://127.0.0.1:{port}")) for port in self._ports[1:]}
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
        for listener, instance in zip(self._listeners[1:], self._instances.values(), strict=True):
            instance.listener = await self._listen(listener)
        print(json.dumps([f"http://127.0.0.1:{port}" for port in self._ports]), flush=True)  # noqa: T201 - is waited for
        await asyncio.Event().wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        instance = self._instances.get(scope["server"][1])
        if instance is None:
            await self._order(Request(scope, receive))
            await Response(status_code=204)(scope, receive, send)
            return
        instance.connections.add(scope["state"]["transport"])
        await instance.vendors(scope, receive, send)
        if instance.answers_left is not None and not scope["path"].startswith(("/_sandbox/", "/_consumer/")):
            instance.answers_left -= 1
            self._die_when_due(instance)

    async def _order(self, request: Request) -> None:
        if request.url.path == "/die":
            order = await request.json()
            instance = self._instances[order["port"]]
            instance.answers_left = order["after"]
            self._die_when_due(instance)
            return
        for port, instance in self._instances.items():
            instance.answers_left = None
            if instance.listener is None:
                instance.listener = await self._listen(socket.create_server(("127.0.0.1", port), backlog=256))

    def _die_when_due(self, instance: SandboxInstance) -> None:
        if instance.answers_left == 0 and instance.listener is not None:
            instance.listener.close()
            instance.listener = None
            for connection in instance.connections:
                connection.close()
            instance.connections.clear()

    async def _listen(self, listener: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return _TransportInScope(self._config, self._state, {}, loop)

        return await loop.create_server(protocol, sock=listener)


@dataclass(frozen=True)
class SandboxFleet:
    """The instances, as somebody outside sees them, and the control endpoint that lets them die and come back."""

    control: httpx.Client
    instances: list[Sandbox]
    #: The switches that are turned in each of them, e.g. {"vcd.changes": "tasks"}.
    dialect: dict[str, str] = field(default_factory=dict)

    def first_state(self, instance: Sandbox) -> None:
        """Bring an instance back to how it begins."""
        instance.reset()
        instance.post("/_sandbox/dialect", {**self.dialect})

    def die(self, instance: Sandbox, after: int) -> None:
        """Let an instance refuse connections once it has answered so many more vendor calls."""
        port = httpx.URL(instance.url).port
        self.control.post("/die", json={"port": port, "after": after}).raise_for_status()

    def revive(self) -> None:
        """Let the dead listen again; nothing of their state is lost."""
        self.control.post("/revive").raise_for_status()

    def settings(self) -> tuple[dict[str, str], dict[str, str]]:
        """Stack config, plain and secret, that makes every instance four endpoints, such as `vcd-7`."""
        plain: dict[str, str] = {}
        secret: dict[str, str] = {}
        for number, instance in enumerate(self.instances):
            for into, settings in ((plain, instance.settings()), (secret, instance.secret_settings())):
                for path, value in settings.items():
                    prefix, vendor, key = path.rsplit(".", 2)
                    into[f"{prefix}.{vendor}-{number}.{key}"] = value
                    plain[f"{prefix}.{vendor}-{number}.kind"] = vendor
            if self.dialect.get("broker.dialect") == "omnissa":
                del plain[f"rekey:endpoints.broker-{number}.tenant"]
                plain[f"rekey:endpoints.broker-{number}.dialect"] = "omnissa"
        return plain, secret


@contextlib.contextmanager
def running_fleet(size: int, dialect: dict[str, str] | None = None) -> Iterator[SandboxFleet]:
    """Serve so many instances, of vendors that speak a dialect."""
    command = [sys.executable, "-m", "tests.chaos.sandbox_fleet", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            control, *origins = json.loads(line)
            with contextlib.ExitStack() as open_clients:
                client = open_clients.enter_context(httpx.Client(base_url=control, trust_env=False))
                instances = [Sandbox(origin) for origin in origins]
                for instance in instances:
                    open_clients.callback(instance.http.close)
                yield SandboxFleet(client, instances, dialect or {})
        finally:
            process.terminate()


def main() -> None:
    """Serve as many instances as the command line says."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(int(sys.argv[1]) + 1)]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(FleetServer(listeners).serve())


if __name__ == "__main__":
    main()
