"""Signing keys in every PEM form, and what is wrong with those that cannot serve."""

import subprocess
import textwrap
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_rekey.key_material import (
    UnusableKey,
    generate_key_pair,
    is_published,
    kind_of_public_key,
    read_key_pair,
    same_public_key,
)

PASSPHRASE = "Hunter2 ключ"
PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


@cache
def key(kind: str) -> Any:
    """One key of each kind, made once."""
    return {
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "other RSA": lambda: rsa.generate_private_key(65537, 2048),
        "small RSA": lambda: rsa.generate_private_key(65537, 1024),
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        "DSA": lambda: dsa.generate_private_key(1024),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "X25519": x25519.X25519PrivateKey.generate,
    }[kind]()


def pem(kind: str, form: PrivateFormat = PKCS8, passphrase: str | None = None) -> str:
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        encryption = BestAvailableEncryption(passphrase.encode())
    return str(key(kind).private_bytes(Encoding.PEM, form, encryption).decode())


def public(kind: str, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    return str(key(kind).public_key().public_bytes(Encoding.PEM, form).decode())


def refused(private: str, passphrase: str | None = None, public_key: str | None = None) -> str:
    with pytest.raises(UnusableKey) as failed:
        read_key_pair(private, passphrase, public_key)
    text = str(failed.value)
    assert text == f"{failed.value.field} {failed.value.reason}"
    assert "Hunter2" not in text
    assert "BEGIN" not in text
    return text


# -- what is taken ----------------------------------------------------------------------------------------------------

LAYOUTS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "indented": lambda text: textwrap.indent(text, "    "),
    "tabs and trailing blanks": lambda text: text.replace("\n", " \t\n\t"),
    "blank lines around": lambda text: f"\n\n  \n{text}\n\n",
    "without the last line end": lambda text: text.strip(),
    "text around": lambda text: f"Bag Attributes\n    friendlyName: x\n{text}\nbye\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize("form", [PKCS8, TRADITIONAL])
@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521"])
def test_private_key_in_every_form_and_layout(
    kind: str, form: PrivateFormat, passphrase: str | None, layout: str
) -> None:
    private = LAYOUTS[layout](pem(kind, form, passphrase))
    pair = read_key_pair(private, passphrase, LAYOUTS[layout](public(kind)))
    assert pair.public == public(kind)
    # It goes to the vendor tidy, and encrypted if it was.
    sent = pair.private.get_secret_value()
    assert [line.strip() for line in private.strip().splitlines()] == sent.splitlines()
    assert ("ENCRYPTED" in sent) == (passphrase is not None)


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_public_key_in_either_form(form: PublicFormat) -> None:
    assert read_key_pair(pem("RSA"), None, public("RSA", form)).public == public("RSA")


@pytest.mark.parametrize("options", [["-genkey"], ["-genkey", "-noout"]])
def test_private_key_from_openssl(options: list[str]) -> None:
    written = subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", *options], capture_output=True, text=True, check=True
    ).stdout
    assert read_key_pair(written, None, None).public.startswith("-----BEGIN PUBLIC KEY-----")


def test_repr_shows_no_key() -> None:
    pair = read_key_pair(pem("P-256"), None, None)
    assert "PRIVATE" not in f"{pair!r} {pair}"


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PKCS8, TRADITIONAL])
@pytest.mark.parametrize("kind", ["RSA", "P-256"])
def test_passphrase_opens_the_private_key(kind: str, form: PrivateFormat) -> None:
    locked, unlocked = pem(kind, form, PASSPHRASE), pem(kind, form)
    assert refused(locked) == "private_key_passphrase is required: the private key is encrypted"
    for wrong in ("wrong", "", " " + PASSPHRASE, "x" * 5000):
        assert refused(locked, wrong) == "private_key_passphrase does not open the private key"
    for needless in ("x", ""):
        assert refused(unlocked, needless) == "private_key_passphrase is given, and the private key is not encrypted"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("small RSA", "is an RSA key of 1024 bits: at least 2048 are needed"),
        ("secp256k1", "is on another curve than P-256, P-384, P-521"),
        ("brainpool", "is on another curve than P-256, P-384, P-521"),
        ("DSA", "is neither an RSA nor an EC key"),
        ("Ed25519", "is neither an RSA nor an EC key"),
        ("X25519", "is neither an RSA nor an EC key"),
    ],
)
def test_private_key_that_cannot_sign_refused(kind: str, reason: str) -> None:
    assert refused(pem(kind)) == f"private_key {reason}"
    assert refused(pem(kind, passphrase=PASSPHRASE), PASSPHRASE) == f"private_key {reason}"


GARBAGE = [
    "",
    " ",
    "Hunter2",
    "\x00",
    "\ud800",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nHunter2\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_private_key_refused(garbage: str) -> None:
    assert refused(garbage) == "private_key is not a PEM private key"
    assert refused(garbage, "p") == "private_key is not a PEM private key"


def test_private_key_other_pem_refused() -> None:
    escaped = pem("P-256").replace("\n", "\\n")
    cut = pem("RSA")[:500]
    flipped = pem("RSA").replace("A", "B")
    for other in (public("RSA"), escaped, cut, flipped):
        assert refused(other) == "private_key is not a PEM private key"


@pytest.mark.parametrize("garbage", [*GARBAGE, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_public_key_refused(garbage: str) -> None:
    assert refused(pem("P-256"), None, garbage) == "public_key is not a PEM public key"


def test_public_key_that_is_private_refused() -> None:
    assert refused(pem("P-256"), None, pem("P-256")) == "public_key is not a PEM public key"


def test_public_key_of_an_unknown_kind_refused() -> None:
    raw = key("P-256").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # The object identifier of "EC public key", with another last number.
    unknown = raw.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0277"))
    text = f"-----BEGIN PUBLIC KEY-----\n{b64encode(unknown).decode()}\n-----END PUBLIC KEY-----"
    assert refused(pem("P-256"), None, text) == "public_key is not a PEM public key"


@pytest.mark.parametrize("kind", ["other RSA", "P-256", "Ed25519", "DSA"])
def test_public_key_of_another_pair_refused(kind: str) -> None:
    assert refused(pem("RSA"), None, public(kind)) == "public_key does not belong to the private key"


@given(st.text(max_size=300), st.none() | st.text(max_size=20), st.none() | st.text(max_size=100))
@settings(max_examples=80, deadline=None)
def test_private_key_of_any_text_refused(private: str, passphrase: str | None, public_key: str | None) -> None:
    assert refused(private, passphrase, public_key).startswith("private_key")


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_private_key_damaged_is_refused_or_the_same(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([pem("P-256"), pem("P-256", TRADITIONAL), pem("P-256", PKCS8, PASSPHRASE)]))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + data.draw(st.text(max_size=3)) + whole[at + data.draw(st.integers(0, 3)) :]
    try:
        pair = read_key_pair(damaged, PASSPHRASE if "ENCRYPTED" in whole else None, None)
    except UnusableKey as failed:
        reason = str(failed)
        assert damaged not in reason
        return
    load_pem_public_key(pair.public.encode())


# -- what is made -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "bits", "curve"), [("RSA", 2048, "P-256"), ("EC", 0, "P-256"), ("EC", 0, "P-384"), ("EC", 0, "P-521")]
)
def test_generate_key_pair_is_read_back(algorithm: str, bits: int, curve: str) -> None:
    made = generate_key_pair(algorithm, bits, curve)
    private = load_pem_private_key(made.private.get_secret_value().encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey if algorithm == "RSA" else ec.EllipticCurvePrivateKey)
    assert private.key_size == (bits or {"P-256": 256, "P-384": 384, "P-521": 521}[curve])
    assert read_key_pair(made.private.get_secret_value(), None, made.public).public == made.public
    assert generate_key_pair("EC", 0, curve).public != made.public
    assert "PRIVATE" not in repr(made)


# -- comparing --------------------------------------------------------------------------------------------------------


KINDS: list[dict[str, Any]] = [
    {"algorithm": "RSA", "key_size": 2048},
    {"algorithm": "EC", "curve": "P-256"},
    {"algorithm": "EC", "curve": "P-521"},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_kind_of_public_key_makes_another_of_its_kind(kind: dict[str, Any]) -> None:
    made = generate_key_pair(kind["algorithm"], kind.get("key_size", 0), kind.get("curve", ""))
    assert kind_of_public_key(made.public) == kind


def test_kind_of_public_key_that_rekey_would_not_make_is_none() -> None:
    small = rsa.generate_private_key(65537, 1024).public_key()
    for other in (small, ec.generate_private_key(ec.SECP256K1()).public_key()):
        pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        assert kind_of_public_key(pem) == {}
    assert kind_of_public_key("no key") == {}


def test_same_key_in_another_layout() -> None:
    for layout in LAYOUTS.values():
        assert same_public_key(layout(public("RSA")), public("RSA", PublicFormat.PKCS1))
        assert not same_public_key(layout(public("RSA")), public("other RSA"))
    with pytest.raises(ValueError, match="PEM"):
        same_public_key(public("RSA"), "Hunter2")


def number(value: int) -> str:
    return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8)).decode().rstrip("=")


def jwk(kind: str) -> dict[str, Any]:
    numbers = key(kind).public_key().public_numbers()
    if isinstance(numbers, rsa.RSAPublicNumbers):
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    return {"kty": "EC", "crv": kind, "x": number(numbers.x), "y": number(numbers.y)}


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521"])
def test_published_key_is_found(kind: str) -> None:
    others = [jwk("other RSA"), {}, {"n": 5, "x": None}, {"n": "\ud800", "x": "%%%"}, {"n": "", "e": ""}]
    assert not is_published(public(kind), others)
    assert is_published(public(kind), [*others, jwk(kind)])
    half = {name: value for name, value in jwk(kind).items() if name not in {"e", "y"}}
    assert not is_published(public(kind), [half])


def test_published_key_of_a_kind_no_set_holds() -> None:
    assert not is_published(public("Ed25519"), [jwk("RSA")])
    with pytest.raises(ValueError, match="PEM"):
        is_published("Hunter2", [jwk("RSA")])


@given(st.lists(st.dictionaries(st.sampled_from(["n", "e", "x", "y"]), st.text() | st.none() | st.integers())))
@settings(max_examples=60, deadline=None)
def test_published_keys_of_any_shape_are_not_taken_for_it(keys: list[dict[str, Any]]) -> None:
    assert not is_published(public("RSA"), keys)
    assert not is_published(public("P-256"), keys)
