"""A test mail: whether an account, or a recipient, works."""

from homeassistant.core import HomeAssistant

from ..content.request import MessageRequest
from ..coordinator import QQMailConfigEntry
from ..mime.address import Recipients
from ..texts import async_texts
from .send import Sent, async_send


async def async_send_test(
    hass: HomeAssistant, entry: QQMailConfigEntry, recipients: Recipients
) -> Sent:
    """Send a test mail in Home Assistant's language.

    Raises HomeAssistantError where it was refused for good, or cannot be kept.
    """
    texts = await async_texts(hass)
    request = MessageRequest(title=texts("test_title"), message=texts("test_message"))
    return await async_send(hass, entry, request, recipients)
