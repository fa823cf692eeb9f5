"""What manifests say: entries with their defaults filled in, and everything that is wrong, found without an engine."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from os import PathLike
from pathlib import Path
from typing import Final

from pydantic import Field

from ..model import Model, secret_fields
from ..reconciler.contract import claims
from .defaults import FOLDER_DEFAULTS, Defaults, filled, read_defaults
from .exports import Export, read_exports
from .judging import judge, pair, sides
from .kinds import CURRENT_AND_PREVIOUS, PAIR, POLICY, kinds, outputs, resource_of
from .references import CONFIG, VALUES, Reference, Template
from .refusals import Findings, hint, holds_references, read_as, unknown
from .strict_yaml import MAX_BYTES, Node, Position, Problem, documents

#: What a name may be: references must be able to hold it.
NAME: Final = rf"^(?!({CONFIG}|{VALUES})(\.|$))[^\s{{}}$]+( [^\s{{}}$]+)*$"
MAX_NAME: Final = 256
ENTRY_KEYS: Final = ("kind", "name", "spec", "options")


class Options(Model):
    """Pulumi's options for one resource."""

    protect: bool = Field(default=False, description="Whether it is an error to delete it.")
    retain_on_delete: bool = Field(
        default=False, description="Whether it is only forgotten where it would be deleted; no vendor is called."
    )
    aliases: tuple[str, ...] = Field(
        default=(), description="Names that it had before, so that it is not another one under its new name."
    )


@dataclass(frozen=True)
class Entry:
    """One credential, or a pair of them."""

    kind: str
    name: str
    at: Position
    #: What it is told, with a :class:`Template` in place of a text that holds references.
    spec: Node
    options: Options

    @property
    def of(self) -> str:
        """The kind of credential that it is, or is a pair of."""
        return str(self.spec.value["of"].value) if self.kind == PAIR else self.kind

    def specs(self) -> list[Node]:
        """Return what each of its credentials is told: one, or blue's and green's."""
        return sides(self.spec.value, Node(self.spec.at, {})) if self.kind == PAIR else [self.spec]

    def secrets(self) -> list[Node]:
        """Return the nodes that give a secret."""
        names = secret_fields(resource_of(self.of).inputs)
        return [spec.value[name] for spec in self.specs() for name in sorted(names & spec.value.keys())]

    def templates(self) -> Iterator[tuple[Node, Template]]:
        """Yield every text with references, and where it stands."""
        yield from ((leaf, leaf.value) for _, leaf in self.spec.leaves("spec") if isinstance(leaf.value, Template))


@dataclass(frozen=True)
class Manifest:
    """All entries, each after those that it refers to; or all problems, by position."""

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    exports: tuple[Export, ...] = ()


def read(paths: Iterable[str | PathLike[str]]) -> Manifest:
    """Read and judge files, folders and globs that belong together."""
    reading = _Reading()
    for path in paths:
        reading.add(path)
    reading.finish()
    if reading.found.problems:
        return Manifest((), tuple(sorted(set(reading.found.problems))))
    return Manifest(tuple(reading.in_order()), (), tuple(reading.exports.values()))


def target(entries: Mapping[str, Entry], reference: Reference) -> tuple[Entry | None, str | None]:
    """Return the entry that a reference names, and which of a pair: ``current`` or ``previous``."""
    name, _, side = reference.source.rpartition(".")
    if side in CURRENT_AND_PREVIOUS and name in entries and entries[name].kind == PAIR:
        return entries[name], side
    return entries.get(reference.source), None


@dataclass
class _Reading:
    found: Findings = field(default_factory=Findings)
    entries: dict[str, Entry] = field(default_factory=dict)
    exports: dict[str, Export] = field(default_factory=dict)
    _seen: set[Path] = field(default_factory=set)
    _of_folder: dict[Path, Defaults] = field(default_factory=dict)
    _waiting: list[tuple[Path, Node, Defaults]] = field(default_factory=list)
    #: Every place in a `defaults`, and those of them where something is wrong in itself.
    _in_defaults: set[Position] = field(default_factory=set)
    _wrong_in_defaults: set[Position] = field(default_factory=set)

    def add(self, path: str | PathLike[str]) -> None:
        """Read the files that a path stands for; their entries wait for the defaults of folders not read yet."""
        found = _files(Path(path))
        if not found:
            self.found.wrong(
                Position(str(path)), "there is no manifest: a file, or a folder with *.yaml or *.yml in it"
            )
        for file in found:
            if file.resolve() not in self._seen:
                self._seen.add(file.resolve())
                self._read(file)

    def finish(self) -> None:
        """Judge the entries, alone and together."""
        for file, document, own in self._waiting:
            above = [self._of_folder[folder] for folder in file.resolve().parents if folder in self._of_folder]
            self._entry(document, [*reversed(above), own])
        self._check_references()
        self._check_claims()

    def in_order(self) -> Iterator[Entry]:
        """Yield the entries, each after those that it refers to."""
        order = TopologicalSorter({name: self._named_by(entry) for name, entry in self.entries.items()})
        yield from (self.entries[name] for name in order.static_order())

    # -- files and documents ---------------------------------------------------------------------------------------

    def _read(self, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
        except OSError as refused:
            self.found.wrong(Position(str(file)), f"cannot be read: {refused.strerror}")
            return
        if len(data) > MAX_BYTES:
            self.found.wrong(Position(str(file)), "is larger than 1 MiB: split it")
            return
        found, problems = documents(str(file), data)
        self.found.problems += problems
        maps = [document for document in found if isinstance(document.value, dict)]
        for document in found:
            if document not in maps:
                self.found.wrong(document.at, "is no entry: write kind, name and spec, or defaults, or export")
        defaults = [document for document in maps if "defaults" in document.value]
        exports = [document for document in maps if "export" in document.value and document not in defaults]
        entries = [document for document in maps if document not in [*defaults, *exports]]
        for document in exports:
            self._exports(document)
        for document in defaults[1:]:
            self.found.wrong(document.at, f"defaults: stands twice in this file, first on line {defaults[0].at.line}")
        own = self._defaults(defaults[0]) if defaults else {}
        if file.name in FOLDER_DEFAULTS:
            self._of_folder[file.resolve().parent] = own
            for document in [*entries, *exports]:
                what = "an entry" if document in entries else "an export"
                self.found.wrong(document.at, f"is {what}: a file of this name holds the defaults of its folder only")
        else:
            self._waiting += [(file, document, own) for document in entries]

    def _defaults(self, document: Node) -> Defaults:
        own = Findings()
        said = read_defaults(document, own)
        self.found.problems += own.problems
        self._in_defaults |= set(document.positions())
        self._wrong_in_defaults |= {problem.at for problem in own.problems}
        return said

    def _exports(self, document: Node) -> None:
        for export in read_exports(document, self.found):
            first = self.exports.setdefault(export.name, export)
            if first is not export:
                self.found.wrong(export.at, f"export.{export.name}: is taken by the export at {first.at}")

    # -- one entry -------------------------------------------------------------------------------------------------

    def _entry(self, document: Node, defaults: Sequence[Defaults]) -> None:
        self.found.known(document, ENTRY_KEYS, "")
        kind, name = self._kind(document), self._name(document)
        options = self._options(document)
        spec = document.value.get("spec") or Node(document.at, {})
        if not isinstance(spec.value, dict):
            self.found.wrong(spec.at, "spec: must be a map")
        elif kind is not None and name is not None:
            at, own = document.find(("name",)), Findings()
            spec = own.with_references(spec, "spec")
            told = pair(spec, defaults, own) if kind == PAIR else filled(kind, POLICY, spec, defaults)
            if told is not None and kind != PAIR:
                judge(kind, told, own)
            if told is not None:
                self.entries[name] = Entry(kind, name, at, told, options)
            for problem in own.problems:
                if problem.at not in self._in_defaults:
                    self.found.problems.append(problem)
                elif problem.at not in self._wrong_in_defaults:
                    self.found.wrong(problem.at, f"{problem.message} (as a default of {name}, {at})")

    def _kind(self, document: Node) -> str | None:
        kind = self.found.text(document, "kind")
        if kind is None or kind in kinds():
            return kind
        self.found.wrong(document.find(("kind",)), f"kind: {unknown(kind, kinds(), 'kind')}")
        return None

    def _name(self, document: Node) -> str | None:
        name, at = self.found.text(document, "name"), document.find(("name",))
        if name is None:
            return None
        if len(name) > MAX_NAME or not name.isprintable() or not re.search(NAME, name):
            self.found.wrong(
                at,
                f"name: must be up to {MAX_NAME} printable characters without braces and $, and not config or values",
            )
            return None
        if name in self.entries:
            self.found.wrong(at, f"name: {name} is taken by the entry at {self.entries[name].at}")
            return None
        return name

    def _options(self, document: Node) -> Options:
        node = document.value.get("options") or Node(document.at, {})
        if not isinstance(node.value, dict):
            self.found.wrong(node.at, "options: must be a map")
            return Options()
        read, problems = read_as(Options, self.found.known(node, Options.model_fields, "options."), "options")
        self.found.problems += problems
        return read if isinstance(read, Options) else Options()

    # -- entries together ------------------------------------------------------------------------------------------

    def _named_by(self, entry: Entry) -> list[str]:
        references = (reference for _, template in entry.templates() for reference in template.references)
        named = (target(self.entries, reference)[0] for reference in references)
        return [other.name for other in named if other is not None]

    def _check_references(self) -> None:
        holders: list[Entry | Export] = [*self.entries.values(), *self.exports.values()]
        for holder in holders:
            for node, template in holder.templates():
                for reference in template.references:
                    if reference.source not in {CONFIG, VALUES}:
                        wrong = self._wrong_reference(reference)
                        if wrong is not None:
                            self.found.wrong(node.at, f"{reference}: {wrong}")
        try:
            for _ in self.in_order():
                pass
        except CycleError as cycle:
            names = cycle.args[1]
            at = min(self.entries[name].at for name in names)
            self.found.wrong(at, f"entries refer to each other in a circle: {' -> '.join(reversed(names))}")

    def _wrong_reference(self, reference: Reference) -> str | None:
        other, side = target(self.entries, reference)
        if other is None:
            return f"there is no such entry{hint(reference.source, self.entries)}"
        if other.kind == PAIR and side is None:
            return f"{other.name} is a pair: write ${{{other.name}.current.{reference.key}}}, or previous"
        allowed = outputs(other.of)
        return None if reference.key in allowed else unknown(reference.key, allowed, "output")

    def _check_claims(self) -> None:
        held: dict[tuple[str, str], Entry] = {}
        for entry in self.entries.values():
            resource = resource_of(entry.of)
            for spec in entry.specs():
                known = {name: node.plain() for name, node in spec.value.items() if not holds_references(node.plain())}
                if "endpoint" in spec.value and "endpoint" not in known:
                    continue
                for name, claimed in claims(resource, known):
                    holder = held.setdefault((str(known.get("endpoint") or resource.vendor), claimed), entry)
                    if holder is not entry:
                        at = spec.find((name,), key=True) if name in known else entry.at
                        self.found.wrong(at, f"spec.{name}: is taken by the entry {holder.name}, {holder.at}")


def _files(path: Path) -> list[Path]:
    """Return the files that a path stands for, in a fixed order; hidden ones are nobody's manifests."""
    if path.is_dir():
        inside = [file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"}]
        return sorted(file for file in inside if file.is_file() and not _hidden(file.relative_to(path)))
    if path.is_file():
        return [path]
    found = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    return sorted(file for file in found if file.is_file())


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
