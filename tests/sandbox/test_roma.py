"""ROMA Connect: logins, applications, their secrets, what is refused, a consumer that proves a secret."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials  # type: ignore[import-untyped]  # ships no types
from huaweicloudsdkcore.sdk_request import SdkRequest  # type: ignore[import-untyped]  # ships no types
from huaweicloudsdkcore.signer.signer import Signer  # type: ignore[import-untyped]  # ships no types

from tools.administrators import Roma

from .conftest import Sandbox


class Manager(Roma):
    """A client that logs in with a password."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.apps = "/v2/{project_id}/instances/{instance_id}/apps".format(**self.known)
        self.app = f"{self.apps}/{self.known['app_id']}"
        self.token = self.log_in().headers["X-Subject-Token"]

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, path, headers={"X-Auth-Token": self.token}, **options)

    def echo(self, key: str, secret: str) -> int:
        """The status that a consumer gets who signs with an application's key and secret."""
        host = httpx.URL(self.known["url"]).netloc.decode()
        request = SdkRequest(
            method="GET",
            schema="http",
            host=host,
            resource_path="/_consumer/roma/echo",
            query_params=[],
            header_params={},
        )
        Signer(BasicCredentials(key, secret, "-")).sign(request)
        return self.http.get("/_consumer/roma/echo", headers=request.header_params).status_code


@pytest.fixture
def manager(sandbox: Sandbox) -> Manager:
    return Manager(sandbox)


def test_login_with_password(manager: Manager) -> None:
    answer = manager.log_in()
    assert answer.status_code == 201
    assert answer.json()["token"]["project"]["id"] == manager.known["project_id"]
    assert answer.headers["X-Subject-Token"] not in answer.text
    for wrong in ({"name": "x"}, {"password": "x"}, {"domain": "x"}):
        assert manager.log_in(**wrong).status_code == 401
    assert manager.log_in(project="x").status_code == 403
    assert manager.http.post("/v3/auth/tokens", json={"auth": {"identity": {}}}).status_code == 400
    assert manager.http.post("/v3/auth/tokens", content="{").status_code == 400


def test_login_token_lives_a_day_and_outlives_a_newer_one(sandbox: Sandbox, manager: Manager) -> None:
    manager.log_in()
    sandbox.advance("23h59m")
    assert manager.call("GET", manager.app).status_code == 200
    sandbox.advance("1m")
    assert manager.call("GET", manager.app).json()["error_code"] == "ROMA.1002"


def test_access_refused(sandbox: Sandbox, manager: Manager) -> None:
    assert manager.http.get(manager.app).json()["error_code"] == "ROMA.1000"
    manager.token = "x"
    wrong = manager.call("GET", manager.app)
    assert (wrong.status_code, wrong.json()["error_code"]) == (400, "ROMA.1002")
    sandbox.dialect(roma__auth_failure="401")
    assert manager.call("GET", manager.app).status_code == 401
    weak = manager.log_in(manager.known["weak_user_name"], manager.known["weak_password"])
    manager.token = weak.headers["X-Subject-Token"]
    forbidden = manager.call("GET", manager.app)
    assert (forbidden.status_code, forbidden.json()["error_code"]) == (403, "ROMA.00000101")


def test_access_to_another_project_or_instance_refused(manager: Manager) -> None:
    for name in ("project_id", "instance_id"):
        path = manager.app.replace(manager.known[name], "another")
        assert manager.call("GET", path).status_code == 403


def test_access_as_another_project_refused(manager: Manager) -> None:
    content = '{"secret": "Signed1"}'
    for project, status in ((manager.known["project_id"], 200), ("another", 403)):
        request = signed(manager, header_params={"X-Project-Id": project, "Content-Type": "application/json"})
        assert send(manager, request, content).status_code == status


def test_error_text_is_bounded(manager: Manager) -> None:
    names = ";".join(f"x-missing-{number}" for number in range(50))
    authorization = (
        f"SDK-HMAC-SHA256 Access={manager.known['access_key']}, SignedHeaders=x-sdk-date;{names}, Signature="
    )
    headers = {"Authorization": authorization + "0" * 64, "X-Sdk-Date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"}
    error = manager.http.get(manager.app, headers=headers).json()
    assert error["error_code"] == "ROMA.1002"
    assert len(error["error_msg"]) == len(error["error_details"]) == 128


def test_request_without_body_refused(manager: Manager) -> None:
    for method, path in (("POST", manager.apps), ("PUT", manager.app)):
        answer = manager.call(method, path)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "ROMA.13001")


def test_request_id_in_every_answer(manager: Manager) -> None:
    good, bad = manager.call("GET", manager.app), manager.call("GET", f"{manager.apps}/x")
    assert good.headers["X-Request-Id"] != bad.headers["X-Request-Id"] == bad.json()["request_id"]
    assert set(bad.json()) == {"error_code", "error_msg", "error_details", "request_id"}


def test_application_shows_no_secret(manager: Manager) -> None:
    created = manager.call("POST", manager.apps, json={"name": "a", "secret": "Given1"})
    assert created.status_code == 201
    path = f"{manager.apps}/{created.json()['id']}"
    answers = [
        created,
        manager.call("GET", path),
        manager.call("PUT", path, json={"name": "b"}),
        manager.call("GET", manager.apps),
    ]
    assert all("Given1" not in answer.text for answer in answers)
    assert manager.call("GET", f"{path}/secret").json() == {"id": created.json()["id"], "secret": "Given1"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "orders"},
        {"name": "a/b"},
        {"name": 5},
        {"name": "a", "key": "-a"},
        {"name": "a", "key": "a b"},
        {"name": "a", "secret": "a b"},
        {"name": "a", "favorite": "yes"},
        [],
    ],
)
def test_application_create_refused(manager: Manager, body: object) -> None:
    answer = manager.call("POST", manager.apps, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ROMA.13000")
    assert manager.call("GET", manager.apps).json()["total"] == 1


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"name": "\\ud800"}', b"[" * 100_000, b"null", b'"name"'])
def test_application_create_refuses_other_bodies(manager: Manager, content: bytes) -> None:
    answer = manager.call("POST", manager.apps, content=content)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ROMA.13000")


def test_application_name_and_key_are_unique(manager: Manager) -> None:
    assert manager.call("POST", manager.apps, json={"name": "a", "key": "k"}).status_code == 201
    assert manager.call("POST", manager.apps, json={"name": "b", "key": "k"}).status_code == 400
    assert manager.call("PUT", manager.app, json={"name": "a"}).status_code == 400
    assert manager.call("PUT", manager.app, json={"name": "orders"}).status_code == 200


def test_list_pages_and_filters(manager: Manager) -> None:
    for number in range(5):
        manager.call("POST", manager.apps, json={"name": f"page-{number}", "favorite": number == 4})

    def listed(**query: object) -> tuple[int, list[str]]:
        answer = manager.call("GET", manager.apps, params=query).json()
        assert answer["size"] == len(answer["apps"])
        return answer["total"], [app["name"] for app in answer["apps"]]

    assert listed(offset=0, limit=2) == (6, ["page-4", "orders"])
    assert listed(offset=4, limit=2, name="page") == (5, ["page-3"])
    assert listed(favorite="true") == (1, ["page-4"])
    assert listed(owner="false") == (0, [])
    assert listed(user_name="nobody") == (0, [])
    for wrong in ({"limit": 0}, {"offset": -1}, {"limit": "x"}, {"limit": "9" * 5000}, {"favorite": "yes"}):
        assert manager.call("GET", manager.apps, params=wrong).status_code == 400


def test_application_delete(sandbox: Sandbox, manager: Manager) -> None:
    deleted = manager.call("DELETE", manager.app)
    assert (deleted.status_code, deleted.content) == (200, b"")
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/secret"), ("PUT", "/secret")):
        gone = manager.call(method, manager.app + path)
        assert (gone.status_code, gone.json()["error_code"]) == (404, "ROMA.00014001")
    sandbox.dialect(roma__missing_app="403")
    assert manager.call("GET", manager.app).json()["error_code"] == "ROMA.00000101"


def test_application_validate(manager: Manager) -> None:
    path = manager.apps.replace("/apps", "/validate-apps")
    assert set(manager.call("GET", path, params={"name": "orders"}).json()) == {"id", "name", "remark"}
    assert manager.call("GET", path, params={"name": "order"}).status_code == 404
    assert manager.call("GET", path, params={"name": "orders", "id": "x"}).status_code == 404
    assert manager.call("GET", path).status_code == 400


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"secret": null}', b'{"secret": null}\n'])
def test_secret_reset_without_one_makes_one(manager: Manager, content: bytes | None) -> None:
    before = manager.call("GET", f"{manager.app}/secret").json()
    after = manager.call("PUT", f"{manager.app}/secret", content=content)
    assert after.status_code == 200
    assert before["secret"] != after.json()["secret"]
    assert manager.call("GET", f"{manager.app}/secret").json() == after.json()


@pytest.mark.parametrize("secret", ["a b", " ", "", "a_b", "ü", "a,b", 5, ["a"]])
def test_secret_reset_refused_changes_nothing(manager: Manager, secret: object) -> None:
    before = manager.call("GET", f"{manager.app}/secret").json()
    answer = manager.call("PUT", f"{manager.app}/secret", json={"secret": secret})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ROMA.13000")
    assert manager.call("GET", f"{manager.app}/secret").json() == before


def test_secret_is_masked_by_dialect(sandbox: Sandbox, manager: Manager) -> None:
    manager.call("PUT", f"{manager.app}/secret", json={"secret": "JNs1VK3vLdTT9Djd"})
    sandbox.dialect(roma__get_secret="masked")
    assert manager.call("GET", f"{manager.app}/secret").json()["secret"] == "JNs****Djd"
    assert manager.call("PUT", f"{manager.app}/secret", json={"secret": "Plain1"}).json()["secret"] == "Plain1"


def test_signature_proves_the_current_secret_only(manager: Manager) -> None:
    key = manager.call("GET", manager.app).json()["key"]
    old = manager.call("GET", f"{manager.app}/secret").json()["secret"]
    assert manager.echo(key, old) == 200
    new = manager.call("PUT", f"{manager.app}/secret").json()["secret"]
    assert (manager.echo(key, new), manager.echo(key, old), manager.echo("x", new)) == (200, 401, 401)
    manager.call("DELETE", manager.app)
    assert manager.echo(key, new) == 401


def signed(manager: Manager, **changes: Any) -> SdkRequest:
    fields: dict[str, Any] = {
        "method": "PUT",
        "schema": "http",
        "host": httpx.URL(manager.known["url"]).netloc.decode(),
        "resource_path": f"{manager.app}/secret",
        "query_params": [("b", "2 ü"), ("a", "1"), ("a", "0")],
        "header_params": {"Content-Type": "application/json", "X-Note": "  spaced  "},
        "body": '{"secret": "Signed1"}',
    } | changes
    request = SdkRequest(**fields)
    Signer(BasicCredentials(manager.known["access_key"], manager.known["secret_key"], "-")).sign(request)
    return request


def send(manager: Manager, request: SdkRequest, content: str, **headers: str) -> httpx.Response:
    return manager.http.request(request.method, request.uri, headers=request.header_params | headers, content=content)


def test_signature_covers_method_path_query_headers_and_body(manager: Manager) -> None:
    request, body = signed(manager), '{"secret": "Signed1"}'
    assert send(manager, request, body).json()["secret"] == "Signed1"
    assert send(manager, request, body + "\n").json()["error_code"] == "ROMA.1002"
    assert send(manager, request, body, **{"X-Note": "other"}).status_code == 400
    assert send(manager, request, body, **{"X-Unsigned": "other"}).status_code == 200
    request.uri += "&c=3"
    assert send(manager, request, body).status_code == 400


@pytest.mark.parametrize("date", ["20200101T000000Z", "29991231T235959Z"])
def test_signature_expires_by_real_time(sandbox: Sandbox, manager: Manager, date: str) -> None:
    old = signed(manager, header_params={"X-Sdk-Date": date})
    assert "expired" in send(manager, old, '{"secret": "Signed1"}').json()["error_msg"]
    sandbox.advance("365d")
    assert send(manager, signed(manager), '{"secret": "Signed1"}').status_code == 200


def test_signature_with_unsigned_payload_for_other_media(manager: Manager) -> None:
    request = signed(manager, header_params={"Content-Type": "text/plain"})
    assert send(manager, request, '{"secret": "Other1"}').json()["secret"] == "Other1"
