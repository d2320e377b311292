"""What a link in a mail leads to: looking changes nothing, one press does it once."""

from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
import string
from typing import Final, override

from aiohttp import web
from aiohttp.hdrs import METH_ANY, METH_GET, METH_HEAD, METH_POST

from homeassistant.components.http import HomeAssistantView
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import request_handler_factory

from ..clock import read_clock
from ..const import DOMAIN, LOGGER
from ..started import async_listened
from ..texts import async_texts
from .log_filter import keep_tokens_out
from .models import ACTION_PATH, Button, Press
from .page import CONFIRMED, HEADERS, Pages
from .registry import TOKEN_LENGTH, Buttons

_HEX: Final = frozenset(string.hexdigits.lower())
_MAX_UNKNOWN: Final = 30
_WINDOW: Final = 60.0
"""So many links that do not work are told so within so many seconds."""
_LOG_EVERY: Final = 3600.0
_ALLOWED: Final = {"Allow": "GET, HEAD, POST"}
_NOT_READY: Final = {"Retry-After": "30"}
_TOO_MANY: Final = {"Retry-After": f"{_WINDOW:.0f}"}


class ButtonView(HomeAssistantView):
    """Answers without a login: who has a token may press its button.

    Never raises 401 or 403: Home Assistant counts those as attempts to log in, logs the
    address, and bans whoever is in front, which may be a tunnel for everybody.
    """

    url = f"{ACTION_PATH}/{{token}}"
    # QQ's own program puts a slash at the end.
    extra_urls = [f"{url}/"]  # noqa: RUF012 - as the base class has it
    name = "api:qq_mail:action"
    requires_auth = False

    def __init__(
        self,
        hass: HomeAssistant,
        buttons: Buttons,
        written: Callable[[], Awaitable[bool]],
    ) -> None:
        """Begin with nobody who listens yet.

        `written` waits until the disk took what was changed, and tells whether it did.
        """
        self._hass = hass
        self._buttons = buttons
        self._written = written
        self._started = False
        self._unknown: deque[float] = deque(maxlen=_MAX_UNKNOWN)
        """When the last ones were opened, by the steady clock."""
        self._logged: float | None = None
        # In the background: who else waits for all at the start is not to wait for it.
        hass.async_create_background_task(self._async_begin(), f"{DOMAIN} buttons")

    async def _async_begin(self) -> None:
        """Let buttons act once automations hear of it."""
        await async_listened(self._hass)
        self._started = True

    @override
    def register(
        self, hass: HomeAssistant, app: web.Application, router: web.UrlDispatcher
    ) -> None:
        """Take every method, so that no answer is without our headers.

        And without Home Assistant's CORS, which would answer OPTIONS by itself: no
        other site's page is to read this one.
        """
        keep_tokens_out()
        serve = request_handler_factory(hass, self, self.async_answer)

        async def handle(request: web.Request) -> web.StreamResponse:
            if hass.is_stopping:
                # Home Assistant would answer by itself, with an empty page.
                return _not_ready(await self._async_pages())
            return await serve(request)

        for url in (self.url, *self.extra_urls):
            router.add_route(METH_ANY, url, handle)

    async def async_answer(self, request: web.Request, token: str) -> web.Response:
        """Answer whoever opens, presses, or does something else.

        Programs that open every link change nothing.
        """
        pages = await self._async_pages()
        # From here on without an await, until the button is used up.
        looks = request.method in (METH_GET, METH_HEAD)
        if not looks and request.method != METH_POST:
            return _page(
                pages.why("unknown"), HTTPStatus.METHOD_NOT_ALLOWED, **_ALLOWED
            )
        if not looks and request.headers.get("Sec-Fetch-Site") == "cross-site":
            return _page(pages.why("from_elsewhere"), HTTPStatus.FORBIDDEN)
        button = self._find(token)
        if button is None:
            return self._answer_unknown(pages)
        if button.used_at or button.ended:
            return _page(pages.over(button))
        if not self._is_ready(button):
            return _not_ready(pages)
        if looks:
            return _page(pages.ask(button))
        return await self._async_press(request, button, pages)

    async def _async_press(
        self, request: web.Request, button: Button, pages: Pages
    ) -> web.Response:
        """Do it; what the request says in its body is not read."""
        if button.action.destructive and CONFIRMED not in request.query:
            return _page(pages.ask_once_more(button))
        heard = self._buttons.is_heard(Press(mail=button.mail, action=button.action))
        self._buttons.press(button)
        kept = await self._written()
        return _page(pages.done(button, heard=heard, kept=kept))

    async def _async_pages(self) -> Pages:
        """Return the pages in Home Assistant's language."""
        return Pages(self._hass.config.language, await async_texts(self._hass))

    def _find(self, token: str) -> Button | None:
        if len(token) != TOKEN_LENGTH or not _HEX.issuperset(token):
            return None
        button = self._buttons.find(token)
        if button and self._hass.config_entries.async_get_entry(button.mail.account):
            return button
        return None

    def _is_ready(self, button: Button) -> bool:
        """Return whether somebody would hear of a press."""
        entry = self._hass.config_entries.async_get_known_entry(button.mail.account)
        return self._started and entry.state is ConfigEntryState.LOADED

    def _answer_unknown(self, pages: Pages) -> web.Response:
        """Answer alike for all that do not work, and less when somebody is guessing."""
        now = read_clock().steady
        full = len(self._unknown) == _MAX_UNKNOWN
        if not full or now - self._unknown[0] >= _WINDOW:
            self._unknown.append(now)
            return _page(pages.why("unknown"), HTTPStatus.NOT_FOUND)
        if self._logged is None or now - self._logged >= _LOG_EVERY:
            self._logged = now
            LOGGER.warning(
                "More than %d links that do not work were opened within a minute, as if "
                "somebody was guessing; the buttons of mails go on working",
                _MAX_UNKNOWN,
            )
        too_many = pages.why("too_many")
        return _page(too_many, HTTPStatus.TOO_MANY_REQUESTS, **_TOO_MANY)


def _not_ready(pages: Pages) -> web.Response:
    not_ready = pages.why("not_ready")
    return _page(not_ready, HTTPStatus.SERVICE_UNAVAILABLE, **_NOT_READY)


def _page(html: str, status: int = HTTPStatus.OK, **headers: str) -> web.Response:
    return web.Response(
        text=html,
        content_type="text/html",
        status=status,
        headers={**HEADERS, **headers},
    )
