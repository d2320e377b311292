"""What comes of an attempt: whom a failure concerns, and for how long."""

from collections.abc import Mapping
from dataclasses import replace
import logging

from ...smtp.errors import (
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from ...smtp.models import Reply, Step, SubmissionResult
from ...smtp.replies import Cause, Treatment, diagnose
from . import fallback
from .models import Down, Message, Outcome, Pause
from .retry import (
    LOGIN_INTERVALS,
    LOGIN_PAUSE,
    MAX_RATE_LIMIT_PAUSE,
    MAX_UNANSWERED,
    RATE_LIMIT_PAUSE,
)
from .turn import Turn

_BEFORE_TEXT = (Step.MAIL, Step.RCPT, Step.DATA)
_CLOSING = 421
"""The server closes the connection, whatever it was asked (RFC 5321 section 3.8)."""
_PAUSES = (Treatment.PAUSE, Treatment.LOGIN_LATER, Treatment.NEW_CODE)


def accepted(turn: Turn, queue_id: str, result: SubmissionResult) -> None:
    """Know that the server accepted a message, for all its recipients or for some.

    The way is free: the others go, and whoever was refused for now has another try.
    """
    if not (message := turn.queue.end_attempt(queue_id)):
        return
    account = turn.account
    account.pauses, account.accepted_at = 0, turn.now.steady
    account.helped_since = None
    _way_is_free(turn)
    turn.count_accepted(message)
    turn.went_out(message)
    message = replace(
        message, attempts=message.attempts + 1, reached=True, in_data=False
    )
    heard = replace(message, recipients=result.accepted, cause=None, reply=result.reply)
    turn.tell(heard, Outcome.ACCEPTED)
    if any(_is_for_now(reply) for reply in result.refused.values()):
        _defer(turn, _waits_itself(turn, _for_now(message, result.refused)))
    else:
        turn.remove(message)
    _reject_refused(turn, message, result.refused)


def failed(turn: Turn, queue_id: str, error: MailError, *, fresh: bool = True) -> None:
    """Know that a message was not accepted, in a session that was fresh or not.

    It is deferred or rejected, and the account pauses where that is needed.
    """
    if error.step is Step.AUTH:
        turn.count_login()
    if not (before := turn.queue.end_attempt(queue_id)):
        return
    if before.in_data and error.step in _BEFORE_TEXT:
        turn.uncount_sent(before)
    message = replace(
        before,
        attempts=before.attempts + 1,
        in_data=False,
        cause=error.cause,
        reply=error.reply,
        reached=before.reached or error.step.in_transaction,
    )
    # What was heard is settled, whatever came after it.
    left = _after_refusals(message, error.refused)
    progress = left is not None and left.recipients != message.recipients
    if left is None:
        _way_is_free(turn)
        turn.remove(message)
    elif not before.unwanted and _is_for_a_fresh_session(
        error, fresh=fresh, progress=progress
    ):
        again = left if progress else replace(before, in_data=False)
        turn.write(again)
        if before.in_data:
            turn.uncount_sent(before)
        _try_again(turn, again)
    elif isinstance(error, RecipientsRefusedError):
        _way_is_free(turn)
        _defer(turn, _waits_itself(turn, _for_now(left, error.refused)))
    elif isinstance(error, OutcomeUnknownError):
        _unknown(turn, left, error)
    elif error.cause.treatment in (
        Treatment.REJECT_MESSAGE,
        Treatment.REJECT_RECIPIENT,
    ):
        _way_is_free(turn)
        turn.remove(left)
        turn.reject(left, error.detail)
    else:
        if not pause_if_needed(turn, error):
            left = _blame(turn, left, error)
        _defer(turn, left, detail=error.detail)
    _reject_refused(turn, message, error.refused)


def broke(
    turn: Turn, queue_id: str, detail: str, *, lost: bool = False, sent: bool = False
) -> None:
    """Keep a message at which something unexpected went wrong, if it can be.

    `lost`: its text is gone, so that no further attempt can help. `sent`: its final dot
    may have gone out.
    """
    if not (message := turn.queue.end_attempt(queue_id)):
        return
    message = replace(message, attempts=message.attempts + 1, reply=None)
    if lost:
        turn.remove(message)
        # It never reached a server, so there is no cause but this.
        turn.log(logging.ERROR, f"Cannot read message {queue_id}: {detail}")
        turn.tell(replace(message, cause=None), Outcome.REJECTED, detail)
    elif sent:
        cut_off(turn, message)
    else:
        message = replace(message, cause=Cause.TEMPORARY, in_data=False)
        _defer(turn, _waits_itself(turn, message), detail=detail)


def cut(turn: Turn, queue_id: str) -> None:
    """Have a message wait that was not tried after all, unless it was discarded."""
    attempt = turn.queue.in_progress.get(queue_id)
    if not (message := turn.queue.end_attempt(queue_id)):
        return
    if message.in_data:
        # It had been announced, and nothing of it was sent.
        turn.uncount_sent(message)
        message = replace(message, in_data=False)
        turn.write(message)
    if message.unwanted:
        _defer(turn, message)
        return
    # It was its turn, be it by a person's wish.
    turn.hurry(message)
    if attempt and attempt.taken_over:
        fallback.move_at_once(turn, message, hanging=True)


def cut_off(turn: Turn, message: Message) -> None:
    """Keep a message that the server may have: its attempt ended without a word.

    That all of it was sent is not known, so it does not count as unanswered.
    """
    turn.went_out(message)
    message = replace(message, in_data=False, cause=Cause.OUTCOME_UNKNOWN, reply=None)
    _defer(turn, _waits_itself(turn, message), Outcome.UNKNOWN)


def pause_if_needed(turn: Turn, error: MailError) -> bool:
    """Pause the account where each further try would make it worse."""
    account, now = turn.account, turn.now.steady
    treatment = error.cause.treatment
    if treatment not in _PAUSES:
        return False
    if account.pause:
        # What was being tried already when that began tells nothing new.
        return True
    if treatment is Treatment.PAUSE:
        # Longer with each one without an accepted message.
        length = min(
            RATE_LIMIT_PAUSE * 2.0 ** min(account.pauses, 10), MAX_RATE_LIMIT_PAUSE
        )
        account.pauses += 1
        account.limits.slow_down(now)
    elif treatment is Treatment.LOGIN_LATER and not account.login_refusals:
        length = LOGIN_PAUSE
        account.login_refusals = 1
    else:
        length = LOGIN_INTERVALS[min(account.asked, len(LOGIN_INTERVALS) - 1)]
        account.asked += 1
        account.login_refusals += 1
    account.pause = Pause(error.cause, turn.after(length), length, error.reply)
    account.down = None
    if error.cause.of_login:
        # Whatever waits then: a code may come to work again unnoticed.
        account.check_login_at = account.pause.until
    until = turn.now.wall_at(account.pause.until).astimezone()
    turn.log(
        logging.WARNING,
        f"Nothing is submitted until {until:%Y-%m-%d %H:%M:%S}: {error}",
    )
    turn.write_account()
    return True


def _way_is_free(turn: Turn) -> None:
    turn.account.down = turn.account.lost = None


def _try_again(turn: Turn, message: Message) -> None:
    """Try a message over a fresh session, unless something forbids that meanwhile."""
    account, now = turn.account, turn.now.steady
    # Of a session that died unseen, there may be no login left.
    login_at = account.limits.login_at(now, message.level)
    if account.running and not account.pause and login_at <= now:
        turn.attempt(message, fresh=True)
    else:
        turn.hurry(message)


def _waits_itself(turn: Turn, message: Message) -> Message:
    """Return a message that waits for its own sake, longer after each failure."""
    failures = message.failures + 1
    return replace(
        message,
        failures=failures,
        offered_at=turn.now.steady,
        due=turn.back_off(failures),
    )


def _defer(
    turn: Turn,
    message: Message,
    outcome: Outcome = Outcome.DEFERRED,
    detail: str = "",
) -> None:
    """Keep a message for its next attempt, if it is to have one."""
    if not message.in_memory:
        turn.write(message)
        turn.tell(message, outcome, detail)
        return
    if (
        outcome is Outcome.DEFERRED
        and not message.unwanted
        and fallback.move_at_once(turn, message)
    ):
        # Nothing of it is on disk: the other account's try is its last one.
        return
    turn.remove(message)
    if message.unwanted:
        turn.log(logging.INFO, f"Message {message.queue_id} was discarded")
    if outcome is Outcome.UNKNOWN:
        # It may be out in the world all the same.
        turn.tell(message, outcome, detail)
    elif not message.unwanted:
        # Nothing of it is on disk, so that it has no other try.
        turn.log(
            logging.ERROR,
            f"Message {message.queue_id} is lost: it could not be kept, and was not"
            f" accepted: {message.reply or detail or message.cause}",
        )
        turn.tell(message, Outcome.EXPIRED, detail)


def _unknown(turn: Turn, message: Message, error: OutcomeUnknownError) -> None:
    """Send again what was sent without an answer, but not without end."""
    turn.went_out(message)
    message = replace(message, unanswered=message.unanswered + 1)
    if message.unanswered < MAX_UNANSWERED:
        message = _blame(turn, message, error)
        _defer(turn, message, Outcome.UNKNOWN, error.detail)
        return
    turn.remove(message)
    turn.log(
        logging.ERROR,
        f"Message {message.queue_id} was sent {message.unanswered} times without an"
        " answer, and is not sent again",
    )
    turn.tell(message, Outcome.UNKNOWN, error.detail)


def _is_for_a_fresh_session(error: MailError, *, fresh: bool, progress: bool) -> bool:
    """Whether a failure says something of the session, and nothing of the message."""
    if isinstance(error, RecipientsRefusedError) or not error.speaks_of_session:
        return False
    if progress:
        # Each time there are fewer recipients, so this ends.
        return True
    # A kept session that has died unseen is met at its next command.
    return not fresh and (
        error.step is Step.MAIL or isinstance(error, MessageRefusedError)
    )


def _blame(turn: Turn, message: Message, error: MailError) -> Message:
    """Find out whom a failure concerns, and return the message as it waits for that.

    All messages: what happened before the message was named. The message: what
    happened later, unless two in a row lose their connections.
    """
    account, now = turn.account, turn.now.steady
    lost = isinstance(error, SessionError | OutcomeUnknownError)
    if not error.step.in_transaction:
        _go_down(turn, error, refused=error.reply is not None)
        return message
    if error.step is Step.MAIL or (error.reply and error.reply.code == _CLOSING):
        went_through, stalled = account.accepted_at, message.stalled_at
        if stalled is None or went_through is None or went_through < stalled:
            _go_down(turn, error, refused=error.reply is not None)
            return replace(message, offered_at=now, stalled_at=now)
        # Others went through meanwhile: so it is this one alone.
    before = account.lost
    account.lost = message.queue_id if lost else None
    if lost and before not in (None, message.queue_id):
        _go_down(turn, error, refused=False)
    else:
        account.down = None
    return _waits_itself(turn, message)


def _go_down(turn: Turn, error: MailError, *, refused: bool) -> None:
    """Let all messages wait: it would be the same for each of them."""
    down, now = turn.account.down, turn.now.steady
    times = (down.times if down else 0) + 1
    until = turn.back_off(times)
    since = down.since if down else now
    turn.account.down = Down(since, until, times, refused, error.cause)


def _after_refusals(message: Message, refused: Mapping[str, Reply]) -> Message | None:
    """Return a message for those who were not refused for good, if there are any."""
    keep = [
        recipient
        for recipient in message.recipients
        if recipient not in refused or _is_for_now(refused[recipient])
    ]
    return replace(message, recipients=tuple(keep)) if keep else None


def _for_now(message: Message, refused: Mapping[str, Reply]) -> Message:
    """Return a message for those alone who were refused for now, and with that why."""
    keep = tuple(
        to for to in message.recipients if to in refused and _is_for_now(refused[to])
    )
    reply = refused[keep[0]]
    return replace(
        message, recipients=keep, cause=diagnose(reply, Step.RCPT), reply=reply
    )


def _reject_refused(turn: Turn, message: Message, refused: Mapping[str, Reply]) -> None:
    """Report those who were refused for good."""
    for to, reply in refused.items():
        if not _is_for_now(reply):
            cause = diagnose(reply, Step.RCPT)
            turn.reject(replace(message, recipients=(to,), cause=cause, reply=reply))


def _is_for_now(reply: Reply) -> bool:
    return diagnose(reply, Step.RCPT).treatment is Treatment.RETRY
