"""A provider's settings, in the stack's configuration or as arguments."""

import json
from typing import Any

import pytest
from pulumi_rekey.frontend.values import UNKNOWN, Secret
from pulumi_rekey.frontend.version import package_version
from pulumi_rekey.native.settings import as_texts, checked

VCD = {"url": "https://vcd.example.com", "apiToken": "t", "allowUnverifiedSsl": True}


def failures(**settings: Any) -> dict[str, str]:
    return dict(checked(settings)[1])


@pytest.mark.parametrize("endpoints", [{"vcd": VCD}, json.dumps({"vcd": VCD})], ids=["map", "json"])
def test_settings_that_may_hold_a_credential_are_marked_whole(endpoints: Any) -> None:
    settings = {"endpoints": endpoints, "owner": "o", "rotateNow": {"it": "INC-1"}, "version": package_version()}
    marked, refused = checked(settings)
    assert refused == []
    assert marked == settings | {"endpoints": Secret(endpoints), "owner": Secret("o")}


@pytest.mark.parametrize("name", ["frontend", "version", "pluginDownloadURL", "endpoints", "owner", "rotateNow"])
def test_settings_that_exist_are_taken(name: str) -> None:
    assert failures(**{name: package_version() if name == "version" else {}}) == {}


def test_settings_that_do_not_exist_are_named() -> None:
    assert failures(endpont="x", owner="o") == {
        "endpont": "is not a setting of rekey: did you mean endpoints? use one of: endpoints, owner, rotateNow,"
        " frontend"
    }
    assert "set it with --path" in failures(**{"endpoints.vcd.url": "https://vcd.example.com"})["endpoints.vcd.url"]
    assert checked({"orgId": "o"}, "rekey")[1] == [], "the project's own"


@pytest.mark.parametrize(
    ("name", "endpoint", "kind"),
    [("vcd", VCD, "vcd"), ("dr", {"kind": "vcd", **VCD}, "vcd"), ("roma", {"kind": "vcd", **VCD}, "vcd")],
)
@pytest.mark.parametrize("how", [lambda map_: map_, json.dumps], ids=["map", "json"])
def test_settings_of_an_endpoint_that_do_not_exist_are_named(
    name: str, endpoint: dict[str, Any], kind: str, how: Any
) -> None:
    assert failures(endpoints=how({name: endpoint})) == {}
    ((path, reason),) = failures(endpoints=how({name: endpoint | {"apiTokn": "s3cret"}})).items()
    assert path == f"endpoints.{name}.apiTokn"
    assert reason.startswith(
        f"rekey:endpoints.{name}.apiTokn is not a setting of kind {kind}: did you mean apiToken? use one of: "
    )
    assert "s3cret" not in reason


@pytest.mark.parametrize(
    "endpoints",
    [UNKNOWN, {"vcd": UNKNOWN}, {"vcd": {"kind": UNKNOWN}}, {"dr": {"apiTokn": "x"}}, "no JSON", "[]", "3", None],
    ids=repr,
)
def test_settings_that_are_not_known_yet_or_no_endpoints_are_judged_where_they_are_used(endpoints: Any) -> None:
    assert failures(endpoints=endpoints) == {}


def test_settings_of_another_version_are_refused() -> None:
    (refused,) = failures(version="0.0.1").items()
    assert refused == (
        "version",
        f"is that of the program's package, and this plugin is {package_version()}: install the same version for both",
    )


def test_settings_are_read_as_a_stack_has_them() -> None:
    known = {"owner": "o", "endpoints": {"vcd": {"timeout": 20.0}}, "rotateNow": '{"it": "INC-1"}'}
    assert as_texts(known | {"unknown": UNKNOWN, "partly": {"vcd": {"url": UNKNOWN}}}) == {
        "rekey:owner": "o",
        "rekey:endpoints": '{"vcd": {"timeout": 20.0}}',
        "rekey:rotateNow": '{"it": "INC-1"}',
    }
