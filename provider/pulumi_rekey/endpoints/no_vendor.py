"""The session of a resource behind which no vendor is, so that nobody has to ask whether there is one."""

from __future__ import annotations

import threading

from .credential_checks import CredentialChecks
from .session import Runtime


class NoVendor:
    """Sends nothing, logs in nowhere, and has no endpoint."""

    endpoint = None

    def __init__(self, name: str, runtime: Runtime) -> None:
        self.name = name
        self.runtime = runtime
        self.checks = CredentialChecks(name, runtime.sleep)
        self.exclusive = threading.RLock()
