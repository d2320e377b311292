"""Sending by notify entities and by the action notify.<name>."""

from functools import partial
from typing import override

from homeassistant.components.notify import (
    ATTR_DATA,
    ATTR_MESSAGE,
    ATTR_TARGET,
    ATTR_TITLE,
    DOMAIN as NOTIFY_DOMAIN,
    BaseNotificationService,
    NotifyEntity,
    NotifyEntityDescription,
    NotifyEntityFeature,
)
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import ensure_unique_string, slugify

from .accounts import QQMailConfigEntry
from .calls.house import DATA_HOUSE
from .calls.recipients import chosen_recipients, recipients_from
from .calls.rights import async_rights, check_rights, own_entity_id
from .calls.send import ANY_FIELDS, async_send
from .const import CONF_SERVICE_NAME, CONF_TAKEN_OVER, DOMAIN, LOGGER
from .content.request import read_notification
from .entity import QQMailEntity, async_add_to_devices

_KEYS = {ATTR_MESSAGE, ATTR_TITLE, ATTR_TARGET, ATTR_DATA}

# The outbox keeps the order; the entities have nothing to wait for.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's entity, one for each recipient, and the action."""
    async_add_to_devices(entry, async_add_entities, QQMailNotifyEntity)
    await async_update_actions(hass, entry)


class QQMailNotifyEntity(QQMailEntity, NotifyEntity):
    """Sends to the recipients behind it; always available, also offline.

    An action called for an unavailable entity would succeed without doing anything.
    """

    entity_description = NotifyEntityDescription(key="", name=None)
    _attr_supported_features = NotifyEntityFeature.TITLE

    @override
    async def async_send_message(self, message: str, title: str | None = None) -> None:
        """Send a message to the recipients behind this entity."""
        request = read_notification(message, title)
        await async_send(self.hass, self.entry, request, self.recipients)

    def record(self) -> None:
        """Note that an action of ours has sent something to this entity."""
        self._async_record_notification()


async def _async_notify(
    entry: QQMailConfigEntry, core_id: str, call: ServiceCall
) -> None:
    """Send by notify.<name>, to any address, if the call's user may use the account.

    Those of an entry of core's, by its id, are the default where its name was taken over.
    """
    hass, data = call.hass, call.data
    check_rights(call, await async_rights(call), [own_entity_id(hass, entry)])
    if others := data.keys() - _KEYS:
        LOGGER.debug(
            "Not for mail, and ignored: %s", ", ".join(sorted(map(str, others)))
        )
    said = (data.get(key) for key in (ATTR_TITLE, ATTR_TARGET, ATTR_DATA))
    # A title alone is something to say.
    request = read_notification(data.get(ATTR_MESSAGE, ""), *said)
    default = recipients_from(entry, core_id)
    recipients = chosen_recipients(entry, request, default=default)
    await async_send(hass, entry, request, recipients)


async def async_update_actions(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Offer notify.<name>, and names that were taken over, while the account is there.

    Registered here rather than by discovery, so that it is there when the entry has
    loaded, and is taken away only if it is ours. It stays while the entry is loaded
    anew: who calls it meanwhile waits for that.
    """
    actions = hass.data[DATA_HOUSE].actions.setdefault(entry.entry_id, set())
    names = {entry.options[CONF_SERVICE_NAME]: ""}
    if (taken := entry.data.get(CONF_TAKEN_OVER)) and taken["switched"]:
        names |= taken["actions"]
    for name in actions - names.keys():
        actions.remove(name)
        hass.services.async_remove(NOTIFY_DOMAIN, name)
    for name in names.keys() - actions:
        if hass.services.has_service(NOTIFY_DOMAIN, name):
            LOGGER.warning(
                "The action notify.%s belongs to another integration, so it does not"
                " send by %s; use the notify entities, or rename the other one",
                name,
                entry.title,
            )
            continue
        # With Home Assistant's own texts, but not its schema: that refuses a message or
        # data that a template made a list of, and keys meant for other services.
        service = BaseNotificationService()
        await service.async_setup(hass, name, name)
        await service.async_register_services()
        hass.services.async_register(
            NOTIFY_DOMAIN, name, partial(_async_notify, entry, names[name]), ANY_FIELDS
        )
        actions.add(name)


@callback
def async_remove_action(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Take notify.<name> away with the account."""
    for name in hass.data[DATA_HOUSE].actions.pop(entry.entry_id, ()):
        hass.services.async_remove(NOTIFY_DOMAIN, name)


def choose_service_name(hass: HomeAssistant, username: str) -> str:
    """Return the name behind `notify.` for a new account, one that is free."""
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    taken = {entry.options[CONF_SERVICE_NAME] for entry in entries}
    taken |= hass.services.async_services_for_domain(NOTIFY_DOMAIN).keys()
    if DOMAIN not in taken:
        return DOMAIN
    local_part = slugify(username.rpartition("@")[0])
    return ensure_unique_string(f"{DOMAIN}_{local_part}", taken)
