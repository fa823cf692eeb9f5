"""Gone is a proof: what a vendor documents of a missing object, and a whole list that lacks it; nothing else."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from pulumi_rekey.endpoints import KINDS, Endpoints
from pulumi_rekey.endpoints.answer import Body
from pulumi_rekey.endpoints.session import Runtime
from pulumi_rekey.errors import BadAnswer, Error, NotFound, NotProvenGone

from tools.vendors import Sandbox

LOGINS: Final = {
    "vcd": {"apiToken": "api_token"},
    "broker": {"clientId": "client_id", "clientSecret": "client_secret"},
    "navigator": {"apiToken": "api_token"},
    "roma": {"accessKey": "access_key", "secretKey": "secret_key", "projectId": "project_id"},
}
PATHS: Final = {
    "vcd": "/openIdProvider/keys",
    "broker": "/usergroup/t/CUSTOMER/broker/directories/{}/sync-client",
    "navigator": "/cphub/api/auth/v2/orgs/{}/oauth-apps/{}",
    "roma": "/v2/{}/instances/{}/apps/{}/secret",
}
#: The requests for an object, and all of the API that shows objects.
OBJECT: Final = {
    "vcd": "/openIdProvider/keys/",
    "broker": "/sync-client$",
    "navigator": "/(oauth-apps|clients)/(?!scopes)[^/]+$",
    "roma": "/secret$",
}
API: Final = {
    "vcd": "/openIdProvider/",
    "broker": "/broker/directories",
    "navigator": "/v2/orgs/",
    "roma": "/instances/",
}
MISSING: Final = {
    "vcd": "urn:vcloud:openIdProviderKey:00000000-0000-0000-0000-000000000000",
    "broker": "00000000-0000-0000-0000-000000000000",
    "navigator": "nobody",
    "roma": "00000000-0000-0000-0000-000000000000",
}
#: What a gateway before the vendor says, or another API at its address.
FOREIGN: Final = {
    "html": {"body": "<html>not here</html>", "content_type": "text/html"},
    "no-code": {"body": '{"message": "not here"}'},
    "foreign-code": {"body": '{"code": "GW-17", "errorCode": "GW-17", "error_code": "GW-17"}'},
}


@dataclass
class Search:
    """A session with a vendor, and the ids of an object that is there."""

    kind: str
    session: Any
    ids: tuple[str, ...]

    def there(self) -> Body | None:
        """Look for what is there."""
        found: Body | None = self.session.find(PATHS[self.kind], *self.ids)
        return found

    def missing(self) -> Body | None:
        """Look for what is not there."""
        found: Body | None = self.session.find(PATHS[self.kind], *self.ids[:-1], MISSING[self.kind])
        return found


Searching = Callable[[str], Search]


@pytest.fixture
def search(sandbox: Sandbox) -> Iterator[Searching]:
    """Opens a session with the sandbox's vendor of a kind."""
    opened: list[Search] = []

    def open_search(kind: str) -> Search:
        known = sandbox.credentials[kind]
        login = {key: known[name] for key, name in LOGINS[kind].items()}
        session: Any = Endpoints({kind: {"url": known["url"], **login}}, Runtime()).session(None, kind)
        ids: dict[str, Callable[[], tuple[str, ...]]] = {
            "vcd": lambda: (session.all_of(PATHS["vcd"])[0].id("id"),),
            "broker": lambda: (known["directory_id"],),
            "navigator": lambda: (known["org_id"], known["client_id"]),
            "roma": lambda: (known["project_id"], known["instance_id"], known["app_id"]),
        }
        opened.append(Search(kind, session, ids[kind]()))
        return opened[-1]

    yield open_search
    for each in opened:
        each.session.connections.close()


@pytest.mark.parametrize("kind", KINDS)
def test_find_returns_what_is_there_and_nothing_for_what_is_not(search: Searching, kind: str) -> None:
    found = search(kind)
    assert found.there()
    assert found.missing() is None


@pytest.mark.parametrize(
    ("kind", "switches"),
    [
        ("navigator", {"navigator__missing_app": "404"}),
        ("navigator", {"navigator__missing_app": "404", "navigator__error_body": "empty"}),
        ("navigator", {"navigator__missing_app": "403", "navigator__error_body": "empty"}),
        ("broker", {"broker__error_body": "structured"}),
        ("broker", {"broker__error_body": "empty"}),
    ],
)
def test_find_proves_it_in_each_dialect(
    sandbox: Sandbox, search: Searching, kind: str, switches: dict[str, str]
) -> None:
    sandbox.dialect(**switches)
    found = search(kind)
    assert found.there()
    assert found.missing() is None


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("kind", KINDS)
def test_find_takes_no_gateways_word(sandbox: Sandbox, search: Searching, kind: str, body: str, status: int) -> None:
    """Neither where it answers for the object alone, nor where it answers for the whole API."""
    found = search(kind)
    for pattern in (OBJECT[kind], API[kind]):
        sandbox.http.delete("/_sandbox/faults")
        sandbox.fault(pattern, status=status, count=0, **FOREIGN[body])
        with pytest.raises(Error) as failed:
            found.there()
        assert not isinstance(failed.value, NotFound)
    with pytest.raises(Error) as failed:
        found.missing()
    assert not isinstance(failed.value, NotFound)


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("kind", ["navigator", "roma"])
def test_find_needs_the_vendors_own_word(
    sandbox: Sandbox, search: Searching, kind: str, body: str, status: int
) -> None:
    """Where a list is not documented, or does not show all, what is gone stays unproven."""
    found = search(kind)
    sandbox.fault(OBJECT[kind], status=status, count=0, **FOREIGN[body])
    with pytest.raises(Error) as failed:
        found.missing()
    assert not isinstance(failed.value, NotFound)


def test_the_error_says_what_is_not_proven_and_what_to_do(sandbox: Sandbox, search: Searching) -> None:
    found = search("broker")
    sandbox.fault("/sync-client$", status=404, body="")
    with pytest.raises(NotProvenGone) as failed:
        found.there()
    assert str(failed.value) == (
        f"broker: GET /usergroup/t/CUSTOMER/broker/directories/{found.ids[0]}/sync-client: 404, which does not prove"
        " that it is gone: the directory is there, and has no sync client: the account needs the rule set"
        " IDP_AND_DIRECTORY_ADMIN or TENANT_ADMIN; if it is gone all the same, run `pulumi state delete`"
    )


# -- Cloud Director ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("look", ["find", "remove", "all_of", "list_once"])
def test_a_list_that_is_not_shown_is_no_empty_list(sandbox: Sandbox, search: Searching, look: str, status: int) -> None:
    found = search("vcd")
    sandbox.fault("/openIdProvider/keys", status=status, count=0, body='{"minorErrorCode": "NOT_HERE"}')
    ids = found.ids if look in {"find", "remove"} else ()
    with pytest.raises(
        NotProvenGone, match=rf"keys: {status} NOT_HERE: the list itself is not shown: the account needs"
    ):
        getattr(found.session, look)(PATHS["vcd"], *ids)


# -- ROMA Connect -----------------------------------------------------------------------------------------------------


def test_a_403_of_roma_is_no_proof_whatever_the_list_shows(sandbox: Sandbox, search: Searching) -> None:
    sandbox.dialect(roma__missing_app="403")
    with pytest.raises(
        NotProvenGone, match=r"403 ROMA\.00000101, which does not prove that it is gone: the account needs"
    ):
        search("roma").missing()


NO_APPLICATION: Final = {"status": 404, "body": '{"error_code": "ROMA.00014001"}', "count": 0}


def test_what_roma_calls_missing_and_lists_is_not_gone(sandbox: Sandbox, search: Searching) -> None:
    found = search("roma")
    sandbox.fault("/secret$", **NO_APPLICATION)
    with pytest.raises(
        NotProvenGone, match=r"404 ROMA\.00014001, which does not prove that it is gone: it is in the list"
    ):
        found.there()


@pytest.mark.parametrize(
    "page",
    [
        {"total": 5, "size": 0, "apps": []},
        {"total": 0, "size": 1, "apps": [{"id": "a"}]},
        {"total": 2, "size": 1, "apps": [{"id": "a"}]},
        {"size": 0, "apps": []},
        {"total": 0},
    ],
)
def test_a_list_of_roma_that_is_not_whole_proves_nothing(
    sandbox: Sandbox, search: Searching, page: dict[str, object]
) -> None:
    found = search("roma")
    sandbox.fault("/secret$", **NO_APPLICATION)
    sandbox.fault("/apps$", status=200, body=json.dumps(page), count=0)
    with pytest.raises(BadAnswer):
        found.missing()


def test_a_list_of_roma_is_read_to_its_end(sandbox: Sandbox, search: Searching) -> None:
    found = search("roma")
    app = found.ids[-1]
    sandbox.fault("/secret$", **NO_APPLICATION)
    for size in (20, 15):
        # The vendor's own list would show the app on its first page.
        page = {"total": 36, "size": size, "apps": [{"id": f"{size}-{number}"} for number in range(size)]}
        sandbox.fault("/apps$", status=200, body=json.dumps(page))
    sandbox.fault("/apps$", status=200, body=json.dumps({"total": 36, "size": 1, "apps": [{"id": app}]}))
    with pytest.raises(NotProvenGone, match="it is in the list"):
        found.there()
    asked = [call for call in sandbox.calls() if call["path"].endswith("/apps")]
    assert len(asked) == 3


# -- the broker -------------------------------------------------------------------------------------------------------


def test_a_list_of_directories_that_goes_on_is_not_whole(sandbox: Sandbox, search: Searching) -> None:
    found = search("broker")
    body = {"items": [], "_links": {"next": {"href": "/usergroup/t/CUSTOMER/broker/directories?page=2"}}}
    sandbox.fault("/directories$", status=200, body=json.dumps(body))
    with pytest.raises(BadAnswer, match="the list of directories goes on elsewhere"):
        found.missing()


def test_a_directory_without_a_sync_client_is_not_gone(sandbox: Sandbox, search: Searching) -> None:
    found = search("broker")
    sandbox.fault("/sync-client$", status=404, body="", count=0)
    with pytest.raises(NotProvenGone, match="the directory is there, and has no sync client"):
        found.there()
