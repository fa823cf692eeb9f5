"""The identity broker: tokens, directories, the credentials of sync clients, and SCIM that proves them."""

from typing import Any

import httpx
import pytest

from tools.administrators import Broker

from .conftest import Sandbox

MEDIA = "application/vnd.vmware.vidm.usergroup.broker.directory"
SYNC_CLIENT, DIRECTORY, LIST = (MEDIA + kind for kind in (".syncclientconfiguration+json", "+json", ".list+json"))


class Admin(Broker):
    """A client with the rule set for directories, speaking the vCenter dialect or Omnissa's."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.sync_client = f"{self.directories}/{self.known['directory_id']}/sync-client"
        self.token = self.log_in().json()["access_token"]

    def call(
        self, method: str, path: str, body: Any = None, media: str = SYNC_CLIENT, **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": options.pop("accept", "*/*")}
        if body is not None:
            headers["Content-Type"] = media if self.tenant else "application/json"
            options["content"] = httpx.Request("POST", "/", json=body).content
        return self.http.request(method, path, headers=headers, **options)

    def generate(self, path: str = "", **settings: Any) -> httpx.Response:
        query = {"action": "generate_credentials"}
        return self.call("POST", path or self.sync_client, settings or None, params=query)

    def push(self, token: str) -> int:
        """The status that somebody who pushes users gets with a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.get(f"/usergroup{self.tenant}/scim/v2/Users", headers=headers).status_code

    def create(self, **fields: Any) -> httpx.Response:
        fields = {"name": "new", "domains": ["new.example.com"]} | fields
        return self.call("POST", self.directories, fields, DIRECTORY)


@pytest.fixture
def admin(sandbox: Sandbox) -> Admin:
    return Admin(sandbox)


def test_login_gives_a_token(sandbox: Sandbox, admin: Admin) -> None:
    given = admin.log_in()
    assert given.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert given.headers["Cache-Control"] == "no-store"
    answer = given.json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 21600)
    assert answer["access_token"].count(".") == 2
    form = {name: admin.known[name] for name in ("client_id", "client_secret")}
    assert admin.http.post("/acs/t/CUSTOMER/token", data={"grant_type": "client_credentials"} | form).status_code == 200
    sandbox.advance("6h")
    assert admin.call("GET", admin.sync_client).status_code == 401


def test_login_refused(admin: Admin) -> None:
    def error(answer: httpx.Response) -> str:
        assert answer.status_code == 400
        assert set(answer.json()) == {"error", "error_description"}
        code: str = answer.json()["error"]
        return code

    assert error(admin.log_in(secret="x")) == "invalid_client"
    assert error(admin.log_in("x")) == "invalid_client"
    assert error(admin.log_in(grant_type="password")) == "unsupported_grant_type"
    token = "/acs/t/CUSTOMER/token"
    assert error(admin.http.post(token, data={"grant_type": "client_credentials"})) == "invalid_client"
    assert error(admin.http.post(token, json={"grant_type": "client_credentials"})) == "invalid_request"
    assert error(admin.http.post(token, data={"scope": "x"})) == "invalid_request"
    assert error(admin.http.post(token, data={"a": "b"}, headers={"Authorization": "Basic !"})) == "invalid_request"
    admin.tenant = "/t/OTHER"
    assert error(admin.log_in()) == "invalid_request"


def test_access_refused(admin: Admin) -> None:
    strangers: tuple[dict[str, str], ...] = {"Authorization": "Bearer x"}, {"Authorization": f"HZN {admin.token}"}, {}
    for headers in strangers:
        answer = admin.http.get(admin.sync_client, headers=headers)
        assert (answer.status_code, answer.content) == (401, b"")
    assert admin.call("GET", admin.sync_client.replace("CUSTOMER", "OTHER")).status_code == 401
    admin.token = admin.log_in(admin.known["weak_client_id"], admin.known["weak_client_secret"]).json()["access_token"]
    assert admin.generate().status_code == 403
    admin.token = admin.log_in(admin.known["sync_client_id"], admin.known["sync_client_secret"]).json()["access_token"]
    assert admin.generate().status_code == 403
    assert admin.push(admin.token) == 200


def test_generate_secret_ends_the_one_before(admin: Admin) -> None:
    used = admin.known["sync_client_id"], admin.known["sync_client_secret"]
    old = admin.log_in(*used).json()["access_token"]
    assert admin.push(old) == 200

    made = admin.generate(generate_token=False)
    assert made.headers["content-type"] == SYNC_CLIENT
    assert set(made.json()) == {"_links", "generate_token", "token_ttl", "client_id", "client_secret"}
    assert made.json()["token_ttl"] == 262800
    new = admin.log_in(made.json()["client_id"], made.json()["client_secret"]).json()
    assert new["expires_in"] == 262800 * 60
    assert (admin.push(new["access_token"]), admin.push(old), admin.log_in(*used).status_code) == (200, 401, 400)


def test_generate_token_ends_the_one_before(sandbox: Sandbox, admin: Admin) -> None:
    secret = admin.generate().json()
    made = admin.generate(generate_token=True, token_ttl=90).json()
    assert set(made) == {"_links", "generate_token", "token_ttl", "access_token", "access_token_expire_in"}
    assert (made["token_ttl"], made["access_token_expire_in"]) == (90, 5400)
    assert admin.push(made["access_token"]) == 200
    assert admin.log_in(secret["client_id"], secret["client_secret"]).status_code == 400

    again = admin.generate().json()  # both settings were saved
    assert (again["generate_token"], again["token_ttl"]) == (True, 90)
    assert (admin.push(made["access_token"]), admin.push(again["access_token"])) == (401, 200)
    sandbox.advance("89m")
    assert admin.push(again["access_token"]) == 200
    sandbox.advance("1m")
    assert admin.push(again["access_token"]) == 401
    assert admin.call("GET", admin.sync_client).json()["access_token_expire_in"] == 0


def test_get_shows_no_secret_and_by_dialect_the_token(sandbox: Sandbox, admin: Admin) -> None:
    shown = admin.call("GET", admin.sync_client, accept=SYNC_CLIENT)
    assert shown.headers["content-type"] == SYNC_CLIENT
    assert set(shown.json()) == {"_links", "client_id", "generate_token", "token_ttl"}
    assert shown.json()["_links"]["self"]["href"] == sandbox.url + admin.sync_client
    token = admin.generate(generate_token=True).json()["access_token"]
    assert admin.call("GET", admin.sync_client).json()["access_token"] == token
    sandbox.dialect(broker__get_shows_token="no")
    assert "access_token" not in admin.call("GET", admin.sync_client).text


@pytest.mark.parametrize(
    "settings",
    [
        {"token_ttl": 0},
        {"token_ttl": 1051201},
        {"token_ttl": 30.5},
        {"token_ttl": "30"},
        {"token_ttl": True},
        {"generate_token": "true"},
        {"generate_token": 1},
    ],
)
def test_generate_with_refused_settings_changes_nothing(admin: Admin, settings: dict[str, Any]) -> None:
    answer = admin.generate(**settings)
    assert (answer.status_code, answer.content) == (400, b"")
    assert admin.log_in(admin.known["sync_client_id"], admin.known["sync_client_secret"]).status_code == 200


@pytest.mark.parametrize("ttl", [1, 1051200])
def test_token_ttl_bounds(admin: Admin, ttl: int) -> None:
    assert admin.generate(generate_token=True, token_ttl=ttl).json()["access_token_expire_in"] == ttl * 60


def test_generate_ignores_null_and_read_only_fields(admin: Admin) -> None:
    given: dict[str, Any] = {"generate_token": None, "token_ttl": None, "client_id": "mine", "client_secret": "mine"}
    made = admin.generate(**given).json()
    assert made["client_id"] == admin.known["sync_client_id"]
    assert made["client_secret"] != "mine"


def test_generate_requires_the_action(admin: Admin) -> None:
    for query in ({}, {"action": "x"}, {"action": ["generate_credentials", "x"]}):
        assert admin.call("POST", admin.sync_client, params=query).status_code == 400


def test_media_types(admin: Admin) -> None:
    query = {"action": "generate_credentials"}
    plain = admin.call("POST", admin.sync_client, {"token_ttl": 5}, "application/json", params=query)
    assert plain.status_code == 415
    assert admin.call("POST", admin.sync_client, params=query, accept="application/json").status_code == 406
    assert admin.log_in(admin.known["sync_client_id"], admin.known["sync_client_secret"]).status_code == 200
    headers = {"Authorization": f"Bearer {admin.token}", "Content-Type": SYNC_CLIENT}
    for content in ("{", "[]"):
        answer = admin.http.post(admin.sync_client, headers=headers, params=query, content=content)
        assert answer.status_code == 400


def test_generate_for_none_or_several_sync_clients(admin: Admin) -> None:
    just_in_time = admin.create(type="JIT").json()["id"]
    for identity, status in (("x", 404), (just_in_time, 404), (admin.known["conflicting_directory_id"], 409)):
        path = f"{admin.directories}/{identity}/sync-client"
        assert admin.generate(path).status_code == admin.call("GET", path).status_code == status
    conflicting = f"{admin.directories}/{admin.known['conflicting_directory_id']}"
    assert admin.call("GET", conflicting).status_code == 409
    assert admin.call("PATCH", f"{admin.directories}/{just_in_time}", {"name": "b"}, DIRECTORY).status_code == 409


def test_directory_from_create_to_delete(admin: Admin) -> None:
    created = admin.create(default_domain="new.example.com", source="OKTA")
    assert (created.status_code, created.headers["content-type"]) == (201, DIRECTORY)
    path = f"{admin.directories}/{created.json()['id']}"
    made = admin.generate(f"{path}/sync-client", generate_token=True).json()
    assert admin.push(made["access_token"]) == 200

    listed = admin.call("GET", admin.directories)
    assert listed.headers["content-type"] == LIST
    assert [item["name"] for item in listed.json()["items"]] == ["corp", "merged", "new"]
    assert all("default_domain" not in item for item in listed.json()["items"])

    changed = admin.call("PATCH", path, {"name": "newer"}, DIRECTORY)
    assert changed.json() == admin.call("GET", path).json() == created.json() | {"name": "newer"}
    assert admin.push(made["access_token"]) == 200
    assert admin.call("DELETE", path).status_code == 202
    assert admin.call("DELETE", path).status_code == admin.generate(f"{path}/sync-client").status_code == 404
    assert admin.push(made["access_token"]) == 401


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": None}, 400),
        ({"name": "a" * 129}, 400),
        ({"name": "a/b"}, 400),
        ({"domains": []}, 400),
        ({"domains": ["a", "a"]}, 400),
        ({"domains": [str(n) for n in range(31)]}, 400),
        ({"domains": [5]}, 400),
        ({"default_domain": "other"}, 400),
        ({"source": "LDAP"}, 400),
        ({"type": "x"}, 400),
        ({"name": "corp"}, 409),
        ({"domains": ["corp.example.com"]}, 409),
    ],
)
def test_directory_create_refused(admin: Admin, fields: dict[str, object], status: int) -> None:
    assert admin.create(**fields).status_code == status


def test_errors_are_structured_by_dialect(sandbox: Sandbox, admin: Admin) -> None:
    sandbox.dialect(broker__error_body="structured")
    answer = admin.generate(f"{admin.directories}/x/sync-client")
    assert answer.status_code == 404
    [error] = answer.json()["errors"]
    assert set(error) == {"code", "message", "parameters"}


def test_directory_update_refused(admin: Admin) -> None:
    path = f"{admin.directories}/{admin.known['directory_id']}"
    before = admin.call("GET", path).json()
    bodies: tuple[object, ...] = (
        None,
        {"name": ""},
        {"name": None},
        {"domains": []},
        {"domains": None},
        {"default_domain": ""},
    )
    for body in bodies:
        assert admin.call("PATCH", path, body, DIRECTORY).status_code == 400
    assert admin.call("GET", path).json() == before
    assert admin.call("PATCH", path, {}, DIRECTORY).json() == before


def test_dialect_omnissa(sandbox: Sandbox) -> None:
    sandbox.dialect(broker__dialect="omnissa")
    admin = Admin(sandbox)
    made = admin.generate(generate_token=True, token_ttl=1)
    assert made.headers["content-type"] == "application/json"
    assert admin.push(made.json()["access_token"]) == 200
    assert admin.http.post("/acs/t/CUSTOMER/token").status_code == 404
    missing = f"{admin.directories}/x"
    assert set(admin.call("GET", missing).json()["errors"][0]) == {"code", "message", "parameters"}
    sandbox.dialect(broker__omnissa_error_body="empty")
    assert admin.call("GET", missing).content == b""
    sandbox.dialect(broker__dialect="vcenter")
    assert admin.generate().status_code == 404
