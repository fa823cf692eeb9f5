"""No test reaches another machine: its own process is refused any socket but loopback, and so is what it starts.

In the test process an audit hook refuses, whoever opens the socket. A subprocess (the engine, its hosts, Go, pip, git)
inherits proxies at a port of loopback where nobody listens: whatever heeds proxies is refused at once. A program that
does not heed them is not held back; Chromium, the only one here, is given a resolver that knows no other host.
"""

import ipaddress
import os
import sys
from typing import Any, Final

#: Nobody listens at the port of the discard service.
_NOWHERE: Final = "http://127.0.0.1:9"
_LOOPBACK: Final = "127.0.0.1,localhost,::1"
PROXIES: Final = {
    spelling: value
    for name, value in {
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
        "ALL_PROXY": _NOWHERE,
        "NO_PROXY": _LOOPBACK,
    }.items()
    for spelling in (name, name.lower())
}
#: The events of CPython's audit table that name another machine, and where among their arguments.
_ADDRESSES: Final = {
    "socket.bind": 1,
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
}


class NotLoopbackError(AssertionError):
    """A test has tried to reach another machine."""


def refuse_other_machines() -> None:
    """Hold this process, and what it starts from now on, to loopback; there is no way back."""
    os.environ.update(PROXIES)
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    place = _ADDRESSES.get(event)
    if place is None:
        return
    address = arguments[place]
    # A path is a socket of this machine; a message without an address goes where the socket is connected to.
    host = address[0] if isinstance(address, tuple) else address if event.startswith("socket.get") else None
    if host is not None and not _is_loopback(host):
        raise NotLoopbackError(f"{event}: {host!r} is not loopback")


def _is_loopback(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
