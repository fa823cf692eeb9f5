"""Cloud Partner Navigator: logins, OAuth apps, four ways to rotate, and a consumer that proves a secret."""

import base64
import json
from typing import Any

import httpx
import pytest

from tools.administrators import Navigator

from .conftest import Sandbox

BASE = "/cphub/api/auth"
FIRST, SECOND, THIRD = "First-secret-1", "Second-secret-2", "Third-secret-3"


class Manager(Navigator):
    """A user that may manage the organisation's apps."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.org = self.known["org_id"]
        self.apps_path = f"{BASE}/v2/orgs/{self.org}/oauth-apps"
        self.token = self.log_in().json()["accessToken"]

    def call(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        headers = {"csp-auth-token": self.token} | options.pop("headers_too", {})
        return self.http.request(method, self.apps_path + path, headers=headers, **options)

    def create(self, **settings: Any) -> str:
        created = self.call("POST", json={"id": "robot", "secret": FIRST} | settings)
        assert created.status_code == 200, created.text
        client_id: str = created.json()["clientId"]
        return client_id

    def authorize(self, client_id: str, secret: str, **query: object) -> httpx.Response:
        parameters: dict[str, Any] = {"orgId": self.org} | query
        url = f"{BASE}/v2/authn/authorize"
        return self.http.post(
            url, params=parameters, auth=(client_id, secret), data={"grant_type": "client_credentials"}
        )

    def accepted(self, *secrets: str) -> list[bool]:
        """Which secrets of the app "robot" log in."""
        return [self.authorize("robot", secret).status_code == 200 for secret in secrets]


@pytest.fixture
def manager(sandbox: Sandbox) -> Manager:
    return Manager(sandbox)


def lifetime(answer: httpx.Response) -> int:
    """The seconds that an access token lives, which only the token itself tells."""
    payload = answer.json()["accessToken"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    seconds: int = claims["exp"] - claims["iat"]
    return seconds


def test_login_of_a_user(sandbox: Sandbox, manager: Manager) -> None:
    answer = manager.log_in()
    assert answer.status_code == 201
    assert set(answer.json()) == {"accessToken", "idToken", "refreshToken", "returnUrl"}
    assert lifetime(answer) == 1800
    assert manager.log_in("x").status_code == 401
    bodies: tuple[object, ...] = ({}, {"refreshToken": 5}, {"refreshToken": "x", "passcode": 5}, [])
    for body in bodies:
        assert manager.http.post(f"{BASE}/v1/authn/accesstoken", json=body).status_code == 400
    assert manager.call("GET", "/scopes").status_code == 200
    sandbox.advance("30m")
    assert manager.call("GET", "/scopes").status_code == 401


def test_login_of_an_app(manager: Manager) -> None:
    path = f"{BASE}/v1/authn/accounts/{manager.org}/accesstoken"
    body = {"clientId": manager.known["client_id"], "clientSecret": manager.known["client_secret"]}
    answer = manager.http.post(path, json=body)
    assert (answer.status_code, lifetime(answer)) == (201, 600)
    manager.token = answer.json()["accessToken"]
    assert manager.call("GET", "/scopes").status_code == 200
    assert manager.http.post(path, json=body | {"clientSecret": "x"}).status_code == 401
    assert manager.http.post(path.replace(manager.org, "other"), json=body).status_code == 401
    assert manager.http.post(path, json={"clientId": "x"}).status_code == 400


def test_authorize(manager: Manager) -> None:
    manager.create(accessTokenTTL=300)
    answer = manager.authorize("robot", FIRST)
    assert (answer.status_code, lifetime(answer)) == (200, 300)
    assert lifetime(manager.authorize("robot", FIRST, accessTokenValiditySeconds=60)) == 60
    assert lifetime(manager.authorize("robot", FIRST, accessTokenValiditySeconds=900)) == 300
    for seconds in (0, -1, "x"):
        assert manager.authorize("robot", FIRST, accessTokenValiditySeconds=seconds).status_code == 400
    assert manager.authorize("robot", SECOND).status_code == 401
    assert manager.authorize("other", FIRST).status_code == 401
    assert manager.authorize("robot", FIRST, orgId="other").status_code == 401
    url = f"{BASE}/v2/authn/authorize"
    assert manager.http.post(url, params={"orgId": manager.org}).status_code == 401
    assert manager.http.post(url, auth=("robot", FIRST)).status_code == 400


def test_access_refused(sandbox: Sandbox, manager: Manager) -> None:
    assert manager.http.get(f"{manager.apps_path}/scopes").status_code == 401
    bearer = {"Authorization": f"Bearer {manager.token}"}
    assert manager.http.get(f"{manager.apps_path}/scopes", headers=bearer).status_code == 401
    other = manager.apps_path.replace(manager.org, "other")
    assert manager.http.get(f"{other}/scopes", headers={"csp-auth-token": manager.token}).status_code == 403
    manager.create()
    for token in (manager.log_in(manager.known["weak_api_token"]), manager.authorize("robot", FIRST)):
        manager.token = token.json()["accessToken"]
        forbidden = manager.call("GET", "/robot")
        assert forbidden.status_code == 403
        assert {"cspErrorCode", "message", "requestId", "statusCode"} <= set(forbidden.json())
    sandbox.dialect(navigator__error_body="empty")
    assert manager.call("GET", "/robot").content == b""


def test_body_of_another_media_type_refused(manager: Manager) -> None:
    robot = manager.create()
    secret = f"/{robot}/secret"
    for method, path in (("POST", ""), ("PATCH", f"/{robot}"), ("POST", secret), ("PUT", secret)):
        answer = manager.call(method, path, content=b"{}", headers_too={"Content-Type": "text/plain"})
        assert (answer.status_code, answer.json()["statusCode"]) == (415, 415)
        assert manager.call(method, path, content=b"{}").status_code == 415
    login = f"{BASE}/v1/authn/accesstoken"
    assert manager.http.post(login, data={"refreshToken": manager.known["api_token"]}).status_code == 415
    authorize = f"{BASE}/v2/authn/authorize"
    answer = manager.http.post(authorize, params={"orgId": manager.org}, auth=(robot, FIRST), json={})
    assert answer.status_code == 415
    assert manager.accepted(FIRST) == [True]


def test_token_is_not_to_be_kept(manager: Manager) -> None:
    manager.create()
    for answer in (manager.log_in(), manager.authorize("robot", FIRST)):
        assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
        assert answer.headers["Cache-Control"] == "no-store"


def test_app_from_create_to_change(sandbox: Sandbox, manager: Manager) -> None:
    created = manager.call("POST", params={"context": "OPERATOR"}, json={})
    assert created.status_code == 200
    assert set(created.json()) == {"clientId", "clientSecret"}
    path = f"/{created.json()['clientId']}"
    assert manager.authorize(*created.json().values()).status_code == 200
    sandbox.advance("1h")
    manager.token = manager.log_in().json()["accessToken"]

    changed = manager.call("PATCH", path, json={"displayName": "Robot", "accessTokenTTL": 60, "description": None})
    shown = manager.call("GET", path)
    assert changed.json() == shown.json()
    assert "ecret" not in shown.text.replace("SecretRotation", "").replace("secretRotation", "")
    assert (shown.json()["displayName"], shown.json()["accessTokenTTL"]) == ("Robot", 60)
    assert shown.json()["grantTypes"] == ["client_credentials"]
    assert shown.json()["lastUpdatedAt"] - shown.json()["createdAt"] >= 3_600_000
    assert manager.authorize(*created.json().values()).status_code == 200
    assert manager.call("DELETE", path).status_code == 405


def test_scopes_return_whole_in_another_order(manager: Manager) -> None:
    manager.create(
        allowedScopes={
            "generalScopes": ["openid", "group_ids", "openid"],
            "servicesScopes": [
                {"serviceDefinitionId": "b", "allRoles": True},
                {"serviceDefinitionId": "a", "roles": [{"name": "y"}, {"name": "x"}]},
            ],
        }
    )
    assert manager.call("GET", "/robot").json()["allowedScopes"] == {
        "generalScopes": ["group_ids", "openid"],
        "organizationScopes": {"roles": []},
        "servicesScopes": [
            {"serviceDefinitionId": "a", "allRoles": False, "roles": [{"name": "x"}, {"name": "y"}]},
            {"serviceDefinitionId": "b", "allRoles": True, "roles": []},
        ],
    }
    manager.call("PATCH", "/robot", json={"allowedScopes": {}})
    assert manager.call("GET", "/robot").json()["allowedScopes"]["generalScopes"] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"id": "a b"},
        {"id": "ü"},
        {"id": "rekey-manager"},
        {"secret": "Short1!"},
        {"secret": "nouppercase1!"},
        {"secret": "NOLOWERCASE1!"},
        {"secret": "NoDigitsHere!"},
        {"accessTokenTTL": "60"},
        {"accessTokenTTL": -1},
        {"accessTokenTTL": 2**31},
        {"ownerOnlySecretRotation": 1},
        {"allowedScopes": []},
        {"allowedScopes": {"generalScopes": "openid"}},
        {"allowedScopes": {"servicesScopes": [{}]}},
        {"allowedScopes": {"organizationScopes": {"roles": ["x"]}}},
        {"allowedScopes": {"scopes": []}},
        {"accessTokenTtl": 60},
    ],
)
def test_app_create_or_change_refused(manager: Manager, settings: dict[str, object]) -> None:
    manager.create()
    assert manager.call("POST", json={"id": "second"} | settings).status_code == 400
    before = manager.call("GET", "/robot").json()
    assert manager.call("PATCH", "/robot", json={"displayName": "x"} | settings).status_code == 400
    assert manager.call("GET", "/robot").json() == before


def test_secret_pattern_is_the_vendors(manager: Manager) -> None:
    """Its last class holds a range that takes in all lower-case letters."""
    manager.create(secret="Abcdefg1")
    assert manager.accepted("Abcdefg1") == [True]


def test_context_of_an_app(manager: Manager) -> None:
    manager.create()
    for context, status in (("PROVIDER", 200), ("TENANT", 200), ("OPERATOR", 400), ("x", 400)):
        answer = manager.call("PATCH", "/robot", params={"context": context}, json={})
        assert answer.status_code == status
    assert manager.call("POST", params={"context": "x"}, json={}).status_code == 400


def test_rotate_by_patch_overlaps(sandbox: Sandbox, manager: Manager) -> None:
    manager.create()
    manager.call("PATCH", "/robot", json={"secret": SECOND, "secretRotationExpirationInSeconds": 3600})
    assert manager.accepted(FIRST, SECOND) == [True, True]
    sandbox.advance("59m")
    assert manager.accepted(FIRST, SECOND) == [True, True]
    sandbox.advance("1m")
    assert manager.accepted(FIRST, SECOND) == [False, True]
    manager.token = manager.log_in().json()["accessToken"]
    manager.call("PATCH", "/robot", json={"secret": THIRD})  # the saved overlap counts
    assert manager.accepted(FIRST, SECOND, THIRD) == [False, True, True]


def test_rotate_by_patch_replaces_by_dialect(sandbox: Sandbox, manager: Manager) -> None:
    sandbox.dialect(navigator__patch_secret="replace")
    manager.create()
    manager.call("PATCH", "/robot", json={"secret": SECOND, "secretRotationExpirationInSeconds": 3600})
    assert manager.accepted(FIRST, SECOND) == [False, True]


def test_rotate_by_put_ends_all_others(manager: Manager) -> None:
    manager.create()
    manager.call("PATCH", "/robot", json={"secret": SECOND, "secretRotationExpirationInSeconds": 3600})
    made = manager.call("PUT", "/robot/secret")
    assert made.status_code == 200
    assert made.json()["clientId"] == "robot"
    assert manager.accepted(FIRST, SECOND, made.json()["clientSecret"]) == [False, False, True]


def test_rotate_by_post_overlaps_as_long_as_asked(sandbox: Sandbox, manager: Manager) -> None:
    manager.create()
    body = {"newClientSecret": SECOND, "secretExpirationTimeInSeconds": 60}
    for _ in range(2):  # the same request again does no harm
        answer = manager.call("POST", "/robot/secret", json=body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert manager.accepted(FIRST, SECOND) == [True, True]
    sandbox.advance("1m")
    assert manager.accepted(FIRST, SECOND) == [False, True]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"newClientSecret": SECOND},
        {"secretExpirationTimeInSeconds": 60},
        {"newClientSecret": "weak", "secretExpirationTimeInSeconds": 60},
        {"newClientSecret": SECOND, "secretExpirationTimeInSeconds": "60"},
        {"newClientSecret": SECOND, "secretExpirationTimeInSeconds": -1},
    ],
)
def test_rotate_refused(manager: Manager, body: dict[str, object]) -> None:
    manager.create()
    assert manager.call("POST", "/robot/secret", json=body).status_code == 400
    assert manager.accepted(FIRST, SECOND) == [True, False]


def test_rotate_by_the_client_itself_unless_owner_only(manager: Manager) -> None:
    manager.create()
    url, body = f"{BASE}/v2/clients/robot/secret", {"newClientSecret": SECOND, "secretExpirationTimeInSeconds": 60}
    assert manager.http.post(url, json=body).status_code == 401
    assert manager.http.post(url, json=body, auth=("robot", "x")).status_code == 401
    another = manager.known["client_id"], manager.known["client_secret"]
    assert manager.http.post(url, json=body, auth=another).status_code == 403
    assert manager.http.post(url, json=body, auth=("robot", FIRST)).status_code == 200
    assert manager.accepted(FIRST, SECOND) == [True, True]
    manager.call("PATCH", "/robot", json={"ownerOnlySecretRotation": True})
    assert manager.http.post(url, json=body, auth=("robot", SECOND)).status_code == 403


def test_missing_app(sandbox: Sandbox, manager: Manager) -> None:
    calls = (("GET", "/x"), ("PATCH", "/x"), ("PUT", "/x/secret"), ("POST", "/x/secret"))
    assert [manager.call(method, path).status_code for method, path in calls] == [403] * 4
    sandbox.dialect(navigator__missing_app="404")
    assert [manager.call(method, path).status_code for method, path in calls] == [404] * 4


def test_clients_and_scopes(manager: Manager) -> None:
    roles = [{"name": "Account User"}]
    manager.create(displayName="Robot", allowedScopes={"organizationScopes": {"roles": roles}})
    headers = {"csp-auth-token": manager.token}
    clients = f"{BASE}/v2/orgs/{manager.org}/clients"
    shown = manager.http.get(f"{clients}/robot", headers=headers).json()
    assert (shown["id"], shown["displayName"], shown["organizationRoles"]) == ("robot", "Robot", roles)
    assert manager.http.get(f"{clients}/x", headers=headers).status_code == 404
    [scope, *_] = manager.call("GET", "/scopes").json()
    assert set(scope) == {"enabled", "incompatibleWith", "name", "serviceScopeType"}


def test_list_exists_by_dialect_only(sandbox: Sandbox, manager: Manager) -> None:
    refused = manager.call("GET")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST")
    sandbox.dialect(navigator__list="present")
    for number in range(4):
        manager.create(id=f"robot-{number}")
    names, path = [], f"{manager.apps_path}?pageLimit=2"
    while path:
        page = manager.http.get(path, headers={"csp-auth-token": manager.token}).json()
        assert page["totalResults"] == 5
        names += [app["id"] for app in page["results"]]
        path = page["nextLink"]
    assert names == ["rekey-manager", "robot-0", "robot-1", "robot-2", "robot-3"]
