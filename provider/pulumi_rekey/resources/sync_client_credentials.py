"""The credentials of a directory's sync client in VMware Identity Broker, with which users are provisioned.

Page: https://developer.broadcom.com/xapis/vmware-identity-broker/latest/ (Generate Credentials For Sync Client)

Who makes the secret: the vendor. How many live at once: one. Readable afterwards: no.
A grace cannot be set: the old credentials end with the minting of the new ones.

``rotation.on_adopt`` must be set, because the first minting ends the credentials in use, which cannot be read:
``"rotate"`` mints, ``"keep"`` leaves them, and the secret outputs unset, until a rotation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, StrictBool

from ..endpoints.answer import Body
from ..endpoints.broker import Broker
from ..endpoints.jwt import expiry
from ..errors import Conflict, NotFound
from ..model import IMMUTABLE, NO_FLAG, OPEN, Mark, Model, Secret, VendorId
from ..reconciler.contract import Adjustable, Clock, Importable, Inputs, Save, State, end_secret

_DIRECTORIES: Final = "/broker/directories"
_PATH: Final = f"{_DIRECTORIES}/{{}}/sync-client"
_SETTINGS: Final = ("generate_token", "token_ttl")


class SyncClientCredentialsInputs(Inputs):
    """Which directory, and what its sync client is to be given."""

    directory_id: Annotated[VendorId, Mark.ADOPTS] = Field(
        description="The directory, which exists and has one sync client.",
        json_schema_extra=IMMUTABLE,
        examples=["0b3f4a52-7d0e-4ec9-9f6c-0a1f6fd1d0d3"],
    )
    tenant: VendorId | None = Field(
        default=None,
        description="The tenant of the directory, where the endpoint's dialect is `vcenter`; by default the"
        " endpoint's.",
        json_schema_extra=IMMUTABLE,
        examples=["CUSTOMER"],
    )
    generate_token: Annotated[StrictBool | None, Mark.DECIDES] = Field(
        default=None,
        description="`True`: a long-lived access token (`access_token`, `expires_at`). `False`: a client id and secret"
        " (`client_id`, `client_secret`). By default as it was. A change rotates.",
    )
    token_ttl: Annotated[Annotated[int, Field(ge=1, le=1_051_200), NO_FLAG] | None, Mark.DECIDES] = Field(
        default=None,
        description="How long access tokens live, in minutes: 1 to 1051200 (two years). By default as it was;"
        " the vendor's first value is 262800 (six months). A change rotates.",
        examples=[262_800],
    )


class Saved(Model):
    """What the vendor has saved for the sync client."""

    model_config = OPEN

    generate_token: bool | None = None
    token_ttl: int | None = None
    #: Whether the vendor shows another credential than rekey's.
    replaced: bool = False


class SyncClientCredentialsState(State):
    """The sync client and the credentials that rekey has minted for it."""

    directory_id: Annotated[str, Mark.OBJECT_ID]
    tenant: str | None = Field(default=None, description="The tenant of the directory; unset where there are none.")
    # Not what the vendor has now: then drift would look like a change in code, and that one mints.
    generate_token: Annotated[bool | None, Mark.MINTED] = Field(
        default=None, description="Whether an access token was asked for at the last minting."
    )
    token_ttl: Annotated[int | None, Mark.MINTED] = Field(
        default=None, description="The lifetime that was asked for at the last minting, in minutes."
    )
    #: What the vendor has saved now.
    saved: Annotated[Saved, Mark.MINTED] = Field(default_factory=Saved)
    client_id: Annotated[str | None, Mark.CLIENT_ID, Mark.MINTED] = Field(
        default=None, description="The sync client's OAuth id."
    )
    client_secret: Secret | None = Field(
        default=None,
        description="Its secret, if that is what was minted; unset while adopted credentials have not rotated.",
    )
    access_token: Secret | None = Field(
        default=None,
        description="Its access token, if that is what was minted; unset while adopted credentials have not rotated.",
    )


class SyncClientCredentials(
    Adjustable[SyncClientCredentialsInputs, SyncClientCredentialsState, Broker],
    Importable[SyncClientCredentialsInputs, SyncClientCredentialsState, Broker],
):
    """GET and generate_credentials of one sync client; the directory, and so the client, is not rekey's."""

    vendor = "broker"
    inputs = SyncClientCredentialsInputs
    state = SyncClientCredentialsState
    import_id = ("tenant", "directory_id")
    pair_unsupported_reason = "a directory has one sync client, so there is no second one to fall back on"
    overlap = "no overlap: the vendor ends the old credentials at once"

    def problems(self, i: SyncClientCredentialsInputs) -> list[tuple[str, str]]:
        """Minting ends credentials that cannot be read, so nobody but the user can say whether to begin with it."""
        if i.rotation.on_adopt is not None:
            return []
        reason = (
            'must be said: "rotate" ends the credentials that the sync client uses now and mints new ones, "keep"'
            " leaves them, and the outputs unset, until a rotation"
        )
        return [("rotation.on_adopt", reason)]

    def remarks(self, i: SyncClientCredentialsInputs, s: SyncClientCredentialsState | None) -> list[str]:
        """Drift of the kind or the lifetime is reported only: repairing it would end the credentials in use."""
        if s is None:
            keeps = "keeps the credentials in use, which cannot be read: secret outputs stay unset until a rotation"
            return [keeps] if i.rotation.on_adopt == "keep" else []
        found = []
        if s.saved.replaced and s.step is None:
            found.append(
                "somebody has minted other credentials, which ended these: set rotation.rotate_now to mint new ones"
            )
        if self.explicit_secret_change(i, s) is not None:
            return found
        for name in _SETTINGS:
            wanted, saved = getattr(i, name), getattr(s.saved, name)
            if wanted is not None and saved is not None and wanted != saved:
                found.append(
                    f"{name} is {_word(saved)} at the vendor and {_word(wanted)} in code: only minting could repair"
                    " that, so it waits for the next rotation"
                )
        return found

    def create(
        self,
        api: Broker,
        i: SyncClientCredentialsInputs,
        mark: str | None,
        save: Save[SyncClientCredentialsState],
    ) -> SyncClientCredentialsState:
        """GET the sync client that is there; a directory brings it along."""
        tenant = api.tenant(i.tenant)
        with _explained():
            answer = api.get(api.base("usergroup", tenant) + _PATH, i.directory_id)
        s = _as_saved(SyncClientCredentialsState(directory_id=i.directory_id, tenant=tenant), answer)
        return s.model_copy(update={name: _asked(i, s, name) for name in _SETTINGS})

    def existing(self, api: Broker, within: Collection[str]) -> Iterable[Mapping[str, str]]:
        """GET the directories of the endpoint's tenant; one that has no sync client has nothing to adopt."""
        base = api.base("usergroup", api.tenant(None))
        for id_ in sorted(api.directories(base + _DIRECTORIES)):
            with suppress(NotFound):
                # What else is wrong with one is said where it is read.
                with suppress(Conflict):
                    api.get(base + _PATH, id_)
                yield {"directory_id": id_}

    def find(self, api: Broker, at: Mapping[str, str], mark: str | None) -> SyncClientCredentialsState | None:
        """GET the sync client that is there; its credentials are not shown."""
        s = self.read(
            api, SyncClientCredentialsState(directory_id=at["directory_id"], tenant=api.tenant(at.get("tenant")))
        )
        return s and s.model_copy(update={name: getattr(s.saved, name) for name in _SETTINGS})

    def inputs_as_found(self, s: SyncClientCredentialsState) -> dict[str, Any]:
        """A program has to say what becomes of the credentials in use."""
        return super().inputs_as_found(s) | {"rotation": {"on_adopt": "keep"}}

    def read(self, api: Broker, s: SyncClientCredentialsState) -> SyncClientCredentialsState | None:
        """GET the sync client's settings; its credentials are not shown."""
        with _explained():
            found = api.find(api.base("usergroup", s.tenant) + _PATH, s.directory_id)
        return None if found is None else _as_saved(s, found)

    def changed(self, i: SyncClientCredentialsInputs, s: SyncClientCredentialsState) -> frozenset[str]:
        """Of what has changed in code, the vendor may have some already: that is only noted."""
        return frozenset(name for name in super().changed(i, s) if getattr(i, name) == getattr(s.saved, name))

    def update(
        self,
        api: Broker,
        i: SyncClientCredentialsInputs,
        s: SyncClientCredentialsState,
        changed: frozenset[str],
        save: Save[SyncClientCredentialsState],
    ) -> SyncClientCredentialsState:
        """Note what the vendor has already; there is no call that changes a setting without minting."""
        return s.model_copy(update={name: getattr(i, name) for name in changed})

    def explicit_secret_change(self, i: SyncClientCredentialsInputs, s: SyncClientCredentialsState) -> str | None:
        """A kind or a lifetime that has changed in code can be had by minting only."""
        names = sorted(super().changed(i, s) - self.changed(i, s))
        return f"changed in code: {', '.join(names)}" if names and not i.rotation.paused else None

    def rotate(
        self,
        api: Broker,
        i: SyncClientCredentialsInputs,
        s: SyncClientCredentialsState,
        save: Save[SyncClientCredentialsState],
        now: Clock,
    ) -> SyncClientCredentialsState:
        """POST generate_credentials, with the settings that the user gives."""
        settings = {name: value for name in _SETTINGS if (value := getattr(i, name)) is not None}
        answer = self._generate(api, s, settings or None)
        is_token = _kind(answer, i)
        minted = save(
            s.model_copy(
                update={
                    **settings,
                    "client_id": s.client_id if is_token else answer.text("client_id"),
                    "client_secret": None if is_token else answer.secret("client_secret"),
                    "access_token": answer.secret("access_token") if is_token else None,
                    "expires_at": _expiry(answer, now()) if is_token else None,
                }
            )
        )
        minted = _as_saved(minted, answer)
        return minted.model_copy(update={name: _asked(i, minted, name) for name in _SETTINGS})

    def accepted(self, api: Broker, s: SyncClientCredentialsState, now: Clock) -> bool | None:
        """Call SCIM with the token, or ask for a token with the id and secret."""
        if s.access_token is not None:
            expired = s.expires_at is not None and s.expires_at <= now()
            return not expired and api.accepts_token(s.tenant, s.access_token)
        if s.client_id is not None and s.client_secret is not None:
            return api.accepts_client(s.tenant, s.client_id, s.client_secret)
        return None

    def delete(self, api: Broker, s: SyncClientCredentialsState, save: Save[SyncClientCredentialsState]) -> str | None:
        """POST generate_credentials and throw the answer away, if what rekey minted is still in use."""
        match self.accepted(api, s, api.vendor_clock):
            case None:
                return "the sync client keeps its credentials: rekey has minted none"
            case False:
                # Expired, or somebody has minted newer ones, which are not rekey's to end.
                return "nothing had to be ended: the vendor does not accept rekey's credentials any more"

        def replace() -> None:
            self._generate(api, s, None).some_of("client_secret", "access_token")
            save(s)

        lives = end_secret(api, replace, lambda: self.accepted(api, s, api.vendor_clock))
        said = "the sync client has new credentials that nobody knows: what used it needs others"
        return f"{said}; {lives}" if lives else said

    def _generate(self, api: Broker, s: SyncClientCredentialsState, settings: dict[str, bool | int] | None) -> Body:
        with _explained():
            return api.post(
                api.base("usergroup", s.tenant) + _PATH,
                s.directory_id,
                json=settings,
                query={"action": "generate_credentials"},
            )


def _kind(answer: Body, i: SyncClientCredentialsInputs) -> bool:
    """Tell whether a token was minted; an answer may show both kinds of credentials at once."""
    said = answer.get("generate_token")
    if not isinstance(said, bool):
        said = i.generate_token
    return "client_secret" not in answer if said is None else said


def _expiry(answer: Body, now: datetime) -> datetime | None:
    # In seconds, unlike token_ttl. Whatever stands there, it must not lose the token.
    try:
        return (now + timedelta(seconds=answer["access_token_expire_in"])).replace(microsecond=0)
    except (KeyError, TypeError, OverflowError):
        return expiry(answer.text("access_token"))


def _as_saved(s: SyncClientCredentialsState, answer: Body) -> SyncClientCredentialsState:
    answer.some_of("client_id", *_SETTINGS, "access_token", "client_secret")
    generate_token, client_id = answer.maybe("generate_token", bool), answer.maybe("client_id", str)
    # A token may be shown again, a secret never is; the id beside a secret is the one that it belongs to.
    replaced = False
    if s.access_token is not None:
        shown = answer.maybe("access_token", str)
        replaced = generate_token is False or (shown is not None and shown != s.access_token.get_secret_value())
    elif s.client_secret is not None:
        replaced = generate_token is True or (client_id is not None and client_id != s.client_id)
        client_id = s.client_id
    saved = Saved(generate_token=generate_token, token_ttl=answer.maybe("token_ttl", int), replaced=replaced)
    return s.model_copy(update={"saved": saved, "client_id": client_id or s.client_id})


def _asked(i: SyncClientCredentialsInputs, s: SyncClientCredentialsState, name: str) -> object:
    wanted = getattr(i, name)
    return getattr(s.saved, name) if wanted is None else wanted


def _word(value: object) -> str:
    return str(value).lower()


@contextmanager
def _explained() -> Iterator[None]:
    """Say what the vendor's 404 and 409, which have no body, mean here."""
    try:
        yield
    except NotFound as failed:
        raise NotFound(
            f"{failed.happened}: the directory has no sync client, or does not exist",
            todo="correct directory_id (a provisioned directory brings its sync client along)",
            request_id=failed.request_id,
        ) from None
    except Conflict as failed:
        raise Conflict(
            f"{failed.happened}: the directory has more than one sync client",
            todo="remove all but one at the broker, then run again",
            request_id=failed.request_id,
        ) from None


RESOURCE = SyncClientCredentials()
