"""What a mail would be, without sending it; it can be looked at for ten minutes."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from http import HTTPStatus
from pathlib import Path
import re
from secrets import token_hex
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from aiohttp import web

from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from ..accounts import QQMailConfigEntry
from ..clock import read_clock
from ..const import MAX_PREVIEWED, MEGABYTE
from ..content.material import absolute, async_material
from ..content.request import MessageRequest
from ..mime.address import Recipients, one_line
from ..mime.markup import replace_content_ids
from ..mime.models import BodyPart, Draft
from ..outbox.outbox import Outbox
from ..texts import async_texts
from .buttons import draw_buttons
from .submit import answered_to, budget

LASTS: Final = 600.0
"""Seconds for which a preview is kept."""
MAX_OCTETS: Final = 20 * MEGABYTE
"""Of all of them together; then the oldest go."""
_PATH: Final = "/api/qq_mail/preview"
_SCHEMES: Final = {"dark", "light"}
_PREFERS: Final = re.compile(
    rb"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE
)
# Mail programs show none; Chromium connects to their servers before it asks the policy.
_FRAMES: Final = re.compile(rb"<(/?)(i?frame|object|embed)\b", re.IGNORECASE)
_HEADERS: Final = {
    # Whatever a mail brings along does nothing, and loads nothing from elsewhere.
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'"
    ),
    "Cache-Control": "no-store",
}
_PLAIN: Final = (
    '<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" '
    'content="light dark"><pre style="white-space: pre-wrap; overflow-wrap: anywhere; '
    'font: 16px/1.5 sans-serif">{text}</pre>'
)


class Frames(HomeAssistantView):
    """Shows a preview to whoever has its address, which nobody can guess.

    A frame sends no login. An unknown address is answered by 404, never by 401: Home
    Assistant would count that as an attempt to log in, and ban who reloads a page.
    """

    url = f"{_PATH}/{{token}}"
    name = "api:qq_mail:preview"
    requires_auth = False

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, bytes]] = {}
        """Until when, by the steady clock, and what; the oldest first."""

    def keep(self, html: str) -> str:
        """Keep a page, and return its path; of one that is too large there is none."""
        now = read_clock().steady
        token = token_hex(32)
        page = _FRAMES.sub(rb"<\1no-\2", html.encode("utf-8", "replace"))
        self._kept[token] = (now + LASTS, page)
        while self._kept:
            oldest, (until, _) = next(iter(self._kept.items()))
            octets = sum(len(kept) for _, kept in self._kept.values())
            if until > now and octets <= MAX_OCTETS:
                break
            del self._kept[oldest]
        return f"{_PATH}/{token}"

    async def get(self, request: web.Request, token: str) -> web.Response:
        """Answer with a page that is kept; with `?dark` or `?light` in those colours."""
        until, page = self._kept.get(token, (0.0, b""))
        status = HTTPStatus.OK
        if until <= read_clock().steady:
            texts = await async_texts(request.app[KEY_HASS])
            page = _PLAIN.format(text=escape(texts("preview_over"))).encode()
            status = HTTPStatus.NOT_FOUND
        for scheme in _SCHEMES & request.query.keys():
            page = _coloured(page, scheme.encode())
        return web.Response(
            body=page,
            status=status,
            content_type="text/html",
            charset="utf-8",
            headers=_HEADERS,
        )


async def async_preview(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    frames: Frames,
    request: MessageRequest,
    recipients: Recipients,
) -> ServiceResponse:
    """Return a mail that is not sent, and where it can be looked at."""
    texts = await async_texts(hass)
    raised = dt_util.utcnow()
    draft = Draft(
        recipients=recipients,
        subject=one_line(request.title) or ATTR_TITLE_DEFAULT,
        priority=request.priority,
    )

    def compose() -> tuple[int, str, str, str]:
        with SpooledTemporaryFile(MEGABYTE) as stream:
            size = material.compose(draft, cast("BinaryIO", stream)).size
        text, html, parts = material.content()
        plain = _PLAIN.format(text=escape(text))
        page = with_pictures(html, parts, MAX_OCTETS) if html else plain
        return size, text, with_pictures(html, parts, MAX_PREVIEWED), page

    async with async_material(
        hass, request, budget(entry.options, outbox), raised, texts
    ) as material:
        by_mail = bool(answered_to(entry, request))
        draw_buttons(hass, material, request, texts, by_mail=by_mail)
        size, text, html, page = await hass.async_add_executor_job(compose)
    path = frames.keep(page)
    try:
        url = absolute(hass, path)
    except HomeAssistantError:
        url = path
    notes: list[JsonValueType] = [*material.notes]
    return {"text": text, "html": html, "notes": notes, "size": size, "url": url}


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

    # What a browser does not know.
    return replace_content_ids(html, urls.get)


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


def _coloured(page: bytes, scheme: bytes) -> bytes:
    """Return a page as it looks where that is preferred: frames cannot prefer."""
    page = _PREFERS.sub(
        lambda match: (
            b"(min-width:0)" if match[1].lower() == scheme else b"(max-width:0)"
        ),
        page,
    )
    return page + b"<style>:root{color-scheme:" + scheme + b"!important}</style>"
