"""A second account takes over what the first may not send.

What is taken over waits in the other account's queue, by its limits; its record, its tag
and whoever is told of it stay with the account in which it was raised.
"""

from collections.abc import Iterator
from dataclasses import replace

from . import merge
from .account import Account
from .models import NEVER, Level, Message, TakeOver
from .plan import gate, helper_of, taken_over
from .retry import COPIED_AFTER, TAKEN_OVER_AFTER
from .turn import Turn


def hand_over(turn: Turn) -> None:
    """Have go by another account what is to, and end, or copy, what hangs."""
    account, now = turn.account, turn.now.steady
    _give_back(turn)
    if not account.running:
        return
    while found := next((one for one in _stuck(account, now) if one[0] <= now), None):
        _, stuck, other = found
        if not merge.merge(turn, stuck, by=other):
            move(turn, stuck, other)
    for at, message, other in list(_hanging(account, now)):
        if at <= now:
            attempt = account.queue.in_progress[message.queue_id]
            attempt.taken_over = True
            copy = attempt.text_since is not None
            turn.do(TakeOver(account.id, message, other.id, copy))


def wake_at(account: Account, now: float) -> float:
    """Return when something is to go by another account, if nothing changes."""
    times = [at for at, *_ in (*_stuck(account, now), *_hanging(account, now))]
    return min(times, default=NEVER)


def move(turn: Turn, message: Message, other: Account) -> None:
    """Put a message into another account's queue, by one record."""
    account = turn.account
    turn.queue.hand_out(message)
    if other.id != message.home and account.helped_since is None:
        account.helped_since = turn.now.steady
    home = "" if other.id == message.home else account.id
    # What its own server said of it is no news of the other one.
    message = replace(message, home=home, by=other.id, stalled_at=None)
    turn.of(other).write(message)


def move_at_once(turn: Turn, message: Message, *, hanging: bool = False) -> bool:
    """Move a message whose account may not send it, or hangs, if another one may now."""
    account, now = turn.account, turn.now.steady
    plan = None if hanging else gate(account, now, message)
    other = helper_of(account, message, plan) if plan or hanging else None
    if other is None or gate(other, now, message):
        return False
    move(turn, message, other)
    return True


def place(turn: Turn) -> None:
    """Put what was read from disk where it was: another account may have it."""
    account = turn.account
    for message in account.queue:
        other = account.house.get(message.by)
        if other is None or other is account or message.restored:
            continue
        if account.queue.is_owned(message.queue_id):
            # Its own account began with it before the other one was there.
            account.queue.put(replace(message, by=""))
        elif other.running and account.running:
            account.queue.remove(message.queue_id)
            other.queue.put(replace(message, home=account.id))


def _give_back(turn: Turn) -> None:
    """Put messages into their own account's queue again where either one has stopped."""
    account, queue = turn.account, turn.queue
    for queue_id, home in list(queue.guests.items()):
        message = queue.get(queue_id)
        if (
            message
            and not queue.is_owned(queue_id)
            and not (account.running and account.house[home].running)
        ):
            # As if it had always been there.
            queue.remove(queue_id)
            turn.at_home(message).write(replace(message, home="", by=""))


def _stuck(account: Account, now: float) -> Iterator[tuple[float, Message, Account]]:
    """Yield what the account holds up, and when another one takes it over.

    That is the first message of each lane: the next one has its turn then.
    """
    if not (account.limits.settings.fallback or account.queue.guests):
        return
    for message in account.queue.heads(now):
        plan = gate(account, now, message)
        if plan and (taken := taken_over(account, now, message, plan)):
            at, other = taken
            yield at, message, other


def _hanging(account: Account, now: float) -> Iterator[tuple[float, Message, Account]]:
    """Yield the attempts that have no end, and when another account comes to help.

    Before its text begins, a message can be moved. Later the server may have it: but an
    alarm that may arrive twice is better than one that does not.
    """
    for message in account.queue.trying:
        attempt = account.queue.in_progress[message.queue_id]
        if attempt.taken_over or message.unwanted:
            continue
        if attempt.text_since is None:
            at = attempt.since + TAKEN_OVER_AFTER[message.level]
        elif message.level is Level.HIGHEST and not (message.by or message.in_memory):
            at = attempt.text_since + COPIED_AFTER
        else:
            continue
        other = helper_of(account, replace(message, in_data=False))
        plan = gate(other, now, message) if other else None
        if other and (plan is None or plan.at < NEVER):
            yield round(max(at, plan.at if plan else now), 3), message, other
