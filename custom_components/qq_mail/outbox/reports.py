"""Who hears of what became of messages, and when."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started

from ..const import LOGGER
from .outcome import OutboxEvent

_START_TIMEOUT = 10.0
"""Seconds that others get at the start to begin to listen."""


_AT_ONCE = 20
"""Messages of a digest that are told of in one turn of the event loop."""


class Reports:
    """Tells listeners of outcomes, once automations can be among them."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with nobody to tell."""
        self._hass = hass
        self._listeners: set[Callable[[OutboxEvent | None], None]] = set()
        self._watchers: set[Callable[[OutboxEvent], None]] = set()
        self._waiting: list[OutboxEvent] = []
        self._parts = deque[OutboxEvent]()

    @callback
    def async_add_listener(
        self, listener: Callable[[OutboxEvent | None], None]
    ) -> CALLBACK_TYPE:
        """Tell of each outcome, and by None of any other change."""
        self._listeners.add(listener)
        return partial(self._listeners.discard, listener)

    @callback
    def async_add_watcher(
        self, watcher: Callable[[OutboxEvent], None]
    ) -> CALLBACK_TYPE:
        """Tell of each outcome when it happens, be it before anyone else can listen."""
        self._watchers.add(watcher)
        return partial(self._watchers.discard, watcher)

    @callback
    def report(self, event: OutboxEvent) -> None:
        """Tell of an outcome; automations listen only once Home Assistant has started."""
        self._call(self._watchers, event)
        if event.digest:
            # A digest may have a thousand of them, and others are not to wait for that.
            self._parts.append(event)
            if len(self._parts) == 1:
                self._hass.loop.call_soon(self._tell_parts)
            return
        self._report(event)

    def _tell_parts(self) -> None:
        """Tell what became of some of a digest's messages."""
        for _ in range(min(_AT_ONCE, len(self._parts))):
            self._report(self._parts.popleft())
        if self._parts:
            self._hass.loop.call_soon(self._tell_parts)

    def _report(self, event: OutboxEvent) -> None:
        starting = self._hass.state in (CoreState.not_running, CoreState.starting)
        if self._waiting:
            # In the order in which it happened.
            self._waiting.append(event)
        elif starting:
            self._waiting.append(event)
            async_at_started(self._hass, self._report_late)
        else:
            self.tell(event)

    @callback
    def tell(self, event: OutboxEvent | None) -> None:
        """Tell everyone at once."""
        self._call(self._listeners, event)

    def _call[E](self, listeners: Iterable[Callable[[E], None]], event: E) -> None:
        for listener in list(listeners):
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
                LOGGER.exception("A listener failed at %s", event)

    async def _report_late(self, hass: HomeAssistant) -> None:
        """Tell what happened before anyone could listen."""
        # Others do at the start what makes them listen.
        with suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT):
                await hass.async_block_till_done()
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.tell(event)
