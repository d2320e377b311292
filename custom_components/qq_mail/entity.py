"""What the entities of an account have in common."""

from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import QQMailConfigEntry, QQMailCoordinator


def device_info(key: str, name: str) -> DeviceInfo:
    """Return the device of an account or of a recipient, known by its key."""
    return DeviceInfo(
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


class QQMailStateEntity(CoordinatorEntity[QQMailCoordinator], QQMailEntity):
    """Shows the state of the account's outbox."""

    def __init__(
        self, entry: QQMailConfigEntry, description: EntityDescription
    ) -> None:
        """Follow the account's outbox."""
        CoordinatorEntity.__init__(self, entry.runtime_data.coordinator)
        QQMailEntity.__init__(self, entry, description)
