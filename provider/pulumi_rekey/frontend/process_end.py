"""The end of a process that only answers an engine."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys


def end_process(*, exit_functions: bool = True) -> None:
    """End in a few milliseconds, without taking the interpreter apart, which takes about ninety."""
    # Those of gRPC, logging and others.
    run = getattr(atexit, "_run_exitfuncs", None) if exit_functions else None
    if run is not None:
        with contextlib.suppress(Exception):
            run()
    for stream in (sys.stdout, sys.stderr):
        # What reads the output may be gone.
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)
