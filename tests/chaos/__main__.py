"""`make chaos`: both matrices whole, then random sequences for an hour; what was tried, and what has not come right."""

import argparse
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from tests.engine import Engine
from tests.key_service import running_key_service
from tools.vendors import running_sandbox

from .crashes import CRASHES, crash_all
from .matrix import Matrix, Result
from .sandbox_fleet import running_fleet
from .sequences import OWNER, for_the_real_engine, made_from, shrunk, tried

#: Seconds between two lines that say how far it is.
PROGRESS_EVERY = 60.0
#: For how many seconds a sequence that fails is made smaller.
SHRINK_FOR = 120.0


def main() -> int:
    """Try all cases; 1 if one of them has not converged."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--instances", type=int, default=64, help="cases that are tried at once")
    parser.add_argument("--matrix", choices=["faults", "crashes", "sequences"], help="one of the three")
    parser.add_argument("--minutes", type=float, default=60, help="for how long sequences are tried")
    parser.add_argument("--seed", type=int, help="the seed of the first of them, each next one's is one more")
    parser.add_argument("--only", default="", help="operations whose name holds this, such as 'AppSecret | rotate'")
    parser.add_argument("--by", default="", help="faults and crashes whose name holds this, such as 'host: SIGKILL'")
    parser.add_argument(
        "--dialect", action="append", default=[], help="a switch of the sandbox, such as vcd.changes=tasks; repeatable"
    )
    given = parser.parse_args()
    started = time.monotonic()
    results: list[Result] = []
    broken = 0
    try:
        if given.matrix != "sequences":
            try_all(given, results)
        broken = try_sequences(given) if given.matrix in {None, "sequences"} else 0
    except KeyboardInterrupt:
        say("interrupted: the rest has not been tried")
    finally:
        if results:
            report(results)
        say(f"{time.monotonic() - started:.0f} s")
    return bool(broken) or any(result.problems for result in results)


def try_all(given: argparse.Namespace, results: list[Result]) -> None:
    """Try all cases that are asked for; the results come one by one."""
    dialect = dict(switch.split("=", 1) for switch in given.dialect)
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        running_fleet(given.instances, dialect) as fleet,
        running_key_service() as key_service,
    ):
        home, project = Path(folder, "home"), Path(folder, "project")
        home.mkdir()
        project.mkdir()
        matrix = Matrix(Engine(home).hasten(key_service).new_stack(project), fleet)
        learned = list(matrix.learn(given.only))
        say(f"{len(learned)} operations make {sum(len(calls) for _, calls in learned)} calls")
        tell(results, (result for result, _ in learned))
        if given.matrix != "crashes":
            fault_cases = [
                fault_case
                for fault_case in matrix.fault_cases(learned)
                if fault_case.fault and given.by in fault_case.fault.name
            ]
            say(f"{len(fault_cases)} cases with faults")
            tell(results, matrix.run(fault_cases), len(fault_cases))
        if given.matrix != "faults":
            held = [replace(result.fault_case, call=call) for result, calls in learned for call in calls]
            crashes = [crash for crash in CRASHES if given.by in crash.name]
            say(f"{len(held) * len(crashes)} cases with crashes")
            tell(results, crash_all(matrix, held, crashes), len(held) * len(crashes))


def try_sequences(given: argparse.Namespace) -> int:
    """Try sequences until the time is over, each fiftieth on the real engine; return how many do not come right."""
    seed = first = secrets.randbelow(10**6) if given.seed is None else given.seed
    broken, until = 0, time.monotonic() + given.minutes * 60
    say(f"sequences from seed {first} on, for {given.minutes:.0f} min")
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        running_sandbox() as sandbox,
        running_key_service() as key_service,
    ):
        home, project = Path(folder, "home"), Path(folder, "project")
        home.mkdir()
        project.mkdir()
        empty = Engine(home).hasten(key_service).new_stack(project)
        empty.configure({"rekey:owner": OWNER} | sandbox.settings(), sandbox.secret_settings())
        while time.monotonic() < until:
            sequence, stack = made_from(seed, length=8 + seed % 25), None
            if seed % 50 == 0:
                sequence, stack = for_the_real_engine(sequence), empty.copy(Path(folder, f"stack-{seed}"))
            wrong = tried(sandbox, sequence, stack=stack)
            if wrong is not None:
                broken += 1
                say(f"seed {seed}: {wrong}\n    {sequence}")
                if stack is None:
                    say(f"    made smaller: {shrunk(sandbox, sequence, time.monotonic() + SHRINK_FOR)}")
            seed += 1
    say(f"{seed - first} sequences tried, seeds {first} to {seed - 1}; {broken} have not come right")
    return broken


def tell(results: list[Result], found: Iterable[Result], expected: int = 0) -> None:
    """Add what is found to the results, and say at once what has not converged and why; of so many, how far it is."""
    started = said_at = time.monotonic()
    for number, result in enumerate(found, 1):
        results.append(result)
        if expected and time.monotonic() - said_at > PROGRESS_EVERY:
            said_at = time.monotonic()
            left = (said_at - started) / number * (expected - number)
            say(f"{number} of {expected} cases, about {left / 60:.0f} min left")
        for problem in result.problems:
            said = f"\n    it said: {result.error}" if result.error else ""
            say(f"NOT CONVERGED {result.by}: {result.fault_case}{said}\n    {problem}")


def report(results: Sequence[Result]) -> None:
    """Say what was tried, by resource, by operation, and by what they met with."""
    tables: dict[str, defaultdict[str, list[Result]]] = {
        title: defaultdict(list) for title in ("resource", "operation", "fault or crash")
    }
    for result in results:
        if result.by:
            names = (result.fault_case.case.resource, result.fault_case.operation.name, result.by)
            for table, name in zip(tables.values(), names, strict=True):
                table[name].append(result)
    for title, table in tables.items():
        say(f"\n{title:<42}  tried    met failed converged   calls, and calls to converge: median and most")
        for name, rows in table.items():
            calls, converge = [row.calls for row in rows], [row.calls_to_converge for row in rows]
            counts = (
                len(rows),
                sum(row.met for row in rows),
                sum(row.error is not None for row in rows),
                sum(not row.problems for row in rows),
            )
            numbers = "".join(f"{count:>7}" for count in counts)
            say(f"{name:<42}{numbers}   {median(calls):.0f} {max(calls)}, {median(converge):.0f} {max(converge)}")
    tried = [result for result in results if result.by]
    converged = [result for result in tried if not result.problems]
    instructed = sum(result.instructed for result in converged)
    say(f"\n{len(tried)} cases tried, {len(converged)} converged, {instructed} of them by a run's instruction")


def say(text: str) -> None:
    """One line of the report."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
