"""A sample of `tests/test_plan_is_obeyed.py` on the real engine: what a preview says of secrets is what an up does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.engine import Run, Stack
from tools.administrators import Navigator
from tools.consumers import NavigatorClient
from tools.vendors import Sandbox

from .case import IMPORTS
from .org_oauth_app import LOGIN, TRY
from .scenario import noted, said_in

NEXT, GIVEN = "Waits-in-the-state-1!", "Given-by-the-user-1!"
CANDIDATE, UNCERTAIN = "verify the next secret", "find out what a lost answer did"
RELEASE = 'triggers={"release": 2}'


@dataclass(frozen=True)
class Situation:
    """One app, all of which are previewed in one run."""

    name: str
    #: What the preview says of it.
    says: str
    #: Whether the run gives the app a secret.
    sets: bool = False
    #: Which secret the app has afterwards, where it is neither the one before nor one that the run makes.
    works: str | None = None
    #: What is half done before the run, if anything is, and whether the vendor accepts the next secret.
    phase: str | None = None
    accepted: bool = False
    #: Whether the old secret's grace is still alive.
    grace_lives: bool = True
    #: What the policy says beside its grace, and the arguments of the resource.
    rotation: str = ""
    more: str = ""
    #: The one line with which the run fails, if it does.
    error: str = ""
    #: How many secrets the app has had afterwards.
    generation: int = 2


#: What no run tries: they go first.
UNTRIED = (
    Situation(
        "trusted",
        f"goes on: {CANDIDATE}: verify=False, so that it is handed on as it is",
        works=NEXT,
        phase=CANDIDATE,
        accepted=True,
        rotation="verify=False",
    ),
    Situation(
        "paused-due",
        "does not rotate: paused; due: trigger changed: release",
        rotation=f"paused=True, {RELEASE}",
        generation=1,
    ),
)
TRIED = (
    Situation("due", "rotates: trigger changed: release; ", sets=True, rotation=RELEASE),
    Situation("accepted-due", f"goes on: {CANDIDATE}: ", works=NEXT, phase=CANDIDATE, accepted=True, rotation=RELEASE),
    Situation(
        "accepted-paused",
        f"goes on: {CANDIDATE}: the secret is tried again, and nothing is minted",
        works=NEXT,
        phase=CANDIDATE,
        accepted=True,
        rotation="paused=True",
    ),
    Situation(
        "in-grace",
        f"goes on: {CANDIDATE}: it is tried, and sent, again; the old one stays until then, or until its end",
        sets=True,
        works=NEXT,
        phase=CANDIDATE,
    ),
    Situation(
        "grace-over",
        f"goes on: {CANDIDATE}: the secret is tried again, and the next one is minted if the vendor still refuses it",
        sets=True,
        phase=CANDIDATE,
        grace_lives=False,
        generation=3,
    ),
    Situation(
        "given",
        "rotates: the given secret is another one; ",
        sets=True,
        works=GIVEN,
        phase=CANDIDATE,
        more=f'secret=pulumi.Output.secret("{GIVEN}")',
    ),
    Situation(
        "lost-given",
        "rotates: the given secret is another one; ",
        sets=True,
        works=GIVEN,
        phase=UNCERTAIN,
        accepted=True,
        more=f'secret=pulumi.Output.secret("{GIVEN}")',
        generation=3,
    ),
    Situation(
        "paused-over",
        f"goes on: {CANDIDATE}: the secret is tried again, and nothing is minted",
        phase=CANDIDATE,
        grace_lives=False,
        rotation="paused=True",
        error="the vendor refuses the secret that was minted before, and rotation is paused",
        generation=1,
    ),
    Situation(
        "lost-answer",
        f"goes on: {UNCERTAIN}: the secret is tried, and the next one is minted unless the vendor accepts it",
        works=NEXT,
        phase=UNCERTAIN,
        accepted=True,
    ),
    Situation(
        "own-login",
        f"goes on: {CANDIDATE}: the secret is tried again, and nothing is minted",
        phase=CANDIDATE,
        grace_lives=False,
        error="is what this endpoint itself logs in with, and ending its secret would lock rekey out",
        generation=1,
    ),
)
SITUATIONS = UNTRIED + TRIED


def program(org_id: str, own: str, *, begins: bool) -> str:
    """The program that declares one app a situation, as it was before or as it is to be."""
    lines = [*IMPORTS]
    for one in SITUATIONS:
        rules, more = one.rotation, one.more
        if begins:
            rules, more = RELEASE.replace("2", "1") if RELEASE in rules else "", ""
        if one.name == "own-login":
            more = f'adopt="{own}", endpoint="own"'
        policy = f'rekey.Rotation(grace="1h", {rules})'
        lines.append(f'rekey.OrgOAuthApp("{one.name}", org_id="{org_id}", rotation={policy}, {more})')
    return "\n".join([*lines, ""])


def half_done(stack: Stack, administrator: Navigator, own_secret: str) -> dict[str, dict[str, Any]]:
    """Put what an interrupted run would have left into the state, and at the vendor; return the outputs before."""
    export = stack.export(show_secrets=True)
    before = stack.resources()
    now = datetime.now(UTC).replace(microsecond=0)
    found = {kept["urn"].rpartition("::")[2]: kept.get("outputs", {}) for kept in export["deployment"]["resources"]}
    for one in SITUATIONS:
        kept = found[one.name]
        if one.name == "own-login":
            kept["secret"] = own_secret
        if one.phase is None:
            continue
        ends = now + timedelta(hours=1) if one.grace_lives else now - timedelta(minutes=1)
        kept |= {"step": one.phase, "next_secret": NEXT, "expires_at": ends.isoformat().replace("+00:00", "Z")}
        kept["candidate"] = {"rotated_at": kept["rotated_at"], "rotation_reason": "trigger changed: release"}
        if one.accepted:
            administrator.add_secret(kept["oauth_app_id"], NEXT, overlap_s=3600)
    edited = stack.folder / "edited.json"
    edited.write_text(json.dumps(export))
    stack.run("stack", "import", "--file", str(edited))
    return {one.name: before[one.name]["outputs"] for one in SITUATIONS}


def said(events: str) -> Iterator[tuple[str, str, str]]:
    """The resource, severity and text of all that was said under one."""
    for line in events.splitlines():
        event = json.loads(line).get("diagnosticEvent", {})
        name = event.get("urn", "").rpartition("::")[2]
        yield name, event.get("severity", ""), said_in(event.get("message", "")).removeprefix(f"{name}: ")


def writes(sandbox: Sandbox, app_id: str) -> int:
    """How many calls gave an app a secret: no setting changes here."""
    return sum(app_id in call["path"] and call["method"] in {"POST", "PATCH", "PUT"} for call in sandbox.calls())


@pytest.fixture
def apps(stack: Stack, sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """A stack with all situations; the outputs of each app before."""
    known = sandbox.credentials["navigator"]
    path = "rekey:endpoints.own"
    stack.configure(
        {f"{path}.kind": "navigator", f"{path}.url": known["url"], f"{path}.clientId": known["client_id"]}
        | {f"{path}.orgId": known["org_id"]},
        {f"{path}.clientSecret": known["client_secret"]},
    )
    stack.program(program(known["org_id"], known["client_id"], begins=True))
    stack.up("--parallel", "16")
    before = half_done(stack, Navigator(sandbox), known["client_secret"])
    stack.program(program(known["org_id"], known["client_id"], begins=False))
    return before


def test_half_done_secrets_are_treated_as_the_preview_says(
    apps: dict[str, dict[str, Any]], stack: Stack, sandbox: Sandbox
) -> None:
    run, calls, events = noted(stack, sandbox, stack.preview)
    assert calls == ()
    announced = {name: text for name, severity, text in said(events) if severity == "info" and name in apps}
    assert announced.keys() == apps.keys()
    for one in SITUATIONS:
        assert announced[one.name].startswith(one.says), (one.name, announced[one.name])

    chosen = [word for one in UNTRIED for word in ("--target", f"**::{one.name}")]
    _, calls, _ = noted(stack, sandbox, lambda: stack.up(*chosen))
    assert calls == ()

    def rest() -> Run:
        return stack.up("--continue-on-error", "--parallel", "16", fails=True)

    run, calls, events = noted(stack, sandbox, rest)
    assert TRY in calls
    assert calls.count(LOGIN) == 1
    errors = {name: text for name, severity, text in said(events) if severity == "error" and name in apps}
    assert errors.keys() == {one.name for one in SITUATIONS if one.error}
    after = {name: one["outputs"] for name, one in stack.resources().items() if name in apps}
    client = NavigatorClient(sandbox.http, sandbox.credentials["navigator"]["org_id"])
    for one in SITUATIONS:
        app_id, kept, present = after[one.name]["oauth_app_id"], apps[one.name], after[one.name]
        told = f"{one.name}: {announced[one.name]}: {run.text}"
        assert writes(sandbox, app_id) == one.sets, told
        assert one.error in errors.get(one.name, ""), told
        assert present["generation"] == one.generation, told
        if one.error:
            continue
        assert client.logs_in(app_id, present["secret"]), told
        if one.works is not None:
            assert present["secret"] == one.works, told
        elif one.sets:
            assert present["secret"] not in {kept["secret"], NEXT, GIVEN}, told
        assert "step" not in present, told
