"""A stack's state file, read as `pulumi stack export --show-secrets` prints it, without a command of the engine.

That command takes 0.3 s of a processor, most of it for the key that it makes of the passphrase.
"""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: What the engine makes a key of a passphrase with: PBKDF2 with SHA-256, for AES-256-GCM.
_ITERATIONS: Final = 1_000_000


def decrypted(state: Path, passphrase: str) -> dict[str, Any]:
    """Return the state in a file of the backend, with its secrets in plain text."""
    deployment: dict[str, Any] = json.loads(state.read_bytes())["checkpoint"]["latest"]
    salt = deployment["secrets_providers"]["state"]["salt"].split(":")[1]
    return {"version": 3, "deployment": _shown(deployment, _cipher(passphrase, salt))}


@cache
def _cipher(passphrase: str, salt: str) -> AESGCM:
    # The stacks of a worker are copies of one, so one key serves them all.
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
