"""Huawei ROMA Connect: IAM tokens or AK/SK signatures, ``error_code`` bodies.

Pages: support.huaweicloud.com/intl/en-us/api-roma (ROMA Connect) and …/api-iam (Obtaining a User Token).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final
from urllib.parse import parse_qsl, quote

from pydantic import Field, model_validator

from ..errors import BadAnswer, Forbidden, Misconfigured, NotFound, Unauthenticated, Unavailable, VendorError
from .answer import Body
from .config import CREDENTIAL, IN_HEADER, BaseUrl, Endpoint, Secret, matching, plain
from .listing import whole
from .session import MAX_PAGES, Runtime, Session, Token

if TYPE_CHECKING:
    import httpx

_ALGORITHM = "SDK-HMAC-SHA256"
_NOT_FOUND = 404
#: Applications of a project and an instance.
_APPS: Final = "/v2/{}/instances/{}/apps"
#: "application not found": support.huaweicloud.com/intl/zh-cn/ae-ad-1-api-roma/ResetRomaAppSecret.html
_NO_APPLICATION: Final = "ROMA.00014001"
# Auth failures come as 400 with a code of their own: support.huaweicloud.com/intl/en-us/api-roma/ErrorCode_server.html
_BY_CODE: dict[str, type[VendorError]] = {
    "ROMA.1000": Unauthenticated,
    "ROMA.1002": Unauthenticated,
    "ROMA.1006": Forbidden,
    "ROMA.12001": Forbidden,
    _NO_APPLICATION: NotFound,
}


_REGION: Final = re.compile(r"[a-z0-9-]+")
#: The hosts that a region has.
_HOSTS: Final = {"url": "roma", "iam_url": "iam"}


class RomaEndpoint(Endpoint):
    """A ROMA Connect site, with the IAM that issues its tokens."""

    kind = "roma"
    addresses = ("url", "iam_url")
    credentials = (("access_key", "secret_key"), ("user_name", "password", "domain_name"))

    url: BaseUrl = Field(description="The ROMA Connect address.", json_schema_extra={"env": "ROMA_ENDPOINT"})
    region: Annotated[str, matching(_REGION.pattern, "is not a region: write one such as ap-southeast-3")] | None = (
        Field(
            default=None,
            description="The region, such as ap-southeast-3; fills url and iamUrl where they are not given.",
            json_schema_extra={"env": "HW_REGION_NAME"},
        )
    )
    iam_url: BaseUrl | None = Field(
        default=None,
        description="The IAM address that password logins go to.",
        json_schema_extra={"env": "HW_AUTH_URL"},
    )
    project_id: Annotated[str, IN_HEADER] | None = Field(
        default=None,
        description="The project that resources are in unless they say another.",
        json_schema_extra={"env": "HW_PROJECT_ID"},
    )
    access_key: Annotated[str, IN_HEADER] | None = Field(
        default=None, json_schema_extra={**CREDENTIAL, "env": "HW_ACCESS_KEY"}
    )
    secret_key: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "HW_SECRET_KEY"})
    security_token: Annotated[Secret, IN_HEADER] | None = Field(
        default=None, json_schema_extra={**CREDENTIAL, "env": "HW_SECURITY_TOKEN"}
    )
    user_name: str | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "HW_USER_NAME"})
    password: Secret | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "HW_PASSWORD"})
    domain_name: str | None = Field(default=None, json_schema_extra={**CREDENTIAL, "env": "HW_DOMAIN_NAME"})

    @model_validator(mode="before")
    @classmethod
    def _by_region(cls, settings: Any) -> Any:
        """Fill the addresses from the region, where there is one and they are not given."""
        if not isinstance(settings, dict):
            return settings
        return cls.implied(settings) | {name: value for name, value in settings.items() if value is not None}

    @classmethod
    def implied(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Return the addresses that a region has; none for what is not a region."""
        region = settings.get("region")
        if not isinstance(region, str) or not _REGION.fullmatch(region):
            return {}
        return {name: f"https://{host}.{region}.myhuaweicloud.com" for name, host in _HOSTS.items()}


def signature(secret_key: str, request: httpx.Request, date: str, signed: list[str]) -> str:
    """Return the SDK-HMAC-SHA256 signature of a request over the signed headers (lower-case, sorted)."""
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    canonical_path = "/".join(quote(segment, safe="~%") for segment in path.split("/"))
    if not canonical_path.endswith("/"):
        canonical_path += "/"
    query = sorted(parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True))
    canonical = "\n".join(
        [
            request.method,
            canonical_path,
            "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in query),
            *(f"{name}:{request.headers[name].strip()}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(request.content).hexdigest(),
        ]
    )
    to_sign = "\n".join([_ALGORITHM, date, hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


class Roma(Session[RomaEndpoint]):
    """A session with ROMA Connect."""

    model: ClassVar[type[Endpoint]] = RomaEndpoint
    right = "the permission to manage the application that `app_id` names"

    def __init__(self, name: str, endpoint: RomaEndpoint, runtime: Runtime) -> None:
        super().__init__(name, endpoint, runtime)
        #: The view of each project that was asked for, shared by all of them.
        self._projects: dict[str | None, Roma] = {endpoint.project_id: self}

    @property
    def project_id(self) -> str:
        """The project that requests are for.

        :raises Misconfigured: if neither the resource nor the endpoint says one.
        """
        if self.endpoint.project_id is None:
            raise Misconfigured(
                f"endpoint {self.name!r} has no project id",
                todo=f"set project_id on the resource or rekey:endpoints.{self.name}.projectId",
            )
        return self.endpoint.project_id

    def in_project(self, project_id: str | None) -> Roma:
        """Return this session as one in the resource's project; in the endpoint's own where the resource says none.

        A token is good for one project only, and a signature names its project. So each view logs in by itself; it
        shares all else, such as connections and what was learnt of the endpoint.
        """
        if project_id is None:
            return self
        with self.exclusive:
            view = self._projects.get(project_id)
            if view is None:
                self._projects[project_id] = view = copy(self)
                view.endpoint = self.endpoint.model_copy(update={"project_id": project_id})
                view.forget_login()
            return view

    def forget_login(self) -> None:
        """Let the next request log in."""
        self._token, self._refused_login, self._login = None, None, threading.Lock()

    def project(self, project_id: str | None) -> str:
        """Return the resource's project, or the endpoint's."""
        return self.in_project(project_id).project_id

    def find(self, path: str, project_id: str, instance_id: str, app_id: str) -> Body | None:
        """GET something of an application, by project, instance and application; nothing only if it is certainly gone.

        Then ROMA says so by its documented code, and the whole list of the instance's applications lacks it. A 403 says
        nothing: the list shows those only that the account may see.
        """
        try:
            return self.get(path, project_id, instance_id, app_id)
        except (Forbidden, NotFound) as refused:
            if refused.code != _NO_APPLICATION:
                raise self.not_proven_gone(refused) from None
            try:
                listed = self.applications(project_id, instance_id)
            except (Forbidden, NotFound) as failed:
                raise self.not_proven_gone(failed, "the list itself is not shown") from None
            if app_id in listed:
                raise self.not_proven_gone(refused, "it is in the list") from None
            return None

    def applications(self, project_id: str, instance_id: str) -> set[str]:
        """GET the ids of all applications of an instance; the pages must agree with the total that they name."""

        def read() -> tuple[dict[str, Body], set[int]]:
            found: dict[str, Body] = {}
            totals, offset = set(), 0
            for _ in range(MAX_PAGES):
                page = self.get(_APPS, project_id, instance_id, query={"offset": str(offset)})
                apps = page.objects("apps")
                offset += len(apps)
                found |= {app.id("id"): app for app in apps}
                totals.add(page.number("total"))
                if not apps or offset >= max(totals):
                    break
            return found, totals

        found = whole(read)
        if found is None:
            raise BadAnswer(
                f"{self.name}: GET …/apps: the pages do not add up to the total",
                todo="run again: the list changed while it was read",
                no_effect=True,
            )
        return set(found)

    def headers(self) -> dict[str, str]:
        """Ask for JSON."""
        return {"accept": "application/json"}

    def organization(self) -> str | None:
        """Name the organization, and the project, since a login is for one."""
        known = {"domainName": self.endpoint.domain_name, "projectId": self.endpoint.project_id}
        return ", ".join(f"{name} {value}" for name, value in known.items() if value) or None

    def log_in(self) -> Token:
        """Get an IAM token (24 h) with a password; with AK/SK every request is signed instead."""
        credentials = self.endpoint.usable_credentials()
        if not credentials:
            raise self.endpoint.without_credentials(self.name)
        if credentials[0] == "access_key":
            return Token("")
        if self.endpoint.iam_url is None:
            raise Misconfigured(
                f"endpoint {self.name!r} has no IAM address", todo=f"set rekey:endpoints.{self.name}.iamUrl"
            )
        user = {
            "name": self.endpoint.user_name,
            "password": plain(self.endpoint.password),
            "domain": {"name": self.endpoint.domain_name},
        }
        scope = {"project": {"id": self.endpoint.project_id}} if self.endpoint.project_id else {}
        answer, body = self.log_in_with(
            "POST",
            f"{self.endpoint.iam_url}/v3/auth/tokens",
            json={"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}},
        )
        token = answer.headers.get("x-subject-token")
        if not token:
            raise Unauthenticated(f"{self.name}: IAM gave no X-Subject-Token")
        expires = body.object("token").text("expires_at")
        try:
            left = (datetime.fromisoformat(expires) - self.vendor_now()).total_seconds()
        except (ValueError, TypeError):
            left = None
        return Token(token, self.ends_in(left))

    def authorize(self, request: httpx.Request, token: Token) -> None:
        """Send the IAM token, or sign with AK/SK."""
        if token.value:
            request.headers["x-auth-token"] = token.value
            return
        # A signature is good for 15 minutes around the real time.
        date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        request.headers["x-sdk-date"] = date
        if self.endpoint.project_id:
            request.headers["x-project-id"] = self.endpoint.project_id
        if self.endpoint.security_token is not None:
            request.headers["x-security-token"] = plain(self.endpoint.security_token)
        signed = sorted(
            name
            for name in ("content-type", "host", "x-project-id", "x-sdk-date", "x-security-token")
            if name in request.headers
        )
        value = signature(plain(self.endpoint.secret_key), request, date, signed)
        request.headers["authorization"] = (
            f"{_ALGORITHM} Access={self.endpoint.access_key}, SignedHeaders={';'.join(signed)}, Signature={value}"
        )

    def error_code(self, body: Body) -> object:
        """Read ``error_code``."""
        return body.get("error_code")

    def request_id(self, answer: httpx.Response, body: Body) -> object:
        """Read ``request_id``, or the header that repeats it."""
        return body.get("request_id") or answer.headers.get("x-request-id")

    def classify(self, status: int, code: str | None) -> type[VendorError]:
        """Read the code before the status: ROMA says 400 where others say 401."""
        if status == _NOT_FOUND and not (code or "").startswith("ROMA."):
            # ROMA names a code of its own with each refusal: this is a gateway's, and nothing is gone because of it.
            return Unavailable
        return _BY_CODE.get(code or "") or super().classify(status, code)


SESSION = Roma
