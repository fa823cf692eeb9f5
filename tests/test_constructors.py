"""What a program imports is written from the models, complete, and typed as it arrives."""

import inspect
from typing import Any

import pulumi_rekey
import pytest
from pulumi_rekey.frontend.descriptions import SHARED_OUTPUTS, output_names
from pulumi_rekey.programs.credential import Credential, unless_default
from pulumi_rekey.reconciler.contract import Resource
from pulumi_rekey.resources import all_resources, by_name

from tools import constructors as generator
from tools.reference import outputs_of_every_resource

RESOURCES = pytest.mark.parametrize("resource", all_resources(), ids=lambda resource: resource.name)


def constructor_of(resource: Resource[Any, Any, Any]) -> type[Credential]:
    found: type[Credential] = getattr(pulumi_rekey, resource.name)
    assert issubclass(found, Credential)
    return found


def test_committed_constructors_are_generated_from_the_models() -> None:
    assert generator.FILE.read_text() == generator.constructors(), "stale: run `make constructors`"


def test_public_names_are_every_resource_and_what_programs_need_beside_it() -> None:
    beside = {"Pair", "Provider", "Rotation", "RotationDict", "Window", "WindowDict", "load"}
    # What an argument is made of, such as the scopes of an app.
    beside |= {model.__name__ for resource in all_resources() for model in generator._nested(resource.inputs)}
    assert set(pulumi_rekey.__all__) == {resource.name for resource in all_resources()} | beside
    assert len(pulumi_rekey.__all__) == len(set(pulumi_rekey.__all__))


@RESOURCES
def test_name_of_a_resource_finds_it(resource: Resource[Any, Any, Any]) -> None:
    assert by_name(resource.name) is resource


def test_a_name_that_is_no_resource_finds_none() -> None:
    assert [by_name(name) for name in ("Pair", "Window", "load", "app_secret", "appsecret", "../x", "")] == [None] * 7


@RESOURCES
def test_docstring_describes_every_argument(resource: Resource[Any, Any, Any]) -> None:
    constructor = constructor_of(resource)
    arguments = [name for name in inspect.signature(constructor).parameters if name not in {"name", "opts"}]
    text = inspect.getdoc(constructor) or ""
    assert [line.split()[1].rstrip(":") for line in text.splitlines() if line.startswith(":param ")] == arguments
    assert resource.vendor is None or "Page: https://" in text


@RESOURCES
def test_output_takes_none_where_the_state_may_have_none(resource: Resource[Any, Any, Any]) -> None:
    """An adopted secret is unset until it rotates, which a type checker has to say."""
    types = inspect.get_annotations(constructor_of(resource))
    assert "secret" not in types or resource.name == "GeneratedSecret" or types["secret"] == "pulumi.Output[str | None]"
    for name in output_names(resource):
        field = resource.state.model_fields[name]
        assert types[name].endswith(" | None]") == (not field.is_required() and field.default is None), name


def test_shared_outputs_are_those_of_every_constructor() -> None:
    assert tuple(Credential.output_names()) == SHARED_OUTPUTS


def test_shared_outputs_are_described_as_in_the_state() -> None:
    """They are no resource's own, so the base of all constructors has them, by hand."""
    source = inspect.getsource(Credential)
    for row in outputs_of_every_resource().splitlines()[2:]:
        meaning = row.split(" | ")[-1].removesuffix(" |").replace("`", "``")
        assert " ".join(meaning.split()) in " ".join(source.split()), meaning


@pytest.mark.parametrize(
    ("value", "default", "sent"),
    [(3072, 3072, None), (4096, 3072, 4096), (True, True, None), (1, True, 1), (True, 1, True), ("", "RSA", "")],
)
def test_only_a_default_itself_is_not_sent(value: object, default: object, sent: object) -> None:
    """A number in place of a flag is sent, so that the provider refuses it."""
    found = unless_default(value, default=default)
    assert (found, type(found)) == (sent, type(sent))
