"""Send mail from Home Assistant by a QQ Mail account."""

from functools import partial

from homeassistant.const import CONF_TIMEOUT, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.util.ssl import client_context

from .const import DEFAULT_TIMEOUT, DOMAIN
from .coordinator import QQMailConfigEntry, QQMailRuntimeData, account_from
from .outbox import Outbox

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [Platform.NOTIFY]


async def async_setup_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Set up an account. It needs no connection: an alert may come at any time."""
    account = account_from(entry.data, entry.options.get(CONF_TIMEOUT, DEFAULT_TIMEOUT))
    entry.runtime_data = QQMailRuntimeData(
        outbox=Outbox(
            account, client_context(), partial(entry.async_start_reauth, hass)
        )
    )
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: QQMailConfigEntry) -> bool:
    """Take the account's entities and actions away."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def _async_reload(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Load anew after any change; the flows leave it to this listener."""
    hass.config_entries.async_schedule_reload(entry.entry_id)
