"""The reconciler that all resources share: check, plan (pure), apply.

A resource is a class with a few verbs in its vendor's words. Each verb that changes something is a generator that
yields the state after every change at the vendor: what it has yielded last is what is saved if the next line fails.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ConfigDict, Field

from . import rotation
from .endpoints.config import origin
from .endpoints.session import Session
from .errors import Error, Partial, Stopped
from .model import IMMUTABLE, Model, fields_marked, secret_fields
from .rotation import Life, Policy


class Inputs(Model):
    """What every resource can be told."""

    endpoint: str | None = Field(
        default=None, description="The configured endpoint to use; by default the one named like its kind."
    )
    rotation: Policy = Field(default_factory=Policy, description="The policy by which the credential rotates.")


class State(Life):
    """What every resource keeps: its life, and where it was made."""

    # A state may come from another version of rekey: what it does not know it leaves alone.
    model_config = ConfigDict(extra="ignore")

    address: str | None = Field(default=None, description="The address of the endpoint that it was made at.")
    endpoint: str | None = Field(default=None, description="The configured endpoint that manages it.")
    step: str | None = Field(
        default=None, description="What is still to be done of an interrupted change; unset when nothing is."
    )


InputsT = TypeVar("InputsT", bound=Inputs)
StateT = TypeVar("StateT", bound=State)
SessionT = TypeVar("SessionT", bound=Session[Any])


class Resource(ABC, Generic[InputsT, StateT, SessionT]):
    """One kind of credential: its models, and its verbs in the vendor's words."""

    #: The name that users write.
    name: ClassVar[str]
    #: The kind of endpoint that serves it.
    vendor: ClassVar[str]
    inputs: type[InputsT]
    state: type[StateT]
    #: The output that holds the vendor's id at creation, which becomes Pulumi's id.
    id_output: ClassVar[str]
    #: The input that names an object that exists and is always taken over, if the kind is of that sort.
    taken_over: ClassVar[str | None] = None
    #: Whether a created object is marked as ours until it is whole, which needs `rekey:owner`.
    marked: ClassVar[bool] = False

    @abstractmethod
    def create(self, api: SessionT, i: InputsT, mark: str | None) -> Iterator[StateT]:
        """Create the object, or take over the one that is named."""

    @abstractmethod
    def read(self, api: SessionT, s: StateT) -> StateT | None:
        """Return the state as the vendor has it now; nothing if the object is gone."""

    @abstractmethod
    def rotate(self, api: SessionT, i: InputsT, s: StateT) -> Iterator[StateT]:
        """Mint the next secret."""

    @abstractmethod
    def delete(self, api: SessionT, s: StateT) -> None:
        """End what rekey made; revoke what it minted or stored, if it is still the current one."""

    def update(self, api: SessionT, i: InputsT, s: StateT, changed: frozenset[str]) -> Iterator[StateT]:
        """Send changed settings."""
        raise NotImplementedError

    def changed(self, i: InputsT, s: StateT) -> frozenset[str]:
        """Return the names of the settings in which the vendor differs from what is wanted."""
        return frozenset(
            name
            for name in type(i).model_fields.keys() & type(s).model_fields.keys()
            if name not in _FRAME | fields_marked(type(i), IMMUTABLE) | secret_fields(type(i))
            and (wanted := getattr(i, name)) is not None
            and wanted != getattr(s, name)
        )

    def given(self, i: InputsT, s: StateT) -> str | None:
        """Return why a secret that the user gives must be sent, if it must."""
        return None

    def problems(self, i: InputsT) -> Iterator[tuple[str, str]]:
        """Yield (property path, reason) for what a field by itself cannot tell."""
        yield from ()

    def adopts(self, i: InputsT) -> str | None:
        """Return the vendor's id of the object that exists and is to be managed, if one is named."""
        adopted = getattr(i, self.taken_over or "adopt", None)
        return adopted if isinstance(adopted, str) else None


#: Inputs that concern rekey and not the vendor's object.
_FRAME = frozenset({"endpoint", "rotation", "adopt"})


@dataclass(frozen=True)
class Plan:
    """What an update would do."""

    #: Immutable inputs that differ: only another object can have them.
    replace: frozenset[str] = frozenset()
    #: Settings that the vendor is to be told.
    changed: frozenset[str] = frozenset()
    #: Why the credential rotates, if it does.
    reason: str | None = None
    #: Whether the state must be written although the vendor needs no call.
    bookkeeping: bool = False

    def __bool__(self) -> bool:
        return bool(self.replace or self.changed or self.reason or self.bookkeeping)


def plan(resource: Resource[InputsT, StateT, SessionT], id_: str, i: InputsT, s: StateT, now: datetime) -> Plan:
    """Compare what is wanted with what is; pure."""
    replace = {
        name
        for name in fields_marked(type(i), IMMUTABLE)
        if getattr(i, name) is not None and getattr(i, name) != getattr(s, name)
    }
    # Taking `adopt` away changes nothing, and the id that it named may have been rotated away since.
    adopted = getattr(i, "adopt", None)
    if adopted is not None and adopted != id_:
        replace.add("adopt")
    reason = rotation.reason(i.rotation, s, now) or resource.given(i, s)
    seen = rotation.seen_without_rotation(i.rotation, s)
    return Plan(
        replace=frozenset(replace),
        changed=resource.changed(i, s),
        reason=reason,
        bookkeeping=s.step is not None or s.rotation != seen or s.endpoint != i.endpoint,
    )


@dataclass(frozen=True)
class Reconciler(Generic[InputsT, StateT, SessionT]):
    """Carries out a plan and keeps the books: generation, times, reasons, address."""

    resource: Resource[InputsT, StateT, SessionT]
    api: SessionT
    now: datetime

    def create(self, i: InputsT, mark: str | None) -> StateT:
        """Create or adopt; the policy may ask for a rotation of what is adopted."""
        return self._reach(self._creation(i, mark), "nothing was created")

    def _creation(self, i: InputsT, mark: str | None) -> Iterator[StateT]:
        adopted = self.resource.adopts(i)
        reached = None
        for s in self.resource.create(self.api, i, mark):
            reached = self._minted(i, s, 1, "created" if adopted is None else "adopted")
            yield reached
        if reached is not None and adopted is not None and i.rotation.on_adopt == "rotate":
            for s in self.resource.rotate(self.api, i, reached):
                yield self._minted(i, s, 1, "adopted with on_adopt=rotate")

    def update(self, id_: str, i: InputsT, s: StateT) -> StateT:
        """Bring the vendor's object, and then its secret, to what is wanted."""
        self.check_address(s)
        todo = plan(self.resource, id_, i, s, self.now)
        live = "the old secret still works" if todo.reason else "its settings are as before"
        return self._reach(self._changes(i, s, todo), live)

    def _changes(self, i: InputsT, s: StateT, todo: Plan) -> Iterator[StateT]:
        # Settings first: a rotation that follows must not be lost to a setting that the vendor refuses.
        if todo.changed or s.step:
            for updated in self.resource.update(self.api, i, s, todo.changed):
                s = self._kept(i, updated)
                yield s
        if todo.reason:
            for minted in self.resource.rotate(self.api, i, s):
                yield self._minted(i, minted, s.generation + 1, todo.reason)
        else:
            yield self._kept(i, s)

    def read(self, s: StateT) -> StateT | None:
        """Return the state as the vendor has it now."""
        self.check_address(s)
        with self._explained("nothing was changed"):
            return self.resource.read(self.api, s)

    def delete(self, s: StateT) -> None:
        """End what is ours."""
        self.check_address(s)
        with self._explained("it may still be there"):
            self.resource.delete(self.api, s)

    def check_address(self, s: StateT) -> None:
        """Refuse to send an object's secret or id to another host than it was made at."""
        if s.address is None or origin(s.address) == origin(self.api.endpoint.url):
            return
        moved_from = self.api.endpoint.moved_from
        if moved_from is not None and origin(s.address) == origin(moved_from):
            return
        wrong = Stopped(
            f"endpoint {self.api.name!r} is at {self.api.endpoint.url}, and this object was made at {s.address}",
            todo=f"set rekey:endpoints.{self.api.name}.movedFrom to {s.address} if the system has moved",
        )
        wrong.live = "nothing was sent"
        raise wrong

    def _minted(self, i: InputsT, s: StateT, generation: int, reason: str) -> StateT:
        return s.model_copy(
            update={
                "generation": generation,
                "rotated_at": self.now,
                "rotation_reason": reason,
                "rotation": rotation.seen_after_rotation(i.rotation),
                "address": self.api.endpoint.url,
                "endpoint": i.endpoint,
            }
        )

    def _kept(self, i: InputsT, s: StateT) -> StateT:
        return s.model_copy(
            update={
                "rotation": rotation.seen_without_rotation(i.rotation, s),
                "address": self.api.endpoint.url,
                "endpoint": i.endpoint,
            }
        )

    def _reach(self, steps: Iterator[StateT], live: str) -> StateT:
        """Go as far as it goes; what was reached before a failure is kept, whatever the failure is."""
        reached: StateT | None = None
        try:
            for step in steps:
                reached = step
        except Exception as failed:
            if reached is not None:
                raise Partial(reached, failed) from failed
            self._say_what_is_live(failed, live)
            raise
        if reached is None:
            raise Stopped("nothing was done", todo="report this")
        return reached

    @contextmanager
    def _explained(self, live: str) -> Iterator[None]:
        try:
            yield
        except Error as failed:
            self._say_what_is_live(failed, live)
            raise

    @staticmethod
    def _say_what_is_live(failed: Exception, live: str) -> None:
        if isinstance(failed, Error) and failed.live is None:
            failed.live = live if failed.certain else "it is not known whether it took effect"
