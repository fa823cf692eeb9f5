"""The committed JSON Schemas say what the models say."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pulumi_rekey.resources import all_resources

from tools.schemas import FOLDER, manifest_schema, probe_schema, recording_schema, report_schema, schema_of

RESOURCES = {resource.name: resource for resource in all_resources()}


def properties(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every property in the schema and its definitions."""
    parts = [schema, *schema["$defs"].values()]
    return {name: described for part in parts for name, described in part.get("properties", {}).items()}


@pytest.mark.parametrize("name", RESOURCES)
def test_schema_committed_is_generated_from_the_model(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == schema_of(RESOURCES[name]), "stale: run `make schemas`"


def test_schema_files_are_not_left_over() -> None:
    others = {"manifest", "probe", "pulumi", "recording", "report"}
    assert {path.stem for path in FOLDER.glob("*.json")} == {*RESOURCES, *others}


def test_schema_of_manifests_is_generated() -> None:
    assert (FOLDER / "manifest.json").read_text() == manifest_schema(), "stale: run `make schemas`"
    Draft202012Validator.check_schema(json.loads(manifest_schema()))


@pytest.mark.parametrize(
    ("name", "schema"), [("report", report_schema()), ("probe", probe_schema()), ("recording", recording_schema())]
)
def test_schema_of_outputs_is_generated(name: str, schema: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == schema, "stale: run `make schemas`"
    Draft202012Validator.check_schema(json.loads(schema))


@pytest.mark.parametrize("name", RESOURCES)
def test_schema_is_valid_and_describes_every_property(name: str) -> None:
    schema = json.loads(schema_of(RESOURCES[name]))
    Draft202012Validator.check_schema(schema)
    assert [key for key, described in properties(schema).items() if not described.get("description")] == []


@pytest.mark.parametrize("name", RESOURCES)
def test_schema_examples_are_valid(name: str) -> None:
    schema = json.loads(schema_of(RESOURCES[name]))
    for described in properties(schema).values():
        validator = Draft202012Validator({"$defs": schema["$defs"], **described})
        for example in described.get("examples", []):
            validator.validate(example)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("AppSecret", {"secret"}),
        ("OidcRelyingParty", set()),
        ("OpenIdProviderKey", {"private_key", "private_key_passphrase"}),
    ],
)
def test_schema_marks_secrets(name: str, secret: set[str]) -> None:
    schema = json.loads(schema_of(RESOURCES[name]))
    assert {key for key, described in properties(schema).items() if described.get("secret")} == secret
