"""What the house has once for all accounts: outboxes, buttons, duplicates, reminders."""

from collections.abc import Collection
from dataclasses import dataclass

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import (
    async_dispatcher_connect,
    async_dispatcher_send,
)
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.signal_type import SignalType

from ..accounts import QQMailConfigEntry
from ..answers.bounces import Bounces
from ..answers.watching import Answers
from ..buttons.models import SIGNAL_PRESS, Press
from ..buttons.registry import BUTTONS, Buttons
from ..clock import Now, read_clock
from ..const import ACKNOWLEDGE, DOMAIN
from ..history import History
from ..outbox.core.models import OutboxEvent
from ..outbox.manager import Manager
from ..outbox.outbox import Outbox
from ..repeats.duplicates import Duplicates
from ..repeats.reminders import Reminder, Reminders
from ..sending.preview import Frames
from ..store import Store

DATA_HOUSE: HassKey[House] = HassKey(DOMAIN)

SIGNAL_OUTBOX: SignalType[OutboxEvent | None] = SignalType(f"{DOMAIN}_outbox")
"""Every outcome of every account, and by None that something else has changed."""
SIGNAL_ALARM: SignalType[Reminder, bool] = SignalType(f"{DOMAIN}_alarm")
"""That an alarm was acknowledged, or not in its time; once for all its accounts."""

_PROTECTED = 3
"""Mails of each alarm whose buttons are never forgotten for want of room."""
_TOGETHER = 5.0
"""Seconds: of two accounts' alarms that are over, one is told."""

_DATA_REFUSED: HassKey[dict[str, list[Now]]] = HassKey(f"{DOMAIN}_refused")
"""When forms were refused logins that no account is there for yet."""


@dataclass(kw_only=True)
class Rooms:
    """What an account has for as long as it is enabled, also while it is reloaded."""

    entry: QQMailConfigEntry
    outbox: Outbox
    duplicates: Duplicates
    reminders: Reminders
    history: History
    answers: Answers

    async def async_stop(self) -> None:
        """Do nothing more; what is raised from now on is still kept."""
        self.duplicates.async_stop()
        self.reminders.async_stop()
        await self.answers.async_stop()
        await self.outbox.async_stop()


class House:
    """Finds what belongs to an account, by its entry's id."""

    def __init__(self, hass: HomeAssistant, store: Store) -> None:
        self._hass = hass
        self.store = store
        """The one journal of the integration."""
        self.manager = Manager(hass, store)
        self.buttons = Buttons(hass, store, self._protected)
        self.frames = Frames()
        self.bounces: dict[str, Bounces] = {}
        self.rooms: dict[str, Rooms] = {}
        self.actions: dict[str, set[str]] = {}
        """The names of each account's actions, behind `notify.`."""
        async_dispatcher_connect(hass, SIGNAL_PRESS, self._hear)

    async def async_load(self) -> None:
        """Read the store; all buttons are known at once, those of disabled accounts too."""
        await self.manager.async_load()
        for account in self.manager.recorded:
            self.buttons.async_load(self.manager.take_records(account, BUTTONS))

    def add(self, account: str, rooms: Rooms) -> None:
        """Know an account that begins, or goes on, and what forms have tried for it."""
        refused = self._hass.data.setdefault(_DATA_REFUSED, {})
        for at in refused.pop(rooms.outbox.account.username, ()):
            rooms.outbox.async_count_login(at)
        self.rooms[account] = rooms

    def restored(self, account: str) -> dict[str, int]:
        """Return how much comes from a backup and waits for a decision, by its kind."""
        rooms = self.rooms[account]
        return {
            "number": len(rooms.outbox.restored),
            "alarms": rooms.reminders.restored,
            "counted": rooms.duplicates.restored,
            "buttons": self.buttons.restored(account),
        }

    def decide(self, account: str, *, send: bool) -> None:
        """Go on with what comes from a backup beside messages, or forget it."""
        rooms = self.rooms[account]
        rooms.duplicates.async_decide(send=send)
        rooms.reminders.async_decide(send=send)
        self.buttons.async_decide(account, send=send)

    def acknowledge(self, account: str, queue_id: str) -> None:
        """End an alarm, by whichever accounts it is sent: somebody knows of it."""
        rooms = self.rooms.get(account)
        if rooms and (tag := rooms.reminders.tag_of(queue_id)):
            self.acknowledge_tag(tag, queue_id)

    def acknowledge_tag(self, tag: str, queue_id: str = "") -> None:
        """End the alarms of a tag; the mail whose button was pressed says so itself."""
        alarms = [
            alarm
            for rooms in self.rooms.values()
            for alarm in rooms.reminders.async_acknowledge(tag, queue_id)
        ]
        if alarms:
            async_dispatcher_send(self._hass, SIGNAL_ALARM, alarms[-1], True)

    def leave_unanswered(self, alarm: Reminder) -> None:
        """Tell that nobody has acknowledged an alarm, unless another one is to tell it."""
        soon = max(alarm.unanswered, read_clock().steady) + _TOGETHER
        others = (
            one
            for rooms in self.rooms.values()
            for one in rooms.reminders.shown
            if one is not alarm and one.tag == alarm.tag and not one.restored
        )
        if not alarm.restored and all(one.unanswered > soon for one in others):
            async_dispatcher_send(self._hass, SIGNAL_ALARM, alarm, False)

    def _protected(self) -> Collection[str]:
        return {
            queue_id
            for rooms in self.rooms.values()
            for reminder in rooms.reminders.shown
            for queue_id in reminder.queue_ids[-_PROTECTED:]
        }

    @callback
    def _hear(self, press: Press) -> None:
        if rooms := self.rooms.get(press.mail.account):
            rooms.history.press(press)
        if press.action.action.lower() == ACKNOWLEDGE:
            self.acknowledge(press.mail.account, press.mail.queue_id)


@callback
def async_count_refused(hass: HomeAssistant, username: str) -> None:
    """Count a login that a form has made in vain, for an account or one to come."""
    house = hass.data.get(DATA_HOUSE)
    for rooms in house.rooms.values() if house else ():
        if rooms.outbox.account.username == username:
            rooms.outbox.async_count_login()
            return
    refused = hass.data.setdefault(_DATA_REFUSED, {})
    refused.setdefault(username, []).append(read_clock())
