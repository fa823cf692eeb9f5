"""VMware Cloud Director: API tokens or password sessions, versioned media types, ``minorErrorCode`` bodies.

Pages: developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ and "Generate an API Access Token" in the
Service Provider Admin Guide.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import quote

from pydantic import AfterValidator, Field

from ..errors import (
    AnswerLost,
    BadAnswer,
    Conflict,
    Error,
    Forbidden,
    NotFound,
    NotProvenGone,
    Unauthenticated,
    VendorError,
    printable_code,
)
from .answer import Body, decode
from .config import CREDENTIAL, BaseUrl, Endpoint, Secret, matching, plain
from .listing import whole
from .session import MAX_ATTEMPTS_S, Runtime, Session, Token, basic

if TYPE_CHECKING:
    import httpx

#: The base of all paths of the API.
CLOUDAPI = "/cloudapi/1.0.0"
_CONFIGURATION = f"{CLOUDAPI}/openIdProvider"
#: No ID token lives longer; the vendor's first value is an hour.
_MAX_ID_TOKEN_LIFETIME = timedelta(days=3650)
_PROVIDER_ORG = "system"
_URN = "urn:vcloud:"
_PAGE_SIZE = "128"
_ACCEPTED = 202
_SERVER_ERROR = 500
# Other than by success.
_FAILED = frozenset({"error", "canceled", "aborted"})
#: Seconds between looks at a task; the last one from then on.
_TASK_PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)


def urn_of(kind: str) -> AfterValidator:
    """Return a check that an id of the form that Cloud Director gives them is one of this kind."""

    def check(id_: str) -> str:
        if id_.startswith(_URN) and not id_.startswith(f"{_URN}{kind}:"):
            raise ValueError(f"is the id of another kind: one of this kind begins with {_URN}{kind}")
        return id_

    return AfterValidator(check)


class VcdEndpoint(Endpoint):
    """A Cloud Director site; relying parties and keys need the provider's organization."""

    kind = "vcd"
    credentials = (("api_token",), ("user", "password"))

    url: BaseUrl = Field(description="The Cloud Director address.", json_schema_extra={"env": "VCD_URL"})
    org: Annotated[
        str, matching(r"[^/\s@:]+", "is not an organization: write its name, which has no spaces, '/', '@' or ':'")
    ] = Field(
        default="System",
        description="The organization of the account; System is the provider's.",
        json_schema_extra={"env": "VCD_ORG"},
    )
    api_version: Annotated[str, matching(r"\d{2}\.\d+", 'is not a version: write one such as "37.2"')] = Field(
        default="37.2", description="The API version; 37.2 is the first that has OIDC."
    )
    allow_unverified_ssl: bool = Field(
        default=False,
        description="Do not check the server's certificate. Warns at every run.",
        json_schema_extra={"env": "VCD_ALLOW_UNVERIFIED_SSL"},
    )
    api_token: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "VCD_API_TOKEN"})
    user: str | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "VCD_USER"})
    password: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "VCD_PASSWORD"})


class Vcd(Session[VcdEndpoint]):
    """A session with Cloud Director."""

    model: ClassVar[type[Endpoint]] = VcdEndpoint
    right = 'the right "OIDC Server: Manage Settings"'

    def __init__(self, name: str, endpoint: VcdEndpoint, runtime: Runtime) -> None:
        super().__init__(name, endpoint, runtime)
        self._listings: dict[str, list[Body]] = {}

    @property
    def is_provider(self) -> bool:
        """Whether the account is the provider's, which alone sees every object."""
        return self.endpoint.org.casefold() == _PROVIDER_ORG

    def headers(self) -> dict[str, str]:
        """Ask for the version."""
        return {"accept": f"application/json;version={self.endpoint.api_version}"}

    def organization(self) -> str | None:
        """Name the organization."""
        return f"org {self.endpoint.org}"

    def log_in(self) -> Token:
        """Trade an API token for an access token, or open a session with a password."""
        match self.endpoint.usable_credentials():
            case ("api_token",):
                return self._by_api_token()
            case ("user", "password"):
                return self._by_password()
            case _:
                raise self.endpoint.without_credentials(self.name)

    def _by_api_token(self) -> Token:
        issuer = "provider" if self.is_provider else f"tenant/{self.endpoint.org}"
        _, body = self.log_in_with(
            "POST",
            f"{self.endpoint.url}/oauth/{issuer}/token",
            data={"grant_type": "refresh_token", "refresh_token": plain(self.endpoint.api_token)},
            headers={"accept": "application/json"},
        )
        return Token(body.secret("access_token").get_secret_value(), self.ends_in(body.maybe("expires_in", int)))

    def _by_password(self) -> Token:
        user = f"{self.endpoint.user}@{self.endpoint.org}"
        answer, _ = self.log_in_with(
            "POST",
            f"{self.endpoint.url}{CLOUDAPI}/sessions{'/provider' if self.is_provider else ''}",
            headers={
                "accept": f"application/*;version={self.endpoint.api_version}",
                **basic(user, plain(self.endpoint.password)),
            },
        )
        token = answer.headers.get("x-vmware-vcloud-access-token")
        if not token:
            raise Unauthenticated(f"{self.name}: the session has no X-VMWARE-VCLOUD-ACCESS-TOKEN")
        return Token(token)

    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Send the access token."""
        request.headers["authorization"] = f"Bearer {token.value}"

    def error_code(self, body: Body) -> object:
        """Read ``minorErrorCode``; the OIDC endpoints say ``error``."""
        return body.get("minorErrorCode") or body.get("error")

    def request_id(self, answer: httpx.Response, body: Body) -> object:  # noqa: ARG002 - the header says it
        """Read the header that names the request."""
        return answer.headers.get("x-vmware-vcloud-request-id")

    # -- changes that are only taken up: 202, and a task that does them ------------------------------------------

    def await_task(self, source: str, request: httpx.Request, answer: httpx.Response) -> Body | None:
        """Follow the task, then GET the object that it has changed: a task names that and shows nothing of it."""
        if answer.status_code != _ACCEPTED:
            return None
        location = answer.headers.get("location")
        if location is None:
            raise BadAnswer(f"{source}: the change is only taken up (202), and no task is named")
        task = self._ended(source, self.same_origin(source, location, base=str(request.url)))
        if request.method == "DELETE":
            return Body(source, {}, from_task=True)
        owner = task.maybe("owner", dict)
        url = _object_url(str(request.url), Body(source, owner).id("id") if owner else "")
        return decode(*self._read_later(source, url, self.headers()), from_task=True)

    def _ended(self, source: str, url: str) -> Body:
        """GET a task until it has ended, for as long as all attempts at one request may take."""
        # Tasks are of the older API, which has media types of its own.
        headers = {"accept": f"application/*+json;version={self.endpoint.api_version}"}
        end = self.runtime.monotonic() + MAX_ATTEMPTS_S
        for pause in itertools.chain(_TASK_PAUSES, itertools.repeat(_TASK_PAUSES[-1])):
            task = decode(*self._read_later(source, url, headers))
            status = task.text("status")
            if status == "success":
                return task
            if status in _FAILED:
                raise self._failure_of(source, task, status)
            if self.runtime.monotonic() + pause >= end:
                break
            self.runtime.sleep(pause)
        raise AnswerLost(f"{source}: the task that does it has not ended in {MAX_ATTEMPTS_S:.0f} s")

    def _read_later(self, source: str, url: str, headers: Mapping[str, str]) -> tuple[str, bytes]:
        try:
            where, answer = self.get_at(url, headers=headers)
        except Error as failed:
            # Whatever it is, it says nothing of the change, which may be done.
            what = failed.happened.removeprefix(f"{self.name}: ")
            raise AnswerLost(f"{source}: a task does it, and {what}", request_id=failed.request_id) from None
        return where, answer.content

    def _failure_of(self, source: str, task: Body, status: str) -> VendorError:
        error = Body(source, task.maybe("error", dict) or {})
        code = printable_code(error.get("minorErrorCode"))
        # What says no reason, such as a task that was cancelled, may have done some of it.
        kind = self.classify(error.maybe("majorErrorCode", int) or _SERVER_ERROR, code)
        todo = f"the account needs {self.right}" if kind is Forbidden else None
        return kind(f"{source}: its task: {status}{f' {code}' if code else ''}", todo=todo)

    def proves_right(self) -> bool:
        """GET the first relying party."""
        self.get(f"{CLOUDAPI}/openIdProvider/relyingParties", query={"page": "1", "pageSize": "1"})
        return True

    # -- collections: 403 means "forbidden" or "does not exist" --------------------------------------------------

    def all_of(self, collection: str) -> list[Body]:
        """GET all pages of a collection; the pages must agree with the total that they name.

        :raises NotProvenGone: if the vendor does not show the collection, which makes it no empty one.
        """

        def read() -> tuple[dict[str, Body], set[int]]:
            found: dict[str, Body] = {}
            totals = set()
            for page in self.pages(f"{CLOUDAPI}{collection}", query={"page": "1", "pageSize": _PAGE_SIZE}):
                found |= {entry.id("id"): entry for entry in page.objects("values")}
                totals.add(page.number("resultTotal"))
            return found, totals

        try:
            found = whole(read)
        except (Forbidden, NotFound) as refused:
            raise NotProvenGone(
                f"{refused.happened}: the list itself is not shown",
                todo=f"the account needs {self.right}, and Cloud Director its OIDC proxy",
                request_id=refused.request_id,
            ) from None
        if found is None:
            raise BadAnswer(
                f"{self.name}: GET {collection}: the pages do not add up to the total",
                todo="run again: the list changed while it was read",
                no_effect=True,
            )
        return list(found.values())

    def list_once(self, collection: str) -> list[Body]:
        """Return the collection as it was when this process first asked: what an earlier run left is in it."""
        with self.exclusive:
            if collection not in self._listings:
                self._listings[collection] = self.all_of(collection)
            return self._listings[collection]

    def find(self, collection: str, id_: str) -> Body | None:
        """GET one object of a collection; nothing only if it is certainly gone: the provider's whole list lacks it.

        :raises NotProvenGone: if the vendor refuses and the object is in the list, or the list cannot tell.
        """
        try:
            return self.get(f"{CLOUDAPI}{collection}/{{}}", id_)
        except (Forbidden, NotFound) as refused:
            self._prove_gone(collection, id_, refused)
        return None

    def remove(self, collection: str, id_: str) -> None:
        """DELETE one object; one that is certainly gone is what was wanted.

        :raises NotProvenGone: as :meth:`find` does.
        """
        try:
            self.delete(f"{CLOUDAPI}{collection}/{{}}", id_)
        except (Forbidden, NotFound) as refused:
            self._prove_gone(collection, id_, refused)
        with self.exclusive:
            if (listing := self._listings.get(collection)) is not None:
                # What replaces it may have its name.
                self._listings[collection] = [entry for entry in listing if entry.get("id") != id_]

    def _prove_gone(self, collection: str, id_: str, refused: VendorError) -> None:
        # A tenant sees a part of the list, or none: what is not in that may be there.
        if not self.is_provider:
            raise self.not_proven_gone(refused, "only the provider's account sees all") from None
        if any(entry.get("id") == id_ for entry in self.all_of(collection)):
            raise self.not_proven_gone(refused, "it is in the list") from None

    # -- the configuration of the OpenID provider, of which there is one ------------------------------------------

    def configuration(self) -> Body:
        """GET the configuration of the OpenID provider; it is sure to be that, and may be written back."""
        configuration = self.get(_CONFIGURATION)
        configuration.flag("allowHttp")
        return configuration

    @staticmethod
    def active_key(configuration: Body) -> str | None:
        """Return the id of the key that signs, if one does."""
        return None if configuration.get("activeKey") is None else configuration.object("activeKey").id("id")

    def make_active(self, before: Body, key_id: str) -> None:
        """PUT the configuration that was read before, with another key that signs; the caller holds :attr:`exclusive`.

        :raises Conflict: if the vendor shows another key afterwards, which somebody else has made active.
        :raises BadAnswer: if the answer is not a configuration.
        """
        if self.active_key(before) != key_id:
            after = self.put(_CONFIGURATION, json={**before, "activeKey": {"id": key_id}})
            after.flag("allowHttp")
            if self.active_key(after) != key_id:
                # The PUT was obeyed, and what it did has been undone, or not.
                raise Conflict(f"{self.name}: another key was made active at the same moment", no_effect=False)

    def id_token_lifetime(self, configuration: Body) -> timedelta:
        """Return how long ID tokens live.

        :raises BadAnswer: if the vendor names no lifetime that could be meant.
        """
        seconds = configuration.number("idTokenTimeToLive")
        if not 0 <= seconds <= _MAX_ID_TOKEN_LIFETIME.total_seconds():
            raise BadAnswer(
                f"{self.name}: GET openIdProvider: idTokenTimeToLive is not the lifetime of an ID token", no_effect=True
            )
        return timedelta(seconds=seconds)

    # -- the relying party's side --------------------------------------------------------------------------------

    def knows_client(self, client_id: str, client_secret: str) -> bool | None:
        """Tell whether the token endpoint accepts a client's secret; nothing if it cannot be told.

        A code that nobody was given is refused as ``invalid_grant`` once the client is known, and as
        ``invalid_client`` where it is not (RFC 6749, 5.2); that VCD follows this is not documented.
        """
        code = self.oauth_error(
            f"{self.endpoint.url}/oidc/oauth2/token",
            client_id,
            client_secret,
            {"grant_type": "authorization_code", "code": "rekey-probe", "redirect_uri": "https://localhost/"},
        )
        return {"invalid_grant": True, "invalid_client": False}.get(code)

    def published_keys(self) -> tuple[list[Body], timedelta]:
        """GET the JWK set that relying parties check ID tokens with, and for how long they may cache it."""
        _, discovery = self.get_in_public(f"{self.endpoint.url}/oidc/.well-known/openid-configuration")
        source = f"{self.name}: GET openid-configuration"
        where = self.same_origin(source, discovery.text("jwks_uri"), no_effect=True)
        answer, keys = self.get_in_public(where)
        max_age = re.search(r"max-age=(\d{1,8})\b", answer.headers.get("cache-control", ""))
        return keys.objects("keys"), timedelta(seconds=int(max_age[1]) if max_age else 0)


def _object_url(url: str, id_: str) -> str:
    """Return the URL of the object that a request to ``url`` changed, or created in that collection."""
    head, found, _action = url.partition(f"/{quote(id_, safe=':')}")
    if not id_:
        return url
    return head + found if found else f"{url}/{quote(id_, safe=':')}"


SESSION = Vcd
