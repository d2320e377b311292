"""What an earlier run has left of an account: reading it, and reading it once more.

A machine without a battery for its clock boots in the past, and learns minutes later
what time it is. What was loaded until then is counted anew from what is on disk.
"""

from dataclasses import replace
import logging

from ...clock import Now
from .account import (
    Account,
    Loaded,
    Records,
    new_account,
    read_conversation,
    read_entry,
)
from .record import read_message
from .turn import ACCOUNT, CONVERSATION, LOGIN, MESSAGE, SENT, Turn

UNSURE_FOR = 900.0
"""Seconds after a start for which the wall clock may still be set for the first time."""
_JUMP = 60.0
"""Seconds that the wall clock has to jump forward to have been set."""


def load(account: Account, records: Records, now: Now) -> Loaded:
    """Take over what can be read."""
    loaded = account.loaded = Loaded(records, now, now)
    limits = account.limits
    for (kind, key), data in records.items():
        try:
            if kind == MESSAGE:
                message = read_message(key, data, now)
                if message.in_data and not message.restored:
                    loaded.cut_off.append(key)
                account.queue.put(message)
            elif kind in (SENT, LOGIN):
                log = limits.sent if kind == SENT else limits.logins
                log.append(read_entry(key, data, now))
            elif kind == CONVERSATION:
                account.conversations[key] = read_conversation(data)
            elif kind == ACCOUNT:
                account.read(data, now)
        except ValueError, TypeError, OverflowError:
            loaded.unreadable.append((kind, key))
    _sort(account)
    return loaded


def count_anew(turn: Turn) -> None:
    """Count ages anew by a clock that was set, until there is no doubt of them."""
    account, now = turn.account, turn.now
    if not (loaded := account.loaded):
        return
    if now.steady - loaded.at.steady >= UNSURE_FOR:
        if account.running:
            # It is as large as all that waited then.
            account.loaded = None
        return
    jump = (now.wall - loaded.by.wall).total_seconds()
    if jump - (now.steady - loaded.by.steady) <= _JUMP:
        return
    turn.log(logging.INFO, "The clock was set: what was loaded is counted anew")
    standing = {key: one for key, one in loaded.records.items() if key[0] == ACCOUNT}
    before = _read(account, standing, loaded.by)
    after = _read(account, loaded.records, now)
    loaded.by = now
    # What is not as it was read then has begun since, and by the steady clock.
    if account.pause == before.pause:
        account.pause = after.pause
        if before.paused_for_login:
            account.check_login_at = after.check_login_at
    limits, was, other = account.limits, before.limits, after.limits
    limits.minute = other.minute if limits.minute == was.minute else limits.minute
    limits.hour = other.hour if limits.hour == was.hour else limits.hour
    for log, counted in ((limits.sent, other.sent), (limits.logins, other.logins)):
        known = {one.key: one for one in counted}
        log[:] = [known.get(one.key, one) for one in log]
    _sort(account)
    for read in after.queue:
        message = account.queue.get(read.queue_id)
        if message and not account.queue.is_owned(read.queue_id):
            waits = message.due > now.steady
            due = min(message.due, read.due) if waits else message.due
            raised = min(message.raised, read.raised)
            turn.write(replace(message, raised=raised, due=due))
    turn.write_account()


def _read(account: Account, records: Records, now: Now) -> Account:
    """Return the account as it would be if it were loaded by this clock."""
    read = new_account(account.id, account.limits.settings, now, {})
    load(read, records, now)
    return read


def _sort(account: Account) -> None:
    account.limits.sent.sort(key=lambda one: one.at)
    account.limits.logins.sort(key=lambda one: one.at)
    by_use = sorted(account.conversations.items(), key=lambda item: item[1].used)
    account.conversations = dict(by_use)
