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

from .coordinator import OutboxView, QQMailConfigEntry
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
    """Says which part of the state a sensor shows."""

    value_fn: Callable[[OutboxView], float | datetime | None]


SENSORS = (
    QQMailSensorEntityDescription(
        key=QQMailSensor.QUEUED_MESSAGES,
        translation_key=QQMailSensor.QUEUED_MESSAGES,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda state: state.queued,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.OLDEST_WAITING,
        translation_key=QQMailSensor.OLDEST_WAITING,
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda state: state.oldest_waiting,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.ACCEPTED_TODAY,
        translation_key=QQMailSensor.ACCEPTED_TODAY,
        # It falls at midnight alone, where a new cycle begins.
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda state: state.accepted_today,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.LAST_ACCEPTED,
        translation_key=QQMailSensor.LAST_ACCEPTED,
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda state: state.last_accepted,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.NEXT_ATTEMPT,
        translation_key=QQMailSensor.NEXT_ATTEMPT,
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda state: state.next_attempt,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.REPEATS,
        translation_key=QQMailSensor.REPEATS,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda state: state.repeats,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.PACE,
        translation_key=QQMailSensor.PACE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=1,
        value_fn=lambda state: state.pace,
    ),
    QQMailSensorEntityDescription(
        key=QQMailSensor.LEFT_TODAY,
        translation_key=QQMailSensor.LEFT_TODAY,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda state: state.left_today,
    ),
)


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's sensors."""
    async_add_entities(
        QQMailSensorEntity(entry, description) for description in SENSORS
    )


class QQMailSensorEntity(QQMailStateEntity, SensorEntity):
    """Shows one part of the outbox's state."""

    entity_description: QQMailSensorEntityDescription

    @property
    @override
    def native_value(self) -> float | datetime | None:
        """Return that part."""
        return self.entity_description.value_fn(self.coordinator.data)
