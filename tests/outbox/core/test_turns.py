"""Whose turn it is: by priority, then recipients in turns; over how many sessions."""

from collections.abc import Callable
from dataclasses import replace
import sys

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import (
    DAY,
    NEVER,
    Attempt,
    Pause,
    Reason,
)
from custom_components.qq_mail.outbox.core.plan import plans
from custom_components.qq_mail.outbox.core.queue import Queue
from custom_components.qq_mail.outbox.core.scheduler import EXPIRE_AT_ONCE
from custom_components.qq_mail.smtp.models import Step
from custom_components.qq_mail.smtp.replies import Cause

from .play import AWAY, MINUTE, Core, message, refused

ANNA, BO, CLEO = ("anna@example.com",), ("bo@example.com",), ("cleo@example.com",)
LOWEST, LOW, NORMAL, HIGH, HIGHEST = reversed(Priority)


def test_among_equals_who_has_waited_goes_first(core: Core) -> None:
    """Otherwise it is priority, then age."""
    first = core.take()
    for priority in (NORMAL, HIGHEST, HIGH, LOW, HIGHEST, LOWEST):
        core.take(priority=priority)
    core.stop()
    core.fail(first, AWAY)
    core.happen("retry")
    core.happen("start", check_login=False)
    # It was not offered to a server, so the first is still the oldest.
    assert core.go_out(7) == ["3", "6", "4", "1", "2", "5", "7"]


def test_who_was_not_tried_yet_goes_before_who_failed(core: Core) -> None:
    """Though the older one is due as well."""
    one = core.take()
    core.fail(one, refused(Step.DATA, 451))
    core.sleep()
    core.fail(one, refused(Step.DATA, 451))
    core.stop()
    two = core.take()
    core.pass_time(2 * MINUTE)
    core.happen("start", check_login=False)
    assert core.attempted == [two.subject]


def test_recipients_take_turns(core: Core) -> None:
    """Nobody's flood holds up what is for somebody else, not even a flood for both."""
    for _ in range(5):
        core.take(recipients=ANNA)
    for people in (BO, (*ANNA, *BO), (*BO, *ANNA), BO):
        core.take(recipients=people)
    order = core.go_out(3)
    # It comes when two of three had a turn, and has its own before they have another.
    core.take(recipients=CLEO)
    order += core.go_out(7)
    assert order == ["1", "2", "6", "7", "10", "3", "9", "8", "4", "5"]


def test_who_comes_new_goes_before_who_was_served(core: Core) -> None:
    """But those who come new, one after the other, do not shut out a flood."""
    for _ in range(9):
        core.take(recipients=ANNA)
    order = core.go_out(2)
    for number in range(4):
        core.take(recipients=(f"{number}@example.com",))
        order += core.go_out(2)
    assert order == ["1", "2", "3", "10", "4", "11", "5", "12", "6", "13"]


def test_turns_within_a_priority(core: Core) -> None:
    """What is more important goes first, be it always for the same person."""
    core.take(recipients=ANNA)
    for priority in (LOW, NORMAL, NORMAL, HIGHEST, HIGHEST):
        core.take(recipients=BO, priority=priority)
    assert core.go_out(6) == ["1", "5", "6", "3", "4", "2"]


def test_order_that_is_shown(core: Core) -> None:
    """It is that in which they go out."""
    priorities = (*[NORMAL] * 6, HIGH)
    for people, priority in zip(
        (ANNA, ANNA, ANNA, BO, BO, CLEO, ANNA), priorities, strict=True
    ):
        core.take(recipients=people, priority=priority)
    shown = [one.subject for one, _ in plans(core.account, core.now.steady)]
    assert shown == [f"Alert {number}" for number in (7, 1, 4, 6, 2, 5, 3)]


# Sessions


@pytest.mark.parametrize(
    ("priority", "seconds"),
    [
        pytest.param(HIGHEST, 3, id="highest"),
        pytest.param(HIGH, 3, id="more important"),
        pytest.param(NORMAL, 10, id="equal"),
        pytest.param(LOW, 10, id="less important"),
    ],
)
def test_patience(core: Core, priority: Priority, seconds: float) -> None:
    """An important message waits for one that is just being sent, but not for long."""
    slow = core.take()
    core.begin_text(slow)
    other = core.take(priority=priority)
    core.pass_time(seconds - 0.5)
    assert core.attempted == []
    assert core.plan(other).reason is Reason.TURN
    assert core.waits_in(other) == core.wake_in == 0.5
    core.sleep()
    assert core.attempted == ["Alert 2"]


def test_highest_is_patient_for_no_longer_with_its_like(core: Core) -> None:
    """An alarm that hangs does not hold up the next one for ten seconds."""
    slow = core.take(priority=HIGHEST)
    core.begin_text(slow)
    core.take(priority=HIGHEST)
    assert core.sleep() == 3
    assert core.attempted == ["Alert 2"]


def test_connection_that_hangs(core: Core) -> None:
    """Only the highest do not wait until it is known whether there is a server."""
    core.take()
    core.take(priority=HIGH)
    assert core.wake_in == NEVER
    core.take(priority=HIGHEST)
    assert core.sleep() == 3
    assert core.attempted == ["Alert 3"]


def test_longest_patience_counts(core: Core) -> None:
    """It goes when the last of those that are being sent has had its time."""
    one, two = core.take(), core.take()
    core.begin_text(one)
    core.sleep()
    core.begin_text(two)
    core.take()
    assert core.wake_in == 10
    core.take(priority=HIGHEST)
    assert core.wake_in == 3


def test_at_most_three_sessions(core: Core) -> None:
    """QQ counts them; alarms have up to ten."""
    for number in range(1, 4):
        core.begin_text(core.take())
        core.pass_time(MINUTE)
        assert len(core.in_progress) == number
    core.take()
    core.pass_time(MINUTE)
    assert len(core.in_progress) == 3
    assert core.wake_in == NEVER
    for number in range(4, 13):
        one = core.take(priority=HIGHEST)
        core.pass_time(MINUTE)
        assert len(core.in_progress) == min(number, 10)
    assert core.wake_in == NEVER
    assert core.plan(one).reason is Reason.TURN
    assert core.plan(one).at == core.now.steady


# Cost


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, a count that no other program changes."""
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def crowd(number: int, people: int, *, alone: bool = True) -> Core:
    """Return a core at which so many wait, for so many people, tried in vain."""
    core = Core(Settings(per_minute=0, per_day=0))
    for place in range(number):
        core.take(recipients=(f"{place % people}@example.com",), alone=alone)
    (first,) = core.trying
    core.fail(first, AWAY)
    core.sleep()
    return core


def send_ten(core: Core) -> None:
    """Send ten, with everything that belongs to it."""
    for _ in range(10):
        (one,) = core.trying
        core.accept(one)
        core.plan(one) if core.has(one) else None
    core.take()


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("people", [1, 20, 10_000])
def test_cost_does_not_grow_with_what_waits(people: int, alone: bool) -> None:
    """Sending one costs the same with ten thousand waiting, for few or for many."""
    few, many = (
        crowd(20, min(people, 20), alone=alone),
        crowd(10_000, people, alone=alone),
    )
    assert calls(lambda: send_ten(many)) <= 1.5 * calls(lambda: send_ten(few))


def test_all_are_retried_again_and_again() -> None:
    """What may go already is left as it is, and so nothing grows."""
    core = crowd(1000, 20)
    for _ in range(3):
        core.happen("retry")
    lanes = core.queue._lanes._lanes  # noqa: SLF001 - nothing else shows it
    assert sum(map(len, lanes.values())) <= len(core.queue)


def test_few_expire_at_once(core: Core) -> None:
    """Whoever is told of them has something to do, and so has the loop."""
    for number in range(1000):
        core.queue.put(message(number, core.now, attempts=1))
    core.account.pause = Pause(Cause.RATE_LIMIT, core.now.steady + 9 * DAY, DAY)
    costs = []
    assert core.sleep() == DAY
    while len(core.queue):
        costs.append(calls(core.sleep))
        assert len(core.told) % EXPIRE_AT_ONCE == 0
    assert len(costs) == 1000 / EXPIRE_AT_ONCE - 1
    assert max(costs) <= 1.5 * min(costs)


def test_stale_entries_are_tidied() -> None:
    """A message that is replaced often leaves no more behind than a few entries."""
    queue, now = Queue(), Core().now
    one = message(1, now, reached=True)
    for number in range(1000):
        queue.put(replace(one, due=float(number), lifetime=float(number)))
    assert len(queue._later) < 200  # noqa: SLF001 - nothing else shows it
    assert len(queue._expiry) < 200  # noqa: SLF001
    assert list(queue.heads(999.0)) == [queue.get(one.queue_id)]
    assert queue.size == one.size


def test_oldest(core: Core) -> None:
    """In the order of the queue ids, whatever went out meanwhile."""
    assert core.queue.oldest() is None
    first, second = core.take(), core.take()
    assert core.queue.oldest() == first
    core.accept(first)
    assert core.queue.oldest() == second
    core.accept(second)
    assert core.queue.oldest() is None
    assert list(core.queue) == []
    for number in (2, 1, 3):
        # A large one is known later than what was raised after it.
        core.queue.put(message(number, core.now))
    assert core.queue.oldest() == message(1, core.now)


def test_sessions_of_two_accounts(core: Core) -> None:
    """One account's attempts say nothing of the other's."""
    core.scheduler.add_account(core.now, "other", Settings(), {})
    core.scheduler.start(core.now, "other", check_login=False)
    core.take()
    actions = core.scheduler.take(core.now, "other", message(99, core.now))
    (attempt,) = [one for one in actions if isinstance(one, Attempt)]
    assert (attempt.account, attempt.message.subject) == ("other", "Alert 99")
    core.scheduler.configure(core.now, "other", Settings(per_day=1))
    assert core.limits.settings.per_day == 0
