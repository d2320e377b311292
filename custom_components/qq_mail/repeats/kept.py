"""What an account counts or sends again: kept in its store, and looked at when due."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from homeassistant.core import callback

from ..clock import UNSURE_FOR, Now, read_clock, seconds_until
from ..outbox.composing import Ticket
from ..outbox.core.models import OutboxEvent
from ..outbox.outbox import Outbox
from ..typed import PASSING, Steady, as_json, read_json


@dataclass(slots=True, kw_only=True, eq=False)
class Keepable(ABC):
    """What an original, to which others are counted, and a reminder have in common."""

    queue_id: str = field(metadata=PASSING)
    """Of its first mail, by which it is known."""
    restored: bool = False
    """It comes from a backup: a person has to decide."""
    ticket: Ticket | None = field(default=None, metadata=PASSING)
    """Of its last mail; None: an earlier run has made it."""

    @abstractmethod
    def bound(self, now: Now) -> None:
        """Last no longer than it was to, whatever was done to the clock.

        Raises ValueError where what was read makes no sense.
        """


class Kept[One: Keepable](ABC):
    """An account's originals, or its reminders, for as long as its outbox lives."""

    def __init__(self, outbox: Outbox, kind: str, one: type[One]) -> None:
        """Begin with what an earlier run has left; `kind`: of their records."""
        self._hass = outbox.hass
        self._outbox = outbox
        self._kind = kind
        self._type = one
        self._records: dict[str, Mapping[str, Any]] = {}
        """What was read, as long as its ages may have to be counted anew."""
        self._read_at = self._read_by = read_clock()
        self._known = outbox.manager.known(outbox.id, kind, self._read)
        """By their queue ids, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        outbox.listeners.early.append(self._hear)
        outbox.listeners.discards.append(self._discarded)

    @callback
    def async_stop(self) -> None:
        """Do nothing any more that is due; what is known stays known."""
        self._stopped = True
        self._schedule()

    @property
    def restored(self) -> int:
        """How many come from a backup, and wait for a person's decision."""
        return sum(one.restored for one in self._known.values())

    @callback
    def async_decide(self, *, send: bool) -> None:
        """Go on with what comes from a backup, or forget it."""
        restored = [one for one in self._known.values() if one.restored]
        if not send:
            self._forget(restored)
            return
        for one in restored:
            one.restored = False
            self._write(one)
        self._look()

    @callback
    def async_failed(self, queue_id: str) -> None:
        """Know that a message did not go out, as its call was told."""
        if one := self._known.get(queue_id):
            self._end(one)

    @abstractmethod
    def _hear(self, event: OutboxEvent) -> None:
        """Learn what became of a message."""

    @abstractmethod
    def _discarded(self, queue_ids: Collection[str]) -> None:
        """Know which messages a person takes back."""

    @abstractmethod
    def _end(self, one: One) -> None:
        """Go on with one no longer."""

    @abstractmethod
    def _due(self) -> Iterable[tuple[float, Callable[[], object]]]:
        """Yield what is to be done, and from when on, by the steady clock."""

    def _begin(self, one: One, ticket: Ticket) -> None:
        """Know one, unless its first mail is not taken."""
        self._known[one.queue_id] = one
        ticket.taken.add_done_callback(
            lambda taken: None if taken.result() else self.async_failed(one.queue_id)
        )

    def _read(self, queue_id: str, record: Mapping[str, Any]) -> One:
        self._records[queue_id] = record
        return self._read_by_clock(queue_id, self._read_at)

    def _read_by_clock(self, queue_id: str, now: Now) -> One:
        record = self._records[queue_id]
        one: One = read_json(self._type, record, now, queue_id=queue_id)
        one.bound(now)
        return one

    def _count_anew(self) -> None:
        """Count ages anew if the clock was set, as those of the outbox's messages are."""
        now, by = read_clock(), self._read_by
        if now.steady - self._read_at.steady >= UNSURE_FOR:
            self._records.clear()
        elif now.is_set_since(by):
            self._read_by = now
            instants = [one.name for one in fields(self._type) if one.type is Steady]
            for queue_id in self._records.keys() & self._known.keys():
                one = self._known[queue_id]
                before = self._read_by_clock(queue_id, by)
                after = self._read_by_clock(queue_id, now)
                for name in instants:
                    # What is not as it was read then has begun since.
                    if getattr(one, name) == getattr(before, name):
                        setattr(one, name, getattr(after, name))
            # Also what has begun since: the disk has it by the clock before.
            for one in self._known.values():
                self._put(one)
            self._changed()

    def _write(self, one: One) -> None:
        self._put(one)
        self._changed()

    def _put(self, one: One) -> None:
        key = (self._kind, self._outbox.id, one.queue_id)
        self._outbox.manager.store.put(key, lambda: as_json(one, read_clock()))

    def _forget(self, some: Iterable[One]) -> None:
        for one in list(some):
            del self._known[one.queue_id]
            self._remove(one)
        self._changed()

    def _remove(self, one: One) -> None:
        key = (self._kind, self._outbox.id, one.queue_id)
        self._outbox.manager.store.remove(key)

    def _changed(self) -> None:
        self._schedule()
        self._outbox.listeners.tell(None)

    def _look(self) -> None:
        self._count_anew()
        now = read_clock().steady
        for at, do in self._due():
            if at <= now:
                do()
        self._schedule()

    def _schedule(self) -> None:
        """Look again when the next one is due."""
        if self._timer:
            self._timer.cancel()
        times = [at for at, _ in self._due()]
        if times and not self._stopped:
            delay = seconds_until(min(times))
            self._timer = self._hass.loop.call_later(delay, self._look)
