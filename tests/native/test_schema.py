"""The package schema says what the models say; that Pulumi takes it is for `test_sdks.py`."""

import inspect
from collections.abc import Iterator
from typing import Any

import pulumi_rekey
import pytest
from pulumi_rekey.cli.schemas import as_text, schemas
from pulumi_rekey.model import IMMUTABLE, fields_marked, secret_fields
from pulumi_rekey.native.schema import package_schema, token
from pulumi_rekey.programs.credential import Credential
from pulumi_rekey.programs.rotation import Rotation, Window
from pulumi_rekey.reconciler.contract import Resource
from pulumi_rekey.resources import all_resources, by_name

from tools.schemas import FOLDER

SCHEMA = package_schema()
RESOURCES = pytest.mark.parametrize("resource", all_resources(), ids=lambda resource: resource.name)


def of(resource: Resource[Any, Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = SCHEMA["resources"][token(resource.name)]
    return described


def members(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every resource, type and property, with where it is."""
    for name, described in schema.items():
        if name in {"resources", "types", "properties", "inputProperties", "variables"}:
            yield from ((f"{path}/{name}/{key}", member) for key, member in described.items())
            for key, member in described.items():
                yield from members(member, f"{path}/{name}/{key}")
        elif isinstance(described, dict) and name in {"provider", "config"}:
            yield from members(described, f"{path}/{name}")


def test_schema_committed_is_generated_from_the_models() -> None:
    assert (FOLDER / "pulumi.json").read_text() == as_text(schemas()["pulumi"]()), "stale: run `make schemas`"


def test_schema_has_every_resource() -> None:
    assert list(SCHEMA["resources"]) == [token(resource.name) for resource in all_resources()]
    assert token("GeneratedSecret") == "rekey:index:GeneratedSecret"


def test_schema_describes_every_member() -> None:
    found = dict(members(SCHEMA))
    assert {path.rpartition("/")[2] for path in found} > {"rekey:index:Window", "cron", "endpoints", "client_secret"}
    assert [path for path, described in found.items() if not described.get("description")] == []


def test_schema_names_are_the_ones_of_manifests_and_states() -> None:
    names = [path.rpartition("/")[2] for path, _ in members(SCHEMA)]
    # Settings are keys of a stack's configuration, which are in camel case.
    settings = SCHEMA["config"]["variables"].keys()
    assert [name for name in names if ":" not in name and name != name.lower() and name not in settings] == []


@RESOURCES
def test_schema_inputs_are_the_arguments(resource: Resource[Any, Any, Any]) -> None:
    constructor = getattr(pulumi_rekey, resource.name)
    signature = inspect.signature(constructor).parameters
    arguments = {name: value for name, value in signature.items() if name not in {"name", "opts"}}
    described = of(resource)
    assert list(described["inputProperties"]) == list(arguments)
    required = [name for name, argument in arguments.items() if argument.default is inspect.Parameter.empty]
    assert described["requiredInputs"] == required
    defaults = {name: argument.default for name, argument in arguments.items() if name not in required}
    for name, default in defaults.items():
        assert described["inputProperties"][name].get("default") == default, name


@RESOURCES
def test_schema_outputs_are_the_ones_of_the_constructor(resource: Resource[Any, Any, Any]) -> None:
    constructor: type[Credential] = getattr(pulumi_rekey, resource.name)
    assert set(of(resource)["properties"]) == set(constructor.output_names())


@RESOURCES
def test_schema_requires_no_output_that_a_program_may_find_unset(resource: Resource[Any, Any, Any]) -> None:
    constructor: type[Credential] = getattr(pulumi_rekey, resource.name)
    types = {name: kind for base in constructor.__mro__ for name, kind in inspect.get_annotations(base).items()}
    required = of(resource)["required"]
    assert "generation" in required
    assert [name for name in required if "None" in types[name]] == []


@RESOURCES
def test_schema_marks_secrets(resource: Resource[Any, Any, Any]) -> None:
    described = of(resource)
    for part, model in (("inputProperties", resource.inputs), ("properties", resource.state)):
        marked = {name for name, said in described[part].items() if said.get("secret")}
        assert marked == secret_fields(model) & described[part].keys()
    constructor: type[Credential] = getattr(pulumi_rekey, resource.name)
    found = {
        name
        for part in ("inputProperties", "properties")
        for name in described[part]
        if described[part][name].get("secret")
    }
    assert found == set(constructor.secret_properties)


@RESOURCES
def test_schema_marks_what_replaces(resource: Resource[Any, Any, Any]) -> None:
    """Not `adopt`: another one replaces, and its removal does not, which the provider's diff says."""
    described = of(resource)
    immutable = fields_marked(resource.inputs, IMMUTABLE)
    for part in ("inputProperties", "properties"):
        marked = {name for name, said in described[part].items() if said.get("replaceOnChanges")}
        assert marked == immutable & described[part].keys()
    assert "adopt" not in immutable


def test_schema_keeps_what_is_write_only_out_of_the_outputs() -> None:
    key = SCHEMA["resources"][token("OpenIdProviderKey")]
    assert key["inputProperties"]["private_key"]["secret"]
    assert "private_key" not in key["properties"]


@pytest.mark.parametrize(
    ("name", "constructor", "beside"), [("Rotation", Rotation, {"rotate_now_is_secret"}), ("Window", Window, set())]
)
def test_schema_policy_is_what_programs_say(name: str, constructor: type, beside: set[str]) -> None:
    """And whether a text is secret, which Python's constructors see for themselves; not what `Pair` says."""
    described = SCHEMA["types"][token(name)]
    parameters = inspect.signature(constructor).parameters
    assert set(described["properties"]) == set(parameters) | beside
    needed = [name for name, argument in parameters.items() if argument.default is inspect.Parameter.empty]
    assert described["required"] == needed


def test_schema_says_what_a_value_may_be() -> None:
    curve = SCHEMA["resources"][token("OpenIdProviderKey")]["inputProperties"]["curve"]
    assert curve["$ref"] == "#/types/rekey:index:OpenIdProviderKeyCurve"
    assert curve["default"] == "P-256"
    assert [member["value"] for member in SCHEMA["types"][token("OpenIdProviderKeyCurve")]["enum"]] == [
        "P-256",
        "P-384",
        "P-521",
    ]
    triggers = SCHEMA["types"][token("Rotation")]["properties"]["triggers"]
    assert triggers["additionalProperties"] == {"oneOf": [{"type": kind} for kind in ("string", "number", "boolean")]}


def test_schema_of_scopes_is_as_deep_as_the_model() -> None:
    scopes = SCHEMA["types"][token("AllowedScopes")]["properties"]
    assert scopes["services_scopes"]["items"] == {"$ref": "#/types/rekey:index:ServiceScopes"}
    assert SCHEMA["types"][token("ServiceScopes")]["properties"]["roles"]["items"] == {
        "$ref": "#/types/rekey:index:Role"
    }


def test_schema_refers_to_types_that_it_has() -> None:
    text = as_text(schemas()["pulumi"]())
    assert {name for name in SCHEMA["types"] if f'"#/types/{name}"' not in text} == set()
    assert text.count('"$ref": "#/types/') == sum(text.count(f'"#/types/{name}"') for name in SCHEMA["types"])


@pytest.mark.parametrize("name", ["endpoints", "owner"])
def test_schema_settings_are_secret(name: str) -> None:
    """An endpoint's settings hold credentials; in the state of an explicit provider they are encrypted whole."""
    assert SCHEMA["provider"]["inputProperties"][name]["secret"]
    assert SCHEMA["config"]["variables"][name]["secret"]


def test_schema_resources_go_on_from_the_dynamic_provider() -> None:
    """Its types, as a state has them."""
    secret = by_name("AppSecret")
    assert secret is not None
    assert of(secret)["aliases"] == [{"type": "pulumi-python:dynamic/rekey:AppSecret"}]
