"""`make bench`: what users wait for, measured side by side with the engine's own floor, as ratios.

Every pair is one run of the floor and one of rekey, right after another, so that what else the machine does hits both.
"""

import argparse
import math
import os
import platform
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from tests.engine import Engine, Stack
from tools.vendors import Sandbox, running_sandbox

from .picture import drawn
from .processes import PARTIES, watching
from .throttled import throttled

PROGRAMS = Path(__file__).parent / "programs"
OPERATIONS = ("create", "update", "no-op", "destroy")


@dataclass(frozen=True)
class Goal:
    """How much of the floor, or of what is possible, an operation may take."""

    most: float
    of: Literal["floor", "possible"] = "floor"

    def __str__(self) -> str:
        return f"{self.most:.2f} of the {self.of}"


#: For each operation the calls that come before all others of a run, and those of one credential that need each other's
#: answers: the login and the list, then the POST, then its real name beside the proof of its secret.
CHAINS = {"create": (2, 2), "update": (1, 2), "no-op": (0, 0), "destroy": (1, 1)}
#: The same where new secrets are not tried.
UNVERIFIED_CHAINS = CHAINS | {"update": (1, 1)}


@dataclass(frozen=True)
class Scenario:
    """So many credentials, at a vendor that takes so long for each call."""

    title: str
    count: int
    latency: float
    parallel: int
    goals: dict[str, Goal] = field(default_factory=dict)
    #: The same for the native front end, where it has some of its own.
    native: dict[str, Goal] = field(default_factory=dict)
    operations: tuple[str, ...] = OPERATIONS
    #: Whether new secrets are tried, which is a call for each.
    verify: bool = True
    #: Whether each command looks ahead before it acts, as `pulumi up` does by default.
    preview: bool = False
    #: Pairs, where the scenario takes too long for as many as the others.
    pairs: int | None = None

    def waiting(self, operation: str) -> float:
        """Return the seconds for which an operation must wait for the vendor, however fast all else is."""
        before, chain = (CHAINS if self.verify else UNVERIFIED_CHAINS)[operation]
        return (before + math.ceil(self.count / self.parallel) * chain) * self.latency


_AS_POSSIBLE = {name: Goal(1.1, "possible") for name in ("create", "update", "destroy")}
SCENARIOS = {
    "200": Scenario("200 credentials, 50 ms a call", 200, 0.05, 32, _AS_POSSIBLE | {"no-op": Goal(1.25)}),
    "50": Scenario("50 credentials, 300 ms a call", 50, 0.3, 32, _AS_POSSIBLE),
    "50-unverified": Scenario("50 credentials, 300 ms a call, verify=False", 50, 0.3, 32, _AS_POSSIBLE, verify=False),
    "1": Scenario(
        "1 credential, 0 ms a call",
        1,
        0.0,
        16,
        dict.fromkeys(("create", "update", "no-op"), Goal(1.35)),
        {"create": Goal(1.4), "no-op": Goal(1.3)},
    ),
    "800": Scenario("800 credentials, 50 ms a call", 800, 0.05, 32, pairs=2),
    "800-preview": Scenario("800 credentials, 50 ms a call, with a preview", 800, 0.05, 32, preview=True, pairs=2),
}
#: How much of the floor's memory, and how many bytes of state each, by program.
MOST_MEMORY = Goal(1.2)
MOST_BYTES = {"rekey": 1500, "native": 1300}


@dataclass
class Figures:
    """What one program took, over all runs."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in OPERATIONS})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in OPERATIONS})
    megabytes: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in OPERATIONS})
    #: Processor seconds by the party that used them.
    parties: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {name: [] for name in OPERATIONS})
    bytes_each: list[float] = field(default_factory=list)


def processor_seconds() -> float:
    """What all processes that have ended by now, and that this one has waited for, have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(figures: Figures, operation: str, stack: Stack, *arguments: str) -> None:
    """Add what one command took, which must succeed."""
    started, used = time.perf_counter(), processor_seconds()
    process = stack.start(*arguments)
    with watching(process.pid) as watch:
        text, _ = process.communicate()
        seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"pulumi {arguments[0]} failed:\n{text}")
    figures.seconds[operation].append(seconds)
    figures.cpu[operation].append(processor_seconds() - used)
    figures.megabytes[operation].append(watch.megabytes)
    figures.parties[operation].append(watch.processor_seconds())


def run(program: str, scenario: Scenario, engine: Engine, sandbox: Sandbox, figures: Figures) -> None:
    """Take one program through the scenario's operations."""
    sandbox.reset()
    if scenario.latency:
        sandbox.fault(".", latency=scenario.latency, count=0)
    with tempfile.TemporaryDirectory(prefix="rekey-bench-") as folder:
        stack = engine.new_stack(Path(folder))
        if program == "native":
            stack.use_native()
        # The same program, whichever front end it has.
        file = "rekey" if program == "native" else program
        stack.program((PROGRAMS / f"{file}.py").read_text())
        # Two calls of a credential may go side by side.
        limit = {"rekey:endpoints.vcd.maxConcurrent": str(2 * scenario.parallel)}
        plain = (
            sandbox.settings()
            | limit
            | {
                "count": str(scenario.count),
                "verify": "yes" if scenario.verify else "no",
                "url": sandbox.url,
                "rekey:owner": "bench",
            }
        )
        stack.configure(plain, sandbox.secret_settings() | {"token": sandbox.credentials["vcd"]["api_token"]})
        flags = ("--yes", *(() if scenario.preview else ("--skip-preview",)), "--parallel", str(scenario.parallel))
        for operation in scenario.operations:
            if operation in {"create", "update"}:
                stack.run("config", "set", "release", operation)
            command = "destroy" if operation == "destroy" else "up"
            measured(figures, operation, stack, command, *flags)
            if operation == "update":
                state = next((stack.state / ".pulumi/stacks").rglob("*.json")).stat().st_size
                figures.bytes_each.append(state / scenario.count)


def compare(
    names: tuple[str, ...], scenario: Scenario, runs: int, engine: Engine, sandbox: Sandbox
) -> dict[str, Figures]:
    """Run the programs in turn, so many times."""
    found = {name: Figures() for name in names}
    for number in range(runs):
        for name in names if number % 2 else reversed(names):
            run(name, scenario, engine, sandbox, found[name])
            print(".", end="", flush=True)
    print()
    return found


def quartiles(ratios: list[float]) -> str:
    """The median of the pairs' ratios, and their quartiles."""
    if len(ratios) < 2:
        return f"{ratios[0]:.2f}"
    low, _, high = statistics.quantiles(ratios, method="inclusive")
    return f"{statistics.median(ratios):.2f} ({low:.2f}-{high:.2f})"


def ratios(of: list[float], to: list[float]) -> list[float]:
    """The pairs' ratios."""
    return [one / other for one, other in zip(of, to, strict=True)]


def show(scenario: Scenario, found: dict[str, Figures]) -> dict[str, float]:
    """Print the table of a scenario; return rekey's ratios to what is possible."""
    floor = found["floor"]
    print(f"\n### {scenario.title}, -p {scenario.parallel}, {len(floor.bytes_each)} pairs\n")
    medians: dict[str, float] = {}
    print("| | operation | floor, s | possible, s | s | of the floor | of the possible | goal | processor | memory |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, figures in found.items():
        for operation in OPERATIONS if name != "floor" else ():
            of, to = figures.seconds[operation], floor.seconds[operation]
            possible = [seconds + scenario.waiting(operation) for seconds in to]
            if name == "rekey":
                medians[operation] = statistics.median(ratios(of, possible))
            goals = {"rekey": scenario.goals, "native": scenario.native or scenario.goals}.get(name, {})
            cells = (
                *(f"{statistics.median(seconds):.2f}" for seconds in (to, possible, of)),
                quartiles(ratios(of, to)),
                quartiles(ratios(of, possible)),
                str(goals.get(operation, "")),
                quartiles(ratios(figures.cpu[operation], floor.cpu[operation])),
                quartiles(ratios(figures.megabytes[operation], floor.megabytes[operation])),
            )
            print(f"| {name} | {operation} | {' | '.join(cells)} |")
    print(f"\nMemory at most {MOST_MEMORY}. Bytes of state each:", end=" ")
    told = {name: f"{statistics.median(figures.bytes_each):.0f}" for name, figures in found.items()}
    # Of one credential most is the stack's own.
    most = {name: f" (goal: {most})" for name, most in MOST_BYTES.items() if scenario.count >= 200}
    print(", ".join(f"{name} {each}{most.get(name, '')}" for name, each in told.items()))
    print(f"\nProcessor seconds by process ({', '.join(PARTIES)}):\n")
    print(f"| | {' | '.join(OPERATIONS)} |\n|{'---|' * (len(OPERATIONS) + 1)}")
    for name, figures in found.items():
        print(f"| {name} | {' | '.join(profile(figures.parties[operation]) for operation in OPERATIONS)} |")
    return medians


def profile(runs: list[dict[str, float]]) -> str:
    """The medians of what each party used."""
    return ", ".join(f"{statistics.median(run.get(party, 0.0) for run in runs):.2f}" for party in PARTIES)


def growth(runs: int, engine: Engine, sandbox: Sandbox) -> None:
    """Print how create grows with the number of credentials, for rekey and for the floor."""
    counts = (50, 100, 200, 400, 800)
    print("\n### Growth of create, 0 ms a call\n")
    print(f"| program | {' | '.join(map(str, counts))} | exponent |\n|{'---|' * (len(counts) + 2)}")
    seconds: dict[str, list[float]] = {"floor": [], "rekey": []}
    for count in counts:
        found = compare(("floor", "rekey"), Scenario("", count, 0.0, 32, operations=("create",)), runs, engine, sandbox)
        for name, figures in found.items():
            seconds[name].append(statistics.median(figures.seconds["create"]))
    logs = [math.log(count) for count in counts]
    for name, taken in seconds.items():
        exponent = statistics.linear_regression(logs, [math.log(second) for second in taken]).slope
        print(f"| {name} | {' | '.join(f'{second:.2f}' for second in taken)} | {exponent:.2f} |")


def main() -> None:
    """Run what is asked for, by default all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="pairs a scenario (default 10)")
    parser.add_argument(
        "--scenario",
        choices=[*SCENARIOS, "growth", "throttled"],
        action="append",
        help="only this one; those of 800 run only so",
    )
    parser.add_argument("--usual", action="store_true", help="also the usual dynamic provider")
    parser.add_argument("--picture", type=Path, help="where to draw the ratios, as SVG")
    options = parser.parse_args()
    usual = [key for key, scenario in SCENARIOS.items() if scenario.pairs is None]
    chosen = options.scenario or [*usual, "growth", "throttled"]
    names = ("floor", "rekey", "native", *(("usual",) if options.usual else ()))
    with tempfile.TemporaryDirectory(prefix="rekey-bench-home-") as home, running_sandbox() as sandbox:
        engine = Engine(Path(home))
        print(f"{os.cpu_count()} cores, Python {platform.python_version()}, pulumi {version('pulumi')}")
        drawable = []
        for key in chosen:
            if key in SCENARIOS:
                scenario = SCENARIOS[key]
                runs = min(options.runs, scenario.pairs or options.runs)
                told = show(scenario, compare(names, scenario, runs, engine, sandbox))
                drawable.append((scenario.title, told))
            elif key == "throttled":
                throttled((PROGRAMS / "rekey.py").read_text(), engine, sandbox)
            else:
                growth(max(options.runs // 2, 1), engine, sandbox)
    if options.picture:
        options.picture.write_text(drawn(drawable))


if __name__ == "__main__":
    main()
