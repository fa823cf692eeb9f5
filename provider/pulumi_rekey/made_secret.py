"""Secrets that rekey makes: random text by the rule of the vendor that it is for."""

from __future__ import annotations

import math
import secrets
import string
from typing import Final, Literal

from pydantic import SecretStr

Vendor = Literal["navigator", "roma"]

_PLAIN: Final = string.ascii_letters + string.digits
#: What a secret for the vendor is made of, and the characters of which it needs at least one each.
_RULES: Final[dict[Vendor, tuple[str, tuple[str, ...]]]] = {
    # Special in every reading of the rule, and the same in a header, a URL-encoded form and a shell's double quotes.
    "navigator": (_PLAIN + "@*=.", (string.ascii_lowercase, string.ascii_uppercase, string.digits, "@*=.")),
    "roma": (_PLAIN, ()),
}
#: Bits below which no made secret may be.
LEAST_BITS: Final = 128
#: The shortest secret that has them, whatever the vendor.
LEAST_LENGTH: Final = math.ceil(LEAST_BITS / math.log2(len(_PLAIN)))
#: 238 bits of letters and digits.
USUAL_LENGTH: Final = 40


def made_secret(vendor: Vendor, length: int = USUAL_LENGTH) -> SecretStr:
    """Return a new random secret of so many characters that the vendor's rule allows."""
    alphabet, needed = _RULES[vendor]
    while True:
        made = "".join(secrets.choice(alphabet) for _ in range(length))
        # Drawn again as a whole, so that every allowed secret is equally likely.
        if all(any(c in some for c in made) for some in needed):
            return SecretStr(made)
