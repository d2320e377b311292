"""What becomes of a request: it clears what waits, is counted, or is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonValueType

from ..accounts import QQMailConfigEntry, async_loaded
from ..content.errors import field_error
from ..content.request import MessageRequest
from ..mime.address import Recipients, one_line
from ..mime.models import Priority
from ..outbox.composing import Ticket
from ..outbox.receipts import Receipt
from ..repeats.original import Alert, Original
from ..sending.submit import async_submit, log_notes
from ..texts import Texts, async_texts
from .again import said_of, to_acknowledge
from .house import DATA_HOUSE, House, Rooms


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a request."""

    receipt: Receipt | None
    """None: there was nothing to send, because it only cleared what waited."""
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    discarded: int = 0
    """How many messages were cleared."""
    refused: tuple[str, ...] = ()
    """What was named as an address, and is none."""
    repeated: Mapping[str, JsonValueType] | None = None
    """What an answer says of an alert that was counted, because the same went out."""


async def async_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    request: MessageRequest,
    recipients: Recipients,
) -> Sent:
    """Do what a request asks for.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    await async_loaded(entry)
    house = hass.data[DATA_HOUSE]
    one = _Sending(hass, entry, house, house.rooms[entry.entry_id], recipients)
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


@dataclass(frozen=True, slots=True)
class _Sending:
    """One request on its way, and what it needs."""

    hass: HomeAssistant
    entry: QQMailConfigEntry
    house: House
    rooms: Rooms
    recipients: Recipients

    async def async_clear(self, request: MessageRequest) -> Sent:
        """End all of a tag, and say so where something of it went out."""
        tag, outbox = request.tag, self.rooms.outbox
        with outbox.making() as ticket:
            self.rooms.duplicates.async_clear(tag)
            self.rooms.reminders.async_end(tag)
            self.house.buttons.revoke_tag(self.entry.entry_id, tag)
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
                sent = await self._async_submit(
                    request, ticket, references=conversation.references
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
                shown=(
                    *request.attachments,
                    *request.charts,
                    dict(request.entities),
                ),
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
            try:
                return await self._async_send(request, ticket)
            except HomeAssistantError:
                rooms.duplicates.async_failed(ticket.queue_id)
                raise

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

    async def _async_send(self, request: MessageRequest, ticket: Ticket) -> Sent:
        """Send a message, and have it repeated if that is wanted."""
        every, again = request.repeat_until_acknowledged, request.again
        if not (every and again) or ticket.cleared:
            return await self._async_submit(request, ticket)
        reminders = self.rooms.reminders
        # Without a tag of its own it still is one conversation, which can be cleared.
        ticket.tag = request.tag or ticket.queue_id
        request = replace(request, tag=ticket.tag)
        if not reminders.async_begin(
            ticket,
            again,
            self.recipients,
            request.priority,
            every,
            request.actions_expire_after,
        ):
            note = field_error("too_many_reminders")
            request = replace(request, notes=(*request.notes, note))
            return await self._async_submit(request, ticket)
        request = to_acknowledge(request, await async_texts(self.hass))
        try:
            return await self._async_submit(
                request, ticket, kept=lambda: reminders.async_keep(ticket.queue_id)
            )
        except HomeAssistantError:
            reminders.async_failed(ticket.queue_id)
            raise

    async def _async_submit(
        self, request: MessageRequest, ticket: Ticket, **kwargs: Any
    ) -> Sent:
        receipt, notes = await async_submit(
            self.hass,
            self.entry,
            self.rooms.outbox,
            self.house.buttons,
            request,
            self.recipients,
            ticket,
            **kwargs,
        )
        return Sent(receipt, notes, refused=request.refused)
