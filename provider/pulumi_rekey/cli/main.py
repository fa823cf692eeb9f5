"""The commands of `rekey`: their arguments and exit codes. Each calls the module that does the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import Error
from .choices import Health, Order

if TYPE_CHECKING:
    from rich.console import Console

    from .probe.command import Command
    from .probe.lab import Options
    from .report import Report

FAILED: Final = 1
#: The exit codes of `rekey due`, beside 0.
DUE, OVERDUE, FAILING = 10, 11, 12
#: The exit code of `rekey adopt --check` where something is unmanaged.
UNMANAGED: Final = 13
#: The years of --at: dates around them, too, are within the calendar.
_YEARS: Final = range(1970, 9000)

app = typer.Typer(
    name="rekey",
    help="Inspect, check and rehearse the identity credentials that Rekey manages with Pulumi.",
    epilog="Exit codes: 0 on success, 1 on failure or if problems were found, 2 on a usage error; `due` has more."
    " Output is plain if NO_COLOR is set or standard output is not a terminal.",
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


def _useless(options: list[str], kind: str) -> typer.BadParameter:
    return typer.BadParameter(f"{' and '.join(options)} can do nothing for an endpoint of kind {kind}")


# -- options that several commands share ----------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    from ..policy.durations import parse

    try:
        moment = _in_utc(text) or _now() + parse(text.removeprefix("+"))
    except OverflowError:
        moment = None
    except ValueError:
        raise typer.BadParameter(
            "is neither a span from now, like 7d, nor a moment, like 2026-12-24T00:00:00Z"
        ) from None
    if moment is None or moment.year not in _YEARS:
        raise typer.BadParameter("is beyond the calendar")
    return moment


def _in_utc(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def _span(text: str) -> timedelta:
    from ..policy.durations import parse

    try:
        return parse(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


Stacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack", "-s", metavar="NAME", help="A stack of the project; repeatable. Default: the selected one."
    ),
]
AllStacks = Annotated[bool, typer.Option("--all", "-a", help="Read all stacks of the project.")]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Read an export written by `pulumi stack export`, or standard input with -; repeatable.",
    ),
]
Folder = Annotated[
    Path,
    typer.Option(
        "--cwd",
        "-C",
        metavar="FOLDER",
        help="The folder of the Pulumi project. Default: the current one.",
        show_default=False,
    ),
]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=_moment,
        metavar="MOMENT",
        help="Report as of this moment: a span from now (7d) or a date and time (2026-12-24T00:00:00Z).",
        show_default="now",
    ),
]
OverdueAfter = Annotated[
    timedelta | None,
    typer.Option(
        "--overdue-after",
        parser=_span,
        metavar="SPAN",
        help="How long a rotation may be possible without happening before it is overdue.",
        show_default="2d",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, described by schemas/report.json.")]


def _report(
    *,
    stacks: list[str] | None,
    every: bool,
    files: list[str] | None,
    folder: Path,
    at: datetime | None,
    overdue_after: timedelta | None,
) -> Report:
    from . import health, report, stack_export

    if every and stacks:
        raise typer.BadParameter("--all and --stack cannot go together")
    with _errors_in_one_line():
        found = stack_export.stacks(stacks or [], files or [], folder, every=every)
    return report.report(found, at or _now(), overdue_after or health.OVERDUE_AFTER)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _show(found: Report, *, as_json: bool) -> None:
    from .report_terminal import for_terminal, plain

    if as_json:
        typer.echo(found.as_json())
    elif sys.stdout.isatty():
        _console().print(*for_terminal(found), sep="\n")
    else:
        for line in plain(found):
            typer.echo(line)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


# -- the commands ----------------------------------------------------------------------------------------------------


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer hands it over so
    if wanted:
        typer.echo(f"rekey {version('pulumi-rekey')}")
        raise typer.Exit


@app.callback()
def rekey(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Inspect, check and rehearse the identity credentials that Rekey manages with Pulumi."""


@app.command()
def status(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Show these credentials in full.")] = None,
    *,
    health: Annotated[
        list[Health] | None, typer.Option("--health", help="Only credentials of this health; repeatable.")
    ] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option("--endpoint", "-e", metavar="NAME", help="Only credentials of this endpoint; repeatable."),
    ] = None,
    sort: Annotated[Order, typer.Option("--sort", help="What to sort by.")] = Order.HEALTH,
    stack: Stacks = None,
    every: AllStacks = False,
    file: Files = None,
    cwd: Folder = Path(),
    at: At = None,
    overdue_after: OverdueAfter = None,
    as_json: AsJson = False,
) -> None:
    """Show all credentials: health, age, next due date, failures.

    Reads the state of the last run. It decrypts no secret, contacts no vendor and needs no passphrase. With names it
    shows each in full: policy, dates, what consumers have, the last ten rotations, what a removal does.
    """
    found = _report(stacks=stack, every=every, files=file, folder=cwd, at=at, overdue_after=overdue_after)
    _look_for(names, {row.credential.name for _, row in found.rows}, "there is no credential called")
    _look_for(endpoint, {row.credential.endpoint for _, row in found.rows}, "no credential is of the endpoint")
    found = found.where(
        lambda row: (
            (not names or row.credential.name in names)
            and (not health or row.verdict.health in health)
            and (not endpoint or row.credential.endpoint in endpoint)
        )
    )
    if sort is not Order.HEALTH:
        found = found.sorted(sort)
    if names and not as_json:
        from .report_detail import lines

        for line in lines(found, _console().width if sys.stdout.isatty() else None):
            typer.echo(line)
    else:
        _show(found, as_json=as_json)


def _look_for(names: list[str] | None, known: set[str | None], missing: str) -> None:
    for name in names or ():
        if name not in known:
            close = get_close_matches(name, sorted(filter(None, known)), 1)
            hint = f": did you mean {close[0]}?" if close else ""
            typer.echo(f"rekey: {missing} {name}{hint}", err=True)
            raise typer.Exit(FAILED)


@app.command(
    short_help="Tell by the exit code whether a run, or a person, is needed.",
    epilog="Exit codes: 0 if nothing is due. 10 if something is due: run `pulumi up`. 11 if something is overdue: find"
    " out why no run has rotated it. 12 if something is failing, has expired or cannot be read: a person has to look."
    " 1 if the state could not be read, 2 on a usage error. The highest of 10, 11 and 12 that applies is used.",
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
    """Exit with a code that says whether a run, or a person, is needed.

    Lists what is due, overdue, failing, expired or unreadable, from the state of the last run, as `status` does.
    """
    codes = {
        Health.DUE: DUE,
        Health.OVERDUE: OVERDUE,
        Health.FAILING: FAILING,
        Health.EXPIRED: FAILING,
        Health.UNKNOWN: FAILING,
    }
    found = _report(stacks=stack, every=every, files=file, folder=cwd, at=at, overdue_after=overdue_after).only(*codes)
    code = max((codes[row.verdict.health] for _, row in found.rows), default=0)
    if code or as_json:
        _show(found, as_json=as_json)
    else:
        typer.echo("nothing is due")
    raise typer.Exit(code)


@app.command(
    short_help="Order a rotation, and show what the next run does.",
    epilog="Exit codes: 0 if the next run rotates them, or with --up, if they were rotated. 1 if not: without --up, the"
    " stack's configuration is then as it was. 2 on a usage error.",
)
def rotate(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The credentials' names in the program.")],
    *,
    reason: Annotated[
        str, typer.Option("--reason", "-r", metavar="TEXT", help="Why, in one line; not secret, and new each time.")
    ],
    up: Annotated[
        bool, typer.Option("--up", help="Rotate them now, and update what depends on them, without asking.")
    ] = False,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack. Default: the selected one.")
    ] = None,
    cwd: Folder = Path(),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, described by schemas/rotate.json.")
    ] = False,
) -> None:
    """Order a rotation: write rekey:rotateNow.NAME into the stack's configuration.

    Shows what the next `pulumi up` does about it. The order may stay there: each reason rotates once.
    """
    from .rotate import Rotate
    from .rotate import as_json as document

    done = False
    with _errors_in_one_line():
        todo = Rotate(cwd, stack, reason)
        with _console().status("asking for a preview"):
            ordered = todo.order(names)
        if not as_json:
            for order in ordered:
                typer.echo(f"{order.setting} is set")
                for line in order.preview:
                    typer.echo(f"  {line}")
        done = up and todo.up(ordered)
    if as_json:
        typer.echo(document(ordered, done=done))
    elif not up:
        typer.echo("The next `pulumi up` does this. Commit the stack's configuration: it is the record of why.")
    if up and not done:
        typer.echo("rekey: the run failed; the order is still in the stack's configuration: run `pulumi up`", err=True)
        raise typer.Exit(FAILED)


class Code(StrEnum):
    """What adopts an object."""

    PYTHON = "python"
    YAML = "yaml"


@app.command(
    short_help="Find what is not managed yet, and print code that adopts it.",
    epilog="Exit codes: 0 on success; with --check, if nothing is unmanaged. 13 with --check if something is. 1 if"
    " something could not be looked at, 2 on a usage error.",
)
def adopt(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The configured endpoint, such as vcd.")],
    *,
    code: Annotated[Code, typer.Option("--format", help="Print Python, or a YAML manifest.")] = Code.PYTHON,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is unmanaged; exit with 13 if something is.")
    ] = False,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack. Default: the selected one.")
    ] = None,
    file: Files = None,
    cwd: Folder = Path(),
    instance: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="An instance of ROMA Connect; repeatable. Default: those of the stack."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, described by schemas/adopt.json.")
    ] = False,
) -> None:
    """Find what a vendor has and this stack does not manage, and print code that adopts it.

    Compares ids, not names. What other stacks manage is known from their exports (--file). Changes nothing, and prints
    no secret. Needs the passphrase or key of the stack's secrets.
    """
    from ..endpoints import Endpoints
    from ..endpoints.session import Runtime
    from . import adopt as adoption
    from .stack_config import endpoints_of, kind_of
    from .stack_export import export, read_file

    with _errors_in_one_line():
        configured = endpoints_of(cwd, stack)
        kind = kind_of(endpoint, configured)
        if instance and not adoption.in_instances(kind):
            raise _useless(["--instance"], kind)
        managed = [export(stack, cwd), *map(read_file, file or ())]
        session = Endpoints(configured, Runtime(environment=os.environ)).session(endpoint, kind)
        with _console().status("reading"):
            found = adoption.look(session, kind, managed, instance or ())
    if as_json:
        typer.echo(found.as_json())
    elif check:
        for one in found.unmanaged:
            typer.echo(f"unmanaged: {one.kind} {one.id} ({one.name})")
        if not found.unmanaged and not found.unknown:
            typer.echo("nothing is unmanaged")
    else:
        for line in (adoption.python if code is Code.PYTHON else adoption.manifest)(found):
            typer.echo(line)
    for unknown in found.unknown:
        typer.echo(f"rekey: {unknown.in_words()}", err=True)
    if check and found.unmanaged:
        raise typer.Exit(UNMANAGED)
    if found.unknown:
        raise typer.Exit(FAILED)


class Format(StrEnum):
    """The format of a report."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"
    OPENMETRICS = "openmetrics"


_BY_SUFFIX: Final = {
    ".md": Format.MARKDOWN,
    ".json": Format.JSON,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".prom": Format.OPENMETRICS,
}


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
        typer.Option("--format", help="Default: by the suffix of --output, else Markdown.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write. Default: standard output."),
    ] = None,
) -> None:
    """Write a report as Markdown, JSON, one HTML page, or metrics.

    Markdown is for pull requests and job summaries, JSON for programs; the HTML page has a timeline; Prometheus reads
    OpenMetrics.
    """
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
        case Format.OPENMETRICS:
            from .report_openmetrics import openmetrics

            text = openmetrics(found)
    # As bytes: the encoding of a terminal must not decide the content of a file.
    if output is None:
        sys.stdout.buffer.write(text.encode())
        return
    _write(output, text)


def _write(file: Path, text: str) -> None:
    try:
        file.write_bytes(text.encode())
    except OSError as wrong:
        typer.echo(f"rekey: {file}: {wrong.strerror}: correct the path", err=True)
        raise typer.Exit(FAILED) from None


@app.command()
def validate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders and globs that belong together.")],
) -> None:
    """Check manifests offline.

    Prints each problem as FILE:LINE:COLUMN: MESSAGE.
    """
    from ..manifest import problems

    found = problems(paths)
    for problem in found:
        typer.echo(problem)
    if found:
        raise typer.Exit(FAILED)
    typer.echo("nothing is wrong")


@app.command(short_help="Print a JSON Schema, by which editors complete and check.")
def schema(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="manifest, pulumi, report, rotate, adopt, probe, recording, or a resource."
        ),
    ] = "manifest",
) -> None:
    """Print a JSON Schema: of a document of a manifest, by which editors complete and check.

    `pulumi` is the package schema of the native plugin, of which Pulumi makes SDKs; a resource name means the schema of
    its arguments.
    """
    from ..wording import nearest
    from .schemas import as_text, schemas

    known = schemas()
    if name not in known:
        meant = nearest(name, known)
        raise typer.BadParameter(f"{f'did you mean {meant}? ' if meant else ''}use one of: {', '.join(known)}")
    # As bytes: the encoding of a terminal must not decide the content of a file.
    sys.stdout.buffer.write(as_text(known[name]()).encode())


@app.command(
    short_help="Serve the vendors' APIs on this machine.",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def sandbox(context: typer.Context) -> None:
    """Serve the vendors' APIs on this machine, for trials and rehearsals.

    It starts empty, or with example objects if --seed is given.
    """
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
        str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack. Default: the selected one.")
    ] = None,
    cwd: Folder = Path(),
) -> None:
    """Check this machine, the configuration and the endpoints.

    Checks the engine, packages, configuration, endpoints and rights. Logs in at the endpoints and reads there, and
    changes nothing. Needs the passphrase or key of the stack's secrets. Shows where each setting comes from, never its
    value.
    """
    from .doctor import Doctor, for_terminal, plain
    from .finding import Level

    console = _console()
    worst = False
    # Without a terminal, the spinner prints nothing.
    with console.status("checking"):
        for finding in Doctor(cwd, stack, os.environ).findings():
            worst = worst or finding.level is Level.PROBLEM
            if console.is_terminal:
                console.print(for_terminal(finding))
            else:
                for line in plain(finding):
                    typer.echo(line)
    if worst:
        raise typer.Exit(FAILED)


def _refuse_unfit(command: Command, options: Options) -> None:
    if foreign := command.foreign_options():
        raise _useless(foreign, command.kind)
    if options.app and not options.instance:
        raise typer.BadParameter("--app takes --instance, which the application is in")


@app.command(
    short_help="Find out at a live system what its vendor's pages leave open.",
    epilog="Exit codes: 0 if the system was probed, whatever was found. 1 if it could not be, or if something that was"
    " made is left: then run it with --clean. 2 on a usage error.",
)
def probe(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The configured endpoint, such as vcd.")],
    *,
    stack: Annotated[
        str | None, typer.Option("--stack", "-s", metavar="NAME", help="The stack. Default: the selected one.")
    ] = None,
    cwd: Folder = Path(),
    directory: Annotated[
        str | None,
        typer.Option(metavar="ID", help="A directory of the broker. The credentials of its sync client END."),
    ] = None,
    org: Annotated[
        str | None, typer.Option(metavar="ID", help="An organization at Navigator. Default: the endpoint's.")
    ] = None,
    make_app: Annotated[
        bool, typer.Option("--make-app", help="Make an OAuth app in that organization, which CANNOT BE DELETED.")
    ] = False,
    instance: Annotated[str | None, typer.Option(metavar="ID", help="An instance of ROMA Connect; it is read.")] = None,
    app_id: Annotated[
        str | None,
        typer.Option("--app", metavar="ID", help="An application of that instance. Its secret CHANGES for a moment."),
    ] = None,
    activate: Annotated[
        bool, typer.Option("--activate", help="Let a scratch key of Cloud Director sign for some seconds.")
    ] = False,
    wait: Annotated[
        timedelta | None,
        typer.Option(
            "--wait", parser=_span, metavar="SPAN", help="Wait so long for each old secret to end.", show_default="0"
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything is done.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Only remove what an interrupted probe has left.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the shapes of all calls: names and types, never a value."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, described by schemas/probe.json.")
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, to be pasted into an issue.")
    ] = False,
) -> None:
    """Find out how a live system behaves where its vendor's pages are silent.

    Makes every call that Rekey makes, on scratch objects that it makes, marks and removes. What exists already is
    touched only if you name it. Says first what it will do. Prints no secret, no token and no id of yours.
    """
    from .probe.command import Command
    from .probe.lab import Options

    if as_json and as_markdown:
        raise typer.BadParameter("--json and --markdown cannot go together")
    options = Options(
        directory=directory,
        org=org,
        instance=instance,
        app=app_id,
        make_app=make_app,
        activate=activate,
        wait=wait or timedelta(),
    )
    with _errors_in_one_line():
        command = Command.of(endpoint, cwd, stack, options)
        _refuse_unfit(command, options)
        if clean:
            for line in command.clean():
                typer.echo(line)
            return
        for line in command.plan():
            typer.echo(line, err=True)
        if not yes and not typer.confirm("Go on?", err=True):
            raise typer.Exit(FAILED)
        with nullcontext() if record is None else command.recorded(record):
            result = command.probe()
    if as_json:
        typer.echo(result.as_json())
    elif as_markdown:
        from .probe.output import markdown

        sys.stdout.buffer.write(markdown(result).encode())
    elif sys.stdout.isatty():
        from .probe.output import for_terminal

        _console().print(*for_terminal(result), sep="\n")
    else:
        from .probe.output import plain

        for finding in result.findings:
            for line in plain(finding):
                typer.echo(line)
        typer.echo(result.summary())
