"""What manifests say: entries with their defaults filled in, and everything that is wrong, found without an engine."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from os import PathLike
from pathlib import Path
from typing import Final

from ..model import Model, secret_fields
from ..resource import policy_problems
from ..rotation import Policy
from .kinds import (
    CURRENT_AND_PREVIOUS,
    PAIR,
    PAIR_ARGUMENTS,
    PAIR_POLICY,
    POLICY,
    SIDES,
    arguments,
    credentials,
    kinds,
    outputs,
    resource_of,
)
from .references import CONFIG, VALUES, Reference, Template, parse
from .refusals import hint, holds_references, read_as, unknown
from .strict_yaml import MOST_BYTES, Node, Position, Problem, documents

#: The name of the file whose defaults are those of its folder and the folders below.
FOLDER_DEFAULTS: Final = frozenset({"defaults.yaml", "defaults.yml"})
#: What a name may be: references must be able to hold it.
NAME: Final = rf"^(?!({CONFIG}|{VALUES})(\.|$))[^\s{{}}$]+( [^\s{{}}$]+)*$"
MOST_NAME: Final = 256
ENTRY_KEYS: Final = ("kind", "name", "spec", "options")
_EVERY_KIND: Final = "every kind"


class Options(Model):
    """Pulumi's options for one resource."""

    protect: bool = False
    retain_on_delete: bool = False
    aliases: tuple[str, ...] = ()


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
        if self.kind != PAIR:
            return [self.spec]
        both, *own = (self.spec.value.get(part, Node(self.spec.at, {})) for part in ("both", *SIDES))
        return [replace(both, value=both.value | side.value) for side in own]

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


def read(paths: Iterable[str | PathLike[str]]) -> Manifest:
    """Read and judge files, folders and globs that belong together."""
    reading = _Reading()
    for path in paths:
        reading.add(path)
    reading.finish()
    if reading.problems:
        return Manifest((), tuple(sorted(set(reading.problems))))
    return Manifest(tuple(reading.in_order()), ())


def target(entries: Mapping[str, Entry], reference: Reference) -> tuple[Entry | None, str | None]:
    """Return the entry that a reference names, and which of a pair: ``current`` or ``previous``."""
    name, _, side = reference.source.rpartition(".")
    if side in CURRENT_AND_PREVIOUS and name in entries and entries[name].kind == PAIR:
        return entries[name], side
    return entries.get(reference.source), None


#: What `defaults` say, by kind: the nodes of `endpoint` and `rotation`.
_Defaults = dict[str, dict[str, Node]]


@dataclass
class _Reading:
    problems: list[Problem] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    _seen: set[Path] = field(default_factory=set)
    _of_folder: dict[Path, _Defaults] = field(default_factory=dict)
    _waiting: list[tuple[Path, Node, _Defaults]] = field(default_factory=list)
    #: Every place in a `defaults`, and those of them where something is wrong in itself.
    _in_defaults: set[Position] = field(default_factory=set)
    _wrong_in_defaults: set[Position] = field(default_factory=set)

    def add(self, path: str | PathLike[str]) -> None:
        """Read the files that a path stands for; their entries wait for the defaults of folders not read yet."""
        found = _files(Path(path))
        if not found:
            self._wrong(Position(str(path)), "there is no manifest: a file, or a folder with *.yaml or *.yml in it")
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
                data = opened.read(MOST_BYTES + 1)
        except OSError as refused:
            self._wrong(Position(str(file)), f"cannot be read: {refused.strerror}")
            return
        if len(data) > MOST_BYTES:
            self._wrong(Position(str(file)), "is larger than 1 MiB: split it")
            return
        found, problems = documents(str(file), data)
        self.problems += problems
        maps = [document for document in found if isinstance(document.value, dict)]
        for document in found:
            if document not in maps:
                self._wrong(document.at, "is no entry: write kind, name and spec, or defaults")
        defaults = [document for document in maps if "defaults" in document.value]
        entries = [document for document in maps if "defaults" not in document.value]
        for document in defaults[1:]:
            self._wrong(document.at, f"defaults: stands twice in this file, first on line {defaults[0].at.line}")
        own = self._defaults(defaults[0]) if defaults else {}
        if file.name in FOLDER_DEFAULTS:
            self._of_folder[file.resolve().parent] = own
            for document in entries:
                self._wrong(document.at, "is an entry: a file of this name holds the defaults of its folder only")
        else:
            self._waiting += [(file, document, own) for document in entries]

    def _defaults(self, document: Node) -> _Defaults:
        found: _Defaults = {}
        before = len(self.problems)
        block = self._known(document, ("defaults",), "").value["defaults"]
        if not isinstance(block.value, dict):
            self._wrong(block.at, f"defaults: must be a map of rotation, {', '.join(credentials())}")
            return found
        for name, node in self._known(block, ("rotation", *credentials()), "defaults.").value.items():
            if name == "rotation":
                found[_EVERY_KIND] = {"rotation": self._policy(node, "defaults.rotation")}
            elif isinstance(node.value, dict):
                found[name] = self._defaults_of(name, node)
            else:
                self._wrong(node.at, f"defaults.{name}: must be a map")
        self._in_defaults |= set(block.positions())
        self._wrong_in_defaults |= {problem.at for problem in self.problems[before:]}
        return found

    def _defaults_of(self, kind: str, node: Node) -> dict[str, Node]:
        path = f"defaults.{kind}"
        allowed = tuple(key for key in arguments(kind) if key in {"endpoint", "rotation"})
        said = dict(self._known(node, allowed, f"{path}.").value)
        if "endpoint" in said:
            said["endpoint"] = self._with_references(said["endpoint"], f"{path}.endpoint")
            if not isinstance(said["endpoint"].value, str | Template | None):
                self._wrong(said["endpoint"].at, f"{path}.endpoint: must be a text")
        if "rotation" in said:
            said["rotation"] = self._policy(said["rotation"], f"{path}.rotation")
        return said

    def _policy(self, node: Node, path: str) -> Node:
        if not isinstance(node.value, dict):
            self._wrong(node.at, f"{path}: must be a map")
            return replace(node, value={})
        policy = self._with_references(self._known(node, POLICY, f"{path}."), path)
        said = {key: member for key, member in policy.value.items() if member.value is not None}
        self.problems += read_as(Policy, replace(policy, value=said), path)[1]
        return policy

    def _with_references(self, node: Node, path: str) -> Node:
        """Return the node with a template for each text that holds references."""
        match node.value:
            case dict():
                members = {key: self._with_references(member, f"{path}.{key}") for key, member in node.value.items()}
                return replace(node, value=members)
            case list():
                return replace(
                    node, value=[self._with_references(member, f"{path}[{n}]") for n, member in enumerate(node.value)]
                )
            case str():
                try:
                    return replace(node, value=parse(node.value))
                except ValueError as wrong:
                    self._wrong(node.at, f"{path}: {wrong}")
            case _:
                pass
        return node

    # -- one entry -------------------------------------------------------------------------------------------------

    def _entry(self, document: Node, defaults: Sequence[_Defaults]) -> None:
        self._known(document, ENTRY_KEYS, "")
        kind, name = self._kind(document), self._name(document)
        options = self._options(document)
        spec = document.value.get("spec") or Node(document.at, {})
        if not isinstance(spec.value, dict):
            self._wrong(spec.at, "spec: must be a map")
        elif kind is not None and name is not None:
            spec = self._with_references(spec, "spec")
            if kind != PAIR:
                entry = Entry(kind, name, document.find(("name",)), _filled(kind, POLICY, spec, defaults), options)
                before = len(self.problems)
                self._judge(kind, entry.spec, POLICY)
            else:
                before = len(self.problems)
                pair = self._pair(spec, defaults)
                if pair is None:
                    return
                entry = Entry(kind, name, document.find(("name",)), pair, options)
            self.entries[name] = entry
            self.problems[before:] = [
                replace(problem, message=f"{problem.message} (as a default of {name}, {entry.at})")
                if problem.at in self._in_defaults
                else problem
                for problem in self.problems[before:]
                if problem.at not in self._wrong_in_defaults
            ]

    def _kind(self, document: Node) -> str | None:
        kind = self._text(document, "kind")
        if kind is None or kind in kinds():
            return kind
        self._wrong(document.find(("kind",)), f"kind: {unknown(kind, kinds(), 'kind')}")
        return None

    def _name(self, document: Node) -> str | None:
        name, at = self._text(document, "name"), document.find(("name",))
        if name is None:
            return None
        if len(name) > MOST_NAME or not name.isprintable() or not re.search(NAME, name):
            self._wrong(
                at,
                f"name: must be up to {MOST_NAME} printable characters without braces and $, and not config or values",
            )
            return None
        if name in self.entries:
            self._wrong(at, f"name: {name} is taken by the entry at {self.entries[name].at}")
            return None
        return name

    def _text(self, document: Node, key: str) -> str | None:
        node = document.value.get(key)
        if node is None:
            self._wrong(document.at, f"{key}: is required")
        elif isinstance(node.value, str):
            return node.value
        else:
            self._wrong(node.at, f"{key}: must be a text")
        return None

    def _options(self, document: Node) -> Options:
        node = document.value.get("options") or Node(document.at, {})
        if not isinstance(node.value, dict):
            self._wrong(node.at, "options: must be a map")
            return Options()
        read, problems = read_as(Options, self._known(node, Options.model_fields, "options."), "options")
        self.problems += problems
        return read if isinstance(read, Options) else Options()

    def _pair(self, spec: Node, defaults: Sequence[_Defaults]) -> Node | None:
        """Judge both sides of a pair and return its spec with the defaults; nothing if it is no pair of anything."""
        spec = self._known(spec, PAIR_ARGUMENTS, "spec.")
        of = self._text(spec, "of")
        able = [kind for kind, cls in credentials().items() if cls.not_twice is None]
        if of not in able:
            reason = credentials()[of].not_twice if of in credentials() else unknown(str(of), able, "kind")
            if of is not None:
                self._wrong(spec.find(("of",)), f"spec.of: {reason}")
            return None
        parts = [spec.value[part] for part in ("both", *SIDES, "rotate_now") if part in spec.value]
        for node in parts:
            if not isinstance(node.value, dict):
                self._wrong(node.at, "must be a map")
        if not all(isinstance(node.value, dict) for node in parts):
            return None
        both = replace(spec.value.get("both", Node(spec.at, {})))
        filled = _filled(of, PAIR_POLICY, replace(both, value=both.value | _only(spec.value, "rotation")), defaults)
        policy = filled.value.get("rotation", Node(spec.at, {}))
        members = {key: member for key, member in filled.value.items() if key != "rotation"}
        spec = replace(
            spec, value=spec.value | {"both": replace(both, value=members)} | _only(filled.value, "rotation")
        )
        if "every" not in spec.value:
            self._wrong(spec.at, "spec.every: is required")
            return spec
        now = self._known(spec.value.get("rotate_now", Node(spec.at, {})), SIDES, "spec.rotate_now.")
        if isinstance(policy.value, dict):
            policy = self._known(policy, PAIR_POLICY, "spec.rotation.")
        seen = set(self.problems)
        for side, told in zip(SIDES, Entry(PAIR, "", spec.at, spec, Options()).specs(), strict=True):
            turn = Node(spec.at, {"every": spec.value["every"], "side": Node(spec.at, side)})
            whole = policy
            if isinstance(policy.value, dict):
                asked = {"rotate_now": now.value[side]} if side in now.value else {}
                whole = replace(policy, value=policy.value | asked | {"turn": turn})
            before = len(self.problems)
            told = self._known(told, [name for name in arguments(of) if name != "rotation"], "spec.")  # noqa: PLW2901 - the known part of it
            self._judge(of, replace(told, value=told.value | {"rotation": whole}), (*POLICY, "turn"))
            # What is wrong in both is said once.
            self.problems[before:] = [problem for problem in self.problems[before:] if problem not in seen]
            seen |= set(self.problems)
        return spec

    def _judge(self, kind: str, spec: Node, policy_keys: Sequence[str]) -> None:
        """Note all that is wrong with what a credential is told."""
        resource = resource_of(kind)
        before = len(self.problems)
        spec = self._known(spec, arguments(kind), "spec.")
        policy = spec.value.get("rotation")
        if policy is not None:
            known = self._known(policy, policy_keys, "spec.rotation.") if isinstance(policy.value, dict) else policy
            spec = replace(spec, value=spec.value | {"rotation": known})
            if isinstance(policy.value, Template):
                self._wrong(policy.at, "spec.rotation: must be a map; its members may be references")
        for name in sorted(secret_fields(resource.inputs) & spec.value.keys()):
            node = spec.value[name]
            if not isinstance(node.value, Template) or node.value.whole is None:
                self._wrong(
                    node.at,
                    f"spec.{name}: a secret stands in no file: set it with `pulumi config set --secret KEY`, and write"
                    " ${config.KEY} alone here",
                )
        inputs, problems = read_as(resource.inputs, spec, "spec")
        self.problems += [
            replace(problem, message=problem.message.replace("spec.rotation.turn.every", "spec.every"))
            for problem in problems
        ]
        if inputs is None or len(self.problems) > before:
            return
        for path, reason in (*policy_problems(resource, inputs), *resource.problems(inputs)):
            self._wrong(spec.find(tuple(path.split(".")), key=True), f"spec.{path}: {reason}")

    # -- entries together ------------------------------------------------------------------------------------------

    def _named_by(self, entry: Entry) -> list[str]:
        references = (reference for _, template in entry.templates() for reference in template.references)
        named = (target(self.entries, reference)[0] for reference in references)
        return [other.name for other in named if other is not None]

    def _check_references(self) -> None:
        for entry in self.entries.values():
            for node, template in entry.templates():
                for reference in template.references:
                    if reference.source not in {CONFIG, VALUES}:
                        wrong = self._wrong_reference(reference)
                        if wrong is not None:
                            self._wrong(node.at, f"{reference}: {wrong}")
        try:
            for _ in self.in_order():
                pass
        except CycleError as cycle:
            names = cycle.args[1]
            at = min(self.entries[name].at for name in names)
            self._wrong(at, f"entries refer to each other in a circle: {' -> '.join(reversed(names))}")

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
                for name, claimed in resource.claims(known):
                    holder = held.setdefault((str(known.get("endpoint") or resource.vendor), claimed), entry)
                    if holder is not entry:
                        at = spec.find((name,), key=True) if name in known else entry.at
                        self._wrong(at, f"spec.{name}: is taken by the entry {holder.name}, {holder.at}")

    # -- problems --------------------------------------------------------------------------------------------------

    def _known(self, node: Node, allowed: Iterable[str], path: str) -> Node:
        """Return the map without unknown keys, which are noted."""
        names = tuple(allowed)
        for key, member in node.value.items():
            if key not in names:
                self._wrong(member.key_at or member.at, f"{path}{key}: {unknown(key, names)}")
        return replace(node, value={key: member for key, member in node.value.items() if key in names})

    def _wrong(self, at: Position, message: str) -> None:
        self.problems.append(Problem(at, message))


def _files(path: Path) -> list[Path]:
    """Return the files that a path stands for, in a fixed order; hidden ones are nobody's manifests."""
    if path.is_dir():
        inside = [file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"}]
        return sorted(file for file in inside if file.is_file() and not _hidden(file.relative_to(path)))
    if path.is_file():
        return [path]
    # Path.glob takes no absolute pattern.
    found = map(Path, glob.glob(str(path), recursive=True))  # noqa: PTH207
    return sorted(file for file in found if file.is_file())


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _filled(kind: str, policy_keys: Sequence[str], spec: Node, defaults: Sequence[_Defaults]) -> Node:
    """Return the spec with the defaults, the nearest first, in the places that it leaves free."""
    settings: dict[str, Node] = {}
    policy: dict[str, Node] = {}
    for block in (scope.get(of, {}) for scope in defaults for of in (_EVERY_KIND, kind)):
        settings |= block
        if "rotation" in block:
            policy |= {key: node for key, node in block["rotation"].value.items() if key in policy_keys}
    filled = settings | spec.value
    rotation = filled.get("rotation")
    if "rotation" in spec.value and (own := spec.value["rotation"].value) is None:
        del filled["rotation"]
    elif rotation is not None and isinstance(rotation.value, dict):
        if "rotation" in spec.value:
            policy |= own
        said = {key: node for key, node in policy.items() if node.value is not None}
        filled["rotation"] = replace(rotation, value=said)
        if not said:
            del filled["rotation"]
    if "endpoint" in filled and filled["endpoint"].value is None:
        del filled["endpoint"]
    return replace(spec, value=filled)


def _only(nodes: Mapping[str, Node], name: str) -> dict[str, Node]:
    return {name: nodes[name]} if name in nodes else {}
