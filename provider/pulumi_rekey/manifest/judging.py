"""What is wrong with what a credential, or a pair of them, is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..model import secret_fields
from ..reconciler.contract import explicit_secret
from ..reconciler.plan import policy_problems
from .defaults import Defaults, filled
from .kinds import PAIR_ARGUMENTS, PAIR_POLICY, POLICY, SIDES, arguments, credentials, resource_of
from .references import Template
from .refusals import Findings, read_as, unknown
from .strict_yaml import Node

_IN_NO_FILE: Final = (
    "a secret stands in no file: set it with `pulumi config set --secret KEY`, and write ${config.KEY} alone here"
)


def judge(kind: str, spec: Node, found: Findings, policy_keys: Sequence[str] = POLICY) -> None:
    """Note all that is wrong with what a credential is told, by its models and its rules."""
    resource = resource_of(kind)
    before = len(found.problems)
    spec = found.known(spec, arguments(kind), "spec.")
    policy = spec.value.get("rotation")
    if policy is not None and isinstance(policy.value, dict):
        known = found.known(policy, policy_keys, "spec.rotation.")
        spec = replace(spec, value=spec.value | {"rotation": known})
    elif policy is not None and isinstance(policy.value, Template):
        found.wrong(policy.at, "spec.rotation: must be a map; its members may be references")
    for name in sorted(secret_fields(resource.inputs) & spec.value.keys()):
        given = spec.value[name]
        if not isinstance(given.value, Template) or given.value.whole is None:
            found.wrong(given.at, f"spec.{name}: {_IN_NO_FILE}")
    inputs, problems = read_as(resource.inputs, spec, "spec")
    found.problems += problems
    if inputs is None or len(found.problems) > before:
        return
    for path, reason in (
        *policy_problems(resource, inputs.rotation, gives=explicit_secret(inputs) is not None),
        *resource.problems(inputs),
    ):
        found.wrong(spec.find(tuple(path.split(".")), key=True), f"spec.{path}: {reason}")


def pair(spec: Node, defaults: Sequence[Defaults], found: Findings) -> Node | None:
    """Note what is wrong with a pair and return its spec with defaults; nothing if it is a pair of nothing."""
    spec = found.known(spec, PAIR_ARGUMENTS, "spec.")
    of = found.text(spec, "of", "spec.")
    able = [kind for kind, cls in credentials().items() if cls.pair_unsupported_reason is None]
    if of is not None and of not in able:
        reason = credentials()[of].pair_unsupported_reason if of in credentials() else unknown(of, able, "kind")
        found.wrong(spec.find(("of",)), f"spec.of: {reason}")
    parts = {part: spec.value.get(part, Node(spec.at, {})) for part in ("both", *SIDES, "rotate_now")}
    for part, node in parts.items():
        if not isinstance(node.value, dict):
            found.wrong(node.at, f"spec.{part}: must be a map")
    if of not in able or not all(isinstance(node.value, dict) for node in parts.values()):
        return None
    own_policy = {"rotation": spec.value["rotation"]} if "rotation" in spec.value else {}
    both = filled(of, PAIR_POLICY, replace(parts["both"], value=parts["both"].value | own_policy), defaults)
    policy = both.value.pop("rotation", None)
    spec = replace(spec, value=spec.value | {"both": both})
    spec.value.pop("rotation", None)
    if policy is not None:
        spec.value["rotation"] = policy
    if "every" in spec.value:
        _judge_sides(of, spec, parts["rotate_now"], found)
    else:
        found.wrong(spec.at, "spec.every: is required")
    return spec


def sides(spec: Mapping[str, Node], at: Node) -> list[Node]:
    """Return what blue and green are told."""
    both = spec.get("both", at)
    return [replace(both, value=both.value | spec[side].value) if side in spec else both for side in SIDES]


def _judge_sides(of: str, spec: Node, rotate_now: Node, found: Findings) -> None:
    told_arguments = [name for name in arguments(of) if name != "rotation"]
    policy = spec.value.get("rotation", Node(spec.at, {}))
    if isinstance(policy.value, dict):
        policy = found.known(policy, PAIR_POLICY, "spec.rotation.")
    now = found.known(rotate_now, SIDES, "spec.rotate_now.").value
    said = set(found.problems)
    for side, told in zip(SIDES, sides(spec.value, Node(spec.at, {})), strict=True):
        own = Findings()
        whole = policy
        if isinstance(policy.value, dict):
            turn = Node(spec.at, {"every": spec.value["every"], "side": Node(spec.at, side)})
            asked = {"rotate_now": now[side]} if side in now else {}
            whole = replace(policy, value=policy.value | asked | {"turn": turn})
        known = own.known(told, told_arguments, "spec.")
        judge(of, replace(known, value=known.value | {"rotation": whole}), own, (*POLICY, "turn"))
        for problem in own.problems:
            # What is wrong with both is said once, and with the names that the user wrote.
            written = problem.message.replace("spec.rotation.turn.every", "spec.every")
            written = written.replace("spec.rotation.rotate_now", f"spec.rotate_now.{side}")
            plain = replace(problem, message=written)
            if plain not in said:
                said.add(plain)
                found.problems.append(plain)
