"""What an earlier run has left of an account: reading it, and reading it once more.

What was loaded before the clock was set is counted anew from what is on disk.
"""

from collections.abc import Mapping
from dataclasses import replace
import logging
from typing import Any

from ...clock import UNSURE_FOR, Now
from .account import Account, Conversation, Loaded, Records
from .limits import Entry, Learned, Settings
from .models import Pause
from .record import read_message, read_record
from .retry import LONGEST_PAUSE
from .turn import ACCOUNT, CONVERSATION, LOGIN, MESSAGE, SENT, Turn


def load(
    account_id: str,
    settings: Settings,
    house: Mapping[str, Account],
    records: Records,
    now: Now,
) -> tuple[Account, list[tuple[str, str]]]:
    """Return an account with what can be read of it, and what cannot.

    Its login is checked first.
    """
    unreadable: list[tuple[str, str]] = []
    account = Account(account_id, house, check_login_at=now.steady)
    # How it stands comes first: what else there is, is put into that.
    for kind, key in sorted(records):
        data = records[kind, key]
        try:
            if kind == ACCOUNT:
                account = _read_account(account, data, now)
            elif kind == MESSAGE:
                account.queue.put(read_message(key, data, now))
            elif kind in (SENT, LOGIN):
                log = account.limits.sent if kind == SENT else account.limits.logins
                entry, then = read_record(Entry, data, now, key=key)
                log.append(replace(entry, at=min(entry.at, then)))
            elif kind == CONVERSATION:
                known = read_record(Conversation, data, now)[0]
                account.conversations[key] = known
        except KeyError, TypeError, ValueError, OverflowError:
            unreadable.append((kind, key))
    account.limits.settings = settings
    account.loaded = Loaded(records, now, now)
    _sort(account)
    return account, unreadable


def _read_account(new: Account, record: Mapping[str, Any], now: Now) -> Account:
    """Return an account as it stood; raises as `read_record`.

    A pause is no longer than it was, and what was learned grows older, never younger.
    """
    account: Account
    account, then = read_record(Account, record, now, id=new.id, house=new.house)
    limits = account.limits
    limits.minute = _bounded(limits.minute, then)
    limits.hour = _bounded(limits.hour, then)
    account.check_login_at = new.check_login_at
    if pause := account.pause:
        length = min(pause.length, LONGEST_PAUSE)
        until = min(pause.until, round(then + length, 3))
        kept = Pause(pause.cause, until, length, pause.reply)
        account.pause = kept if until > now.steady else None
        if account.paused_for_login:
            account.check_login_at = until
    return account


def _bounded(learned: Learned | None, then: float) -> Learned | None:
    """Return what was learned by then."""
    if learned is None:
        return None
    if learned.value <= 0:
        raise ValueError("no server taught that")
    return replace(learned, at=min(learned.at, then))


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
    if not now.is_set_since(loaded.by):
        return
    turn.log(logging.INFO, "The clock was set: what was loaded is counted anew")
    standing = {key: one for key, one in loaded.records.items() if key[0] == ACCOUNT}
    settings = account.limits.settings
    before, _ = load(account.id, settings, {}, standing, loaded.by)
    after, _ = load(account.id, settings, {}, loaded.records, now)
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
            raised = min(message.raised, read.raised)
            due = min(message.due, read.due)
            turn.write(replace(message, raised=raised, due=due))
    turn.write_account()


def _sort(account: Account) -> None:
    account.limits.sent.sort(key=lambda one: one.at)
    account.limits.logins.sort(key=lambda one: one.at)
    by_use = sorted(account.conversations.items(), key=lambda item: item[1].used)
    account.conversations = dict(by_use)
