"""Write the tables in docs/: arguments, outputs, settings and manifests, from the models; `--check` only compares.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; the text around it is written by people.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Set
from functools import partial
from pathlib import Path
from typing import Any

import pulumi_rekey
from pulumi_rekey.endpoints import KINDS, session_class
from pulumi_rekey.endpoints.config import CREDENTIAL, Endpoint, environment_names
from pulumi_rekey.manifest import kinds
from pulumi_rekey.model import IMMUTABLE, WRITE_ONLY, Model, fields_marked, secret_fields
from pulumi_rekey.policy.model import Policy
from pulumi_rekey.policy.windows import Window
from pulumi_rekey.programs.credential import Credential
from pulumi_rekey.reconciler.contract import Inputs, State
from pydantic.alias_generators import to_camel

from tools.schemas import Schema, all_resources, manifest_schema

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TABLE = re.compile(r"(<!-- table: (?P<name>[^>]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
#: Parameters that Pulumi has every resource take.
NOT_OF_THE_MODEL = {"name", "opts"}


def tables() -> dict[str, Callable[[], str]]:
    """Every table, by the name that a page asks for it."""
    found: dict[str, Callable[[], str]] = {
        "Rotation": partial(arguments, Policy, pulumi_rekey.Rotation),
        "Window": partial(arguments, Window, pulumi_rekey.Window),
        "outputs of every resource": partial(outputs, State, None, Credential),
    }
    for resource in all_resources():
        constructor = getattr(pulumi_rekey, resource.name)
        found[f"{resource.name} arguments"] = partial(arguments, resource.inputs, constructor)
        found[f"{resource.name} outputs"] = partial(outputs, resource.state, resource.inputs, constructor)
    found["endpoint settings of every kind"] = partial(settings, Endpoint, Endpoint.model_fields.keys() - {"url"})
    for kind in KINDS:
        model = session_class(kind).model
        # What the environment can fill belongs to the kind.
        found[f"endpoint {kind}"] = partial(
            settings, model, model.model_fields.keys() - Endpoint.model_fields.keys() | environment_names(model).keys()
        )
    found["manifest kinds"] = manifest_kinds
    found["manifest Pair"] = partial(manifest_keys, kinds.PAIR, "spec")
    found["manifest options"] = partial(manifest_keys, kinds.PAIR, "options")
    return found


def arguments(model: type[Model], constructor: type) -> str:
    """The arguments of a constructor: their types are its own, their meaning is the model's."""
    fields = properties(model)
    rows = []
    for name, parameter in inspect.signature(constructor).parameters.items():
        if name in NOT_OF_THE_MODEL:
            continue
        field, is_secret = fields[name], name in secret_fields(model)
        meaning = [
            field["description"],
            bounds(field),
            "Another one replaces." if name in fields_marked(model, IMMUTABLE) else "",
            "Secret." if is_secret else "",
            "Not kept in the outputs." if name in fields_marked(model, WRITE_ONLY) else "",
            default(field),
        ]
        required = model.model_fields[name].is_required()
        kind = f"`{type_of(parameter.annotation).removesuffix(' | None')}`"
        rows.append((named(name, required=required), kind, sentences(meaning)))
    return table(("Argument", "Type", "Meaning"), rows)


def outputs(model: type[State], inputs: type[Inputs] | None, constructor: type[Credential]) -> str:
    """The outputs that a class declares itself, in the words of the state or, where it has none, of the input."""
    fields, given = properties(model), properties(inputs) if inputs else {}
    rows = []
    for name, annotation in inspect.get_annotations(constructor).items():
        if name not in constructor.output_names():
            continue
        meaning = fields[name].get("description") or given[name]["description"]
        secret = "Secret." if name in secret_fields(model) else ""
        rows.append((named(name), f"`{type_of(annotation)}`", sentences([meaning, secret])))
    return table(("Output", "Type", "Meaning"), rows)


def settings(model: type[Endpoint], names: Set[str]) -> str:
    """Settings of an endpoint, in the spelling of stack config, with their environment variables."""
    variables = environment_names(model)
    rows = []
    for name, field in properties(model, by_alias=False).items():
        if name not in names:
            continue
        meaning = [
            field.get("description", ""),
            "Part of a credential." if name in fields_marked(model, CREDENTIAL) else "",
            "Set it with `--secret`." if name in secret_fields(model) else "",
            bounds(field),
            default(field),
        ]
        variable = f"`{variables[name]}`" if name in variables else ""
        required = model.model_fields[name].is_required()
        rows.append((named(to_camel(name), required=required), variable, sentences(meaning)))
    return table(("Setting", "Environment", "Meaning"), rows)


def manifest_kinds() -> str:
    """What the `spec` of each kind of credential takes, and what other entries can refer to."""
    rows = []
    for kind, constructor in kinds.credentials().items():
        fields = kinds.resource_of(kind).inputs.model_fields
        keys = (named(name, required=fields[name].is_required()) for name in kinds.arguments(kind))
        outputs = (named(name) for name in kinds.outputs(kind) if name not in Credential.output_names())
        page = f"resources/{constructor.__module__.rpartition('.')[2]}.md"
        if not (DOCS / page).exists():
            page = f"rotation.md#{kind.lower()}"
        rows.append((f"[`{kind}`]({page})", ", ".join(keys), ", ".join(outputs)))
    return table(("Kind", "Keys of `spec`", "Outputs of its own"), rows)


def manifest_keys(kind: str, part: str) -> str:
    """The keys of a part of an entry, as the schema has them that editors complete by."""
    schema = json.loads(manifest_schema())
    entry = next(found for found in schema["oneOf"] if found["properties"].get("kind") == {"const": kind})
    described = entry["properties"][part]
    if "$ref" in described:
        described = schema["$defs"][described["$ref"].rpartition("/")[2]]
    rows = [
        (named(name, required=name in described.get("required", ())), key["description"])
        for name, key in described["properties"].items()
    ]
    return table((f"Key of `{part}`", "Meaning"), rows)


def properties(model: type[Model], *, by_alias: bool = True) -> dict[str, dict[str, Any]]:
    """The JSON Schemas of a model's fields."""
    found: dict[str, dict[str, Any]] = model.model_json_schema(by_alias=by_alias, schema_generator=Schema)["properties"]
    return found


def type_of(annotation: str) -> str:
    """A type as the program sees it, without what lets a value be an output of something else."""
    return ast.unparse(_Unwrapped().visit(ast.parse(annotation, mode="eval"))).replace("'", '"')


class _Unwrapped(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Leave `X` of `pulumi.Input[X]` and `pulumi.Output[X]`."""
        self.generic_visit(node)
        return node.slice if ast.unparse(node.value) in {"pulumi.Input", "pulumi.Output"} else node


def bounds(field: dict[str, Any]) -> str:
    """What a value's bounds are, unless its description says so already."""
    least = field.get("minLength", field.get("minimum"))
    most = field.get("maxLength", field.get("maximum"))
    if most is None or str(most) in field.get("description", ""):
        return ""
    unit = " characters" if "maxLength" in field else ""
    if "exclusiveMinimum" in field:
        return f"More than {field['exclusiveMinimum']}, at most {most}{unit}."
    return f"At most {most}{unit}." if least is None else f"From {least} to {most}{unit}."


def default(field: dict[str, Any]) -> str:
    """The default, where it is a value."""
    value = field.get("default")
    return "" if value in (None, [], {}, ()) else f"Default: {code(value)}."


def code(value: object) -> str:
    """A value as a program says it."""
    return f"`{value!r}`".replace("'", '"')


def named(name: str, *, required: bool = False) -> str:
    """A name in code, and whether it must be given."""
    return f"`{name}`{' (required)' if required else ''}"


def sentences(meaning: Iterable[str]) -> str:
    """The sentences that are not empty."""
    return " ".join(filter(None, meaning))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def written(page: str) -> str:
    """A page with its tables as the models have them."""
    known = tables()
    return TABLE.sub(lambda found: found[1] + known[found["name"]]() + found[3], page)


def main() -> int:
    """Write, or compare and name what is stale."""
    stale = [path for path in sorted(DOCS.rglob("*.md")) if path.read_text() != written(path.read_text())]
    if "--check" in sys.argv[1:]:
        if stale:
            names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
            sys.stderr.write(f"reference: stale: {names}; run `make reference`\n")
        return bool(stale)
    for path in stale:
        path.write_text(written(path.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
