"""What an account does not need before its first mail, loaded off the event loop.

Who has awaited one of these may import from what it loads, within a function: that
costs nothing then, and does not block.
"""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.importlib import async_import_module

from .const import DOMAIN


async def async_load_sending(hass: HomeAssistant) -> None:
    """Load all that turns a call into a message."""
    await async_load_addresses(hass)
    await _async_load_own(hass)


async def async_load_addresses(hass: HomeAssistant) -> None:
    """Load the tables of what may stand in a mail address."""
    await async_import_module(hass, "email_validator")


@callback
def async_load_soon(hass: HomeAssistant) -> None:
    """Load the rest of the integration without making anyone wait.

    An update writes over its files while it runs: what is loaded after that would not
    go with what is loaded already, and an alert would be lost.
    """
    hass.async_create_background_task(_async_load_own(hass), f"{DOMAIN} load")


async def _async_load_own(hass: HomeAssistant) -> None:
    # It imports all the others.
    await async_import_module(hass, f"{__package__}.message_actions")
