"""What ends a wait: a code that works, or a person who asks for a try."""

from collections.abc import Iterable

from .models import Message
from .retry import LOGIN_CHECK_INTERVAL
from .turn import Turn


def code_works(turn: Turn) -> None:
    """Forget that logins were refused; the next check is a day from now."""
    account = turn.account
    account.check_login_at = turn.after(LOGIN_CHECK_INTERVAL)
    if account.paused_for_login or account.asked or account.login_refusals:
        account.login_refusals = account.asked = 0
        if account.paused_for_login:
            account.pause = None
        turn.write_account()


def hurry(turn: Turn, queue_id: str | None, *, restored: bool) -> None:
    """Let a message, or all of them, go at once; `restored`: also what is a backup's."""
    account = turn.account
    changed: Iterable[Message | None] = ()
    if queue_id is None:
        changed = turn.queue.hurry(restored=restored)
    elif message := turn.queue.get(queue_id):
        changed = (turn.queue.hurry_one(message),)
    else:
        return
    for message in filter(None, changed):
        turn.write(message)
    if account.pause:
        account.pause = None
        account.check_login_at = turn.after(LOGIN_CHECK_INTERVAL)
        turn.write_account()
    account.down = account.lost = None
    account.limits.forgiven_at = turn.now.steady
