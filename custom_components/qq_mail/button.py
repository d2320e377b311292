"""Try the account or a recipient, and try again what waits."""

from enum import StrEnum
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .calls.recipients import default_recipients
from .calls.send import async_send_test
from .const import SUBENTRY_TYPE_RECIPIENT
from .content.errors import translated_error
from .coordinator import QQMailConfigEntry
from .entity import QQMailEntity, device_info
from .mime.address import Recipients

# The outbox keeps the order; the buttons have nothing to wait for.
PARALLEL_UPDATES = 0


class QQMailButton(StrEnum):
    """The buttons of an account; the first one is a recipient's as well."""

    SEND_TEST_MESSAGE = "send_test_message"
    RETRY = "retry"


# Not offered to voice assistants, nor on the dashboard of their own accord.
SEND_TEST_MESSAGE = ButtonEntityDescription(
    key=QQMailButton.SEND_TEST_MESSAGE,
    translation_key=QQMailButton.SEND_TEST_MESSAGE,
    entity_category=EntityCategory.DIAGNOSTIC,
)
RETRY = ButtonEntityDescription(
    key=QQMailButton.RETRY,
    translation_key=QQMailButton.RETRY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


DESCRIPTIONS = (SEND_TEST_MESSAGE, RETRY)


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's buttons, and one for each recipient."""
    async_add_entities(
        [
            QQMailTestButton(entry, SEND_TEST_MESSAGE, default_recipients(entry)),
            QQMailRetryButton(entry, RETRY),
        ]
    )
    for subentry in entry.get_subentries_of_type(SUBENTRY_TYPE_RECIPIENT):
        button = QQMailTestButton(
            entry, SEND_TEST_MESSAGE, Recipients.stored(subentry.data)
        )
        key = subentry.subentry_id
        button.belong_to(key, subentry.title)
        async_add_entities([button], config_subentry_id=key)


class QQMailTestButton(QQMailEntity, ButtonEntity):
    """Sends a test mail, and says in words if it is not accepted."""

    def __init__(
        self,
        entry: QQMailConfigEntry,
        description: ButtonEntityDescription,
        recipients: Recipients,
    ) -> None:
        """Keep the account, and who gets the mail."""
        super().__init__(entry, description)
        self._entry = entry
        self._recipients = recipients

    def belong_to(self, key: str, name: str) -> None:
        """Be a recipient's button, known by the key of its subentry."""
        self._attr_unique_id = f"{key}_{self.entity_description.key}"
        self._attr_device_info = device_info(key, name)

    @override
    async def async_press(self) -> None:
        """Send it. Raises HomeAssistantError where it was not accepted in time."""
        sent = await async_send_test(self.hass, self._entry, self._recipients)
        if sent.receipt and not sent.receipt.accepted:
            raise translated_error("test_waits", why=" ".join(sent.notes))


class QQMailRetryButton(QQMailEntity, ButtonEntity):
    """Tries everything at once that waits in the account's outbox."""

    def __init__(
        self, entry: QQMailConfigEntry, description: ButtonEntityDescription
    ) -> None:
        """Keep the account."""
        super().__init__(entry, description)
        self._entry = entry

    @override
    async def async_press(self) -> None:
        """Do it."""
        self._entry.runtime_data.outbox.async_retry()
