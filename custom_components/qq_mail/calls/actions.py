"""The actions that make a mail: what they read, and what they answer."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_USERNAME
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util.json import JsonValueType
from homeassistant.util.ulid import ulid_now

from ..accounts import async_loaded, async_settled, being_loaded
from ..const import LOGGER
from ..content.reading import Notes
from ..content.request import MessageRequest, read_request
from ..mime.address import Recipients
from ..outbox.core.models import Outcome
from ..outbox.view import OutboxView, message_id_at
from ..sending.preview import async_preview
from ..sending.submit import Sent
from ..texts import async_texts, iso_of
from .house import DATA_HOUSE
from .recipients import chosen_recipients
from .rights import async_rights, check_rights, limited, own_entity_id
from .send import async_send, to_acknowledge
from .targets import Share, shares_of, split_target, used_entities

_CLEARED = "cleared"
_DISCARDED = "discarded"
_FAILED = "failed"
_REPEATED = "repeated"
_NOT_SENT = (_CLEARED, _REPEATED)


async def async_send_message(call: ServiceCall) -> ServiceResponse:
    """Send one mail for each account to all that a call names."""
    shares, request = await _async_read(call)
    if request.repeat_until_acknowledged and len(shares) > 1:
        # One alarm, whichever account sends it: a press ends all of it.
        request = replace(request, tag=request.tag or ulid_now())
    # Addresses, of which none belongs to an account, get one mail.
    others = replace(request, recipients=Recipients(), refused=())
    sends = [_async_send(call.hass, shares[0], request)]
    sends += [_async_send(call.hass, share, others) for share in shares[1:]]
    # Together, so that what one account waits for holds up no other.
    return await _async_answer(call, shares, await asyncio.gather(*sends))


async def _async_send(
    hass: HomeAssistant, share: Share, request: MessageRequest
) -> Sent | Exception:
    """Send one mail to the entities of an account, and the addresses, or say why not.

    Whatever goes wrong here, another account's mail may have gone out.
    """
    try:
        recipients = chosen_recipients(
            share.entry, request, [entity.recipients for entity in share.entities]
        )
        sent = await async_send(hass, share.entry, request, recipients)
    except Exception as err:  # noqa: BLE001 - it is raised, or told in the answer
        return err
    for entity in share.entities:
        entity.record()
    return sent


async def _async_answer(
    call: ServiceCall, shares: list[Share], results: list[Sent | Exception]
) -> ServiceResponse:
    """Say what became of each account's mail, first of what could be sent or kept.

    Raises what stopped the first, unless one mail was sent or kept.
    """
    errors = [one for one in results if isinstance(one, Exception)]
    if len(errors) == len(results):
        raise errors[0]
    texts = await async_texts(call.hass)
    answers: list[dict[str, JsonValueType]] = []
    for share, result in zip(shares, results, strict=True):
        account = share.entry.data[CONF_USERNAME]
        if isinstance(result, Sent):
            # Another account may have sent it.
            by = result.receipt and result.receipt.by
            if hands := call.hass.data[DATA_HOUSE].manager.hands.get(by or ""):
                account = hands.account.username
            answers.append({"account": account, **_response(result, account)})
            continue
        why = texts.of(result)
        unexpected = not isinstance(result, HomeAssistantError)
        LOGGER.error(
            "Not sent by %s: %s", account, why, exc_info=result if unexpected else None
        )
        answers.append({"account": account, "status": _FAILED, "error": why})
    if not call.return_response:
        return None
    # What was sent says more than that nothing was to be sent.
    answers.sort(key=lambda one: (one["status"] == _FAILED, one["status"] in _NOT_SENT))
    several: list[JsonValueType] = list(answers)
    return answers[0] | ({"messages": several} if len(several) > 1 else {})


async def async_preview_message(call: ServiceCall) -> ServiceResponse:
    """Answer with what a mail would be."""
    (share, *_), request = await _async_read(call)
    outbox = await async_loaded(share.entry)
    if request.repeat_until_acknowledged:
        request = to_acknowledge(request, await async_texts(call.hass))
    entities = [entity.recipients for entity in share.entities]
    recipients = chosen_recipients(share.entry, request, entities)
    frames = call.hass.data[DATA_HOUSE].frames
    return await async_preview(
        call.hass, share.entry, outbox, frames, request, recipients
    )


async def _async_read(call: ServiceCall) -> tuple[list[Share], MessageRequest]:
    """Return who sends, to which entities, and what.

    Raises ServiceValidationError; Unauthorized where the call's user may not.
    """
    notes: Notes = []
    target, data = split_target(call.data, notes)
    entry_id = data.pop(ATTR_CONFIG_ENTRY_ID, None)
    request = read_request(data)
    addressed = bool(request.recipients != Recipients() or request.refused)
    may_control = await async_rights(call)

    def shares() -> tuple[list[Share], Notes]:
        return shares_of(call.hass, target, entry_id, may_control, needed=not addressed)

    if busy := being_loaded(call.hass):
        # An account that is just loaded holds up no call that does without it.
        with suppress(ServiceValidationError):
            found, missing = shares()
            if not missing:
                busy = []
        await async_settled(busy)
    found, missing = shares()
    used = used_entities(call.hass, found, addressed=addressed, clears=request.clear)
    check_rights(call, may_control, used)
    own = [own_entity_id(call.hass, share.entry) for share in found]
    if call.context.user_id and not all(map(may_control, own)):
        request = limited(request, call.context.user_id)
    return found, replace(request, notes=(*request.notes, *notes, *missing))


def _response(sent: Sent, account: str) -> dict[str, JsonValueType]:
    """Say what became of a message that an account sends, for each recipient."""
    done: dict[str, JsonValueType] = {
        "discarded": sent.discarded,
        "notes": list(sent.notes),
    }
    if sent.repeated:
        return {"status": _REPEATED, **sent.repeated, **done}
    if not (receipt := sent.receipt):
        return {"status": _CLEARED, **done}
    event, plan = receipt.decisive, receipt.plan
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
        "message_id": message_id_at(receipt.queue_id, account),
        "recipients": {
            "accepted": list(receipt.accepted),
            "deferred": list(receipt.deferred),
            "refused": refused,
        },
        "attempts": event.attempts if event else 0,
        "next_attempt": iso_of(OutboxView.time_of(plan)) if plan else None,
        "reason": plan.reason if plan else None,
        "reply": str(event.reply) if event and event.reply else None,
        "cause": event.cause if event else None,
        **done,
    }
