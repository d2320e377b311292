"""Checks a user's rights: who sends needs control of the notify entity that sends."""

from collections.abc import Callable, Iterable
from functools import partial

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN


async def async_rights(call: ServiceCall) -> Callable[[str], bool]:
    """Return a function that tells whether a call may control an entity.

    What Home Assistant itself calls, such as an automation, may control all of them.
    Raises UnknownUser.
    """
    if not call.context.user_id:
        return lambda _: True
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    return partial(user.permissions.check_entity, key=POLICY_CONTROL)


@callback
def check_rights(
    call: ServiceCall, may_control: Callable[[str], bool], entity_ids: Iterable[str]
) -> None:
    """Raise Unauthorized where a call uses an entity that its user may not control."""
    for entity_id in entity_ids:
        if not may_control(entity_id):
            raise Unauthorized(
                context=call.context, entity_id=entity_id, permission=POLICY_CONTROL
            )


@callback
def own_entity_id(hass: HomeAssistant, entry: ConfigEntry) -> str:
    """Return an account's own notify entity, which stands for what it sends anywhere.

    The registry knows it as long as the account is there, be it disabled.
    """
    registry = er.async_get(hass)
    return registry.async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, entry.entry_id) or ""
