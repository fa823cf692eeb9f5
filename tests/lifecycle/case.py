"""What the lifecycle needs to know about a resource, in its vendor's terms."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tools.vendors import Sandbox

Outputs = dict[str, Any]
#: How every program begins.
IMPORTS: Final = ("import pulumi", "import pulumi_rekey as rekey", "")
#: How the name of a resource ends that a case declares beside its own.
BESIDE: Final = "-beside"


@dataclass(frozen=True)
class ProgramSpec:
    """How the program declares its resource."""

    name: str = "it"
    #: The vendor's id of an existing object to manage; by default the case's own way to begin.
    at: str | None = None
    #: Whether the object's setting differs from the first program's.
    changed: bool = False
    #: The arguments of its Rotation.
    rotation: Mapping[str, object] = field(default_factory=dict)
    #: More arguments, as Python.
    more: Mapping[str, str] = field(default_factory=dict)
    #: The arguments of its ResourceOptions, as Python.
    options: str = ""


@dataclass(frozen=True)
class Calls:
    """The calls of each step of the plain lifecycle: the expected minimum, in an order that it may have.

    Calls that do not depend on each other go side by side, so that either may come first.
    """

    create: tuple[str, ...]
    rotate: tuple[str, ...]
    refresh: tuple[str, ...]
    destroy: tuple[str, ...]
    #: A changed setting; a resource without one makes no such step.
    update: tuple[str, ...] = ()


class Case(ABC):
    """One resource: how a program declares it, who uses its credential, and what people do at the vendor by hand."""

    resource: ClassVar[str]
    #: Whether a vendor keeps its credential; otherwise a resource takes it that the case declares beside its own.
    at_a_vendor: ClassVar[bool] = True
    #: The outputs that hold a secret.
    secrets: ClassVar[tuple[str, ...]]
    #: The output that holds the vendor's id of the object.
    id_output: ClassVar[str]
    #: Whether rekey creates the object; otherwise it exists before and after, and is always adopted.
    creates: ClassVar[bool]
    #: Whether the vendor keeps the object after a destroy although rekey created it.
    remains: ClassVar[bool] = False
    #: The reason of the first credential.
    first_reason: ClassVar[str]
    #: Whether a rename without an alias stops, because the two objects cannot exist side by side.
    stops_when_renamed: ClassVar[bool] = False
    #: Whether a rotation makes another object, and the old one is deleted with its credential.
    rotates_into_another: ClassVar[bool] = False
    #: Whether people can delete the object by hand.
    removable: ClassVar[bool] = True
    #: Whether the vendor shows the secret, so that one made by hand can be read.
    readable: ClassVar[bool] = False
    #: Whether the object has a setting that changes without a new secret; it is the output of this name.
    setting: ClassVar[str | None] = None
    #: The outputs that change with any change at the vendor.
    volatile_outputs: ClassVar[frozenset[str]] = frozenset()
    #: The minutes to let pass, each followed by an up, until a rotation has ended the old credential.
    overlap_steps: ClassVar[tuple[int, ...]] = ()
    calls: ClassVar[Calls]
    #: The calls that always make a new secret.
    minting: ClassVar[frozenset[str]]
    #: The environment variables of the endpoint's credentials, and their names among the sandbox's.
    environment: ClassVar[tuple[tuple[str, str], ...]]
    #: The endpoint that serves it.
    endpoint: ClassVar[str]

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = sandbox.http

    @classmethod
    def minting_call(cls) -> tuple[str, str]:
        """The call by which a rotation makes a new secret: its method, and a regular expression of its path."""
        call = next(call for call in cls.calls.rotate if call in cls.minting or call.startswith("PATCH"))
        method, shape = call.split(" ")
        return method, re.escape(shape).replace(re.escape("{id}"), "[^/]+") + "$"

    @abstractmethod
    def arguments(self, spec: ProgramSpec) -> dict[str, object]:
        """The arguments of the resource but `rotation`."""

    def rotation(self, spec: ProgramSpec) -> Mapping[str, object]:
        """The arguments of its Rotation."""
        return spec.rotation

    @abstractmethod
    def accepts(self, outputs: Outputs) -> bool:
        """Tell whether a consumer gets in with the credential."""

    def knows(self, outputs: Outputs) -> bool:
        """Tell whether the credential is still good for anything."""
        return self.accepts(outputs)

    def existing(self) -> Outputs:
        """Make an object by hand; return its id and its credential, named like the outputs."""
        raise NotImplementedError

    @abstractmethod
    def is_there(self, outputs: Outputs) -> bool:
        """Tell whether the vendor has the object."""

    def drift(self, outputs: Outputs) -> None:
        """Change by hand what `setting` names."""
        raise NotImplementedError

    def rotate_by_hand(self, outputs: Outputs) -> Outputs:
        """Make another credential by hand; return it, named like the outputs."""
        raise NotImplementedError

    def remove_by_hand(self, outputs: Outputs) -> None:
        """Delete the object."""
        raise NotImplementedError

    def objects(self) -> set[str]:
        """Return the ids of all objects of this kind at the vendor, where rekey creates some."""
        return set()

    def declaration(self, spec: ProgramSpec) -> str:
        """The call that declares the resource."""
        arguments = {name: repr(value) for name, value in self.arguments(spec).items()} | dict(spec.more)
        if rotation := self.rotation(spec):
            words = ", ".join(f"{name}={value!r}" for name, value in rotation.items())
            arguments["rotation"] = f"rekey.Rotation({words})"
        if spec.options:
            arguments["opts"] = f"pulumi.ResourceOptions({spec.options})"
        lines = [f"    {name}={value}," for name, value in arguments.items()]
        return "\n".join([f"rekey.{self.resource}(", f'    "{spec.name}",', *lines, ")"])

    def program(self, spec: ProgramSpec) -> str:
        """The program that declares the resource and exports what it is about."""
        exports = [f'pulumi.export("{name}", it.{name})' for name in (self.id_output, *self.secrets)]
        return "\n".join([*IMPORTS, f"it = {self.declaration(spec)}", *exports, ""])
