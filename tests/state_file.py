"""A stack's state file, read as `pulumi stack export --show-secrets` prints it, without a command of the engine.

That command takes 0.3 s of a processor where the key is made of a passphrase.
"""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .key_service import unwrapped

#: What the engine makes a key of a passphrase with: PBKDF2 with SHA-256, for AES-256-GCM.
_ITERATIONS: Final = 1_000_000


def decrypted(state: Path, passphrase: str) -> dict[str, Any]:
    """Return the state in a file of the backend, with its secrets in plain text."""
    deployment: dict[str, Any] = json.loads(state.read_bytes())["checkpoint"]["latest"]
    provider = deployment["secrets_providers"]
    match provider["type"]:
        case "passphrase":
            cipher = _cipher(passphrase, provider["state"]["salt"].split(":")[1])
        case _:
            wrapped = base64.b64decode(provider["state"]["encryptedkey"]).decode()
            cipher = AESGCM(base64.b64decode(unwrapped(wrapped)))
    return {"version": 3, "deployment": _shown(deployment, cipher)}


@cache
def _cipher(passphrase: str, salt: str) -> AESGCM:
    # The commands of a test have one key.
    return AESGCM(hashlib.pbkdf2_hmac("sha256", passphrase.encode(), base64.b64decode(salt), _ITERATIONS))


def _shown(value: Any, cipher: AESGCM) -> Any:
    match value:
        case {"ciphertext": str(encrypted), **envelope}:
            _version, nonce, text = encrypted.split(":")
            plain = cipher.decrypt(base64.b64decode(nonce), base64.b64decode(text), None).decode()
            return envelope | {"plaintext": plain}
        case dict():
            return {key: _shown(member, cipher) for key, member in value.items()}
        case list():
            return [_shown(member, cipher) for member in value]
        case _:
            return value
