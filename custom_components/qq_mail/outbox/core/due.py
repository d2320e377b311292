"""What is due in an account at an instant, and when there is something due next."""

import logging

from . import fallback, merge
from .account import Account
from .models import NEVER, Level, LogIn, Message, Outcome
from .plan import free_at, heads
from .turn import Turn

EXPIRE_AT_ONCE = 20
"""Messages that are given up in one turn: whoever is told has something to do."""


def end_what_is_over(turn: Turn) -> None:
    """End floods, messages and a pause whose time is over."""
    merge.end_floods(turn)
    _give_up_expired(turn)
    account = turn.account
    if account.pause and account.pause.until <= turn.now.steady:
        account.pause = None
        turn.write_account()


def start_what_is_due(turn: Turn) -> None:
    """Try, or merge, whatever may go now; without any of that, perhaps check the login."""
    account, now = turn.account, turn.now.steady
    while message := _next(account, now):
        if merge.merge(turn, message):
            continue
        account.idle_session = False
        turn.attempt(message)
    if _login_check_at(account, now) <= now:
        turn.put_login_check_off()
        turn.do(LogIn(account.id))


def wake_at(account: Account, now: float) -> float:
    """Return when there is something due if nothing happens before."""
    queue = account.queue
    times = [queue.next_expiry(), fallback.wake_at(account, now)]
    if account.pause:
        return min(*times, account.pause.until)
    times.append(_login_check_at(account, now))
    down_until = account.down.until if account.down else now
    if later := queue.first_later():
        times.append(max(later[0], down_until))
    for message, plan in heads(account, now):
        times.append(plan.at if plan else _goes_at(account, now, message))
    return min(times)


def _give_up_expired(turn: Turn) -> None:
    for message in turn.queue.expired(turn.now.steady, EXPIRE_AT_ONCE):
        turn.log(
            logging.ERROR,
            f"Message {message.queue_id} expired after {message.attempts} attempts:"
            f" {message.reply or message.cause}",
        )
        turn.remove(message)
        turn.tell(message, Outcome.EXPIRED)


def _next(account: Account, now: float) -> Message | None:
    """Return the message to try now: the most important of those that may go."""
    for message, plan in heads(account, now):
        if plan is None:
            return message if _goes_at(account, now, message) <= now else None
    return None


def _goes_at(account: Account, now: float, message: Message) -> float:
    """Return when a session is to be had for a message that may go."""
    at = free_at(account, message)
    if account.queue.in_progress and not account.idle_session:
        at = max(at, account.limits.login_at(now, message.level))
    return at


def _login_check_at(account: Account, now: float) -> float:
    """Return when the login is checked: a revoked code is to be noticed by day."""
    if account.pause or account.queue.in_progress:
        return NEVER
    return max(account.check_login_at, account.limits.login_at(now, Level.BELOW))
