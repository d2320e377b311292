"""The actions: schemas, registration, and what they answer."""

import asyncio
from datetime import datetime
from enum import StrEnum

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from .accounts import async_settled, being_loaded, called_entries
from .calls.actions import async_preview_message, async_send_message
from .calls.house import DATA_HOUSE, Rooms
from .clock import read_clock
from .const import DOMAIN
from .content.errors import field_error
from .coordinator import QQMailConfigEntry
from .outbox.core.models import Message, Plan
from .outbox.outbox import Outbox
from .sending.waiting import why_it_waits
from .texts import Texts, async_texts


class Action(StrEnum):
    """The actions."""

    SEND_MESSAGE = "send_message"
    PREVIEW_MESSAGE = "preview_message"
    GET_OUTBOX = "get_outbox"
    RETRY = "retry"
    DISCARD = "discard"


class OutboxField(StrEnum):
    """The fields of those on what waits; the first one is common to all."""

    CONFIG_ENTRY_ID = ATTR_CONFIG_ENTRY_ID
    QUEUE_ID = "queue_id"


_AT_ONCE = 200

# By their values: voluptuous itself, up to 2026.8, takes no StrEnum as a key.
_ACCOUNT_SCHEMA = vol.Schema(
    {vol.Optional(OutboxField.CONFIG_ENTRY_ID.value): cv.string}
)
_CHOICE_SCHEMA = _ACCOUNT_SCHEMA.extend(
    {vol.Optional(OutboxField.QUEUE_ID.value): cv.string}
)
# All is read by ourselves: what varies while the house runs stops no message.
_MESSAGE_SCHEMA = vol.Schema({}, extra=vol.ALLOW_EXTRA)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, once for all accounts."""
    hass.services.async_register(
        DOMAIN,
        Action.SEND_MESSAGE,
        async_send_message,
        schema=_MESSAGE_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    hass.services.async_register(
        DOMAIN,
        Action.PREVIEW_MESSAGE,
        async_preview_message,
        schema=_MESSAGE_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    # What waits is of everybody.
    async_register_admin_service(
        hass,
        DOMAIN,
        Action.GET_OUTBOX,
        _async_get_outbox,
        schema=_ACCOUNT_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    async_register_admin_service(
        hass, DOMAIN, Action.RETRY, _async_retry, schema=_CHOICE_SCHEMA
    )
    async_register_admin_service(
        hass, DOMAIN, Action.DISCARD, _async_discard, schema=_CHOICE_SCHEMA
    )


async def _async_get_outbox(call: ServiceCall) -> ServiceResponse:
    """Answer with what waits, for each account in the order in which it goes out."""
    messages: list[JsonValueType] = []
    repeats: list[JsonValueType] = []
    reminders: list[JsonValueType] = []
    texts = await async_texts(call.hass)
    house = call.hass.data[DATA_HOUSE]
    for entry in await _async_entries(call):
        rooms = house.rooms[entry.entry_id]
        repeats += _duplicates(rooms)
        reminders += _reminders(rooms)
        for number, (message, plan) in enumerate(rooms.outbox.messages(), start=1):
            messages.append(_message(rooms.outbox, message, plan, texts))
            if number % _AT_ONCE == 0:
                # Ten thousand may wait, and others are not to.
                await asyncio.sleep(0)
    return {"messages": messages, "repeats": repeats, "reminders": reminders}


def _message(
    outbox: Outbox, message: Message, plan: Plan, texts: Texts
) -> JsonValueType:
    """Return what is known of a message that waits, and why it does."""
    now = dt_util.utcnow()
    return {
        "account": outbox.account.username,
        "queue_id": message.queue_id,
        "subject": message.subject,
        "recipients": list(message.recipients),
        "age": round(outbox.age_of(message)),
        "raised_at": outbox.raised_at(message).isoformat(),
        "attempts": message.attempts,
        "next_attempt": _time(outbox.time_of(plan)),
        "reason": plan.reason,
        "why": texts.of(why_it_waits(outbox, plan, now)),
        "reply": str(message.reply) if message.reply else None,
        "cause": message.cause,
        "priority": message.priority,
        "tag": message.tag,
        "size": message.size,
        "parts": [one.queue_id for one in message.parts],
    }


def _reminders(rooms: Rooms) -> list[JsonValueType]:
    """Return which alarms of an account nobody has acknowledged."""
    now = read_clock()
    return [
        {
            "account": rooms.outbox.account.username,
            "queue_id": reminder.queue_ids[-1],
            "tag": reminder.tag,
            "number": reminder.number,
            "since": reminder.raised.isoformat(),
            "next": None if reminder.waits else _time(now.wall_at(reminder.due)),
            "until": _time(now.wall_at(reminder.ends)),
        }
        for reminder in rooms.reminders.shown
    ]


def _duplicates(rooms: Rooms) -> list[JsonValueType]:
    """Return what an account counts rather than sends."""
    return [
        {
            "account": rooms.outbox.account.username,
            "queue_id": original.queue_id,
            "title": original.alert.title,
            "tag": original.alert.tag,
            "recipients": list(original.alert.addresses),
            "count": original.untold.number,
            "since": original.raised.isoformat(),
        }
        for original in rooms.duplicates.shown
    ]


async def _async_retry(call: ServiceCall) -> None:
    """Try one message or all of them at once."""
    outboxes = await _async_outboxes(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID)
    found = sum(outbox.async_retry(queue_id) for outbox in outboxes)
    _check_queue_id(queue_id, found, outboxes)


async def _async_discard(call: ServiceCall) -> None:
    """Remove one message or all of them."""
    outboxes = await _async_outboxes(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID)
    found = [await outbox.async_discard(queue_id) for outbox in outboxes]
    _check_queue_id(queue_id, sum(found), outboxes)


async def _async_outboxes(call: ServiceCall) -> list[Outbox]:
    """Return the outbox of the account that a call is for, or those of all.

    Raises ServiceValidationError.
    """
    return [entry.runtime_data.outbox for entry in await _async_entries(call)]


async def _async_entries(call: ServiceCall) -> list[QQMailConfigEntry]:
    """Return the account that a call is for, or all that are loaded.

    Raises ServiceValidationError.
    """
    await async_settled(being_loaded(call.hass))
    return called_entries(call.hass, call.data.get(OutboxField.CONFIG_ENTRY_ID))


def _check_queue_id(queue_id: str | None, found: int, outboxes: list[Outbox]) -> None:
    """Raise ServiceValidationError if a call names a message that does not wait."""
    if queue_id is not None and not found:
        raise field_error(
            "unknown_queue_id",
            account=", ".join(outbox.account.username for outbox in outboxes),
            queue_id=queue_id,
        )


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
