"""Counts alerts that are the same as one that went out, and has them told of."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN, LOGGER
from ..outbox.clock import read_clock
from ..outbox.intake import Ticket
from ..outbox.outbox import Outbox
from ..outbox.outcome import OutboxEvent, Outcome
from .counts import Alert, Count, Counted

MAX_COUNTS = 1000
"""Alerts of an account that are waited for; beyond that, each one goes out."""
_RETRY = 60.0
"""Seconds until a mail is tried again that could not be kept."""
_LONGEST_SLEEP = 60.0
"""Seconds between two looks at the clock: timers do not count the machine's sleep."""


class Counting:
    """An account's alerts that are counted for a while rather than sent."""

    def __init__(
        self,
        hass: HomeAssistant,
        outbox: Outbox,
        tell: Callable[[Alert, Counted, Ticket], Awaitable[object]],
        changed: Callable[[], None],
    ) -> None:
        """Begin with none; `tell` sends a mail, `changed` has all of it put on disk."""
        self._hass = hass
        self._outbox = outbox
        self._tell = tell
        self._changed = changed
        self._counts: dict[str, Count] = {}
        """By their queue ids."""
        self._open: dict[str, Count] = {}
        """Those to which the same alert is counted, by its key."""
        self._telling: dict[str, Count] = {}
        """Those of which a mail is being made."""
        self._timer: asyncio.TimerHandle | None = None
        self._ends = [
            outbox.async_add_watcher(self._hear),
            outbox.async_add_discard_listener(self._discarded),
        ]

    @callback
    def async_stop(self) -> None:
        """Look at nothing any more; what is known stays known."""
        while self._ends:
            self._ends.pop()()
        self._cancel_timer()

    @property
    def shown(self) -> list[Count]:
        """What was counted and not told yet, the oldest first."""
        counts = [*self._telling.values(), *self._counts.values()]
        return [count for count in counts if count.untold.number]

    def stored(self) -> list[dict[str, Any]]:
        """Return what can be written as JSON."""
        now = read_clock()
        counts = [*self._telling.values(), *self._counts.values()]
        return [count.as_dict(now) for count in counts]

    @callback
    def async_resume(self, stored: list[Any]) -> None:
        """Go on with what an earlier run has left; what cannot be read is ignored."""
        now = read_clock()
        for data in stored[-MAX_COUNTS:]:
            try:
                count = Count.read(data, now)
            except ValueError as err:
                LOGGER.error("Ignoring alerts that were counted: %s", err)
                continue
            self._counts[count.queue_id] = count
            if count.length:
                self._open[count.alert.key] = count
        for count in list(self._counts.values()):
            if not count.went_out and not self._outbox.holds(count.queue_id):
                # Nobody knows what became of it: what it stands for is told.
                self._failed(count)
        self._look()

    async def async_admit(
        self, alert: Alert, ticket: Ticket, within: timedelta | None
    ) -> Count | Counted:
        """Count an alert, and return where; or return what a mail about it has to tell.

        Without `within` it is not to be counted. Of two at the same time, the second
        one waits until it is known whether the first one was taken.
        """
        while (count := self._open.get(alert.key)) and within:
            if not count.covers(now := read_clock(), within):
                break
            if not count.ticket or count.ticket.taken.done():
                count.add(now)
                self._has_changed()
                return count
            await asyncio.wait({count.ticket.taken})
            if ticket.cleared:
                return Counted()
        # Without an await: whoever comes now finds this one.
        carried = count.take() if count else Counted()
        if within or carried.number:
            self._lead(alert, ticket, within, carried)
            if count and count.went_out:
                self._forget([count])
        return carried

    @callback
    def async_failed(self, queue_id: str) -> None:
        """Know that a message did not go out, as its call was told."""
        if count := self._counts.get(queue_id):
            self._failed(count)

    @callback
    def async_clear(self, tag: str) -> None:
        """Forget what was counted under a tag: it is over, and nobody needs to know."""
        self._forget(count for count in self._all() if count.alert.tag == tag)

    def _lead(
        self,
        alert: Alert,
        ticket: Ticket,
        within: timedelta | None,
        carried: Counted,
    ) -> None:
        """Have a message stand for the same alerts, or at least tell of earlier ones."""
        if len(self._counts) >= MAX_COUNTS and not carried.number:
            LOGGER.warning("Too many alerts are counted already; this one is not")
            return
        count = Count(
            alert=alert,
            queue_id=ticket.queue_id,
            began=ticket.raised.steady,
            length=within.total_seconds() if within else 0.0,
            raised=ticket.raised.wall,
            carried=carried,
            ticket=ticket,
        )
        self._counts[count.queue_id] = count
        self._open[alert.key] = count
        ticket.taken.add_done_callback(partial(self._taken, count))
        self._has_changed()

    @callback
    def _taken(self, count: Count, taken: asyncio.Future[bool]) -> None:
        if not taken.result():
            self._failed(count)

    @callback
    def _hear(self, event: OutboxEvent) -> None:
        """Learn whether a message that stands for others went out."""
        count = self._counts.get(event.queue_id)
        if not count or count.went_out:
            return
        if event.outcome is Outcome.ACCEPTED:
            count.went_out, count.carried = True, Counted()
            self._has_changed()
        elif not self._outbox.holds(event.queue_id):
            self._failed(count)

    @callback
    def _discarded(self, queue_ids: Collection[str]) -> None:
        """Forget what a message stood for, together with that."""
        chosen = set(queue_ids)
        self._forget(
            count
            for count in self._counts.values()
            if count.queue_id in chosen and not count.went_out
        )

    def _failed(self, count: Count) -> None:
        """Tell of those that a message stands for, which does not go out."""
        if self._counts.get(count.queue_id) is count:
            self._end(count)

    def _look(self) -> None:
        """End what is over, and look again when the next one is."""
        now = read_clock().steady
        for count in list(self._counts.values()):
            if count.went_out and count.until <= now:
                self._end(count)
        self._schedule()

    def _schedule(self) -> None:
        self._cancel_timer()
        if not self._ends:
            return
        # What has not gone out yet is looked at when it has.
        ends = [count.until for count in self._counts.values() if count.went_out]
        if ends:
            delay = min(max(min(ends) - read_clock().steady, 0.0), _LONGEST_SLEEP)
            self._timer = self._hass.loop.call_later(delay, self._look)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _end(self, count: Count) -> None:
        """Count no longer, and tell of what was counted."""
        self._drop([count])
        if count.untold.number:
            self._telling[count.queue_id] = count
            self._hass.async_create_background_task(
                self._async_tell(count), f"{DOMAIN} repeats"
            )
        self._has_changed()

    async def _async_tell(self, count: Count) -> None:
        try:
            # At once, so that a clear finds it.
            with self._outbox.making(count.alert.tag) as ticket:
                await self._tell(count.alert, count.untold, ticket)
        except Exception as err:  # noqa: BLE001 - whatever it is, they are told later
            # It may have been cleared meanwhile.
            if self._telling.pop(count.queue_id, None):
                LOGGER.error(
                    "Repeats of %r wait: %s",
                    count.alert.title,
                    err,
                    exc_info=not isinstance(err, HomeAssistantError),
                )
                count.went_out, count.length = True, 0.0
                count.began = read_clock().steady + _RETRY
                self._counts[count.queue_id] = count
        # Whoever is cancelled, because Home Assistant stops, tells of it the next time.
        self._telling.pop(count.queue_id, None)
        self._has_changed()

    def _forget(self, counts: Iterable[Count]) -> None:
        self._drop(counts)
        self._has_changed()

    def _drop(self, counts: Iterable[Count]) -> None:
        for count in list(counts):
            self._counts.pop(count.queue_id, None)
            self._telling.pop(count.queue_id, None)
            if self._open.get(count.alert.key) is count:
                del self._open[count.alert.key]

    def _all(self) -> list[Count]:
        return [*self._telling.values(), *self._counts.values()]

    def _has_changed(self) -> None:
        self._schedule()
        self._changed()
