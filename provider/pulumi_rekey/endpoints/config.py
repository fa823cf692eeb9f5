"""Where an endpoint's settings come from: the stack's configuration and the environment.

``rekey:endpoints.<name>.<key>`` in stack config; the environment fills an address setting that is absent there,
and comes first for a credential, but only where it belongs to the endpoint's address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from ..errors import Misconfigured
from ..model import NO_FLAG, Model, Secret, fields_marked, property_path, secret_fields

#: Part of a credential: the environment comes first for it.
CREDENTIAL: Final[JsonDict] = {"credential": True}


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name or address is this machine's loopback."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, the port filled in; of what is no URL nothing but blanks."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", 0
    return parts.scheme, parts.hostname or "", port or (443 if parts.scheme == "https" else 80)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in {"https", "http"} or not host or " " in value:
        raise ValueError("is not a URL: write https://HOST")
    if not host.isascii():
        raise ValueError("must name its host in ASCII: write xn--…")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https: http is for loopback only")
    if "?" in value or "#" in value:
        raise ValueError("must not hold a query or fragment")
    return value.rstrip("/")


#: ``https`` anywhere, ``http`` to loopback; no user info, query or fragment.
Url = Annotated[str, AfterValidator(_url)]


class Endpoint(Model):
    """What every kind of endpoint can be told."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    kind: ClassVar[str]
    #: Each complete set of credentials, best first.
    credentials: ClassVar[tuple[tuple[str, ...], ...]]

    url: Url = Field(description="The vendor's address.")
    ca_bundle: str | None = Field(default=None, description="A file of CA certificates to trust besides the usual.")
    allow_unverified_ssl: bool = Field(
        default=False, description="Do not check the server's certificate. Warns at every run."
    )
    timeout: Annotated[float, NO_FLAG] = Field(
        default=30,
        gt=0,
        le=300,
        description="Seconds that one attempt may take to connect, and between bytes.",
    )
    max_concurrent: Annotated[int, NO_FLAG] = Field(default=16, ge=1, le=256, description="Requests in flight at once.")
    moved_from: Url | None = Field(
        default=None,
        description="The address before a move; objects made there are then taken as being here.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        # A file's last line break is easily carried along, and would break a header.
        if isinstance(value, str) and not value.isprintable():
            raise ValueError("must not hold a line break or another control character")
        return value

    def usable_credentials(self) -> tuple[str, ...]:
        """Return the field names of the first complete set of credentials, or none."""
        for names in self.credentials:
            if all(getattr(self, name) is not None for name in names):
                return names
        return ()

    def client(self) -> str | None:
        """Return the id of the OAuth client that rekey itself logs in as, if it is one."""
        return dict(self)["client_id"] if "client_id" in self.usable_credentials() else None


def environment_names(model: type[Endpoint]) -> dict[str, str]:
    """Return, for each field that the environment may fill, its variable."""
    return {
        name: str(extra["env"])
        for name, field in model.model_fields.items()
        if isinstance(extra := field.json_schema_extra, dict) and "env" in extra
    }


def gather(
    model: type[Endpoint], name: str, configured: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the settings of the endpoint called ``name``, unchecked, and which of them the environment gives."""
    variables = environment_names(model)
    credential_names = fields_marked(model, CREDENTIAL) | secret_fields(model)
    from_environment = {
        field: environment[variable] for field, variable in variables.items() if environment.get(variable)
    }
    by_key = {to_camel(field): field for field in model.model_fields}
    settings: dict[str, Any] = {by_key.get(key, key): value for key, value in configured.items() if key != "kind"}

    # A credential in the environment belongs to the address beside it, or, where none is beside it, to the
    # endpoint that bears its kind's own name: it must not be sent to another host.
    home = from_environment.get("url")
    address = settings.get("url")
    beside_it = home is not None and address is not None
    belongs = origin(str(home)) == origin(str(address)) if beside_it else name == model.kind
    taken = {
        field: value
        for field, value in from_environment.items()
        if field not in credential_names
        and field not in settings
        and name == model.kind
        and (field != "allow_unverified_ssl" or (home is not None and belongs))
    }
    if belongs:
        given = {field: value for field, value in from_environment.items() if field in credential_names}
        # A whole set stands alone, the environment's before the configured one: parts of two are no credential, and
        # would hand the one's secret over under the other's name.
        if _has_whole_set(model, given):
            settings = {field: value for field, value in settings.items() if field not in credential_names}
            taken |= given
        elif not _has_whole_set(model, settings):
            taken |= given
    return settings | taken, frozenset(taken)


def _has_whole_set(model: type[Endpoint], settings: Mapping[str, Any]) -> bool:
    return any(all(settings.get(part) is not None for part in names) for names in model.credentials)


def resolve(
    model: type[Endpoint], name: str, configured: Mapping[str, Any], environment: Mapping[str, str]
) -> Endpoint:
    """Return the settings of the endpoint called ``name``, or say which one is missing or wrong.

    :raises Misconfigured: naming the key, and the environment variable that could fill it.
    """
    settings, _ = gather(model, name, configured, environment)
    variables = environment_names(model)
    by_key = {to_camel(field): field for field in model.model_fields}
    try:
        return model.model_validate(settings)
    except ValidationError as refused:
        error = refused.errors(include_url=False, include_input=False)[0]
        field = property_path(error["loc"])
        setting = by_key.get(field, field)
        key = f"rekey:endpoints.{name}.{to_camel(setting) if setting in model.model_fields else field}"
        if error["type"] == "missing":
            variable = variables.get(setting)
            either = f" or the environment variable {variable}" if variable and name == model.kind else ""
            raise Misconfigured(f"endpoint {name!r} has no {field}", todo=f"set {key}{either}") from None
        if error["type"] == "extra_forbidden":
            allowed = ", ".join(sorted(by_key))
            raise Misconfigured(f"{key} is not a setting of kind {model.kind}", todo=f"use one of: {allowed}") from None
        raise Misconfigured(f"{key} {error['msg'].removeprefix('Value error, ')}") from None


def plain(secret: SecretStr | None) -> str:
    """Return a credential that :meth:`Endpoint.usable_credentials` has found to be there."""
    if secret is None:
        raise Misconfigured("a credential is missing")
    return secret.get_secret_value()


__all__ = [
    "CREDENTIAL",
    "Endpoint",
    "Secret",
    "Url",
    "environment_names",
    "gather",
    "is_loopback",
    "origin",
    "plain",
    "resolve",
]
