"""200 rotations at a vendor that throttles at limits unknown to Rekey, without a `maxConcurrent` and with several.

Below each of these bounds Rekey adapts, too. What bounds cost that do not adapt, tests/endpoints/test_throttling.py
simulates.
"""

import tempfile
from collections import Counter
from pathlib import Path

from tests.engine import Engine
from tools.vendors import Sandbox

COUNT = 200
LATENCY = 0.05
PARALLEL = 32
BOUNDS = (None, 1, 2, 4, 8, 16, 32)
LIMITS: tuple[dict[str, int | str], ...] = (
    {"in_flight": 3},
    {"rate": 25},
    {"rate": 20, "retry_after": "1"},
)
GOAL = 1.3
_BOUND = "rekey:endpoints.vcd.maxConcurrent"


def throttled(program: str, engine: Engine, sandbox: Sandbox) -> None:
    """Print what each bound takes at each limit, how often the vendor refused, and the ratio to the best bound."""
    sandbox.reset()
    with tempfile.TemporaryDirectory(prefix="rekey-bench-") as folder:
        stack = engine.new_stack(Path(folder))
        stack.program(program)
        plain = {"count": str(COUNT), "verify": "yes", "release": "first", "rekey:owner": "bench"}
        stack.configure(sandbox.settings() | plain, sandbox.secret_settings())
        flags = ("--yes", "--skip-preview", "--parallel", str(PARALLEL))
        stack.run("up", *flags)
        sandbox.fault(".", latency=LATENCY, count=0)
        print(f"\n### {COUNT} rotations at a vendor that throttles, {LATENCY * 1000:.0f} ms a call, -p {PARALLEL}\n")
        print("| limit | maxConcurrent | s | 429s | failed |\n|---|---|---|---|---|")
        for limit in LIMITS:
            seconds: dict[int | None, float] = {}
            for bound in BOUNDS:
                if bound is None:
                    stack.run("config", "rm", "--path", _BOUND, fails=None)
                else:
                    stack.run("config", "set", "--path", _BOUND, str(bound))
                stack.run("config", "set", "release", f"{limit} {bound}")
                sandbox.throttle(**limit)
                sandbox.forget_calls()
                run = stack.run("up", *flags, fails=None)
                sandbox.throttle()
                refusals = Counter(call["status"] for call in sandbox.calls())[429]
                # What fails is done by the next run, which is not counted: this bound took longer than it shows.
                seconds[bound] = run.seconds
                said = "yes" if run.exit_code else ""
                print(f"| {limit} | {bound or 'not set'} | {run.seconds:.1f} | {refusals} | {said} |", flush=True)
                if run.exit_code:
                    stack.run("up", *flags)
            best = min(taken for bound, taken in seconds.items() if bound is not None)
            print(f"| {limit} | not set / best | {seconds[None] / best:.2f} (goal {GOAL}) | | |")
