"""What no vendor serves is refused as each vendor refuses: in its form, and with every method that the path has."""

from xml.etree import ElementTree as ET

import httpx
import pytest

from .conftest import Sandbox


def allowed(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 405
    return set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/cloudapi/1.0.0/openIdProvider/keys/x", {"GET", "PUT", "DELETE", "HEAD"}),
        ("/cloudapi/1.0.0/sessions", {"GET", "POST", "HEAD"}),
        ("/usergroup/t/CUSTOMER/broker/directories/x", {"GET", "PATCH", "DELETE", "HEAD"}),
        ("/cphub/api/auth/v2/orgs/x/oauth-apps/y", {"GET", "PATCH", "HEAD"}),
        ("/v2/x/instances/y/apps/z", {"GET", "PUT", "DELETE", "HEAD"}),
        ("/v3/auth/tokens", {"POST"}),
    ],
)
def test_method_refused_names_all_methods(sandbox: Sandbox, path: str, methods: set[str]) -> None:
    assert allowed(sandbox.http.request("TRACE", path)) == methods


def test_unserved_of_cloud_director(sandbox: Sandbox) -> None:
    for answer, status in (
        (sandbox.http.get("/cloudapi/1.0.0/nothing"), 404),
        (sandbox.http.patch("/cloudapi/1.0.0/sessions"), 405),
        (sandbox.http.get("/oauth/provider/nothing"), 404),
    ):
        assert answer.status_code == status
        assert set(answer.json()) == {"minorErrorCode", "message", "stackTrace"}
        assert answer.headers["X-VMWARE-VCLOUD-REQUEST-ID"]
    older = sandbox.http.get("/api/nothing")
    assert older.status_code == 404
    assert ET.fromstring(older.content).attrib["minorErrorCode"] == "RESOURCE_NOT_FOUND"


def test_unserved_of_the_broker(sandbox: Sandbox) -> None:
    paths = {"vcenter": "/usergroup/t/CUSTOMER/broker/directories", "omnissa": "/usergroup/broker/directories"}
    for dialect, path in paths.items():
        sandbox.dialect(broker__dialect=dialect)
        for other in {*paths.values()} - {path} | {"/acs/nothing"}:
            answer = sandbox.http.put(other)
            assert answer.status_code == 404
            assert bool(answer.content) is (dialect == "omnissa")
        assert allowed(sandbox.http.put(path)) == {"GET", "POST", "HEAD"}


def test_unserved_of_navigator(sandbox: Sandbox) -> None:
    answer = sandbox.http.get("/cphub/api/auth/v2/nothing")
    assert (answer.status_code, answer.json()["statusCode"]) == (404, 404)
    sandbox.dialect(navigator__error_body="empty")
    empty = sandbox.http.get("/cphub/api/auth/v2/nothing")
    assert (empty.status_code, empty.content) == (404, b"")


def test_unserved_of_roma_and_iam(sandbox: Sandbox) -> None:
    answer = sandbox.http.get("/v2/x/instances/y/nothing")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ROMA.1007")
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]
    iam = sandbox.http.get("/v3/nothing")
    assert (iam.status_code, iam.json()["error"]["code"]) == (404, 404)


def test_unserved_of_nobody(sandbox: Sandbox) -> None:
    assert sandbox.http.get("/").status_code == 404
    # A slash more is another path, and no redirect.
    assert sandbox.http.get("/api/versions/").status_code == 404
