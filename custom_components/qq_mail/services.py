"""From an action call to a draft, and to the outbox."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import make_msgid
from enum import StrEnum
from functools import partial
from typing import Any

import voluptuous as vol

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
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
from homeassistant.util import dt as dt_util

from .const import (
    CONF_BCC,
    CONF_CC,
    CONF_RECIPIENTS,
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    CONF_TO,
    DEFAULT_WAIT,
    DOMAIN,
)
from .coordinator import QQMailConfigEntry
from .errors import action_error, invalid_address
from .mail.exceptions import InvalidMailboxError
from .mail.message import compose
from .mail.models import Draft, Mailbox, Recipients
from .outbox import Hold, Outbox, OutboxClosedError, OutboxFullError, Outcome
from .store import QueuedMessage


class OutboxAction(StrEnum):
    """The actions on what waits."""

    GET_OUTBOX = "get_outbox"
    RETRY = "retry"
    DISCARD = "discard"


class OutboxField(StrEnum):
    """Their fields."""

    CONFIG_ENTRY_ID = ATTR_CONFIG_ENTRY_ID
    QUEUE_ID = "queue_id"


# By their values: voluptuous itself, up to 2026.8, takes no StrEnum as a key.
_ACCOUNT_SCHEMA = vol.Schema(
    {vol.Optional(OutboxField.CONFIG_ENTRY_ID.value): cv.string}
)
_CHOICE_SCHEMA = _ACCOUNT_SCHEMA.extend(
    {vol.Optional(OutboxField.QUEUE_ID.value): cv.string}
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions, once for all accounts."""
    hass.services.async_register(
        DOMAIN,
        OutboxAction.GET_OUTBOX,
        _async_get_outbox,
        schema=_ACCOUNT_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )
    hass.services.async_register(
        DOMAIN, OutboxAction.RETRY, _async_retry, schema=_CHOICE_SCHEMA
    )
    hass.services.async_register(
        DOMAIN, OutboxAction.DISCARD, _async_discard, schema=_CHOICE_SCHEMA
    )


def default_recipients(entry: QQMailConfigEntry) -> Recipients:
    """Return who gets a message that names nobody: by default the account."""
    return Recipients(
        to=_stored(entry.options.get(CONF_RECIPIENTS) or [entry.data[CONF_USERNAME]])
    )


def subentry_recipients(data: Mapping[str, Any]) -> Recipients:
    """Return who belongs to a recipient that was set up."""
    return Recipients(
        to=_stored(data.get(CONF_TO, [])),
        cc=_stored(data.get(CONF_CC, [])),
        bcc=_stored(data.get(CONF_BCC, [])),
    )


def called_recipients(targets: Iterable[str]) -> Recipients:
    """Return who a call names. Raises ServiceValidationError."""
    try:
        return Recipients(
            to=tuple(
                mailbox for text in targets for mailbox in Mailbox.parse_list(text)
            )
        )
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


async def async_send(
    entry: QQMailConfigEntry,
    recipients: Recipients,
    message: str,
    title: str | None,
) -> None:
    """Compose a message and hand it to the outbox.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    outbox = entry.runtime_data.outbox
    reply_to = entry.options.get(CONF_REPLY_TO)
    sender = Mailbox(outbox.account.username, entry.options.get(CONF_SENDER_NAME, ""))
    draft = Draft(
        recipients=recipients,
        subject=title or ATTR_TITLE_DEFAULT,
        text=message,
        reply_to=Mailbox.parse(reply_to) if reply_to else None,
    )
    created = dt_util.utcnow()
    write = partial(
        compose,
        draft,
        sender=sender,
        # With a domain given, the machine's name is neither looked up nor told.
        message_id=make_msgid(domain=sender.domain),
        date=dt_util.as_local(created),
    )
    try:
        event = await outbox.async_submit(
            write, subject=draft.subject, created=created, wait=DEFAULT_WAIT
        )
    except OutboxFullError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="outbox_full"
        ) from err
    except OutboxClosedError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="outbox_closed"
        ) from err
    except OSError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="not_kept",
            translation_placeholders={"reason": err.strerror or str(err)},
        ) from err
    if event and event.outcome is Outcome.REJECTED:
        raise action_error(event, outbox.account)


async def _async_get_outbox(call: ServiceCall) -> ServiceResponse:
    """Answer with what waits, in the order in which it goes out."""
    outbox = _called_outbox(call)
    now = dt_util.utcnow()
    return {
        "messages": [
            {
                "queue_id": message.queue_id,
                "subject": message.subject,
                "recipients": list(message.recipients),
                "age": round((now - message.created).total_seconds()),
                "created": message.created.isoformat(),
                "attempts": message.attempts,
                "next_attempt": _next_attempt(message, outbox.hold),
                "reply": str(message.reply) if message.reply else None,
                "cause": message.cause,
                "importance": message.importance,
                "size": message.size,
            }
            for message in outbox.messages
        ]
    }


async def _async_retry(call: ServiceCall) -> None:
    """Try one message or all of them at once."""
    outbox = _called_outbox(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID)
    _check_queue_id(queue_id, outbox.async_retry(queue_id), outbox)


async def _async_discard(call: ServiceCall) -> None:
    """Remove one message or all of them."""
    outbox = _called_outbox(call)
    queue_id = call.data.get(OutboxField.QUEUE_ID)
    _check_queue_id(queue_id, await outbox.async_discard(queue_id), outbox)


def _called_outbox(call: ServiceCall) -> Outbox:
    """Return the outbox that a call is for. Raises ServiceValidationError."""
    entries: list[QQMailConfigEntry] = call.hass.config_entries.async_entries(
        DOMAIN, include_disabled=False
    )
    entry_id = call.data.get(OutboxField.CONFIG_ENTRY_ID)
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
    return entry.runtime_data.outbox


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


def _next_attempt(message: QueuedMessage, hold: Hold | None) -> str | None:
    """Return when a message is tried next; None: not before there is a new code."""
    time: datetime | None = message.next_attempt
    if hold:
        time = hold.until and max(hold.until, message.next_attempt)
    return time.isoformat() if time else None


def _stored(mailboxes: Iterable[str]) -> tuple[Mailbox, ...]:
    """Read what the flows have checked and stored."""
    return tuple(Mailbox.parse(text) for text in mailboxes)
