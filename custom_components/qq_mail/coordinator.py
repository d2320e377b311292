"""What belongs to a config entry while it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util.signal_type import SignalType

from .const import CONF_ENCRYPTION, DOMAIN, LOGGER
from .mail.diagnosis import Cause
from .mail.models import Account, Encryption
from .outbox.outbox import Outbox
from .outbox.outcome import OutboxEvent, Outcome

type QQMailConfigEntry = ConfigEntry[QQMailRuntimeData]

SIGNAL_OUTBOX_EVENT: SignalType[QQMailConfigEntry, OutboxEvent] = SignalType(
    f"{DOMAIN}_outbox_event"
)
"""Every outcome of every account, for whoever does not belong to an entry."""


@dataclass
class QQMailRuntimeData:
    """The loaded entry's outbox, and what the entities show of it."""

    outbox: Outbox
    coordinator: QQMailCoordinator


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """What the entities show."""

    queued: int
    accepted_today: int
    last_accepted: datetime | None
    next_attempt: datetime | None
    problem: Cause | Literal[Outcome.EXPIRED] | None
    """Why nothing goes out, or that something never did."""
    until: datetime | None
    """When the problem ends by itself, where that is known."""


class QQMailCoordinator(DataUpdateCoordinator[OutboxState]):
    """Passes the state of an outbox on to the entities, whenever it changes."""

    config_entry: QQMailConfigEntry

    def __init__(
        self, hass: HomeAssistant, config_entry: QQMailConfigEntry, outbox: Outbox
    ) -> None:
        """Listen to the outbox until the entry is unloaded."""
        super().__init__(
            hass, LOGGER, config_entry=config_entry, name=f"{DOMAIN} outbox"
        )
        self._outbox = outbox
        self._expired = False
        self.data = self._state()
        config_entry.async_on_unload(outbox.async_add_listener(self._hear))
        config_entry.async_on_unload(
            # The count of the day falls to zero although nothing happens.
            async_track_time_change(hass, self._begin_day, hour=0, minute=0, second=0)
        )

    @override
    async def _async_update_data(self) -> OutboxState:
        """Answer homeassistant.update_entity; nothing here is polled."""
        return self._state()

    @callback
    def _hear(self, event: OutboxEvent | None) -> None:
        if event and event.outcome in (Outcome.ACCEPTED, Outcome.EXPIRED):
            self._expired = event.outcome is Outcome.EXPIRED
        self._pass_on()

    @callback
    def _begin_day(self, _: datetime) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        state = self._state()
        if state != self.data:
            self.async_set_updated_data(state)

    def _state(self) -> OutboxState:
        hold = self._outbox.state.hold
        expired: Literal[Outcome.EXPIRED] | None = (
            Outcome.EXPIRED if self._expired else None
        )
        return OutboxState(
            queued=len(self._outbox.waiting),
            accepted_today=self._outbox.state.accepted_today,
            last_accepted=self._outbox.state.last_accepted,
            next_attempt=self._outbox.next_attempt,
            problem=hold.cause if hold else expired,
            until=hold.until if hold else None,
        )


def account_from(data: Mapping[str, Any], timeout: float) -> Account:
    """Read an entry's data, or what is to become it; the timeout is in seconds."""
    return Account(
        username=data[CONF_USERNAME],
        password=data[CONF_PASSWORD],
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        encryption=Encryption(data[CONF_ENCRYPTION]),
        timeout=timeout,
    )
