"""A secret that rekey only makes and keeps, to be passed as ``secret=`` to ``OrgOAuthApp`` or ``AppSecret``.

The engine saves it before the resource that it is passed to is touched: a rotation that is interrupted sends the same
secret again, and no overlap is lost. No vendor takes part in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from ..key_material import MIN_LENGTH, USUAL_LENGTH, Vendor, generate_secret
from ..model import IMMUTABLE, NO_FLAG, Secret
from ..reconciler.contract import Inputs, Resource, State


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

    secret_id: str = Field(description="A random name of this resource.")
    vendor: str
    secret: Secret = Field(description="The present secret.")


class GeneratedSecret(Resource[GeneratedSecretInputs, GeneratedSecretState, None]):
    """Make, keep, make the next one."""

    name = "GeneratedSecret"
    vendor = None
    inputs = GeneratedSecretInputs
    state = GeneratedSecretState
    id_output = "secret_id"
    overlap = "the resource that it is passed to decides what becomes of the old secret"

    def create(self, api: None, i: GeneratedSecretInputs, mark: str | None) -> Iterator[GeneratedSecretState]:
        """Make the first secret."""
        yield GeneratedSecretState(secret_id=uuid4().hex, vendor=i.vendor, secret=generate_secret(i.vendor, i.length))

    def read(self, api: None, s: GeneratedSecretState) -> GeneratedSecretState | None:
        """There is nothing but the state."""
        return s

    def rotate(self, api: None, i: GeneratedSecretInputs, s: GeneratedSecretState) -> Iterator[GeneratedSecretState]:
        """Make the next one."""
        yield s.model_copy(update={"secret": generate_secret(i.vendor, i.length)})

    def accepted(self, api: None, s: GeneratedSecretState) -> bool | None:
        """Nobody accepts it yet; the resource that it is passed to tries it."""
        return True

    def delete(self, api: None, s: GeneratedSecretState) -> str | None:
        """The state was all there is."""
        return None


RESOURCE = GeneratedSecret()
