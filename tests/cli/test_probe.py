"""`rekey probe` on the sandbox: it reports what the switches say, and leaves nothing."""

import contextlib
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pulumi_rekey.cli.probe import run
from pulumi_rekey.cli.probe.command import Command, Told
from pulumi_rekey.cli.probe.facts import OTHER, Answer, Fact, Finding
from pulumi_rekey.cli.probe.lab import SCRATCH, Options, is_scratch
from pulumi_rekey.cli.probe.navigator import app_id
from pulumi_rekey.cli.probe.output import Result, for_terminal, markdown, plain
from pulumi_rekey.cli.probe.recording import Recording
from pulumi_rekey.endpoints import KINDS
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import Abandoned, Error
from pulumi_rekey.sandbox.server import VENDORS
from rich.console import Console

from tests.endpoints.scripted import answer, scripted
from tools.administrators import Broker, CloudDirector, Navigator, Roma
from tools.schemas import FOLDER
from tools.vendors import Sandbox

from .conftest import Rekey

SWITCHES = {name: values for vendor in VENDORS.values() for name, values in vendor.switches.items()}
#: Switches that no probe can see, each with the reason.
BLIND: dict[str, str] = {}
#: The first page of two, without a link to the second.
CUT = '{"resultTotal": 2, "values": [{"id": "urn:vcloud:oidcRelyingParty:a"}]}'
#: Switches that show only while another one is turned.
BESIDE = {"broker.omnissa_error_body": {"broker.dialect": "omnissa"}}
#: What cannot be seen while a switch has a value.
HIDES = {
    "vcd.changes=tasks-and-mints": {
        "vcd.register",
        "vcd.regenerate",
        "vcd.client_auth",
    },
    "vcd.changes=mints": {
        "vcd.register",
        "vcd.regenerate",
        "vcd.client_auth",
    },  # a task has neither such a status nor a secret
    "broker.dialect=vcenter": {"broker.omnissa_error_body"},
    "broker.dialect=omnissa": {"broker.error_body"},
}
EVERY_VALUE = [(switch, value) for switch, values in SWITCHES.items() for value in values]


@dataclass
class Moving:
    """A clock that is moved by waiting, and the vendors' with it."""

    sandbox: Sandbox
    now: float = field(default_factory=time.monotonic)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if seconds >= 1:
            self.sandbox.advance(f"{int(seconds)}s")


def command(sandbox: Sandbox, kind: str, *, around: dict[str, Any] | None = None, **options: Any) -> Command:
    """A probe of the sandbox that may do everything; `around` changes its runtime, options of `Options` the rest."""
    known, clock = sandbox.credentials[kind], Moving(sandbox)
    everything = Options(
        directory=known.get("directory_id"),
        instance=known.get("instance_id"),
        app=known.get("app_id"),
        make_app=True,
        activate=True,
    )
    settings: dict[str, Any] = dict(sandbox.endpoint(kind))
    if kind == "broker":
        settings["dialect"] = sandbox.http.get("/_sandbox/dialect").json()["broker.dialect"]
    runtime = Runtime(sleep=clock.sleep, monotonic=lambda: clock.now)
    runtime, allowed = replace(runtime, **(around or {})), replace(everything, **options)
    made = Command.in_configuration(kind, {kind: settings}, runtime, allowed)
    MADE.append(made)
    return made


MADE: list[Command] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close the connections of what a test has not let come to its end."""
    yield
    while MADE:
        MADE.pop().lab.session.connections.close()


def found(sandbox: Sandbox, kind: str, **how: Any) -> dict[str, Finding]:
    return {finding.fact.name: finding for finding in command(sandbox, kind, **how).probe().findings}


@dataclass(frozen=True)
class Estate:
    """What there is at the vendors, as their administrators see it."""

    parties: frozenset[str]
    keys: frozenset[str]
    signs: str
    apps: frozenset[str]
    applications: frozenset[str]

    @classmethod
    def of(cls, sandbox: Sandbox) -> "Estate":
        vcd = CloudDirector(sandbox)
        return cls(
            frozenset(party["id"] for party in vcd.relying_parties()),
            frozenset(vcd.keys()),
            vcd.active_key(),
            frozenset(Navigator(sandbox).apps() - {app_id(sandbox.credentials["navigator"]["org_id"])}),
            frozenset(app["id"] for app in Roma(sandbox).answer("GET", "").json()["apps"]),
        )


# -- every switch -----------------------------------------------------------------------------------------------------


def test_probe_has_a_fact_for_every_switch() -> None:
    facts = {fact.name for kind in KINDS for fact in run.facts(kind)}
    assert {*SWITCHES} - {*BLIND} <= facts
    assert not facts & {*BLIND}


@pytest.mark.parametrize(("switch", "value"), EVERY_VALUE, ids=map("=".join, EVERY_VALUE))
def test_probe_reports_the_value_of_a_switch(sandbox: Sandbox, switch: str, value: str) -> None:
    turned = BESIDE.get(switch, {}) | {switch: value}
    sandbox.post("/_sandbox/dialect", dict(turned))
    kind = switch.partition(".")[0]
    findings = found(sandbox, kind)
    expected = {name: values[0] for name, values in SWITCHES.items() if name.startswith(f"{kind}.")} | turned
    hidden = {name for each in expected.items() for name in HIDES.get("=".join(each), set())} | {*BLIND}
    assert {name: findings[name].value for name in expected.keys() - hidden} == {
        name: value for name, value in expected.items() if name not in hidden
    }
    assert all(findings[name].why for name in hidden & findings.keys())


def test_probe_explains_every_value_of_a_switch() -> None:
    facts = {fact.name: fact for kind in KINDS for fact in run.facts(kind)}
    unexpected = facts["vcd.changes"].answer("no such value")
    for switch, value in EVERY_VALUE:
        assert facts[switch].answer(value) is not unexpected
    for fact in facts.values():
        assert fact.question.endswith("?")
        assert fact.pages
        for answer_ in fact.answers.values():
            assert answer_.seen.format("x").endswith(".")
            assert answer_.means.endswith(".")


# -- what has no switch -----------------------------------------------------------------------------------------------


def test_probe_of_lists_with_more_than_one(sandbox: Sandbox) -> None:
    Roma(sandbox).create_app("second", "Second1")
    assert found(sandbox, "roma")["roma.list"].value == "offset"
    CloudDirector(sandbox).register("one")
    CloudDirector(sandbox).register("two")
    assert found(sandbox, "vcd")["vcd.paging"].value == "links"


def once(method: str, status: int, body: str, skip: int = 0) -> dict[str, object]:
    return {"method": method, "status": status, "body": body, "skip": skip, "count": 1}


BY_DEFAULT = {
    "vcd.ec_keys": "accepted",
    "vcd.missing": "403",
    "vcd.paging": "links",
    "broker.missing": "404",
    "broker.scim": "accepted",
    "navigator.post_secret": "overlap",
    "navigator.last_updated": "moves",
    "roma.put_secret": "shown",
    "roma.read_back": "at-once",
}
#: What no switch turns, each with a fault that shows it.
FAULTS: list[tuple[str, str, str, dict[str, object]]] = [
    ("vcd.client_auth", "untold", "/oidc/oauth2/token$", {"status": 400, "body": '{"error": "invalid_request"}'}),
    ("vcd.ec_keys", "refused", "/keys$", {"method": "POST", "status": 400, "count": 1}),
    ("vcd.missing", "404", "/relyingParties/urn", {"method": "GET", "status": 404, "skip": 1}),
    ("vcd.jwks_max_age", "unknown", "/oidc/jwks$", {"status": 200, "body": '{"keys": []}'}),
    ("broker.missing", "403", "/sync-client$", {"method": "GET", "status": 403, "skip": 1, "count": 1}),
    (
        "broker.error_body",
        "other",
        "/sync-client$",
        {"method": "GET", "status": 404, "body": "no", "skip": 1, "count": 1},
    ),
    ("broker.scim", "forbidden", "/scim/v2/Users$", {"status": 403}),
    ("broker.scim", "refused", "/scim/v2/Users$", {"status": 401}),
    ("navigator.post_secret", "refused", "/secret$", {"method": "POST", "status": 405}),
    ("navigator.error_body", "other", "/oauth-apps/rekey-probe-[0-9a-f-]{36}$", {"status": 404, "body": "no"}),
    (
        "roma.put_secret",
        "masked",
        "/secret$",
        {"method": "PUT", "status": 200, "body": '{"secret": "J***d"}', "count": 1},
    ),
    (
        "roma.put_secret",
        "other",
        "/secret$",
        {"method": "PUT", "status": 200, "body": '{"secret": "Jd"}', "count": 1},
    ),
    (
        "roma.read_back",
        "later",
        "/secret$",
        {"method": "GET", "status": 200, "body": '{"secret": "Jd"}', "skip": 2, "count": 1},
    ),
    ("vcd.paging", "numbers", "/relyingParties$", {"method": "GET", "status": 200, "body": CUT, "skip": 2, "count": 1}),
    ("vcd.paging", "none", "/relyingParties$", {"method": "GET", "status": 200, "body": CUT, "skip": 2, "count": 2}),
    ("vcd.paging", "whole", "/relyingParties$", once("GET", 200, CUT.replace("2", "1"), skip=2)),
    ("vcd.client_secret", "shown", "/relyingParties/urn", once("GET", 200, '{"clientSecret": "x"}')),
    ("vcd.read_only", "taken", "/relyingParties/urn", once("PUT", 200, '{"clientId": "rekey-probe"}', skip=1)),
    ("vcd.private_key", "shown", "/keys/urn", once("GET", 200, '{"privateKey": "x"}')),
    ("broker.dialect", "both", "^/acs/token$", once("POST", 400, '{"error": "invalid_request"}')),
    ("broker.token_auth", "both", "/token$", once("POST", 200, '{"access_token": "x"}', skip=5)),
    ("navigator.token_auth", "both", "/authorize$", once("POST", 200, '{"accessToken": "x"}', skip=1)),
    ("navigator.post_secret", "replace", "/authorize$", once("POST", 401, "", skip=2)),
    (
        "navigator.last_updated",
        "stays",
        "/oauth-apps/rekey-probe-scratch",
        {"method": "GET", "status": 200, "body": '{"lastUpdatedAt": 1}', "skip": 2, "count": 2},
    ),
    (
        "roma.list",
        "none",
        "/apps$",
        {"method": "GET", "status": 200, "body": '{"total": 2, "apps": [{"id": "a"}]}', "skip": 2, "count": 2},
    ),
    ("roma.list", "whole", "/apps$", once("GET", 200, '{"total": 2, "apps": [{"id": "a"}, {"id": "b"}]}', skip=2)),
    ("roma.read_back", "masked", "/secret$", once("GET", 200, '{"secret": "J***d"}', skip=2)),
    # By default, without a fault:
    *((name, value, "^never$", once("GET", 200, "")) for name, value in BY_DEFAULT.items()),
]


@pytest.mark.parametrize(("fact", "value", "path", "rule"), FAULTS)
def test_probe_sees_what_no_switch_turns(
    sandbox: Sandbox, fact: str, value: str, path: str, rule: dict[str, object]
) -> None:
    sandbox.fault(path, **{"count": 0, **rule})
    assert found(sandbox, fact.partition(".")[0], activate=False)[fact].value == value
    sandbox.clear_faults()
    command(sandbox, fact.partition(".")[0]).clean()


#: Facts of every vendor, and values, that other tests show.
COMMON = {"clock", "token_lifetime", "rights"}
SHOWN_ELSEWHERE = {"roma.list=offset"}


def test_probe_is_seen_to_report_every_value_of_every_fact() -> None:
    facts = [fact for kind in KINDS for fact in run.facts(kind) if fact.name.partition(".")[2] not in COMMON]
    values = {f"{fact.name}={value}" for fact in facts for value in fact.answers if value != OTHER}
    shown = {"=".join(each) for each in EVERY_VALUE} | {f"{fact}={value}" for fact, value, *_ in FAULTS}
    assert sorted(values - shown - SHOWN_ELSEWHERE) == []


def test_probe_says_of_rights_what_it_has_not_looked_at(sandbox: Sandbox) -> None:
    assert {found(sandbox, kind)[f"{kind}.rights"].value for kind in KINDS} == {"enough"}
    nothing: dict[str, Any] = {"directory": None, "app": None, "make_app": False, "activate": False}
    for kind in KINDS:
        rights = found(sandbox, kind, **nothing)[f"{kind}.rights"]
        assert (rights.value, str(rights.detail)[:31]) == (
            "partly",
            "Not looked at: what takes --" + str(rights.detail)[28:31],
        )
    # Each request is signed: without an instance there is none that a right could refuse.
    unseen = found(sandbox, "roma", instance=None)["roma.rights"]
    assert unseen.value is None
    assert unseen.why == "no call was made that takes a right. Not looked at: what takes --instance."
    sandbox.fault("/sync-client$", method="POST", status=500, count=0)
    broken = found(sandbox, "broker")["broker.rights"]
    assert (broken.value, broken.detail) == (
        "partly",
        "Not looked at: what comes after a failure (broker.token_auth).",
    )


@pytest.mark.parametrize(
    ("kind", "option", "wrong"),
    [
        ("broker", "directory", "810084c9-5a93-4787-9b29-ec427964a371"),
        ("navigator", "org", "810084c9-5a93-4787-9b29-ec427964a371"),
        ("roma", "instance", "no-such-instance"),
        ("roma", "app", "no-such-application"),
    ],
)
def test_probe_of_something_that_is_not_there_says_so_and_changes_nothing(
    sandbox: Sandbox, kind: str, option: str, wrong: str
) -> None:
    sandbox.forget_calls()
    options: dict[str, Any] = {option: wrong}
    probing = command(sandbox, kind, **options)
    told = fails(probing)
    assert f"nothing was changed; check that --{option} names what is there" in told
    assert wrong not in told
    changes = [call["path"] for call in sandbox.calls() if call["method"] != "GET"]
    assert not [path for path in changes if not path.endswith(("token", "tokens"))]


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        ("vcd", ["--directory", "x", "--activate"], "--directory"),
        ("broker", ["--activate", "--make-app"], "--make-app and --activate"),
        ("navigator", ["--instance", "x", "--app", "y"], "--instance and --app"),
        ("roma", ["--org", "x"], "--org"),
    ],
)
def test_probe_refuses_options_of_another_vendor(
    sandbox: Sandbox, rekey: Rekey, kind: str, options: list[str], named: str
) -> None:
    known = {name: str(value) for name, value in sandbox.credentials["roma"].items()}
    env = environment(sandbox) | {
        "BROKER_URL": known["url"],
        "BROKER_CLIENT_ID": "x",
        "BROKER_CLIENT_SECRET": "x",
        "CPN_URL": known["url"],
        "CPN_API_TOKEN": "x",
        "ROMA_ENDPOINT": known["url"],
        "HW_ACCESS_KEY": "x",
        "HW_SECRET_KEY": "x",
        "HW_PROJECT_ID": "x",
    }
    refused = rekey("probe", kind, "--yes", *options, env=env)
    assert refused.code == 2
    assert f"{named} can do nothing for an endpoint of kind {kind}" in " ".join(refused.err.replace("│", "").split())
    assert sandbox.calls() == []


@pytest.mark.parametrize(
    ("weaker", "said"),
    [(0, "none of them weakens a"), (1, "1 of them weakens a"), (2, "2 of them weaken a")],
)
def test_probe_says_how_much_it_has_seen(weaker: int, said: str) -> None:
    fact = Fact(
        "vcd.it", "Is it?", "Nothing.", {"yes": Answer("It is.", "Nothing.", "No."), "no": Answer("No.", "No.")}
    )
    findings = [Finding(fact, "yes")] * weaker + [Finding(fact, "no"), Finding(fact, why="not asked for")]
    summary = Result("vcd", datetime.now(UTC), timedelta(), findings).summary()
    assert summary == f"{weaker + 1} of {weaker + 2} facts seen; {said} promise of Rekey"


def test_probe_of_an_application_takes_its_instance(sandbox: Sandbox, rekey: Rekey) -> None:
    known = {name: str(value) for name, value in sandbox.credentials["roma"].items()}
    env = environment(sandbox) | {
        "ROMA_ENDPOINT": known["url"],
        "HW_ACCESS_KEY": known["access_key"],
        "HW_SECRET_KEY": known["secret_key"],
        "HW_PROJECT_ID": known["project_id"],
    }
    refused = rekey("probe", "roma", "--yes", "--app", known["app_id"], env=env)
    assert refused.code == 2
    assert "--app takes --instance, which the application is in" in refused.err
    assert sandbox.calls() == []


def test_probe_waits_for_the_end_of_an_old_secret_as_long_as_told(sandbox: Sandbox) -> None:
    sandbox.dialect(vcd__regenerate="grace")
    short, long = (found(sandbox, "vcd", wait=timedelta(hours=hours)) for hours in (0.5, 2))
    assert short["vcd.regenerate"].detail == "It still worked after 30 min."
    assert re.fullmatch(r"It ended within 6\d min\.", str(long["vcd.regenerate"].detail))
    patched = found(sandbox, "navigator", wait=timedelta(minutes=5))["navigator.patch_secret"].detail
    assert "It ended within 1 min" in str(patched)
    assert "Nobody waited" in str(found(sandbox, "vcd")["vcd.regenerate"].detail)


def test_probe_names_the_calls_that_take_another_right(sandbox: Sandbox) -> None:
    sandbox.fault("/openIdProvider/keys$", method="POST", status=403, count=0)
    findings = found(sandbox, "vcd", activate=False)
    assert findings["vcd.rights"].value == "missing"
    assert findings["vcd.rights"].detail == "Refused: POST /cloudapi/1.0.0/openIdProvider/keys."
    assert findings["vcd.jwks"].why == "POST /cloudapi/1.0.0/openIdProvider/keys: 403"
    assert findings["vcd.register"].value == "200"


def test_probe_without_permission_touches_nothing(sandbox: Sandbox) -> None:
    nothing: dict[str, Any] = {"directory": None, "instance": None, "app": None, "make_app": False, "activate": False}
    before = Estate.of(sandbox)
    secrets = Roma(sandbox).secret(sandbox.credentials["roma"]["app_id"])
    missed = {name: f.why for kind in KINDS for name, f in found(sandbox, kind, **nothing).items() if f.value is None}
    assert missed["vcd.delete_active_key"] == "not asked for: it takes --activate"
    assert missed["broker.regenerate"] == "not asked for: it takes --directory"
    assert missed["navigator.patch_secret"] == "not asked for: it takes --make-app"
    assert missed["roma.get_secret"] == "not asked for: it takes --instance and --app"
    assert Estate.of(sandbox) == before
    assert Roma(sandbox).secret(sandbox.credentials["roma"]["app_id"]) == secrets
    assert not any("sync-client" in call["path"] and call["method"] == "POST" for call in sandbox.calls())
    own = app_id(sandbox.credentials["navigator"]["org_id"])
    assert own not in Navigator(sandbox).apps()


def test_probe_leaves_things_as_they_were(sandbox: Sandbox) -> None:
    roma, known = Roma(sandbox), sandbox.credentials["roma"]
    before, secret = Estate.of(sandbox), roma.secret(known["app_id"])
    for kind in KINDS:
        command(sandbox, kind).probe()
    assert Estate.of(sandbox) == before
    assert roma.secret(known["app_id"]) == secret
    sandbox.dialect(roma__get_secret="masked")
    command(sandbox, "roma").probe()
    sandbox.dialect(roma__get_secret="plain")
    assert roma.secret(known["app_id"]) != secret  # a masked one cannot be put back


# -- interruptions ----------------------------------------------------------------------------------------------------


def dies(sandbox: Sandbox, kind: str, writes: int) -> bool:
    """Probe in a process that dies before it sends one write more than this; tell whether it came so far."""
    sent = 0

    def wanted() -> bool:
        nonlocal sent
        sent += 1
        return sent <= writes

    try:
        list(run.probe(command(sandbox, kind, around={"wanted": wanted}).lab, kind))
    except Abandoned:
        return True
    return False


def by_hand(sandbox: Sandbox, kind: str) -> None:
    """What `--clean` says to do about what nobody has noted down; a probe refuses to go on until it is done."""
    with pytest.raises(Told, match="if none is at work"):
        command(sandbox, kind).probe()
    known = sandbox.credentials[kind]
    if kind == "roma":
        Roma(sandbox).set_secret(known["app_id"], "Abcdefg1")
    else:
        Broker(sandbox).generate_credentials(known["directory_id"], token_ttl=60)


@pytest.mark.parametrize(
    ("kind", "dialect"),
    [
        ("vcd", {}),
        ("vcd", {"vcd__delete_active_key": "allowed", "vcd__key_update": "needs-private-key"}),
        ("vcd", {"vcd__changes": "tasks-and-mints"}),
        ("broker", {}),
        ("navigator", {}),
        ("roma", {}),
    ],
)
def test_probe_interrupted_at_any_write_leaves_nothing_after_clean(
    sandbox: Sandbox, kind: str, dialect: dict[str, str]
) -> None:
    sandbox.dialect(**dialect)
    before, left, writes = Estate.of(sandbox), 0, 0
    while dies(sandbox, kind, writes):
        between = Estate.of(sandbox)
        left += (between.parties, between.keys) != (before.parties, before.keys)
        if "or was interrupted" in str(command(sandbox, kind).clean()):
            by_hand(sandbox, kind)
        assert Estate.of(sandbox) == before, writes
        writes += 1
    assert writes >= {"vcd": 12, "broker": 5, "navigator": 5, "roma": 2}[kind]
    assert (left > 3) is (kind == "vcd")


def test_probe_clean_undoes_a_choice_of_the_vendors(sandbox: Sandbox) -> None:
    """The scratch key that signed was deleted, the vendor let some key sign, and then the probe was killed."""
    director = CloudDirector(sandbox)
    before, chosen = director.active_key(), director.add_key("by hand")["id"]
    director.add_key(f"{SCRATCH} 0123abcd (before: {before}; deletes)")
    director.activate_key(chosen)
    assert command(sandbox, "vcd").clean() == ["the key that signed before signs again", "deleted: key, 1 of them"]
    assert (director.active_key(), set(director.keys())) == (before, {before, chosen})
    # Once it is undone, what people do is theirs.
    director.add_key(f"{SCRATCH} 0123abcd (before: {before})")
    director.activate_key(chosen)
    assert command(sandbox, "vcd").clean() == ["deleted: key, 1 of them"]
    assert director.active_key() == chosen


def test_probe_clean_leaves_a_choice_of_a_users(sandbox: Sandbox) -> None:
    """The probe was killed before it tried to delete the scratch key that signed, and somebody chose another one."""
    director = CloudDirector(sandbox)
    before, chosen = director.active_key(), director.add_key("by hand")["id"]
    director.add_key(f"{SCRATCH} 0123abcd (before: {before})")
    director.add_key(f"{SCRATCH} 0123abcd (before: {before}; deletes)")
    director.activate_key(chosen)
    assert command(sandbox, "vcd").clean() == ["deleted: key, 2 of them"]
    assert director.active_key() == chosen


def test_probe_clean_says_that_the_key_before_is_gone(sandbox: Sandbox) -> None:
    director = CloudDirector(sandbox)
    gone, other = director.add_key("by hand")["id"], director.active_key()
    director.activate_key(director.add_key(f"{SCRATCH} 0123abcd (before: {gone})")["id"])
    director.delete_key(gone)
    with pytest.raises(Told, match=r"is gone: .*make another key sign, then clean again"):
        command(sandbox, "vcd").clean()
    director.activate_key(other)
    assert command(sandbox, "vcd").clean() == ["deleted: key, 1 of them"]


def test_probe_clean_leaves_names_that_only_begin_like_its_own(sandbox: Sandbox) -> None:
    director = CloudDirector(sandbox)
    director.register(f"{SCRATCH} 12345678 of ours")
    assert command(sandbox, "vcd").clean() == ["nothing was left"]
    assert [party["clientName"] for party in director.relying_parties()] == [f"{SCRATCH} 12345678 of ours"]


def test_probe_clean_ends_the_secret_of_the_app_that_remains(sandbox: Sandbox) -> None:
    own = app_id(sandbox.credentials["navigator"]["org_id"])
    assert dies(sandbox, "navigator", 2)
    assert command(sandbox, "navigator").clean() == ["the scratch app remains, with a secret that nobody knows"]
    last = sandbox.calls()[-1]
    assert (last["method"], last["status"]) == ("PUT", 200)
    assert last["path"].endswith(f"/{own}/secret")


@pytest.mark.parametrize("kind", ["vcd", "navigator"])
def test_probe_after_ctrl_c_removes_what_it_made(sandbox: Sandbox, kind: str) -> None:
    before = Estate.of(sandbox)
    for call in (8, 12, 20):
        made, heard = command(sandbox, kind), 0

        def interrupt(_asked: str, at: int = call) -> None:
            nonlocal heard
            heard += 1
            if heard == at:
                raise KeyboardInterrupt

        made.lab.progress = interrupt
        with pytest.raises(KeyboardInterrupt):
            list(run.probe(made.lab, kind))
        assert Estate.of(sandbox) == before


def environment(sandbox: Sandbox) -> dict[str, str]:
    known = sandbox.credentials["vcd"]
    return {"VCD_URL": known["url"], "VCD_API_TOKEN": known["api_token"], "PATH": str(Path(sys.executable).parent)}


def test_probe_killed_leaves_nothing_after_clean(sandbox: Sandbox, rekey: Rekey, tmp_path: Path) -> None:
    before, director = Estate.of(sandbox), CloudDirector(sandbox)
    sandbox.fault("/regenerateSecret$", latency=600)
    program = Path(sys.executable).with_name("rekey")
    with subprocess.Popen([program, "probe", "vcd", "--yes"], cwd=tmp_path, env=environment(sandbox)) as process:
        until = time.monotonic() + 60
        while not any(is_scratch(party["clientName"]) for party in director.relying_parties()):
            assert time.monotonic() < until
            time.sleep(0.2)  # another process is at work
        process.kill()
    again = rekey("probe", "vcd", "--yes", env=environment(sandbox))
    assert again.code == 1
    assert "rekey probe vcd --clean" in again.err
    cleaned = rekey("probe", "vcd", "--clean", env=environment(sandbox))
    assert (cleaned.code, cleaned.out) == (0, "deleted: relying party, 1 of them\n")
    assert Estate.of(sandbox) == before
    assert rekey("probe", "vcd", "--clean", env=environment(sandbox)).out == "nothing was left\n"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_probe_that_is_ended_by_a_signal_removes_what_it_made(
    sandbox: Sandbox, tmp_path: Path, sent: signal.Signals
) -> None:
    before, director = Estate.of(sandbox), CloudDirector(sandbox)
    sandbox.fault("/regenerateSecret$", latency=2)
    program = Path(sys.executable).with_name("rekey")
    with subprocess.Popen(
        [program, "probe", "vcd", "--yes"], cwd=tmp_path, env=environment(sandbox), stderr=subprocess.PIPE, text=True
    ) as process:
        until = time.monotonic() + 60
        while not any(is_scratch(party["clientName"]) for party in director.relying_parties()):
            assert time.monotonic() < until
            time.sleep(0.1)  # another process is at work
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "rekey: interrupted: what this probe had made was removed as far as the vendor lets it; `rekey probe" in said
    assert Estate.of(sandbox) == before


def interleaved(first: Command, second: Command, at: int) -> list[Result]:
    """Two probes: the first makes so many calls, then the second as many; the first ends, then the second does."""
    ended: list[Result] = []
    waits, goes_on = threading.Event(), threading.Event()
    asked = {first.kind: 0, "second": 0}

    def go(probing: Command, progress: Callable[[str], None]) -> None:
        probing.lab.progress = progress
        with contextlib.suppress(Error):
            ended.append(
                Result(probing.kind, datetime.now(UTC), timedelta(), tuple(run.probe(probing.lab, probing.kind)))
            )

    def in_second(_asked: str) -> None:
        asked["second"] += 1
        if asked["second"] == at:
            waits.set()
            goes_on.wait(60)

    def second_run() -> None:
        go(second, in_second)
        waits.set()

    thread = threading.Thread(target=second_run)

    def in_first(_asked: str) -> None:
        asked[first.kind] += 1
        if asked[first.kind] == at:
            thread.start()
            waits.wait(60)

    go(first, in_first)
    goes_on.set()
    if thread.ident is not None:
        thread.join()
    return ended


@pytest.mark.parametrize(("kind", "calls"), [("vcd", 45), ("broker", 18), ("navigator", 22), ("roma", 10)])
def test_probes_at_once_do_no_harm_and_report_nothing_false(sandbox: Sandbox, kind: str, calls: int) -> None:
    roma, app = Roma(sandbox), sandbox.credentials["roma"]["app_id"]
    before, secret = Estate.of(sandbox), roma.secret(app)
    alone = {name: finding.value for name, finding in found(sandbox, kind).items()} | {f"{kind}.rights": "partly"}
    for at in range(2, calls):
        for result in interleaved(command(sandbox, kind), command(sandbox, kind), at):
            for finding in result.findings:
                assert finding.value in {alone[finding.fact.name], None, "enough"}, (at, finding)
        assert Estate.of(sandbox) == before, at
        assert roma.secret(app) == secret, at


# -- systems that are none, or hostile --------------------------------------------------------------------------------


@pytest.fixture(params=[200, 404, 401])
def page(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where something answers that is no vendor."""
    with scripted() as server:
        server.script(answer(request.param, b"<html>Please log in</html>", "content-type: text/html"))
        yield server.url


def fails(probing: Command) -> str:
    with pytest.raises(Told) as failed:
        probing.probe()
    text = str(failed.value)
    assert text.isprintable()
    return text


@pytest.mark.parametrize("kind", ["vcd", "broker", "navigator"])
def test_probe_of_a_page_says_so_in_one_line(sandbox: Sandbox, page: str, kind: str) -> None:
    settings = sandbox.endpoint(kind) | {"url": page}
    probing = Command.in_configuration(kind, {kind: settings}, Runtime(), Options(make_app=True))
    advice = "check that the endpoint's url is the vendor's API|check the address|correct the credentials"
    assert re.search(advice, fails(probing))


@pytest.mark.parametrize("kind", KINDS)
def test_probe_without_rights_says_so_in_one_line(sandbox: Sandbox, kind: str) -> None:
    before, known = Estate.of(sandbox), sandbox.credentials[kind]
    sandbox.forget_calls()
    settings = sandbox.endpoint(kind, "weak")
    options = Options(directory=known.get("directory_id"), instance=known.get("instance_id"), make_app=True)
    told = fails(Command.in_configuration(kind, {kind: settings}, Runtime(), options))
    assert "403" in told
    assert "the account needs" in told
    assert all(value not in told for value in known.values() if len(value) > 8)
    assert {call["method"] for call in sandbox.calls() if call["status"] < 300} <= {"GET", "POST"}
    assert Estate.of(sandbox) == before


def test_probe_in_the_wrong_dialect_names_the_right_one(sandbox: Sandbox) -> None:
    settings = sandbox.endpoint("broker") | {"dialect": "omnissa"}
    told = fails(Command.in_configuration("broker", {"broker": settings}, Runtime(), Options()))
    assert told.endswith("set rekey:endpoints.broker.dialect to vcenter")


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [("vdc", "did you mean vcd?"), ("dr", "is not configured"), ("odd", "rekey:endpoints.odd.kind is not a kind")],
)
def test_probe_of_an_unknown_endpoint(endpoint: str, says: str) -> None:
    with pytest.raises(Error, match=re.escape(says)):
        Command.in_configuration(endpoint, {"odd": {"kind": "x"}}, Runtime(), Options())


@pytest.mark.parametrize(
    "fault", [{"status": 200, "body": "<html>"}, {"status": 302}, {"status": 500}, {"drop": "cut"}]
)
@pytest.mark.parametrize("kind", ["vcd", "navigator"])
def test_probe_of_a_system_that_turns_hostile_leaves_nothing_after_clean(
    sandbox: Sandbox, kind: str, fault: dict[str, object]
) -> None:
    before = Estate.of(sandbox)
    for skip in (1, 6, 9, 13, 19, 26):
        sandbox.fault(".", skip=skip, count=0, **fault)
        with contextlib.suppress(Told):
            command(sandbox, kind).probe()
        sandbox.clear_faults()
        command(sandbox, kind).clean()
        assert Estate.of(sandbox) == before, skip


@pytest.mark.parametrize("of", ["keys", "relyingParties"])
def test_probe_takes_no_answer_for_proof_that_something_is_gone(sandbox: Sandbox, of: str) -> None:
    before = Estate.of(sandbox)
    sandbox.fault(f"/{of}/", method="DELETE", status=204, count=0)
    assert "the list still shows a scratch object" in fails(command(sandbox, "vcd"))
    with pytest.raises(Told, match="the list still shows a scratch object"):
        command(sandbox, "vcd").clean()
    sandbox.clear_faults()
    command(sandbox, "vcd").clean()
    assert Estate.of(sandbox) == before


def test_probe_follows_no_key_set_elsewhere(sandbox: Sandbox) -> None:
    elsewhere = json.dumps({"jwks_uri": "https://elsewhere.example/jwks"})
    sandbox.fault("openid-configuration$", status=200, body=elsewhere)
    assert "points to another host" in str(found(sandbox, "vcd")["vcd.jwks"].why)


# -- output -----------------------------------------------------------------------------------------------------------


ANY_ID = re.compile(r"urn:vcloud|[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{16}")


def test_probe_prints_json_and_asks_before(sandbox: Sandbox, rekey: Rekey, tmp_path: Path) -> None:
    sandbox.dialect(vcd__jwks="active", vcd__private_key="masked")
    env = environment(sandbox)
    asked = rekey("probe", "vcd", env=env)
    assert asked.code == 1
    assert asked.err.startswith("rekey probe of vcd (vcd):\n- Logs in, and reads")
    assert "that takes --activate" in asked.err
    assert asked.out.strip() == ""
    assert sandbox.calls() == []
    record = tmp_path / "recording.json"
    done = rekey("probe", "vcd", "--yes", "--activate", "--json", "--record", record, env=env)
    assert done.code == 0, done.err
    assert len(Recording.model_validate_json(record.read_text()).calls) > 30
    assert ANY_ID.search(record.read_text()) is None
    assert ANY_ID.search(done.out + done.err) is None
    document = json.loads(done.out)
    Draft202012Validator(json.loads((FOLDER / "probe.json").read_text())).validate(document)
    facts = {fact["name"]: fact for fact in document["facts"]}
    assert facts["vcd.private_key"]["seen"] == "The private key is masked in the answer."
    assert facts["vcd.jwks"]["weaker"].startswith("A key that signed ends")


def test_probe_refuses_a_recording_that_cannot_be_written_before_the_first_call(
    sandbox: Sandbox, rekey: Rekey, tmp_path: Path
) -> None:
    for where in (tmp_path, tmp_path / "none" / "recording.json"):
        refused = rekey("probe", "vcd", "--yes", "--record", where, env=environment(sandbox))
        assert refused.code == 1
        assert "name a file that can be written" in refused.err
        assert sandbox.calls() == []


def test_probe_that_ends_early_keeps_what_was_recorded(sandbox: Sandbox, tmp_path: Path) -> None:
    file, made, asked = tmp_path / "recording.json", command(sandbox, "vcd"), 0

    def interrupt(_asked: str) -> None:
        nonlocal asked
        asked += 1
        if asked == 8:
            raise KeyboardInterrupt

    made.lab.progress = interrupt
    with pytest.raises(KeyboardInterrupt), made.recorded(file):
        list(run.probe(made.lab, "vcd"))
    kept = Recording.model_validate_json(file.read_text())
    assert kept.says == "A probe of a system of kind vcd, which did not come to its end."
    assert kept.facts["vcd.register"] == "200"
    assert "DELETE" in {call.request.method for call in kept.calls}


def test_probe_output_holds_nothing_of_the_users(sandbox: Sandbox) -> None:
    for kind in KINDS:
        result = command(sandbox, kind).probe()
        terminal = Console(record=True, width=80, file=io.StringIO())
        terminal.print(*for_terminal(result), sep="\n")
        texts = [markdown(result), result.as_json(), terminal.export_text()]
        texts += ["\n".join(line for finding in result.findings for line in plain(finding))]
        for text in texts:
            assert ANY_ID.search(text) is None
            assert all(value not in text for value in sandbox.credentials[kind].values() if len(value) > 9)
            assert f"{kind}.rights" in text.replace("\n", "")
        for line in markdown(result).splitlines()[5:]:
            assert len(re.findall(r"(?<!\\)\|", line)) == 6


def test_probe_of_another_name_takes_the_settings_of_its_kind(sandbox: Sandbox) -> None:
    settings = sandbox.endpoint("vcd") | {"kind": "vcd"}
    probing = Command.in_configuration("dr-site", {"dr-site": settings}, Runtime(), Options())
    assert next(probing.plan()) == "rekey probe of dr-site (vcd):"
    assert len(probing.probe().findings) == len(run.facts("vcd"))
