"""An OAuth app of an organization in VMware Cloud Partner Navigator, and its secret.

Page: https://developer.vmware.com/apis/cloud-partner-navigator/identity/latest/ ("Update Organization OAuth
Application By Organization ID And Application ID", and the pages beside it)

Who makes the secret: rekey, so that it is known whatever happens to the answer. How many live at once: two, for as
long as ``rotation.grace`` says. Readable afterwards: no.

Navigator documents no way to delete an app: a destroy ends the secret and leaves the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AliasGenerator, BeforeValidator, ConfigDict, Field, SecretStr, StrictBool
from pydantic.alias_generators import to_camel

from ..endpoints.answer import Body
from ..endpoints.navigator import BASE, Navigator
from ..errors import BadAnswer, Error, Forbidden, NotFound, NotProvenGone, Rejected
from ..key_material import generate_secret, secret_rule
from ..model import IMMUTABLE, NO_FLAG, Mark, Model, Secret, VendorId
from ..ownership import own_app_id
from ..reconciler.contract import Adjustable, Clock, Importable, Inputs, Save, TwoSecrets, TwoSecretsState, end_secret

_APPS: Final = f"{BASE}/v2/orgs/{{}}/oauth-apps"
_APP: Final = f"{_APPS}/{{}}"
_SECRET: Final = f"{_APP}/secret"
#: Ten years: whatever number an app has saved, no more is reckoned with.
_MAX_SAVED_GRACE_S: Final = 315_360_000

_NAMES: Final = {
    "display_name": "displayName",
    "description": "description",
    "access_token_ttl": "accessTokenTTL",
    "allowed_scopes": "allowedScopes",
    "owner_only_secret_rotation": "ownerOnlySecretRotation",
}


class _Scopes(Model):
    # Snake case in code and state, the vendor's camel case in requests.
    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


class Role(_Scopes):
    """A role by its name."""

    name: str = Field(description="The role's name.")


class OrganizationScopes(_Scopes):
    """What the app may do in the organization."""

    roles: tuple[Role, ...] = Field(default=(), description="Organization roles.")


class ServiceScopes(_Scopes):
    """What the app may do in one service."""

    service_definition_id: str = Field(description="The service.")
    all_roles: StrictBool = Field(default=False, description="Whether it has every role of the service.")
    roles: tuple[Role, ...] = Field(default=(), description="Roles of the service.")


class AllowedScopes(_Scopes):
    """The allowed general, organization and service scopes of access; a part that is left out is not managed."""

    general_scopes: tuple[str, ...] | None = Field(default=None, description="General scopes, such as openid.")
    organization_scopes: OrganizationScopes | None = Field(default=None, description="Scopes in the organization.")
    services_scopes: tuple[ServiceScopes, ...] | None = Field(default=None, description="Scopes in services.")


_NO_SCOPES: Final = AllowedScopes(general_scopes=(), organization_scopes=OrganizationScopes(), services_scopes=())


def _empty_clears(value: Any) -> Any:
    return _NO_SCOPES if value == {} else value


class OrgOAuthAppInputs(Inputs):
    """The organization, and the app's settings."""

    org_id: VendorId = Field(description="The organization (GUID).", json_schema_extra=IMMUTABLE)
    adopt: Annotated[VendorId | None, Mark.ADOPTS] = Field(
        default=None,
        description="The id of an app that exists and is to be managed instead of a new one. Removing it later changes"
        " nothing; another id replaces.",
    )
    context: Literal["OPERATOR", "PROVIDER", "TENANT"] | None = Field(
        default=None,
        description="In which context the app is created and changed: `PROVIDER`, `TENANT` or, for creation only,"
        " `OPERATOR`. A change counts from the next call on.",
    )
    display_name: str | None = Field(default=None, description="The app's name.", examples=["billing-export"])
    description: str | None = Field(default=None, description="The app's description; empty clears it.")
    access_token_ttl: Annotated[int, Field(ge=1, le=2**31 - 1), NO_FLAG] | None = Field(
        default=None, description="How long the app's access tokens live, in seconds."
    )
    allowed_scopes: Annotated[AllowedScopes, BeforeValidator(_empty_clears)] | None = Field(
        default=None,
        description="What the app may do; order does not matter, a part that is left out is not managed, and `{}`"
        " clears all.",
    )
    owner_only_secret_rotation: StrictBool | None = Field(
        default=None, description="Whether the app is forbidden to rotate its own secret."
    )
    secret: Annotated[Annotated[Secret, secret_rule("navigator")] | None, Mark.EXPLICIT_SECRET] = Field(
        default=None,
        description="The secret to set: at least 8 characters, with a lower-case letter, an upper-case letter, a"
        " digit and a special character. By default rekey makes it.",
    )


class OrgOAuthAppState(TwoSecretsState):
    """The app as the vendor has it, and the secret that rekey gave it."""

    org_id: str
    # The app's id is its client id.
    oauth_app_id: Annotated[str, Mark.OBJECT_ID, Mark.CLIENT_ID] = Field(
        description="The app's id, which is its OAuth client id."
    )
    display_name: Annotated[str | None, Mark.MINTED] = None
    description: Annotated[str | None, Mark.MINTED] = None
    access_token_ttl: Annotated[int | None, Mark.MINTED] = None
    allowed_scopes: Annotated[AllowedScopes | None, Mark.MINTED] = None
    owner_only_secret_rotation: Annotated[bool | None, Mark.MINTED] = None
    secret: Secret | None = Field(
        default=None, description="The secret that the vendor accepts; unset while an adopted one has not rotated."
    )
    previous_secret: Secret | None = Field(
        default=None, description="The secret before, while it still works (see `previous_expires_at`)."
    )
    #: The vendor's stamp of the last change that rekey made or saw, in the vendor's unit.
    last_updated_at: Annotated[int | None, Mark.MINTED] = None
    #: For how long the app's old secret lives where a rotation asks for no grace, in seconds.
    saved_grace: Annotated[int | None, Mark.MINTED] = None


class OrgOAuthApp(
    Adjustable[OrgOAuthAppInputs, OrgOAuthAppState, Navigator],
    Importable[OrgOAuthAppInputs, OrgOAuthAppState, Navigator],
    TwoSecrets[OrgOAuthAppInputs, OrgOAuthAppState, Navigator],
):
    """POST, GET and PATCH of an app, and POST or PUT of its secret."""

    vendor = "navigator"
    inputs = OrgOAuthAppInputs
    state = OrgOAuthAppState
    import_id = ("org_id", "adopt")
    overlap = "no overlap is asked for: set rotation.grace to keep the old secret for a time"

    def remarks(self, i: OrgOAuthAppInputs, s: OrgOAuthAppState | None) -> list[str]:
        """The secret of an adopted app is not there to be read."""
        if s is None and i.adopt is not None and i.secret is None and i.rotation.on_adopt != "rotate":
            return ["keeps the app's secret, which cannot be read: `secret` stays unset until a rotation"]
        return []

    def create(
        self, api: Navigator, i: OrgOAuthAppInputs, mark: str | None, save: Save[OrgOAuthAppState]
    ) -> OrgOAuthAppState:
        """POST an app with an id by which an interrupted create, or the app that a destroy left, is found again."""
        if i.adopt is not None:
            s = self.find(api, {"org_id": i.org_id, "adopt": i.adopt}, mark)
            if s is None:
                raise NotFound(f"{api.name}: there is no app {i.adopt}", todo="correct `adopt`")
            return self._patch(api, i, s, self.changed(i, s), save, secret=i.secret, now=api.vendor_clock)
        secret = i.secret or generate_secret("navigator")
        own_id = None if mark is None else own_app_id(mark, i.org_id)
        found = None if own_id is None else self._left_behind(api, i.org_id, own_id)
        if own_id is not None and found is not None:
            api.runtime.warn(
                f"{api.name}: app {own_id}, which an earlier run of this resource has made, is there: its secret is"
                " ended"
            )
            s = _shown(OrgOAuthAppState(org_id=i.org_id, oauth_app_id=own_id), found)
            return self._patch(api, i, s, self.changed(i, s), save, secret=secret)
        body = {_NAMES[name]: _sent(i, None, name) for name in _NAMES if getattr(i, name) is not None}
        body["secret"] = secret.get_secret_value()
        if own_id is not None:
            body["id"] = own_id
        try:
            answer = api.post(_APPS, i.org_id, json=body, query={"context": i.context} if i.context else None)
        except Error as failed:
            if own_id is not None and not failed.no_effect:
                # Navigator lists no apps: under another name of this resource nobody would find it again.
                failed.advice = (
                    "run `pulumi up` again before this resource, the stack or rekey:owner is renamed: it finds app"
                    f" {own_id} by these"
                )
            raise
        s = save(
            OrgOAuthAppState(
                org_id=i.org_id,
                oauth_app_id=answer.text("clientId"),
                secret=SecretStr(answer.maybe("clientSecret", str) or secret.get_secret_value()),
            )
        )
        return _shown(s, api.get(_APP, s.org_id, s.oauth_app_id))

    @staticmethod
    def _left_behind(api: Navigator, org_id: str, own_id: str) -> Body | None:
        """Return the app that an interrupted create or a destroy has left, as far as that can be told."""
        try:
            return api.find(_APP, org_id, own_id)
        except NotProvenGone:
            # An id that is taken after all is refused.
            return None

    def find(self, api: Navigator, at: Mapping[str, str], mark: str | None) -> OrgOAuthAppState | None:
        """GET the app; its secret is not shown."""
        found = api.find(_APP, at["org_id"], at["adopt"])
        return None if found is None else _shown(OrgOAuthAppState(org_id=at["org_id"], oauth_app_id=at["adopt"]), found)

    def read(self, api: Navigator, s: OrgOAuthAppState) -> OrgOAuthAppState | None:
        """GET the app; its secret is not shown."""
        found = api.find(_APP, s.org_id, s.oauth_app_id)
        return None if found is None else _seen(s, found)

    def changed(self, i: OrgOAuthAppInputs, s: OrgOAuthAppState) -> frozenset[str]:
        """Compare the settings that are given; in scopes order means nothing, nor does a part that is left out."""
        changed = super().changed(i, s) - {"allowed_scopes"}
        if i.description == "" and s.description is None:
            changed -= {"description"}
        return changed | ({"allowed_scopes"} if _differ(i.allowed_scopes, s.allowed_scopes) else set())

    def sent(self, i: OrgOAuthAppInputs, changed: frozenset[str]) -> dict[str, Any]:
        """Of scopes the answer shows those that are not managed, too, and what is cleared may read as none."""
        cleared = {"description"} if i.description == "" else set()
        return super().sent(i, changed - {"allowed_scopes"} - cleared)

    def refreshed(self, changed: frozenset[str]) -> frozenset[str]:
        """The answer shows the whole app."""
        return frozenset({*_NAMES, "last_updated_at", "saved_grace"}) if changed else changed

    def update(
        self,
        api: Navigator,
        i: OrgOAuthAppInputs,
        s: OrgOAuthAppState,
        changed: frozenset[str],
        save: Save[OrgOAuthAppState],
    ) -> OrgOAuthAppState:
        """PATCH the changed fields only."""
        return self._patch(api, i, s, changed, save)

    def rotate(
        self,
        api: Navigator,
        i: OrgOAuthAppInputs,
        s: OrgOAuthAppState,
        save: Save[OrgOAuthAppState],
        now: Clock,
    ) -> OrgOAuthAppState:
        """POST the next secret with the old one's grace, the call whose overlap is documented; else PATCH it."""
        secret = i.secret or generate_secret("navigator")
        grace = i.rotation.grace
        if not grace:
            return self._patch(api, i, s, frozenset(), save, secret=secret, grace=grace, now=now)
        # Asked before the call, so that the old secret is never promised for longer.
        minted = _minted(s, secret, _end(now(), grace))
        save.if_lost(minted)
        body = {
            "newClientSecret": secret.get_secret_value(),
            "secretExpirationTimeInSeconds": int(grace.total_seconds()),
        }
        try:
            answer = api.request("POST", _SECRET, s.org_id, s.oauth_app_id, json=body, repeatable=False, empty=True)
        except (Rejected, Forbidden, NotFound):
            return self._patch(api, i, s, frozenset(), save, secret=secret, grace=grace, now=now)
        if answer:
            raise BadAnswer(f"{api.name}: POST …/{s.oauth_app_id}/secret: the answer has content; none is documented")
        s = save(minted)
        return _shown(s, api.get(_APP, s.org_id, s.oauth_app_id))

    def recover(self, api: Navigator, s: OrgOAuthAppState) -> OrgOAuthAppState:
        """GET the app: its last change was rekey's own, and no sign that somebody else has set a secret."""
        return _shown(s, api.get(_APP, s.org_id, s.oauth_app_id))

    def resend_inputs(self, i: OrgOAuthAppInputs, s: OrgOAuthAppState, now: Clock) -> OrgOAuthAppInputs:
        """Give the next secret, with what is left of the old one's grace."""
        left = timedelta() if s.expires_at is None else max(s.expires_at - now(), timedelta())
        # Where none was asked for, the old one may live for as long as the app has saved.
        grace = i.rotation.grace if s.expires_at is None else left
        rotation = i.rotation.model_copy(update={"grace": grace})
        return i.model_copy(update={"secret": s.next_secret, "rotation": rotation})

    def lifetime_without_grace(self, s: OrgOAuthAppState) -> timedelta | None:
        """What the app has saved for rotations that do not say."""
        return (
            timedelta(seconds=min(s.saved_grace, _MAX_SAVED_GRACE_S)) if s.saved_grace and s.saved_grace > 0 else None
        )

    def accepted(self, api: Navigator, s: OrgOAuthAppState, now: Clock) -> bool | None:
        """Ask for an access token with the id and secret."""
        return _accepts(api, s, s.secret)

    def removal(self, s: OrgOAuthAppState) -> str:
        """Say that no app is deleted, whoever made it."""
        return super().removal(s.model_copy(update={"adopted": True}))

    def delete(self, api: Navigator, s: OrgOAuthAppState, save: Save[OrgOAuthAppState]) -> str | None:
        """PUT a secret of the vendor's making and throw the answer away, if the present one is still ours."""
        found = api.find(_APP, s.org_id, s.oauth_app_id)
        if found is None:
            return None
        remains = f"the app {s.oauth_app_id} remains: Navigator documents no way to delete it"
        waiting = _accepts(api, s, s.next_secret)
        if not waiting and not _accepts(api, s, s.secret):
            return f"{remains}; its secret is not one that rekey gave it, and stays"
        # Where the next one is in force, rekey's own change explains the stamp.
        if not waiting and _seen(s, found).last_updated_at != found.get("lastUpdatedAt"):
            # That the secret works is not enough: another one may have come, with a grace for ours.
            return f"{remains}; somebody has changed it, in no setting, so that its secret may be theirs, and stays"
        ours = s.next_secret if waiting else s.secret

        def replace() -> None:
            # An answer without the secret that it has made is of something else.
            api.put(_SECRET, s.org_id, s.oauth_app_id).secret("clientSecret")
            save(s)

        lives = end_secret(api, replace, lambda: _accepts(api, s, ours))
        return f"{remains}; its secret has been replaced by one that nobody knows{f'; {lives}' if lives else ''}"

    def _patch(
        self,
        api: Navigator,
        i: OrgOAuthAppInputs,
        s: OrgOAuthAppState,
        changed: frozenset[str],
        save: Save[OrgOAuthAppState],
        *,
        secret: SecretStr | None = None,
        grace: timedelta | None = None,
        now: Clock | None = None,
    ) -> OrgOAuthAppState:
        """PATCH changed settings and, where one is given, the secret; without either there is nothing to send."""
        body = {_NAMES[name]: _sent(i, s, name) for name in sorted(changed)}
        moment = now() if now is not None else None

        def minted(shown: OrgOAuthAppState, secret: SecretStr) -> OrgOAuthAppState:
            lives = self.lifetime_without_grace(shown) if grace is None else grace
            return _minted(s, secret, _end(moment, lives))

        if secret is not None:
            body["secret"] = secret.get_secret_value()
            if grace is not None:
                body["secretRotationExpirationInSeconds"] = int(grace.total_seconds())
            save.if_lost(minted(s, secret))
        if not body:
            return s
        answer = api.request(
            "PATCH",
            _APP,
            s.org_id,
            s.oauth_app_id,
            json=body,
            # The page of PATCH knows two contexts, that of POST three.
            query={"context": i.context} if i.context in {"PROVIDER", "TENANT"} else None,
        )
        if secret is None:
            return _shown(s, answer)
        shown = _shown(save(minted(s, secret)), answer)
        # What the app has saved since the last look, the answer shows.
        return _shown(minted(shown, secret), answer)


def _sent(i: OrgOAuthAppInputs, s: OrgOAuthAppState | None, name: str) -> Any:
    if name != "allowed_scopes" or i.allowed_scopes is None:
        return getattr(i, name)
    # Scopes are sent whole: the parts that are not managed as they are.
    scopes = (s.allowed_scopes if s else None) or AllowedScopes()
    given = {
        part: value for part in AllowedScopes.model_fields if (value := getattr(i.allowed_scopes, part)) is not None
    }
    return scopes.model_copy(update=given).model_dump(by_alias=True, exclude_none=True)


def _differ(wanted: AllowedScopes | None, shown: AllowedScopes | None) -> bool:
    """Tell whether the parts that are wanted are others than those shown, in whatever order."""
    if wanted is None:
        return False
    from deepdiff import DeepDiff

    parts = wanted.model_dump(exclude_none=True)
    present = (_NO_SCOPES if shown is None else shown).model_dump(include=set(parts))
    return bool(DeepDiff(parts, present, ignore_order=True))


def _shown(s: OrgOAuthAppState, answer: Body) -> OrgOAuthAppState:
    answer.some_of("id", "createdAt", "lastUpdatedAt", "grantTypes", *_NAMES.values())
    scopes = _scopes(answer)
    return s.model_copy(
        update={
            "display_name": answer.maybe("displayName", str),
            "description": answer.maybe("description", str),
            "access_token_ttl": answer.maybe("accessTokenTTL", int),
            # The vendor's order is no news.
            "allowed_scopes": scopes if _differ(scopes, s.allowed_scopes) else s.allowed_scopes or scopes,
            "owner_only_secret_rotation": answer.maybe("ownerOnlySecretRotation", bool),
            "last_updated_at": answer.maybe("lastUpdatedAt", int),
            "saved_grace": answer.maybe("secretRotationExpirationInSeconds", int),
        }
    )


def _seen(s: OrgOAuthAppState, answer: Body) -> OrgOAuthAppState:
    """Take in what others did; a change that no setting shows was one of the secret, and keeps the old stamp."""
    shown = _shown(s, answer)
    unexplained = shown.model_copy(update={"last_updated_at": s.last_updated_at})
    return s if unexplained == s else shown


def _scopes(answer: Body) -> AllowedScopes:
    scopes = _object(answer, "allowedScopes")
    return AllowedScopes(
        general_scopes=tuple(scopes.texts("generalScopes")) if scopes.get("generalScopes") else (),
        organization_scopes=OrganizationScopes(roles=_roles(_object(scopes, "organizationScopes"))),
        services_scopes=tuple(
            ServiceScopes(
                service_definition_id=service.text("serviceDefinitionId"),
                all_roles=service.maybe("allRoles", bool) or False,
                roles=_roles(service),
            )
            for service in _objects(scopes, "servicesScopes")
        ),
    )


def _roles(scopes: Body) -> tuple[Role, ...]:
    return tuple(Role(name=role.text("name")) for role in _objects(scopes, "roles"))


def _object(answer: Body, name: str) -> Body:
    return answer.object(name) if answer.get(name) else Body("", {})


def _objects(answer: Body, name: str) -> list[Body]:
    return answer.objects(name) if answer.get(name) else []


def _end(now: datetime | None, lives: timedelta | None) -> datetime | None:
    """Return when the old secret ends; nothing if it ends at once."""
    return (now + lives).replace(microsecond=0) if now is not None and lives else None


def _minted(s: OrgOAuthAppState, secret: SecretStr, ends: datetime | None) -> OrgOAuthAppState:
    previous = s.secret if ends else None
    new = {"secret": secret, "previous_secret": previous, "next_secret": None, "candidate": None}
    return s.model_copy(update={**new, "expires_at": None, "previous_expires_at": ends})


def _accepts(api: Navigator, s: OrgOAuthAppState, secret: SecretStr | None) -> bool | None:
    return None if secret is None else api.accepts_client(s.org_id, s.oauth_app_id, secret)


RESOURCE = OrgOAuthApp()
