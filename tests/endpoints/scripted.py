"""A vendor on a bad day: a server on loopback whose answers a test writes, down to the byte."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

#: What happens on the wire once a request is read: bytes that are sent, or whatever a function does.
Answer = bytes | Callable[[socket.socket], None]


@dataclass(frozen=True)
class Heard:
    """A request, as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        """Method and target."""
        return f"{self.method} {self.target}"


@dataclass
class Scripted:
    """Answers the first request with the first answer, and every one after the last answer with that one."""

    listener: socket.socket
    tls: ssl.SSLContext | None = None
    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The address."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def lines(self) -> list[str]:
        """The requests by method and target."""
        return [heard.line for heard in self.heard]

    def script(self, *answers: Answer) -> None:
        """Forget what was heard, and answer like this from now on."""
        self.heard.clear()
        self.answers = list(answers)

    def serve(self) -> None:
        """Answer until the listener is closed."""
        with contextlib.ExitStack() as threads:
            while True:
                try:
                    connection, _ = self.listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=self._connected, args=(connection,), daemon=True)
                thread.start()
                threads.callback(thread.join, 5)

    def _connected(self, connection: socket.socket) -> None:
        # A client that is gone is what many of these tests are about.
        with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
            open_sockets.enter_context(connection)
            connection.settimeout(5)
            if self.tls is not None:
                connection = open_sockets.enter_context(self.tls.wrap_socket(connection, server_side=True))
            heard = _read(connection)
            if heard is None:
                return
            with self._lock:
                self.heard.append(heard)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)


def _read(connection: socket.socket) -> Heard | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return None
        raw += more
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Heard(method, target, headers, body)


def answer(status: int = 200, body: bytes = b"{}", *headers: str, length: int | None = None) -> bytes:
    """A whole HTTP answer; `length` lies about that of the body."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} X", f"content-length: {size}", "connection: close", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def said(fields: object, status: int = 200, *headers: str) -> bytes:
    """An answer in JSON."""
    return answer(status, json.dumps(fields).encode(), "content-type: application/json", *headers)


def reset(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silence(connection: socket.socket) -> None:
    """Say nothing until the client hangs up."""
    connection.recv(1)


def closed_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def scripted(tls: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """A server that answers as its script says, over TLS with a context that has a certificate."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        server = Scripted(listener, tls)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            # Closing alone does not wake a thread that waits in accept().
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
