"""Whether an account's mail is held up."""

from datetime import datetime
from typing import Any, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .accounts import QQMailConfigEntry
from .calls.house import DATA_HOUSE
from .entity import QQMailStateEntity
from .outbox.core.models import Outcome
from .texts import iso_of

# The outbox pushes its state; nothing is fetched.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's binary sensor."""
    rooms = hass.data[DATA_HOUSE].rooms[entry.entry_id]
    async_add_entities([QQMailProblemEntity(rooms)])


class QQMailProblemEntity(QQMailStateEntity[dict[str, Any]], BinarySensorEntity):
    """On while something holds up the mail, and after an expiry until one is accepted."""

    entity_description = BinarySensorEntityDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
    )

    @override
    def read(self) -> dict[str, Any]:
        """Return the cause, until when it holds, and who sends instead since when."""
        outbox = self._rooms.outbox
        cause: str | None = None
        until: datetime | None = None
        if pause := outbox.pause:
            cause, until = pause.cause, pause.until
        elif delay := outbox.delays.current:
            cause, until = delay.plan.reason, outbox.time_of(delay.plan)
        elif outbox.manager.store.unwritten:
            cause = "disk"
        elif outbox.state.expired:
            cause = Outcome.EXPIRED
        shown = {"cause": cause, "until": iso_of(until)}
        if by := outbox.helped_by:
            shown |= {"fallback": by, "fallback_since": iso_of(outbox.helped_since)}
        return shown

    @property
    @override
    def is_on(self) -> bool:
        """Return whether there is a problem."""
        return self._shown["cause"] is not None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return why, until when if that is known, and which account sends instead."""
        return self._shown
