"""The HTML of a mail for a browser, which does not know `cid:`."""

from base64 import b64encode
from collections.abc import Sequence
from html import unescape
from pathlib import Path
import re
from urllib.parse import unquote

from ..mime.models import BodyPart

_CID = re.compile(r"""(?<==["'])cid:([^"'<>\s]+)(?=["'])""", re.IGNORECASE)


def preview(html: str, parts: Sequence[BodyPart], room: int) -> str:
    """Return HTML with its pictures in it (RFC 2397), as far as there is room.

    `room` is in octets of what is put in. It blocks.
    """
    urls: dict[str, str] = {}
    for part in parts:
        if part.inline:
            encoded = _encoded(part.content, room)
            if encoded:
                room -= len(encoded)
                urls[part.content_id] = f"data:{part.media_type};base64,{encoded}"

    def url(match: re.Match[str]) -> str:
        return urls.get(unquote(unescape(match[1])), match[0])

    return _CID.sub(url, html)


def _encoded(content: bytes | Path, room: int) -> str:
    """Return a picture in base64; nothing if it does not fit, or cannot be read."""
    if isinstance(content, Path):
        try:
            if content.stat().st_size > room:
                return ""
            content = content.read_bytes()
        except OSError:
            return ""
    encoded = b64encode(content).decode()
    return encoded if len(encoded) <= room else ""
