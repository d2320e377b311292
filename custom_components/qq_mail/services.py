"""The actions: schemas, registration, and what they answer."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

import voluptuous as vol

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_USERNAME
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.util.json import JsonValueType

from .const import DOMAIN, LOGGER
from .coordinator import QQMailConfigEntry, async_loaded
from .mail.address import Recipients
from .message.errors import field_error
from .message.reading import Notes
from .message.recipients import chosen_recipients
from .message.request import MessageRequest, read_request
from .message.texts import async_texts
from .outbox.outbox import Outbox
from .outbox.outcome import Outcome
from .rights import async_rights, check_rights
from .sending import Sent, async_preview, async_send
from .targets import Share, called_entries, shares_of, split_target, used_entities


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
_CLEARED = "cleared"
_DISCARDED = "discarded"

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
        _async_send_message,
        schema=_MESSAGE_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
    hass.services.async_register(
        DOMAIN,
        Action.PREVIEW_MESSAGE,
        _async_preview_message,
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


async def _async_send_message(call: ServiceCall) -> ServiceResponse:
    """Send one mail for each account to all that a call names."""
    shares, request = await _async_read(call)
    # Addresses, of which none belongs to an account, get one mail.
    others = replace(request, recipients=Recipients(), refused=())
    sends = [_async_send(call.hass, shares[0], request)]
    sends += [_async_send(call.hass, share, others) for share in shares[1:]]
    # Together, so that what one account waits for holds up no other.
    return await _async_answer(call, shares, await asyncio.gather(*sends))


async def _async_send(
    hass: HomeAssistant, share: Share, request: MessageRequest
) -> Sent | HomeAssistantError:
    """Send one mail to the entities of an account, and the addresses, or say why not."""
    try:
        recipients = chosen_recipients(
            share.entry, request, [entity.recipients for entity in share.entities]
        )
        sent = await async_send(hass, share.entry, request, recipients)
    except HomeAssistantError as err:
        return err
    for entity in share.entities:
        entity.record()
    return sent


async def _async_answer(
    call: ServiceCall, shares: list[Share], results: list[Sent | HomeAssistantError]
) -> ServiceResponse:
    """Say what became of each account's mail, first of what could be sent or kept.

    Raises what stopped the first, unless one mail was sent or kept.
    """
    texts = await async_texts(call.hass)
    answers: list[dict[str, JsonValueType]] = []
    failed: list[dict[str, JsonValueType]] = []
    errors: list[HomeAssistantError] = []
    for share, result in zip(shares, results, strict=True):
        account = {"account": share.entry.data[CONF_USERNAME]}
        if isinstance(result, Sent):
            answers.append(account | _response(result))
            continue
        errors.append(result)
        failed.append(account | {"status": "failed", "error": texts.of(result)})
    if not answers:
        raise errors[0]
    for failure in failed:
        LOGGER.error("Not sent by %s: %s", failure["account"], failure["error"])
    if not call.return_response:
        return None
    # What was sent says more than that nothing was to be sent.
    answers.sort(key=lambda answer: answer["status"] == _CLEARED)
    answers += failed
    several: list[JsonValueType] = list(answers)
    return answers[0] | ({"messages": several} if len(several) > 1 else {})


async def _async_preview_message(call: ServiceCall) -> ServiceResponse:
    """Answer with what a mail would be."""
    (share, *_), request = await _async_read(call)
    text, html, notes = await async_preview(call.hass, share.entry, request)
    return {"text": text, "html": html, "notes": list(notes)}


async def _async_settled(entries: list[QQMailConfigEntry]) -> None:
    """Wait for accounts that are just being loaded anew: their entities come back."""

    async def wait_for(entry: QQMailConfigEntry) -> None:
        with suppress(ServiceValidationError):
            await async_loaded(entry)

    await asyncio.gather(*map(wait_for, entries))


async def _async_read(call: ServiceCall) -> tuple[list[Share], MessageRequest]:
    """Return who sends, to which entities, and what.

    Raises ServiceValidationError; Unauthorized where the call's user may not.
    """
    notes: Notes = []
    target, data = split_target(call.data, notes)
    entry_id = data.pop(OutboxField.CONFIG_ENTRY_ID, None)
    request = read_request(data)
    addressed = bool(request.recipients != Recipients() or request.refused)
    may_control = await async_rights(call)

    def shares() -> tuple[list[Share], Notes]:
        return shares_of(call.hass, target, entry_id, may_control, needed=not addressed)

    if busy := _being_loaded(call.hass):
        # An account that is just loaded holds up no call that does without it.
        with suppress(ServiceValidationError):
            found, missing = shares()
            if not missing:
                busy = []
        await _async_settled(busy)
    found, missing = shares()
    used = used_entities(call.hass, found, addressed=addressed, clears=request.clear)
    check_rights(call, may_control, used)
    return found, replace(request, notes=(*request.notes, *notes, *missing))


def _being_loaded(hass: HomeAssistant) -> list[QQMailConfigEntry]:
    """Return the accounts that will be there in a moment."""
    return [
        entry
        for entry in hass.config_entries.async_entries(DOMAIN, include_disabled=False)
        if entry.state is not ConfigEntryState.LOADED
    ]


def _response(sent: Sent) -> dict[str, JsonValueType]:
    """Say what became of a message, for each recipient."""
    if not (receipt := sent.receipt):
        return {
            "status": _CLEARED,
            "discarded": sent.discarded,
            "notes": list(sent.notes),
        }
    event = receipt.decisive
    refused: list[JsonValueType] = [
        {
            "address": address,
            "reply": str(refusal.reply) if refusal.reply else None,
            "cause": refusal.cause,
        }
        for address, refusal in receipt.refused.items()
    ]
    refused += [
        {"address": address, "reply": None, "cause": "invalid_address"}
        for address in sent.refused
    ]
    return {
        "status": _DISCARDED
        if receipt.dropped
        else event.outcome
        if event
        else Outcome.DEFERRED,
        "queue_id": receipt.queue_id,
        "message_id": receipt.message_id,
        "recipients": {
            "accepted": list(receipt.accepted),
            "deferred": list(receipt.deferred),
            "refused": refused,
        },
        "attempts": event.attempts if event else 0,
        "next_attempt": _time(receipt.next_attempt),
        "reply": str(event.reply) if event and event.reply else None,
        "cause": event.cause if event else None,
        "discarded": sent.discarded,
        "notes": list(sent.notes),
    }


async def _async_get_outbox(call: ServiceCall) -> ServiceResponse:
    """Answer with what waits, for each account in the order in which it goes out."""
    messages: list[JsonValueType] = []
    for outbox in await _async_outboxes(call):
        for number, message in enumerate(outbox.messages(), start=1):
            messages.append(
                {
                    "account": outbox.account.username,
                    "queue_id": message.queue_id,
                    "subject": message.subject,
                    "recipients": list(message.recipients),
                    "age": round(outbox.age_of(message)),
                    "created": outbox.raised_at(message).isoformat(),
                    "attempts": message.attempts,
                    "next_attempt": _time(outbox.next_attempt_of(message)),
                    "reply": str(message.reply) if message.reply else None,
                    "cause": message.cause,
                    "importance": message.importance,
                    "size": message.size,
                }
            )
            if number % _AT_ONCE == 0:
                # Ten thousand may wait, and others are not to.
                await asyncio.sleep(0)
    return {"messages": messages}


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
    await _async_settled(_being_loaded(call.hass))
    entries = called_entries(call.hass, call.data.get(OutboxField.CONFIG_ENTRY_ID))
    return [entry.runtime_data.outbox for entry in entries]


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
