"""The scheduler against a model of what must hold, whatever happens in which order."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import partial
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
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    Level,
    Message,
    Reason,
)
from custom_components.qq_mail.outbox.core.plan import next_plan
from custom_components.qq_mail.outbox.core.scheduler import AFTER_TROUBLE
from custom_components.qq_mail.outbox.core.turn import MESSAGE
from custom_components.qq_mail.smtp.errors import (
    MailError,
    OutcomeUnknownError,
    SessionError,
)
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from ...fuzz.conftest import fuzz
from .flood import parts_of
from .house import House, Outstanding, Story, kept
from .play import (
    AMBIGUOUS,
    OK,
    RATE_LIMIT,
    all_refused,
    as_record,
    lost,
    message,
    refused,
    restored_in,
)

PEOPLE = ("a@example.com", "b@example.com", "c@example.com")
ACCOUNTS = st.sampled_from(["one", "two"])
SETTINGS = st.sampled_from(
    [
        Settings(burst=5, per_minute=10, per_day=20),
        Settings(burst=1, per_minute=60, per_day=5),
        Settings(burst=2, per_minute=3, per_day=0),
        Settings(burst=5, per_minute=0, per_day=10),
        Settings(burst=1, per_minute=1, per_day=3, digest=False),
        Settings(burst=3, per_minute=0.5, per_day=0, digest=False),
    ]
)
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
        SessionError(Cause.LOGIN_AMBIGUOUS, Step.AUTH, AMBIGUOUS),
        SessionError(Cause.LOGIN_CLOSED, Step.AUTH),
        SessionError(Cause.LOGIN_NEEDS_CODE, Step.AUTH, AMBIGUOUS),
        SessionError(Cause.TEMPORARY, Step.AUTH, Reply(454, "later")),
        lost(Step.CONNECT),
        lost(Step.EHLO),
        lost(Step.AUTH),
    ]
)
MOST_LOGINS = 8 + 12 + 1
"""Within any hour, but for those of the highest and after a form's."""
ANSWER = 0.4
"""Seconds until a server that is well has taken a message."""


class Where(Enum):
    """How far an attempt is."""

    OPENING = (False, False)
    BUSY = (True, False)
    IN_DATA = (True, True)


def those(machine: SchedulerMachine, where: Where) -> list[str]:
    """Return the attempts that have come so far."""
    return [
        queue_id
        for queue_id, attempt in sorted(machine.house.in_progress.items())
        if (attempt.busy, attempt.in_data) == where.value
    ]


def heard_of(attempt: Outstanding, refusals: Mapping[str, Reply]) -> dict[str, Reply]:
    """Return refusals of a message's recipients, but not of all of them."""
    people = attempt.message.recipients
    heard = {to: reply for to, reply in refusals.items() if to in people}
    return heard if len(heard) < len(people) else {}


def some(where: Where) -> Callable[[SchedulerMachine], bool]:
    """Let a rule be for attempts that have come so far."""
    return lambda machine: bool(those(machine, where))


class SchedulerMachine(RuleBasedStateMachine):
    """Plays callers, persons, server and clock."""

    house: House

    @initialize(one=SETTINGS, two=SETTINGS, chance=st.sampled_from([0.0, 0.5, 1.0]))
    def begin(self, one: Settings, two: Settings, chance: float) -> None:
        """Start for the first time."""
        self.backup: dict[Any, Any] = {}
        self.house = House({"one": one, "two": two}, chance)
        self.house.kill(1000.0, self.house.now.wall, {}, set())
        for name in self.house.sides:
            self.house.happen(name, "start", check_login=True)

    # Calls and persons

    @rule(
        name=ACCOUNTS,
        priority=st.sampled_from(
            [Priority.LOW, Priority.NORMAL, Priority.NORMAL, Priority.HIGH]
        ),
        tag=st.sampled_from(["", "leak"]),
        lifetime=st.sampled_from([10 * MINUTE, DAY]),
        in_memory=st.sampled_from([False, False, False, True]),
        people=st.sampled_from([PEOPLE[:1], PEOPLE[:2], PEOPLE]),
        size=st.integers(1, 1000),
    )
    def take(self, name: str, **values: Any) -> None:
        """Take a message."""
        self.take_one(name, **values)

    @rule(name=ACCOUNTS, number=st.integers(2, 8))
    def take_many(self, name: str, number: int) -> None:
        """Take a flood."""
        for _ in range(number):
            self.take_one(name)

    def take_one(
        self,
        name: str,
        *,
        people: tuple[str, ...] = PEOPLE[:1],
        in_memory: bool = False,
        **values: Any,
    ) -> Message:
        """Take a message; on disk first, where that works."""
        house = self.house
        house.number += 1
        one = message(
            house.number,
            house.now,
            recipients=people,
            in_memory=in_memory or not house.disk_works,
            **values,
        )
        house.stories[one.queue_id] = Story(
            name, people, one.lifetime, house.now.steady
        )
        if not one.in_memory:
            house.put(name, one)
        house.happen(name, "take", one)
        return one

    @precondition(lambda self: self.house.stories)
    @rule(data=st.data(), name=ACCOUNTS, all_of_them=st.booleans())
    def discard(self, data: st.DataObject, name: str, *, all_of_them: bool) -> None:
        """Discard messages, which may be tried or merged."""
        house = self.house
        chosen = [
            key for key, one in sorted(house.stories.items()) if one.account == name
        ]
        if not all_of_them and chosen:
            chosen = [data.draw(st.sampled_from(chosen))]
        for queue_id in chosen:
            known = house.get(queue_id)
            merging = house.account(name).queue.groups.owned.get(queue_id)
            if known and queue_id not in house.in_progress:
                house.forget(known)
                if merging:
                    house.making.pop(merging.queue_ids[0], None)
            house.stories[queue_id].unwanted = True
        house.happen(name, "discard", tuple(chosen))

    @precondition(lambda self: self.house.stories)
    @rule(data=st.data(), all_of_them=st.booleans())
    def retry(self, data: st.DataObject, *, all_of_them: bool) -> None:
        """Ask for a try at once."""
        house = self.house
        queue_id = data.draw(st.sampled_from(sorted(house.stories)))
        name = house.stories[queue_id].account
        of_account = [key for key, one in house.stories.items() if one.account == name]
        house.hurry(of_account)
        known = house.get(queue_id)
        house.happen(name, "retry", None if all_of_them else queue_id)
        if all_of_them or known:
            assert house.account(name).pause is None

    @rule(name=ACCOUNTS)
    def renew_code(self, name: str) -> None:
        """Give a new code: it says nothing of what comes from a backup."""
        house, queue = self.house, self.house.account(name).queue
        restored = restored_in(queue)
        house.hurry([one.queue_id for one in queue])
        house.happen(name, "code_renewed")
        assert not house.account(name).asked
        told = {queue_id for queue_id, _ in house.settled}
        assert restored <= restored_in(queue) | told

    @rule(name=ACCOUNTS)
    def give_a_wrong_code(self, name: str) -> None:
        """Have a form log in, in vain."""
        self.house.happen(name, "login_tried")

    @rule(name=ACCOUNTS, settings=SETTINGS)
    def configure(self, name: str, settings: Settings) -> None:
        """Set other limits."""
        house = self.house
        house.sides[name].settings = settings
        house.hurry([one.queue_id for one in house.account(name).queue])
        house.happen(name, "configure", settings)

    @rule(name=ACCOUNTS, check_login=st.booleans())
    def load_anew(self, name: str, *, check_login: bool) -> None:
        """Stop an account and start it; what is being tried may go on."""
        self.house.scheduler.stop(self.house.now, name)
        self.house.look()
        self.house.happen(name, "start", check_login=check_login)

    @rule(name=ACCOUNTS, over=st.booleans())
    def use_conversation(self, name: str, *, over: bool) -> None:
        """Begin a conversation, or say that it is over."""
        house = self.house
        house.scheduler.conversation(house.now, name, "leak", "Leak", "<r>")
        if over:
            house.scheduler.say_over(house.now, name, "leak")
        house.look()

    @rule(name=ACCOUNTS)
    def meet_an_error(self, name: str) -> None:
        """Meet an error that nobody expected: nothing is at work any more."""
        house = self.house
        for queue_id, attempt in list(house.in_progress.items()):
            if attempt.account == name and not attempt.in_data:
                self.give_back(attempt)
                del house.in_progress[queue_id]
        for first, made in list(house.making.items()):
            if made.account == name:
                del house.making[first]
        house.scheduler.recover(
            house.now, name, house.in_progress.keys() | house.making.keys()
        )
        house.recovered_at = house.now.steady + AFTER_TROUBLE
        house.look()
        house.pass_time(AFTER_TROUBLE)

    def give_back(self, attempt: Outstanding) -> None:
        """Note what becomes of an attempt that is cut."""
        house, queue_id = self.house, attempt.message.queue_id
        known = house.get(queue_id)
        assert known
        if known.unwanted:
            house.forget(known)
        # It was its turn.
        house.stories[queue_id].hurried = True

    # Alarms

    @rule(
        name=ACCOUNTS,
        number=st.integers(1, 10),
        people=st.sampled_from([PEOPLE[:1], PEOPLE]),
    )
    def raise_alarms(self, name: str, number: int, people: tuple[str, ...]) -> None:
        """Raise alarms; a server that is well has them within ten seconds.

        Whatever else is being tried does not end meanwhile.
        """
        house, account = self.house, self.house.account(name)
        others = [one for one in account.queue if one.level is Level.HIGHEST]
        if account.pause or len(others) + number > 10:
            return
        raised = [
            self.take_one(name, people=people, priority=Priority.HIGHEST)
            for _ in range(number)
        ]
        end = house.now.steady + 10
        tried = {one.queue_id for one in raised} & house.in_progress.keys()
        while len(tried) < number:
            assert account.pause is None
            alarms = [
                attempt
                for attempt in house.in_progress.values()
                if attempt.account == name and attempt.message.level is Level.HIGHEST
            ]
            seconds = min(house.wake - house.now.steady, ANSWER if alarms else NEVER)
            assert house.now.steady + seconds <= end, "an alarm waits"
            house.pass_time(seconds)
            for attempt in alarms:
                tried |= house.in_progress.keys()
                if attempt.message.queue_id in house.in_progress:
                    self.finish(attempt)
            tried |= house.in_progress.keys()
            tried &= {one.queue_id for one in raised}

    # Digests

    @precondition(lambda self: self.house.making)
    @rule(data=st.data())
    def go_on_with_digest(self, data: st.DataObject) -> None:
        """Make a digest, which takes its place, or none where the disk is full."""
        self.go_on(data.draw(st.sampled_from(sorted(self.house.making))))

    def go_on(self, first: str) -> None:
        """Do that, by one round with what it supersedes."""
        house = self.house
        if not house.disk_works:
            self.give_up(first, again=False)
            return
        made = house.making.pop(first)
        house.number += 1
        # One that is too long for it goes alone.
        parts = list(made.parts[len(made.parts) > 3 :])
        alone = tuple(one.queue_id for one in made.parts if one not in parts)
        newest = parts[-1]
        digest = message(
            house.number,
            house.now,
            recipients=newest.recipients,
            priority=max(parts, key=lambda one: one.rank).priority,
            tag=newest.tag,
            lifetime=max(one.lifetime for one in parts),
            parts=parts_of(parts),
        )
        house.stories[digest.queue_id] = Story(
            made.account,
            digest.recipients,
            digest.lifetime,
            house.now.steady,
            copies=any(house.stories[one.queue_id].copies for one in parts),
            digest=True,
        )
        key = (MESSAGE, made.account, digest.queue_id)
        house.scheduler.marks[key] = partial(as_record, digest, house.now)
        house.hurry(alone)
        house.happen(made.account, "merged", first, digest, alone)

    @precondition(lambda self: self.house.making)
    @rule(data=st.data(), again=st.booleans())
    def make_no_digest(self, data: st.DataObject, *, again: bool) -> None:
        """Fail at it, or be interrupted."""
        first = data.draw(st.sampled_from(sorted(self.house.making)))
        self.give_up(first, again=again)

    def give_up(self, first: str, *, again: bool) -> None:
        """Let go of what was to be merged."""
        made = self.house.making.pop(first)
        self.house.hurry([one.queue_id for one in made.parts])
        self.house.happen(made.account, "merge_failed", first, again=again)

    # Attempts

    def choose(self, data: st.DataObject, where: Where) -> Outstanding:
        """Choose an attempt that has come so far."""
        queue_id = data.draw(st.sampled_from(those(self, where)))
        return self.house.in_progress[queue_id]

    def end(
        self,
        attempt: Outstanding,
        what: str,
        *args: Any,
        tried: bool = True,
        **kwargs: Any,
    ) -> None:
        """Tell what came of an attempt."""
        house, queue_id = self.house, attempt.message.queue_id
        del house.in_progress[queue_id]
        story = house.stories[queue_id]
        story.attempts += tried
        if not tried:
            story.hurried = True
        queue = house.account(attempt.account).queue
        known = queue.get(queue_id)
        assert known
        if known.unwanted:
            # Whoever is not told of otherwise is discarded now.
            house.apply(attempt.account, what, queue_id, *args, **kwargs)
            assert queue.get(queue_id) is None
            for key in house.keys_of(known):
                house.settled.setdefault(key, None)
            house.go_on()
            return
        house.happen(attempt.account, what, queue_id, *args, **kwargs)

    def cut(self, attempt: Outstanding) -> None:
        """End an attempt that may not go on."""
        self.end(attempt, "cut", tried=False)

    @precondition(some(Where.OPENING))
    @rule(data=st.data(), kept=st.booleans())
    def open(self, data: st.DataObject, *, kept: bool) -> None:
        """Have a session for a message: a new one, or one that was kept."""
        self.open_session(self.choose(data, Where.OPENING), kept=kept)

    def open_session(self, attempt: Outstanding, *, kept: bool) -> None:
        """Log in for a message, if that is needed, and if there is a login."""
        house, name = self.house, attempt.account
        if attempt.fresh or not kept:
            if not self.may_log_in(name, attempt.message.level):
                self.cut(attempt)
                return
            self.count_login(name, attempt.message.level)
            house.happen(name, "session_opened", 1000)
            assert not house.account(name).asked
            attempt.fresh = True
        attempt.busy = True
        house.happen(name, "submitting", attempt.message.queue_id)

    @precondition(some(Where.BUSY))
    @rule(data=st.data())
    def begin_text(self, data: st.DataObject) -> None:
        """Come to DATA."""
        self.come_to_data(self.choose(data, Where.BUSY))

    def come_to_data(self, attempt: Outstanding) -> None:
        """Begin the text, unless that is not wanted any more."""
        house, queue_id = self.house, attempt.message.queue_id
        wanted = house.scheduler.text_begins(house.now, attempt.account, queue_id)
        house.look()
        if not wanted:
            self.cut(attempt)
            return
        attempt.in_data = True

    @precondition(some(Where.OPENING))
    @rule(data=st.data(), error=LOGIN_ERRORS)
    def fail_to_open(self, data: st.DataObject, error: MailError) -> None:
        """Find no server, or one that does not want the account."""
        attempt = self.choose(data, Where.OPENING)
        if not self.may_log_in(attempt.account, attempt.message.level):
            self.cut(attempt)
            return
        if error.step is Step.AUTH:
            self.count_login(attempt.account, attempt.message.level)
        self.end(attempt, "failed", error)

    @precondition(some(Where.BUSY))
    @rule(data=st.data(), refusals=REFUSALS, code=CODES, text=TEXTS)
    def fail_before_text(
        self,
        data: st.DataObject,
        refusals: dict[str, Reply],
        code: int,
        text: str,
    ) -> None:
        """Lose the connection, or be refused, at MAIL or RCPT."""
        attempt = self.choose(data, Where.BUSY)
        people = attempt.message.recipients
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
        self.fail(attempt, error)

    @precondition(some(Where.IN_DATA))
    @rule(data=st.data(), refusals=REFUSALS, code=CODES, text=TEXTS)
    def fail_in_text(
        self,
        data: st.DataObject,
        refusals: dict[str, Reply],
        code: int,
        text: str,
    ) -> None:
        """Lose the connection before the final dot, or be refused."""
        attempt = self.choose(data, Where.IN_DATA)
        heard = heard_of(attempt, refusals)
        errors = [
            lost(Step.MAIL),
            lost(Step.DATA, refused=heard),
            lost(Step.BODY, refused=heard),
            refused(Step.DATA, code, text, refused=heard),
            refused(Step.END_OF_DATA, code, text, refused=heard),
        ]
        error = data.draw(st.sampled_from(errors))
        self.fail(attempt, error)

    def fail(self, attempt: Outstanding, error: MailError) -> None:
        """Have an attempt fail with a server in reach."""
        self.house.stories[attempt.message.queue_id].reached = True
        self.end(attempt, "failed", error, fresh=attempt.fresh)

    @precondition(some(Where.IN_DATA))
    @rule(data=st.data(), refusals=REFUSALS, arrived=st.booleans())
    def lose_the_answer(
        self, data: st.DataObject, refusals: dict[str, Reply], *, arrived: bool
    ) -> None:
        """Send everything, and hear nothing."""
        attempt = self.choose(data, Where.IN_DATA)
        heard = heard_of(attempt, refusals)
        story = self.house.stories[attempt.message.queue_id]
        story.reached = True
        story.unanswered += 1
        if arrived:
            self.server_takes(attempt, heard)
            story.copies = True
        error = OutcomeUnknownError(
            Cause.OUTCOME_UNKNOWN, Step.END_OF_DATA, refused=heard
        )
        self.end(attempt, "failed", error, fresh=attempt.fresh)

    @precondition(some(Where.IN_DATA))
    @rule(data=st.data(), refusals=REFUSALS)
    def be_accepted(self, data: st.DataObject, refusals: dict[str, Reply]) -> None:
        """Be accepted for all, or for some."""
        self.accept(self.choose(data, Where.IN_DATA), refusals)

    def accept(self, attempt: Outstanding, refusals: dict[str, Reply]) -> None:
        """Have the server accept what it is sent."""
        queue_id, heard = attempt.message.queue_id, heard_of(attempt, refusals)
        self.house.stories[queue_id].reached = True
        accepted = self.server_takes(attempt, heard)
        result = SubmissionResult(OK, accepted, heard)
        self.end(attempt, "accepted", result)

    def server_takes(
        self, attempt: Outstanding, heard: Mapping[str, Reply]
    ) -> tuple[str, ...]:
        """Let the server have a message."""
        house, one = self.house, attempt.message
        accepted = tuple(to for to in one.recipients if to not in heard)
        for person in accepted:
            for queue_id in (one.queue_id, *(part.queue_id for part in one.parts)):
                key = (queue_id, person)
                assert key not in house.got or house.stories[queue_id].copies, "a copy"
                house.got.add(key)
        return accepted

    @precondition(lambda self: self.house.in_progress)
    @rule(data=st.data(), gone=st.booleans(), sent=st.booleans())
    def break_down(self, data: st.DataObject, *, gone: bool, sent: bool) -> None:
        """Meet an error of our own, or find no text."""
        queue_id = data.draw(st.sampled_from(sorted(self.house.in_progress)))
        attempt = self.house.in_progress[queue_id]
        # It is read before the server hears of it.
        gone = gone and not attempt.in_data
        sent = sent and attempt.in_data
        self.end(attempt, "broke", "broken", lost=gone, sent=sent)

    @precondition(some(Where.OPENING))
    @rule(data=st.data())
    def cut_one(self, data: st.DataObject) -> None:
        """End an attempt that has not begun."""
        self.cut(self.choose(data, Where.OPENING))

    @precondition(lambda self: any(one.checking for one in self.house.sides.values()))
    @rule(error=st.none() | LOGIN_ERRORS)
    def check_login(self, error: MailError | None) -> None:
        """Log in without a message."""
        for name, side in self.house.sides.items():
            if side.checking:
                self.end_check(name, error)

    def end_check(self, name: str, error: MailError | None) -> None:
        """Tell what came of a check."""
        self.house.sides[name].checking = False
        if not self.may_log_in(name, Level.BELOW):
            return
        if error is None or error.step is Step.AUTH:
            self.count_login(name, Level.BELOW)
        if error:
            self.house.happen(name, "login_failed", error)
        else:
            self.house.happen(name, "session_opened", 1000)

    @rule(name=ACCOUNTS, idle=st.booleans())
    def keep_a_session(self, name: str, *, idle: bool) -> None:
        """Have a session that nobody uses, or none."""
        self.house.happen(name, "session_idle", idle=idle)

    def may_log_in(self, name: str, level: Level) -> bool:
        """Tell whether there may be a login, as the shell asks before each."""
        return self.house.scheduler.may_log_in(self.house.now, name, level)

    def count_login(self, name: str, level: Level) -> None:
        """See to it that there are not too many logins in any hour."""
        side, now = self.house.sides[name], self.house.now.steady
        if level is Level.HIGHEST or self.house.account(name).limits.credit:
            return
        side.logins = [at for at in side.logins if at > now - HOUR] + [now]
        assert len(side.logins) <= MOST_LOGINS

    # The plan

    @rule(name=ACCOUNTS)
    def follow_plan(self, name: str) -> None:
        """Let time pass until something more is tried: that is when the plan says.

        What is being tried does not end meanwhile. Before its text begins, it takes no
        place of the pace, so that the others' plans are put off as time passes.
        """
        house, account = self.house, self.house.account(name)
        for attempt in list(house.in_progress.values()):
            if attempt.account == name and not attempt.busy:
                self.open_session(attempt, kept=True)
            if attempt.account == name and attempt.busy and not attempt.in_data:
                self.come_to_data(attempt)
        busy = self.at_work(name)
        if account.queue.groups.merging or any(
            not one.in_data for one in account.queue.trying
        ):
            return
        plan = next_plan(account, house.now.steady)
        waits = [one for one in account.queue if not one.restored]
        assert (plan is None) == (not waits)
        if plan is None:
            return
        if len(waits) == 1:
            assert house.scheduler.plan(house.now, name, waits[0].queue_id) == plan
        if busy and plan.at == house.now.steady:
            # Something has to end first.
            return
        assert plan.at > house.now.steady
        assert busy or plan.reason is not Reason.TURN
        while house.wake < plan.at:
            house.pass_time(house.wake - house.now.steady)
            if len([one for one in account.queue if not one.restored]) < len(waits):
                # One has expired.
                return
            assert self.at_work(name) == busy, "before its time"
        house.pass_time(plan.at - house.now.steady)
        left = [one for one in account.queue if not one.restored]
        if busy and self.at_work(name) == busy and len(left) == len(waits):
            # It is in turn now: what is being tried ends, or there is a second login.
            plan = next_plan(account, house.now.steady)
            assert plan
            assert plan.reason in (Reason.TURN, Reason.LOGINS), "not at its time"
        else:
            assert self.at_work(name) > busy or len(left) < len(waits), (
                "not at its time"
            )

    def at_work(self, name: str) -> set[str]:
        """Return what an account tries, and the first ones of what it merges."""
        house = self.house
        owned = house.in_progress | house.making
        return {queue_id for queue_id, one in owned.items() if one.account == name}

    # Clocks, disk, restarts

    @rule(seconds=TIMES | LONG_TIMES)
    def sleep(self, seconds: float) -> None:
        """Let time pass with the lid closed."""
        self.house.pass_time(seconds)

    @rule(seconds=TIMES)
    def wait(self, seconds: float) -> None:
        """Let time pass, and do what there is to do at its time."""
        house = self.house
        if not all(one.in_data for one in house.in_progress.values()):
            # Then it is looked at again as the pace goes: an hour of that is enough.
            seconds = min(seconds, HOUR)
        end = house.now.steady + seconds
        for _ in range(100 + int(seconds)):
            if (at := house.wake) > end:
                break
            house.pass_time(at - house.now.steady)
        else:
            raise AssertionError("busy loop")
        house.pass_time(max(end - house.now.steady, 0))

    @rule(wall=WALLS)
    def set_clock(self, wall: datetime) -> None:
        """Set the clock on the wall."""
        self.house.now = Now(self.house.now.steady, wall)
        self.house.clock_is_right = False
        # What was loaded a moment ago may be counted anew.
        self.house.hurry(list(self.house.stories))
        self.house.look()

    @rule()
    def change_the_disk(self) -> None:
        """Let the disk refuse all writes, or take them again."""
        if self.house.disk_works:
            self.house.disk_works = False
        else:
            self.house.repair_disk()

    @rule()
    def back_up(self) -> None:
        """Make a copy of the disk."""
        self.backup = dict(self.house.disk)

    @rule(
        data=st.data(),
        steady=st.sampled_from([5.0, 90.0, 1e7]),
        wall=st.none() | st.none() | st.none() | WALLS,
        lose_a_round=st.booleans(),
        from_backup=st.sampled_from([False, False, False, True]),
    )
    def restart(
        self,
        data: st.DataObject,
        steady: float,
        wall: datetime | None,
        *,
        lose_a_round: bool,
        from_backup: bool,
    ) -> None:
        """Kill the process, and start it again with what is on disk."""
        house = self.house
        unsure, disk = set(house.pending), dict(house.disk)
        if lose_a_round:
            # All of the last round, or nothing of it.
            keys = house.before.keys() | house.disk.keys()
            changed = {
                key for key in keys if house.before.get(key) != house.disk.get(key)
            }
            unsure |= changed
            disk = dict(house.before)
        for attempt in house.in_progress.values():
            key = ("message", attempt.account, attempt.message.queue_id)
            on_disk = disk.get(key, {}).get("in_data")
            if attempt.in_data and on_disk and data.draw(st.booleans()):
                self.server_takes(attempt, {})
        house.clock_is_right &= wall is None
        sure = not (unsure or from_backup or house.pending)
        before = {
            name: kept(one, house.now, ages=house.clock_is_right)
            for name, one in house.scheduler.accounts.items()
        }
        wrote = house.now
        if from_backup:
            disk = {
                key: record | {"restored": True} if key[0] == "message" else record
                for key, record in self.backup.items()
            }
            unsure |= disk.keys()
        house.kill(steady, wall or wrote.wall, disk, unsure)
        if sure:
            for name, account in house.scheduler.accounts.items():
                after = kept(account, house.now, ages=house.clock_is_right)
                assert after == before[name]
        for name in house.sides:
            house.happen(name, "start", check_login=True)
        house.pass_time(MINUTE)

    # What comes in the end

    @override
    def teardown(self) -> None:
        """Let everything work: all goes out, but for what a person has to decide."""
        if not hasattr(self, "house"):
            return
        house = self.house
        self.finish_all()
        for _ in range(60 + 24 * len(house.stories)):
            if all(one.restored for one in house.messages()):
                break
            at = house.wake
            assert at < NEVER
            house.pass_time(max(at - house.now.steady, 0.0))
            for name, side in house.sides.items():
                if side.checking:
                    self.end_check(name, None)
            self.finish_all()
        assert all(one.restored for one in house.messages()), "stuck"

    def finish_all(self) -> None:
        """Have everything merged and accepted, and what comes after it."""
        house = self.house
        for _ in range(20 + 20 * len(house.stories)):
            for first in list(house.making):
                if first in house.making:
                    self.go_on(first)
            if house.making:
                continue
            if not house.in_progress:
                break
            self.finish(next(iter(house.in_progress.values())))
        assert not house.in_progress

    def finish(self, attempt: Outstanding) -> None:
        """Have an attempt accepted."""
        queue_id = attempt.message.queue_id
        if not attempt.busy:
            self.open_session(attempt, kept=False)
        if self.house.in_progress.get(queue_id) is attempt and not attempt.in_data:
            self.come_to_data(attempt)
        if self.house.in_progress.get(queue_id) is attempt:
            self.accept(attempt, {})


def test_whatever_happens() -> None:
    """Several hundred stories of two accounts, or as many as are asked for."""
    run_state_machine_as_test(SchedulerMachine, settings=fuzz(300))
