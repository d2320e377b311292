"""Two accounts whose servers refuse in turn, in any order of what can happen."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Level, Message, Outcome
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import Step

from .pair import FIRST, SECOND, Pair
from .play import AWAY, LOGIN_REFUSED, RATE_LIMIT, UNANSWERED, lost, refused

ACCOUNTS = st.sampled_from((FIRST, SECOND))
SERVERS = st.sampled_from(("smtp.qq.com", "smtp.exmail.qq.com"))
PRIORITIES = st.sampled_from((Priority.NORMAL, Priority.HIGH, Priority.HIGHEST))
ERRORS = st.sampled_from(
    (
        refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text),
        refused(Step.DATA, 451),
        LOGIN_REFUSED,
        AWAY,
        lost(Step.MAIL),
    )
)
TO = st.sampled_from((("anna@example.com",), ("bo@example.com",)))


class Fallback(RuleBasedStateMachine):
    """Plays shell, servers, person and clock; the pair looks at what must hold."""

    pair: Pair

    @initialize(server=SERVERS, both=st.booleans(), level=st.sampled_from(Level))
    def begin(self, *, server: str, both: bool, level: Level) -> None:
        """Begin with low limits, so that they are met all the time."""
        limits = Settings(burst=2, per_minute=2, per_day=20, digest=False)
        self.pair = Pair(
            first=replace(
                limits, server="smtp.qq.com", fallback=SECOND, fallback_from=level
            ),
            second=replace(limits, server=server, fallback=FIRST if both else ""),
        )
        self.owners: dict[str, list[str]] = {}
        self.seen = 0

    def trying(self, account: str, *, begun: bool) -> list[Message]:
        """Return what an account tries, whose text has begun or not."""
        queue = self.pair.account(account).queue
        return [
            one
            for queue_id, attempt in queue.in_progress.items()
            if (attempt.text_since is not None) is begun
            and (one := queue.get(queue_id))
        ]

    @rule(account=ACCOUNTS, priority=PRIORITIES, to=TO)
    def take(self, account: str, priority: Priority, to: tuple[str, ...]) -> None:
        """Raise an alert."""
        one = self.pair.take(account, priority=priority, recipients=to)
        self.owners[one.queue_id] = [account]

    @rule(account=ACCOUNTS, error=ERRORS)
    def fail(self, account: str, error: MailError) -> None:
        """Have what has not begun fail."""
        for one in self.trying(account, begun=False)[:1]:
            self.pair.fail(account, one, error)

    @rule(account=ACCOUNTS, goes=st.booleans())
    def begin_text(self, account: str, *, goes: bool) -> None:
        """Have a text begin, if it may."""
        pair = self.pair
        for one in self.trying(account, begun=False)[:1]:
            pair.happen("submitting", account, one.queue_id)
            if pair.scheduler.text_begins(pair.now, account, one.queue_id) and goes:
                pair.scheduler.text_goes(pair.now, account, one.queue_id)
            pair.took([])

    @rule(account=ACCOUNTS, answered=st.booleans())
    def end(self, account: str, *, answered: bool) -> None:
        """Have a server accept a message, or say nothing after all of it."""
        for one in self.trying(account, begun=True)[:1]:
            if answered:
                self.pair.accepted(account, one)
            else:
                self.pair.fail(account, one, UNANSWERED)

    @precondition(lambda self: len(self.pair.taken_over) > self.seen)
    @rule()
    def end_what_hangs(self) -> None:
        """Do what the core asked for: end an attempt."""
        asked = self.pair.taken_over[self.seen]
        self.seen += 1
        if not asked.copy:
            self.pair.happen("cut", asked.account, asked.message.queue_id)

    @rule(account=ACCOUNTS)
    def cut(self, account: str) -> None:
        """Have an attempt end without a result."""
        for one in self.trying(account, begun=False)[:1]:
            self.pair.happen("cut", account, one.queue_id)

    @rule(seconds=st.sampled_from((1.0, 20.0, 60.0, 900.0, 7200.0)))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.pair.pass_time(seconds)

    @rule(account=ACCOUNTS)
    def retry(self, account: str) -> None:
        """Let a person say that it works again."""
        self.pair.happen("retry", account)
        # What goes out at this very instant is forgiven as well.
        self.pair.pass_time(1.0)

    @rule(account=ACCOUNTS, number=st.integers(0, 9))
    def discard(self, account: str, number: int) -> None:
        """Let a person discard a message."""
        self.pair.happen("discard", account, (f"{number:026}",))

    @rule(account=ACCOUNTS)
    def stop_and_start(self, account: str) -> None:
        """Disable an account, and enable it again."""
        self.pair.happen("stop", account)
        for one in self.trying(account, begun=False):
            self.pair.happen("cut", account, one.queue_id)
        assert not [
            one
            for one in self.pair.account(account).queue
            if one.home and not self.pair.account(account).queue.is_owned(one.queue_id)
        ]
        self.owners = {key: [] for key in self.owners}
        self.pair.happen("start", account, check_login=False)

    @rule(order=st.permutations((FIRST, SECOND)))
    def restart(self, order: list[str]) -> None:
        """Kill the process."""
        self.pair.restart(*order)
        self.seen = len(self.pair.taken_over)
        self.owners = {key: [] for key in self.owners}

    @rule()
    def second_works(self) -> None:
        """Whatever was before: an alarm goes out soon where one account works."""
        pair = self.pair
        pair.happen("retry", SECOND)
        for account in (FIRST, SECOND):
            for one in self.trying(account, begun=True):
                pair.accepted(account, one)
            for one in self.trying(account, begun=False):
                pair.fail(account, one, AWAY)
        pair.happen("retry", SECOND)
        pair.pass_time(1.0)
        alarm = pair.take()
        for _ in range(30):
            for one in self.trying(SECOND, begun=False):
                pair.accept(SECOND, one)
            for one in self.trying(FIRST, begun=False):
                pair.fail(FIRST, one, LOGIN_REFUSED)
            pair.pass_time(1.0)
        ends = [one for one in pair.told if one.queue_id == alarm.queue_id]
        assert ends[-1].outcome is Outcome.ACCEPTED
        assert (ends[-1].account, ends[-1].by) == (FIRST, SECOND)

    @invariant()
    def is_moved_once(self) -> None:
        """A message goes to the other account once, and from there home at most."""
        for name, account in self.pair.scheduler.accounts.items():
            for one in account.queue:
                path = self.owners.setdefault(one.queue_id, [])
                if path[-1:] != [name]:
                    path.append(name)
                assert len(path) <= 3


TestFallback = Fallback.TestCase
