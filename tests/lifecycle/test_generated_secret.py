"""An interrupted rotation sends the same secret again, and no overlap is lost, whoever made the secret."""

from typing import Any

import pytest

from tests.engine import Stack
from tools.consumers import NavigatorClient
from tools.vendors import Sandbox

#: Of an app that is passed a secret which was saved before, and of one whose secret is made when it is sent.
SAVED = """
import pulumi_rekey as rekey

secret = rekey.GeneratedSecret("secret", vendor="navigator", rotation=rekey.Rotation(triggers={{"release": {release}}}))
rekey.OrgOAuthApp("app", org_id="{org_id}", secret=secret.secret, rotation=rekey.Rotation(grace="1h"))
"""
MADE = """
import pulumi_rekey as rekey

policy = rekey.Rotation(grace="1h", triggers={{"release": {release}}})
rekey.OrgOAuthApp("app", org_id="{org_id}", rotation=policy)
"""


def interrupted(program: str, stack: Stack, sandbox: Sandbox) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Lose all answers of a rotation, then run again: what there was, what there is, what was saved."""
    org_id = sandbox.credentials["navigator"]["org_id"]
    stack.program(program.format(org_id=org_id, release=1))
    stack.up()
    before = stack.resource("app")["outputs"]
    stack.program(program.format(org_id=org_id, release=2))
    for method in ("POST", "PATCH"):
        sandbox.fault("oauth-apps/[^/]+(/secret)?$", method=method, drop="after", count=0)
    stack.up(fails=True)
    saved = stack.resources().get("secret", {}).get("outputs", {}).get("secret")
    sandbox.http.delete("/_sandbox/faults").raise_for_status()
    stack.up()
    assert stack.up("--expect-no-changes").steps == []
    return before, stack.resource("app")["outputs"], saved


@pytest.mark.parametrize("program", [SAVED, MADE], ids=["saved before", "made"])
def test_interrupted_rotation_keeps_the_overlap(program: str, stack: Stack, sandbox: Sandbox) -> None:
    before, after, saved = interrupted(program, stack, sandbox)
    client = NavigatorClient(sandbox.http, sandbox.credentials["navigator"]["org_id"])
    assert after["secret"] != before["secret"]
    assert client.logs_in(after["oauth_app_id"], after["secret"])
    assert client.logs_in(before["oauth_app_id"], before["secret"])
    assert after["previous_secret"] == before["secret"]
    if program == SAVED:
        assert after["secret"] == saved, "the same one again"
