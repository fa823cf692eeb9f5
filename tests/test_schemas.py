"""The committed JSON Schemas say what the models say."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pulumi_rekey.cli.main import app
from pulumi_rekey.cli.schemas import as_text, schemas
from pulumi_rekey.resources import all_resources
from typer.testing import CliRunner

from tools.schemas import FOLDER

RESOURCES = {resource.name: resource for resource in all_resources()}
SCHEMAS = schemas()


def properties(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every property in the schema and its definitions."""
    parts = [schema, *schema["$defs"].values()]
    return {name: described for part in parts for name, described in part.get("properties", {}).items()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_committed_is_generated(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == as_text(SCHEMAS[name]()), "stale: run `make schemas`"


def test_schema_files_are_not_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == SCHEMAS.keys()


@pytest.mark.parametrize("name", sorted(SCHEMAS.keys() - {"pulumi"}))
def test_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name]())


@pytest.mark.parametrize("name", RESOURCES)
def test_schema_describes_every_property(name: str) -> None:
    schema = SCHEMAS[name]()
    assert [key for key, described in properties(schema).items() if not described.get("description")] == []


@pytest.mark.parametrize("name", RESOURCES)
def test_schema_examples_are_valid(name: str) -> None:
    schema = SCHEMAS[name]()
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
    schema = SCHEMAS[name]()
    assert {key for key, described in properties(schema).items() if described.get("secret")} == secret


@pytest.mark.parametrize(
    ("arguments", "name"), [((), "manifest"), (("pulumi",), "pulumi"), (("AppSecret",), "AppSecret")]
)
def test_schema_is_printed(arguments: tuple[str, ...], name: str) -> None:
    done = CliRunner().invoke(app, ["schema", *arguments])
    assert (done.exit_code, done.stdout) == (0, (FOLDER / f"{name}.json").read_text())


def test_schema_that_does_not_exist_is_a_usage_error() -> None:
    done = CliRunner().invoke(app, ["schema", "appsecrt"])
    assert done.exit_code == 2
    assert "did you mean AppSecret?" in done.output
