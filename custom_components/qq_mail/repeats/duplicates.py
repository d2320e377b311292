"""Counts alerts that are the same as one that went out, and has them told of."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import timedelta
from functools import partial
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..clock import read_clock
from ..const import DOMAIN, LOGGER
from ..outbox.composing import Ticket
from ..outbox.core.models import OutboxEvent, Outcome
from ..outbox.outbox import Outbox
from .alerts import Alert, Counted
from .original import Original

DUPLICATE: Final = "duplicate"
"""The kind of its records in the store."""
MAX_DUPLICATES = 1000
"""Alerts of an account that others are counted to; beyond that, each one goes out."""
_RETRY = 60.0
"""Seconds until a mail is tried again that could not be kept."""
_LONGEST_SLEEP = 60.0
"""Seconds between two looks at the clock: timers do not count the machine's sleep."""


class Duplicates:
    """An account's alerts that are counted for a while rather than sent."""

    def __init__(
        self,
        hass: HomeAssistant,
        outbox: Outbox,
        tell: Callable[[Alert, Counted, Ticket, Callable[[], None]], Awaitable[object]],
    ) -> None:
        """Begin with what an earlier run has left.

        `tell` sends a mail, and calls what it is given when that is put on disk.
        """
        self._hass = hass
        self._outbox = outbox
        self._tell = tell
        self._originals: dict[str, Original] = {}
        """By their queue ids."""
        self._open: dict[str, Original] = {}
        """Those to which the same alert is counted, by its key."""
        self._telling: dict[str, Original] = {}
        """Those of which a mail is being made."""
        self._timer: asyncio.TimerHandle | None = None
        self._ends = [
            outbox.listeners.async_add_watcher(self._hear),
            outbox.listeners.async_add_discard_listener(self._discarded),
        ]
        outbox.async_on_close(self._return)
        self._load()

    @callback
    def async_stop(self) -> None:
        """Look at nothing any more; what is known stays known."""
        while self._ends:
            self._ends.pop()()
        self._cancel_timer()

    @property
    def shown(self) -> list[Original]:
        """What was counted and not told yet, the oldest first."""
        return [one for one in self._all() if one.untold.number]

    @property
    def restored(self) -> int:
        """How many come from a backup, and wait for a person's decision."""
        return sum(one.restored for one in self._originals.values())

    @property
    def number(self) -> int:
        """How many alerts were counted and not told yet."""
        return sum(one.untold.number for one in self.shown)

    async def async_admit(
        self, alert: Alert, ticket: Ticket, within: timedelta | None
    ) -> Original | Counted:
        """Count an alert, and return where; or return what a mail about it has to tell.

        Without `within` it is not to be counted. Of two at the same time, the second
        one waits until it is known whether the first one was taken.
        """
        while (known := self._open.get(alert.key)) and within:
            if not known.covers(now := read_clock(), within):
                break
            if not known.ticket or known.ticket.taken.done():
                known.add(now)
                self._write(known)
                return known
            await asyncio.wait({known.ticket.taken})
            if ticket.cleared:
                return Counted()
        # Without an await: whoever comes now finds this one.
        carried = known.take() if known else Counted()
        if within or carried.number:
            self._lead(alert, ticket, within, carried)
            if known and known.went_out:
                self._forget([known])
        return carried

    @callback
    def async_failed(self, queue_id: str) -> None:
        """Know that a message did not go out, as its call was told."""
        if original := self._originals.get(queue_id):
            self._end(original)

    @callback
    def async_clear(self, tag: str) -> None:
        """Forget what was counted under a tag: it is over, and nobody needs to know."""
        self._forget(one for one in self._all() if one.alert.tag == tag)

    @callback
    def async_discard(self, queue_id: str | None) -> int:
        """Forget what was counted to a message that went out; return for how many."""
        gone = [one for one in self._all() if one.queue_id == queue_id and one.went_out]
        self._forget(gone)
        return len(gone)

    @callback
    def async_decide(self, *, send: bool) -> None:
        """Go on with what comes from a backup, or forget it."""
        restored = [one for one in self._originals.values() if one.restored]
        if not send:
            self._forget(restored)
            return
        for one in restored:
            one.restored = False
            self._write(one)
        self._look()

    def _return(self) -> None:
        """Let who comes after this one go on with what is known."""
        now, outbox = read_clock(), self._outbox
        known = {(DUPLICATE, one.queue_id): one.as_dict(now) for one in self._all()}
        outbox.manager.return_records(outbox.id, known)

    def _load(self) -> None:
        now, outbox = read_clock(), self._outbox
        records = outbox.manager.take_records(outbox.id, DUPLICATE)
        for (_, queue_id), data in records.items():
            try:
                original = Original.read(queue_id, data, now)
            except ValueError as err:
                LOGGER.error("Ignoring alerts that were counted: %s", err)
                continue
            self._originals[queue_id] = original
            if original.length and not original.restored:
                self._open[original.alert.key] = original
        for original in list(self._originals.values()):
            waits = original.went_out or outbox.holds(original.queue_id)
            if not (waits or original.restored):
                # Nobody knows what became of it: what it stands for is told.
                self._end(original)
        self._schedule()

    def _lead(
        self,
        alert: Alert,
        ticket: Ticket,
        within: timedelta | None,
        carried: Counted,
    ) -> None:
        """Have a message stand for the same alerts, or at least tell of earlier ones."""
        if len(self._originals) >= MAX_DUPLICATES and not carried.number:
            LOGGER.warning("Too many alerts are counted already; this one is not")
            return
        original = Original(
            alert=alert,
            queue_id=ticket.queue_id,
            began=ticket.raised.steady,
            length=within.total_seconds() if within else 0.0,
            raised=ticket.raised.wall,
            carried=carried,
            ticket=ticket,
        )
        self._originals[original.queue_id] = original
        self._open[alert.key] = original
        ticket.taken.add_done_callback(partial(self._taken, original))
        self._write(original)

    @callback
    def _taken(self, original: Original, taken: asyncio.Future[bool]) -> None:
        if not taken.result():
            self._failed(original)

    @callback
    def _hear(self, event: OutboxEvent) -> None:
        """Learn whether a message that stands for others went out."""
        original = self._originals.get(event.queue_id)
        if not original or original.went_out:
            return
        if event.outcome is Outcome.ACCEPTED:
            original.went_out, original.carried = True, Counted()
            self._write(original)
        elif not self._outbox.holds(event.queue_id):
            self._failed(original)

    @callback
    def _discarded(self, queue_ids: Collection[str]) -> None:
        """Forget what a message stood for, together with that."""
        chosen = set(queue_ids)
        self._forget(
            one
            for one in self._originals.values()
            if one.queue_id in chosen and not one.went_out
        )

    def _failed(self, original: Original) -> None:
        """Tell of those that a message stands for, which does not go out."""
        if self._originals.get(original.queue_id) is original:
            self._end(original)

    def _look(self) -> None:
        """End what is over, and look again when the next one is."""
        now = read_clock().steady
        for original in list(self._originals.values()):
            if original.went_out and not original.restored and original.until <= now:
                self._end(original)
        self._schedule()

    def _schedule(self) -> None:
        self._cancel_timer()
        if not self._ends:
            return
        # What has not gone out yet is looked at when it has.
        ends = [
            one.until
            for one in self._originals.values()
            if one.went_out and not one.restored
        ]
        if ends:
            delay = min(max(min(ends) - read_clock().steady, 0.0), _LONGEST_SLEEP)
            self._timer = self._hass.loop.call_later(delay, self._look)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _end(self, original: Original) -> None:
        """Count no longer, and tell of what was counted."""
        if not original.untold.number:
            self._forget([original])
            return
        self._drop([original])
        self._telling[original.queue_id] = original
        self._hass.async_create_background_task(
            self._async_tell(original), f"{DOMAIN} duplicates"
        )
        self._changed()

    async def _async_tell(self, original: Original) -> None:
        queue_id = original.queue_id
        try:
            # At once, so that a clear finds it.
            with self._outbox.making(original.alert.tag) as ticket:
                await self._tell(
                    original.alert,
                    original.untold,
                    ticket,
                    partial(self._remove, queue_id),
                )
        except Exception as err:  # noqa: BLE001 - whatever it is, they are told later
            # It may have been cleared meanwhile.
            if self._telling.pop(queue_id, None):
                LOGGER.error(
                    "Alerts that were counted, %r, wait: %s",
                    original.alert.title,
                    err,
                    exc_info=not isinstance(err, HomeAssistantError),
                )
                original.went_out, original.length = True, 0.0
                original.began = read_clock().steady + _RETRY
                self._originals[queue_id] = original
                self._write(original)
            return
        # Whoever is cancelled, because Home Assistant stops, tells of it the next time.
        self._telling.pop(queue_id, None)
        self._changed()

    def _forget(self, originals: Iterable[Original]) -> None:
        gone = list(originals)
        self._drop(gone)
        for original in gone:
            self._remove(original.queue_id)
        self._changed()

    def _drop(self, originals: Iterable[Original]) -> None:
        for original in list(originals):
            self._originals.pop(original.queue_id, None)
            self._telling.pop(original.queue_id, None)
            if self._open.get(original.alert.key) is original:
                del self._open[original.alert.key]

    def _all(self) -> list[Original]:
        return [*self._telling.values(), *self._originals.values()]

    def _write(self, original: Original) -> None:
        record = partial(original.as_dict, read_clock())
        key = (DUPLICATE, self._outbox.id, original.queue_id)
        self._outbox.manager.store.put(key, record)
        self._changed()

    def _remove(self, queue_id: str) -> None:
        self._outbox.manager.store.remove((DUPLICATE, self._outbox.id, queue_id))

    def _changed(self) -> None:
        self._schedule()
        self._outbox.async_show()
