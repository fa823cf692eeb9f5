"""`export`: what the stack hands on to other stacks and to consumers, beside the credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .references import Template
from .refusals import Findings
from .strict_yaml import Node, Position


@dataclass(frozen=True)
class Export:
    """An output of the stack."""

    name: str
    at: Position
    #: Its value, with a :class:`Template` in place of a text that holds references.
    value: Node

    def templates(self) -> Iterator[tuple[Node, Template]]:
        """Yield every text with references, and where it stands."""
        yield from ((leaf, leaf.value) for _, leaf in self.value.leaves("export") if isinstance(leaf.value, Template))


def read_exports(document: Node, found: Findings) -> Iterator[Export]:
    """Yield the outputs that a document declares, and note what is wrong with them."""
    block = found.known(document, ("export",), "").value["export"]
    if not isinstance(block.value, dict):
        found.wrong(block.at, "export: must be a map of names and values")
        return
    for name, node in block.value.items():
        if not name or not name.isprintable():
            found.wrong(node.key_at or node.at, "export: a name must be printable text")
            continue
        for path, leaf in node.leaves(f"export.{name}"):
            if leaf.value is None:
                found.wrong(leaf.at, f"{path}: null says nothing here: leave it out")
        yield Export(name, node.key_at or node.at, found.with_references(node, f"export.{name}"))
