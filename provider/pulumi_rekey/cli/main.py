"""The commands of `rekey`: what they are told and how they end. What they do stands in the modules that they call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from ..errors import Error

if TYPE_CHECKING:
    from .report import Report

FAILED: Final = 1
#: What `rekey due` ends with, beside 0.
DUE, OVERDUE, FAILING = 10, 11, 12

T = TypeVar("T")

app = typer.Typer(
    name="rekey",
    help="See, check and rehearse the identity credentials that Rekey manages with Pulumi.",
    epilog="Every command ends with 0 if all is well, 1 if it failed or found problems, 2 if it was called wrongly;"
    " `due` has more. With NO_COLOR set, or where there is no terminal, output is plain.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except Error as failed:
        typer.echo(f"rekey: {failed}", err=True)
        raise typer.Exit(FAILED) from None


# -- what several commands are told --------------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    from ..policy.durations import parse

    try:
        return _now() + parse(text.removeprefix("+"))
    except ValueError:
        pass
    except OverflowError:
        raise typer.BadParameter("is beyond the calendar") from None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter("is neither a span from now, like 7d, nor a moment, like 2026-12-24T00:00:00Z")
    return moment.astimezone(UTC)


def _span(text: str) -> timedelta:
    from ..policy.durations import parse

    try:
        return parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


Stacks = Annotated[
    list[str] | None,
    typer.Option("--stack", "-s", metavar="NAME", help="A stack of the project; may be repeated."),
]
AllStacks = Annotated[bool, typer.Option("--all", "-a", help="All stacks of the project.")]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file", "-f", metavar="FILE", help="What `pulumi stack export` wrote; - is standard input; may be repeated."
    ),
]
Folder = Annotated[
    Path, typer.Option("--cwd", "-C", metavar="FOLDER", help="The folder of the Pulumi project.", show_default=False)
]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=_moment,
        metavar="MOMENT",
        help="As of then: a span from now (7d), or a moment (2026-12-24T00:00:00Z).",
        show_default="now",
    ),
]
OverdueAfter = Annotated[
    timedelta | None,
    typer.Option(
        "--overdue-after",
        parser=_span,
        metavar="SPAN",
        help="How long a rotation may be possible and not happen before it is overdue.",
        show_default="2d",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document; schemas/report.json describes it.")]


def _report(
    *,
    stacks: list[str] | None,
    every: bool,
    files: list[str] | None,
    folder: Path,
    at: datetime | None,
    overdue_after: timedelta | None,
) -> Report:
    """Read the stacks that are asked for, the selected one by default, and judge their credentials."""
    from ..cli import health, report, stack_export

    if every and stacks:
        raise typer.BadParameter("--all and --stack cannot go together")
    with _errors_in_one_line():
        names: Sequence[str | None] = stack_export.stack_names(folder) if every else stacks or []
        if not names and not files and not every:
            names = [None]
        found = [stack_export.read_file(file) for file in files or ()]
        found += _at_once(lambda name: stack_export.export(name, folder), names, "reading stacks")
    return report.report(found, at or _now(), overdue_after or health.OVERDUE_AFTER)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _at_once(work: Callable[[str | None], T], items: Sequence[str | None], what: str) -> list[T]:
    """Do something slow for several items, some at a time, and show how far it is where somebody looks."""
    from rich.progress import track

    from .stack_export import AT_ONCE

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(work, items)
        if len(items) > 1 and sys.stderr.isatty():
            return list(track(results, what, total=len(items), console=_console(stderr=True), transient=True))
        return list(results)


def _console(*, stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


# -- the commands ----------------------------------------------------------------------------------------------------


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer hands it over so
    if wanted:
        typer.echo(f"rekey {version('pulumi-rekey')}")
        raise typer.Exit


@app.callback()
def rekey(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """See, check and rehearse the identity credentials that Rekey manages with Pulumi."""


@app.command()
def status(
    *,
    stack: Stacks = None,
    every: AllStacks = False,
    file: Files = None,
    cwd: Folder = Path(),
    at: At = None,
    overdue_after: OverdueAfter = None,
    as_json: AsJson = False,
) -> None:
    """Show which credentials there are, how old they are, what is due next and what failed.

    Reads the state of the last run: no secret is decrypted, no vendor is asked, no passphrase is needed.
    """
    from .report_terminal import for_terminal, plain

    found = _report(stacks=stack, every=every, files=file, folder=cwd, at=at, overdue_after=overdue_after)
    if as_json:
        typer.echo(found.as_json())
    elif sys.stdout.isatty():
        _console().print(*for_terminal(found), sep="\n")
    else:
        for line in plain(found):
            typer.echo(line)


@app.command(
    epilog="Ends with 0: nothing is due. 10: something is due; run `pulumi up`. 11: something is overdue; find out why"
    " no run has rotated it. 12: something is failing, has expired or cannot be read; somebody has to look."
    " 1: it could not be found out. The greatest that applies counts."
)
def due(
    *,
    stack: Stacks = None,
    every: AllStacks = False,
    file: Files = None,
    cwd: Folder = Path(),
    at: At = None,
    overdue_after: OverdueAfter = None,
    as_json: AsJson = False,
) -> None:
    """Tell a scheduler by the exit code whether a run is needed, or a person."""
    from .health import Health
    from .report_terminal import plain

    codes = {
        Health.DUE: DUE,
        Health.OVERDUE: OVERDUE,
        Health.FAILING: FAILING,
        Health.EXPIRED: FAILING,
        Health.UNKNOWN: FAILING,
    }
    found = _report(stacks=stack, every=every, files=file, folder=cwd, at=at, overdue_after=overdue_after).only(*codes)
    code = max((codes[row.verdict.health] for _, row in found.rows), default=0)
    if as_json:
        typer.echo(found.as_json())
    elif code:
        for line in plain(found):
            typer.echo(line)
    else:
        typer.echo("nothing is due")
    raise typer.Exit(code)


class Format(StrEnum):
    """What a report is written as."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


_BY_SUFFIX: Final = {".md": Format.MARKDOWN, ".json": Format.JSON, ".html": Format.HTML, ".htm": Format.HTML}


@app.command()
def report(
    *,
    stack: Stacks = None,
    every: AllStacks = False,
    file: Files = None,
    cwd: Folder = Path(),
    at: At = None,
    overdue_after: OverdueAfter = None,
    written_as: Annotated[
        Format | None,
        typer.Option("--format", help="By default as the output's name says, else Markdown.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; by default standard output."),
    ] = None,
) -> None:
    """Write a report: Markdown for a pull request, JSON for programs, or one HTML page with a timeline."""
    found = _report(stacks=stack, every=every, files=file, folder=cwd, at=at, overdue_after=overdue_after)
    match written_as or (_BY_SUFFIX.get(output.suffix) if output else None) or Format.MARKDOWN:
        case Format.MARKDOWN:
            from .report_markdown import markdown

            text = markdown(found)
        case Format.JSON:
            text = found.as_json() + "\n"
        case Format.HTML:
            from .report_html import page

            text = page(found)
    # As bytes: a terminal's encoding must not decide what is in a file.
    if output is None:
        sys.stdout.buffer.write(text.encode())
        return
    try:
        output.write_bytes(text.encode())
    except OSError as wrong:
        typer.echo(f"rekey: {output}: {wrong.strerror}", err=True)
        raise typer.Exit(FAILED) from None


@app.command()
def validate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders and globs that belong together.")
    ],
) -> None:
    """Check manifests, offline: say all that is wrong with them, as FILE:LINE:COLUMN: MESSAGE."""
    from ..manifest import problems

    found = problems(paths)
    for problem in found:
        typer.echo(problem)
    if found:
        raise typer.Exit(FAILED)
    typer.echo("nothing is wrong")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sandbox(context: typer.Context) -> None:
    """Serve the vendors' APIs on this machine, empty or with --seed populated, to try and rehearse with."""
    try:
        from ..sandbox.__main__ import main
    except ModuleNotFoundError as missing:
        from .installation import how_to_install

        typer.echo(f"rekey: the sandbox needs {missing.name}: {how_to_install('sandbox')}", err=True)
        raise typer.Exit(FAILED) from None
    main("rekey sandbox", context.args)


@app.command()
def doctor(
    *,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack; by default the selected one.")
    ] = None,
    cwd: Folder = Path(),
) -> None:
    """Look for what stands between this machine and a good run: engine, packages, configuration, endpoints, rights.

    Logs in at the endpoints and reads there, and changes nothing. Needs the passphrase or key of the stack's secrets.
    No value of a setting is shown, only where it comes from.
    """
    from .doctor import Doctor, Level
    from .report_terminal import finding_for_terminal, plain_finding

    console = _console()
    worst = False
    # Where nobody looks, the spinner is silent.
    with console.status("looking"):
        for finding in Doctor(cwd, stack, os.environ).findings():
            worst = worst or finding.level is Level.PROBLEM
            if console.is_terminal:
                console.print(finding_for_terminal(finding))
            else:
                for line in plain_finding(finding):
                    typer.echo(line)
    if worst:
        raise typer.Exit(FAILED)
