"""Sends alarms again until someone acknowledges them."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, override

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..clock import Now, read_clock
from ..const import DOMAIN, LOGGER
from ..mime.address import Recipients
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..outbox.core.models import OutboxEvent, Outcome
from ..outbox.outbox import Outbox
from ..started import async_listened
from ..typed import PASSING, Steady
from .kept import Keepable, Kept

REMINDER: Final = "reminder"
"""The kind of its records in the store."""
MAX_REMINDERS = 100
"""Alarms of an account at the same time."""
_PRIORITIES = list(Priority)
MAX_MAILS = 1500
"""Of one alarm that are remembered: one a minute for a day."""
_AT_THIS_PACE = 5
"""Mails after which the time between two doubles: nobody reads them."""
_LONGEST_INTERVAL = 3600.0


@dataclass(slots=True, kw_only=True, eq=False)
class Reminder(Keepable):
    """An alarm that nobody has acknowledged."""

    again: dict[str, Any]
    """What the call said, to be read once more: what it names is fetched anew."""
    tag: str
    """Its own, or one of its call's: all of its mails are one conversation."""
    recipients: Recipients
    priority: Priority
    raised: datetime
    every: float
    """Seconds from when a mail went out to the next one, in the beginning."""
    length: float
    """Seconds after which it is over by itself."""
    due: Steady
    ends: Steady
    unanswered: Steady
    """When it is told that nobody has acknowledged it, at its end at the latest.

    Raised again and again, it is told as for the first one.
    """
    number: int = 1
    """Mails so far."""
    queue_ids: list[str] = field(default_factory=list)
    """Of all of them: who presses a button of any has acknowledged all."""
    waits: bool = field(default=True, metadata=PASSING)
    """Whether the last one has not gone out yet: the next one waits for it."""

    @property
    def interval(self) -> float:
        """Seconds to the next mail: doubling from the sixth one on, to an hour.

        An alarm that nobody acknowledges is not to use up what the account may send.
        """
        doubled = self.every * 2.0 ** min(max(self.number - _AT_THIS_PACE, 0), 20)
        return max(min(doubled, _LONGEST_INTERVAL), self.every)

    @property
    def title(self) -> str:
        """What people know it by."""
        return str(self.again.get("title") or self.tag)

    @property
    def for_whom(self) -> tuple[str, frozenset[str]]:
        """What tells it from other alarms: its tag, and to whom it goes."""
        people = frozenset(one.lower() for one in self.recipients.addr_specs)
        return self.tag, people

    def add_mail(self, ticket: Ticket) -> None:
        """Know the next mail, which waits."""
        self.number += 1
        self.waits, self.ticket = True, ticket
        self.queue_ids.append(ticket.queue_id)
        del self.queue_ids[:-MAX_MAILS]

    @override
    def bound(self, now: Now) -> None:
        if not self.queue_ids or self.recipients == Recipients():
            raise ValueError("no mail, or nobody to send it to")
        longest = now.steady + max(self.every, _LONGEST_INTERVAL)
        self.due = min(max(self.due, now.steady), longest)
        self.ends = min(self.ends, now.steady + self.length)
        self.unanswered = min(self.unanswered, self.ends)


class Reminders(Kept[Reminder]):
    """An account's alarms that nobody has acknowledged."""

    def __init__(
        self,
        outbox: Outbox,
        send: Callable[[Reminder, Ticket, Callable[[], None]], Awaitable[object]],
        ended: Callable[[Collection[str], str], None],
        unanswered: Callable[[Reminder], None],
    ) -> None:
        """Begin with what an earlier run has left.

        `send` sends an alarm once more, and calls what it is given when that is put on
        disk; `ended` is told the queue ids of mails whose buttons act no more, and why;
        `unanswered` is told of an alarm that nobody has acknowledged in its time, or that
        goes out no more.
        """
        super().__init__(outbox, REMINDER, Reminder)
        self._send = send
        self._tell_ended = ended
        self._tell_unanswered = unanswered
        self._heard = False
        """Whether automations hear what is told."""
        self._hass.async_create_background_task(
            self._async_be_heard(), f"{DOMAIN} reminders"
        )
        for reminder in self.shown:
            reminder.waits = outbox.holds(reminder.queue_ids[-1])
        self._schedule()

    @property
    def shown(self) -> list[Reminder]:
        """Those that nobody has acknowledged, the oldest first."""
        return list(self._known.values())

    @callback
    def async_begin(
        self,
        ticket: Ticket,
        again: dict[str, Any],
        recipients: Recipients,
        priority: Priority,
        every: timedelta,
        length: timedelta,
    ) -> bool:
        """Repeat an alarm from its first mail on; False: there are too many.

        One with its tag and recipients ends once this one's first mail went out; of
        several that wait for that, only the first and this one are kept. Where there are
        too many, the least important makes room, but for none that is not more important.
        """
        steady = ticket.raised.steady
        seconds = every.total_seconds()
        reminder = Reminder(
            queue_id=ticket.queue_id,
            again=again,
            tag=ticket.tag,
            recipients=recipients,
            priority=priority,
            raised=ticket.raised.wall,
            every=seconds,
            length=length.total_seconds(),
            due=steady + seconds,
            ends=steady + length.total_seconds(),
            unanswered=steady + length.total_seconds(),
            queue_ids=[ticket.queue_id],
            ticket=ticket,
        )
        like = self._like(reminder)
        if like:
            # Who answers an older mail of the conversation has heard of it as well.
            ids = [*like[-1].queue_ids, *reminder.queue_ids]
            reminder.queue_ids = ids[-MAX_MAILS:]
            reminder.unanswered = min(one.unanswered for one in (*like, reminder))
            self._forget(like[1:])
        elif len(self._known) >= MAX_REMINDERS and not self._make_room(reminder):
            LOGGER.error("Too many alarms: %s is not repeated", reminder.tag)
            self._tell_unanswered(reminder)
            return False
        self._begin(reminder, ticket)
        self._schedule()
        return True

    @callback
    def async_keep(self, queue_id: str) -> None:
        """Have an alarm put on disk together with its first mail."""
        if reminder := self._known.get(queue_id):
            self._write(reminder)

    def tag_of(self, queue_id: str) -> str | None:
        """Return the tag of the alarm that a mail belongs to; None: nothing is repeated."""
        found = (one.tag for one in self.shown if queue_id in one.queue_ids)
        return next(found, None)

    @callback
    def async_acknowledge(self, tag: str, queue_id: str) -> list[Reminder]:
        """End the alarms of a tag: somebody pressed a button of one of their mails.

        The buttons of their other mails say so then, and act no more.
        """
        ended = self._tagged(tag)
        for reminder in ended:
            others = [one for one in reminder.queue_ids if one != queue_id]
            self._tell_ended(others, "acknowledged")
        self.async_end(tag)
        return ended

    @callback
    def async_end(self, tag: str) -> None:
        """Repeat the alarms of a tag no longer: somebody knows of it, or it is over."""
        for reminder in self._tagged(tag):
            self._end(reminder)
            if reminder.number == 1:
                continue
            # Nobody needs to be reminded by what waits, be it for some alone.
            if reminder.ticket:
                reminder.ticket.cleared = True
            last = reminder.queue_ids[-1]
            if self._outbox.holds(last):
                self._hass.async_create_background_task(
                    self._outbox.async_discard(last), f"{DOMAIN} reminder"
                )

    def _make_room(self, reminder: Reminder) -> bool:
        least = max(self.shown, key=lambda one: _PRIORITIES.index(one.priority))
        if _PRIORITIES.index(least.priority) <= _PRIORITIES.index(reminder.priority):
            return False
        LOGGER.error("Too many alarms: %s is not repeated any more", least.tag)
        self._lapse(least)
        return True

    def _tagged(self, tag: str) -> list[Reminder]:
        return [one for one in self.shown if one.tag == tag]

    def _like(self, reminder: Reminder) -> list[Reminder]:
        """Return other alarms with the same tag and recipients, the older first."""
        return [
            one
            for one in self.shown
            if one is not reminder and one.for_whom == reminder.for_whom
        ]

    @override
    def _hear(self, event: OutboxEvent) -> None:
        """Count the time from when a mail went out, or will not."""
        found = (one for one in self.shown if one.queue_ids[-1] == event.queue_id)
        reminder = next(found, None)
        if not reminder or not reminder.waits:
            return
        if event.outcome is Outcome.ACCEPTED:
            if reminder.number == 1:
                # Their buttons speak of an alarm that was raised anew since.
                self._tell_ended(reminder.queue_ids[:-1], "replaced")
                self._forget(
                    one
                    for one in self._like(reminder)
                    if one.queue_id < reminder.queue_id
                )
        elif self._outbox.holds(event.queue_id):
            return
        elif event.outcome is Outcome.REJECTED:
            # It would be refused again, and that harms the account.
            LOGGER.error("%r was refused, and is not repeated", event.subject)
            self._lapse(reminder)
            return
        self._next(reminder)

    @override
    def _discarded(self, queue_ids: Collection[str]) -> None:
        chosen = set(queue_ids)
        self._forget(
            one for one in self.shown if one.waits and one.queue_ids[-1] in chosen
        )

    def _next(self, reminder: Reminder) -> None:
        """Have the next mail made after the time that there is to be between two."""
        reminder.waits = False
        reminder.due = read_clock().steady + reminder.interval
        self._write(reminder)

    @override
    def _end(self, one: Reminder) -> None:
        self._forget([one])

    def _lapse(self, reminder: Reminder) -> None:
        """End an alarm of which nobody knows."""
        self._end(reminder)
        self._tell_unanswered(reminder)

    def _tell_late(self, reminder: Reminder) -> None:
        """Tell that nobody has acknowledged an alarm; one that was raised anew goes on."""
        LOGGER.warning("Nobody acknowledged %s", reminder.tag)
        if reminder.ends <= read_clock().steady:
            self._lapse(reminder)
            return
        self._tell_unanswered(reminder)
        if reminder.queue_id in self._known:
            reminder.unanswered = reminder.ends
            self._write(reminder)

    async def _async_be_heard(self) -> None:
        await async_listened(self._hass)
        self._heard = True
        self._schedule()

    @override
    def _due(self) -> Iterable[tuple[float, Callable[[], object]]]:
        for reminder in self.shown:
            if reminder.queue_id not in self._known:
                # Who was told of another one has acknowledged it.
                continue
            if self._heard:
                yield reminder.unanswered, partial(self._tell_late, reminder)
            if self._may_send(reminder):
                yield reminder.due, partial(self._begin_next, reminder)

    def _may_send(self, reminder: Reminder) -> bool:
        """Tell whether nothing goes before an alarm's next mail."""
        if reminder.waits or reminder.restored:
            return False
        if reminder.unanswered <= read_clock().steady:
            # First it is told that nobody has acknowledged it.
            return False
        # One that was raised anew is to take its place.
        return not any(one.queue_id > reminder.queue_id for one in self._like(reminder))

    def _begin_next(self, reminder: Reminder) -> None:
        self._hass.async_create_background_task(
            self._async_send(reminder), f"{DOMAIN} reminder"
        )

    async def _async_send(self, reminder: Reminder) -> None:
        """Send an alarm again."""
        # At once, so that a clear finds it, and who answers it too.
        with self._outbox.making(reminder.tag) as ticket:
            reminder.add_mail(ticket)
            try:
                keep = partial(self.async_keep, reminder.queue_id)
                await self._send(reminder, ticket, keep)
            except Exception as err:  # noqa: BLE001 - whatever it is, the alarm goes on
                LOGGER.error(
                    "%s could not be sent again: %s",
                    reminder.tag,
                    err,
                    exc_info=not isinstance(err, HomeAssistantError),
                )
                # Once stopped, whoever comes after this one goes on with it, or nobody.
                if not self._stopped and reminder.queue_id in self._known:
                    self._next(reminder)
