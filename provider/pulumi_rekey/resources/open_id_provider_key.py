"""A signing key of VMware Cloud Director's OpenID provider, and whether it is the one that signs.

Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (openIdProviderKey), and "Manage OIDC
Proxy Keys" in the Service Provider Admin Guide.

Who makes the key: the caller (here or the user). How many live at once: many, of which one signs.
Readable afterwards: the public half. Overlap: the old key stays published until what it signed has expired.

Give a PEM pair, a private key alone (its public half is derived), or nothing (rekey makes a key, hands it to the vendor
and keeps no copy).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, StrictBool

from ..endpoints.answer import Body
from ..endpoints.vcd import CLOUDAPI, Vcd, urn_of
from ..errors import BadAnswer, Conflict, Error, NotFound, Stopped
from ..key_material import KeyPair, UnusableKey, generate_key_pair, is_published, read_key_pair, same_public_key
from ..model import NO_FLAG, WRITE_ONLY, Moment, Secret, VendorId, rfc3339
from ..policy.decide import asked_now
from ..reconciler.contract import Inputs, Resource, State

_KEYS: Final = "/openIdProvider/keys"
_CONFIGURATION: Final = f"{CLOUDAPI}/openIdProvider"
#: The vendor allows 256 characters, of which rekey's mark needs some.
_MAX_DESCRIPTION: Final = 220
#: The end of a description that rekey has written.
_MARKED: Final = re.compile(r" \[[0-9a-f]{24} \d+\]$")
#: No ID token lives longer; the vendor's first value is an hour.
_MAX_LIFE: Final = timedelta(days=3650)
#: Clocks of relying parties may be behind by so much.
_SKEW: Final = timedelta(minutes=5)
#: The bounds of the time for which a next key is published before it signs; between them the set's own max-age counts.
_MIN_AHEAD: Final = timedelta(minutes=5)
_MAX_AHEAD: Final = timedelta(days=1)
#: Seconds between looks for a new key in the published set: vendors replicate.
_REPLICATION_PAUSES: Final = (0.0, 1.0, 2.0)


class OpenIdProviderKeyInputs(Inputs):
    """The key to publish: a pair, a private key alone, or one made by rekey."""

    description: str | None = Field(
        default=None, max_length=_MAX_DESCRIPTION, description="What the key is for, for people."
    )
    private_key: Secret | None = Field(
        default=None,
        description="A PEM private key, RSA of at least 2048 bits or EC. Another one rotates in place. By default rekey"
        " makes one, hands it to the vendor and keeps no copy.",
        json_schema_extra=WRITE_ONLY,
    )
    private_key_passphrase: Secret | None = Field(
        default=None,
        description="The passphrase of an encrypted private key. Another one alone is no change.",
        json_schema_extra=WRITE_ONLY,
    )
    public_key: str | None = Field(
        default=None,
        description="The PEM public key of `private_key`; by default it is derived. Refused if the two do not belong"
        " together.",
    )
    algorithm: Literal["RSA", "EC"] = Field(
        default="RSA", description="The kind of key that rekey makes; takes effect at the next rotation."
    )
    key_size: Annotated[int, NO_FLAG] = Field(
        default=3072,
        ge=2048,
        le=8192,
        multiple_of=8,
        description="Bits of an RSA key that rekey makes; takes effect at the next rotation.",
    )
    curve: Literal["P-256", "P-384", "P-521"] = Field(
        default="P-256", description="Curve of an EC key that rekey makes; takes effect at the next rotation."
    )
    activate: StrictBool = Field(
        default=True, description="Whether this is the key that signs. Two such keys on one endpoint are refused."
    )
    adopt: Annotated[VendorId, urn_of("openIdProviderKey")] | None = Field(
        default=None,
        description="The id of a key that exists and is to be managed instead of a new one. Removing it later changes"
        " nothing; another id replaces.",
    )


class OpenIdProviderKeyState(State):
    """The key as the vendor has it."""

    key_id: str = Field(description="The vendor's id of the present key; it changes when the key rotates.")
    public_key: str = Field(description="The public half, PEM, as the vendor has it.")
    description: str | None = None
    active: bool = Field(default=False, description="Whether it is the key that signs.")
    next_key_id: str | None = Field(default=None, description="A key that is published and does not sign yet.")
    #: When relying parties have had time to fetch the next key.
    next_activates_at: Moment | None = None
    previous_key_id: str | None = Field(
        default=None, description="The key before, published until what it signed has expired."
    )
    #: The key that signed before rekey's; destroying goes back to it.
    predecessor_key_id: str | None = None
    #: The mark in the description by which a key is known as ours.
    mark: str | None = None
    #: Set if the object was there before rekey.
    adopted: bool | None = None


class OpenIdProviderKey(Resource[OpenIdProviderKeyInputs, OpenIdProviderKeyState, Vcd]):
    """POST keys, PUT openIdProvider's activeKey, DELETE."""

    name = "OpenIdProviderKey"
    vendor = "vcd"
    inputs = OpenIdProviderKeyInputs
    state = OpenIdProviderKeyState
    id_output = "key_id"
    pair_unsupported_reason = "a signing key keeps its predecessor published by itself: give it a Rotation"
    shown = True
    secret_input = "private_key"  # noqa: S105 - the name of an input
    overlap = "overlap: the next key is published ahead, and the old one until what it signed has expired"
    marked = True

    def problems(self, i: OpenIdProviderKeyInputs) -> Iterator[tuple[str, str]]:
        """Read a given key, so that one that cannot serve is refused before any call."""
        if i.private_key is None:
            for name in ("public_key", "private_key_passphrase"):
                if getattr(i, name) is not None:
                    yield name, "needs private_key beside it"
            return
        try:
            _given(i)
        except UnusableKey as refused:
            yield refused.field, refused.reason

    def claims(self, inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """One key of an endpoint signs."""
        yield from super().claims(inputs)
        if inputs.get("activate", True) is True:
            yield "activate", "activeKey"

    def given(self, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState) -> str | None:
        """A given private key whose public half is not the present one is published."""
        try:
            if i.private_key is None or _may_be(_given(i), s.public_key):
                return None
        except UnusableKey:
            # In a preview, the passphrase may not be known yet.
            return None
        return "the given private key is another one"

    def changed(self, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState) -> frozenset[str]:
        """Description, and whether it signs."""
        activation = {"activate"} if i.activate != s.active and s.next_key_id is None else set()
        # An empty description reads as none.
        same = {"description"} if (i.description or None) == s.description else set()
        return super().changed(i, s) - {"public_key"} - same | activation

    # -- verbs ---------------------------------------------------------------------------------------------------

    def create(self, api: Vcd, i: OpenIdProviderKeyInputs, mark: str | None) -> Iterator[OpenIdProviderKeyState]:
        """POST the key, then make it the active one."""
        ours: set[str] = set()
        if i.adopt is not None:
            found = api.find(_KEYS, i.adopt)
            if found is None:
                raise NotFound(f"{api.name}: there is no key {i.adopt}", todo="correct `adopt`")
            # What replaces another adopted key is one resource with it, and must not take that one's next key over.
            mark = None if mark is None else _mark_beside(mark, i.adopt)
            s = OpenIdProviderKeyState(**_shown(found, mark), active=self._signs(api, i.adopt), mark=mark, adopted=True)
        else:
            present = api.list_once(_KEYS)
            if i.activate:
                self._stop_before_anothers(api, present, mark)
            posted = self._posted(api, i, _tail(mark, 1), present)
            s = OpenIdProviderKeyState(**_shown(posted, mark), mark=mark)
            # What this resource itself has published is about to be replaced.
            ours = {key.id("id") for key in present if _tail_of(str(key.get("description") or ""), mark)}
        yield s
        if i.activate and not s.active:
            yield from self._activated(api, s, ours)

    def read(self, api: Vcd, s: OpenIdProviderKeyState) -> OpenIdProviderKeyState | None:
        """GET the key, and which one signs."""
        found = api.find(_KEYS, s.key_id)
        if found is None:
            return None
        return s.model_copy(update={**_shown(found, s.mark), "active": self._signs(api, s.key_id)})

    def update(
        self, api: Vcd, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState, changed: frozenset[str]
    ) -> Iterator[OpenIdProviderKeyState]:
        """PUT the description into what GET gave; activate, or let the predecessor sign again."""
        if "description" in changed:
            key = api.get(f"{CLOUDAPI}{_KEYS}/{{}}", s.key_id)
            body = {**key, "publicKey": key.text("publicKey")}
            body["description"] = (i.description or "") + _tail_of(str(body.get("description") or ""), s.mark)
            s = s.model_copy(update=_shown(api.put(f"{CLOUDAPI}{_KEYS}/{{}}", s.key_id, json=body), s.mark))
            yield s
        if i.activate and not s.active:
            yield from self._activated(api, s)
        elif s.active and not i.activate:
            yield self._given_back(api, s)

    def rotate(
        self, api: Vcd, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState
    ) -> Iterator[OpenIdProviderKeyState]:
        """POST the next key. It signs once relying parties have had time to fetch it; at once where that was asked."""
        for stale in (s.next_key_id, s.previous_key_id):
            if stale is not None:
                api.remove(_KEYS, stale)
        posted = self._posted(api, i, _tail(s.mark, s.generation + 1), api.all_of(_KEYS))
        now = api.runtime.now()
        s = s.model_copy(
            update={
                "next_key_id": posted.id("id"),
                "next_activates_at": now,
                "previous_key_id": None,
                "previous_expires_at": None,
            }
        )
        yield s
        if i.activate and not asked_now(i.rotation, s):
            s = s.model_copy(update={"next_activates_at": now + self._publish_ahead(api, posted.text("publicKey"))})
            yield s
        yield from self.follow(api, i, s)

    def pending(self, s: OpenIdProviderKeyState) -> str | None:
        """The next key has not signed yet."""
        if s.next_key_id is None or s.next_activates_at is None:
            return None
        return f"the next key is published and signs from {rfc3339(s.next_activates_at)}"

    def follow_up(self, s: OpenIdProviderKeyState, now: datetime) -> str | None:
        """The next key is to sign, or the one before it to go."""
        if s.next_key_id is not None and s.next_activates_at is not None and s.next_activates_at <= now:
            return f"makes key {s.next_key_id} sign: relying parties have had time to fetch it"
        if s.previous_key_id is not None and s.previous_expires_at is not None and s.previous_expires_at <= now:
            return f"retires key {s.previous_key_id}: what it signed expired {rfc3339(s.previous_expires_at)}"
        return None

    def follow(
        self, api: Vcd, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState
    ) -> Iterator[OpenIdProviderKeyState]:
        """PUT openIdProvider's activeKey, then DELETE the key before, each when it is due."""
        due = s.next_activates_at is not None and s.next_activates_at <= api.runtime.now()
        if s.next_key_id is not None and due:
            s = self._promoted(api, i, s)
            yield s
        # Asked anew: where it is to go at once, that moment is later than the one above.
        expired = s.previous_expires_at is not None and s.previous_expires_at <= api.runtime.now()
        if s.previous_key_id is not None and expired:
            api.remove(_KEYS, s.previous_key_id)
            yield s.model_copy(update={"previous_key_id": None, "previous_expires_at": None})

    def accepted(self, api: Vcd, s: OpenIdProviderKeyState) -> bool | None:
        """Look for the key that signs in the published set; whether the next one is there was seen when it was made."""
        if s.next_key_id is not None:
            return True
        keys, _ = api.published_keys()
        try:
            return is_published(s.public_key, keys) or (False if s.active else None)
        except ValueError:
            return None

    def delete(self, api: Vcd, s: OpenIdProviderKeyState) -> None:
        """Let the predecessor sign again, then DELETE what rekey published; an adopted key stays."""
        ours = [s.next_key_id, s.previous_key_id, None if s.adopted else s.key_id]
        if s.key_id in ours and self._signs(api, s.key_id):
            self._given_back(api, s)
        for key in ours:
            if key is not None:
                api.remove(_KEYS, key)

    # -- steps ---------------------------------------------------------------------------------------------------

    def _posted(self, api: Vcd, i: OpenIdProviderKeyInputs, tail: str, present: list[Body]) -> Body:
        """POST a key, unless an interrupted run has: the vendor has its private half, and nobody else needs it."""
        pair = None if i.private_key is None else _given(i)
        for key in present:
            if tail and str(key.get("description") or "").endswith(tail):
                if pair is None or _may_be(pair, key.text("publicKey")):
                    return key
                api.remove(_KEYS, key.id("id"))
        pair = pair or generate_key_pair(i.algorithm, i.key_size, i.curve)
        payload = {
            "description": (i.description or "") + tail,
            "publicKey": pair.public,
            "privateKey": pair.private.get_secret_value(),
        }
        if i.private_key_passphrase is not None:
            payload["privateKeyPassphrase"] = i.private_key_passphrase.get_secret_value()
        return api.post(f"{CLOUDAPI}{_KEYS}", json=payload)

    def _stop_before_anothers(self, api: Vcd, present: list[Body], mark: str | None) -> None:
        """Stop where the key that signs is another resource's: a renamed one would rotate, and two would take turns."""
        others = {
            key.id("id")
            for key in present
            if _MARKED.search(description := str(key.get("description") or "")) and not _tail_of(description, mark)
        }
        # Most servers have no such key, and are spared the call.
        if others and (active := _active_key(api.get(_CONFIGURATION))) in others:
            raise Stopped(
                f"{api.name}: key {active}, which signs, was published by rekey for another resource",
                todo="give this resource an alias if it was renamed in the program; else set"
                f' adopt="{active}" to manage that key, or activate=False',
            )

    def _signs(self, api: Vcd, key_id: str) -> bool:
        return _active_key(api.get(_CONFIGURATION)) == key_id

    def _activate(self, api: Vcd, key_id: str) -> None:
        """Read, change one field, write, compare."""
        with api.exclusive:
            self._make_active(api, self._configuration(api), key_id)

    def _activated(
        self, api: Vcd, s: OpenIdProviderKeyState, ours: Collection[str] = ()
    ) -> Iterator[OpenIdProviderKeyState]:
        with api.exclusive:
            before = self._configuration(api)
            predecessor = _active_key(before)
            if predecessor not in {s.key_id, *ours} and s.predecessor_key_id is None:
                # Kept before it is replaced: the answer to that may be lost.
                s = s.model_copy(update={"predecessor_key_id": predecessor})
                yield s
            self._make_active(api, before, s.key_id)
        yield s.model_copy(update={"active": True})

    def _configuration(self, api: Vcd) -> Body:
        configuration = api.get(_CONFIGURATION)
        # What is not the configuration must not be written back.
        configuration.flag("allowHttp")
        return configuration

    def _make_active(self, api: Vcd, before: Body, key_id: str) -> None:
        if _active_key(before) != key_id:
            after = api.put(_CONFIGURATION, json={**before, "activeKey": {"id": key_id}})
            if _active_key(after) != key_id:
                raise Conflict(f"{api.name}: another key was made active at the same moment")

    def _publish_ahead(self, api: Vcd, public_key: str) -> timedelta:
        """Return how long the next key must be published before it signs; nothing where that has no use."""
        for pause in _REPLICATION_PAUSES:
            api.runtime.sleep(pause)
            try:
                keys, max_age = api.published_keys()
                found = is_published(public_key, keys)
            except (Error, ValueError):
                api.runtime.warn(f"{api.name}: the published key set cannot be read from here")
                return _MIN_AHEAD
            if found:
                return min(max(max_age, _MIN_AHEAD), _MAX_AHEAD)
        api.runtime.warn(
            f"{api.name}: the vendor publishes the active key only, so there is no overlap: relying parties that have"
            " cached the old key must fetch the new one"
        )
        return timedelta(0)

    def _promoted(self, api: Vcd, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState) -> OpenIdProviderKeyState:
        """Make the next key the present one."""
        key = api.get(f"{CLOUDAPI}{_KEYS}/{{}}", s.next_key_id or "")
        until = api.runtime.now().replace(microsecond=0)
        if i.activate:
            with api.exclusive:
                before = self._configuration(api)
                if not i.rotation.means_compromise:
                    until += _life_of_id_tokens(api, before) + _SKEW
                self._make_active(api, before, key.id("id"))
        update = {
            **_shown(key, s.mark),
            "active": i.activate,
            "adopted": None,
            "next_key_id": None,
            "next_activates_at": None,
            "previous_key_id": s.key_id,
            "previous_expires_at": until,
        }
        return s.model_copy(update=update)

    def _given_back(self, api: Vcd, s: OpenIdProviderKeyState) -> OpenIdProviderKeyState:
        predecessor = s.predecessor_key_id
        if predecessor is None:
            predecessor = self._only_other(api, s)
        if predecessor is None or api.find(_KEYS, predecessor) is None:
            raise Stopped(
                f"{api.name}: key {s.key_id} signs, and the key that signed before it is gone",
                todo="make another key active in Cloud Director, then run again",
            )
        self._activate(api, predecessor)
        return s.model_copy(update={"active": False})

    @staticmethod
    def _only_other(api: Vcd, s: OpenIdProviderKeyState) -> str | None:
        """Return the one key that can sign instead, if there is only one: a replacement knows no predecessor."""
        ours = (s.key_id, s.next_key_id, s.previous_key_id)
        others = [key for key in api.all_of(_KEYS) if key.id("id") not in ours]
        if len(others) != 1 or _MARKED.search(str(others[0].get("description") or "")):
            return None
        return others[0].id("id")


def _given(i: OpenIdProviderKeyInputs) -> KeyPair:
    passphrase = i.private_key_passphrase.get_secret_value() if i.private_key_passphrase else None
    return read_key_pair((i.private_key or SecretStr("")).get_secret_value(), passphrase, i.public_key)


def _may_be(pair: KeyPair, shown: str) -> bool:
    """Tell whether the vendor shows this pair's public key; what cannot be compared is no reason to rotate."""
    try:
        return same_public_key(pair.public, shown)
    except ValueError:
        return True


def _life_of_id_tokens(api: Vcd, configuration: Body) -> timedelta:
    seconds = configuration.get("idTokenTimeToLive")
    if type(seconds) is not int or not 0 <= seconds <= _MAX_LIFE.total_seconds():
        wrong = BadAnswer(f"{api.name}: GET openIdProvider: idTokenTimeToLive is no lifetime of an ID token")
        wrong.live = "the key that signs is the one before"
        raise wrong
    return timedelta(seconds=seconds)


def _active_key(configuration: Body) -> str | None:
    return None if configuration.get("activeKey") is None else configuration.object("activeKey").id("id")


def _mark_beside(mark: str, adopted: str) -> str:
    return hashlib.sha256(f"{mark} {adopted}".encode()).hexdigest()[: len(mark)]


def _tail(mark: str | None, generation: int) -> str:
    return f" [{mark} {generation}]" if mark else ""


def _tail_of(description: str, mark: str | None) -> str:
    _head, found, rest = description.rpartition(f" [{mark} ") if mark else ("", "", "")
    return found + rest if found and rest.endswith("]") and rest[:-1].isdigit() else ""


def _shown(answer: Body, mark: str | None) -> dict[str, Any]:
    description = answer.maybe("description", str) or ""
    tail = _tail_of(description, mark)
    return {
        "key_id": answer.id("id"),
        "public_key": answer.text("publicKey"),
        "description": description.removesuffix(tail) or None,
    }


RESOURCE = OpenIdProviderKey()
