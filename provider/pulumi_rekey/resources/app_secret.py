"""The secret of a Huawei ROMA Connect application.

Page: https://support.huaweicloud.com/intl/en-us/api-roma/ResetRomaAppSecret.html (and CheckRomaAppSecret.html)

Who makes the secret: the caller, or the vendor. How many live at once: one. Readable afterwards: yes.
A grace cannot be set: the old secret ends with the reset.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from ..endpoints.roma import Roma
from ..errors import BadAnswer
from ..key_material import generate_secret, secret_rule
from ..model import IMMUTABLE, Mark, Secret, vendor_id
from ..reconciler.contract import ChosenSecret, ChosenSecretState, Clock, Importable, Inputs, Save

#: Some documentation examples show "JNs****Djd": no secret holds an asterisk, so one that does is masked.
_MASK: Final = "*"
#: Characters of a masked secret by which one is told from another; the vendor's examples show six.
_MIN_SHOWN: Final = 4
_PATH: Final = "/v2/{}/instances/{}/apps/{}/secret"


#: The page bounds every id.
RomaId = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(vendor_id)]


class AppSecretInputs(Inputs):
    """Which application, and its secret if it is given."""

    instance_id: RomaId = Field(
        description="The ROMA Connect instance.",
        json_schema_extra=IMMUTABLE,
        examples=["5b3c1a52-2a0b-4ec9-9f6c-0a1f6fd1d0d3"],
    )
    app_id: Annotated[RomaId, Mark.ADOPTS] = Field(
        description="The application, which exists.",
        json_schema_extra=IMMUTABLE,
        examples=["b2e6b145-4f3f-4a80-aa45-f4b8029f95a3"],
    )
    project_id: RomaId | None = Field(
        default=None,
        description="The project of the instance; by default the endpoint's.",
        json_schema_extra=IMMUTABLE,
    )
    secret: Annotated[Annotated[Secret, secret_rule("roma")] | None, Mark.EXPLICIT_SECRET] = Field(
        default=None,
        description="The secret to set: letters, digits and `!@#$%+=.-/` only. By default it stays as it is until"
        " it rotates, and rekey makes the next one.",
    )


class AppSecretState(ChosenSecretState):
    """The application and the secret that it has."""

    instance_id: str
    app_id: Annotated[str, Mark.OBJECT_ID]
    project_id: str | None = None
    secret: Secret | None = Field(
        default=None,
        description="The secret that the vendor accepts; unset while an adopted one cannot be read.",
    )


class AppSecret(
    Importable[AppSecretInputs, AppSecretState, Roma],
    ChosenSecret[AppSecretInputs, AppSecretState, Roma],
):
    """GET and PUT of one secret; the application itself is not rekey's."""

    vendor = "roma"
    inputs = AppSecretInputs
    state = AppSecretState
    verified_by_read = True
    import_id = ("instance_id", "app_id")

    def create(self, api: Roma, i: AppSecretInputs, mark: str | None, save: Save[AppSecretState]) -> AppSecretState:
        """GET the secret that is there, unless another one is given."""
        project_id = api.in_project(i.project_id).project_id
        s = AppSecretState(instance_id=i.instance_id, app_id=i.app_id, project_id=project_id)
        return self._put(api, s, i.secret, save) if i.secret else _as_shown(s, self._shown(api, s))

    def existing(self, api: Roma, within: Collection[str]) -> Iterable[Mapping[str, str]] | None:
        """GET all pages of each instance's applications; of instances this API has no list."""
        found = [(instance, app) for instance in sorted(within) for app in api.applications(api.project_id, instance)]
        return [{"instance_id": instance, "app_id": app} for instance, app in sorted(found)] if within else None

    def find(self, api: Roma, at: Mapping[str, str], mark: str | None) -> AppSecretState | None:
        """GET the secret that is there."""
        instance_id, app_id = at["instance_id"], at["app_id"]
        return self.read(api, AppSecretState(instance_id=instance_id, app_id=app_id, project_id=api.project_id))

    def read(self, api: Roma, s: AppSecretState) -> AppSecretState | None:
        """GET the secret."""
        found = self._found(api, s)
        return None if found is None else _as_shown(s, found)

    def rotate(
        self, api: Roma, i: AppSecretInputs, s: AppSecretState, save: Save[AppSecretState], now: Clock
    ) -> AppSecretState:
        """PUT the given secret, or one made here: a chosen secret can be sent again if the answer is lost."""
        secret = i.secret or generate_secret("roma")
        save.if_lost(_minted(s, secret))
        return self._put(api, s, secret, save)

    def resend_inputs(self, i: AppSecretInputs, s: AppSecretState, now: Clock) -> AppSecretInputs:
        """Give the next secret."""
        return i.model_copy(update={"secret": s.next_secret})

    def delete(self, api: Roma, s: AppSecretState, save: Save[AppSecretState]) -> str | None:
        """PUT a random secret that nobody keeps, if the present one is still ours."""
        stored = [secret for secret in (s.secret, s.next_secret) if secret is not None]
        if not stored or (shown := self._found(api, s)) is None:
            return None
        seen = {_is_shown_as(secret, shown) for secret in stored}
        ours = True if True in seen else None if None in seen else False
        if ours:
            self._put(api, s, generate_secret("roma"), save)
            return None
        if ours is None:
            return (
                f"{api.name}: the secret of application {s.app_id} is masked, so that nobody can tell whether it is"
                " still rekey's: it stays, and works; reset it in ROMA Connect if nobody else has set it"
            )
        return f"{api.name}: application {s.app_id} has another secret than the one in the state: it stays"

    def accepted(self, api: Roma, s: AppSecretState, now: Clock) -> bool | None:
        """GET the secret back."""
        return None if s.secret is None else _is_shown_as(s.secret, self._shown(api, s))

    def _shown(self, api: Roma, s: AppSecretState) -> SecretStr:
        project = api.in_project(s.project_id)
        answer = project.get(_PATH, project.project_id, s.instance_id, s.app_id)
        return answer.secret("secret")

    def _found(self, api: Roma, s: AppSecretState) -> SecretStr | None:
        project = api.in_project(s.project_id)
        answer = project.find(_PATH, project.project_id, s.instance_id, s.app_id)
        return None if answer is None else answer.secret("secret")

    def _put(self, api: Roma, s: AppSecretState, secret: SecretStr, save: Save[AppSecretState]) -> AppSecretState:
        project, chosen = api.in_project(s.project_id), {"secret": secret.get_secret_value()}
        answer = project.put(_PATH, project.project_id, s.instance_id, s.app_id, json=chosen)
        # The vendor echoes what it has set; what echoes nothing, or something else, has not done it.
        if _is_shown_as(secret, answer.secret("secret")) is False:
            raise BadAnswer(f"{api.name}: PUT …/{s.app_id}/secret: the answer shows another secret")
        return save(_minted(s, secret))


def _minted(s: AppSecretState, secret: SecretStr) -> AppSecretState:
    return s.model_copy(update={"secret": secret, "next_secret": None, "candidate": None})


def _as_shown(s: AppSecretState, shown: SecretStr) -> AppSecretState:
    if s.secret is not None and _is_shown_as(s.secret, shown) is not False:
        return s
    # What is masked is not a secret: then none is known.
    return s.model_copy(update={"secret": None if _MASK in shown.get_secret_value() else shown})


def _is_shown_as(secret: SecretStr, shown: SecretStr) -> bool | None:
    """Tell whether the vendor shows this secret, whole or with its middle masked; nothing if it shows too little."""
    value, seen = secret.get_secret_value(), shown.get_secret_value()
    if _MASK not in seen:
        return hmac.compare_digest(value.encode(), seen.encode())
    head, tail = seen.partition(_MASK)[0], seen.rpartition(_MASK)[2]
    if len(head) + len(tail) > len(value) or not value.startswith(head) or not value.endswith(tail):
        return False
    return True if len(head) + len(tail) >= _MIN_SHOWN else None


RESOURCE = AppSecret()
