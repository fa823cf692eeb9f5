"""A signing key of VMware Cloud Director's OpenID provider, and whether it is the one that signs.

Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (openIdProviderKey), and "Manage OIDC
Proxy Keys" in the Service Provider Admin Guide.

Who makes the key: the caller (here or the user). How many live at once: many, of which one signs.
Readable afterwards: the public half. Overlap: the old key stays published until what it signed has expired.

Give a PEM pair, a private key alone (its public half is derived), or nothing (rekey makes a key, hands it to the vendor
and keeps no copy).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, StrictBool

from ..endpoints.answer import Body
from ..endpoints.vcd import CLOUDAPI, Vcd, urn_of
from ..errors import Error, NotFound, Stopped
from ..key_material import (
    KeyPair,
    UnusableKey,
    generate_key_pair,
    is_published,
    kind_of_public_key,
    read_key_pair,
    same_public_key,
)
from ..model import NO_FLAG, OPEN, WRITE_ONLY, Mark, Model, Moment, Secret, VendorId, rfc3339
from ..ownership import generation_in, key_description, key_has_tail, key_tail, key_tail_in, mark_beside
from ..policy.decide import asked_now
from ..reconciler.contract import Adjustable, Clock, Importable, Inputs, InSteps, Save, State

_KEYS: Final = "/openIdProvider/keys"
#: The vendor allows 256 characters, of which rekey's mark needs some.
_MAX_DESCRIPTION: Final = 220
#: Clocks of relying parties may be behind by so much.
_SKEW: Final = timedelta(minutes=5)
#: The bounds of the time for which a next key is published before it signs; between them the set's own max-age counts.
_MIN_AHEAD: Final = timedelta(minutes=5)
_MAX_AHEAD: Final = timedelta(days=1)
#: Seconds between looks for a new key in the published set: vendors replicate.
_REPLICATION_PAUSES_S: Final = (0.0, 1.0, 2.0)


#: The outputs that may differ when another key signs.
_OF_SIGNING: Final = frozenset(
    {"active", "previous_key_id", "previous_expires_at", "retiring", "signed_until", "predecessor_key_id"}
)


class OpenIdProviderKeyInputs(Inputs):
    """The key to publish: a pair, a private key alone, or one made by rekey."""

    description: str | None = Field(
        default=None, max_length=_MAX_DESCRIPTION, description="What the key is for, for people."
    )
    private_key: Annotated[Secret | None, Mark.EXPLICIT_SECRET] = Field(
        default=None,
        description="A PEM private key, RSA of at least 2048 bits or EC. Another one rotates in place. By default rekey"
        " makes one, hands it to the vendor and keeps no copy.",
        json_schema_extra=WRITE_ONLY,
    )
    private_key_passphrase: Annotated[Secret | None, Mark.DECIDES] = Field(
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
    activate: Annotated[StrictBool, Mark.EXCLUSIVE] = Field(
        default=True, description="Whether this is the key that signs. Two such keys on one endpoint are refused."
    )
    adopt: Annotated[Annotated[VendorId, urn_of("openIdProviderKey")] | None, Mark.ADOPTS] = Field(
        default=None,
        description="The id of a key that exists and is to be managed instead of a new one. Removing it later changes"
        " nothing; another id replaces.",
    )


class Retiring(Model):
    """A key that does not sign any more, and is published until what it signed has expired."""

    model_config = OPEN

    key_id: str
    expires_at: Moment


class OpenIdProviderKeyState(State):
    """The key as the vendor has it."""

    key_id: Annotated[str, Mark.OBJECT_ID, Mark.MINTED] = Field(
        description="The vendor's id of the present key; it changes when the key rotates."
    )
    public_key: Annotated[str, Mark.MINTED] = Field(description="The public half, PEM, as the vendor has it.")
    description: Annotated[str | None, Mark.MINTED] = None
    active: Annotated[bool, Mark.MINTED] = Field(default=False, description="Whether it is the key that signs.")
    next_key_id: Annotated[str | None, Mark.MINTED] = Field(
        default=None, description="A key that is published and does not sign yet."
    )
    #: When relying parties have had time to fetch the next key.
    next_activates_at: Annotated[Moment | None, Mark.MINTED] = None
    previous_key_id: Annotated[str | None, Mark.MINTED] = Field(
        default=None, description="The key before, published until what it signed has expired."
    )
    #: Keys before that one, with the moments at which what they signed has expired.
    retiring: Annotated[tuple[Retiring, ...], Mark.MINTED] = ()
    #: Until when ID tokens live that the present key signed before it was made to sign no more.
    signed_until: Annotated[Moment | None, Mark.MINTED] = None
    #: The key that signed before rekey's; destroying goes back to it.
    predecessor_key_id: Annotated[str | None, Mark.MINTED] = None
    #: The mark in the description by which a key is known as ours.
    mark: str | None = None
    #: Set if the object was there before rekey.
    adopted: Annotated[bool | None, Mark.MINTED] = None


class OpenIdProviderKey(
    Adjustable[OpenIdProviderKeyInputs, OpenIdProviderKeyState, Vcd],
    Importable[OpenIdProviderKeyInputs, OpenIdProviderKeyState, Vcd],
    InSteps[OpenIdProviderKeyInputs, OpenIdProviderKeyState, Vcd],
):
    """POST keys, PUT openIdProvider's activeKey, DELETE."""

    vendor = "vcd"
    inputs = OpenIdProviderKeyInputs
    state = OpenIdProviderKeyState
    overlap = "overlap: the next key is published ahead, and the old one until what it signed has expired"
    verified_by_read = True
    import_id = ("adopt",)
    pair_unsupported_reason = "a signing key keeps its predecessor published by itself: give it a Rotation"

    def problems(self, i: OpenIdProviderKeyInputs) -> list[tuple[str, str]]:
        """Read a given key, so that one that cannot serve is refused before any call."""
        if i.private_key is None:
            beside = [name for name in ("public_key", "private_key_passphrase") if getattr(i, name) is not None]
            return [(name, "needs private_key beside it") for name in beside]
        try:
            _given(i)
        except UnusableKey as refused:
            return [(refused.field, refused.reason)]
        return []

    def remarks(self, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState | None) -> list[str]:
        """Whatever makes another key sign."""
        if s is None:
            stays = "the one that signs now stays published"
            return [f"makes {i.adopt or 'the new key'} sign, unless it does already: {stays}"] if i.activate else []
        if "activate" not in self.changed(i, s):
            return []
        if i.activate:
            return [f"makes key {s.key_id} sign instead of the one that signs now, which stays published"]
        before = "the only other key" if s.predecessor_key_id is None else f"key {s.predecessor_key_id}"
        return [f"makes {before} sign instead of key {s.key_id}, which stays published"]

    def explicit_secret_change(self, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState) -> str | None:
        """A given private key whose public half is not the present one is published."""
        try:
            if i.private_key is None or _may_be(_given(i), s.public_key):
                return None
        except UnusableKey:
            # In a preview, the passphrase may not be known yet.
            return None
        return "the given private key is another one"

    def settings(self) -> frozenset[str]:
        """A description, and whether it signs: the public key is the pair's."""
        return frozenset({"description", "activate"})

    def changed(self, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState) -> frozenset[str]:
        """Description, and whether it signs; while a next key waits, that one is made to sign instead."""
        changed = set()
        # An empty description reads as none.
        if i.description is not None and (i.description or None) != s.description:
            changed.add("description")
        if i.activate != s.active and not (i.activate and s.next_key_id):
            changed.add("activate")
        return frozenset(changed)

    def sent(self, i: OpenIdProviderKeyInputs, changed: frozenset[str]) -> dict[str, Any]:
        """The output of `activate` is called by what it comes to."""
        outputs = {"description": i.description or None, "activate": i.activate}
        names = {"activate": "active"}
        return {names.get(name, name): outputs[name] for name in changed}

    def refreshed(self, changed: frozenset[str]) -> frozenset[str]:
        """Which key signs makes a difference to those before it, too."""
        return _OF_SIGNING if "activate" in changed else frozenset()

    # -- verbs ---------------------------------------------------------------------------------------------------

    def create(
        self, api: Vcd, i: OpenIdProviderKeyInputs, mark: str | None, save: Save[OpenIdProviderKeyState]
    ) -> OpenIdProviderKeyState:
        """POST the key, then make it the active one."""
        if i.adopt is not None:
            found = self.find(api, {"adopt": i.adopt}, mark)
            if found is None:
                raise NotFound(f"{api.name}: there is no key {i.adopt}", todo="correct `adopt`")
            s = found
        else:
            present = api.list_once(_KEYS)
            if i.activate and any(_is_anothers(key, mark) for key in present):
                # Before it is published, since most servers have no such key and are spared the call.
                self._stop_before_anothers(api, api.configuration(), mark, present)
            s = self._found_again(api, i, mark, present) or self._published(api, i, mark, present)
        save(s)
        if not i.activate or s.active:
            return s
        # Whoever names a key has decided that it signs, whichever key does now: also that of the one adopted before.
        return self._activated(api, s, save, named=i.adopt is not None)

    def existing(self, api: Vcd, within: Collection[str]) -> Iterable[Mapping[str, str]]:
        """GET all pages of the list."""
        return [{"adopt": found.id("id")} for found in api.all_of(_KEYS)]

    def find(self, api: Vcd, at: Mapping[str, str], mark: str | None) -> OpenIdProviderKeyState | None:
        """GET the key, and which one signs; of rekey's mark it has one that tells it from the keys that follow."""
        key_id = at["adopt"]
        found = api.find(_KEYS, key_id)
        if found is None:
            return None
        mark = None if mark is None else mark_beside(mark, key_id)
        configuration = api.configuration()
        s = OpenIdProviderKeyState(**_shown(found, mark), active=True, mark=mark, adopted=True)
        if api.active_key(configuration) == key_id:
            return s
        # It may have signed until a moment ago.
        return _relieved_by_others(s, self._until(api, configuration))

    def inputs_as_found(self, s: OpenIdProviderKeyState) -> dict[str, Any]:
        """Its description, whether it signs, and of what kind it is: a rotation makes another of the same kind."""
        defaults = OpenIdProviderKeyInputs.model_fields
        kind = {name: it for name, it in kind_of_public_key(s.public_key).items() if it != defaults[name].default}
        return {"activate": s.active} | ({} if s.description is None else {"description": s.description}) | kind

    def read(self, api: Vcd, s: OpenIdProviderKeyState) -> OpenIdProviderKeyState | None:
        """GET the key, and which one signs: if that is a later one of ours, an older state was restored."""
        found = api.find(_KEYS, s.key_id)
        if found is None:
            return None
        configuration = api.configuration()
        signs = api.active_key(configuration)
        if signs is not None and signs not in _ids(s):
            present = api.all_of(_KEYS)
            later = self._later(s, present, signs)
            if later is not None:
                return self._with_forgotten(api, self._caught_up(api, s, configuration, later), present)
        s = s.model_copy(update=_shown(found, s.mark))
        if signs == s.key_id:
            return s.model_copy(update={"active": True, "signed_until": None})
        return _relieved_by_others(s, self._until(api, configuration)) if s.active else s

    def update(
        self,
        api: Vcd,
        i: OpenIdProviderKeyInputs,
        s: OpenIdProviderKeyState,
        changed: frozenset[str],
        save: Save[OpenIdProviderKeyState],
    ) -> OpenIdProviderKeyState:
        """PUT the description into what GET gave; activate, or let the predecessor sign again."""
        if "description" in changed:
            s = save(self._described(api, i, s))
        if "activate" not in changed:
            return s
        return self._activated(api, s, save) if i.activate else self._given_back(api, s, api.all_of(_KEYS), save)

    def rotate(
        self,
        api: Vcd,
        i: OpenIdProviderKeyInputs,
        s: OpenIdProviderKeyState,
        save: Save[OpenIdProviderKeyState],
        now: Clock,
    ) -> OpenIdProviderKeyState:
        """POST the next key. It signs once relying parties have had time to fetch it; at once where that was asked."""
        # Nothing is saved, and nothing ends, before the next key is there: what is saved here counts as minted.
        present = api.all_of(_KEYS)
        if s.adopted:
            self._warn_of_left_behind(api, i, s.mark, present)
        s = self._with_forgotten(api, s, present)
        if s.next_key_id is not None:
            # Another one takes its place. It may have signed: by somebody's hand, or by a later state that was lost.
            at_once = i.rotation.means_compromise
            s = _retiring_until(s, s.next_key_id, now() if at_once else self._until(api, api.configuration()))
        posted = self._posted(api, i, s.mark, present, known=_ids(s))
        moment = now()
        s = save(s.model_copy(update={"next_key_id": posted.id("id"), "next_activates_at": moment}))
        if i.activate and not asked_now(i.rotation, s):
            ahead = self._publish_ahead(api, posted.text("publicKey"))
            s = save(s.model_copy(update={"next_activates_at": moment + ahead}))
        return self.follow(api, i, s, save, now)

    def pending(self, s: OpenIdProviderKeyState) -> str | None:
        """The next key has not signed yet."""
        if s.next_key_id is None or s.next_activates_at is None:
            return None
        return f"the next key is published and signs from {rfc3339(s.next_activates_at)}"

    def follow_up(self, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState, now: datetime) -> str | None:
        """The next key is to sign, or a key before it to go."""
        if s.next_key_id is not None and s.next_activates_at is not None and s.next_activates_at <= now:
            if not i.activate:
                return f"makes key {s.next_key_id} the present one, which does not sign"
            return f"makes key {s.next_key_id} sign: relying parties have had time to fetch it"
        ended = [f"{old.key_id}: what it signed expired {rfc3339(old.expires_at)}" for old in _ended(s, now)]
        return f"retires key {'; key '.join(ended)}" if ended else None

    def follow(
        self,
        api: Vcd,
        i: OpenIdProviderKeyInputs,
        s: OpenIdProviderKeyState,
        save: Save[OpenIdProviderKeyState],
        now: Clock,
    ) -> OpenIdProviderKeyState:
        """PUT openIdProvider's activeKey, then DELETE the keys before, each when it is due."""
        due = s.next_activates_at is not None and s.next_activates_at <= now()
        if s.next_key_id is not None and due:
            s = save(self._promoted(api, i, s, save, now))
        # Asked anew: where one is to go at once, that moment is later than the one above.
        for old in _ended(s, now()):
            s = save(self._retired(api, s, old))
        return s

    def clear_strays(self, api: Vcd, s: OpenIdProviderKeyState) -> str | None:
        """DELETE a key of ours that nobody knows of and that never signed: it is later than those that are known."""
        known = {api.active_key(api.configuration()), *_ids(s)}
        ours = {key.id("id"): _generation(key, s.mark) for key in api.all_of(_KEYS) if _is_ours(key, s.mark)}
        last = max((generation for key_id, generation in ours.items() if key_id in known), default=0)
        unknown = [key_id for key_id, generation in ours.items() if key_id not in known and generation > last]
        for key_id in unknown:
            api.remove(_KEYS, key_id)
        return f"key {', '.join(unknown)}, which never signed, is deleted" if unknown else None

    def beside(self, s: OpenIdProviderKeyState) -> tuple[str, ...]:
        """The next key, and those before."""
        return tuple(sorted(_ids(s) - {s.key_id}))

    def accepted(self, api: Vcd, s: OpenIdProviderKeyState, now: Clock) -> bool | None:
        """Look for the key that signs in the published set; whether the next one is there was seen when it was made."""
        if s.next_key_id is not None:
            return True
        keys, _ = api.published_keys()
        try:
            return is_published(s.public_key, keys) or (False if s.active else None)
        except ValueError:
            return None

    def delete(self, api: Vcd, s: OpenIdProviderKeyState, save: Save[OpenIdProviderKeyState]) -> str | None:
        """Let the predecessor sign again, then DELETE what rekey published; an adopted key stays."""
        present = api.all_of(_KEYS)
        kept = {s.key_id} if s.adopted else set()
        # A list that lacks one is no proof that it is gone: a tenant is shown a part of it, or none.
        ours = (_ids(s) | {key.id("id") for key in present if _is_ours(key, s.mark)}) - kept
        if ours and api.active_key(api.configuration()) in ours:
            # Until another one signs nothing has ended: only then something is kept.
            s = save(self._given_back(api, s, present, lambda s: s))
        for key_id in sorted(ours):
            api.remove(_KEYS, key_id)
            save(s)
        return None

    # -- steps ---------------------------------------------------------------------------------------------------

    def _found_again(
        self, api: Vcd, i: OpenIdProviderKeyInputs, mark: str | None, present: list[Body]
    ) -> OpenIdProviderKeyState | None:
        """Return what an interrupted create, or a state that was lost, has left: keys of any generation are ours."""
        pair = None if i.private_key is None else _given(i)
        ours = sorted((key for key in present if _is_ours(key, mark)), key=lambda key: _generation(key, mark))
        usable = [key for key in ours if pair is None or _may_be(pair, key.text("publicKey"))]
        if not ours:
            return None
        configuration = api.configuration()
        signs = api.active_key(configuration)
        newest = usable[-1] if usable else self._post(api, i, key_tail(mark, _generation(ours[-1], mark) + 1))
        key = next((key for key in usable if key.id("id") == signs), newest)
        until = self._until(api, configuration)
        others = (other.id("id") for other in ours if other.id("id") != key.id("id"))
        s = OpenIdProviderKeyState(
            **_shown(key, mark),
            active=True,
            mark=mark,
            retiring=tuple(Retiring(key_id=id_, expires_at=until) for id_ in others),
        )
        return s if key.id("id") == signs else _relieved_by_others(s, until)

    @staticmethod
    def _warn_of_left_behind(api: Vcd, i: OpenIdProviderKeyInputs, mark: str | None, present: list[Body]) -> None:
        """Name what an interrupted create or takeover may have left before the stack, resource or owner was renamed.

        It may as well be another resource's, and does no harm.
        """
        alike = [
            key.id("id")
            for key in present
            if _is_anothers(key, mark) and key_description(_description(key)) == (i.description or "")
        ]
        signs = api.active_key(api.configuration()) if alike else None
        for key_id in alike:
            if key_id != signs:
                api.runtime.warn(
                    f"{api.name}: key {key_id}, which does not sign, was published by rekey for another resource with"
                    " the same description: if that was this one, before it, the stack or rekey:owner was renamed,"
                    " delete it in Cloud Director"
                )

    def _published(
        self, api: Vcd, i: OpenIdProviderKeyInputs, mark: str | None, present: list[Body]
    ) -> OpenIdProviderKeyState:
        self._warn_of_left_behind(api, i, mark, present)
        return OpenIdProviderKeyState(**_shown(self._post(api, i, key_tail(mark, 1)), mark), mark=mark)

    def _with_forgotten(self, api: Vcd, s: OpenIdProviderKeyState, present: list[Body]) -> OpenIdProviderKeyState:
        """Take in the keys of ours that a later state knew, which was lost: each may have signed but the last."""
        ours = {key.id("id"): _generation(key, s.mark) for key in present if _is_ours(key, s.mark)}
        last = max(ours.values(), default=0)
        signed = [key_id for key_id, generation in ours.items() if key_id not in _ids(s) and generation < last]
        until = self._until(api, api.configuration()) if signed else None
        for key_id in signed:
            s = _retiring_until(s, key_id, until)
        return s

    def _posted(
        self, api: Vcd, i: OpenIdProviderKeyInputs, mark: str | None, present: list[Body], known: set[str]
    ) -> Body:
        """POST a key, unless an interrupted run has: the vendor has its private half, and nobody else needs it."""
        pair = None if i.private_key is None else _given(i)
        ours = sorted((key for key in present if _is_ours(key, mark)), key=lambda key: _generation(key, mark))
        for stray in (key for key in reversed(ours) if key.id("id") not in known):
            if pair is None or _may_be(pair, stray.text("publicKey")):
                return stray
            if api.active_key(api.configuration()) != stray.id("id"):
                api.remove(_KEYS, stray.id("id"))
        last = max((_generation(key, mark) for key in ours), default=1)
        return self._post(api, i, key_tail(mark, last + 1))

    def _post(self, api: Vcd, i: OpenIdProviderKeyInputs, tail: str) -> Body:
        pair = generate_key_pair(i.algorithm, i.key_size, i.curve) if i.private_key is None else _given(i)
        payload = {"description": (i.description or "") + tail, "publicKey": pair.public} | _private_half(i, pair)
        return api.post(f"{CLOUDAPI}{_KEYS}", json=payload)

    def _described(self, api: Vcd, i: OpenIdProviderKeyInputs, s: OpenIdProviderKeyState) -> OpenIdProviderKeyState:
        key = api.get(f"{CLOUDAPI}{_KEYS}/{{}}", s.key_id)
        tail = key_tail_in(str(key.get("description") or ""), s.mark)
        body = {**key, "publicKey": key.text("publicKey"), "description": (i.description or "") + tail}
        if i.private_key is not None and _may_be(pair := _given(i), key.text("publicKey")):
            # The page requires it; where rekey made the key, nobody has it any more.
            body |= _private_half(i, pair)
        return s.model_copy(update=_shown(api.put(f"{CLOUDAPI}{_KEYS}/{{}}", s.key_id, json=body), s.mark))

    def _stop_before_anothers(
        self, api: Vcd, configuration: Body, mark: str | None, present: list[Body], own: frozenset[str] = frozenset()
    ) -> None:
        """Stop where the key that signs is another resource's: a renamed one would rotate, and two would take turns."""
        active = api.active_key(configuration)
        if active is None or active in own:
            return
        key = next((key for key in present if key.get("id") == active), None) or api.find(_KEYS, active)
        if key is not None and _is_anothers(key, mark):
            raise Stopped(
                f"{api.name}: key {active}, which signs, was published by rekey for another resource",
                todo="give this resource an alias if it was renamed in the program; if it is being replaced by itself,"
                " after a rename of the stack or of rekey:owner, set rotation.rotate_now instead, which makes another"
                f' key sign; else set adopt="{active}" to manage that key, or activate=False',
                names=active,
            )

    def _activated(
        self, api: Vcd, s: OpenIdProviderKeyState, save: Save[OpenIdProviderKeyState], *, named: bool = False
    ) -> OpenIdProviderKeyState:
        """Read, change one field, write, compare; keep in mind which key signed before."""
        with api.exclusive:
            before = api.configuration()
            present = api.list_once(_KEYS)
            if not named:
                self._stop_before_anothers(api, before, s.mark, present, frozenset(_ids(s)))
            # Kept before it is replaced: the answer to that may be lost.
            s = save(self._relieved(api, s, before, {key.id("id") for key in present if _is_ours(key, s.mark)}))
            api.make_active(before, s.key_id)
        return s.model_copy(update={"active": True, "signed_until": None})

    @staticmethod
    def _later(s: OpenIdProviderKeyState, present: list[Body], signs: str) -> Body | None:
        """Return the key that signs if it is ours and came after all that the state knows: that is an older one."""
        ours = {key.id("id"): key for key in present if _is_ours(key, s.mark)}
        known = max((_generation(ours[key_id], s.mark) for key_id in _ids(s) & ours.keys()), default=0)
        found = ours.get(signs)
        return found if found is not None and _generation(found, s.mark) > known else None

    def _caught_up(
        self, api: Vcd, s: OpenIdProviderKeyState, configuration: Body, later: Body
    ) -> OpenIdProviderKeyState:
        """Return the state with the key that signs as the present one."""
        api.runtime.warn(
            f"{api.name}: key {later.id('id')}, which signs, came after key {s.key_id}, by a state that was lost: it is"
            " the present one again"
        )
        until = self._until(api, configuration)
        waiting = () if s.next_key_id is None else (Retiring(key_id=s.next_key_id, expires_at=until),)
        return _succeeded(s, later, active=True, until=until, retiring=(*waiting, *_old(s)))

    def _relieved(
        self, api: Vcd, s: OpenIdProviderKeyState, before: Body, found: Collection[str] = ()
    ) -> OpenIdProviderKeyState:
        """Keep in mind which key signs until now.

        An older one of ours, found or known, does by somebody's hand, and stays until what it has signed has expired.
        """
        signs = api.active_key(before)
        if signs is None or signs in {s.key_id, s.next_key_id}:
            return s
        if signs in _ids(s).union(found):
            return _retiring_until(s, signs, self._until(api, before))
        return s if s.predecessor_key_id else s.model_copy(update={"predecessor_key_id": signs})

    def _publish_ahead(self, api: Vcd, public_key: str) -> timedelta:
        """Return how long the next key must be published before it signs; nothing where that has no use."""
        for pause in _REPLICATION_PAUSES_S:
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

    def _promoted(
        self,
        api: Vcd,
        i: OpenIdProviderKeyInputs,
        s: OpenIdProviderKeyState,
        save: Save[OpenIdProviderKeyState],
        now: Clock,
    ) -> OpenIdProviderKeyState:
        """Make the next key the present one."""
        key = api.get(f"{CLOUDAPI}{_KEYS}/{{}}", s.next_key_id or "")
        until = now().replace(microsecond=0)
        if i.activate:
            with api.exclusive:
                before = api.configuration()
                self._stop_before_anothers(api, before, s.mark, [], frozenset(_ids(s)))
                if not i.rotation.means_compromise:
                    until += api.id_token_lifetime(before) + _SKEW
                s = save(self._relieved(api, s, before))
                api.make_active(before, key.id("id"))
        elif s.signed_until is not None:
            until = max(until, s.signed_until)
        return _succeeded(s, key, active=i.activate, until=until, retiring=tuple(_old(s)))

    def _retired(self, api: Vcd, s: OpenIdProviderKeyState, old: Retiring) -> OpenIdProviderKeyState:
        """DELETE a key whose tokens have expired, unless somebody has made it sign again."""
        configuration = api.configuration()
        if api.active_key(configuration) == old.key_id:
            api.runtime.warn(
                f"{api.name}: key {old.key_id} signs again, which somebody has seen to: it is not deleted; the next"
                f" `pulumi up` makes key {s.key_id} sign, unless activate=False"
            )
            until = self._until(api, configuration)
            return _relieved_by_others(_retiring_until(s, old.key_id, until), until)
        api.remove(_KEYS, old.key_id)
        return _retiring_until(s, old.key_id, None)

    def _given_back(
        self,
        api: Vcd,
        s: OpenIdProviderKeyState,
        present: list[Body],
        keep: Callable[[OpenIdProviderKeyState], OpenIdProviderKeyState],
    ) -> OpenIdProviderKeyState:
        """Let the key sign again that did before rekey's, unless somebody has made another one sign already."""
        found = {key.id("id") for key in present if _is_ours(key, s.mark)}
        with api.exclusive:
            before = api.configuration()
            signs = api.active_key(before)
            if signs not in _ids(s) | found:
                what = "no key signs" if signs is None else f"key {signs} signs"
                api.runtime.warn(f"{api.name}: {what} now, which somebody has seen to, so that stays")
                return _relieved_by_others(s, self._until(api, before))
            predecessor = self._predecessor(api, s, present)
            s = keep(self._relieved(api, s, before, found))
            api.make_active(before, predecessor)
        return _relieved_by_others(s, self._until(api, before))

    def _predecessor(self, api: Vcd, s: OpenIdProviderKeyState, present: list[Body]) -> str:
        known = s.predecessor_key_id
        predecessor = known if known in {key.id("id") for key in present} else self._only_other(s, present)
        if predecessor is None:
            why = "the key that signed before it is gone" if known else "it is not known which key signed before it"
            raise Stopped(
                f"{api.name}: key {s.key_id} signs, and {why}",
                todo="make another key active in Cloud Director, then run again",
            )
        return predecessor

    @staticmethod
    def _only_other(s: OpenIdProviderKeyState, present: list[Body]) -> str | None:
        """Return the one key that can sign instead, if there is only one: a replacement knows no predecessor."""
        others = [key for key in present if key.id("id") not in _ids(s)]
        if len(others) != 1 or key_has_tail(_description(others[0])):
            return None
        return others[0].id("id")

    @staticmethod
    def _until(api: Vcd, configuration: Body) -> datetime:
        """Return when everything has expired that a key which signs at this moment has signed."""
        return (api.vendor_now() + api.id_token_lifetime(configuration) + _SKEW).replace(microsecond=0)


def _ids(s: OpenIdProviderKeyState) -> set[str]:
    """Return the ids of all keys that the state knows as its own."""
    named = (s.key_id, s.next_key_id, s.previous_key_id, *(old.key_id for old in s.retiring))
    return {key_id for key_id in named if key_id is not None}


def _old(s: OpenIdProviderKeyState) -> list[Retiring]:
    """Return the keys before the present one, the latest first."""
    if s.previous_key_id is None or s.previous_expires_at is None:
        return list(s.retiring)
    return [Retiring(key_id=s.previous_key_id, expires_at=s.previous_expires_at), *s.retiring]


def _ended(s: OpenIdProviderKeyState, now: datetime) -> list[Retiring]:
    return [old for old in _old(s) if old.expires_at <= now]


def _retiring_until(s: OpenIdProviderKeyState, key_id: str, until: datetime | None) -> OpenIdProviderKeyState:
    """Return a state in which one of the old keys goes at another moment, or is gone already."""
    if key_id == s.previous_key_id:
        return s.model_copy(update={"previous_key_id": until and key_id, "previous_expires_at": until})
    others = tuple(old for old in s.retiring if old.key_id != key_id)
    moved = (Retiring(key_id=key_id, expires_at=until),) if until is not None else ()
    return s.model_copy(update={"retiring": others + moved})


def _succeeded(
    s: OpenIdProviderKeyState, key: Body, *, active: bool, until: datetime, retiring: tuple[Retiring, ...]
) -> OpenIdProviderKeyState:
    """Return a state with another key of ours as the present one; what that before has signed lives until ``until``."""
    update = {
        **_shown(key, s.mark),
        "active": active,
        "adopted": None,
        "next_key_id": None,
        "next_activates_at": None,
        "signed_until": None,
        "retiring": retiring,
        "previous_key_id": s.key_id,
        "previous_expires_at": until,
    }
    return s.model_copy(update=update)


def _relieved_by_others(s: OpenIdProviderKeyState, until: datetime) -> OpenIdProviderKeyState:
    """Return a state in which another key signs; what the present one has signed lives until ``until``."""
    return s.model_copy(update={"active": False, "signed_until": until if s.active else s.signed_until})


def _description(key: Body) -> str:
    return str(key.get("description") or "")


def _is_ours(key: Body, mark: str | None) -> bool:
    return key_tail_in(_description(key), mark) != ""


def _is_anothers(key: Body, mark: str | None) -> bool:
    return key_has_tail(_description(key)) and not _is_ours(key, mark)


def _generation(key: Body, mark: str | None) -> int:
    return generation_in(_description(key), mark) or 0


def _given(i: OpenIdProviderKeyInputs) -> KeyPair:
    passphrase = i.private_key_passphrase.get_secret_value() if i.private_key_passphrase else None
    return read_key_pair((i.private_key or SecretStr("")).get_secret_value(), passphrase, i.public_key)


def _private_half(i: OpenIdProviderKeyInputs, pair: KeyPair) -> dict[str, str]:
    passphrase = i.private_key_passphrase
    beside = {} if passphrase is None else {"privateKeyPassphrase": passphrase.get_secret_value()}
    return {"privateKey": pair.private.get_secret_value()} | beside


def _may_be(pair: KeyPair, shown: str) -> bool:
    """Tell whether the vendor shows this pair's public key; what cannot be compared is no reason to rotate."""
    try:
        return same_public_key(pair.public, shown)
    except ValueError:
        return True


def _shown(answer: Body, mark: str | None) -> dict[str, Any]:
    description = answer.maybe("description", str) or ""
    tail = key_tail_in(description, mark)
    return {
        "key_id": answer.id("id"),
        "public_key": answer.text("publicKey"),
        "description": description.removesuffix(tail) or None,
    }


RESOURCE = OpenIdProviderKey()
