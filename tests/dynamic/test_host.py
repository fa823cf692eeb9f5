"""The provider, called as the engine's host calls it: unknown values, secrets, refusals, and what is pickled."""

import base64
import json
import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import dill  # type: ignore[import-untyped]  # it has no types
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.dynamic import CheckResult, ConfigureRequest, DiffResult
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, status_pb2
from pulumi_rekey.dynamic import host
from pulumi_rekey.dynamic.engine import PROVIDER_KEY, from_engine
from pulumi_rekey.endpoints import KINDS
from pulumi_rekey.errors import Error, Misconfigured, NotFound, Unauthenticated
from pulumi_rekey.frontend.answers import HalfDone
from pulumi_rekey.frontend.instance import Instance
from pulumi_rekey.frontend.values import holds_unknown, without_unknowns
from pulumi_rekey.policy.model import Policy

from tools.vendors import Sandbox

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call]  # the SDK's
URN = "urn:pulumi:dev::probe::pulumi-python:dynamic/rekey:AppSecret::it"
SECRET = "Hunter2-hunter2"
PASSPHRASE = "correct horse"
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    .decode()
)

#: Inputs of each resource that say as much as they can.
GOOD: dict[str, dict[str, Any]] = {
    "app_secret": {"instance_id": "i", "app_id": "a", "project_id": "p", "secret": SECRET, "endpoint": "roma"},
    "oidc_relying_party": {
        "client_name": "Grafana",
        "redirect_uris": ["https://a.example.com/x", "https://b.example.com/x"],
        "rotation": {"max_age": "90d", "triggers": {"a": 1, "b": True}, "freeze": ["2026-12-24"], "jitter": "1d"},
    },
    "open_id_provider_key": {
        "description": "d",
        "private_key": PEM,
        "private_key_passphrase": PASSPHRASE,
        "algorithm": "EC",
        "key_size": 3072,
        "activate": False,
    },
    "sync_client_credentials": {
        "directory_id": "d",
        "tenant": "t",
        "generate_token": True,
        "token_ttl": 60,
        "rotation": {"on_adopt": "keep", "windows": [{"cron": "0 2 * * SUN", "duration": "4h", "timezone": "UTC"}]},
    },
    "org_oauth_app": {
        "org_id": "o",
        "display_name": "n",
        "access_token_ttl": 300,
        "owner_only_secret_rotation": True,
        "allowed_scopes": {
            "general_scopes": ["openid"],
            "organization_scopes": {"roles": [{"name": "r"}]},
            "services_scopes": [{"service_definition_id": "s", "roles": [{"name": "r"}]}],
        },
        "rotation": {"grace": "1h", "max_age": "30d", "renew_before": "1d"},
    },
    "generated_secret": {"vendor": "roma", "length": 40, "rotation": {"rotate_now": "INC-1"}},
}
#: States that go with them.
STATE: dict[str, dict[str, Any]] = {
    "app_secret": {"instance_id": "i", "app_id": "a", "project_id": "p", "secret": SECRET, "endpoint": "roma"},
    "oidc_relying_party": {
        "relying_party_id": "r",
        "client_id": "c",
        "client_name": "Grafana",
        "redirect_uris": ["https://b.example.com/x", "https://a.example.com/x"],
        "client_secret": SECRET,
        "rotation": {"triggers": {"a": "1", "b": "true"}},
    },
    "open_id_provider_key": {"key_id": "k", "public_key": "", "description": "d"},
    "sync_client_credentials": {
        "directory_id": "d",
        "tenant": "t",
        "generate_token": True,
        "token_ttl": 60,
        "saved": {"generate_token": True, "token_ttl": 60},
        "access_token": SECRET,
    },
    "org_oauth_app": {"org_id": "o", "oauth_app_id": "x", **{k: GOOD["org_oauth_app"][k] for k in ("display_name",)}},
    "generated_secret": {"vendor": "roma", "secret_id": "g", "secret": SECRET, "rotation": {"rotate_now": "INC-1"}},
}
ID = {
    "app_secret": "a",
    "oidc_relying_party": "r",
    "open_id_provider_key": "k",
    "sync_client_credentials": "d",
    "org_oauth_app": "x",
    "generated_secret": "g",
}


class Context:
    """What the host's server hands to each call."""

    def __init__(self) -> None:
        self.trailers: dict[str, bytes] = {}

    def set_trailing_metadata(self, trailers: Any) -> None:
        """Take what is sent at the end of the call."""
        self.trailers = dict(trailers)

    @property
    def status(self) -> Any:
        """What the engine is told instead of a traceback."""
        return status_pb2.Status.FromString(self.trailers["grpc-status-details-bin"])


class Host:
    """The engine's side of one host process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.context = Context()
        self._monkeypatch = monkeypatch
        self._instances: list[Instance] = []
        self._known: dict[str, str] = {}

    def configure(self, endpoints: str | dict[str, Any] | None = None, owner: str | None = "owner") -> None:
        """Start a process of its own, as far as it keeps anything, and hand over the stack's configuration."""
        sites = {name: {"url": f"https://{name}.example.com"} for name in KINDS}
        configured = endpoints if isinstance(endpoints, str) else json.dumps(sites | (endpoints or {}))
        self._known = {"rekey:endpoints": configured} | ({"rekey:owner": owner} if owner else {})
        self.restart()

    def restart(self) -> None:
        """Start another process with the same configuration, as the next run does."""
        self._monkeypatch.setattr(host, "_HOST", host.Host())
        self._monkeypatch.setattr(host, "_PROVIDERS", {})
        instance = host._HOST.instance
        instance._runtime = replace(instance._runtime, sleep=lambda _seconds: None)
        self._instances.append(instance)
        host.app_secret.configure(ConfigureRequest(self._known))  # type: ignore[arg-type]  # only its get() is used

    def close(self) -> None:
        """Hang up; in the engine's host the end of the process does that."""
        for instance in self._instances:
            for session in instance._endpoints._sessions.values() if instance._endpoints else ():
                session.connections.close()

    def call(self, resource: str, verb: str, *arguments: Any, urn: str = URN, inputs: Any = None) -> Any:
        """Call a provider's method from a frame that looks like the host's."""
        request: Any = provider_pb2.ReadRequest(urn=urn)
        if inputs is not None:
            request.inputs.update(inputs)
        self.context = context = Context()
        assert context
        return getattr(getattr(host, resource), verb)(*arguments)

    def check(
        self, resource: str, inputs: dict[str, Any], olds: dict[str, Any] | None = None, **how: Any
    ) -> CheckResult:
        result = self.call(resource, "check", olds or {}, {**inputs, PROVIDER_KEY: "p"}, **how)
        assert isinstance(result, CheckResult)
        return result

    def failures(self, resource: str, inputs: dict[str, Any], **how: Any) -> dict[str, str]:
        """What a check refuses, by property; no reason holds a value."""
        refused = {failure.property: failure.reason for failure in self.check(resource, inputs, **how).failures}
        assert SECRET not in json.dumps(refused)
        assert all(reason.isprintable() for reason in refused.values())
        return refused

    def diff(self, resource: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> DiffResult:
        state = {**STATE[resource], "generation": 1, "rotated_at": "2026-11-01T00:00:00Z", PROVIDER_KEY: "p"}
        result = self.call(resource, "diff", ID[resource], state | (olds or {}), {**news, PROVIDER_KEY: "p"})
        assert isinstance(result, DiffResult)
        return result


@pytest.fixture
def stack_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A configured host."""
    pretended = Host(monkeypatch)
    monkeypatch.setattr(host, "log", lambda _severity, text, _urn: pretended.said.append(text))
    pretended.configure()
    yield pretended
    pretended.close()


# -- what is pickled --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", GOOD)
def test_a_provider_is_pickled_by_its_name(resource: str) -> None:
    provider = getattr(host, resource)
    for pickler in (pickle, dill):
        pickled = pickler.dumps(provider)
        assert pickler.loads(pickled) is provider
        assert len(base64.b64encode(pickled)) < 100
    with pytest.raises(AttributeError):
        host.__getattr__("_hidden")


# -- good inputs, and secrets on the way back -------------------------------------------------------------------------


def is_marked(value: Any) -> bool:
    return isinstance(value, dict) and value.get(rpc._special_sig_key) == rpc._special_secret_sig


def unmarked(value: Any) -> list[str]:
    """The texts that would be stored in plain."""
    match value:
        case dict() if is_marked(value):
            return []
        case dict():
            return [text for member in value.values() for text in unmarked(member)]
        case list() | tuple():
            return [text for member in value for text in unmarked(member)]
        case str():
            return [value]
        case _:
            return []


@pytest.mark.parametrize("resource", GOOD)
def test_good_inputs_pass_and_their_secrets_are_marked(stack_host: Host, resource: str) -> None:
    result = stack_host.check(resource, GOOD[resource])
    assert [(failure.property, failure.reason) for failure in result.failures] == []
    stored = unmarked(result.inputs)
    assert not {SECRET, PEM, PASSPHRASE} & set(stored)
    assert {name for name, value in result.inputs.items() if is_marked(value)} == {
        name for name in GOOD[resource] if GOOD[resource][name] in (SECRET, PEM, PASSPHRASE)
    }
    assert {name: value for name, value in result.inputs.items() if not is_marked(value)} == {
        name: value for name, value in GOOD[resource].items() if value not in (SECRET, PEM, PASSPHRASE)
    }


def as_floats(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case dict():
            return {name: as_floats(member) for name, member in value.items()}
        case list():
            return [as_floats(member) for member in value]
        case _:
            return value


@pytest.mark.parametrize("resource", GOOD)
def test_numbers_may_come_as_floats(stack_host: Host, resource: str) -> None:
    assert stack_host.failures(resource, as_floats(GOOD[resource])) == {}
    if resource != "open_id_provider_key":
        same = stack_host.diff(resource, GOOD[resource])
        floats = stack_host.diff(resource, as_floats(GOOD[resource]), as_floats(STATE[resource]))
        assert (same.changes, same.replaces) == (floats.changes, floats.replaces)


@pytest.mark.parametrize("value", [3, 3.0, -0.5, 1e300, float("inf"), float("nan"), True, "3"])
def test_any_number_triggers(stack_host: Host, value: object) -> None:
    assert stack_host.failures("app_secret", {**ROMA, "rotation": {"triggers": {"a": value}}}) == {}


def test_floats_in_state_and_program_are_no_change(stack_host: Host) -> None:
    wanted = {"directory_id": "d", "token_ttl": 60.0, "generate_token": True, "rotation": {"triggers": {"a": 3.0}}}
    state = {"rotation": {"triggers": {"a": "3"}}, "token_ttl": 60.0, "generation": 1.0, "spread": 0}
    assert not stack_host.diff("sync_client_credentials", wanted, state).changes


# -- values that are not known yet ------------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value, the value itself among them."""
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def with_unknown(value: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return UNKNOWN
    if isinstance(value, dict):
        return {name: with_unknown(member, path[1:]) if name == path[0] else member for name, member in value.items()}
    return [with_unknown(member, path[1:]) if at == path[0] else member for at, member in enumerate(value)]


PLACES = [(resource, path) for resource, inputs in GOOD.items() for path in places(inputs) if path]


@pytest.mark.parametrize(("resource", "path"), PLACES)
def test_what_is_not_known_yet_is_not_judged(stack_host: Host, resource: str, path: tuple[Any, ...]) -> None:
    inputs = with_unknown(GOOD[resource], path)
    result = stack_host.check(resource, inputs)
    assert [(failure.property, failure.reason) for failure in result.failures] == []
    assert holds_unknown(from_engine(result.inputs))
    assert not {SECRET, PEM} & set(unmarked(result.inputs))


@pytest.mark.parametrize(("resource", "path"), [(r, p) for r, p in PLACES if r != "open_id_provider_key"])
def test_what_is_not_known_yet_is_a_change(stack_host: Host, resource: str, path: tuple[Any, ...]) -> None:
    from pulumi_rekey.model import IMMUTABLE, fields_marked

    result = stack_host.diff(resource, with_unknown(GOOD[resource], path))
    assert result.changes
    immutable = fields_marked(getattr(host, resource).answers.resource.inputs, IMMUTABLE)
    assert result.replaces == ([path[0]] if path[0] in immutable else []) or result.replaces is None


@pytest.mark.parametrize(("resource", "path"), PLACES)
def test_the_state_may_hold_what_is_not_known_yet(stack_host: Host, resource: str, path: tuple[Any, ...]) -> None:
    if path[0] in {"instance_id", "app_id", "directory_id", "org_id", "vendor", "client_name", "redirect_uris"}:
        return
    olds = {"rotation": {"triggers": {"a": UNKNOWN}, "rotate_now": UNKNOWN}, "expires_at": UNKNOWN}
    olds |= {"secret": SECRET} if path[0] == "secret" else {}
    stack_host.diff(resource, {**with_unknown(GOOD[resource], path)}, olds)


ROMA = {"instance_id": "i", "app_id": "a"}
RELEASE = {"triggers": {"release": "2"}}
MAY_ROTATE = "it: may rotate: what decides it is known during `pulumi up` only"


@pytest.mark.parametrize("member", [*Policy.model_fields, None])
def test_preview_does_not_decide_without_the_whole_policy(stack_host: Host, member: str | None) -> None:
    due = {"rotation": {"triggers": {"release": "1"}}}
    stack_host.diff("app_secret", ROMA | {"rotation": RELEASE}, due)
    assert stack_host.said.pop().startswith("it: rotates: trigger changed: release; ")
    deep = {"windows": [UNKNOWN], "freeze": ["2026-12-24", UNKNOWN], "triggers": {"release": UNKNOWN}}
    deep["turn"] = {"every": UNKNOWN, "side": "blue"}
    for unknown in [UNKNOWN, deep.get(member, UNKNOWN)] if member else []:
        stack_host.diff("app_secret", ROMA | {"rotation": RELEASE | {member: unknown}}, due)
        assert stack_host.said == [MAY_ROTATE]
        stack_host.said.clear()
    kept = {"key": "0" * 32, "triggers": {"release": "0" * 32}, "pending": ["triggers.release"]}
    stack_host.diff("app_secret", ROMA | {"rotation": UNKNOWN}, {"rotation": kept})
    assert stack_host.said == [MAY_ROTATE]
    moved = stack_host.diff("app_secret", ROMA | {"app_id": "b", "rotation": UNKNOWN}, {"rotation": kept})
    assert moved.replaces == ["app_id"], "the rest is compared"


def test_preview_of_a_replacement_says_what_becomes_of_the_old_secret(stack_host: Host) -> None:
    stack_host.diff("sync_client_credentials", {**GOOD["sync_client_credentials"], "directory_id": "e"})
    assert stack_host.said == [
        "it: is replaced, and then removed unless another resource manages it or retain_on_delete=True: d stays at the"
        " vendor, but its secret is replaced by one that nobody keeps, if it is still the one in the state: whoever"
        " uses it is locked out"
    ]
    stack_host.said.clear()
    stack_host.diff(
        "oidc_relying_party", {**GOOD["oidc_relying_party"], "adopt": "urn:vcloud:oidcRelyingParty:another"}
    )
    assert stack_host.said == [
        "it: is replaced, and then removed unless another resource manages it or retain_on_delete=True: r is deleted at"
        " the vendor, and its secret ends with it"
    ]


def test_preview_of_a_replacement_by_itself_says_that_the_secret_ends(
    stack_host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine checks the inputs again, without those that it has stored; with `--replace` it does only that."""
    inputs = GOOD["sync_client_credentials"]
    keeps = "it: keeps the credentials in use, which cannot be read: secret outputs stay unset until a rotation"
    ends = (
        "it: is replaced by itself: a secret that rekey has minted or stored is ended, since what replaces it cannot"
        " read it; to have a new one, rotate instead"
    )
    stack_host.check("sync_client_credentials", inputs)
    assert keeps in stack_host.said
    assert ends not in stack_host.said
    stack_host.restart()
    stack_host.said.clear()
    stack_host.check("sync_client_credentials", inputs, olds=inputs)
    stack_host.check("sync_client_credentials", inputs)
    assert ends in stack_host.said
    assert keeps not in stack_host.said
    stack_host.restart()
    stack_host.said.clear()
    stack_host.check("sync_client_credentials", {**inputs, "directory_id": "e"}, olds=inputs)
    stack_host.check("sync_client_credentials", {**inputs, "directory_id": "e"})
    assert keeps in stack_host.said, "another object keeps its own"
    stack_host.restart()
    stack_host.said.clear()
    monkeypatch.setattr(host._HOST.instance, "_replaced", lambda: ("urn:pulumi:dev::probe::**it",))
    stack_host.check("sync_client_credentials", inputs)
    assert ends in stack_host.said


@pytest.mark.parametrize(
    ("resource", "more", "named"),
    [
        ("app_secret", {"secret": UNKNOWN}, "a"),
        ("app_secret", {"secret": None, "app_id": UNKNOWN, "rotation": {"on_adopt": "rotate"}}, None),
        ("sync_client_credentials", {"tenant": UNKNOWN, "rotation": {"on_adopt": "rotate"}}, "d"),
        ("sync_client_credentials", {"directory_id": UNKNOWN, "rotation": {"on_adopt": "rotate"}}, None),
        ("org_oauth_app", {"adopt": "app-1", "secret": UNKNOWN, "rotation": {}}, "app-1"),
        ("oidc_relying_party", {"adopt": UNKNOWN, "rotation": {"on_adopt": "rotate", "max_age": UNKNOWN}}, None),
    ],
)
def test_preview_says_what_a_takeover_ends_before_all_is_known(
    stack_host: Host, resource: str, more: dict[str, Any], named: str | None
) -> None:
    inputs = {name: value for name, value in (GOOD[resource] | more).items() if value is not None}
    stack_host.check(resource, inputs)
    name = next(name for name in ("app_id", "directory_id", "adopt") if name in inputs)
    (said,) = stack_host.said
    assert said.startswith(
        f"it: takes {named or f'the object that `{name}` will name'} over and replaces the secret in"
    )
    stack_host.restart()
    stack_host.said.clear()
    stack_host.check(resource, inputs, olds=inputs)
    assert stack_host.said == [], "of what is in the state a difference says what becomes of it"
    kept = inputs | {"rotation": {"on_adopt": "keep"}}
    kept.pop("secret", None)
    stack_host.restart()
    stack_host.check(resource, kept | {"endpoint": UNKNOWN})
    assert stack_host.said == []


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("app_secret", "secret"),
        ("org_oauth_app", "secret"),
        ("open_id_provider_key", "private_key"),
        ("open_id_provider_key", "private_key_passphrase"),
        ("sync_client_credentials", "generate_token"),
        ("sync_client_credentials", "token_ttl"),
    ],
)
def test_preview_does_not_decide_without_what_is_given(stack_host: Host, resource: str, name: str) -> None:
    rotation = {"rotation": {"on_adopt": "keep"}} if resource == "sync_client_credentials" else {}
    inputs = {key: value for key, value in GOOD[resource].items() if key != "rotation"} | rotation
    stack_host.diff(resource, inputs | {name: UNKNOWN})
    assert stack_host.said[0] == MAY_ROTATE


def test_a_bad_neighbour_of_an_unknown_is_still_named(stack_host: Host) -> None:
    inputs = {"client_name": UNKNOWN, "redirect_uris": [UNKNOWN, "not a uri", "https://x"], "nonsense": UNKNOWN}
    assert set(stack_host.failures("oidc_relying_party", inputs)) >= {"redirect_uris[1]"}


def test_the_unknown_of_another_endpoint_is_waited_for(stack_host: Host) -> None:
    assert stack_host.failures("app_secret", {**GOOD["app_secret"], "endpoint": UNKNOWN}) == {}


def test_helpers_see_unknowns_at_every_depth() -> None:
    deep = from_engine({"a": {"b": [{"c": UNKNOWN}], "d": 1}, "e": (1, [UNKNOWN]), "f": 2})
    assert holds_unknown(deep)
    assert without_unknowns(deep) == {"a": {"d": 1}, "f": 2}
    assert not holds_unknown(without_unknowns(deep))


# -- what is refused --------------------------------------------------------------------------------------------------

PARTY = {"client_name": "n", "redirect_uris": ["https://a.example.com"]}
SYNC = {"directory_id": "d", "rotation": {"on_adopt": "keep"}}
NAVIGATOR = {"org_id": "o"}


@pytest.mark.parametrize(
    ("resource", "inputs", "place", "reason"),
    [
        ("app_secret", {**ROMA, "sercet": SECRET}, "sercet", "is not an argument of this resource"),
        ("app_secret", {**ROMA, "rotation": {"max_aeg": "1d"}}, "rotation.max_aeg", "is not an argument"),
        ("app_secret", {"instance_id": "i"}, "app_id", "is required"),
        (
            "app_secret",
            {**ROMA, "secret": f"{SECRET} {SECRET}"},
            "secret",
            "must be letters, digits and !@#$%+=.-/ only",
        ),
        ("app_secret", {**ROMA, "secret": f"{SECRET}*"}, "secret", "must be letters"),
        ("app_secret", {**ROMA, "secret": f"{SECRET}\n"}, "secret", "must be letters"),
        ("app_secret", {**ROMA, "secret": ""}, "secret", "must be letters"),
        ("app_secret", {**ROMA, "secret": [SECRET]}, "secret", "must be text"),
        ("app_secret", {**ROMA, "app_id": "a/b"}, "app_id", "is not an id"),
        ("app_secret", {**ROMA, "app_id": "../x?y#z"}, "app_id", "is not an id"),
        ("app_secret", {**ROMA, "app_id": "%2e%2e"}, "app_id", "is not an id"),
        ("app_secret", {**ROMA, "app_id": ".."}, "app_id", "is not an id"),
        ("app_secret", {**ROMA, "app_id": ""}, "app_id", "must not be empty"),
        ("app_secret", {**ROMA, "app_id": "a" * 65}, "app_id", "must have at most 64 characters"),
        ("app_secret", {**ROMA, "app_id": "a\n"}, "app_id", "is not an id"),
        ("app_secret", {**ROMA, "app_id": 17}, "app_id", "must be text"),
        ("app_secret", {**ROMA, "app_id": None}, "app_id", "must be text"),
        ("app_secret", {**ROMA, "endpoint": {"name": SECRET}}, "endpoint", "must be text"),
        ("app_secret", {**ROMA, "endpoint": ["roma"]}, "endpoint", "must be text"),
        ("app_secret", {**ROMA, "endpoint": 5}, "endpoint", "must be text"),
        ("app_secret", {**ROMA, "endpoint": "lost"}, "endpoint", "endpoint 'lost' is not configured"),
        ("app_secret", {**ROMA, "endpoint": "vcd"}, "endpoint", "endpoint 'vcd' is of kind vcd, and this resource"),
        ("app_secret", {**ROMA, "secret": SECRET, "rotation": {"max_age": "9d"}}, "rotation", "would mint beside the"),
        ("app_secret", {**ROMA, "rotation": {"grace": "1h"}}, "rotation.grace", "is not supported by this vendor"),
        ("app_secret", {**ROMA, "rotation": SECRET}, "rotation", "must be a map"),
        ("app_secret", {**ROMA, "rotation": {"triggers": {"a": [SECRET]}}}, "rotation.triggers.a", "must be "),
        (
            "app_secret",
            {**ROMA, "rotation": {"rotate_now": f"{SECRET}\n::x"}},
            "rotation.rotate_now",
            "must be one line",
        ),
        ("app_secret", {**ROMA, "rotation": {"max_age": "1 month"}}, "rotation.max_age", ""),
        (
            "oidc_relying_party",
            {**PARTY, "redirect_uris": ["https://a.example.com", "x"]},
            "redirect_uris[1]",
            "is not an",
        ),
        (
            "oidc_relying_party",
            {**PARTY, "redirect_uris": [f"/{SECRET}"]},
            "redirect_uris[0]",
            "is not an absolute URI",
        ),
        ("oidc_relying_party", {**PARTY, "redirect_uris": ["https://"]}, "redirect_uris[0]", "is not an absolute URI"),
        ("oidc_relying_party", {**PARTY, "redirect_uris": ["https:///x"]}, "redirect_uris[0]", "has no host"),
        ("oidc_relying_party", {**PARTY, "redirect_uris": ["https://["]}, "redirect_uris[0]", "is not a URI"),
        (
            "oidc_relying_party",
            {**PARTY, "redirect_uris": ["https://a#b"]},
            "redirect_uris[0]",
            "must not have a fragment",
        ),
        (
            "oidc_relying_party",
            {**PARTY, "redirect_uris": ["https://a b"]},
            "redirect_uris[0]",
            "is not an absolute URI",
        ),
        (
            "oidc_relying_party",
            {**PARTY, "redirect_uris": ["https://a\n"]},
            "redirect_uris[0]",
            "is not an absolute URI",
        ),
        ("oidc_relying_party", {**PARTY, "redirect_uris": []}, "redirect_uris", "must not be empty"),
        (
            "oidc_relying_party",
            {**PARTY, "redirect_uris": "https://a"},
            "redirect_uris",
            "must be a list",
        ),
        ("oidc_relying_party", {**PARTY, "client_name": ""}, "client_name", "must not be empty"),
        ("oidc_relying_party", {**PARTY, "adopt": "a/b"}, "adopt", "is not an id"),
        ("oidc_relying_party", {**PARTY, "endpoint": ""}, "endpoint", "must not be empty"),
        (
            "oidc_relying_party",
            {**PARTY, "adopt": "urn:vcloud:openIdProviderKey:x"},
            "adopt",
            "is the id of another kind",
        ),
        ("open_id_provider_key", {"private_key": SECRET}, "private_key", "is not a PEM private key"),
        (
            "open_id_provider_key",
            {"private_key": PEM},
            "private_key_passphrase",
            "is required: the private key is encrypted",
        ),
        (
            "open_id_provider_key",
            {"private_key": PEM, "private_key_passphrase": SECRET},
            "private_key_passphrase",
            "does not open the private key",
        ),
        (
            "open_id_provider_key",
            {"private_key": PEM, "private_key_passphrase": PASSPHRASE, "public_key": SECRET},
            "public_key",
            "is not a PEM public key",
        ),
        ("open_id_provider_key", {"public_key": "x"}, "public_key", "needs private_key beside it"),
        ("open_id_provider_key", {"private_key_passphrase": SECRET}, "private_key_passphrase", "needs private_key"),
        ("open_id_provider_key", {"key_size": 1024}, "key_size", "must be at least 2048"),
        ("open_id_provider_key", {"key_size": 3071}, "key_size", "must be a multiple of 8"),
        ("open_id_provider_key", {"key_size": 3072.5}, "key_size", "must be a whole number"),
        ("open_id_provider_key", {"curve": "P-128"}, "curve", "must be 'P-256', 'P-384' or 'P-521'"),
        (
            "open_id_provider_key",
            {"description": "a" * 221},
            "description",
            "must have at most 220 characters",
        ),
        ("open_id_provider_key", {"adopt": "urn:vcloud:oidcRelyingParty:x"}, "adopt", "is the id of another kind"),
        (
            "sync_client_credentials",
            {**SYNC, "token_ttl": 0},
            "token_ttl",
            "must be at least 1",
        ),
        (
            "sync_client_credentials",
            {**SYNC, "token_ttl": 1_051_201},
            "token_ttl",
            "must be at most ",
        ),
        ("sync_client_credentials", {**SYNC, "token_ttl": 1.5}, "token_ttl", "must be a whole number"),
        ("sync_client_credentials", {"directory_id": "d"}, "rotation.on_adopt", "must be said"),
        ("org_oauth_app", {**NAVIGATOR, "secret": "short"}, "secret", "must be one line of at least 8 characters"),
        ("org_oauth_app", {**NAVIGATOR, "secret": "alllowercase1!"}, "secret", "must be one line of at least 8"),
        ("org_oauth_app", {**NAVIGATOR, "access_token_ttl": 0}, "access_token_ttl", "must be at least 1"),
        ("org_oauth_app", {**NAVIGATOR, "access_token_ttl": 2**31}, "access_token_ttl", "must be at most "),
        (
            "org_oauth_app",
            {**NAVIGATOR, "allowed_scopes": {"services_scopes": [{"service_definition_id": "s"}, {"rolls": 1}]}},
            "allowed_scopes.services_scopes[1].rolls",
            "is not an argument",
        ),
        ("org_oauth_app", {**NAVIGATOR, "context": "ADMIN"}, "context", "must be 'OPERATOR', 'PROVIDER' or"),
        ("generated_secret", {"vendor": "vcd"}, "vendor", "must be 'navigator' or 'roma'"),
        ("generated_secret", {"vendor": "roma", "length": 21}, "length", "must be at least 22"),
    ],
)
def test_bad_input_is_refused_at_its_property(
    stack_host: Host, resource: str, inputs: dict[str, Any], place: str, reason: str
) -> None:
    failures = stack_host.failures(resource, inputs)
    assert failures[place].startswith(reason)


def test_a_missing_owner_is_said_with_the_command_that_makes_one(stack_host: Host) -> None:
    stack_host.configure(owner=None)
    assert stack_host.failures("oidc_relying_party", PARTY) == {
        "": "needs the stack's owner id: run `pulumi config set --secret rekey:owner $(openssl rand -hex 16)`"
    }
    assert stack_host.failures("oidc_relying_party", {**PARTY, "adopt": "urn:vcloud:oidcRelyingParty:x"}) == {}
    assert stack_host.failures("app_secret", ROMA) == {}


@pytest.mark.parametrize("endpoints", ['["vcd"]', '"vcd"', "17", "not json", "{", "null"])
def test_endpoints_that_are_no_map_are_one_line(stack_host: Host, endpoints: str) -> None:
    stack_host.configure(endpoints)
    with pytest.raises(Misconfigured, match="rekey:endpoints is not a map of endpoints"):
        stack_host.check("app_secret", ROMA)
    assert stack_host.context.status.message.startswith("rekey:endpoints is not a map of endpoints")


@given(
    st.sampled_from(sorted(GOOD)),
    st.dictionaries(
        st.sampled_from(
            ["secret", "app_id", "rotation", "redirect_uris", "adopt", "endpoint", "private_key", "org_id"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.just(UNKNOWN),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["triggers", "max_age", "windows", "a", "cron"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_input_is_taken_or_refused_at_a_property(stack_host: Host, resource: str, changes: dict[str, Any]) -> None:
    result = stack_host.check(resource, {**GOOD[resource], **changes})
    for failure in result.failures:
        assert re.fullmatch(r"[\w.\[\]-]*", failure.property) or "rotation" in failure.property


def test_one_object_is_managed_by_one_resource(stack_host: Host) -> None:
    stack_host.configure({"alias": {"kind": "roma", "url": "https://ROMA.example.com:443/"}})
    assert stack_host.failures("app_secret", ROMA, urn=URN) == {}
    assert stack_host.failures("app_secret", ROMA, urn=URN) == {}
    rival = stack_host.failures("app_secret", {**ROMA, "endpoint": "alias"}, urn=f"{URN}2")
    assert rival == {"app_id": f"is taken by another resource of this program: {URN}"}
    assert stack_host.failures("app_secret", {**ROMA, "app_id": "b"}, urn=f"{URN}2") == {}


# -- real calls -------------------------------------------------------------------------------------------------------


@pytest.fixture
def roma(stack_host: Host, sandbox: Sandbox) -> Host:
    """The host of a stack whose endpoint is the sandbox."""
    known = sandbox.credentials["roma"]
    stack_host.configure(
        {
            "roma": {
                "url": known["url"],
                "projectId": known["project_id"],
                "accessKey": known["access_key"],
                "secretKey": known["secret_key"],
            }
        }
    )
    return stack_host


def application(sandbox: Sandbox) -> dict[str, Any]:
    known = sandbox.credentials["roma"]
    return {"instance_id": known["instance_id"], "app_id": known["app_id"], PROVIDER_KEY: "p"}


def test_create_update_read_and_delete_mark_what_is_secret(roma: Host, sandbox: Sandbox) -> None:
    inputs = application(sandbox)
    created = roma.call("app_secret", "create", {**inputs, "rotation": {"on_adopt": "rotate"}})
    assert created.id == inputs["app_id"]
    assert is_marked(created.outs["secret"])
    state = stored(created.outs)
    again = {**inputs, "rotation": {"on_adopt": "rotate", "rotate_now": "INC-1"}}
    updated = roma.call("app_secret", "update", created.id, state, again)
    assert is_marked(updated.outs["secret"])
    assert updated.outs["secret"] != created.outs["secret"]
    assert updated.outs["generation"] == 2
    # Of what asked, a digest and its key.
    assert updated.outs["rotation"].keys() == {"key", "rotate_now"}
    assert is_marked(updated.outs["rotation"]["key"])
    assert "INC-1" not in str(updated.outs["rotation"])
    state = stored(updated.outs)
    found = roma.call("app_secret", "read", created.id, state)
    assert is_marked(found.outs["secret"])
    assert found.outs == updated.outs
    roma.call("app_secret", "delete", created.id, state)
    for outs in (created.outs, updated.outs, found.outs):
        assert outs["secret"]["value"] not in unmarked(outs)


def stored(outs: dict[str, Any]) -> dict[str, Any]:
    """What the host hands over of outputs that the engine has saved."""
    return json.loads(json.dumps({**opened(outs), PROVIDER_KEY: "p"}))  # type: ignore[no-any-return]  # a map again


def opened(value: Any) -> Any:
    """A property without the marks of what is secret in it."""
    if is_marked(value):
        return value["value"]
    return {name: opened(member) for name, member in value.items()} if isinstance(value, dict) else value


def test_read_returns_inputs_in_which_drift_shows(roma: Host, sandbox: Sandbox) -> None:
    inputs = {**application(sandbox), "secret": SECRET}
    created = roma.call("app_secret", "create", inputs)
    roma.call("app_secret", "update", created.id, stored(created.outs), {**inputs, "secret": "Another1"})
    found = roma.call("app_secret", "read", created.id, stored(created.outs), inputs=inputs)
    assert found.outs["secret"]["value"] == "Another1"
    assert found.inputs["secret"]["value"] == "Another1"
    assert is_marked(found.inputs["secret"])
    assert PROVIDER_KEY not in found.inputs
    assert roma.call("app_secret", "read", created.id, stored(created.outs)).inputs is None


def test_an_object_that_is_gone_is_read_as_nothing(roma: Host, sandbox: Sandbox) -> None:
    created = roma.call("app_secret", "create", application(sandbox))
    found = roma.call("app_secret", "read", created.id, {**stored(created.outs), "app_id": "gone"})
    assert (found.id, found.outs) == ("", {})


def test_an_expected_error_is_one_line_without_a_traceback(roma: Host, sandbox: Sandbox) -> None:
    with pytest.raises(NotFound) as failed:
        roma.call("app_secret", "create", {**application(sandbox), "app_id": "gone"})
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    status = roma.context.status
    assert status.code == 2
    assert status.message == str(failed.value)
    assert re.fullmatch(
        r"roma: GET /v2/\S+/apps/gone/secret: 404 ROMA.00014001: nothing was created; correct the id \(request \w+\)",
        status.message,
    )


def test_wrong_credentials_are_one_line(stack_host: Host, sandbox: Sandbox) -> None:
    known = sandbox.credentials["roma"]
    stack_host.configure(
        {
            "roma": {
                "url": known["url"],
                "projectId": known["project_id"],
                "accessKey": known["access_key"],
                "secretKey": SECRET,
            }
        }
    )
    with pytest.raises(Unauthenticated):
        stack_host.call("app_secret", "create", application(sandbox))
    assert SECRET not in stack_host.context.status.message
    assert "correct the credentials of this endpoint" in stack_host.context.status.message


def test_a_partial_failure_hands_over_what_was_reached_with_its_secrets_marked(roma: Host, sandbox: Sandbox) -> None:
    # The new secret is sent, and then nobody lets it be looked at.
    sandbox.fault("/secret$", method="GET", status=200, body='{"secret": "Another1"}', count=0)
    with pytest.raises(HalfDone):
        roma.call("app_secret", "create", {**application(sandbox), "secret": SECRET})
    (packed,) = roma.context.status.details
    detail = provider_pb2.ErrorResourceInitFailed()
    assert packed.Unpack(detail)
    assert detail.id == application(sandbox)["app_id"]
    assert list(detail.reasons) == [roma.context.status.message]
    assert is_marked(MessageToDict(detail.properties)["secret"])
    assert SECRET not in roma.context.status.message
    assert plain_texts(detail.properties).isdisjoint({SECRET})


def plain_texts(properties: Struct) -> set[str]:
    """The texts of a message that stand outside of any secret's envelope."""
    found: set[str] = set()
    for value in properties.fields.values():
        if value.HasField("struct_value") and rpc._special_sig_key not in value.struct_value.fields:
            found |= plain_texts(value.struct_value)
        elif value.HasField("string_value"):
            found.add(value.string_value)
    return found


def test_what_another_resource_manages_now_is_not_ended(roma: Host, sandbox: Sandbox) -> None:
    inputs = application(sandbox)
    created = roma.call("app_secret", "create", inputs)
    roma.restart()
    roma.check("app_secret", {name: inputs[name] for name in ("instance_id", "app_id")}, urn=f"{URN}-renamed")
    sandbox.forget_calls()
    roma.call("app_secret", "delete", created.id, stored(created.outs))
    assert sandbox.calls() == []


def test_a_replacement_that_is_the_same_object_is_not_ended(roma: Host, sandbox: Sandbox) -> None:
    """`pulumi up --replace` creates the new resource, and then deletes the old one, which may be the same object."""
    inputs = application(sandbox)
    old = roma.call("app_secret", "create", {**inputs, "secret": SECRET})
    roma.restart()
    new = roma.call("app_secret", "create", {**inputs, "secret": SECRET})
    roma.call("app_secret", "delete", old.id, {**stored(old.outs), "rotated_at": "2026-11-01T00:00:00Z"})
    found = roma.call("app_secret", "read", new.id, stored(new.outs))
    assert found.outs["secret"]["value"] == SECRET


def test_without_the_engines_call_at_hand_it_still_works(stack_host: Host) -> None:
    """The host's own frames are no promise: what cannot be found is done without."""
    verb: Callable[..., CheckResult] = host.app_secret.check
    assert verb({}, {**ROMA, PROVIDER_KEY: "p"}).failures == []
    with pytest.raises(Error):
        host.app_secret.create({**ROMA, PROVIDER_KEY: "p"})


def test_without_the_engines_call_at_hand_what_is_half_done_is_returned(roma: Host, sandbox: Sandbox) -> None:
    """The engine saves it as done, and the next run goes on."""
    sandbox.fault("/secret$", method="GET", status=200, body='{"secret": "Another1"}', count=0)
    inputs = {**application(sandbox), "secret": SECRET}
    created = host.app_secret.create(inputs).outs or {}
    assert created["step"] == "verify the new secret"
    assert is_marked(created["secret"])
    (said,) = roma.said
    assert "the new secret is minted, and the vendor refuses it" in said
    sandbox.clear_faults()
    updated = host.app_secret.update(inputs["app_id"], stored(created), inputs).outs or {}
    assert is_marked(updated["secret"])
    assert "step" not in updated
