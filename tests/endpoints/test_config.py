"""Where settings come from, and to which host a credential may go."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_rekey.endpoints import KINDS, Endpoints, session_class
from pulumi_rekey.endpoints.address import canonical, is_loopback, origin, same_system
from pulumi_rekey.endpoints.config import Endpoint, environment_names, resolve
from pulumi_rekey.endpoints.roma import RomaEndpoint
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import Misconfigured
from pulumi_rekey.model import secret_fields
from pydantic import SecretStr

HERE, THERE = "https://vcd.example.com", "https://dr.example.com"


def model(kind: str) -> type[Endpoint]:
    return session_class(kind).model


def found(kind: str, configured: dict[str, Any], name: str | None = None, **environment: str) -> Any:
    return resolve(model(kind), name or kind, configured, environment)


def refused(kind: str, configured: dict[str, Any], name: str | None = None, **environment: str) -> str:
    with pytest.raises(Misconfigured) as failed:
        found(kind, configured, name, **environment)
    return str(failed.value)


def opened(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


# -- the table --------------------------------------------------------------------------------------------------------

ADDRESS = [
    ("vcd", "org", "VCD_ORG", "acme"),
    ("broker", "tenant", "BROKER_TENANT", "t1"),
    ("broker", "dialect", "BROKER_DIALECT", "omnissa"),
    ("navigator", "orgId", "CPN_ORG_ID", "o1"),
    ("roma", "region", "HW_REGION_NAME", "ap-southeast-3"),
    ("roma", "iamUrl", "HW_AUTH_URL", "https://iam.example.com"),
    ("roma", "projectId", "HW_PROJECT_ID", "p1"),
]
URLS = {"vcd": "VCD_URL", "broker": "BROKER_URL", "navigator": "CPN_URL", "roma": "ROMA_ENDPOINT"}
CREDENTIALS = [
    ("vcd", "apiToken", "VCD_API_TOKEN"),
    ("vcd", "user", "VCD_USER"),
    ("vcd", "password", "VCD_PASSWORD"),
    ("broker", "clientId", "BROKER_CLIENT_ID"),
    ("broker", "clientSecret", "BROKER_CLIENT_SECRET"),
    ("navigator", "apiToken", "CPN_API_TOKEN"),
    ("navigator", "clientId", "CPN_CLIENT_ID"),
    ("navigator", "clientSecret", "CPN_CLIENT_SECRET"),
    ("roma", "accessKey", "HW_ACCESS_KEY"),
    ("roma", "secretKey", "HW_SECRET_KEY"),
    ("roma", "securityToken", "HW_SECURITY_TOKEN"),
    ("roma", "userName", "HW_USER_NAME"),
    ("roma", "password", "HW_PASSWORD"),
    ("roma", "domainName", "HW_DOMAIN_NAME"),
]


def field(key: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", key)


def test_the_table_is_whole() -> None:
    known = {(kind, name): variable for kind in KINDS for name, variable in environment_names(model(kind)).items()}
    table = {(kind, field(key)): variable for kind, key, variable, *_ in [*ADDRESS, *CREDENTIALS]}
    table |= {(kind, "url"): variable for kind, variable in URLS.items()}
    assert known == table | {("vcd", "allow_unverified_ssl"): "VCD_ALLOW_UNVERIFIED_SSL"}


@pytest.mark.parametrize(("kind", "variable"), URLS.items())
def test_an_address_comes_from_config_first(kind: str, variable: str) -> None:
    assert found(kind, {"url": HERE}, **{variable: THERE}).url == HERE
    assert found(kind, {}, **{variable: THERE}).url == THERE


@pytest.mark.parametrize(("kind", "key", "variable", "value"), ADDRESS)
def test_identity_comes_from_config_first(kind: str, key: str, variable: str, value: str) -> None:
    other = value.replace("1", "2").replace("acme", "umbrella").replace("iam", "iam2").replace("-3", "-4")
    assert getattr(found(kind, {"url": HERE, key: value}, **{variable: other}), field(key)) == value
    assert getattr(found(kind, {"url": HERE}, **{variable: other}), field(key)) == other
    assert getattr(found(kind, {"url": HERE}, **{variable: ""}), field(key)) == getattr(
        found(kind, {"url": HERE}), field(key)
    )


@pytest.mark.parametrize(("kind", "key", "variable", "value"), ADDRESS)
def test_the_environment_is_for_the_endpoint_that_bears_its_kinds_name(
    kind: str, key: str, variable: str, value: str
) -> None:
    nothing = getattr(found(kind, {"url": HERE}), field(key))
    assert getattr(found(kind, {"url": HERE}, "dr-site", **{variable: value}), field(key)) == nothing


@pytest.mark.parametrize(("kind", "key", "variable"), CREDENTIALS)
def test_a_credential_comes_from_the_environment_first(kind: str, key: str, variable: str) -> None:
    assert opened(getattr(found(kind, {"url": HERE, key: "c"}, **{variable: "e"}), field(key))) == "e"
    assert opened(getattr(found(kind, {"url": HERE, key: "c"}, **{variable: ""}), field(key))) == "c"
    assert opened(getattr(found(kind, {"url": HERE, key: "c"}, **{variable: "e", URLS[kind]: HERE}), field(key))) == "e"


@pytest.mark.parametrize(
    "elsewhere",
    [
        THERE,
        "https://vcd.example.com:8443",
        "https://vcd.example.com.evil.com",
        "http://127.0.0.1",
        "not a url",
        "https://[",
        "https://x:99999",
    ],
)
@pytest.mark.parametrize(("kind", "key", "variable"), CREDENTIALS)
def test_a_credential_is_not_for_another_address(kind: str, key: str, variable: str, elsewhere: str) -> None:
    environment = {variable: "e", URLS[kind]: elsewhere}
    assert opened(getattr(found(kind, {"url": HERE, key: "c"}, **environment), field(key))) == "c"
    assert getattr(found(kind, {"url": HERE}, **environment), field(key)) is None


@pytest.mark.parametrize(
    ("configured", "in_environment"),
    [
        (HERE, f"{HERE}/"),
        (HERE, f"{HERE}:443"),
        (HERE, f"{HERE}/api"),
        (HERE, HERE.upper()),
        (f"{HERE}.", HERE),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
    ],
)
def test_a_credential_is_for_the_same_host_written_otherwise(configured: str, in_environment: str) -> None:
    given = found("vcd", {"url": configured}, VCD_URL=in_environment, VCD_API_TOKEN="e")
    assert opened(given.api_token) == "e"


REGION = "https://roma.cn-north-4.myhuaweicloud.com"


@pytest.mark.parametrize(
    ("configured", "environment", "sent"),
    [
        ({"region": "cn-north-4"}, {"ROMA_ENDPOINT": REGION}, True),
        ({"region": "cn-north-4"}, {"ROMA_ENDPOINT": f"{REGION}:443/"}, True),
        ({"region": "cn-north-4"}, {"ROMA_ENDPOINT": HERE}, False),
        ({"region": "cn-north-4"}, {}, False),
        (
            {"region": "cn-north-4"},
            {"ROMA_ENDPOINT": REGION, "HW_AUTH_URL": "https://iam.cn-north-4.myhuaweicloud.com/v3"},
            True,
        ),
        ({"region": "cn-north-4"}, {"ROMA_ENDPOINT": REGION, "HW_AUTH_URL": HERE}, False),
        ({"url": HERE, "iamUrl": THERE}, {"ROMA_ENDPOINT": HERE}, True),
        ({"url": HERE, "iamUrl": THERE}, {"ROMA_ENDPOINT": HERE, "HW_AUTH_URL": HERE}, False),
    ],
)
def test_a_credential_is_for_the_addresses_that_a_region_implies(
    configured: dict[str, str],
    environment: dict[str, str],
    sent: bool,  # noqa: FBT001 - a parameter
) -> None:
    endpoint = found("roma", configured, "eu", HW_PASSWORD="e", **environment)
    assert (opened(endpoint.password) == "e") is sent


def test_a_login_in_the_environment_is_not_for_another_iam() -> None:
    """A password goes to IAM, not to the address of ROMA Connect."""
    configured = {"url": HERE, "iamUrl": "https://iam.example.com"}
    login = {"HW_USER_NAME": "u", "HW_PASSWORD": "e", "HW_DOMAIN_NAME": "d"}
    assert found("roma", configured, HW_AUTH_URL=THERE, **login).usable_credentials() == ()
    assert found("roma", configured, HW_AUTH_URL="https://iam.example.com/v3", **login).usable_credentials() != ()


@pytest.mark.parametrize(("kind", "key", "variable"), CREDENTIALS)
def test_variables_of_an_endpoint_of_another_name_begin_with_it(kind: str, key: str, variable: str) -> None:
    """It needs no address beside it, and no other endpoint gets it."""
    own = {f"DR_SITE_{variable}": "e"}
    assert opened(getattr(found(kind, {"url": HERE, key: "c"}, "dr-site", **own), field(key))) == "e"
    assert getattr(found(kind, {"url": HERE}, "dr-site-2", **own), field(key)) is None
    assert getattr(found(kind, {"url": HERE}, **own), field(key)) is None
    # That of its kind is then another system's, whatever its address is.
    both = own | {variable: "kind's", URLS[kind]: HERE}
    assert opened(getattr(found(kind, {"url": HERE}, "dr-site", **both), field(key))) == "e"


@pytest.mark.parametrize(("kind", "variable"), URLS.items())
def test_own_credential_is_for_the_address_beside_it(kind: str, variable: str) -> None:
    key, secret = next((key, secret) for of, key, secret in CREDENTIALS if of == kind)
    own = {f"DR_SITE_{variable}": HERE, f"DR_SITE_{secret}": "e"}
    assert opened(getattr(found(kind, {}, "dr-site", **own), field(key))) == "e"
    assert getattr(found(kind, {"url": THERE}, "dr-site", **own), field(key)) is None


def test_an_alias_gets_the_environments_credential_only_beside_its_own_address() -> None:
    environment = {"VCD_API_TOKEN": "e"}
    assert found("vcd", {"url": HERE}, "dr-site", **environment).api_token is None
    assert found("vcd", {"url": HERE}, "dr-site", VCD_URL=THERE, **environment).api_token is None
    assert opened(found("vcd", {"url": HERE}, "dr-site", VCD_URL=HERE, **environment).api_token) == "e"


# -- whole sets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "configured", "environment", "used"),
    [
        ("vcd", {}, {}, ()),
        ("vcd", {"user": "u"}, {}, ()),
        ("vcd", {"apiToken": "c", "user": "u", "password": "c"}, {}, ("api_token",)),
        ("vcd", {"user": "u", "password": "c"}, {"VCD_API_TOKEN": "e"}, ("api_token",)),
        ("vcd", {"apiToken": "c"}, {"VCD_USER": "u", "VCD_PASSWORD": "e"}, ("user", "password")),
        ("vcd", {"apiToken": "c"}, {"VCD_PASSWORD": "e"}, ("api_token",)),
        ("vcd", {"user": "u"}, {"VCD_PASSWORD": "e"}, ("user", "password")),
        ("vcd", {"apiToken": "c"}, {"VCD_USER": "u", "VCD_PASSWORD": "e", "VCD_URL": THERE}, ("api_token",)),
        (
            "navigator",
            {"apiToken": "c"},
            {"CPN_CLIENT_ID": "i", "CPN_CLIENT_SECRET": "e"},
            ("client_id", "client_secret"),
        ),
        ("roma", {"userName": "u", "password": "p"}, {"HW_DOMAIN_NAME": "d"}, ("user_name", "password", "domain_name")),
        (
            "roma",
            {"accessKey": "c", "secretKey": "c", "securityToken": "c"},
            {"HW_ACCESS_KEY": "e", "HW_SECRET_KEY": "e"},
            ("access_key", "secret_key"),
        ),
    ],
)
def test_which_credentials_are_used(
    kind: str, configured: dict[str, str], environment: dict[str, str], used: tuple[str, ...]
) -> None:
    endpoint = found(kind, {"url": HERE, **configured}, **environment)
    assert endpoint.usable_credentials() == used


def test_a_whole_set_of_the_environment_leaves_nothing_of_the_configured_one() -> None:
    configured = {"url": HERE, "accessKey": "c", "secretKey": "c", "securityToken": "c"}
    endpoint = found("roma", configured, HW_ACCESS_KEY="e", HW_SECRET_KEY="e")
    assert endpoint.security_token is None
    assert {opened(getattr(endpoint, name)) for name in endpoint.usable_credentials()} == {"e"}


@pytest.mark.parametrize(
    ("kind", "configured", "environment"),
    [
        ("roma", {"accessKey": "c", "secretKey": "c"}, {"HW_SECURITY_TOKEN": "e"}),
        ("roma", {"accessKey": "c", "secretKey": "c", "securityToken": "c"}, {"HW_SECRET_KEY": "e"}),
        ("roma", {"accessKey": "c", "secretKey": "c"}, {"HW_USER_NAME": "e", "HW_PASSWORD": "e"}),
        ("vcd", {"user": "c", "password": "c"}, {"VCD_USER": "e"}),
        ("navigator", {"clientId": "c", "clientSecret": "c"}, {"CPN_CLIENT_SECRET": "e"}),
    ],
)
def test_parts_in_the_environment_do_not_join_a_whole_set_that_is_configured(
    kind: str, configured: dict[str, str], environment: dict[str, str]
) -> None:
    endpoint = found(kind, {"url": HERE, **configured}, **environment)
    assert "e" not in {opened(value) for _, value in endpoint}
    assert len(configured) == [opened(value) for _, value in endpoint].count("c")


# -- certificates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "environment", "unverified"),
    [
        ({"url": HERE}, {}, False),
        ({"url": HERE}, {"VCD_ALLOW_UNVERIFIED_SSL": "true"}, False),
        ({"url": HERE}, {"VCD_ALLOW_UNVERIFIED_SSL": "true", "VCD_URL": HERE}, True),
        ({"url": HERE}, {"VCD_ALLOW_UNVERIFIED_SSL": "true", "VCD_URL": THERE}, False),
        ({}, {"VCD_ALLOW_UNVERIFIED_SSL": "1", "VCD_URL": HERE}, True),
        ({}, {"VCD_ALLOW_UNVERIFIED_SSL": "0", "VCD_URL": HERE}, False),
        ({"url": HERE, "allowUnverifiedSsl": False}, {"VCD_ALLOW_UNVERIFIED_SSL": "1", "VCD_URL": HERE}, False),
        ({"url": HERE, "allowUnverifiedSsl": True}, {}, True),
    ],
)
def test_unverified_certificates_are_asked_for_beside_the_address(
    configured: dict[str, Any],
    environment: dict[str, str],
    unverified: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert found("vcd", configured, **environment).allow_unverified_ssl is unverified


def test_an_alias_does_not_take_it_from_the_environment() -> None:
    environment = {"VCD_ALLOW_UNVERIFIED_SSL": "true", "VCD_URL": HERE}
    assert not found("vcd", {"url": HERE}, "dr-site", **environment).allow_unverified_ssl


# -- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "variable"), URLS.items())
def test_a_missing_address_names_key_and_variable(kind: str, variable: str) -> None:
    key = f"rekey:endpoints.{kind}.url"
    assert refused(kind, {}) == f"endpoint '{kind}' has no url: set {key} or the environment variable {variable}"
    assert refused(kind, {}, "dr-site") == "endpoint 'dr-site' has no url: set rekey:endpoints.dr-site.url"


@pytest.mark.parametrize(
    ("kind", "key"), [("vcd", "apitoken"), ("vcd", "Url"), ("roma", "org"), ("broker", ""), ("vcd", "api_token")]
)
def test_an_unknown_key_is_named_with_those_that_are_known(kind: str, key: str) -> None:
    text = refused(kind, {"url": HERE, key: "Hunter2"})
    assert text.startswith(f"rekey:endpoints.{kind}.{key} is not a setting of kind {kind}: ")
    meant = {"apitoken": "apiToken", "api_token": "apiToken", "Url": "url"}.get(key)
    assert (f"did you mean {meant}? use one of: " in text) is (meant is not None)
    assert "allowUnverifiedSsl, caBundle, " in text or "allowUnverifiedSsl, apiToken, " in text
    assert "Hunter2" not in text


NO_ADDRESS = "is not an address: write https://HOST"
URL_PROBLEMS = [
    ("http://vcd.example.com", "must be https, as http is for loopback only: write https://vcd.example.com"),
    ("http://VCD.example.com:8443/", "must be https, as http is for loopback only: write https://vcd.example.com:8443"),
    ("http://127.0.0.1.example.com", "must be https"),
    ("http://localhost.example.com", "must be https"),
    ("http://0.0.0.0", "must be https"),
    ("http://2130706433", NO_ADDRESS),
    ("https://127.1", NO_ADDRESS),
    ("https://0x7f000001", NO_ADDRESS),
    ("http://[::ffff:8.8.8.8]", "must be https"),
    ("https://user@vcd.example.com", "must not hold a user name or password: set the credentials of the endpoint"),
    ("https://user:Hunter2@vcd.example.com", "must not hold a user name or password"),
    ("https://:Hunter2@vcd.example.com", "must not hold a user name or password"),
    ("https://@vcd.example.com", "must not hold a user name or password"),
    ("Hunter2@vcd.example.com", "has no scheme: write https://HOST"),
    ("https://vcd.example.com?token=Hunter2", "must not hold a query or fragment: leave out what begins with"),
    ("https://vcd.example.com/?", "must not hold a query or fragment"),
    ("https://vcd.example.com#", "must not hold a query or fragment"),
    ("https://vcd.example.com\n", "must not hold a line break"),
    ("https://vcd.example.com\r\nX-Evil: 1", "must not hold a line break"),
    ("https://vcd.example.com\x00", "must not hold a line break"),
    ("https://vcd.example.com ", NO_ADDRESS),
    (" https://vcd.example.com", NO_ADDRESS),
    ("https://vcd example.com", NO_ADDRESS),
    ("https://vcd.example.com\\@evil.example.com", NO_ADDRESS),
    ("https://vcd%2eexample.com", NO_ADDRESS),
    ("vcd.example.com", "has no scheme: write https://vcd.example.com"),
    ("VCD.example.com:443/", "has no scheme: write https://vcd.example.com"),
    ("//vcd.example.com", "has no scheme: write https://vcd.example.com"),
    ("127.0.0.1:8201", "has no scheme: write http://127.0.0.1:8201"),
    ("localhost:8201", "has no scheme: write http://localhost:8201"),
    ("ftp://vcd.example.com", NO_ADDRESS),
    ("file:///etc/passwd", NO_ADDRESS),
    ("https://", NO_ADDRESS),
    ("https:///path", NO_ADDRESS),
    ("https://[", NO_ADDRESS),
    ("https://vcd.example.com:99999", NO_ADDRESS),
    ("https://vcd.example.com:0", NO_ADDRESS),
    ("https://vcd.example.com:x", NO_ADDRESS),
    ("https://vcd.\u0435xample.com", "must name its host in ASCII: write xn--"),
    ("", "has no scheme: write https://HOST"),
    (["https://vcd.example.com"], "must be text"),
]


@pytest.mark.parametrize(("url", "problem"), URL_PROBLEMS)
@pytest.mark.parametrize(("kind", "key"), [("vcd", "url"), ("broker", "url"), ("vcd", "movedFrom"), ("roma", "iamUrl")])
def test_an_address_that_is_none(kind: str, key: str, url: object, problem: str) -> None:
    text = refused(kind, {"url": HERE, key: url})
    assert text.startswith(f"rekey:endpoints.{kind}.{key} {problem}")
    assert "Hunter2" not in text
    assert text.isprintable()


@pytest.mark.parametrize(("kind", "variable"), URLS.items())
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"{HERE}/api", f"has the path /api, which does not belong to it: write {HERE}"),
        (f"{HERE}/a/../v3/", f"has the path /v3, which does not belong to it: write {HERE}"),
        (f"{HERE}/{'Hunter2' * 9}", f"has a path, which does not belong to it: write {HERE}"),
    ],
)
def test_an_address_has_no_path_but_what_rekey_appends(kind: str, variable: str, url: str, problem: str) -> None:
    assert refused(kind, {"url": url}) == f"rekey:endpoints.{kind}.url {problem}"
    assert refused(kind, {}, **{variable: url}) == f"the environment variable {variable} {problem}"


def test_the_address_of_iam_has_no_path() -> None:
    text = refused("roma", {"url": HERE}, HW_AUTH_URL="https://iam.example.com/v3")
    assert text == (
        "the environment variable HW_AUTH_URL has the path /v3, which does not belong to it: write https://iam.example.com"
    )


def test_the_address_before_a_move_may_have_had_a_path() -> None:
    assert found("vcd", {"url": HERE, "movedFrom": f"{THERE}/vcd/"}).moved_from == f"{THERE}/vcd"


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        (HERE, HERE),
        (f"{HERE}//", HERE),
        (f"{HERE}:8443", f"{HERE}:8443"),
        (f"{HERE}:443/", HERE),
        ("http://localhost:1", "http://localhost:1"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[0:0:0:0:0:0:0:1]:8181", "http://[::1]:8181"),
        ("https://1.2.3.4", "https://1.2.3.4"),
        ("HTTPS://VCD.", "https://vcd"),
    ],
)
def test_an_address_that_is_one(url: str, canonical: str) -> None:
    assert found("vcd", {"url": url}).url == canonical
    assert found("vcd", {"url": HERE, "movedFrom": url}).moved_from == canonical


@pytest.mark.parametrize(
    ("kind", "key", "value", "problem"),
    [
        ("vcd", "apiVersion", "37", 'is not a version: write one such as "37.2"'),
        ("vcd", "apiVersion", "37.2;x", "is not a version"),
        ("vcd", "org", "a/b", "is not an organization: write its name, which has no spaces"),
        ("vcd", "org", "", "is not an organization"),
        ("vcd", "timeout", 0, "must be at least 0.001: correct rekey:endpoints.vcd.timeout"),
        ("vcd", "timeout", 301, "must be at most 300"),
        ("vcd", "timeout", "soon", "must be a number"),
        ("vcd", "timeout", float("nan"), "must be "),
        ("vcd", "timeout", True, "must be a number, not true or false"),
        ("vcd", "maxConcurrent", True, "must be a number, not true or false"),
        ("vcd", "maxConcurrent", 0, "must be at least 1"),
        ("vcd", "maxConcurrent", 257, "must be at most 256"),
        ("vcd", "maxConcurrent", 1.5, "must be a whole number"),
        ("vcd", "allowUnverifiedSsl", "perhaps", "must be true or false"),
        ("vcd", "apiToken", ["Hunter2"], "must be text"),
        ("vcd", "apiToken", "Hunter2\n", "must not hold a line break"),
        ("roma", "securityToken", "Hunter2\r\n", "must not hold a line break"),
        ("roma", "projectId", "Hunter2\t", "must not hold a line break"),
        ("roma", "accessKey", "Hunter2\N{EN DASH}", "has a character that no header can carry: write ASCII letters"),
        ("roma", "securityToken", "Hunter2\N{EN DASH}", "has a character that no header can carry"),
        ("roma", "projectId", "Hunter2\N{EN DASH}", "has a character that no header can carry"),
        ("broker", "tenant", "a/b", "is not an id"),
        ("broker", "dialect", "Hunter2", "must be 'vcenter' or 'omnissa'"),
        ("navigator", "orgId", "..", "is not an id"),
    ],
)
def test_a_value_that_is_none_names_its_key_and_never_itself(kind: str, key: str, value: object, problem: str) -> None:
    text = refused(kind, {"url": HERE, key: value})
    assert text.startswith(f"rekey:endpoints.{kind}.{key} {problem}")
    assert "Hunter2" not in text


def test_a_credential_in_the_environment_with_its_files_line_break_is_refused() -> None:
    text = refused("roma", {"url": HERE}, HW_SECURITY_TOKEN="Hunter2\n")
    assert text.startswith("the environment variable HW_SECURITY_TOKEN must not hold a line break")
    assert "Hunter2" not in text


@pytest.mark.parametrize("value", [16, 16.0, "16"])
def test_numbers_are_taken_as_pulumi_hands_them_over(value: object) -> None:
    assert found("vcd", {"url": HERE, "maxConcurrent": value}).max_concurrent == 16


# -- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_shown(kind: str) -> None:
    secrets = secret_fields(model(kind))
    assert secrets == {field(key) for of, key, _ in CREDENTIALS if of == kind} - {
        "user",
        "client_id",
        "access_key",
        "user_name",
        "domain_name",
    }
    keys = [key for of, key, _ in CREDENTIALS if of == kind and field(key) in secrets]
    endpoint = found(kind, {"url": HERE, **dict.fromkeys(keys, "Hunter2")})
    assert "Hunter2" not in f"{endpoint!r} {endpoint} {endpoint.model_dump()} {endpoint.model_dump_json()}"
    assert "Hunter2" not in refused(kind, dict.fromkeys(keys, "Hunter2"))
    assert "Hunter2" not in refused(kind, {"url": HERE, **{key: ["Hunter2"] for key in keys}})


# -- names and kinds --------------------------------------------------------------------------------------------------


def endpoints(configured: dict[str, Any], **environment: str) -> Endpoints:
    return Endpoints(configured, Runtime(environment=environment))


def test_a_kinds_own_name_needs_no_kind_and_another_does() -> None:
    known = endpoints({"vcd": {"url": HERE}, "dr": {"kind": "vcd", "url": HERE}, "lost": {}, "b": {"kind": "broker"}})
    for name in (None, "vcd", "dr"):
        assert known.misconfigured(name, "vcd") is None
    assert known.misconfigured("lost", "vcd") == "endpoint 'lost' has no kind: set rekey:endpoints.lost.kind to vcd"
    assert known.misconfigured("b", "vcd") == (
        "endpoint 'b' is of kind broker, and this resource needs vcd: use one of: vcd, dr"
    )
    assert known.misconfigured("broker", "vcd") == (
        "endpoint 'broker' is of kind broker, and this resource needs vcd: use one of: vcd, dr"
    )


def test_a_name_that_is_not_configured_is_refused_with_those_that_are() -> None:
    known = endpoints({"vcd": {"url": HERE}, "dr-site": {"kind": "vcd", "url": HERE}, "b": {"kind": "broker"}})
    assert known.misconfigured("dr_sit", "vcd") == (
        "endpoint 'dr_sit' is not configured: did you mean dr-site? use one of: vcd, dr-site"
    )
    assert known.misconfigured("x", "roma") == (
        "endpoint 'x' is not configured: none of kind roma is: set rekey:endpoints.x.kind to roma, and"
        " rekey:endpoints.x.url; configured: vcd (kind vcd), dr-site (kind vcd), b (kind broker)"
    )


def test_settings_are_judged_without_a_credential() -> None:
    known = endpoints({"vcd": {"url": HERE, "user": "u"}})
    assert known.settings(None, "vcd").usable_credentials() == ()
    assert known.settings("vcd", "vcd") is known.session(None, "vcd").endpoint


@pytest.mark.parametrize("settings", ["https://vcd", 17, None, ["url"], True])
def test_settings_that_are_no_map(settings: object) -> None:
    assert endpoints({"vcd": settings}).misconfigured(None, "vcd") == (
        "rekey:endpoints.vcd is not a map of settings: set its keys, such as rekey:endpoints.vcd.url"
    )


@pytest.mark.parametrize("kind", ["vdc", 17, ["vcd"], {"vcd": 1}, True])
def test_a_kind_that_is_not_known(kind: object) -> None:
    wrong = endpoints({"dr": {"kind": kind}}).misconfigured("dr", "vcd")
    assert wrong is not None
    assert wrong.startswith("rekey:endpoints.dr.kind is not a kind of endpoint: ")
    assert wrong.endswith("use one of: vcd, broker, navigator, roma")


# -- digits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"), [(17, "17"), (17.0, "17"), (0, "0"), (-5, "-5"), (2**53 - 1, str(2**53 - 1))]
)
def test_a_number_is_taken_for_the_digits_that_were_written(value: object, text: str) -> None:
    """`pulumi config set --path` makes a number of a user name of digits."""
    endpoint = found("vcd", {"url": HERE, "user": value, "password": value, "org": value})
    assert (endpoint.user, opened(endpoint.password), endpoint.org) == (text, text, text)


@pytest.mark.parametrize("value", [1.5, 37.2, 2**53, -1e300, float("nan"), float("inf"), True, False])
def test_a_number_whose_digits_may_be_lost_is_to_be_quoted(value: object) -> None:
    for key in ("user", "password", "apiVersion"):
        assert refused("vcd", {"url": HERE, key: value}) == (
            f"rekey:endpoints.vcd.{key} must be text, and what was written is lost: write it in quotes"
        )


# -- one address ------------------------------------------------------------------------------------------------------


def test_one_address_is_one_however_it_is_given() -> None:
    region = "https://roma.cn-north-4.myhuaweicloud.com"
    known = endpoints(
        {
            "a": {"kind": "roma", "url": f"{region}:443/"},
            "b": {"kind": "roma", "url": region.upper()},
            "c": {"kind": "roma", "region": "cn-north-4"},
        },
        ROMA_ENDPOINT=f"{region}./",
    )
    assert {known.address(name, "roma") for name in ("a", "b", "c", "roma", None)} == {region}
    assert endpoints({}, HW_REGION_NAME="cn-north-4").address(None, "roma") == region


def test_what_is_misconfigured_has_the_address_of_nothing_else() -> None:
    known = endpoints({"roma": {"url": HERE}, "a": {"kind": "roma", "url": f"{HERE}/api"}, "b": {"url": HERE}})
    found = [known.address(name, "roma") for name in ("roma", "a", "b", "c")]
    assert len(set(found)) == len(found)
    assert found[0] == HERE
    assert not any(same_system(one, other) for one, other in itertools.combinations(found, 2))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (HERE, f"{HERE}:443/", True),
        (HERE, "HTTPS://VCD.example.com.", True),
        (HERE, f"{HERE}/api", True),
        (HERE, THERE, False),
        (HERE, f"{HERE}:8443", False),
        ("https://127.0.0.1", "http://127.0.0.1:443", False),
        ("http://[::1]", "http://[0::1]:80", True),
        ("not a url", "not a url", False),
        ("", "", False),
    ],
)
def test_addresses_of_the_same_system(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a parameter
    assert same_system(one, other) is same
    assert same_system(other, one) is same


@given(st.text(max_size=30), st.sampled_from(["", "https://", "http://127.0.0.1", "https://h/", "HTTPS://A.b:"]))
def test_a_canonical_address_stays_as_it_is(text: str, start: str) -> None:
    try:
        address = canonical(start + text)
    except ValueError:
        return
    assert canonical(address) == address
    assert same_system(address, start + text)


def test_several_endpoints_of_one_kind_at_once() -> None:
    known = endpoints(
        {"vcd": {"url": HERE, "apiToken": "a"}, "dr": {"kind": "vcd", "url": THERE, "apiToken": "b"}},
        VCD_API_TOKEN="e",
    )
    here, there = known.session(None, "vcd"), known.session("dr", "vcd")
    assert (here.name, here.endpoint.url, opened(here.endpoint.api_token)) == ("vcd", HERE, "e")
    assert (there.name, there.endpoint.url, opened(there.endpoint.api_token)) == ("dr", THERE, "b")
    assert known.session("vcd", "vcd") is here
    with pytest.raises(
        Misconfigured, match="endpoint 'dr' is of kind vcd, and this resource needs roma: none of kind roma is: set"
    ):
        known.session("dr", "roma")


def test_a_region_fills_the_addresses_that_are_not_given() -> None:
    by_region = resolve(RomaEndpoint, "roma", {"region": "cn-north-4"}, {})
    assert isinstance(by_region, RomaEndpoint)
    assert by_region.url == "https://roma.cn-north-4.myhuaweicloud.com"
    assert by_region.iam_url == "https://iam.cn-north-4.myhuaweicloud.com"
    other = resolve(RomaEndpoint, "roma", {"region": "cn-north-4", "url": HERE}, {})
    assert other.url == HERE
    assert refused("roma", {"url": HERE, "region": "x.example.com/"}) == (
        "rekey:endpoints.roma.region is not a region: write one such as ap-southeast-3"
    )
    assert refused("roma", {}, HW_REGION_NAME="x.example.com/") == (
        "the environment variable HW_REGION_NAME is not a region: write one such as ap-southeast-3"
    )


@pytest.mark.parametrize(
    ("configured", "environment", "loopback"),
    [
        ({}, {}, True),
        ({"vcd": {"url": "http://127.0.0.1:1"}}, {}, True),
        ({"vcd": {"url": "http://localhost"}, "roma": {"url": "http://[::1]:5"}}, {}, True),
        ({"vcd": {"url": "http://127.0.0.1"}, "dr": {"url": HERE}}, {}, False),
        ({"vcd": {"url": "http://127.0.0.1"}}, {"CPN_URL": HERE}, False),
        ({"vcd": {"url": "http://127.0.0.1"}}, {"CPN_URL": "http://127.0.0.1"}, True),
        ({"vcd": {"url": "https://127.0.0.1.example.com"}}, {}, False),
        ({"vcd": {"url": "https://127.0.0.1@example.com"}}, {}, False),
        ({"vcd": {"url": "https://["}}, {}, False),
        ({"vcd": {"url": 17}}, {}, False),
        ({"roma": {"region": "cn-north-4"}}, {}, False),
        ({}, {"HW_REGION_NAME": "cn-north-4"}, False),
        ({"roma": {"url": "http://127.0.0.1"}}, {"HW_REGION_NAME": "cn-north-4"}, True),
        ({"roma": {"url": "http://127.0.0.1", "iamUrl": HERE}}, {}, False),
        ({"roma": {"url": "http://127.0.0.1"}}, {"HW_AUTH_URL": HERE}, False),
        ({"roma": {"url": "http://127.0.0.1", "iamUrl": "http://127.0.0.1:2"}}, {"HW_AUTH_URL": HERE}, True),
        ({"odd": {"kind": "vdc", "url": HERE}}, {}, False),
    ],
)
def test_whether_all_endpoints_are_on_this_machine(
    configured: dict[str, Any],
    environment: dict[str, str],
    loopback: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert endpoints(configured, **environment).all_loopback() is loopback


@given(st.text(max_size=60))
def test_any_text_has_an_origin_and_one_that_is_no_url_belongs_to_no_address(text: str) -> None:
    for url in (text, f"https://{text}", f"http://127.0.0.1{text}"):
        scheme, host, port = origin(url)
        assert (scheme, host, port) == ("", "", 0) or 0 <= port < 65536
        assert not (
            host != "127.0.0.1" and is_loopback(host) and "127" not in host and host not in {"localhost", "::1"}
        )
