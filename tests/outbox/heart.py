"""An outbox's heart without its shell: what it decides is looked at, and done by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.qq_mail.outbox.clock import Now
from custom_components.qq_mail.outbox.events import (
    Attempt,
    AttemptFailed,
    DataBegins,
    Decision,
    Event,
    SessionOpened,
    Submitted,
    Submitting,
    Taken,
    Tell,
    TimePassed,
)
from custom_components.qq_mail.outbox.message import QueuedMessage
from custom_components.qq_mail.outbox.outcome import OutboxEvent, Outcome
from custom_components.qq_mail.outbox.pace import Pace
from custom_components.qq_mail.outbox.queue import Queue
from custom_components.qq_mail.outbox.retry import LOGIN_CHECK_INTERVAL
from custom_components.qq_mail.outbox.scheduler import step, wake_at
from custom_components.qq_mail.outbox.standing import Standing
from custom_components.qq_mail.smtp.errors import (
    AuthenticationError,
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause, diagnose

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
FRIENDS = ("a@example.com", "b@example.com")
OK = Reply(250, "OK: queued as.")
UNLIMITED = Pace(5, 0)

AWAY = SessionError(Cause.CONNECTION_REFUSED, Step.CONNECT)
AMBIGUOUS = Reply(535, "Login fail. Account is abnormal, or system is busy.")
LOGIN_REFUSED = AuthenticationError(Cause.LOGIN_AMBIGUOUS, Step.AUTH, AMBIGUOUS)
LOGIN_RESET = SessionError(Cause.CONNECTION_LOST, Step.AUTH)
UNANSWERED = OutcomeUnknownError(Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA)
RATE_LIMIT = Reply(550, "Too many attempts. Unable to send. Try again later")


def lost(where: Step, **values: Any) -> MailError:
    """Return a connection that broke there."""
    return SessionError(Cause.CONNECTION_LOST, where, **values)


def refused(where: Step, code: int, text: str = "no", **values: Any) -> MailError:
    """Return a refusal of the message, or of the session."""
    reply = Reply(code, text)
    return MessageRefusedError(diagnose(reply, where), where, reply, **values)


def all_refused(replies: dict[str, Reply]) -> MailError:
    """Return the refusal of every recipient."""
    reply = next(iter(replies.values()))
    cause = diagnose(reply, Step.RCPT)
    return RecipientsRefusedError(cause, Step.RCPT, reply, replies)


def message(number: int, now: Now, **values: Any) -> QueuedMessage:
    """Return a message that was raised just now."""
    return QueuedMessage(
        **{
            "queue_id": f"{number:026}",
            "subject": f"Alert {number}",
            "reverse_path": "house@qq.com",
            "recipients": FRIENDS,
            "message_id": f"<{number}@qq.com>",
            "importance": 0,
            "size": 1000,
            "dated": now.wall,
            "raised": now.steady,
            "arrived": now.steady,
            "lifetime": DAY,
            "due": 0.0,
            **values,
        }
    )


class Heart:
    """A queue, how the account stands, a clock, and what was decided."""

    def __init__(
        self, pace: Pace = UNLIMITED, chance: float = 0.0, *, digest: bool = False
    ) -> None:
        """Begin with an account that has just logged in."""
        self.now = Now(1_000_000.0, NOON)
        self.queue = Queue()
        self.standing = Standing.new(
            pace,
            self.now.steady,
            check_login_at=self.now.steady + LOGIN_CHECK_INTERVAL,
        )
        self.chance = chance
        self.session_open = False
        """Whether the next message needs no login."""
        self.digest = digest
        self.decisions: list[Decision] = []
        """Of the last step."""
        self.told: list[OutboxEvent] = []
        """In all steps."""
        self._number = 0

    def tell(self, event: Event, *, may_start: bool = True) -> list[Decision]:
        """Let something happen, and return what is decided."""
        self.standing, self.decisions = step(
            self.queue,
            self.standing,
            event,
            self.now,
            chance=lambda: self.chance,
            may_start=may_start,
            session_open=self.session_open,
            digest=self.digest,
        )
        self.told += self.those(Tell, "event")
        return self.decisions

    def those(self, kind: type[Decision], value: str) -> list[Any]:
        """Return one value of each of the last decisions of a kind."""
        return [
            getattr(decision, value)
            for decision in self.decisions
            if isinstance(decision, kind)
        ]

    def said(self, decision: type[Decision]) -> bool:
        """Whether this was among the last decisions."""
        return any(isinstance(one, decision) for one in self.decisions)

    @property
    def attempted(self) -> list[str]:
        """Whom the last step began to try."""
        return [one.subject for one in self.those(Attempt, "message")]

    @property
    def outcomes(self) -> list[Outcome]:
        """What was told."""
        return [event.outcome for event in self.told]

    @property
    def in_air(self) -> set[str]:
        """The subjects of what is being tried."""
        known = (self.queue.get(queue_id) for queue_id in self.queue.in_air)
        return {one.subject for one in known if one}

    @property
    def wake_in(self) -> float:
        """Seconds until there is something to do."""
        at = wake_at(
            self.queue,
            self.standing,
            self.now.steady,
            session_open=self.session_open,
        )
        return at - self.now.steady

    def pass_time(self, seconds: float) -> list[Decision]:
        """Let time pass, and look again."""
        self.now = Now(
            self.now.steady + seconds, self.now.wall + timedelta(seconds=seconds)
        )
        return self.tell(TimePassed())

    def sleep(self) -> float:
        """Let time pass until there is something to do; return how long it took."""
        seconds = max(self.wake_in, 0.0)
        self.pass_time(seconds)
        return seconds

    def take(self, **values: Any) -> QueuedMessage:
        """Take a message; its subject says which one it is, from 1."""
        self._number += 1
        taken = message(self._number, self.now, **values)
        self.tell(Taken(taken))
        return taken

    def get(self, one: QueuedMessage) -> QueuedMessage:
        """Return what is known of it now."""
        known = self.queue.get(one.queue_id)
        assert known
        return known

    def open(self, one: QueuedMessage) -> None:
        """Have a session at work for a message."""
        self.tell(SessionOpened())
        self.tell(Submitting(one.queue_id))

    def begin_data(self, one: QueuedMessage) -> None:
        """Come to the point from which the server may have it."""
        self.tell(Submitting(one.queue_id))
        self.tell(DataBegins(one.queue_id))

    def accept(
        self, one: QueuedMessage, refused: dict[str, Reply] | None = None
    ) -> list[Decision]:
        """Have a message accepted, for all that are not refused."""
        self.begin_data(one)
        refused = refused or {}
        accepted = tuple(to for to in self.get(one).recipients if to not in refused)
        return self.tell(
            Submitted(one.queue_id, SubmissionResult(OK, accepted, refused))
        )

    def fail(
        self, one: QueuedMessage, error: MailError, *, fresh: bool = True
    ) -> list[Decision]:
        """Have an attempt fail."""
        return self.tell(AttemptFailed(one.queue_id, error, fresh))
