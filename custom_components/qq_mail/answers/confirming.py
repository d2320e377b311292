"""Tells whoever has answered a mail what became of that."""

from dataclasses import dataclass

from homeassistant.core import HomeAssistant

from ..buttons.models import Mail
from ..buttons.registry import Buttons
from ..content.request import MessageRequest
from ..coordinator import QQMailConfigEntry
from ..mime.address import Mailbox, Recipients
from ..mime.models import Priority
from ..outbox.outbox import Outbox
from ..sending.submit import async_submit


@dataclass(frozen=True, slots=True)
class Told:
    """What is told, and to whom."""

    mail: Mail
    """The mail that was answered."""
    to: str
    """The addr_spec of who answered it."""
    text: str
    message_ids: tuple[str, ...]
    """Those of the answer, as its writer's program and QQ's have them."""


async def async_confirm(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    buttons: Buttons,
    told: Told,
) -> None:
    """Send it within the same conversation, without what would let it be answered.

    What has no Message-ID is not answered. Raises HomeAssistantError where it cannot be kept.
    """
    answers = next((one for one in told.message_ids if one.isascii()), None)
    if answers is None:
        # No program that people write with leaves it out.
        return
    conversation = outbox.state.conversations.get(told.mail.tag)
    references = [conversation.references] if conversation else []
    with outbox.making() as ticket:
        await async_submit(
            hass,
            entry,
            outbox,
            buttons,
            MessageRequest(
                title=f"Re: {told.mail.subject}",
                message=told.text,
                priority=Priority.HIGH,
                wait=0,
            ),
            Recipients(to=(Mailbox(told.to),)),
            ticket,
            references=" ".join([*references, answers]),
            answers=answers,
        )
