"""Writes into the house's logbook what became of mails, and what people do with them."""

from collections.abc import Collection

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import (
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_NAME,
    EVENT_LOGBOOK_ENTRY,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .accounts import QQMailConfigEntry
from .buttons.models import Press
from .calls.house import DATA_HOUSE
from .const import DOMAIN, SUBENTRY_TYPE_RECIPIENT
from .errors import action_error
from .mime.address import Recipients
from .outbox.core.models import Message, OutboxEvent, Outcome
from .outbox.outbox import Outbox
from .sending.waiting import why_it_waits
from .texts import Texts, async_texts

_ATTR_MESSAGE = "message"


@callback
def async_setup_log_entries(hass: HomeAssistant) -> None:
    """Write an entry for each button that is pressed, for as long as the house runs."""

    @callback
    def log(press: Press) -> None:
        hass.async_create_task(_async_log_press(hass, press))

    hass.data[DATA_HOUSE].buttons.presses.async_add_listener(log)


@callback
def async_log_outcomes(
    hass: HomeAssistant, entry: QQMailConfigEntry, outbox: Outbox, texts: Texts
) -> None:
    """Write an entry for each outcome of an account's mails, as long as it lives."""

    @callback
    def log(event: OutboxEvent | None) -> None:
        # Of a digest one line is enough.
        if event and not event.part:
            message = _worded(outbox, event, _people(entry, event.recipients), texts)
            entity_id = _entity_of(hass, entry, event.recipients)
            _write(hass, event.subject, message, entity_id)

    outbox.listeners.async_add(log)


@callback
def async_log_discarded(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    messages: Collection[Message],
    texts: Texts,
    person: str = "",
) -> None:
    """Write who has taken back what waited; empty: that is not known."""
    for message in messages:
        text = texts(
            "logged_discarded" if person else "logged_discarded_by_someone",
            subject=message.subject,
            people=_people(entry, message.recipients),
            person=person,
        )
        entity_id = _entity_of(hass, entry, message.recipients)
        _write(hass, message.subject, text, entity_id)


def _worded(outbox: Outbox, event: OutboxEvent, people: str, texts: Texts) -> str:
    """Say in one sentence what became of a mail."""
    key, why = f"logged_{event.outcome}", ""
    if event.plan:
        why = texts.of(why_it_waits(outbox, event.plan, dt_util.utcnow()))
    elif event.outcome is Outcome.ACCEPTED and event.by != event.account:
        key = "logged_accepted_by"
    elif event.outcome is Outcome.UNKNOWN:
        key = "logged_unanswered"
    elif event.outcome in (Outcome.REJECTED, Outcome.BOUNCED):
        # Without a cause it never reached a server.
        failed = action_error(event, outbox.account)
        why = texts.of(failed) if event.cause else event.detail
    cause = texts.cause(event.cause) if event.cause else ""
    text = texts(
        key,
        subject=event.subject,
        people=people,
        cause=cause,
        why=why,
        by=outbox.name_of(event.by),
    )
    if event.digest:
        return texts("logged_digest", number=str(event.of), text=text)
    return text


def _people(entry: QQMailConfigEntry, recipients: Collection[str]) -> str:
    """Return who gets a mail, by the names that the house has for them."""
    known = _known(entry)
    if subentry := known.get(_as_key(recipients)):
        return subentry.title
    each = ((one, known.get(_as_key([one]))) for one in recipients)
    return ", ".join(subentry.title if subentry else one for one, subentry in each)


def _entity_of(
    hass: HomeAssistant, entry: QQMailConfigEntry, recipients: Collection[str]
) -> str | None:
    """Return the notify entity that stands for those who get a mail."""
    subentry = _known(entry).get(_as_key(recipients))
    key = subentry.subentry_id if subentry else entry.entry_id
    return er.async_get(hass).async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, key)


def _known(entry: QQMailConfigEntry) -> dict[frozenset[str], ConfigSubentry]:
    """Return the recipients that were set up, by their addresses."""
    return {
        _as_key(Recipients.stored(subentry.data).addr_specs): subentry
        for subentry in entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT)
    }


def _as_key(addresses: Collection[str]) -> frozenset[str]:
    return frozenset(one.lower() for one in addresses)


async def _async_log_press(hass: HomeAssistant, press: Press) -> None:
    """Say in words who has pressed what, or can have: whoever has the mail."""
    texts = await async_texts(hass)
    # Pages show the entity's name in place of this entry's.
    title, subject = press.action.title, press.mail.subject
    if press.by:
        message = texts("answer_logged_by", title=title, subject=subject, by=press.by)
    else:
        recipients = ", ".join(press.mail.recipients)
        message = texts(
            "answer_logged", title=title, subject=subject, recipients=recipients
        )
    entity_id = hass.data[DATA_HOUSE].presses_entity(press.mail.account)
    _write(hass, press.mail.subject, message, entity_id)


def _write(hass: HomeAssistant, name: str, message: str, entity_id: str | None) -> None:
    hass.bus.async_fire(
        EVENT_LOGBOOK_ENTRY,
        {
            ATTR_NAME: name,
            _ATTR_MESSAGE: message,
            ATTR_DOMAIN: DOMAIN,
            ATTR_ENTITY_ID: entity_id,
        },
    )
