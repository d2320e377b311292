"""What actions and the page list: what waits, is counted, is sent again, and went out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from itertools import batched, islice
from typing import Any, Final

from homeassistant.util import dt as dt_util

from ..clock import read_clock
from ..errors import why_it_waits
from ..history import Item
from ..outbox.core.models import Message, Plan
from ..outbox.outbox import Outbox
from ..repeats.duplicates import Original
from ..repeats.reminders import Reminder
from ..smtp.models import Account
from ..texts import Texts, iso_of
from ..typed import as_json
from .house import Rooms

type Row = dict[str, Any]
type TimeFormat = Callable[[datetime | None], str | None]
"""Writes a time, or that there is none, for programs or for people."""

_AT_ONCE: Final = 100
"""Messages that are described in one turn of the event loop."""


async def async_plans(
    outbox: Outbox, first: int = 0, end: int | None = None
) -> AsyncIterator[tuple[Message, Plan]]:
    """Yield what waits, with its plan; for that of one, those before it are needed.

    Thousands may wait, and others have their turns meanwhile.
    """
    plans = islice(outbox.plans(), end)
    async for place, one in async_some(enumerate(plans)):
        if place >= first:
            yield one


async def async_some[T](items: Iterable[T]) -> AsyncIterator[T]:
    """Yield items of which there may be thousands; others have their turns meanwhile."""
    for some in batched(items, _AT_ONCE, strict=False):
        for one in some:
            yield one
        await asyncio.sleep(0)


def waiting(
    outbox: Outbox,
    message: Message,
    plan: Plan,
    texts: Texts,
    time: TimeFormat = iso_of,
) -> Row:
    """Return what is known of a message that waits, and why it does."""
    own = outbox.account.username
    return {
        "account": own,
        "by": outbox.name_of(plan.by) or own,
        "queue_id": message.queue_id,
        "subject": message.subject,
        "recipients": list(message.recipients),
        "raised_at": time(outbox.raised_at(message)),
        "attempts": message.attempts,
        "next_attempt": time(outbox.time_of(plan)),
        "reason": plan.reason,
        "why": texts.of(why_it_waits(outbox, plan, dt_util.utcnow())),
        "reply": str(message.reply) if message.reply else None,
        "cause": message.cause,
        "priority": message.priority,
        "tag": message.tag,
        "size": message.size,
        "parts": [one.queue_id for one in message.parts],
    }


def repeating(reminder: Reminder, account: Account, time: TimeFormat = iso_of) -> Row:
    """Return what is known of an alarm that nobody has acknowledged."""
    now = read_clock()
    return {
        "account": account.username,
        "queue_id": reminder.queue_ids[-1],
        "tag": reminder.tag,
        "number": reminder.number,
        "since": time(reminder.raised),
        "next": time(None if reminder.waits else now.wall_at(reminder.due)),
        "until": time(now.wall_at(reminder.ends)),
    }


def counting(original: Original, account: Account, time: TimeFormat = iso_of) -> Row:
    """Return what is known of an alert that is counted rather than sent."""
    return {
        "account": account.username,
        "queue_id": original.queue_id,
        "title": original.alert.title,
        "tag": original.alert.tag,
        "recipients": list(original.alert.recipients.addr_specs),
        "count": original.untold.number,
        "since": time(original.raised),
    }


def remembered(item: Item, account: Account, time: TimeFormat = iso_of) -> Row:
    """Return what is known of a message of the history."""
    now = read_clock()
    return {
        "account": account.username,
        "queue_id": item.queue_id,
        "title": item.title or None,
        "tag": item.tag,
        "priority": item.priority,
        "raised_at": time(item.raised),
        "accepted_at": time(item.accepted_at),
        "delay": item.delay,
        "digest": item.digest or None,
        "results": [as_json(one, now) | {"at": time(one.at)} for one in item.results],
        "presses": [as_json(one, now) | {"at": time(one.at)} for one in item.presses],
    }


def latest(rooms: Iterable[Rooms]) -> list[tuple[Account, Item]]:
    """Return accounts' histories: of what something became last comes first."""
    items = [(one.outbox.account, item) for one in rooms for item in one.history.items]
    return sorted(items, key=lambda one: one[1].at, reverse=True)
