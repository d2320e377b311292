"""What the page shows of the history, in words and in the house's time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..calls.house import DATA_HOUSE
from ..calls.listing import Row, TimeFormat, latest, remembered
from ..const import DOMAIN
from ..errors import action_error
from ..history import Item
from ..outbox.core.models import Outcome
from ..smtp.errors import MailError
from ..smtp.models import Account, Step
from ..texts import Texts
from .shown import time_format

_HOURS: Final = 24
_MOST_CHOICES: Final = 200


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
            _message(account, item, texts, time)
            for account, item in found[first : first + asked["number"]]
        ],
        "recipients": sorted(one for one, _ in recipients.most_common(_MOST_CHOICES)),
        "hours": _hours([item for _, item in items], now),
    }


def _message(account: Account, item: Item, texts: Texts, time: TimeFormat) -> Row:
    """Return what is known of a message, and what a person can do about it."""
    row = remembered(item, account, time)
    for shown, result in zip(row["results"], item.results, strict=True):
        shown["why"] = ""
        if result.cause and result.outcome != Outcome.ACCEPTED:
            err = MailError(result.cause, Step.DATA, detail=result.reply)
            shown["why"] = texts.of(action_error(err, account))
    return row


def _hours(items: Sequence[Item], now: datetime) -> list[dict[str, Any]]:
    """Return how many messages there were in each of the last 24 hours, by outcome."""
    this_hour = dt_util.as_local(now).replace(minute=0, second=0, microsecond=0)
    begin = this_hour - timedelta(hours=_HOURS - 1)
    hours: list[Counter[str]] = [Counter() for _ in range(_HOURS)]
    for item in items:
        last = item.results[-1]
        hour = int((last.at - begin) / timedelta(hours=1))
        if 0 <= hour < _HOURS and last.at >= begin:
            hours[hour][last.outcome] += 1
    return [
        {
            "hour": f"{dt_util.as_local(begin + timedelta(hours=place)):%H}",
            "numbers": dict(counted),
        }
        for place, counted in enumerate(hours)
    ]
