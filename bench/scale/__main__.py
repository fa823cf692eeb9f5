"""`make scale`: many stacks on real shared backends, as a table."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.engine import Engine
from tools.vendors import running_sandbox

from .backends import BACKENDS, missing
from .scenario import OPERATIONS, Figures, Scale, second_run


def row(backend: str, found: Figures) -> str:
    """One line of the table."""
    cells = (
        backend,
        found.operation,
        f"{found.seconds:.0f} s",
        f"{found.slowest:.0f} s",
        f"{found.calls:,}",
        f"{found.megabytes:.0f} MB",
        f"{found.state_bytes:,}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print each line when it is known."""
    parser = argparse.ArgumentParser(prog="make scale ARGS=...", description=__doc__)
    parser.add_argument("--stacks", type=int, default=10)
    parser.add_argument("--credentials", type=int, default=200, help="in each stack")
    parser.add_argument("--at-once", type=int, default=4, help="stacks that run at the same time")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="both, unless one is named")
    arguments = parser.parse_args()
    scale = Scale(arguments.stacks, arguments.credentials, arguments.at_once)
    at_once = f"{scale.at_once} at a time, {os.cpu_count()} processors"
    print(f"{scale.stacks} stacks of {scale.credentials} credentials, {at_once}")
    print("| backend | operation | all | slowest stack | vendor calls | peak memory of a stack | bytes of states |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in arguments.backend or BACKENDS:
        if reason := missing(name):
            sys.exit(reason)
        with (
            tempfile.TemporaryDirectory(prefix="rekey-scale-") as folder,
            running_sandbox() as sandbox,
            BACKENDS[name]() as backend,
        ):
            home = Path(folder) / "home"
            home.mkdir()
            engine = Engine(home)
            stacks = scale.prepare(engine, sandbox, backend, Path(folder))
            for operation in OPERATIONS:
                print(row(name, scale.measure(operation, stacks, sandbox)), flush=True)
            refused = second_run(stacks[0], sandbox)
            if not refused.exit_code:
                sys.exit(f"{name}: a second run of a locked stack was not refused")
            print(f"{name}, a second run: {' '.join(refused.text.split())[:300]}", file=sys.stderr)
            stacks[0].destroy()


if __name__ == "__main__":
    main()
