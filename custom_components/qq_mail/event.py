"""What came of each message, and which button of one was pressed."""

from typing import Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .buttons.models import Press
from .calls.heard import PRESSES_KEY
from .calls.house import DATA_HOUSE
from .coordinator import QQMailConfigEntry
from .entity import QQMailEntity
from .outbox.core.models import OutboxEvent, Outcome
from .outbox.outbox import Outbox

# The outbox tells of its outcomes; nothing is fetched.
PARALLEL_UPDATES = 0

ATTR_ACTION: Final = "action"
ATTR_ATTEMPTS: Final = "attempts"
ATTR_BY: Final = "by"
ATTR_CAUSE: Final = "cause"
ATTR_CHANNEL: Final = "channel"
ATTR_NEXT_ATTEMPT: Final = "next_attempt"
ATTR_DIGEST: Final = "digest"
ATTR_QUEUE_ID: Final = "queue_id"
ATTR_RECIPIENTS: Final = "recipients"
ATTR_REPLY: Final = "reply"
ATTR_SENT_BY: Final = "sent_by"
ATTR_SUBJECT: Final = "subject"
ATTR_TAG: Final = "tag"
ATTR_TITLE: Final = "title"

CLICKED: Final = "clicked"

MESSAGE = EventEntityDescription(
    key="message",
    translation_key="message",
    event_types=[outcome.value for outcome in Outcome],
)
CLICKS = EventEntityDescription(
    key=PRESSES_KEY, translation_key="action", event_types=[CLICKED]
)


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's event entities."""
    async_add_entities(
        [QQMailMessageEntity(entry, MESSAGE), QQMailActionEntity(entry, CLICKS)]
    )


class QQMailMessageEntity(QQMailEntity, EventEntity):
    """Tells each outcome at once: a coordinator would only show the last of many."""

    # As many as a message has, and of no use in the history.
    _unrecorded_attributes = frozenset({ATTR_RECIPIENTS})

    def __init__(
        self, entry: QQMailConfigEntry, description: EventEntityDescription
    ) -> None:
        """Keep the outbox to listen to."""
        super().__init__(entry, description)
        self._outbox: Outbox = entry.runtime_data.outbox

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for as long as the entity is there."""
        await super().async_added_to_hass()
        self.async_on_remove(self._outbox.listeners.async_set_entity(self._tell))

    @callback
    @override
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Do nothing: who listens is the entity, by whatever name."""

    @callback
    def _tell(self, event: OutboxEvent) -> None:
        by = self._outbox.name_of(event.by)
        at = self._outbox.time_of(event.plan) if event.plan else None
        told = {
            ATTR_QUEUE_ID: event.queue_id,
            ATTR_DIGEST: event.digest,
            ATTR_SUBJECT: event.subject,
            ATTR_RECIPIENTS: list(event.recipients),
            ATTR_ATTEMPTS: event.attempts,
            ATTR_CAUSE: event.cause,
            ATTR_SENT_BY: by if by != self._outbox.account.username else "",
            ATTR_REPLY: str(event.reply or event.detail),
            # As text, which it would be after a restart in any case.
            ATTR_NEXT_ATTEMPT: at and at.isoformat(),
        }
        # A row that says "none" tells a person nothing.
        shown = {key: value for key, value in told.items() if value not in (None, "")}
        self._trigger_event(event.outcome, shown)
        self.async_write_ha_state()


class QQMailActionEntity(QQMailEntity, EventEntity):
    """Tells of each button of the account's mails that somebody presses."""

    _unrecorded_attributes = frozenset({ATTR_RECIPIENTS})

    def __init__(
        self, entry: QQMailConfigEntry, description: EventEntityDescription
    ) -> None:
        """Keep whose buttons they are."""
        super().__init__(entry, description)
        self._entry_id = entry.entry_id

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for as long as the entity is there."""
        await super().async_added_to_hass()
        buttons = self.hass.data[DATA_HOUSE].buttons
        self.async_on_remove(buttons.async_add_listener(self._tell))

    @callback
    @override
    def async_entity_id_changed(self, old_entity_id: str) -> None:
        """Do nothing: who listens is the entity, by whatever name."""

    @callback
    def _tell(self, press: Press) -> None:
        mail, action = press.mail, press.action
        if mail.account != self._entry_id:
            return
        told = {
            ATTR_ACTION: action.action,
            ATTR_TITLE: action.title,
            ATTR_TAG: mail.tag,
            ATTR_QUEUE_ID: mail.queue_id,
            ATTR_SUBJECT: mail.subject,
            ATTR_RECIPIENTS: list(mail.recipients),
            ATTR_BY: press.by,
            ATTR_CHANNEL: press.channel,
        }
        self._trigger_event(CLICKED, {key: one for key, one in told.items() if one})
        self.async_write_ha_state()
