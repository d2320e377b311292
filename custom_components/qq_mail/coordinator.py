"""What belongs to a config entry while it is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util.signal_type import SignalType

from .const import DOMAIN, LOGGER
from .outbox.core.models import OutboxEvent, Outcome, Reason
from .outbox.delays import Delay
from .outbox.outbox import Outbox
from .smtp.replies import Cause

type QQMailConfigEntry = ConfigEntry[QQMailRuntimeData]

SIGNAL_OUTBOX_EVENT: SignalType[QQMailConfigEntry, OutboxEvent] = SignalType(
    f"{DOMAIN}_outbox_event"
)
"""Every outcome of every account, for whoever does not belong to an entry."""
SIGNAL_DELAY: SignalType[QQMailConfigEntry, Delay] = SignalType(f"{DOMAIN}_delay")
"""That messages of an account wait too long, once for each episode."""


@dataclass
class QQMailRuntimeData:
    """The loaded entry's outbox, and what the entities show of it."""

    outbox: Outbox
    coordinator: QQMailCoordinator


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxView:
    """What the entities show."""

    queued: int
    repeats: int
    """Alerts that were counted and not sent, of which nobody was told yet."""
    accepted_today: int
    last_accepted: datetime | None
    oldest_waiting: datetime | None
    """When the oldest alert was raised that waits."""
    next_attempt: datetime | None
    pace: float | None
    """Messages a minute; None: as fast as QQ takes them."""
    left_today: int | None
    """Messages of what may go out within 24 hours; None: there is no limit."""
    problem: Cause | Reason | Literal[Outcome.EXPIRED, "disk"] | None
    """Why nothing goes out, or waits too long, or that something never did; or that the
    disk takes no writes."""
    until: datetime | None
    """When the problem ends by itself, where that is known."""


class QQMailCoordinator(DataUpdateCoordinator[OutboxView]):
    """Passes what is seen of an outbox on to the entities, whenever it changes."""

    config_entry: QQMailConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        config_entry: QQMailConfigEntry,
        outbox: Outbox,
        counted: Callable[[], int],
    ) -> None:
        """Listen to the outbox until the entry is unloaded.

        `counted` returns how many alerts were counted and not told yet.
        """
        super().__init__(
            hass, LOGGER, config_entry=config_entry, name=f"{DOMAIN} outbox"
        )
        self._outbox = outbox
        self._counted = counted
        self.data = self._view()
        config_entry.async_on_unload(outbox.listeners.async_add(self._hear))
        config_entry.async_on_unload(
            # The count of the day falls to zero although nothing happens.
            async_track_time_change(hass, self._begin_day, hour=0, minute=0, second=0)
        )

    @override
    async def _async_update_data(self) -> OutboxView:
        """Answer homeassistant.update_entity; nothing here is polled."""
        return self._view()

    @callback
    def _hear(self, event: OutboxEvent | None) -> None:
        if event is None:
            # Whatever is told is followed by that.
            self._pass_on()

    @callback
    def _begin_day(self, _: datetime) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        view = self._view()
        if view != self.data:
            self.async_set_updated_data(view)

    def _view(self) -> OutboxView:
        outbox, pause = self._outbox, self._outbox.pause
        problem: Cause | Reason | Literal[Outcome.EXPIRED, "disk"] | None = None
        until: datetime | None = None
        if pause:
            problem, until = pause.cause, pause.until
        elif delay := outbox.delays.current:
            problem, until = delay.plan.reason, outbox.time_of(delay.plan)
        elif outbox.manager.store.unwritten:
            problem = "disk"
        elif outbox.expired:
            problem = Outcome.EXPIRED
        return OutboxView(
            queued=len(outbox),
            repeats=self._counted(),
            accepted_today=outbox.accepted_today,
            last_accepted=outbox.last_accepted,
            oldest_waiting=outbox.oldest_waiting,
            next_attempt=outbox.next_attempt,
            pace=outbox.pace,
            left_today=outbox.left_today,
            problem=problem,
            until=until,
        )
