"""Restarts and clocks: what is loaded, and by which clock its age is counted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custom_components.qq_mail.clock import UNSURE_FOR, Now
from custom_components.qq_mail.outbox.core.limits import Learned, Settings
from custom_components.qq_mail.outbox.core.models import DAY, Message, Outcome, Reason
from custom_components.qq_mail.outbox.core.record import as_record as account_record
from custom_components.qq_mail.outbox.core.retry import LOGIN_PAUSE
from custom_components.qq_mail.outbox.core.turn import ACCOUNT, LOGIN, MESSAGE, SENT
from custom_components.qq_mail.smtp.models import Reply, Step
from custom_components.qq_mail.smtp.replies import Cause

from .play import (
    AWAY,
    FRIENDS,
    HOUR,
    LOGIN_REFUSED,
    MINUTE,
    RATE_LIMIT,
    UNANSWERED,
    Core,
    all_refused,
    as_record,
    message,
    refused,
)

LIMIT = refused(Step.DATA, RATE_LIMIT.code, RATE_LIMIT.text)
GREYLISTED = all_refused(dict.fromkeys(FRIENDS, Reply(450, "later")))


@pytest.mark.parametrize("years", [-50, -1, 1, 50])
def test_wall_clock_that_jumps(core: Core, years: int) -> None:
    """Nothing expires by it, nothing waits longer, no pause ends earlier."""
    core.fail(core.take(), AWAY)
    core.set_wall(core.now.wall + timedelta(days=365 * years))
    assert core.outcomes == [Outcome.DEFERRED]
    assert core.sleep() == MINUTE
    assert core.attempted == ["Alert 1"]


@pytest.mark.parametrize("where", ["minute", "hour", LOGIN, SENT])
def test_what_has_not_happened_yet(where: str) -> None:
    """A record that lies of its time holds nothing up for longer than it could."""
    core = Core(Settings(burst=1, per_minute=10, per_day=1))
    core.accept(core.take())
    core.limits.minute = core.limits.hour = Learned(5, core.now.steady)
    core.happen("session_opened", 1_000_000)
    later = (core.now.wall + timedelta(days=20_000)).isoformat()
    for (kind, _), record in core.disk.items():
        if kind == where:
            record["at"] = later
        elif kind == ACCOUNT and where in record["limits"]:
            record["limits"][where]["at"] = later
    assert core.restart() == []
    one = core.take()
    core.pass_time(2 * DAY)
    assert core.in_progress == {one.subject}


def loaded(core: Core, **values: Any) -> Message:
    """Have a start find a message, two days after its alert as it seems."""
    one = message(1, core.now, **values)
    core.disk[(MESSAGE, one.queue_id)] = as_record(one, core.now)
    core.restart(2 * DAY)
    return core.get(one)


@pytest.mark.parametrize("attempts", [0, 3], ids=["never tried", "tried before"])
def test_loaded_is_tried_before_it_expires(core: Core, attempts: int) -> None:
    """And while no server is in reach, it has its lifetime anew."""
    one = loaded(core, attempts=attempts)
    assert core.attempted == ["Alert 1"]
    core.fail(one, AWAY)
    assert core.outcomes == [Outcome.DEFERRED]
    core.pass_time(HOUR)
    core.fail(one, refused(Step.RCPT, 450))
    assert core.outcomes[-1] is Outcome.EXPIRED


def test_loaded_expires_after_its_lifetime_in_this_process(core: Core) -> None:
    """With no server in reach."""
    one = loaded(core)
    begin = core.now.steady
    while len(core.queue):
        if core.attempted:
            core.fail(one, AWAY)
        core.sleep()
    assert core.now.steady - begin == DAY
    assert core.outcomes[-1] is Outcome.EXPIRED


def test_cut_off_by_a_crash(core: Core) -> None:
    """It is tried again after its back-off, and is not counted as unanswered."""
    one = core.take()
    core.begin_text(one)
    assert core.wrote(one)
    core.restart()
    assert core.outcomes == [Outcome.UNKNOWN]
    assert core.wrote(one)
    left = core.get(one)
    assert (left.in_data, left.unanswered, left.attempts) == (False, 0, 1)
    assert left.cause is Cause.OUTCOME_UNKNOWN
    assert core.sleep() == MINUTE
    assert core.attempted == ["Alert 1"]
    # It is told once, however often the account is started.
    core.happen("start", check_login=False)
    assert core.outcomes == [Outcome.UNKNOWN]


def test_cut_off_and_gone_before_the_start(core: Core) -> None:
    """A person discarded it meanwhile."""
    one = core.take()
    core.begin_text(one)
    core.restart(start=False)
    core.happen("discard", (one.queue_id,))
    core.happen("start", check_login=False)
    assert core.outcomes == []


def test_backup_of_what_was_being_sent(core: Core) -> None:
    """It waits for a decision as all of a backup does."""
    one = core.take()
    core.begin_text(one)
    core.disk[(MESSAGE, one.queue_id)]["restored"] = True
    core.restart()
    assert core.outcomes == []
    assert core.reason(one) is Reason.DECISION


def test_order_after_a_start(core: Core) -> None:
    """Who was not tried yet goes before those who failed."""
    one = core.take()
    core.fail(one, refused(Step.DATA, 451))
    core.stop()
    core.take()
    core.restart()
    assert core.attempted == ["Alert 2"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(AWAY, id="no server"),
        pytest.param(refused(Step.MAIL, 450), id="refused for now"),
        pytest.param(GREYLISTED, id="greylisted"),
    ],
)
def test_start_is_a_reason_to_try(core: Core, error: Any) -> None:
    """Only second copies and pauses wait on."""
    core.fail(core.take(), error)
    core.restart(1)
    assert core.attempted == ["Alert 1"]


def test_kill_forgets_nothing_that_was_counted(core: Core) -> None:
    """What went out, logins, pauses: three kills within minutes."""
    for number in range(3):
        one = core.take()
        core.open(one)
        core.accept(one)
        core.restart(10)
        assert len(core.limits.sent) == len(core.limits.logins) == number + 1
        assert core.limits.sent_within(core.now.steady, MINUTE) == number + 1
    core.fail(core.take(), LIMIT)
    core.restart(10)
    assert core.account.pause
    assert core.account.pause.until == core.now.steady + HOUR - 10
    assert core.account.pauses == 1
    assert core.limits.minute
    core.restart(HOUR, steady=1e6)
    assert core.account.pause is None


def test_what_was_read_again_is_equal(core: Core) -> None:
    """All of it, as far as it is kept."""
    core.converse("leak")
    core.accept(core.take(tag="leak", size=5))
    core.fail(core.take(sender_name="House"), UNANSWERED)
    core.fail(core.take(), LIMIT)
    core.take(lifetime=HOUR)
    before, begin = core.account, core.now
    core.restart(0, steady=1000.0, start=False)
    after, passed = core.account, begin.steady - core.now.steady
    assert account_record(after, core.now) == account_record(before, begin)
    assert after.conversations == before.conversations
    assert [
        (one.at + passed, one.key, one.people, one.level) for one in after.limits.sent
    ] == [(one.at, one.key, one.people, one.level) for one in before.limits.sent]
    assert {one.queue_id for one in after.queue} == {
        one.queue_id for one in before.queue
    }
    assert after.queue.size == before.queue.size


# A machine without a battery for its clock


BOOT = -6 * HOUR
"""What its wall clock says when it starts: it was switched off for six hours."""


def power_cut(core: Core) -> None:
    """Have the power fail for six hours; the clock goes on where it was."""
    core.restart(10)


def synchronize(core: Core) -> None:
    """Have the clock set from the network, half a minute after the start."""
    core.pass_time(MINUTE / 2)
    core.set_wall(core.now.wall + timedelta(hours=6))


def test_pause_that_was_over_long_ago(core: Core) -> None:
    """It does not last its whole length again."""
    core.fail(core.take(), LIMIT)
    power_cut(core)
    assert core.wake_in == HOUR - 10
    synchronize(core)
    assert core.account.pause is None
    assert core.wrote_account
    assert core.attempted == ["Alert 1"]


def test_pause_that_is_not_over_yet(core: Core) -> None:
    """It ends when it would have ended."""
    core.account.asked = 2
    core.happen("login_failed", LOGIN_REFUSED)
    core.sleep()
    core.happen("login_failed", LOGIN_REFUSED)
    assert core.wake_in == DAY
    power_cut(core)
    synchronize(core)
    expected = DAY - 10 - MINUTE / 2 - 6 * HOUR
    assert core.wake_in == pytest.approx(expected)
    assert core.account.check_login_at - core.now.steady == pytest.approx(expected)
    # It is right on disk as well.
    core.restart(10)
    assert core.wake_in == pytest.approx(expected - 10)


def test_login_is_checked_when_a_pause_was_over(core: Core) -> None:
    """Not when it would end by the clock that was wrong."""
    core.happen("login_failed", LOGIN_REFUSED)
    power_cut(core)
    synchronize(core)
    assert core.account.pause is None
    assert core.logs_in


def test_form_logged_in_before_the_start(core: Core) -> None:
    """A pause that was found is none of its business."""
    core.happen("login_failed", LOGIN_REFUSED)
    core.restart(10, check_login=False)
    assert core.account.check_login_at == core.now.steady + LOGIN_PAUSE - 10
    core.fail(core.take(), LIMIT)


def test_what_was_learned_is_counted_anew(core: Core) -> None:
    """It is forgotten a step sooner; but not what was learned since."""
    for _ in range(40):
        core.accept(core.take())
    core.fail(core.take(), LIMIT)
    rate = core.limits.rate(core.now.steady)
    assert rate == 20
    core.happen("retry")
    core.go_out(1)
    core.restart(0)
    core.pass_time(MINUTE / 2)
    core.set_wall(core.now.wall + timedelta(hours=24))
    assert core.limits.rate(core.now.steady) == 2 * rate
    assert core.limits.hour
    assert core.limits.hour.now(core.now.steady) == 64
    # As if the clock had been wrong by two days.
    core.limits.slow_down(core.now.steady)
    core.limits.hour = Learned(9, core.now.steady)
    core.set_wall(core.now.wall + timedelta(hours=24))
    assert core.limits.rate(core.now.steady) == rate
    assert core.limits.hour.now(core.now.steady) == 9


def test_pause_that_began_since(core: Core) -> None:
    """It was never counted by another clock."""
    core.happen("login_failed", LOGIN_REFUSED)
    power_cut(core)
    core.log_in()
    core.fail(core.take(), LIMIT)
    pause = core.account.pause
    synchronize(core)
    assert core.account.pause is pause


def test_log_and_ages_are_counted_anew(core: Core) -> None:
    """What went out is six hours older, and so are alerts and waits."""
    core.accept(core.take())
    waiting = core.take()
    core.begin_text(waiting)
    core.log_in()
    core.fail(waiting, UNANSWERED)
    core.pass_time(MINUTE)
    core.begin_text(waiting)
    core.fail(waiting, UNANSWERED)
    assert core.waits_in(waiting) == 2 * MINUTE
    core.accept(core.take())
    number = len(core.limits.sent)
    power_cut(core)
    new = core.take()
    core.fail(new, GREYLISTED)
    raised = core.get(new).raised
    assert core.limits.sent_within(core.now.steady, HOUR) == number
    synchronize(core)
    assert core.limits.sent_within(core.now.steady, HOUR) == 0
    assert len(core.limits.sent) == number
    assert core.now.steady - core.limits.logins[0].at > 6 * HOUR
    # Its wait was over.
    assert core.in_progress == {waiting.subject}
    assert core.now.steady - core.get(waiting).raised > 6 * HOUR
    assert core.wrote(waiting)
    # What came since has the age that it has.
    assert core.get(new).raised == raised
    assert core.get(new).due == raised + MINUTE


def test_what_is_tried_is_left_alone(core: Core) -> None:
    """Another one owns it."""
    core.take()
    power_cut(core)
    (one,) = core.trying
    synchronize(core)
    assert core.trying == [one]
    core.fail(one, GREYLISTED)
    assert core.get(one).raised == one.raised


def test_what_is_gone_is_not_brought_back(core: Core) -> None:
    """It was accepted before the clock was set."""
    core.take()
    power_cut(core)
    core.go_out(1)
    synchronize(core)
    assert len(core.queue) == 0


def test_unreadable_records_do_not_disturb(core: Core) -> None:
    """They are left where they are."""
    core.accept(core.take())
    core.disk[(MESSAGE, "1")] = {}
    core.disk[("sent", "x")] = {}
    unreadable = core.restart(10)
    assert set(unreadable) == {(MESSAGE, "1"), ("sent", "x")}
    synchronize(core)
    assert len(core.limits.sent) == 1


@pytest.mark.parametrize(
    ("after", "jump"),
    [
        pytest.param(MINUTE, MINUTE, id="a minute is drift"),
        pytest.param(MINUTE, -6 * HOUR, id="set back"),
        pytest.param(UNSURE_FOR, 6 * HOUR, id="long after the start"),
    ],
)
def test_clock_that_is_set_otherwise(core: Core, after: float, jump: float) -> None:
    """Nothing is counted anew."""
    core.fail(core.take(), LIMIT)
    core.restart(10)
    core.pass_time(after)
    assert core.marks == {}
    core.set_wall(core.now.wall + timedelta(seconds=jump))
    assert core.marks == {}
    assert core.wake_in == HOUR - 10 - after


def test_records_are_held_no_longer_than_needed(core: Core) -> None:
    """They are as large as all that waits."""
    core.restart(10, start=False)
    core.pass_time(UNSURE_FOR)
    core.take()
    # What was cut off is told at the start.
    assert core.account.loaded
    core.happen("start", check_login=True)
    assert not core.account.loaded
    core.stop()
    core.happen("start", check_login=True)
    assert core.in_progress == {"Alert 1"}


def test_clock_set_twice(core: Core) -> None:
    """Each time what is on disk counts."""
    core.fail(core.take(), LIMIT)
    core.account.pauses = 4
    core.happen("retry")
    core.fail(core.trying[0], LIMIT)
    assert core.wake_in == 6 * HOUR
    core.restart(0)
    for hours in (1, 2):
        core.pass_time(1)
        core.set_wall(core.now.wall + timedelta(hours=hours))
    assert core.wake_in == pytest.approx(3 * HOUR - 2)
    assert isinstance(core.now, Now)


def test_old_message_does_not_become_younger(core: Core) -> None:
    """Its age only grows when it is counted anew."""
    one = replace(message(9, core.now), raised=core.now.steady - DAY)
    core.disk[(MESSAGE, one.queue_id)] = as_record(one, core.now)
    core.fail(core.take(), LIMIT)
    core.restart(10)
    synchronize(core)
    known = core.get(one)
    assert core.now.steady - known.raised == DAY + 6 * HOUR + MINUTE / 2 + 10
