"""Every resource goes through one life, on the real engine and the sandbox of its vendor."""

import pytest

from tests.engine import Stack
from tools.vendors import Sandbox

from .app_secret import AppSecretCase
from .case import Case
from .life import Life
from .oidc_relying_party import OidcRelyingPartyCase
from .open_id_provider_key import OpenIdProviderKeyCase

CASES: tuple[type[Case], ...] = (AppSecretCase, OidcRelyingPartyCase, OpenIdProviderKeyCase)


@pytest.fixture(params=CASES, ids=lambda case: case.resource)
def life(request: pytest.FixtureRequest, stack: Stack, sandbox: Sandbox) -> Life:
    return Life(request.param(sandbox), stack, sandbox)


def test_a_whole_life(life: Life) -> None:
    case = life.case
    step = life.up(rotation={"triggers": {"release": "s3cret-7"}})
    assert step.steps == ["create it"]
    first = life.outputs()
    assert step.calls == case.calls["create"]
    assert case.accepts(first)
    assert life.marked() == set(case.secrets)
    assert first["generation"] == 1
    assert first["rotation_reason"] == ("created" if case.creates else "adopted")
    assert first["rotated_at"].endswith("Z")

    step = life.up("--expect-no-changes")
    assert (step.steps, step.calls) == ([], [])

    if case.setting is not None:
        step = life.up(changed=True)
        assert (step.steps, step.calls) == (["update it"], case.calls["update"])
        assert life.outputs() | {case.setting: first[case.setting]} == first

        case.drift(first)
        step = life.refresh()
        assert (step.steps, step.calls) == (["refresh-update it"], case.calls["refresh"])
        assert "somebody's" in step.text
        assert life.preview().steps == ["update it"]
        step = life.up()
        assert (step.steps, step.calls) == (["update it"], case.calls["update"])
        assert life.outputs() | {case.setting: first[case.setting]} == first
        assert life.up("--expect-no-changes").calls == []

    triggers = {"release": "s3cret-8"}
    reason = life.reason(rotation={"triggers": triggers})
    assert reason.startswith("rotates: trigger changed: release; ")
    assert "s3cret" not in reason
    step = life.up()
    assert (step.steps, step.calls) == (["update it"], case.calls["rotate"])
    life.settle()
    second = life.outputs()
    assert case.accepts(second)
    assert not case.knows(first)
    assert life.marked() == set(case.secrets)
    assert second["generation"] == 2
    assert second["rotation_reason"] == "trigger changed: release"
    assert second["rotated_at"] >= first["rotated_at"]
    assert life.stack.resource("it")["id"] == first[case.id_output]
    assert life.up("--expect-no-changes").calls == []

    step = life.refresh()
    assert (step.steps, step.calls) == ([], case.calls["refresh"])

    assert life.destroy().steps == ["delete it"]
    assert case.is_there(second) == (case.remains or not case.creates)
    assert not any(case.knows(credential) for credential in life.credentials)
    assert life.traces() == []
