"""The session of a resource behind which there is no vendor, such as a generated secret."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .credential_checks import CredentialChecks

if TYPE_CHECKING:
    from .session import Runtime


class NoVendor:
    """What the reconciler needs of every session, and no request: so it need not ask whether there is a vendor."""

    #: No address that could move, and no login that could lock itself out.
    endpoint: None = None
    #: No other clock than this machine's.
    clock_offset = timedelta()

    def __init__(self, name: str, runtime: Runtime) -> None:
        #: Stands in messages where others have their endpoint's name.
        self.name = name
        self.runtime = runtime
        self.checks = CredentialChecks(name, runtime.sleep)
        self.exclusive = threading.RLock()

    def vendor_clock(self) -> datetime:
        """Return the present moment by this machine's clock: nobody else's counts."""
        return self.runtime.now()

    def log_in_now(self) -> None:
        """There is nobody to log in to."""
