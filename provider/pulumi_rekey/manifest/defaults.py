"""`defaults`: what a file or a folder says for all of its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..policy.model import Policy
from .kinds import POLICY, arguments, credentials
from .references import Template
from .refusals import Findings, read_as
from .strict_yaml import Node

#: The name of the file whose defaults are those of its folder and the folders below.
FOLDER_DEFAULTS: Final = frozenset({"defaults.yaml", "defaults.yml"})
#: What one `defaults` says, by kind: the nodes of `endpoint` and `rotation`.
Defaults = dict[str, dict[str, Node]]
_EVERY_KIND: Final = "every kind"


def read_defaults(document: Node, found: Findings) -> Defaults:
    """Return what a document says by default, and note what is wrong with it."""
    said: Defaults = {}
    block = found.known(document, ("defaults",), "").value["defaults"]
    if not isinstance(block.value, dict):
        found.wrong(block.at, f"defaults: must be a map of rotation, {', '.join(credentials())}")
        return said
    for name, node in found.known(block, ("rotation", *credentials()), "defaults.").value.items():
        if name == "rotation":
            said[_EVERY_KIND] = {"rotation": _policy(node, "defaults.rotation", found)}
        elif isinstance(node.value, dict):
            said[name] = _of_kind(name, node, found)
        else:
            found.wrong(node.at, f"defaults.{name}: must be a map")
    return said


def _of_kind(kind: str, node: Node, found: Findings) -> dict[str, Node]:
    path = f"defaults.{kind}"
    allowed = [key for key in arguments(kind) if key in {"endpoint", "rotation"}]
    said = dict(found.known(node, allowed, f"{path}.").value)
    if "endpoint" in said:
        said["endpoint"] = found.with_references(said["endpoint"], f"{path}.endpoint")
        if not isinstance(said["endpoint"].value, str | Template | None):
            found.wrong(said["endpoint"].at, f"{path}.endpoint: must be a text")
    if "rotation" in said:
        said["rotation"] = _policy(said["rotation"], f"{path}.rotation", found)
    return said


def _policy(node: Node, path: str, found: Findings) -> Node:
    if not isinstance(node.value, dict):
        found.wrong(node.at, f"{path}: must be a map")
        return replace(node, value={})
    policy = found.with_references(found.known(node, POLICY, f"{path}."), path)
    found.problems += read_as(Policy, _without_nulls(policy, POLICY), path)[1]
    return policy


def filled(kind: str, policy_keys: Sequence[str], spec: Node, defaults: Sequence[Defaults]) -> Node:
    """Return what a credential is told, with defaults, the nearest last, in the places that it leaves free.

    ``policy_keys`` are those that are taken over from a default policy. A null takes a default away.
    """
    told: dict[str, Node] = {}
    policy: dict[str, Node] = {}
    for block in (scope.get(of, {}) for scope in defaults for of in (_EVERY_KIND, kind)):
        told |= block
        if "rotation" in block:
            policy |= {key: node for key, node in block["rotation"].value.items() if key in policy_keys}
    told |= spec.value
    rotation = told.get("rotation")
    if rotation is not None and isinstance(rotation.value, dict):
        own = rotation.value if "rotation" in spec.value else {}
        told["rotation"] = _without_nulls(replace(rotation, value=policy | own), policy_keys)
    # What says nothing; of what the kind does not take, it is said elsewhere.
    for name, nothing in (("endpoint", (None,)), ("rotation", (None, {}))):
        if name in arguments(kind) and name in told and told[name].value in nothing:
            del told[name]
    return replace(spec, value=told)


def _without_nulls(node: Node, names: Sequence[str]) -> Node:
    kept = {key: member for key, member in node.value.items() if member.value is not None or key not in names}
    return replace(node, value=kept)
