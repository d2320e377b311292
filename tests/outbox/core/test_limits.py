"""Limits: minute, hour and day, counted from one log, by priority."""

from typing import Any

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import (
    SLOWEST,
    Entry,
    Learned,
    Limits,
    Settings,
    people_of,
)
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    Level,
    Message,
    Outcome,
    Reason,
)
from custom_components.qq_mail.smtp.models import Step

from .play import FRIENDS, HOUR, MINUTE, RATE_LIMIT, Core, lost, refused

DEFAULT = Settings(digest=False)
UNPACED = Settings(per_minute=0, per_day=20, digest=False)
HIGH, HIGHEST = Priority.HIGH, Priority.HIGHEST


def limit_reached(core: Core, one: Message) -> None:
    """Have QQ say that too much goes out."""
    core.fail(one, refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text))


def use_up(core: Core, number: int, **values: Any) -> None:
    """Have so many go out at once."""
    for _ in range(number):
        core.accept(core.take(**values))


# The minute


def test_burst_and_pace() -> None:
    """Four at once, one place being kept free, and then ten a minute."""
    core = Core(DEFAULT)
    taken = [core.take() for _ in range(20)]
    assert core.go_out(4) == ["1", "2", "3", "4"]
    assert core.attempted == []
    assert core.reason(taken[4]) is Reason.PACE
    assert core.releases(taken[4])
    for _ in range(3):
        assert core.sleep() == pytest.approx(6)
        core.go_out(1)


def test_place_that_is_kept_free() -> None:
    """An important message goes at once, behind a flood as well."""
    core = Core(DEFAULT)
    for _ in range(20):
        core.take()
    core.go_out(4)
    core.take(priority=HIGH)
    assert core.go_out(1) == ["21"]
    # The place is free again before the flood goes on.
    assert core.attempted == []
    assert core.sleep() == pytest.approx(12)
    assert core.attempted == ["Alert 5"]


def test_burst_of_high() -> None:
    """All five places are for them."""
    core = Core(DEFAULT)
    use_up(core, 5, priority=HIGH)
    one = core.take(priority=HIGH)
    assert core.reason(one) is Reason.PACE
    assert core.sleep() == pytest.approx(6)


def test_highest_is_counted_and_never_waits() -> None:
    """Neither for the minute, nor for the day, nor for what QQ was seen to bear."""
    core = Core(Settings(per_day=4, digest=False))
    limit_reached(core, core.take())
    core.happen("retry")
    core.go_out(1)
    use_up(core, 12, priority=HIGHEST)
    assert core.limits.left_today(core.now.steady) == 0
    assert core.outcomes.count(Outcome.ACCEPTED) == 13
    one = core.take()
    assert core.reason(one) is Reason.DAY


def test_one_place_alone() -> None:
    """It is for all: else nothing below high would ever go."""
    core = Core(Settings(burst=1, per_minute=2, digest=False))
    core.take()
    assert core.go_out(1) == ["1"]
    core.take()
    assert core.sleep() == pytest.approx(30)
    assert core.in_progress == {"Alert 2"}


def test_what_is_being_tried_is_counted() -> None:
    """Before its text has begun, and once afterwards."""
    core = Core(Settings(burst=2, per_minute=1, digest=False))
    slow = core.take()
    core.happen("submitting", slow.queue_id)
    core.take()
    core.pass_time(11)
    assert core.in_progress == {slow.subject}
    assert core.wake_in == pytest.approx(MINUTE)
    core.begin_text(slow)
    assert core.wake_in == pytest.approx(MINUTE)
    core.sleep()
    assert len(core.in_progress) == 2


def test_persons_pace_holds_at_once() -> None:
    """What waits for it is looked at again."""
    core = Core(DEFAULT)
    for _ in range(9):
        core.take()
    core.go_out(4)
    core.happen("configure", Settings(per_minute=0, digest=False))
    assert core.attempted == ["Alert 5"]


class Server:
    """Accepts so many messages a minute, and refuses MAIL beyond."""

    def __init__(self, core: Core, limit: int) -> None:
        """Begin with nothing accepted."""
        self.core = core
        self.limit = limit
        self.accepted: list[float] = []
        self.refused = 0

    def run(self) -> None:
        """Answer until nothing waits."""
        while len(self.core.queue):
            for one in self.core.trying:
                self._answer(one)
            if not self.core.trying:
                self.core.sleep()

    def _answer(self, one: Message) -> None:
        now = self.core.now.steady
        recent = [at for at in self.accepted if at > now - MINUTE]
        if len(recent) < self.limit:
            self.accepted.append(now)
            self.core.accept(one)
        else:
            self.refused += 1
            self.core.fail(one, refused(Step.MAIL, 450, "too much mail"))


@pytest.mark.parametrize(
    ("settings", "longest"),
    [
        pytest.param(DEFAULT, 220, id="default"),
        pytest.param(Settings(per_minute=0, digest=False), 260, id="none"),
    ],
)
def test_account_waits_and_not_each_message(settings: Settings, longest: float) -> None:
    """Forty alerts at a limit of fifteen a minute: 180 s at best, and few refusals."""
    core = Core(settings)
    begin = core.now.steady
    for _ in range(40):
        core.take()
    server = Server(core, limit=15)
    server.run()
    assert len(server.accepted) == 40
    assert server.refused <= 2
    assert server.accepted[-1] - begin <= longest
    assert all(event.attempts <= 2 for event in core.told)


# What the server bears in a minute


def test_pace_is_halved_and_comes_back() -> None:
    """By each refusal; each quiet day gives one step back."""
    core = Core(DEFAULT)

    def rate() -> float | None:
        return core.limits.rate(core.now.steady)

    one = core.take(lifetime=99 * DAY)
    rates = []
    for _ in range(7):
        limit_reached(core, one)
        rates.append(rate())
        core.sleep()
    assert rates == [5, 2.5, 1.25, 0.625, 0.3125, SLOWEST, SLOWEST]
    core.go_out(1)
    rates = []
    for _ in range(7):
        core.pass_time(DAY)
        rates.append(rate())
    assert rates == [0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_pace_without_one() -> None:
    """Half of what went out in the minute before, or of five."""
    core = Core()
    use_up(core, 12)
    limit_reached(core, core.take())
    assert core.limits.rate(core.now.steady) == 6
    core = Core()
    limit_reached(core, core.take())
    assert core.limits.rate(core.now.steady) == 2.5
    core.pass_time(8 * DAY)
    # 640 a minute are no pace.
    assert core.limits.rate(core.now.steady) is None


def test_learned_pace_is_never_faster_than_the_own() -> None:
    """What a person has set is not exceeded by what was learned."""
    core = Core()
    use_up(core, 40)
    limit_reached(core, core.take())
    core.happen("configure", Settings(per_minute=12))
    assert core.limits.rate(core.now.steady) == 12
    core.happen("configure", Settings(per_minute=60))
    assert core.limits.rate(core.now.steady) == 20


def test_retry_does_not_make_it_faster() -> None:
    """A person ends the pause; what the server bears, no person knows better."""
    core = Core(DEFAULT)
    use_up(core, 4)
    one = core.take(priority=HIGH)
    limit_reached(core, one)
    core.happen("retry")
    assert core.account.pause is None
    assert core.limits.rate(core.now.steady) == 5
    # But what went out before does not count any more.
    assert core.in_progress == {one.subject}


def test_pace_is_not_forgotten_during_the_pause(core: Core) -> None:
    """Else the same pace meets the same limit after each pause."""
    sent = [core.take() for _ in range(12)]
    for one in sent[:8]:
        core.accept(one)
    limit_reached(core, sent[8])
    assert core.sleep() == HOUR
    core.accept(sent[8])
    assert core.attempted == []
    # A half of eight; and of two places one is kept free.
    assert core.wake_in == pytest.approx(MINUTE / 4)


def test_slow_again_right_after_a_refusal() -> None:
    """Both places are taken by what was refused."""
    limits = Limits(Settings(per_minute=0))
    limits.slow_down(0.0)
    high = limits.next_at(0.0, Level.HIGH, "")
    assert high
    assert high.reason is Reason.PACE
    assert high.at == pytest.approx(MINUTE / 2.5)
    below = limits.next_at(0.0, Level.BELOW, "")
    assert below
    assert below.at == pytest.approx(2 * MINUTE / 2.5)
    assert limits.one_by_one(0.0, Level.BELOW) == pytest.approx(2.5)
    limits.forgiven_at = 0.0
    assert limits.next_at(0.0, Level.BELOW, "") is None
    assert limits.one_by_one(0.0, Level.BELOW) == pytest.approx(4.5)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refused(Step.MAIL, 451, "local trouble"), id="for now"),
        pytest.param(lost(Step.MAIL), id="lost"),
    ],
)
def test_other_refusals_teach_no_pace(core: Core, error: Any) -> None:
    """Only what QQ says of the rate is of the rate."""
    use_up(core, 8)
    core.fail(core.take(), error)
    assert core.limits.rate(core.now.steady) is None
    core.sleep()
    core.go_out(1)
    use_up(core, 5)
    assert len(core.queue) == 0


# What the server bears in an hour


def test_what_the_hour_bears_is_learned(core: Core) -> None:
    """Four fifths of what was refused; the highest goes all the same."""
    begin = core.now.steady
    for _ in range(40):
        core.accept(core.take())
        core.pass_time(1)
    one = core.take()
    limit_reached(core, one)
    assert core.limits.hour
    assert core.limits.hour.value == 32
    core.account.limits.minute = None
    core.happen("retry")
    high = core.take(priority=HIGH)
    assert core.reason(one) is core.reason(high) is Reason.HOUR
    use_up(core, 1, priority=HIGHEST)
    # 41 went out: when the ninth is an hour old... the tenth, with this alarm.
    core.sleep()
    assert core.now.steady - begin == HOUR + 9
    assert core.in_progress == {high.subject}


def test_learned_hour_only_becomes_smaller_by_refusals() -> None:
    """And it is forgotten step by step; few messages say nothing of an hour."""
    limits = Limits(Settings(per_minute=0))
    fill(limits, 0.0, 29)
    hours = []
    for at, number in ((1.0, 11), (2.0, 0)):
        limits.slow_down(at)
        hours.append(limits.hour)
        fill(limits, at, number)
    assert hours == [None, Learned(32, 2.0)]
    fill(limits, 2.0, 60)
    limits.slow_down(3.0)
    assert limits.hour
    assert limits.hour.now(3.0) == 32
    assert limits.hour.now(3.0 + 2 * DAY) == 128
    assert limits.hour.now(0.0) == 32
    assert limits.hour.now(1e9) == 32 * 2.0**60


def test_hour_with_what_goes_before() -> None:
    """Each of those that wait takes its place."""
    limits = Limits(Settings(per_minute=0))
    fill(limits, 0.0, 40)
    limits.slow_down(0.0)
    limits.minute = None
    plan = limits.next_at(HOUR, Level.BELOW, "", pending=31)
    assert plan is None
    fill(limits, HOUR, 1)
    plan = limits.next_at(HOUR, Level.BELOW, "", pending=31)
    assert plan
    assert (plan.at, plan.reason) == (2 * HOUR, Reason.HOUR)
    # More than an hour bears wait for those that are not in the log yet.
    assert limits.next_at(3 * HOUR, Level.BELOW, "", pending=99) is None


# The day


def fill(limits: Limits, at: float, number: int, **values: Any) -> None:
    """Have so many go out at an instant."""
    for one in range(number):
        limits.count_sent(Entry(at, f"{at}.{one}", **values))


def test_nine_tenths_of_a_day_are_for_all() -> None:
    """Below high one an hour goes then, to each set of recipients; high ones go on."""
    core = Core(UNPACED)
    for left in range(20, 2, -1):
        assert core.limits.left_today(core.now.steady) == left
        core.accept(core.take())
    low = core.take()
    assert core.reason(low) is Reason.DAY
    assert core.releases(low)
    assert core.wake_in == HOUR
    use_up(core, 1, recipients=FRIENDS[:1])
    assert core.outcomes.count(Outcome.ACCEPTED) == 19
    other = core.take(recipients=FRIENDS[:1])
    assert core.reason(other) is Reason.DAY
    use_up(core, 1, priority=HIGH)
    assert core.outcomes.count(Outcome.ACCEPTED) == 20
    # What is high has its own hour.
    high = core.take(priority=HIGH)
    assert core.reason(high) is Reason.DAY
    core.pass_time(HOUR)

    assert core.attempted == [high.subject]


def test_used_up_day_is_over_a_day_later() -> None:
    """Everything counts for 24 hours, by the log."""
    core = Core(UNPACED)
    use_up(core, 20, priority=HIGHEST)
    core.accept(core.take())
    low = core.take()
    assert core.waits_in(low) == HOUR
    core.pass_time(HOUR)
    core.go_out(1)
    core.pass_time(DAY - HOUR)
    assert core.limits.left_today(core.now.steady) == 19
    use_up(core, 9)
    assert len(core.queue) == 0


def test_room_of_the_day_may_come_before_the_hour() -> None:
    """When so many are a day old that there is room again."""
    limits = Limits(UNPACED)
    people = people_of(FRIENDS)
    fill(limits, 0.0, 10)
    fill(limits, DAY - 10.0, 8, people=people)
    plan = limits.next_at(DAY - 5.0, Level.BELOW, people)
    assert plan
    assert (plan.at, plan.reason) == (DAY, Reason.DAY)
    # Seventeen more wait before it: then the hour comes first.
    plan = limits.next_at(DAY - 5.0, Level.BELOW, people, pending=12)
    assert plan
    assert plan.at == DAY - 10.0 + HOUR
    assert limits.next_at(DAY, Level.BELOW, people) is None


def test_twelve_high_ones_when_the_day_is_used_up() -> None:
    """To different people: all go at once, each of them being the first in its hour."""
    core = Core(UNPACED)
    use_up(core, 20, priority=HIGHEST)
    for number in range(12):
        use_up(core, 1, priority=HIGH, recipients=(f"{number}@example.com",))
    for _ in range(6):
        core.take(recipients=("q@example.com",))
    core.go_out(1)
    assert core.attempted == []
    assert core.outcomes.count(Outcome.ACCEPTED) == 20 + 12 + 1


def test_what_is_tried_counts_for_the_hour() -> None:
    """While one of the hour is being tried, none follows it to the same people."""
    core = Core(Settings(per_minute=0, per_day=1, digest=False))
    use_up(core, 1, priority=HIGHEST)
    one, two = core.take(), core.take()
    core.begin_text(one)
    core.pass_time(MINUTE)
    assert core.in_progress == {one.subject}
    assert core.reason(two) is Reason.TURN
    other = core.take(recipients=FRIENDS[:1])
    assert core.in_progress == {one.subject, other.subject}
    core.fail(one, refused(Step.END_OF_DATA, 554))
    assert core.in_progress == {other.subject}
    assert core.waits_in(two) == HOUR - MINUTE


def test_recipients_are_a_set_of_people() -> None:
    """Whatever order and case an automation names them in."""
    assert people_of(("A@x.cn", "b@x.cn")) == people_of(("b@x.cn", "a@x.cn", "B@x.cn"))
    assert people_of(("a@x.cn",)) != people_of(("b@x.cn",))


def test_log_holds_a_day(core: Core) -> None:
    """What is older is dropped, in memory and on disk."""
    use_up(core, 1)
    core.log_in()
    core.pass_time(DAY)
    use_up(core, 1)
    core.log_in()
    assert len(core.limits.sent) == len(core.limits.logins) == 1
    assert len([key for key in core.disk if key[0] in ("sent", "login")]) == 2


def test_logins_at_one_instant_are_two(core: Core) -> None:
    """Though a clock that was set back gives them the same one."""
    core.log_in()
    core.pass_time(DAY)
    core.set_wall(core.now.wall_at(core.now.steady - DAY))
    core.log_in()
    core.log_in()
    assert len(core.limits.logins) == 2
    assert len([key for key in core.disk if key[0] == "login"]) == 2


def test_no_limit_of_a_day(core: Core) -> None:
    """Zero stands for none."""
    use_up(core, 50)
    assert core.limits.left_today(core.now.steady) is None
    assert core.limits.one_by_one(core.now.steady, Level.BELOW) == float("inf")


def test_how_many_go_one_by_one() -> None:
    """The burst and the minute's; at least one, and one where it is hourly."""
    limits = Limits(Settings())
    assert limits.one_by_one(0.0, Level.BELOW) == 15
    fill(limits, 0.0, 5)
    assert limits.one_by_one(0.0, Level.BELOW) == 10
    fill(limits, 0.0, 355)
    assert limits.one_by_one(0.0, Level.BELOW) == 1
    assert limits.one_by_one(DAY - 1, Level.BELOW) == 1
    assert limits.one_by_one(DAY, Level.BELOW) == 15
