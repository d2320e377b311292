"""Writes into the house's logbook what became of mails, and what people do with them."""

from collections.abc import Collection
from functools import partial

from homeassistant.components.notify import DOMAIN as NOTIFY_DOMAIN
from homeassistant.const import (
    ATTR_DOMAIN,
    ATTR_ENTITY_ID,
    ATTR_NAME,
    EVENT_LOGBOOK_ENTRY,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from .accounts import QQMailConfigEntry
from .buttons.models import SIGNAL_PRESS, Press
from .calls.house import DATA_HOUSE, Rooms
from .const import DOMAIN, SUBENTRY_TYPE_RECIPIENT
from .errors import action_error, why_it_waits
from .mime.address import Recipients
from .outbox.core.models import Message, OutboxEvent, Outcome
from .outbox.outbox import Outbox
from .texts import Texts, async_texts

_ATTR_MESSAGE = "message"


@callback
def async_setup_log_entries(hass: HomeAssistant) -> None:
    """Write an entry for each button that is pressed, for as long as the house runs."""
    async_dispatcher_connect(hass, SIGNAL_PRESS, partial(_async_log_press, hass))


@callback
def async_log_outcomes(hass: HomeAssistant, rooms: Rooms, texts: Texts) -> None:
    """Write an entry for each outcome of an account's mails, as long as it lives."""

    def log(event: OutboxEvent | None) -> None:
        # Of a digest one line is enough.
        if event and not event.part:
            people, entity_id = _people(hass, rooms.entry, event.recipients)
            message = _worded(rooms.outbox, event, people, texts)
            _write(hass, event.subject, message, entity_id)

    rooms.outbox.listeners.async_add(log)


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
        people, entity_id = _people(hass, entry, message.recipients)
        text = texts(
            "logged_discarded" if person else "logged_discarded_by_someone",
            subject=message.subject,
            people=people,
            person=person,
        )
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


def _people(
    hass: HomeAssistant, entry: QQMailConfigEntry, recipients: Collection[str]
) -> tuple[str, str | None]:
    """Return who gets a mail, by the house's names, and the notify entity of those."""
    known = {
        _as_key(Recipients.stored(subentry.data).addr_specs): subentry
        for subentry in entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT)
    }
    together = known.get(_as_key(recipients))
    each = ((one, known.get(_as_key([one]))) for one in recipients)
    names = (
        [together.title]
        if together
        else [subentry.title if subentry else one for one, subentry in each]
    )
    key = together.subentry_id if together else entry.entry_id
    entity_id = er.async_get(hass).async_get_entity_id(NOTIFY_DOMAIN, DOMAIN, key)
    return ", ".join(names), entity_id


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
    entity_id = hass.data[DATA_HOUSE].buttons.presses_entity(press.mail.account)
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
