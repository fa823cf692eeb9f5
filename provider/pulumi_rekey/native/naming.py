"""How a message names a setting: the stack's configuration, or an argument of an explicit provider."""

from __future__ import annotations

import re
from typing import Final

_ENDPOINT: Final = re.compile(r"rekey:(endpoints(?:\.[^\s,;:`]+)?)")
_OWNER: Final = re.compile(r"the stack's owner id: run `pulumi config set --secret rekey:owner [^`]*`")
#: An order to rotate: `rekey.Provider` hands on the stack's, other languages give the provider its own.
_ORDER: Final = re.compile(r"(rekey:rotateNow.*? in the stack's configuration)")
#: How the engine calls the provider whose settings are the stack's.
_DEFAULT: Final = re.compile(r"default(_|$)")


def explicit(urn: str) -> str | None:
    """Return the name of an explicit provider; nothing for the default one."""
    name = urn.rpartition("::")[2]
    return None if not name or _DEFAULT.match(name) else name


def named(text: str, provider: str | None) -> str:
    """Return a message with settings named where they are: as arguments of a provider that is an explicit one."""
    if provider is None:
        return text
    text = _OWNER.sub(f"an owner id: set the argument owner of provider {provider!r}", text)
    text = _ORDER.sub(rf"\1 or in rotateNow of provider {provider!r}", text)
    return _ENDPOINT.sub(rf"\1 of provider {provider!r}", text)
