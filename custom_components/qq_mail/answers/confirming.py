"""Tells whoever has answered a mail what became of that."""

from functools import partial

from homeassistant.core import HomeAssistant

from ..accounts import QQMailConfigEntry
from ..buttons.answerable import Answerable, Told
from ..buttons.registry import Buttons
from ..content.request import MessageRequest
from ..mime.address import Mailbox, Recipients
from ..mime.models import Priority
from ..outbox.outbox import Outbox
from ..sending.submit import async_submit


async def async_confirm(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    buttons: Buttons,
    known: Answerable,
    told: Told,
    note: str,
) -> None:
    """Send it within the same conversation, without what would let it be answered.

    It is owed until the outbox has it. Raises HomeAssistantError where that is not so.
    """
    conversation = outbox.state.conversations.get(known.mail.tag)
    references = [conversation.references] if conversation else []
    with outbox.making() as ticket:
        await async_submit(
            hass,
            entry,
            outbox,
            buttons,
            MessageRequest(
                title=f"Re: {known.mail.subject}",
                message=f"{told.text}\n\n{note}".rstrip(),
                priority=Priority.HIGH,
                wait=0,
            ),
            Recipients(to=(Mailbox(told.to),)),
            ticket,
            references=" ".join([*references, told.answers]),
            answers=told.answers,
            kept=partial(buttons.answerables.pay, known, told),
        )
