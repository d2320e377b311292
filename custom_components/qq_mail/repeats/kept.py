"""All that an account raises again and again, and what is on disk of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from ..const import LOGGER
from ..outbox.intake import Ticket
from ..outbox.outbox import Outbox
from .counting import Counting
from .counts import Alert, Counted
from .reminders import Reminder
from .reminding import Reminding

_SAVE_DELAY = 1.0
"""Seconds in which what changes is written once: a flood is not to wear out a disk."""


class Repeats:
    """Lives as long as the account's outbox, and what it knows longer."""

    def __init__(
        self,
        hass: HomeAssistant,
        store: Store[dict[str, Any]],
        outbox: Outbox,
        tell: Callable[[Alert, Counted, Ticket], Awaitable[object]],
        send: Callable[[Reminder, Ticket], Awaitable[object]],
    ) -> None:
        """Begin with nothing.

        `tell` sends a mail on what was counted, `send` an alarm once more.
        """
        self._store = store
        self._outbox = outbox
        self._saving = False
        self._ended = False
        self.counting = Counting(hass, outbox, tell, self._changed)
        self.reminding = Reminding(hass, outbox, send, self._changed)

    @callback
    def async_resume(self, stored: dict[str, Any]) -> None:
        """Go on with what an earlier run has left."""
        for key, resume in (
            ("counts", self.counting.async_resume),
            ("reminders", self.reminding.async_resume),
        ):
            some = stored.get(key)
            if isinstance(some, list):
                resume(some)
            else:
                LOGGER.error("Ignoring the %s of an account: no list", key)

    @callback
    def async_stop(self) -> None:
        """Do nothing any more by itself."""
        self.counting.async_stop()
        self.reminding.async_stop()

    async def async_end(self) -> None:
        """Put all of it on disk for the last time: the account may be removed next."""
        self.async_stop()
        self._ended = True
        await self.async_save()

    async def async_save(self) -> None:
        """Put on disk what is known; where that fails, it is known until a restart."""
        try:
            await self._store.async_save(self._stored())
        except OSError as err:
            # What Home Assistant expects to go wrong, it logs itself.
            LOGGER.error("What is counted or repeated cannot be kept: %s", err)

    @callback
    def _changed(self) -> None:
        """Have it put on disk soon, and shown at once."""
        if not (self._saving or self._ended):
            # Each further call would put it off.
            self._saving = True
            self._store.async_delay_save(self._stored, _SAVE_DELAY)
        self._outbox.async_show()

    def _stored(self) -> dict[str, Any]:
        self._saving = False
        return {
            "counts": self.counting.stored(),
            "reminders": self.reminding.stored(),
        }
