"""What an account does not need before its first mail, loaded off the event loop.

Who has awaited one of these may import from what it loads, within a function: that
costs nothing then, and does not block.
"""

import asyncio
from functools import partial
from importlib import import_module

from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

_ADDRESSES = "email_validator"
_SESSION = f"{__package__}.smtp.session"
_MESSAGE = f"{__package__}.mime.message"
_PAGE = f"{__package__}.buttons.page"
_REPEATS = f"{__package__}.repeats.kept"
# It imports all the others.
_ACTIONS = f"{__package__}.calls.actions"

_loaded: set[str] = set()
_DATA_LOADING: HassKey[dict[str, asyncio.Task[None]]] = HassKey(f"{DOMAIN}_loading")


async def async_load_addresses(hass: HomeAssistant) -> None:
    """Load the tables of what may stand in a mail address."""
    await _async_load(hass, _ADDRESSES)


async def async_load_session(hass: HomeAssistant) -> None:
    """Load what logs in and submits, and what is put into a message then."""
    await _async_load(hass, _SESSION, _MESSAGE)


async def async_load_sending(hass: HomeAssistant) -> None:
    """Load all that turns a call into a message."""
    await _async_load(hass, _ADDRESSES, _ACTIONS, _REPEATS)


async def async_load_page(hass: HomeAssistant) -> None:
    """Load what a button of a mail opens."""
    await _async_load(hass, _PAGE)


@callback
def async_load_soon(hass: HomeAssistant) -> None:
    """Load the rest of the integration without making anyone wait.

    An update writes over its files while it runs: what is loaded after that would not
    go with what is loaded already, and an alert would be lost.
    """
    hass.async_create_background_task(
        _async_load(hass, _ACTIONS, _REPEATS, _SESSION), f"{DOMAIN} load"
    )


async def _async_load(hass: HomeAssistant, *modules: str) -> None:
    """Import modules in a thread; who waits for the same goes on in the order it came.

    Not by Home Assistant's async_import_module: who is cancelled in that takes along
    whoever else waits for the same module, and an alert would be lost.
    """
    loading = hass.data.setdefault(_DATA_LOADING, {})

    async def load(module: str) -> None:
        await hass.async_add_import_executor_job(import_module, module)
        _loaded.add(module)

    for module in modules:
        if module in _loaded:
            continue
        if not (task := loading.get(module)):
            task = hass.async_create_background_task(
                load(module), f"{DOMAIN} import {module}"
            )
            loading[module] = task
            task.add_done_callback(partial(_forget, loading, module))
        await asyncio.shield(task)


def _forget(
    loading: dict[str, asyncio.Task[None]], module: str, _task: asyncio.Task[None]
) -> None:
    del loading[module]
