"""The actions: schemas, registration, and what they answer."""

import asyncio

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
from homeassistant.util.json import JsonValueType

from .accounts import async_settled, being_loaded, called_entries
from .calls.actions import async_preview_message, async_send_message
from .calls.house import DATA_HOUSE, Rooms
from .calls.listing import (
    async_plans,
    async_some,
    counting,
    latest,
    remembered,
    repeating,
    waiting,
)
from .calls.send import ANY_FIELDS
from .const import DOMAIN
from .content.errors import field_error, translated_error
from .log_entries import async_log_discarded
from .outbox.outbox import Outbox
from .texts import async_texts

_RETRIED_AT_ONCE = 20
"""Messages that are tried in one turn of the event loop: each has something to start."""

_ALL = "all"
_QUEUE_ID = "queue_id"
_TAG = "tag"

_ACCOUNT_SCHEMA = vol.Schema({vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string})
_CHOICE_SCHEMA = _ACCOUNT_SCHEMA.extend(
    {vol.Optional(_QUEUE_ID): cv.string, vol.Optional(_TAG, default=""): cv.string}
)
_DISCARD_SCHEMA = _CHOICE_SCHEMA.extend({vol.Optional(_ALL, default=False): cv.boolean})
_TAG_SCHEMA = vol.Schema({vol.Required(_TAG): cv.string})


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, once for all accounts."""
    answers, may_answer = SupportsResponse.ONLY, SupportsResponse.OPTIONAL
    for action, message_handler, response in (
        ("send_message", async_send_message, may_answer),
        ("preview_message", async_preview_message, answers),
    ):
        hass.services.async_register(
            DOMAIN, action, message_handler, ANY_FIELDS, supports_response=response
        )
    # What waits, and what became of it, is of everybody.
    for action, handler, schema, response in (
        ("get_outbox", _async_get_outbox, _ACCOUNT_SCHEMA, answers),
        ("get_history", _async_get_history, _ACCOUNT_SCHEMA, answers),
        ("retry", _async_retry, _CHOICE_SCHEMA, SupportsResponse.NONE),
        ("discard", _async_discard, _DISCARD_SCHEMA, SupportsResponse.NONE),
        ("acknowledge", _async_acknowledge, _TAG_SCHEMA, SupportsResponse.NONE),
    ):
        async_register_admin_service(
            hass, DOMAIN, action, handler, schema, supports_response=response
        )


async def _async_get_outbox(call: ServiceCall) -> ServiceResponse:
    """Answer with what waits, for each account in the order in which it goes out."""
    messages: list[JsonValueType] = []
    repeats: list[JsonValueType] = []
    reminders: list[JsonValueType] = []
    texts = await async_texts(call.hass)
    for rooms in await _async_rooms(call):
        outbox = rooms.outbox
        repeats += (counting(one, outbox.account) for one in rooms.duplicates.shown)
        reminders += (repeating(one, outbox.account) for one in rooms.reminders.shown)
        async for message, plan in async_plans(outbox):
            age = round(outbox.age_of(message))
            messages.append(waiting(outbox, message, plan, texts) | {"age": age})
    return {"messages": messages, "repeats": repeats, "reminders": reminders}


async def _async_get_history(call: ServiceCall) -> ServiceResponse:
    """Answer with what became of messages: of what something came last, comes first."""
    items = async_some(latest(await _async_rooms(call)))
    return {"messages": [remembered(item, account) async for account, item in items]}


async def _async_retry(call: ServiceCall) -> None:
    """Try one message, those of a tag, or all of them at once."""
    outboxes = [rooms.outbox for rooms in await _async_rooms(call)]
    queue_id = call.data.get(_QUEUE_ID) or None
    tag: str = call.data[_TAG]
    found = 0
    for outbox in outboxes:
        chosen = [queue_id]
        if tag and queue_id is None:
            chosen = [one.queue_id for one in outbox.waiting() if one.tag == tag]
        for number, one in enumerate(chosen, start=1):
            found += outbox.async_retry(one)
            if number % _RETRIED_AT_ONCE == 0:
                await asyncio.sleep(0)
    _check_queue_id(queue_id, found, outboxes)


async def _async_discard(call: ServiceCall) -> None:
    """Remove one message, those of a tag, or all of them.

    The queue id of one that went out ends that others are counted to it.

    Raises ServiceValidationError where it is not said which: an empty field is too
    easily left behind to empty the outbox.
    """
    queue_id = call.data.get(_QUEUE_ID) or None
    tag: str = call.data[_TAG]
    if queue_id is None and not tag and not call.data[_ALL]:
        raise field_error("discard_what")
    person = await _async_person(call)
    texts = await async_texts(call.hass)
    accounts = await _async_rooms(call)
    found = 0
    for rooms in accounts:
        found += rooms.duplicates.async_discard(queue_id)
        messages = await rooms.outbox.async_discard(queue_id, tag)
        found += len(messages)
        async_log_discarded(call.hass, rooms.entry, messages, texts, person)
    _check_queue_id(queue_id, found, [rooms.outbox for rooms in accounts])
    await _async_keep(call.hass)


async def _async_person(call: ServiceCall) -> str:
    """Return the name of the user who calls; an automation calls as Home Assistant."""
    user = await call.hass.auth.async_get_user(call.context.user_id or "")
    return (user and user.name) or "Home Assistant"


async def _async_acknowledge(call: ServiceCall) -> None:
    """End the alarms of a tag, whichever accounts send them: somebody knows of it."""
    house = call.hass.data[DATA_HOUSE]
    house.acknowledge_tag(call.data[_TAG])
    await _async_keep(call.hass)


async def _async_keep(hass: HomeAssistant) -> None:
    """Wait until what was done is on disk. Raises HomeAssistantError if it is not."""
    if not await hass.data[DATA_HOUSE].manager.async_written():
        raise translated_error("done_not_kept")


async def _async_rooms(call: ServiceCall) -> list[Rooms]:
    """Return what the account has that a call is for, or all that are loaded.

    Raises ServiceValidationError.
    """
    await async_settled(being_loaded(call.hass))
    rooms = call.hass.data[DATA_HOUSE].rooms
    entries = called_entries(call.hass, call.data.get(ATTR_CONFIG_ENTRY_ID))
    return [rooms[entry.entry_id] for entry in entries]


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
