"""Checks a user's rights: who sends needs control of the notify entity that sends."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN
from ..content.errors import field_error
from ..content.request import MessageRequest


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


def check_rights(
    call: ServiceCall, may_control: Callable[[str], bool], entity_ids: Iterable[str]
) -> None:
    """Raise Unauthorized where a call uses an entity that its user may not control."""
    for entity_id in entity_ids:
        if not may_control(entity_id):
            raise Unauthorized(
                context=call.context, entity_id=entity_id, permission=POLICY_CONTROL
            )


def limited(request: MessageRequest, user_id: str) -> MessageRequest:
    """Return what is sent for a user who may not use the account itself.

    Nothing in it acts, and its tag is no other's: what others raised is neither
    replaced nor ended nor counted by it.
    """
    notes = request.notes
    if request.repeat_until_acknowledged or any(row.action for row in request.actions):
        notes = (*notes, field_error("not_allowed_to_act"))
    return replace(
        request,
        tag=f"{request.tag} {user_id}" if request.tag else "",
        actions=tuple(row for row in request.actions if not row.action),
        repeat_until_acknowledged=None,
        notes=notes,
    )


def own_entity_id(hass: HomeAssistant, entry: ConfigEntry) -> str:
    """Return an account's own notify entity, which stands for what it sends anywhere.

    The registry knows it as long as the account is there, be it disabled.
    """
    registry = er.async_get(hass)
    return registry.async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, entry.entry_id) or ""
