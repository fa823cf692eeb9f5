"""Find what would keep `pulumi up` from working on this machine, with a remedy for each finding.

Nothing is changed, and no secret's value is shown. Each vendor gets a GET of its address, a login, and a read that
needs the right that rekey needs.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic.alias_generators import to_camel

from ..endpoints import KINDS, Endpoints, session_class
from ..endpoints.address import is_loopback, origin
from ..endpoints.config import CREDENTIAL, environment_names, gather, variables_of
from ..endpoints.proxies import proxy_setting
from ..endpoints.session import Runtime, Session
from ..errors import Error, Misconfigured
from ..frontend.setting_names import unknown
from ..model import fields_marked, secret_fields
from ..policy.durations import in_words
from ..reconciler.apply import Reconciler
from ..wording import nearest
from .doctor_project import Project
from .finding import Finding, Level, problem
from .installation import how_to_install
from .stack_config import configured_endpoints, stack_config
from .stack_export import export, pulumi
from .stack_state import SECRET, Stack, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Signatures and tokens carry a time: a clock that is off by the first is worth a warning; by the second, logins fail.
_SKEW_NOTED: Final = timedelta(seconds=30)
_SKEW_BREAKS: Final = timedelta(minutes=5)
_SIGNS: Final = {"ok": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "yellow"), "problem": ("✗", "bold red")}
_HOSTS: Final = ("pulumi-language-python", "pulumi-resource-pulumi-python")


@dataclass(frozen=True)
class Doctor:
    """Check one project and one of its stacks; without ``stack``, the selected one."""

    folder: Path
    stack: str | None
    environment: Mapping[str, str]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def findings(self) -> Iterator[Finding]:
        """Yield the findings, each after those that it depends on."""
        yield from self._engine()
        yield from self._packages()
        project = Project(self.folder, self.environment)
        yield from project.program()
        config: dict[str, Any] | None = None
        try:
            config = stack_config(self.folder, self.stack)
        except Misconfigured as wrong:
            yield problem("stack", wrong)
        else:
            yield from _unknown_settings(config, project.name)
            yield from self._owner(config)
        yield from project.front_end(config or {})
        yield from self._endpoints(config)

    # -- the machine ---------------------------------------------------------------------------------------------

    def _engine(self) -> Iterator[Finding]:
        program = shutil.which("pulumi")
        if program is None:
            yield Finding(Level.PROBLEM, "engine", "there is no pulumi on PATH", "install the Pulumi CLI")
            return
        try:
            found = pulumi(["version"], Path()).decode(errors="replace").strip()
        except Misconfigured as wrong:
            yield problem("engine", wrong)
            return
        floor = next((match[1] for need in _requirements() if (match := re.match(r"pulumi\b.*>=([0-9.]+)", need))), "0")
        if _numbers(found) < _numbers(floor):
            yield Finding(Level.PROBLEM, "engine", f"pulumi {printable(found)} is too old", f"install {floor} or newer")
        else:
            yield Finding(Level.GOOD, "engine", f"pulumi {printable(found)}")
        beside = str(Path(program).resolve().parent)
        missing = [host for host in _HOSTS if not (shutil.which(host) or shutil.which(host, path=beside))]
        if missing:
            yield Finding(
                Level.PROBLEM, "python host", f"not found: {', '.join(missing)}", "install the whole Pulumi CLI"
            )
        else:
            yield Finding(Level.GOOD, "python host", "found")

    def _packages(self) -> Iterator[Finding]:
        names = [
            name for need in _requirements() if (name := re.split(r"[^A-Za-z0-9_.-]", need)[0]) and "extra" not in need
        ]
        found, missing = [f"pulumi-rekey {version('pulumi-rekey')}", f"python {sys.version.split()[0]}"], []
        for name in names:
            try:
                found.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                missing.append(name)
        yield Finding(Level.GOOD, "packages", ", ".join(found))
        if missing:
            yield Finding(Level.PROBLEM, "packages", f"missing: {', '.join(missing)}", how_to_install())

    # -- the stack -----------------------------------------------------------------------------------------------

    def _selected(self) -> list[str]:
        return ["--stack", self.stack] if self.stack else []

    def _owner(self, config: Mapping[str, Any]) -> Iterator[Finding]:
        if config.get("rekey:owner", {}).get("value"):
            yield Finding(Level.GOOD, "owner", "rekey:owner is set")
        else:
            yield Finding(
                Level.WARNING,
                "owner",
                "rekey:owner is not set: after an interrupted run some resources need it to find their own objects",
                "pulumi config set --secret rekey:owner $(openssl rand -hex 16)",
            )

    def _credentials(self) -> Stack:
        try:
            return export(self.stack, self.folder)
        except Misconfigured:
            # Already reported, where the configuration could not be read.
            return Stack("", None)

    # -- the vendors ---------------------------------------------------------------------------------------------

    def _endpoints(self, readable: Mapping[str, Any] | None) -> Iterator[Finding]:
        config = readable or {}
        value = configured_endpoints(config)
        if value is None:
            yield Finding(Level.PROBLEM, "endpoints", "rekey:endpoints is not a map", "set its keys with --path")
            value = {}
        names = [*value, *(kind for kind in KINDS if kind not in value and self._in_environment(kind))]
        if not names and readable is not None:
            yield Finding(
                Level.WARNING,
                "endpoints",
                "no endpoint is configured",
                "set rekey:endpoints.<name>.url, or the environment",
            )
        endpoints = Endpoints(value, Runtime(now=self.now, environment=self.environment))
        state = self._credentials() if names else Stack("", None)
        used: set[str] = set()
        for name in names:
            settings = value.get(name, {})
            kind = settings.get("kind", name) if isinstance(settings, dict) else None
            if kind not in KINDS:
                yield Finding(
                    Level.PROBLEM,
                    f"endpoint {printable(name)}",
                    "its kind is not known",
                    f"set rekey:endpoints.{printable(name)}.kind to one of: {', '.join(KINDS)}",
                )
                continue
            secret = bool(config.get("rekey:endpoints", {}).get("secret"))
            yield from self._settings(name, kind, settings, used, secret=secret)
            yield from self._vendor(name, kind, endpoints, state)
        yield from self._unused(used)

    def _in_environment(self, kind: str) -> bool:
        variables = environment_names(session_class(kind).model)
        # A region stands for an address.
        return any(self.environment.get(variables.get(field, "")) for field in ("url", "region"))

    def _settings(
        self, name: str, kind: str, settings: Mapping[str, Any], used: set[str], *, secret: bool
    ) -> Iterator[Finding]:
        """Report where each setting comes from, and any credential that the configuration holds in plain text."""
        model = session_class(kind).model
        variables, _ = variables_of(model, name, self.environment)
        gathered, taken = gather(model, name, settings, self.environment)
        used |= {variables[field] for field in taken}
        sources = [
            f"{printable(to_camel(field))} from {variables[field] if field in taken else 'the stack'}"
            for field in sorted(gathered)
        ]
        yield Finding(Level.GOOD, f"endpoint {name}", "; ".join(sources) or "nothing is set")
        credentials = secret_fields(model) & gathered.keys() - taken
        for key in sorted(to_camel(field) for field in credentials):
            path = f"rekey:endpoints.{name}.{key}"
            if not secret or not self._is_secret(path):
                yield Finding(
                    Level.PROBLEM,
                    f"endpoint {name}",
                    f"{path} is in the stack's configuration in plain text",
                    f"replace it at the vendor, then `pulumi config set --path --secret {path}`",
                )

    def _is_secret(self, path: str) -> bool:
        try:
            found = json.loads(pulumi(["config", "get", "--json", "--path", path, *self._selected()], self.folder))
        except Misconfigured:
            return True
        return bool(found.get("secret"))

    def _unused(self, used: set[str]) -> Iterator[Finding]:
        """Report credentials in the environment that no endpoint uses: each belongs to one address only."""
        for kind in KINDS:
            model = session_class(kind).model
            variables = environment_names(model)
            own = secret_fields(model) | fields_marked(model, CREDENTIAL)
            idle = sorted(
                variables[field] for field in own & variables.keys() if self.environment.get(variables[field])
            )
            for variable in idle:
                if variable not in used:
                    yield Finding(
                        Level.NOTE,
                        "environment",
                        f"{variable} is set, and no endpoint uses it",
                        f"set {variables['url']} to the address of the endpoint that it belongs to",
                    )

    def _vendor(self, name: str, kind: str, endpoints: Endpoints, state: Stack) -> Iterator[Finding]:
        subject = f"endpoint {name}"
        try:
            session = endpoints.session(name, kind)
            yield from _proxy(subject, session.endpoint.url)
            shown = session.ping()
        except Error as wrong:
            yield problem(subject, wrong)
            return
        yield Finding(Level.GOOD, subject, f"{session.endpoint.url} answers")
        if session.endpoint.allow_unverified_ssl:
            yield Finding(
                Level.WARNING,
                subject,
                "its certificate is not checked",
                f"set rekey:endpoints.{name}.caBundle instead",
            )
        if shown is not None and shown.tzinfo is not None:
            yield _clock(subject, shown - self.now())
        try:
            token = session.log_in()
        except Error as wrong:
            yield problem(subject, wrong)
            return
        credentials = ", ".join(to_camel(field) for field in session.endpoint.usable_credentials())
        how = f"{'logs in' if token.value else 'signs its requests'} with {credentials}"
        yield from self._rights(subject, how, session, state)

    def _rights(self, subject: str, how: str, session: Session[Any], state: Stack) -> Iterator[Finding]:
        """Read something that needs the right: what always exists, or one credential of each kind in the stack."""
        proofs: dict[str, Callable[[], object]] = {}
        for found in state.credentials:
            # What the user has made secret, an id perhaps, is not known here.
            known = SECRET not in dict(found.state).values()
            if known and found.resource is not None and found.endpoint == session.name:
                reconciler = Reconciler(found.resource, session, self.now())
                read = _reading(reconciler, found.state)
                proofs.setdefault(found.kind, read)
        try:
            proved = session.proves_right()
            for proof in proofs.values():
                proof()
        except Error as wrong:
            yield problem(subject, wrong)
            return
        if proved or proofs:
            yield Finding(Level.GOOD, subject, f"{how}, and may read what it has to manage")
        else:
            yield Finding(
                Level.NOTE,
                subject,
                f"{how}; whether the account has the right will show at the first credential",
                f"make sure that it has {session.right}",
            )


def _reading(reconciler: Reconciler[Any, Any, Any], state: Any) -> Callable[[], object]:
    def read() -> object:
        reconciler.check_address(state)
        return reconciler.resource.read(reconciler.api, state)

    return read


def _unknown_settings(config: Mapping[str, Any], project: str | None) -> Iterator[Finding]:
    names = [name.removeprefix("rekey:") for name in config if name.startswith("rekey:")]
    for name, wrong in unknown(names, project, nearest).items():
        what, _, remedy = wrong.partition(": ")
        yield Finding(Level.PROBLEM, f"rekey:{printable(name)}", what, printable(remedy))


def _proxy(subject: str, url: str) -> Iterator[Finding]:
    scheme, host, _ = origin(url)
    found = None if scheme == "http" or is_loopback(host) else proxy_setting(url)
    if found is not None:
        what = f"is reached through the proxy {printable(found.place)} of {found.source}"
        yield Finding(Level.NOTE, subject, what, f"list {host} in NO_PROXY if it is to be reached directly")


def _clock(subject: str, ahead: timedelta) -> Finding:
    off = abs(ahead)
    if off < _SKEW_NOTED:
        return Finding(Level.GOOD, subject, "its clock and this machine's agree")
    level = Level.PROBLEM if off >= _SKEW_BREAKS else Level.WARNING
    which = "ahead of" if ahead > timedelta() else "behind"
    return Finding(
        level,
        subject,
        f"its clock is {in_words(off)} {which} this machine's: signatures, tokens and due dates depend on it",
        "synchronise this machine's clock by NTP",
    )


def _requirements() -> list[str]:
    return requires("pulumi-rekey") or []


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


# -- rendering -----------------------------------------------------------------------------------------------------


def plain(finding: Finding) -> Iterator[str]:
    """Yield a finding as a line without colour, and its remedy as another."""
    yield f"{finding.level:<8} {finding.subject}: {finding.what}"
    if finding.remedy is not None:
        yield f"{'':<8} -> {finding.remedy}"


def for_terminal(finding: Finding) -> RenderableType:
    """Return a finding with its sign and, below it, its remedy."""
    from rich.text import Text

    sign, style = _SIGNS[finding.level]
    text = Text.assemble((f"{sign} ", style), (finding.subject, "bold"), f"  {finding.what}")
    if finding.remedy is not None:
        text.append(f"\n  → {finding.remedy}", style)
    return text
