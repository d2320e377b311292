"""Try the account, and try again what waits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .calls.recipients import default_recipients
from .calls.send import async_send
from .content.request import MessageRequest
from .coordinator import QQMailConfigEntry
from .entity import QQMailEntity
from .texts import async_texts

# The outbox keeps the order; the buttons have nothing to wait for.
PARALLEL_UPDATES = 0


class QQMailButton(StrEnum):
    """The buttons of an account."""

    SEND_TEST_MESSAGE = "send_test_message"
    RETRY = "retry"


@dataclass(frozen=True, kw_only=True)
class QQMailButtonEntityDescription(ButtonEntityDescription):
    """Says what a button does."""

    press_fn: Callable[[HomeAssistant, QQMailConfigEntry], Awaitable[None]]


async def _send_test_message(hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Write to the default recipients in Home Assistant's language."""
    texts = await async_texts(hass)
    request = MessageRequest(title=texts("test_title"), message=texts("test_message"))
    await async_send(hass, entry, request, default_recipients(entry))


async def _retry(_hass: HomeAssistant, entry: QQMailConfigEntry) -> None:
    """Try everything that waits at once."""
    entry.runtime_data.outbox.async_retry()


BUTTONS = (
    QQMailButtonEntityDescription(
        key=QQMailButton.SEND_TEST_MESSAGE,
        translation_key=QQMailButton.SEND_TEST_MESSAGE,
        # Not offered to voice assistants, nor on the dashboard of its own accord.
        entity_category=EntityCategory.DIAGNOSTIC,
        press_fn=_send_test_message,
    ),
    QQMailButtonEntityDescription(
        key=QQMailButton.RETRY,
        translation_key=QQMailButton.RETRY,
        entity_category=EntityCategory.DIAGNOSTIC,
        press_fn=_retry,
    ),
)


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's buttons."""
    async_add_entities(
        QQMailButtonEntity(entry, description) for description in BUTTONS
    )


class QQMailButtonEntity(QQMailEntity, ButtonEntity):
    """Does something with the account's outbox."""

    entity_description: QQMailButtonEntityDescription

    def __init__(
        self, entry: QQMailConfigEntry, description: QQMailButtonEntityDescription
    ) -> None:
        """Keep the account."""
        super().__init__(entry, description)
        self._entry = entry

    @override
    async def async_press(self) -> None:
        """Do it. Raises HomeAssistantError where a message is refused for good."""
        await self.entity_description.press_fn(self.hass, self._entry)
