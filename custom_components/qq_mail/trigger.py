"""Triggers for what mails do not tell: that one failed, that a button was pressed."""

from collections.abc import Callable
from typing import Any, ClassVar, Final, override

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
from homeassistant.util.signal_type import SignalType

from .buttons.models import SIGNAL_PRESS, SIGNAL_REPLY, Press, Reply
from .calls.house import DATA_HOUSE, SIGNAL_ALARM, SIGNAL_OUTBOX
from .const import DOMAIN
from .event import told_of_outcome, told_of_press
from .mime.models import Priority
from .outbox.core.models import OutboxEvent
from .outbox.delays import SIGNAL_DELAY, Delay
from .outbox.view import OutboxView
from .repeats.reminders import Reminder
from .texts import iso_of

_CONF_ACTION: Final = "action"
_CONF_PRIORITY = "priority"
_CONF_TAG: Final = "tag"

_SEVERAL = vol.All(cv.ensure_list, [cv.string])
_OPTIONS: Final[dict[str, Any]] = {
    ATTR_CONFIG_ENTRY_ID: cv.string,
    _CONF_ACTION: _SEVERAL,
    _CONF_PRIORITY: vol.In([one.value for one in Priority]),
    _CONF_TAG: _SEVERAL,
}

type _Run = tuple[dict[str, Any], str]
"""The variables of an automation, and in a few words why it runs."""


class QQMailTrigger(Trigger):
    """Triggers for one account or for all, those to come included."""

    options: ClassVar[tuple[str, ...]] = (ATTR_CONFIG_ENTRY_ID,)
    """Those but the account and the priority have the name of a variable."""
    signal: ClassVar[SignalType[*tuple[Any, ...]]]
    told: Callable[..., _Run | None]
    """Returns what to run with when it is told of something; None: not at all.

    The variable `account` is the id of its entry.
    """

    @classmethod
    @override
    async def async_validate_config(
        cls, hass: HomeAssistant, config: ConfigType
    ) -> ConfigType:
        """Check the options, and that the account exists; it need not be loaded."""
        options = {vol.Optional(name): _OPTIONS[name] for name in cls.options}
        schema = vol.Schema({vol.Optional(CONF_OPTIONS, default={}): options})
        validated: ConfigType = schema(config)
        if entry_id := validated[CONF_OPTIONS].get(ATTR_CONFIG_ENTRY_ID):
            entry = hass.config_entries.async_get_entry(entry_id)
            if entry is None or entry.domain != DOMAIN:
                raise vol.Invalid(f"{entry_id} is not a QQ Mail account")
        return validated

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._key = config.key
        self._options = config.options or {}
        """What is not named is all."""

    @override
    async def async_attach_runner(
        self,
        run_action: TriggerActionRunner,
        did_not_trigger: TriggerNotTriggeredReporter | None = None,
    ) -> CALLBACK_TYPE:
        """Listen to all accounts: what tells of them outlives their reloads."""

        @callback
        def handle(*told: Any) -> None:
            if run := self._run_for(*told):
                run_action(*run)

        # An automation may be there before the first account is.
        await async_setup_component(self._hass, DOMAIN, {})
        handlers = self._hass.data[DATA_HOUSE].buttons.handlers[self.signal]
        handlers.add(self._run_for)
        disconnect = async_dispatcher_connect(self._hass, self.signal, handle)

        @callback
        def detach() -> None:
            handlers.remove(self._run_for)
            disconnect()

        return detach

    def _run_for(self, *told: Any) -> _Run | None:
        """Return what to run with; None: the options do not name it."""
        if not (run := self.told(*told)):
            return None
        variables, _ = run
        account = variables.get("account")
        if self._options.get(ATTR_CONFIG_ENTRY_ID) not in (None, account):
            return None
        for name in (_CONF_ACTION, _CONF_TAG):
            if (named := self._options.get(name)) and variables[name] not in named:
                return None
        if account:
            # What was being tried when the account was removed is told as well.
            entry = self._hass.config_entries.async_get_entry(account)
            variables["account"] = entry.data[CONF_USERNAME] if entry else ""
        return run


class OutcomeTrigger(QQMailTrigger):
    """Triggers on the outcome of a message that its key names."""

    signal = SIGNAL_OUTBOX

    @override
    def told(self, event: OutboxEvent | None) -> _Run | None:
        """Run for an outcome of this kind."""
        if not event or not self._key.endswith(f"message_{event.outcome}"):
            return None
        variables = told_of_outcome(event) | {"account": event.account}
        return variables, f"message {event.queue_id} {event.outcome}"


class MessagesDelayedTrigger(QQMailTrigger):
    """Triggers when messages wait too long: once for each account and episode."""

    options = (ATTR_CONFIG_ENTRY_ID, _CONF_PRIORITY)
    signal = SIGNAL_DELAY

    @override
    def told(self, account: str, delay: Delay) -> _Run | None:
        """Run for a delay of messages that are important enough."""
        falling = list(Priority)
        least = Priority(self._options.get(_CONF_PRIORITY, Priority.LOWEST))
        if falling.index(delay.priority) > falling.index(least):
            return None
        variables = {
            "number": delay.number,
            "titles": list(delay.titles),
            "recipients": list(delay.recipients),
            "priority": delay.priority.value,
            "reason": delay.plan.reason.value,
            "next_attempt": iso_of(OutboxView.time_of(delay.plan)),
            "account": account,
        }
        return variables, f"{delay.number} messages wait"


class ActionClickedTrigger(QQMailTrigger):
    """Triggers when somebody presses a button of a mail."""

    options = (ATTR_CONFIG_ENTRY_ID, _CONF_ACTION, _CONF_TAG)
    signal = SIGNAL_PRESS

    @override
    def told(self, press: Press) -> _Run:
        """Run for a button."""
        mail, action = press.mail, press.action.action
        variables = told_of_press(press) | {"account": mail.account}
        return variables, f"button {action} of message {mail.queue_id}"


class ReplyReceivedTrigger(QQMailTrigger):
    """Triggers when somebody answers a mail with a text that presses no button."""

    options = (ATTR_CONFIG_ENTRY_ID, _CONF_TAG)
    signal = SIGNAL_REPLY

    @override
    def told(self, reply: Reply) -> _Run:
        """Run for an answer."""
        mail = reply.mail
        variables = {
            "text": reply.text,
            "action": reply.action or None,
            "sender": reply.sender,
            "tag": mail.tag,
            "queue_id": mail.queue_id,
            "subject": mail.subject,
            "account": mail.account,
        }
        return variables, f"answer to message {mail.queue_id}"


class AlarmTrigger(QQMailTrigger):
    """Triggers when it is over that an alarm is sent again, by whichever accounts."""

    options = (_CONF_TAG,)
    signal = SIGNAL_ALARM

    @override
    def told(self, alarm: Reminder, acknowledged: bool) -> _Run | None:
        """Run for an alarm that ended in the way that the key names."""
        if acknowledged is not self._key.endswith("acknowledged"):
            return None
        variables = {
            "tag": alarm.tag,
            "title": alarm.title,
            "number": alarm.number,
            "raised_at": alarm.raised.isoformat(),
        }
        return variables, f"alarm {alarm.tag}"


TRIGGERS: dict[str, type[Trigger]] = {
    "message_rejected": OutcomeTrigger,
    "message_expired": OutcomeTrigger,
    "message_bounced": OutcomeTrigger,
    "messages_delayed": MessagesDelayedTrigger,
    "action_clicked": ActionClickedTrigger,
    "reply_received": ReplyReceivedTrigger,
    "alarm_acknowledged": AlarmTrigger,
    "alarm_unanswered": AlarmTrigger,
}


async def async_get_triggers(_hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
