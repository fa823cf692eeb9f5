"""The credentials in a stack's exported state, read without decrypting anything.

An export is what ``pulumi stack export`` prints. Its secrets are encrypted, or in plain text where somebody asked for
that; either is replaced here by a fixed text, and all other text is made printable, before anything else sees it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import ValidationError, create_model

from ..errors import Misconfigured
from ..model import Model, property_path, secret_fields
from ..policy.model import ROTATE_NOW, AppliedPolicy, Policy, trigger_path
from ..policy.slots import OtherSide
from ..reconciler.contract import Inputs, Resource, State
from ..resources import by_name

#: Replaces every secret. All look the same, so that two of them never look like a change.
SECRET: Final = "[secret]"  # noqa: S105 - the opposite of one
# https://www.pulumi.com/docs/iac/concepts/secrets: how an export marks a value as secret.
_SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark
#: How the types of credentials begin, on the dynamic front end and on the native one.
_TYPES: Final = ("pulumi-python:dynamic/rekey:", "rekey:index:")
#: No state of rekey's comes near; one that is deeper would exhaust the interpreter.
_MAX_DEPTH: Final = 64
#: Digits; a longer number is taken as JavaScript takes it, which no field of a state accepts.
_MAX_DIGITS: Final = 18
_INTERRUPTED: Final = {"creating": "creation", "updating": "update", "deleting": "deletion", "reading": "reading"}

ModelT = TypeVar("ModelT", bound=Model)


@dataclass(frozen=True)
class Credential:
    """One credential as the state has it."""

    name: str
    #: The resource's name in rekey, such as ``AppSecret``.
    kind: str
    urn: str
    #: Pulumi's id of the resource.
    id: str
    #: The configured endpoint; none where no vendor takes part.
    endpoint: str | None
    state: State
    #: What the program last asked for; none if that cannot be read.
    inputs: Inputs | None
    #: Why there are no inputs.
    unreadable: str | None
    #: What rekey knows of this kind of resource; none if it is unknown here, or the state cannot be read.
    resource: Resource[Any, Any, Any] | None
    #: What the last run could not finish, in words.
    errors: tuple[str, ...] = ()
    #: The resources that its secret comes from, by name.
    follows: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy | None:
        """The policy by which it rotates; none if that cannot be read."""
        return None if self.inputs is None else self.inputs.rotation


@dataclass(frozen=True)
class Stack:
    """The credentials of one stack."""

    name: str
    project: str | None
    credentials: tuple[Credential, ...] = field(default=())


def printable(text: object) -> str:
    """Return text from outside as one line that no terminal obeys: unprintable characters become U+FFFD."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text).replace("\n", " "))


def read_stack(export: bytes, source: str) -> Stack:
    """Return rekey's resources in an export; others are skipped.

    :param source: How errors name the export, and the name of the stack if that is empty.
    :raises Misconfigured: It is not the export of a stack.
    """
    try:
        known, begun = _read(json.loads(export, parse_int=_number))
    except (ValueError, RecursionError):
        raise Misconfigured(
            f"{printable(source)} is not the export of a stack", todo="write one with `pulumi stack export --file`"
        ) from None
    interrupted = {resource["urn"]: f"its {operation} was interrupted" for resource, operation in begun}
    urns = {resource["urn"] for resource in known}
    # An interrupted create has left nothing but the operation.
    found = [*known, *{resource["urn"]: resource for resource, _ in begun if resource["urn"] not in urns}.values()]
    credentials = tuple(
        _credential(resource, interrupted.get(resource["urn"])) for resource in found if _kind(resource) is not None
    )
    stack, project = next(_stack_and_project(resource["urn"] for resource in found), (printable(source), None))
    return Stack(stack, project, tuple(_with_other_side(each, credentials) for each in credentials))


def _with_other_side(side: Credential, credentials: tuple[Credential, ...]) -> Credential:
    """Return one of a pair with what the next run would tell it of the other one; the last run's word may be old."""
    if side.inputs is None or side.policy is None or (turn := side.policy.turn) is None:
        return side
    name = side.name.removesuffix(turn.side) + turn.opposite
    urn = side.urn.removesuffix(side.name) + name
    known = [
        OtherSide(handover=other.state.handover, unfinished=other.state.step is not None)
        for other in credentials
        if other.urn == urn
    ]
    policy = side.policy.model_copy(update={"turn": turn.model_copy(update={"other": known[0] if known else None})})
    return replace(side, inputs=side.inputs.model_copy(update={"rotation": policy}))


def _read(document: Any) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], str]]]:
    """Return the resources of an export, and the interrupted operations, each as its resource and its name.

    :raises ValueError: It is not an export.
    """
    deployment = _object(_object(document).get("deployment"))
    begun = [
        (_resource(operation.get("resource")), _INTERRUPTED.get(str(operation.get("type")), "operation"))
        for operation in map(_object, _list(deployment.get("pending_operations")))
    ]
    return [_resource(resource) for resource in _list(deployment.get("resources"))], begun


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - the export is wrong, not the program
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


def _kind(resource: Mapping[str, Any]) -> str | None:
    """Return the kind of a credential; nothing if it is something else, such as the component of a pair."""
    kind: str = resource["type"]
    is_component = resource.get("custom") is False
    found = (kind.removeprefix(prefix) for prefix in _TYPES if kind.startswith(prefix) and not is_component)
    return next(found, None)


def _credential(resource: Mapping[str, Any], interrupted: str | None) -> Credential:
    urn, kind = resource["urn"], str(_kind(resource))
    errors = resource.get("initErrors")
    said = [printable(error) for error in errors] if isinstance(errors, list) else []
    if interrupted is not None:
        said.append(interrupted)
    if resource.get("delete") is True:
        said.append("replaced, and the old object is not deleted yet")
    stored, bad_inputs = _properties(resource, "inputs")
    outputs, bad_outputs = _properties(resource, "outputs")
    known = by_name(kind)
    state = State()
    try:
        # An interrupted create has no outputs, and so no life yet.
        state = _state(known, outputs) if known and outputs else State.model_validate(outputs)
    except ValidationError as refused:
        bad_outputs = sorted({*bad_outputs, *_paths(refused)})
    if bad_outputs:
        said.append(f"its state cannot be read: {printable(', '.join(bad_outputs))}")
    inputs, unreadable = None, None
    if known is None:
        unreadable = f"this version of rekey does not know {printable(kind)}: install the version that the project uses"
    elif bad_outputs or not outputs:
        unreadable = "it has no state that can be read"
    elif bad_inputs:
        unreadable = f"its inputs cannot be read: {printable(', '.join(bad_inputs))}"
    else:
        inputs, unreadable = _inputs(known, stored, state)
    if inputs is not None:
        state = state.model_copy(update={"rotation": _comparable(state.rotation, inputs.rotation)})
    endpoint = outputs.get("endpoint") or stored.get("endpoint") or (known.vendor if known else None)
    return Credential(
        name=_name(urn),
        kind=printable(kind),
        urn=printable(urn),
        id=printable(resource.get("id") or ""),
        endpoint=None if endpoint is None else printable(endpoint),
        state=state,
        inputs=inputs,
        unreadable=unreadable,
        resource=known if outputs and not bad_outputs else None,
        errors=tuple(said),
        follows=() if known is None else _sources(known, resource.get("propertyDependencies")),
    )


def _name(urn: str) -> str:
    return printable(urn.split("::", 3)[-1])


def _paths(refused: ValidationError) -> set[str]:
    return {property_path(error["loc"]) for error in refused.errors(include_url=False)}


def _state(resource: Resource[Any, Any, Any], outputs: Mapping[str, Any]) -> State:
    model: type[State] = resource.state
    hidden = _hidden(resource, outputs).intersection(model.model_fields)
    state: State = _without(model, hidden).model_validate({name: outputs[name] for name in outputs.keys() - hidden})
    return state


def _inputs(
    resource: Resource[Any, Any, Any], stored: Mapping[str, Any], state: State
) -> tuple[Inputs | None, str | None]:
    """Rebuild the inputs that a run would be given, or say why they cannot be.

    A secret is taken as it was applied, since it cannot be compared: it must not look like a change.
    """
    model: type[Inputs] = resource.inputs
    # The engine's own properties begin with two underscores.
    given = {name: value for name, value in stored.items() if not name.startswith("__")}
    if given.get("rotation") == SECRET:
        return None, "its policy cannot be read from here: it is secret"
    secret = {name for name in given.keys() & secret_fields(model) if given[name] is not None}
    absent = {name for name, field in model.model_fields.items() if field.is_required() and name not in given}
    left_out = _hidden(resource, given) | absent
    shown = {name: given[name] for name in given.keys() - secret - left_out}
    try:
        inputs = _without(model, left_out).model_validate(shown)
    except ValidationError as refused:
        return None, f"its inputs cannot be read: {printable(', '.join(sorted(_paths(refused))))}"
    return inputs.model_copy(update={name: getattr(state, name, None) for name in secret}), None


def _comparable(seen: AppliedPolicy, policy: Policy) -> AppliedPolicy:
    """Return what the credential knew of the policy as values, as the plan compares them where there is no key.

    The key is secret, so that digests cannot be compared here: what is pending is another value, all else the same.
    """
    if seen.key is None:
        return seen
    pending = seen.pending or ()
    triggers = {
        name: f"not {value}" if trigger_path(name) in pending else value
        for name, value in policy.triggers.items()
        if name in seen.triggers
    }
    asked = seen.rotate_now is None or ROTATE_NOW in pending
    return AppliedPolicy(triggers=triggers, rotate_now=None if asked else policy.rotate_now, pending=seen.pending)


def _hidden(resource: Resource[Any, Any, Any], properties: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the inputs that the user has made secret; so are then the outputs of the same names."""
    names = properties.keys() & resource.inputs.model_fields.keys() - secret_fields(resource.inputs)
    # A policy is read around its secret triggers.
    return frozenset(
        name for name in names if properties[name] == SECRET or (name != "rotation" and _holds_secret(properties[name]))
    )


@cache
def _without(model: type[ModelT], names: frozenset[str]) -> type[ModelT]:
    """Return the model, where fields may be left out; a required one then has one text, in inputs and state alike."""
    fields = model.model_fields
    unset: dict[str, Any] = {
        name: (fields[name].rebuild_annotation(), SECRET) for name in names if fields[name].is_required()
    }
    return create_model(model.__name__, __base__=model, **unset) if unset else model


def _sources(resource: Resource[Any, Any, Any], dependencies: Any) -> tuple[str, ...]:
    """Return the names of the resources that the credential's secret comes from."""
    if not isinstance(dependencies, dict):
        return ()
    found = (dependencies.get(name) for name in secret_fields(resource.inputs))
    urns = {urn for each in found if isinstance(each, list) for urn in each if isinstance(urn, str)}
    return tuple(sorted(map(_name, urns)))


def _properties(resource: Mapping[str, Any], name: str) -> tuple[dict[str, Any], list[str]]:
    """Return a map of properties, and the paths of those that cannot be read."""
    properties = resource.get(name)
    if properties is None:
        return {}, []
    if not isinstance(properties, dict):
        return {}, [name]
    shown, too_deep = {}, []
    for key, value in properties.items():
        try:
            shown[printable(key)] = _showable(value)
        except RecursionError:
            too_deep.append(f"{key} (nested too deeply)")
    return shown, too_deep


def _showable(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise RecursionError
    match value:
        case dict() if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return SECRET
        case dict():
            return {printable(key): _showable(member, depth + 1) for key, member in value.items()}
        case list():
            return [_showable(member, depth + 1) for member in value]
        case str():
            return printable(value)
        case _:
            return value


def _holds_secret(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_holds_secret, value.values()))
        case list():
            return any(map(_holds_secret, value))
        case _:
            return bool(value == SECRET)
