"""Which proxy an address is reached through, as the environment or the system's settings say.

Only what concerns the address is read, so that a setting for other programs breaks nothing here.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from ..errors import Misconfigured
from .address import origin

if TYPE_CHECKING:
    import httpx

_SOCKS: Final = frozenset({"socks5", "socks5h"})
_SCHEMES: Final = frozenset({"http", "https"}) | _SOCKS
_MAX_PORT: Final = 65535


@dataclass(frozen=True)
class Proxy:
    """A proxy that is set: by what, and the value, which can hold a password."""

    source: str
    value: str = field(repr=False)

    @property
    def place(self) -> str:
        """Its host and port alone."""
        return self.value.rpartition("://")[2].rpartition("@")[2].partition("/")[0]


def proxy_setting(url: str) -> Proxy | None:
    """Return what is set as the proxy for an https address, if anything is."""
    # Loaded late, because a run in which nothing changes needs no HTTP.
    from urllib.request import getproxies

    _, host, port = origin(url)
    settings = getproxies()
    if any(_matches(entry, host, port) for entry in re.split(r"[\s,]+", settings.get("no", ""))):
        return None
    kind = next((kind for kind in ("https", "all") if settings.get(kind)), None)
    return None if kind is None else Proxy(_source(f"{kind}_proxy"), settings[kind])


def proxy_for(url: str) -> httpx.Proxy | None:
    """Return the proxy for an https address, if it has one.

    :raises Misconfigured: if what is set cannot be used; the value is not shown, because it can hold a password.
    """
    found = proxy_setting(url)
    return None if found is None else _usable(found.source, found.value)


def _matches(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of NO_PROXY is about a host: a name with its subdomains, an address or a network."""
    if entry == "*":
        return True
    # [ADDRESS] or [ADDRESS]:PORT, NAME:PORT, or anything else as it is; a scheme makes no difference.
    bare = entry.lower().rpartition("://")[2]
    form = re.fullmatch(r"\[(?P<v6>[^]]*)\](?::(?P<v6port>\d{1,5}))?|(?P<name>[^:]*):(?P<port>\d{1,5})", bare)
    if form is not None:
        bare = form["v6"] or form["name"] or ""
        only = form["v6port"] or form["port"]
        if only is not None and int(only) != port:
            return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        suffix = "." + bare.removeprefix("*").removeprefix(".")
        return bare not in {"", "."} and (host == bare or host.endswith(suffix))
    try:
        return address in ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return False


def _usable(source: str, value: str) -> httpx.Proxy:
    import httpx

    try:
        url = httpx.URL(value if "://" in value else f"http://{value}")
    except httpx.InvalidURL:
        url = httpx.URL("")
    if not url.host or url.scheme not in _SCHEMES or (url.port or 0) > _MAX_PORT:
        raise Misconfigured(
            f"{source} names no proxy that can be used",
            todo="write http://HOST:PORT, https://… or socks5://…, or list the endpoint's host in NO_PROXY",
        )
    if url.scheme in _SOCKS and find_spec("socksio") is None:
        raise Misconfigured(
            f"{source} names a SOCKS proxy, and the Python package socksio is not installed",
            todo="install it, name an http:// proxy, or list the endpoint's host in NO_PROXY",
        )
    return httpx.Proxy(url)


def _source(variable: str) -> str:
    """Return the environment variable as it is set, in whatever case; else the system's settings."""
    # The one in lower case comes last, and counts.
    named = sorted(name for name in os.environ if name.lower() == variable and os.environ[name])
    return named[-1] if named else "the system's proxy setting"
