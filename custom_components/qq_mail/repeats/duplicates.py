"""Counts alerts that are the same as one that went out, and has them told of."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
import json
from typing import Final, Self, override

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..clock import Now, read_clock
from ..const import DOMAIN, LOGGER
from ..mime.address import Recipients
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..outbox.core.models import OutboxEvent, Outcome
from ..outbox.outbox import Outbox
from ..typed import PASSING, Steady
from .kept import Keepable, Kept

DUPLICATE: Final = "duplicate"
"""The kind of its records in the store."""
MAX_DUPLICATES = 1000
"""Alerts of an account that others are counted to; beyond that, each one goes out."""
_RETRY = 60.0
"""Seconds until a mail is tried again that could not be kept."""
_MAX_TITLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What an alert is told by from others, and what a mail about it needs."""

    key: str
    """A hash of what makes it the same alert: its tag, or all that it says and shows; and
    its recipients."""
    tag: str
    title: str
    recipients: Recipients
    priority: Priority

    @classmethod
    def of(
        cls,
        *,
        tag: str,
        title: str,
        texts: tuple[str, ...],
        shown: Iterable[object] = (),
        recipients: Recipients,
        priority: Priority,
    ) -> Self:
        """Return what stands for an alert; its texts are only hashed.

        `shown` are the pictures, entities and charts that it names: the same camera is
        the same, whatever it sees.
        """
        same = [
            ["tag", tag] if tag else ["texts", title, *texts, *map(str, shown)],
            sorted(map(str.lower, recipients.addr_specs)),
        ]
        # Without a title, the text's beginning is what people know it by.
        known_by = " ".join((title or next(filter(None, texts), "")).split())
        return cls(
            key=sha256(json.dumps(same).encode()).hexdigest(),
            tag=tag,
            title=known_by[:_MAX_TITLE],
            recipients=recipients,
            priority=priority,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """How many alerts were not sent, and when they were raised."""

    number: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def plus(self, later: Counted) -> Counted:
        """Return both as one."""
        return Counted(
            self.number + later.number,
            self.first or later.first,
            later.last or self.last,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Original(Keepable):
    """A message that went out or is to, and how often the same alert came since."""

    alert: Alert
    began: Steady
    """When it was raised."""
    length: float
    """Seconds for which the same is counted. 0: it only tells of earlier ones."""
    raised: datetime
    counted: Counted = field(default_factory=Counted)
    """Since it was raised."""
    carried: Counted = field(default_factory=Counted)
    """Those that it tells of, until it has gone out."""
    went_out: bool = False
    """Whether the server has it."""
    telling: bool = field(default=False, metadata=PASSING)
    """Whether a mail is being made of what was counted: nothing is counted any more."""

    @property
    def until(self) -> float:
        """When the time is over, unless it has not gone out by then."""
        return self.began + self.length

    @property
    def untold(self) -> Counted:
        """All that nobody was told of yet."""
        return self.carried.plus(self.counted)

    def covers(self, now: Now, within: timedelta) -> bool:
        """Tell whether the same alert is counted now.

        What has not gone out yet covers it however long that takes: it will tell.
        """
        length = min(self.length, within.total_seconds())
        return not self.went_out or now.steady - self.began < length

    @override
    def bound(self, now: Now) -> None:
        if self.alert.recipients == Recipients():
            raise ValueError("no recipients")
        left = min(max(self.until - now.steady, 0.0), self.length)
        self.began = now.steady + left - self.length


class Duplicates(Kept[Original]):
    """An account's alerts that are counted for a while rather than sent."""

    def __init__(
        self,
        outbox: Outbox,
        tell: Callable[[Alert, Counted, Ticket, Callable[[], None]], Awaitable[object]],
    ) -> None:
        """Begin with what an earlier run has left.

        `tell` sends a mail, and calls what it is given when that is put on disk.
        """
        super().__init__(outbox, DUPLICATE, Original)
        self._tell = tell
        for one in list(self._known.values()):
            waits = one.went_out or outbox.holds(one.queue_id)
            if not (waits or one.restored):
                # Nobody knows what became of it: what it stands for is told.
                self._end(one)
        self._schedule()

    @property
    def shown(self) -> list[Original]:
        """What was counted and not told yet, the oldest first."""
        return [one for one in self._known.values() if one.untold.number]

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
        self._count_anew()
        while (known := self._like(alert)) and within:
            if not known.covers(now := read_clock(), within):
                break
            if not known.ticket or known.ticket.taken.done():
                known.counted = known.counted.plus(Counted(1, now.wall, now.wall))
                self._write(known)
                return known
            await asyncio.wait({known.ticket.taken})
            if ticket.cleared:
                return Counted()
        # Without an await: whoever comes now finds this one.
        carried = Counted()
        if known:
            # That is told by another message from now on.
            carried, known.counted = known.counted, carried
        if within or carried.number:
            self._lead(alert, ticket, within, carried)
            if known and known.went_out:
                self._forget([known])
            elif known:
                # Or both would tell of it after a kill.
                self._write(known)
        return carried

    @callback
    def async_clear(self, tag: str) -> None:
        """Forget what was counted under a tag: it is over, and nobody needs to know."""
        self._forget(one for one in self._known.values() if one.alert.tag == tag)

    @callback
    def async_discard(self, queue_id: str | None) -> int:
        """Forget what was counted to a message that went out; return for how many."""
        original = self._known.get(queue_id or "")
        if not original or not original.went_out:
            return 0
        self._forget([original])
        return 1

    def _lead(
        self,
        alert: Alert,
        ticket: Ticket,
        within: timedelta | None,
        carried: Counted,
    ) -> None:
        """Have a message stand for the same alerts, or at least tell of earlier ones."""
        if len(self._known) >= MAX_DUPLICATES and not carried.number:
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
        self._begin(original, ticket)
        self._write(original)

    @override
    def _put(self, one: Original) -> None:
        # What is being told of leaves the disk with its mail.
        if not one.telling:
            super()._put(one)

    @override
    def _hear(self, event: OutboxEvent) -> None:
        """Learn whether a message that stands for others went out."""
        original = self._known.get(event.queue_id)
        if not original or original.went_out:
            return
        if event.outcome is Outcome.ACCEPTED:
            original.went_out, original.carried = True, Counted()
            self._write(original)
        elif not self._outbox.holds(event.queue_id):
            self._end(original)

    @override
    def _discarded(self, queue_ids: Collection[str]) -> None:
        """Forget what a message stood for, together with that."""
        chosen = filter(None, map(self._known.get, set(queue_ids)))
        self._forget(one for one in chosen if not one.went_out)

    @override
    def _due(self) -> Iterable[tuple[float, Callable[[], object]]]:
        for one in list(self._known.values()):
            # What has not gone out yet is looked at when it has.
            if one.went_out and not (one.restored or one.telling):
                yield one.until, partial(self._end, one)

    @override
    def _end(self, one: Original) -> None:
        """Count no longer, and tell of what was counted."""
        if one.telling:
            return
        if not one.untold.number:
            self._forget([one])
            return
        one.telling = True
        self._hass.async_create_background_task(
            self._async_tell(one), f"{DOMAIN} duplicates"
        )
        self._changed()

    async def _async_tell(self, original: Original) -> None:
        try:
            # At once, so that a clear finds it.
            with self._outbox.making(original.alert.tag) as ticket:
                await self._tell(
                    original.alert,
                    original.untold,
                    ticket,
                    partial(self._remove, original),
                )
        except Exception as err:  # noqa: BLE001 - whatever it is, they are told later
            # It may have been cleared meanwhile.
            if original.queue_id in self._known:
                LOGGER.error(
                    "Alerts that were counted, %r, wait: %s",
                    original.alert.title,
                    err,
                    exc_info=not isinstance(err, HomeAssistantError),
                )
                original.telling, original.went_out, original.length = False, True, 0.0
                original.began = read_clock().steady + _RETRY
                self._write(original)
            return
        # Whoever is cancelled, because Home Assistant stops, tells of it the next time.
        self._known.pop(original.queue_id, None)
        self._changed()

    def _like(self, alert: Alert) -> Original | None:
        """Return the last one to which the same alert is counted."""
        found = (
            one
            for one in reversed(self._known.values())
            if one.alert.key == alert.key
            and one.length
            and not (one.restored or one.telling)
        )
        return next(found, None)
