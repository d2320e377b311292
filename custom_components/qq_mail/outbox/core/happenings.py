"""What can happen to an account, beside what comes of an attempt or of a digest.

Each of these is a function of a turn, as those in failures.py and merge.py are.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
import logging

from ...smtp.errors import MailError
from ...smtp.models import Step
from . import failures, fallback, merge
from .limits import Settings
from .models import Level, Message
from .turn import Turn


def start(turn: Turn, *, check_login: bool) -> None:
    """Begin to send; with `check_login`, with a login.

    So a code that was revoked is noticed by day, and not at the alarm.
    """
    account = turn.account
    account.running = True
    if not check_login:
        # A form has logged in a moment ago, so the first message may as well.
        account.limits.credit = True
        if not account.pause:
            turn.put_login_check_off()
    for each in account.house.values():
        fallback.place(turn.of(each))
    for owner, message in account.raised():
        owned = owner.queue.is_owned(message.queue_id)
        if message.in_data and not (message.restored or owned):
            # The server may have it: its attempt ended with the process.
            tried = replace(message, attempts=message.attempts + 1)
            failures.cut_off(turn.of(owner), tried)


def stop(turn: Turn) -> None:
    """Begin nothing new; what comes is only kept."""
    turn.account.running = False


def configure(turn: Turn, settings: Settings) -> None:
    """Go on with other settings; what is being tried is not disturbed."""
    turn.account.limits.settings, turn.account.helped_since = settings, None


def take(turn: Turn, message: Message) -> None:
    """Have a new message in care, which is on disk or in memory alone."""
    turn.queue.put(merge.gather(turn, message))
    down = turn.account.down
    if down and (not down.refused or message.level is Level.HIGHEST):
        # Where there was no server, an alert is a reason to look again.
        _look_again(turn)


def retry(turn: Turn, queue_id: str | None = None) -> None:
    """Try a message, or all of them, at once: a person knows that it works again.

    Refusals are remembered: the next one is not the first.
    """
    if queue_id is None:
        chosen = list(turn.queue)
    else:
        turn = turn.of(turn.account.owner_of(queue_id))
        if not (message := turn.queue.get(queue_id)):
            return
        chosen = [message]
    _hurry(turn, chosen)


def discard(turn: Turn, queue_ids: Collection[str]) -> None:
    """Remove messages; one that is being tried goes if it is not accepted."""
    for queue_id in queue_ids:
        merge.discard(turn.of(turn.account.owner_of(queue_id)), queue_id)


def session_opened(turn: Turn, max_size: int | None) -> None:
    """Know that a login succeeded, for a message or as a check."""
    account = turn.account
    account.helped_since = None
    turn.count_login()
    _code_works(turn)
    if max_size and max_size != account.max_size:
        account.max_size = max_size
        turn.write_account()


def session_idle(turn: Turn, *, idle: bool) -> None:
    """Know whether there is a session that nobody uses."""
    turn.account.idle_session = idle


def submitting(turn: Turn, queue_id: str) -> None:
    """Know that a session is at work for a message."""
    if attempt := turn.queue.in_progress.get(queue_id):
        attempt.busy_since = turn.now.steady


def login_failed(turn: Turn, error: MailError) -> None:
    """Know that a login failed which was a check."""
    if error.step is Step.AUTH:
        turn.count_login()
    if not failures.pause_if_needed(turn, error):
        # Being offline is not worth more than that.
        turn.log(logging.DEBUG, f"Login not checked: {error}")


def code_renewed(turn: Turn) -> None:
    """Know that a form has logged in: what waits can go out, by a login of its own.

    What comes from a backup waits on for its own decision.
    """
    _code_works(turn)
    turn.account.limits.credit = True
    turn.account.down = None
    _hurry(turn, [message for message in turn.queue if not message.restored])


def _code_works(turn: Turn) -> None:
    """Forget that logins were refused; the next check is a day from now."""
    account = turn.account
    turn.put_login_check_off()
    if account.paused_for_login or account.asked or account.login_refusals:
        account.login_refusals = account.asked = 0
        if account.paused_for_login:
            account.pause = None
        turn.write_account()


def _hurry(turn: Turn, messages: Iterable[Message]) -> None:
    """Let messages go at once, and forget what held up all of them."""
    account = turn.account
    for message in messages:
        turn.hurry(message)
    if account.pause:
        account.pause = None
        turn.put_login_check_off()
        turn.write_account()
    account.lost = None
    _look_again(turn)
    account.limits.forgiven_at = turn.now.steady


def _look_again(turn: Turn) -> None:
    """Try at once what failed for all messages; if it fails again, it began before."""
    if down := turn.account.down:
        turn.account.down = replace(down, until=turn.now.steady, times=0)
