"""What entries say and what is wrong with them, each in one line with its place; no engine takes part."""

import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pulumi_rekey import manifest
from pulumi_rekey.manifest.entries import read
from pulumi_rekey.manifest.kinds import PAIR, arguments, credentials
from pulumi_rekey.manifest.strict_yaml import documents

ROOT = Path(__file__).parent.parent.parent
SCHEMA = Draft202012Validator(json.loads((ROOT / "schemas" / "manifest.json").read_text()))
POLICY = "triggers, max_age, renew_before, grace, windows, jitter, freeze, paused, rotate_now, on_adopt, verify"
A_REFERENCE = "a reference is ${ENTRY.OUTPUT}, ${config.KEY} or ${values.KEY}; a plain ${ is written $${"
NO_GRACE = "is not supported by this vendor (no overlap: the vendor ends the old secret at once)"
PARTY = "kind: OidcRelyingParty\nname: portal\nspec: {client_name: P, redirect_uris: [https://p.example.com]}\n"

#: The kinds of which there can be a pair.
ABLE = [kind for kind, constructor in credentials().items() if constructor.pair_unsupported_reason is None]

Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problems:
    """The problems of files, given as texts by name; the first is m.yaml."""
    monkeypatch.chdir(tmp_path)

    def found(text: str = "", **others: str) -> list[str]:
        files = {name.replace("__", "/") + ".yaml": content for name, content in others.items()}
        for name, content in ({"m.yaml": text} | files).items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(textwrap.dedent(content))
        return manifest.problems(["."])

    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: OidcRelyingParty", ["m.yaml:1:1: name: is required"]),
        ("export: [x]", ["m.yaml:1:9: export: must be a map of names and values"]),
        ("export: {a: null}", ["m.yaml:1:13: export.a: null says nothing here: leave it out"]),
        (
            'export: {a: "${portl.client_id}"}\nexports: {}',
            [
                "m.yaml:1:13: ${portl.client_id}: there is no such entry",
                "m.yaml:2:1: exports: unknown key (did you mean export?); allowed: export",
            ],
        ),
        ("export: {a: x}\n---\nexport: {a: y}", ["m.yaml:3:10: export.a: is taken by the export at m.yaml:1:10"]),
        (
            "export: {a: ${config.x}}",
            ["m.yaml:1:14: is not YAML: did not find expected ',' or '}': put the reference in quotes: \"${...}\""],
        ),
        ("- 1", ["m.yaml:1:1: is no entry: write kind, name and spec, or defaults, or export"]),
        (
            "kind: OidcRelyingParti\nname: p",
            [
                "m.yaml:1:7: kind: unknown kind (did you mean OidcRelyingParty?); allowed: "
                f"{', '.join(credentials())}, Pair"
            ],
        ),
        (
            PARTY.replace("client_name", "clientName"),
            [
                "m.yaml:3:7: spec.client_name: is required",
                "m.yaml:3:8: spec.clientName: unknown key (did you mean client_name?);"
                " allowed: client_name, redirect_uris, adopt, endpoint, rotation",
            ],
        ),
        (
            PARTY + "spce: {}",
            ["m.yaml:4:1: spce: unknown key (did you mean spec?); allowed: kind, name, spec, options"],
        ),
        (
            PARTY + "options: {protect: yes, aliases: old}",
            [
                "m.yaml:4:20: options.protect: must be true or false",
                "m.yaml:4:34: options.aliases: must be a list",
            ],
        ),
        (
            PARTY.replace("portal", "'config.x'"),
            ["m.yaml:2:7: name: must be up to 256 printable characters without braces and $, and not config or values"],
        ),
        (
            PARTY.replace("spec: {", "spec: {rotation: 3, "),
            ["m.yaml:3:18: spec.rotation: must be a map"],
        ),
        (
            PARTY.replace("spec: {", "spec: {rotation: {windows: [{cron: 0 2 * * SUN, duration: 4h, zone: x}]}, "),
            [
                "m.yaml:3:63: spec.rotation.windows[0].zone: unknown key (did you mean timezone?);"
                " allowed: cron, timezone, duration"
            ],
        ),
        (
            PARTY.replace("spec: {", "spec: {rotation: {turn: {every: 1d, side: blue}}, "),
            [f"m.yaml:3:19: spec.rotation.turn: unknown key; allowed: {POLICY}"],
        ),
        (
            PARTY.replace("spec: {", "spec: {rotation: {grace: 1h, max_age: 90}, "),
            ["m.yaml:3:39: spec.rotation.max_age: must be a text with a unit, like 90d"],
        ),
        (
            PARTY.replace("spec: {", "spec: {rotation: {grace: 1h}, "),
            [f"m.yaml:3:19: spec.rotation.grace: {NO_GRACE}"],
        ),
        (
            PARTY.replace("client_name: P", 'client_name: "${portal}"'),
            [f"m.yaml:3:21: spec.client_name: {A_REFERENCE}"],
        ),
        (
            PARTY.replace("client_name: P", 'client_name: "${"'),
            [f"m.yaml:3:21: spec.client_name: {A_REFERENCE}"],
        ),
        (
            PARTY.replace("client_name: P", 'client_name: "${portl.id}"'),
            ["m.yaml:3:21: ${portl.id}: there is no such entry (did you mean portal?)"],
        ),
        (
            PARTY.replace("client_name: P", 'client_name: "${portal.client_id}"'),
            ["m.yaml:2:7: entries refer to each other in a circle: portal -> portal"],
        ),
        (
            PARTY.replace("client_name: P", "client_name: null"),
            ["m.yaml:3:21: spec.client_name: null says nothing here: leave it out"],
        ),
        (PARTY + "---\n" + PARTY, ["m.yaml:6:7: name: portal is taken by the entry at m.yaml:2:7"]),
        (
            "kind: AppSecret\nname: a\nspec: {instance_id: i, app_id: b, secret: hunter2}",
            [
                "m.yaml:3:43: spec.secret: a secret stands in no file: set it with `pulumi config set --secret KEY`,"
                " and write ${config.KEY} alone here"
            ],
        ),
        (
            "kind: AppSecret\nname: a\nspec: {instance_id: 5, app_id: b}",
            ["m.yaml:3:21: spec.instance_id: must be text"],
        ),
        (
            "".join(f"kind: AppSecret\nname: {name}\nspec: {{instance_id: i, app_id: b}}\n---\n" for name in "ab"),
            ["m.yaml:7:24: spec.app_id: is taken by the entry a, m.yaml:2:7"],
        ),
        (
            "kind: OpenIdProviderKey\nname: a\n---\nkind: OpenIdProviderKey\nname: b",
            ["m.yaml:5:7: spec.activate: is taken by the entry a, m.yaml:2:7"],
        ),
        ("kind: SyncClientCredentials\nname: a\nspec: {directory_id: d}", None),
    ],
)
def test_what_is_refused(problems: Problems, text: str, expected: list[str] | None) -> None:
    found = problems(text)
    if expected is None:
        assert len(found) == 1
        assert 'spec.rotation.on_adopt: must be said: "rotate"' in found[0]
    else:
        assert found == expected


def test_everything_wrong_is_said_at_once(problems: Problems) -> None:
    found = problems(
        """
        kind: AppSecret
        name: 12
        spec: {instance_id: a, app_id: b}
        ---
        kind: OrgOAuthApp
        name: billing
        spec: {org_id: a/b, access_token_ttl: "5", contxt: TENANT}
        """,
        other="kind: [",
    )
    assert found == [
        "m.yaml:3:7: name: must be a text",
        "m.yaml:8:16: spec.org_id: is not an id: it must be a name without spaces, slashes, '?', '#' or '%'",
        "m.yaml:8:39: spec.access_token_ttl: must be a whole number",
        "m.yaml:8:44: spec.contxt: unknown key (did you mean context?); allowed: org_id, adopt, context, display_name,"
        " description, access_token_ttl, allowed_scopes, owner_only_secret_rotation, secret, endpoint, rotation",
        "other.yaml:2:1: is not YAML: did not find expected node content",
    ]


def test_a_path_without_manifests(problems: Problems, tmp_path: Path) -> None:
    nothing = "there is no manifest: a file, or a folder with *.yaml or *.yml in it"
    assert manifest.problems(["absent", "*.yaml"]) == [f"*.yaml:1:1: {nothing}", f"absent:1:1: {nothing}"]
    assert problems(m="") == []


def test_hidden_files_and_what_cannot_be_read(problems: Problems) -> None:
    assert problems(PARTY, **{".git__x": "[", ".hidden": "["}) == []
    assert problems(PARTY, large="#" * (1 << 20) + "\n") == ["large.yaml:1:1: is larger than 1 MiB: split it"]


@pytest.mark.skipif(sys.platform != "linux", reason="permissions do not stop root; what does is Linux's /proc/self/mem")
def test_a_file_that_cannot_be_read() -> None:
    assert manifest.problems(["/proc/self/mem"]) == ["/proc/self/mem:1:1: cannot be read: Input/output error"]


def test_a_file_given_twice_is_read_once(problems: Problems) -> None:
    assert problems(PARTY) == []
    assert manifest.problems(["m.yaml", ".", "*.yaml", "./m.yaml"]) == []


def test_no_line_can_steer_a_terminal(problems: Problems) -> None:
    (found,) = problems(PARTY + '"\\e[2J\\n::error::x": 1')
    assert found.startswith("m.yaml:4:1: \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}::error::x: unknown key")
    assert found.isprintable()


# -- defaults


def policy(problems: Problems, name: str, text: str = "", **others: str) -> Any:
    assert problems(text, **others) == []
    found = {entry.name: entry.spec.plain() for entry in read(["."]).entries}
    return found[name].get("rotation")


DEFAULTS = """
defaults:
  rotation: {max_age: 90d, jitter: 3d}
  OidcRelyingParty: {endpoint: dr, rotation: {jitter: 1d}}
---
"""


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", {"max_age": "90d", "jitter": "1d"}),
        ("rotation: {max_age: 30d}, ", {"max_age": "30d", "jitter": "1d"}),
        ("rotation: {jitter: null}, ", {"max_age": "90d"}),
        ("rotation: {jitter: null, max_age: null}, ", None),
        ("rotation: null, ", None),
        ("rotation: {}, ", {"max_age": "90d", "jitter": "1d"}),
    ],
)
def test_an_entry_goes_before_its_defaults(problems: Problems, own: str, expected: object) -> None:
    text = DEFAULTS + PARTY.replace("spec: {", f"spec: {{{own}")
    assert policy(problems, "portal", text) == expected


def test_the_nearest_defaults_win(problems: Problems) -> None:
    others = {
        "defaults": "defaults: {rotation: {max_age: 90d, jitter: 9d, grace: null}, OidcRelyingParty: {endpoint: far}}",
        "below__defaults": "defaults: {rotation: {max_age: 60d}}",
        "below__x": "defaults: {OidcRelyingParty: {rotation: {verify: false}}}\n---\n" + PARTY,
        "beside__x": PARTY.replace("portal", "other"),
    }
    assert policy(problems, "portal", **others) == {"max_age": "60d", "jitter": "9d", "verify": False}
    assert policy(problems, "other", **others) == {"max_age": "90d", "jitter": "9d"}
    assert [entry.spec.plain()["endpoint"] for entry in read(["."]).entries] == ["far", "far"]
    # What a single file means does not hang on a folder that was not asked for.
    assert [entry.spec.plain().get("rotation") for entry in read(["beside"]).entries] == [None]


def test_endpoint_null_is_the_usual_endpoint(problems: Problems) -> None:
    assert problems(DEFAULTS + PARTY.replace("spec: {", "spec: {endpoint: null, ")) == []
    assert "endpoint" not in read(["."]).entries[0].spec.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "defaults: 3",
            [f"m.yaml:1:11: defaults: must be a map of rotation, {', '.join(credentials())}"],
        ),
        ("defaults: {rotation: 3}", ["m.yaml:1:22: defaults.rotation: must be a map"]),
        ("defaults: {AppSecret: 3}", ["m.yaml:1:23: defaults.AppSecret: must be a map"]),
        (
            "defaults: {GeneratedSecret: {endpoint: x}}",
            ["m.yaml:1:30: defaults.GeneratedSecret.endpoint: unknown key; allowed: rotation"],
        ),
        (
            "defaults: {AppSecret: {app_id: x}}",
            ["m.yaml:1:24: defaults.AppSecret.app_id: unknown key; allowed: endpoint, rotation"],
        ),
        (
            "defaults: {rotation: {max_age: 90}}\n---\n" + PARTY,
            ["m.yaml:1:32: defaults.rotation.max_age: must be a text with a unit, like 90d"],
        ),
        (
            "defaults: {rotation: {maxAge: 90d}}\n---\n" + PARTY,
            [f"m.yaml:1:23: defaults.rotation.maxAge: unknown key (did you mean max_age?); allowed: {POLICY}"],
        ),
        ("defaults: {}\n---\ndefaults: {}", ["m.yaml:3:1: defaults: stands twice in this file, first on line 1"]),
        (
            "defaults: {rotation: {renew_before: 30d}}\n---\n"
            + PARTY.replace("spec: {", "spec: {rotation: {max_age: 20d}, "),
            [
                "m.yaml:1:37: spec.rotation.renew_before: must be shorter than max_age (20d)"
                " (as a default of portal, m.yaml:4:7)"
            ],
        ),
        (
            "defaults: {rotation: {grace: 1h}}\n---\n" + PARTY,
            [f"m.yaml:1:23: spec.rotation.grace: {NO_GRACE} (as a default of portal, m.yaml:4:7)"],
        ),
    ],
)
def test_what_is_refused_of_defaults(problems: Problems, text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_an_entry_in_the_folders_defaults_is_refused(problems: Problems) -> None:
    assert problems(defaults=PARTY) == [
        "defaults.yaml:1:1: is an entry: a file of this name holds the defaults of its folder only"
    ]


# -- pairs

PAIR_TEXT = """
kind: Pair
name: portal
spec:
  of: OidcRelyingParty
  every: 90d
  both: {redirect_uris: [https://p.example.com]}
  blue: {client_name: blue}
  green: {client_name: green}
"""


def test_a_pair_has_the_defaults_that_it_can_take(problems: Problems) -> None:
    assert problems(DEFAULTS.replace("jitter: 3d", "verify: false") + PAIR_TEXT) == []
    spec = read(["."]).entries[0].spec.plain()
    assert spec["rotation"] == {"verify": False}
    assert spec["both"] == {"endpoint": "dr", "redirect_uris": ["https://p.example.com"]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("90d", "90", ["m.yaml:6:10: spec.every: must be a text with a unit, like 90d"]),
        ("  every: 90d\n", "", ["m.yaml:5:3: spec.every: is required"]),
        (
            "of: OidcRelyingParty",
            "of: OpenIdProviderKey",
            ["m.yaml:5:7: spec.of: a signing key keeps its predecessor published by itself: give it a Rotation"],
        ),
        (
            "of: OidcRelyingParty",
            "of: Oidc",
            [f"m.yaml:5:7: spec.of: unknown kind; allowed: {', '.join(ABLE)}"],
        ),
        ("  green: {client_name: green}\n", "", ["m.yaml:7:9: spec.client_name: is required"]),
        (
            "every:",
            "rotation: {max_age: 3d}\n  every:",
            [
                "m.yaml:6:14: spec.rotation.max_age: unknown key; allowed: triggers, renew_before,"
                " grace, windows, freeze, paused, on_adopt, verify"
            ],
        ),
        (
            "every:",
            "rotate_now: {red: x, green: 3}\n  every:",
            [
                "m.yaml:6:16: spec.rotate_now.red: unknown key; allowed: blue, green",
                "m.yaml:6:31: spec.rotate_now.green: must be text",
            ],
        ),
        ("{client_name: blue}", "3", ["m.yaml:8:9: spec.blue: must be a map"]),
        (
            "[https://p.example.com]",
            "[nowhere]",
            ["m.yaml:7:26: spec.redirect_uris[0]: is not an absolute URI: write https://HOST/PATH"],
        ),
    ],
)
def test_what_is_refused_of_a_pair(problems: Problems, old: str, new: str, expected: list[str]) -> None:
    assert problems(PAIR_TEXT.replace(old, new)) == expected


def test_references_to_a_pair(problems: Problems) -> None:
    party = PARTY.replace("portal", "other")
    assert (
        problems(PAIR_TEXT + "---\n" + party.replace("client_name: P", 'client_name: "${portal.previous.client_id}"'))
        == []
    )
    (found,) = problems(PAIR_TEXT + "---\n" + party.replace("client_name: P", 'client_name: "${portal.client_id}"'))
    assert found.endswith("${portal.client_id}: portal is a pair: write ${portal.current.client_id}, or previous")


# -- the schema, judged by somebody else's validator

MANIFESTS = sorted(
    path for path in (ROOT / "examples").rglob("*.yaml") if "$schema=" in path.read_text().partition("\n")[0]
)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_manifest_of_the_examples_fits_the_schema(path: Path) -> None:
    hint = path.read_text().partition("\n")[0].partition("$schema=")[2]
    # The GitOps project is copied, and the schema into it; its README has the command.
    project = ROOT / "examples" / "gitops" if "gitops" in path.parts else ROOT
    assert (path.parent / hint).resolve() == project / "schemas" / "manifest.json"
    found, problems = documents(path.name, path.read_bytes())
    assert problems == []
    for document in found:
        SCHEMA.validate(document.plain())


def test_the_manifests_of_the_examples_are_right() -> None:
    folders = {path.parent for path in MANIFESTS if path.name == "defaults.yaml"}
    assert folders
    assert [manifest.problems([folder]) for folder in folders] == [[] for _ in folders]


def test_every_kind_can_be_said(problems: Problems) -> None:
    schema: Any = SCHEMA.schema
    assert set(schema["$defs"]["Entry"]["properties"]["kind"]["enum"]) == {*credentials(), PAIR}
    for kind in credentials():
        assert set(schema["$defs"][kind]["properties"]) == set(arguments(kind))


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "AppSecret", "name": "a", "spec": {"instance_id": "i", "app_id": "b", "secret": "plain"}},
        {"kind": "AppSecret", "name": "a", "spec": {"instance_id": "i", "app_id": "b", "secret": "x ${config.a}"}},
        {"kind": "AppSecret", "name": "a"},
        {"kind": "OpenIdProviderKey", "name": "values", "spec": {}},
        {"kind": "OpenIdProviderKey", "name": "a", "spec": {"rotation": "${values.policy}"}},
        {"kind": "OpenIdProviderKey", "name": "a", "spec": {"rotation": {"turn": {"every": "3d", "side": "blue"}}}},
        {"kind": "OpenIdProviderKey", "name": "a", "spec": {"endpoint": {}}},
        {"kind": "OpenIdProviderKey", "name": "a", "options": {"protect": "yes"}},
        {"kind": "OpenIdProviderKey", "name": "a", "options": {"protect": "${config.protect}"}},
        {"kind": "Pair", "name": "a", "spec": {"of": "SyncClientCredentials", "every": "3d"}},
        {"defaults": {"rotation": {"max_age": 3}}},
        {"defaults": {}, "kind": "AppSecret"},
        {"export": {"a": None}},
        {"export": ["a"]},
        {"export": {"a": "b"}, "name": "c"},
    ],
)
def test_what_the_schema_refuses_is_refused(problems: Problems, document: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(document)
    assert problems(yaml.safe_dump(document)) != []


PARTY_SPEC = {"client_name": "P", "redirect_uris": ["https://p.example.com"]}
PAIR_SPEC = {"of": "OidcRelyingParty", "every": "30d", "both": PARTY_SPEC}


@pytest.mark.parametrize(
    ("document", "at", "message"),
    [
        ({"kind": "OidcRelyingParti", "name": "p"}, "kind", "'OidcRelyingParti' is not one of"),
        ({"knid": "AppSecret", "name": "a"}, "", "'knid' was unexpected"),
        ({"kind": "OpenIdProviderKey", "name": "a", "spce": {}}, "", "'spce' was unexpected"),
        ({"kind": "OidcRelyingParty", "name": "a"}, "", "'spec' is a required property"),
        (
            {"kind": "OidcRelyingParty", "name": "p", "spec": {**PARTY_SPEC, "clientName": "P"}},
            "spec",
            "'clientName' was unexpected",
        ),
        (
            {"kind": "OidcRelyingParty", "name": "p", "spec": {**PARTY_SPEC, "rotation": {"max_aeg": "90d"}}},
            "spec.rotation",
            "'max_aeg' was unexpected",
        ),
        (
            {
                "kind": "OidcRelyingParty",
                "name": "p",
                "spec": {
                    **PARTY_SPEC,
                    "rotation": {"windows": [{"corn": "x", "cron": "0 2 * * SUN", "duration": "4h"}]},
                },
            },
            "spec.rotation.windows.0",
            "'corn' was unexpected",
        ),
        (
            {"kind": "OrgOAuthApp", "name": "a", "spec": {"org_id": "o", "allowed_scopes": {"scopes": []}}},
            "spec.allowed_scopes",
            "'scopes' was unexpected",
        ),
        (
            {"kind": "OrgOAuthApp", "name": "a", "spec": {"org_id": "o", "context": "ADMIN"}},
            "spec.context",
            "'ADMIN' is not one of",
        ),
        ({"kind": "Pair", "name": "p", "spec": {**PAIR_SPEC, "evrey": "3d"}}, "spec", "'evrey' was unexpected"),
        (
            {"kind": "Pair", "name": "p", "spec": {**PAIR_SPEC, "blue": {"client_nmae": "x"}}},
            "spec.blue",
            "'client_nmae' was unexpected",
        ),
        ({"defaults": {"rotation": {"graec": "1d"}}}, "defaults.rotation", "'graec' was unexpected"),
        ({"defaults": {"OrgOAuthAp": {}}}, "defaults", "'OrgOAuthAp' was unexpected"),
        ({"export": {"a": None}}, "export.a", "None is not of type"),
    ],
)
def test_schema_names_what_is_wrong(document: dict[str, Any], at: str, message: str) -> None:
    """The only complaint of a validator, or the best of them: editors show all, at their places."""
    found = best_match(SCHEMA.iter_errors(document))
    assert found is not None
    assert (".".join(map(str, found.absolute_path)), message in found.message) == (at, True), found.message
    # An editor has no best of them: nothing may be said about kinds that this is not.
    assert len(list(SCHEMA.iter_errors(document))) <= 2


GOOD: list[dict[str, Any]] = [
    document.plain() for path in MANIFESTS for document in documents(path.name, path.read_bytes())[0]
]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(["", "x", "yes", "90d", "${config.a}", "2026-12-24"]),
    st.just([]),
    st.just({}),
    st.just(["x"]),
    st.just({"name": "x"}),
)


def _mutated(value: Any, draw: Callable[..., Any]) -> Any:
    """The value with one thing in it replaced, added or taken away."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 4)) == 0:
            return {name: member for name, member in value.items() if name != key}
        return value | {key: _mutated(value[key], draw)}
    if isinstance(value, dict) and draw(st.booleans()):
        return value | {
            draw(st.sampled_from(["endpoint", "rotation", "secret", "paused", "windows", "nmae"])): draw(odd)
        }
    if isinstance(value, list) and value and draw(st.booleans()):
        return [_mutated(value[0], draw), *value[1:]]
    return draw(odd)


@st.composite
def mutants(draw: Callable[..., Any]) -> dict[str, Any]:
    found = _mutated(draw(st.sampled_from(GOOD)), draw)
    return found if isinstance(found, dict) else {"kind": found}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(mutants())
def test_whatever_the_schema_refuses_is_refused(problems: Problems, document: dict[str, Any]) -> None:
    found = problems(json.dumps(document))
    assert all(line.startswith("m.yaml:1:") for line in found)
    if not SCHEMA.is_valid(document):
        assert found != []
