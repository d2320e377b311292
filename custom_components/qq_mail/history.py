"""What became of an account's messages lately: who got what, when, and what QQ said."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from homeassistant.core import callback
from homeassistant.helpers.event import async_track_time_change
from homeassistant.util.ulid import ulid_to_bytes

from .accounts import QQMailConfigEntry
from .buttons.models import Press
from .clock import read_clock
from .mime.models import Priority
from .options import option
from .outbox.core.models import OutboxEvent, Outcome
from .outbox.outbox import Outbox
from .smtp.replies import Cause
from .store import Key, read_all
from .typed import PASSING, as_json, read_json

HISTORY: Final = "history"
"""The kind of its records in the store."""
DISCARDED: Final = "discarded"
"""The outcome of what a person took back, beside those of the outbox."""
MAX_ITEMS: Final = 2000
"""Messages of an account that are remembered; a flood may bring more than that in a day."""
_MAX_RESULTS = 20
"""Of a message: each of its recipients can be refused in words of its own."""
_MAX_PRESSES = 20
_MAX_RECIPIENTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a message for some of its recipients."""

    at: datetime
    outcome: str
    """An Outcome, or DISCARDED."""
    recipients: tuple[str, ...]
    attempts: int = 0
    cause: Cause | None = None
    reply: str = ""
    """What the server said, or a technical addition."""
    by: str = ""
    """The address of the account that sent it instead; empty: its own sent it."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of a mail that somebody pressed."""

    at: datetime
    title: str
    by: str = ""
    """Who answered the mail; empty: whoever has it opened the button's link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A message that nobody tries any more, or not for all of its recipients."""

    queue_id: str = field(metadata=PASSING)
    title: str
    """Empty: it is not to be kept."""
    tag: str
    priority: Priority
    digest: str = ""
    """The queue id of the digest that it went out in."""
    results: tuple[Result, ...] = ()
    """The oldest first."""
    presses: tuple[Pressed, ...] = ()

    @property
    def raised(self) -> datetime:
        """When the alert was raised, as its queue id tells."""
        octets = ulid_to_bytes(self.queue_id)[:6]
        return datetime.fromtimestamp(int.from_bytes(octets) / 1000, UTC)

    @property
    def at(self) -> datetime:
        """When something became of it last."""
        return self.results[-1].at

    @property
    def accepted_at(self) -> datetime | None:
        """When the server took it; None: it did not."""
        times = (one.at for one in self.results if one.outcome == Outcome.ACCEPTED)
        return next(times, None)

    @property
    def delay(self) -> int | None:
        """Seconds from the alert until the server took it; None: it did not."""
        if not (accepted := self.accepted_at):
            return None
        # The clock may have been set meanwhile.
        return max(round((accepted - self.raised).total_seconds()), 0)

    @property
    def recipients(self) -> tuple[str, ...]:
        """All whom an outcome was told of, each once."""
        everyone = [one for result in self.results for one in result.recipients]
        return tuple(dict.fromkeys(everyone))

    def recipients_of(self, outcome: str) -> tuple[str, ...]:
        """Return those whom this outcome was told of."""
        some = (one for one in self.results if one.outcome == outcome)
        return tuple(one for result in some for one in result.recipients)


class History:
    """An account's messages that were accepted, refused, given up or discarded.

    Neither texts of mails nor tokens are in it. It lives as long as its outbox.
    """

    def __init__(self, entry: QQMailConfigEntry, outbox: Outbox) -> None:
        """Begin with what an earlier run has left; the entry's options say what is kept.

        Each is kept for so many days, 0: not at all; of messages below high priority
        perhaps without a title, which may hold a code to log in with.
        """
        self._entry = entry
        self._outbox = outbox
        outbox.listeners.early.append(self._hear)
        outbox.listeners.discards.append(self._discarded)
        outbox.async_on_close(
            # The count of the day falls to zero although nothing happens.
            async_track_time_change(
                outbox.hass, self._begin_day, hour=0, minute=0, second=0
            )
        )
        records = outbox.manager.take_records(outbox.id, HISTORY)
        items = read_all(records, _read)
        for _, queue_id in records:
            if queue_id not in items:
                outbox.manager.store.remove((HISTORY, outbox.id, queue_id))
        self._items = outbox.manager.known(outbox.id, HISTORY, _read)
        """By their queue ids; of what something became last stands last."""
        self._items |= sorted(items.items(), key=lambda item: item[1].at)

    @callback
    def async_review(self) -> None:
        """Forget what is not to be kept any more: options may have changed."""
        for item in list(filter(self._has_secret_title, self._items.values())):
            self._put(replace(item, title=""))
        self._prune()

    @property
    def items(self) -> list[Item]:
        """All of them; that of which something became last comes first."""
        return list(reversed(self._items.values()))

    def find(self, queue_id: str) -> Item | None:
        """Return a message, if it is remembered."""
        return self._items.get(queue_id)

    @property
    def counts(self) -> dict[str, int]:
        """How many there are, by what became of them last."""
        return dict(Counter(one.results[-1].outcome for one in self._items.values()))

    def press(self, press: Press) -> None:
        """Note that somebody pressed a button of a mail."""
        if item := self.find(press.mail.queue_id):
            pressed = Pressed(read_clock().wall, press.action.title, press.by)
            presses = (*item.presses, pressed)[:_MAX_PRESSES]
            self._put(replace(item, presses=presses))

    def _hear(self, event: OutboxEvent) -> None:
        if event.outcome is Outcome.DEFERRED or event.plan:
            # It waits, and more will be told of it.
            return
        item = Item(
            queue_id=event.queue_id,
            title=event.subject,
            tag=event.tag,
            priority=event.priority,
            digest=event.digest,
        )
        result = Result(
            at=read_clock().wall,
            outcome=event.outcome,
            recipients=event.recipients[:_MAX_RECIPIENTS],
            attempts=event.attempts,
            cause=event.cause,
            reply=str(event.reply or event.detail),
            by=self._outbox.name_of(event.by) if event.by != event.account else "",
        )
        self._add(item, result)

    def _discarded(self, queue_ids: Collection[str]) -> None:
        for queue_id in queue_ids:
            # A digest's parts are named as well.
            message = self._outbox.find(queue_id)
            if not message or (message.parts and message.queue_id == queue_id):
                continue
            parts = (one for one in message.parts if one.queue_id == queue_id)
            told = next(parts, None) or message
            item = Item(
                queue_id=queue_id,
                title=told.subject,
                tag=told.tag,
                priority=message.priority,
                digest="" if told is message else message.queue_id,
            )
            recipients = message.recipients[:_MAX_RECIPIENTS]
            now = read_clock().wall
            self._add(item, Result(at=now, outcome=DISCARDED, recipients=recipients))

    def _add(self, item: Item, result: Result) -> None:
        """Note what came of a message, of which something may be known already."""
        known = self._items.pop(item.queue_id, item)
        if self._has_secret_title(known):
            known = replace(known, title="")
        self._put(replace(known, results=(*known.results, result)[-_MAX_RESULTS:]))
        self._prune()

    def _has_secret_title(self, item: Item) -> bool:
        """Tell whether there is a title that is not to be kept."""
        all_titles = option(self._entry.options, "history_titles")
        return bool(item.title) and not (all_titles or item.priority.is_urgent)

    @callback
    def _begin_day(self, _: datetime) -> None:
        self._prune()
        self._outbox.listeners.tell(None)

    def _prune(self) -> None:
        """Forget what is too old, and beyond two thousand what is oldest."""
        days = option(self._entry.options, "history_days")
        before = read_clock().wall - timedelta(days=days)
        while self._items:
            oldest = next(iter(self._items.values()))
            if oldest.at > before and len(self._items) <= MAX_ITEMS:
                return
            del self._items[oldest.queue_id]
            self._outbox.manager.store.remove(self._key(oldest))

    def _put(self, item: Item) -> None:
        self._items[item.queue_id] = item
        record = partial(as_json, item, read_clock())
        self._outbox.manager.store.put(self._key(item), record)

    def _key(self, item: Item) -> Key:
        return (HISTORY, self._outbox.id, item.queue_id)


def _read(queue_id: str, record: Mapping[str, Any]) -> Item:
    """Read a message again; raises KeyError, TypeError or ValueError."""
    ulid_to_bytes(queue_id)
    item: Item = read_json(Item, record, read_clock(), queue_id=queue_id)
    if not item.results:
        raise ValueError("nothing became of it")
    return item
