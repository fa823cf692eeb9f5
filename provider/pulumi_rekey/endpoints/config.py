"""Where an endpoint's settings come from: the stack's configuration and the environment.

``rekey:endpoints.<name>.<key>`` in stack config; the environment fills an address setting that is absent there,
and comes first for a credential, but only where it belongs to the endpoint's address. What is wrong with a setting is
said offline, with where its value is from and how to write it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from ..errors import Misconfigured
from ..model import NO_FLAG, Model, Secret, fields_marked, property_path, secret_fields
from ..wording import in_words, nearest
from .address import BaseUrl, Url, same_system

#: Part of a credential: the environment comes first for it.
CREDENTIAL: Final[JsonDict] = {"credential": True}
#: Integers up to here come through JSON as they were written.
_MAX_EXACT: Final = 2**53
_NUMBERS: Final = (bool, int, float)
TextT = TypeVar("TextT", str, SecretStr)


def matching(pattern: str, words: str) -> AfterValidator:
    """Return a check that a text has a form; ``words`` say which, as in "must be ...: write ..."."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(words)
        return text

    return AfterValidator(check)


def _fits_header(value: TextT) -> TextT:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not text.isascii():
        raise ValueError("has a character that no header can carry: write ASCII letters, digits and signs only")
    return value


#: A check of a setting that is sent in a header as it is.
IN_HEADER: Final = AfterValidator(_fits_header)


def _readable(bundle: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=bundle)
    except FileNotFoundError:
        raise ValueError("names a file that does not exist: write the path of a file of PEM certificates") from None
    except (OSError, ssl.SSLError):
        raise ValueError("is not a readable file of PEM certificates: name one that is") from None
    return bundle


class Endpoint(Model):
    """What every kind of endpoint can be told."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    kind: ClassVar[str]
    #: Each complete set of credentials, best first.
    credentials: ClassVar[tuple[tuple[str, ...], ...]]
    #: The fields that say where requests go.
    addresses: ClassVar[tuple[str, ...]] = ("url",)

    url: Url = Field(description="The vendor's address.")
    ca_bundle: Annotated[str, AfterValidator(_readable)] | None = Field(
        default=None, description="A file of CA certificates to trust besides the usual."
    )
    allow_unverified_ssl: bool = Field(
        default=False, description="Do not check the server's certificate. Warns at every run."
    )
    timeout: Annotated[float, NO_FLAG] = Field(
        default=30,
        ge=0.001,
        le=300,
        description="Seconds that one attempt may take to connect, and between bytes.",
    )
    max_concurrent: Annotated[int, NO_FLAG] = Field(default=16, ge=1, le=256, description="Requests in flight at once.")
    moved_from: Url | None = Field(
        default=None,
        description="The address before a move; objects made there are then taken as being here.",
    )

    #: The fields that the environment gives.
    _from_environment: frozenset[str] = PrivateAttr(default=frozenset())

    @field_validator("*", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        # A file's last line break is easily carried along, and would break a header.
        if isinstance(value, str) and not value.isprintable():
            raise ValueError("must not hold a line break or another control character")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _digits_are_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Take a number for the digits that were written: `pulumi config set` makes one of a text of digits."""
        if not isinstance(value, _NUMBERS) or cls.model_fields[info.field_name or ""].annotation in _NUMBERS:
            return value
        if isinstance(value, bool) or value != value or abs(value) >= _MAX_EXACT or value != int(value):  # noqa: PLR0124 - NaN
            # As 1.50 and 1e3 do, it may have been written in another way than it came.
            raise ValueError("must be text, and what was written is lost: write it in quotes")
        return str(int(value))

    @classmethod
    def implied(cls, settings: Mapping[str, Any]) -> dict[str, str]:  # noqa: ARG003 - a kind may need them
        """Return the addresses that other settings imply, by field, unchecked."""
        return {}

    def usable_credentials(self) -> tuple[str, ...]:
        """Return the field names of the first complete set of credentials, or none."""
        for names in self.credentials:
            if all(getattr(self, name) is not None for name in names):
                return names
        return ()

    def without_credentials(self, name: str) -> Misconfigured:
        """Return the refusal of the endpoint called ``name`` to log in with less than a set of credentials."""
        sets = ", or ".join(_all_of([*map(to_camel, fields)]) for fields in self.credentials)
        names = environment_names(type(self))
        variables = _all_of([names[field] for field in self.credentials[0]])
        more = ", …" if len(self.credentials) > 1 else ""
        return Misconfigured(
            f"endpoint {name!r} has no credentials", todo=f"set rekey:endpoints.{name}.{sets} (or {variables}{more})"
        )

    def source(self, name: str, field: str) -> str:
        """Return where a setting of the endpoint called ``name`` is from, or would be."""
        if field in self._from_environment:
            return f"the environment's {environment_names(type(self))[field]}"
        return f"rekey:endpoints.{name}.{to_camel(field)}"

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


def variables_of(model: type[Endpoint], name: str, environment: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return the variables that count for the endpoint called ``name``, and whether they are its own.

    An endpoint that is not called like its kind has variables of its own, such as ``DR_SITE_VCD_API_TOKEN``. Where none
    of them is set, its kind's count, but only beside its address.
    """
    of_kind = environment_names(model)
    if name == model.kind:
        return of_kind, True
    prefix = re.sub(r"[^A-Z0-9]", "_", name.upper())
    own = {field: f"{prefix}_{variable}" for field, variable in of_kind.items()}
    return (own, True) if any(environment.get(variable) for variable in own.values()) else (of_kind, False)


def gather(
    model: type[Endpoint], name: str, configured: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the settings of the endpoint called ``name``, unchecked, and which of them the environment gives."""
    credential_names = fields_marked(model, CREDENTIAL) | secret_fields(model)
    variables, own = variables_of(model, name, environment)
    from_environment = {
        field: environment[variable] for field, variable in variables.items() if environment.get(variable)
    }
    by_key = {to_camel(field): field for field in model.model_fields}
    settings: dict[str, Any] = {by_key.get(key, key): value for key, value in configured.items() if key != "kind"}

    taken = {
        field: value
        for field, value in from_environment.items()
        if field not in credential_names | {"allow_unverified_ssl"} | settings.keys() and own
    }
    belongs = _belongs(model, settings | taken, from_environment, own=own)
    if belongs and "url" in from_environment and own and "allow_unverified_ssl" not in settings:
        taken |= {field: value for field, value in from_environment.items() if field == "allow_unverified_ssl"}
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


def _belongs(
    model: type[Endpoint], settings: Mapping[str, Any], from_environment: Mapping[str, str], *, own: bool
) -> bool:
    """Tell whether a credential in the environment is for this endpoint: it must not be sent to another host.

    It belongs to the addresses beside it, or, where none is beside it, to the endpoint whose own variables these are.
    """
    here = {**model.implied(settings), **settings}
    beside = [field for field in model.addresses if field in from_environment and here.get(field) is not None]
    return ("url" in beside or own) and all(same_system(from_environment[field], str(here[field])) for field in beside)


def _has_whole_set(model: type[Endpoint], settings: Mapping[str, Any]) -> bool:
    return any(all(settings.get(part) is not None for part in names) for names in model.credentials)


def resolve(
    model: type[Endpoint], name: str, configured: Mapping[str, Any], environment: Mapping[str, str]
) -> Endpoint:
    """Return the settings of the endpoint called ``name``, or say which one is missing or wrong.

    :raises Misconfigured: naming where the wrong value is from, and how to write it.
    """
    by_key = {to_camel(field): field for field in model.model_fields}
    for key in configured.keys() - by_key.keys() - {"kind"}:
        raise Misconfigured(
            f"rekey:endpoints.{name}.{key} is not a setting of kind {model.kind}", todo=one_of(sorted(by_key), key)
        )
    settings, taken = gather(model, name, configured, environment)
    try:
        endpoint = model.model_validate(settings)
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_input=False)
        # What is missing may be so because of another setting that is wrong, such as a region.
        error = min(errors, key=lambda each: each["type"] == "missing")
    else:
        endpoint._from_environment = taken
        return endpoint
    field = property_path(error["loc"])
    # What is missing is named by its key, and what is wrong by its field.
    field = by_key.get(field, field)
    key, variable = to_camel(field), variables_of(model, name, environment)[0].get(field)
    source = f"rekey:endpoints.{name}.{key}"
    if error["type"] == "missing":
        either = f" or the environment variable {variable}" if variable and name == model.kind else ""
        raise Misconfigured(f"endpoint {name!r} has no {key}", todo=f"set {source}{either}")
    if field in taken:
        source = f"the environment variable {variable}"
    wrong, _, how = in_words(error).partition(": ")
    raise Misconfigured(f"{source} {wrong}", todo=how or f"correct {source}")


def one_of(known: Iterable[str], given: object) -> str:
    """Return as advice the name that was probably meant, and which are known."""
    names = list(known)
    meant = nearest(given, names)
    return f"{f'did you mean {meant}? ' if meant else ''}use one of: {', '.join(names)}"


def _all_of(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def plain(secret: SecretStr | None) -> str:
    """Return a credential that :meth:`Endpoint.usable_credentials` has found to be there."""
    if secret is None:
        raise Misconfigured("a credential is missing")
    return secret.get_secret_value()


__all__ = [
    "CREDENTIAL",
    "IN_HEADER",
    "BaseUrl",
    "Endpoint",
    "Secret",
    "Url",
    "environment_names",
    "gather",
    "matching",
    "one_of",
    "plain",
    "resolve",
    "variables_of",
]
