"""What belongs to a config entry while it is loaded."""

from dataclasses import dataclass
from datetime import datetime
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN, LOGGER
from .outbox.core.models import OutboxEvent
from .outbox.delays import Delay
from .outbox.outbox import Outbox
from .repeats.reminder import Reminder

type QQMailConfigEntry = ConfigEntry[QQMailRuntimeData]

SIGNAL_OUTBOX_EVENT: SignalType[QQMailConfigEntry, OutboxEvent] = SignalType(
    f"{DOMAIN}_outbox_event"
)
"""Every outcome of every account, for whoever does not belong to an entry."""
SIGNAL_DELAY: SignalType[QQMailConfigEntry, Delay] = SignalType(f"{DOMAIN}_delay")
"""That messages of an account wait too long, once for each episode."""
SIGNAL_ALARM: SignalType[Reminder, bool] = SignalType(f"{DOMAIN}_alarm")
"""That an alarm was acknowledged, or not in its time; once for all its accounts."""


@dataclass
class QQMailRuntimeData:
    """The loaded entry's outbox, and what has its entities look at it."""

    outbox: Outbox
    coordinator: QQMailCoordinator


class QQMailCoordinator(DataUpdateCoordinator[None]):
    """Has the entities look at an outbox whenever it changes."""

    config_entry: QQMailConfigEntry

    def __init__(
        self, hass: HomeAssistant, config_entry: QQMailConfigEntry, outbox: Outbox
    ) -> None:
        """Listen to the outbox until the entry is unloaded."""
        super().__init__(
            hass, LOGGER, config_entry=config_entry, name=f"{DOMAIN} outbox"
        )
        config_entry.async_on_unload(outbox.listeners.async_add(self._hear))
        config_entry.async_on_unload(
            # The count of the day falls to zero although nothing happens.
            async_track_time_change(hass, self._begin_day, hour=0, minute=0, second=0)
        )

    @override
    async def _async_update_data(self) -> None:
        """Answer homeassistant.update_entity; nothing here is polled."""

    @callback
    def _hear(self, event: OutboxEvent | None) -> None:
        if event is None:
            # Whatever is told is followed by that.
            self.async_update_listeners()

    @callback
    def _begin_day(self, _: datetime) -> None:
        self.async_update_listeners()
