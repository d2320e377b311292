"""What the entities of an account have in common."""

from abc import abstractmethod
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN, PANEL
from .coordinator import QQMailConfigEntry, QQMailCoordinator


def device_info(key: str, name: str) -> DeviceInfo:
    """Return the device of an account or of a recipient, known by its key."""
    return DeviceInfo(
        configuration_url=f"homeassistant://{PANEL}",
        entry_type=DeviceEntryType.SERVICE,
        identifiers={(DOMAIN, key)},
        manufacturer="Tencent",
        model="QQ Mail",
        name=name,
    )


class QQMailEntity(Entity):
    """Belongs to the account's device."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, entry: QQMailConfigEntry, description: EntityDescription
    ) -> None:
        """Make the account's entity of that description."""
        self.entity_description = description
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = device_info(entry.entry_id, entry.title)


class QQMailStateEntity[T](CoordinatorEntity[QQMailCoordinator], QQMailEntity):
    """Shows something of the account's outbox, whenever that changes."""

    def __init__(
        self, entry: QQMailConfigEntry, description: EntityDescription
    ) -> None:
        """Follow the account's outbox."""
        CoordinatorEntity.__init__(self, entry.runtime_data.coordinator)
        QQMailEntity.__init__(self, entry, description)
        self._entry = entry
        self._shown = self.read()

    @abstractmethod
    def read(self) -> T:
        """Return what is to be shown now."""

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state only where it changed: most of what happens changes little."""
        if (value := self.read()) != self._shown:
            self._shown = value
            super()._handle_coordinator_update()
