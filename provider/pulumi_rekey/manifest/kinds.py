"""What an entry may be and say: the kinds, their arguments and their outputs, as the Python API has them."""

from __future__ import annotations

import inspect
from dataclasses import fields
from functools import cache
from typing import Any, Final

from ..programs import constructors
from ..programs.credential import Credential
from ..programs.rotation import Rotation
from ..reconciler.contract import Resource
from ..resources import all_resources, by_name

#: The kind of an entry that is two credentials.
PAIR: Final = "Pair"
#: The arguments of a pair; what its credentials are told stands in `both`, and in `blue` and `green` for one alone.
PAIR_ARGUMENTS: Final = ("of", "every", "both", "blue", "green", "rotation", "rotate_now")
SIDES: Final = ("blue", "green")
#: The sides of a pair as a reference names them.
CURRENT_AND_PREVIOUS: Final = ("current", "previous")
#: What a policy may say. The model knows one word more, which only a pair uses.
POLICY: Final = tuple(field.name for field in fields(Rotation))
PAIR_POLICY: Final = tuple(name for name in POLICY if name not in {"max_age", "jitter", "rotate_now"})


@cache
def credentials() -> dict[str, type[Credential]]:
    """Return the constructor of every kind of credential, by the name that users write."""
    return {resource.name: getattr(constructors, resource.name) for resource in all_resources()}


def kinds() -> tuple[str, ...]:
    """Return every kind of entry."""
    return (*credentials(), PAIR)


def resource_of(kind: str) -> Resource[Any, Any, Any]:
    """Return the models and the rules of a kind of credential.

    :raises KeyError: There is no such kind.
    """
    resource = by_name(kind)
    if resource is None:
        raise KeyError(kind)
    return resource


def arguments(kind: str) -> tuple[str, ...]:
    """Return the names of the arguments that describe a credential."""
    names = inspect.signature(credentials()[kind]).parameters
    return tuple(name for name in names if name not in {"name", "opts"})


def outputs(kind: str) -> tuple[str, ...]:
    """Return the names of a credential's outputs."""
    return tuple(credentials()[kind].output_names())
