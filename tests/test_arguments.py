"""What a program passes: dicts and classes alike, and a wrong type in one line at the line that passes it."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pulumi
import pulumi_rekey as rekey
import pytest
from pulumi_rekey.programs import constructors, pair, provider, rotation
from pulumi_rekey.programs.arguments import judge, types_of
from pulumi_rekey.resources import all_resources

APP = {"org_id": "o"}
PARTY = {"client_name": "Portal", "redirect_uris": ["https://portal.example.com/callback"]}


def refusal(call: Callable[[], object]) -> str:
    """The one line, without the place, which must be the line of this file that holds the call."""
    with pytest.raises(pulumi.RunError) as refused:
        call()
    place, _, line = str(refused.value).partition(": ")
    first = inspect.getsourcelines(call)[1]
    assert place == f"{Path(__file__).relative_to(Path.cwd())}:{first}"
    assert "\n" not in line
    return line


def judged(kind: type[Any], given: dict[str, Any]) -> str:
    with pytest.raises(pulumi.RunError) as refused:
        judge("portal", types_of(kind.__init__), given, kind.secret_properties)
    return str(refused.value).partition(": portal: ")[2]


@pytest.mark.parametrize(
    ("kind", "given", "line"),
    [
        (rekey.OidcRelyingParty, {"client_name": 5}, "client_name must be text, not 5"),
        (rekey.OidcRelyingParty, {"client_name": ["x"]}, "client_name must be text, not a list"),
        (rekey.OidcRelyingParty, {"redirect_uris": "https://x"}, "redirect_uris must be a list, not text"),
        (rekey.OidcRelyingParty, {"redirect_uris": ["https://x", 5]}, "redirect_uris[1] must be text, not 5"),
        (rekey.OidcRelyingParty, {"rotation": "90d"}, "rotation must be a Rotation or a map, not text"),
        (rekey.OidcRelyingParty, {"rotation": {"max_aeg": "9d"}}, "rotation has no 'max_aeg': did you mean max_age?"),
        (
            rekey.OidcRelyingParty,
            {"rotation": {"windows": [{"cron": "0 2 * * SUN"}]}},
            "rotation.windows[0].duration is missing",
        ),
        (
            rekey.OidcRelyingParty,
            {"rotation": {"windows": [{"cron": "0 2 * * SUN", "duration": 4}]}},
            "rotation.windows[0].duration must be text or a timedelta, not 4",
        ),
        (rekey.OrgOAuthApp, {"context": "ADMIN"}, "context must be 'OPERATOR', 'PROVIDER' or 'TENANT', not 'ADMIN'"),
        (
            rekey.OrgOAuthApp,
            {"context": b"TENANT"},
            "context must be 'OPERATOR', 'PROVIDER' or 'TENANT', not b'TENANT'",
        ),
        (rekey.OidcRelyingParty, {"client_name": b"Portal"}, "client_name must be text, not bytes"),
        (rekey.OrgOAuthApp, {"access_token_ttl": True}, "access_token_ttl must be a whole number, not True"),
        (rekey.OrgOAuthApp, {"access_token_ttl": [60]}, "access_token_ttl must be a whole number, not a list"),
        (rekey.OrgOAuthApp, {"secret": 4711}, "secret must be text, not a number"),
        (
            rekey.OrgOAuthApp,
            {"allowed_scopes": {"services_scopes": [{"service_definition_id": "b", "roles": [{"nmae": "x"}]}]}},
            "allowed_scopes.services_scopes[0].roles[0] has no 'nmae': did you mean name?",
        ),
        (
            rekey.OrgOAuthApp,
            {"allowed_scopes": {"organization_scopes": {"roles": [{"name": 5}]}}},
            "allowed_scopes.organization_scopes.roles[0].name must be text, not 5",
        ),
        (
            rekey.OrgOAuthApp,
            {"allowed_scopes": {"services_scopes": [{}]}},
            "allowed_scopes.services_scopes[0].service_definition_id is missing",
        ),
    ],
)
def test_wrong_type_is_one_line(kind: type[Any], given: dict[str, Any], line: str) -> None:
    assert judged(kind, given) == line


def test_wrong_type_is_refused_at_the_users_line() -> None:
    wrong: Any = 90
    assert refusal(lambda: rekey.Rotation(max_age=wrong)) == "Rotation: max_age must be text or a timedelta, not 90"
    nested: Any = {"release": [wrong]}
    assert refusal(lambda: rekey.Rotation(triggers=nested)) == (
        "Rotation: triggers.release must be text, a number or true or false, not a list"
    )
    assert refusal(lambda: rekey.Window(cron="* * * * *", duration=wrong)).startswith("Window: duration must be text")
    assert refusal(lambda: rekey.AppSecret("orders", instance_id=wrong, app_id="a")).startswith("orders: instance_id")
    assert refusal(lambda: rekey.AppSecret("orders", instance_id="i", app_id="a", rotation=wrong)) == (
        "orders: rotation must be a Rotation or a map, not 90"
    )


def test_side_that_a_pair_does_not_have_is_refused_at_the_users_line() -> None:
    wrong: Any = {"red": "INC-4711"}
    made = lambda _side, its: rekey.AppSecret(instance_id="i", app_id="a", **its)  # noqa: E731 - its line is looked at
    line = "orders: rotate_now has no 'red': it has blue and green"
    assert refusal(lambda: rekey.Pair("orders", made, every="30d", rotate_now=wrong)) == line


def test_import_option_is_refused_where_it_cannot_work() -> None:
    opts = pulumi.ResourceOptions(import_="i/a")
    line = (
        "orders: the option import_ needs the native front end: use the argument adopt, or set rekey:frontend to native"
    )
    assert refusal(lambda: rekey.AppSecret("orders", instance_id="i", app_id="a", opts=opts)) == line


def test_wrong_settings_of_a_provider_are_refused_at_the_users_line_and_not_shown() -> None:
    wrong: Any = "https://user:hunter2@vcd.example.com"
    assert refusal(lambda: rekey.Provider("dr", endpoints=wrong)) == "dr: endpoints must be a map, not text"
    assert (
        refusal(lambda: rekey.Provider("dr", endpoints={"vcd": wrong})) == "dr: endpoints.vcd must be a map, not text"
    )
    number: Any = 4711
    assert refusal(lambda: rekey.Provider("dr", endpoints={}, owner=number)) == "dr: owner must be text, not a number"


def test_policy_that_is_an_output_as_a_whole_is_refused_at_the_users_line() -> None:
    policy: Any = pulumi.Output.from_input({"max_age": "90d"})
    line = "orders: rotation must be a Rotation or a map, not an output: give outputs to its members"
    assert refusal(lambda: rekey.AppSecret("orders", instance_id="i", app_id="a", rotation=policy)) == line
    made = lambda _side, its: rekey.AppSecret(instance_id="i", app_id="a", **its)  # noqa: E731 - its line is looked at
    assert refusal(lambda: rekey.Pair("orders", made, every="30d", rotation=policy)) == line


@pytest.mark.parametrize("span", [timedelta(seconds=-1), timedelta(milliseconds=1)])
def test_timedelta_that_is_no_duration(span: timedelta) -> None:
    policy = rekey.Rotation(max_age=span)
    assert refusal(lambda: [policy.properties()]).startswith("timedelta: must be of whole seconds, and not negative: ")


def test_what_another_resource_gives_and_what_configuration_gives_is_taken() -> None:
    output = pulumi.Output.from_input(5)
    for given in (
        {"access_token_ttl": "60", "owner_only_secret_rotation": "true", "display_name": output},
        {"allowed_scopes": {"general_scopes": [output], "services_scopes": output}, "access_token_ttl": 60.0},
        {"secret": None, "adopt": None},
        {"allowed_scopes": {"general_scopes": None}, "rotation": {"max_age": None, "grace": "1d"}},
    ):
        judge("app", types_of(rekey.OrgOAuthApp.__init__), APP | given)
    judge("portal", types_of(rekey.OidcRelyingParty.__init__), PARTY | {"redirect_uris": ("https://x",)})


def test_dict_and_class_say_the_same_and_a_timedelta_is_its_text() -> None:
    by_class = rekey.Rotation(
        max_age="90d",
        triggers={"release": 3},
        windows=[rekey.Window(cron="0 2 * * SUN", duration="4h30m")],
        paused=True,
    )
    by_dict: rekey.RotationDict = {
        "max_age": timedelta(days=90),
        "triggers": {"release": 3},
        "windows": [{"cron": "0 2 * * SUN", "duration": timedelta(hours=4, minutes=30)}],
        "paused": True,
    }
    assert rotation.as_rotation(by_dict, "orders").properties() == by_class.properties()
    assert by_class.properties()["max_age"] == "90d"


def test_dict_of_a_policy_has_the_keys_of_the_class() -> None:
    for as_class, as_dict in ((rekey.Rotation, rekey.RotationDict), (rekey.Window, rekey.WindowDict)):
        known = {name: getattr(as_class, name, None) for name in types_of(as_class)}
        assert known.keys() == types_of(as_dict).keys()


def test_scopes_are_public_and_are_dicts() -> None:
    scopes = rekey.AllowedScopes(general_scopes=["openid"], services_scopes=[])
    assert scopes == {"general_scopes": ["openid"], "services_scopes": []}
    assert {"AllowedScopes", "OrganizationScopes", "ServiceScopes", "Role", "RotationDict"} <= {*dir(rekey)}


def test_every_output_and_every_key_has_a_hover_text() -> None:
    """An editor shows the text below an attribute."""
    import ast

    bare = []
    for module in (constructors, pair, provider, rotation):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            is_dataclass = isinstance(node, ast.ClassDef) and node.decorator_list
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_") or is_dataclass:
                continue
            for field, below in zip(node.body, [*node.body[1:], None], strict=True):
                told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                if isinstance(field, ast.AnnAssign) and not told and node.name != "Arguments":
                    bare.append(f"{node.name}.{ast.unparse(field.target)}")
    assert bare == []
    assert {resource.name for resource in all_resources()} < set(constructors.__all__)
