"""States as earlier versions wrote them still mean the same: no change, and nothing of them is lost."""

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import dill  # type: ignore[import-untyped]  # it ships no types
import pytest
from pulumi_rekey.dynamic.host import Provider
from pulumi_rekey.frontend.answers import to_property
from pulumi_rekey.frontend.values import Secret
from pulumi_rekey.reconciler.plan import plan

STATES = sorted((Path(__file__).parent / "fixtures/states").glob("*/*.json"))


def load(path: Path) -> tuple[Provider, dict[str, Any]]:
    """The provider that the state names, and the state."""
    kept = json.loads(path.read_text())
    provider = dill.loads(base64.b64decode(kept["outputs"].pop("__provider")))
    del kept["inputs"]["__provider"]
    assert isinstance(provider, Provider)
    return provider, kept


@pytest.mark.parametrize("path", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_earlier_state_plans_to_no_change(path: Path) -> None:
    provider, kept = load(path)
    resource = provider.answers.resource
    assert resource.name == path.stem
    inputs = resource.inputs.model_validate(kept["inputs"])
    state = resource.state.model_validate(kept["outputs"])
    todo = plan(resource, kept["id"], inputs, state, datetime.fromisoformat(kept["outputs"]["rotated_at"]))
    assert not todo, todo


@pytest.mark.parametrize("path", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_earlier_state_is_read_whole(path: Path) -> None:
    provider, kept = load(path)
    state = provider.answers.resource.state.model_validate(kept["outputs"])
    written = {name: to_property(getattr(state, name)) for name in kept["outputs"]}
    plain = {name: value.value if isinstance(value, Secret) else value for name, value in written.items()}
    assert plain == kept["outputs"]


def test_earlier_states_exist_for_every_resource_and_version() -> None:
    versions = {path.parent for path in STATES}
    assert versions
    for version in versions:
        assert {path.stem for path in version.glob("*.json")} == {path.stem for path in STATES}
