"""Fields by their marks, and what is wrong with inputs: named by its property, and without its value."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_rekey.model import (
    IMMUTABLE,
    WRITE_ONLY,
    Mark,
    Model,
    Secret,
    fields_marked,
    fields_with,
    problems,
    property_path,
    rfc3339,
    secret_fields,
    vendor_id,
)
from pulumi_rekey.policy.model import Policy
from pulumi_rekey.resources import all_resources
from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError

RESOURCES = {resource.name: resource for resource in all_resources()}
OF_FIRST_VERSION = sorted(path.stem for path in (Path(__file__).parent / "fixtures/states/0.1.0").iterdir())
SECRET = "Hunter2-hunter2"


class Unknown:
    """What only `pulumi up` will know."""


UNKNOWN = Unknown()


def holds_unknown(value: Any) -> bool:
    match value:
        case dict():
            return any(map(holds_unknown, value.values()))
        case list() | tuple():
            return any(map(holds_unknown, value))
        case _:
            return isinstance(value, Unknown)


def _refused(secret: SecretStr) -> SecretStr:
    raise ValueError("is refused")


class Inner(Model):
    code: Annotated[int, Field(ge=1)]
    names: tuple[str, ...] = ()


class Sample(Model):
    """Every manner of field."""

    place: str = Field(json_schema_extra=IMMUTABLE)
    key: Secret | None = Field(default=None, json_schema_extra=WRITE_ONLY)
    password: Secret = SecretStr("")
    checked: Annotated[Secret, AfterValidator(_refused)] | None = None
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = Field(default_factory=dict)


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RESOURCES)
def test_number_refuses_flags(name: str) -> None:
    """Python would take true for 1: a lifetime of a minute."""
    model = RESOURCES[name].inputs
    numbers = [path for path, field in model.model_fields.items() if "int" in str(field.annotation)]
    assert numbers or name != "OrgOAuthApp", "the search finds what is there"
    for path in numbers:
        for flag in (True, False):
            assert (path, "must be a number, not true or false") in problems(model, {path: flag}, holds_unknown)


@pytest.mark.parametrize("model", [*(resource.inputs for resource in RESOURCES.values()), Policy])
def test_flag_is_true_or_false(model: type[BaseModel]) -> None:
    """Neither a number, nor a word, which the schemas for editors refuse, too."""
    types = {path: str(field.annotation) for path, field in model.model_fields.items()}
    flags = [path for path, type_ in types.items() if "bool" in type_ and "dict" not in type_]
    assert flags or model.__name__ != "OrgOAuthAppInputs", "the search finds what is there"
    for path in flags:
        for word in (1, 0.0, "yes", "false"):
            assert (path, "must be true or false") in problems(model, {path: word}, holds_unknown)
            assert path not in dict(problems(model, {path: True}, holds_unknown))


# -- marks ------------------------------------------------------------------------------------------------------------


def test_marks_find_their_fields() -> None:
    assert secret_fields(Sample) == {"key", "password", "checked"}
    assert fields_marked(Sample, IMMUTABLE) == {"place"}
    assert fields_marked(Sample, WRITE_ONLY) == {"key"}


@pytest.mark.parametrize("name", RESOURCES)
def test_inputs_and_state_agree(name: str) -> None:
    resource = RESOURCES[name]
    inputs, state = resource.inputs.model_fields.keys(), resource.state.model_fields.keys()
    kept = inputs - fields_marked(resource.inputs, WRITE_ONLY)
    assert fields_marked(resource.inputs, IMMUTABLE) <= state
    # What is secret going in is secret coming out.
    assert secret_fields(resource.inputs) & kept <= secret_fields(resource.state)
    assert fields_marked(resource.inputs, WRITE_ONLY).isdisjoint(state)
    assert len(fields_with(resource.state, Mark.OBJECT_ID)) == 1


@pytest.mark.parametrize("name", OF_FIRST_VERSION)
def test_whatever_the_first_version_did_not_write_reads_as_its_default(name: str) -> None:
    required = {field for field, what in RESOURCES[name].state.model_fields.items() if what.is_required()}
    assert required <= {
        *("instance_id", "app_id", "relying_party_id", "client_id", "client_name", "redirect_uris", "key_id"),
        *("public_key", "directory_id", "org_id", "oauth_app_id", "secret_id", "vendor", "secret"),
    }


@pytest.mark.parametrize("name", RESOURCES)
def test_state_of_a_later_version_is_read(name: str) -> None:
    resource = RESOURCES[name]
    texts = {field: "x" for field, what in resource.state.model_fields.items() if what.is_required()}
    state = resource.state.model_validate(
        {**texts, **({"redirect_uris": ["x"]} if "redirect_uris" in texts else {}), "of_tomorrow": {"a": [1]}}
    )
    assert "of_tomorrow" not in state.model_dump()


def test_secrets_are_in_no_repr_text_or_dump() -> None:
    sample = Sample(place="here", key=SecretStr(SECRET), password=SecretStr(SECRET))
    shown = f"{sample!r} {sample} {sample.model_dump()} {sample.model_dump_json()} {[sample]} {sample.__dict__}"
    assert SECRET not in shown
    assert repr(sample) == "Sample('key', 'password', 'place')"


def test_model_is_frozen_and_closed() -> None:
    sample = Sample(place="here")
    with pytest.raises(ValidationError):
        sample.__setattr__("place", "there")
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate({"place": "here", "pasword": SECRET, "inner": {"code": SECRET}})
    assert SECRET not in str(refused.value)


# -- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("a",), "a"),
        (("a", "b"), "a.b"),
        (("a", 0), "a[0]"),
        (("rotation", "windows", 0, "cron"), "rotation.windows[0].cron"),
        ((), ""),
    ],
)
def test_property_path_of_a_location(location: tuple[int | str, ...], path: str) -> None:
    assert property_path(location) == path


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"place": "x"}, []),
        ({}, [("place", "is required")]),
        ({"place": 5}, [("place", "must be text")]),
        # The cause comes before its consequence.
        (
            {"plcae": "x"},
            [("plcae", "is not an argument of this resource: did you mean place?"), ("place", "is required")],
        ),
        ({"place": "x", "plcae": SECRET}, [("plcae", "is not an argument of this resource: did you mean place?")]),
        ({"place": "x", "checked": SECRET}, [("checked", "is refused")]),
        ({"place": "x", "password": 5}, [("password", "must be text")]),
        (
            {"place": "x", "inner": {"code": SECRET}},
            [("inner.code", "must be a whole number")],
        ),
        (
            {"place": "x", "many": [{"code": 1}, {"code": 0}]},
            [("many[1].code", "must be at least 1")],
        ),
        (
            {"place": "x", "many": [{"code": 1, "names": ["a", 5]}]},
            [("many[0].names[1]", "must be text")],
        ),
        ({"place": "x", "by_name": {"a": {}}}, [("by_name.a.code", "is required")]),
        ({"place": UNKNOWN}, []),
        ({"place": "x", "password": UNKNOWN, "checked": UNKNOWN}, []),
        ({"place": "x", "inner": UNKNOWN, "many": UNKNOWN, "by_name": UNKNOWN}, []),
        ({"place": "x", "inner": {"code": UNKNOWN}, "many": [UNKNOWN, {"code": UNKNOWN}]}, []),
        (
            {"place": "x", "many": [UNKNOWN, {"code": 0}]},
            [("many[1].code", "must be at least 1")],
        ),
        ({"place": "x", "inner": {"codes": UNKNOWN}}, [("inner.code", "is required")]),
    ],
)
def test_problems_have_property_paths(raw: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems(Sample, raw, holds_unknown) == found


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10)
    | st.floats()
    | st.just(UNKNOWN)
    | st.text(max_size=6).map(lambda text: SECRET + text),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "names", "a", "triggers", "windows"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Sample.model_fields, "other"]), VALUES))
@settings(max_examples=120, deadline=None)
def test_problems_hold_no_value_and_skip_unknowns(raw: dict[str, Any]) -> None:
    for path, reason in problems(Sample, raw, holds_unknown):
        assert SECRET not in path + reason
        assert reason == "is required" or not isinstance(_at(raw, path), Unknown)


def _at(raw: Any, path: str) -> Any:
    for part in path.replace("[", ".").replace("]", "").split("."):
        raw = raw[int(part)] if isinstance(raw, list) else raw.get(part) if isinstance(raw, dict) else None
    return raw


@pytest.mark.parametrize("name", RESOURCES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_inputs_of_any_shape_are_accepted_or_refused(name: str, data: st.DataObject) -> None:
    resource = RESOURCES[name]
    raw = data.draw(st.dictionaries(st.sampled_from([*resource.inputs.model_fields, "other"]), VALUES))
    found = problems(resource.inputs, raw, holds_unknown)
    assert SECRET not in json.dumps([reason for _, reason in found])
    if not found and not holds_unknown(raw):
        resource.inputs.model_validate(raw)


# -- ids and moments --------------------------------------------------------------------------------------------------


@given(st.text(min_size=1))
def test_id_is_a_segment_of_a_path(text: str) -> None:
    try:
        vendor_id(text)
    except ValueError:
        return
    url = urlsplit(f"https://h/a/b/{text}")
    assert (url.path, url.query, url.fragment, url.hostname) == (f"/a/b/{text}", "", "", "h")
    assert text not in {".", ".."}
    assert not any(c in text for c in "\r\n\t ")


@pytest.mark.parametrize("text", ["..", ".", "a/b", "a?b", "a#b", "%2e%2e", "a b", "a\nb", "a\x00", "\u202ea", "a\\b"])
def test_id_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        vendor_id(text)


@given(
    st.datetimes(
        datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis wants its bounds without a zone
        datetime(9000, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC) | st.just(timezone(timedelta(hours=5, minutes=30))),
    )
)
def test_moments_are_utc_to_the_second(moment: datetime) -> None:
    text = rfc3339(moment)
    assert datetime.fromisoformat(text) == moment.replace(microsecond=0)
    assert text.endswith("Z")
