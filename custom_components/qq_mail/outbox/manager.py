"""The manager: gives the scheduler what happens, and does what follows from it."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from random import SystemRandom
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time, ulid_to_bytes

from ..clock import Now, read_clock, seconds_until
from ..const import LOGGER
from ..smtp.models import Account, Submission
from ..store import Damage, Records, Store, as_octets, read_all
from .composing import Receipt
from .core.models import (
    NEVER,
    Action,
    Level,
    Log,
    Message,
    OutboxEvent,
    Plan,
    Reason,
    Work,
)
from .core.scheduler import Scheduler
from .core.turn import MESSAGE
from .listeners import Listeners

DISK_TIMEOUTS: Final = {Level.HIGHEST: 2.0, Level.HIGH: 10.0}
"""Seconds that an important message, or a person, waits for a disk that hangs."""
_WAITS_FOR = (Reason.ATTEMPT, Reason.TURN)
"""What a call waits for: an attempt, its own or one before it, and nothing else."""


class Hands(Protocol):
    """What the manager knows of an account's outbox."""

    listeners: Listeners
    account: Account
    reads_answers: bool

    @property
    def at_work(self) -> set[str]:
        """The queue ids of what is being tried, and the first ones of digests."""

    def do(self, action: Work) -> None:
        """Do on the network and on the disk what follows for the account."""

    def submission(self, message: Message, account: Account) -> Submission:
        """Return a message as it is to go out by an account, be it another one."""


_OF_BACKUP = (MESSAGE, "duplicate", "reminder", "buttons")
"""Kinds of records that the house from which a backup was made goes on with.

Whatever comes from a backup says in `restored` that it waits for a person's decision.
"""


class Manager:
    """Holds the house's one scheduler, its store and its timer.

    Whatever happens goes through `happen`, which changes memory without an await, marks
    what is to be written, and does what follows. What happens while it does so is taken
    in afterwards, never within.
    """

    def __init__(self, hass: HomeAssistant, store: Store) -> None:
        self.store = store
        self.scheduler = Scheduler(
            SystemRandom().random, lambda wall: dt_util.as_local(wall).date()
        )
        self.hands: dict[str, Hands] = {}
        """By account."""
        self.receipts = WeakValueDictionary[str, Receipt]()
        """Of calls that wait, by queue id. Who was cancelled drops out by itself."""
        self.troubles = 0
        """How often something went wrong that nobody expected."""
        self.damage: tuple[Damage, ...] = ()
        """What could not be read of the store."""
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        """What was made of records, by account and kind, and by their keys."""
        self._records: dict[str, dict[tuple[str, str], bytes]] = {}
        """What was loaded, by account, and by kind and key, until somebody takes it."""
        self._hass = hass
        self._happened = deque[Callable[[Now], list[Action]]]()
        self._working = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_id = 0.0

    async def async_load(self) -> None:
        """Read the store, whatever the disk makes of it.

        What comes from a backup may be at work elsewhere: that is written down before
        anybody works with it.
        """
        loaded = await self.store.async_load()
        self.damage = tuple(loaded.damage)
        for key, octets in loaded.records.octets.items():
            kind, account_id, name = key
            self._records.setdefault(account_id, {})[(kind, name)] = octets
            if loaded.from_backup and kind in _OF_BACKUP:
                record = {**loaded.records[key], "restored": True}
                self.store.put(key, partial(dict, record))
                self._records[account_id][(kind, name)] = as_octets(record)
            if kind == MESSAGE:
                self.know_id(name)
        if loaded.from_backup:
            self.store.accept_backup()

    @property
    def recorded(self) -> list[str]:
        """The accounts of which something was loaded."""
        return list(self._records)

    def take_records(self, account_id: str, *kinds: str) -> Records[tuple[str, str]]:
        """Return what was loaded of an account, or of the house, once."""
        records = self._records.get(account_id, {})
        keys = [key for key in records if key[0] in kinds]
        return Records({key: records.pop(key) for key in keys})

    def known[One](
        self,
        account_id: str,
        kind: str,
        read: Callable[[str, Mapping[str, Any]], One],
    ) -> dict[str, One]:
        """Return what is known of an account, of one kind, by the keys of its records.

        It is read once, and outlives an account that is disabled for a while.
        """
        known = self._known.setdefault((account_id, kind), {})
        known |= read_all(self.take_records(account_id, kind), read)
        return known

    def waiting(self, account_id: str) -> list[tuple[str, str]]:
        """Return title and recipients of each message of an account, be it disabled."""
        if account := self.scheduler.accounts.get(account_id):
            waiting = account.raised()
            return [(one.subject, ", ".join(one.recipients)) for _, one in waiting]
        records = Records(self._records.get(account_id, {}))
        return [
            (str(record.get("subject")), ", ".join(map(str, record["recipients"])))
            for (kind, _), record in records.items()
            if kind == MESSAGE and record.get("recipients")
        ]

    def remove_account(self, account_id: str) -> None:
        """Forget an account, and have all of it removed from the disk."""
        self.scheduler.remove_account(account_id)
        self._records.pop(account_id, None)
        for key in [key for key in self._known if key[0] == account_id]:
            del self._known[key]
        self.write_marks()
        self.store.remove_account(account_id)

    def happen(
        self,
        method: Callable[..., list[Action] | None],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Let a method of the scheduler know what happened, and do what follows."""
        self._happened.append(lambda now: method(now, *args, **kwargs) or [])
        if self._working:
            return
        self._working = True
        try:
            while self._happened:
                self._step(self._happened.popleft())
        finally:
            self._working = False
        self._schedule()

    def plan(self, account_id: str, queue_id: str) -> Plan | None:
        """Return when a message, or its digest, goes, and why not now."""
        return self.scheduler.plan(read_clock(), account_id, queue_id)

    def new_id(self) -> str:
        """Return a queue id that comes after all others."""
        self._last_id = max(self._last_id + 0.001, read_clock().wall.timestamp())
        return ulid_at_time(self._last_id)

    def know_id(self, queue_id: str) -> None:
        """Have all new queue ids come after this one."""
        try:
            octets = ulid_to_bytes(queue_id)[:6]
        except ValueError:
            return
        self._last_id = max(self._last_id, int.from_bytes(octets) / 1000)

    def write_marks(self) -> None:
        """Hand what is to be written to the store: all of it is one round."""
        marks, self.scheduler.marks = self.scheduler.marks, {}
        for key, record in marks.items():
            if record is None:
                self.store.remove(key)
            else:
                self.store.put(key, record)

    async def async_written(self, level: Level = Level.HIGH) -> bool:
        """Wait until all that was changed so far is on disk; False: it was refused.

        Or the disk hangs for longer than a message of this level waits for it; people
        wait as long as one of high priority.
        """
        try:
            async with asyncio.timeout(DISK_TIMEOUTS.get(level)):
                await self.store.written()
        except TimeoutError:
            LOGGER.warning("The disk hangs; mail goes on from memory")
            return False
        except OSError:
            # The store has said so, and tries again; mail goes on from memory.
            return False
        return True

    def report_trouble(self, text: str) -> None:
        """Let a person know of the exception that is being handled."""
        LOGGER.exception(text)
        self.troubles += 1
        for hands in list(self.hands.values()):
            hands.listeners.tell(None)

    def stop_timer(self) -> None:
        """Look at the clock no more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _step(self, happened: Callable[[Now], list[Action]]) -> None:
        try:
            actions = happened(read_clock())
        except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
            self._recover("")
            actions = []
        # What is told then is on disk by the same round.
        self.write_marks()
        for action in actions:
            try:
                self._do(action)
            except Exception:  # noqa: BLE001 - it must not stop the other actions
                self._recover(f" at {type(action).__name__}")
        self._release_calls()
        for hands in list(self.hands.values()):
            hands.listeners.tell(None)

    def _do(self, action: Action) -> None:
        """Do what follows; nothing here waits."""
        match action:
            case OutboxEvent():
                if receipt := self.receipts.get(action.queue_id):
                    receipt.events.append(action)
                if hands := self.hands.get(action.account):
                    hands.listeners.report(action)
            case Log(level, text):
                LOGGER.log(level, text)
            case _:
                self.hands[action.account].do(action)

    def _recover(self, where: str) -> None:
        """Go on after an error that nobody expected, but not at once."""
        self.report_trouble(f"The outbox goes on after an error{where}")
        # Whatever was decided was not done: nobody is at work for these.
        for account_id, hands in self.hands.items():
            self.scheduler.recover(read_clock(), account_id, hands.at_work)
        self.write_marks()

    def _release_calls(self) -> None:
        """Let calls return whose messages are not being tried now."""
        for queue_id, receipt in list(self.receipts.items()):
            plan = self.plan(receipt.account, queue_id)
            if plan is None or plan.reason not in _WAITS_FOR:
                receipt.tried.set()

    def _schedule(self) -> None:
        """Look again when there is something to do."""
        self.stop_timer()
        try:
            at = self.scheduler.wake_at(read_clock())
        except Exception:  # noqa: BLE001 - whatever it is, the mail goes on
            self._recover(" while looking ahead")
            at = NEVER
        if any(one.running for one in self.scheduler.accounts.values()):
            self._timer = self._hass.loop.call_later(
                seconds_until(at), self.happen, self.scheduler.time_passed
            )
