"""What counts and what does not: against the day, for the order told, for an expiry."""

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Entry, Limits, Settings
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    Level,
    Outcome,
    Plan,
    Reason,
)
from custom_components.qq_mail.outbox.core.plan import plans
from custom_components.qq_mail.smtp.models import Step

from .play import FRIENDS, HOUR, MINUTE, Core, refused

ELSE = ("else@example.com",)
HIGHEST = Priority.HIGHEST


def test_refused_before_its_text_does_not_count() -> None:
    """Though its text had been announced: the server has nothing of it."""
    core = Core(Settings(per_day=10, digest=False))
    one = core.take()
    core.begin_text(one)
    assert core.limits.left_today(core.now.steady) == 9
    core.fail(one, refused(Step.DATA, 451))
    assert core.limits.left_today(core.now.steady) == 10


def test_digest_that_is_made_takes_its_place_of_the_day() -> None:
    """Who had a mail in this hour does not get the last one before it."""
    core = Core(Settings(per_minute=0, per_day=20))
    for _ in range(15):
        core.accept(core.take(priority=HIGHEST, recipients=("all@example.com",)))
    core.accept(core.take(recipients=ELSE))
    slow = core.take(priority=HIGHEST)
    for _ in range(3):
        core.take()
    core.accept(slow)
    assert core.merging == [["Alert 18", "Alert 19", "Alert 20"]]
    other = core.take(recipients=ELSE)
    assert core.reason(other) is Reason.DAY
    assert core.waits_in(other) == HOUR


def test_digest_goes_before_what_is_less_important() -> None:
    """As one mail, be it of many messages."""
    core = Core(Settings(burst=1, per_minute=1))
    core.take()
    for _ in range(6):
        core.take()
    core.take(priority=Priority.LOW, recipients=ELSE)
    core.take(priority=Priority.LOWEST, recipients=FRIENDS[:1])
    at = {one.subject: plan.at for one, plan in plans(core.account, core.now.steady)}
    waits = [(at[f"Alert {number}"] - core.now.steady) / MINUTE for number in (7, 8, 9)]
    assert waits == [1, 2, 3]


def test_expires_whatever_is_tried_again_and_again(core: Core) -> None:
    """Each attempt of one leaves when the others expire as it was."""
    old = core.take(lifetime=DAY, attempts=1, due=core.now.steady + 2 * DAY)
    busy = core.take(lifetime=9 * DAY)
    for _ in range(200):
        core.fail(busy, refused(Step.DATA, 451))
        core.happen("retry", busy.queue_id)
    core.accept(busy)
    assert core.sleep() == DAY
    assert not core.has(old)
    assert core.outcomes[-1] is Outcome.EXPIRED


def test_session_that_nobody_uses_needs_no_login(core: Core) -> None:
    """Though another one is at work, and there is no login left."""
    slow = core.take()
    core.open(slow)
    second = core.take()
    core.pass_time(10)
    for _ in range(7):
        core.log_in()
    third, fourth = core.take(), core.take()
    core.accept(second)
    assert core.in_progress == {slow.subject, third.subject}
    core.accept(third, keeps_session=False)
    assert core.in_progress == {slow.subject}
    assert core.has(fourth)


def test_hour_of_one_whose_answer_is_awaited() -> None:
    """Whether the next one waits an hour is known when it has come."""
    core = Core(Settings(per_minute=0, per_day=1, digest=False))
    core.accept(core.take(priority=HIGHEST, recipients=ELSE))
    one, two = core.take(), core.take()
    core.begin_text(one)
    assert core.plan(two) == Plan(core.now.steady, Reason.TURN)
    core.fail(one, refused(Step.DATA, 554))
    assert core.in_progress == {two.subject}


def test_refusal_stands_for_what_went_out_before_it() -> None:
    """That is not counted once more: both places are taken, and no more than these."""
    limits = Limits(Settings(per_minute=0))
    for number in range(10):
        limits.count_sent(Entry(0.0, str(number)))
    limits.slow_down(0.0)
    plan = limits.next_at(0.0, Level.HIGH, "")
    assert plan
    assert plan.reason is Reason.PACE
    assert plan.at == pytest.approx(MINUTE / 5)
    for number in range(3):
        limits.count_sent(Entry(MINUTE, f"after {number}"))
    limits.forgiven_at = MINUTE
    assert limits.next_at(MINUTE, Level.HIGH, "") is None
