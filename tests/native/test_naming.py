"""How messages name settings."""

import pytest
from pulumi_rekey.native.naming import explicit, named


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "set rekey:endpoints.vcd.movedFrom to https://a.example if the system has moved",
            "set endpoints.vcd.movedFrom of provider 'site' to https://a.example if the system has moved",
        ),
        (
            "set rekey:endpoints.dr.kind to vcd, and rekey:endpoints.dr.url",
            "set endpoints.dr.kind of provider 'site' to vcd, and endpoints.dr.url of provider 'site'",
        ),
        (
            "needs the stack's owner id: run `pulumi config set --secret rekey:owner $(openssl rand -hex 16)`",
            "needs an owner id: set the argument owner of provider 'site'",
        ),
        (
            "is set in the program, and rekey:rotateNow.portal in the stack's configuration: take it out",
            "is set in the program, and rekey:rotateNow.portal in the stack's configuration or in rotateNow of provider"
            " 'site': take it out",
        ),
        (
            "rekey:rotateNow in the stack's configuration is not a map of reasons by the names of resources",
            "rekey:rotateNow in the stack's configuration or in rotateNow of provider 'site' is not a map of reasons by"
            " the names of resources",
        ),
        ("the old secret still works", "the old secret still works"),
    ],
)
def test_message_names_the_arguments_of_an_explicit_provider(text: str, said: str) -> None:
    assert named(text, "site") == said
    assert named(text, None) == text


@pytest.mark.parametrize(
    ("urn", "name"),
    [
        ("urn:pulumi:dev::p::pulumi:providers:rekey::default_0_1_0", None),
        ("urn:pulumi:dev::p::pulumi:providers:rekey::default", None),
        ("urn:pulumi:dev::p::pulumi:providers:rekey::site-2", "site-2"),
        ("", None),
    ],
)
def test_default_provider_is_no_explicit_one(urn: str, name: str | None) -> None:
    assert explicit(urn) == name
