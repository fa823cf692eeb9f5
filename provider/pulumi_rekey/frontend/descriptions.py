"""What each argument and output means, in the words of the models: for constructors, tables and schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ..reconciler.contract import Inputs, Resource, State

#: The outputs that every resource has; the rest of :class:`State` is rekey's own.
SHARED_OUTPUTS: Final = (
    "generation",
    "rotated_at",
    "rotation_reason",
    "history",
    "next_rotation_at",
    "expires_at",
    "previous_expires_at",
    "handover",
    "step",
)


class JsonSchema(GenerateJsonSchema):
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


def argument_names(resource: Resource[Any, Any, Any]) -> list[str]:
    """Return the arguments in the order of the signature: the resource's own, then those that all have."""
    own = [name for name in resource.inputs.model_fields if name not in Inputs.model_fields]
    return [*own, *(name for name in Inputs.model_fields if name != "endpoint" or resource.vendor is not None)]


def output_names(resource: Resource[Any, Any, Any]) -> list[str]:
    """Return the outputs of a resource's own: what its state has and is described, there or as an argument."""
    own = [name for name in resource.state.model_fields if name not in State.model_fields]
    return [name for name in own if meaning_of_output(resource, name)]


def meaning_of_argument(resource: Resource[Any, Any, Any], name: str, text: str) -> str:
    """Return what an argument means, from what its field says and what is particular to the resource."""
    match name:
        case "endpoint":
            return f"{text.removesuffix('.')}, `{resource.vendor}`."
        case "rotation":
            return f"{text} {capitalized(resource.overlap)}."
        case _:
            return text


def meaning_of_output(resource: Resource[Any, Any, Any], name: str) -> str:
    """Return what an output means in the words of the state or, where it has none, of the argument of that name."""
    fields = (model.model_fields.get(name) for model in (resource.state, resource.inputs))
    return next((field.description for field in fields if field is not None and field.description), "")


def json_schema(model: type[BaseModel], *, by_alias: bool = True) -> dict[str, Any]:
    """Return a model's JSON Schema."""
    return model.model_json_schema(by_alias=by_alias, schema_generator=JsonSchema)


def bounds(field: dict[str, Any]) -> str:
    """Return what the bounds of a value are, by its JSON Schema, unless its description says so already."""
    least = field.get("minLength", field.get("minimum"))
    most = field.get("maxLength", field.get("maximum"))
    if most is None or str(most) in field.get("description", ""):
        return ""
    unit = " characters" if "maxLength" in field else ""
    if "exclusiveMinimum" in field:
        return f"More than {field['exclusiveMinimum']}, at most {most}{unit}."
    return f"At most {most}{unit}." if least is None else f"From {least} to {most}{unit}."


def sentences(meaning: Iterable[str]) -> str:
    """Return the sentences that are not empty."""
    return " ".join(filter(None, meaning))


def capitalized(text: str) -> str:
    """Return a text that begins a sentence."""
    return text[0].upper() + text[1:]
