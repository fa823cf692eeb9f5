"""What an engine can be told that makes it write secrets in plain text, as its hosts and plugins see it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

_TRACED: Final = "written to its traces in plain text; PULUMI_TRACING_NO_PAYLOADS=true leaves secrets out"


def exposures(environment: Mapping[str, str]) -> list[str]:
    """Return what an engine was told that makes it write secrets in plain text, each as a warning."""
    found = []
    if environment.get("PULUMI_DEBUG_GRPC"):
        found.append("PULUMI_DEBUG_GRPC is set: every secret of this run is written to its file in plain text")
    if environment.get("PULUMI_TRACING_NO_PAYLOADS", "").lower() in {"1", "true"}:
        return found
    # With `--otel-traces` hosts are given `--tracing`, too.
    if environment.get("PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT"):
        found.append(f"--otel-traces is set: the endpoints' credentials are {_TRACED}")
    elif "--tracing" in sys.argv[1:-1]:
        found.append(f"--tracing is set: every secret of this run is {_TRACED}")
    return found
