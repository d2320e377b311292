"""What the entities of an account have in common."""

from abc import abstractmethod
from collections.abc import Callable
from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .accounts import QQMailConfigEntry
from .calls.house import Rooms
from .calls.recipients import default_recipients
from .const import DOMAIN, PANEL, SUBENTRY_TYPE_RECIPIENT
from .mime.address import Recipients
from .outbox.core.models import OutboxEvent


@callback
def async_add_to_devices(
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    entity: Callable[[QQMailConfigEntry, ConfigSubentry | None, Recipients], Entity],
) -> None:
    """Add an entity to the account, by None, and one to each of its recipients."""
    async_add_entities([entity(entry, None, default_recipients(entry))])
    for subentry in entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT):
        async_add_entities(
            [entity(entry, subentry, Recipients.stored(subentry.data))],
            config_subentry_id=subentry.subentry_id,
        )


class QQMailEntity(Entity):
    """Belongs to the device of an account, or of one of its recipients."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self,
        entry: QQMailConfigEntry,
        subentry: ConfigSubentry | None = None,
        recipients: Recipients | None = None,
    ) -> None:
        """The one whose description has an empty key is the device itself.

        `recipients` are those behind the device, for what sends to them.
        """
        self.entry = entry
        self.recipients = recipients or Recipients()
        key = self.entity_description.key
        owner = subentry.subentry_id if subentry else entry.entry_id
        self._attr_translation_key = key or None
        self._attr_unique_id = f"{owner}_{key}" if key else owner
        self._attr_device_info = DeviceInfo(
            configuration_url=f"homeassistant://{PANEL}",
            entry_type=DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, owner)},
            manufacturer="Tencent",
            model="QQ Mail",
            name=(subentry or entry).title,
        )

    @callback
    @override
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Do nothing: who listens is the entity, by whatever name."""


class QQMailStateEntity[T](QQMailEntity):
    """Shows something of the account's rooms, whenever that changes."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(rooms.entry)
        self._rooms = rooms
        self._shown = self.read()

    @abstractmethod
    def read(self) -> T:
        """Return what is to be shown now."""

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the account's outbox."""
        self.async_on_remove(self._rooms.outbox.listeners.async_add(self._look))

    def _look(self, event: OutboxEvent | None) -> None:
        """Write the state only where it changed: to write all of them costs 0.3 ms."""
        # Whatever is told is followed by None.
        if event is None and (value := self.read()) != self._shown:
            self._shown = value
            self.async_write_ha_state()
