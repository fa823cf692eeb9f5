"""What is read out of an export, whatever stands in it."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_rekey.cli.choices import Health
from pulumi_rekey.cli.report import Report, Row, report
from pulumi_rekey.cli.report_html import page
from pulumi_rekey.cli.report_markdown import markdown
from pulumi_rekey.cli.report_terminal import for_terminal, plain
from pulumi_rekey.cli.stack_state import SECRET, read_stack
from pulumi_rekey.errors import Misconfigured

NOW = datetime(2026, 12, 24, tzinfo=UTC)
KIND = "pulumi-python:dynamic/rekey:"
MARK = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def resource(kind: str = "AppSecret", name: str = "shop", **fields: Any) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:dev::shop::rekey:index:Pair${KIND}{kind}::{name}",
        "type": f"{KIND}{kind}",
        "inputs": {"instance_id": "i", "app_id": "a", "rotation": {"max_age": "90d"}},
        "outputs": {
            "instance_id": "i",
            "app_id": "a",
            "generation": 1,
            "rotated_at": "2026-11-24T12:00:00Z",
            "secret": MARK | {"ciphertext": "v1:abc:def"},
        },
    } | fields


def of(*resources: object, **deployment: Any) -> Report:
    export = {"version": 3, "deployment": {"resources": list(resources)} | deployment}
    return report([read_stack(json.dumps(export).encode(), "dev.json")], NOW)


def only(found: Report) -> Row:
    ((_, row),) = found.rows
    return row


def test_status_takes_the_name_from_the_urn() -> None:
    row = only(of(resource(name="a::b $c")))
    assert (row.credential.name, row.credential.kind, row.credential.endpoint) == ("a::b $c", "AppSecret", "roma")
    secret = row.credential.state.secret  # type: ignore[attr-defined]  # an AppSecret's, which `State` does not know
    assert (row.verdict.health, secret.get_secret_value()) == (Health.OK, SECRET)


def test_status_of_either_front_end_is_the_same() -> None:
    pair = {"urn": "urn:pulumi:dev::shop::rekey:index:Pair::pair", "type": "rekey:index:Pair", "custom": False}
    native = resource(type="rekey:index:AppSecret", custom=True)
    row = only(of(pair, native))
    assert (row.credential.kind, row.verdict.health) == ("AppSecret", Health.OK)


def test_status_of_a_secret_trigger_is_not_a_change() -> None:
    """Each encryption of one value is another text, so that a difference says nothing."""
    seen = {"triggers": {"release": MARK | {"ciphertext": "v1:one"}}}
    asked = {"triggers": {"release": MARK | {"ciphertext": "v1:two"}}}
    found = resource(inputs={"rotation": asked})
    found["outputs"] |= {"rotation": seen}
    assert only(of(found)).verdict.health is Health.NEVER


@pytest.mark.parametrize("value", ["2", MARK | {"ciphertext": "v1:two"}])
@pytest.mark.parametrize(
    ("pending", "why"),
    [
        (None, None),
        (["triggers.release"], "trigger changed: release"),
        (["rotate_now"], "rotate_now: "),
        (["triggers.rotate_now"], "trigger changed: rotate_now"),
    ],
)
def test_what_was_put_off_is_known_without_the_key(value: Any, pending: list[str] | None, why: str | None) -> None:
    asked = {"triggers": {"release": value, "rotate_now": value}, "rotate_now": value}
    digests = {"triggers": {"release": "5e" * 16, "rotate_now": "5e" * 16}, "rotate_now": "5e" * 16}
    key = {"key": MARK | {"ciphertext": "v1:key"}}
    found = resource(inputs={"rotation": asked | {"rotate_now_is_secret": value != "2"}})
    found["outputs"] |= {"rotation": key | digests | ({"pending": pending} if pending else {})}
    verdict = only(of(found)).verdict
    assert (verdict.health is Health.DUE) == (pending is not None)
    assert (verdict.why or "").startswith(why or "rotates only when asked")


def test_status_of_a_secret_policy_is_unknown() -> None:
    found = resource(inputs={"rotation": MARK | {"ciphertext": "v1:abc"}})
    found["outputs"] |= {"rotation": MARK | {"ciphertext": "v1:def"}}
    row = only(of(found))
    assert row.verdict.health is Health.UNKNOWN
    assert (row.verdict.why or "").startswith("its policy cannot be read from here: it is secret")
    assert row.due is None


def test_status_of_an_interrupted_create_is_failing() -> None:
    interrupted = resource(outputs=None)
    row = only(of(pending_operations=[{"resource": interrupted, "type": "creating"}]))
    assert row.verdict == Row(row.credential, row.verdict).verdict
    assert (row.verdict.health, row.verdict.why) == (Health.FAILING, "its creation was interrupted")
    both = of(resource(), pending_operations=[{"resource": resource(), "type": "updating"}])
    assert only(both).verdict.why == "its update was interrupted"


def test_status_of_a_half_done_replacement_lists_both_objects() -> None:
    rows = [row for _, row in of(resource(), resource(delete=True)).rows]
    assert [row.verdict.health for row in rows] == [Health.FAILING, Health.OK]
    assert rows[0].verdict.why == "replaced, and the old object is not deleted yet"


@pytest.mark.parametrize("kind", ["Window", "load", "__all__", "Nonesuch", "Pair", "", "../x"])
def test_status_of_an_unknown_kind_is_unknown_by_name(kind: str) -> None:
    row = only(of(resource(kind)))
    assert row.credential.resource is None
    assert row.verdict.health is Health.UNKNOWN
    assert row.verdict.why == f"this version of rekey does not know {kind}: install the version that the project uses"
    assert row.credential.state.generation == 1


def test_status_of_an_unreadable_state_names_its_fields() -> None:
    found = resource()
    found["outputs"] |= {"generation": "two", "rotated_at": [MARK | {"plaintext": '"hidden"'}]}
    row = only(of(found))
    assert row.verdict.health is Health.FAILING
    assert row.verdict.why == "its state cannot be read: generation, rotated_at"


def test_status_of_secret_inputs_takes_them_as_applied() -> None:
    """They cannot be compared, and must not fail the rules of their fields."""
    found = resource()
    found["inputs"] |= {"secret": MARK | {"ciphertext": "v1:one"}, "app_id": MARK | {"ciphertext": "v1:two"}}
    found["outputs"] |= {"app_id": MARK | {"ciphertext": "v1:three"}}
    row = only(of(found))
    assert (row.verdict.health, row.due) == (Health.OK, datetime(2027, 2, 22, 12, tzinfo=UTC))
    key = resource("OpenIdProviderKey", inputs={"private_key": MARK | {"ciphertext": "v1:pem"}})
    key["outputs"] |= {"key_id": "k", "public_key": "p"}
    assert only(of(key)).verdict.health is Health.NEVER


def test_status_of_inputs_of_another_version_names_them() -> None:
    found = resource()
    found["inputs"] |= {"colour": "red", "app_id": ["a"]}
    row = only(of(found))
    assert (row.verdict.health, row.verdict.why) == (Health.UNKNOWN, "its inputs cannot be read: app_id, colour")


def test_status_of_an_empty_state_is_unknown() -> None:
    for empty in (resource(outputs={}), resource(outputs=None)):
        row = only(of(empty))
        assert (row.verdict.health, row.verdict.why) == (Health.UNKNOWN, "it has no state that can be read")
    row = only(of(resource(outputs=["x"])))
    assert (row.verdict.health, row.verdict.why) == (Health.FAILING, "its state cannot be read: outputs")


def test_status_follows_what_its_secret_comes_from() -> None:
    urn = f"urn:pulumi:dev::shop::{KIND}GeneratedSecret::generated"
    dependencies = {"secret": [urn], "app_id": ["urn:pulumi:dev::shop::other:index:App::app"]}
    followed = only(of(resource(inputs={"instance_id": "i", "app_id": "a"}, propertyDependencies=dependencies)))
    assert (followed.verdict.health, followed.verdict.why) == (Health.OK, "follows generated")
    for odd in (None, {}, {"secret": None}, {"secret": [1]}, ["secret"], {"app_id": [urn]}):
        assert only(of(resource(propertyDependencies=odd))).credential.follows == ()


def nested(depth: int) -> Any:
    value: Any = "deep"
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [100, 900])
@pytest.mark.parametrize("place", ["inputs", "outputs"])
def test_status_of_deeply_nested_properties_names_them(place: str, depth: int) -> None:
    found = resource(name="deep")
    found[place] |= {"notes": nested(depth)}
    rows = {row.credential.name: row for _, row in of(found, resource()).rows}
    assert set(rows) == {"deep", "shop"}
    assert (rows["deep"].verdict.why or "").endswith("cannot be read: notes (nested too deeply)")
    assert rows["shop"].verdict.health is Health.OK


EDGES = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"]


@pytest.mark.parametrize("field", ["rotated_at", "expires_at", "previous_expires_at", "next_rotation_at"])
@pytest.mark.parametrize("moment", EDGES)
def test_status_of_dates_at_the_edge_of_the_calendar(field: str, moment: str) -> None:
    found = resource()
    found["inputs"]["rotation"] |= {"windows": [{"cron": "0 2 * * SUN", "duration": "4h"}]}
    found["outputs"] |= {field: moment}
    whole = of(found)
    row = only(whole)
    if moment in {EDGES[1], EDGES[3]}:
        assert (row.verdict.health, row.verdict.why) == (Health.FAILING, f"its state cannot be read: {field}")
    every_form(whole)


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "9" * 5000, "1e999", "NaN", "-Infinity"])
@pytest.mark.parametrize("field", ["generation", "spread", "rotated_at"])
def test_status_of_a_number_that_no_state_has_names_it(number: str, field: str) -> None:
    found = resource()
    found["outputs"][field] = "NUMBER"
    export = json.dumps({"deployment": {"resources": [found, resource(name="other")]}}).replace('"NUMBER"', number)
    whole = report([read_stack(export.encode(), "-")], NOW)
    why = {row.credential.name: row.verdict.why for _, row in whole.rows}
    assert why == {"shop": f"its state cannot be read: {field}", "other": None}
    every_form(whole)


def every_form(whole: Report) -> None:
    """Write the report in every form: none fails, and no credential is left out."""
    names = [row.credential.name for _, row in whole.rows]
    (stack,) = json.loads(whole.as_json())["stacks"]
    assert [found["name"] for found in stack["credentials"]] == names
    assert len(list(plain(whole))) == len(names) + 2
    assert markdown(whole).count("\n| ") == len(names) + 1
    assert page(whole).count('<tr role="row" id=') == len(names)
    list(for_terminal(whole))


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from(["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-11-24T12:00:00+23:59", "90d", MARK]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A resource in which one or two values anywhere are something else."""
    found = copy.deepcopy(resource(initErrors=["x"]))
    found["outputs"] |= {"expires_at": "2027-01-01T00:00:00Z", "previous_expires_at": "2026-12-01T00:00:00Z"}
    found["outputs"] |= {"spread": 0.5, "next_rotation_at": "2026-12-30T00:00:00Z", "step": None, "endpoint": "roma"}
    found["inputs"]["rotation"] |= {"windows": [{"cron": "0 2 * * SUN", "duration": "4h"}], "freeze": ["2026-12-24"]}
    if draw(st.booleans()):
        del found["initErrors"]
    for _ in range(draw(st.integers(1, 2))):
        at: Any = found
        while True:
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
            if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            # A copy: what is drawn next may be put into it, and it is every test's.
            at[key] = copy.deepcopy(draw(ANY_JSON))
            break
    return found


@settings(max_examples=200, deadline=None)
@given(damaged())
def test_report_survives_any_damaged_state(found: dict[str, Any]) -> None:
    try:
        whole = of(resource(), found)
    except Misconfigured:
        return
    assert len(list(whole.rows)) == 1 + found["type"].startswith(KIND)
    every_form(whole)


@settings(max_examples=100, deadline=None)
@given(ANY_JSON, ANY_JSON)
def test_status_survives_any_json(resources: Any, operations: Any) -> None:
    for export in (resources, {"deployment": resources}, {"deployment": {"resources": resources}}):
        try:
            read_stack(json.dumps(export).encode(), "x")
        except Misconfigured:
            continue
    deployment = {"resources": [], "pending_operations": operations}
    try:
        read_stack(json.dumps({"deployment": deployment}).encode(), "x")
    except Misconfigured:
        return


def test_report_timeline_of_dense_windows_is_quick_and_small() -> None:
    policy = {"max_age": "3660d", "windows": [{"cron": "* * * * *", "duration": "10m"}]}
    rows = [resource(name=f"shop-{number}", inputs={"rotation": policy}) for number in range(200)]
    started = datetime.now(UTC)
    written = page(of(*rows))
    assert datetime.now(UTC) - started < timedelta(seconds=20)
    assert len(written) < 400_000
