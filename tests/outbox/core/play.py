"""The core without its shell: what follows is looked at, and done by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import json
from typing import Any

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.core.account import Account, Conversation
from custom_components.qq_mail.outbox.core.limits import Limits, Settings
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    Action,
    Attempt,
    LogIn,
    Merge,
    Message,
    OutboxEvent,
    Outcome,
    Plan,
    Reason,
)
from custom_components.qq_mail.outbox.core.queue import Queue
from custom_components.qq_mail.outbox.core.record import message_as_dict
from custom_components.qq_mail.outbox.core.scheduler import EXPIRE_AT_ONCE, Scheduler
from custom_components.qq_mail.outbox.core.turn import ACCOUNT, MESSAGE, Marks
from custom_components.qq_mail.smtp.errors import (
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
    RecipientsRefusedError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause, diagnose

HOUSE = "house"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE, HOUR = 60.0, 3600.0
FRIENDS = ("a@example.com", "b@example.com")
OK = Reply(250, "OK: queued as.")
UNLIMITED = Settings(burst=5, per_minute=0, per_day=0, digest=False)

AWAY = SessionError(Cause.CONNECTION_REFUSED, Step.CONNECT)
AMBIGUOUS = Reply(535, "Login fail. Account is abnormal, or system is busy.")
LOGIN_REFUSED = SessionError(Cause.LOGIN_AMBIGUOUS, Step.AUTH, AMBIGUOUS)
LOGIN_RESET = SessionError(Cause.CONNECTION_LOST, Step.AUTH)
UNANSWERED = OutcomeUnknownError(Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA)
RATE_LIMIT = Reply(550, "Too many attempts. Unable to send. Try again later")
WAITS_FOR = (Reason.ATTEMPT, Reason.TURN)
"""What a call waits for."""


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
    return RecipientsRefusedError(cause, Step.RCPT, reply, refused=replies)


def message(number: int, now: Now, **values: Any) -> Message:
    """Return a message that was raised just now."""
    return Message(
        **{
            "queue_id": f"{number:026}",
            "subject": f"Alert {number}",
            "recipients": FRIENDS,
            "size": 1000,
            "raised": now.steady,
            "arrived": now.steady,
            "lifetime": DAY,
            **values,
        }
    )


def write(marks: Marks, disk: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Do to a disk what is marked; what is JSON comes back as JSON."""
    for (kind, _, key), record in marks.items():
        if record is None:
            disk.pop((kind, key), None)
        else:
            disk[(kind, key)] = json.loads(json.dumps(record()))


def as_record(one: Message, now: Now) -> dict[str, Any]:
    """Return what the disk has of a message."""
    return dict(json.loads(json.dumps(message_as_dict(one, now))))


class Core:
    """A scheduler with one account, a clock, and what followed from the last thing."""

    def __init__(
        self,
        settings: Settings = UNLIMITED,
        chance: float = 0.0,
        *,
        check_login: bool = False,
    ) -> None:
        """Begin with an account that sends, and whose login was checked just now."""
        self.now = Now(1_000_000.0, NOON)
        self.chance = chance
        self.scheduler = Scheduler(lambda: self.chance, lambda wall: wall.date())
        self.actions: list[Action] = []
        """Of the last thing that happened."""
        self.marks: Marks = {}
        """Likewise."""
        self.told: list[OutboxEvent] = []
        """In all."""
        self.disk: dict[tuple[str, str], dict[str, Any]] = {}
        """By kind and key: what all marks so far have made of it."""
        self._number = 0
        self._settings = settings
        self.scheduler.add_account(self.now, HOUSE, settings, {})
        self.happen("start", check_login=check_login)
        self.account.limits.credit = False

    @property
    def account(self) -> Account:
        """What is known of the account."""
        return self.scheduler.accounts[HOUSE]

    @property
    def queue(self) -> Queue:
        """Its messages."""
        return self.account.queue

    @property
    def limits(self) -> Limits:
        """What it counts."""
        return self.account.limits

    def happen(self, what: str, *args: Any, **kwargs: Any) -> list[Action]:
        """Let something happen to the account, and return what follows."""
        method: Callable[..., Any] = getattr(self.scheduler, what)
        return self._took(method(self.now, HOUSE, *args, **kwargs))

    def _took(self, actions: list[Action] | None) -> list[Action]:
        self.actions = list(actions or [])
        self.marks, self.scheduler.marks = self.scheduler.marks, {}
        write(self.marks, self.disk)
        self.told += self.those(OutboxEvent)
        self.check_progress()
        return self.actions

    def check_progress(self) -> None:
        """See to it that nothing is left that may go now: the timer never says "now".

        A backlog of expired messages is told in slices.
        """
        told = self.those(OutboxEvent)
        expired = [one for one in told if one.outcome is Outcome.EXPIRED]
        if len(expired) < EXPIRE_AT_ONCE:
            assert self.scheduler.wake_at(self.now) > self.now.steady

    def restart(
        self,
        seconds: float = MINUTE,
        *,
        steady: float = 50.0,
        start: bool = True,
        check_login: bool = True,
    ) -> list[tuple[str, str]]:
        """Kill the process; another one begins so much later with what is on disk.

        Return what it could not read.
        """
        self.now = Now(steady, self.now.wall + timedelta(seconds=seconds))
        self.scheduler = Scheduler(lambda: self.chance, lambda wall: wall.date())
        unreadable = self.scheduler.add_account(
            self.now, HOUSE, self._settings, dict(self.disk)
        )
        if start:
            self.happen("start", check_login=check_login)
        return unreadable

    def set_wall(self, wall: datetime) -> list[Action]:
        """Set the clock on the wall, and look again."""
        self.now = Now(self.now.steady, wall)
        return self._took(self.scheduler.time_passed(self.now))

    def stop(self) -> None:
        """Have nothing new begun."""
        self.scheduler.stop(self.now, HOUSE)

    def load(self, *messages: Message) -> None:
        """Have messages wait, as if they had been read from disk."""
        for one in messages:
            self.account.queue.put(one)
        self.happen("start", check_login=False)

    def those[A](self, kind: type[A]) -> list[A]:
        """Return the last actions of a kind."""
        return [action for action in self.actions if isinstance(action, kind)]

    @property
    def attempted(self) -> list[str]:
        """Whom the last thing had tried."""
        return [one.message.subject for one in self.those(Attempt)]

    @property
    def merging(self) -> list[list[str]]:
        """Of whom it had digests made."""
        return [[one.subject for one in merge.messages] for merge in self.those(Merge)]

    @property
    def logs_in(self) -> bool:
        """Whether it had a login made without a message."""
        return bool(self.those(LogIn))

    @property
    def outcomes(self) -> list[Outcome]:
        """What was told."""
        return [event.outcome for event in self.told]

    @property
    def trying(self) -> list[Message]:
        """What is being tried."""
        known = map(self.account.queue.get, self.account.queue.in_progress)
        return [one for one in known if one]

    @property
    def in_progress(self) -> set[str]:
        """The subjects of what is being tried."""
        return {one.subject for one in self.trying}

    def go_out(self, number: int) -> list[str]:
        """Have so many accepted, one after the other; return whose turn it was."""
        order = []
        for _ in range(number):
            while not self.trying:
                self.sleep()
            (one,) = self.trying
            order.append(one.subject.removeprefix("Alert "))
            self.accept(one)
        return order

    def wrote(self, one: Message) -> bool:
        """Tell whether what is known of a message is to be written."""
        return bool(self.marks.get((MESSAGE, HOUSE, one.queue_id)))

    def removed(self, one: Message) -> bool:
        """Tell whether a message is to be gone from the disk."""
        key = (MESSAGE, HOUSE, one.queue_id)
        return key in self.marks and self.marks[key] is None

    @property
    def wrote_account(self) -> bool:
        """Whether it is to be written how the account stands."""
        return (ACCOUNT, HOUSE, "") in self.marks

    def plan(self, one: Message) -> Plan:
        """Return when a message goes, and why not now."""
        plan = self.scheduler.plan(self.now, HOUSE, one.queue_id)
        assert plan
        return plan

    def waits_in(self, one: Message) -> float:
        """Return the seconds until a message goes, as people are told."""
        return self.plan(one).at - self.now.steady

    def reason(self, one: Message) -> Reason:
        """Return why a message does not go now."""
        return self.plan(one).reason

    def releases(self, one: Message) -> bool:
        """Tell whether a call for a message would return by now."""
        plan = self.scheduler.plan(self.now, HOUSE, one.queue_id)
        return plan is None or plan.reason not in WAITS_FOR

    @property
    def wake_in(self) -> float:
        """Seconds until there is something to do."""
        return self.scheduler.wake_at(self.now) - self.now.steady

    def pass_time(self, seconds: float) -> list[Action]:
        """Let time pass, and look again."""
        self.now = Now(
            self.now.steady + seconds, self.now.wall + timedelta(seconds=seconds)
        )
        return self._took(self.scheduler.time_passed(self.now))

    def sleep(self) -> float:
        """Let time pass until there is something to do; return how long it took."""
        seconds = max(self.wake_in, 0.0)
        self.pass_time(seconds)
        return seconds

    def next_number(self) -> int:
        """Return the number of a message that comes after all others."""
        self._number += 1
        return self._number

    def take(self, **values: Any) -> Message:
        """Take a message; its subject says which one it is, from 1."""
        taken = message(self.next_number(), self.now, **values)
        if not taken.in_memory:
            # It is on disk before the core hears of it.
            self.disk[(MESSAGE, taken.queue_id)] = as_record(taken, self.now)
        self.happen("take", taken)
        return taken

    def converse(self, tag: str, subject: str = "Leak") -> Conversation:
        """Return the conversation of a tag, as a message is made for it."""
        conversation = self.scheduler.conversation(
            self.now, HOUSE, tag, subject, f"<{subject}@x>"
        )
        self._took([])
        return conversation

    def say_over(self, tag: str) -> Conversation | None:
        """Declare a tag over."""
        conversation = self.scheduler.say_over(self.now, HOUSE, tag)
        self._took([])
        return conversation

    def get(self, one: Message) -> Message:
        """Return what is known of it now."""
        known = self.account.queue.get(one.queue_id)
        assert known
        return known

    def has(self, one: Message) -> bool:
        """Tell whether it is still there."""
        return self.account.queue.get(one.queue_id) is not None

    def log_in(self) -> None:
        """Have a login succeed."""
        self.happen("session_opened", None)

    def open(self, one: Message) -> None:
        """Have a session at work for a message."""
        self.log_in()
        self.happen("submitting", one.queue_id)

    def begin_text(self, one: Message) -> None:
        """Come to the point from which the server may have it."""
        self.happen("submitting", one.queue_id)
        assert self.scheduler.text_begins(self.now, HOUSE, one.queue_id)
        self._took([])

    def accept(
        self,
        one: Message,
        refused: dict[str, Reply] | None = None,
        *,
        keeps_session: bool = True,
    ) -> list[Action]:
        """Have a message accepted, for all that are not refused."""
        self.begin_text(one)
        refused = refused or {}
        accepted = tuple(to for to in self.get(one).recipients if to not in refused)
        result = SubmissionResult(OK, accepted, refused)
        if keeps_session:
            self.happen("session_idle", idle=True)
        return self.happen("accepted", one.queue_id, result)

    def fail(
        self, one: Message, error: MailError, *, fresh: bool = True
    ) -> list[Action]:
        """Have an attempt fail."""
        return self.happen("failed", one.queue_id, error, fresh=fresh)


def restored_in(queue: Queue) -> set[str]:
    """Return what comes from a backup, and waits for a person's decision."""
    return {one.queue_id for one in queue if one.restored}
