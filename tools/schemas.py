"""Write schemas/: one JSON Schema a resource, generated from its model; `--check` only compares."""

import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from pulumi_rekey import resources
from pulumi_rekey.resource import Resource
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

FOLDER = Path(__file__).parent.parent / "schemas"


class Schema(GenerateJsonSchema):
    """Draft 2020-12, without what only repeats itself: titles, and nulls for what is not given."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Describe the value that can be given."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Say a default only if it is a value."""
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        """Leave every title out."""
        return False


def all_resources() -> list[Resource[Any, Any, Any]]:
    """Every resource, by name."""
    modules = (
        import_module(f"{resources.__name__}.{found.name}") for found in pkgutil.iter_modules(resources.__path__)
    )
    return sorted((module.RESOURCE for module in modules), key=lambda resource: resource.name)


def schema_of(resource: Resource[Any, Any, Any]) -> str:
    """The text of a resource's schema file."""
    schema = resource.inputs.model_json_schema(schema_generator=Schema)
    schema = {"$schema": Schema.schema_dialect, **schema, "title": resource.name}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write, or compare and name what is stale."""
    wanted = {FOLDER / f"{resource.name}.json": schema_of(resource) for resource in all_resources()}
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
