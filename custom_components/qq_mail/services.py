"""The actions: schemas, registration, and what they answer."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_ENTITY_ID, ENTITY_MATCH_ALL
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)
from homeassistant.util.json import JsonValueType

from .const import DOMAIN
from .coordinator import QQMailConfigEntry, async_loaded
from .message.fields import TARGET_KEYS
from .message.recipients import chosen_recipients
from .message.request import MessageRequest, read_request
from .notify import QQMailNotifyEntity
from .outbox.outbox import Outbox
from .outbox.outcome import Outcome
from .sending import Sent, async_preview, async_send


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
# The other fields are read by ourselves, with errors that a person understands.
_MESSAGE_SCHEMA = _ACCOUNT_SCHEMA.extend(
    cv.TARGET_SERVICE_FIELDS, extra=vol.ALLOW_EXTRA
)


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
    hass.services.async_register(
        DOMAIN,
        Action.GET_OUTBOX,
        _async_get_outbox,
        schema=_ACCOUNT_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    hass.services.async_register(
        DOMAIN, Action.RETRY, _async_retry, schema=_CHOICE_SCHEMA
    )
    hass.services.async_register(
        DOMAIN, Action.DISCARD, _async_discard, schema=_CHOICE_SCHEMA
    )


async def _async_send_message(call: ServiceCall) -> ServiceResponse:
    """Send one mail to all entities and addresses that a call names."""
    await _async_settled(call.hass)
    entry, entities, request = _read(call)
    recipients = chosen_recipients(
        entry, request, [entity.recipients for entity in entities]
    )
    sent = await async_send(call.hass, entry, request, recipients)
    for entity in entities:
        entity.record()
    return _response(sent) if call.return_response else None


async def _async_preview_message(call: ServiceCall) -> ServiceResponse:
    """Answer with what a mail would be."""
    await _async_settled(call.hass)
    entry, _, request = _read(call)
    text, html, notes = await async_preview(call.hass, entry, request)
    return {"text": text, "html": html, "notes": list(notes)}


async def _async_settled(hass: HomeAssistant) -> None:
    """Wait for accounts that are just being loaded anew: their entities come back."""
    for entry in hass.config_entries.async_entries(DOMAIN, include_disabled=False):
        with suppress(ServiceValidationError):
            await async_loaded(entry)


def _read(
    call: ServiceCall,
) -> tuple[QQMailConfigEntry, list[QQMailNotifyEntity], MessageRequest]:
    """Return who sends, the entities that are to get it, and what."""
    target = {key: call.data[key] for key in TARGET_KEYS if key in call.data}
    entities, strangers = _called_entities(call.hass, target)
    request = read_request(
        {
            key: value
            for key, value in call.data.items()
            if key not in (*TARGET_KEYS, OutboxField.CONFIG_ENTRY_ID)
        }
    )
    accounts = {entity.entry.entry_id for entity in entities}
    if len(accounts) > 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="several_accounts"
        )
    entry_id = call.data.get(OutboxField.CONFIG_ENTRY_ID) or next(iter(accounts), None)
    request = replace(request, notes=(*request.notes, *strangers))
    return _called_entry(call.hass, entry_id), entities, request


def _called_entities(
    hass: HomeAssistant, target: dict[str, Any]
) -> tuple[list[QQMailNotifyEntity], list[ServiceValidationError]]:
    """Return the notify entities of ours that a target names, and what is said of others.

    Raises ServiceValidationError where there is none of ours.
    """
    ours = {
        entity_id: entity
        for platform in async_get_platforms(hass, DOMAIN)
        for entity_id, entity in platform.entities.items()
        if isinstance(entity, QQMailNotifyEntity)
    }
    if target.get(ATTR_ENTITY_ID) == ENTITY_MATCH_ALL:
        return list(ours.values()), []
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(target))
    strangers = [
        ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_our_entity",
            translation_placeholders={"entity": entity_id},
        )
        for entity_id in sorted(selected.referenced - ours.keys())
    ]
    chosen = [
        entity
        for entity_id, entity in ours.items()
        if entity_id in selected.referenced | selected.indirectly_referenced
    ]
    if target and not chosen:
        if strangers:
            raise strangers[0]
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="nobody_in_target"
        )
    return chosen, strangers


def _response(sent: Sent) -> ServiceResponse:
    """Say what became of a message, for each recipient."""
    if not (receipt := sent.receipt):
        return {
            "status": "cleared",
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
        "status": event.outcome if event else Outcome.DEFERRED,
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
    """Answer with what waits, in the order in which it goes out."""
    await _async_settled(call.hass)
    outbox = _called_outbox(call)
    messages: list[JsonValueType] = []
    for number, message in enumerate(outbox.messages(), start=1):
        messages.append(
            {
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
    await _async_settled(call.hass)
    outbox = _called_outbox(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID)
    _check_queue_id(queue_id, outbox.async_retry(queue_id), outbox)


async def _async_discard(call: ServiceCall) -> None:
    """Remove one message or all of them."""
    await _async_settled(call.hass)
    outbox = _called_outbox(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID)
    _check_queue_id(queue_id, await outbox.async_discard(queue_id), outbox)


def _called_outbox(call: ServiceCall) -> Outbox:
    """Return the outbox that a call is for. Raises ServiceValidationError."""
    entry = _called_entry(call.hass, call.data.get(OutboxField.CONFIG_ENTRY_ID))
    return entry.runtime_data.outbox


def _called_entry(hass: HomeAssistant, entry_id: str | None) -> QQMailConfigEntry:
    """Return the account with this id, or the only one there is.

    Raises ServiceValidationError.
    """
    entries: list[QQMailConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_disabled=False
    )
    if entry_id is not None:
        entries = [entry for entry in entries if entry.entry_id == entry_id]
    if len(entries) != 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="account_needed" if entries else "account_not_found",
        )
    (entry,) = entries
    if entry.state is not ConfigEntryState.LOADED:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="account_not_loaded",
            translation_placeholders={"account": entry.title},
        )
    return entry


def _check_queue_id(queue_id: str | None, found: int, outbox: Outbox) -> None:
    """Raise ServiceValidationError if a call names a message that does not wait."""
    if queue_id is not None and not found:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="unknown_queue_id",
            translation_placeholders={
                "account": outbox.account.username,
                "queue_id": queue_id,
            },
        )


def _time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
