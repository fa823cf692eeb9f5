"""The contract: what the author of a resource writes, and all that anybody else knows of a resource.

A plain resource is a :class:`Resource`. One whose secret rekey chooses is also :class:`ChosenSecret`, one whose vendor
keeps two :class:`TwoSecrets`, one whose rotation takes several runs :class:`InSteps`. What replaces, what identifies
the object and which input gives the secret is marked on the fields (see :class:`~pulumi_rekey.model.Mark`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import Field, SecretStr, model_validator

from ..endpoints.no_vendor import NoVendor
from ..endpoints.session import Session
from ..errors import Stopped
from ..model import IMMUTABLE, OPEN, Mark, Model, Moment, Secret, fields_marked, fields_with, problems, secret_fields
from ..policy.model import AppliedPolicy, Policy, RotationState

#: Asked anew at each look: a second may end between two of them.
Clock = Callable[[], datetime]


class Inputs(Model):
    """What every resource can be told."""

    endpoint: str | None = Field(
        default=None,
        min_length=1,
        description="The configured endpoint to use; by default the one named like its kind.",
    )
    rotation: Policy = Field(default_factory=Policy, description="The policy by which the credential rotates.")


class State(RotationState):
    """What every resource keeps: where its rotation is, and where it was made."""

    # A state may come from another version of rekey: what it does not know it leaves alone.
    model_config = OPEN

    address: str | None = Field(default=None, description="The address of the endpoint that it was made at.")
    endpoint: str | None = Field(default=None, description="The configured endpoint that manages it.")
    #: A ``Phase`` of :mod:`.plan`, or what another version wrote.
    step: Annotated[str | None, Mark.MINTED] = Field(
        default=None, description="What is still to be done of an interrupted change; unset when nothing is."
    )
    #: Outputs that hold what an earlier input said and the present ones do not: it may have been secret.
    encrypted: Annotated[tuple[str, ...] | None, Mark.MINTED] = None
    #: Whether a change of settings was sent whose answer never came; the next run reads them.
    unconfirmed: bool = False
    #: What `adopt` says since it was the id of this object, which has rotated into another: see `named_since`.
    named: str | None = None


InputsT = TypeVar("InputsT", bound=Inputs)
StateT = TypeVar("StateT", bound=State)
SessionT = TypeVar("SessionT", bound=Session[Any] | NoVendor)


class Save(Protocol[StateT]):
    """Keeps what has been reached at the vendor: if the next line fails, the engine saves the state passed last."""

    def __call__(self, s: StateT, /) -> StateT:
        """Keep this state, and return it with its bookkeeping."""

    def if_lost(self, s: StateT, /) -> None:
        """Keep this state instead if the answer to the next write is lost: it says what may be in force then."""


class Resource(ABC, Generic[InputsT, StateT, SessionT]):
    """One kind of credential: its models, and its verbs in the vendor's words. Its name is the class's."""

    #: The kind of endpoint that serves it; none if there is no vendor behind it.
    vendor: ClassVar[str | None]
    inputs: type[InputsT]
    state: type[StateT]
    #: What a rotation means for whoever uses the old secret; shown in the preview.
    overlap: ClassVar[str] = "no overlap: the vendor ends the old secret at once"
    #: Whether `read` itself sees what the credential is, so that it need not be tried.
    verified_by_read: ClassVar[bool] = False
    #: Why two of it cannot take turns, if they cannot.
    pair_unsupported_reason: ClassVar[str | None] = None

    @property
    def name(self) -> str:
        """The name that users write."""
        return type(self).__name__

    @abstractmethod
    def create(self, api: SessionT, i: InputsT, mark: str | None, save: Save[StateT]) -> StateT:
        """Create the object, or take over the one that is named.

        ``mark`` goes where an interrupted create is known by it. Only a resource whose inputs have an ``adopt`` is
        given one: that is also the way out that a create names where it finds an object that is not its own.
        """

    @abstractmethod
    def read(self, api: SessionT, s: StateT) -> StateT | None:
        """Return the state as the vendor has it now; nothing only if the object is certainly gone."""

    @abstractmethod
    def rotate(self, api: SessionT, i: InputsT, s: StateT, save: Save[StateT], now: Clock) -> StateT:
        """Mint the next secret."""

    @abstractmethod
    def delete(self, api: SessionT, s: StateT, save: Save[StateT]) -> str | None:
        """End what rekey made; revoke what it minted or stored, if it is still the current one.

        Return what remains and why, where that is not plain.
        """

    def accepted(self, api: SessionT, s: StateT, now: Clock) -> bool | None:
        """Try the present secret as a consumer would; nothing if there is no way to tell."""
        return None

    def changed(self, i: InputsT, s: StateT) -> frozenset[str]:
        """Return the names of the settings in which the vendor differs from what is wanted."""
        return frozenset()

    def explicit_secret_change(self, i: InputsT, s: StateT) -> str | None:
        """Return why what the user gives can be had by minting only, if it is not there yet."""
        given = explicit_secret(i)
        if given is None or given == getattr(s, fields_with(type(i), Mark.EXPLICIT_SECRET)[0]):
            return None
        return "the given secret is another one"

    def problems(self, i: InputsT) -> list[tuple[str, str]]:
        """Return (property path, reason) for what a field by itself cannot tell."""
        return []

    def remarks(self, i: InputsT, s: StateT | None) -> list[str]:
        """Return what the reader of a preview must know; without a state it is about to be created or adopted."""
        return []


class Adjustable(Resource[InputsT, StateT, SessionT]):
    """A resource with settings that can be changed while the secret stays: inputs that are also outputs."""

    @abstractmethod
    def update(self, api: SessionT, i: InputsT, s: StateT, changed: frozenset[str], save: Save[StateT]) -> StateT:
        """Send changed settings."""

    def settings(self) -> frozenset[str]:
        """Return the names of the inputs that can be changed by telling the vendor."""
        shared = frozenset(self.inputs.model_fields) & self.state.model_fields.keys()
        return shared - _FRAME - fields_marked(self.inputs, IMMUTABLE) - secret_fields(self.inputs)

    def changed(self, i: InputsT, s: StateT) -> frozenset[str]:
        """Return the names of the settings in which the vendor differs from what is wanted."""
        return frozenset(
            name for name in self.settings() if (wanted := getattr(i, name)) is not None and wanted != getattr(s, name)
        )

    def sent(self, i: InputsT, changed: frozenset[str]) -> dict[str, Any]:
        """Return outputs as they will be once these settings are sent, as far as that is known before."""
        return {name: getattr(i, name) for name in changed}

    def refreshed(self, changed: frozenset[str]) -> frozenset[str]:
        """Return the outputs that may change with the sending of these settings: the answer shows them anew."""
        return frozenset()


class Importable(Resource[InputsT, StateT, SessionT]):
    """A resource whose object may exist before, and can be imported by the values of some inputs."""

    #: The inputs whose values, with slashes between them, are the id by which an object is imported.
    import_id: ClassVar[tuple[str, ...]]

    @abstractmethod
    def find(self, api: SessionT, at: Mapping[str, str], mark: str | None) -> StateT | None:
        """Return the object that exists under these inputs of ``import_id``, to be taken over; nothing if none does."""

    def existing(self, api: SessionT, within: Collection[str]) -> Iterable[Mapping[str, str]] | None:
        """Return what :meth:`find` takes for each object that there is; nothing where the vendor documents no list.

        ``within`` are the ids of what the objects are in, where the vendor does not list that.
        """
        return None

    def removal(self, s: StateT) -> str:
        """Return in words what a destroy, or the removal from the program, does at the vendor."""
        if creates(self) and not getattr(s, "adopted", False):
            return "is deleted at the vendor, and its secret ends with it"
        if any(getattr(s, name) is not None for name in secret_fields(self.state)):
            return (
                "stays at the vendor, but its secret is replaced by one that nobody keeps, if it is still the one in"
                " the state: whoever uses it is locked out"
            )
        return "stays at the vendor as it is, and so does its secret"

    def inputs_as_found(self, s: StateT) -> dict[str, Any]:
        """Return the inputs that say what there is: a program with these has nothing to change."""
        names = settings_of(self) | (fields_marked(self.inputs, IMMUTABLE) & self.state.model_fields.keys())
        return {name: value for name in sorted(names) if (value := getattr(s, name)) is not None}


class Candidate(Model):
    """When and why a secret was minted that is not handed on yet."""

    model_config = OPEN

    rotated_at: Moment | None = None
    rotation_reason: str | None = None
    spread: float = 0.0
    #: What its rotation knew of the policy, where the answer to it was lost; else the state's own says it.
    rotation: AppliedPolicy | None = None


class ChosenSecretState(State):
    """The state where rekey chooses the secret: one whose answer was lost is known, and waits until it is tried."""

    secret: Secret | None = Field(default=None, description="The secret that the vendor accepts.")
    next_secret: Secret | None = Field(
        default=None,
        description="The secret of a rotation whose answer was lost; the next run finds out whether it is in force.",
    )
    #: When and why ``next_secret`` was minted.
    candidate: Annotated[Candidate | None, Mark.MINTED] = None

    def with_candidate_pending(self, before: Self) -> Self:
        """Return a state that was just minted with its secret as the next one, beside the one before."""
        kept = ("generation", "rotated_at", "rotation_reason", "history", "next_rotation_at", "spread", "secret")
        old = {name: getattr(before, name) for name in kept}
        minted = Candidate(rotated_at=self.rotated_at, rotation_reason=self.rotation_reason, spread=self.spread)
        ends = {"expires_at": self.previous_expires_at, "previous_expires_at": None}
        return self.model_copy(update={**old, **ends, "next_secret": self.secret, "candidate": minted})

    def with_candidate_lost(self, before: Self) -> Self:
        """Do the same where the answer was lost: that the policy was obeyed is not certain either."""
        pending = self.with_candidate_pending(before)
        candidate = pending.candidate and pending.candidate.model_copy(update={"rotation": self.rotation})
        return pending.model_copy(update={"candidate": candidate, "rotation": before.rotation})

    def promoted(self) -> Self:
        """Return it with the next secret as the present one, if there is one."""
        if self.next_secret is None:
            return self
        minted = {} if self.candidate is None else {name: getattr(self.candidate, name) for name in _OF_CANDIDATE}
        secrets = {"secret": self.next_secret, "next_secret": None, "candidate": None}
        ends = {"previous_expires_at": self.expires_at, "expires_at": None}
        counted = {"generation": self.generation + 1, "history": self.history_with_this()}
        return self.model_copy(update={**minted, **secrets, **ends, **counted})

    def without_candidate(self) -> Self:
        """Return it as it was before the next secret, which is not in force."""
        return self.model_copy(update={"next_secret": None, "candidate": None, "expires_at": None})


class TwoSecretsState(ChosenSecretState):
    """The state where the vendor keeps the secret before for a grace; every time in it belongs to ``secret``."""

    previous_secret: Secret | None = Field(default=None, description="The secret before, while it still works.")
    next_secret: Secret | None = Field(
        default=None,
        description="A new secret that the vendor has been given and has not accepted so far, while `secret` still"
        " works.",
    )

    @model_validator(mode="before")
    @classmethod
    def _candidate_of_its_own(cls, kept: Any) -> Any:
        # 0.1.0 gave the times of the next secret as if they were those of the present one.
        if not isinstance(kept, dict) or kept.get("next_secret") is None or kept.get("candidate") is not None:
            return kept
        of_next = {name: kept[name] for name in _OF_CANDIDATE if kept.get(name) is not None}
        ends = {"expires_at": kept.get("previous_expires_at"), "previous_expires_at": None}
        return kept | ends | {"candidate": of_next}

    def with_candidate_pending(self, before: Self) -> Self:
        """Return the same: the one before is the present one again."""
        return super().with_candidate_pending(before).model_copy(update={"previous_secret": None})

    def promoted(self) -> Self:
        """Return the same; the one before lives on if it has an end."""
        if self.next_secret is None:
            return self
        return super().promoted().model_copy(update={"previous_secret": self.secret if self.expires_at else None})


#: What a candidate tells of the secret that it becomes.
_OF_CANDIDATE = ("rotated_at", "rotation_reason", "spread")
ChosenSecretT = TypeVar("ChosenSecretT", bound=ChosenSecretState)
TwoSecretsT = TypeVar("TwoSecretsT", bound=TwoSecretsState)


class ChosenSecret(Resource[InputsT, ChosenSecretT, SessionT]):
    """A resource whose secret rekey chooses: what was sent and not answered can be tried, and sent again."""

    def recover(self, api: SessionT, s: ChosenSecretT) -> ChosenSecretT:
        """Take in what a minting did whose answer was lost, and whose secret turns out to be in force."""
        return s

    @abstractmethod
    def resend_inputs(self, i: InputsT, s: ChosenSecretT, now: Clock) -> InputsT:
        """Return inputs with which `rotate` sends ``next_secret`` again, with what is left of the old one's grace."""


class TwoSecrets(ChosenSecret[InputsT, TwoSecretsT, SessionT]):
    """A resource whose vendor keeps two secrets for as long as a grace says."""

    def lifetime_without_grace(self, s: TwoSecretsT) -> timedelta | None:
        """Return how long the old secret lives where the policy asks for no grace; nothing if it ends at once."""
        return None


class InSteps(Resource[InputsT, StateT, SessionT]):
    """A resource whose rotation takes several steps, each when it is due."""

    @abstractmethod
    def pending(self, s: StateT) -> str | None:
        """Return in words which later step of the last rotation a scheduled one has to wait for."""

    @abstractmethod
    def follow_up(self, i: InputsT, s: StateT, now: datetime) -> str | None:
        """Return in words which later step of a rotation is due now."""

    @abstractmethod
    def follow(self, api: SessionT, i: InputsT, s: StateT, save: Save[StateT], now: Clock) -> StateT:
        """Take the steps that are due."""

    @abstractmethod
    def clear_strays(self, api: SessionT, s: StateT) -> str | None:
        """End what a step made whose answer was lost, so that nobody knows of it; say what that was, if anything."""

    @abstractmethod
    def beside(self, s: StateT) -> tuple[str, ...]:
        """Return the vendor's ids of what the steps of a rotation keep beside the present object."""


#: Inputs that concern rekey and not the vendor's object.
_FRAME = frozenset({"endpoint", "rotation", "adopt"})


# -- what the marks on the fields say -------------------------------------------------------------------------


def creates(resource: Resource[Any, Any, Any]) -> bool:
    """Tell whether it can create an object at a vendor: then one that exists is adopted only where `adopt` names it."""
    return "adopt" in resource.inputs.model_fields


def adopted_id(i: Inputs) -> str | None:
    """Return the vendor's id of the object that exists and is to be managed, if the inputs name one."""
    for name in fields_with(type(i), Mark.ADOPTS):
        adopted = getattr(i, name)
        return adopted if isinstance(adopted, str) else None
    return None


def named_since(i: Inputs, s: State) -> str | None:
    """Return what `adopt` says if that is, or was when it was written, the id of what a state is about.

    Where a rotation gives an object another id, a program that goes on to say the old one means the same object.
    """
    adopted, live = adopted_id(i), fields_with(type(s), Mark.OBJECT_ID)[0]
    if adopted is None or live not in fields_with(type(s), Mark.MINTED) or getattr(s, "adopted", False):
        return None
    return adopted if adopted in {getattr(s, live), s.named} else s.named


def settings_of(resource: Resource[Any, Any, Any]) -> frozenset[str]:
    """Return the names of the inputs that can be changed while the secret stays."""
    return resource.settings() if isinstance(resource, Adjustable) else frozenset()


def form_of_import_id(resource: Importable[Any, Any, Any]) -> str:
    """Return how an id is written by which an object is imported, such as ``ORG_ID/OAUTH_APP_ID``."""
    live = fields_with(resource.state, Mark.OBJECT_ID)[0]
    return "/".join((live if name == "adopt" else name).upper() for name in resource.import_id)


def parts_of_import_id(resource: Importable[Any, Any, Any], id_: str) -> dict[str, str]:
    """Return the inputs that an id names; a first one that has a default may be left out.

    :raises Stopped: The id is no such id.
    """
    names, parts = resource.import_id, id_.split("/")
    wrong, way_out = f"the id to import is not that of {resource.name}", f"write {form_of_import_id(resource)}"
    if len(parts) == len(names) - 1 and not resource.inputs.model_fields[names[0]].is_required():
        names = names[1:]
    if len(parts) != len(names):
        raise Stopped(wrong, todo=way_out)
    found = dict(zip(names, parts, strict=True))
    for path, reason in problems(resource.inputs, found, lambda _value: False):
        if path in found:
            raise Stopped(f"{wrong}: it {reason}", todo=way_out)
    return found


def explicit_secret(i: Inputs) -> SecretStr | None:
    """Return the secret that the user gives, if one is given; then nothing may mint beside it."""
    for name in fields_with(type(i), Mark.EXPLICIT_SECRET):
        given = getattr(i, name)
        return given if isinstance(given, SecretStr) else None
    return None


def object_id(s: State) -> str:
    """Return the vendor's id of the object; at creation it becomes Pulumi's id."""
    return str(getattr(s, fields_with(type(s), Mark.OBJECT_ID)[0]))


def client_id(s: State) -> str | None:
    """Return the id of the OAuth client that the credential is for, if it is for one."""
    for name in fields_with(type(s), Mark.CLIENT_ID):
        client = getattr(s, name)
        return client if isinstance(client, str) else None
    return None


def has_candidate(s: State) -> bool:
    """Tell whether a secret waits to be handed on beside the present one."""
    return isinstance(s, ChosenSecretState) and s.next_secret is not None


def end_secret(
    api: Session[Any], replace: Callable[[], object], accepted: Callable[[], bool | None], *, patience: float = 2.0
) -> str | None:
    """Replace a secret by one that nobody keeps; return what is to be said if the old one is accepted even then.

    No page of such a call documents an overlap. A vendor that grants one all the same keeps two secrets, so that a
    second replacement ends the old one.

    :param patience: Seconds until it is asked again after the second replacement: vendors replicate.
    """
    for pause in (0.0, patience):
        replace()
        still = accepted()
        if still and pause:
            api.runtime.sleep(pause)
            still = accepted()
        if not still:
            return None
    return "the vendor still accepts the old one: have it ended there"


def claims(resource: Resource[Any, Any, Any], inputs: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (property, object) for each object of the vendor that only one resource of a program may manage.

    ``inputs`` are those that are known; two resources that name the same object here stand in each other's way.
    """
    named = [name for name in fields_with(resource.inputs, Mark.ADOPTS) if isinstance(inputs.get(name), str)]
    defaults = {name: field.default for name, field in resource.inputs.model_fields.items()}
    held = [name for name in fields_with(resource.inputs, Mark.EXCLUSIVE) if inputs.get(name, defaults[name]) is True]
    return [*((name, object_named(resource, inputs[name])) for name in named), *((name, name) for name in held)]


def claimed(resource: Resource[Any, Any, Any], s: State) -> str:
    """Return the object that a state is about, as :func:`claims` names it: by its live id, not by Pulumi's."""
    return object_named(resource, object_id(s))


def object_named(resource: Resource[Any, Any, Any], id_: str) -> str:
    """Return the name by which an object is compared with others at one address."""
    return f"{resource.name} {id_}"
