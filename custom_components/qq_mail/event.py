"""What came of each message, and which button of one was pressed."""

from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .accounts import QQMailConfigEntry
from .buttons.models import PRESSES_KEY, SIGNAL_PRESS, Press
from .entity import QQMailEntity
from .outbox.core.models import OutboxEvent, Outcome
from .texts import iso_of

# The outbox tells of its outcomes; nothing is fetched.
PARALLEL_UPDATES = 0

_CLICKED = "clicked"


async def async_setup_entry(
    _hass: HomeAssistant,
    entry: QQMailConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the account's event entities."""
    async_add_entities([QQMailMessageEntity(entry), QQMailActionEntity(entry)])


def told_of_outcome(event: OutboxEvent) -> dict[str, Any]:
    """Return what entities and triggers tell of an outcome."""
    return {
        "queue_id": event.queue_id,
        "digest": event.digest or None,
        "subject": event.subject,
        "recipients": list(event.recipients),
        "attempts": event.attempts,
        "cause": event.cause and event.cause.value,
        "reply": str(event.reply or event.detail),
    }


def told_of_press(press: Press) -> dict[str, Any]:
    """Return what entities and triggers tell of a button that was pressed."""
    return {
        "action": press.action.action,
        "title": press.action.title,
        "tag": press.mail.tag,
        "queue_id": press.mail.queue_id,
        "subject": press.mail.subject,
        "recipients": list(press.mail.recipients),
        "by": press.by or None,
        "channel": "mail" if press.by else "link",
    }


class _QQMailEventEntity(QQMailEntity, EventEntity):
    """Tells each as it happens: what is read later is only the last of many."""

    # As many as a message has, and of no use in the history.
    _unrecorded_attributes = frozenset({"recipients"})

    def _tell(self, kind: str, told: dict[str, Any]) -> None:
        # A row that says "none" tells a person nothing.
        shown = {key: value for key, value in told.items() if value not in (None, "")}
        self._trigger_event(kind, shown)
        self.async_write_ha_state()


class QQMailMessageEntity(_QQMailEventEntity):
    """Tells of each outcome."""

    entity_description = EventEntityDescription(
        key="message", event_types=[outcome.value for outcome in Outcome]
    )

    @override
    async def async_added_to_hass(self) -> None:
        """Hear of outcomes, also of those in a reload."""
        listeners = self.entry.runtime_data.listeners
        self.async_on_remove(listeners.async_set_entity(self._hear))

    def _hear(self, event: OutboxEvent) -> None:
        outbox = self.entry.runtime_data
        told = told_of_outcome(event) | {
            "sent_by": outbox.name_of(event.by) if event.by != event.account else "",
            # As text, which it would be after a restart in any case.
            "next_attempt": event.plan and iso_of(outbox.time_of(event.plan)),
        }
        self._tell(event.outcome, told)


class QQMailActionEntity(_QQMailEventEntity):
    """Tells of each button of the account's mails that somebody presses."""

    entity_description = EventEntityDescription(key=PRESSES_KEY, event_types=[_CLICKED])

    @override
    async def async_added_to_hass(self) -> None:
        """Hear of presses, those of other accounts' buttons included."""
        self.async_on_remove(
            async_dispatcher_connect(self.hass, SIGNAL_PRESS, self._hear)
        )

    @callback
    def _hear(self, press: Press) -> None:
        if press.mail.account == self.entry.entry_id:
            self._tell(_CLICKED, told_of_press(press))
