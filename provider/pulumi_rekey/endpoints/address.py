"""What a vendor's address is: its one form, and when two addresses mean the same system.

Addresses come from the configuration, the environment, a region and the state, and each could write the same one in
another way. Whoever compares two of them does it here.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from functools import lru_cache
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_NOT_AN_ADDRESS: Final = "is not an address: write https://HOST"
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
#: What some resolvers take for an IPv4 address in another notation, such as 127.1 or 0x7f000001.
_NUMERIC: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
#: A path that can be shown in a message: nothing in it could be a secret that was pasted.
_SHORT_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,40}){1,6}")


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name or address is this machine's loopback."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def canonical(url: str) -> str:
    """Return an address in its one form: no capitals in scheme and host, no default port, no trailing slash or dot.

    :raises ValueError: if it is not an address, in the words "what is wrong: how to write it"; the value itself is
        repeated only as far as it holds no secret.
    """
    parts, host = _read(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password: set the credentials of the endpoint instead")
    if "?" in url or "#" in url:
        raise ValueError("must not hold a query or fragment: leave out what begins with '?' or '#'")
    scheme, port = parts.scheme, parts.port
    shown = f"[{host}]" if ":" in host else host
    address = f"{shown}:{port}" if port is not None and port != _DEFAULT_PORTS[scheme] else shown
    if scheme == "http" and not is_loopback(host):
        raise ValueError(f"must be https, as http is for loopback only: write https://{address}")
    # Two slashes at the front would survive, as POSIX has it.
    path = posixpath.normpath(f"/{parts.path.lstrip('/')}")
    return f"{scheme}://{address}{path.rstrip('/')}"


def _read(url: str) -> tuple[SplitResult, str]:
    """Return the parts of an address and its host in canonical form, or say why it has none."""
    if "://" not in url:
        raise ValueError(f"has no scheme: write {_with_scheme(url)}")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        raise ValueError(_NOT_AN_ADDRESS) from None
    if not host.isascii():
        raise ValueError("must name its host in ASCII: write xn--…")
    # Python drops tabs and line breaks from a URL without a word.
    if parts.scheme not in _DEFAULT_PORTS or port == 0 or " " in url or "\\" in url or not url.isprintable():
        raise ValueError(_NOT_AN_ADDRESS)
    try:
        return parts, str(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host) or _NUMERIC.fullmatch(host):
            raise ValueError(_NOT_AN_ADDRESS) from None
        return parts, host


def _with_scheme(rest: str) -> str:
    """Return an address that lacks its scheme with the one that it should have; a stand-in for what is none."""
    try:
        whole = canonical(f"https://{rest.removeprefix('//')}")
    except ValueError:
        return "https://HOST"
    _, host, port = origin(whole)
    # A plain port of this machine is a sandbox or a tunnel.
    return whole.replace("https:", "http:", 1) if is_loopback(host) and port != _DEFAULT_PORTS["https"] else whole


@lru_cache(256)
def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, the port filled in; of what is no URL nothing but blanks."""
    try:
        parts, host = _read(url)
    except ValueError:
        return "", "", 0
    return parts.scheme, host, parts.port or _DEFAULT_PORTS[parts.scheme]


def same_system(one: str, other: str) -> bool:
    """Tell whether two addresses are of the same system; what is not an address is of none.

    A path makes no other system: no vendor's address has one.
    """
    return origin(one) == origin(other) != ("", "", 0)


def _without_path(url: str) -> str:
    address = canonical(url)
    path = urlsplit(address).path
    if path:
        named = f"the path {path}" if _SHORT_PATH.fullmatch(path) else "a path"
        raise ValueError(f"has {named}, which does not belong to it: write {address.removesuffix(path)}")
    return address


#: An address, in its one form: ``https`` anywhere, ``http`` to loopback; no user info, query or fragment.
Url = Annotated[str, AfterValidator(canonical)]
#: An address to which rekey appends the vendor's whole paths, so that it has none of its own.
BaseUrl = Annotated[str, AfterValidator(_without_path)]
