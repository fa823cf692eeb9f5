"""The OAuth 2.0 manners of the token endpoints: error bodies, answers that nobody caches (RFC 6749)."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..tokens import TokenAnswer
from ..wire import Malformed
from ..world import Refusal
from .cloudapi import identified


def operation(method: str, path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    """A route outside the versioned API, whose errors are those of RFC 6749."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await handler(request)
        except Malformed as wrong:
            response = refused("invalid_request", str(wrong)).response
        except Refusal as refusal:
            response = refusal.response
        return identified(request, response)

    return Route(path, endpoint, methods=[method])


def refused(error: str, description: str, status: int = 400, challenge: str | None = None) -> Refusal:
    """An error answer; `challenge` is what a 401 says in WWW-Authenticate."""
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return Refusal(TokenAnswer({"error": error, "error_description": description}, status, headers))
