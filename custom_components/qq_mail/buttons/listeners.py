"""Who is told what people do with mails, and which of it automations handle."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started

from ..const import LOGGER
from .models import Press, Reply

_START_TIMEOUT: Final = 10.0
"""Seconds that automations get at the start to begin to listen."""


async def async_listened(hass: HomeAssistant) -> None:
    """Wait until automations can listen."""
    if hass.state is CoreState.running:
        return
    started = asyncio.Event()
    async_at_started(hass, callback(lambda _: started.set()))
    await started.wait()
    # Others do at the start what makes them listen.
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_TIMEOUT):
            await hass.async_block_till_done()


class ListenersTo[Told: (Press, Reply)]:
    """Tells everyone of something; one that fails does not concern the others."""

    def __init__(self) -> None:
        """Begin with nobody who wants to know."""
        self._listeners: dict[Callable[[Told], None], Callable[[Told], bool]] = {}

    @callback
    def async_add_listener(
        self,
        listener: Callable[[Told], None],
        wants: Callable[[Told], bool] = lambda _: False,
    ) -> CALLBACK_TYPE:
        """Tell of each from now on; `wants` says which ones are handled."""
        self._listeners[listener] = wants

        @callback
        def remove() -> None:
            self._listeners.pop(listener, None)

        return remove

    @callback
    def is_wanted(self, told: Told) -> bool:
        """Say whether a listener handles it."""
        return any(wants(told) for wants in self._listeners.values())

    @callback
    def tell(self, told: Told) -> None:
        """Tell everyone, with nothing that could come between."""
        for listener in list(self._listeners):
            try:
                listener(told)
            except Exception:  # noqa: BLE001 - whatever it is, the others hear of it
                LOGGER.exception(
                    "A listener failed at a press or an answer of %s", told.mail
                )
