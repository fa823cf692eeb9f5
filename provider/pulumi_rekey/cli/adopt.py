"""Find what a vendor has and a stack does not manage, and write the code that adopts it; everything is only read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from ..endpoints.address import same_system
from ..endpoints.session import Session
from ..errors import Error, NotProvenGone
from ..model import Mark, Model, fields_with
from ..reconciler.contract import Importable, InSteps, Resource, claimed, object_id, object_named
from ..resources import all_resources
from .stack_state import SECRET, Stack, printable

_MAX_NAME: Final = 40
#: What could not be looked at, where that is all objects of a kind.
_LIST: Final = "the list"


class Unmanaged(Model):
    """An object of the vendor's that the stack does not manage."""

    kind: str = Field(description="The kind of resource, such as AppSecret.")
    id: str = Field(description="The vendor's id.")
    name: str = Field(description="A name for the resource, which no other one has.")
    arguments: dict[str, Any] = Field(description="The arguments with which a program adopts it.")


class Unknown(Model):
    """What could not be looked at, and why."""

    kind: str = Field(description="The kind of resource, such as AppSecret.")
    what: str = Field(description="The vendor's id, or `the list` of all.")
    why: str = Field(description="The reason, in words.")

    def in_words(self) -> str:
        """Return what could not be looked at, and why."""
        return f"{self.kind}: {self.why}" if self.what == _LIST else f"{self.kind} {self.what}: {self.why}"


class AdoptDocument(Model):
    """What a vendor has and a stack does not manage. It contains no secret."""

    format: Literal[1] = Field(
        description="The version of this format; raised when a field changes its meaning or is removed."
    )
    endpoint: str = Field(description="The configured endpoint.")
    unmanaged: tuple[Unmanaged, ...] = Field(description="The objects that the stack does not manage.")
    unknown: tuple[Unknown, ...] = Field(description="What could not be looked at: there may be more.")


@dataclass(frozen=True)
class Found:
    """What there is at an endpoint beside what is managed."""

    endpoint: str
    unmanaged: tuple[Unmanaged, ...]
    unknown: tuple[Unknown, ...]

    def as_json(self) -> str:
        """Return one document."""
        return AdoptDocument(format=1, **vars(self)).model_dump_json(indent=2)


def in_instances(kind: str) -> bool:
    """Tell whether what endpoints of a kind have is listed by instance."""
    return any(resource.vendor == kind and _is_in_instance(resource) for resource in all_resources())


def _is_in_instance(resource: Resource[Any, Any, Any]) -> bool:
    return "instance_id" in resource.inputs.model_fields


def look(session: Session[Any], kind: str, stacks: Sequence[Stack], within: Iterable[str]) -> Found:
    """Compare all objects at an endpoint with what the stacks manage there, by address and id."""
    unmanaged: list[Unmanaged] = []
    unknown: list[Unknown] = []
    names = {credential.name for stack in stacks for credential in stack.credentials}
    for resource in all_resources():
        if resource.vendor != kind or not isinstance(resource, Importable):
            continue
        try:
            managed, parents = _managed(resource, session, stacks)
            existing = resource.existing(session, {*parents, *within})
            listed = None if existing is None else list(existing)
        except Error as failed:
            unknown.append(Unknown(kind=resource.name, what=_LIST, why=printable(failed)))
            continue
        if listed is None:
            unknown.append(Unknown(kind=resource.name, what=_LIST, why=_no_list(resource)))
            continue
        for at in listed:
            id_ = at[fields_with(resource.inputs, Mark.ADOPTS)[0]]
            if object_named(resource, id_) in managed:
                continue
            try:
                state = resource.find(session, at, None)
            except Error as failed:
                # None of these is in a state, so none can be taken out of it.
                why = (isinstance(failed, NotProvenGone) and failed.in_no_state) or failed
                unknown.append(Unknown(kind=resource.name, what=id_, why=printable(why)))
                continue
            if state is not None and claimed(resource, state) not in managed:
                arguments = _arguments(resource, state, at, session.name)
                name = _name(arguments, id_, names)
                unmanaged.append(Unmanaged(kind=resource.name, id=object_id(state), name=name, arguments=arguments))
    return Found(session.name, tuple(unmanaged), tuple(unknown))


def _managed(
    resource: Resource[Any, Any, Any], session: Session[Any], stacks: Sequence[Stack]
) -> tuple[set[str], set[str]]:
    """Return the objects that the stacks manage at the endpoint, and the ids of what they are in."""
    managed: set[str] = set()
    parents: set[str] = set()
    for stack in stacks:
        for found in stack.credentials:
            s = found.state
            if found.resource is None or found.resource.name != resource.name:
                continue
            if s.address is None or not same_system(s.address, session.endpoint.url):
                continue
            managed.add(claimed(resource, s))
            # The keys of a rotation that is under way are its own, too.
            beside = resource.beside(s) if isinstance(resource, InSteps) else ()
            managed |= {object_named(resource, id_) for id_ in beside}
            if (parent := getattr(s, "instance_id", None)) not in {None, SECRET}:
                parents.add(str(parent))
    return managed, parents


def _no_list(resource: Resource[Any, Any, Any]) -> str:
    if _is_in_instance(resource):
        return "name an instance with --instance: the vendor does not list them here"
    return "the vendor documents no list of these: adopt one by its id"


def _arguments(resource: Importable[Any, Any, Any], state: Any, at: Any, endpoint: str) -> dict[str, Any]:
    found = {name: _plain(value) for name, value in resource.inputs_as_found(state).items()}
    named = {name: value for name, value in at.items() if name in resource.inputs.model_fields}
    elsewhere = {} if endpoint == resource.vendor else {"endpoint": endpoint}
    return {**named, **found, **elsewhere}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_none=True) if hasattr(value, "model_dump") else value


def _name(arguments: dict[str, Any], id_: str, taken: set[str]) -> str:
    """Return a name that says what it is, and that no other resource has; from here on it is taken."""
    said = next((arguments[key] for key in ("client_name", "display_name", "description") if arguments.get(key)), id_)
    name = re.sub(r"[^a-z0-9]+", "-", str(said).lower()).strip("-")[:_MAX_NAME] or "credential"
    free = next(one for number in range(1, len(taken) + 2) if (one := _numbered(name, number)) not in taken)
    taken.add(free)
    return free


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


# -- code ------------------------------------------------------------------------------------------------------------


def python(found: Found) -> Iterator[str]:
    """Yield a program that adopts all of it, a line each."""
    if found.unmanaged:
        yield "import pulumi_rekey as rekey"
    for one in found.unmanaged:
        yield ""
        yield f"rekey.{one.kind}("
        yield f"    {json.dumps(one.name)},"
        for name, value in one.arguments.items():
            yield f"    {name}={_python_value(name, value)},"
        yield ")"


def _python_value(name: str, value: Any) -> str:
    if name == "rotation":
        return f"rekey.Rotation({', '.join(f'{key}={_literal(member)}' for key, member in value.items())})"
    return _literal(value)


def _literal(value: Any) -> str:
    match value:
        case str():
            # Python reads what JSON writes of a text.
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{_literal(key)}: {_literal(member)}' for key, member in value.items())}}}"
        case _:
            return repr(value)


def manifest(found: Found) -> Iterator[str]:
    """Yield a manifest that adopts all of it, a line each; JSON is YAML, and quotes what needs it."""
    for number, one in enumerate(found.unmanaged):
        if number:
            yield "---"
        yield f"kind: {one.kind}"
        yield f"name: {json.dumps(one.name)}"
        yield "spec:"
        for name, value in one.arguments.items():
            yield f"  {name}: {json.dumps(value, ensure_ascii=False).replace('$', '$$')}"
