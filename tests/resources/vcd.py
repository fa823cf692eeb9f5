"""Cloud Director and its administrator, beside the programs that a test runs against it."""

from typing import Any

from pulumi_rekey.reconciler.contract import Resource

from tools.administrators import CALLBACK, CloudDirector
from tools.consumers import Portal
from tools.vendors import Sandbox

from .program import Program

__all__ = ["CALLBACK", "Director"]


class Administrator(CloudDirector):
    """The administrator, by the name that the tests of this folder call."""

    registered = CloudDirector.register


class Director:
    """The site: its administrator, who knows nothing of rekey, and its programs."""

    def __init__(self, sandbox: Sandbox, resource: Resource[Any, Any, Any]) -> None:
        self.sandbox = sandbox
        self.resource = resource
        self.known = sandbox.credentials["vcd"]
        self.administrator = Administrator(sandbox)
        self.programs: list[Program] = []

    def program(self, **settings: str) -> Program:
        """A program with this site as its endpoint."""
        login = {} if settings else {"apiToken": self.known["api_token"]}
        self.programs.append(Program(self.sandbox, self.resource, **{"url": self.known["url"], **login, **settings}))
        return self.programs[-1]

    def tenant(self) -> dict[str, str]:
        """The settings of a tenant's session, which sees nothing of the provider's."""
        return {"org": self.known["tenant_org"], "apiToken": self.known["tenant_api_token"]}

    def weak(self) -> dict[str, str]:
        """The settings of a provider's session that lacks the right."""
        return {"apiToken": self.known["weak_api_token"]}

    def portal(self, client_id: str) -> Portal:
        """The consumer that is registered under this client id, with a user."""
        return self.administrator.portal(client_id)

    def calls(self) -> list[str]:
        """The calls under `openIdProvider`, without reads."""
        return [
            f"{call['method']} {call['path'].partition('/openIdProvider')[2]}"
            for call in self.sandbox.calls()
            if "/openIdProvider" in call["path"] and call["method"] != "GET"
        ]
