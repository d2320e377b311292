"""What a link in a mail leads to: looking changes nothing, one press does it once."""

import asyncio
from collections import deque
from contextlib import suppress
from http import HTTPStatus
import string
from typing import TYPE_CHECKING, Final, override

from aiohttp import web
from aiohttp.hdrs import METH_ANY, METH_GET, METH_HEAD, METH_POST

from homeassistant.components.http import HomeAssistantView
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.http import request_handler_factory
from homeassistant.helpers.start import async_at_started

from ..const import DOMAIN, LOGGER
from ..loading import async_load_page
from ..outbox.clock import read_clock
from ..texts import async_texts
from .log_filter import keep_tokens_out
from .models import ACTION_PATH, Link
from .store import TOKEN_LENGTH, async_answers, get_answers

if TYPE_CHECKING:
    from .page import Pages

_HEX: Final = frozenset(string.hexdigits.lower())
_MAX_UNKNOWN: Final = 30
_WINDOW: Final = 60.0
"""So many links that do not work are told so within so many seconds."""
_LOG_EVERY: Final = 3600.0
_START_TIMEOUT: Final = 10.0
"""Seconds that automations get at the start to begin to listen."""
_ALLOWED: Final = {"Allow": "GET, HEAD, POST"}
_NOT_READY: Final = {"Retry-After": "30"}
_TOO_MANY: Final = {"Retry-After": f"{_WINDOW:.0f}"}


async def async_setup_view(hass: HomeAssistant) -> None:
    """Open the address of all links, once for all accounts."""
    keep_tokens_out()
    view = AnswerView(hass)
    # At once: until then Home Assistant says that there is no such page.
    hass.http.register_view(view)
    await async_answers(hass)
    if hass.state is not CoreState.running:
        async_at_started(hass, view.async_begin)


class AnswerView(HomeAssistantView):
    """Answers without a login: who has a token may press its button.

    Never raises 401 or 403: Home Assistant counts those as attempts to log in, logs the
    address, and bans whoever is in front, which may be a tunnel for everybody.
    """

    url = f"{ACTION_PATH}/{{token}}"
    # QQ's own program puts a slash at the end.
    extra_urls = [f"{url}/"]  # noqa: RUF012 - as the base class has it
    name = "api:qq_mail:action"
    requires_auth = False

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with nobody who listens yet."""
        self._hass = hass
        self._started = hass.state is CoreState.running
        self._unknown: deque[float] = deque(maxlen=_MAX_UNKNOWN)
        """When the last ones were opened, by the steady clock."""
        self._logged: float | None = None

    @callback
    def async_begin(self, hass: HomeAssistant) -> None:
        """Let buttons act once automations hear of it."""
        # In the background: who else waits for all at the start is not to wait for it.
        hass.async_create_background_task(self._async_begin(), f"{DOMAIN} buttons")

    @override
    def register(
        self, hass: HomeAssistant, app: web.Application, router: web.UrlDispatcher
    ) -> None:
        """Take every method, so that no answer is without our headers.

        And without Home Assistant's CORS, which would answer OPTIONS by itself: no
        other site's page is to read this one.
        """
        serve = request_handler_factory(hass, self, self.async_answer)

        async def handle(request: web.Request) -> web.StreamResponse:
            if hass.is_stopping:
                # Home Assistant would answer by itself, with an empty page.
                return _not_ready(await self._async_pages())
            return await serve(request)

        for url in (self.url, *self.extra_urls):
            router.add_route(METH_ANY, url, handle)

    async def async_answer(self, request: web.Request, token: str) -> web.Response:
        """Answer whoever opens, presses, or does something else."""
        await async_answers(self._hass)
        pages = await self._async_pages()
        if request.method in (METH_GET, METH_HEAD):
            return self._look(token, pages)
        if request.method == METH_POST:
            return await self._async_press(request, token, pages)
        return _page(pages.unknown(), HTTPStatus.METHOD_NOT_ALLOWED, **_ALLOWED)

    def _look(self, token: str, pages: Pages) -> web.Response:
        """Show a page; programs that open every link change nothing."""
        link = self._find(token)
        if link is None:
            return self._answer_unknown(pages)
        if link.used_at:
            return _page(pages.done_before(link, link.used_at))
        if not self._is_ready(link):
            return _not_ready(pages)
        return _page(pages.ask(link))

    async def _async_press(
        self, request: web.Request, token: str, pages: Pages
    ) -> web.Response:
        """Do it, unless that was done; what the request says in its body is not read."""
        from .page import CONFIRMED  # noqa: PLC0415 - loaded with the first link

        # From here on without an await, until the button is used up.
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            return _page(pages.from_elsewhere(), HTTPStatus.FORBIDDEN)
        link = self._find(token)
        if link is None:
            return self._answer_unknown(pages)
        if link.used_at:
            return _page(pages.done_before(link, link.used_at))
        if not self._is_ready(link):
            return _not_ready(pages)
        if link.action.destructive and CONFIRMED not in request.query:
            return _page(pages.ask_once_more(link))
        answers = get_answers(self._hass)
        answers.press(link)
        # Also if whoever pressed has gone meanwhile.
        await asyncio.shield(self._hass.async_create_task(answers.async_save()))
        return _page(pages.done(link))

    async def _async_begin(self) -> None:
        # Others do at the start what makes them listen.
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT):
                await self._hass.async_block_till_done()
        self._started = True

    async def _async_pages(self) -> Pages:
        """Return the pages in Home Assistant's language."""
        await async_load_page(self._hass)
        from .page import Pages  # noqa: PLC0415 - loaded with the first link

        return Pages(self._hass.config.language, await async_texts(self._hass))

    def _find(self, token: str) -> Link | None:
        if len(token) != TOKEN_LENGTH or not _HEX.issuperset(token):
            return None
        link = get_answers(self._hass).find(token)
        if link and self._hass.config_entries.async_get_entry(link.mail.entry_id):
            return link
        return None

    def _is_ready(self, link: Link) -> bool:
        """Return whether somebody would hear of a press."""
        entry = self._hass.config_entries.async_get_known_entry(link.mail.entry_id)
        return self._started and entry.state is ConfigEntryState.LOADED

    def _answer_unknown(self, pages: Pages) -> web.Response:
        """Answer alike for all that do not work, and less when somebody is guessing."""
        now = read_clock().steady
        full = len(self._unknown) == _MAX_UNKNOWN
        if not full or now - self._unknown[0] >= _WINDOW:
            self._unknown.append(now)
            return _page(pages.unknown(), HTTPStatus.NOT_FOUND)
        if self._logged is None or now - self._logged >= _LOG_EVERY:
            self._logged = now
            LOGGER.warning(
                "More than %d links that do not work were opened within a minute, as if "
                "somebody was guessing; the buttons of mails go on working",
                _MAX_UNKNOWN,
            )
        return _page(pages.too_many(), HTTPStatus.TOO_MANY_REQUESTS, **_TOO_MANY)


def _not_ready(pages: Pages) -> web.Response:
    return _page(pages.not_ready(), HTTPStatus.SERVICE_UNAVAILABLE, **_NOT_READY)


def _page(html: str, status: int = HTTPStatus.OK, **headers: str) -> web.Response:
    from .page import HEADERS  # noqa: PLC0415 - loaded with the first link

    return web.Response(
        text=html,
        content_type="text/html",
        status=status,
        headers={**HEADERS, **headers},
    )
