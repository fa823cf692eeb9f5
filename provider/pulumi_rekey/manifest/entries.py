"""What manifests say: entries with their defaults filled in, and everything that is wrong, found without an engine."""

from __future__ import annotations

import glob
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import pulumi_rekey

from ..dynamic.policy import Rotation
from ..dynamic.resource import Credential
from ..model import Model, secret_fields
from ..resource import Resource, policy_problems
from ..rotation import Policy
from .references import CONFIG, VALUES, Template, parse
from .strict_yaml import MOST_BYTES, Node, Position, Problem, documents

#: The name of the file whose defaults are those of its folder and the folders below.
FOLDER_DEFAULTS: Final = frozenset({"defaults.yaml", "defaults.yml"})
#: A name is what Pulumi's URNs and the references can hold.
NAME: Final = rf"^(?!({CONFIG}|{VALUES})(\.|$))[^\s{{}}$]+( [^\s{{}}$]+)*$"
MOST_NAME: Final = 256
_ENTRY_KEYS: Final = ("kind", "name", "spec", "options")


class Options(Model):
    """Pulumi's options for one resource."""

    protect: bool = False
    retain_on_delete: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One credential."""

    kind: str
    name: str
    at: Position
    #: What its constructor is told, with :class:`Template` in place of a text that holds references.
    spec: Node
    options: Options

    def templates(self) -> Iterator[tuple[Node, Template]]:
        """Yield every text with references, and where it stands."""
        yield from ((leaf, leaf.value) for _, leaf in self.spec.leaves("spec") if isinstance(leaf.value, Template))


@dataclass(frozen=True)
class Manifest:
    """All entries, each after those that it refers to, and all problems by position; with problems, no entries."""

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


@cache
def kinds() -> dict[str, type[Credential]]:
    """Return the constructor of every kind, by the name that users write."""
    found = {name: getattr(pulumi_rekey, name) for name in pulumi_rekey.__all__ if name[0].isupper()}
    return {name: cls for name, cls in found.items() if issubclass(cls, Credential)}


def resource_of(kind: str) -> Resource[Any, Any, Any]:
    """Return the models and the rules of a kind."""
    module = kinds()[kind].__module__.rpartition(".")[2]
    resource: Resource[Any, Any, Any] = import_module(f"pulumi_rekey.resources.{module}").RESOURCE
    return resource


def arguments(kind: str) -> tuple[str, ...]:
    """Return the names of a constructor's arguments that describe the credential."""
    names = inspect.signature(kinds()[kind]).parameters
    return tuple(name for name in names if name not in {"name", "opts"})


def outputs(kind: str) -> tuple[str, ...]:
    """Return the names of the outputs that a reference may name."""
    return ("id", *kinds()[kind].output_names())


#: What a policy may say; the model also knows what `Pair` adds to it.
POLICY: Final = tuple(key.name for key in fields(Rotation))


_EVERY: Final = "every kind"


@dataclass
class _Defaults:
    """What one `defaults` document says, for every kind and for single ones."""

    at: Position
    blocks: dict[str, dict[str, Node]] = field(default_factory=dict)


@dataclass
class _Reading:
    problems: list[Problem] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    #: Where something in a `defaults` is wrong; every entry that it is filled into would say so again.
    _judged: set[Position | None] = field(default_factory=set)
    _seen: set[Path] = field(default_factory=set)
    _of_folder: dict[Path, _Defaults] = field(default_factory=dict)
    _waiting: list[tuple[Path, Node, _Defaults | None]] = field(default_factory=list)

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
            folders = [
                self._of_folder[folder] for folder in reversed(file.resolve().parents) if folder in self._of_folder
            ]
            self._entry(document, [*folders, own] if own else folders)
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
            self._wrong(Position(str(file)), "is larger than 1 MiB: credentials are not described by so much")
            return
        found, problems = documents(str(file), data)
        self.problems += problems
        own: _Defaults | None = None
        entries = []
        for document in found:
            if not isinstance(document.value, dict):
                self._wrong(document.at, "is not an entry: write kind, name and spec, or defaults")
            elif "defaults" not in document.value:
                entries.append(document)
            elif own is not None:
                self._wrong(document.at, f"defaults: stands twice in this file, first on line {own.at.line}")
            else:
                own = self._defaults(document)
        if file.name in FOLDER_DEFAULTS:
            for document in entries:
                self._wrong(document.at, "is an entry: a file of this name holds the defaults of its folder only")
            if own is not None:
                self._of_folder[file.resolve().parent] = own
            return
        self._waiting += [(file, document, own) for document in entries]

    def _defaults(self, document: Node) -> _Defaults:
        found = _Defaults(document.at)
        before = len(self.problems)
        block = self._known(document, ("defaults",), "").value["defaults"]
        if not isinstance(block.value, dict):
            self._wrong(block.at, f"defaults: must be a map of rotation, {', '.join(kinds())}")
            return found
        for name, node in self._known(block, ("rotation", *kinds()), "defaults.").value.items():
            if name == "rotation":
                found.blocks[_EVERY] = {"rotation": self._policy(node, "defaults.rotation")}
            elif isinstance(node.value, dict):
                found.blocks[name] = self._defaults_of(name, node)
            else:
                self._wrong(node.at, f"defaults.{name}: must be a map")
        self._judged |= {problem.at for problem in self.problems[before:]}
        return found

    def _defaults_of(self, kind: str, node: Node) -> dict[str, Node]:
        path = f"defaults.{kind}"
        allowed = tuple(key for key in arguments(kind) if key in {"endpoint", "rotation"})
        said = dict(self._known(node, allowed, f"{path}.").value)
        if "endpoint" in said:
            said["endpoint"] = self._with_references(said["endpoint"], f"{path}.endpoint")
        if "rotation" in said:
            said["rotation"] = self._policy(said["rotation"], f"{path}.rotation")
        return said

    def _policy(self, node: Node, path: str) -> Node:
        if not isinstance(node.value, dict):
            self._wrong(node.at, f"{path}: must be a map")
            return replace(node, value={})
        policy = self._with_references(self._known(node, POLICY, f"{path}."), path)
        self._judge(Policy, _without_nulls(policy), path)
        return policy

    # -- entries ---------------------------------------------------------------------------------------------------

    def _entry(self, document: Node, defaults: Sequence[_Defaults]) -> None:
        self._known(document, _ENTRY_KEYS, "")
        kind, name = (self._text(document, key) for key in ("kind", "name"))
        if name is not None and (len(name) > MOST_NAME or not name.isprintable() or not re.search(NAME, name)):
            at = document.find(("name",))
            self._wrong(
                at, f"name: must be 1 to {MOST_NAME} printable characters without {{, }} and $, not config or values"
            )
            name = None
        if kind is not None and kind not in kinds():
            self._wrong(document.find(("kind",)), f"kind: unknown{_hint(kind, kinds())}; allowed: {', '.join(kinds())}")
            kind = None
        options = self._options(document)
        spec = document.value.get("spec") or Node(document.at, {})
        if not isinstance(spec.value, dict):
            self._wrong(spec.at, "spec: must be a map")
            return
        if kind is None or name is None:
            return
        if name in self.entries:
            self._wrong(document.find(("name",)), f"name: {name} is taken by the entry at {self.entries[name].at}")
            return
        spec = _filled(kind, self._with_references(spec, "spec"), defaults)
        entry = Entry(kind, name, document.find(("name",)), spec, options)
        self.entries[name] = entry
        self._judge_spec(entry)

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
        options = document.value.get("options") or Node(document.at, {})
        if not isinstance(options.value, dict):
            self._wrong(options.at, "options: must be a map")
            return Options()
        found = self._judge(Options, self._known(options, Options.model_fields, "options."), "options")
        return Options() if found is None else found

    def _with_references(self, node: Node, path: str) -> Node:
        """Return the node with each text that holds references as a template."""
        match node.value:
            case dict():
                return replace(
                    node,
                    value={key: self._with_references(member, f"{path}.{key}") for key, member in node.value.items()},
                )
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

    def _judge_spec(self, entry: Entry) -> None:
        resource = resource_of(entry.kind)
        before = len(self.problems)
        spec = self._known(entry.spec, arguments(entry.kind), "spec.")
        policy = spec.value.get("rotation")
        if policy is not None and isinstance(policy.value, dict):
            spec = replace(spec, value=spec.value | {"rotation": self._known(policy, POLICY, "spec.rotation.")})
        for name in secret_fields(resource.inputs) & spec.value.keys():
            self._secret(spec.value[name], f"spec.{name}")
        inputs = self._judge(resource.inputs, spec, "spec")
        if inputs is None or len(self.problems) > before:
            return
        for path, reason in (*policy_problems(resource, inputs), *resource.problems(inputs)):
            self._wrong(spec.find(tuple(path.split(".")), key=True), f"spec.{path}: {reason}")

    def _secret(self, node: Node, path: str) -> None:
        if not isinstance(node.value, Template) or node.value.whole is None:
            self._wrong(
                node.at,
                f"{path}: a secret stands in no file: set it with `pulumi config set --secret KEY`, and write"
                " ${config.KEY} alone here",
            )

    def _judge(self, model: type[Model], node: Node, path: str) -> Any:
        """Note what a model refuses; return what it reads, if all of the values are known and good."""
        for inner, leaf in node.leaves(path):
            if leaf.value is None:
                self._wrong(leaf.at, f"{inner}: null says nothing here: leave it out")
        raw = node.plain()
        read, refused = _read(model, raw)
        for loc, (error, message) in refused.items():
            at = node.find(loc, key=error == "extra_forbidden")
            is_null = error != "missing" and _value_at(raw, loc) is None
            if not is_null and at not in self._judged:
                where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
                self._wrong(at, f"{path}{where}: {message}")
        return None if _holds_template(raw) else read

    def _known(self, node: Node, allowed: Iterable[str], path: str) -> Node:
        """Return the map without unknown keys, which are noted."""
        names = tuple(allowed)
        for key, member in node.value.items():
            if key not in names and member.key_at not in self._judged:
                self._wrong(member.key_at or member.at, f"{path}{key}: {_unknown(key, names)}")
        return replace(node, value={key: member for key, member in node.value.items() if key in names})

    # -- entries together ------------------------------------------------------------------------------------------

    def _named_by(self, entry: Entry) -> list[str]:
        sources = (reference.source for _, template in entry.templates() for reference in template.references)
        return [source for source in sources if source not in {CONFIG, VALUES}]

    def _check_references(self) -> None:
        for entry in self.entries.values():
            for node, template in entry.templates():
                for reference in template.references:
                    if reference.source in {CONFIG, VALUES}:
                        continue
                    target = self.entries.get(reference.source)
                    if target is None:
                        self._wrong(
                            node.at, f"{reference}: there is no such entry{_hint(reference.source, self.entries)}"
                        )
                    elif reference.key not in outputs(target.kind):
                        unknown = _unknown(reference.key, outputs(target.kind), "output")
                        self._wrong(node.at, f"{reference}: {unknown}")
        try:
            for _ in self.in_order():
                pass
        except CycleError as cycle:
            names = cycle.args[1]
            self._wrong(
                self.entries[names[0]].at, f"entries refer to each other in a circle: {' -> '.join(names[::-1])}"
            )
        except KeyError:
            pass  # a reference to no entry: said above

    def _check_claims(self) -> None:
        held: dict[tuple[str, str], Entry] = {}
        for entry in self.entries.values():
            resource = resource_of(entry.kind)
            known = {key: node.plain() for key, node in entry.spec.value.items() if not _holds_template(node.plain())}
            endpoint = entry.spec.value.get("endpoint")
            if endpoint is not None and "endpoint" not in known:
                continue
            for name, claimed in resource.claims(known):
                holder = held.setdefault((str(known.get("endpoint") or resource.vendor), claimed), entry)
                if holder is not entry:
                    at = entry.spec.find((name,), key=True) if name in known else entry.at
                    self._wrong(at, f"spec.{name}: is taken by the entry {holder.name} at {holder.at}")

    # -- problems --------------------------------------------------------------------------------------------------

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


def _filled(kind: str, spec: Node, defaults: Sequence[_Defaults]) -> Node:
    """Return the spec with the defaults, the nearest first, in the places that it leaves free."""
    settings: dict[str, Node] = {}
    policy: dict[str, Node] = {}
    for block in (scope.blocks.get(of, {}) for scope in defaults for of in (_EVERY, kind)):
        settings |= block
        if "rotation" in block and isinstance(block["rotation"].value, dict):
            policy |= block["rotation"].value
    own = spec.value.get("rotation")
    if own is not None and isinstance(own.value, dict):
        policy |= own.value
    filled = settings | spec.value
    if own is not None and own.value is None:
        policy = {}
    said = {key: node for key, node in policy.items() if node.value is not None}
    if said and (own is None or isinstance(own.value, dict)):
        filled["rotation"] = replace(own or settings["rotation"], value=said)
    elif own is None or own.value is None or isinstance(own.value, dict):
        filled.pop("rotation", None)
    if "endpoint" in filled and filled["endpoint"].value is None:
        del filled["endpoint"]
    return replace(spec, value=filled)


def _holds_template(value: Any) -> bool:
    match value:
        case Template():
            return True
        case dict():
            return any(_holds_template(member) for member in value.values())
        case list() | tuple():
            return any(_holds_template(member) for member in value)
        case _:
            return False


def _tuples(value: Any) -> Any:
    match value:
        case dict():
            return {key: _tuples(member) for key, member in value.items()}
        case list():
            return tuple(_tuples(member) for member in value)
        case _:
            return value


def _without_nulls(node: Node) -> Node:
    return replace(node, value={key: member for key, member in node.value.items() if member.value is not None})


def _read(model: type[Model], raw: Any) -> tuple[Any, dict[tuple[int | str, ...], tuple[str, str]]]:
    """Return what the model reads, or (type, message) of each refusal, by its place; references are not judged."""
    refusals: dict[tuple[int | str, ...], tuple[str, str]] = {}
    read: Any = None
    # Pulumi may hand over "5" for 5, so the models take it; a file can say what it means. In strict mode only tuples
    # fit the models' tuples, and then not their lists.
    for strict, value in ((False, raw), (True, _tuples(raw))):
        try:
            read = model.model_validate(value, strict=strict)
        except ValidationError as refused:
            for error in refused.errors(include_url=False):
                is_tuple = strict and error["type"] == "list_type"
                if not is_tuple and (error["type"] == "missing" or not _holds_template(error["input"])):
                    refusals.setdefault(error["loc"], (error["type"], _in_our_words(model, error)))
    return None if refusals else read, refusals


def _in_our_words(model: type[Model], error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            return _unknown(str(error["loc"][-1]), _fields_beside(model, error["loc"]))
        case "missing":
            return "is required"
        case _:
            return error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")


def _value_at(raw: Any, loc: tuple[int | str, ...]) -> Any:
    """Return the value that an error is about; what is at no such place is not a null."""
    for part in loc:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return ...
    return raw


def _fields_beside(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the fields that are allowed where a field that is not stands."""
    for part in loc[:-1]:
        inner = _model_in(model.model_fields[part].annotation) if isinstance(part, str) else model
        if inner is None:
            return ()
        model = inner
    return tuple(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for argument in get_args(annotation) if (found := _model_in(argument))), None)


def _unknown(name: str, allowed: Iterable[str], what: str = "key") -> str:
    return f"unknown {what}{_hint(name, allowed)}; allowed: {', '.join(allowed)}"


def _hint(name: str, allowed: Iterable[str]) -> str:
    # clientName is client_name for whoever comes from the vendor's pages.
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    by_lower = {candidate.lower(): candidate for candidate in allowed}
    close = get_close_matches(snake.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[close[0]]}?)" if close else ""
