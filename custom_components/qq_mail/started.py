"""Home Assistant's start: from when on automations hear what they are told."""

import asyncio
from contextlib import suppress
from typing import Final

from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started

_TIMEOUT: Final = 10.0
"""Seconds that others get at the start to begin to listen."""


async def async_listened(hass: HomeAssistant) -> None:
    """Wait until automations can listen.

    Only in a background task: the start waits for all others.
    """
    if hass.state is CoreState.running:
        return
    started = asyncio.Event()
    async_at_started(hass, callback(lambda _: started.set()))
    await started.wait()
    # Others do at the start what makes them listen.
    with suppress(TimeoutError):
        async with asyncio.timeout(_TIMEOUT):
            await hass.async_block_till_done()
