"""Policies whose values are secret: what is kept of them, on the real engine, also once they are secret no more."""

import json
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pulumi_rekey.cli.health import judge
from pulumi_rekey.cli.stack_state import read_stack

from tests.engine import Run, Stack
from tools.vendors import Sandbox

from .scenario import holds_secret

#: One program; what it says is given as Python.
PROGRAM = """
import pulumi
import pulumi_rekey as rekey

secret = pulumi.Output.secret
rekey.OidcRelyingParty("portal", client_name={name}, redirect_uris={uris}, endpoint={endpoint},
    rotation=rekey.Rotation({rotation}))
rekey.SyncClientCredentials("sync", directory_id={directory!r}, generate_token=False,
    rotation=rekey.Rotation(on_adopt="rotate", {rotation}))
rekey.OrgOAuthApp("app", org_id={org!r}, display_name={name}, rotation=rekey.Rotation({rotation}))
rekey.OpenIdProviderKey("key", algorithm="EC", description={name}, rotation=rekey.Rotation({rotation}))
rekey.AppSecret("gate", instance_id={instance!r}, app_id={app!r}, rotation=rekey.Rotation({rotation}))
rekey.GeneratedSecret("made", vendor="roma", rotation=rekey.Rotation({rotation}))
"""
NAMES = ("portal", "sync", "app", "key", "gate", "made")
#: What was secret once.
CANARIES = {"canary-trigger-1", "canary-asked-1", "canary-asked-2", "canary-name-1", "canary.example.com"}
SECRETLY = {
    "name": 'secret("canary-name-1")',
    "uris": '[secret("https://canary.example.com/callback")]',
    "endpoint": 'secret("vcd")',
    "rotation": 'triggers={"release": secret("canary-trigger-1")}, rotate_now=secret("canary-asked-1")',
}
PLAINLY = {
    "name": '"Portal"',
    "uris": '["https://portal.example.com/callback"]',
    "endpoint": '"vcd"',
    "rotation": 'triggers={"release": "2"}, rotate_now="INC-4711"',
}


def program(sandbox: Sandbox, **said: str) -> str:
    """The program, at the sandbox's objects."""
    known = sandbox.credentials
    return PROGRAM.format(
        directory=known["broker"]["directory_id"],
        org=known["navigator"]["org_id"],
        instance=known["roma"]["instance_id"],
        app=known["roma"]["app_id"],
        **said,
    )


def places(stack: Stack, runs: list[Run]) -> Iterator[tuple[str, bytes]]:
    """All that a stack leaves behind: its files (state, backups, history, events), its export, and what was printed."""
    for path in stack.folder.rglob("*"):
        if path.is_file() and not path.name.startswith("__main__."):
            yield str(path.relative_to(stack.folder)), path.read_bytes()
    yield "export", json.dumps(stack.export()).encode()
    yield from ((f"run {number}", run.text.encode()) for number, run in enumerate(runs))


def leaks(stack: Stack, runs: list[Run], secrets: set[str] = CANARIES) -> list[str]:
    found = dict(places(stack, runs))
    assert any("/history/" in name for name in found)
    assert any("/backups/" in name for name in found)
    return [name for name, text in found.items() if holds_secret(text, secrets)]


def kept(stack: Stack, name: str) -> dict[str, Any]:
    """What the state keeps of a policy, as the state has it."""
    rotation: dict[str, Any] = stack.resource(name, show_secrets=False)["outputs"]["rotation"]
    return rotation


@pytest.mark.parametrize(
    "put_off",
    [
        'triggers={"release": "2"}, rotate_now="INC-4711", paused=True',
        'triggers={"release": "2"}, freeze=["2000-01-01/2999-12-31"]',
    ],
)
def test_what_was_secret_once_is_in_plain_text_nowhere(stack: Stack, sandbox: Sandbox, put_off: str) -> None:
    stack.program(program(sandbox, **SECRETLY))
    runs = [stack.up("--diff")]
    asked = SECRETLY["rotation"].replace("canary-asked-1", "canary-asked-2")
    stack.program(program(sandbox, **SECRETLY | {"rotation": asked}))
    runs += [stack.preview(), stack.preview("--diff"), stack.up()]
    for name in NAMES:
        assert f"{name}: rotates: rotate_now: [secret]; " in runs[1].text
        assert stack.resource(name)["outputs"]["rotation_reason"] == "rotate_now: [secret]"
    assert leaks(stack, runs) == []
    # What was secret becomes plain, and another, while nothing rotates.
    stack.program(program(sandbox, **PLAINLY | {"rotation": put_off}))
    runs += [stack.preview("--diff"), stack.up("--diff"), stack.refresh("--diff")]
    for name in NAMES:
        assert stack.resource(name)["outputs"]["generation"] == 2
        assert "triggers.release" in kept(stack, name)["pending"]
    assert leaks(stack, runs) == []
    # Who lacks the key knows it too.
    for credential in read_stack(json.dumps(stack.export()).encode(), "dev").credentials:
        why = judge(credential, datetime.now(UTC)).why or ""
        assert "due: rotate_now: INC-4711" in why or "due: trigger changed: release" in why
    assert stack.up("--expect-no-changes").steps == []
    stack.program(program(sandbox, **PLAINLY))
    runs += [stack.up(), stack.destroy()]
    assert leaks(stack, runs) == []


def test_setting_that_was_secret_once_is_in_plain_text_nowhere(stack: Stack, sandbox: Sandbox) -> None:
    stack.program(program(sandbox, **SECRETLY))
    runs = [stack.up()]
    # The settings become plain, and others, in runs in which the vendors do not take them.
    stack.program(program(sandbox, **PLAINLY))
    for method in ("PUT", "PATCH"):
        sandbox.fault("/(relyingParties|oauth-apps|keys)/", method=method, drop="before", count=0)
    for _ in range(2):
        runs.append(stack.up("--continue-on-error", fails=True))
        assert leaks(stack, runs) == []
    sandbox.http.delete("/_sandbox/faults").raise_for_status()
    runs.append(stack.up())
    assert stack.resource("portal", show_secrets=False)["outputs"]["client_name"] == "Portal"
    assert leaks(stack, runs) == []


def test_setting_that_is_taken_away_stays_secret(stack: Stack, sandbox: Sandbox) -> None:
    text = """
    import pulumi, pulumi_rekey as rekey
    rekey.OrgOAuthApp("app", org_id={org!r}, {settings})
    """
    org = sandbox.credentials["navigator"]["org_id"]
    runs: list[Run] = []
    for name in ('secret("canary-name-1")', None, None):
        described = "" if name is None else 'display_name=pulumi.Output.secret("canary-name-1"), '
        settings = f"{described}description={str(len(runs))!r}"
        stack.program(textwrap.dedent(text).format(org=org, settings=settings))
        runs.append(stack.up())
        assert is_encrypted(stack.resource("app", show_secrets=False)["outputs"]["display_name"])
    assert leaks(stack, runs) == []


ONE = """
import pulumi
import pulumi_rekey as rekey

secret = pulumi.Output.secret
other = rekey.GeneratedSecret("other", vendor="roma", rotation=rekey.Rotation(rotate_now={asked!r}))
rekey.OidcRelyingParty("portal", client_name={name!r}, redirect_uris=["https://portal.example.com/callback"],
    rotation=rekey.Rotation({rotation}))
"""


def write(stack: Stack, rotation: str, *, name: str = "Portal", asked: str | None = None) -> None:
    stack.program(ONE.format(rotation=rotation, name=name, asked=asked))


def is_encrypted(value: Any) -> bool:
    return isinstance(value, dict) and "ciphertext" in value and "plaintext" not in value


def test_key_of_the_digests_is_encrypted(stack: Stack, sandbox: Sandbox) -> None:
    write(stack, 'max_age="90d"')
    stack.up()
    assert "rotation" not in stack.resource("portal", show_secrets=False)["outputs"], "nothing to key"
    write(stack, 'triggers={"release": 1}, rotate_now=secret("canary-asked-1")')
    stack.up()
    key = stack.resource("portal")["outputs"]["rotation"]["key"]
    assert len(key) == 22
    edits = [
        ('triggers={"release": 1}', "Portal 2"),
        ('triggers={"release": 2}, paused=True', "Portal 2"),
        ('triggers={"release": 2}', "Portal 2"),
        ('max_age="90d", rotate_now="INC-1"', "Portal 2"),
    ]
    for rotation, name in edits:
        write(stack, rotation, name=name)
        stack.up()
        assert is_encrypted(kept(stack, "portal")["key"])
        stack.refresh()
        assert is_encrypted(kept(stack, "portal")["key"])
    # A rotation whose answer is lost, and one that is partly done.
    write(stack, 'rotate_now="INC-2"', name="Portal 3")
    sandbox.fault("/regenerateSecret$", method="POST", drop="after")
    stack.up(fails=True)
    assert is_encrypted(kept(stack, "portal")["key"])
    stack.up()
    assert stack.resource("portal")["outputs"]["rotation"]["key"] == key, "for ever"
    assert leaks(stack, [], {key, "canary-asked-1"}) == []


UNKNOWN = "other.rotated_at.apply(lambda _: {value})"
#: A value of each member of a policy, as Python, that a program may come to know during `pulumi up` only.
MEMBERS = {
    "triggers": '{"release": other.rotated_at}',
    "max_age": UNKNOWN.format(value='"30d"'),
    "renew_before": UNKNOWN.format(value='"30d"'),
    "grace": UNKNOWN.format(value="None"),
    "windows": f'[rekey.Window(cron={UNKNOWN.format(value=repr("0 2 * * SUN"))}, duration="4h")]',
    "jitter": UNKNOWN.format(value='"1h"'),
    "freeze": f"[{UNKNOWN.format(value=repr('2000-01-01/2999-12-31'))}]",
    "paused": UNKNOWN.format(value="True"),
    "rotate_now": UNKNOWN.format(value='"INC-1"'),
    "verify": UNKNOWN.format(value="True"),
}


def test_preview_does_not_decide_without_the_whole_policy_on_the_engine(stack: Stack, sandbox: Sandbox) -> None:
    write(stack, 'triggers={"release": 1}')
    stack.up()
    for member, value in MEMBERS.items():
        # In a preview it is not known when something will have rotated.
        due = "" if member == "triggers" else 'triggers={"release": 2}, '
        write(stack, f"{due}{member}={value}", asked="INC-1")
        text = stack.preview().text
        assert "portal: may rotate: what decides it is known during `pulumi up` only" in text, member
        assert "portal: rotates" not in text, member


def test_preview_names_the_resource_in_every_display(stack: Stack, sandbox: Sandbox) -> None:
    write(stack, 'triggers={"release": 1}')
    stack.up()
    write(stack, 'triggers={"release": 2}')
    said = "portal: rotates: trigger changed: release; no overlap: the vendor ends the old secret at once"
    for arguments in ((), ("--diff",), ("--json",)):
        assert said in stack.preview(*arguments).text
    assert said in stack.up("--diff").text


MANIFEST = """
kind: GeneratedSecret
name: loaded
spec:
  vendor: roma
  rotation: {rotate_now: "${values.why}"}
---
kind: Pair
name: both
spec:
  of: OidcRelyingParty
  every: 30d
  both: {redirect_uris: ["https://portal.example.com/callback"]}
  blue: {client_name: blue}
  green: {client_name: green}
  rotate_now: {blue: "because of ${values.why}"}
"""
LOADING = """
import pulumi
import pulumi_rekey as rekey

why = pulumi.Output.secret({why!r})
rekey.load("manifest.yaml", values={{"why": why}})
rekey.Pair(
    "pair",
    lambda side, its: rekey.OidcRelyingParty(client_name=side + " 2", redirect_uris=["https://b.example.com/"], **its),
    every="30d",
    rotate_now={{"green": why}},
)
"""


def test_secret_rotate_now_is_repeated_by_no_front_door(stack: Stack, sandbox: Sandbox) -> None:
    (stack.folder / "manifest.yaml").write_text(MANIFEST)
    stack.program(LOADING.format(why="canary-asked-1"))
    runs = [stack.up()]
    stack.program(LOADING.format(why="canary-asked-2"))
    runs += [stack.preview(), stack.up("--diff")]
    for name in ("loaded", "both-blue", "pair-green"):
        assert f"{name}: rotates: rotate_now: [secret]; " in runs[1].text
        assert stack.resource(name)["outputs"]["rotation_reason"] == "rotate_now: [secret]"
    assert leaks(stack, runs) == []
