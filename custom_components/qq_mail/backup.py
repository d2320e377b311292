"""What Home Assistant calls before and after a backup."""

import asyncio

from homeassistant.core import HomeAssistant

from .calls.house import DATA_HOUSE

_LONGEST_WAIT = 60
"""Seconds. A disk that takes nothing tidies nothing either: the backup goes on."""


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Only add to files while they are copied; mail goes on."""
    held = hass.data[DATA_HOUSE].store.hold()
    await asyncio.wait([held], timeout=_LONGEST_WAIT)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Tidy files again."""
    hass.data[DATA_HOUSE].store.release()
