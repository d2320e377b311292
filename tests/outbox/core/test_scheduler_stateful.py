"""The heart against a model of what must hold, whatever happens in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
import json
from typing import Any, override

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.account import Kept, Tally, Threads
from custom_components.qq_mail.outbox.core.models import Message, OutboxEvent, Outcome
from custom_components.qq_mail.outbox.digest import originals
from custom_components.qq_mail.outbox.events import (
    Attempt,
    AttemptBroke,
    AttemptCut,
    AttemptFailed,
    CheckLogin,
    CodeRenewed,
    DataBegins,
    DataEnds,
    Decision,
    DigestWriting,
    DiscardAsked,
    Event,
    KeepStanding,
    LoginFailed,
    Merge,
    Merged,
    MergeFailed,
    Recall,
    Remove,
    RetryAsked,
    SessionOpened,
    Started,
    Submitted,
    Submitting,
    Taken,
    Tell,
    TimePassed,
    Write,
)
from custom_components.qq_mail.outbox.pace import HIGHEST, Pace
from custom_components.qq_mail.outbox.queue import Queue
from custom_components.qq_mail.outbox.record import as_json, from_json
from custom_components.qq_mail.outbox.retry import (
    LOGIN_INTERVALS,
    MAX_RATE_LIMIT_PAUSE,
    MAX_SESSIONS,
    MAX_UNANSWERED,
)
from custom_components.qq_mail.outbox.scheduler import EXPIRE_AT_ONCE, step, wake_at
from custom_components.qq_mail.outbox.standing import Standing
from custom_components.qq_mail.smtp.errors import (
    AuthenticationError,
    MailError,
    MessageRefusedError,
    OutcomeUnknownError,
)
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from ..fuzz.conftest import fuzz
from .heart import (
    AMBIGUOUS,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    OK,
    RATE_LIMIT,
    all_refused,
    lost,
    message,
    refused,
)

PEOPLE = ("a@example.com", "b@example.com", "c@example.com")
LONGEST_HOLD = max(*LOGIN_INTERVALS, MAX_RATE_LIMIT_PAUSE)
BEFORE_MAIL = (Step.CONNECT, Step.EHLO, Step.STARTTLS, Step.AUTH)

# A quarter of a second, or so long that the message has to be found late.
TIMES = st.sampled_from([0.25, 2.0, 11.0, MINUTE, 20 * MINUTE, HOUR, 7 * HOUR])
LONG_TIMES = st.sampled_from([DAY, 3 * DAY])
WALLS = st.sampled_from(
    [datetime(year, 2, 3, tzinfo=UTC) for year in (1970, 2000, 2026, 2027, 2076)]
)
FOR_GOOD, FOR_NOW = Reply(550, "Mailbox not found"), Reply(450, "busy")
REFUSALS = st.dictionaries(
    st.sampled_from(PEOPLE), st.sampled_from([FOR_GOOD, FOR_NOW]), max_size=3
)
TEXTS = st.sampled_from(["no", RATE_LIMIT.text])
CODES = st.sampled_from([421, 450, 451, 502, 503, 530, 550, 552])
LOGIN_ERRORS = st.sampled_from(
    [
        AuthenticationError(Cause.LOGIN_AMBIGUOUS, Step.AUTH, AMBIGUOUS),
        AuthenticationError(Cause.LOGIN_CLOSED, Step.AUTH),
        AuthenticationError(Cause.LOGIN_NEEDS_CODE, Step.AUTH, AMBIGUOUS),
        AuthenticationError(Cause.TEMPORARY, Step.AUTH, Reply(454, "later")),
        lost(Step.CONNECT),
        lost(Step.EHLO),
        lost(Step.AUTH),
    ]
)


@dataclass
class Flight:
    """An attempt that is outstanding."""

    message: Message
    fresh: bool
    busy: bool = False
    in_data: bool = False
    ended: bool = False
    """Whether all of it is sent."""
    word_by_word: bool = False
    behind: str | None = None
    """Over the session of this one."""


@dataclass
class Story:
    """What the model knows of a message."""

    recipients: tuple[str, ...]
    lifetime: float
    arrived: float
    """By the steady clock of this process."""
    loaded: bool = False
    restored: bool = False
    reached: bool = False
    attempts: int = 0
    unanswered: int = 0
    copies: bool = False
    """Whether the server may have it without the heart's knowing."""
    unwanted: bool = False
    """A person discarded it in the air."""
    hurried: bool = True
    """Whether it need not wait for its own back-off."""


@dataclass
class Making:
    """A digest that is being made."""

    parts: tuple[Message, ...]
    writing: bool = False
    digest: Message | None = None
    """On disk, and not yet in the queue."""


class Where(Enum):
    """How far an attempt is."""

    OPENING = (False, False)
    BUSY = (True, False)
    IN_DATA = (True, True)


type Lane = tuple[int, frozenset[str]]
"""Importance, and recipients."""


def lane_of(one: Message) -> Lane:
    """Return with whom a message takes turns."""
    return one.importance, frozenset(one.recipients)


def those(machine: OutboxMachine, where: Where) -> list[str]:
    """Return the attempts that have come so far."""
    return [
        queue_id
        for queue_id, flight in sorted(machine.flights.items())
        if (flight.busy, flight.in_data) == where.value
        # The server says nothing of it before it has answered the other.
        and flight.behind not in machine.flights
    ]


def goes_on(event: Event) -> bool:
    """Tell whether a session can be used after this."""
    match event:
        case AttemptFailed(error=MessageRefusedError() as error):
            return not error.speaks_of_session and not error.of_flight
        case AttemptFailed() | AttemptBroke():
            return False
    return True


def heard_of(flight: Flight, refusals: Mapping[str, Reply]) -> dict[str, Reply]:
    """Return refusals of a message's recipients, but not of all of them."""
    people = flight.message.recipients
    heard = {to: reply for to, reply in refusals.items() if to in people}
    return heard if len(heard) < len(people) else {}


def some(where: Where) -> Callable[[OutboxMachine], bool]:
    """Let a rule be for attempts that have come so far."""
    return lambda machine: bool(those(machine, where))


class OutboxMachine(RuleBasedStateMachine):
    """Plays shell, disk, server, person and clock."""

    def __init__(self) -> None:
        """Begin with nothing; the rest follows with the pace."""
        super().__init__()
        self.now = Now(1000.0, NOON)
        self.queue = Queue()
        self.standing: Standing
        self.chance = 0.0
        self.flights: dict[str, Flight] = {}
        self.making: dict[str, Making] = {}
        """By the queue ids of their first messages."""
        self.checking = False
        self.disk: dict[str, str] = {}
        self.state: str | None = None
        self.disk_works = True
        self.pending: dict[str, str | None] = {}
        self.backup: dict[str, str] = {}
        self.stories: dict[str, Story] = {}
        self.got: set[tuple[str, str]] = set()
        self.settled: dict[tuple[str, str], Outcome | None] = {}
        """By queue id and recipient; None: discarded."""
        self.number = 0
        self.session_open = False
        """Whether the heart was told that there is one."""
        self.logins: list[tuple[float, bool]] = []
        """When, and whether for an alarm, in this process."""
        self.overtaken: dict[Lane, set[Lane]] = {}
        """By those who wait for their turn: who has had one meanwhile."""

    @initialize(
        pace=st.sampled_from([Pace(5, 10), Pace(1, 60), Pace(5, 0), Pace(1, 1)]),
        chance=st.sampled_from([0.0, 0.5, 1.0]),
    )
    def begin(self, pace: Pace, chance: float) -> None:
        """Start for the first time."""
        self.pace, self.chance = pace, chance
        self.standing = Standing.new(
            pace, self.now.steady, check_login_at=self.now.steady
        )
        self.tell(Started())

    # The shell

    def tell(self, event: Event, *, may_start: bool = True) -> None:
        """Have something decided, do it, and look at what is then."""
        self.apply(event, may_start=may_start)
        turns = 0
        while may_start and self.wake <= self.now.steady:
            # As the shell does: there is something to do at once.
            before = len(self.queue)
            decisions = self.apply(TimePassed())
            turns += 1
            assert decisions or len(self.queue) < before or turns <= 2, "busy loop"
            assert turns <= 3 + len(self.stories) / EXPIRE_AT_ONCE + 3
        self.check()

    def apply(self, event: Event, *, may_start: bool = True) -> list[Decision]:
        """Have something decided, and do it."""
        before = {one.queue_id: one for one in self.queue}
        probe = self.standing.down and self.standing.down.probe
        self.note_who_waits()
        self.standing, decisions = step(
            self.queue,
            self.standing,
            event,
            self.now,
            chance=lambda: self.chance,
            may_start=may_start,
            session_open=self.session_open,
            digest=True,
        )
        for decision in decisions:
            match decision:
                case Attempt():
                    self.do_attempt(decision)
                    queue_id = decision.message.queue_id
                    taken = isinstance(event, Taken) and event.message.queue_id
                    if not decision.fresh:
                        self.have_turn(
                            decision.message, probe=queue_id in (probe, taken)
                        )
                case Recall():
                    flight = self.flights.pop(decision.queue_id)
                    assert flight.behind == decision.behind
                    self.flights[decision.behind].ended = False
                case Merge():
                    self.do_merge(decision.messages)
                case CheckLogin():
                    assert not self.standing.hold
                    self.checking = True
                case Write():
                    assert not decision.message.in_data or isinstance(event, DataBegins)
                    self.write(decision.message)
                case Remove():
                    assert self.queue.get(decision.message.queue_id) is None
                    self.change_disk(decision.message.queue_id, None)
                case KeepStanding():
                    self.keep_standing()
                case Tell():
                    self.hear(decision.event, before)
                case _:
                    pass
        return decisions

    def do_attempt(self, attempt: Attempt) -> None:
        """Begin an attempt."""
        one = attempt.message
        story = self.stories[one.queue_id]
        assert one.queue_id not in self.flights
        assert self.queue.get(one.queue_id) == one
        assert self.standing.hold is None
        assert not one.restored
        assert one.due <= self.now.steady or story.hurried
        assert story.unanswered < MAX_UNANSWERED
        assert one.recipients
        for person in one.recipients:
            assert story.copies or (one.queue_id, person) not in self.got
        flight = Flight(
            one,
            attempt.fresh,
            word_by_word=attempt.word_by_word,
            behind=attempt.behind,
        )
        assert not (attempt.behind and attempt.word_by_word)
        self.flights[one.queue_id] = flight
        if attempt.behind:
            assert self.flights[attempt.behind].ended
            assert not attempt.fresh
            flight.busy = flight.in_data = True
            self.apply(DataBegins(one.queue_id))

    def note_who_waits(self) -> None:
        """Forget of whom nothing can be tried now."""
        waiting = {
            lane_of(one)
            for one in self.queue
            if one.queue_id not in self.flights
            and one.queue_id not in self.owned
            and self.queue.due_of(one) <= self.now.steady
        }
        self.overtaken = {lane: self.overtaken.get(lane, set()) for lane in waiting}

    def have_turn(self, one: Message, *, probe: bool) -> None:
        """See to it that nobody has two turns while an equal waits for one.

        What finds out whether there is a server again is tried before its turn.
        """
        mine = lane_of(one)
        for lane, others in self.overtaken.items():
            if lane[0] == mine[0] and lane != mine and not probe:
                assert mine not in others, "overtaken twice"
                others.add(mine)
            elif lane == mine:
                others.clear()

    def do_merge(self, parts: tuple[Message, ...]) -> None:
        """Begin to make a digest."""
        assert not self.standing.hold
        assert len(parts) > 1
        assert len({(one.recipients, one.tag) for one in parts}) == 1
        queue_ids = {one.queue_id for one in parts}
        assert not queue_ids & self.flights.keys() | queue_ids & self.owned
        for one in parts:
            story = self.stories[one.queue_id]
            assert one.importance <= 0
            assert not one.restored
            assert not one.in_memory
            # A digest is never the reason for a second copy.
            assert not one.in_data
            assert not one.unanswered
            people = {(one.queue_id, person) for person in one.recipients}
            assert story.copies or not people & self.got
            assert self.queue.get(one.queue_id) == one
        self.making[parts[0].queue_id] = Making(parts)

    @property
    def owned(self) -> set[str]:
        """What is being merged."""
        return {one.queue_id for made in self.making.values() for one in made.parts}

    def keys_of(self, one: Message) -> set[tuple[str, str]]:
        """Return whose outcomes are open: for a digest those of its parts as well."""
        queue_ids = [one.queue_id, *(part.queue_id for part in one.merged)]
        return {(each, person) for each in queue_ids for person in one.recipients}

    def write(self, one: Message) -> None:
        """Put what is known of a message on disk."""
        if not one.in_memory:
            self.change_disk(one.queue_id, as_json(one, self.now))

    def change_disk(self, queue_id: str, content: str | None) -> None:
        """Change the disk, or remember that it refused."""
        if not self.disk_works:
            self.pending[queue_id] = content
        elif content is None:
            self.disk.pop(queue_id, None)
        else:
            self.disk[queue_id] = content

    def keep_standing(self) -> None:
        """Put on disk how the account stands."""
        if self.disk_works:
            kept = Kept(self.standing, Threads(), Tally())
            self.state = json.dumps(kept.as_dict(self.now))

    def hear(self, event: OutboxEvent, before: Mapping[str, Message]) -> None:
        """Note what is told, which is right, and told once."""
        story = self.stories[event.queue_id]
        if event.next_attempt or event.outcome is Outcome.DEFERRED:
            assert event.outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
            story.hurried = False
            return
        one = before[event.digest or event.queue_id]
        if event.digest:
            assert event.queue_id in {part.queue_id for part in one.merged}
            assert (event.digest, event.recipients[0]) in self.settled
            # All else was looked at when its own outcome was told.
        elif event.outcome is Outcome.UNKNOWN:
            assert story.unanswered == MAX_UNANSWERED or story.unwanted or one.in_memory
        if event.outcome is Outcome.EXPIRED and not one.in_memory and not event.digest:
            here = self.now.steady - story.arrived
            assert (
                one.restored
                or story.reached
                or (story.attempts and here >= one.lifetime)
            )
            assert story.loaded or here >= one.lifetime
        for person in event.recipients:
            key = (event.queue_id, person)
            assert key not in self.settled, "told twice"
            assert person in story.recipients
            self.settled[key] = event.outcome
            if event.outcome is Outcome.ACCEPTED:
                assert key in self.got

    @property
    def queue_ids(self) -> set[str]:
        """What is there."""
        return {one.queue_id for one in self.queue}

    @property
    def wake(self) -> float:
        """When there is something to do."""
        return wake_at(
            self.queue,
            self.standing,
            self.now.steady,
            session_open=self.session_open,
        )

    # What must hold

    def check(self) -> None:
        """Look at everything."""
        messages = list(self.queue)
        assert self.queue.size == sum(one.size for one in messages) >= 0
        assert self.queue.in_air.keys() == self.flights.keys() <= self.queue_ids
        leaders = [flight.behind for flight in self.flights.values() if flight.behind]
        leaders = [one for one in leaders if one in self.flights]
        assert len(leaders) == len(set(leaders))
        assert len(self.flights) - len(leaders) <= MAX_SESSIONS
        waits = []
        for one in messages:
            people = self.keys_of(one)
            assert people
            assert not people & self.settled.keys()
            owned = self.flights.keys() | self.owned
            if one.queue_id not in owned and not one.restored:
                waits.append(one)
        assert self.queue.groups.merging.keys() == self.making.keys()
        holders = {part.queue_id: one for one in messages for part in one.merged}
        # Either a message counts or its digest, and it is in no other.
        assert not holders.keys() & {one.queue_id for one in messages}
        assert len(holders) == sum(len(one.merged) for one in messages)
        assert self.queue.groups.digests == {
            part: one.queue_id for part, one in holders.items()
        }
        assert self.queue.restored == {one.queue_id for one in messages if one.restored}
        for queue_id, story in self.stories.items():
            open_for = {
                person
                for person in story.recipients
                if (queue_id, person) not in self.settled
            }
            known = self.queue.get(queue_id) or holders.get(queue_id)
            assert open_for == (set(known.recipients) if known else set()), "untold"
        if hold := self.standing.hold:
            assert hold.until - self.now.steady <= hold.length <= LONGEST_HOLD
        if waits and not self.flights:
            assert self.wake < float("inf")
        kept = {one.queue_id for one in messages if not one.in_memory}
        for made in self.making.values():
            if made.digest:
                kept -= {one.queue_id for one in made.parts}
                kept.add(made.digest.queue_id)
        if not self.pending:
            assert self.disk.keys() == kept
        assert self.disk.keys() | self.pending.keys() >= kept

    # Calls and persons

    @rule(
        importance=st.sampled_from([-1, 0, 0, 2]),
        tag=st.sampled_from(["", "leak"]),
        lifetime=st.sampled_from([10 * MINUTE, DAY]),
        in_memory=st.booleans(),
        people=st.sampled_from([PEOPLE[:1], PEOPLE[:2], PEOPLE]),
        size=st.integers(1, 1000),
    )
    def take(
        self,
        lifetime: float,
        people: tuple[str, ...],
        *,
        in_memory: bool,
        **values: Any,
    ) -> None:
        """Take a message; on disk first, where that works."""
        self.number += 1
        one = message(
            self.number,
            self.now,
            lifetime=lifetime,
            recipients=people,
            in_memory=in_memory or not self.disk_works,
            **values,
        )
        self.stories[one.queue_id] = Story(people, lifetime, self.now.steady)
        self.write(one)
        self.tell(Taken(one))

    @precondition(lambda self: self.stories)
    @rule(data=st.data(), all_of_them=st.booleans())
    def discard(self, data: st.DataObject, *, all_of_them: bool) -> None:
        """Discard messages, which may be in the air."""
        chosen = sorted(self.stories)
        if not all_of_them:
            chosen = [data.draw(st.sampled_from(chosen))]
        for queue_id in chosen:
            known = self.queue.get(queue_id)
            merging = self.queue.groups.merging_of(queue_id)
            too_late = merging is not None and merging.writing
            if known and queue_id not in self.flights and not too_late:
                self.forget(known)
                if merging:
                    self.making.pop(merging.queue_ids[0], None)
            self.stories[queue_id].unwanted = True
        self.tell(DiscardAsked(tuple(chosen)))

    def forget(self, one: Message) -> None:
        """Note that a person does not want a message."""
        self.settled |= dict.fromkeys(self.keys_of(one), None)

    @precondition(lambda self: self.stories)
    @rule(data=st.data(), all_of_them=st.booleans())
    def retry(self, data: st.DataObject, *, all_of_them: bool) -> None:
        """Ask for a try at once."""
        queue_id = data.draw(st.sampled_from(sorted(self.stories)))
        chosen = sorted(self.stories) if all_of_them else [queue_id]
        for each in chosen:
            if each not in self.flights:
                self.stories[each].hurried = True
        known = self.queue.get(queue_id)
        self.tell(RetryAsked(None if all_of_them else queue_id))
        if all_of_them or known:
            assert not self.standing.hold

    @rule()
    def renew_code(self) -> None:
        """Give a new code: it says nothing of what comes from a backup."""
        restored = set(self.queue.restored)
        for queue_id in self.queue_ids - self.flights.keys() - restored:
            self.stories[queue_id].hurried = True
        self.logins.append((self.now.steady, True))
        self.tell(CodeRenewed())
        assert not self.standing.asked
        told = {queue_id for queue_id, _ in self.settled}
        assert restored <= self.queue.restored | told

    # Digests

    @precondition(lambda self: self.making)
    @rule(data=st.data())
    def go_on_with_digest(self, data: st.DataObject) -> None:
        """Make a digest, bring it to the disk, or have it take its place."""
        first = data.draw(st.sampled_from(sorted(self.making)))
        self.go_on(first)

    def go_on(self, first: str) -> None:
        """Do the next step."""
        made = self.making[first]
        if not made.writing:
            made.writing = True
            self.tell(DigestWriting(first))
        elif made.digest:
            del self.making[first]
            unwanted = {
                one.queue_id
                for one in made.parts
                if self.stories[one.queue_id].unwanted
            }
            if len(unwanted) == len(made.parts):
                self.forget(made.digest)
            self.tell(Merged(first, made.digest))
        elif self.disk_works:
            self.write_digest(made)
        else:
            self.give_up(first, again=False)

    def write_digest(self, made: Making) -> None:
        """Bring a digest to the disk, by one write with what it supersedes."""
        self.number += 1
        newest = made.parts[-1]
        made.digest = message(
            self.number,
            self.now,
            recipients=newest.recipients,
            importance=max(one.importance for one in made.parts),
            tag=newest.tag,
            lifetime=max(one.lifetime for one in made.parts),
            merged=originals(made.parts),
        )
        digest = made.digest
        self.stories[digest.queue_id] = Story(
            digest.recipients, digest.lifetime, self.now.steady
        )
        self.stories[digest.queue_id].copies = any(
            self.stories[one.queue_id].copies for one in made.parts
        )
        for one in made.parts:
            self.disk.pop(one.queue_id, None)
            self.pending.pop(one.queue_id, None)
        self.write(digest)

    @precondition(lambda self: self.making)
    @rule(data=st.data(), again=st.booleans())
    def make_no_digest(self, data: st.DataObject, *, again: bool) -> None:
        """Fail at it, or be interrupted."""
        first = data.draw(st.sampled_from(sorted(self.making)))
        if not self.making[first].digest:
            self.give_up(first, again=again)

    def give_up(self, first: str, *, again: bool) -> None:
        """Let go of what was to be merged."""
        made = self.making.pop(first)
        for one in made.parts:
            if self.stories[one.queue_id].unwanted:
                self.forget(one)
            elif not again:
                self.stories[one.queue_id].hurried = True
        self.tell(MergeFailed(first, again))

    # Attempts

    def flying(self, data: st.DataObject, where: Where) -> Flight:
        """Choose an attempt that has come so far."""
        return self.flights[data.draw(st.sampled_from(those(self, where)))]

    def land(self, flight: Flight, event: Event, *, tried: bool = True) -> None:
        """Tell what came of an attempt."""
        queue_id = flight.message.queue_id
        del self.flights[queue_id]
        follower = next(
            (one for one in self.flights.values() if one.behind == queue_id), None
        )
        story = self.stories[queue_id]
        story.attempts += tried
        if self.queue.in_air[queue_id].unwanted:
            # Whoever is not told of otherwise is discarded now.
            known = self.queue.get(queue_id)
            assert known
            self.apply(event)
            assert self.queue.get(queue_id) is None
            for key in self.keys_of(known):
                self.settled.setdefault(key, None)
            session_goes_on, event = goes_on(event), TimePassed()
        else:
            session_goes_on = goes_on(event)
        if follower and not (session_goes_on and self.may_send(follower)):
            self.apply(event)
            self.land(follower, AttemptCut(follower.message.queue_id), tried=False)
            return
        self.tell(event)

    def may_send(self, flight: Flight) -> bool:
        """Tell whether the text of a message may begin."""
        hold = self.standing.hold
        unwanted = self.queue.in_air[flight.message.queue_id].unwanted
        return not unwanted and (hold is None or hold.for_login)

    @precondition(some(Where.IN_DATA))
    @rule(data=st.data())
    def end_data(self, data: st.DataObject) -> None:
        """Have sent all but the final dot."""
        flight = self.flying(data, Where.IN_DATA)
        if self.may_send(flight) and not flight.ended and not flight.word_by_word:
            flight.ended = True
            self.tell(DataEnds(flight.message.queue_id))

    @precondition(some(Where.OPENING))
    @rule(data=st.data(), kept=st.booleans())
    def open(self, data: st.DataObject, *, kept: bool) -> None:
        """Have a session for a message: a new one, or one that was kept."""
        flight = self.flying(data, Where.OPENING)
        hold = self.standing.hold
        if hold and hold.for_login:
            self.land(flight, AttemptCut(flight.message.queue_id), tried=False)
            return
        if (flight.fresh or not kept) and not self.may_log_in(flight):
            self.land(flight, AttemptCut(flight.message.queue_id), tried=False)
            return
        flight.busy = True
        flight.fresh = flight.fresh or not kept
        if flight.fresh:
            self.log_in(flight)
            self.tell(SessionOpened())
            assert not self.standing.asked
        self.tell(Submitting(flight.message.queue_id))

    @precondition(some(Where.BUSY))
    @rule(data=st.data())
    def begin_data(self, data: st.DataObject) -> None:
        """Come to DATA, unless the message was discarded meanwhile."""
        flight = self.flying(data, Where.BUSY)
        queue_id = flight.message.queue_id
        if self.queue.in_air[queue_id].unwanted:
            self.land(flight, AttemptCut(queue_id), tried=False)
            return
        flight.in_data = True
        self.tell(DataBegins(queue_id))

    @precondition(some(Where.OPENING))
    @rule(data=st.data(), error=LOGIN_ERRORS)
    def fail_to_open(self, data: st.DataObject, error: MailError) -> None:
        """Find no server, or one that does not want the account."""
        flight = self.flying(data, Where.OPENING)
        if not self.may_log_in(flight):
            self.land(flight, AttemptCut(flight.message.queue_id), tried=False)
            return
        if error.step is Step.AUTH:
            self.log_in(flight)
        self.land(flight, AttemptFailed(flight.message.queue_id, error))

    @precondition(some(Where.BUSY))
    @rule(
        data=st.data(),
        refusals=REFUSALS,
        code=CODES,
        text=TEXTS,
        of_flight=st.booleans(),
    )
    def fail_before_data(
        self,
        data: st.DataObject,
        refusals: dict[str, Reply],
        code: int,
        text: str,
        *,
        of_flight: bool,
    ) -> None:
        """Lose the connection, or be refused, at MAIL or RCPT."""
        flight = self.flying(data, Where.BUSY)
        people = flight.message.recipients
        heard = {to: reply for to, reply in refusals.items() if to in people}
        errors = [
            lost(Step.MAIL),
            refused(Step.MAIL, code, text),
            lost(Step.RCPT, refused=heard),
            refused(Step.RCPT, 421, refused=heard),
            refused(Step.RCPT, 550, RATE_LIMIT.text, refused=heard),
            all_refused({to: heard.get(to, FOR_NOW) for to in people}),
        ]
        error = data.draw(st.sampled_from(errors))
        self.fail(flight, error, of_flight=of_flight)

    @precondition(some(Where.IN_DATA))
    @rule(
        data=st.data(),
        refusals=REFUSALS,
        code=CODES,
        text=TEXTS,
        of_flight=st.booleans(),
    )
    def fail_in_data(
        self,
        data: st.DataObject,
        refusals: dict[str, Reply],
        code: int,
        text: str,
        *,
        of_flight: bool,
    ) -> None:
        """Lose the connection before the final dot, or be refused."""
        flight = self.flying(data, Where.IN_DATA)
        heard = heard_of(flight, refusals)
        errors = [
            lost(Step.DATA, refused=heard),
            lost(Step.BODY, refused=heard),
            refused(Step.DATA, code, text, refused=heard),
            refused(Step.END_OF_DATA, code, text, refused=heard),
        ]
        error = data.draw(st.sampled_from(errors))
        self.fail(flight, error, of_flight=of_flight)

    def fail(self, flight: Flight, error: MailError, *, of_flight: bool) -> None:
        """Have an attempt fail with a server in reach."""
        queue_id = flight.message.queue_id
        error.of_flight = of_flight and not flight.word_by_word
        self.stories[queue_id].reached = True
        self.land(flight, AttemptFailed(queue_id, error, flight.fresh))

    @precondition(some(Where.IN_DATA))
    @rule(data=st.data(), refusals=REFUSALS, arrived=st.booleans())
    def lose_the_answer(
        self, data: st.DataObject, refusals: dict[str, Reply], *, arrived: bool
    ) -> None:
        """Send everything, and hear nothing."""
        flight = self.flying(data, Where.IN_DATA)
        queue_id, heard = flight.message.queue_id, heard_of(flight, refusals)
        story = self.stories[queue_id]
        story.reached = True
        story.unanswered += 1
        if arrived:
            self.deliver(flight, heard)
            story.copies = True
        error = OutcomeUnknownError(
            Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA, refused=heard
        )
        self.land(flight, AttemptFailed(queue_id, error, flight.fresh))

    @precondition(some(Where.IN_DATA))
    @rule(data=st.data(), refusals=REFUSALS)
    def be_accepted(self, data: st.DataObject, refusals: dict[str, Reply]) -> None:
        """Be accepted for all, or for some."""
        flight = self.flying(data, Where.IN_DATA)
        self.accept(flight, refusals)

    def accept(self, flight: Flight, refusals: dict[str, Reply]) -> None:
        """Have the server accept what it is sent."""
        queue_id, heard = flight.message.queue_id, heard_of(flight, refusals)
        self.stories[queue_id].reached = True
        accepted = self.deliver(flight, heard)
        result = SubmissionResult(OK, accepted, heard)
        self.land(flight, Submitted(queue_id, result))

    def deliver(self, flight: Flight, heard: Mapping[str, Reply]) -> tuple[str, ...]:
        """Let the server have a message."""
        queue_id = flight.message.queue_id
        accepted = tuple(to for to in flight.message.recipients if to not in heard)
        for person in accepted:
            key = (queue_id, person)
            assert key not in self.got or self.stories[queue_id].copies, "a copy"
            self.got.add(key)
            for part in flight.message.merged:
                key = (part.queue_id, person)
                assert key not in self.got or self.stories[part.queue_id].copies
                self.got.add(key)
        return accepted

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), gone=st.booleans())
    def break_down(self, data: st.DataObject, *, gone: bool) -> None:
        """Meet an error of our own, or find no text."""
        flight = self.flights[data.draw(st.sampled_from(sorted(self.flights)))]
        # It is read before the server hears of it.
        gone = gone and not flight.in_data
        queue_id = flight.message.queue_id
        event = AttemptBroke(queue_id, "broken", lost=gone, sent=flight.ended)
        self.land(flight, event)

    @precondition(some(Where.OPENING))
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        """End an attempt that may not log in."""
        flight = self.flying(data, Where.OPENING)
        self.land(flight, AttemptCut(flight.message.queue_id), tried=False)

    @precondition(lambda self: self.checking)
    @rule(error=st.none() | LOGIN_ERRORS)
    def check_login(self, error: MailError | None) -> None:
        """Log in without a message."""
        self.checking = False
        if not self.may_log_in(None):
            return
        if error is None or error.step is Step.AUTH:
            self.log_in(None)
        self.tell(LoginFailed(error) if error else SessionOpened())

    @rule()
    def keep_a_session(self) -> None:
        """Have a session that nobody uses, or none."""
        self.session_open = not self.session_open
        self.tell(TimePassed())

    def may_log_in(self, flight: Flight | None) -> bool:
        """Tell whether there may be a login, as the shell asks before each."""
        importance = flight.message.importance if flight else 0
        now = self.now.steady
        return self.standing.logins.next_at(now, importance) <= now

    def log_in(self, flight: Flight | None) -> None:
        """See to it that there are no more than ten logins in any hour."""
        alarm = flight is not None and flight.message.importance >= HIGHEST
        self.logins.append((self.now.steady, alarm))
        hour = [one for at, one in self.logins if at > self.now.steady - HOUR]
        assert len(hour) <= 10
        assert alarm or len(hour) <= 9 + any(hour)

    # Clocks, disk, restarts

    def pass_time(self, seconds: float) -> None:
        """Let time pass, by both clocks."""
        wall = self.now.wall + timedelta(seconds=seconds)
        self.now = Now(self.now.steady + seconds, wall)

    @rule(seconds=TIMES | LONG_TIMES)
    def sleep(self, seconds: float) -> None:
        """Let time pass with the lid closed."""
        self.pass_time(seconds)
        self.tell(TimePassed())

    @rule(seconds=TIMES)
    def wait(self, seconds: float) -> None:
        """Let time pass, and do what there is to do at its time."""
        end = self.now.steady + seconds
        for _ in range(100):
            if (at := self.wake) > end:
                break
            self.pass_time(at - self.now.steady)
            self.tell(TimePassed())
        else:
            raise AssertionError("busy loop")
        self.pass_time(max(end - self.now.steady, 0))
        self.tell(TimePassed())

    @rule(wall=WALLS)
    def set_clock(self, wall: datetime) -> None:
        """Set the clock on the wall: nothing is to come of that."""
        self.now = Now(self.now.steady, wall)
        self.tell(TimePassed())

    @rule()
    def change_the_disk(self) -> None:
        """Let the disk refuse all writes, or take them again."""
        self.disk_works = not self.disk_works
        if self.disk_works:
            pending, self.pending = self.pending, {}
            for queue_id, content in pending.items():
                self.change_disk(queue_id, content)
            self.keep_standing()

    @rule()
    def back_up(self) -> None:
        """Make a copy of the disk."""
        self.backup = dict(self.disk)

    @rule(
        data=st.data(),
        steady=st.sampled_from([5.0, 90.0, 1e7]),
        wall=st.none() | WALLS,
        from_backup=st.booleans(),
    )
    def restart(
        self,
        data: st.DataObject,
        steady: float,
        wall: datetime | None,
        *,
        from_backup: bool,
    ) -> None:
        """Kill the process, and start it again with what is on disk."""
        for flight in self.flights.values():
            answered = flight.behind not in self.flights
            if flight.in_data and answered and data.draw(st.booleans()):
                self.deliver(flight, {})
        self.now = Now(steady, wall or self.now.wall + timedelta(minutes=1))
        if from_backup:
            self.disk = dict(self.backup)
        unsure = self.disk.keys() if from_backup else self.pending.keys()
        self.flights, self.pending, self.checking = {}, {}, False
        self.making = {}
        self.disk_works = True
        self.queue, self.overtaken = Queue(), {}
        self.session_open, self.logins = False, []
        cut_off = []
        held = set()
        for queue_id, content in self.disk.items():
            one = from_json(content, self.now)
            story = self.stories[queue_id]
            if from_backup:
                one = replace(one, restored=True)
            elif one.in_data:
                cut_off.append(queue_id)
            self.find(one, story, sure=queue_id not in unsure)
            held |= {part.queue_id for part in one.merged}
            self.queue.put(one)
        for queue_id, story in self.stories.items():
            if queue_id not in self.disk.keys() | held:
                # In memory alone, or newer than the backup.
                for person in story.recipients:
                    self.settled.setdefault((queue_id, person), None)
        kept = Kept.new(self.pace, self.now)
        kept.read(self.state and json.loads(self.state), self.now)
        self.standing = kept.standing
        self.tell(Started(tuple(cut_off)))

    def find(self, one: Message, story: Story, *, sure: bool) -> None:
        """Compare what a start finds with what was known."""
        people = self.keys_of(one)
        if sure and not one.restored:
            assert not people & self.settled.keys()
            assert one.unanswered == story.unanswered
        for key in people:
            # The disk does not know better.
            self.settled.pop(key, None)
        story.copies |= one.in_data or not sure or one.restored
        for part in one.merged:
            self.stories[part.queue_id].copies |= story.copies
        story.unanswered = one.unanswered
        story.attempts = one.attempts + one.in_data
        story.arrived = self.now.steady
        story.loaded, story.reached, story.hurried = True, False, False

    # What comes in the end

    @override
    def teardown(self) -> None:
        """Let everything work: all goes out, but for what a person has to decide."""
        if not hasattr(self, "standing"):
            return
        self.finish_all()
        limit = 60 + 12 * len(self.stories)
        for _ in range(limit):
            if all(one.restored for one in self.queue):
                break
            at = self.wake
            assert at < float("inf")
            self.pass_time(max(at - self.now.steady, 0.0))
            self.tell(TimePassed())
            if self.checking:
                self.checking = False
                if self.may_log_in(None):
                    self.log_in(None)
                    self.tell(SessionOpened())
            self.finish_all()
        assert all(one.restored for one in self.queue), "stuck"

    def finish_all(self) -> None:
        """Have everything merged and accepted, and what comes after it."""
        for _ in range(10 + 10 * len(self.stories)):
            for first in list(self.making):
                if first in self.making:
                    self.go_on(first)
            if self.making:
                continue
            if not self.flights:
                break
            self.finish(
                next(
                    flight
                    for flight in self.flights.values()
                    if flight.behind not in self.flights
                )
            )
        assert not self.flights

    def finish(self, flight: Flight) -> None:
        """Have an attempt accepted."""
        queue_id = flight.message.queue_id
        if not flight.busy:
            if self.may_log_in(flight):
                self.log_in(flight)
                self.tell(SessionOpened())
            flight.busy = True
            self.tell(Submitting(queue_id))
        if self.queue.in_air[queue_id].unwanted and not flight.in_data:
            self.land(flight, AttemptCut(queue_id), tried=False)
            return
        if not flight.in_data:
            flight.in_data = True
            self.tell(DataBegins(queue_id))
        self.accept(flight, {})


def test_whatever_happens() -> None:
    """Several hundred stories of an outbox, or as many as are asked for."""
    run_state_machine_as_test(OutboxMachine, settings=fuzz(300))
