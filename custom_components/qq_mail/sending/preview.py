"""What a mail would be, without sending it."""

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ..accounts import imap_account_from
from ..content.draft import async_material
from ..content.preview import preview
from ..content.request import MessageRequest
from ..coordinator import QQMailConfigEntry
from ..outbox.outbox import Outbox
from ..texts import async_texts
from .buttons import ByMail, draw_buttons
from .submit import budget


async def async_preview(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    outbox: Outbox,
    request: MessageRequest,
) -> tuple[str, str, tuple[str, ...]]:
    """Return the text, the HTML and the notes of a message that is not sent."""
    texts = await async_texts(hass)
    raised = dt_util.utcnow()
    async with async_material(
        hass, request, budget(entry.options, outbox), raised, texts
    ) as material:
        by_mail = None
        if imap_account_from(entry.data, entry.options):
            by_mail = ByMail(outbox.account.username)
        draw_buttons(hass, material, request, texts, by_mail)
        text, html, parts = await hass.async_add_executor_job(material.content)
        html = await hass.async_add_executor_job(preview, html, parts)
        return text, html, material.notes
