"""Why no connection was made, in words: to which host and port, the cause, and what to do about that cause."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..errors import Unreachable
from .address import is_loopback, origin
from .proxies import Proxy, proxy_setting

if TYPE_CHECKING:
    import httpx

_NO_ROUTE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
_PROXY_WANTS_LOGIN: Final = "407"
_NETWORK: Final = "check the network, the firewall and the proxy settings"


def unreachable(source: str, endpoint: str, setting: str, failed: httpx.TransportError) -> Unreachable:
    """Return the error for a request that was not sent, because this is what came of connecting.

    ``setting`` names where the endpoint's address is from.
    """
    import httpx

    scheme, host, port = origin(str(failed.request.url))
    there = f"{f'[{host}]' if ':' in host else host}:{port}"
    proxy = None if is_loopback(host) or scheme == "http" else proxy_setting(str(failed.request.url))
    if is_certificate(failed):
        what, todo = _certificate(str(failed), endpoint, setting)
        return Unreachable(f"{source}: the certificate of {there} {what}", todo=todo)
    if proxy is not None and isinstance(failed, httpx.ProxyError):
        status = re.match(r"\d{3}\b", str(failed))
        said = f", and answers {status[0]}" if status else ""
        todo = f"list {host} in NO_PROXY if it is reached without, or ask who runs the proxy"
        if status and status[0] == _PROXY_WANTS_LOGIN:
            todo = f"write {proxy.source} with the proxy's user and password: http://USER:PASSWORD@HOST:PORT"
        return Unreachable(f"{source}: {_named(proxy)} makes no connection to {there}{said}", todo=todo)
    cause, todo = _cause(failed, setting, host)
    if proxy is not None:
        todo = f"correct {proxy.source}, or list {host} in NO_PROXY if it is reached without"
        there = _named(proxy)
    return Unreachable(f"{source}: no connection to {there}: {cause}", todo=todo)


def is_certificate(failed: Exception) -> bool:
    """Tell whether a certificate was refused: it does not become good by itself."""
    return "CERTIFICATE_VERIFY_FAILED" in str(failed)


def _named(proxy: Proxy) -> str:
    return f"the proxy {proxy.place} ({proxy.source})"


def _certificate(reason: str, endpoint: str, setting: str) -> tuple[str, str]:
    if "mismatch" in reason:
        return "is for another host", f"correct {setting} to the name that the certificate is for"
    if "expired" in reason:
        return "has expired", "have it renewed"
    return "is not trusted", f"set rekey:endpoints.{endpoint}.caBundle to the CA that signed it"


def _cause(failed: httpx.TransportError, setting: str, host: str) -> tuple[str, str]:
    """Return the cause in words, and what to do."""
    import httpx

    if isinstance(failed, httpx.TimeoutException):
        return "nobody answers in time", f"{_NETWORK}, or correct {setting}"
    known = (_known_cause(cause, setting, host) for cause in _chain(failed))
    return next(filter(None, known), ("it broke at once", f"correct {setting}, or {_NETWORK}"))


def _known_cause(cause: BaseException, setting: str, host: str) -> tuple[str, str] | None:
    match cause:
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return "no name server answers", "check this machine's network and DNS"
        case socket.gaierror():
            return f"the name {host} is not known", f"correct {setting}, or check this machine's DNS"
        case ssl.SSLError():
            return "the server there speaks no TLS that fits", f"correct the port in {setting}"
        case ConnectionRefusedError():
            return "refused, since nothing listens there", f"correct {setting}, or start the server"
        case OSError() if cause.errno in _NO_ROUTE:
            return "this network has no way to it", _NETWORK
        case _:
            return None


def _chain(failed: BaseException | None) -> Iterator[BaseException]:
    while failed is not None:
        yield failed
        failed = failed.__cause__ or failed.__context__
