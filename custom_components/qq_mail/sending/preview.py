"""What a mail would be, without sending it."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
import re
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast
from urllib.parse import unquote

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..const import MAX_PREVIEWED, MEGABYTE
from ..content.draft import Material, async_material
from ..content.request import MessageRequest
from ..coordinator import QQMailConfigEntry
from ..mime.address import Recipients, one_line
from ..mime.models import BodyPart, Draft
from ..outbox.outbox import Outbox
from ..texts import async_texts
from .buttons import draw_buttons
from .frames import MAX_OCTETS
from .submit import answered_to, budget

# What a browser does not know.
_CID: Final = re.compile(r"""(?<==["'])cid:([^"'<>\s]+)(?=["'])""", re.IGNORECASE)
_PLAIN: Final = (
    '<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" '
    'content="light dark"><pre style="white-space: pre-wrap; overflow-wrap: anywhere; '
    'font: 16px/1.5 sans-serif">{text}</pre>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A mail as it would be."""

    text: str
    html: str
    """With its pictures in it, as far as they are small."""
    page: str
    """The same with all of its pictures; its text, where it has no HTML."""
    size: int
    """Octets of the mail in wire form."""
    notes: Sequence[str] = ()


async def async_preview(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    request: MessageRequest,
    recipients: Recipients,
) -> Preview:
    """Return a message that is not sent."""
    texts = await async_texts(hass)
    raised = dt_util.utcnow()
    draft = Draft(
        recipients=recipients,
        subject=one_line(request.title) or ATTR_TITLE_DEFAULT,
        text="",
        priority=request.priority,
    )
    async with async_material(
        hass, request, budget(entry.options, outbox), raised, texts
    ) as material:
        by_mail = bool(answered_to(entry, request))
        draw_buttons(hass, material, request, texts, by_mail=by_mail)
        return await hass.async_add_executor_job(_composed, material, draft)


def _composed(material: Material, draft: Draft) -> Preview:
    """Compose a mail for its size, and put its pictures in. It blocks."""
    with SpooledTemporaryFile(MEGABYTE) as stream:
        size = material.compose(draft, cast("BinaryIO", stream)).size
    text, html, parts = material.content()
    return Preview(
        text=text,
        html=with_pictures(html, parts, MAX_PREVIEWED),
        page=(
            with_pictures(html, parts, MAX_OCTETS)
            if html
            else _PLAIN.format(text=escape(text))
        ),
        size=size,
        notes=material.notes,
    )


def with_pictures(html: str, parts: Sequence[BodyPart], room: int) -> str:
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
