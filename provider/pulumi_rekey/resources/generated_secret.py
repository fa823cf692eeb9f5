"""A secret that rekey only makes and keeps, to be passed as ``secret=`` to ``OrgOAuthApp`` or ``AppSecret``.

The engine saves it before the resource that it is passed to is touched: a rotation that is interrupted sends the same
secret again, and no overlap is lost. No vendor takes part in it.
"""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from pydantic import Field

from ..endpoints.no_vendor import NoVendor
from ..key_material import MIN_LENGTH, USUAL_LENGTH, Vendor, generate_secret
from ..model import IMMUTABLE, NO_FLAG, Mark, Secret
from ..reconciler.contract import Clock, Inputs, Resource, Save, State


class GeneratedSecretInputs(Inputs):
    """By whose rule, and how long."""

    vendor: Vendor = Field(
        description="The kind of endpoint whose rule the secret obeys: `navigator` for `OrgOAuthApp`, `roma` for"
        " `AppSecret`.",
        json_schema_extra=IMMUTABLE,
    )
    length: Annotated[int, NO_FLAG] = Field(
        default=USUAL_LENGTH,
        ge=MIN_LENGTH,
        le=128,
        description="How many characters it has, 22 (128 bits) to 128. Takes effect at the next rotation.",
    )


class GeneratedSecretState(State):
    """The secret."""

    secret_id: Annotated[str, Mark.OBJECT_ID] = Field(description="A random name of this resource.")
    vendor: str
    secret: Secret = Field(description="The present secret.")


class GeneratedSecret(Resource[GeneratedSecretInputs, GeneratedSecretState, NoVendor]):
    """Make, keep, make the next one."""

    vendor = None
    inputs = GeneratedSecretInputs
    state = GeneratedSecretState
    overlap = "the resource that it is passed to decides what becomes of the old secret"

    def create(
        self, api: NoVendor, i: GeneratedSecretInputs, mark: str | None, save: Save[GeneratedSecretState]
    ) -> GeneratedSecretState:
        """Make the first secret."""
        return GeneratedSecretState(secret_id=uuid4().hex, vendor=i.vendor, secret=generate_secret(i.vendor, i.length))

    def read(self, api: NoVendor, s: GeneratedSecretState) -> GeneratedSecretState | None:
        """There is nothing but the state."""
        return s

    def rotate(
        self,
        api: NoVendor,
        i: GeneratedSecretInputs,
        s: GeneratedSecretState,
        save: Save[GeneratedSecretState],
        now: Clock,
    ) -> GeneratedSecretState:
        """Make the next one."""
        return s.model_copy(update={"secret": generate_secret(i.vendor, i.length)})

    def accepted(self, api: NoVendor, s: GeneratedSecretState, now: Clock) -> bool | None:
        """Nobody accepts it yet; the resource that it is passed to tries it."""
        return True

    def delete(self, api: NoVendor, s: GeneratedSecretState, save: Save[GeneratedSecretState]) -> str | None:
        """The state was all there is."""
        return None


RESOURCE = GeneratedSecret()
