"""The secret that only a mail carries, by which an answer to it is known.

Mail programs wrap, quote, encode and change case, but leave letters and digits alone:
so it is made of those of base32 (RFC 4648 section 6), where case means nothing.
"""

from base64 import b32encode
import re
import secrets
from typing import Final

_PREFIX: Final = "hq"
_MAX_FOUND: Final = 20
"""Secrets of one text; one is enough, and each may be looked up by the caller."""
# In an address of a link, what stands before it may be an encoded blank: %20.
_SECRET = re.compile(
    rf"(?:(?<![a-z0-9])|(?<=%[0-9a-f]{{2}}))"
    rf"{_PREFIX}[a-z2-7]{{26}}(?![a-z0-9])",
    re.IGNORECASE | re.ASCII,
)


def make_secret() -> str:
    """Return a new secret of 128 bits: 28 letters and digits."""
    encoded = b32encode(secrets.token_bytes(16)).decode()
    return _PREFIX + encoded.rstrip("=").lower()


def find_secrets(text: str) -> tuple[str, ...]:
    """Return what has the form of a secret, each once, in lower case."""
    found = dict.fromkeys(match[0].lower() for match in _SECRET.finditer(text))
    return tuple(found)[:_MAX_FOUND]


def without_secrets(text: str) -> str:
    """Leave out what has the form of a secret, and the brackets around it."""
    return re.sub(rf"\[?{_SECRET.pattern}\]?", "", text, flags=_SECRET.flags).strip()
