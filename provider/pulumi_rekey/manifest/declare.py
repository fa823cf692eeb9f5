"""From judged entries to Pulumi resources: references become the values, or the outputs, that they stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi.runtime.config import get_config, is_config_secret

from ..dynamic.policy import Rotation, Window
from ..dynamic.resource import Credential
from ..model import secret_fields
from .entries import Entry, Manifest, kinds, resource_of
from .references import CONFIG, VALUES, Reference, Template
from .strict_yaml import Problem

#: A line says where and what; more of them than this help nobody.
_MOST_LINES: Final = 100


def declare(manifest: Manifest, values: Mapping[str, pulumi.Input[Any]]) -> dict[str, Credential]:
    """Declare every entry's resource and return them by name.

    :raises pulumi.RunError: There are problems, or references to config or values that are not there.
    """
    missing = [problem for entry in manifest.entries for problem in _missing(entry, values)]
    problems = [*manifest.problems, *sorted(set(missing))]
    if problems:
        lines = [str(problem) for problem in problems[:_MOST_LINES]]
        more = [f"and {len(problems) - _MOST_LINES} more"] if len(problems) > _MOST_LINES else []
        raise pulumi.RunError("\n".join(["the manifests are not right:", *lines, *more]))
    declaring = _Declaring(values, {})
    for entry in manifest.entries:
        declaring.declared[entry.name] = declaring.one(entry)
    return declaring.declared


def _missing(entry: Entry, values: Mapping[str, Any]) -> list[Problem]:
    found = []
    secret = {
        id(entry.spec.value[name]) for name in secret_fields(resource_of(entry.kind).inputs) & entry.spec.value.keys()
    }
    for node, template in entry.templates():
        for reference in template.references:
            if reference.source == VALUES and reference.key not in values:
                found.append(
                    Problem(node.at, f'{reference}: is not given: rekey.load(…, values={{"{reference.key}": …}})')
                )
            if reference.source != CONFIG:
                continue
            key = _config_key(reference)
            if get_config(key) is None:
                found.append(Problem(node.at, f"{reference}: is not set in this stack: `pulumi config set {key} …`"))
            elif id(node) in secret and not is_config_secret(key):
                found.append(
                    Problem(
                        node.at,
                        f"{reference}: stands in the stack's configuration in plain text: replace it at the vendor,"
                        f" then `pulumi config set --secret {key}`",
                    )
                )
    return found


def _config_key(reference: Reference) -> str:
    return reference.key if ":" in reference.key else f"{pulumi.get_project()}:{reference.key}"


@dataclass(frozen=True)
class _Declaring:
    values: Mapping[str, pulumi.Input[Any]]
    declared: dict[str, Credential]

    def one(self, entry: Entry) -> Credential:
        arguments: dict[str, Any] = {key: self.value(member) for key, member in entry.spec.plain().items()}
        policy = arguments.get("rotation")
        if isinstance(policy, dict):
            windows = policy.get("windows")
            if isinstance(windows, list):
                policy["windows"] = [Window(**window) if isinstance(window, dict) else window for window in windows]
            arguments["rotation"] = Rotation(**policy)
        options = pulumi.ResourceOptions(
            protect=entry.options.protect or None,
            retain_on_delete=entry.options.retain_on_delete or None,
            aliases=[pulumi.Alias(name=name) for name in entry.options.aliases] or None,
        )
        # Each kind has arguments of its own, which have been judged.
        constructor: Any = kinds()[entry.kind]
        declared: Credential = constructor(entry.name, **arguments, opts=options)
        return declared

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
            return getattr(self.declared[reference.source], reference.key)
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
