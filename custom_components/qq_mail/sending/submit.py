"""Makes a mail of a request, and hands it to the outbox."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonValueType

from ..accounts import QQMailConfigEntry, imap_account_from, not_loaded
from ..buttons.models import Mail
from ..buttons.registry import Buttons
from ..const import (
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    LOGGER,
    MAX_NOTES,
    MEGABYTE,
    SENDER_NAME_MAX_BYTES,
)
from ..content.errors import field_error, invalid_address, translated_error
from ..content.material import Material, async_material
from ..content.request import MessageRequest
from ..errors import action_error, why_it_waits
from ..mime.address import Mailbox, Recipients, one_line
from ..mime.message import BASE64_LINE
from ..mime.models import Draft
from ..options import option
from ..outbox.composing import (
    Order,
    OutboxClosedError,
    OutboxFullError,
    Receipt,
    StalledError,
    Ticket,
)
from ..outbox.core.models import OutboxEvent, Outcome
from ..outbox.outbox import Outbox
from ..smtp.replies import Cause
from ..texts import Texts, async_texts
from .buttons import add_buttons
from .recurring import async_recurring

# What a mail says of itself: nothing is amiss, and an alarm would fill the log.
_TOLD = {"reminder", "reminder_last", "repeats"}
_RESERVE = MEGABYTE
"""Octets that the server's limit leaves to texts and headers."""


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


async def async_submit(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    buttons: Buttons,
    request: MessageRequest,
    recipients: Recipients,
    ticket: Ticket,
    *,
    references: str = "",
    answers: str = "",
    kept: Callable[[], None] = lambda: None,
) -> Sent:
    """Compose one message and hand it to the outbox; return what became of it.

    Without a receipt it was cleared before it was taken. The notes say why it waits, too.

    The entry may be loaded anew meanwhile; the outbox stays. `kept` is called when the
    message is put on disk, for what belongs to it. `answers`: the Message-ID of a mail
    that is answered by itself; what does so is never merged with others. Raises
    HomeAssistantError where it was refused for good, or cannot be kept.
    """
    texts = await async_texts(hass)
    raised = ticket.raised.wall
    subject = one_line(request.title) or ATTR_TITLE_DEFAULT
    if request.tag:
        with _translated(entry):
            references = outbox.conversation(request.tag, subject).references
    mail = Mail(
        account=entry.entry_id,
        queue_id=ticket.queue_id,
        tag=request.tag,
        subject=subject,
        recipients=recipients.addr_specs,
        time=raised,
    )
    async with async_material(
        hass, request, budget(entry.options, outbox), raised, texts
    ) as material:
        address = answered_to(entry, request)
        secret = add_buttons(
            hass, buttons, material, request, mail, ticket, texts, address
        )
        material.unsaid = async_recurring(hass, entry.entry_id, _amiss(material), texts)

        def keep_all() -> None:
            buttons.keep(ticket.queue_id)
            kept()

        reply_to = request.reply_to
        if not reply_to and (stored := entry.options.get(CONF_REPLY_TO)):
            reply_to = Mailbox.stored(stored)
        if secret:
            own = f"<{secret}@{Mailbox(outbox.account.username).domain}>"
            references = f"{references} {own}".lstrip()
            # Of no use here: answers are read where the account is.
            reply_to = None
        draft = Draft(
            recipients=recipients,
            subject=subject,
            reply_to=reply_to,
            priority=request.priority,
            references=references,
            answers=answers,
        )
        order = Order(
            ticket=ticket,
            compose=partial(material.compose, draft),
            subject=subject,
            # Nobody at the other end knows the address; the home they know.
            sender_name=_sender_name(
                request.sender_name
                or entry.options.get(CONF_SENDER_NAME, "")
                or hass.config.location_name
            ),
            priority=request.priority,
            expires_after=request.expires_after or outbox.settings.expires_after,
            reads_files=material.reads_files,
            alone=bool(answers),
            kept=keep_all,
        )
        try:
            with _translated(entry):
                try:
                    receipt = await outbox.async_submit(order, request.wait)
                except StalledError:
                    # One of its files hangs.
                    material.leave_out_files()
                    order = replace(order, reads_files=False)
                    receipt = await outbox.async_submit(order, request.wait)
        except HomeAssistantError:
            # Neither the disk nor the server has taken it.
            buttons.revoke(ticket.queue_id)
            raise
    log_notes(texts.notes(_amiss(material)), subject, texts)
    if not receipt:
        return Sent(None, material.notes, refused=request.refused)
    if request.refused:
        # It never goes to these, who were named but are no addresses.
        event = OutboxEvent(
            account=outbox.id,
            by=outbox.id,
            outcome=Outcome.REJECTED,
            queue_id=receipt.queue_id,
            subject=subject,
            recipients=request.refused,
            attempts=0,
            cause=Cause.RECIPIENT,
            detail=texts.of(invalid_address(*request.refused[:MAX_NOTES])),
        )
        outbox.listeners.report(event)
    decisive = receipt.decisive
    if decisive and decisive.outcome is Outcome.REJECTED:
        raise action_error(decisive, outbox.account)
    notes = material.notes
    if receipt.plan and receipt.deferred:
        reason = why_it_waits(outbox, receipt.plan, raised)
        notes = (*notes, texts.of(reason))
    if not receipt.kept:
        notes = (*notes, texts.of(field_error("done_not_kept")))
    return Sent(receipt, notes, refused=request.refused)


def _amiss(material: Material) -> list[HomeAssistantError]:
    """Return what went wrong with a mail, without what it only says of itself."""
    return [one for one in material.failures if one.translation_key not in _TOLD]


def budget(options: Mapping[str, Any], outbox: Outbox) -> int:
    """Return the octets that attachments may have before they are encoded."""
    octets, encoded = BASE64_LINE
    megabytes: int = option(options, "size_budget")
    room = max(outbox.max_size - _RESERVE, 0) * octets // encoded
    return min(megabytes * MEGABYTE, room)


def log_notes(notes: tuple[str, ...], subject: str, texts: Texts) -> None:
    """Tell what was left out of a message also where nobody reads the mail."""
    for note in notes:
        LOGGER.warning(texts("logged_note", subject=subject, note=note))


def answered_to(entry: QQMailConfigEntry, request: MessageRequest) -> str:
    """Return the address to which a mail can be answered; empty: it cannot."""
    account = imap_account_from(entry.data, entry.options)
    return account.username if account and not request.reply_to else ""


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
        raise translated_error("outbox_full") from err
    except OutboxClosedError as err:
        # Disabled or removed while this was made: no reload ends an outbox.
        raise not_loaded(entry) from err
    except OSError as err:
        raise translated_error("not_kept", reason=err.strerror or str(err)) from err
