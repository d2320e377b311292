"""A house: its alerts, its machine, and the shell around the core."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.account import Account
from custom_components.qq_mail.outbox.core.due import EXPIRE_AT_ONCE
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import (
    NEVER,
    Action,
    Attempt,
    LogIn,
    Merge,
    Message,
    Outcome,
    Part,
    Pause,
    Tell,
)
from custom_components.qq_mail.outbox.core.record import message_as_dict
from custom_components.qq_mail.outbox.core.scheduler import Scheduler
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.smtp.errors import MailError, OutcomeUnknownError
from custom_components.qq_mail.smtp.models import Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from .agenda import DAY, HOUR, MINUTE, Agenda, duration
from .keeping import Keeping, PowerCutError
from .report import FaultError, Report
from .server import OK, Server

ID = "house"
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
FAMILY = ("anna@example.com", "bo@example.com")

_LOGIN, _COMMAND, _TEXT = 0.6, 0.2, 0.3
_IDLE = 240.0
"""Seconds that a session is kept."""
_TICK = 0.001
_PATIENCE = 60.0
"""Seconds that a call waits for a message which could not be kept."""
_COMPOSING = 0.5
_AT_ONCE, _SOON = 10, 10.0
"""So many alerts of the highest priority in a minute go out within so many seconds."""
_NO_ANSWER = 600.0
"""Seconds that a session waits for the answer to the final dot."""


class House:
    """Does what the core decides, with a server, a disk and clocks that are played."""

    def __init__(
        self,
        agenda: Agenda,
        server: Server,
        report: Report,
        chance: Random,
        settings: Settings,
    ) -> None:
        """Prepare; `start` begins."""
        self.agenda = agenda
        self.server = server
        self.report = report
        self.chance = chance
        self.keeping = Keeping(chance, self._later)
        self.code = 1
        self.ahead = 0.0
        """Seconds by which the clock on the wall is wrong."""
        self.running = False
        self._settings = settings
        self._scheduler = self._new_scheduler()
        self._booted = -HOUR
        self._process = 0
        """Which one it is: what an earlier one had begun is over."""
        self._turn = 0
        self._number = 0
        self._session = 0
        """Which session was kept last."""
        self._idle = False
        """Whether it is still there, and nobody uses it."""
        self._is_power_cut = False
        self._off_for = 0.0
        self._pause: Pause | None = None
        self._asked = 0
        self._unwell_at = -HOUR
        """When it was last seen that an alert could not go out."""
        self._alarms: list[float] = []
        """When alerts of the highest priority were raised."""
        agenda.after_each = self._see

    @property
    def now(self) -> Now:
        """What the machine's clocks say."""
        time = self.agenda.now
        wall = BEGIN + timedelta(seconds=time + self.ahead)
        return Now(round(time - self._booted, 3), wall)

    @property
    def account(self) -> Account:
        """What the core knows of the account."""
        return self._scheduler.accounts[ID]

    @property
    def is_well(self) -> bool:
        """Whether an alert that is raised now can go out."""
        return (
            self.running
            and self.account.pause is None
            and self.code == self.server.code
            and self.server.is_well
        )

    # The machine

    def start(self) -> None:
        """Start, with what is on disk."""
        self.running = True
        self._scheduler = self._new_scheduler()
        records = self.keeping.load(power=self._is_power_cut)
        loaded = self._scheduler.add_account(self.now, ID, self._settings, records)
        if loaded.unreadable:
            raise FaultError(f"Records cannot be read: {loaded.unreadable}")
        for queue_id in loaded.cut_off:
            self.report.allow_copy(queue_id)
        self._pause, self._asked = self.account.pause, self.account.asked
        self._live(partial(self._happen, self._scheduler.start, check_login=True))

    def kill(self, seconds: float, *, power: bool) -> None:
        """End at once, and start again after so long."""
        if not self.running:
            return
        queue = self.account.queue
        self.running, self._is_power_cut = False, power
        self._process += 1
        self._idle = False
        for kind, _, name in self.keeping.unsure:
            if kind == MESSAGE:
                # The disk knows no better.
                self.report.allow_copy(name)
        for message in queue:
            if message.in_memory:
                self.report.alerts[message.queue_id].refused = True
        what = "power cut" if power else "restart"
        self.report.note(
            f"{what} for {duration(seconds)}: {len(queue)} wait,"
            f" {len(queue.in_progress)} are being tried"
        )
        if power:
            self._booted = round(self.agenda.now + seconds - 30, 3)
        self.agenda.later(seconds, self.start)

    def cut_at_step(self, number: int, seconds: float, *, power: bool) -> None:
        """Be killed at one of the next changes of the disk, and start again after so long."""
        self._is_power_cut, self._off_for = power, seconds
        self.keeping.cut_at_step(number)

    def set_clock(self, ahead: float) -> None:
        """Set the clock on the wall; 0: right."""
        self.report.note(f"the clock is set by {(ahead - self.ahead) / DAY:+.1f} days")
        self.ahead = ahead
        self.look()

    def look(self) -> None:
        """Look whether there is something to do."""
        if self.running:
            self._live(lambda: self._follow(self._scheduler.time_passed(self.now)))

    # People

    def alert(
        self,
        subject: str,
        priority: Priority = Priority.NORMAL,
        recipients: tuple[str, ...] = FAMILY,
    ) -> None:
        """Raise an alert; what runs on the machine cannot while it is off."""
        if self.running:
            message = self._message(
                subject=subject, priority=priority, recipients=recipients
            )
            if priority is Priority.HIGHEST:
                self._expect(message.queue_id)
            self._live(partial(self._take, message))

    def _see(self) -> None:
        if not self.is_well:
            self._unwell_at = self.agenda.now

    def _expect(self, queue_id: str) -> None:
        """Look ten seconds later whether an alarm, of ten in a minute, went out."""
        raised = self.agenda.now
        self._alarms.append(raised)

        def look() -> None:
            self._see()
            if self._unwell_at < raised and queue_id not in self.server.has:
                self.report.be_late(queue_id)

        if sum(at > raised - MINUTE for at in self._alarms) <= _AT_ONCE:
            self.agenda.later(_SOON, look)

    def renew_code(self) -> None:
        """Give the code that the server takes now."""
        self.code = self.server.code
        self.report.note("a person gives a new code")
        self._idle = False
        self._live(partial(self._happen, self._scheduler.code_renewed))

    def _take(self, message: Message) -> None:
        reachable = not (self.server.away or self.server.refuses or self.account.pause)
        alert = self.report.take(message, reachable=reachable)
        # Nothing is promised before it is on disk.
        alert.refused = True
        key = (MESSAGE, ID, message.queue_id)
        record = partial(message_as_dict, message, self.now)
        self.keeping.put(key, record, message.subject.encode())

        def go_on(kept: bool) -> None:
            if not kept:
                # The disk may have it all the same.
                self.keeping.put(key, None)
                self._later(_PATIENCE, lambda: self._fail_call(message))
            alert.refused, alert.in_memory = False, not kept
            taken = replace(message, in_memory=not kept)
            self._happen(self._scheduler.take, taken)

        self.keeping.then(go_on)

    def _fail_call(self, message: Message) -> None:
        """End a call whose message could not be kept, and is not tried either."""
        queue = self.account.queue
        if message.queue_id in queue.in_progress or not queue.get(message.queue_id):
            return
        self.report.fail(message.queue_id)
        self._happen(self._scheduler.discard, (message.queue_id,))

    def _message(self, **values: Any) -> Message:
        self._number += 1
        now = self.now
        return Message(
            queue_id=f"{self._number:026}",
            size=2000,
            **{
                "raised": now.steady,
                "arrived": now.steady,
                "lifetime": DAY,
                **values,
            },
        )

    # The shell

    def _new_scheduler(self) -> Scheduler:
        return Scheduler(self.chance.random, lambda wall: wall.date())

    def _live(self, do: Callable[[], object]) -> None:
        """Do something, unless the power is cut meanwhile."""
        try:
            do()
        except PowerCutError:
            self.kill(self._off_for, power=self._is_power_cut)

    def _happen(
        self,
        method: Callable[..., list[Action] | None],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self._follow(method(self.now, ID, *args, **kwargs) or [])

    def _follow(self, actions: list[Action]) -> None:
        """Write what is marked, do what follows, and look again when it is due."""
        for action in actions:
            if isinstance(action, Tell):
                self.report.hear(action.event)
        self._write_marks()
        for action in actions:
            self._do(action)
        account = self.account
        if account.pause != self._pause:
            self._pause = account.pause
            self.report.note(_worded(self._pause))
        if account.asked > self._asked:
            self.report.note("a person is asked for a new code")
        self._asked = account.asked
        self.report.look(len(account.queue))
        expired = sum(
            isinstance(one, Tell) and one.event.outcome is Outcome.EXPIRED
            for one in actions
        )
        self._schedule(in_slices=expired >= EXPIRE_AT_ONCE)

    def _schedule(self, *, in_slices: bool) -> None:
        """Look again when there is something to do."""
        self._turn += 1
        now = self.now.steady
        wake = self._scheduler.wake_at(self.now)
        # Nothing is left that may go now; a backlog of expired ones is told in slices.
        if wake <= now and not in_slices:
            raise FaultError("The timer says now")
        if wake < NEVER:
            due = max(wake, now + _TICK) + self._booted
            self._at(due, partial(self._look_again, self._turn))

    def _look_again(self, turn: int) -> None:
        """Look if nothing happened meanwhile."""
        if turn == self._turn:
            self.look()

    def _write_marks(self) -> None:
        marks, self._scheduler.marks = self._scheduler.marks, {}
        for key, record in marks.items():
            self.keeping.put(key, record)

    def _do(self, action: Action) -> None:
        match action:
            case Attempt():
                self._attempt(action.message, fresh=action.fresh)
            case Merge():
                self._later(_COMPOSING, lambda: self._compose(action.messages))
            case LogIn():
                self._later(_LOGIN, self._log_in)
            case _:
                pass

    def _compose(self, messages: tuple[Message, ...]) -> None:
        """Make one of many: by one round the disk has the one for the others."""
        first, newest = messages[0].queue_id, messages[-1]
        digest = self._message(
            subject=f"{len(messages)} alerts",
            recipients=newest.recipients,
            priority=max(messages, key=lambda one: one.rank).priority,
            raised=newest.raised,
            lifetime=max(one.raised + one.lifetime for one in messages) - newest.raised,
            parts=tuple(Part(one.queue_id, one.subject) for one in messages),
        )
        self.report.merge(digest)
        self._scheduler.digest_writing(ID, first)
        record = partial(message_as_dict, digest, self.now)
        key = (MESSAGE, ID, digest.queue_id)
        self.keeping.put(key, record, digest.subject.encode())
        for one in messages:
            self.keeping.put((MESSAGE, ID, one.queue_id), None)
        # Where the disk refuses it, memory goes on, and the disk follows later.
        self.keeping.then(lambda _: self._happen(self._scheduler.merged, first, digest))

    def _at(self, time: float, do: Callable[[], object]) -> None:
        """Have something done by this process, if it lives then."""
        process = self._process

        def do_if_alive() -> None:
            if process == self._process:
                self._live(do)

        self.agenda.at(time, do_if_alive)

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        self._at(self.agenda.now + seconds, do)

    # Sessions

    def _attempt(self, message: Message, *, fresh: bool) -> None:
        is_idle, self._idle = self._idle, False
        if is_idle and not fresh:
            self._later(0, lambda: self._submit(message, fresh=False))
        elif self._scheduler.may_log_in(self.now, ID, message.level):
            self._later(_LOGIN, lambda: self._open(message))
        else:
            self._later(0, lambda: self._cut(message))

    def _open(self, message: Message) -> None:
        if error := self.server.log_in(self.code):
            self._fail(message, error, fresh=True)
        else:
            self._happen(self._scheduler.session_opened, None)
            self._submit(message, fresh=True)

    def _log_in(self) -> None:
        if error := self.server.log_in(self.code):
            self._happen(self._scheduler.login_failed, error)
        else:
            self._happen(self._scheduler.session_opened, None)
            self._give_back()

    def _submit(self, message: Message, *, fresh: bool) -> None:
        self._happen(self._scheduler.submitting, message.queue_id)
        self._later(_COMMAND, lambda: self._name(message, fresh=fresh))

    def _name(self, message: Message, *, fresh: bool) -> None:
        """Send MAIL, RCPT and DATA."""
        if error := self.server.begin(message.recipients):
            self._fail(message, error, fresh=fresh)
        elif self._scheduler.text_begins(self.now, ID, message.queue_id):
            self._write_marks()
            self.keeping.then(
                lambda _: self._later(_TEXT, lambda: self._end(message, fresh=fresh))
            )
        else:
            self._cut(message)

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
        self._give_back()
        result = SubmissionResult(OK, message.recipients, {})
        self._happen(self._scheduler.accepted, message.queue_id, result)

    def _fail(self, message: Message, error: MailError, *, fresh: bool) -> None:
        self._happen(self._scheduler.failed, message.queue_id, error, fresh=fresh)

    def _cut(self, message: Message) -> None:
        self._happen(self._scheduler.cut, message.queue_id)

    def _give_back(self) -> None:
        """Keep a session for a while."""
        self._idle = self.account.pause is None
        if self._idle:
            self._session += 1
            self._later(_IDLE, partial(self._close, self._session))
            self._happen(self._scheduler.session_idle, idle=True)

    def _close(self, session: int) -> None:
        if self._idle and session == self._session:
            self._idle = False
            self._happen(self._scheduler.session_idle, idle=False)


def _worded(pause: Pause | None) -> str:
    if pause is None:
        return "the account goes on"
    return f"the account is paused for {duration(pause.length)}: {pause.cause}"
