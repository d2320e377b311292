"""What is sent by itself: an alarm once more, and how often an alert was counted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..accounts import QQMailConfigEntry, async_loaded
from ..content.actions import with_acknowledge
from ..content.errors import translated_error
from ..content.request import MessageRequest, read_request
from ..mime.address import Recipients, one_line
from ..outbox.composing import Ticket
from ..repeats.original import Alert, Counted
from ..repeats.reminder import Reminder
from ..sending.submit import async_submit
from ..texts import Texts, async_texts, time_of
from .house import DATA_HOUSE


async def async_send_again(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    reminder: Reminder,
    ticket: Ticket,
    kept: Callable[[], None],
) -> None:
    """Send an alarm once more: what it shows is fetched anew.

    Raises HomeAssistantError where it cannot be kept.
    """
    texts = await async_texts(hass)
    request = read_request(reminder.again)
    number = str(reminder.number)
    left = max(reminder.ends - ticket.raised.steady, 0.0)
    note = _said_of_reminder(reminder, ticket, left)
    title = one_line(request.title) or ATTR_TITLE_DEFAULT
    request = replace(
        to_acknowledge(request, texts),
        # As long as those of the first mail.
        actions_expire_after=timedelta(seconds=left),
        title=texts("reminder_title", title=title, number=number),
        tag=reminder.tag,
        notes=(note, *request.notes),
        wait=0,
    )
    await _async_submit(hass, entry, request, reminder.recipients, ticket, kept)


async def async_tell_counted(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    alert: Alert,
    counted: Counted,
    ticket: Ticket,
    kept: Callable[[], None],
) -> None:
    """Send how often an alert was raised, without waiting for the mail's first attempt.

    Raises HomeAssistantError where it cannot be kept.
    """
    texts = await async_texts(hass)
    request = MessageRequest(
        title=texts(
            "repeats_title",
            title=alert.title or ATTR_TITLE_DEFAULT,
            number=str(counted.number),
        ),
        message=texts.of(said_of(counted, ticket, texts)),
        priority=alert.priority,
        tag=alert.tag,
        wait=0,
    )
    await _async_submit(hass, entry, request, alert.recipients, ticket, kept)


def to_acknowledge(request: MessageRequest, texts: Texts) -> MessageRequest:
    """Return a request with a button that ends its being repeated."""
    actions = with_acknowledge(request.actions, texts("acknowledge"))
    return replace(request, actions=actions)


def said_of(counted: Counted, ticket: Ticket, texts: Texts) -> HomeAssistantError:
    """Return what is said of alerts that were counted and not sent."""
    now = ticket.raised.wall
    span = texts.span(counted.first or now, counted.last or now, now)
    return translated_error("repeats", number=str(counted.number), span=span)


def _said_of_reminder(
    reminder: Reminder, ticket: Ticket, left: float
) -> HomeAssistantError:
    """Return since when nobody acknowledged an alarm, and when its next mail comes."""
    since = time_of(reminder.raised, ticket.raised.wall)
    number = str(reminder.number)
    if reminder.interval >= left:
        return translated_error("reminder_last", time=since, number=number)
    minutes = str(round(reminder.interval / 60))
    return translated_error("reminder", time=since, number=number, minutes=minutes)


async def _async_submit(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    request: MessageRequest,
    recipients: Recipients,
    ticket: Ticket,
    kept: Callable[[], None],
) -> None:
    outbox = await async_loaded(entry)
    buttons = hass.data[DATA_HOUSE].buttons
    await async_submit(
        hass, entry, outbox, buttons, request, recipients, ticket, kept=kept
    )
