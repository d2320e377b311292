"""The heart by itself: what it decides, for each thing that it has to get right."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
import sys
from typing import Any

import pytest

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.core.models import Message, Outcome
from custom_components.qq_mail.outbox.events import (
    AskForCode,
    Attempt,
    AttemptBroke,
    AttemptCut,
    AttemptFailed,
    CheckLogin,
    CodeRenewed,
    DataBegins,
    DataEnds,
    DiscardAsked,
    Event,
    KeepStanding,
    LoginFailed,
    Recall,
    Release,
    Remove,
    RetryAsked,
    SessionOpened,
    Started,
    StopAsking,
    Submitted,
    Submitting,
    TimePassed,
    Write,
)
from custom_components.qq_mail.outbox.pace import Pace
from custom_components.qq_mail.outbox.record import as_json, from_json
from custom_components.qq_mail.outbox.retry import (
    LOGIN_PAUSE,
    PATIENCE,
    PATIENCE_OF_IMPORTANT,
    RATE_LIMIT_PAUSE,
)
from custom_components.qq_mail.outbox.scheduler import EXPIRE_AT_ONCE, wake_at
from custom_components.qq_mail.outbox.standing import Hold
from custom_components.qq_mail.smtp.errors import MailError
from custom_components.qq_mail.smtp.models import Reply, Step, SubmissionResult
from custom_components.qq_mail.smtp.replies import Cause

from .heart import (
    AWAY,
    DAY,
    FRIENDS,
    HOUR,
    LOGIN_REFUSED,
    LOGIN_RESET,
    MINUTE,
    RATE_LIMIT,
    UNANSWERED,
    Heart,
    all_refused,
    lost,
    message,
    refused,
)

NO_SUCH = Reply(550, "Mailbox not found or access denied")
GREYLISTED = Reply(450, "try again later")


@pytest.fixture
def heart() -> Heart:
    """Return a heart with nothing to do."""
    return Heart()


# Login


def test_code_is_asked_for_anew_at_each_start(heart: Heart) -> None:
    """What a person did not see before the restart is asked again."""
    heart.standing = replace(heart.standing, asked=1, login_refusals=2)
    heart.tell(Started())
    assert heart.said(AskForCode)


def test_no_code_is_asked_for_without_need(heart: Heart) -> None:
    """A start is no reason."""
    heart.tell(Started())
    assert not heart.said(AskForCode)


def test_logins_go_on_after_the_question(heart: Heart) -> None:
    """Asked after the second refusal; tried at 1 h, 6 h and daily; and once it works."""
    alarm = heart.take(lifetime=9 * DAY)
    waits = []
    for asks in (False, True, True, True, True):
        assert heart.attempted == ["Alert 1"]
        heart.fail(alarm, LOGIN_REFUSED)
        assert heart.said(AskForCode) == asks
        assert heart.said(KeepStanding)
        waits.append(heart.sleep())
    assert waits == [LOGIN_PAUSE, HOUR, 6 * HOUR, DAY, DAY]
    heart.tell(SessionOpened())
    assert heart.said(StopAsking)
    heart.accept(alarm)
    assert heart.outcomes == [Outcome.DEFERRED] * 5 + [Outcome.ACCEPTED]
    assert (heart.standing.asked, heart.standing.login_refusals) == (0, 0)


def test_logins_go_on_with_nothing_to_send(heart: Heart) -> None:
    """The code may come to work again unnoticed."""
    heart.tell(LoginFailed(LOGIN_REFUSED))
    heart.sleep()
    assert heart.said(CheckLogin)
    heart.tell(LoginFailed(LOGIN_REFUSED))
    assert heart.said(AskForCode)
    assert heart.sleep() == HOUR
    assert heart.said(CheckLogin)
    heart.tell(SessionOpened())
    assert heart.said(StopAsking)
    assert heart.standing.hold is None


def test_third_login_works(heart: Heart) -> None:
    """Two passing refusals end nothing."""
    alarm = heart.take()
    heart.fail(alarm, LOGIN_REFUSED)
    heart.sleep()
    heart.fail(alarm, LOGIN_REFUSED)
    heart.sleep()
    heart.tell(SessionOpened())
    assert heart.said(StopAsking)
    heart.accept(alarm)
    assert heart.outcomes[-1] is Outcome.ACCEPTED


def test_reset_is_no_refusal(heart: Heart) -> None:
    """A connection that breaks during AUTH is a bad line."""
    alarm = heart.take()
    for _ in range(5):
        heart.fail(alarm, LOGIN_RESET)
        assert heart.standing.hold is None
        heart.sleep()
        assert heart.attempted == ["Alert 1"]
    assert heart.standing.login_refusals == 0


def test_persons_retry_counts_as_second(heart: Heart) -> None:
    """Who is refused again at a person's wish is asked for a code."""
    alarm = heart.take()
    heart.fail(alarm, LOGIN_REFUSED)
    heart.tell(RetryAsked())
    assert heart.attempted == ["Alert 1"]
    heart.fail(alarm, LOGIN_REFUSED)
    assert heart.said(AskForCode)


def test_new_code_ends_the_rest(heart: Heart) -> None:
    """And all that waits goes out."""
    alarm = heart.take()
    heart.fail(alarm, LOGIN_REFUSED)
    heart.tell(RetryAsked(alarm.queue_id))
    heart.fail(alarm, LOGIN_REFUSED)
    heart.tell(CodeRenewed())
    assert heart.attempted == ["Alert 1"]


def test_login_is_checked_by_day(heart: Heart) -> None:
    """Once a day, where no message did it."""
    assert heart.sleep() == DAY
    assert heart.said(CheckLogin)
    heart.tell(LoginFailed(AWAY))
    assert heart.sleep() == DAY
    assert heart.said(CheckLogin)


# One message and the others


@pytest.mark.parametrize(
    "where", [Step.RCPT, Step.DATA, Step.BODY], ids=lambda where: where.value
)
def test_one_that_breaks_the_connection(heart: Heart, where: Step) -> None:
    """It does not hold up the others, now or later."""
    bad = heart.take()
    others = [heart.take() for _ in range(4)]
    heart.fail(bad, lost(where))
    for number, other in enumerate(others, 2):
        assert heart.attempted == [f"Alert {number}"]
        heart.accept(other)
    assert heart.attempted == []
    assert heart.sleep() == MINUTE
    assert heart.attempted == ["Alert 1"]
    heart.fail(bad, lost(where))
    assert heart.wake_in == 2 * MINUTE


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lost(Step.MAIL), id="lost"),
        pytest.param(refused(Step.RCPT, 421), id="421"),
    ],
)
def test_one_with_which_no_session_goes_on(heart: Heart, error: MailError) -> None:
    """It is offered once more when others went through, and blamed then."""
    bad = heart.take()
    others = [heart.take() for _ in range(2)]
    heart.fail(bad, error)
    assert heart.sleep() == MINUTE
    for number, other in enumerate(others, 2):
        assert heart.attempted == [f"Alert {number}"]
        heart.pass_time(1)
        heart.accept(other)
    assert heart.attempted == ["Alert 1"]
    heart.fail(bad, error)
    assert heart.standing.down is None
    assert heart.get(bad).failures == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lost(Step.DATA), id="DATA"),
        pytest.param(lost(Step.BODY), id="body"),
        pytest.param(UNANSWERED, id="final dot"),
    ],
)
def test_two_in_a_row_are_the_connections(heart: Heart, error: MailError) -> None:
    """Two different messages that lose it hold up the third."""
    first, second = heart.take(), heart.take()
    heart.take()
    heart.fail(first, error)
    assert heart.attempted == ["Alert 2"]
    heart.fail(second, error)
    assert heart.attempted == []
    assert heart.sleep() == MINUTE
    # Who was not tried yet goes before those who failed.
    assert heart.attempted == ["Alert 3"]


def test_two_with_an_accepted_one_between(heart: Heart) -> None:
    """They are two bad messages, and no bad line."""
    first, good, second = heart.take(), heart.take(), heart.take()
    heart.take()
    heart.fail(first, lost(Step.BODY))
    heart.accept(good)
    heart.fail(second, lost(Step.BODY))
    assert heart.attempted == ["Alert 4"]


def test_fresh_message_while_the_server_is_away(heart: Heart) -> None:
    """It is tried at once; the others wait on if it fails, and go if it does not."""
    old = heart.take()
    for _ in range(6):
        heart.fail(old, AWAY)
        heart.sleep()
    heart.fail(old, AWAY)
    assert heart.wake_in == HOUR
    fresh = heart.take()
    assert heart.attempted == ["Alert 2"]
    heart.fail(fresh, AWAY)
    assert heart.attempted == []
    assert heart.wake_in == MINUTE
    another = heart.take()
    heart.accept(another)
    assert heart.attempted == ["Alert 1"]
    heart.accept(old)
    assert heart.attempted == ["Alert 2"]


@pytest.mark.parametrize(
    ("error", "rest", "first"),
    [
        pytest.param(LOGIN_REFUSED, LOGIN_PAUSE, "Alert 1", id="login"),
        # It was offered, and the other was not.
        pytest.param(refused(Step.MAIL, 450), MINUTE, "Alert 2", id="MAIL 450"),
        pytest.param(
            refused(Step.DATA, RATE_LIMIT.code, RATE_LIMIT.text),
            RATE_LIMIT_PAUSE,
            "Alert 1",
            id="rate limit",
        ),
    ],
)
def test_fresh_message_while_the_account_rests(
    heart: Heart, error: MailError, rest: float, first: str
) -> None:
    """It waits, and nobody waits for it."""
    heart.fail(heart.take(), error)
    fresh = heart.take()
    assert heart.those(Release, "queue_id") == [fresh.queue_id]
    assert heart.attempted == []
    assert heart.wake_in == rest
    heart.sleep()
    assert heart.attempted == [first]


def test_success_wakes_what_the_connection_held_up(heart: Heart) -> None:
    """What was refused for its own sake waits for its own time."""
    busy = heart.take()
    heart.fail(busy, all_refused(dict.fromkeys(FRIENDS, GREYLISTED)))
    waiting = heart.take()
    heart.fail(waiting, AWAY)
    heart.accept(heart.take())
    assert heart.attempted == [waiting.subject]
    heart.accept(waiting)
    assert heart.attempted == []
    assert heart.wake_in == MINUTE


def test_looking_at_the_clock_changes_nothing(heart: Heart) -> None:
    """Whoever asks when to wake does not make anyone's time come earlier."""
    busy = heart.take()
    heart.fail(busy, all_refused(dict.fromkeys(FRIENDS, GREYLISTED)))
    for _ in range(3):
        assert heart.wake_in == MINUTE
        heart.pass_time(0)
        assert heart.attempted == []


def test_among_equals_who_has_waited_goes_first(heart: Heart) -> None:
    """Otherwise it is importance, then age."""
    first = heart.take()
    for importance in (0, 2, 1, 2):
        heart.take(importance=importance)
    heart.fail(first, AWAY)
    heart.sleep()
    order = []
    for _ in range(5):
        (subject,) = heart.attempted
        order.append(subject)
        (queue_id,) = heart.queue.in_air
        one = heart.queue.get(queue_id)
        assert one
        heart.accept(one)
    # It was not offered to a server, so the first is still the oldest.
    assert order == ["Alert 3", "Alert 5", "Alert 4", "Alert 1", "Alert 2"]


def go_out(heart: Heart, number: int) -> list[str]:
    """Have so many accepted, one after the other; return whose turn it was."""
    order = []
    for _ in range(number):
        while not heart.queue.in_air:
            heart.sleep()
        (queue_id,) = heart.queue.in_air
        one = heart.queue.get(queue_id)
        assert one
        order.append(one.subject.removeprefix("Alert "))
        heart.accept(one)
    return order


ANNA, BO, CLEO = ("anna@example.com",), ("bo@example.com",), ("cleo@example.com",)


def test_recipients_take_turns(heart: Heart) -> None:
    """Nobody's flood holds up what is for somebody else, not even a flood for both."""
    for _ in range(5):
        heart.take(recipients=ANNA)
    for people in (BO, (*ANNA, *BO), (*BO, *ANNA), BO):
        heart.take(recipients=people)
    order = go_out(heart, 3)
    # It comes when two of three had a turn, and has its own before they have another.
    heart.take(recipients=CLEO)
    order += go_out(heart, 7)
    assert order == ["1", "2", "6", "7", "10", "3", "9", "8", "4", "5"]


def test_who_comes_new_goes_before_who_was_served(heart: Heart) -> None:
    """But those who come new, one after the other, do not shut out a flood."""
    for _ in range(9):
        heart.take(recipients=ANNA)
    order = go_out(heart, 2)
    for number in range(4):
        heart.take(recipients=(f"{number}@example.com",))
        order += go_out(heart, 2)
    assert order == ["1", "2", "3", "10", "4", "11", "5", "12", "6", "13"]


def test_turns_within_a_priority(heart: Heart) -> None:
    """What is more important goes first, be it always for the same person."""
    heart.take(recipients=ANNA)
    for importance in (-1, 0, 0, 2, 2):
        heart.take(recipients=BO, importance=importance)
    assert go_out(heart, 6) == ["1", "5", "6", "3", "4", "2"]


def test_order_that_is_shown(heart: Heart) -> None:
    """It is that in which they go out."""
    for people, importance in zip(
        (ANNA, ANNA, ANNA, BO, BO, CLEO, ANNA), (0, 0, 0, 0, 0, 0, 1), strict=True
    ):
        heart.take(recipients=people, importance=importance)
    shown = [one.subject.removeprefix("Alert ") for one in heart.queue.in_order()]
    assert shown == ["7", "1", "4", "6", "2", "5", "3"]


def test_one_place_is_kept_free() -> None:
    """An important message goes at once, behind a flood as well."""
    heart = Heart(Pace(5, 10))
    for _ in range(20):
        heart.take()
    assert go_out(heart, 4) == ["1", "2", "3", "4"]
    assert heart.attempted == []
    heart.take(importance=1)
    assert go_out(heart, 1) == ["21"]
    # The place is free again before the flood goes on.
    assert heart.attempted == []
    assert heart.sleep() == pytest.approx(12)
    assert heart.attempted == ["Alert 5"]


def test_alarm_has_credit() -> None:
    """As many at once as there may be; what is less important pays it back."""
    heart = Heart(Pace(2, 1))
    for _ in range(3):
        heart.take(importance=1)
    assert go_out(heart, 2) == ["1", "2"]
    for _ in range(2):
        heart.take(importance=2)
        assert go_out(heart, 1)
    heart.take(importance=2)
    assert heart.attempted == []
    assert heart.sleep() == pytest.approx(MINUTE)
    assert heart.attempted == ["Alert 6"]


# A person discards, or asks for a retry


type Result = Callable[[Heart, Any], object]


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(lambda heart, one: heart.fail(one, AWAY), id="away"),
        pytest.param(lambda heart, one: heart.fail(one, UNANSWERED), id="unanswered"),
        pytest.param(lambda heart, one: heart.fail(one, LOGIN_REFUSED), id="login"),
        pytest.param(
            lambda heart, one: heart.fail(one, lost(Step.MAIL), fresh=False),
            id="session was dead",
        ),
        pytest.param(lambda heart, one: heart.tell(AttemptCut(one.queue_id)), id="cut"),
        pytest.param(
            lambda heart, one: heart.tell(AttemptBroke(one.queue_id, "disk")),
            id="broke",
        ),
        pytest.param(
            lambda heart, one: heart.accept(one, {FRIENDS[0]: GREYLISTED}),
            id="accepted for some",
        ),
    ],
)
@pytest.mark.parametrize("in_data", [False, True], ids=["before DATA", "after DATA"])
def test_discarded_while_in_the_air(
    heart: Heart, result: Result, *, in_data: bool
) -> None:
    """If it is not accepted for all, it goes; and the count of octets stays right."""
    one = heart.take()
    heart.begin_data(one) if in_data else heart.open(one)
    heart.tell(DiscardAsked((one.queue_id,)))
    assert len(heart.queue) == 1
    result(heart, one)
    assert heart.said(Remove)
    assert (len(heart.queue), heart.queue.size, heart.attempted) == (0, 0, [])


def test_discarded_twice(heart: Heart) -> None:
    """The second time there is nothing to do."""
    heart.fail(heart.take(), AWAY)
    (waiting,) = heart.queue
    for _ in range(2):
        heart.tell(DiscardAsked((waiting.queue_id,)))
        assert (len(heart.queue), heart.queue.size) == (0, 0)
    assert not heart.said(Remove)


def test_late_result_of_what_is_gone(heart: Heart) -> None:
    """It is nobody's any more."""
    one = heart.take()
    heart.accept(one)
    heart.fail(one, AWAY)
    heart.tell(AttemptBroke(one.queue_id, "late"))
    heart.tell(AttemptCut(one.queue_id))
    heart.tell(Submitting(one.queue_id))
    assert heart.outcomes == [Outcome.ACCEPTED]


def test_retry_of_one(heart: Heart) -> None:
    """The others wait on for their own time."""
    greylisted = all_refused(dict.fromkeys(FRIENDS, GREYLISTED))
    first, second = heart.take(), heart.take()
    heart.fail(first, greylisted)
    heart.fail(second, greylisted)
    heart.tell(RetryAsked(second.queue_id))
    assert heart.attempted == ["Alert 2"]
    heart.accept(second)
    assert heart.attempted == []


def test_retry_of_all(heart: Heart) -> None:
    """What is in the air is not disturbed, what is gone is not found."""
    greylisted = all_refused(dict.fromkeys(FRIENDS, GREYLISTED))
    first, second = heart.take(), heart.take()
    heart.fail(first, greylisted)
    heart.tell(RetryAsked(second.queue_id))
    heart.tell(RetryAsked("gone"))
    heart.tell(RetryAsked())
    heart.accept(second)
    assert heart.attempted == ["Alert 1"]


# Answers that do not come


def test_given_up_after_three_without_an_answer(heart: Heart) -> None:
    """It is reported as unknown, for good; a crash's attempts do not count."""
    one = heart.take()
    heart.begin_data(one)
    heart.tell(AttemptBroke(one.queue_id, "stopped", sent=True))
    for _ in range(3):
        heart.sleep()
        heart.begin_data(one)
        heart.fail(one, UNANSWERED)
    assert heart.outcomes == [Outcome.UNKNOWN] * 4
    assert [bool(event.next_attempt) for event in heart.told] == [True] * 3 + [False]
    assert heart.said(Remove)
    assert len(heart.queue) == 0


def test_cut_off_by_a_crash(heart: Heart) -> None:
    """It is tried again after its back-off, and is not counted as unanswered."""
    one = message(1, heart.now, in_data=True, due=0.0)
    heart.queue.put(one)
    heart.tell(Started((one.queue_id, "gone")))
    assert heart.outcomes == [Outcome.UNKNOWN]
    assert heart.said(Write)
    left = heart.get(one)
    assert (left.in_data, left.unanswered, left.attempts) == (False, 0, 1)
    assert heart.sleep() == MINUTE
    assert heart.attempted == ["Alert 1"]


def test_others_go_on_while_an_answer_takes_long(heart: Heart) -> None:
    """Over another session, after some seconds."""
    slow = heart.take()
    other = heart.take()
    assert heart.wake_in == DAY or not heart.attempted
    heart.begin_data(slow)
    assert heart.sleep() <= 10
    heart.sleep()
    assert heart.in_air == {slow.subject, other.subject}
    heart.accept(other)
    assert heart.in_air == {slow.subject}


@pytest.mark.parametrize(
    ("importance", "seconds"),
    [pytest.param(2, 3, id="important"), pytest.param(0, 10, id="equal")],
)
def test_patience(heart: Heart, importance: int, seconds: float) -> None:
    """An important message waits for one that is just being sent, but not for long."""
    slow = heart.take()
    heart.begin_data(slow)
    heart.take(importance=importance)
    heart.pass_time(seconds - 0.1)
    assert heart.attempted == []
    assert heart.wake_in == pytest.approx(0.1)
    heart.sleep()
    assert heart.attempted == ["Alert 2"]


def test_at_most_three_sessions(heart: Heart) -> None:
    """QQ counts them."""
    for number in range(1, 5):
        one = heart.take()
        heart.begin_data(one)
        heart.pass_time(MINUTE)
        assert len(heart.in_air) == min(number, 3)
    assert heart.wake_in == float("inf")


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
def test_kept_session_is_no_good(heart: Heart, error: MailError) -> None:
    """The message is tried at once in a fresh one, and nothing is counted."""
    one = heart.take()
    heart.begin_data(one)
    heart.fail(one, error, fresh=False)
    assert heart.those(Attempt, "fresh") == [True]
    assert heart.outcomes == []
    known = heart.get(one)
    assert (known.attempts, known.failures, known.in_data) == (0, 0, False)
    heart.accept(one)
    assert [event.attempts for event in heart.told] == [1]


@pytest.mark.parametrize("code", [502, 503, 530])
def test_refused_by_a_fresh_session(heart: Heart, code: int) -> None:
    """What speaks of the session counts only there."""
    one = heart.take()
    heart.fail(one, refused(Step.MAIL, code), fresh=False)
    heart.fail(one, refused(Step.MAIL, code))
    assert heart.outcomes == [Outcome.REJECTED]


def test_no_fresh_session_while_the_account_rests(heart: Heart) -> None:
    """Another message has met the reason to rest meanwhile."""
    one = heart.take()
    heart.open(one)
    other = heart.take()
    heart.pass_time(MINUTE)
    assert heart.attempted == [other.subject]
    heart.fail(other, LOGIN_REFUSED)
    heart.fail(one, lost(Step.MAIL), fresh=False)
    assert heart.attempted == []
    assert heart.wake_in == LOGIN_PAUSE
    heart.sleep()
    assert heart.attempted == [one.subject]


def test_no_fresh_session_at_the_end(heart: Heart) -> None:
    """An outbox that is about to stop begins nothing."""
    one = heart.take()
    event = AttemptFailed(one.queue_id, lost(Step.MAIL), fresh=False)
    heart.tell(event, may_start=False)
    assert heart.attempted == []
    heart.tell(TimePassed())
    assert heart.attempted == ["Alert 1"]


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
def test_refusal_that_was_heard_is_settled(heart: Heart, error: MailError) -> None:
    """The rest is tried at once without it."""
    one = heart.take()
    heart.fail(one, error)
    assert heart.outcomes == [Outcome.REJECTED]
    assert heart.told[0].recipients == FRIENDS[:1]
    assert heart.attempted == ["Alert 1"]
    assert heart.get(one).recipients == FRIENDS[1:]
    heart.accept(one)
    assert heart.told[-1].recipients == FRIENDS[1:]


def test_all_refusals_were_heard(heart: Heart) -> None:
    """Nobody is left, whatever came after them."""
    one = heart.take()
    heart.fail(one, lost(Step.RCPT, refused=dict.fromkeys(FRIENDS, NO_SUCH)))
    assert heart.outcomes == [Outcome.REJECTED] * 2
    assert len(heart.queue) == 0


def test_some_refused_for_now_some_for_good(heart: Heart) -> None:
    """Each has what was said of it."""
    one = heart.take(recipients=(*FRIENDS, "c@example.com"))
    heart.accept(one, {FRIENDS[0]: NO_SUCH, FRIENDS[1]: GREYLISTED})
    assert [(event.outcome, event.recipients) for event in heart.told] == [
        (Outcome.ACCEPTED, ("c@example.com",)),
        (Outcome.DEFERRED, FRIENDS[1:]),
        (Outcome.REJECTED, FRIENDS[:1]),
    ]
    assert heart.get(one).recipients == FRIENDS[1:]


def test_message_without_its_text(heart: Heart) -> None:
    """It is gone, and that is told."""
    one = heart.take()
    heart.tell(AttemptBroke(one.queue_id, "no such file", lost=True))
    assert heart.outcomes == [Outcome.REJECTED]
    assert heart.told[0].detail == "no such file"


def test_message_in_memory_has_one_try(heart: Heart) -> None:
    """Nothing of it is kept."""
    one = heart.take(in_memory=True)
    heart.fail(one, AWAY)
    assert heart.outcomes == [Outcome.EXPIRED]
    assert len(heart.queue) == 0


# The account's limits


class Server:
    """Accepts so many messages a minute, and refuses MAIL beyond."""

    def __init__(self, heart: Heart, limit: int) -> None:
        """Begin with nothing accepted."""
        self.heart = heart
        self.limit = limit
        self.accepted: list[float] = []
        self.refused = 0

    def run(self) -> None:
        """Answer until nothing waits."""
        self._answer_all()
        while len(self.heart.queue):
            self.heart.sleep()
            self._answer_all()

    def _answer_all(self) -> None:
        while self.heart.queue.in_air:
            (queue_id,) = self.heart.queue.in_air
            one = self.heart.queue.get(queue_id)
            assert one
            self._answer(one)

    def _answer(self, one: Any) -> None:
        now = self.heart.now.steady
        recent = [at for at in self.accepted if at > now - MINUTE]
        if len(recent) < self.limit:
            self.accepted.append(now)
            self.heart.accept(one)
        else:
            self.refused += 1
            self.heart.fail(one, refused(Step.MAIL, 450, "too much mail"))


@pytest.mark.parametrize(
    ("pace", "longest"),
    [
        pytest.param(Pace(5, 10), 220, id="default"),
        pytest.param(Pace(5, 0), 260, id="none"),
    ],
)
def test_account_waits_and_not_each_message(pace: Pace, longest: float) -> None:
    """Forty alerts at a limit of fifteen a minute: 180 s at best, and few refusals."""
    heart = Heart(pace)
    begin = heart.now.steady
    for _ in range(40):
        heart.take()
    server = Server(heart, limit=15)
    server.run()
    assert len(server.accepted) == 40
    assert server.refused <= 2
    assert server.accepted[-1] - begin <= longest
    assert all(event.attempts <= 2 for event in heart.told)


def limit_reached(heart: Heart, one: Any) -> None:
    """Have QQ say that too much goes out."""
    heart.fail(one, refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text))


def test_pace_is_halved_and_comes_back() -> None:
    """By each refusal; each quiet day gives one step back."""
    heart = Heart(Pace(5, 10))

    def rate() -> float | None:
        return heart.standing.bucket.rate(heart.now.steady)

    one = heart.take(lifetime=99 * DAY)
    rates = []
    for _ in range(7):
        limit_reached(heart, one)
        rates.append(rate())
        heart.sleep()
    assert rates == [5, 2.5, 1.25, 0.625, 0.3125, 0.2, 0.2]
    heart.accept(one)
    rates = []
    for _ in range(7):
        heart.pass_time(DAY)
        rates.append(rate())
    assert rates == [0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_retry_does_not_make_it_faster() -> None:
    """A person ends the pause; what the server bears, no person knows better."""
    heart = Heart(Pace(5, 10))
    limit_reached(heart, heart.take())
    heart.tell(RetryAsked())
    assert heart.standing.hold is None
    assert heart.standing.bucket.rate(heart.now.steady) == 5
    assert heart.standing.with_pace(Pace(5, 3)).bucket.rate(heart.now.steady) == 3


def test_what_the_hour_bears_is_learned() -> None:
    """Four fifths of what was refused, for a day; an important one goes all the same."""
    heart = Heart()
    for _ in range(40):
        heart.accept(heart.take())
    one = heart.take()
    limit_reached(heart, one)
    heart.session_open = True
    assert heart.sleep() == HOUR
    # What went out counts until up to ten minutes after its hour.
    assert heart.attempted == []
    assert heart.sleep() <= 10 * MINUTE
    sent = go_out(heart, 1)
    while heart.standing.allowance.next_at(heart.now.steady, 0) <= heart.now.steady:
        heart.take()
        sent += go_out(heart, 1)
    assert len(sent) == 32
    heart.take()
    assert heart.those(Release, "queue_id")
    heart.take(importance=1)
    assert len(go_out(heart, 1)) == 1
    assert HOUR / 2 < heart.sleep() <= HOUR + 10 * MINUTE
    assert heart.in_air


def test_most_of_a_day_is_for_all_and_the_rest_for_the_important() -> None:
    """Below high, one an hour goes from nine tenths on; after all of it, of high, too."""
    heart = Heart(Pace(5, 0, per_day=20))
    for left in range(20, 2, -1):
        assert heart.standing.allowance.left(heart.now.steady) == left
        heart.accept(heart.take())
    assert heart.standing.within_a_minute(heart.now.steady, 0) == 1
    heart.session_open = True
    low = [heart.take() for _ in range(2)]
    assert heart.attempted == []
    heart.accept(low[0])
    assert heart.in_air == set()
    assert heart.wake_in == HOUR
    low.append(heart.take())
    assert heart.those(Release, "queue_id") == [low[2].queue_id]
    assert heart.wake_in == HOUR
    for _ in range(3):
        heart.take(importance=1)
        go_out(heart, 1)
    assert heart.standing.allowance.left(heart.now.steady) == 0
    assert not heart.in_air
    heart.take(importance=1)
    assert not heart.in_air
    alarm = heart.take(importance=2)
    assert heart.in_air == {alarm.subject}
    heart.accept(alarm)
    order = []
    for _ in range(3):
        assert HOUR - MINUTE < heart.sleep() <= HOUR
        order += go_out(heart, 1)
    assert order == ["25", "20", "21"]
    heart.pass_time(DAY + 10 * MINUTE)
    assert heart.standing.allowance.left(heart.now.steady) == 20


def test_what_is_tried_counts_for_the_hour() -> None:
    """While one of the hour is in the air, none follows it."""
    heart = Heart(Pace(5, 0, per_day=1))
    heart.accept(heart.take())
    one, _ = heart.take(), heart.take()
    heart.begin_data(one)
    heart.tell(DataEnds(one.queue_id))
    assert heart.in_air == {one.subject}
    heart.pass_time(MINUTE)
    assert heart.in_air == {one.subject}
    assert heart.wake_in > 0


# Logins


def log_in_each_time(heart: Heart, minutes: int, **values: Any) -> list[float]:
    """Have an alert a minute, for each of which a login is needed; return when they are."""
    begin, logins = heart.now.steady, []
    for minute in range(minutes):
        heart.take(**values)
        while heart.in_air:
            (queue_id,) = heart.queue.in_air
            one = heart.queue.get(queue_id)
            assert one
            logins.append(heart.now.steady - begin)
            heart.open(one)
            heart.accept(one)
        end = begin + (minute + 1) * MINUTE
        heart.pass_time(end - heart.now.steady)
    return logins


@pytest.mark.parametrize(
    ("importance", "most"),
    [pytest.param(1, 9, id="high"), pytest.param(2, 10, id="highest")],
)
def test_ten_logins_an_hour(heart: Heart, importance: int, most: int) -> None:
    """One of them is held back for an alarm, and a retry brings none more."""
    logins = log_in_each_time(heart, 185, importance=importance)
    in_hour = [sum(0 <= other - at <= HOUR for other in logins) for at in logins]
    assert max(in_hour) == most
    heart.pass_time(0)
    heart.tell(RetryAsked())
    assert not heart.in_air


def test_alarm_has_a_login(heart: Heart) -> None:
    """Though whatever else waits for one."""
    log_in_each_time(heart, 10)
    assert len(heart.queue)
    alarm = heart.take(importance=2)
    assert heart.in_air == {alarm.subject}
    heart.open(alarm)
    # Its session is there for the others.
    heart.session_open = True
    heart.accept(alarm)
    assert len(heart.in_air) == 1


def test_refused_logins_count(heart: Heart) -> None:
    """And so do a check and a person's new code."""
    for _ in range(2):
        heart.tell(LoginFailed(LOGIN_RESET))
    heart.tell(CodeRenewed())
    one = heart.take()
    heart.fail(one, LOGIN_RESET)
    heart.take()
    assert heart.attempted == []
    heart.standing = replace(heart.standing, check_login_at=0.0)
    heart.pass_time(MINUTE)
    assert not heart.said(CheckLogin)
    assert heart.sleep() == pytest.approx(11 * MINUTE)
    assert heart.in_air


def test_no_fresh_session_without_a_login(heart: Heart) -> None:
    """A session that died unseen is no reason for an eleventh."""
    heart.session_open = True
    logins = replace(heart.standing.logins, tokens=1.5, filled_at=heart.now.steady)
    heart.standing = replace(heart.standing, logins=logins)
    one = heart.take()
    heart.session_open = False
    heart.fail(one, lost(Step.MAIL), fresh=False)
    assert heart.attempted == []
    assert heart.sleep() == pytest.approx(HOUR / 10)
    assert heart.attempted == ["Alert 1"]


def test_refusal_for_now_teaches_no_pace(heart: Heart) -> None:
    """Whatever troubles the server: only what QQ says of the rate is of the rate."""
    for _ in range(8):
        heart.accept(heart.take())
    heart.fail(heart.take(), refused(Step.MAIL, 451, "local trouble"))
    assert heart.standing.bucket.rate(heart.now.steady) is None


def test_one_refused_alone_teaches_no_pace(heart: Heart) -> None:
    """A passing trouble does not slow down the alarms of the hours after it."""
    one = heart.take()
    heart.fail(one, refused(Step.MAIL, 451, "local trouble"))
    heart.sleep()
    heart.pass_time(10)
    heart.accept(one)
    for _ in range(5):
        heart.accept(heart.take())
    assert len(heart.queue) == 0


def test_rate_limit_pauses_double(heart: Heart) -> None:
    """Until something is accepted."""
    one = heart.take()
    limit = refused(Step.DATA, RATE_LIMIT.code, RATE_LIMIT.text)
    waits = []
    for _ in range(5):
        heart.fail(one, limit)
        waits.append(heart.sleep() / HOUR)
    assert waits == [1, 2, 4, 6, 6]
    heart.accept(one)
    heart.pass_time(DAY)
    heart.fail(heart.take(), limit)
    assert heart.wake_in == HOUR


def test_pace_is_not_forgotten_during_the_pause(heart: Heart) -> None:
    """Else the same pace meets the same limit after each pause."""
    sent = [heart.take() for _ in range(12)]
    for one in sent[:8]:
        heart.accept(one)
    heart.fail(sent[8], refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text))
    assert heart.sleep() == HOUR
    heart.accept(sent[8])
    assert heart.attempted == []
    # A half of nine, and that one needs a second token.
    assert heart.wake_in == pytest.approx(60 / 4.5)


def test_rate_limit_is_met_once_by_those_in_the_air(heart: Heart) -> None:
    """What was begun before the pause tells nothing new."""
    flying = []
    for _ in range(3):
        one = heart.take()
        heart.begin_data(one)
        heart.pass_time(MINUTE)
        flying.append(one)
    for one in flying:
        heart.fail(one, refused(Step.END_OF_DATA, RATE_LIMIT.code, RATE_LIMIT.text))
    assert heart.standing.pauses == 1
    assert heart.wake_in == HOUR


# The clock


@pytest.mark.parametrize("years", [-50, -1, 1, 50])
def test_wall_clock_that_jumps(heart: Heart, years: int) -> None:
    """Nothing expires by it, nothing waits longer, no rest ends earlier."""
    heart.fail(heart.take(), AWAY)
    wall = heart.now.wall + timedelta(days=365 * years)
    heart.now = Now(heart.now.steady, wall)
    heart.tell(TimePassed())
    assert heart.outcomes == [Outcome.DEFERRED]
    assert heart.sleep() == MINUTE
    assert heart.attempted == ["Alert 1"]


def test_never_expires_untried(heart: Heart) -> None:
    """However long the account rests."""
    heart.fail(heart.take(), LOGIN_REFUSED)
    heart.take(lifetime=HOUR)
    for _ in range(3):
        heart.tell(LoginFailed(LOGIN_REFUSED))
    heart.standing = replace(
        heart.standing, hold=Hold(Cause.LOGIN_AMBIGUOUS, heart.now.steady + DAY, DAY)
    )
    heart.pass_time(2 * HOUR)
    assert len(heart.queue) == 2
    assert Outcome.EXPIRED not in heart.outcomes


def test_expires_by_the_steady_clock(heart: Heart) -> None:
    """Once it was tried."""
    one = heart.take(lifetime=HOUR)
    for _ in range(5):
        heart.fail(one, AWAY)
        heart.sleep()
    heart.fail(one, AWAY)
    assert heart.wake_in == HOUR - (1 + 2 + 5 + 15 + 30) * MINUTE
    heart.sleep()
    assert heart.outcomes[-1] is Outcome.EXPIRED
    assert heart.told[-1].attempts == 6
    assert heart.said(Remove)


def loaded(heart: Heart, **values: Any) -> Any:
    """Return a message as a start finds it, two days after its alert as it seems."""
    old = replace(message(1, heart.now), **values)
    text = as_json(old, heart.now)
    later = heart.now.wall + timedelta(days=2)
    heart.now = Now(50.0, later)
    heart.standing = replace(
        heart.standing,
        check_login_at=DAY,
        bucket=replace(heart.standing.bucket, filled_at=50.0),
    )
    return from_json(text, heart.now)


@pytest.mark.parametrize("attempts", [0, 3], ids=["never tried", "tried before"])
def test_loaded_is_tried_before_it_expires(heart: Heart, attempts: int) -> None:
    """And while no server is in reach, it has its lifetime anew."""
    one = loaded(heart, attempts=attempts)
    heart.queue.put(one)
    heart.tell(Started())
    assert heart.attempted == ["Alert 1"]
    heart.fail(one, AWAY)
    assert heart.outcomes == [Outcome.DEFERRED]
    heart.pass_time(HOUR)
    heart.fail(one, refused(Step.RCPT, 450))
    assert heart.outcomes[-1] is Outcome.EXPIRED


def test_loaded_expires_after_its_lifetime_in_this_process(heart: Heart) -> None:
    """With no server in reach."""
    one = loaded(heart)
    heart.queue.put(one)
    heart.tell(Started())
    begin = heart.now.steady
    while len(heart.queue):
        if heart.attempted:
            heart.fail(one, AWAY)
        heart.sleep()
    assert heart.now.steady - begin == DAY
    assert heart.outcomes[-1] is Outcome.EXPIRED


def test_restored_waits_for_a_person(heart: Heart) -> None:
    """It may have gone out since the backup."""
    one = message(1, heart.now, restored=True)
    heart.queue.put(one)
    heart.tell(Started())
    assert heart.attempted == []
    assert heart.wake_in == DAY
    heart.tell(RetryAsked())
    assert heart.attempted == ["Alert 1"]
    assert heart.those(Write, "message") == [heart.get(one)]
    assert not heart.get(one).restored


def test_restored_expires_if_nobody_decides(heart: Heart) -> None:
    """And by its new age, once a person did and it could not be tried."""
    one = message(1, heart.now, restored=True, attempts=1, lifetime=2 * HOUR)
    one = replace(one, raised=one.raised - HOUR)
    heart.queue.put(one)
    heart.queue.put(replace(one, queue_id="2" * 26))
    heart.tell(RetryAsked(one.queue_id))
    heart.tell(AttemptCut(one.queue_id), may_start=False)
    heart.standing = replace(
        heart.standing, hold=Hold(Cause.LOGIN_AMBIGUOUS, heart.now.steady + DAY, DAY)
    )
    assert heart.sleep() == HOUR
    assert heart.outcomes == [Outcome.EXPIRED]
    assert heart.sleep() == HOUR
    assert heart.outcomes == [Outcome.EXPIRED] * 2


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


def crowd(number: int, people: int) -> Heart:
    """Return a heart at which so many wait, for so many people, tried in vain."""
    heart = Heart()
    for place in range(number):
        heart.take(recipients=(f"{place % people}@example.com",))
    (first,) = heart.queue.in_air
    one = heart.queue.get(first)
    assert one
    heart.fail(one, AWAY)
    heart.sleep()
    return heart


def send_ten(heart: Heart) -> None:
    """Send ten, with everything that belongs to it."""
    for _ in range(10):
        (queue_id,) = heart.queue.in_air
        one = heart.queue.get(queue_id)
        assert one
        heart.accept(one)
        wake_at(heart.queue, heart.standing, heart.now.steady)
    heart.take()


@pytest.mark.parametrize("people", [1, 20, 10_000])
def test_cost_does_not_grow_with_what_waits(people: int) -> None:
    """Sending one costs the same with ten thousand waiting, for few or for many."""
    few, many = crowd(20, min(people, 20)), crowd(10_000, people)
    assert calls(lambda: send_ten(many)) <= 1.5 * calls(lambda: send_ten(few))


def test_few_expire_at_once() -> None:
    """Whoever is told of them has something to do, and so has the loop."""
    heart = Heart()
    for number in range(1000):
        heart.queue.put(message(number, heart.now, attempts=1))
    heart.standing = replace(
        heart.standing, hold=Hold(Cause.RATE_LIMIT, heart.now.steady + 9 * DAY, DAY)
    )
    costs = []
    assert heart.sleep() == DAY
    while len(heart.queue):
        costs.append(calls(heart.sleep))
        assert len(heart.those(Remove, "message")) <= EXPIRE_AT_ONCE
    assert len(costs) == 1000 / EXPIRE_AT_ONCE - 1
    assert max(costs) <= 1.5 * min(costs)


@pytest.mark.parametrize(
    "event",
    [
        Submitted("nobody", SubmissionResult(Reply(250, "OK"), (), {})),
        AttemptFailed("nobody", AWAY),
        AttemptBroke("nobody", "bug"),
        AttemptCut("nobody"),
        Submitting("nobody"),
        DataBegins("nobody"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_result_of_what_is_not_in_the_air(heart: Heart, event: Event) -> None:
    """It says nothing of a message that another owner has."""
    alarm = heart.take()
    heart.tell(event)
    assert heart.in_air == {alarm.subject}


def test_rest_that_is_over_is_over_on_disk(heart: Heart) -> None:
    """Or a restart would find it again, for up to its whole length."""
    alarm = heart.take()
    heart.fail(alarm, refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text))
    assert heart.said(KeepStanding)
    heart.pass_time(RATE_LIMIT_PAUSE)
    assert heart.said(KeepStanding)
    assert heart.standing.hold is None


def follow(heart: Heart, **values: Any) -> tuple[Message, Message]:
    """Have two messages in the air over one session."""
    one, two = heart.take(), heart.take(**values)
    heart.begin_data(one)
    assert heart.in_air == {"Alert 1"}
    heart.tell(DataEnds(one.queue_id))
    assert heart.those(Attempt, "behind") == [one.queue_id]
    heart.tell(DataBegins(two.queue_id))
    return one, two


def test_follows(heart: Heart) -> None:
    """One goes behind another's final dot; what is taken then waits for its turn."""
    one, two = follow(heart)
    three = heart.take()
    assert heart.in_air == {"Alert 1", "Alert 2"}
    heart.accept(one)
    assert heart.in_air == {"Alert 2"}
    heart.tell(DataEnds(two.queue_id))
    assert heart.those(Attempt, "behind") == [two.queue_id]
    assert heart.attempted == ["Alert 3"]
    heart.accept(two)
    heart.accept(three)
    assert heart.outcomes == [Outcome.ACCEPTED] * 3


def test_taken_while_an_answer_is_awaited(heart: Heart) -> None:
    """It goes at once, over the same session."""
    one = heart.take()
    heart.begin_data(one)
    heart.tell(DataEnds(one.queue_id))
    heart.take()
    assert heart.those(Attempt, "behind") == [one.queue_id]


@pytest.mark.parametrize(
    ("importance", "seconds"),
    [
        pytest.param(0, PATIENCE, id="as important"),
        pytest.param(2, PATIENCE_OF_IMPORTANT, id="more important"),
    ],
)
def test_recalled(heart: Heart, importance: int, seconds: float) -> None:
    """An answer that is late does not hold up who follows, nor is it marked then."""
    one, two = follow(heart, importance=importance)
    heart.pass_time(seconds - 1)
    assert not heart.said(Recall)
    assert heart.wake_in == 1
    heart.pass_time(1)
    assert heart.those(Recall, "queue_id") == [two.queue_id]
    assert [one.in_data for one in heart.those(Write, "message")] == [False]
    assert heart.those(Attempt, "behind") == [None]
    heart.accept(one)
    assert heart.in_air == {"Alert 2"}


def test_cut_while_the_account_rests(heart: Heart) -> None:
    """Its call need not wait any longer."""
    one, two = follow(heart)
    heart.fail(one, refused(Step.END_OF_DATA, 550, RATE_LIMIT.text), fresh=False)
    heart.tell(AttemptCut(two.queue_id))
    assert heart.those(Release, "queue_id") == [two.queue_id]
    assert heart.in_air == set()


def test_word_by_word_for_a_day(heart: Heart) -> None:
    """A server that fails at several commands at once gets one after the other."""
    one = heart.take()
    heart.open(one)
    error = lost(Step.MAIL)
    error.of_flight = True
    heart.fail(one, error)
    assert heart.those(Attempt, "fresh") == [True]
    assert heart.those(Attempt, "word_by_word") == [True]
    heart.accept(one)
    heart.pass_time(DAY - 1)
    two = heart.take()
    assert heart.those(Attempt, "word_by_word") == [True]
    heart.accept(two)
    heart.pass_time(1)
    heart.take()
    assert heart.those(Attempt, "word_by_word") == [False]


def test_nobody_follows_word_by_word(heart: Heart) -> None:
    """Also where another session had begun before that was known."""
    one, two = heart.take(), heart.take()
    heart.begin_data(one)
    heart.pass_time(PATIENCE)
    heart.open(two)
    error = lost(Step.DATA)
    error.of_flight = True
    heart.fail(two, error)
    heart.take()
    heart.tell(DataEnds(one.queue_id))
    assert heart.attempted == []
    assert heart.wake_in > 0
