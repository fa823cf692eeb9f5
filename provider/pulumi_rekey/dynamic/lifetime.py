"""How a host process ends: soon after its engine has died, and without taking its interpreter apart.

Neither is done in a program or a test that imports this: see ``engine.is_host``.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from typing import Final

from ..frontend.process_end import end_process
from .engine import calls_under_way, engine_is_gone

#: Seconds between two looks for the engine; each is one connection on this machine.
LOOK_S: Final = 1.0
#: Seconds that calls under way get to end, once the engine is gone; they write nothing any more.
MAX_WAIT_S: Final = 10.0
_POLL_S: Final = 0.05

_begun = threading.Event()


def end_in_time() -> None:
    """Let this host end with its engine, and quickly; asked again, do nothing."""
    if _begun.is_set():
        return
    _begun.set()
    atexit.register(_end_quickly)
    threading.Thread(target=_end_with_engine, name="rekey-engine-watch", daemon=True).start()


def _end_quickly() -> None:
    """End the process once its threads are done, in a few milliseconds instead of about ninety."""
    # An interpreter that dies of an exception has an exit code of its own.
    if getattr(sys, "last_type", None) is not None:
        return
    atexit.unregister(_end_quickly)
    end_process()


def _end_with_engine() -> None:
    # Refused twice: what refuses once may be a machine short of something.
    while not (engine_is_gone() and engine_is_gone()):
        time.sleep(LOOK_S)
    until = time.monotonic() + MAX_WAIT_S
    while calls_under_way() and time.monotonic() < until:
        time.sleep(_POLL_S)
    end_process(exit_functions=False)
