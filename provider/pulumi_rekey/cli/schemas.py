"""The schemas of what people and programs write and read: of manifests, of arguments, and of what `rekey` prints."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from ..frontend.descriptions import JsonSchema, json_schema
from ..manifest.schema import manifest_schema
from ..model import Model
from ..native.schema import package_schema
from ..reconciler.contract import Resource
from ..resources import all_resources
from .adopt import AdoptDocument
from .probe.output import ProbeDocument
from .probe.recording import Recording
from .report import ReportDocument
from .rotate import RotateDocument


def schemas() -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what makes each schema, by its name."""
    return {
        "manifest": manifest_schema,
        # Pulumi's own kind of schema, of which it makes SDKs.
        "pulumi": package_schema,
        "report": partial(_of_output, ReportDocument, "A rekey report"),
        "rotate": partial(_of_output, RotateDocument, "An order to rotate"),
        "adopt": partial(_of_output, AdoptDocument, "What a stack does not manage"),
        "probe": partial(_of_output, ProbeDocument, "A probe of a vendor's system"),
        "recording": partial(_of_output, Recording, "A recording of shapes"),
        **{resource.name: partial(_of_arguments, resource) for resource in all_resources()},
    }


def as_text(schema: dict[str, Any]) -> str:
    """Return a schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _of_arguments(resource: Resource[Any, Any, Any]) -> dict[str, Any]:
    return {"$schema": JsonSchema.schema_dialect, **json_schema(resource.inputs), "title": resource.name}


def _of_output(document: type[Model], title: str) -> dict[str, Any]:
    # Unlike in inputs, null is a value in it.
    schema = document.model_json_schema(mode="serialization")
    return {"$schema": JsonSchema.schema_dialect, **schema, "title": title}
