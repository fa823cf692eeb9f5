"""VMware Cloud Director as its pages describe it, and what a relying party sees of it."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from tools.administrators import CloudDirector

from .conftest import Sandbox

PROVIDER = "/cloudapi/1.0.0/openIdProvider"
PARTIES = f"{PROVIDER}/relyingParties"
KEYS = f"{PROVIDER}/keys"
SESSIONS = "/cloudapi/1.0.0/sessions"
ACCEPT = "application/json;version=37.2"
CALLBACK = "https://app.example/callback"
SCOPES = ["openid", "profile", "email", "phone", "groups", "vcd_idp"]
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def token_of(sandbox: Sandbox, api_token: str, realm: str = "provider") -> str:
    answer = CloudDirector(sandbox).log_in(api_token, realm)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@pytest.fixture
def vcd(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A session of the provider's administrator."""
    token = token_of(sandbox, sandbox.credentials["vcd"]["api_token"])
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False) as client:
        yield client


def register(vcd: httpx.Client, name: str = "portal", uris: list[str] | None = None) -> dict[str, Any]:
    answer = vcd.post(PARTIES, json={"clientName": name, "redirectUris": uris or [CALLBACK]})
    assert answer.status_code == 200, answer.text
    party: dict[str, Any] = answer.json()
    return party


def assert_refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert set(error) == {"minorErrorCode", "message", "stackTrace"}
    assert error["minorErrorCode"] == code
    assert error["message"]
    assert answer.headers["X-VMWARE-VCLOUD-REQUEST-ID"]


def assert_bad(answer: httpx.Response) -> None:
    assert_refused(answer, 400, "BAD_REQUEST")


def assert_forbidden(answer: httpx.Response) -> None:
    assert_refused(answer, 403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN")


class RelyingParty:
    """A web application that signs its users in, written from OpenID Connect's own pages."""

    def __init__(self, sandbox: Sandbox, client_id: str, client_secret: str, redirect_uri: str = CALLBACK) -> None:
        self.sandbox = sandbox
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri
        self.http = sandbox.http
        discovery = self.http.get(f"{sandbox.url}/oidc/.well-known/openid-configuration")
        self.metadata: dict[str, Any] = discovery.json()

    def authorize(self, **changes: str) -> httpx.Response:
        vcd = self.sandbox.credentials["vcd"]
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(SCOPES),
            "state": "the state",
            "nonce": "the nonce",
        }
        address = self.metadata["authorization_endpoint"]
        user = f"{vcd['user']}@{vcd['org']}"
        return self.http.get(address, params=query | changes, auth=(user, vcd["password"]))

    def code(self) -> str:
        answer = self.authorize()
        assert answer.status_code == 302, answer.text
        location = urlsplit(answer.headers["Location"])
        assert f"{location.scheme}://{location.netloc}{location.path}" == self.redirect_uri
        query = parse_qs(location.query)
        assert query["state"] == ["the state"]
        return query["code"][0]

    def redeem(self, code: str, *, post: bool = False, **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri} | changes
        if post:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
            return self.http.post(self.metadata["token_endpoint"], data=form)
        auth = (quote(self.client_id), quote(self.client_secret))
        return self.http.post(self.metadata["token_endpoint"], data=form, auth=auth)

    def validate(self, id_token: str, now: datetime) -> jwt.Token:
        keys = KeySet.import_key_set(self.http.get(self.metadata["jwks_uri"]).json())
        token = jwt.decode(id_token, keys, algorithms=self.metadata["id_token_signing_alg_values_supported"])
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            iss={"essential": True, "value": self.metadata["issuer"]},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": "the nonce"},
        ).validate(token.claims)
        return token

    def probe(self) -> httpx.Response:
        """What a good client gets for a bad code differs from what a bad client gets."""
        return self.redeem("not a code")

    def secret_works(self) -> bool:
        answer = self.probe()
        error = answer.json()["error"]
        assert (answer.status_code, error) in {(400, "invalid_grant"), (401, "invalid_client")}
        return bool(error == "invalid_grant")


def party_of(sandbox: Sandbox, registered: dict[str, Any]) -> RelyingParty:
    return RelyingParty(sandbox, registered["clientId"], registered["clientSecret"])


def clock(sandbox: Sandbox) -> datetime:
    return datetime.fromisoformat(sandbox.http.get("/_sandbox/clock").json()["now"])


class TestVersions:
    def test_versions_need_no_session(self, sandbox: Sandbox) -> None:
        answer = sandbox.http.get("/api/versions")
        assert answer.status_code == 200
        space = "{http://www.vmware.com/vcloud/versions}"
        infos = ET.fromstring(answer.text).findall(f"{space}VersionInfo")
        found = {info.findtext(f"{space}Version"): info.findtext(f"{space}LoginUrl") for info in infos}
        assert {"37.1", "37.2", "38.1", "39.1", "40.0"} <= set(found)
        assert found["37.2"] == f"{sandbox.url}{SESSIONS}"
        assert infos[0].findtext(f"{space}ProviderLoginUrl") == f"{sandbox.url}{SESSIONS}/provider"

    @pytest.mark.parametrize(
        "accept",
        [
            "application/json",
            "application/json;version=36.0",
            "text/html;version=37.2",
            "*/*",
            "application/json;version=",
        ],
    )
    def test_accept_names_a_supported_version(self, vcd: httpx.Client, accept: str) -> None:
        assert_refused(vcd.get(PARTIES, headers={"Accept": accept}), 406, "NOT_ACCEPTABLE")

    @pytest.mark.parametrize("version", ["37.2", "37.3", "38.0", "38.1", "39.0", "39.1", "40.0"])
    def test_answer_is_of_the_requested_version(self, vcd: httpx.Client, version: str) -> None:
        answer = vcd.get(PARTIES, headers={"Accept": f"application/*; version={version}"})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == f"application/json;version={version}"

    def test_version_before_37_2_has_no_openid_provider(self, vcd: httpx.Client) -> None:
        old = {"Accept": "application/json;version=37.1"}
        for path in (PROVIDER, KEYS, PARTIES):
            assert_refused(vcd.get(path, headers=old), 404, "RESOURCE_NOT_FOUND")
        assert vcd.get(f"{SESSIONS}/current", headers=old).status_code == 200

    def test_request_id_begins_with_the_clients(self, vcd: httpx.Client) -> None:
        name = "X-VMWARE-VCLOUD-REQUEST-ID"
        sent = vcd.get(PARTIES, headers={"X-VMWARE-VCLOUD-CLIENT-REQUEST-ID": "c" * 200}).headers[name]
        assert re.fullmatch("c{128}-[0-9a-f-]{36}", sent)
        assert re.fullmatch("[0-9a-f-]{36}", vcd.get(PARTIES).headers[name])


class TestPasswordSession:
    def log_in(self, sandbox: Sandbox, path: str, login: str, password: str) -> httpx.Response:
        return sandbox.http.post(path, auth=(login, password), headers={"Accept": "application/*;version=37.2"})

    def provider_token(self, sandbox: Sandbox) -> str:
        vcd = sandbox.credentials["vcd"]
        answer = self.log_in(sandbox, f"{SESSIONS}/provider", f"{vcd['user']}@{vcd['org']}", vcd["password"])
        assert answer.status_code == 200, answer.text
        return str(answer.headers["X-VMWARE-VCLOUD-ACCESS-TOKEN"])

    def test_login_of_provider_and_tenant_at_separate_addresses(self, sandbox: Sandbox) -> None:
        vcd = sandbox.credentials["vcd"]
        provider = (f"{vcd['user']}@{vcd['org'].lower()}", vcd["password"])
        tenant = (f"{vcd['tenant_user']}@{vcd['tenant_org']}", vcd["tenant_password"])
        for login, path, elsewhere in (
            (provider, f"{SESSIONS}/provider", SESSIONS),
            (tenant, SESSIONS, f"{SESSIONS}/provider"),
        ):
            good = self.log_in(sandbox, path, *login)
            assert good.status_code == 200
            assert len(good.headers["X-VMWARE-VCLOUD-ACCESS-TOKEN"]) > 32
            session = good.json()
            assert session["id"].startswith("urn:vcloud:session:")
            assert session["user"]["name"] == login[0].partition("@")[0]
            assert session["sessionIdleTimeoutMinutes"] == 30
            assert_refused(self.log_in(sandbox, elsewhere, *login), 401, "UNAUTHORIZED")

    def test_login_refused(self, sandbox: Sandbox) -> None:
        vcd = sandbox.credentials["vcd"]
        for login, password in (
            (f"{vcd['user']}@{vcd['org']}", "wrong"),
            (f"nobody@{vcd['org']}", vcd["password"]),
            (vcd["user"], vcd["password"]),
        ):
            assert_refused(self.log_in(sandbox, f"{SESSIONS}/provider", login, password), 401, "UNAUTHORIZED")
        without = sandbox.http.post(f"{SESSIONS}/provider", headers={"Accept": ACCEPT})
        assert_refused(without, 401, "UNAUTHORIZED")
        garbled = sandbox.http.post(f"{SESSIONS}/provider", headers={"Accept": ACCEPT, "Authorization": "Basic %%%"})
        assert_bad(garbled)
        assert self.log_in(sandbox, SESSIONS, "a@b", "c").headers.get("X-VMWARE-VCLOUD-ACCESS-TOKEN") is None

    @pytest.mark.parametrize(
        "headers",
        [
            lambda token: {"Authorization": f"Bearer {token}"},
            lambda token: {"Authorization": f"bearer {token}"},
            lambda token: {"X-Vmware-Vcloud-Access-Token": token, "X-Vmware-Vcloud-Token-Type": "Bearer"},
        ],
    )
    def test_session_token_headers(self, sandbox: Sandbox, headers: Callable[[str], dict[str, str]]) -> None:
        sent = {"Accept": ACCEPT, **headers(self.provider_token(sandbox))}
        assert sandbox.http.get(PARTIES, headers=sent).status_code == 200

    def test_session_is_shown_and_ended(self, sandbox: Sandbox) -> None:
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {self.provider_token(sandbox)}"}
        current = sandbox.http.get(f"{SESSIONS}/current", headers=headers)
        assert current.status_code == 200
        by_id = sandbox.http.get(f"{SESSIONS}/{current.json()['id']}", headers=headers)
        assert by_id.json() == current.json()
        assert_forbidden(sandbox.http.get(f"{SESSIONS}/urn:vcloud:session:{uuid4()}", headers=headers))
        gone = sandbox.http.delete(f"{SESSIONS}/current", headers=headers)
        assert (gone.status_code, gone.content) == (204, b"")
        assert_refused(sandbox.http.get(PARTIES, headers=headers), 401, "UNAUTHORIZED")

    def test_sessions_of_the_user_are_listed(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        known = sandbox.credentials["vcd"]
        tokens = [self.provider_token(sandbox), vcd.headers["Authorization"].partition(" ")[2]]
        own = {
            vcd.get(f"{SESSIONS}/current", headers={"Authorization": f"Bearer {token}"}).json()["id"]
            for token in tokens
        }
        token_of(sandbox, known["weak_api_token"])
        listed = vcd.get(SESSIONS, params={"pageSize": 1})
        assert (listed.json()["resultTotal"], listed.json()["pageCount"]) == (2, 2)
        both = vcd.get(SESSIONS).json()["values"]
        assert {session["id"] for session in both} == own
        assert vcd.delete(f"{SESSIONS}/current", headers={"Authorization": f"Bearer {tokens[0]}"}).status_code == 204
        assert vcd.get(SESSIONS).json()["resultTotal"] == 1
        assert_refused(sandbox.http.get(SESSIONS, headers={"Accept": ACCEPT}), 401, "UNAUTHORIZED")

    def test_session_ends_when_idle(self, sandbox: Sandbox) -> None:
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {self.provider_token(sandbox)}"}
        for _ in range(3):
            sandbox.advance("29m")
            assert sandbox.http.get(PARTIES, headers=headers).status_code == 200
        sandbox.advance("30m")
        assert_refused(sandbox.http.get(PARTIES, headers=headers), 401, "UNAUTHORIZED")


class TestApiToken:
    def exchange(self, sandbox: Sandbox, realm: str, **form: str) -> httpx.Response:
        return sandbox.http.post(f"/oauth/{realm}/token", data=form)

    def test_api_token_is_exchanged_repeatedly(self, sandbox: Sandbox) -> None:
        api_token = sandbox.credentials["vcd"]["api_token"]
        for _ in range(2):
            answer = self.exchange(sandbox, "provider", grant_type="refresh_token", refresh_token=api_token)
            body = answer.json()
            assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 2592000)
            assert body["refresh_token"] is None
            assert len(body["access_token"]) > 32
        assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_api_token_of_a_tenant(self, sandbox: Sandbox) -> None:
        vcd = sandbox.credentials["vcd"]
        token = token_of(sandbox, vcd["tenant_api_token"], f"tenant/{vcd['tenant_org']}")
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
        session = sandbox.http.get(f"{SESSIONS}/current", headers=headers).json()
        assert session["org"]["name"] == vcd["tenant_org"]

    @pytest.mark.parametrize("realm", ["provider", "tenant/acme", "tenant/System", "tenant/nowhere"])
    def test_api_token_of_another_realm_refused(self, sandbox: Sandbox, realm: str) -> None:
        vcd = sandbox.credentials["vcd"]
        tokens = ["unknown", vcd["tenant_api_token"] if realm == "provider" else vcd["api_token"]]
        for token in tokens:
            answer = self.exchange(sandbox, realm, grant_type="refresh_token", refresh_token=token)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_api_token_request_malformed(self, sandbox: Sandbox) -> None:
        for answer, error in (
            (self.exchange(sandbox, "provider", grant_type="client_credentials"), "unsupported_grant_type"),
            (self.exchange(sandbox, "provider", grant_type="refresh_token"), "invalid_request"),
            (self.exchange(sandbox, "provider", refresh_token="x"), "invalid_request"),
            (sandbox.http.post("/oauth/provider/token", json={"grant_type": "refresh_token"}), "invalid_request"),
        ):
            assert (answer.status_code, answer.json()["error"]) == (400, error)

    def test_api_token_access_ends_after_thirty_days(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.advance("29d23h")
        assert vcd.get(PARTIES).status_code == 200
        sandbox.advance("1h")
        assert_refused(vcd.get(PARTIES), 401, "UNAUTHORIZED")

    def test_api_token_is_minted_by_a_password_session(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        known = sandbox.credentials["vcd"]
        login = (f"{known['user']}@{known['org']}", known["password"])
        session = sandbox.http.post(f"{SESSIONS}/provider", auth=login, headers={"Accept": ACCEPT})
        token = session.headers["X-VMWARE-VCLOUD-ACCESS-TOKEN"]
        headers = {"Authorization": f"bearer {token}", "Accept": "application/json;version="}
        name = {"client_name": "ci"}
        registered = sandbox.http.post("/oauth/provider/register", json=name, headers=headers)
        assert registered.status_code == 200, registered.text
        assert registered.json()["client_name"] == "ci"
        form = {"grant_type": JWT_BEARER, "assertion": token, "client_id": registered.json()["client_id"]}
        foreign = self.exchange(sandbox, "provider", **form | {"client_id": str(uuid4())})
        assert foreign.json()["error"] == "invalid_grant"
        minted = self.exchange(sandbox, "provider", **form)
        assert minted.status_code == 200, minted.text
        assert token_of(sandbox, minted.json()["refresh_token"])
        assert self.exchange(sandbox, "provider", **form).json()["error"] == "invalid_grant"
        # A session that an API token opened may not make another, and nobody does it elsewhere or without one.
        assert_forbidden(vcd.post("/oauth/provider/register", json=name))
        assert_forbidden(sandbox.http.post("/oauth/tenant/acme/register", json=name, headers=headers))
        assert_refused(sandbox.http.post("/oauth/provider/register", json=name), 401, "UNAUTHORIZED")

    def test_login_lists_orgs_in_xml(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        headers = {"Accept": "application/*+xml;version=37.2"}
        answer = vcd.get("/api/org", headers=headers)
        assert answer.headers["Content-Type"] == "application/vnd.vmware.vcloud.orgList+xml;version=37.2"
        names = [org.get("name") for org in ET.fromstring(answer.text)]
        assert names == ["System", "acme"]
        refused = sandbox.http.get("/api/org", headers=headers)
        assert refused.status_code == 401
        error = ET.fromstring(refused.text)
        assert (error.get("majorErrorCode"), error.get("minorErrorCode")) == ("401", "UNAUTHORIZED")
        known = sandbox.credentials["vcd"]
        tenant = token_of(sandbox, known["tenant_api_token"], "tenant/acme")
        own = sandbox.http.get("/api/org", headers=headers | {"Authorization": f"Bearer {tenant}"})
        assert [org.get("name") for org in ET.fromstring(own.text)] == ["acme"]


class TestRights:
    def test_rights_are_needed_for_every_operation(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        party = register(vcd)
        key = vcd.get(KEYS).json()["values"][0]["id"]
        calls = [
            ("GET", PROVIDER),
            ("PUT", PROVIDER),
            ("GET", KEYS),
            ("POST", KEYS),
            *((method, f"{KEYS}/{key}") for method in ("GET", "PUT", "DELETE")),
            ("GET", PARTIES),
            ("POST", PARTIES),
            *((method, f"{PARTIES}/{party['id']}") for method in ("GET", "PUT", "DELETE")),
            ("POST", f"{PARTIES}/{party['id']}/regenerateSecret"),
        ]
        known = sandbox.credentials["vcd"]
        weak = token_of(sandbox, known["weak_api_token"])
        tenant = token_of(sandbox, known["tenant_api_token"], "tenant/acme")
        for method, path in calls:
            for token in (weak, tenant):
                headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
                assert_forbidden(sandbox.http.request(method, path, headers=headers))
            for authorization in ("", "Bearer", "Bearer x" * 20, f"Basic {weak}"):
                headers = {"Accept": ACCEPT, "Authorization": authorization}
                assert_refused(sandbox.http.request(method, path, headers=headers), 401, "UNAUTHORIZED")
        assert party_of(sandbox, party).secret_works()

    def test_missing_object_is_forbidden(self, vcd: httpx.Client) -> None:
        party, key = (
            f"{PARTIES}/urn:vcloud:oidcRelyingParty:{uuid4()}",
            f"{KEYS}/urn:vcloud:openIdProviderKey:{uuid4()}",
        )
        body = {"clientName": "x", "redirectUris": [CALLBACK]}
        assert_forbidden(vcd.get(party))
        assert_forbidden(vcd.put(party, json=body))
        assert_forbidden(vcd.delete(party))
        assert_forbidden(vcd.post(f"{party}/regenerateSecret"))
        assert_forbidden(vcd.get(key))
        assert_forbidden(vcd.put(key, json={"description": "x"}))
        assert_forbidden(vcd.delete(key))


class TestRelyingParty:
    def test_register_shows_the_secret_once(self, vcd: httpx.Client) -> None:
        party = register(vcd)
        assert re.fullmatch(r"urn:vcloud:oidcRelyingParty:[0-9a-f-]{36}", party["id"])
        assert (party["clientName"], party["redirectUris"], party["scope"]) == ("portal", [CALLBACK], SCOPES)
        assert party["clientId"]
        assert len(party["clientSecret"]) > 32
        hidden = party | {"clientSecret": None}
        assert vcd.get(f"{PARTIES}/{party['id']}").json() == hidden
        assert vcd.get(f"{PARTIES}/{quote(party['id'], safe='')}").json() == hidden
        assert vcd.get(PARTIES).json()["values"] == [hidden]
        other = register(vcd)
        assert other["id"] != party["id"]
        assert other["clientSecret"] != party["clientSecret"]

    def test_register_201_by_dialect(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__register="201")
        answer = vcd.post(PARTIES, json={"clientName": "a", "redirectUris": [CALLBACK]})
        assert answer.status_code == 201
        assert answer.headers["Content-Location"] == f"{sandbox.url}{PARTIES}/{answer.json()['id']}"
        assert answer.json()["clientSecret"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"clientName": "a"},
            {"redirectUris": [CALLBACK]},
            {"clientName": None, "redirectUris": [CALLBACK]},
            {"clientName": " ", "redirectUris": [CALLBACK]},
            {"clientName": 1, "redirectUris": [CALLBACK]},
            {"clientName": "a", "redirectUris": []},
            {"clientName": "a", "redirectUris": CALLBACK},
            {"clientName": "a", "redirectUris": [1]},
            {"clientName": "a", "redirectUris": ["/callback"]},
            {"clientName": "a", "redirectUris": ["https://"]},
            {"clientName": "a", "redirectUris": ["https://[app/"]},
            {"clientName": "a", "redirectUris": [f"{CALLBACK}#fragment"]},
            {"clientName": "a", "redirectUris": [CALLBACK, "http://app.example/callback"]},
            {"clientName": "a", "redirectUris": [CALLBACK], "clientSecret": "chosen"},
            {"clientName": "a", "redirectUris": [CALLBACK], "clientId": "chosen"},
            {"clientName": "a", "redirectUris": [CALLBACK], "scope": ["openid"]},
        ],
    )
    def test_register_and_update_refused(self, vcd: httpx.Client, body: dict[str, Any]) -> None:
        assert_bad(vcd.post(PARTIES, json=body))
        party = register(vcd)
        assert_bad(vcd.put(f"{PARTIES}/{party['id']}", json=body))
        listed = vcd.get(PARTIES).json()
        assert listed["resultTotal"] == 1
        assert listed["values"][0]["clientName"] == "portal"

    def test_register_refuses_other_bodies(self, vcd: httpx.Client) -> None:
        json = {"Content-Type": "application/json"}
        assert_bad(vcd.post(PARTIES, content=b"{", headers=json))
        assert_bad(vcd.post(PARTIES, content=b"[]", headers=json))
        assert_bad(vcd.post(PARTIES, content=b"\xff", headers=json))
        assert_refused(vcd.post(PARTIES, data={"clientName": "a"}), 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_update_changes_name_and_uris_and_keeps_the_secret(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        party = register(vcd)
        path = f"{PARTIES}/{party['id']}"
        new = {"clientName": "shop", "redirectUris": ["https://shop.example/cb", "com.example.app:/cb"]}
        answer = vcd.put(path, json=vcd.get(path).json() | new)
        assert answer.status_code == 200
        assert answer.json() == party | new | {"clientSecret": None} == vcd.get(path).json()
        assert party_of(sandbox, party).secret_works()
        # The object with the secret that registration gave is no change either; any other is one.
        assert vcd.put(path, json=party).status_code == 200
        changes: list[dict[str, object]] = [{"id": "x"}, {"clientId": "x"}, {"clientSecret": "x"}, {"scope": []}]
        for change in changes:
            assert_bad(vcd.put(path, json=party | change))

    def test_update_ignores_read_only_fields_by_dialect(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__read_only="ignored")
        wrong = {"id": "x", "clientId": "x", "clientSecret": "x", "scope": ["x"]}
        answer = vcd.post(PARTIES, json={"clientName": "a", "redirectUris": [CALLBACK], **wrong})
        party = answer.json()
        assert answer.status_code == 200
        assert vcd.put(f"{PARTIES}/{party['id']}", json=party | wrong).json() == party | {"clientSecret": None}
        assert party["scope"] == SCOPES
        assert party_of(sandbox, party).secret_works()

    def test_register_http_uris_only_where_allowed(self, vcd: httpx.Client) -> None:
        uris = ["http://app.example/cb"]
        assert_bad(vcd.post(PARTIES, json={"clientName": "a", "redirectUris": uris}))
        configuration = vcd.get(PROVIDER).json()
        assert vcd.put(PROVIDER, json=configuration | {"allowHttp": True}).json()["allowHttp"] is True
        assert register(vcd, uris=uris)["redirectUris"] == uris

    def test_secret_absent_by_dialect(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__client_secret="absent")
        party = register(vcd)
        assert party["clientSecret"]
        path = f"{PARTIES}/{party['id']}"
        for shown in (vcd.get(path).json(), vcd.put(path, json=party).json(), vcd.get(PARTIES).json()["values"][0]):
            assert "clientSecret" not in shown

    def test_delete(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        party = register(vcd)
        answer = vcd.delete(f"{PARTIES}/{party['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert_forbidden(vcd.get(f"{PARTIES}/{party['id']}"))
        assert_forbidden(vcd.delete(f"{PARTIES}/{party['id']}"))
        assert not party_of(sandbox, party).secret_works()

    def test_regenerate_replaces_at_once(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        old = register(vcd)
        answer = vcd.post(f"{PARTIES}/{old['id']}/regenerateSecret")
        assert answer.status_code == 200
        new = answer.json()
        assert new["clientSecret"] != old["clientSecret"]
        assert new == old | {"clientSecret": new["clientSecret"]}
        assert not party_of(sandbox, old).secret_works()
        assert party_of(sandbox, new).secret_works()

    def test_regenerate_with_grace_by_dialect(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__regenerate="grace")
        first = register(vcd)
        second, third = (vcd.post(f"{PARTIES}/{first['id']}/regenerateSecret").json() for _ in range(2))
        assert [party_of(sandbox, one).secret_works() for one in (first, second, third)] == [False, True, True]
        sandbox.advance("1h")
        assert [party_of(sandbox, one).secret_works() for one in (first, second, third)] == [False, False, True]

    def test_reset_forgets_them(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        register(vcd)
        before = vcd.get(KEYS).json()["values"][0]["id"]
        sandbox.reset()
        assert_refused(vcd.get(PARTIES), 401, "UNAUTHORIZED")
        token = token_of(sandbox, sandbox.credentials["vcd"]["api_token"])
        headers = {"Authorization": f"Bearer {token}"}
        assert vcd.get(PARTIES, headers=headers).json()["values"] == []
        assert vcd.get(KEYS, headers=headers).json()["values"][0]["id"] == before


class TestList:
    def names(self, vcd: httpx.Client, **query: str | int) -> list[str]:
        answer = vcd.get(PARTIES, params=query)
        assert answer.status_code == 200, answer.text
        return [value["clientName"] for value in answer.json()["values"]]

    def test_list_pages_and_links(self, vcd: httpx.Client) -> None:
        for number in range(7):
            register(vcd, f"party {number}")
        first = vcd.get(PARTIES, params={"pageSize": 3, "filter": "clientName==party*"})
        body = first.json()
        assert {name: body[name] for name in ("resultTotal", "pageCount", "page", "pageSize")} == {
            "resultTotal": 7,
            "pageCount": 3,
            "page": 1,
            "pageSize": 3,
        }
        seen, address, pages = [], f"{PARTIES}?pageSize=3&filter=clientName==party*", 0
        while address:
            answer = vcd.get(address)
            seen += [value["clientName"] for value in answer.json()["values"]]
            pages += 1
            links = [link for link in answer.headers.get_list("Link", split_commas=False) if 'rel="nextPage"' in link]
            address = links[0][1:].partition(">")[0] if links else ""
        assert pages == 3
        assert seen == [f"party {number}" for number in range(7)]
        assert self.names(vcd, page=9) == []

    def test_list_defaults_and_bounds(self, vcd: httpx.Client) -> None:
        for _ in range(26):
            register(vcd)
        body = vcd.get(PARTIES).json()
        assert (body["page"], body["pageSize"], len(body["values"]), body["pageCount"]) == (1, 25, 25, 2)
        assert len(self.names(vcd, pageSize=128)) == 26
        empty = vcd.get(PARTIES, params={"pageSize": 0}).json()
        assert (empty["values"], empty["resultTotal"]) == ([], 26)
        for query in ({"page": "0"}, {"pageSize": "129"}, {"pageSize": "-1"}, {"page": "one"}):
            assert_bad(vcd.get(PARTIES, params=query))

    def test_list_filters(self, vcd: httpx.Client) -> None:
        odd = "a,b;(c) [d]? 100%*"
        for name in ("alpha", "beta", odd):
            register(vcd, name)
        assert self.names(vcd, filter="clientName==alpha") == ["alpha"]
        assert self.names(vcd, filter="clientName==alph") == []
        assert self.names(vcd, filter="clientName!=alpha") == ["beta", odd]
        assert self.names(vcd, filter="clientName==*et*") == ["beta"]
        assert self.names(vcd, filter=f"clientName=={quote(odd, safe='')}") == [odd]
        assert self.names(vcd, filter="clientName==%2A") == []
        assert self.names(vcd, filter="clientName==alpha,clientName==beta") == ["alpha", "beta"]
        assert self.names(vcd, filter="(clientName==a*;(clientName!=alpha,clientName==gamma))") == [odd]
        identity = vcd.get(PARTIES).json()["values"][1]["id"]
        assert self.names(vcd, filter=f"id=={identity}") == ["beta"]

    @pytest.mark.parametrize(
        "filter_",
        ["", "alpha", "clientName=alpha", "clientSecret==x", "(clientName==a", "clientName==a)", "clientName==a;"],
    )
    def test_list_filters_refused(self, vcd: httpx.Client, filter_: str) -> None:
        assert_bad(vcd.get(PARTIES, params={"filter": filter_}))

    def test_list_sorting(self, vcd: httpx.Client) -> None:
        for name in ("b", "c", "a"):
            register(vcd, name)
        assert self.names(vcd, sortAsc="clientName") == ["a", "b", "c"]
        assert self.names(vcd, sortDesc="clientName") == ["c", "b", "a"]
        for non_sortable in ("id", "clientId"):
            assert_bad(vcd.get(PARTIES, params={"sortAsc": non_sortable}))


RSA_2048 = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P_256 = ec.generate_private_key(ec.SECP256R1())


def public_pem(key: Private) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form).decode()


def private_pem(
    key: Private, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8, passphrase: str | None = None
) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def pair(key: Private = P_256, **fields: object) -> dict[str, object]:
    return {"publicKey": public_pem(key), "privateKey": private_pem(key), **fields}


def upload(vcd: httpx.Client, **changes: object) -> dict[str, Any]:
    answer = vcd.post(KEYS, json=pair(description="ours") | changes)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def activate(vcd: httpx.Client, key: str) -> httpx.Response:
    return vcd.put(PROVIDER, json=vcd.get(PROVIDER).json() | {"activeKey": {"id": key}})


class TestKeys:
    def test_key_built_in_is_active(self, vcd: httpx.Client) -> None:
        listed = vcd.get(KEYS).json()
        assert listed["resultTotal"] == 1
        key = listed["values"][0]
        assert re.fullmatch(r"urn:vcloud:openIdProviderKey:[0-9a-f-]{36}", key["id"])
        public = serialization.load_pem_public_key(key["publicKey"].encode())
        assert isinstance(public, rsa.RSAPublicKey)
        assert public.key_size == 2048
        assert key["privateKey"] is None
        assert vcd.get(PROVIDER).json()["activeKey"]["id"] == key["id"]

    def test_key_create_returns_it_and_does_not_activate(self, vcd: httpx.Client) -> None:
        key = upload(vcd)
        assert key == vcd.get(f"{KEYS}/{key['id']}").json() == vcd.get(KEYS).json()["values"][1]
        assert set(key) == {"id", "description", "creationDate", "publicKey", "privateKey", "privateKeyPassphrase"}
        assert datetime.fromisoformat(key["creationDate"]).tzinfo
        assert vcd.get(PROVIDER).json()["activeKey"]["id"] != key["id"]

    @pytest.mark.parametrize("key", [RSA_2048, P_256], ids=["RSA", "EC"])
    @pytest.mark.parametrize(
        "form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
    )
    @pytest.mark.parametrize("passphrase", [None, "correct horse"], ids=["plain", "encrypted"])
    def test_key_private_forms(
        self, vcd: httpx.Client, key: Private, form: serialization.PrivateFormat, passphrase: str | None
    ) -> None:
        body = pair(key, privateKey=private_pem(key, form, passphrase), privateKeyPassphrase=passphrase)
        answer = vcd.post(KEYS, json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["publicKey"] == public_pem(key).strip()
        assert str(body["privateKey"])[40:80] not in answer.text
        if passphrase:
            assert passphrase not in answer.text
            assert_bad(vcd.post(KEYS, json=body | {"privateKeyPassphrase": None}))
            assert_bad(vcd.post(KEYS, json=body | {"privateKeyPassphrase": "wrong"}))
        else:
            assert vcd.post(KEYS, json=body | {"privateKeyPassphrase": "not needed"}).status_code == 201

    def test_key_surroundings_are_removed(self, vcd: httpx.Client) -> None:
        def surrounded(pem: str) -> str:
            return "Bag Attributes: x\r\n" + "".join(f"  {line} \r\n\r\n" for line in pem.splitlines()) + "trailing"

        parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        sec1 = parameters + private_pem(P_256, serialization.PrivateFormat.TraditionalOpenSSL)
        for private in (private_pem(P_256), sec1):
            key = upload(vcd, publicKey=surrounded(public_pem(P_256)), privateKey=surrounded(private))
            assert key["publicKey"] == public_pem(P_256).strip()
        pkcs1 = (
            RSA_2048.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
        )
        assert pkcs1.startswith("-----BEGIN RSA PUBLIC KEY-----")
        key = upload(vcd, publicKey=pkcs1, privateKey=private_pem(RSA_2048))
        assert key["publicKey"] == public_pem(RSA_2048).strip()

    def test_key_pairs_refused(self, vcd: httpx.Client) -> None:
        small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        ed, odd = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())
        dsa_key = dsa.generate_private_key(1024)
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        for body in (
            {},
            pair(publicKey=None),
            pair(privateKey=None),
            pair(publicKey=""),
            pair(publicKey=1),
            pair(privateKey=["x"]),
            pair(publicKey=private_pem(P_256)),
            pair(privateKey=public_pem(P_256)),
            pair(publicKey=public_pem(P_256).replace("M", "N", 1)),
            pair(publicKey=public_pem(RSA_2048)),
            pair(publicKey=public_pem(ec.generate_private_key(ec.SECP256R1()))),
            pair(small),
            pair(odd),
            pair(publicKey=ed.public_key().public_bytes(*form).decode(), privateKey=ed.private_bytes(*pkcs8).decode()),
            pair(
                publicKey=dsa_key.public_key().public_bytes(*form).decode(),
                privateKey=dsa_key.private_bytes(*pkcs8).decode(),
            ),
            pair(description="d" * 257),
            pair(description=1),
            pair(id="chosen"),
        ):
            assert_bad(vcd.post(KEYS, json=body))
        assert vcd.get(KEYS).json()["resultTotal"] == 1
        assert upload(vcd, description="d" * 256)["description"] == "d" * 256

    @pytest.mark.parametrize(("shown", "value"), [("null", None), ("masked", "******")])
    def test_key_private_part_is_never_shown(
        self, sandbox: Sandbox, vcd: httpx.Client, shown: str, value: str | None
    ) -> None:
        sandbox.dialect(vcd__private_key=shown)
        key = upload(vcd)
        assert (key["privateKey"], key["privateKeyPassphrase"]) == (value, value)
        answer = vcd.put(f"{KEYS}/{key['id']}", json=key | {"description": "new"})
        assert answer.json() == key | {"description": "new"}
        sandbox.dialect(vcd__private_key="absent")
        absent = vcd.get(f"{KEYS}/{key['id']}").json()
        assert not {"privateKey", "privateKeyPassphrase"} & set(absent)
        assert vcd.put(f"{KEYS}/{key['id']}", json=absent | {"description": None}).json()["description"] is None

    def test_key_update_changes_the_description_only(self, vcd: httpx.Client) -> None:
        built_in = vcd.get(KEYS).json()["values"][0]
        key, other = upload(vcd), ec.generate_private_key(ec.SECP256R1())
        path = f"{KEYS}/{key['id']}"
        described = vcd.put(path, json=key | {"description": "new"})
        assert described.status_code == 200
        assert described.json() == vcd.get(path).json() == key | {"description": "new"}
        for same in (
            {"privateKey": private_pem(P_256)},
            {"privateKey": private_pem(P_256, passphrase="p"), "privateKeyPassphrase": "p"},
            {"publicKey": f"\n{public_pem(P_256)}\n"},
            {"id": None, "creationDate": None},
            {"creationDate": key["creationDate"].replace("Z", "+00:00")},
        ):
            assert vcd.put(path, json=key | same).status_code == 200
        for change in (
            {"id": built_in["id"]},
            {"creationDate": "2020-01-01T00:00:00.000Z"},
            {"creationDate": "2020-01-01"},
            {"creationDate": "yesterday"},
            {"publicKey": public_pem(other)},
            {"publicKey": None},
            {"publicKey": "x"},
            {"privateKey": private_pem(other)},
            {"privateKey": "x"},
            {"privateKeyPassphrase": "x"},
            {"description": "d" * 257},
            {"description": ["d"]},
        ):
            assert_bad(vcd.put(path, json=key | change))
        assert vcd.get(path).json() == key
        assert vcd.put(f"{KEYS}/{built_in['id']}", json=built_in | {"description": "first"}).status_code == 200

    def test_key_delete_but_not_the_active_one(self, vcd: httpx.Client) -> None:
        built_in, key = vcd.get(KEYS).json()["values"][0]["id"], upload(vcd)["id"]
        assert_bad(vcd.delete(f"{KEYS}/{built_in}"))
        assert activate(vcd, key).status_code == 200
        assert_bad(vcd.delete(f"{KEYS}/{key}"))
        gone = vcd.delete(f"{KEYS}/{built_in}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert_forbidden(vcd.get(f"{KEYS}/{built_in}"))

    def test_key_delete_the_active_one_by_dialect(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__delete_active_key="allowed")
        built_in, key = vcd.get(KEYS).json()["values"][0]["id"], upload(vcd)["id"]
        activate(vcd, key)
        assert vcd.delete(f"{KEYS}/{key}").status_code == 204
        assert vcd.get(PROVIDER).json()["activeKey"]["id"] == built_in
        assert_bad(vcd.delete(f"{KEYS}/{built_in}"))

    def test_key_list_filter_by_description(self, vcd: httpx.Client) -> None:
        key = upload(vcd, description="rekey-7f")
        upload(vcd, description=None)
        found = vcd.get(KEYS, params={"filter": "description==*-7f"}).json()["values"]
        assert [value["id"] for value in found] == [key["id"]]


class TestConfiguration:
    def test_configuration_get(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        configuration = vcd.get(PROVIDER).json()
        assert configuration.pop("activeKey")["id"].startswith("urn:vcloud:openIdProviderKey:")
        assert configuration == {
            "allowHttp": False,
            "wellKnownEndpoint": f"{sandbox.url}/oidc/.well-known/openid-configuration",
            "authorizationCodeTimeToLive": 300,
            "accessTokenTimeToLive": 300,
            "idTokenTimeToLive": 3600,
        }

    def test_configuration_put(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        key = upload(vcd)["id"]
        before = vcd.get(PROVIDER).json()
        changed = before | {"activeKey": {"id": key}, "allowHttp": True}
        after = vcd.put(PROVIDER, json=changed)
        assert after.status_code == 200
        assert after.json() == vcd.get(PROVIDER).json() == changed | {"activeKey": {"id": key, "name": "ours"}}
        mistakes: list[dict[str, object]] = [
            {"activeKey": None},
            {"activeKey": key},
            {"activeKey": {}},
            {"activeKey": {"id": f"urn:vcloud:openIdProviderKey:{uuid4()}"}},
            {"allowHttp": None},
            {"allowHttp": "true"},
            {"idTokenTimeToLive": 60},
            {"wellKnownEndpoint": "https://elsewhere.example"},
        ]
        for wrong in mistakes:
            assert_bad(vcd.put(PROVIDER, json=before | wrong))
        assert vcd.get(PROVIDER).json() == after.json()
        sandbox.dialect(vcd__read_only="ignored")
        ignored = vcd.put(PROVIDER, json=before | {"idTokenTimeToLive": 60})
        assert ignored.json() == before


class TestTasks:
    def done(self, vcd: httpx.Client, answer: httpx.Response) -> Any:
        assert (answer.status_code, answer.content) == (202, b"")
        task = vcd.get(answer.headers["Location"], headers={"Accept": "application/*+json;version=37.2"}).json()
        assert task["status"] == "success"
        return task["owner"]

    def test_task_for_changes(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__changes="tasks")
        party = register(vcd)
        path = f"{PARTIES}/{party['id']}"
        assert self.done(vcd, vcd.put(path, json=party | {"clientName": "shop"})) == {"id": party["id"]}
        assert vcd.get(path).json()["clientName"] == "shop"
        key = self.done(vcd, vcd.post(KEYS, json=pair()))["id"]
        assert vcd.get(f"{KEYS}/{key}").status_code == 200
        assert self.done(vcd, activate(vcd, key)) is None
        assert self.done(vcd, vcd.delete(path)) == {"id": party["id"]}
        assert_bad(vcd.post(PARTIES, json={}))
        location = f"/api/task/{uuid4()}"
        assert_forbidden(vcd.get(location))
        assert_refused(sandbox.http.get(location, headers={"Accept": ACCEPT}), 401, "UNAUTHORIZED")

    def test_task_in_the_form_that_is_asked_for(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__changes="tasks-and-mints")
        location = vcd.post(PARTIES, json={"clientName": "a", "redirectUris": [CALLBACK]}).headers["Location"]
        owner = vcd.get(location, headers={"Accept": "application/*+json;version=37.2"}).json()["owner"]["id"]
        for accept in ("application/*+xml;version=37.2", "application/*;version=37.2"):
            answer = vcd.get(location, headers={"Accept": accept})
            assert answer.headers["Content-Type"] == "application/vnd.vmware.vcloud.task+xml;version=37.2"
            task = ET.fromstring(answer.content)
            namespace = "{http://www.vmware.com/vcloud/v1.5}"
            assert (task.tag, task.attrib["status"]) == (f"{namespace}Task", "success")
            assert task.attrib["href"] == location
            shown = task.find(f"{namespace}Owner")
            assert shown is not None
            assert shown.attrib["id"] == owner
        missing = vcd.get(f"/api/task/{uuid4()}", headers={"Accept": "application/*+xml;version=37.2"})
        assert (missing.status_code, ET.fromstring(missing.content).tag) == (403, f"{namespace}Error")

    def test_task_for_mints(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        sandbox.dialect(vcd__changes="tasks-and-mints")
        body = {"clientName": "a", "redirectUris": [CALLBACK]}
        owner = self.done(vcd, vcd.post(PARTIES, json=body))["id"]
        assert self.done(vcd, vcd.post(f"{PARTIES}/{owner}/regenerateSecret"))["id"] == owner
        assert vcd.get(f"{PARTIES}/{owner}").json()["clientSecret"] is None


class TestRelyingPartySignsIn:
    @pytest.mark.parametrize("post", [False, True], ids=["basic", "post"])
    def test_sign_in_from_authorize_to_userinfo(self, sandbox: Sandbox, vcd: httpx.Client, *, post: bool) -> None:
        portal = party_of(sandbox, register(vcd))
        answer = portal.redeem(portal.code(), post=post)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 300, " ".join(SCOPES))
        assert answer.headers["Cache-Control"] == "no-store"
        now = clock(sandbox)
        id_token = portal.validate(tokens["id_token"], now)
        active = vcd.get(PROVIDER).json()
        assert id_token.header["kid"] == active["activeKey"]["id"]
        assert id_token.claims["exp"] - id_token.claims["iat"] == active["idTokenTimeToLive"]
        assert abs(id_token.claims["iat"] - now.timestamp()) < 60
        user = portal.http.get(
            portal.metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens['access_token']}"}
        ).json()
        assert user["sub"] == id_token.claims["sub"]
        assert user["preferred_username"] == "administrator@System"
        assert (user["org_name"], user["roles"]) == ("System", ["System Administrator"])

    def test_sign_in_claims_follow_the_scope(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal = party_of(sandbox, register(vcd))
        location = portal.authorize(scope="openid").headers["Location"]
        code = parse_qs(urlsplit(location).query)["code"][0]
        claims = portal.validate(portal.redeem(code).json()["id_token"], clock(sandbox)).claims
        assert not {"name", "email", "groups", "roles"} & set(claims)

    def test_discovery(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        assert vcd.get(PROVIDER).json()["wellKnownEndpoint"] == f"{sandbox.url}/oidc/.well-known/openid-configuration"
        metadata = sandbox.http.get("/oidc/.well-known/openid-configuration").json()
        assert metadata["issuer"] == f"{sandbox.url}/oidc"
        assert metadata["grant_types_supported"] == ["authorization_code"]
        assert metadata["scopes_supported"] == SCOPES

    def test_authorize_refuses_without_a_redirect(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal = party_of(sandbox, register(vcd))
        for changes in (
            {"client_id": "unknown"},
            {"redirect_uri": "https://evil.example/"},
            {"redirect_uri": f"{CALLBACK}/"},
        ):
            answer = portal.authorize(**changes)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
            assert "Location" not in answer.headers
        query = {"response_type": "code", "client_id": portal.client_id, "redirect_uri": CALLBACK, "scope": "openid"}
        address = portal.metadata["authorization_endpoint"]
        known = sandbox.credentials["vcd"]
        for auth in (None, (known["user"], "wrong")):
            answer = portal.http.get(address, params=query, auth=auth)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
        bare = portal.http.get(address, params=query, auth=(known["user"], known["password"]))
        tenant = (f"{known['tenant_user']}@{known['tenant_org']}", known["tenant_password"])
        assert bare.status_code == portal.http.get(address, params=query, auth=tenant).status_code == 302

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"scope": "profile"}, "invalid_scope"),
            ({"scope": "openid offline_access"}, "invalid_scope"),
        ],
    )
    def test_authorize_refuses_by_redirect(
        self, sandbox: Sandbox, vcd: httpx.Client, changes: dict[str, str], error: str
    ) -> None:
        answer = party_of(sandbox, register(vcd)).authorize(**changes)
        assert answer.status_code == 302
        assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"error": [error], "state": ["the state"]}

    def test_authorize_keeps_the_redirect_uris_query(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        uri = f"{CALLBACK}?tenant=1"
        party = register(vcd, uris=[uri])
        portal = RelyingParty(sandbox, party["clientId"], party["clientSecret"], uri)
        assert portal.authorize().headers["Location"].startswith(f"{uri}&code=")

    def test_code_lives_five_minutes_and_once(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal = party_of(sandbox, register(vcd))
        code, late = portal.code(), portal.code()
        assert portal.redeem(code).status_code == 200
        for answer in (portal.redeem(code), portal.probe()):
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        sandbox.advance("5m")
        assert portal.redeem(late).json()["error"] == "invalid_grant"

    def test_code_is_of_one_client_and_one_uri(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal, other = party_of(sandbox, register(vcd)), party_of(sandbox, register(vcd, "other"))
        assert other.redeem(portal.code()).json()["error"] == "invalid_grant"
        assert portal.redeem(portal.code(), redirect_uri="https://evil.example/").json()["error"] == "invalid_grant"

    def test_token_endpoint_proves_the_client_first(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        party = register(vcd)
        portal = party_of(sandbox, party)
        code = portal.code()
        for wrong in (
            RelyingParty(sandbox, party["clientId"], "wrong"),
            RelyingParty(sandbox, "unknown", party["clientSecret"]),
            RelyingParty(sandbox, party["clientId"], ""),
        ):
            for post in (False, True):
                answer = wrong.redeem(code, post=post)
                assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
                assert "WWW-Authenticate" in answer.headers
        both = portal.redeem(code, client_secret=portal.client_secret)
        assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
        assert portal.redeem(code).status_code == 200

    @pytest.mark.parametrize("grant", ["client_credentials", "password", "refresh_token", JWT_BEARER])
    def test_token_endpoint_has_no_other_grant(self, sandbox: Sandbox, vcd: httpx.Client, grant: str) -> None:
        answer = party_of(sandbox, register(vcd)).redeem("x", grant_type=grant)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")

    def test_access_token_lives_five_minutes_and_opens_no_api(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal = party_of(sandbox, register(vcd))
        bearer = {"Authorization": f"Bearer {portal.redeem(portal.code()).json()['access_token']}"}
        assert portal.http.get(portal.metadata["userinfo_endpoint"], headers=bearer).status_code == 200
        assert_refused(vcd.get(PARTIES, headers=bearer), 401, "UNAUTHORIZED")
        sandbox.advance("5m")
        late = portal.http.get(portal.metadata["userinfo_endpoint"], headers=bearer)
        assert (late.status_code, late.json()["error"]) == (401, "invalid_token")

    def test_id_token_lives_an_hour(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal = party_of(sandbox, register(vcd))
        id_token, now = portal.redeem(portal.code()).json()["id_token"], clock(sandbox)
        assert portal.validate(id_token, now + timedelta(minutes=59))
        with pytest.raises(Exception, match="expired"):
            portal.validate(id_token, now + timedelta(minutes=61))

    @pytest.mark.parametrize(
        ("key", "algorithm"),
        [
            (RSA_2048, "RS256"),
            (P_256, "ES256"),
            (ec.generate_private_key(ec.SECP384R1()), "ES384"),
            (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        ],
        ids=["RS256", "ES256", "ES384", "ES512"],
    )
    def test_id_token_is_signed_by_the_active_key(
        self, sandbox: Sandbox, vcd: httpx.Client, key: Private, algorithm: str
    ) -> None:
        portal = party_of(sandbox, register(vcd))
        uploaded = upload(vcd, **pair(key))["id"]
        activate(vcd, uploaded)
        token = portal.validate(portal.redeem(portal.code()).json()["id_token"], clock(sandbox))
        assert (token.header["alg"], token.header["kid"]) == (algorithm, uploaded)

    def test_jwks_presents_every_key_until_it_is_deleted(self, sandbox: Sandbox, vcd: httpx.Client) -> None:
        portal, now = party_of(sandbox, register(vcd)), clock(sandbox)
        built_in = vcd.get(PROVIDER).json()["activeKey"]["id"]
        old = portal.redeem(portal.code()).json()["id_token"]
        activate(vcd, upload(vcd)["id"])
        jwks = portal.http.get(portal.metadata["jwks_uri"])
        assert "max-age=" in jwks.headers["Cache-Control"]
        assert len(jwks.json()["keys"]) == 2
        assert all(not {"d", "p", "q"} & set(key) for key in jwks.json()["keys"])
        assert portal.validate(old, now)
        sandbox.dialect(vcd__jwks="active")
        with pytest.raises(InvalidKeyIdError):
            portal.validate(old, now)
        sandbox.dialect(vcd__jwks="all")
        assert portal.validate(old, now)
        vcd.delete(f"{KEYS}/{built_in}")
        with pytest.raises(InvalidKeyIdError):
            portal.validate(old, now)
