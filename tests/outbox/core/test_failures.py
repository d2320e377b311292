"""What comes of an attempt: whom a failure concerns, and for how long."""

from collections.abc import Callable
from typing import Any

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.models import DAY, Attempt, Outcome, Reason
from custom_components.qq_mail.outbox.core.retry import LOGIN_PAUSE, RATE_LIMIT_PAUSE
from custom_components.qq_mail.outbox.core.scheduler import AFTER_TROUBLE
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from .play import (
    AWAY,
    FRIENDS,
    HOUR,
    LOGIN_REFUSED,
    MINUTE,
    OK,
    RATE_LIMIT,
    UNANSWERED,
    Core,
    all_refused,
    lost,
    refused,
)

NO_SUCH = Reply(550, "Mailbox not found or access denied")
GREYLISTED = Reply(450, "try again later")
LIMIT = refused(Step.DATA, RATE_LIMIT.code, RATE_LIMIT.text)


# One message and the others


@pytest.mark.parametrize(
    "where", [Step.RCPT, Step.DATA, Step.BODY], ids=lambda where: where.value
)
def test_one_that_breaks_the_connection(core: Core, where: Step) -> None:
    """It does not hold up the others, now or later."""
    bad = core.take()
    others = [core.take() for _ in range(4)]
    core.fail(bad, lost(where))
    for number, other in enumerate(others, 2):
        assert core.attempted == [f"Alert {number}"]
        core.accept(other)
    assert core.attempted == []
    assert core.reason(bad) is Reason.BACK_OFF
    assert core.sleep() == MINUTE
    assert core.attempted == ["Alert 1"]
    core.fail(bad, lost(where))
    assert core.wake_in == 2 * MINUTE


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lost(Step.MAIL), id="lost"),
        pytest.param(refused(Step.RCPT, 421), id="421"),
    ],
)
def test_one_with_which_no_session_goes_on(core: Core, error: MailError) -> None:
    """It is offered once more when others went through, and blamed then."""
    bad = core.take()
    others = [core.take() for _ in range(2)]
    core.fail(bad, error)
    assert core.sleep() == MINUTE
    for number, other in enumerate(others, 2):
        assert core.attempted == [f"Alert {number}"]
        core.pass_time(1)
        core.accept(other)
    assert core.attempted == ["Alert 1"]
    core.fail(bad, error)
    assert core.account.down is None
    assert core.get(bad).failures == 1


def test_one_with_which_no_session_goes_on_twice(core: Core) -> None:
    """Where nothing else went through, it is the account's trouble each time."""
    bad = core.take()
    for times in (1, 2):
        core.fail(bad, lost(Step.MAIL))
        assert core.account.down
        assert core.account.down.times == times
        core.sleep()
    core.accept(bad)
    other = core.take()
    core.pass_time(1)
    core.fail(other, lost(Step.MAIL))
    assert core.account.down
    assert core.get(other).failures == 0


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lost(Step.DATA), id="DATA"),
        pytest.param(lost(Step.BODY), id="body"),
        pytest.param(UNANSWERED, id="final dot"),
    ],
)
def test_two_in_a_row_are_the_connections(core: Core, error: MailError) -> None:
    """Two different messages that lose it hold up the third."""
    first, second, third = core.take(), core.take(), core.take()
    core.fail(first, error)
    assert core.attempted == ["Alert 2"]
    core.fail(second, error)
    assert core.attempted == []
    assert core.reason(third) is Reason.NO_SERVER
    assert core.sleep() == MINUTE
    # Who was not tried yet goes before those who failed.
    assert core.attempted == ["Alert 3"]


def test_the_same_one_twice_is_its_own_trouble(core: Core) -> None:
    """However often it loses the connection."""
    one = core.take()
    for _ in range(3):
        core.fail(one, lost(Step.BODY))
        assert core.account.down is None
        core.sleep()


def test_two_with_an_accepted_one_between(core: Core) -> None:
    """They are two bad messages, and no bad line."""
    first, good, second = core.take(), core.take(), core.take()
    core.take()
    core.fail(first, lost(Step.BODY))
    core.accept(good)
    core.fail(second, lost(Step.BODY))
    assert core.attempted == ["Alert 4"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(refused(Step.DATA, 451), id="for now"),
        pytest.param(refused(Step.DATA, 554), id="for good"),
        pytest.param(all_refused(dict.fromkeys(FRIENDS, GREYLISTED)), id="recipients"),
        pytest.param(
            lost(Step.RCPT, refused=dict.fromkeys(FRIENDS, NO_SUCH)), id="heard"
        ),
    ],
)
def test_two_with_an_answered_one_between(core: Core, error: MailError) -> None:
    """A server that refuses a message is there."""
    first, other, second = core.take(), core.take(), core.take()
    core.take()
    core.fail(first, lost(Step.BODY))
    core.fail(other, error)
    core.fail(second, lost(Step.BODY))
    assert core.attempted == ["Alert 4"]


def test_back_off_of_a_message(core: Core) -> None:
    """1, 2, 5, 15, 30, 60 minutes, and then hourly."""
    one = core.take()
    waits = []
    for _ in range(8):
        core.fail(one, refused(Step.DATA, 451))
        waits.append(core.sleep() / MINUTE)
    assert waits == [1, 2, 5, 15, 30, 60, 60, 60]


def test_houses_do_not_march_in_step() -> None:
    """Chance adds up to a tenth."""
    core = Core(chance=1.0)
    core.fail(core.take(), refused(Step.DATA, 451))
    assert core.sleep() == pytest.approx(66)


# The server is away


def test_new_alert_while_the_server_is_away(core: Core) -> None:
    """It is a reason to look again; the others wait on if it fails, and go if not."""
    old = core.take()
    for _ in range(6):
        core.fail(old, AWAY)
        core.sleep()
    core.fail(old, AWAY)
    assert core.reason(old) is Reason.NO_SERVER
    assert core.wake_in == HOUR
    fresh = core.take()
    # Who waits longest of those that are as important finds out for all.
    assert core.attempted == ["Alert 1"]
    core.fail(old, AWAY)
    assert core.attempted == []
    assert core.releases(fresh)
    assert core.wake_in == MINUTE
    core.take(priority=Priority.HIGH)
    assert core.attempted == ["Alert 3"]
    (found,) = core.trying
    core.accept(found)
    assert core.attempted == ["Alert 1"]
    core.accept(old)
    assert core.attempted == ["Alert 2"]


def test_server_away_is_looked_for_less_and_less(core: Core) -> None:
    """As long as nothing new comes."""
    one = core.take(lifetime=9 * DAY)
    waits = []
    for _ in range(7):
        core.fail(one, AWAY)
        waits.append(core.sleep() / MINUTE)
    assert waits == [1, 2, 5, 15, 30, 60, 60]
    assert core.account.down
    assert core.now.steady - core.account.down.since == sum(waits) * MINUTE


def test_server_is_away_since_the_first_failure(core: Core) -> None:
    """A person who has it tried in vain has not begun it."""
    one = core.take()
    core.fail(one, AWAY)
    began = core.now.steady
    core.pass_time(MINUTE / 2)
    core.happen("retry")
    core.fail(one, AWAY)
    assert core.account.down
    assert core.account.down.since == began
    assert core.account.down.times == 1


@pytest.mark.parametrize(
    ("error", "wait", "reason"),
    [
        pytest.param(LOGIN_REFUSED, LOGIN_PAUSE, Reason.PAUSED, id="login"),
        pytest.param(refused(Step.MAIL, 450), MINUTE, Reason.NO_SERVER, id="MAIL 450"),
        pytest.param(LIMIT, RATE_LIMIT_PAUSE, Reason.PAUSED, id="rate limit"),
    ],
)
def test_new_alert_while_the_server_refuses(
    core: Core, error: MailError, wait: float, reason: Reason
) -> None:
    """It waits, and nobody waits for it."""
    core.fail(core.take(), error)
    fresh = core.take()
    assert core.releases(fresh)
    assert core.reason(fresh) is reason
    assert core.attempted == []
    assert core.wake_in == wait
    core.sleep()
    assert len(core.attempted) == 1


def test_highest_is_tried_where_a_server_refused_everything(core: Core) -> None:
    """That may be over, and each minute counts."""
    core.fail(core.take(), refused(Step.MAIL, 450))
    core.take(priority=Priority.HIGH)
    assert core.attempted == []
    core.take(priority=Priority.HIGHEST)
    assert core.attempted == ["Alert 3"]


def test_who_waits_for_a_server_stands_in_nobodys_way() -> None:
    """A normal alert that may not log in does not keep a highest one from trying.

    Five reports, one failed connection, a fire alarm, then the washing machine.
    """
    core = Core()
    for _ in range(7):
        core.happen("login_tried")
    alarm = core.take(priority=Priority.HIGHEST)
    core.fail(alarm, AWAY)
    normal = core.take()
    # The new alert is a reason to look again: by the alarm.
    assert core.attempted == [alarm.subject]
    core.fail(alarm, AWAY)
    assert core.sleep() == MINUTE
    assert core.attempted == [alarm.subject]
    core.open(alarm)
    core.accept(alarm)
    assert core.attempted == [normal.subject]


def test_success_wakes_what_the_connection_held_up(core: Core) -> None:
    """What was refused for its own sake waits for its own time."""
    busy = core.take()
    core.fail(busy, all_refused(dict.fromkeys(FRIENDS, GREYLISTED)))
    waiting = core.take()
    core.fail(waiting, AWAY)
    core.take()
    assert core.attempted == [waiting.subject]
    core.accept(waiting)
    assert core.attempted == ["Alert 3"]
    core.go_out(1)
    assert core.attempted == []
    assert core.wake_in == MINUTE


def test_looking_at_the_clock_changes_nothing(core: Core) -> None:
    """Whoever asks when to wake does not make anyone's time come earlier."""
    core.fail(core.take(), all_refused(dict.fromkeys(FRIENDS, GREYLISTED)))
    for _ in range(3):
        assert core.wake_in == MINUTE
        core.pass_time(0)
        assert core.attempted == []


# Answers that do not come


def test_given_up_after_three_without_an_answer(core: Core) -> None:
    """It is reported as unknown, for good; a crash's attempts do not count."""
    one = core.take(tag="leak")
    core.converse("leak")
    core.begin_text(one)
    core.happen("broke", one.queue_id, "stopped", sent=True)
    assert core.account.conversations["leak"].went_out
    for _ in range(3):
        core.sleep()
        core.begin_text(one)
        core.fail(one, UNANSWERED)
    assert core.outcomes == [Outcome.UNKNOWN] * 4
    assert [bool(event.plan) for event in core.told] == [True] * 3 + [False]
    assert [event.attempts for event in core.told] == [1, 2, 3, 4]
    assert core.told[-1].cause is Cause.OUTCOME_UNKNOWN
    assert core.removed(one)
    assert len(core.queue) == 0


def test_others_go_on_while_an_answer_takes_long(core: Core) -> None:
    """Over another session, after some seconds."""
    slow, other = core.take(), core.take()
    core.begin_text(slow)
    assert core.reason(other) is Reason.TURN
    assert not core.releases(other)
    assert core.sleep() == 10
    assert core.in_progress == {slow.subject, other.subject}
    core.accept(other)
    assert core.in_progress == {slow.subject}


# Sessions


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lost(Step.MAIL), id="died unseen"),
        pytest.param(refused(Step.MAIL, 421), id="421"),
        pytest.param(refused(Step.RCPT, 502), id="502"),
        pytest.param(refused(Step.DATA, 503), id="503"),
        pytest.param(refused(Step.MAIL, 530), id="530"),
    ],
)
def test_kept_session_is_no_good(core: Core, error: MailError) -> None:
    """The message is tried at once in a fresh one, and nothing is counted."""
    one = core.take()
    core.begin_text(one)
    core.fail(one, error, fresh=False)
    assert [attempt.fresh for attempt in core.those(Attempt)] == [True]
    assert core.outcomes == []
    assert core.wrote(one)
    known = core.get(one)
    assert (known.attempts, known.failures, known.in_data) == (0, 0, False)
    assert core.limits.sent == []
    core.accept(one)
    assert [event.attempts for event in core.told] == [1]
    assert len(core.limits.sent) == 1


@pytest.mark.parametrize(
    ("error", "fresh"),
    [
        pytest.param(lost(Step.DATA), False, id="lost after MAIL"),
        pytest.param(refused(Step.MAIL, 450), False, id="of the message"),
        pytest.param(lost(Step.MAIL), True, id="fresh"),
        pytest.param(AWAY, False, id="no session at all"),
    ],
)
def test_no_other_session_is_tried(
    core: Core, error: MailError, *, fresh: bool
) -> None:
    """Where it says something of the message or of the server."""
    core.fail(core.take(), error, fresh=fresh)
    assert core.attempted == []
    assert core.outcomes == [Outcome.DEFERRED]


@pytest.mark.parametrize("code", [502, 503, 530])
def test_refused_by_a_fresh_session(core: Core, code: int) -> None:
    """What speaks of the session counts only there."""
    one = core.take()
    core.fail(one, refused(Step.MAIL, code), fresh=False)
    core.fail(one, refused(Step.MAIL, code))
    assert core.outcomes == [Outcome.REJECTED]
    assert core.removed(one)


def test_no_fresh_session_while_the_account_is_paused(core: Core) -> None:
    """Another message has met the reason to pause meanwhile."""
    one = core.take()
    core.open(one)
    other = core.take()
    core.pass_time(MINUTE)
    assert core.attempted == [other.subject]
    core.fail(other, LOGIN_REFUSED)
    core.fail(one, lost(Step.MAIL), fresh=False)
    assert core.attempted == []
    assert core.wake_in == LOGIN_PAUSE
    core.sleep()
    assert core.attempted == [one.subject]


def test_no_fresh_session_at_the_end(core: Core) -> None:
    """An outbox that is about to stop begins nothing."""
    one = core.take()
    core.stop()
    core.fail(one, lost(Step.MAIL), fresh=False)
    assert core.attempted == []
    assert core.wake_in == float("inf")
    core.pass_time(DAY)
    assert core.attempted == []
    core.happen("start", check_login=False)
    assert core.attempted == ["Alert 1"]


def test_what_comes_at_the_end_is_kept(core: Core) -> None:
    """And told, but nothing else is begun."""
    one, two = core.take(), core.take()
    core.stop()
    core.accept(one)
    assert core.outcomes == [Outcome.ACCEPTED]
    core.take()
    assert core.attempted == []
    assert core.reason(two) is Reason.TURN


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            lost(Step.RCPT, refused={FRIENDS[0]: NO_SUCH}), id="closed after it"
        ),
        pytest.param(
            refused(Step.RCPT, 421, refused={FRIENDS[0]: NO_SUCH}), id="421 after it"
        ),
    ],
)
def test_refusal_that_was_heard_is_settled(core: Core, error: MailError) -> None:
    """The rest is tried at once without it."""
    one = core.take()
    core.fail(one, error)
    assert core.outcomes == [Outcome.REJECTED]
    assert core.told[0].recipients == FRIENDS[:1]
    assert core.told[0].cause is Cause.RECIPIENT
    assert core.attempted == ["Alert 1"]
    assert core.get(one).recipients == FRIENDS[1:]
    core.accept(one)
    assert core.told[-1].recipients == FRIENDS[1:]


def test_all_refusals_were_heard(core: Core) -> None:
    """Nobody is left, whatever came after them."""
    one = core.take()
    core.fail(one, lost(Step.RCPT, refused=dict.fromkeys(FRIENDS, NO_SUCH)))
    assert core.outcomes == [Outcome.REJECTED] * 2
    assert core.removed(one)


def test_some_refused_for_now_some_for_good(core: Core) -> None:
    """Each has what was said of it."""
    one = core.take(recipients=(*FRIENDS, "c@example.com"))
    core.accept(one, {FRIENDS[0]: NO_SUCH, FRIENDS[1]: GREYLISTED})
    assert [(event.outcome, event.recipients, event.reply) for event in core.told] == [
        (Outcome.ACCEPTED, ("c@example.com",), OK),
        (Outcome.DEFERRED, FRIENDS[1:], GREYLISTED),
        (Outcome.REJECTED, FRIENDS[:1], NO_SUCH),
    ]
    left = core.get(one)
    assert (left.recipients, left.cause) == (FRIENDS[1:], Cause.TEMPORARY)
    assert (left.attempts, left.failures) == (1, 1)
    assert core.wrote(one)
    assert core.sleep() == MINUTE


def test_all_refused_for_now_but_one_for_good(core: Core) -> None:
    """The others are tried again alone."""
    one = core.take()
    core.fail(one, all_refused({FRIENDS[0]: NO_SUCH, FRIENDS[1]: GREYLISTED}))
    assert [(event.outcome, event.recipients) for event in core.told] == [
        (Outcome.DEFERRED, FRIENDS[1:]),
        (Outcome.REJECTED, FRIENDS[:1]),
    ]


def test_what_was_heard_before_an_answer_was_lost(core: Core) -> None:
    """Who was refused for good is settled; who was refused for now waits with all."""
    one = core.take()
    core.begin_text(one)
    heard = {FRIENDS[0]: NO_SUCH}
    error = type(UNANSWERED)(UNANSWERED.cause, UNANSWERED.step, refused=heard)
    core.fail(one, error)
    assert core.outcomes == [Outcome.UNKNOWN, Outcome.REJECTED]
    assert core.get(one).recipients == FRIENDS[1:]


def test_message_in_memory_has_one_try(core: Core) -> None:
    """Nothing of it is kept."""
    one = core.take(in_memory=True)
    core.fail(one, AWAY)
    assert core.outcomes == [Outcome.EXPIRED]
    assert len(core.queue) == 0
    assert not core.removed(one)
    assert core.account.expired


def test_message_in_memory_without_an_answer(core: Core) -> None:
    """The server may have it."""
    one = core.take(in_memory=True)
    core.begin_text(one)
    assert not core.wrote(one)
    core.fail(one, UNANSWERED)
    assert core.outcomes == [Outcome.UNKNOWN]
    assert core.told[0].plan is None
    assert len(core.queue) == 0


@pytest.mark.parametrize(("text", "parallel"), [("no", True), (RATE_LIMIT.text, False)])
def test_text_of_what_another_kept_from_sending(
    core: Core, text: str, *, parallel: bool
) -> None:
    """A session at work goes on, unless the account is limited meanwhile."""
    one = core.take()
    core.open(one)
    other = core.take()
    core.pass_time(MINUTE)
    core.fail(other, refused(Step.DATA, 550, text))
    assert core.scheduler.text_begins(core.now, "house", one.queue_id) == parallel


def test_text_may_go_on_while_a_login_is_refused(core: Core) -> None:
    """That says nothing of a session that is logged in."""
    one = core.take()
    core.open(one)
    core.take()
    core.pass_time(MINUTE)
    core.happen("login_failed", LOGIN_REFUSED)
    assert core.scheduler.text_begins(core.now, "house", one.queue_id)


# Errors of our own


def test_message_without_its_text(core: Core) -> None:
    """It is gone, and that is told."""
    one = core.take()
    core.happen("broke", one.queue_id, "no such file", lost=True)
    assert core.outcomes == [Outcome.REJECTED]
    assert core.told[0].detail == "no such file"
    assert core.removed(one)


def test_error_at_a_message(core: Core) -> None:
    """It waits for its own sake, and the others go on."""
    one, two = core.take(), core.take()
    core.happen("broke", one.queue_id, "bug")
    assert core.outcomes == [Outcome.DEFERRED]
    assert core.told[0].detail == "bug"
    assert core.attempted == [two.subject]
    assert core.reason(one) is Reason.BACK_OFF
    assert (core.get(one).attempts, core.get(one).cause) == (1, Cause.TEMPORARY)


def test_attempt_that_is_cut(core: Core) -> None:
    """It had its turn, so it has the next one."""
    core.load()
    one, _ = core.take(), core.take()
    core.begin_text(one)
    core.stop()
    core.happen("cut", one.queue_id)
    assert core.wrote(one)
    assert core.limits.sent == []
    assert not core.get(one).in_data
    assert core.get(one).attempts == 0
    core.happen("start", check_login=False)
    assert core.attempted == [one.subject]


def test_cut_while_the_account_is_paused(core: Core) -> None:
    """Its call need not wait any longer."""
    one = core.take()
    core.open(one)
    two = core.take()
    core.pass_time(MINUTE)
    core.fail(one, LIMIT)
    core.happen("cut", two.queue_id)
    assert core.releases(two)
    assert core.in_progress == set()


def test_error_that_nobody_expected(core: Core) -> None:
    """Nobody works on what was decided: it waits, and for a minute nothing begins."""
    one, _ = core.take(), core.take()
    core.happen("recover", ())
    assert core.in_progress == set()
    assert core.wake_in == AFTER_TROUBLE
    core.take(priority=Priority.HIGHEST)
    assert core.attempted == []
    core.sleep()
    assert core.attempted == ["Alert 3"]
    core.happen("recover", {core.trying[0].queue_id})
    assert core.in_progress == {"Alert 3"}
    assert core.reason(one) is Reason.TURN


Happened = Callable[[Core], Any]


@pytest.mark.parametrize(
    "happened",
    [
        pytest.param(
            lambda core: core.happen(
                "accepted", "nobody", SubmissionResult(OK, (), {})
            ),
            id="accepted",
        ),
        pytest.param(lambda core: core.happen("failed", "nobody", AWAY), id="failed"),
        pytest.param(lambda core: core.happen("broke", "nobody", "bug"), id="broke"),
        pytest.param(lambda core: core.happen("cut", "nobody"), id="cut"),
        pytest.param(lambda core: core.happen("submitting", "nobody"), id="busy"),
        pytest.param(
            lambda core: core.scheduler.text_begins(core.now, "house", "nobody"),
            id="text",
        ),
        pytest.param(lambda core: core.happen("discard", ("nobody",)), id="discarded"),
        pytest.param(lambda core: core.happen("retry", "nobody"), id="retried"),
    ],
)
def test_result_of_what_is_not_tried(core: Core, happened: Happened) -> None:
    """It says nothing of a message that another owner has."""
    core.happen("login_failed", LOGIN_REFUSED)
    alarm = core.take()
    waits = core.plan(alarm)
    happened(core)
    assert core.plan(alarm) == waits
    assert core.told == []
    assert core.marks == {}


def test_late_result_of_what_is_gone(core: Core) -> None:
    """It is nobody's any more."""
    one = core.take()
    core.accept(one)
    core.fail(one, AWAY)
    core.happen("broke", one.queue_id, "late")
    core.happen("cut", one.queue_id)
    core.happen("submitting", one.queue_id)
    assert core.outcomes == [Outcome.ACCEPTED]
    assert core.account.down is None


# The account's limits


def test_rate_limit_pauses_double(core: Core) -> None:
    """Until something is accepted."""
    one = core.take()
    waits = []
    for _ in range(5):
        core.fail(one, LIMIT)
        waits.append(core.sleep() / HOUR)
    assert waits == [1, 2, 4, 6, 6]
    core.accept(one)
    core.pass_time(DAY)
    core.fail(core.take(), LIMIT)
    assert core.wake_in == HOUR


def test_rate_limit_is_met_once_by_those_being_tried(core: Core) -> None:
    """What was begun before the pause tells nothing new."""
    trying = []
    for _ in range(3):
        one = core.take()
        core.begin_text(one)
        core.pass_time(MINUTE)
        trying.append(one)
    for one in trying:
        core.fail(one, refused(Step.END_OF_DATA, RATE_LIMIT.code, RATE_LIMIT.text))
    assert core.account.pauses == 1
    assert core.wake_in == HOUR
    assert {event.cause for event in core.told} == {Cause.RATE_LIMIT}
    # None of them waits for its own sake.
    assert [core.get(one).failures for one in trying] == [0, 0, 0]


def test_pause_that_is_over_is_over_on_disk(core: Core) -> None:
    """Or a restart would find it again, for up to its whole length."""
    core.fail(core.take(), LIMIT)
    assert core.wrote_account
    core.pass_time(RATE_LIMIT_PAUSE)
    assert core.wrote_account
    assert core.account.pause is None


def test_a_pause_tells_why_and_until_when(core: Core) -> None:
    """With the server's own text."""
    core.fail(core.take(), LIMIT)
    pause = core.account.pause
    assert pause
    assert (pause.cause, pause.reply) == (Cause.RATE_LIMIT, RATE_LIMIT)
    assert pause.until == core.now.steady + HOUR
    assert core.told[-1].plan
    assert core.told[-1].plan.reason is Reason.PAUSED
    assert core.told[-1].plan.at == pause.until
