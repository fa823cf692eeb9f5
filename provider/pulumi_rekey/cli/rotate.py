"""Order a rotation: a reason in the stack's configuration, and what the next ``pulumi up`` makes of it.

The order is kept only if the preview shows that a run obeys it; otherwise the configuration is left as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from ..errors import Error, Misconfigured
from ..frontend import orders
from ..model import Model, problems
from ..policy.model import Policy
from .stack_export import advice, export, pulumi, pulumi_result
from .stack_state import Credential, Stack, printable

_MAX_COMPLAINT: Final = 500
#: How the engine writes colours in JSON.
_COLOR: Final = re.compile(r"<\{%[^%]*%\}>")
_UNCHANGED: Final = "the stack's configuration is as it was"


class Order(Model):
    """One credential that is to rotate, and what the preview says of it."""

    name: str = Field(description="The name of the resource in the program or manifest.")
    urn: str = Field(description="The URN of the resource.")
    reason: str = Field(description="Why it rotates.")
    setting: str = Field(description="Where the order is in the stack's configuration.")
    preview: tuple[str, ...] = Field(description="What the preview says of the resource, in lines.")


class RotateDocument(Model):
    """What `rekey rotate` has ordered. It contains no secret."""

    format: Literal[1] = Field(
        description="The version of this format; raised when a field changes its meaning or is removed."
    )
    done: bool = Field(description="Whether `--up` has rotated them; false without it.")
    orders: tuple[Order, ...] = Field(description="The credentials, in the order given.")


@dataclass(frozen=True)
class Rotate:
    """A rotation of some credentials of one stack for one reason."""

    folder: Path
    stack: str | None
    reason: str

    def order(self, names: Sequence[str]) -> list[Order]:
        """Write the orders and return what the next run does about each.

        :raises Misconfigured: One of them cannot be obeyed; nothing is left in the configuration then.
        """
        wrong = dict(problems(Policy, {"rotate_now": self.reason}, lambda _value: False)).get("rotate_now")
        if wrong is not None:
            raise Misconfigured(f"--reason {wrong}", todo="write in it why the credential rotates")
        state = export(self.stack, self.folder)
        urns = {name: self._chosen(name, state).urn for name in dict.fromkeys(names)}
        with self._undone_on_error(urns):
            for name in urns:
                self._pulumi("config", "set", "--path", "--plaintext", orders.place(name), "--", self.reason)
            said = self._preview(urns.values())
            return [self._obeyed(name, urn, said.get(urn, ())) for name, urn in urns.items()]

    def up(self, ordered: Sequence[Order]) -> bool:
        """Run ``pulumi up`` for these credentials, and for what depends on them; tell whether it went well."""
        targets = _targets(order.urn for order in ordered)
        words = ["up", "--yes", "--skip-preview", *targets, *self._selected]
        return pulumi_result(words, self.folder, captured=False).returncode == 0

    # -- what is to rotate ------------------------------------------------------------------------------------------

    def _chosen(self, name: str, state: Stack) -> Credential:
        found = [credential for credential in state.credentials if credential.name == name]
        if len(found) > 1:
            raise Misconfigured(
                f"{len(found)} credentials are called {printable(name)}",
                todo="set rotate_now of one of them in the program",
            )
        if not found:
            raise _nobody(name, state)
        [chosen] = found
        asked = None if chosen.policy is None else chosen.policy.rotate_now
        if asked == self.reason and chosen.state.rotation.rotate_now == asked:
            raise Misconfigured(f"{name} has rotated for this reason already", todo="give it another --reason")
        return chosen

    # -- the configuration ------------------------------------------------------------------------------------------

    @contextmanager
    def _undone_on_error(self, names: Iterable[str]) -> Iterator[None]:
        before = self._ordered()
        try:
            yield
        except BaseException:
            if before is None:
                self._pulumi("config", "rm", orders.SETTING)
                raise
            for name in names:
                if name in before:
                    self._pulumi("config", "set", "--path", "--plaintext", orders.place(name), "--", before[name])
                else:
                    self._pulumi("config", "rm", "--path", orders.place(name))
            raise

    def _ordered(self) -> dict[str, str] | None:
        """Return the orders that the configuration has already; nothing where it lacks the setting.

        :raises Misconfigured: One of them is encrypted, or they are no map.
        """
        setting = json.loads(pulumi(["config", "--json", *self._selected], self.folder)).get(orders.SETTING)
        if setting is None:
            return None
        if setting.get("secret"):
            raise orders.encrypted()
        return orders.read(setting.get("value"))

    # -- the preview ------------------------------------------------------------------------------------------------

    def _preview(self, urns: Iterable[str]) -> dict[str, list[str]]:
        """Return what a run of these credentials says, by URN."""
        words = ["preview", "--json", *_targets(urns), *self._selected]
        done = pulumi_result(words, self.folder)
        try:
            diagnostics = json.loads(done.stdout).get("diagnostics") or []
        except ValueError:
            diagnostics = []
        if done.returncode:
            errors = [found["message"] for found in diagnostics if found.get("severity") == "error"]
            complaint = printable(" ".join((" ".join(errors) or done.stderr.decode(errors="replace")).split()))
            raise Misconfigured(
                f"the preview failed: {complaint.removeprefix('error: ')[:_MAX_COMPLAINT]}",
                todo=f"{_UNCHANGED}; {advice(complaint, 'correct that')}",
            )
        said: dict[str, list[str]] = {}
        for found in diagnostics:
            text = printable(_COLOR.sub("", str(found.get("message", "")))).strip()
            said.setdefault(str(found.get("urn", "")), []).append(text)
        return said

    def _obeyed(self, name: str, urn: str, said: Sequence[str]) -> Order:
        wanted = f"{name}: rotates: rotate_now: {self.reason}"
        if not any(text.startswith(wanted) for text in said):
            why = next((text for text in said if "does not rotate" in text), None)
            raise Misconfigured(
                why or f"{name}: the preview does not show that it rotates",
                todo=f"{_UNCHANGED}; "
                + ("end what it waits for first" if why else "see `pulumi preview`, and the project's pulumi-rekey"),
            )
        return Order(name=name, urn=urn, reason=self.reason, setting=orders.place(name), preview=tuple(said))

    # -- pulumi -----------------------------------------------------------------------------------------------------

    @property
    def _selected(self) -> list[str]:
        return ["--stack", self.stack] if self.stack else []

    def _pulumi(self, *words: str) -> None:
        # Before what is no option.
        split = words.index("--") if "--" in words else len(words)
        pulumi([*words[:split], *self._selected, *words[split:]], self.folder)


def _targets(urns: Iterable[str]) -> list[str]:
    # Whoever has the outputs of a credential must get the new secret in the same run.
    return [*(word for urn in urns for word in ("--target", urn)), "--target-dependents"]


def _nobody(name: str, state: Stack) -> Error:
    names = sorted(credential.name for credential in state.credentials)
    sides = [side for side in (f"{name}-blue", f"{name}-green") if side in names]
    if sides:
        return Misconfigured(f"{printable(name)} is a pair", todo=f"name a side: {' or '.join(sides)}")
    close = get_close_matches(name, names, 1)
    known = f"name one of: {', '.join(names[:10])}" if names else "run `pulumi up` first"
    return Misconfigured(
        f"the state of {state.name} has no credential called {printable(name)}",
        todo=f"did you mean {close[0]}?" if close else known,
    )


def as_json(ordered: Sequence[Order], *, done: bool) -> str:
    """Return one document: what was ordered, and whether it has been done."""
    return RotateDocument(format=1, done=done, orders=tuple(ordered)).model_dump_json(indent=2)
