"""A resource's project is not always the endpoint's: the login's scope and the signed header are the resource's."""

import json
from typing import Any

import pytest
from pulumi_rekey.endpoints import Endpoints
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import Error, Misconfigured, Unauthenticated

from tools.vendors import Sandbox

from .conftest import Connect
from .scripted import Scripted, said

SECRET = "/v2/{}/instances/i/apps/a/secret"


def token(value: str) -> bytes:
    body = {"token": {"expires_at": "2030-01-01T00:00:00Z"}}
    return said(body, 201, f"x-subject-token: {value}")


@pytest.fixture
def by_password(server: Scripted, connect: Connect) -> Any:
    login = {"userName": "u", "password": "p", "domainName": "d"}
    return connect("roma", url=server.url, iamUrl=server.url, projectId="p1", timeout=0.5, **login)


def scopes(server: Scripted) -> list[str]:
    logins = [json.loads(heard.body) for heard in server.heard if heard.method == "POST"]
    return [login["auth"]["scope"]["project"]["id"] for login in logins]


def test_a_password_login_is_for_the_resources_project(server: Scripted, by_password: Any) -> None:
    server.script(token("T2"), said({}), said({}), token("T1"), said({}), said({}))
    for project in ("p2", "p2", None, "p1"):
        roma = by_password.in_project(project)
        roma.get(SECRET, roma.project_id)
    assert scopes(server) == ["p2", "p1"]
    asked = [(heard.target, heard.headers["x-auth-token"]) for heard in server.heard if heard.method == "GET"]
    assert [target.split("/")[2] for target, _ in asked] == ["p2", "p2", "p1", "p1"]
    assert [value for _, value in asked] == ["T2", "T2", "T1", "T1"]


def test_a_signature_names_the_resources_project(server: Scripted, signed: Any) -> None:
    server.script(said({}))
    for project in ("p2", None):
        signed.in_project(project).get("/x")
    assert [heard.headers["x-project-id"] for heard in server.heard] == ["p2", "p"]
    assert all("x-project-id" in heard.headers["authorization"] for heard in server.heard)


def test_a_view_is_one_for_each_project_and_shares_all_but_its_login(by_password: Any) -> None:
    view = by_password.in_project("p2")
    assert view is not by_password
    assert view is by_password.in_project("p2") is view.in_project("p2") is view.in_project(None)
    assert by_password is by_password.in_project(None) is by_password.in_project("p1") is view.in_project("p1")
    for shared in ("connections", "checks", "exclusive", "runtime", "name"):
        assert getattr(view, shared) is getattr(by_password, shared)
    assert (view.endpoint.url, view.endpoint.project_id) == (by_password.endpoint.url, "p2")


def test_a_login_that_one_project_refuses_is_not_another_projects(server: Scripted, by_password: Any) -> None:
    server.script(said({}, 401), token("T1"), said({}))
    with pytest.raises(Unauthenticated):
        by_password.in_project("p2").get("/x")
    by_password.get("/x")
    with pytest.raises(Unauthenticated):
        by_password.in_project("p2").get("/x")
    assert scopes(server) == ["p2", "p1"]


def test_without_any_project(server: Scripted, connect: Connect) -> None:
    session = connect("roma", url=server.url, accessKey="AK", secretKey="SK")
    assert session.in_project("p").project_id == "p"
    with pytest.raises(
        Misconfigured, match="endpoint 'roma' has no project id: set project_id on the resource or rekey:"
    ):
        _ = session.in_project(None).project_id


def test_the_vendor_refuses_a_token_of_another_project(sandbox: Sandbox) -> None:
    """What this is about: the endpoint's project is another, or none, and the resource says its own."""
    known = sandbox.credentials["roma"]
    login = {"userName": known["user_name"], "password": known["password"], "domainName": known["domain_name"]}
    settings = {"url": known["url"], "iamUrl": known["url"], **login}
    session: Any = Endpoints({"roma": settings}, Runtime()).session(None, "roma")
    path = ("/v2/{}/instances/{}/apps/{}/secret", known["project_id"], known["instance_id"], known["app_id"])
    with pytest.raises(Error):
        session.get(*path)
    assert session.in_project(known["project_id"]).get(*path)["secret"]
    session.connections.close()
