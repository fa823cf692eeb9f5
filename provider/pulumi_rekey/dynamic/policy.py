"""The rotation policy as a program writes it; it is validated by the provider, at preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import pulumi


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """When a credential rotates.

    :param triggers: Named values; the credential rotates when one of them changes. Adding or removing a name does
        not rotate, and no value appears in a reason.
    :param rotate_now: Trigger and audit reason at once (1 to 256 characters): a new text rotates now.
    :param on_adopt: ``"keep"`` the secret of an object that exists, or ``"rotate"`` it. The default is to keep;
        :class:`SyncClientCredentials` needs it said.
    """

    triggers: Mapping[str, pulumi.Input[str | int | float | bool]] | None = None
    rotate_now: pulumi.Input[str] | None = None
    on_adopt: Literal["keep", "rotate"] | None = None

    def properties(self) -> dict[str, Any]:
        """Return the policy as Pulumi's properties."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {
            name: dict(value) if isinstance(value, Mapping) else value for name, value in values if value is not None
        }
