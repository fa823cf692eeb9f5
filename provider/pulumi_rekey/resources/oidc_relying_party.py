"""A relying party of VMware Cloud Director's OpenID provider, and its client secret.

Page: https://developer.broadcom.com/xapis/vmware-cloud-director-openapi/latest/ (OidcRelyingParty)

Who makes the secret: the vendor. How many live at once: one. Readable afterwards: no.
A grace cannot be set: nothing documents that the old secret survives its regeneration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from ..endpoints.answer import Body
from ..endpoints.vcd import CLOUDAPI, Vcd, urn_of
from ..errors import AnswerLost, NotFound, Stopped
from ..model import Mark, Secret, VendorId
from ..ownership import marked_name, name_behind_a_mark, name_is_ours
from ..reconciler.contract import Adjustable, Clock, Importable, Inputs, Save, State, end_secret

_PARTIES: Final = "/openIdProvider/relyingParties"


def _redirect_uri(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("is not a URI") from None
    if not parts.scheme or not (parts.netloc or parts.path) or not value.isprintable() or " " in value:
        raise ValueError("is not an absolute URI: write https://HOST/PATH")
    if parts.scheme in {"http", "https"} and not parts.hostname:
        raise ValueError("has no host: write https://HOST/PATH")
    if "#" in value:
        raise ValueError("must not have a fragment")
    return value


RedirectUri = Annotated[str, AfterValidator(_redirect_uri)]


class OidcRelyingPartyInputs(Inputs):
    """What a relying party is called, and where its users may return to."""

    client_name: str = Field(min_length=1, description="The human readable name.", examples=["Grafana"])
    redirect_uris: list[RedirectUri] = Field(
        min_length=1,
        description="Where users may be sent back to: absolute URIs without a fragment, at least one. `http://` only"
        " where the vendor's `allowHttp` is set. The order does not matter.",
        examples=[["https://grafana.example.com/login/generic_oauth"]],
    )
    adopt: Annotated[Annotated[VendorId, urn_of("oidcRelyingParty")] | None, Mark.ADOPTS] = Field(
        default=None,
        description="The id of a relying party that exists and is to be managed instead of a new one. Removing it later"
        " changes nothing; another id replaces.",
        examples=["urn:vcloud:oidcRelyingParty:5f9f3c9e-6f0e-4c0b-9a53-0d4f1c6b5f3a"],
    )


class OidcRelyingPartyState(State):
    """The relying party as the vendor has it."""

    relying_party_id: Annotated[str, Mark.OBJECT_ID] = Field(description="The vendor's id.")
    client_id: Annotated[str, Mark.CLIENT_ID] = Field(
        description="The client id, made by the vendor; it stays when the secret rotates."
    )
    client_name: str
    redirect_uris: list[str]
    client_secret: Secret | None = Field(
        default=None, description="The secret that the vendor accepts; unset while an adopted one has not rotated."
    )
    #: Set if the object was there before rekey.
    adopted: bool | None = None


class OidcRelyingParty(
    Adjustable[OidcRelyingPartyInputs, OidcRelyingPartyState, Vcd],
    Importable[OidcRelyingPartyInputs, OidcRelyingPartyState, Vcd],
):
    """Register, PUT, regenerateSecret, DELETE."""

    vendor = "vcd"
    inputs = OidcRelyingPartyInputs
    state = OidcRelyingPartyState
    import_id = ("adopt",)

    def remarks(self, i: OidcRelyingPartyInputs, s: OidcRelyingPartyState | None) -> list[str]:
        """The secret of an adopted relying party is not there to be read."""
        if s is None and i.adopt is not None and i.rotation.on_adopt != "rotate":
            return ["keeps the secret in use, which cannot be read: `client_secret` stays unset until a rotation"]
        return []

    def create(
        self, api: Vcd, i: OidcRelyingPartyInputs, mark: str | None, save: Save[OidcRelyingPartyState]
    ) -> OidcRelyingPartyState:
        """Register under a marked name; as a changed setting it gets the real one last.

        So what an interruption leaves is known as ours.
        """
        if i.adopt is not None:
            found = self.find(api, {"adopt": i.adopt}, mark)
            if found is None:
                raise NotFound(f"{api.name}: there is no relying party {i.adopt}", todo="correct `adopt`")
            return found
        s = self._interrupted(api, i, mark)
        if s is None:
            payload = {"clientName": marked_name(i.client_name, mark), "redirectUris": i.redirect_uris}
            answer = api.post(f"{CLOUDAPI}{_PARTIES}", json=payload)
            s = OidcRelyingPartyState(
                **_shown(answer), client_secret=None if answer.from_task else answer.secret("clientSecret")
            )
        # Where the answer was lost, or a task's, nobody has seen the secret.
        return s if s.client_secret is not None else self._regenerated(api, s)

    def _interrupted(self, api: Vcd, i: OidcRelyingPartyInputs, mark: str | None) -> OidcRelyingPartyState | None:
        parties = api.list_once(_PARTIES)
        for party in parties:
            # The program may have been edited since, so only the mark tells.
            if name_is_ours(str(party.get("clientName")), mark):
                return OidcRelyingPartyState(**_shown(party))
        for party in parties:
            name = str(party.get("clientName"))
            if i.client_name in (name, name_behind_a_mark(name)) and set(party.texts("redirectUris")) == set(
                i.redirect_uris
            ):
                raise _in_the_way(api, party.id("id"), begun=name != i.client_name)
        return None

    def existing(self, api: Vcd, within: Collection[str]) -> Iterable[Mapping[str, str]]:
        """GET all pages of the list."""
        return [{"adopt": found.id("id")} for found in api.all_of(_PARTIES)]

    def find(self, api: Vcd, at: Mapping[str, str], mark: str | None) -> OidcRelyingPartyState | None:
        """GET it; the secret in use is not shown."""
        found = api.find(_PARTIES, at["adopt"])
        return None if found is None else OidcRelyingPartyState(**_shown(found), adopted=True)

    def read(self, api: Vcd, s: OidcRelyingPartyState) -> OidcRelyingPartyState | None:
        """GET it; the secret is never shown."""
        found = api.find(_PARTIES, s.relying_party_id)
        return None if found is None else s.model_copy(update=_shown(found))

    def update(
        self,
        api: Vcd,
        i: OidcRelyingPartyInputs,
        s: OidcRelyingPartyState,
        changed: frozenset[str],
        save: Save[OidcRelyingPartyState],
    ) -> OidcRelyingPartyState:
        """PUT the whole object; what is read-only is never sent."""
        payload = {"clientName": i.client_name, "redirectUris": i.redirect_uris}
        answer = api.put(f"{CLOUDAPI}{_PARTIES}/{{}}", s.relying_party_id, json=payload)
        return s.model_copy(update=_shown(answer))

    def changed(self, i: OidcRelyingPartyInputs, s: OidcRelyingPartyState) -> frozenset[str]:
        """Compare without the order of the redirect URIs."""
        same_uris = set(i.redirect_uris) == set(s.redirect_uris)
        return super().changed(i, s) - ({"redirect_uris"} if same_uris else set())

    def sent(self, i: OidcRelyingPartyInputs, changed: frozenset[str]) -> dict[str, Any]:
        """The whole object is sent whatever of it has changed."""
        return super().sent(i, self.settings() if changed else changed)

    def rotate(
        self,
        api: Vcd,
        i: OidcRelyingPartyInputs,
        s: OidcRelyingPartyState,
        save: Save[OidcRelyingPartyState],
        now: Clock,
    ) -> OidcRelyingPartyState:
        """POST regenerateSecret: the old secret ends."""
        return self._regenerated(api, s)

    def _regenerated(self, api: Vcd, s: OidcRelyingPartyState) -> OidcRelyingPartyState:
        answer = self._regenerate(api, s)
        if answer is None:
            lost = AnswerLost(
                f"{api.name}: POST …/{s.relying_party_id}/regenerateSecret: 202: done by a task, which shows no secret",
                todo="run `pulumi up` again: it makes the next one; while Cloud Director answers this with a task, no"
                " secret can be had from it",
            )
            lost.aftermath = "the secret before has ended, and nobody knows the new one"
            raise lost
        # No page says whether the client id stays: the secret is that of the client that the answer shows.
        client_id = answer.maybe("clientId", str) or s.client_id
        return s.model_copy(update={"client_id": client_id, "client_secret": answer.secret("clientSecret")})

    def _regenerate(self, api: Vcd, s: OidcRelyingPartyState) -> Body | None:
        """POST regenerateSecret and return the answer, which must have the new secret; a task has none to show."""
        answer = api.post(f"{CLOUDAPI}{_PARTIES}/{{}}/regenerateSecret", s.relying_party_id)
        if answer.from_task:
            return None
        answer.secret("clientSecret")
        return answer

    def delete(self, api: Vcd, s: OidcRelyingPartyState, save: Save[OidcRelyingPartyState]) -> str | None:
        """DELETE what rekey registered; of an adopted one, revoke the secret that rekey minted."""
        if not s.adopted:
            api.remove(_PARTIES, s.relying_party_id)
            return None
        secret = s.client_secret
        if secret is None:
            return None
        ours = _accepts(api, s, secret)
        if ours:

            def replace() -> None:
                self._regenerate(api, s)
                save(s)

            lives = end_secret(api, replace, lambda: _accepts(api, s, secret))
            return lives and f"{api.name}: the secret of relying party {s.relying_party_id} was replaced; {lives}"
        if ours is None:
            return (
                f"{api.name}: nobody can tell from here whether the secret of relying party {s.relying_party_id} is"
                " still rekey's: it stays, and works; regenerate it in Cloud Director if nobody else has"
            )
        return f"{api.name}: relying party {s.relying_party_id} has another secret than the one in the state: it stays"

    def accepted(self, api: Vcd, s: OidcRelyingPartyState, now: Clock) -> bool | None:
        """Present the secret at the token endpoint with a code that nobody was given."""
        return None if s.client_secret is None else _accepts(api, s, s.client_secret)


def _in_the_way(api: Vcd, id_: str, *, begun: bool) -> Stopped:
    if begun:
        return Stopped(
            f"{api.name}: relying party {id_} was begun by rekey for another resource, with the same name and redirect"
            " URIs",
            todo=f'if that was this one, before it, the stack or rekey:owner was renamed, set adopt="{id_}" with'
            ' rotation.on_adopt="rotate", or delete it: nobody has its secret; else run again when the other one is'
            " done",
            names=id_,
        )
    return Stopped(
        f"{api.name}: relying party {id_} has the same name and redirect URIs",
        todo=f'set adopt="{id_}" to manage it, with rotation.on_adopt="rotate" if nobody has its secret, or delete it;'
        " if this resource was renamed in the program, give it an alias; if it is being replaced, let it be deleted"
        " first (delete_before_replace)",
        names=id_,
    )


def _accepts(api: Vcd, s: OidcRelyingPartyState, secret: SecretStr) -> bool | None:
    return api.knows_client(s.client_id, secret.get_secret_value())


def _shown(answer: Body) -> dict[str, Any]:
    return {
        "relying_party_id": answer.id("id"),
        "client_id": answer.text("clientId"),
        "client_name": answer.text("clientName"),
        "redirect_uris": answer.texts("redirectUris"),
    }


RESOURCE = OidcRelyingParty()
