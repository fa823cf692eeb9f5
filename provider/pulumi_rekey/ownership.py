"""What is ours: the mark by which an interrupted create knows its own object, and the three forms that it takes.

The mark is HMAC(owner, URN), so that only this resource of this stack has it. What bears no mark of ours is never
taken over.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

_LENGTH: Final = 24
#: The end of the name under which rekey registers a relying party first, whichever resource it is for.
_NAME_SUFFIX: Final = re.compile(rf" [0-9a-f]{{{_LENGTH}}}$")
#: The end of a key's description that rekey has written, whichever resource it was for.
_KEY_TAIL: Final = re.compile(rf" \[[0-9a-f]{{{_LENGTH}}} \d+\]$")


def mark_of(owner: str, urn: str) -> str:
    """Return the mark of a resource; ``owner`` is the stack's ``rekey:owner``."""
    return hmac.new(owner.encode(), urn.encode(), hashlib.sha256).hexdigest()[:_LENGTH]


# -- a relying party: a suffix of its name, between its POST and the PUT that gives it its real name --------------


def marked_name(name: str, mark: str | None) -> str:
    """Return the name under which a relying party is registered first."""
    return f"{name} {mark}" if mark else name


def name_behind_a_mark(name: str) -> str | None:
    """Return the real name of a relying party that rekey has begun to register, for whichever resource."""
    head, found, _mark = name.rpartition(" ") if _NAME_SUFFIX.search(name) else ("", "", "")
    return head if found else None


def name_is_ours(name: str, mark: str | None) -> bool:
    """Tell whether a relying party still has the name under which this resource registered it."""
    return mark is not None and name.endswith(f" {mark}")


# -- a signing key: a tail of its description, with the generation -------------------------------------------------


def key_tail(mark: str | None, generation: int) -> str:
    """Return what is added to the description of this resource's key of a generation."""
    return f" [{mark} {generation}]" if mark else ""


def key_tail_in(description: str, mark: str | None) -> str:
    """Return the tail by which a key is this resource's, of whichever generation; empty if it is not."""
    _head, found, rest = description.rpartition(f" [{mark} ") if mark else ("", "", "")
    return found + rest if found and rest.endswith("]") and rest[:-1].isdigit() else ""


def generation_in(description: str, mark: str | None) -> int | None:
    """Return the generation of this resource's key; nothing if it is not one of its keys."""
    tail = key_tail_in(description, mark)
    return int(tail.rpartition(" ")[2].removesuffix("]")) if tail else None


def key_has_tail(description: str) -> bool:
    """Tell whether rekey has published a key, for whichever resource."""
    return _KEY_TAIL.search(description) is not None


def key_description(description: str) -> str:
    """Return a key's description without what rekey has added to it, for whichever resource."""
    return _KEY_TAIL.sub("", description)


def mark_beside(mark: str, adopted: str) -> str:
    """Return the mark of an adopted key: what replaces another adopted key must not take that one's next key over."""
    return hashlib.sha256(f"{mark} {adopted}".encode()).hexdigest()[: len(mark)]


# -- an OAuth app: the client-chosen id ------------------------------------------------------------------------------


def own_app_id(mark: str, org_id: str) -> str:
    """Return the id of this resource's app: client ids are global, so each organization needs another one."""
    return f"rekey-{hashlib.sha256(f'{mark} {org_id}'.encode()).hexdigest()[:_LENGTH]}"
