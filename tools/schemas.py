"""Write schemas/: JSON Schemas of inputs, manifests, reports and probes, and Pulumi's own; `--check` only compares."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pulumi_rekey.cli.probe.output import ProbeDocument
from pulumi_rekey.cli.probe.recording import Recording
from pulumi_rekey.cli.report import ReportDocument
from pulumi_rekey.frontend.descriptions import JsonSchema, json_schema
from pulumi_rekey.manifest.entries import MAX_NAME, NAME, Options
from pulumi_rekey.manifest.kinds import PAIR, PAIR_POLICY, POLICY, SIDES, arguments, credentials, resource_of
from pulumi_rekey.model import Model
from pulumi_rekey.native.schema import package_schema
from pulumi_rekey.policy.slots import Turn
from pulumi_rekey.reconciler.contract import Resource
from pulumi_rekey.resources import all_resources

FOLDER = Path(__file__).parent.parent / "schemas"


def schema_of(resource: Resource[Any, Any, Any]) -> str:
    """The text of a resource's schema file."""
    schema = json_schema(resource.inputs)
    schema = {"$schema": JsonSchema.schema_dialect, **schema, "title": resource.name}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def manifest_schema() -> str:
    """The text of the schema of one YAML document in a manifest."""
    definitions: dict[str, Any] = {"reference": {"type": "string", "pattern": REFERENCE}}
    documents = []
    for kind in credentials():
        schema = json_schema(resource_of(kind).inputs)
        schema["properties"]["rotation"] = {"$ref": "#/$defs/Policy"}
        for name, definition in schema.pop("$defs").items():
            definitions[name] = _referring(definition)
        definitions[kind] = _referring(schema | {"properties": _named(schema["properties"], arguments(kind))})
        documents.append(_document(kind, {"$ref": f"#/$defs/{kind}"}, needed=bool(schema.get("required"))))
    del definitions["Turn"]
    policy = definitions["Policy"]
    policy["properties"] = {name: _or_null(policy["properties"][name]) for name in POLICY}
    definitions["PairPolicy"] = policy | {"properties": _named(policy["properties"], PAIR_POLICY)}
    every = json_schema(Turn)["properties"]["every"]
    for kind, cls in credentials().items():
        described = definitions[kind]["properties"]
        described["rotation"] = {"$ref": "#/$defs/Policy"}
        for name in described.keys() & {"endpoint", "rotation"}:
            described[name] = _or_null(described[name])
        if cls.pair_unsupported_reason is None:
            definitions[f"{kind}Side"] = _map({name: described[name] for name in described if name != "rotation"})
            documents.append(_document(PAIR, _pair(kind, every), needed=True))
    options = json_schema(Options)
    schema = {
        "$schema": JsonSchema.schema_dialect,
        "title": "A rekey manifest",
        "description": "One document of a manifest: a credential, a pair of them, or defaults.",
        "oneOf": [_defaults(), *documents],
        "$defs": definitions | {"Options": options},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


#: Where a reference stands, any text is possible.
REFERENCE = r"(^|[^$])\$\{[^{}]+\}"


def _referring(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, where every value may also be a reference, and a secret nothing else."""
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
    return spoken | {"anyOf": [judged, {"$ref": "#/$defs/reference"}]}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, where null takes a default away."""
    spoken = {"description": schema["description"]} if "description" in schema else {}
    return spoken | {"anyOf": [schema, {"type": "null"}]}


def _map(properties: dict[str, Any], required: Iterable[str] = (), **more: str) -> dict[str, Any]:
    needs = {"required": list(required)} if required else {}
    return {"type": "object", "additionalProperties": False, "properties": properties, **needs, **more}


def _named(properties: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: properties[name] for name in names}


def _document(kind: str, spec: dict[str, Any], *, needed: bool) -> dict[str, Any]:
    name = {
        "type": "string",
        "pattern": NAME,
        "maxLength": MAX_NAME,
        "description": "Pulumi's name of it. Under another name it is another one, unless options.aliases has the old.",
    }
    properties = {
        "kind": {"const": kind},
        "name": name,
        "spec": spec,
        "options": {"$ref": "#/$defs/Options"},
    }
    return _map(properties, ("kind", "name", "spec") if needed else ("kind", "name"))


def _pair(kind: str, every: dict[str, Any]) -> dict[str, Any]:
    side = f"#/$defs/{kind}Side"
    properties = {
        "of": {"const": kind, "description": "The kind of credential that there are two of."},
        "every": _or_reference(every),
        "both": {"$ref": side, "description": "What both are told."},
        "blue": {"$ref": side, "description": "What blue alone is told."},
        "green": {"$ref": side, "description": "What green alone is told."},
        "rotation": {
            "description": "What holds back or asks for a rotation of either; without max_age and jitter.",
            **_or_null({"$ref": "#/$defs/PairPolicy"}),
        },
        "rotate_now": _map(
            {side: {"type": "string", "minLength": 1} for side in SIDES},
            description="For each side that is to rotate now, the reason.",
        ),
    }
    return _map(properties, ("of", "every"))


def _defaults() -> dict[str, Any]:
    policy = {"$ref": "#/$defs/Policy", "description": "For every entry; what an entry says itself goes before it."}
    of_kinds = {
        kind: _map(
            {
                name: {"$ref": f"#/$defs/{kind}/properties/{name}"}
                for name in ("endpoint", "rotation")
                if name in arguments(kind)
            }
        )
        for kind in credentials()
    }
    block = _map(
        {"rotation": policy} | of_kinds, description="For this file; in defaults.yaml for its folder and those below."
    )
    return _map({"defaults": block}, ["defaults"])


def report_schema() -> str:
    """The text of the schema of `rekey status --json`; unlike in inputs, null is a value in it."""
    return _output_schema(ReportDocument, "A rekey report")


def probe_schema() -> str:
    """The text of the schema of `rekey probe --json`."""
    return _output_schema(ProbeDocument, "A probe of a vendor's system")


def recording_schema() -> str:
    """The text of the schema of what `rekey probe --record` writes."""
    return _output_schema(Recording, "A recording of shapes")


def _output_schema(document: type[Model], title: str) -> str:
    schema = document.model_json_schema(mode="serialization")
    schema = {"$schema": JsonSchema.schema_dialect, **schema, "title": title}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def pulumi_schema() -> str:
    """The text of the plugin's package schema, which is Pulumi's kind of schema."""
    return json.dumps(package_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write, or compare and name what is stale."""
    wanted = {FOLDER / f"{resource.name}.json": schema_of(resource) for resource in all_resources()}
    others = {
        "manifest": manifest_schema(),
        "probe": probe_schema(),
        "pulumi": pulumi_schema(),
        "recording": recording_schema(),
        "report": report_schema(),
    }
    wanted |= {FOLDER / f"{name}.json": text for name, text in others.items()}
    present = {path: path.read_text() for path in FOLDER.glob("*.json")}
    if "--check" in sys.argv[1:]:
        stale = sorted(path.name for path in wanted.keys() | present.keys() if wanted.get(path) != present.get(path))
        if stale:
            sys.stderr.write(f"schemas: stale: {', '.join(stale)}; run `make schemas`\n")
        return bool(stale)
    FOLDER.mkdir(exist_ok=True)
    for path in present.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
