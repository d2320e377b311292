"""What waits in an account's outbox, and what went out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .accounts import QQMailConfigEntry
from .calls.house import DATA_HOUSE, Rooms
from .entity import QQMailStateEntity

# The outbox pushes its state; nothing is fetched.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class QQMailSensorEntityDescription(SensorEntityDescription):
    """Says which part of the account's rooms a sensor shows."""

    value_fn: Callable[[Rooms], float | datetime | None]


SENSORS = (
    QQMailSensorEntityDescription(
        key="queued_messages",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda rooms: len(rooms.outbox),
    ),
    QQMailSensorEntityDescription(
        key="oldest_waiting",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda rooms: rooms.outbox.oldest_waiting,
    ),
    QQMailSensorEntityDescription(
        key="accepted_today",
        # It falls at midnight alone, where a new cycle begins.
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda rooms: rooms.outbox.accepted_today,
    ),
    QQMailSensorEntityDescription(
        key="last_accepted",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda rooms: rooms.outbox.state.tally.last_accepted,
    ),
    QQMailSensorEntityDescription(
        key="next_attempt",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda rooms: rooms.outbox.next_attempt,
    ),
    QQMailSensorEntityDescription(
        key="repeats",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda rooms: rooms.duplicates.number,
    ),
    QQMailSensorEntityDescription(
        key="pace",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=1,
        value_fn=lambda rooms: rooms.outbox.pace,
    ),
    QQMailSensorEntityDescription(
        key="left_today",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda rooms: rooms.outbox.left_today,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's sensors."""
    rooms = hass.data[DATA_HOUSE].rooms[entry.entry_id]
    async_add_entities(QQMailSensorEntity(rooms, one) for one in SENSORS)


class QQMailSensorEntity(QQMailStateEntity[float | datetime | None], SensorEntity):
    """Shows one part of the account's rooms."""

    entity_description: QQMailSensorEntityDescription

    def __init__(
        self, rooms: Rooms, description: QQMailSensorEntityDescription
    ) -> None:
        self.entity_description = description
        super().__init__(rooms)

    @override
    def read(self) -> float | datetime | None:
        """Return that part."""
        value = self.entity_description.value_fn(self._rooms)
        # No more is shown; and by two clocks an instant differs from look to look.
        return value.replace(microsecond=0) if isinstance(value, datetime) else value

    @property
    @override
    def native_value(self) -> float | datetime | None:
        """Return what was read last."""
        return self._shown
