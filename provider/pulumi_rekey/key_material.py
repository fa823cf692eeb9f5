"""What rekey makes and checks: secrets by the vendors' rules, and signing keys as PEM.

Cryptography is loaded at first use: it takes a twentieth of a second that other resources need not pay.
"""

from __future__ import annotations

import math
import re
import secrets
import string
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import AfterValidator, SecretStr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

Vendor = Literal["navigator", "roma"]

_PLAIN: Final = string.ascii_letters + string.digits


@dataclass(frozen=True)
class _Rule:
    """A vendor's rule for secrets, once for making and once for checking."""

    #: What a made secret consists of, and the characters of which it needs at least one each.
    made_of: str
    needs: tuple[str, ...]
    #: What is allowed to a user, and how that is said.
    allowed: re.Pattern[str]
    must: str


_RULES: Final[dict[Vendor, _Rule]] = {
    "navigator": _Rule(
        # Special in every reading of the rule, and the same in a header, a URL-encoded form and a shell's quotes.
        made_of=_PLAIN + "@*=.",
        needs=(string.ascii_lowercase, string.ascii_uppercase, string.digits, "@*=."),
        # The page's own rule, to the letter. Its "\]-{" is a range that takes in all lower-case letters.
        allowed=re.compile(r"(?=.{8,})(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])(?=.*[!@#$%^&*()_+=\[\]-{|}',./:;<>?`~]).*"),
        must="must be one line of at least 8 characters with a lower-case letter, an upper-case letter, a digit and a"
        " special character",
    ),
    "roma": _Rule(
        made_of=_PLAIN,
        needs=(),
        # The blank in the page's "! @#$%+=.-/" separates, it is not allowed.
        allowed=re.compile(r"[A-Za-z0-9!@#$%+=./-]+"),
        must="must be letters, digits and !@#$%+=.-/ only, and not empty",
    ),
}
#: Bits below which no made secret may be.
MIN_BITS: Final = 128
#: The shortest secret that has them, whatever the vendor.
MIN_LENGTH: Final = math.ceil(MIN_BITS / math.log2(len(_PLAIN)))
#: 238 bits of letters and digits.
USUAL_LENGTH: Final = 40


def generate_secret(vendor: Vendor, length: int = USUAL_LENGTH) -> SecretStr:
    """Return a new random secret of so many characters that the vendor's rule allows."""
    rule = _RULES[vendor]
    while True:
        made = "".join(secrets.choice(rule.made_of) for _ in range(length))
        # Drawn again as a whole, so that every allowed secret is equally likely.
        if all(any(c in some for c in made) for some in rule.needs):
            return SecretStr(made)


def secret_rule(vendor: Vendor) -> AfterValidator:
    """Return the check that a secret which the user gives obeys the vendor's rule."""
    rule = _RULES[vendor]

    def check(secret: SecretStr) -> SecretStr:
        if not rule.allowed.fullmatch(secret.get_secret_value()):
            raise ValueError(rule.must)
        return secret

    return AfterValidator(check)


#: The vendor names a minimum without saying it; below this no RSA key is safe.
MIN_RSA_BITS: Final = 2048
_CURVES: Final = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1"}


class UnusableKey(ValueError):
    """A given key cannot serve; ``field`` is the input that is wrong, ``reason`` why. Neither holds the key."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class KeyPair:
    """A public key and its private half, as tidy PEM; the private one encrypted if it was given so."""

    public: str
    private: SecretStr = field(repr=False)


def read_key_pair(private: str, passphrase: str | None, public: str | None) -> KeyPair:
    """Read a given private key, and the public one beside it if there is one.

    :raises UnusableKey: if it is no PEM, the passphrase is wrong or missing, it is neither RSA nor EC, too small,
        or the two do not belong together.
    """
    key = _private_key(private, passphrase)
    _check_strength(key)
    derived = _public_pem(key.public_key())
    if public is not None:
        try:
            same = same_public_key(public, derived)
        except ValueError:
            raise UnusableKey("public_key", "is not a PEM public key") from None
        if not same:
            raise UnusableKey("public_key", "does not belong to the private key")
    return KeyPair(derived, SecretStr(_tidy(private).decode()))


def _private_key(private: str, passphrase: str | None) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(_tidy(private), passphrase.encode() if passphrase is not None else None)
    except UnsupportedAlgorithm:
        raise UnusableKey("private_key", "is of an unsupported kind: use RSA or EC") from None
    except (TypeError, ValueError) as failed:
        encrypted = "ENCRYPTED" in private
        if encrypted and passphrase is not None:
            raise UnusableKey("private_key_passphrase", "does not open the private key") from None
        if isinstance(failed, ValueError):
            raise UnusableKey("private_key", "is not a PEM private key") from None
        if encrypted:
            raise UnusableKey("private_key_passphrase", "is required: the private key is encrypted") from None
        raise UnusableKey("private_key_passphrase", "is given, and the private key is not encrypted") from None


def _check_strength(key: PrivateKeyTypes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    match key:
        case rsa.RSAPrivateKey() if key.key_size < MIN_RSA_BITS:
            raise UnusableKey(
                "private_key", f"is an RSA key of {key.key_size} bits: at least {MIN_RSA_BITS} are needed"
            )
        case rsa.RSAPrivateKey():
            pass
        case ec.EllipticCurvePrivateKey() if key.curve.name.upper() not in _CURVES.values():
            raise UnusableKey("private_key", f"is on another curve than {', '.join(_CURVES)}")
        case ec.EllipticCurvePrivateKey():
            pass
        case _:
            raise UnusableKey("private_key", "is neither an RSA nor an EC key")


def generate_key_pair(algorithm: str, bits: int, curve: str) -> KeyPair:
    """Make a new key pair: RSA of so many bits, or EC on that curve."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "EC":
        key = ec.generate_private_key(getattr(ec, _CURVES[curve])())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(_public_pem(key.public_key()), SecretStr(pem.decode()))


def kind_of_public_key(public: str) -> dict[str, Any]:
    """Return the arguments with which rekey makes a PEM public key of the same kind; none where it makes no such."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = _public_key(public)
    except ValueError:
        return {}
    match key:
        case rsa.RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return {"algorithm": "RSA", "key_size": key.key_size}
        case ec.EllipticCurvePublicKey():
            named = [curve for curve, name in _CURVES.items() if name == key.curve.name.upper()]
            return {"algorithm": "EC", "curve": named[0]} if named else {}
        case _:
            return {}


def is_published(public: str, keys: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a JWK set (RFC 7517) holds the PEM public key.

    :raises ValueError: if it is not a PEM public key.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    match _public_key(public):
        case rsa.RSAPublicKey() as key:
            wanted = {"n": key.public_numbers().n, "e": key.public_numbers().e}
        case ec.EllipticCurvePublicKey() as key:
            wanted = {"x": key.public_numbers().x, "y": key.public_numbers().y}
        case _:
            return False
    return any(all(_number(jwk.get(name)) == value for name, value in wanted.items()) for jwk in keys)


def _number(encoded: object) -> int | None:
    if not isinstance(encoded, str):
        return None
    try:
        return int.from_bytes(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        return None


def same_public_key(one: str, other: str) -> bool:
    """Tell whether two PEM texts hold the same public key, whatever their line ends and spaces.

    :raises ValueError: if one of them is not a PEM public key.
    """
    return _numbers(one) == _numbers(other)


def _numbers(pem: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _public_key(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public_key(pem: str) -> PublicKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(_tidy(pem))
    except UnsupportedAlgorithm:
        raise ValueError("is of an unsupported kind") from None


def _public_pem(key: PublicKeyTypes) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _tidy(pem: str) -> bytes:
    # Indented in YAML, or with the line ends of another system, it is the same key.
    return "".join(f"{line.strip()}\n" for line in pem.strip().splitlines()).encode()
