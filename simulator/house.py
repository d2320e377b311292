"""A house: its alerts, its machine, and the shell around the core."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.models import (
    NEVER,
    Action,
    Attempt,
    LogIn,
    Merge,
    Message,
    OutboxEvent,
    Outcome,
    Part,
    Pause,
    TakeOver,
)
from custom_components.qq_mail.outbox.core.record import message_as_dict
from custom_components.qq_mail.outbox.core.scheduler import EXPIRE_AT_ONCE, Scheduler
from custom_components.qq_mail.outbox.core.turn import MESSAGE

from .agenda import DAY, HOUR, MINUTE, Agenda, duration
from .keeping import Keeping, PowerCutError
from .report import FaultError, Report
from .sessions import Entry, Sessions

FIRST, SECOND = "first", "second"
"""The accounts: alerts are raised in the first one."""
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
FAMILY = ("anna@example.com", "bo@example.com")

_TICK = 0.001
_PATIENCE = 60.0
"""Seconds that a call waits for a message which could not be kept."""
_COMPOSING = 0.5
_AT_ONCE, _SOON = 10, 10.0
"""So many alerts of the highest priority in a minute go out within so many seconds."""
_BY_ANOTHER = 60.0
"""The same where the first account may not send, and the second one may."""


class House:
    """Does what the core decides, with servers, a disk and clocks that are played."""

    def __init__(
        self,
        agenda: Agenda,
        report: Report,
        chance: Random,
        entries: Mapping[str, Entry],
    ) -> None:
        """Prepare; `start` begins."""
        self.agenda = agenda
        self.report = report
        self.chance = chance
        self.keeping = Keeping(chance, self.later)
        self.ahead = 0.0
        """Seconds by which the clock on the wall is wrong."""
        self.running = False
        self._entries = entries
        self._boot()
        self._booted = -HOUR
        self._process = 0
        """Which one it is: what an earlier one had begun is over."""
        self._turn = 0
        self._number = 0
        self._is_power_cut = False
        self._off_for = 0.0
        self._known: dict[str, tuple[Pause | None, int]] = {}
        """Of each account: its pause, and how often a new code was asked for."""
        self._well_at = -HOUR
        """When it was last seen that an alert could go out."""
        self._unwell_at = -HOUR
        """When it was last seen that it could not."""
        self._helpless_at = -HOUR
        """When it was last seen that no other account could be of help."""
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
    def waiting(self) -> int:
        """How many messages wait, in all accounts."""
        return sum(len(one.queue) for one in self.scheduler.accounts.values())

    def has(self, queue_id: str) -> bool:
        """Tell whether an alert waits, by itself or in a digest."""
        return self.scheduler.accounts[FIRST].find(queue_id) is not None

    @property
    def is_well(self) -> bool:
        """Whether an alert that is raised now can go out."""
        return self.running and self._sessions[FIRST].is_well

    # The machine

    def start(self) -> None:
        """Start, with what is on disk."""
        self.running = True
        self._boot()
        records = self.keeping.load(power=self._is_power_cut)
        for account_id, entry in self._entries.items():
            unreadable = self.scheduler.add_account(
                self.now, account_id, entry.settings, records.get(account_id, {})
            )
            if unreadable:
                raise FaultError(f"Records cannot be read: {unreadable}")
            for message in self.scheduler.accounts[account_id].queue:
                if message.in_data:
                    self.report.allow_copy(message.queue_id)
            self._note_account(account_id, quietly=True)
        self._live(self._start_accounts)

    def kill(self, seconds: float, *, power: bool) -> None:
        """End at once, and start again after so long."""
        if not self.running:
            return
        queues = [one.queue for one in self.scheduler.accounts.values()]
        self.running, self._is_power_cut = False, power
        self._process += 1
        for kind, _, name in self.keeping.unsure:
            if kind == MESSAGE:
                # The disk knows no better.
                self.report.allow_copy(name)
        for message in (one for queue in queues for one in queue):
            if message.in_memory:
                self.report.alerts[message.queue_id].refused = True
        what = "power cut" if power else "restart"
        self.report.note(
            f"{what} for {duration(seconds)}: {self.waiting} wait,"
            f" {sum(len(one.in_progress) for one in queues)} are being tried"
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
            self._live(lambda: self._follow(self.scheduler.time_passed(self.now)))

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

    def renew_code(self) -> None:
        """Give the code that the first account's server takes now."""
        if not self.running:
            # There is no form while the machine is off.
            self.agenda.later(MINUTE, self.renew_code)
            return
        self.report.note("a person gives a new code")
        self._live(self._sessions[FIRST].renew_code)

    def _see(self) -> None:
        """See how the accounts stand: it is looked at after whatever happened."""
        now, first = self.agenda.now, self._sessions[FIRST].server
        if self.is_well:
            self._well_at = now
        else:
            self._unwell_at = now
        second = self._sessions.get(SECOND)
        # A message whose connection was lost in its midst waits by itself.
        if not (self.running and second and second.is_well) or first.breaks:
            self._helpless_at = now

    def _expect(self, queue_id: str) -> None:
        """Look later whether an alarm, of ten in a minute, went out."""
        raised = self.agenda.now
        self._alarms.append(raised)

        def look() -> None:
            self._see()
            if self._unwell_at < raised and not self._is_out(queue_id):
                self.report.be_late(queue_id)

        def look_for_help() -> None:
            self._see()
            if max(self._well_at, self._helpless_at) < raised and not (
                self._is_out(queue_id) or self.report.is_settled(queue_id)
            ):
                self.report.be_late(queue_id)

        if sum(at > raised - MINUTE for at in self._alarms) <= _AT_ONCE:
            self.agenda.later(_SOON, look)
            self.agenda.later(_BY_ANOTHER, look_for_help)

    def _is_out(self, queue_id: str) -> bool:
        """Tell whether a server has an alarm, or a copy of it."""
        names = self.report.names_of(queue_id)
        return any(names & one.server.has for one in self._entries.values())

    def _take(self, message: Message) -> None:
        first = self._sessions[FIRST]
        alert = self.report.take(
            message, online=not first.server.away, reachable=first.takes_mail
        )
        # Nothing is promised before it is on disk.
        alert.refused = True
        key = (MESSAGE, FIRST, message.queue_id)
        record = partial(message_as_dict, message, self.now)
        self.keeping.put(key, record, message.subject.encode())

        def go_on(kept: bool) -> None:
            if not kept:
                # The disk may have it all the same.
                self.keeping.put(key, None)
                self.later(_PATIENCE, lambda: self._fail_call(message))
            alert.refused, alert.in_memory = False, not kept
            taken = replace(message, in_memory=not kept)
            self.happen(self.scheduler.take, FIRST, taken)

        self.keeping.then(go_on)

    def _fail_call(self, message: Message) -> None:
        """End a call whose message could not be kept, and is not tried either."""
        queue_id = message.queue_id
        accounts = self.scheduler.accounts.values()
        is_tried = any(queue_id in one.queue.in_progress for one in accounts)
        if is_tried or not self.has(queue_id):
            return
        self.report.fail(queue_id)
        self.happen(self.scheduler.discard, FIRST, (queue_id,))

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

    def _boot(self) -> None:
        self.scheduler = Scheduler(self.chance.random, lambda wall: wall.date())
        self._sessions = {
            account_id: Sessions(self, account_id, entry)
            for account_id, entry in self._entries.items()
        }

    def _start_accounts(self) -> None:
        for account_id in self._entries:
            self.happen(self.scheduler.start, account_id, check_login=True)

    def _live(self, do: Callable[[], object]) -> None:
        """Do something, unless the power is cut meanwhile."""
        try:
            do()
        except PowerCutError:
            self.kill(self._off_for, power=self._is_power_cut)

    def happen(
        self,
        method: Callable[..., list[Action] | None],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Let the core know what happened, and do what follows."""
        self._follow(method(self.now, *args, **kwargs) or [])

    def _follow(self, actions: list[Action]) -> None:
        """Write what is marked, do what follows, and look again when it is due."""
        self._look_at_owners()
        for action in actions:
            if isinstance(action, OutboxEvent):
                self.report.hear(action)
        self.write_marks()
        for action in actions:
            self._do(action)
        for account_id in self._entries:
            self._note_account(account_id)
        self.report.look(self.waiting)
        expired = sum(
            isinstance(one, OutboxEvent) and one.outcome is Outcome.EXPIRED
            for one in actions
        )
        self._schedule(in_slices=expired >= EXPIRE_AT_ONCE)

    def _look_at_owners(self) -> None:
        """Find what two accounts have at once: only what was moved can be that."""
        accounts = self.scheduler.accounts
        moved = [one for each in accounts.values() for one in each.queue.guests]
        for queue_id in moved:
            owners = [one.id for one in accounts.values() if one.queue.get(queue_id)]
            if len(owners) > 1:
                raise FaultError(f"{queue_id} is with {' and '.join(owners)}")

    def _note_account(self, account_id: str, *, quietly: bool = False) -> None:
        account = self.scheduler.accounts[account_id]
        known = self._known.get(account_id, (None, 0))
        self._known[account_id] = (account.pause, account.asked)
        if quietly:
            return
        name = "the account" if account_id == FIRST else "the second account"
        if account.pause != known[0]:
            self.report.note(_worded(name, account.pause))
        if account.asked > known[1]:
            self.report.note("a person is asked for a new code")

    def _schedule(self, *, in_slices: bool) -> None:
        """Look again when there is something to do."""
        self._turn += 1
        now = self.now.steady
        wake = self.scheduler.wake_at(self.now)
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

    def write_marks(self) -> None:
        """Write what is marked, as one round."""
        marks, self.scheduler.marks = self.scheduler.marks, {}
        for key, record in marks.items():
            self.keeping.put(key, record)

    def _do(self, action: Action) -> None:
        match action:
            case Attempt(account_id, message, fresh):
                self._sessions[account_id].attempt(message, fresh=fresh)
            case Merge(account_id, messages=messages):
                self.later(_COMPOSING, lambda: self._compose(account_id, messages))
            case LogIn(account_id):
                self._sessions[account_id].log_in()
            case TakeOver(copy=True):
                self.later(_COMPOSING, lambda: self._copy(action))
            case TakeOver(account_id, message):
                self._sessions[account_id].cancel(message)
            case _:
                pass

    def _compose(self, account_id: str, messages: tuple[Message, ...]) -> None:
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
        record = partial(message_as_dict, digest, self.now)
        key = (MESSAGE, account_id, digest.queue_id)
        self.keeping.put(key, record, digest.subject.encode())
        self.happen(self.scheduler.merged, account_id, first, digest)

    def _copy(self, action: TakeOver) -> None:
        """Make a copy of an alarm that hangs, and have another account send it."""
        first = action.message
        if not self.scheduler.accounts[action.account].find(first.queue_id):
            return
        made = self._message(subject=first.subject, recipients=first.recipients)
        copy = replace(
            first,
            queue_id=made.queue_id,
            home=action.account,
            by=action.by,
            copy=True,
            attempts=0,
            in_data=False,
            arrived=self.now.steady,
        )
        self.report.copy(first, copy)
        key = (MESSAGE, action.account, copy.queue_id)
        record = partial(message_as_dict, copy, self.now)
        self.keeping.put(key, record, copy.subject.encode())
        self.happen(self.scheduler.take, action.by, copy)

    def _at(self, time: float, do: Callable[[], object]) -> None:
        """Have something done by this process, if it lives then."""
        process = self._process

        def do_if_alive() -> None:
            if process == self._process:
                self._live(do)

        self.agenda.at(time, do_if_alive)

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Have something done after so long by this process, if it lives then."""
        self._at(self.agenda.now + seconds, do)


def _worded(name: str, pause: Pause | None) -> str:
    if pause is None:
        return f"{name} goes on"
    return f"{name} is paused for {duration(pause.length)}: {pause.cause}"
