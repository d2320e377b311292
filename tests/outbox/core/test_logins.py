"""Logins: refused ones, their limit, checks by day, and a person's new code."""

from typing import Any

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import (
    LOGIN_INTERVAL,
    Entry,
    Limits,
    Settings,
)
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    Attempt,
    Level,
    Outcome,
    Reason,
)
from custom_components.qq_mail.outbox.core.retry import LOGIN_PAUSE
from custom_components.qq_mail.smtp.models import Step

from .play import AWAY, HOUR, LOGIN_REFUSED, LOGIN_RESET, MINUTE, Core, lost

LEVELS = [
    pytest.param(Priority.LOW, 7, id="below high"),
    pytest.param(Priority.HIGH, 8, id="high"),
]


def test_code_is_asked_for_anew_at_each_start(core: Core) -> None:
    """What a person did not see before the restart is asked again."""
    core.happen("login_failed", LOGIN_REFUSED)
    core.sleep()
    core.happen("login_failed", LOGIN_REFUSED)
    assert core.account.asked == 1
    core.restart()
    assert core.account.asked == 1
    assert core.account.login_refusals == 2


def test_logins_go_on_after_the_question(core: Core) -> None:
    """Asked after the second refusal; tried at 1 h, 6 h and daily; and once it works."""
    alarm = core.take(lifetime=9 * DAY)
    waits = []
    for asked in range(5):
        assert core.attempted == ["Alert 1"]
        core.fail(alarm, LOGIN_REFUSED)
        assert core.account.asked == asked
        assert core.wrote_account
        waits.append(core.sleep())
    assert waits == [LOGIN_PAUSE, HOUR, 6 * HOUR, DAY, DAY]
    core.log_in()
    assert core.wrote_account
    assert (core.account.asked, core.account.login_refusals) == (0, 0)
    core.accept(alarm)
    assert core.outcomes == [Outcome.DEFERRED] * 5 + [Outcome.ACCEPTED]


def test_logins_go_on_with_nothing_to_send(core: Core) -> None:
    """The code may come to work again unnoticed."""
    core.happen("login_failed", LOGIN_REFUSED)
    assert core.sleep() == LOGIN_PAUSE
    assert core.logs_in
    core.happen("login_failed", LOGIN_REFUSED)
    assert core.account.asked == 1
    assert core.sleep() == HOUR
    assert core.logs_in
    core.log_in()
    assert core.account.asked == 0
    assert core.account.pause is None


def test_login_that_works_ends_the_pause_for_it(core: Core) -> None:
    """Whoever logged in: what waited goes out."""
    alarm = core.take()
    core.fail(alarm, LOGIN_REFUSED)
    assert core.reason(alarm) is Reason.PAUSED
    core.log_in()
    assert core.account.pause is None
    assert core.attempted == ["Alert 1"]


def test_login_of_another_account_says_nothing(core: Core) -> None:
    """Each has its own code."""
    core.scheduler.add_account(core.now, "other", Settings(), {})
    core.fail(core.take(), LOGIN_REFUSED)
    core.scheduler.session_opened(core.now, "other", None)
    assert core.account.pause
    core.scheduler.remove_account("other")
    core.scheduler.remove_account("other")
    assert not core.scheduler.may_log_in(core.now, "other", Level.HIGHEST)
    assert not core.scheduler.may_send("other", "gone")
    assert core.scheduler.plan(core.now, "other", "gone") is None


def test_reset_is_no_refusal(core: Core) -> None:
    """A connection that breaks during AUTH is a bad line; but it counts as a login."""
    alarm = core.take()
    for number in range(5):
        core.fail(alarm, LOGIN_RESET)
        assert core.account.pause is None
        assert len(core.limits.logins) == number + 1
        core.sleep()
        assert core.attempted == ["Alert 1"]
    assert core.account.login_refusals == 0


def test_persons_retry_counts_as_second(core: Core) -> None:
    """Who is refused again at a person's wish is asked for a code."""
    alarm = core.take()
    core.fail(alarm, LOGIN_REFUSED)
    core.happen("retry")
    assert core.attempted == ["Alert 1"]
    assert core.wrote_account
    core.fail(alarm, LOGIN_REFUSED)
    assert core.account.asked == 1


def test_new_code_ends_the_pause(core: Core) -> None:
    """And all that waits goes out."""
    alarm = core.take()
    core.fail(alarm, LOGIN_REFUSED)
    core.happen("retry", alarm.queue_id)
    core.fail(alarm, LOGIN_REFUSED)
    core.happen("code_renewed")
    assert core.attempted == ["Alert 1"]
    assert core.account.check_login_at == core.now.steady + DAY


def test_login_is_checked_by_day(core: Core) -> None:
    """Once a day, where no message did it."""
    assert core.sleep() == DAY
    assert core.logs_in
    core.happen("login_failed", AWAY)
    assert core.limits.logins == []
    assert core.account.pause is None
    assert core.sleep() == DAY
    assert core.logs_in
    # A message did it meanwhile.
    core.pass_time(HOUR)
    core.log_in()
    assert core.sleep() == DAY


def test_login_is_checked_at_a_start() -> None:
    """So a code that was revoked is noticed by day."""
    assert Core(check_login=True).logs_in
    assert not Core(check_login=False).logs_in


def test_no_check_while_something_is_tried() -> None:
    """Its login says the same."""
    core = Core()
    core.load()
    alarm = core.take()
    core.account.check_login_at = core.now.steady
    core.pass_time(1)
    assert not core.logs_in
    assert core.wake_in == float("inf")
    core.accept(alarm)
    assert core.logs_in


def test_no_check_while_the_account_is_paused(core: Core) -> None:
    """Each further login would make it worse."""
    core.happen("login_failed", LOGIN_REFUSED)
    core.account.check_login_at = core.now.steady
    core.pass_time(MINUTE)
    assert not core.logs_in


@pytest.mark.parametrize(("priority", "most"), LEVELS)
def test_logins_at_once(core: Core, priority: Priority, most: int) -> None:
    """As long as more than two of eight are left; more than one for high ones."""
    for _ in range(most):
        one = core.take(priority=priority)
        assert core.in_progress == {one.subject}
        core.open(one)
        core.accept(one, keeps_session=False)
        core.pass_time(1)
    waiting = core.take(priority=priority)
    assert not core.in_progress
    assert core.reason(waiting) is Reason.LOGINS
    assert core.releases(waiting)
    assert core.waits_in(waiting) == pytest.approx(LOGIN_INTERVAL - most, abs=0.01)
    # A person's retry makes none more of them.
    core.happen("retry")
    assert not core.in_progress
    assert core.sleep() == pytest.approx(LOGIN_INTERVAL - most, abs=0.01)
    assert core.in_progress == {waiting.subject}


def test_logins_at_the_same_instant(core: Core) -> None:
    """The next one goes when a part of them has drained, which is at once."""
    for _ in range(6):
        core.happen("login_tried")
    waiting = core.take()
    assert core.waits_in(waiting) == pytest.approx(0.001, abs=1e-6)
    core.sleep()
    assert core.in_progress == {waiting.subject}


def log_in_each_time(core: Core, minutes: int, **values: Any) -> list[float]:
    """Have an alert a minute, for each of which a login is needed; return when they are."""
    begin, logins = core.now.steady, []
    for minute in range(minutes):
        core.take(**values)
        end = begin + (minute + 1) * MINUTE
        while core.now.steady < end:
            for one in core.trying:
                logins.append(core.now.steady - begin)
                core.open(one)
                core.accept(one, keeps_session=False)
            core.pass_time(min(core.wake_in, end - core.now.steady))
    return logins


@pytest.mark.parametrize(("priority", "most"), LEVELS)
def test_one_more_every_five_minutes(core: Core, priority: Priority, most: int) -> None:
    """However many alerts need one."""
    logins = log_in_each_time(core, 185, priority=priority)
    for at in logins:
        hour = [other for other in logins if at <= other <= at + HOUR]
        assert len(hour) <= most + 1 + HOUR / LOGIN_INTERVAL
    later = [at for at in logins if at > HOUR]
    assert len(later) == pytest.approx((185 * MINUTE - HOUR) / LOGIN_INTERVAL, abs=1)


def test_the_highest_never_wait_for_a_login(core: Core) -> None:
    """They are counted all the same."""
    logins = log_in_each_time(core, 30, priority=Priority.HIGHEST)
    assert logins == [minute * MINUTE for minute in range(30)]
    assert len(core.limits.logins) == 30
    normal = core.take()
    assert core.reason(normal) is Reason.LOGINS


def test_session_of_an_alarm_is_there_for_the_others(core: Core) -> None:
    """Though they waited for a login."""
    log_in_each_time(core, 10)
    assert len(core.queue)
    alarm = core.take(priority=Priority.HIGHEST)
    assert core.in_progress == {alarm.subject}
    core.open(alarm)
    core.accept(alarm)
    assert len(core.in_progress) == 1


def test_login_for_a_second_session_is_waited_for(core: Core) -> None:
    """Whoever waits for an answer that takes long may find no login."""
    for _ in range(7):
        core.happen("session_opened", None)
    core.pass_time(1)
    slow = core.take(priority=Priority.HIGH)
    core.happen("submitting", slow.queue_id)
    normal = core.take()
    assert (core.waits_in(normal), core.reason(normal)) == (10, Reason.TURN)
    assert core.sleep() == 10
    assert core.in_progress == {slow.subject}
    assert core.reason(normal) is Reason.LOGINS
    assert core.releases(normal)
    # Seven of six were used up eleven seconds ago: one drains in five minutes.
    assert core.waits_in(normal) == core.wake_in == pytest.approx(289, abs=0.01)
    core.sleep()
    assert core.in_progress == {slow.subject, normal.subject}


def test_refused_logins_count(core: Core) -> None:
    """So do a check and those of a form; and a kill makes nothing of them forgotten."""
    for _ in range(2):
        core.happen("login_failed", LOGIN_RESET)
    for _ in range(3):
        core.happen("login_tried")
    for _ in range(2):
        one = core.take()
        core.fail(one, LOGIN_RESET)
        core.pass_time(MINUTE)
    core.restart(1)
    assert len(core.limits.logins) == 7
    assert not core.logs_in
    assert core.attempted == []
    assert core.reason(one) is Reason.LOGINS
    # The first of them was two minutes and a second ago.
    assert core.sleep() == pytest.approx(LOGIN_INTERVAL - 121, abs=0.01)


def test_a_form_gives_the_next_login_free(core: Core) -> None:
    """After a new code everything that waited starts within seconds."""
    one = core.take()
    for _ in range(10):
        core.happen("login_tried")
    core.fail(one, LOGIN_REFUSED)
    core.happen("code_renewed")
    assert core.attempted == ["Alert 1"]
    core.open(one)
    core.accept(one, keeps_session=False)
    # It was one.
    two = core.take()
    assert core.reason(two) is Reason.LOGINS


def test_a_new_code_says_nothing_of_a_backup(core: Core) -> None:
    """Its messages may have gone out: they wait for their own decision."""
    old, new = core.take(restored=True), core.take()
    core.fail(new, LOGIN_REFUSED)
    core.happen("code_renewed")
    assert core.attempted == ["Alert 2"]
    assert core.reason(old) is Reason.DECISION


def test_no_fresh_session_without_a_login(core: Core) -> None:
    """A session that died unseen is no reason for one more."""
    for _ in range(6):
        core.happen("session_opened", None)
    core.happen("session_idle", idle=True)
    one = core.take()
    assert core.attempted == ["Alert 1"]
    core.fail(one, lost(Step.MAIL), fresh=False)
    assert core.attempted == []
    assert core.reason(one) is Reason.LOGINS
    core.sleep()
    assert core.attempted == ["Alert 1"]


def test_second_attempt_of_a_session_that_died_has_a_login(core: Core) -> None:
    """Where there is one left."""
    core.happen("session_idle", idle=True)
    one = core.take()
    core.fail(one, lost(Step.MAIL), fresh=False)
    assert [attempt.fresh for attempt in core.those(Attempt)] == [True]


def test_size_that_the_server_takes_is_kept(core: Core) -> None:
    """It is said at each login, and written where it is new."""
    wrote = []
    for _ in range(2):
        core.happen("session_opened", 1000)
        wrote.append(core.wrote_account)
    assert wrote == [True, False]
    core.happen("session_opened", None)
    core.restart()
    assert core.account.max_size == 1000


def test_may_log_in(core: Core) -> None:
    """As the shell asks before each login."""

    def may(level: Level) -> bool:
        return core.scheduler.may_log_in(core.now, "house", level)

    assert may(Level.BELOW)
    for _ in range(8):
        core.happen("login_tried")
    assert [may(level) for level in Level] == [False, False, True]
    core.pass_time(LOGIN_INTERVAL + 1)
    assert [may(level) for level in Level] == [False, True, True]
    core.happen("login_failed", LOGIN_REFUSED)
    assert not may(Level.HIGHEST)


@pytest.mark.parametrize("apart", [10.0, MINUTE, 6 * MINUTE])
def test_setting_a_house_up(apart: float) -> None:
    """Three wrong codes, the right one, five restarts with two test messages each.

    Nobody waits for a login; a restart loses the session, and the login at a start
    keeps its own for four minutes.
    """
    core = Core(Settings())
    for _ in range(3):
        core.happen("login_tried")
        core.pass_time(apart)
    core.happen("code_renewed")
    for _ in range(5):
        core.pass_time(MINUTE - 22)
        core.restart(20)
        assert core.logs_in
        core.log_in()
        core.happen("session_idle", idle=True)
        for _ in range(2):
            one = core.take()
            assert core.reason(one) is Reason.ATTEMPT
            core.accept(one)
            core.pass_time(1)


# To read the inbox


def log_in_to_read(core: Core) -> float:
    """Log in to read the inbox; return the seconds to wait for that."""
    seconds = core.scheduler.log_in_to_read(core.now, "house")
    core.pass_time(0)
    return seconds


def test_logins_to_read_the_inbox(core: Core) -> None:
    """Three within an hour, which count among all others."""
    waits = []
    for _ in range(4):
        waits.append(log_in_to_read(core))
        core.pass_time(10 * MINUTE)
    assert waits == [0, 0, 0, HOUR - 30 * MINUTE]
    assert len(core.limits.logins) == 3
    core.pass_time(20 * MINUTE)
    assert log_in_to_read(core) == 0
    core.restart()
    assert [one.imap for one in core.limits.logins] == [True] * 4
    assert log_in_to_read(core) > 0


def test_half_of_the_logins_are_not_for_reading(core: Core) -> None:
    """Messages may need them."""
    for _ in range(4):
        core.happen("login_tried")
    assert log_in_to_read(core) == pytest.approx(0.001)
    core.pass_time(1)
    assert log_in_to_read(core) == 0
    assert log_in_to_read(core) == pytest.approx(LOGIN_INTERVAL - 1, abs=0.01)
    assert core.reason(core.take()) is Reason.ATTEMPT


@pytest.mark.parametrize(
    ("read", "sent", "wait"),
    [
        pytest.param((), (), 0, id="none"),
        pytest.param((1800, 1200), (), 0, id="two within an hour"),
        pytest.param((1800, 1200, 600), (), 1800, id="three"),
        pytest.param((3600, 1200, 600), (), 0, id="an hour ago"),
        pytest.param((3599, 1200, 600), (), 1, id="not quite"),
        pytest.param((3000, 1800, 1200, 600), (), 1800, id="four, as a form may"),
        pytest.param((), (900, 800, 700, 600), 0, id="of messages"),
        pytest.param((), (0, 0, 0), 0, id="less than half"),
        pytest.param((), (0, 0, 0, 0), 0.001, id="half"),
        pytest.param((0,), (0, 0, 0, 0), 300, id="both count"),
        pytest.param((100, 50, 0), (0, 0), 3500, id="the later one of both"),
        pytest.param((1800, 1200), (0, 0, 0, 0, 0, 0), 600, id="whatever is less"),
    ],
)
@pytest.mark.parametrize("credit", [False, True])
def test_when_the_inbox_may_be_read(
    read: tuple[float, ...], sent: tuple[float, ...], wait: float, credit: bool
) -> None:
    """By logins so many seconds ago; what a form gave is for what waits."""
    now = 10_000.0
    entries = [(now - ago, True) for ago in read] + [(now - ago, False) for ago in sent]
    limits = Limits(Settings())
    limits.logins = [
        Entry(at, str(number), imap=imap)
        for number, (at, imap) in enumerate(sorted(entries))
    ]
    limits.credit = credit
    assert limits.imap_login_at(now) - now == pytest.approx(wait, abs=0.01)


def test_nothing_is_read_while_the_account_is_paused(core: Core) -> None:
    """Each login would prolong that."""
    core.happen("login_failed", LOGIN_REFUSED)
    assert log_in_to_read(core) == LOGIN_PAUSE
    core.happen("login_tried", imap=True)
    assert [one.imap for one in core.limits.logins] == [False, True]


def test_reading_does_not_take_what_a_form_gave(core: Core) -> None:
    """That login is for what waits."""
    for _ in range(9):
        core.happen("login_tried")
    core.happen("code_renewed")
    core.happen("login_tried", imap=True)
    assert core.reason(core.take()) is Reason.ATTEMPT
