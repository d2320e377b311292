"""Previews at an address of their own, to be looked at in a frame for ten minutes."""

from http import HTTPStatus
import re
from secrets import token_hex
from typing import Final

from aiohttp import web

from homeassistant.components.http import HomeAssistantView
from homeassistant.core import callback

from ..clock import read_clock
from ..const import MEGABYTE

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


class Frames(HomeAssistantView):
    """Shows a preview to whoever has its address, which nobody can guess.

    A frame sends no login. An unknown address is answered by 404, never by 401: Home
    Assistant would count that as an attempt to log in, and ban who reloads a page.
    """

    url = f"{_PATH}/{{token}}"
    name = "api:qq_mail:preview"
    requires_auth = False

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[str, tuple[float, bytes]] = {}
        """Until when, by the steady clock, and what; the oldest first."""

    @callback
    def keep(self, html: str) -> str:
        """Keep a page, and return its path; of one that is too large there is none."""
        now = read_clock().steady
        token = token_hex(32)
        page = _FRAMES.sub(rb"<\1no-\2", html.encode("utf-8", "replace"))
        self._kept[token] = (now + LASTS, page)
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest][0] > now and self._octets <= MAX_OCTETS:
                break
            del self._kept[oldest]
        return f"{_PATH}/{token}"

    async def get(self, request: web.Request, token: str) -> web.Response:
        """Answer with a page that is kept; with `?dark` or `?light` in those colours."""
        until, page = self._kept.get(token, (0.0, b""))
        if until <= read_clock().steady:
            return web.Response(status=HTTPStatus.NOT_FOUND, headers=_HEADERS)
        for scheme in _SCHEMES & request.query.keys():
            page = _coloured(page, scheme.encode())
        return web.Response(
            body=page, content_type="text/html", charset="utf-8", headers=_HEADERS
        )

    @property
    def _octets(self) -> int:
        return sum(len(page) for _, page in self._kept.values())


def _coloured(page: bytes, scheme: bytes) -> bytes:
    """Return a page as it looks where that is preferred: frames cannot prefer."""
    page = _PREFERS.sub(
        lambda match: (
            b"(min-width:0)" if match[1].lower() == scheme else b"(max-width:0)"
        ),
        page,
    )
    return page + b"<style>:root{color-scheme:" + scheme + b"!important}</style>"
