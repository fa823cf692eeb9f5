"""What all operations of VMware Cloud Director's API share: version, media type, request id, errors.

https://developer.vmware.com/apis/vmware-cloud-director/latest/
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...sandbox import wire
from ..world import Refusal

Handler = Callable[[Request], Awaitable[Response]]
Form = Literal["json", "xml"]

# What a server of API 40.0 still speaks. The two before 37.2 are here so that "spoken, but without the
# OIDC proxy" exists beside "not spoken at all".
VERSIONS = ("37.0", "37.1", "37.2", "37.3", "38.0", "38.1", "39.0", "39.1", "40.0")
_CLIENT_REQUEST_ID_LENGTH = 128
#: The namespace of the older XML API.
VCLOUD = "http://www.vmware.com/vcloud/v1.5"


def refused(status: int, code: str, message: str) -> Refusal:
    """An error answer: the body is {minorErrorCode, message, stackTrace}."""
    return Refusal(JSONResponse({"minorErrorCode": code, "message": message, "stackTrace": None}, status))


def forbidden() -> Refusal:
    """403: the session may not, or the entity does not exist; the API does not say which."""
    message = "The session lacks a right for this operation, or the entity does not exist"
    return refused(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN", message)


def operation(
    method: str,
    path: str,
    handler: Handler,
    produces: tuple[Form, ...] = ("json",),
    since: str = VERSIONS[0],
) -> Route:
    """A route that negotiates the version before `handler` and completes the headers of the answer after it.

    Of the forms that it `produces`, the first one is meant where a client asks for neither; `handler` finds the one to
    answer in as `request.state.form`.

    The documentation requires a version in Accept and does not say what happens without one; 406 is HTTP's
    own word for it. An operation that is younger than the version asked for is not part of that API: 404,
    unlike an absent entity, which is 403.
    """

    async def endpoint(request: Request) -> Response:
        version, request.state.form = None, produces[0]
        try:
            version, request.state.form = _negotiate(request, produces)
            if VERSIONS.index(version) < VERSIONS.index(since):
                raise refused(404, "RESOURCE_NOT_FOUND", f"API {version} has no such operation")
            response = await handler(request)
        except wire.Malformed as wrong:
            response = refused(400, "BAD_REQUEST", str(wrong)).response
        except Refusal as refusal:
            response = refusal.response
        if request.state.form == "xml" and response.media_type == "application/json":
            response = error_as_xml(response)
        if version and response.media_type:
            response.headers["Content-Type"] = f"{response.media_type};version={version}"
        return identified(request, response)

    return Route(path, endpoint, methods=[method])


def identified(request: Request, response: Response) -> Response:
    """The answer with its request id, which begins with the id that the client sent, if it sent one."""
    sent = request.headers.get("X-VMWARE-VCLOUD-CLIENT-REQUEST-ID", "")[:_CLIENT_REQUEST_ID_LENGTH]
    response.headers["X-VMWARE-VCLOUD-REQUEST-ID"] = f"{sent}-{uuid.uuid4()}" if sent else str(uuid.uuid4())
    return response


def urn(kind: str, hexadecimal: str | None = None) -> str:
    """A new id of this kind, or the one made of 32 given hexadecimal digits."""
    return f"urn:vcloud:{kind}:{uuid.UUID(hex=hexadecimal) if hexadecimal else uuid.uuid4()}"


async def json_object(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object sent as application/json."""
    if wire.media_type(request) != "application/json":
        raise refused(415, "UNSUPPORTED_MEDIA_TYPE", "the body must be application/json")
    return await wire.json_object(request)


def refuse_changes(body: Mapping[str, Any], present: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a body that gives a read-only field a value which it does not have at present."""
    for name in names:
        if body.get(name) is not None and body[name] != present[name]:
            raise wire.Malformed(f"{name} is read-only")


def xml(element: ET.Element, media_type: str, status: int = 200) -> Response:
    """An answer of the older XML API."""
    document = ET.tostring(element, encoding="UTF-8", xml_declaration=True)
    return Response(document, status, media_type=media_type)


def error_as_xml(response: Response) -> Response:
    """An error answer in the form of the older API."""
    error = json.loads(bytes(response.body))
    codes = {"majorErrorCode": str(response.status_code), "minorErrorCode": error["minorErrorCode"]}
    element = ET.Element("Error", {"xmlns": VCLOUD, "message": error["message"], **codes})
    return xml(element, "application/vnd.vmware.vcloud.error+xml", response.status_code)


def _negotiate(request: Request, produces: tuple[Form, ...]) -> tuple[str, Form]:
    for media_range in request.headers.get("Accept", "").split(","):
        kind, *parameters = (part.strip() for part in media_range.split(";"))
        form = next((form for form in produces if _accepts(kind.lower(), form)), None)
        if form is None:
            continue
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "version" and value.strip(' "') in VERSIONS:
                return value.strip(' "'), form
    forms = " or ".join(produces)
    raise refused(406, "NOT_ACCEPTABLE", f"Accept must name {forms} and one of the versions {', '.join(VERSIONS)}")


def _accepts(kind: str, form: Form) -> bool:
    return kind in {"*/*", "application/*", f"application/{form}", f"text/{form}"} or kind.endswith(f"+{form}")
