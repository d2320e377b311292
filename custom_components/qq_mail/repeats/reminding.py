"""Sends alarms again until someone acknowledges them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN, LOGGER
from ..mime.address import Recipients
from ..outbox.clock import read_clock
from ..outbox.intake import Ticket
from ..outbox.outbox import Outbox
from ..outbox.outcome import OutboxEvent, Outcome
from .reminders import Reminder

MAX_REMINDERS = 100
"""Alarms of an account at the same time; the oldest goes then."""
_LONGEST_SLEEP = 60.0
"""Seconds between two looks at the clock: timers do not count the machine's sleep."""


class Reminding:
    """An account's alarms that nobody has acknowledged."""

    def __init__(
        self,
        hass: HomeAssistant,
        outbox: Outbox,
        send: Callable[[Reminder, Ticket], Awaitable[object]],
        changed: Callable[[], None],
    ) -> None:
        """Begin with none; `send` sends one again, `changed` has it put on disk."""
        self._hass = hass
        self._outbox = outbox
        self._send = send
        self._changed = changed
        self._reminders: dict[str, Reminder] = {}
        """By their tags."""
        self._timer: asyncio.TimerHandle | None = None
        self._ends = [
            outbox.async_add_watcher(self._hear),
            outbox.async_add_discard_listener(self._discarded),
        ]

    @callback
    def async_stop(self) -> None:
        """Send nothing any more; what is known stays known."""
        while self._ends:
            self._ends.pop()()
        self._cancel_timer()

    @property
    def shown(self) -> list[Reminder]:
        """Those that nobody has acknowledged, the oldest first."""
        return list(self._reminders.values())

    def stored(self) -> list[dict[str, Any]]:
        """Return what can be written as JSON."""
        now = read_clock()
        return [reminder.as_dict(now) for reminder in self._reminders.values()]

    @callback
    def async_resume(self, stored: list[Any]) -> None:
        """Go on with what an earlier run has left; what cannot be read is ignored."""
        now = read_clock()
        for data in stored[-MAX_REMINDERS:]:
            try:
                reminder = Reminder.read(data, now)
            except ValueError as err:
                LOGGER.error("Ignoring an alarm that was repeated: %s", err)
                continue
            reminder.waits = self._outbox.holds(reminder.queue_ids[-1])
            self._reminders[reminder.tag] = reminder
        self._schedule()

    @callback
    def async_begin(
        self,
        ticket: Ticket,
        again: dict[str, Any],
        recipients: Recipients,
        every: timedelta,
        length: timedelta,
    ) -> None:
        """Repeat an alarm from its first mail on; one with its tag ends with that."""
        seconds = every.total_seconds()
        before = self._reminders.pop(ticket.tag, None)
        reminder = Reminder(
            again=again,
            tag=ticket.tag,
            recipients=recipients,
            raised=ticket.raised.wall,
            every=seconds,
            length=length.total_seconds(),
            due=ticket.raised.steady + seconds,
            ends=ticket.raised.steady + length.total_seconds(),
            # Who answers an older mail of the conversation has heard of it as well.
            queue_ids=[*(before.queue_ids if before else ()), ticket.queue_id],
            ticket=ticket,
            before=before,
        )
        self._reminders[reminder.tag] = reminder
        while len(self._reminders) > MAX_REMINDERS:
            oldest = next(iter(self._reminders.values()))
            LOGGER.error("Too many alarms: %s is not repeated any more", oldest.tag)
            self._end([oldest])
        ticket.taken.add_done_callback(partial(self._taken, reminder))
        self._has_changed()

    @callback
    def async_failed(self, queue_id: str) -> None:
        """Know that an alarm did not go out, as its call was told."""
        if reminder := self._with(queue_id):
            self._failed(reminder)

    @callback
    def async_acknowledge(self, queue_id: str) -> str | None:
        """End what a mail belongs to, and return its tag; None: nothing is repeated."""
        if not (reminder := self._with(queue_id, last=False)):
            return None
        self.async_end(reminder.tag)
        return reminder.tag

    @callback
    def async_end(self, tag: str) -> None:
        """Repeat an alarm no longer: somebody knows of it, or it is over."""
        if not (reminder := self._reminders.get(tag)):
            return
        self._end([reminder])
        if reminder.waits and reminder.number > 1:
            # Nobody needs to be reminded by what waits.
            if reminder.ticket:
                reminder.ticket.cleared = True
            self._hass.async_create_background_task(
                self._outbox.async_discard(reminder.queue_ids[-1]), f"{DOMAIN} reminder"
            )

    def _with(self, queue_id: str, *, last: bool = True) -> Reminder | None:
        """Return what a mail, or the last mail, belongs to."""
        return next(
            (
                reminder
                for reminder in self._all()
                if queue_id in reminder.queue_ids[-1 if last else 0 :]
            ),
            None,
        )

    def _all(self) -> Iterator[Reminder]:
        """Yield each, and after it what it is to take the place of."""
        for first in list(self._reminders.values()):
            reminder: Reminder | None = first
            while reminder:
                yield reminder
                reminder = reminder.before

    @callback
    def _taken(self, reminder: Reminder, taken: asyncio.Future[bool]) -> None:
        if not taken.result():
            self._failed(reminder)

    @callback
    def _hear(self, event: OutboxEvent) -> None:
        """Count the time from when a mail went out, or will not."""
        reminder = self._with(event.queue_id)
        if not reminder or not reminder.waits:
            return
        if event.outcome is not Outcome.ACCEPTED:
            if self._outbox.holds(event.queue_id):
                return
            if event.outcome is Outcome.REJECTED:
                # It would be refused again, and that harms the account.
                LOGGER.error("%r was refused, and is not repeated", event.subject)
                self._failed(reminder)
                return
        self._next(reminder)

    @callback
    def _discarded(self, queue_ids: Collection[str]) -> None:
        chosen = set(queue_ids)
        for reminder in list(self._all()):
            if reminder.waits and reminder.queue_ids[-1] in chosen:
                if self._reminders.get(reminder.tag) is reminder:
                    self._end([reminder])
                else:
                    self._failed(reminder)

    def _next(self, reminder: Reminder) -> None:
        """Have the next mail made after the time that there is to be between two."""
        reminder.waits, reminder.before = False, None
        reminder.due = read_clock().steady + reminder.every
        self._has_changed()

    def _failed(self, reminder: Reminder) -> None:
        """Repeat it no longer; one that it was to take the place of goes on."""
        for other in self._all():
            if other.before is reminder:
                # It is only known for the case that the other one fails as well.
                other.before = reminder.before
                return
        if self._reminders.get(reminder.tag) is reminder:
            self._end([reminder])
            if reminder.before:
                self._reminders[reminder.tag] = reminder.before
                self._has_changed()

    def _end(self, reminders: Iterable[Reminder]) -> None:
        for reminder in list(reminders):
            self._reminders.pop(reminder.tag, None)
        self._has_changed()

    def _look(self) -> None:
        """Send what is due, end what is over, and look again when the next one is."""
        now = read_clock().steady
        for reminder in list(self._reminders.values()):
            if reminder.ends <= now:
                LOGGER.warning("Nobody acknowledged %s", reminder.tag)
                self._end([reminder])
            elif reminder.due <= now and not reminder.waits:
                self._hass.async_create_background_task(
                    self._async_send(reminder), f"{DOMAIN} reminder"
                )
        self._schedule()

    async def _async_send(self, reminder: Reminder) -> None:
        """Send an alarm again."""
        # At once, so that a clear finds it, and who answers it too.
        with self._outbox.making(reminder.tag) as ticket:
            reminder.number += 1
            reminder.waits, reminder.ticket = True, ticket
            reminder.queue_ids.append(ticket.queue_id)
            self._has_changed()
            try:
                await self._send(reminder, ticket)
            except Exception as err:  # noqa: BLE001 - whatever it is, the alarm goes on
                LOGGER.error(
                    "%s could not be sent again: %s",
                    reminder.tag,
                    err,
                    exc_info=not isinstance(err, HomeAssistantError),
                )
                self._next(reminder)

    def _schedule(self) -> None:
        self._cancel_timer()
        if not self._ends:
            return
        times = [
            reminder.ends if reminder.waits else min(reminder.due, reminder.ends)
            for reminder in self._reminders.values()
        ]
        if times:
            delay = min(max(min(times) - read_clock().steady, 0.0), _LONGEST_SLEEP)
            self._timer = self._hass.loop.call_later(delay, self._look)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _has_changed(self) -> None:
        self._schedule()
        self._changed()
