"""Writes into the house's logbook what people do with mails."""

from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.const import (
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_NAME,
    EVENT_LOGBOOK_ENTRY,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .buttons.models import Press
from .calls.heard import PRESSES_KEY
from .calls.house import DATA_HOUSE
from .const import DOMAIN
from .texts import async_texts

_ATTR_MESSAGE = "message"


@callback
def async_setup_log_entries(hass: HomeAssistant) -> None:
    """Write an entry for each button that is pressed, for as long as the house runs."""

    @callback
    def log(press: Press) -> None:
        hass.async_create_task(_async_log(hass, press))

    hass.data[DATA_HOUSE].buttons.async_add_listener(log)


async def _async_log(hass: HomeAssistant, press: Press) -> None:
    """Say in words who can have pressed what: whoever has the mail."""
    texts = await async_texts(hass)
    message = texts(
        "answer_logged",
        title=press.action.title,
        # Pages show the entity's name in place of this entry's.
        subject=press.mail.subject,
        recipients=", ".join(press.mail.recipients),
    )
    entity_id = er.async_get(hass).async_get_entity_id(
        EVENT_DOMAIN, DOMAIN, f"{press.mail.account}_{PRESSES_KEY}"
    )
    hass.bus.async_fire(
        EVENT_LOGBOOK_ENTRY,
        {
            ATTR_NAME: press.mail.subject,
            _ATTR_MESSAGE: message,
            ATTR_DOMAIN: DOMAIN,
            ATTR_ENTITY_ID: entity_id,
        },
    )
