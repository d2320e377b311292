"""A person discards messages, or wants them tried at once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.models import DAY, Outcome, Pause, Reason
from custom_components.qq_mail.outbox.core.plan import plans
from custom_components.qq_mail.smtp.models import Reply, Step
from custom_components.qq_mail.smtp.replies import Cause

from .play import (
    AWAY,
    FRIENDS,
    HOUR,
    LOGIN_REFUSED,
    MINUTE,
    UNANSWERED,
    Core,
    all_refused,
    lost,
    message,
    refused,
    restored_in,
)

GREYLISTED = Reply(450, "try again later")
ALL_GREYLISTED = all_refused(dict.fromkeys(FRIENDS, GREYLISTED))

type Result = Callable[[Core, Any], object]


@pytest.mark.parametrize(
    ("result", "outcomes"),
    [
        pytest.param(lambda core, one: core.fail(one, AWAY), [], id="away"),
        pytest.param(
            lambda core, one: core.fail(one, UNANSWERED),
            [Outcome.UNKNOWN],
            id="unanswered",
        ),
        pytest.param(lambda core, one: core.fail(one, LOGIN_REFUSED), [], id="login"),
        pytest.param(
            lambda core, one: core.fail(one, lost(Step.MAIL), fresh=False),
            [],
            id="session was dead",
        ),
        pytest.param(
            lambda core, one: core.fail(one, ALL_GREYLISTED), [], id="greylisted"
        ),
        pytest.param(lambda core, one: core.happen("cut", one.queue_id), [], id="cut"),
        pytest.param(
            lambda core, one: core.happen("broke", one.queue_id, "disk"),
            [],
            id="broke",
        ),
        pytest.param(
            lambda core, one: core.happen("broke", one.queue_id, "bug", sent=True),
            [Outcome.UNKNOWN],
            id="broke behind its text",
        ),
        pytest.param(
            lambda core, one: core.fail(one, refused(Step.DATA, 554)),
            [Outcome.REJECTED],
            id="rejected",
        ),
    ],
)
@pytest.mark.parametrize("in_data", [False, True], ids=["before DATA", "after DATA"])
def test_discarded_while_it_is_tried(
    core: Core, result: Result, outcomes: list[Outcome], *, in_data: bool
) -> None:
    """If it is not accepted, it goes; and the count of octets stays right.

    The disk forgets it at once, for good.
    """
    one = core.take()
    core.begin_text(one) if in_data else core.open(one)
    core.happen("discard", (one.queue_id,))
    assert core.removed(one)
    assert len(core.queue) == 1
    result(core, one)
    assert ("message", "house", one.queue_id) not in core.marks
    assert core.outcomes == outcomes
    assert all(event.plan is None for event in core.told)
    assert (len(core.queue), core.queue.size, core.attempted) == (0, 0, [])


def test_discarded_before_its_first_octet(core: Core) -> None:
    """It was announced to the server, and nothing of it is sent."""
    one = core.take()
    core.begin_text(one)
    core.happen("discard", (one.queue_id,))
    assert not core.scheduler.text_goes(core.now, "house", one.queue_id)


def test_accepted_for_some_when_it_was_discarded(core: Core) -> None:
    """The others do not get it."""
    one = core.take()
    core.begin_text(one)
    core.happen("discard", (one.queue_id,))
    assert not core.scheduler.text_begins(core.now, "house", one.queue_id)
    assert not core.scheduler.may_send("house", one.queue_id)
    core.happen("submitting", one.queue_id)
    assert core.get(one).unwanted
    core.happen("failed", one.queue_id, ALL_GREYLISTED)
    assert core.outcomes == []
    assert not core.has(one)


def test_discarded_while_it_waits(core: Core) -> None:
    """The second time there is nothing to do."""
    waiting = core.take()
    core.fail(waiting, AWAY)
    core.happen("discard", (waiting.queue_id,))
    assert core.removed(waiting)
    assert (len(core.queue), core.queue.size) == (0, 0)
    core.happen("discard", (waiting.queue_id,))
    assert not core.marks


def test_retry_of_one(core: Core) -> None:
    """The others wait on for their own time."""
    first, second = core.take(), core.take()
    core.fail(first, ALL_GREYLISTED)
    core.fail(second, ALL_GREYLISTED)
    core.happen("retry", second.queue_id)
    assert core.attempted == ["Alert 2"]
    core.accept(second)
    assert core.attempted == []
    assert core.reason(first) is Reason.BACK_OFF


def test_retry_of_all(core: Core) -> None:
    """What is being tried is not disturbed, what is gone is not found."""
    first, second = core.take(), core.take()
    core.fail(first, ALL_GREYLISTED)
    core.happen("retry", second.queue_id)
    core.happen("retry", "gone")
    core.happen("retry")
    assert core.in_progress == {"Alert 2"}
    assert core.reason(first) is Reason.TURN
    core.accept(second)
    assert core.attempted == ["Alert 1"]


def test_retry_ends_pause_and_back_off(core: Core) -> None:
    """A person knows that it works again; two that lost it before are two no more."""
    core.fail(core.take(), lost(Step.BODY))
    core.fail(core.take(), refused(Step.MAIL, 550, "Too many attempts"))
    assert core.reason(core.take()) is Reason.PAUSED
    core.happen("retry")
    assert core.account.pause is None
    assert core.account.down is None
    assert core.wrote_account
    assert core.account.check_login_at == core.now.steady + DAY
    core.fail(core.trying[0], lost(Step.BODY))
    assert core.account.down is None


def test_restored_waits_for_a_person(core: Core) -> None:
    """It may have gone out since the backup."""
    one = message(1, core.now, restored=True, in_data=True)
    core.load(one)
    assert restored_in(core.queue) == {one.queue_id}
    assert core.attempted == []
    assert core.reason(one) is Reason.DECISION
    assert core.waits_in(one) == float("inf")
    assert [plan.reason for _, plan in plans(core.account, core.now.steady)] == [
        Reason.DECISION
    ]
    assert core.wake_in == DAY
    core.happen("retry")
    assert core.attempted == ["Alert 1"]
    assert core.wrote(one)
    assert not core.get(one).restored
    assert not core.get(one).in_data
    assert restored_in(core.queue) == set()


def test_one_of_the_restored_is_discarded(core: Core) -> None:
    """The others wait on."""
    one, two = (message(number, core.now, restored=True) for number in (1, 2))
    core.load(one, two)
    core.happen("discard", (one.queue_id,))
    assert restored_in(core.queue) == {two.queue_id}
    core.take()
    assert core.attempted == ["Alert 1"]


def test_restored_expires_if_nobody_decides(core: Core) -> None:
    """And by its new age, once a person did and it could not be tried."""
    one = message(1, core.now, restored=True, attempts=1, lifetime=2 * HOUR)
    one = replace(one, raised=one.raised - HOUR)
    core.load(one, replace(one, queue_id="2" * 26))
    core.happen("retry", one.queue_id)
    core.stop()
    core.happen("cut", one.queue_id)
    core.account.pause = Pause(Cause.LOGIN_AMBIGUOUS, core.now.steady + DAY, DAY)
    core.happen("start", check_login=True)
    assert core.sleep() == HOUR
    assert core.outcomes == [Outcome.EXPIRED]
    assert core.sleep() == HOUR
    assert core.outcomes == [Outcome.EXPIRED] * 2


def test_never_expires_untried(core: Core) -> None:
    """However long the account is paused."""
    core.fail(core.take(), LOGIN_REFUSED)
    one = core.take(lifetime=HOUR)
    core.account.pause = Pause(Cause.LOGIN_AMBIGUOUS, core.now.steady + DAY, DAY)
    core.pass_time(2 * HOUR)
    assert core.has(one)
    assert core.outcomes == [Outcome.DEFERRED]


def test_expires_by_the_steady_clock(core: Core) -> None:
    """Once it was tried."""
    one = core.take(lifetime=HOUR)
    for _ in range(5):
        core.fail(one, AWAY)
        core.sleep()
    core.fail(one, AWAY)
    assert core.wake_in == HOUR - (1 + 2 + 5 + 15 + 30) * MINUTE
    core.sleep()
    assert core.outcomes[-1] is Outcome.EXPIRED
    assert core.told[-1].attempts == 6
    assert core.told[-1].cause is Cause.CONNECTION_REFUSED
    assert core.removed(one)
    assert core.account.expired


def test_what_is_tried_does_not_expire(core: Core) -> None:
    """Its answer may still come; if it is none, its time is over then."""
    one = core.take(lifetime=HOUR)
    core.fail(one, refused(Step.DATA, 451))
    core.sleep()
    core.pass_time(2 * HOUR)
    assert core.in_progress == {one.subject}
    core.fail(one, refused(Step.DATA, 451))
    assert core.outcomes[-1] is Outcome.EXPIRED


def test_expiry_is_remembered_until_one_is_accepted(core: Core) -> None:
    """Over a restart as well."""
    one = core.take(lifetime=HOUR)
    core.fail(one, refused(Step.DATA, 451))
    core.pass_time(HOUR)
    core.fail(one, refused(Step.DATA, 451))
    assert core.account.expired
    core.restart(start=False)
    assert core.account.expired
    core.happen("start", check_login=False)
    core.accept(core.take(priority=Priority.HIGH))
    assert not core.account.expired
