"""Key pairs as PEM: read with all that surrounds them, checked, and written without it."""

import functools
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from ..wire import Malformed

SMALLEST_RSA_KEY = 2048
_CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_BLOCK = re.compile(r"-----BEGIN ((?:RSA |EC |ENCRYPTED )?(?:PUBLIC|PRIVATE) KEY)-----(.*?)-----END \1-----", re.S)

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A pair that may sign ID tokens."""

    private: PrivateKey
    algorithm: str

    @property
    def public_pem(self) -> str:
        """The public key without anything around it."""
        return _spki(self.private.public_key())

    def jwk(self, kid: str) -> RSAKey | ECKey:
        """The pair as a JSON Web Key of this id."""
        parameters: KeyParameters = {"kid": kid, "use": "sig", "alg": self.algorithm}
        if isinstance(self.private, rsa.RSAPrivateKey):
            return RSAKey.import_key(self.private, parameters)
        return ECKey.import_key(self.private, parameters)

    def is_public(self, pem: str) -> bool:
        """Whether a PEM holds this pair's public key."""
        return _spki(_public(pem)) == self.public_pem

    def is_private(self, pem: str, passphrase: str | None) -> bool:
        """Whether a PEM holds this pair's private key."""
        return _spki(_private(pem, passphrase).public_key()) == self.public_pem


def read_pair(public_pem: str, private_pem: str, passphrase: str | None) -> SigningKey:
    """The pair that two PEMs make. Raises Malformed, without a word of their content."""
    public, private = _public(public_pem), _private(private_pem, passphrase)
    if _spki(public) != _spki(private.public_key()):
        raise Malformed("publicKey and privateKey are not a pair")
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < SMALLEST_RSA_KEY:
            raise Malformed(f"an RSA key must have {SMALLEST_RSA_KEY} bits at least")
        return SigningKey(private, "RS256")
    algorithm = _CURVE_ALGORITHMS.get(private.curve.name)
    if algorithm is None:
        raise Malformed("the curve of an EC key must be P-256, P-384 or P-521")
    return SigningKey(private, algorithm)


@functools.cache
def built_in() -> SigningKey:
    """The key that a server has from the start. It is made once per process, which takes a moment."""
    return SigningKey(rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")


def _public(pem: str) -> PublicKey:
    try:
        key = serialization.load_pem_public_key(_block(pem, "PUBLIC"))
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed("publicKey cannot be read") from None
    if not isinstance(key, PublicKey):
        raise Malformed("publicKey is neither RSA nor EC")
    return key


def _private(pem: str, passphrase: str | None) -> PrivateKey:
    block = _block(pem, "PRIVATE")
    encrypted = b"ENCRYPTED" in block
    if encrypted and not passphrase:
        raise Malformed("privateKeyPassphrase is required, since privateKey is encrypted")
    try:
        key = serialization.load_pem_private_key(block, passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Malformed("privateKey cannot be read, or privateKeyPassphrase is wrong") from None
    if not isinstance(key, PrivateKey):
        raise Malformed("privateKey is neither RSA nor EC")
    return key


def _block(pem: str, kind: str) -> bytes:
    """The first PEM block of this kind, without the text around it and the whitespace within."""
    block = next((found for found in _BLOCK.finditer(pem) if kind in found[1]), None)
    if block is None:
        raise Malformed(f"{kind.lower()}Key holds no PEM block of its kind")
    lines = [line.strip() for line in block[2].split("\n") if line.strip()]
    headers = [line for line in lines if ":" in line]
    body = [line for line in lines if ":" not in line]
    within = [*headers, *([""] if headers else []), *body]
    return "\n".join([f"-----BEGIN {block[1]}-----", *within, f"-----END {block[1]}-----", ""]).encode()


def _spki(key: PublicKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, form).decode().strip()
