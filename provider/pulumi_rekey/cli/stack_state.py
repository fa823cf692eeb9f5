"""What the exported state of a stack says about its credentials, without decrypting anything.

An export is what ``pulumi stack export`` prints. Secrets stand in it encrypted, or in plain text where somebody asked
for that; here either is replaced by a fixed text, and all other text is made printable, before anything else looks at
it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from ..errors import Misconfigured
from ..model import property_path
from ..policy.model import Policy
from ..reconciler.contract import Resource, State
from ..resources import by_name

#: What stands in the place of a secret. All look the same, so that two of them never look like a change.
SECRET: Final = "[secret]"  # noqa: S105 - the opposite of one
# https://www.pulumi.com/docs/iac/concepts/secrets: how an export marks a value as secret.
_SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark
_TYPE: Final = "pulumi-python:dynamic/rekey:"
_INTERRUPTED: Final = {"creating": "creation", "updating": "update", "deleting": "deletion", "reading": "reading"}


@dataclass(frozen=True)
class Credential:
    """One credential as the state has it."""

    name: str
    #: The resource's name in rekey, such as ``AppSecret``.
    kind: str
    urn: str
    #: The configured endpoint; none where no vendor takes part.
    endpoint: str | None
    state: State
    #: None if it cannot be read: the user has marked it secret as a whole, or another version wrote it.
    policy: Policy | None
    #: What rekey knows of this kind of resource; none if another version wrote it.
    resource: Resource[Any, Any, Any] | None
    #: What the last run could not finish, in words.
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """The credentials of one stack."""

    name: str
    project: str | None
    credentials: tuple[Credential, ...] = field(default=())


def printable(text: object) -> str:
    """Return text from outside as one line that no terminal obeys: what cannot be printed becomes U+FFFD."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text).replace("\n", " "))


def read_stack(export: bytes, source: str) -> Stack:
    """Return what an export says of rekey's resources; others are passed over.

    :param source: What to call the export in errors, and the stack if it is empty.
    :raises Misconfigured: It is not the export of a stack.
    """
    try:
        resources, begun = _read(json.loads(export))
    except (ValueError, RecursionError):
        raise Misconfigured(
            f"{printable(source)} is not the export of a stack", todo="write one with `pulumi stack export --file`"
        ) from None
    interrupted = {resource["urn"]: f"its {what} was interrupted" for resource, what in begun}
    known = {resource["urn"] for resource in resources}
    # A create that was interrupted has left nothing but the operation.
    found = [*resources, *{resource["urn"]: resource for resource, _ in begun if resource["urn"] not in known}.values()]
    credentials = tuple(
        _credential(resource, interrupted.get(resource["urn"]))
        for resource in found
        if resource["type"].startswith(_TYPE)
    )
    stack, project = next(_stack_and_project(resource["urn"] for resource in found), (printable(source), None))
    return Stack(stack, project, credentials)


def _read(document: Any) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], str]]]:
    """Return the resources of an export, and those that an interrupted operation was about, with its name.

    :raises ValueError: It is not an export.
    """
    deployment = _object(_object(document).get("deployment"))
    begun = [
        (_resource(operation.get("resource")), _INTERRUPTED.get(str(operation.get("type")), "operation"))
        for operation in map(_object, _list(deployment.get("pending_operations")))
    ]
    return [_resource(resource) for resource in _list(deployment.get("resources"))], begun


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - what was read is wrong, not the program
    return value


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise ValueError
    return value or []


def _resource(value: Any) -> dict[str, Any]:
    if not all(isinstance(_object(value).get(key), str) for key in ("urn", "type")):
        raise ValueError
    return _object(value)


def _stack_and_project(urns: Iterator[str]) -> Iterator[tuple[str, str]]:
    for urn in urns:
        match urn.removeprefix("urn:pulumi:").split("::"):
            case [stack, project, _type, _name, *_]:
                yield printable(stack), printable(project)


def _credential(resource: Mapping[str, Any], interrupted: str | None) -> Credential:
    urn, kind = resource["urn"], resource["type"].removeprefix(_TYPE)
    inputs, outputs = _map(resource.get("inputs")), _map(resource.get("outputs"))
    errors = resource.get("initErrors")
    said = [printable(error) for error in errors] if isinstance(errors, list) else []
    if interrupted is not None:
        said.append(interrupted)
    if resource.get("delete") is True:
        said.append("replaced, and the old object is not deleted yet")
    try:
        policy = Policy.model_validate(inputs.get("rotation") or {})
    except ValidationError:
        policy = None
    known = by_name(kind)
    try:
        # A create that was interrupted has no outputs, and so no life yet.
        state = (known.state if known and outputs else State).model_validate(outputs)
    except ValidationError as refused:
        paths = sorted({property_path(error["loc"]) for error in refused.errors(include_url=False)})
        said.append(f"its state cannot be read: {printable(', '.join(paths))}")
        known, state = None, State()
    endpoint = outputs.get("endpoint") or inputs.get("endpoint") or (known.vendor if known else None)
    return Credential(
        name=printable(urn.split("::", 3)[-1]),
        kind=printable(kind),
        urn=printable(urn),
        endpoint=None if endpoint is None else printable(endpoint),
        state=state,
        policy=policy,
        resource=known if outputs else None,
        errors=tuple(said),
    )


def _map(properties: Any) -> dict[str, Any]:
    found = _showable(properties)
    return found if isinstance(found, dict) else {}


def _showable(value: Any) -> Any:
    match value:
        case dict() if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return SECRET
        case dict():
            return {key: _showable(member) for key, member in value.items()}
        case list():
            return [_showable(member) for member in value]
        case str():
            return printable(value)
        case _:
            return value
