"""Try the account or a recipient, and try again what waits."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .accounts import QQMailConfigEntry
from .calls.send import async_send_test
from .content.errors import translated_error
from .entity import QQMailEntity, async_add_to_devices

# The outbox keeps the order; the buttons have nothing to wait for.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's buttons, and one for each recipient."""
    async_add_entities([QQMailRetryButton(entry)])
    async_add_to_devices(entry, async_add_entities, QQMailTestButton)


class QQMailTestButton(QQMailEntity, ButtonEntity):
    """Sends a test mail, and says in words if it is not accepted."""

    # Not offered to voice assistants, nor on the dashboard of its own accord.
    entity_description = ButtonEntityDescription(
        key="send_test_message", entity_category=EntityCategory.DIAGNOSTIC
    )

    @override
    async def async_press(self) -> None:
        """Send it. Raises HomeAssistantError where it was not accepted in time."""
        sent = await async_send_test(self.hass, self.entry, self.recipients)
        if sent.receipt and not sent.receipt.accepted:
            raise translated_error("test_waits", why=" ".join(sent.notes))


class QQMailRetryButton(QQMailEntity, ButtonEntity):
    """Tries everything at once that waits in the account's outbox."""

    entity_description = ButtonEntityDescription(
        key="retry", entity_category=EntityCategory.DIAGNOSTIC
    )

    @override
    async def async_press(self) -> None:
        """Do it."""
        self.entry.runtime_data.async_retry()
