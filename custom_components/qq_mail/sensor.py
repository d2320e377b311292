"""What waits in an account's outbox, and what went out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
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

from .calls.house import DATA_HOUSE, Rooms
from .coordinator import QQMailConfigEntry
from .entity import QQMailStateEntity

# The outbox pushes its state; nothing is fetched.
PARALLEL_UPDATES = 0


class QQMailSensor(StrEnum):
    """The sensors of an account."""

    QUEUED_MESSAGES = "queued_messages"
    OLDEST_WAITING = "oldest_waiting"
    ACCEPTED_TODAY = "accepted_today"
    LAST_ACCEPTED = "last_accepted"
    NEXT_ATTEMPT = "next_attempt"
    REPEATS = "repeats"
    PACE = "pace"
    LEFT_TODAY = "left_today"


@dataclass(frozen=True, kw_only=True)
class QQMailSensorEntityDescription(SensorEntityDescription):
    """Says which part of the account's rooms a sensor shows."""

    value_fn: Callable[[Rooms], float | datetime | None]


SENSORS = (
    QQMailSensorEntityDescription(
        key=QQMailSensor.QUEUED_MESSAGES,
        translation_key=QQMailSensor.QUEUED_MESSAGES,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda rooms: len(rooms.outbox),
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.OLDEST_WAITING,
        translation_key=QQMailSensor.OLDEST_WAITING,
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda rooms: rooms.outbox.oldest_waiting,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.ACCEPTED_TODAY,
        translation_key=QQMailSensor.ACCEPTED_TODAY,
        # It falls at midnight alone, where a new cycle begins.
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda rooms: rooms.outbox.accepted_today,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.LAST_ACCEPTED,
        translation_key=QQMailSensor.LAST_ACCEPTED,
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda rooms: rooms.outbox.state.tally.last_accepted,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.NEXT_ATTEMPT,
        translation_key=QQMailSensor.NEXT_ATTEMPT,
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda rooms: rooms.outbox.next_attempt,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.REPEATS,
        translation_key=QQMailSensor.REPEATS,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda rooms: rooms.duplicates.number,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.PACE,
        translation_key=QQMailSensor.PACE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=1,
        value_fn=lambda rooms: rooms.outbox.pace,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.LEFT_TODAY,
        translation_key=QQMailSensor.LEFT_TODAY,
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
    async_add_entities(
        QQMailSensorEntity(entry, description, rooms) for description in SENSORS
    )


class QQMailSensorEntity(QQMailStateEntity[float | datetime | None], SensorEntity):
    """Shows one part of the account's rooms."""

    entity_description: QQMailSensorEntityDescription

    def __init__(
        self,
        entry: QQMailConfigEntry,
        description: QQMailSensorEntityDescription,
        rooms: Rooms,
    ) -> None:
        """Keep where to look."""
        self._rooms = rooms
        super().__init__(entry, description)

    @override
    def read(self) -> float | datetime | None:
        """Return that part."""
        return self.entity_description.value_fn(self._rooms)

    @property
    @override
    def native_value(self) -> float | datetime | None:
        """Return what was read last."""
        return self._shown
