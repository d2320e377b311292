"""From a request to a draft, and to the outbox."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import make_msgid
from functools import partial

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..buttons import Mail, get_answers
from ..const import (
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    DOMAIN,
    LOGGER,
    MAX_NOTES,
    MEGABYTE,
    SENDER_NAME_MAX_BYTES,
)
from ..content.actions import with_acknowledge
from ..content.digest import DigestWriter
from ..content.draft import async_material
from ..content.errors import invalid_address
from ..content.preview import preview
from ..content.request import MessageRequest, read_again
from ..coordinator import QQMailConfigEntry, async_loaded, not_loaded
from ..errors import action_error
from ..mime.address import Mailbox, Recipients, one_line
from ..mime.message import BASE64_LINE, compose
from ..mime.models import Draft, Priority
from ..options import option
from ..outbox.errors import OutboxClosedError, OutboxFullError, StalledError
from ..outbox.intake import Ticket
from ..outbox.outbox import Outbox
from ..outbox.outcome import Outcome, Receipt
from ..repeating import async_repeats, repeats_of
from ..repeats.counting import Counting
from ..repeats.counts import Alert, Count, Counted
from ..repeats.reminders import Reminder
from ..sending.buttons import async_buttons, async_draw
from ..smtp.replies import Treatment
from ..texts import Texts, async_texts, time_of

# What a mail says of itself: nothing is amiss, and an alarm would fill the log.
_TOLD = {"reminder", "repeats"}

_RESERVE = MEGABYTE
"""Octets that the server's limit leaves to texts and headers."""

# The outbox sorts by numbers, the higher first.
_IMPORTANCE = {
    priority: len(Priority) // 2 - place for place, priority in enumerate(Priority)
}


@dataclass(frozen=True, slots=True)
class Repeated:
    """An alert that was counted and not sent."""

    number: int
    """How many there are by now."""
    since: datetime
    """When what stands for them was raised."""
    queue_id: str
    """Of that."""


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
    repeated: Repeated | None = None
    """As what it was counted, because the same went out already, or waits."""


async def async_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    request: MessageRequest,
    recipients: Recipients,
) -> Sent:
    """Compose a message and hand it to the outbox.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    outbox = await async_loaded(entry)
    tag = request.tag
    with outbox.making("" if request.clear else tag) as ticket:
        if not request.clear:
            counting = None
            if request.repeat_after:
                counting = (await async_repeats(hass, entry, outbox)).counting
            elif repeats := repeats_of(hass, entry.entry_id):
                counting = repeats.counting
            if counting:
                return await _async_count_or_send(
                    hass, entry, outbox, counting, request, recipients, ticket
                )
            return await _async_send_first(
                hass, entry, outbox, request, recipients, ticket
            )
        if repeats := repeats_of(hass, entry.entry_id):
            repeats.counting.async_clear(tag)
            repeats.reminding.async_end(tag)
        get_answers(hass).revoke_tag(entry.entry_id, tag)
        discarded, thread = await outbox.async_clear(tag)
        if not thread:
            notes = (await async_texts(hass)).notes(request.notes)
            _log(notes, request.title)
            return Sent(None, notes, discarded, request.refused)
        texts = await async_texts(hass)
        request = replace(
            request,
            title=request.title or f"Re: {thread.subject}",
            message=request.message or texts("over"),
            # What says that it is over is not to be cleared itself.
            tag="",
        )
        try:
            sent = await _async_send(
                hass, entry, outbox, request, recipients, ticket, thread.references
            )
        except BaseException:
            outbox.reopen(tag)
            raise
        await outbox.async_said()
        return replace(sent, discarded=discarded)


async def _async_count_or_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    counting: Counting,
    request: MessageRequest,
    recipients: Recipients,
    ticket: Ticket,
) -> Sent:
    """Count an alert that is the same as one that went out, or send it."""
    alert = Alert.of(
        tag=request.tag,
        title=one_line(request.title),
        texts=(request.message, request.html),
        recipients=recipients,
        priority=request.priority,
    )
    # Before it is counted: what was taken from there must not be lost here.
    texts = await async_texts(hass)
    found = await counting.async_admit(alert, ticket, request.repeat_after)
    if isinstance(found, Count):
        repeated = Repeated(found.counted.number, found.raised, found.queue_id)
        notes = texts.notes(request.notes)
        _log(notes, alert.title)
        return Sent(None, notes, refused=request.refused, repeated=repeated)
    if found.number:
        note = _repeats(found, ticket, texts)
        request = replace(request, notes=(note, *request.notes))
    try:
        return await _async_send_first(hass, entry, outbox, request, recipients, ticket)
    except HomeAssistantError:
        counting.async_failed(ticket.queue_id)
        raise


async def _async_send_first(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    request: MessageRequest,
    recipients: Recipients,
    ticket: Ticket,
) -> Sent:
    """Send a message, and have it repeated if that is wanted."""
    every, again = request.repeat_until_acknowledged, request.again
    if not (every and again) or ticket.cleared:
        return await _async_send(hass, entry, outbox, request, recipients, ticket)
    repeats = await async_repeats(hass, entry, outbox)
    # Without a tag of its own it still is one conversation, which can be cleared.
    ticket.tag = request.tag or ticket.queue_id
    request = _to_acknowledge(replace(request, tag=ticket.tag), await async_texts(hass))
    repeats.reminding.async_begin(
        ticket, again, recipients, every, request.actions_expire_after
    )
    await repeats.async_save()
    try:
        return await _async_send(hass, entry, outbox, request, recipients, ticket)
    except HomeAssistantError:
        repeats.reminding.async_failed(ticket.queue_id)
        raise


async def async_send_again(
    hass: HomeAssistant, entry: QQMailConfigEntry, reminder: Reminder, ticket: Ticket
) -> None:
    """Send an alarm once more: what it shows is fetched anew.

    Raises HomeAssistantError where it cannot be kept.
    """
    texts = await async_texts(hass)
    request = read_again(reminder.again)
    number = str(reminder.number)
    note = HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="reminder",
        translation_placeholders={
            "time": time_of(reminder.raised, ticket.raised.wall),
            "number": number,
        },
    )
    title = one_line(request.title) or ATTR_TITLE_DEFAULT
    left = max(reminder.ends - ticket.raised.steady, 0.0)
    request = replace(
        _to_acknowledge(request, texts),
        # As long as those of the first mail.
        actions_expire_after=timedelta(seconds=left),
        title=texts("reminder_title", title=title, number=number),
        tag=reminder.tag,
        notes=(note, *request.notes),
        wait=0,
    )
    outbox = await async_loaded(entry)
    await _async_send(hass, entry, outbox, request, reminder.recipients, ticket)


async def async_tell_repeats(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    alert: Alert,
    counted: Counted,
    ticket: Ticket,
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
        message=texts.of(_repeats(counted, ticket, texts)),
        priority=alert.priority,
        tag=alert.tag,
        wait=0,
    )
    outbox = await async_loaded(entry)
    await _async_send(hass, entry, outbox, request, alert.recipients, ticket)


def _to_acknowledge(request: MessageRequest, texts: Texts) -> MessageRequest:
    """Return a request with a button that ends its being repeated."""
    actions = with_acknowledge(request.actions, texts("acknowledge"))
    return replace(request, actions=actions)


def _repeats(counted: Counted, ticket: Ticket, texts: Texts) -> HomeAssistantError:
    """Return what is said of alerts that were counted and not sent."""
    now = ticket.raised.wall
    span = texts.span(counted.first or now, counted.last or now, now)
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="repeats",
        translation_placeholders={"number": str(counted.number), "span": span},
    )


async def _async_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    request: MessageRequest,
    recipients: Recipients,
    ticket: Ticket,
    references: str = "",
) -> Sent:
    """Compose one message and hand it to the outbox.

    The entry may be loaded anew meanwhile; the outbox stays.
    """
    texts = await async_texts(hass)
    raised = ticket.raised.wall
    subject = one_line(request.title) or ATTR_TITLE_DEFAULT
    if request.tag:
        references = (await outbox.async_thread(request.tag, subject)).references
    reply_to = entry.options.get(CONF_REPLY_TO)
    # Nobody at the other end knows the address; the home they know.
    name = entry.options.get(CONF_SENDER_NAME, "") or hass.config.location_name
    sender = Mailbox(outbox.account.username, _sender_name(name))
    draft = Draft(
        recipients=recipients,
        subject=subject,
        text="",
        reply_to=request.reply_to or (Mailbox.stored(reply_to) if reply_to else None),
        priority=request.priority,
        references=references,
    )
    write = partial(
        compose,
        sender=sender,
        # With a domain given, the machine's name is neither looked up nor told.
        message_id=make_msgid(domain=sender.domain),
        date=dt_util.as_local(raised),
    )
    mail = Mail(
        entry_id=entry.entry_id,
        queue_id=ticket.queue_id,
        tag=request.tag,
        subject=subject,
        recipients=recipients.addr_specs,
        time=raised,
    )
    async with (
        async_material(
            hass, request, _budget(entry, outbox), raised, texts
        ) as material,
        async_buttons(hass, material, request, mail, ticket, texts) as acts,
    ):
        submit = partial(
            outbox.async_submit,
            ticket,
            partial(material.compose, draft, write),
            subject=subject,
            wait=request.wait,
            importance=_IMPORTANCE[request.priority],
            expires_after=request.expires_after,
            acts=acts,
        )
        with _translated(entry):
            try:
                receipt = await submit(reads_files=material.reads_files)
            except StalledError:
                material.leave_out_files()
                receipt = await submit(reads_files=False)
    told = {texts.of(note) for note in request.notes if note.translation_key in _TOLD}
    _log(tuple(note for note in material.notes if note not in told), subject)
    if not receipt:
        return Sent(None, material.notes, refused=request.refused)
    if request.refused:
        why = texts.of(invalid_address(*request.refused[:MAX_NOTES]))
        outbox.tell_refused(receipt, subject, request.refused, why)
    if (event := receipt.decisive) and event.outcome is Outcome.REJECTED:
        raise action_error(event, outbox.account)
    notes = (*material.notes, *_why_it_waits(outbox, receipt, texts))
    return Sent(receipt, notes, refused=request.refused)


def _why_it_waits(outbox: Outbox, receipt: Receipt, texts: Texts) -> tuple[str, ...]:
    """Return the reason, where a message was not even tried and it is known."""
    if receipt.events or not receipt.deferred:
        return ()
    now = dt_util.utcnow()
    if (rest := outbox.rest) and rest.until > now:
        account, time = outbox.account.username, time_of(rest.until, now)
        if rest.cause.treatment is Treatment.PAUSE:
            return (texts("rate_waits", account=account, time=time),)
        return (texts("login_waits", account=account, time=time),)
    if receipt.for_allowance:
        return (texts("allowance_waits"),)
    if receipt.for_digest:
        return (texts("digest_waits"),)
    return ()


def _sender_name(text: str) -> str:
    """Return as much of a name as fits into a From field of QQ's."""
    octets = one_line(text).encode()[:SENDER_NAME_MAX_BYTES]
    return one_line(octets.decode(errors="ignore"))


@contextmanager
def _translated(entry: QQMailConfigEntry) -> Generator[None]:
    """Turn what an outbox raises into an error that a person reads."""
    try:
        yield
    except OutboxFullError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="outbox_full"
        ) from err
    except OutboxClosedError as err:
        # Disabled or removed while this was made: no reload ends an outbox.
        raise not_loaded(entry) from err
    except OSError as err:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="not_kept",
            translation_placeholders={"reason": err.strerror or str(err)},
        ) from err


async def async_preview(
    hass: HomeAssistant, entry: QQMailConfigEntry, request: MessageRequest
) -> tuple[str, str, tuple[str, ...]]:
    """Return the text, the HTML and the notes of a message that is not sent."""
    outbox = await async_loaded(entry)
    texts = await async_texts(hass)
    raised = dt_util.utcnow()
    if request.repeat_until_acknowledged:
        request = _to_acknowledge(request, texts)
    async with async_material(
        hass, request, _budget(entry, outbox), raised, texts
    ) as material:
        async_draw(hass, material, request, texts)
        text, html, parts = await hass.async_add_executor_job(material.content)
        html = await hass.async_add_executor_job(preview, html, parts)
        return text, html, material.notes


async def async_digest_writer(
    hass: HomeAssistant, entry: QQMailConfigEntry, outbox: Outbox
) -> DigestWriter:
    """Return what makes one message of many."""
    return DigestWriter(
        await async_texts(hass),
        hass.config.location_name,
        hass.config.language,
        _budget(entry, outbox),
    )


def _log(notes: tuple[str, ...], subject: str) -> None:
    """Tell what was left out of a message also where nobody reads the mail."""
    for note in notes:
        LOGGER.warning("In the mail %r: %s", subject, note)


def _budget(entry: QQMailConfigEntry, outbox: Outbox) -> int:
    """Return the octets that attachments may have before they are encoded."""
    octets, encoded = BASE64_LINE
    budget: int = option(entry.options, "size_budget")
    room = max(outbox.max_size - _RESERVE, 0) * octets // encoded
    return min(budget * MEGABYTE, room)
