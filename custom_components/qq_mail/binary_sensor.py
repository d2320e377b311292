"""Whether an account's mail is held up."""

from typing import Any, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import QQMailConfigEntry
from .entity import QQMailStateEntity

# The outbox pushes its state; nothing is fetched.
PARALLEL_UPDATES = 0

ATTR_CAUSE: Final = "cause"
ATTR_UNTIL: Final = "until"

PROBLEM = BinarySensorEntityDescription(
    key="problem",
    translation_key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's binary sensor."""
    async_add_entities([QQMailProblemEntity(entry, PROBLEM)])


class QQMailProblemEntity(QQMailStateEntity, BinarySensorEntity):
    """On while the account rests, and after an expiry until something is accepted."""

    @property
    @override
    def is_on(self) -> bool:
        """Return whether there is a problem."""
        return self.coordinator.data.problem is not None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return why, and until when if that is known."""
        state = self.coordinator.data
        return {
            ATTR_CAUSE: state.problem,
            ATTR_UNTIL: state.until and state.until.isoformat(),
        }
