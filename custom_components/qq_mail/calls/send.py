"""What becomes of a request: it clears what waits, is counted, or is sent.

And what is sent by itself: an alarm once more, and how often an alert was counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import voluptuous as vol

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonValueType

from ..accounts import QQMailConfigEntry, async_loaded
from ..content.actions import with_acknowledge
from ..content.errors import field_error, translated_error
from ..content.request import MessageRequest, read_request
from ..mime.address import Recipients, one_line
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..repeats.duplicates import Alert, Counted, Original
from ..repeats.reminders import Reminder
from ..sending.submit import Sent, async_submit, log_notes
from ..texts import Texts, async_texts, time_of
from .house import DATA_HOUSE, House, Rooms

ANY_FIELDS: Final = vol.Schema({}, extra=vol.ALLOW_EXTRA)
"""Each is read by ourselves: what varies while the house runs stops no message."""


async def async_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    request: MessageRequest,
    recipients: Recipients,
) -> Sent:
    """Do what a request asks for.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    one = await _async_sending(hass, entry, recipients)
    return await (
        one.async_clear(request) if request.clear else one.async_begin(request)
    )


async def async_send_test(
    hass: HomeAssistant, entry: QQMailConfigEntry, recipients: Recipients
) -> Sent:
    """Send a test mail in Home Assistant's language.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    texts = await async_texts(hass)
    request = MessageRequest(title=texts("test_title"), message=texts("test_message"))
    return await async_send(hass, entry, request, recipients)


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
    sending = await _async_sending(hass, entry, reminder.recipients)
    await sending.async_submit(request, ticket, kept=kept)


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
    sending = await _async_sending(hass, entry, alert.recipients)
    await sending.async_submit(request, ticket, kept=kept)


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


async def _async_sending(
    hass: HomeAssistant, entry: QQMailConfigEntry, recipients: Recipients
) -> _Sending:
    """Begin to send something by an account. Raises ServiceValidationError."""
    await async_loaded(entry)
    house = hass.data[DATA_HOUSE]
    return _Sending(hass, house, house.rooms[entry.entry_id], recipients)


@dataclass(frozen=True, slots=True)
class _Sending:
    """One request on its way, and what it needs."""

    hass: HomeAssistant
    house: House
    rooms: Rooms
    recipients: Recipients

    async def async_clear(self, request: MessageRequest) -> Sent:
        """End all of a tag, and say so where something of it went out."""
        tag, outbox = request.tag, self.rooms.outbox
        with outbox.making() as ticket:
            self.rooms.duplicates.async_clear(tag)
            self.rooms.reminders.async_end(tag)
            self.house.buttons.revoke_tag(outbox.id, tag)
            discarded, conversation = await outbox.async_clear(tag)
            texts = await async_texts(self.hass)
            if not conversation:
                notes = await self._async_done(request, texts)
                return Sent(None, notes, discarded, request.refused)
            urgent = request.priority is Priority.HIGHEST
            calm = Priority.HIGH if urgent else request.priority
            request = replace(
                request,
                title=request.title or f"Re: {conversation.subject}",
                message=request.message or texts("over"),
                # What says that it is over is not to be cleared itself, nor is it an
                # alarm that could be acted on.
                tag="",
                actions=tuple(row for row in request.actions if not row.action),
                priority=calm,
            )
            try:
                sent = await self.async_submit(
                    request,
                    ticket,
                    references=conversation.references,
                    kept=partial(outbox.keep_clear, tag),
                )
            except BaseException:
                outbox.undo_clear(tag)
                raise
            return replace(sent, discarded=discarded)

    async def async_begin(self, request: MessageRequest) -> Sent:
        """Count an alert that is the same as one that went out, or send it."""
        rooms = self.rooms
        with rooms.outbox.making(request.tag) as ticket:
            alert = Alert.of(
                tag=request.tag,
                title=one_line(request.title),
                texts=(request.message, request.html),
                shown=(*request.attachments, *request.charts, dict(request.entities)),
                recipients=self.recipients,
                priority=request.priority,
            )
            # Before it is counted: what was taken from there must not be lost here.
            texts = await async_texts(self.hass)
            found = await rooms.duplicates.async_admit(
                alert, ticket, request.repeat_after
            )
            if isinstance(found, Original):
                notes = await self._async_done(request, texts)
                repeated: dict[str, JsonValueType] = {
                    "count": found.counted.number,
                    "since": found.raised.isoformat(),
                    "queue_id": found.queue_id,
                }
                return Sent(None, notes, refused=request.refused, repeated=repeated)
            if found.number:
                note = said_of(found, ticket, texts)
                request = replace(request, notes=(note, *request.notes))
            request = self._repeated(request, ticket, texts)
            try:
                return await self.async_submit(
                    request,
                    ticket,
                    kept=lambda: rooms.reminders.async_keep(ticket.queue_id),
                )
            except HomeAssistantError:
                rooms.duplicates.async_failed(ticket.queue_id)
                rooms.reminders.async_failed(ticket.queue_id)
                raise

    def _repeated(
        self, request: MessageRequest, ticket: Ticket, texts: Texts
    ) -> MessageRequest:
        """Have a message repeated if that is wanted; return what its first mail says."""
        every, again = request.repeat_until_acknowledged, request.again
        if not (every and again) or ticket.cleared:
            return request
        # Without a tag of its own it still is one conversation, which can be cleared.
        ticket.tag = request.tag or ticket.queue_id
        request = replace(request, tag=ticket.tag)
        if self.rooms.reminders.async_begin(
            ticket,
            again,
            self.recipients,
            request.priority,
            every,
            request.actions_expire_after,
        ):
            return to_acknowledge(request, texts)
        note = field_error("too_many_reminders")
        return replace(request, notes=(*request.notes, note))

    async def _async_done(
        self, request: MessageRequest, texts: Texts
    ) -> tuple[str, ...]:
        """Return the notes on what was done, once it is on disk, or one that it is not."""
        errors = list(request.notes)
        if not await self.rooms.outbox.manager.async_written():
            errors.append(field_error("done_not_kept"))
        notes = texts.notes(errors)
        log_notes(notes, one_line(request.title), texts)
        return notes

    async def async_submit(
        self, request: MessageRequest, ticket: Ticket, **kwargs: Any
    ) -> Sent:
        return await async_submit(
            self.hass,
            self.rooms.entry,
            self.rooms.outbox,
            self.house.buttons,
            request,
            self.recipients,
            ticket,
            **kwargs,
        )
