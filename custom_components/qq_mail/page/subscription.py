"""Tells a page what an outbox shows whenever that changes, as fast as a person looks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from ..calls.house import DATA_HOUSE
from ..outbox.outbox import Outbox

_INTERVAL: Final = 1.0
"""Seconds between two looks at the outbox."""


async def async_follow(
    hass: HomeAssistant,
    show: Callable[[], Awaitable[list[dict[str, Any]]]],
    send: Callable[[list[dict[str, Any]]], None],
) -> None:
    """Send what `show` returns, and again whenever that changes, until cancelled."""
    changed = asyncio.Event()
    last: list[dict[str, Any]] | None = None
    listening: dict[Outbox, CALLBACK_TYPE] = {}

    @callback
    def tell(*_: object) -> None:
        changed.set()

    stop = async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, tell)
    try:
        while True:
            changed.clear()
            _listen(hass, listening, tell)
            if (shown := await show()) != last:
                last = shown
                send(shown)
            await changed.wait()
            await asyncio.sleep(_INTERVAL)
    finally:
        stop()
        for end in listening.values():
            end()


def _listen(
    hass: HomeAssistant,
    listening: dict[Outbox, CALLBACK_TYPE],
    tell: Callable[[object], None],
) -> None:
    """Listen to the outboxes that are there: accounts come and go."""
    there = {one.outbox for one in hass.data[DATA_HOUSE].rooms.values()}
    for outbox in listening.keys() - there:
        listening.pop(outbox)()
    for outbox in there - listening.keys():
        listening[outbox] = outbox.listeners.async_add(tell)
