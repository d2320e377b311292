"""The HTML of a mail for a browser, which does not know `cid:`."""

from base64 import b64encode
from collections.abc import Sequence
from html import unescape
import re
from urllib.parse import unquote

from ..const import MAX_PREVIEWED
from ..mime.models import BodyPart

_CID = re.compile(r"""(?<==["'])cid:([^"'<>\s]+)(?=["'])""", re.IGNORECASE)


def preview(html: str, parts: Sequence[BodyPart]) -> str:
    """Return HTML with its pictures in it (RFC 2397), as far as they are small.

    It blocks for some milliseconds.
    """
    urls: dict[str, str] = {}
    room = MAX_PREVIEWED
    for part in parts:
        if part.inline and isinstance(part.content, bytes):
            encoded = b64encode(part.content).decode()
            if len(encoded) <= room:
                room -= len(encoded)
                urls[part.content_id] = f"data:{part.media_type};base64,{encoded}"

    def url(match: re.Match[str]) -> str:
        return urls.get(unquote(unescape(match[1])), match[0])

    return _CID.sub(url, html)
