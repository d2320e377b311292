"""What the page shows of outboxes and of the history, in words, in the house's time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntryState
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from ..accounts import QQMailConfigEntry, not_loaded
from ..calls.house import DATA_HOUSE, SIGNAL_OUTBOX, Rooms
from ..calls.listing import (
    Row,
    TimeFormat,
    async_plans,
    counting,
    latest,
    remembered,
    repeating,
    waiting,
)
from ..clock import read_clock
from ..const import DOMAIN
from ..errors import action_error
from ..history import Item
from ..outbox.core.models import Down, Outcome
from ..outbox.outbox import Outbox
from ..smtp.errors import MailError
from ..smtp.models import Account, Step
from ..texts import Texts, time_of

_INTERVAL: Final = 1.0
"""Seconds between two looks at the outboxes: as fast as a person looks."""
_MOST_PARTS: Final = 100
_MOST_REPEATS: Final = 100
_MOST_CHOICES: Final = 200
"""Recipients that the history can be filtered by."""
_HOURS: Final = 24


def time_format(now: datetime) -> TimeFormat:
    """Return how times are written for people at home; nothing where there is none."""
    return lambda time: time_of(time, now) if time else ""


async def _async_accounts(
    hass: HomeAssistant, texts: Texts, first: dict[str, int], number: int
) -> list[dict[str, Any]]:
    """Return every account with so many of its messages, from the `first` one on."""
    house = hass.data[DATA_HOUSE]
    shown: list[dict[str, Any]] = []
    for entry in hass.config_entries.async_entries(DOMAIN):
        account = {
            "id": entry.entry_id,
            "title": entry.title,
            "address": entry.data[CONF_USERNAME],
        }
        if entry.state is ConfigEntryState.LOADED:
            rooms = house.rooms[entry.entry_id]
            window = (first.get(entry.entry_id, 0), number)
            shown.append(account | await _async_account(hass, rooms, texts, *window))
        else:
            shown.append(account | _away(entry, texts))
    return shown


def _away(entry: QQMailConfigEntry, texts: Texts) -> dict[str, Any]:
    return {
        "state": texts.of(not_loaded(entry)),
        "works": False,
        "left": None,
        "per_day": 0,
        "waiting": 0,
        "first": 0,
        "messages": [],
        "counted": [],
        "repeated": [],
    }


async def _async_account(
    hass: HomeAssistant, rooms: Rooms, texts: Texts, first: int, number: int
) -> dict[str, Any]:
    outbox = rooms.outbox
    now = dt_util.utcnow()
    time = time_format(now)
    state = _problem(hass, outbox, texts, now)
    if state and outbox.helped_by:
        state += " " + texts("page_helped", by=outbox.helped_by)
    last = outbox.state.tally.last_accepted
    fine = texts("page_state_sends")
    if last:
        fine = texts("page_state_sent", time=time_of(last, now))
    # Not beyond the end: what was on the page may have gone out meanwhile.
    first = max(min(first, len(outbox) - 1) // number * number, 0)
    tags = Counter(one.tag for one in outbox.waiting() if one.tag)
    return {
        "state": state or fine,
        "works": not state,
        "left": outbox.left_today,
        "per_day": outbox.state.limits.settings.per_day,
        "waiting": len(outbox),
        "first": first,
        "messages": [
            waiting(outbox, message, plan, texts, time)
            | {
                "same_tag": tags[message.tag],
                # Another login with a code that was refused would only be counted.
                "may_retry": not (plan.cause and plan.cause.of_login),
                "titles": [one.subject for one in message.parts[:_MOST_PARTS]],
            }
            async for message, plan in async_plans(outbox, first, first + number)
        ],
        "counted": [
            counting(one, outbox.account, time)
            for one in rooms.duplicates.shown[:_MOST_REPEATS]
        ],
        "repeated": [
            repeating(one, outbox.account, time)
            | {
                # The first one's: it stays the same, however often it is sent.
                "queue_id": one.queue_id,
                "title": one.title,
                "recipients": list(one.recipients.addr_specs),
            }
            for one in rooms.reminders.shown[:_MOST_REPEATS]
        ],
    }


def _problem(hass: HomeAssistant, outbox: Outbox, texts: Texts, now: datetime) -> str:
    """Return in a sentence why an account sends nothing now; nothing if it does."""
    state = outbox.state
    if pause := outbox.pause:
        return texts(
            "page_state_login" if pause.cause.of_login else "page_state_rate",
            time=time_of(pause.until, now),
        )
    clock = read_clock()
    down = state.down or _other_down(hass, outbox)
    if down and down.until > clock.steady:
        return texts(
            "page_state_refusing" if down.refused else "page_state_unreachable",
            host=outbox.account.host,
            since=time_of(clock.wall_at(down.since), now),
            time=time_of(clock.wall_at(down.until), now),
        )
    return ""


def _other_down(hass: HomeAssistant, outbox: Outbox) -> Down | None:
    """Return why another account does not reach the server, which this one has too.

    None, where this one has reached it since.
    """
    now, last = read_clock(), outbox.state.tally.last_accepted
    for rooms in hass.data[DATA_HOUSE].rooms.values():
        down, other = rooms.outbox.state.down, rooms.outbox.account
        if (
            down
            and not down.refused
            and (other.host, other.port) == (outbox.account.host, outbox.account.port)
            and not (last and last > now.wall_at(down.since))
        ):
            return down
    return None


async def async_follow(
    hass: HomeAssistant,
    texts: Texts,
    first: dict[str, int],
    number: int,
    send: Callable[[list[dict[str, Any]]], None],
) -> None:
    """Send the accounts, and again whenever they change, until cancelled."""
    changed = asyncio.Event()
    last: list[dict[str, Any]] | None = None

    @callback
    def tell(*_: object) -> None:
        changed.set()

    # Accounts come and go.
    stops = (
        async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, tell),
        async_dispatcher_connect(hass, SIGNAL_OUTBOX, tell),
    )
    try:
        while True:
            changed.clear()
            if (shown := await _async_accounts(hass, texts, first, number)) != last:
                last = shown
                send(shown)
            await changed.wait()
            await asyncio.sleep(_INTERVAL)
    finally:
        for stop in stops:
            stop()


def history(
    hass: HomeAssistant, texts: Texts, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Return so many messages from the `first` one on, of those that are asked for."""
    now = dt_util.utcnow()
    time = time_format(now)
    first, outcome, recipient = asked["first"], asked["outcome"], asked["recipient"]
    entries = hass.config_entries.async_loaded_entries(DOMAIN)
    rooms = hass.data[DATA_HOUSE].rooms
    items = latest(rooms[entry.entry_id] for entry in entries)
    found = [
        (account, item)
        for account, item in items
        if outcome in ("", *(one.outcome for one in item.results))
        and recipient in ("", *item.recipients)
        and asked["text"].casefold() in f"{item.title}\n{item.tag}".casefold()
    ]
    recipients = Counter(one for _, item in items for one in item.recipients)
    return {
        "total": len(found),
        "messages": [
            _past_message(account, item, texts, time)
            for account, item in found[first : first + asked["number"]]
        ],
        "recipients": sorted(one for one, _ in recipients.most_common(_MOST_CHOICES)),
        "hours": _hours([item for _, item in items], now),
    }


def _past_message(account: Account, item: Item, texts: Texts, time: TimeFormat) -> Row:
    """Return what is known of a message, and what a person can do about it."""
    row = remembered(item, account, time)
    for shown, result in zip(row["results"], item.results, strict=True):
        shown["why"] = ""
        if result.cause and result.outcome != Outcome.ACCEPTED:
            err = MailError(result.cause, Step.DATA, detail=result.reply)
            sender = replace(account, username=result.by or account.username)
            shown["why"] = texts.of(action_error(err, sender))
    return row


def _hours(items: Sequence[Item], now: datetime) -> list[dict[str, Any]]:
    """Return how many messages there were in each of the last 24 hours, by outcome."""
    this_hour = dt_util.as_local(now).replace(minute=0, second=0, microsecond=0)
    # In UTC: between local times a change of the clock would not be counted.
    begin = dt_util.as_utc(this_hour) - timedelta(hours=_HOURS - 1)
    hours: list[Counter[str]] = [Counter() for _ in range(_HOURS)]
    for item in items:
        last = item.results[-1]
        hour = (last.at - begin) // timedelta(hours=1)
        if 0 <= hour < _HOURS:
            hours[hour][last.outcome] += 1
    return [
        {
            "hour": f"{dt_util.as_local(begin + timedelta(hours=place)):%H}",
            "numbers": dict(counted),
        }
        for place, counted in enumerate(hours)
    ]
