"""What an earlier run has left of an account: reading it, and reading it once more.

A machine without a battery for its clock boots in the past, and learns minutes later
what time it is. What was loaded until then is counted anew from what is on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import logging
from typing import Any

from ...clock import Now
from .account import Account, new_account, read_conversation, read_entry
from .limits import Entry, Learned
from .models import Message, Pause
from .record import read_message
from .turn import ACCOUNT, LOGIN, MESSAGE, SENT, Turn

type Records = Mapping[tuple[str, str], Mapping[str, Any]]
"""What the disk has of an account, by kind and key."""

UNSURE_FOR = 900.0
"""Seconds after a start for which the wall clock may still be set for the first time."""
_JUMP = 60.0
"""Seconds that the wall clock has to jump forward to have been set."""


@dataclass(slots=True)
class Loaded:
    """What was read, and by which clock."""

    records: Records
    at: Now
    by: Now
    """The clock by which its age was counted last."""
    pause: Pause | None = None
    """As it was read; it is another one if it began since, and so are these."""
    minute: Learned | None = None
    hour: Learned | None = None
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """Kind and key of what could not be read."""
    cut_off: list[str] = field(default_factory=list)
    """Queue ids of what the server may have: its attempt ended with the process."""

    def is_sure(self, now: Now) -> bool:
        """Tell whether the wall clock is not set for the first time any more."""
        return now.steady - self.at.steady >= UNSURE_FOR

    def clock_was_set(self, now: Now) -> bool:
        """Tell whether the wall clock jumped forward since it was counted."""
        jump = (now.wall - self.by.wall).total_seconds()
        return jump - (now.steady - self.by.steady) > _JUMP

    def remember(self, account: Account) -> None:
        """Know what was read of how the account stands."""
        self.pause = account.pause
        self.minute, self.hour = account.limits.minute, account.limits.hour


def load(account: Account, records: Records, now: Now) -> Loaded:
    """Take over what can be read."""
    loaded = Loaded(records, now, now)
    for (kind, key), data in records.items():
        try:
            _take_over(account, kind, key, data, now, loaded)
        except ValueError, TypeError, OverflowError:
            loaded.unreadable.append((kind, key))
    _sort(account)
    loaded.remember(account)
    return loaded


def is_counted(turn: Turn, loaded: Loaded) -> bool:
    """Tell whether ages are sure, and count them anew by a clock that was set."""
    if loaded.is_sure(turn.now):
        return True
    if loaded.clock_was_set(turn.now):
        turn.log(logging.INFO, "The clock was set: what was loaded is counted anew")
        for message in _count_anew(turn.account, loaded, turn.now):
            turn.write(message)
        turn.write_account()
    return False


def _count_anew(account: Account, loaded: Loaded, now: Now) -> list[Message]:
    """Count the age of what was loaded by a clock that was set; return the messages."""
    loaded.by = now
    limits, changed = account.limits, list[Message]()
    counted: dict[str, Entry] = {}
    for (kind, key), data in loaded.records.items():
        if (kind, key) in loaded.unreadable:
            continue
        if kind in (SENT, LOGIN):
            counted[key] = read_entry(key, data, now)
        elif kind == ACCOUNT:
            _count_account_anew(account, data, now, loaded)
        elif (
            kind == MESSAGE
            and (known := account.queue.get(key))
            and not account.queue.is_owned(key)
        ):
            read = read_message(key, data, now)
            due = min(known.due, read.due) if known.due > now.steady else known.due
            message = replace(known, raised=min(known.raised, read.raised), due=due)
            account.queue.put(message)
            changed.append(message)
    limits.sent = [counted.get(one.key, one) for one in limits.sent]
    limits.logins = [counted.get(one.key, one) for one in limits.logins]
    _sort(account)
    return changed


def _take_over(
    account: Account,
    kind: str,
    key: str,
    data: Mapping[str, Any],
    now: Now,
    loaded: Loaded,
) -> None:
    match kind:
        case "message":
            message = read_message(key, data, now)
            if message.in_data and not message.restored:
                loaded.cut_off.append(key)
            account.queue.put(message)
        case "sent":
            account.limits.sent.append(read_entry(key, data, now))
        case "login":
            account.limits.logins.append(read_entry(key, data, now))
        case "conversation":
            account.conversations[key] = read_conversation(data)
        case "account":
            account.read(data, now)


def _count_account_anew(
    account: Account, data: Mapping[str, Any], now: Now, loaded: Loaded
) -> None:
    again = new_account(account.id, account.limits.settings, now, account.house)
    again.read(data, now)
    limits = account.limits
    if (pause := account.pause) and pause is loaded.pause:
        account.pause = again.pause
        if pause.cause.of_login:
            account.check_login_at = again.check_login_at
    if limits.minute is loaded.minute:
        limits.minute = again.limits.minute
    if limits.hour is loaded.hour:
        limits.hour = again.limits.hour
    loaded.remember(account)


def _sort(account: Account) -> None:
    account.limits.sent.sort(key=lambda one: one.at)
    account.limits.logins.sort(key=lambda one: one.at)
    by_use = sorted(account.conversations.items(), key=lambda item: item[1].used)
    account.conversations = dict(by_use)
