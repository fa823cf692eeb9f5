"""The JSON Schema of one document of a manifest, by which editors complete and check.

It decides by ``kind`` with if/then, and by the form of a value whether that is a reference: so an editor's complaint is
about the one branch that applies, and names the key or the value that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..frontend.descriptions import JsonSchema, json_schema
from ..policy.slots import Turn
from ..reconciler.contract import Inputs
from .entries import MAX_NAME, NAME, Options
from .kinds import PAIR, PAIR_POLICY, POLICY, SIDES, arguments, credentials, kinds, resource_of

#: Where a reference stands, any text is possible.
REFERENCE: Final = r"(^|[^$])\$\{[^{}]+\}"


def manifest_schema() -> dict[str, Any]:
    """Return the schema of one YAML document."""
    entry, definitions = _entry(), _definitions()
    # All that may stand at the top, so that an editor offers it in an empty file; the branch judges it.
    anything = {key: value["description"] for key, value in entry["properties"].items()} | _TOP
    return {
        "$schema": JsonSchema.schema_dialect,
        "$id": "urn:pulumi-rekey:manifest",
        "title": "A rekey manifest",
        "description": "One document of a manifest: a credential, a pair of them, defaults, or outputs of the stack.",
        "type": "object",
        "properties": {key: {"description": text} for key, text in anything.items()},
        "if": {"required": ["defaults"]},
        "then": {"$ref": "#/$defs/DefaultsDocument"},
        "else": {
            "if": {"required": ["export"]},
            "then": {"$ref": "#/$defs/ExportDocument"},
            "else": {"$ref": "#/$defs/Entry"},
        },
        "$defs": {
            "Entry": entry,
            "DefaultsDocument": _map({"defaults": _defaults()}, ["defaults"]),
            "ExportDocument": _map({"export": _export()}, ["export"]),
            **definitions,
        },
    }


_TOP: Final = {
    "defaults": "What entries say unless they say it themselves: for this file; in defaults.yaml for its folder and"
    " those below.",
    "export": "Outputs of the stack by name, for other stacks and consumers. What is made of a secret stays one.",
}


def _entry() -> dict[str, Any]:
    properties = {
        "kind": {"enum": list(kinds()), "description": "What it is: the name of a resource, or Pair for two of one."},
        "name": {
            "type": "string",
            "pattern": NAME,
            "maxLength": MAX_NAME,
            "description": "Pulumi's name of it. Under another name it is another one, unless options.aliases has the"
            " old.",
        },
        "spec": {"type": "object", "description": "What it is told: the arguments of the kind."},
        "options": {"$ref": "#/$defs/Options", "description": "Pulumi's options for it."},
    }
    branches = []
    for kind in (*credentials(), PAIR):
        needed = kind == PAIR or bool(json_schema(resource_of(kind).inputs).get("required"))
        then = {"properties": {"spec": {"$ref": f"#/$defs/{kind}"}}, **({"required": ["spec"]} if needed else {})}
        branches.append(_when("kind", kind, then))
    return {**_map(properties, ("kind", "name")), "allOf": branches}


def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in credentials():
        schema = json_schema(resource_of(kind).inputs)
        for name, definition in schema.pop("$defs").items():
            found[name] = _referring(definition)
        described = _referring(schema)["properties"]
        if "endpoint" in described:
            described["endpoint"] = _or_null(described["endpoint"])
        policy = Inputs.model_fields["rotation"].description
        described["rotation"] = {"description": policy, **_or_null({"$ref": "#/$defs/Policy"})}
        found[kind] = schema | {"properties": _named(described, arguments(kind))}
    del found["Turn"]
    policy = found["Policy"]
    policy["properties"] = {name: _or_null(policy["properties"][name]) for name in POLICY}
    found["PairPolicy"] = policy | {"properties": _named(policy["properties"], PAIR_POLICY)}
    able = [kind for kind, cls in credentials().items() if cls.pair_unsupported_reason is None]
    for kind in able:
        described = found[kind]["properties"]
        found[f"{kind}Side"] = _map({name: described[name] for name in described if name != "rotation"})
    return found | {PAIR: _pair(able), "Options": json_schema(Options)}


def _pair(able: list[str]) -> dict[str, Any]:
    every = json_schema(Turn)["properties"]["every"]
    sides = {
        "both": "What both are told.",
        "blue": "What blue alone is told.",
        "green": "What green alone is told.",
    }
    properties = {
        "of": {"enum": able, "description": "The kind of credential that there are two of."},
        "every": _or_reference(every),
        **{name: {"type": "object", "description": text} for name, text in sides.items()},
        "rotation": {
            "description": "What holds back or asks for a rotation of either; without max_age and jitter.",
            **_or_null({"$ref": "#/$defs/PairPolicy"}),
        },
        "rotate_now": _map(
            {side: {"type": "string", "minLength": 1, "description": f"Why {side} rotates now."} for side in SIDES},
            description="For each side that is to rotate now, the reason.",
        ),
    }
    branches = [
        _when("of", kind, {"properties": {name: {"$ref": f"#/$defs/{kind}Side"} for name in sides}}) for kind in able
    ]
    return {**_map(properties, ("of", "every")), "allOf": branches}


def _defaults() -> dict[str, Any]:
    policy = {"$ref": "#/$defs/Policy", "description": "For every entry; what an entry says itself goes before it."}
    of_kinds = {
        kind: _map(
            {
                name: {"$ref": f"#/$defs/{kind}/properties/{name}"}
                for name in ("endpoint", "rotation")
                if name in arguments(kind)
            },
            description=f"For every {kind}; it goes before what is for every entry.",
        )
        for kind in credentials()
    }
    return _map({"rotation": policy} | of_kinds, description=_TOP["defaults"])


def _export() -> dict[str, Any]:
    value = {
        "type": ["string", "number", "boolean", "array", "object"],
        "description": "Its value, such as ${portal.client_secret}.",
    }
    return {"type": "object", "additionalProperties": value, "description": _TOP["export"]}


def _when(key: str, value: str, then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def _referring(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema, where every value may also be a reference, and a secret nothing else."""
    if "properties" in schema:
        members = {name: _or_reference(_referring(described)) for name, described in schema["properties"].items()}
        schema = schema | {"properties": members}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema = schema | {key: _or_reference(_referring(schema[key]))}
    return schema


def _or_reference(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("secret"):
        return {"description": schema["description"], "type": "string", "pattern": r"^\$\{[^{}]+\}$"}
    if schema.get("type") == "string" and not schema.keys() & {"pattern", "enum", "const", "maxLength"}:
        return schema  # takes any text
    spoken = {key: schema[key] for key in ("description", "examples", "default") if key in schema}
    judged = {key: value for key, value in schema.items() if key not in spoken}
    return spoken | {"if": {"type": "string", "pattern": REFERENCE}, "else": judged}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema, where null takes a default away."""
    spoken = {"description": schema["description"]} if "description" in schema else {}
    return spoken | {"if": {"type": "null"}, "else": schema}


def _map(properties: dict[str, Any], required: Iterable[str] = (), **more: str) -> dict[str, Any]:
    needs = {"required": list(required)} if required else {}
    return {"type": "object", "additionalProperties": False, "properties": properties, **needs, **more}


def _named(properties: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: properties[name] for name in names}
