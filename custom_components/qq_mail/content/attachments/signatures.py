"""Recognizes pictures by their first octets."""

import re

JPEG = "image/jpeg"
PNG = "image/png"
GIF = "image/gif"
WEBP = "image/webp"

SIGNATURE_LENGTH = 12
_SIGNATURES = {
    JPEG: re.compile(rb"\xff\xd8\xff"),
    PNG: re.compile(rb"\x89PNG\r\n\x1a\n"),
    GIF: re.compile(rb"GIF8[79]a"),
    WEBP: re.compile(rb"RIFF....WEBP", re.DOTALL),
}
PICTURES = frozenset(_SIGNATURES)
"""Media types of pictures that are recognized, shown and made smaller."""


def signed_type(content: bytes) -> str | None:
    """Return the media type that the first octets of a picture tell."""
    for media_type, signature in _SIGNATURES.items():
        if signature.match(content):
            return media_type
    return None
