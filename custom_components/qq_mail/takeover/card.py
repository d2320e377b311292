"""The card under Devices & services that offers to take an account over, once."""

from homeassistant.config_entries import SOURCE_INTEGRATION_DISCOVERY, ConfigFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.helpers.discovery_flow import async_create_flow

from ..const import DOMAIN
from .source import async_core_accounts


async def async_offer(hass: HomeAssistant) -> None:
    """Show a card for each of core's accounts; whoever ignores it is not asked again."""
    for account in await async_core_accounts(hass):
        async_create_flow(
            hass,
            DOMAIN,
            ConfigFlowContext(source=SOURCE_INTEGRATION_DISCOVERY),
            {"entry_id": account.entry_id},
        )
