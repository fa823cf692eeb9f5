"""The reconciler that all resources share: check, plan (pure), apply.

A resource is a class with a few verbs in its vendor's words. Each verb that changes something is a generator that
yields the state after every change at the vendor: what it has yielded last is what is saved if the next line fails.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import ConfigDict, Field

from ..endpoints.session import Session
from ..model import IMMUTABLE, Model, fields_marked, secret_fields
from ..policy.model import Policy, RotationState


class Inputs(Model):
    """What every resource can be told."""

    endpoint: str | None = Field(
        default=None, description="The configured endpoint to use; by default the one named like its kind."
    )
    rotation: Policy = Field(default_factory=Policy, description="The policy by which the credential rotates.")


class State(RotationState):
    """What every resource keeps: its life, and where it was made."""

    # A state may come from another version of rekey: what it does not know it leaves alone.
    model_config = ConfigDict(extra="ignore")

    address: str | None = Field(default=None, description="The address of the endpoint that it was made at.")
    endpoint: str | None = Field(default=None, description="The configured endpoint that manages it.")
    step: str | None = Field(
        default=None, description="What is still to be done of an interrupted change; unset when nothing is."
    )

    def with_candidate_pending(self) -> Self:
        """Return it with the old secret as the present one, where the new one has not ended that."""
        return self

    def promoted(self) -> Self:
        """Return it with the secret that is in waiting as the present one, if there is one."""
        return self


InputsT = TypeVar("InputsT", bound=Inputs)
StateT = TypeVar("StateT", bound=State)
SessionT = TypeVar("SessionT", bound=Session[Any] | None)


class Resource(ABC, Generic[InputsT, StateT, SessionT]):
    """One kind of credential: its models, and its verbs in the vendor's words."""

    #: The name that users write.
    name: ClassVar[str]
    #: The kind of endpoint that serves it; none if there is no vendor behind it.
    vendor: ClassVar[str | None]
    inputs: type[InputsT]
    state: type[StateT]
    #: The output that holds the vendor's id at creation, which becomes Pulumi's id.
    id_output: ClassVar[str]
    #: The input that names an object that exists and is always taken over, if the kind is of that sort.
    adopted_by_input: ClassVar[str | None] = None
    #: The input by which a user gives the secret, if there is one; then nothing may mint beside it.
    secret_input: ClassVar[str | None] = None
    #: Whether the vendor keeps two secrets for as long as a grace says.
    takes_grace: ClassVar[bool] = False
    #: What a rotation means for whoever uses the old secret; stands in the preview.
    overlap: ClassVar[str] = "no overlap: the vendor ends the old secret at once"
    #: Whether `read` itself sees what the credential is, so that it need not be tried.
    shown: ClassVar[bool] = False
    #: Whether a created object is marked as ours until it is whole, which needs `rekey:owner`.
    marked: ClassVar[bool] = False

    @abstractmethod
    def create(self, api: SessionT, i: InputsT, mark: str | None) -> Iterator[StateT]:
        """Create the object, or take over the one that is named."""

    @abstractmethod
    def read(self, api: SessionT, s: StateT) -> StateT | None:
        """Return the state as the vendor has it now; nothing, or NotFound, if the object is gone."""

    @abstractmethod
    def rotate(self, api: SessionT, i: InputsT, s: StateT) -> Iterator[StateT]:
        """Mint the next secret.

        The last state has no step of the resource's own: that would stand in for the one which has it verified.
        """

    @abstractmethod
    def delete(self, api: SessionT, s: StateT) -> str | None:
        """End what rekey made; revoke what it minted or stored, if it is still the current one.

        Return what remains and why, where that is not plain. NotFound says that the object is gone.
        """

    def update(self, api: SessionT, i: InputsT, s: StateT, changed: frozenset[str]) -> Iterator[StateT]:
        """Send changed settings."""
        raise NotImplementedError

    def changed(self, i: InputsT, s: StateT) -> frozenset[str]:
        """Return the names of the settings in which the vendor differs from what is wanted."""
        shared = type(i).model_fields.keys() & type(s).model_fields.keys()
        settings = shared - _FRAME - fields_marked(type(i), IMMUTABLE) - secret_fields(type(i))
        return frozenset(
            name for name in settings if (wanted := getattr(i, name)) is not None and wanted != getattr(s, name)
        )

    def given(self, i: InputsT, s: StateT) -> str | None:
        """Return why a secret that the user gives must be sent, if it must."""
        return None

    def resend_inputs(self, api: SessionT, i: InputsT, s: StateT) -> InputsT:
        """Return inputs with which `rotate` sends the secret in waiting again, where there is such a thing."""
        raise NotImplementedError

    def accepted(self, api: SessionT, s: StateT) -> bool | None:
        """Try the present secret as a consumer would; nothing if there is no way to tell."""
        return None

    def client(self, s: StateT) -> str | None:
        """Return the id of the OAuth client that the credential is for, if it is for one."""
        return None

    def problems(self, i: InputsT) -> Iterator[tuple[str, str]]:
        """Yield (property path, reason) for what a field by itself cannot tell."""
        yield from ()

    def remarks(self, i: InputsT, s: StateT | None) -> Iterator[str]:
        """Yield what the reader of a preview must know; without a state it is about to be created or adopted."""
        yield from ()

    def claims(self, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (property, object) for each object of the vendor that only one resource of a program may manage."""
        name = self.adopted_by_input or "adopt"
        if isinstance(inputs.get(name), str):
            yield name, inputs[name]

    def pending(self, s: StateT) -> str | None:
        """Return in words which later step of the last rotation a scheduled one has to wait for."""
        return None

    def follow_up(self, s: StateT, now: datetime) -> str | None:
        """Return in words which later step of a rotation is due now, where there are such steps."""
        return None

    def follow(self, api: SessionT, i: InputsT, s: StateT) -> Iterator[StateT]:
        """Take the steps that are due."""
        yield s

    def gives(self, i: InputsT) -> bool:
        """Tell whether the user gives the secret."""
        return self.secret_input is not None and getattr(i, self.secret_input) is not None

    def adopts(self, i: InputsT) -> str | None:
        """Return the vendor's id of the object that exists and is to be managed, if one is named."""
        adopted = getattr(i, self.adopted_by_input or "adopt", None)
        return adopted if isinstance(adopted, str) else None


#: Inputs that concern rekey and not the vendor's object.
_FRAME = frozenset({"endpoint", "rotation", "adopt"})
