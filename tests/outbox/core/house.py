"""Plays shell and disk of two accounts, and looks at what must hold after each step."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import json
import math
from typing import Any

import pytest

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.core.account import Account
from custom_components.qq_mail.outbox.core.limits import Settings, people_of
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    HOUR,
    NEVER,
    Action,
    Attempt,
    Level,
    LogIn,
    Merge,
    Message,
    OutboxEvent,
    Outcome,
    Reason,
)
from custom_components.qq_mail.outbox.core.plan import gate
from custom_components.qq_mail.outbox.core.record import as_record as record_of
from custom_components.qq_mail.outbox.core.retry import (
    LONGEST_PAUSE,
    MAX_SESSIONS_OF_HIGHEST,
    MAX_UNANSWERED,
    PATIENCE_OF_IMPORTANT,
)
from custom_components.qq_mail.outbox.core.scheduler import EXPIRE_AT_ONCE, Scheduler
from custom_components.qq_mail.outbox.core.turn import (
    ACCOUNT,
    CONVERSATION,
    LOGIN,
    MESSAGE,
    SENT,
    Key,
)

from .play import NOON, as_record

type Disk = dict[Key, dict[str, Any]]
type Lane = tuple[int, frozenset[str]]
"""Rank, and recipients."""


@dataclass
class Outstanding:
    """An attempt that is outstanding."""

    account: str
    message: Message
    fresh: bool
    busy: bool = False
    in_data: bool = False


@dataclass
class Story:
    """What the model knows of a message."""

    account: str
    recipients: tuple[str, ...]
    lifetime: float
    arrived: float
    """By the steady clock of this process."""
    loaded: bool = False
    reached: bool = False
    attempts: int = 0
    unanswered: int = 0
    copies: bool = False
    """Whether the server may have it without the core's knowing."""
    unwanted: bool = False
    """A person discarded it while it was tried."""
    hurried: bool = True
    """Whether it need not wait for its own back-off."""
    digest: bool = False
    """Its outcomes are told of its parts."""


@dataclass
class Making:
    """A digest that is being made."""

    account: str
    parts: tuple[Message, ...]


@dataclass
class Side:
    """What the model knows of an account."""

    settings: Settings
    checking: bool = False
    logins: list[float] = field(default_factory=list)
    """Of this process, but for the highest and those that a form gave."""
    paced: list[float] = field(default_factory=list)
    """Texts that began since the pace was last forgiven, but for the highest."""
    overtaken: dict[Lane, set[Lane]] = field(default_factory=dict)
    """By those who wait for their turn: who has had one meanwhile."""


class House:
    """Two accounts in one scheduler."""

    def __init__(self, settings: Mapping[str, Settings], chance: float) -> None:
        """Begin with nothing; the accounts are not loaded yet."""
        self.now = Now(1000.0, NOON)
        self.chance = chance
        self.sides = {name: Side(one) for name, one in settings.items()}
        self.in_progress: dict[str, Outstanding] = {}
        self.making: dict[str, Making] = {}
        """By the queue ids of their first messages."""
        self.stories: dict[str, Story] = {}
        self.got: set[tuple[str, str]] = set()
        """By queue id and recipient: what the server has."""
        self.settled: dict[tuple[str, str], Outcome | None] = {}
        """Likewise: what was told; None: discarded."""
        self.disk: Disk = {}
        self.before: Disk = {}
        """The disk before its last round, which a kill may lose."""
        self.disk_works = True
        self.pending: set[Key] = set()
        """What the disk refused."""
        self.clock_is_right = True
        """Whether the wall clock was never set."""
        self.recovered_at = 0.0
        """When work goes on after an error that nobody expected."""
        self.number = 0
        self.expired = 0
        """How many expired by the last thing that happened."""
        self.scheduler = self.new_scheduler()

    # The shell

    def new_scheduler(self) -> Scheduler:
        """Return one that knows nothing."""
        return Scheduler(lambda: self.chance, lambda wall: wall.date())

    def account(self, name: str) -> Account:
        """Return what is known of an account."""
        return self.scheduler.accounts[name]

    def happen(self, name: str, what: str, *args: Any, **kwargs: Any) -> None:
        """Let something happen to an account, do what follows, and look at all."""
        self.apply(name, what, *args, **kwargs)
        self.go_on()

    def pass_time(self, seconds: float) -> None:
        """Let time pass by both clocks, and do what is due."""
        wall = self.now.wall + timedelta(seconds=seconds)
        # To the millisecond, as the clock is read.
        self.now = Now(round(self.now.steady + seconds, 3), wall)
        self.look()

    def look(self) -> None:
        """Do what is due."""
        self.follow(lambda: self.scheduler.time_passed(self.now))
        self.go_on()

    def apply(self, name: str, what: str, *args: Any, **kwargs: Any) -> None:
        """Let something happen to an account, and do what follows."""
        method = getattr(self.scheduler, what)
        self.follow(lambda: method(self.now, name, *args, **kwargs))

    def follow(self, happened: Callable[[], Any]) -> None:
        """Do what follows from what happens."""
        before = {one.queue_id: one for one in self.messages()}
        for name in self.sides:
            self.note_who_waits(name)
        actions: list[Action] = happened() or []
        self.write_marks()
        for action in actions:
            match action:
                case Attempt():
                    self.begin_attempt(action)
                case Merge():
                    self.begin_merge(action)
                case LogIn():
                    assert self.account(action.account).pause is None
                    self.sides[action.account].checking = True
                case OutboxEvent():
                    self.hear(action, before)
                case _:
                    pass
        self.expired = sum(
            isinstance(one, OutboxEvent) and one.outcome is Outcome.EXPIRED
            for one in actions
        )

    def go_on(self) -> None:
        """See to it that nothing is left that may go now, and look at all.

        A backlog of expired messages is told in slices.
        """
        while (wake := self.wake) <= self.now.steady:
            assert self.expired >= EXPIRE_AT_ONCE, "the timer says now"
            self.follow(lambda: self.scheduler.time_passed(self.now))
        assert wake > self.now.steady
        self.check()

    @property
    def wake(self) -> float:
        """When there is something to do."""
        return self.scheduler.wake_at(self.now)

    def messages(self) -> list[Message]:
        """Return all that waits."""
        return [one for each in self.scheduler.accounts.values() for one in each.queue]

    def get(self, queue_id: str) -> Message | None:
        """Return a message that waits."""
        story = self.stories[queue_id]
        return self.account(story.account).queue.get(queue_id)

    @property
    def owned(self) -> set[str]:
        """What is being merged."""
        return {one.queue_id for made in self.making.values() for one in made.parts}

    def hurry(self, chosen: Collection[str]) -> None:
        """Note that a person wants these tried."""
        for queue_id in chosen:
            if queue_id not in self.in_progress:
                self.stories[queue_id].hurried = True

    # The disk: what happened is written by one round

    def write_marks(self) -> None:
        """Write a round, or remember that the disk refused it."""
        marks, self.scheduler.marks = self.scheduler.marks, {}
        if marks:
            self.before = dict(self.disk)
        for key, record in marks.items():
            self.change_disk(key, record() if record else None)

    def change_disk(self, key: Key, record: Mapping[str, Any] | None) -> None:
        """Change one record."""
        if not self.disk_works:
            self.pending.add(key)
        elif record is None:
            self.disk.pop(key, None)
        else:
            self.disk[key] = json.loads(json.dumps(record))

    def put(self, name: str, one: Message) -> None:
        """Have a message on disk, and be sure of it."""
        key = (MESSAGE, name, one.queue_id)
        self.change_disk(key, as_record(one, self.now))
        self.before = dict(self.disk)

    def repair_disk(self) -> None:
        """Have the disk take what it refused: all is written as it is now."""
        self.disk_works = True
        pending, self.pending = self.pending, set()
        now = self.records()
        for key in pending:
            self.change_disk(key, now.get(key))
        self.before = dict(self.disk)

    def records(self) -> Disk:
        """Return what the disk would have if all that is known were written now."""
        found: Disk = {}
        for name, account in self.scheduler.accounts.items():
            limits = account.limits
            found[(ACCOUNT, name, "")] = record_of(account, self.now)
            for one in account.queue:
                if not one.in_memory:
                    found[(MESSAGE, name, one.queue_id)] = as_record(one, self.now)
            for kind, entries in ((SENT, limits.sent), (LOGIN, limits.logins)):
                for entry in entries:
                    found[(kind, name, entry.key)] = record_of(entry, self.now)
            for tag, known in account.conversations.items():
                found[(CONVERSATION, name, tag)] = record_of(known, self.now)
        return found

    # What follows

    def begin_attempt(self, attempt: Attempt) -> None:
        """Begin an attempt."""
        one, name = attempt.message, attempt.account
        account, story = self.account(name), self.stories[one.queue_id]
        assert story.account == name
        assert one.queue_id not in self.in_progress
        assert account.queue.get(one.queue_id) == one
        assert account.running
        assert account.pause is None
        assert not one.restored
        assert one.due <= self.now.steady or story.hurried
        assert story.unanswered < MAX_UNANSWERED
        assert one.recipients
        for person in one.recipients:
            assert story.copies or (one.queue_id, person) not in self.got
        self.check_day(account, one)
        if not attempt.fresh:
            self.have_turn(name, one)
        self.in_progress[one.queue_id] = Outstanding(name, one, attempt.fresh)

    def check_day(self, account: Account, one: Message) -> None:
        """See to it that there is room in the day, or in the hour of these people."""
        limits, people = account.limits, people_of(one.recipients)
        share = {Level.BELOW: 0.9, Level.HIGH: 1.0}.get(one.level)
        if not share or not limits.settings.per_day:
            return
        if one.parts:
            # A digest had its turn when it was begun.
            return
        now = self.now.steady
        if sum(each.at > now - DAY for each in limits.sent) >= math.ceil(
            limits.settings.per_day * share
        ):
            assert not any(
                each.at > now - HOUR + 0.01
                for each in limits.sent
                if (each.people, each.level) == (people, one.level)
            )

    def note_who_waits(self, name: str) -> None:
        """Forget of whom nothing can be tried now."""
        if (account := self.scheduler.accounts.get(name)) is None:
            return
        side, queue = self.sides[name], account.queue
        # Of equals for the same people, all may go or none.
        waiting = {
            (one.rank, frozenset(one.recipients)): one
            for one in queue
            if not (queue.is_owned(one.queue_id) or one.restored)
            and one.due <= self.now.steady
        }
        side.overtaken = {
            lane: side.overtaken.get(lane, set())
            for lane, one in waiting.items()
            if gate(account, self.now.steady, one) is None
        }

    def have_turn(self, name: str, one: Message) -> None:
        """See to it that nobody has two turns while an equal waits for one."""
        mine = (one.rank, frozenset(one.recipients))
        for lane, others in self.sides[name].overtaken.items():
            if lane[0] == mine[0] and lane != mine:
                assert mine not in others, "overtaken twice"
                others.add(mine)
            elif lane == mine:
                others.clear()

    def begin_merge(self, merge: Merge) -> None:
        """Begin to make a digest."""
        parts, name = merge.messages, merge.account
        account = self.account(name)
        assert account.pause is None
        assert account.limits.settings.digest
        assert len(parts) > 1
        assert len({(people_of(one.recipients), one.level) for one in parts}) == 1
        queue_ids = {one.queue_id for one in parts}
        assert not queue_ids & (self.in_progress.keys() | self.owned)
        for one in parts:
            story = self.stories[one.queue_id]
            # That is a turn: they wait no more.
            lane = (one.rank, frozenset(one.recipients))
            self.sides[name].overtaken.pop(lane, None)
            assert one.mergeable
            people = {(one.queue_id, person) for person in one.recipients}
            assert story.copies or not people & self.got
            assert account.queue.get(one.queue_id) == one
        self.making[parts[0].queue_id] = Making(name, parts)

    @staticmethod
    def keys_of(one: Message) -> set[tuple[str, str]]:
        """Return whose outcomes are open: for a digest those of its parts."""
        queue_ids = [part.queue_id for part in one.parts] or [one.queue_id]
        return {(each, person) for each in queue_ids for person in one.recipients}

    def forget(self, one: Message) -> None:
        """Note that a person does not want a message."""
        self.settled |= dict.fromkeys(self.keys_of(one), None)

    def hear(self, event: OutboxEvent, before: Mapping[str, Message]) -> None:
        """Note what is told, which is right, and told once."""
        whole = event.digest or event.queue_id
        story = self.stories[whole]
        assert event.account == story.account
        if event.plan:
            assert event.outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
            assert event.plan.at >= self.now.steady
            story.hurried = False
            return
        one = before[whole]
        assert event.of == len(one.parts)
        if event.digest:
            assert one.parts[event.part].queue_id == event.queue_id
        if event.outcome is Outcome.UNKNOWN:
            assert story.unanswered == MAX_UNANSWERED or story.unwanted or one.in_memory
        if event.outcome is Outcome.EXPIRED and not one.in_memory:
            here = self.now.steady - story.arrived + 0.001
            assert (
                one.restored
                or story.reached
                or (story.attempts and here >= one.lifetime)
            )
            assert story.loaded or here >= one.lifetime
        for person in event.recipients:
            key = (event.queue_id, person)
            assert key not in self.settled, "told twice"
            assert person in self.stories[event.queue_id].recipients
            self.settled[key] = event.outcome
            if event.outcome is Outcome.ACCEPTED:
                assert key in self.got

    # What must hold

    def check(self) -> None:
        """Look at everything."""
        for name, account in self.scheduler.accounts.items():
            self.check_account(name, account)
            self.check_highest(account)
        self.check_stories()
        kept = {
            (MESSAGE, self.stories[one.queue_id].account, one.queue_id)
            for one in self.messages()
            if not one.in_memory
        }
        there = {key for key in self.disk if key[0] == MESSAGE}
        assert self.pending or there == kept
        assert there | self.pending >= kept

    def check_account(self, name: str, account: Account) -> None:
        """Look at one account."""
        messages, queue = list(account.queue), account.queue
        in_progress = {
            key for key, one in self.in_progress.items() if one.account == name
        }
        making = {key for key, one in self.making.items() if one.account == name}
        assert queue.size == sum(one.size for one in messages) >= 0
        assert queue.in_progress.keys() == in_progress
        assert queue.groups.merging.keys() == making
        assert len(in_progress) <= MAX_SESSIONS_OF_HIGHEST
        holders = {part.queue_id: one for one in messages for part in one.parts}
        # Either a message counts or its digest, and it is in no other.
        assert not holders.keys() & {one.queue_id for one in messages}
        assert len(holders) == sum(len(one.parts) for one in messages)
        assert queue.groups.digests == {
            part: one.queue_id for part, one in holders.items()
        }
        if pause := account.pause:
            assert pause.until <= round(self.now.steady + pause.length, 3)
            assert pause.length <= LONGEST_PAUSE
        waits = [
            one
            for one in messages
            if not queue.is_owned(one.queue_id) and not one.restored
        ]
        if account.running and waits and not in_progress and not making:
            assert self.wake < NEVER
        limits = account.limits
        assert [one.at for one in limits.sent] == sorted(one.at for one in limits.sent)
        assert len({one.key for one in limits.sent}) == len(limits.sent)
        assert len({one.key for one in limits.logins}) == len(limits.logins)

    def check_highest(self, account: Account) -> None:
        """See to it that an alarm waits for nothing but a moment's patience.

        The account may be paused, there may be no server, or it was tried in vain.
        """
        now, queue = self.now.steady, account.queue
        down = account.down
        if (
            now < self.recovered_at
            or not account.running
            or account.pause
            or (down and down.until > now)
            or len(queue.in_progress) >= MAX_SESSIONS_OF_HIGHEST
        ):
            return
        for one in queue:
            if one.level is not Level.HIGHEST or queue.is_owned(one.queue_id):
                continue
            plan = self.scheduler.plan(
                self.now, self.stories[one.queue_id].account, one.queue_id
            )
            assert plan
            if plan.reason not in (Reason.DECISION, Reason.BACK_OFF):
                assert plan.reason is Reason.TURN
                assert now < plan.at <= now + PATIENCE_OF_IMPORTANT

    def check_stories(self) -> None:
        """See to it that each outcome was told, or is open."""
        messages = {one.queue_id: one for one in self.messages()}
        holders = {
            part.queue_id: one for one in messages.values() for part in one.parts
        }
        for queue_id, story in self.stories.items():
            if story.digest:
                continue
            open_for = {
                person
                for person in story.recipients
                if (queue_id, person) not in self.settled
            }
            known = messages.get(queue_id) or holders.get(queue_id)
            assert open_for == (set(known.recipients) if known else set()), "untold"

    # Restarts

    def kill(self, steady: float, wall: datetime, disk: Disk, unsure: set[Key]) -> None:
        """Kill the process; another one finds this on disk, and is not sure of some."""
        self.now = Now(steady, wall)
        self.disk, self.before = disk, dict(disk)
        self.in_progress, self.making, self.pending = {}, {}, set()
        self.recovered_at = 0.0
        self.disk_works = True
        self.scheduler = self.new_scheduler()
        held = set()
        for name, side in self.sides.items():
            records = {
                (kind, key): record
                for (kind, account, key), record in disk.items()
                if account == name
            }
            assert not self.scheduler.add_account(
                self.now, name, side.settings, records
            )
            self.sides[name] = Side(side.settings)
            for one in self.account(name).queue:
                key = (MESSAGE, name, one.queue_id)
                self.find(one, sure=key not in unsure)
                held |= {part.queue_id for part in one.parts} | {one.queue_id}
        for queue_id, story in self.stories.items():
            if queue_id not in held and not story.digest:
                # In memory alone, or newer than the backup, or its removal is known.
                for person in story.recipients:
                    self.settled.setdefault((queue_id, person), None)

    def find(self, one: Message, *, sure: bool) -> None:
        """Compare what a start finds with what was known."""
        story, people = self.stories[one.queue_id], self.keys_of(one)
        if sure and not one.restored:
            assert not people & self.settled.keys()
            assert one.unanswered == story.unanswered
        for key in people:
            # The disk does not know better.
            self.settled.pop(key, None)
        story.copies |= one.in_data or not sure or one.restored
        for part in one.parts:
            self.stories[part.queue_id].copies |= story.copies
        story.unanswered = one.unanswered
        story.attempts = one.attempts + one.in_data
        story.arrived = self.now.steady
        story.loaded, story.reached, story.hurried = True, False, False
        story.unwanted = False


def kept(account: Account, now: Now, *, ages: bool) -> dict[str, Any]:
    """Return what an account keeps over a restart, with ages where they can be known."""

    def age(at: float) -> object:
        return pytest.approx(now.steady - at, abs=0.01) if ages else None

    standing = record_of(account, now)
    pause = account.pause
    for key in ("written", "pause", "limits"):
        del standing[key]
    limits = account.limits
    return standing | {
        # By a clock that was set ahead it is over.
        "pause": ages
        and pause
        and (pause.cause, pause.length, pause.reply, age(pause.until)),
        "learned": [
            one and (one.value, age(one.at)) for one in (limits.minute, limits.hour)
        ],
        "sent": {one.key: (age(one.at), one.people, one.level) for one in limits.sent},
        "logins": {one.key: age(one.at) for one in limits.logins},
        "conversations": dict(account.conversations),
        "messages": {
            one.queue_id: (
                replace(
                    one,
                    raised=0.0,
                    arrived=0.0,
                    due=0.0,
                    offered_at=0.0,
                    stalled_at=None,
                    reached=False,
                ),
                age(one.raised),
            )
            for one in account.queue
            if not one.in_memory
        },
    }
