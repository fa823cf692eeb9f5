"""From judged entries to Pulumi resources: references become the values, or the outputs, that they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi.runtime.config import get_config, is_config_secret

from ..programs.credential import Credential
from ..programs.pair import Arguments, Pair, Side
from ..programs.rotation import Rotation
from .entries import Entry, Manifest, target
from .exports import Export
from .kinds import PAIR, credentials
from .references import CONFIG, VALUES, Reference, Template
from .strict_yaml import Node, Problem

#: A line says where and what; more of them than this help nobody.
_MAX_LINES: Final = 100


def declare(manifest: Manifest, values: Mapping[str, pulumi.Input[Any]]) -> dict[str, Any]:
    """Declare every entry's resource, export what is to be exported, and return the resources by name.

    :raises pulumi.RunError: There are problems, or references to config or values that are not there.
    """
    missing = {p for entry in manifest.entries for p in _missing(entry, entry.secrets(), values)}
    missing |= {p for export in manifest.exports for p in _missing(export, [], values)}
    problems = manifest.problems or tuple(sorted(missing))
    if problems:
        lines = [str(problem) for problem in problems[:_MAX_LINES]]
        more = [f"and {len(problems) - _MAX_LINES} more"] if len(problems) > _MAX_LINES else []
        raise pulumi.RunError("\n".join(["the manifests are not right:", *lines, *more]))
    declaring = _Declaring({entry.name: entry for entry in manifest.entries}, values, {})
    for entry in manifest.entries:
        declaring.declared[entry.name] = declaring.one(entry)
    for export in manifest.exports:
        # A secret output stays one: pulumi marks what is made of it.
        pulumi.export(export.name, declaring.value(export.value.plain()))
    return declaring.declared


def _missing(holder: Entry | Export, secret: Iterable[Node], values: Mapping[str, Any]) -> Iterator[Problem]:
    secrets = {node.at for node in secret}
    for node, template in holder.templates():
        for reference in template.references:
            wrong = None
            if reference.source == VALUES and reference.key not in values:
                wrong = f'is not given: rekey.load(..., values={{"{reference.key}": ...}})'
            elif reference.source == CONFIG:
                wrong = _wrong_in_config(_config_key(reference), secret=node.at in secrets)
            if wrong is not None:
                yield Problem(node.at, f"{reference}: {wrong}")


def _wrong_in_config(key: str, *, secret: bool) -> str | None:
    if get_config(key) is None:
        return f"is not set in this stack: run `pulumi config set {'--secret ' if secret else ''}{key}`"
    if secret and not is_config_secret(key):
        return (
            "stands in the stack's configuration in plain text: replace it at the vendor, then run"
            f" `pulumi config set --secret {key}`"
        )
    return None


def _config_key(reference: Reference) -> str:
    return reference.key if ":" in reference.key else f"{pulumi.get_project()}:{reference.key}"


@dataclass(frozen=True)
class _Declaring:
    entries: Mapping[str, Entry]
    values: Mapping[str, pulumi.Input[Any]]
    declared: dict[str, Any]

    def one(self, entry: Entry) -> Credential | Pair[Credential]:
        options = pulumi.ResourceOptions(
            protect=entry.options.protect or None,
            retain_on_delete=entry.options.retain_on_delete or None,
            aliases=[pulumi.Alias(name=name) for name in entry.options.aliases] or None,
        )
        # Each kind has arguments of its own, which have been judged.
        constructor: Any = credentials()[entry.of]
        told = self.value(entry.spec.plain())
        rotation = Rotation(**told["rotation"]) if "rotation" in told else None
        if entry.kind != PAIR:
            declared: Credential = constructor(entry.name, **told | {"rotation": rotation}, opts=options)
            return declared

        def make(side: Side, its: Arguments) -> Credential:
            made: Credential = constructor(**told.get("both", {}) | told.get(side, {}), **its)
            return made

        now = told.get("rotate_now")
        return Pair(entry.name, make, every=told["every"], rotation=rotation, rotate_now=now, opts=options)

    def value(self, plain: Any) -> Any:
        """Return a part of a spec with the values of its references."""
        match plain:
            case dict():
                return {key: self.value(member) for key, member in plain.items()}
            case list():
                return [self.value(member) for member in plain]
            case Template(parts=parts):
                if plain.whole is not None:
                    return self._of(plain.whole, structured=True)
                texts = [part if isinstance(part, str) else self._of(part, structured=False) for part in parts]
                known = all(isinstance(text, str | int | float) for text in texts)
                return "".join(map(_as_text, texts)) if known else pulumi.Output.concat(*texts)
            case _:
                return plain

    def _of(self, reference: Reference, *, structured: bool) -> Any:
        if reference.source == VALUES:
            return self.values[reference.key]
        if reference.source != CONFIG:
            entry, side = target(self.entries, reference)
            declared = self.declared[entry.name if entry else reference.source]
            return getattr(declared, side)[reference.key] if side else getattr(declared, reference.key)
        key = _config_key(reference)
        text = get_config(key)
        value = _structured(text) if structured else text
        return pulumi.Output.secret(value) if is_config_secret(key) else value


def _as_text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _structured(text: Any) -> Any:
    """Return what `pulumi config set --path` has made of several values; a single one is a text."""
    if not str(text).startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
