"""No words of pydantic's reach a user, whatever a program gives for whatever argument."""

from typing import Any

import pytest
from pulumi_rekey.model import problems
from pulumi_rekey.resources import all_resources

ODD = [None, True, 0, -1, 1.5, 10**12, float("nan"), "", "x", "x" * 3000, [], [5], [""] * 100, {}, {"a": 5}, [{"a": 5}]]
POLICY = (
    "triggers",
    "max_age",
    "renew_before",
    "grace",
    "windows",
    "jitter",
    "freeze",
    "paused",
    "rotate_now",
    "verify",
)
PYDANTIC = (
    "Input should",
    "String should",
    "List should",
    "Tuple should",
    "Dictionary should",
    "Value error",
    "Field ",
)


@pytest.mark.parametrize("resource", all_resources(), ids=lambda resource: str(resource.name))
def test_words_are_ours_whatever_is_given(resource: Any) -> None:
    given: list[dict[str, Any]] = [{name: odd} for name in resource.inputs.model_fields for odd in ODD]
    given += [{"rotation": {name: odd}} for name in POLICY for odd in ODD]
    given += [{"rotation": {"windows": [{name: odd}]}} for name in ("cron", "timezone", "duration") for odd in ODD]
    said = {reason for raw in given for _, reason in problems(resource.inputs, raw, lambda _: False)}
    assert [reason for reason in said if reason.startswith(PYDANTIC)] == []
    assert "is not a value of this kind" not in said, "an error of pydantic's has no words in wording.py"
