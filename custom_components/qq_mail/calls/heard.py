"""Whether somebody in the house listens to a button."""

from homeassistant.components.automation import automations_with_entity
from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.components.script import scripts_with_entity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from ..buttons.models import Press
from ..const import ACKNOWLEDGE, DOMAIN
from .house import DATA_HOUSE

PRESSES_KEY = "action"
"""The key of the event entity that tells of presses, in its unique id."""


@callback
def is_heard(hass: HomeAssistant, press: Press) -> bool:
    """Tell whether a press is handled: by us, a trigger, an automation or a script.

    An automation that triggers on the state of any entity is not seen here.
    """
    if press.action.action.lower() == ACKNOWLEDGE:
        return True
    if hass.data[DATA_HOUSE].buttons.is_wanted(press):
        return True
    entity_id = er.async_get(hass).async_get_entity_id(
        EVENT_DOMAIN, DOMAIN, f"{press.mail.account}_{PRESSES_KEY}"
    )
    return bool(
        entity_id
        and (
            automations_with_entity(hass, entity_id)
            or scripts_with_entity(hass, entity_id)
        )
    )
