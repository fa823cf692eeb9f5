"""Write the tables in the pages: resources, arguments, outputs, settings, manifests, calls; `--check` only compares.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`; the text around it is written by people.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Set
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from pulumi_rekey import resources
from pulumi_rekey.cli.probe import run as probe
from pulumi_rekey.cli.probe.facts import OTHER
from pulumi_rekey.endpoints import KINDS, session_class
from pulumi_rekey.endpoints.config import CREDENTIAL, Endpoint, environment_names
from pulumi_rekey.frontend.descriptions import (
    argument_names,
    bounds,
    capitalized,
    json_schema,
    meaning_of_argument,
    meaning_of_output,
    output_names,
    sentences,
)
from pulumi_rekey.manifest import kinds
from pulumi_rekey.manifest.schema import manifest_schema
from pulumi_rekey.model import IMMUTABLE, WRITE_ONLY, Model, fields_marked, secret_fields
from pulumi_rekey.policy.model import Policy
from pulumi_rekey.policy.windows import Window
from pulumi_rekey.programs.credential import Credential
from pulumi_rekey.programs.rotation import Rotation
from pulumi_rekey.programs.rotation import Window as WindowOfProgram
from pulumi_rekey.reconciler.contract import Resource, State
from pulumi_rekey.resources import MODULES, all_resources, load
from pydantic.alias_generators import to_camel

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TABLE = re.compile(r"(<!-- table: (?P<name>[^>]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def tables() -> dict[str, Callable[[], str]]:
    """Every table, by the name that a page asks for it."""
    found: dict[str, Callable[[], str]] = {
        "Rotation": partial(policy_arguments, Policy, Rotation),
        "Window": partial(policy_arguments, Window, WindowOfProgram),
        "outputs of every resource": outputs_of_every_resource,
    }
    for resource in all_resources():
        found[f"{resource.name} arguments"] = partial(arguments, resource)
        found[f"{resource.name} outputs"] = partial(outputs, resource)
    found["endpoint settings of every kind"] = partial(settings, Endpoint, Endpoint.model_fields.keys() - {"url"})
    for kind in KINDS:
        model = session_class(kind).model
        # What the environment can fill belongs to the kind.
        found[f"endpoint {kind}"] = partial(
            settings, model, model.model_fields.keys() - Endpoint.model_fields.keys() | environment_names(model).keys()
        )
        found[f"facts {kind}"] = partial(facts, kind)
    found["resources"] = partial(overview, "")
    found["resources, from the top"] = partial(overview, "docs/")
    found["calls"] = calls
    found["manifest kinds"] = manifest_kinds
    found["manifest Pair"] = partial(manifest_keys, kinds.PAIR, "spec")
    found["manifest options"] = partial(manifest_keys, "Options", "options")
    return found


def overview(folder: str) -> str:
    """What each resource manages, and what a rotation of it means; the pages are in this folder."""
    rows = []
    for module in MODULES:
        resource = load(module)
        summary = (import_module(f"{resources.__name__}.{module}").__doc__ or "").partition("\n")[0]
        turns = resource.overlap.startswith("no overlap:") and not getattr(resource, "pair_unsupported_reason", None)
        overlap = f"{capitalized(resource.overlap)}{'; two can take turns' if turns else ''}"
        what = summary.removesuffix(".").replace("``", "`")
        rows.append((f"[`{resource.name}`]({folder}resources/{module}.md)", what, overlap))
    return table(("Resource", "What it manages", "A rotation's overlap"), rows)


def calls() -> str:
    """The calls of each step, as the tests of the lifecycle count them at the sandbox."""
    from tests.lifecycle.cases import AT_A_VENDOR

    rows = [
        (case.resource, step, ", ".join(f"`{call}`" for call in getattr(case.calls, step)))
        for case in AT_A_VENDOR
        for step in ("create", "update", "rotate", "refresh", "destroy")
        if getattr(case.calls, step)
    ]
    return table(("Resource", "Step", "Calls"), rows)


def arguments(resource: Resource[Any, Any, Any]) -> str:
    """The arguments of a resource's constructor."""
    types = inspect.signature(kinds.credentials()[resource.name]).parameters
    rows = []
    for name in argument_names(resource):
        required = resource.inputs.model_fields[name].is_required()
        kind = f"`{type_of(types[name].annotation).removesuffix(' | None')}`"
        text = meaning_of_argument(resource, name, meaning(resource.inputs, name))
        rows.append((named(name, required=required), kind, text))
    return table(("Argument", "Type", "Meaning"), rows)


def policy_arguments(model: type[Model], constructor: type) -> str:
    """The arguments of a part of the policy: their types are the program's, their meaning is the model's."""
    rows = []
    for name, parameter in inspect.signature(constructor).parameters.items():
        kind = f"`{type_of(parameter.annotation).removesuffix(' | None')}`"
        rows.append((named(name, required=model.model_fields[name].is_required()), kind, meaning(model, name)))
    return table(("Argument", "Type", "Meaning"), rows)


def outputs(resource: Resource[Any, Any, Any]) -> str:
    """The outputs of a resource beside those that every one has."""
    types = inspect.get_annotations(kinds.credentials()[resource.name])
    secret = secret_fields(resource.state)
    rows = [
        (
            named(name),
            f"`{type_of(types[name])}`",
            sentences([meaning_of_output(resource, name), "Secret." if name in secret else ""]),
        )
        for name in output_names(resource)
    ]
    return table(("Output", "Type", "Meaning"), rows)


def outputs_of_every_resource() -> str:
    """The outputs that all resources share."""
    types, fields = inspect.get_annotations(Credential), properties(State)
    rows = [
        (named(name), f"`{type_of(types[name])}`", fields[name]["description"]) for name in Credential.output_names()
    ]
    return table(("Output", "Type", "Meaning"), rows)


def meaning(model: type[Model], name: str) -> str:
    """What a field means, its bounds, its default, and what becomes of it."""
    field = properties(model)[name]
    return sentences(
        [
            field["description"],
            bounds(field),
            "Another one replaces." if name in fields_marked(model, IMMUTABLE) else "",
            "Secret." if name in secret_fields(model) else "",
            "Not kept in the outputs." if name in fields_marked(model, WRITE_ONLY) else "",
            default(field),
        ]
    )


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
    for module in MODULES:
        resource = load(module)
        fields = resource.inputs.model_fields
        keys = (named(name, required=fields[name].is_required()) for name in argument_names(resource))
        own = ", ".join(map(named, output_names(resource)))
        rows.append((f"[`{resource.name}`](resources/{module}.md)", ", ".join(keys), own))
    return table(("Kind", "Keys of `spec`", "Outputs of its own"), rows)


def manifest_keys(definition: str, part: str) -> str:
    """The keys of a part of an entry, as the schema has them that editors complete by."""
    described = manifest_schema()["$defs"][definition]
    rows = [
        (named(name, required=name in described.get("required", ())), key["description"])
        for name, key in described["properties"].items()
    ]
    return table((f"Key of `{part}`", "Meaning"), rows)


def properties(model: type[Model], *, by_alias: bool = True) -> dict[str, dict[str, Any]]:
    """The JSON Schemas of a model's fields."""
    found: dict[str, dict[str, Any]] = json_schema(model, by_alias=by_alias)["properties"]
    return found


def type_of(annotation: str) -> str:
    """A type as the program sees it, without what lets a value be an output of something else."""
    return ast.unparse(_Unwrapped().visit(ast.parse(annotation, mode="eval"))).replace("'", '"')


class _Unwrapped(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Leave `X` of `pulumi.Input[X]` and `pulumi.Output[X]`."""
        self.generic_visit(node)
        return node.slice if ast.unparse(node.value) in {"pulumi.Input", "pulumi.Output"} else node


def default(field: dict[str, Any]) -> str:
    """The default, where it is a value."""
    value = field.get("default")
    return "" if value in (None, [], {}, ()) else f"Default: {code(value)}."


def facts(kind: str) -> str:
    """The facts that `rekey probe` finds out about a vendor."""
    rows = []
    for fact in probe.facts(kind):
        values = [
            "what it is" if value == OTHER else f"**`{value}`**" if answer.weaker else f"`{value}`"
            for value, answer in fact.answers.items()
        ]
        rows.append((f"`{fact.name}`", fact.question, fact.pages, ", ".join(values)))
    return table(("Fact", "Question", "What the pages say", "Values"), rows)


def code(value: object) -> str:
    """A value as a program says it."""
    return f"`{value!r}`".replace("'", '"')


def named(name: str, *, required: bool = False) -> str:
    """A name in code, and whether it must be given."""
    return f"`{name}`{' (required)' if required else ''}"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def pages() -> list[Path]:
    """The pages that may have tables."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def written(page: str) -> str:
    """A page with its tables as the models have them."""
    known = tables()
    return TABLE.sub(lambda found: found[1] + known[found["name"]]() + found[3], page)


def main() -> int:
    """Write, or compare and name what is stale."""
    stale = [path for path in pages() if path.read_text() != written(path.read_text())]
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
