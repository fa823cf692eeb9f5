"""Recordings of systems and pages, held against the sandbox: where does it answer in another shape?"""

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pulumi_rekey.cli.probe.command import Command
from pulumi_rekey.cli.probe.recording import Call, Recording, shape, shape_of_body, template
from pulumi_rekey.endpoints import KINDS
from pulumi_rekey.sandbox.server import VENDORS

from tests.cli.test_probe import _closed, command
from tools.schemas import FOLDER
from tools.vendors import Sandbox

__all__ = ["_closed"]

RECORDINGS = {path.stem: path for path in sorted((Path(__file__).parent / "recordings").glob("*.json"))}
SWITCHES = {name for vendor in VENDORS.values() for name in vendor.switches}
#: Headers that Rekey reads.
READ = {"location", "link", "retry-after", "x-subject-token", "x-vmware-vcloud-access-token", "date"}
#: In what the sandbox differs from a recording, each with its reason.
DIFFERENCES: dict[str, dict[str, str]] = {
    "pages": {
        "PUT /cloudapi/1.0.0/openIdProvider/keys/{}: .privateKey is null, not string": "an example of the request too",
        "PUT /cloudapi/1.0.0/openIdProvider/keys/{}: .privateKeyPassphrase is null, not string": "likewise",
        "POST /usergroup/t/{}/broker/directories/{}/sync-client: .access_token is not there": (
            "the example shows both kinds of credentials at once; the text says one or the other"
        ),
        "POST /usergroup/t/{}/broker/directories/{}/sync-client: .access_token_expire_in is not there": "likewise",
        "PUT /v2/{}/instances/{}/apps/{}/secret: the sandbox does not answer 403": "no probe is without a right here",
    },
}


def read(name: str) -> Recording:
    return Recording.model_validate_json(RECORDINGS[name].read_text())


def recorded(made: Command) -> Recording:
    """The recording of a whole probe."""
    made.probe()
    return made.recording()


def replayed(recording: Recording, sandbox: Sandbox) -> list[Call]:
    """The calls of the same probe on the sandbox, which is set to the facts of the recording."""
    sandbox.post("/_sandbox/dialect", {name: value for name, value in recording.facts.items() if name in SWITCHES})
    kinds = {name.partition(".")[0] for name in recording.facts} or {*KINDS}
    calls = []
    for kind in sorted(kinds):
        made = command(sandbox, kind)
        calls += recorded(made).calls
    return calls


def differences(recording: Recording, calls: list[Call]) -> Iterator[str]:
    """Where these calls differ in shape from those of a recording."""
    for recorded in recording.calls:
        name = f"{recorded.request.method} {recorded.request.path}"
        same = [c.answer for c in calls if f"{c.request.method} {c.request.path}" == name]
        if not same:
            yield f"{name}: the probe does not make this call"
            continue
        answers = [answer for answer in same if answer.status == recorded.answer.status]
        if not answers:
            yield f"{name}: the sandbox does not answer {recorded.answer.status}"
            continue
        found = [[*between(recorded.answer.body, answer.body)] for answer in answers]
        yield from (f"{name}: {difference}" for difference in min(found, key=len))
        if recorded.answer.headers:
            wanted = READ & {*recorded.answer.headers}
            least = min((wanted - {*answer.headers} for answer in answers), key=len)
            yield from (f"{name}: the header {header} is not there" for header in sorted(least))


def disorder(recording: Recording, calls: list[Call]) -> Iterator[str]:
    """Where the probe of a recording made other calls than these, or got other statuses, in their order."""
    said, here = (
        [f"{call.request.method} {call.request.path} {call.answer.status}" for call in each]
        for each in (recording.calls, calls)
    )
    for kind, i, until, j, until_here in SequenceMatcher(None, said, here, autojunk=False).get_opcodes():
        if kind != "equal":
            after = said[i - 1] if i else "the beginning"
            yield f"after {after}: {said[i:until]} here are {here[j:until_here]}"


def between(recorded: Any, here: Any, where: str = "") -> Iterator[str]:
    """The differences between a recorded shape and one of the sandbox."""
    match recorded, here:
        case dict(), dict():
            yield from (f"{where}.{name} is not there" for name in recorded.keys() - here.keys())
            yield from (f"{where}.{name} is there too" for name in here.keys() - recorded.keys())
            for name in recorded.keys() & here.keys():
                yield from between(recorded[name], here[name], f"{where}.{name}")
        case list(), list():
            # An empty list says nothing of its members.
            if recorded and here:
                yield from between(recorded[0], here[0], f"{where}[]")
        case _ if recorded != here:
            kind = here if isinstance(here, str) else type(here).__name__
            wanted = recorded if isinstance(recorded, str) else type(recorded).__name__
            yield f"{where or 'the body'} is {kind}, not {wanted}"


@pytest.mark.parametrize("name", RECORDINGS)
def test_recording_replayed_on_the_sandbox(sandbox: Sandbox, name: str) -> None:
    recording = read(name)
    calls = replayed(recording, sandbox)
    found = {*differences(recording, calls)}
    if recording.facts:
        # What was written from pages is in no order.
        found |= {*disorder(recording, calls)}
    assert sorted(found) == sorted(DIFFERENCES.get(name, {}))


@pytest.mark.parametrize("name", RECORDINGS)
def test_recording_says_what_it_is_and_holds_no_value(name: str) -> None:
    document = json.loads(RECORDINGS[name].read_text())
    Draft202012Validator(json.loads((FOLDER / "recording.json").read_text())).validate(document)
    assert document["says"].endswith(".")
    for recorded in read(name).calls:
        assert template(recorded.request.path) == recorded.request.path


def test_recordings_begin_with_one_of_each_vendor_and_the_pages() -> None:
    assert {f"sandbox-{kind}" for kind in KINDS} | {"pages"} <= {*RECORDINGS}


def test_recording_of_another_shape_is_noticed(sandbox: Sandbox) -> None:
    recording = read("sandbox-roma")
    calls = replayed(recording, sandbox)
    changed = json.loads(
        RECORDINGS["sandbox-roma"].read_text().replace('"total":"number"', '"total":"string","more":"null"')
    )
    found = set(differences(Recording.model_validate(changed), calls))
    assert found == {
        "GET /v2/{}/instances/{}/apps: .more is not there",
        "GET /v2/{}/instances/{}/apps: .total is number, not string",
    }


def test_recording_in_another_order_is_noticed(sandbox: Sandbox) -> None:
    recording = read("sandbox-roma")
    calls = replayed(recording, sandbox)
    assert list(disorder(recording, calls)) == []
    calls.insert(2, calls.pop(5))
    assert "GET /v2/{}/instances/{}/apps/{}" in " ".join(disorder(recording, calls))
    calls[-1] = calls[-1].model_copy(update={"answer": calls[-1].answer.model_copy(update={"status": 418})})
    assert "418" in list(disorder(recording, calls))[-1]


def test_recording_of_a_probe_holds_no_value(sandbox: Sandbox) -> None:
    for kind in KINDS:
        made = command(sandbox, kind)
        text = recorded(made).as_json()
        assert all(value not in text for value in sandbox.credentials[kind].values() if len(value) > 9)
        assert "urn:" not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"b": 1, "a": [1, 2.5, None, "x"], "0c5e7d1f2a3b": True},
            {"a": ["number", "null", "string"], "b": "number", "{}": "boolean"},
        ),
        ([], []),
        ("secret", "string"),
    ],
)
def test_shape_names_types_only(value: object, expected: object) -> None:
    assert shape(value) == expected


def test_shape_of_other_bodies() -> None:
    assert shape_of_body(b"", "application/json") == "empty"
    assert shape_of_body(b"<html>", "text/html") == "text"
    assert shape_of_body(b"a=1&a=2&b", "application/x-www-form-urlencoded") == {"a": "string", "b": "string"}
    assert shape_of_body(b"[" * 100_000, "application/json") == "text"
