"""`make chaos`: the whole fault matrix, with a report of what was tried, what was healed and what it took."""

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.engine import Engine

from .matrix import Matrix, Result
from .worlds import running_universe


def main() -> int:
    """Try all cells; 1 if one of them is not healed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--worlds", type=int, default=64, help="cells that are tried at once")
    parser.add_argument("--only", default="", help="cells whose name holds this, such as 'AppSecret | rotate'")
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, running_universe(given.worlds) as universe:
        home, project = Path(folder, "home"), Path(folder, "project")
        home.mkdir()
        project.mkdir()
        matrix = Matrix(Engine(home).new_stack(project), universe)
        learned = list(matrix.learn(given.only))
        cells = [cell for cell in matrix.cells(learned) if given.only in str(cell)]
        say(f"{len(cells)} cells; {sum(len(calls) for _, calls in learned)} calls in all operations")
        results = [result for result, _ in learned]
        for result in matrix.run(cells):
            results.append(result)
            for problem in result.problems:
                say(f"NOT HEALED {result.cell}\n    {result.error}\n    {problem}")
    report(results)
    say(f"{time.monotonic() - started:.0f} s")
    return any(result.problems for result in results)


def report(results: Sequence[Result]) -> None:
    """Say what was tried, operation by operation and then fault by fault."""
    tables: dict[str, defaultdict[str, list[Result]]] = {
        title: defaultdict(list) for title in ("resource", "operation", "fault")
    }
    for result in results:
        if result.cell.fault is not None:
            tables["resource"][result.cell.case.resource].append(result)
            tables["operation"][result.cell.operation.name].append(result)
            tables["fault"][result.cell.fault.name].append(result)
    for title, table in tables.items():
        say(f"\n{title:<42}  tried    met failed healed   calls, and calls to heal: median and most")
        for name, rows in table.items():
            calls, heal = [row.calls for row in rows], [row.calls_to_heal for row in rows]
            counts = (
                len(rows),
                sum(row.met for row in rows),
                sum(row.error is not None for row in rows),
                sum(not row.problems for row in rows),
            )
            numbers = "".join(f"{count:>7}" for count in counts)
            say(f"{name:<42}{numbers}   {median(calls):.0f} {max(calls)}, {median(heal):.0f} {max(heal)}")


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
