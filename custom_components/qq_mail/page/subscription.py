"""Tells a page what an outbox shows whenever that changes, as fast as a person looks."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..calls.house import DATA_HOUSE
from ..outbox.outbox import Outbox

_INTERVAL: Final = 1.0
"""Seconds between two looks at the outbox."""


class Subscription:
    """Shows a page the accounts, and again what has changed of them."""

    def __init__(
        self,
        hass: HomeAssistant,
        show: Callable[[], list[dict[str, Any]]],
        send: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        """Begin. `show` returns what is to be seen, which `send` sends."""
        self._hass = hass
        self._show = show
        self._send = send
        self._listening: dict[Outbox, CALLBACK_TYPE] = {}
        self._shown: list[dict[str, Any]] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stop = async_dispatcher_connect(
            hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._changed
        )
        self._look()

    @callback
    def async_end(self) -> None:
        """Show nothing any more: the page is gone."""
        self._stop()
        if self._timer:
            self._timer.cancel()
        for stop in self._listening.values():
            stop()

    @callback
    def _changed(self, *_: object) -> None:
        if not self._timer:
            self._timer = self._hass.loop.call_later(_INTERVAL, self._look)

    def _look(self) -> None:
        self._timer = None
        self._listen()
        shown = self._show()
        if shown != self._shown:
            self._shown = shown
            self._send(shown)

    def _listen(self) -> None:
        """Listen to the outboxes that are there: accounts come and go."""
        rooms = self._hass.data[DATA_HOUSE].rooms
        there = {one.outbox for one in rooms.values()}
        for outbox in self._listening.keys() - there:
            self._listening.pop(outbox)()
        for outbox in there - self._listening.keys():
            self._listening[outbox] = outbox.listeners.async_add(self._changed)
