"""The messages that wait: in memory as well as on disk."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..const import LOGGER
from ..mail.diagnosis import Cause
from .account import AccountState
from .spool import Loaded, QueuedMessage, Spool


class Waiting:
    """An account's messages, by their queue ids."""

    def __init__(self, hass: HomeAssistant, spool: Spool) -> None:
        """Begin empty; what the spool holds is read by `async_load`."""
        self.spool = spool
        self.size = 0
        """Octets of all of them."""
        self._hass = hass
        self._messages: dict[str, QueuedMessage] = {}

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._messages)

    def __iter__(self) -> Iterator[QueuedMessage]:
        """Iterate over a copy: messages come and go."""
        return iter(list(self._messages.values()))

    def get(self, queue_id: str) -> QueuedMessage | None:
        """Return a message, if it still waits."""
        return self._messages.get(queue_id)

    def in_order(self) -> list[QueuedMessage]:
        """Return the messages as they go out: the important first, then the older."""
        return sorted(self._messages.values(), key=_order)

    def expired(self) -> list[QueuedMessage]:
        """Return the messages whose time is over."""
        now = dt_util.utcnow()
        return [m for m in self._messages.values() if m.expires <= now]

    @property
    def next_expiry(self) -> datetime | None:
        """When the next message expires."""
        return min((m.expires for m in self._messages.values()), default=None)

    @property
    def next_attempt(self) -> datetime | None:
        """When a message may be tried next, as far as the messages go."""
        return min((m.next_attempt for m in self._messages.values()), default=None)

    def due(self) -> QueuedMessage | None:
        """Return the message whose turn it is."""
        now = dt_util.utcnow()
        due = (m for m in self._messages.values() if m.next_attempt <= now)
        return min(due, key=_order, default=None)

    async def async_load(self) -> Loaded:
        """Read the spool."""
        loaded = await self._hass.async_add_executor_job(self.spool.load)
        for message in loaded.messages:
            self.add(message)
        self.hurry()
        return loaded

    @callback
    def add(self, message: QueuedMessage) -> None:
        """Add a message that is on disk."""
        self._messages[message.queue_id] = message
        self.size += message.size

    @callback
    def schedule(self, message: QueuedMessage, time: datetime) -> None:
        """Try a message at another time; a restart may forget that."""
        self._messages[message.queue_id] = replace(message, next_attempt=time)

    @callback
    def hurry(self) -> None:
        """Try everything at once: the way is free."""
        now = dt_util.utcnow()
        for message in self:
            # Second copies are not to be hurried.
            if (
                message.next_attempt > now
                and message.cause is not Cause.OUTCOME_UNKNOWN
            ):
                self.schedule(message, now)

    @callback
    def put_off(self, time: datetime) -> None:
        """Try nothing before: it would be the same for all of them."""
        for message in self:
            if message.next_attempt < time:
                self.schedule(message, time)

    async def async_update(self, message: QueuedMessage) -> None:
        """Replace what is known of a message."""
        self._messages[message.queue_id] = message
        await self._write(self.spool.update, message)

    async def async_forget(self, message: QueuedMessage) -> None:
        """Remove a message, if nobody was faster."""
        if not self._messages.pop(message.queue_id, None):
            return
        self.size -= message.size
        await self._write(self.spool.remove, message.queue_id)

    async def async_keep_state(self, state: AccountState) -> None:
        """Keep what has to hold after a restart as well."""
        await self._write(self.spool.write_state, state.as_dict())

    async def _write[T](self, write: Callable[[T], None], what: T) -> None:
        """Write to the spool. Going on without is better than stopping the mail."""
        try:
            await self._hass.async_add_executor_job(write, what)
        except OSError as err:
            LOGGER.error("Cannot write to the spool: %s", err)


def _order(message: QueuedMessage) -> tuple[int, str]:
    return -message.importance, message.queue_id
