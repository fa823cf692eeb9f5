"""What the typed constructors share: the resource that a program declares, on either front end."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

import pulumi
from pulumi.dynamic import Resource
from pulumi.runtime.config import get_config, get_config_env, is_config_secret

from ..dynamic.engine import PROVIDER_KEY, aliases_left_to_engine, pickled_name, source_position_only
from ..frontend.setting_names import unknown
from ..frontend.version import package_version
from .arguments import closest, judge, refused, types_of
from .front_end import PACKAGE, is_native
from .rotate_now import note_declared
from .rotation import as_rotation

_PACKAGE: Final = str(Path(__file__).parent.parent)
#: The module that every state names; not imported here, as only the engine's host needs it.
_HOST: Final = "pulumi_rekey.dynamic.host"
#: The keys of an endpoint that must be given with `--secret`.
CREDENTIAL_KEYS: Final = frozenset({"apiToken", "password", "clientSecret", "secretKey", "securityToken"})


def unless_default(value: Any, *, default: object) -> Any:
    """Return the value, or nothing where it is the default: what need not be said need not be in every state."""
    return None if type(value) is type(default) and value == default else value


class Credential(Resource):
    """A credential at a vendor; see the subclasses."""

    #: The outputs (and inputs) that are secret.
    secret_properties: ClassVar[tuple[str, ...]]

    #: Why two of it cannot take turns, if they cannot.
    pair_unsupported_reason: ClassVar[str | None] = None

    generation: pulumi.Output[int]
    """How many secrets this resource has had; the first is 1."""
    rotated_at: pulumi.Output[str]
    """When the present secret was minted, or the object adopted (RFC 3339, UTC)."""
    rotation_reason: pulumi.Output[str]
    """Why the present secret was minted."""
    history: pulumi.Output[list[str] | None]
    """The rotations before the present secret's, oldest first and at most nine: generation, time and reason of each, in
    one text.
    """
    next_rotation_at: pulumi.Output[str | None]
    """When the next rotation is due by age or expiry (RFC 3339, UTC); unset if never. It happens at the first
    ``pulumi up`` after it that windows and freezes allow.
    """
    expires_at: pulumi.Output[str | None]
    """When the present secret stops working (RFC 3339, UTC); unset if never."""
    previous_expires_at: pulumi.Output[str | None]
    """Until when the previous secret works (RFC 3339, UTC)."""
    handover: pulumi.Output[dict[str, Any] | None]
    """For one of a pair: the last time that it handed consumers over. Of the two sides the higher ``number`` counts,
    and consumers hold the side that it names in ``to``.
    """
    step: pulumi.Output[str | None]
    """What is still to be done of an interrupted change; unset when nothing is."""

    @classmethod
    def output_names(cls) -> list[str]:
        """Return the names of all outputs."""
        classes = (base for base in cls.__mro__ if issubclass(base, Credential))
        names = (name for base in classes for name in inspect.get_annotations(base))
        return [name for name in names if name not in {"secret_properties", "pair_unsupported_reason"}]

    def rotates_by(self, policy: object) -> bool:
        """Tell whether this very policy is what it was declared with."""
        return self._policy is policy

    def __getitem__(self, name: str) -> pulumi.Output[Any]:
        """Return an output by its name."""
        if name not in self.output_names():
            raise KeyError(f"{name} is no output of {type(self).__name__}")
        output: pulumi.Output[Any] = getattr(self, name)
        return output

    def __init__(self, module: str, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None) -> None:
        types = types_of(type(self).__init__)
        judge(name, types, inputs, self.secret_properties)
        self._policy = given = inputs["rotation"]
        if given is not None:
            inputs = {**inputs, "rotation": as_rotation(given, name).properties()}
        _refuse_unknown_settings()
        _refuse_plain_credentials()
        note_declared(name)
        # Pulumi resolves only what stands among the properties, so every output is named there.
        props: dict[str, Any] = dict.fromkeys(self.output_names())
        for key, value in inputs.items():
            secret = value is not None and key in self.secret_properties
            props[key] = pulumi.Output.secret(value) if secret else value
        native = is_native()
        if opts is not None and opts.import_ is not None and not native:
            raise refused(
                f"{name}: the option import_ needs the native front end: use the argument adopt, or set rekey:frontend"
                " to native"
            )
        dynamic_type = f"pulumi-python:{self._resource_type_name}"
        native_type = f"{PACKAGE}:index:{dynamic_type.rpartition(':')[2]}"
        options = pulumi.ResourceOptions(
            # Marked again at the boundary, whatever the provider returned.
            additional_secret_outputs=list(self.secret_properties),
            # So that a stack moves from one front end to the other and nothing is replaced.
            aliases=[pulumi.Alias(type_=dynamic_type if native else native_type)],
            version=package_version() if native else None,
        )
        opts = pulumi.ResourceOptions.merge(options, opts)
        if not native:
            # What Pulumi would pickle is no more than this name, in more bytes.
            props[PROVIDER_KEY] = pickled_name(_HOST, module)
        with source_position_only(_PACKAGE), aliases_left_to_engine():
            pulumi.CustomResource.__init__(self, native_type if native else dynamic_type, name, props, opts)


@cache
def _refuse_unknown_settings() -> None:
    """Refuse a setting that does not exist, once for a program: what it was to set would be missing in silence."""
    configured = (name.partition(":") for name in get_config_env())
    names = [name for package, _, name in configured if package == PACKAGE]
    for name, wrong in unknown(names, pulumi.get_project(), closest).items():
        raise pulumi.RunError(f"rekey:{name} {wrong}")


def _refuse_plain_credentials() -> None:
    """Refuse a credential that stands in the stack's configuration in plain text, where that can be seen."""
    if is_config_secret("rekey:endpoints"):
        return
    try:
        endpoints = json.loads(get_config("rekey:endpoints") or "{}")
    except ValueError:
        # The provider says so, without repeating what is there.
        return
    if not isinstance(endpoints, dict):
        return
    for name, settings in endpoints.items():
        plain = sorted(CREDENTIAL_KEYS & settings.keys()) if isinstance(settings, dict) else []
        if plain:
            raise pulumi.RunError(
                f"rekey:endpoints.{name}.{plain[0]} stands in the stack's configuration in plain text: replace it at"
                f" the vendor, then set it with `pulumi config set --path --secret rekey:endpoints.{name}.{plain[0]}`"
            )
