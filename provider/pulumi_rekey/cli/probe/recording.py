"""The shapes of what a probe and a system have said to each other: names and types, never a value.

Such a file can be sent to the project, whose tests hold the sandbox against it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl

from pydantic import Field

from ...model import Model
from .facts import Finding

if TYPE_CHECKING:
    import httpx

#: Every part of a path that is the same at all systems; any other is an id, or might be one.
_FIXED: Final = frozenset(
    word
    for line in (
        "cloudapi 1.0.0 openIdProvider relyingParties keys regenerateSecret sessions oauth provider tenant token api",
        "task oidc oauth2 authorize .well-known openid-configuration jwks",
        "acs t usergroup broker directories sync-client scim Users",
        "cphub auth v1 v2 authn accesstoken accounts orgs oauth-apps scopes secret clients",
        "v3 tokens instances apps",
    )
    for word in line.split()
)
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.:-]{0,63}")
#: So many digits make a name one that might be an id.
_MAX_DIGITS: Final = 4
_ID: Final = "{}"
#: A body that is there and is no JSON.
_TEXT: Final = "text"
_EMPTY: Final = "empty"


def shape(value: Any) -> Any:
    """Return names and types of a JSON value: a type's name, an object of shapes, or a list of different shapes."""
    match value:
        case dict():
            return {_name(name): shape(member) for name, member in sorted(value.items())}
        case list():
            shapes: list[Any] = []
            for member in map(shape, value):
                if member not in shapes:
                    shapes.append(member)
            return shapes
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case None:
            return "null"
        case _:
            return "string"


def shape_of_body(content: bytes, media_type: str) -> Any:
    """Return the shape of a body: of a form its fields, of JSON that of its value, else whether there is one."""
    if not content:
        return _EMPTY
    if media_type.startswith("application/x-www-form-urlencoded"):
        return shape(dict(parse_qsl(content.decode(errors="replace"), keep_blank_values=True)))
    try:
        return shape(json.loads(content))
    except (ValueError, RecursionError):
        return _TEXT


def template(path: str) -> str:
    """Return a path with all in it replaced that is not the same at every system."""
    return "/".join(part if part in _FIXED or not part else _ID for part in path.split("/"))


def _name(name: str) -> str:
    plain = _NAME.fullmatch(name) and sum(c.isdigit() for c in name) <= _MAX_DIGITS
    return name if plain else _ID


class Said(Model):
    """One side of a call."""

    headers: list[str] = Field(description="The names of the headers, in lower case and sorted.")
    body: Any = Field(
        description="The shape of the body: empty, text, the name of a type (string, number, boolean, null), an object"
        " of shapes by name, or a list of the different shapes of its members."
    )


class Asked(Said):
    """A request."""

    method: str = Field(description="The method.")
    path: str = Field(description="The path, in which {} stands for an id.")
    query: list[str] = Field(description="The names of the query's parameters, sorted.")


class Answered(Said):
    """An answer."""

    status: int = Field(description="The status.")


class Call(Model):
    """A request and its answer."""

    request: Asked
    answer: Answered


class Recording(Model):
    """What a probe and a system have said to each other, without a value of either."""

    format: Literal[1] = Field(
        default=1, description="Raised when a field changes its meaning or is removed; new fields may come at any time."
    )
    says: str = Field(description="What this recording is, in a sentence.")
    rekey: str = Field(description="The version of Rekey.")
    facts: dict[str, str] = Field(description="The facts that were seen, each with its value.")
    calls: list[Call] = Field(description="The calls, in their order.")

    def as_json(self) -> str:
        """Return the recording as JSON, each call on a line."""
        head = self.model_dump_json(indent=2, exclude={"calls"}).removesuffix("\n}")
        calls = ",\n".join(f"    {call.model_dump_json()}" for call in self.calls)
        return f'{head},\n  "calls": [\n{calls}\n  ]\n}}\n'


class Recorder:
    """Takes down calls."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def heard(self, request: httpx.Request, answer: httpx.Response) -> None:
        """Take down one call."""
        asked = Asked(
            method=request.method,
            path=template(request.url.path),
            query=sorted(_name(name) for name, _ in request.url.params.multi_items()),
            headers=_names(request.headers),
            body=shape_of_body(request.content, request.headers.get("content-type", "")),
        )
        said = Answered(
            status=answer.status_code,
            headers=_names(answer.headers),
            body=shape_of_body(answer.content, answer.headers.get("content-type", "")),
        )
        self._calls.append(Call(request=asked, answer=said))

    def recording(self, vendor: str, findings: Iterable[Finding], *, interrupted: bool) -> Recording:
        """Return what was taken down so far, with what was found out."""
        facts = {finding.fact.name: finding.value for finding in findings if finding.value is not None}
        ended = ", which did not come to its end" if interrupted else ""
        return Recording(
            says=f"A probe of a system of kind {vendor}{ended}.",
            rekey=version("pulumi-rekey"),
            facts=facts,
            calls=self._calls,
        )


def _names(headers: httpx.Headers) -> list[str]:
    return sorted({_name(name.lower()) for name in headers})
