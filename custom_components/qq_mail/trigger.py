"""Triggers for what mails do not tell: that one failed, that a button was pressed."""

from typing import ClassVar, Final, override

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_OPTIONS, CONF_USERNAME
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType
from homeassistant.setup import async_setup_component

from .answers.replies import Reply
from .buttons.models import Press
from .calls.house import DATA_HOUSE
from .const import DOMAIN
from .coordinator import (
    SIGNAL_ALARM,
    SIGNAL_DELAY,
    SIGNAL_OUTBOX_EVENT,
    QQMailConfigEntry,
)
from .mime.models import Priority
from .outbox.core.models import OutboxEvent, Outcome
from .outbox.delays import Delay
from .outbox.view import OutboxView
from .repeats.reminder import Reminder

_CONF_ACTION: Final = "action"
_CONF_PRIORITY = "priority"
_CONF_TAG: Final = "tag"

_CONFIG_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_OPTIONS, default={}): {
            vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string
        }
    }
)
_DELAYED_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_OPTIONS, default={}): {
            vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
            vol.Optional(_CONF_PRIORITY): vol.In([one.value for one in Priority]),
        }
    }
)
_SEVERAL = vol.All(cv.ensure_list, [cv.string])
_CLICK_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_OPTIONS, default={}): {
            vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
            vol.Optional(_CONF_ACTION): _SEVERAL,
            vol.Optional(_CONF_TAG): _SEVERAL,
        }
    }
)
_ALARM_SCHEMA = vol.Schema(
    {vol.Optional(CONF_OPTIONS, default={}): {vol.Optional(_CONF_TAG): _SEVERAL}}
)
_REPLY_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_OPTIONS, default={}): {
            vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
            vol.Optional(_CONF_TAG): _SEVERAL,
        }
    }
)


class AccountTrigger(Trigger):
    """Triggers for one account or for all, those to come included."""

    schema: ClassVar[vol.Schema] = _CONFIG_SCHEMA

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Check that the account exists; it need not be loaded."""
        validated: ConfigType = cls.schema(config)
        if entry_id := validated[CONF_OPTIONS].get(ATTR_CONFIG_ENTRY_ID):
            entry = hass.config_entries.async_get_entry(entry_id)
            if entry is None or entry.domain != DOMAIN:
                raise vol.Invalid(f"{entry_id} is not a QQ Mail account")
        return validated

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Remember which account to listen to."""
        super().__init__(hass, config)
        self._entry_id = (config.options or {}).get(ATTR_CONFIG_ENTRY_ID)


class OutcomeTrigger(AccountTrigger):
    """Triggers on an outcome."""

    outcome: ClassVar[Outcome]

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to all accounts: the signal outlives their reloads."""

        @callback
        def handle(entry: QQMailConfigEntry, event: OutboxEvent) -> None:
            if event.outcome is not self.outcome:
                return
            if self._entry_id not in (None, entry.entry_id):
                return
            run_action(
                {
                    "queue_id": event.queue_id,
                    "digest": event.digest or None,
                    "subject": event.subject,
                    "recipients": list(event.recipients),
                    "attempts": event.attempts,
                    "cause": event.cause and event.cause.value,
                    "reply": str(event.reply or event.detail),
                    "account": entry.data[CONF_USERNAME],
                },
                f"message {event.queue_id} {event.outcome}",
            )

        return async_dispatcher_connect(self._hass, SIGNAL_OUTBOX_EVENT, handle)


class MessageRejectedTrigger(OutcomeTrigger):
    """Triggers when a message was refused for good."""

    outcome = Outcome.REJECTED


class MessageExpiredTrigger(OutcomeTrigger):
    """Triggers when a message was given up."""

    outcome = Outcome.EXPIRED


class MessageBouncedTrigger(OutcomeTrigger):
    """Triggers when a message came back after it had been accepted."""

    outcome = Outcome.BOUNCED


class MessagesDelayedTrigger(AccountTrigger):
    """Triggers when messages wait too long: once for each account and episode."""

    schema = _DELAYED_SCHEMA

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Remember from which priority on."""
        super().__init__(hass, config)
        least = (config.options or {}).get(_CONF_PRIORITY, Priority.LOWEST)
        self._priorities = list(Priority)[: list(Priority).index(Priority(least)) + 1]

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to all accounts: the signal outlives their reloads."""

        @callback
        def handle(entry: QQMailConfigEntry, delay: Delay) -> None:
            if self._entry_id not in (None, entry.entry_id):
                return
            if delay.priority not in self._priorities:
                return
            at = OutboxView.time_of(delay.plan)
            run_action(
                {
                    "number": delay.number,
                    "titles": list(delay.titles),
                    "recipients": list(delay.recipients),
                    "priority": delay.priority.value,
                    "reason": delay.plan.reason.value,
                    "next_attempt": at.isoformat() if at else None,
                    "account": entry.data[CONF_USERNAME],
                },
                f"{delay.number} messages wait",
            )

        return async_dispatcher_connect(self._hass, SIGNAL_DELAY, handle)


class ActionClickedTrigger(AccountTrigger):
    """Triggers when somebody presses a button of a mail."""

    schema = _CLICK_SCHEMA

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Remember which buttons to listen to; none named are all."""
        super().__init__(hass, config)
        options = config.options or {}
        self._actions: list[str] = options.get(_CONF_ACTION, [])
        self._tags: list[str] = options.get(_CONF_TAG, [])

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to all accounts: their buttons outlive their reloads."""

        @callback
        def handle(press: Press) -> None:
            if not self._wants(press):
                return
            mail, action = press.mail, press.action
            entry = self._hass.config_entries.async_get_known_entry(mail.account)
            run_action(
                {
                    "action": action.action,
                    "title": action.title,
                    "tag": mail.tag,
                    "queue_id": mail.queue_id,
                    "subject": mail.subject,
                    "recipients": list(mail.recipients),
                    "by": press.by or None,
                    "channel": press.channel.value,
                    "account": entry.data[CONF_USERNAME],
                },
                f"button {action.action} of message {mail.queue_id}",
            )

        # An automation may be there before the first account is.
        await async_setup_component(self._hass, DOMAIN, {})
        buttons = self._hass.data[DATA_HOUSE].buttons
        return buttons.async_add_listener(handle, self._wants)

    def _wants(self, press: Press) -> bool:
        mail, action = press.mail, press.action.action
        return (
            self._entry_id in (None, mail.account)
            and (not self._actions or action in self._actions)
            and (not self._tags or mail.tag in self._tags)
        )


class ReplyReceivedTrigger(AccountTrigger):
    """Triggers when somebody answers a mail with a text that presses no button."""

    schema = _REPLY_SCHEMA

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Remember to which mails; without tags, to all."""
        super().__init__(hass, config)
        self._tags: list[str] = (config.options or {}).get(_CONF_TAG, [])

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to all accounts: their mails outlive their reloads."""

        @callback
        def handle(reply: Reply) -> None:
            mail = reply.mail
            entry = self._hass.config_entries.async_get_known_entry(mail.account)
            run_action(
                {
                    "text": reply.text,
                    "sender": reply.sender,
                    "tag": mail.tag,
                    "queue_id": mail.queue_id,
                    "subject": mail.subject,
                    "account": entry.data[CONF_USERNAME],
                },
                f"answer to message {mail.queue_id}",
            )

        replies = self._hass.data[DATA_HOUSE].replies
        return replies.async_add_listener(handle, self._wants)

    def _wants(self, reply: Reply) -> bool:
        mail = reply.mail
        return self._entry_id in (None, mail.account) and (
            not self._tags or mail.tag in self._tags
        )


class AlarmTrigger(Trigger):
    """Triggers when it is over that an alarm is sent again, by whichever accounts."""

    acknowledged: ClassVar[bool]

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Check the options."""
        validated: ConfigType = _ALARM_SCHEMA(config)
        return validated

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Remember which alarms; without tags, all."""
        super().__init__(hass, config)
        self._tags: list[str] = (config.options or {}).get(_CONF_TAG, [])

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to all accounts."""

        @callback
        def handle(alarm: Reminder, acknowledged: bool) -> None:
            if acknowledged is not self.acknowledged:
                return
            if self._tags and alarm.tag not in self._tags:
                return
            run_action(
                {
                    "tag": alarm.tag,
                    "title": alarm.title,
                    "number": alarm.number,
                    "raised_at": alarm.raised.isoformat(),
                },
                f"alarm {alarm.tag}",
            )

        return async_dispatcher_connect(self._hass, SIGNAL_ALARM, handle)


class AlarmAcknowledgedTrigger(AlarmTrigger):
    """Triggers when somebody has acknowledged an alarm."""

    acknowledged = True


class AlarmUnansweredTrigger(AlarmTrigger):
    """Triggers when nobody has acknowledged an alarm in its time."""

    acknowledged = False


TRIGGERS: dict[str, type[Trigger]] = {
    "message_rejected": MessageRejectedTrigger,
    "message_expired": MessageExpiredTrigger,
    "message_bounced": MessageBouncedTrigger,
    "messages_delayed": MessagesDelayedTrigger,
    "action_clicked": ActionClickedTrigger,
    "reply_received": ReplyReceivedTrigger,
    "alarm_acknowledged": AlarmAcknowledgedTrigger,
    "alarm_unanswered": AlarmUnansweredTrigger,
}


async def async_get_triggers(_hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
