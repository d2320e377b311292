"""The actions: schemas, registration, and what they answer."""

import asyncio
from datetime import datetime
from enum import StrEnum
from operator import itemgetter

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError
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
from .history import Item
from .log_entries import async_log_discarded
from .outbox.core.models import Message, Plan
from .outbox.outbox import Outbox
from .sending.waiting import why_it_waits
from .texts import Texts, async_texts
from .typed import as_json


class Action(StrEnum):
    """The actions."""

    SEND_MESSAGE = "send_message"
    PREVIEW_MESSAGE = "preview_message"
    GET_OUTBOX = "get_outbox"
    RETRY = "retry"
    DISCARD = "discard"
    ACKNOWLEDGE = "acknowledge"
    GET_HISTORY = "get_history"


class OutboxField(StrEnum):
    """The fields of those on what waits; the first one is common to all."""

    CONFIG_ENTRY_ID = ATTR_CONFIG_ENTRY_ID
    QUEUE_ID = "queue_id"
    TAG = "tag"
    ALL = "all"


_AT_ONCE = 200
"""Messages that are described in one turn of the event loop."""
_RETRIED_AT_ONCE = 20
"""Messages that are tried in one: each has something to start."""

# By their values: voluptuous itself, up to 2026.8, takes no StrEnum as a key.
_ACCOUNT_SCHEMA = vol.Schema(
    {vol.Optional(OutboxField.CONFIG_ENTRY_ID.value): cv.string}
)
_CHOICE_SCHEMA = _ACCOUNT_SCHEMA.extend(
    {
        vol.Optional(OutboxField.QUEUE_ID.value): cv.string,
        vol.Optional(OutboxField.TAG.value, default=""): cv.string,
    }
)
_DISCARD_SCHEMA = _CHOICE_SCHEMA.extend(
    {vol.Optional(OutboxField.ALL.value, default=False): cv.boolean}
)
_TAG_SCHEMA = vol.Schema({vol.Required(OutboxField.TAG.value): cv.string})
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
    # What waits, and what became of it, is of everybody.
    for action, handler, schema in (
        (Action.GET_OUTBOX, _async_get_outbox, _ACCOUNT_SCHEMA),
        (Action.GET_HISTORY, _async_get_history, _ACCOUNT_SCHEMA),
    ):
        async_register_admin_service(
            hass,
            DOMAIN,
            action,
            handler,
            schema=schema,
            supports_response=SupportsResponse.ONLY,
        )
    for action, handler, schema in (
        (Action.RETRY, _async_retry, _CHOICE_SCHEMA),
        (Action.DISCARD, _async_discard, _DISCARD_SCHEMA),
        (Action.ACKNOWLEDGE, _async_acknowledge, _TAG_SCHEMA),
    ):
        async_register_admin_service(hass, DOMAIN, action, handler, schema=schema)


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
        "by": outbox.name_of(plan.by) or outbox.account.username,
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
            "recipients": list(original.alert.recipients.addr_specs),
            "count": original.untold.number,
            "since": original.raised.isoformat(),
        }
        for original in rooms.duplicates.shown
    ]


async def _async_get_history(call: ServiceCall) -> ServiceResponse:
    """Answer with what became of messages: of what something came last, comes first."""
    house = call.hass.data[DATA_HOUSE]
    messages: list[tuple[datetime, JsonValueType]] = []
    for entry in await _async_entries(call):
        rooms = house.rooms[entry.entry_id]
        account = rooms.outbox.account.username
        messages += [(one.at, _item(account, one)) for one in rooms.history.items]
    messages.sort(key=itemgetter(0), reverse=True)
    return {"messages": [message for _, message in messages]}


def _item(account: str, item: Item) -> JsonValueType:
    """Return what is known of a message of the history."""
    now = read_clock()
    return {
        "account": account,
        "queue_id": item.queue_id,
        "title": item.title or None,
        "tag": item.tag,
        "priority": item.priority,
        "raised_at": item.raised.isoformat(),
        "accepted_at": _time(item.accepted_at),
        "delay": item.delay,
        "digest": item.digest or None,
        "results": as_json(item.results, now),
        "presses": as_json(item.presses, now),
    }


async def _async_retry(call: ServiceCall) -> None:
    """Try one message, those of a tag, or all of them at once."""
    outboxes = await _async_outboxes(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID) or None
    tag: str = call.data[OutboxField.TAG]
    if tag and queue_id is None:
        for outbox in outboxes:
            await _async_retry_tag(outbox, tag)
        return
    found = sum(outbox.async_retry(queue_id) for outbox in outboxes)
    _check_queue_id(queue_id, found, outboxes)


async def _async_retry_tag(outbox: Outbox, tag: str) -> None:
    chosen = [one.queue_id for one in outbox.waiting() if one.tag == tag]
    for number, queue_id in enumerate(chosen, start=1):
        outbox.async_retry(queue_id)
        if number % _RETRIED_AT_ONCE == 0:
            await asyncio.sleep(0)


async def _async_discard(call: ServiceCall) -> None:
    """Remove one message, those of a tag, or all of them.

    The queue id of one that went out ends that others are counted to it. Raises ServiceValidationError where it is not said which: an empty field is too
    easily left behind to empty the outbox.
    """
    queue_id = call.data.get(OutboxField.QUEUE_ID) or None
    tag: str = call.data[OutboxField.TAG]
    if queue_id is None and not tag and not call.data[OutboxField.ALL]:
        raise field_error("discard_what")
    person = await _async_person(call)
    texts = await async_texts(call.hass)
    entries = await _async_entries(call)
    rooms, found = call.hass.data[DATA_HOUSE].rooms, 0
    for entry in entries:
        found += rooms[entry.entry_id].duplicates.async_discard(queue_id)
        messages = await entry.runtime_data.outbox.async_discard(queue_id, tag)
        found += len(messages)
        async_log_discarded(call.hass, entry, messages, texts, person)
    _check_queue_id(queue_id, found, [one.runtime_data.outbox for one in entries])
    await _async_keep(call.hass)


async def _async_person(call: ServiceCall) -> str:
    """Return the name of the user who calls; an automation calls as Home Assistant."""
    user = None
    if call.context.user_id:
        user = await call.hass.auth.async_get_user(call.context.user_id)
    return (user and user.name) or "Home Assistant"


async def _async_acknowledge(call: ServiceCall) -> None:
    """End the alarms of a tag, whichever accounts send them: somebody knows of it."""
    house = call.hass.data[DATA_HOUSE]
    house.acknowledge_tag(call.data[OutboxField.TAG])
    await _async_keep(call.hass)


async def _async_keep(hass: HomeAssistant) -> None:
    """Wait until what was done is on disk. Raises HomeAssistantError if it is not."""
    if not await hass.data[DATA_HOUSE].manager.async_written():
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="done_not_kept"
        )


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
    if queue_id is None or found:
        return
    for outbox in outboxes:
        if digest := outbox.find(queue_id):
            raise field_error(
                "part_of_digest",
                queue_id=queue_id,
                digest=digest.queue_id,
                title=digest.subject,
            )
    raise field_error(
        "unknown_queue_id",
        account=", ".join(outbox.account.username for outbox in outboxes),
        queue_id=queue_id,
    )


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
