"""One turn of the heart: what is known, what time it is, and what is decided."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
import logging
from typing import Any

from ..smtp.errors import MailError
from ..smtp.models import Reply
from ..smtp.replies import Cause, Treatment
from .clock import Now
from .events import (
    AskForCode,
    Decision,
    KeepStanding,
    Log,
    MarkGoneOut,
    Release,
    Remove,
    Tell,
    Write,
)
from .message import QueuedMessage
from .outcome import OutboxEvent, Outcome
from .queue import Queue
from .retry import LOGIN_PAUSE, WORD_BY_WORD, back_off, login_interval, rate_limit_pause
from .standing import Down, Hold, Standing

_RESTS = (Treatment.PAUSE, Treatment.LOGIN_LATER, Treatment.NEW_CODE)


class Turn:
    """Collects decisions; the queue and the standing are changed as they are made.

    The queue is handed on and changed in place, because a copy would cost more the
    more messages wait. All else is replaced.
    """

    def __init__(
        self,
        queue: Queue,
        standing: Standing,
        now: Now,
        chance: Callable[[], float],
        *,
        session_open: bool,
        digest: bool = False,
    ) -> None:
        """Begin with nothing decided; chance gives numbers between 0 and 1."""
        self.session_open = session_open
        self.queue = queue
        self.standing = standing
        self.now = now
        self.digest = digest
        """Whether messages may be merged."""
        self.decisions: list[Decision] = []
        self._chance = chance

    def do(self, decision: Decision) -> None:
        """Decide something."""
        self.decisions.append(decision)

    def after(self, seconds: float) -> float:
        """Return the instant so many seconds from now, to the millisecond."""
        return round(self.now.steady + seconds, 3)

    def change(self, **changes: Any) -> None:
        """Change how the account stands."""
        self.standing = replace(self.standing, **changes)

    @property
    def word_by_word(self) -> bool:
        """Whether each command has to wait for the answer to the one before."""
        return self.standing.word_by_word(self.now.steady)

    def may_log_in(self, importance: int) -> bool:
        """Tell whether there may be a login for a message that is so important."""
        now = self.now.steady
        return self.standing.logins.next_at(now, importance) <= now

    def count_login(self) -> None:
        """Remember a login, be it refused; over a restart as well."""
        logins = self.standing.logins.take(self.now.steady)
        self.change(logins=logins)
        if logins.scarce(self.now.steady) or not self.queue.in_air:
            # Else no alert is to wait for the disk: it is kept with what comes next.
            self.do(KeepStanding())

    def stop_flights(self) -> None:
        """Send no several commands at once any more: the server fails at them."""
        self.change(word_by_word_until=self.after(WORD_BY_WORD))
        self.log(logging.INFO, "The server takes one command after the other only")

    def log(self, level: int, text: str) -> None:
        """Have something said in the log."""
        self.do(Log(level, text))

    def next_attempt(self, message: QueuedMessage) -> datetime | None:
        """Return when a message will be tried; None: when a person decides."""
        return next_attempt(self.queue, self.standing, self.now, message)

    def tell(
        self,
        message: QueuedMessage,
        outcome: Outcome,
        *,
        cause: Cause | None = None,
        reply: Reply | None = None,
        detail: str = "",
    ) -> None:
        """Tell of an outcome; what waits is told with its next attempt."""
        waits = self.queue.get(message.queue_id) is not None
        waits = waits and outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
        event = OutboxEvent(
            outcome=outcome,
            queue_id=message.queue_id,
            subject=message.subject,
            recipients=message.recipients,
            attempts=message.attempts,
            message_id=message.message_id,
            cause=cause,
            reply=reply,
            detail=detail,
            next_attempt=self.next_attempt(message) if waits else None,
        )
        self.do(Tell(event))
        if waits:
            # Of what a digest is made of, only what became of it in the end.
            return
        for one in message.merged:
            self.do(
                Tell(
                    replace(
                        event,
                        queue_id=one.queue_id,
                        subject=one.subject,
                        message_id=one.message_id,
                        digest=message.queue_id,
                    )
                )
            )

    def remove(self, message: QueuedMessage) -> None:
        """Let a message go: it was answered, or expired, or a person said so."""
        self.queue.remove(message.queue_id)
        self.do(Remove(message))
        self.do(Release(message.queue_id))

    def reject(
        self,
        message: QueuedMessage,
        cause: Cause,
        reply: Reply | None,
        detail: str = "",
    ) -> None:
        """Report that a message was refused for good."""
        self.log(
            logging.ERROR,
            f"Message {message.queue_id} was rejected: {reply or detail or cause}",
        )
        self.tell(message, Outcome.REJECTED, cause=cause, reply=reply, detail=detail)

    def gone_out(self, message: QueuedMessage) -> None:
        """Count it, and remember it before it is forgotten: a clear has to be told."""
        allowance = self.standing.allowance.went_out(
            self.now.steady, message.importance
        )
        self.change(allowance=allowance)
        tags = {message.tag, *(one.tag for one in message.merged)}
        for tag in sorted(tags - {""}):
            self.do(MarkGoneOut(tag))

    def failed_itself(self, message: QueuedMessage) -> QueuedMessage:
        """Return a message that waits for its own sake, longer after each failure."""
        failures = message.failures + 1
        return replace(
            message,
            failures=failures,
            offered_at=self.now.steady,
            due=self.after(back_off(failures, self._chance())),
        )

    def defer(
        self,
        message: QueuedMessage,
        outcome: Outcome = Outcome.DEFERRED,
        *,
        unwanted: bool = False,
        detail: str = "",
    ) -> None:
        """Keep a message for its next attempt, if it is to have one."""
        if unwanted:
            self.log(logging.INFO, f"Message {message.queue_id} was discarded")
            self.remove(message)
            if outcome is Outcome.UNKNOWN:
                # It may be out in the world all the same.
                self.tell(message, outcome, cause=message.cause, detail=detail)
            return
        if message.in_memory:
            # Nothing of it is on disk, so that it has no other try.
            self.remove(message)
            if outcome is Outcome.UNKNOWN:
                self.tell(message, outcome, cause=message.cause, detail=detail)
                return
            self.log(
                logging.ERROR,
                f"Message {message.queue_id} is lost: it could not be kept, and was not"
                f" accepted: {message.reply or detail or message.cause}",
            )
            self.tell(
                message,
                Outcome.EXPIRED,
                cause=message.cause,
                reply=message.reply,
                detail=detail,
            )
            return
        self.queue.put(message)
        self.do(Write(message))
        self.tell(
            message, outcome, cause=message.cause, reply=message.reply, detail=detail
        )
        self.do(Release(message.queue_id))

    def go_down(self, *, refused: bool) -> None:
        """Let all messages wait: it would be the same for each of them."""
        times = (self.standing.down.times if self.standing.down else 0) + 1
        wait = back_off(times, self._chance())
        self.change(down=Down(self.after(wait), times, refused))
        self.do(Release())

    def hold_if_needed(self, error: MailError) -> bool:
        """Let the account rest where each further try would make it worse."""
        standing, now = self.standing, self.now.steady
        treatment = error.cause.treatment
        if treatment not in _RESTS:
            return False
        if standing.hold:
            # What was in the air already when that began tells nothing new.
            return True
        match treatment:
            case Treatment.PAUSE:
                length = rate_limit_pause(standing.pauses)
                self.change(
                    pauses=standing.pauses + 1,
                    bucket=standing.bucket.slower(now),
                    allowance=standing.allowance.slower(now),
                )
            case Treatment.LOGIN_LATER if not standing.login_refusals:
                length = LOGIN_PAUSE
                self.change(login_refusals=1)
            case _:
                asked = standing.asked + 1
                length = login_interval(asked)
                self.change(login_refusals=standing.login_refusals + 1, asked=asked)
                self.do(AskForCode())
        hold = Hold(error.cause, self.after(length), length, error.reply)
        self.change(hold=hold, down=None)
        if hold.for_login:
            # Whatever waits then: a code may come to work again unnoticed.
            self.change(check_login_at=hold.until)
        until = self.now.wall_at(hold.until).astimezone()
        self.log(
            logging.WARNING,
            f"Nothing is submitted until {until:%Y-%m-%d %H:%M:%S}: {error}",
        )
        self.do(KeepStanding())
        self.do(Release())
        return True


def next_attempt(
    queue: Queue, standing: Standing, now: Now, message: QueuedMessage
) -> datetime | None:
    """Return when a message will be tried; None: when a person decides."""
    due = max(queue.due_of(message), now.steady)
    if due == float("inf"):
        return None
    if standing.hold:
        due = max(due, standing.hold.until)
    if standing.down and standing.down.probe != message.queue_id:
        due = max(due, standing.down.until)
    due = max(due, standing.allowance.next_at(now.steady, message.importance))
    return now.wall_at(due)
