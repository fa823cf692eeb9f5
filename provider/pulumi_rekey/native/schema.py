"""The plugin's package schema, from the registry and the models: what Pulumi makes SDKs of and checks programs by.

Page: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from pydantic import BaseModel
from pydantic.alias_generators import to_pascal

from .. import resources
from ..frontend.descriptions import (
    SHARED_OUTPUTS,
    argument_names,
    bounds,
    json_schema,
    meaning_of_argument,
    meaning_of_output,
    output_names,
    sentences,
)
from ..model import IMMUTABLE, fields_marked, secret_fields
from ..reconciler.contract import Resource

PACKAGE: Final = "rekey"
#: What programs call a model that has another name here.
_NAMES: Final = {"Policy": "Rotation"}
#: What `Pair` alone says, which is a part of Python programs and manifests: by itself it would not keep two apart.
_OF_PAIR: Final = "turn"
#: Outputs that are there from the first `pulumi up` on, though a state without them can be read.
_ALWAYS_SET: Final = frozenset({"generation", "rotated_at", "rotation_reason"})
#: The provider's settings; that they are whole is checked where they are used.
_SETTINGS: Final[dict[str, Any]] = {
    "endpoints": {
        "description": "The vendors' systems, by a name of your choice: each a map of settings, such as `url`. One that"
        " is named like its kind (`vcd`, `broker`, `navigator`, `roma`) needs no `kind`.",
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}},
        "secret": True,
    },
    "owner": {
        "description": "A random text that stays the same for ever: by it, rekey knows what an interrupted run of this"
        " stack has created.",
        "type": "string",
        "secret": True,
    },
    "rotateNow": {
        "description": "For each resource that is to rotate now, by its name, the reason: a new text rotates, once. Not"
        " secret.",
        "type": "object",
        "additionalProperties": {"type": "string"},
    },
}


def token(name: str) -> str:
    """Return how the engine calls a resource or a type."""
    return f"{PACKAGE}:index:{name}"


def package_schema() -> dict[str, Any]:
    """Return the package's schema, without its version, which is the plugin's.

    Names are in snake case, as they are on the wire, in states, in manifests and in the documentation.
    """
    types = _Types()
    described = {}
    for module in resources.MODULES:
        resource = resources.load(module)
        about = (import_module(f"{resources.__name__}.{module}").__doc__ or "").strip().replace("``", "`")
        described[token(resource.name)] = {"description": about, **_resource(resource, types)}
    return {
        "name": PACKAGE,
        "displayName": "Rekey",
        "description": "Declare, reconcile and rotate identity credentials.",
        "keywords": ["pulumi", "identity", "oidc", "oauth", "secrets", "rotation", "kind/native", "category/utility"],
        "publisher": "The Rekey maintainers",
        "license": "Apache-2.0",
        "language": {
            # The name `pulumi_rekey` is taken, by what Python programs import anyway.
            "python": {"packageName": "pulumi_rekey_sdk", "respectSchemaVersion": True},
            "nodejs": {"packageName": "pulumi-rekey", "respectSchemaVersion": True},
            "go": {"respectSchemaVersion": True},
        },
        "config": {"variables": _SETTINGS},
        "types": dict(sorted(types.found.items())),
        "provider": {
            "description": "Where the vendors are, and how to log in there; for a second installation of a vendor.",
            "inputProperties": _SETTINGS,
        },
        "resources": described,
    }


def _resource(resource: Resource[Any, Any, Any], types: _Types) -> dict[str, Any]:
    arguments, outputs = argument_names(resource), [*output_names(resource), *SHARED_OUTPUTS]
    given, kept = resource.inputs, resource.state
    inputs = types.properties(resource.name, given, arguments)
    for name in arguments:
        inputs[name]["description"] = meaning_of_argument(resource, name, inputs[name]["description"])
    properties = types.properties(resource.name, kept, outputs)
    for name in outputs:
        # The engine's SDKs ask the outputs, not the inputs, what replaces.
        replaces = {"replaceOnChanges": True} if name in fields_marked(given, IMMUTABLE) else {}
        properties[name] = {"description": meaning_of_output(resource, name), **properties[name], **replaces}
    required = [name for name in outputs if kept.model_fields[name].is_required() or name in _ALWAYS_SET]
    return {
        "properties": properties,
        "required": required,
        "inputProperties": inputs,
        "requiredInputs": [name for name in arguments if given.model_fields[name].is_required()],
        # A stack of the dynamic provider's goes on with its resources.
        "aliases": [{"type": f"pulumi-python:dynamic/{PACKAGE}:{resource.name}"}],
    }


class _Types:
    """The named types that the properties of resources refer to, as they turn up."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def properties(self, owner: str, model: type[BaseModel], names: list[str]) -> dict[str, dict[str, Any]]:
        """Return some properties of a model."""
        schema = json_schema(model, by_alias=False)
        immutable = fields_marked(model, IMMUTABLE)
        return {
            name: self._property(f"{owner}{to_pascal(name)}", schema["properties"][name], schema["$defs"])
            | ({"secret": True} if name in secret_fields(model) else {})
            | ({"replaceOnChanges": True} if name in immutable else {})
            for name in names
        }

    def _property(self, name: str, field: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
        """Return a property by its JSON Schema; `name` is what a type of its own is called."""
        text = sentences([field.get("description", ""), bounds(field)])
        described = {"description": text} if text else {}
        # A default that is a list or a map is an empty one.
        default = {"default": field["default"]} if isinstance(field.get("default"), str | int | float) else {}
        return described | self._type(name, field, models) | default

    def _type(self, name: str, field: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
        match field:
            case {"$ref": reference}:
                return self._object(reference.rpartition("/")[2], models)
            case {"enum": values}:
                members = [{"value": value} for value in values]
                self.found[token(name)] = {"description": field["description"], "type": "string", "enum": members}
                return {"$ref": f"#/types/{token(name)}"}
            case {"type": [*several]}:
                return {"oneOf": [{"type": one} for one in several]}
            case {"type": "array", "items": items}:
                return {"type": "array", "items": self._type(name, items, models)}
            case {"type": "object", "additionalProperties": dict(members)}:
                return {"type": "object", "additionalProperties": self._type(name, members, models)}
            case {"type": "string" | "integer" | "number" | "boolean" as plain}:
                return {"type": plain}
            case _:
                raise TypeError(f"{name}: say here how Pulumi's schema describes {field}")

    def _object(self, model: str, models: dict[str, Any]) -> dict[str, Any]:
        """Note a model that is the value of a property, and return the reference to it."""
        name, schema = _NAMES.get(model, model), models[model]
        properties = {
            field: self._property(f"{name}{to_pascal(field)}", described, models)
            for field, described in schema["properties"].items()
            if field != _OF_PAIR and (described.get("description") or "$ref" in described)
        }
        self.found[token(name)] = {
            "description": schema["description"],
            "type": "object",
            "properties": properties,
            "required": [field for field in schema.get("required", ()) if field in properties],
        }
        return {"$ref": f"#/types/{token(name)}"}
