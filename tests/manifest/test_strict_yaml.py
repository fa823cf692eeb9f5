"""The strict part of YAML: what it reads, with positions, and what it refuses."""

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi_rekey.manifest import strict_yaml
from pulumi_rekey.manifest.strict_yaml import MAX_BYTES, Node, Position, documents


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """libyaml's parser, and the one that is there without it: both say the same."""
    monkeypatch.setattr(strict_yaml, "_LOADER", getattr(yaml, request.param))


def read(text: str) -> tuple[list[Any], list[str]]:
    found, problems = documents("f.yaml", text.encode())
    return [node.plain() for node in found], [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2026-12-24", "2026-12-24"),
        ("0123", 123),
        ("0x10", 16),
        ("0o10", 8),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("TRUE", True),
        ('"true"', "true"),
        ("<<", "<<"),
        (".inf", ".inf"),
    ],
)
def test_scalars_of_the_core_schema(text: str, value: object) -> None:
    assert read(f"a: {text}") == ([{"a": value}], [])


def test_everything_has_its_position() -> None:
    (node,), problems = documents("f.yaml", b"\xef\xbb\xbf# c\na:\n  - b: 1\n    c: x\n")
    assert problems == []
    assert (node.at, node.value["a"].key_at) == (Position("f.yaml", 2, 1), Position("f.yaml", 2, 1))
    assert node.find(("a", 0, "c")) == Position("f.yaml", 4, 8)
    assert node.find(("a", 0, "c"), key=True) == Position("f.yaml", 4, 5)
    assert node.find(("a", 0, "missing")) == Position("f.yaml", 3, 5)


def test_empty_documents_are_nothing() -> None:
    assert read("---\n---\n# only a remark\n---\na: 1\n---\n") == ([{"a": 1}], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", "f.yaml:2:1: a: stands twice, first on line 1"),
        ("1: a", "f.yaml:1:1: a key must be a text: put it in quotes"),
        ("null: a", "f.yaml:1:1: a key must be a text: put it in quotes"),
        ("? [a]\n: b", "f.yaml:1:3: a key must be a text: put it in quotes"),
        ("a:\n\tb: 1", "f.yaml:2:1: is indented with a tab: use spaces"),
        ("a: &x 1\nb: *x", "f.yaml:2:4: is an alias: write the value out, or use `defaults`"),
        ("a: !!python/object:os.system x", "f.yaml:1:4: has a tag: tags are not taken"),
        ("a: !mine {b: 1}", "f.yaml:1:4: has a tag: tags are not taken"),
        ("a: !!int x", "f.yaml:1:4: has a tag: tags are not taken"),
        ("a: !!binary aGk=", "f.yaml:1:4: has a tag: tags are not taken"),
        ("a: " + "[" * 50, "f.yaml:1:27: is not YAML: nested more than 24 deep"),
        ("a: 9007199254740993", "f.yaml:1:4: is too large a number: put it in quotes if it is a text"),
        ("a: " + "9" * 5000, "f.yaml:1:4: is too large a number: put it in quotes if it is a text"),
        ("a: b\x07", "f.yaml:1:5: is a character that cannot be printed"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    assert read(text)[1] == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        'a: "\\ud800"',
        "a: 'b",
        'a: "\\UFFFFFFFF"',
        "a: b: c",
        "- a\nb",
        "{",
        "%TAG",
        "a: @b",
        "a: \\\n b: |-3 c",
    ],
)
def test_what_is_no_yaml_is_one_problem(text: str) -> None:
    (problem,) = read(text)[1]
    assert re.fullmatch(r"f\.yaml:[123]:\d+: (is not YAML|has an escape that stands for no character).*", problem)


def test_not_utf_8() -> None:
    assert [str(problem) for problem in documents("f.yaml", b"a: 1\nb: \xff")[1]] == ["f.yaml:2:1: is not UTF-8"]


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 64)]
    problems = read("\n".join(lines))[1]
    assert len(problems) == 2 * 63
    assert problems[0] == "f.yaml:2:10: is an alias: write the value out, or use `defaults`"


texts = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF), max_size=12)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_json_is_read_as_what_it_says(value: dict[str, Any]) -> None:
    assert read(json.dumps(value)) == ([value], [])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=64) | st.text(st.sampled_from("ab01:-[]{}&*!|>'\"%@`#,? \t\n\\~<"), max_size=64).map(str.encode)
)
def test_nothing_but_problems_comes_of_noise(data: bytes) -> None:
    found, problems = documents("f.yaml", data)
    assert all(isinstance(node, Node) for node in found)
    assert all("\n" not in str(problem) and problem.at.line >= 1 and problem.at.column >= 1 for problem in problems)


def test_a_large_file_is_read_at_once() -> None:
    line = b"- {kind: AppSecret, name: orders, spec: {instance_id: a, app_id: b}}\n"
    (node,), problems = documents("f.yaml", line * (MAX_BYTES // len(line) // 40))
    assert len(node.value) > 300
    assert problems == []
