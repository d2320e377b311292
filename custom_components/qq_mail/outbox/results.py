"""What comes of an attempt, for the message and for the account."""

from collections.abc import Mapping
from dataclasses import replace
import logging

from ..smtp.errors import (
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from ..smtp.models import Reply, Step
from ..smtp.replies import Cause, Treatment, diagnose
from .events import (
    Attempt,
    AttemptBroke,
    AttemptFailed,
    CountAccepted,
    Release,
    Submitted,
    Write,
)
from .message import QueuedMessage
from .outcome import Outcome
from .retry import MAX_UNANSWERED
from .turn import Turn

_BEFORE_MAIL = (Step.CONNECT, Step.EHLO, Step.STARTTLS, Step.AUTH)
_CLOSING = 421
"""The server closes the connection, whatever it was asked (RFC 5321 section 3.8)."""


def submitted(turn: Turn, event: Submitted) -> None:
    """Go on with whoever was refused, and let the others go: the way is free."""
    landed = turn.queue.land(event.queue_id)
    if landed is None:
        return
    message, flight = landed
    result = event.result
    turn.change(pauses=0, down=None, lost=None, accepted_at=turn.now.steady)
    subjects = tuple(one.subject for one in message.merged) or (message.subject,)
    turn.do(CountAccepted(subjects))
    turn.gone_out(message)
    message = replace(
        message, attempts=message.attempts + 1, reached=True, in_data=False
    )
    accepted = replace(message, recipients=result.accepted)
    turn.tell(accepted, Outcome.ACCEPTED, reply=result.reply)
    if any(_is_for_now(reply) for reply in result.refused.values()):
        left = turn.failed_itself(_for_now(message, result.refused))
        turn.defer(left, unwanted=flight.unwanted)
    else:
        turn.remove(message)
    _reject_refused(turn, message, result.refused)


def failed(turn: Turn, event: AttemptFailed, *, may_start: bool) -> None:
    """Defer a message or reject it, and let the account rest where needed."""
    if event.error.step is Step.AUTH:
        turn.count_login()
    landed = turn.queue.land(event.queue_id)
    if landed is None:
        return
    before, flight = landed
    error = event.error
    if error.of_flight:
        turn.stop_flights()
    message = replace(
        before,
        attempts=before.attempts + 1,
        in_data=False,
        cause=error.cause,
        reply=error.reply,
        reached=before.reached or error.step not in _BEFORE_MAIL,
    )
    # What was heard is settled, whatever came after it.
    left = _after_refusals(message, error.refused)
    if left is None:
        turn.change(down=None, lost=None)
        turn.remove(message)
        _reject_refused(turn, message, error.refused)
        return
    progress = len(left.recipients) < len(message.recipients)
    if _is_for_a_fresh_session(event, progress=progress) and not flight.unwanted:
        again = left if progress else replace(before, in_data=False)
        turn.queue.put(again)
        turn.do(Write(again))
        _reject_refused(turn, message, error.refused)
        # Another message may have met a reason to rest meanwhile.
        rests = turn.standing.hold or not turn.may_log_in(again.importance)
        if may_start and not rests:
            turn.queue.take_off(again)
            turn.do(Attempt(again, fresh=True, word_by_word=turn.word_by_word))
        return
    if isinstance(error, RecipientsRefusedError):
        turn.change(down=None, lost=None)
        left = turn.failed_itself(_for_now(left, error.refused))
        turn.defer(left, unwanted=flight.unwanted)
    elif isinstance(error, OutcomeUnknownError):
        _unknown(turn, left, error, unwanted=flight.unwanted)
    elif error.cause.treatment in (
        Treatment.REJECT_MESSAGE,
        Treatment.REJECT_RECIPIENT,
    ):
        turn.change(down=None, lost=None)
        turn.remove(left)
        turn.reject(left, error.cause, error.reply, error.detail)
    elif turn.hold_if_needed(error):
        turn.defer(left, unwanted=flight.unwanted, detail=error.detail)
    else:
        left = _blame(turn, left, error)
        turn.defer(left, unwanted=flight.unwanted, detail=error.detail)
    _reject_refused(turn, message, error.refused)


def broke(turn: Turn, event: AttemptBroke) -> None:
    """Keep a message at which something unexpected went wrong, if it can be."""
    landed = turn.queue.land(event.queue_id)
    if landed is None:
        return
    message, flight = landed
    message = replace(message, attempts=message.attempts + 1, reply=None)
    if event.lost:
        turn.remove(message)
        # It never reached a server, so there is no cause but this.
        turn.log(
            logging.ERROR, f"Cannot read message {message.queue_id}: {event.detail}"
        )
        turn.tell(message, Outcome.REJECTED, detail=event.detail)
    elif event.sent:
        cut_off(turn, message, unwanted=flight.unwanted)
    else:
        message = replace(message, cause=Cause.TEMPORARY, in_data=False)
        message = turn.failed_itself(message)
        turn.defer(message, unwanted=flight.unwanted, detail=event.detail)


def cut(turn: Turn, queue_id: str) -> None:
    """Have a message wait that was not tried after all, unless it was discarded."""
    landed = turn.queue.land(queue_id)
    if landed is None:
        return
    message, flight = landed
    if flight.unwanted:
        turn.defer(message, unwanted=True)
        return
    if message.in_data:
        # It had been announced, and nothing of it was sent.
        message = replace(message, in_data=False)
        turn.queue.put(message)
        turn.do(Write(message))
    # It was its turn, be it by a person's wish.
    turn.queue.hurry_one(message)
    if turn.standing.hold or turn.standing.down:
        turn.do(Release(queue_id))


def cut_off(turn: Turn, message: QueuedMessage, *, unwanted: bool = False) -> None:
    """Keep a message that the server may have: its attempt ended without a word.

    That all of it was sent is not known, so it does not count as unanswered.
    """
    turn.gone_out(message)
    message = replace(message, in_data=False, cause=Cause.OUTCOME_UNKNOWN, reply=None)
    turn.defer(turn.failed_itself(message), Outcome.UNKNOWN, unwanted=unwanted)


def _unknown(
    turn: Turn, message: QueuedMessage, error: OutcomeUnknownError, *, unwanted: bool
) -> None:
    """Send again what was sent without an answer, but not without end."""
    turn.gone_out(message)
    message = replace(message, unanswered=message.unanswered + 1)
    if message.unanswered < MAX_UNANSWERED:
        message = _blame(turn, message, error)
        turn.defer(message, Outcome.UNKNOWN, unwanted=unwanted, detail=error.detail)
        return
    turn.remove(message)
    turn.log(
        logging.ERROR,
        f"Message {message.queue_id} was sent {message.unanswered} times without an"
        " answer, and is not sent again",
    )
    turn.tell(message, Outcome.UNKNOWN, cause=error.cause, detail=error.detail)


def _is_for_a_fresh_session(event: AttemptFailed, *, progress: bool) -> bool:
    """Whether a failure says something of the session, and nothing of the message."""
    error = event.error
    if isinstance(error, OutcomeUnknownError | RecipientsRefusedError):
        return False
    if error.of_flight:
        return True
    if not error.speaks_of_session:
        return False
    if progress:
        # Each time there are fewer recipients, so this ends.
        return True
    # A kept session that has died unseen is met at its next command.
    return not event.fresh and (
        error.step is Step.MAIL or isinstance(error, MessageRefusedError)
    )


def _blame(turn: Turn, message: QueuedMessage, error: MailError) -> QueuedMessage:
    """Find out whom a failure concerns, and return the message as it waits for that.

    All messages: what happened before the message was named. The message: what
    happened later, unless two in a row lose their connections.
    """
    lost = isinstance(error, SessionError | OutcomeUnknownError)
    now = turn.now.steady
    if error.step in _BEFORE_MAIL:
        turn.go_down(refused=error.reply is not None)
        return message
    if error.step is Step.MAIL or (error.reply and error.reply.code == _CLOSING):
        accepted, stalled = turn.standing.accepted_at, message.stalled_at
        if stalled is None or accepted is None or accepted < stalled:
            turn.go_down(refused=error.reply is not None)
            return replace(message, offered_at=now, stalled_at=now)
        # Others went through meanwhile: so it is this one alone.
    before = turn.standing.lost
    turn.change(lost=message.queue_id if lost else None)
    if lost and before not in (None, message.queue_id):
        turn.go_down(refused=False)
    else:
        turn.change(down=None)
    return turn.failed_itself(message)


def _after_refusals(
    message: QueuedMessage, refused: Mapping[str, Reply]
) -> QueuedMessage | None:
    """Return a message for those who were not refused for good, if there are any."""
    keep = [
        recipient
        for recipient in message.recipients
        if recipient not in refused or _is_for_now(refused[recipient])
    ]
    return replace(message, recipients=tuple(keep)) if keep else None


def _for_now(message: QueuedMessage, refused: Mapping[str, Reply]) -> QueuedMessage:
    """Return a message for those alone who were refused for now, and with that why."""
    keep = tuple(
        to for to in message.recipients if to in refused and _is_for_now(refused[to])
    )
    reply = refused[keep[0]]
    return replace(
        message, recipients=keep, cause=diagnose(reply, Step.RCPT), reply=reply
    )


def _reject_refused(
    turn: Turn, message: QueuedMessage, refused: Mapping[str, Reply]
) -> None:
    """Report those who were refused for good."""
    for recipient, reply in refused.items():
        if not _is_for_now(reply):
            cause = diagnose(reply, Step.RCPT)
            turn.reject(replace(message, recipients=(recipient,)), cause, reply)


def _is_for_now(reply: Reply) -> bool:
    return diagnose(reply, Step.RCPT).treatment is Treatment.RETRY
