"""A house: its alerts, its machine, and the shell around the heart."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.digest import originals
from custom_components.qq_mail.outbox.events import (
    AskForCode,
    Attempt,
    AttemptCut,
    AttemptFailed,
    CheckLogin,
    CodeRenewed,
    DataBegins,
    Decision,
    DigestWriting,
    DiscardAsked,
    Event,
    KeepStanding,
    LoginFailed,
    Merge,
    Merged,
    Remove,
    SessionOpened,
    Started,
    StopAsking,
    Submitted,
    Submitting,
    Taken,
    Tell,
    TimePassed,
    Write,
)
from custom_components.qq_mail.outbox.pace import Pace
from custom_components.qq_mail.outbox.queue import Queue
from custom_components.qq_mail.outbox.scheduler import step, wake_at
from custom_components.qq_mail.outbox.standing import Hold
from custom_components.qq_mail.smtp.errors import MailError, OutcomeUnknownError
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from .agenda import DAY, HOUR, Agenda, duration
from .disk import Disk
from .report import IMPORTANCE, Report
from .server import OK, Server

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
PACE = Pace(5, 10)
FAMILY = ("anna@example.com", "bo@example.com")

_LOGIN, _COMMAND, _TEXT = 0.6, 0.2, 0.3
_IDLE, _LONG_IDLE = 10.0, 240.0
_TICK = 0.001
_PATIENCE = 60.0
"""Seconds that a call waits for a message which could not be kept."""
_COMPOSING = 0.5
_NO_ANSWER = 600.0
"""Seconds: what the session waits for the answer to the final dot."""


class House:
    """Does what the heart decides, with a server, a disk and clocks that are played."""

    def __init__(
        self,
        agenda: Agenda,
        server: Server,
        report: Report,
        chance: Random,
        pace: Pace,
        *,
        digest: bool,
    ) -> None:
        """Prepare; `start` begins. With `digest`, floods are merged."""
        self._pace = pace
        self._digest = digest
        self.agenda = agenda
        self.server = server
        self.report = report
        self.chance = chance
        self.disk = Disk()
        self.code = 1
        self.ahead = 0.0
        """Seconds by which the clock on the wall is wrong."""
        self.queue = Queue()
        self.running = False
        self._booted = -HOUR
        self._standing = self.disk.load_standing(self._pace, self.now)
        self._process = 0
        """Which one it is: what an earlier one had begun is over."""
        self._turn = 0
        self._number = 0
        self._kept: float | None = None
        """Since when there is a session that nobody uses."""
        self._hold: Hold | None = None

    @property
    def now(self) -> Now:
        """What the machine's clocks say."""
        time = self.agenda.now
        wall = BEGIN + timedelta(seconds=time + self.ahead)
        return Now(time - self._booted, wall)

    # The machine

    def start(self) -> None:
        """Start, with what is on disk."""
        self.running = True
        self.queue, cut_off = self.disk.load(self.now)
        self._standing = self.disk.load_standing(self._pace, self.now)
        self._hold = self._standing.hold
        for queue_id in cut_off:
            self.report.allow_copy(queue_id)
        self._tell(Started(cut_off))

    def kill(self, seconds: float, *, power: bool) -> None:
        """End at once, and start again after so long."""
        in_air = len(self.queue.in_air)
        self.running = False
        self._process += 1
        self._kept = None
        for queue_id in self.disk.pending:
            # The disk knows no better.
            self.report.allow_copy(queue_id)
        for message in self.queue:
            if message.in_memory:
                self.report.alerts[message.queue_id].refused = True
        self.disk.lose_what_is_pending()
        what = "power cut" if power else "restart"
        self.report.note(
            f"{what} for {duration(seconds)}: {len(self.queue)} wait, {in_air} in the air"
        )
        if power:
            self._booted = self.agenda.now + seconds - 30
        self.agenda.later(seconds, self.start)

    def set_clock(self, ahead: float) -> None:
        """Set the clock on the wall; 0: right."""
        self.report.note(f"the clock is set by {(ahead - self.ahead) / DAY:+.1f} days")
        self.ahead = ahead
        self.look()

    def look(self) -> None:
        """Look whether there is something to do."""
        if self.running:
            self._tell(TimePassed())

    # People

    def alert(
        self,
        subject: str,
        priority: Priority = Priority.NORMAL,
        recipients: tuple[str, ...] = FAMILY,
    ) -> None:
        """Raise an alert; what runs on the machine cannot while it is off."""
        if not self.running:
            return
        now = self.now
        message = self._message(
            subject, recipients, IMPORTANCE[priority], in_memory=self.disk.full
        )
        reachable = not (self.server.away or self.server.refuses or self._hold)
        self.report.take(message, reachable=reachable)
        if message.in_memory:
            self._later(_PATIENCE, lambda: self._fail_call(message))
        else:
            self.disk.write(message, now)
        self._tell(Taken(message))

    def _message(
        self, subject: str, recipients: tuple[str, ...], importance: int, **values: Any
    ) -> Message:
        self._number += 1
        now = self.now
        return Message(
            queue_id=f"{self._number:026}",
            subject=subject,
            reverse_path="house@qq.com",
            recipients=recipients,
            message_id=f"<{self._number}@qq.com>",
            importance=importance,
            size=2000,
            dated=now.wall,
            raised=now.steady,
            arrived=now.steady,
            lifetime=DAY,
            due=0.0,
            **values,
        )

    def _compose(self, messages: tuple[Message, ...]) -> None:
        """Make one of many: at one instant the disk has the one for the others."""
        first = messages[0].queue_id
        self._tell(DigestWriting(first))
        digest = self._message(
            f"{len(messages)} alerts",
            messages[0].recipients,
            max(message.importance for message in messages),
            merged=originals(messages),
        )
        self.report.merge(digest)
        self.disk.write(digest, self.now)
        for message in messages:
            self.disk.remove(message.queue_id)
        self._tell(Merged(first, digest))

    def _fail_call(self, message: Message) -> None:
        """End a call whose message could not be kept, and is not tried either."""
        flight = self.queue.in_air.get(message.queue_id)
        if flight or not self.queue.get(message.queue_id):
            return
        self.report.fail(message.queue_id)
        self._tell(DiscardAsked((message.queue_id,)))

    def renew_code(self) -> None:
        """Give the code that the server takes now."""
        self.code = self.server.code
        self.report.note("a person gives a new code")
        self._tell(CodeRenewed())

    # The shell

    def _tell(self, event: Event) -> None:
        self._standing, decisions = step(
            self.queue,
            self._standing,
            event,
            self.now,
            chance=self.chance.random,
            session_open=self._session_open,
            digest=self._digest,
        )
        for decision in decisions:
            self._do(decision)
        if self._standing.hold != self._hold:
            self._hold = self._standing.hold
            self.report.note(_worded(self._hold))
        self.report.look(len(self.queue))
        self._turn += 1
        turn = self._turn
        wake = wake_at(
            self.queue,
            self._standing,
            self.now.steady,
            session_open=self._session_open,
        )
        if wake < float("inf"):
            # A little later: between two clocks, the last digits get lost.
            due = wake + self._booted + _TICK
            self._at(due, lambda: self._wake(turn))

    def _wake(self, turn: int) -> None:
        """Look again, if nothing happened meanwhile."""
        if turn == self._turn:
            self.look()

    def _do(self, decision: Decision) -> None:
        match decision:
            case Attempt():
                self._attempt(decision.message, fresh=decision.fresh)
            case Merge():
                self._later(_COMPOSING, lambda: self._compose(decision.messages))
            case CheckLogin():
                self._later(_LOGIN, self._check_login)
            case Write():
                if not decision.message.in_memory:
                    self.disk.write(decision.message, self.now)
            case Remove():
                if not decision.message.in_memory:
                    self.disk.remove(decision.message.queue_id)
            case KeepStanding():
                self.disk.keep(self._standing, self.now)
            case Tell():
                self.report.hear(decision.event)
            case AskForCode():
                self.report.note("a person is asked for a new code")
            case StopAsking():
                self.report.note("the code works: the question is withdrawn")
            case _:
                pass

    def _at(self, time: float, do: Callable[[], object]) -> None:
        """Have something done by this process, if it lives then."""
        process = self._process
        self.agenda.at(time, lambda: process == self._process and do())

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        self._at(self.agenda.now + seconds, do)

    # Sessions

    @property
    def _session_open(self) -> bool:
        """Whether there is a session that nobody uses."""
        scarce = self._standing.logins.scarce(self.now.steady)
        idle = _LONG_IDLE if scarce else _IDLE
        return self._kept is not None and self.agenda.now - self._kept < idle

    def _attempt(self, message: Message, *, fresh: bool) -> None:
        is_open, self._kept = self._session_open, None
        if is_open and not fresh:
            self._submit(message, fresh=False)
        else:
            self._later(_LOGIN, lambda: self._open(message))

    def _open(self, message: Message) -> None:
        if self._standing.hold:
            self._tell(AttemptCut(message.queue_id))
        elif error := self.server.log_in(self.code):
            self._tell(AttemptFailed(message.queue_id, error))
        else:
            self._tell(SessionOpened())
            self._submit(message, fresh=True)

    def _submit(self, message: Message, *, fresh: bool) -> None:
        self._tell(Submitting(message.queue_id))
        self._later(_COMMAND, lambda: self._name(message, fresh=fresh))

    def _name(self, message: Message, *, fresh: bool) -> None:
        """Send MAIL, RCPT and DATA."""
        error = self.server.begin(message.recipients)
        if error:
            self._fail(message, error, fresh=fresh)
            return
        self._tell(DataBegins(message.queue_id))
        self._later(_TEXT, lambda: self._end(message, fresh=fresh))

    def _end(self, message: Message, *, fresh: bool) -> None:
        """Send the final dot."""
        if self.server.away or self.server.breaks:
            self._fail(message, self.server.broken(Step.BODY), fresh=fresh)
            return
        self.server.accept(message.queue_id, message.recipients)
        if self.server.late:
            self._later(_NO_ANSWER, lambda: self._give_up(message, fresh=fresh))
        else:
            self._later(_COMMAND, lambda: self._accepted(message))

    def _give_up(self, message: Message, *, fresh: bool) -> None:
        """Stop waiting for an answer."""
        self.report.allow_copy(message.queue_id)
        error = OutcomeUnknownError(Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA)
        self._fail(message, error, fresh=fresh)

    def _accepted(self, message: Message) -> None:
        self._kept = self.agenda.now
        refused: dict[str, Reply] = {}
        result = SubmissionResult(OK, message.recipients, refused)
        self._tell(Submitted(message.queue_id, result))

    def _fail(self, message: Message, error: MailError, *, fresh: bool) -> None:
        self._tell(AttemptFailed(message.queue_id, error, fresh))

    def _check_login(self) -> None:
        if self._standing.hold:
            return
        if error := self.server.log_in(self.code):
            self._tell(LoginFailed(error))
        else:
            self._tell(SessionOpened())
            self._kept = self.agenda.now
            self._tell(TimePassed())


def _worded(hold: Hold | None) -> str:
    if hold is None:
        return "the account goes on"
    return f"the account rests for {duration(hold.length)}: {hold.cause}"
