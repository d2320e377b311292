"""A second account takes over what the first may not send."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import (
    HOUR,
    Level,
    Outcome,
    Part,
    Reason,
)
from custom_components.qq_mail.outbox.core.plan import next_plan
from custom_components.qq_mail.outbox.core.turn import CONVERSATION, MESSAGE
from custom_components.qq_mail.smtp.models import Step
from custom_components.qq_mail.smtp.replies import Cause

from .pair import FIRST, SECOND, Pair
from .play import (
    AWAY,
    LOGIN_REFUSED,
    RATE_LIMIT,
    UNANSWERED,
    lost,
    refused,
    restored_in,
)

LIMITED = refused(Step.MAIL, RATE_LIMIT.code, RATE_LIMIT.text)


@pytest.fixture
def pair() -> Pair:
    """Return two accounts, of which the second takes over for the first."""
    return Pair()


@pytest.fixture
def stuck(pair: Pair) -> Pair:
    """Return them with the first one paused: QQ has just refused it for its rate."""
    one = pair.take(priority=Priority.NORMAL)
    pair.fail(FIRST, one, LIMITED)
    pair.tried.clear()
    return pair


@pytest.mark.parametrize("error", [LIMITED, LOGIN_REFUSED])
def test_an_alarm_goes_by_the_other_account(pair: Pair, error: Any) -> None:
    """Within twenty seconds: its plan says so, with the reason."""
    one = pair.take()
    pair.fail(FIRST, one, error)
    plan = pair.plan(one)
    assert (plan.reason, plan.by) == (Reason.FALLBACK, SECOND)
    pause = pair.account(FIRST).pause
    assert pause
    assert plan.cause is pause.cause
    assert pair.waits_in(one) == 20.0
    pair.pass_time(19.9)
    assert pair.owner(one) == FIRST
    pair.pass_time(0.1)
    assert pair.tried == [(FIRST, "Alert 1"), (SECOND, "Alert 1")]
    pair.accept(SECOND, one)
    event = pair.told[-1]
    assert event.outcome is Outcome.ACCEPTED
    assert (event.account, event.by) == (FIRST, SECOND)


def test_high_waits_a_minute_and_normal_is_not_moved(stuck: Pair) -> None:
    """Unless the account is set so that all are."""
    stuck.pass_time(1.0)
    high = stuck.take(priority=Priority.HIGH)
    assert stuck.waits_in(high) == 59.0
    stuck.pass_time(59.0)
    assert stuck.tried == [(SECOND, "Alert 2")]
    stuck.set(FIRST, fallback_from=Level.BELOW)
    stuck.accept(SECOND, high)
    assert stuck.tried[1:] == [(SECOND, "Alert 1")]


def test_recipients_take_turns_in_what_is_taken_over(stuck: Pair) -> None:
    """As they would in their own account: nobody's flood goes before all others."""
    stuck.set(FIRST, fallback_from=Level.BELOW, digest=False)
    stuck.set(SECOND, burst=1, per_minute=1)
    for people in (*[("a@example.com",)] * 3, *[("b@example.com",)] * 2):
        stuck.take(recipients=people, priority=Priority.NORMAL)
    order = []
    for _ in range(6):
        stuck.pass_time(60.0)
        (tried,) = stuck.account(SECOND).queue.trying
        order.append(tried.subject.removeprefix("Alert "))
        stuck.accept(SECOND, tried)
    assert order == ["1", "2", "5", "3", "6", "4"]


def test_what_a_server_may_have_holds_up_nobody(pair: Pair) -> None:
    """It is not moved; the next one is, though that was tried in vain as well."""
    first = pair.take()
    pair.begin_text(FIRST, first)
    pair.fail(FIRST, first, UNANSWERED)
    second = pair.take()
    pair.begin_text(FIRST, second)
    pair.fail(FIRST, second, lost(Step.BODY))
    pair.pass_time(60.0)
    (tried,) = pair.account(FIRST).queue.in_progress
    pair.happen("failed", FIRST, tried, LOGIN_REFUSED)
    pair.pass_time(20.0)
    assert (pair.owner(first), pair.owner(second)) == (FIRST, SECOND)


def test_no_login_beside_one_that_takes_long(pair: Pair) -> None:
    """Another account has one: nobody waits for minutes behind what hangs."""
    for _ in range(8):
        pair.happen("session_opened", FIRST, None)
    slow = pair.take()
    pair.begin_text(FIRST, slow)
    high = pair.take(priority=Priority.HIGH)
    assert pair.plan(high).reason is Reason.TURN
    pair.pass_time(10.0)
    assert pair.plan(high).reason is Reason.FALLBACK
    assert pair.waits_in(high) == 50.0
    pair.pass_time(50.0)
    assert pair.owner(high) == SECOND


def test_what_came_back_holds_up_nobody(pair: Pair) -> None:
    """It is not moved again; the next one is."""
    one = pair.take()
    pair.fail(FIRST, one, LOGIN_REFUSED)
    pair.pass_time(20.0)
    pair.fail(SECOND, one, LIMITED)
    pair.pass_time(900.0)
    pair.fail(FIRST, one, LOGIN_REFUSED)
    pair.pass_time(HOUR)
    pair.fail(FIRST, one, LOGIN_REFUSED)
    other = pair.take()
    pair.pass_time(20.0)
    assert (pair.owner(one), pair.owner(other)) == (FIRST, SECOND)


def test_what_a_start_tries_at_home_is_taken_over_again(pair: Pair) -> None:
    """The account that starts first tries it, and fails again; the other still helps."""
    pair.set(SECOND, server="smtp.exmail.qq.com")
    one = pair.take()
    pair.fail(FIRST, one, AWAY)
    pair.pass_time(20.0)
    assert pair.owner(one) == SECOND
    pair.restart(FIRST, SECOND)
    assert pair.tried[-1] == (FIRST, "Alert 1")
    pair.fail(FIRST, one, AWAY)
    pair.pass_time(20.0)
    assert pair.owner(one) == SECOND


def test_what_is_over_ends_whatever_happens(pair: Pair) -> None:
    """A pause ends in the same instant in which the other account is told something."""
    one = pair.take(priority=Priority.NORMAL)
    pair.fail(FIRST, one, LOGIN_REFUSED)
    pause = pair.account(FIRST).pause
    assert pause
    pair.now = Now(pause.until, pair.now.wall)
    pair.happen("session_idle", SECOND, idle=True)
    assert pair.tried == [(FIRST, "Alert 1")] * 2


def test_nobody_waits_for_what_is_known(stuck: Pair) -> None:
    """An account that has been paused for a while has had its time."""
    stuck.pass_time(60.0)
    stuck.take()
    stuck.take(priority=Priority.HIGH)
    assert stuck.tried == [(SECOND, "Alert 2")]
    assert stuck.plan(stuck.take(priority=Priority.HIGH)).reason is Reason.TURN


def test_what_is_next_by_the_other_account(stuck: Pair) -> None:
    """The first of what that one has: no other goes before it."""
    stuck.pass_time(60.0)
    tried, *_ = [stuck.take(priority=Priority.HIGH) for _ in range(3)]
    stuck.set(SECOND, burst=1, per_minute=1)
    stuck.accept(SECOND, tried)
    plan = next_plan(stuck.account(FIRST), stuck.now.steady)
    assert plan
    assert (plan.reason, plan.by) == (Reason.PACE, SECOND)
    assert plan.at - stuck.now.steady == 60.0


def test_a_server_that_is_away_is_away_for_both(pair: Pair) -> None:
    """Another account on the same server is of no help; on another server it is."""
    one = pair.take()
    pair.fail(FIRST, one, AWAY)
    assert pair.plan(one).reason is Reason.NO_SERVER
    pair.set(SECOND, server="smtp.exmail.qq.com")
    assert pair.plan(one).reason is Reason.FALLBACK
    pair.pass_time(20.0)
    assert pair.owner(one) == SECOND


def test_limits_of_the_first_are_a_reason(pair: Pair) -> None:
    """Who has sent too much for the minute waits a minute at most."""
    pair.set(FIRST, burst=1, per_minute=0.5, digest=False)
    one = pair.take(priority=Priority.HIGH)
    pair.accept(FIRST, one)
    two = pair.take(priority=Priority.HIGH)
    assert pair.plan(two).reason is Reason.FALLBACK
    pair.pass_time(60.0)
    assert pair.owner(two) == SECOND


def test_the_limits_of_the_second_hold(stuck: Pair) -> None:
    """Its log counts what it takes over, and what it may not send stays at home."""
    stuck.set(SECOND, burst=1, per_minute=0.1, digest=False)
    first = stuck.take(priority=Priority.HIGH)
    second = stuck.take(priority=Priority.HIGH)
    stuck.pass_time(60.0)
    assert stuck.owner(first) == SECOND
    stuck.accept(SECOND, first)
    assert stuck.account(SECOND).limits.sent_within(stuck.now.steady, HOUR) == 1
    stuck.pass_time(30.0)
    assert stuck.owner(second) == FIRST
    assert stuck.waits_in(second) == pytest.approx(570.0)
    stuck.pass_time(570.0)
    assert stuck.owner(second) == SECOND


def test_accounts_take_turns_among_equals(stuck: Pair) -> None:
    """The second's own are not held up for ever, nor are those that it takes over."""
    stuck.set(SECOND, burst=1, per_minute=1, digest=False)
    stuck.set(FIRST, digest=False)
    for _ in range(3):
        stuck.take(priority=Priority.HIGH)
        stuck.take(SECOND, priority=Priority.HIGH, recipients=("bo@example.com",))
    stuck.pass_time(60.0)
    for _ in range(6):
        queue = stuck.account(SECOND).queue
        (trying,) = (queue.get(one) for one in queue.in_progress)
        assert trying
        stuck.accept(SECOND, trying)
        stuck.pass_time(60.0)
    recipients = [
        stuck.told[at].account for at, one in enumerate(stuck.told) if one.by == SECOND
    ]
    # Its own first one went out before the first account had waited for long enough.
    assert recipients == [SECOND, SECOND, FIRST, SECOND, FIRST, FIRST]


def test_new_ones_go_by_the_first_once_it_works(stuck: Pair) -> None:
    """What was moved is not moved back."""
    one = stuck.take()
    stuck.pass_time(20.0)
    assert stuck.account(FIRST).helped_since == stuck.now.steady
    stuck.pass_time(HOUR)
    # Its normal message is tried again when its pause is over.
    stuck.tried.clear()
    two = stuck.take()
    assert stuck.tried == [(FIRST, "Alert 3")]
    assert stuck.owner(one) == SECOND
    stuck.accept(FIRST, two)
    assert stuck.account(FIRST).helped_since is None


def test_whichever_may_first(stuck: Pair) -> None:
    """Where neither may, it waits at home; and it goes home where the second cannot."""
    other = stuck.take(SECOND, priority=Priority.NORMAL)
    stuck.fail(SECOND, other, LIMITED)
    one = stuck.take()
    # Both pauses are as long, and the first's began first.
    assert stuck.plan(one).reason is Reason.PAUSED
    stuck.happen("retry", SECOND)
    stuck.pass_time(20.0)
    assert stuck.owner(one) == SECOND
    stuck.fail(SECOND, one, LIMITED)
    assert stuck.owner(one) == SECOND
    stuck.happen("retry", FIRST)
    stuck.pass_time(20.0)
    assert stuck.owner(one) == FIRST
    assert stuck.tried[-1] == (FIRST, "Alert 3")
    # Once was enough.
    stuck.fail(FIRST, one, LIMITED)
    stuck.happen("retry", SECOND)
    stuck.pass_time(120.0)
    assert stuck.owner(one) == FIRST
    assert stuck.plan(one).reason is Reason.PAUSED


def test_what_the_server_may_have_is_not_moved(pair: Pair) -> None:
    """A second copy would be certain."""
    one = pair.take()
    pair.begin_text(FIRST, one)
    pair.fail(FIRST, one, UNANSWERED)
    two = pair.take(priority=Priority.NORMAL)
    pair.fail(FIRST, two, LIMITED)
    pair.pass_time(HOUR / 2)
    assert pair.owner(one) == FIRST


def test_an_attempt_that_hangs_is_ended_and_moved(pair: Pair) -> None:
    """Before its text has begun nobody can have it."""
    one = pair.take()
    pair.pass_time(20.0)
    (asked,) = pair.taken_over
    assert (asked.message.queue_id, asked.by, asked.copy) == (
        one.queue_id,
        SECOND,
        False,
    )
    # A session that comes now is too late.
    assert not pair.scheduler.text_begins(pair.now, FIRST, one.queue_id)
    pair.happen("cut", FIRST, one.queue_id)
    assert pair.tried == [(FIRST, "Alert 1"), (SECOND, "Alert 1")]


def test_an_attempt_that_ends_before_is_begun_anew_at_home(pair: Pair) -> None:
    """Nobody asked the other account for help."""
    one = pair.take()
    pair.pass_time(19.0)
    pair.happen("cut", FIRST, one.queue_id)
    assert pair.tried == [(FIRST, "Alert 1"), (FIRST, "Alert 1")]


def test_an_ended_attempt_stays_where_the_other_cannot(pair: Pair) -> None:
    """It is tried again at home."""
    one = pair.take()
    pair.pass_time(20.0)
    other = pair.take(SECOND, priority=Priority.NORMAL)
    pair.fail(SECOND, other, LIMITED)
    pair.happen("cut", FIRST, one.queue_id)
    assert pair.owner(one) == FIRST
    assert pair.tried[-1] == (FIRST, "Alert 1")


def test_an_unanswered_alarm_is_copied_once(pair: Pair) -> None:
    """The first stays where it is until its answer."""
    one = pair.take()
    pair.begin_text(FIRST, one)
    pair.pass_time(59.9)
    assert not pair.taken_over
    pair.pass_time(600.0)
    (asked,) = pair.taken_over
    assert asked.copy
    assert asked.message.queue_id == one.queue_id
    assert pair.owner(one) == FIRST
    pair.fail(FIRST, one, UNANSWERED)
    pair.pass_time(HOUR)
    assert len(pair.taken_over) == 1


@pytest.mark.parametrize("priority", [Priority.HIGH, Priority.NORMAL])
def test_what_is_no_alarm_is_not_copied(pair: Pair, priority: Priority) -> None:
    """Nobody wants it twice."""
    one = pair.take(priority=priority)
    pair.begin_text(FIRST, one)
    pair.pass_time(HOUR)
    assert not pair.taken_over


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_a_kill_leaves_it_with_one(stuck: Pair, order: tuple[str, str]) -> None:
    """Whichever account is loaded first; its record is where it was."""
    one = stuck.take()
    stuck.pass_time(20.0)
    assert (MESSAGE, FIRST, one.queue_id) in stuck.disk
    stuck.restart(*order)
    assert stuck.owner(one) == SECOND
    assert stuck.tried[-1] == (SECOND, "Alert 2")
    stuck.accept(SECOND, one)
    assert (MESSAGE, FIRST, one.queue_id) not in stuck.disk


def test_a_kill_while_it_is_sent(stuck: Pair) -> None:
    """It is unknown, and stays with the one who tried it."""
    one = stuck.take()
    stuck.pass_time(20.0)
    stuck.begin_text(SECOND, one)
    stuck.restart()
    assert stuck.owner(one) == SECOND
    assert stuck.told[-1].outcome is Outcome.UNKNOWN
    assert stuck.told[-1].account == FIRST


def test_who_is_not_loaded_any_more(stuck: Pair) -> None:
    """Its own account has it then."""
    one = stuck.take()
    stuck.pass_time(20.0)
    stuck.restart(FIRST)
    assert stuck.owner(one) == FIRST


@pytest.mark.parametrize("stopped", [FIRST, SECOND])
def test_an_account_that_stops(stuck: Pair, stopped: str) -> None:
    """What it has taken over, or had taken over, goes home, and its attempt first ends."""
    stuck.set(SECOND, burst=1, per_minute=1)
    one = stuck.take()
    stuck.pass_time(20.0)
    two = stuck.take()
    assert stuck.owner(two) == SECOND
    stuck.happen("stop", stopped)
    stuck.happen("cut", SECOND, one.queue_id)
    stuck.happen("cut", SECOND, two.queue_id)
    assert {stuck.owner(one), stuck.owner(two)} == {FIRST}


def test_an_account_that_is_removed(stuck: Pair) -> None:
    """What another one has of it goes with it."""
    one = stuck.take()
    stuck.pass_time(20.0)
    ((other, there),) = stuck.account(FIRST).elsewhere()
    assert (other.id, there.queue_id) == (SECOND, one.queue_id)
    third = Settings(fallback=SECOND)
    stuck.scheduler.add_account(stuck.now, "third", third, {})
    stuck.scheduler.remove_account("third")
    assert stuck.account(SECOND).queue.get(one.queue_id)
    stuck.scheduler.remove_account(FIRST)
    assert not stuck.account(SECOND).queue.get(one.queue_id)
    # Its session finds that nobody wants it.
    assert not stuck.scheduler.text_begins(stuck.now, SECOND, one.queue_id)


def test_the_other_account_is_removed_while_it_sends(stuck: Pair) -> None:
    """It is at home again; what the server may have is known to be unknown."""
    one = stuck.take()
    stuck.pass_time(20.0)
    stuck.begin_text(SECOND, one)
    stuck.happen("stop", SECOND)
    stuck.happen("broke", SECOND, one.queue_id, "", sent=True)
    stuck.scheduler.remove_account(SECOND)
    (message,) = (
        known for known in stuck.account(FIRST).queue if known.queue_id == one.queue_id
    )
    assert (message.home, message.by) == ("", "")
    assert message.in_data is False
    assert message.cause is Cause.OUTCOME_UNKNOWN


def test_a_person_finds_it_where_it_was_raised(stuck: Pair) -> None:
    """To try it at once, and to discard it."""
    one = stuck.take()
    stuck.pass_time(20.0)
    stuck.fail(SECOND, one, LIMITED)
    stuck.happen("retry", FIRST, one.queue_id)
    assert stuck.tried[-1] == (SECOND, "Alert 2")
    stuck.fail(SECOND, one, LIMITED)
    stuck.happen("discard", FIRST, (one.queue_id,))
    assert stuck.scheduler.plan(stuck.now, FIRST, one.queue_id) is None


def test_a_tag_is_declared_over_at_home(stuck: Pair) -> None:
    """Its conversation is the first account's, whoever sent it."""
    scheduler = stuck.scheduler
    scheduler.conversation(stuck.now, FIRST, "leak", "Leak", "<r>")
    one = stuck.take(tag="leak")
    stuck.pass_time(20.0)
    stuck.accept(SECOND, one)
    assert stuck.disk[(CONVERSATION, FIRST, "leak")]["went_out"]
    assert scheduler.say_over(stuck.now, FIRST, "leak")


def test_a_digest_moves_as_a_digest(stuck: Pair) -> None:
    """What would be too much for the second account is merged first."""
    stuck.set(FIRST, fallback_from=Level.BELOW)
    for _ in range(40):
        stuck.take(priority=Priority.NORMAL)
    stuck.pass_time(60.0)
    queue = stuck.account(FIRST).queue
    (merging,) = queue.groups.merging.values()
    parts = list(filter(None, map(queue.get, merging.queue_ids)))
    digest = replace(
        stuck.take(SECOND, priority=Priority.LOWEST, lifetime=1e6),
        queue_id=f"{100:026}",
        priority=Priority.NORMAL,
        parts=tuple(Part(one.queue_id, one.subject) for one in parts),
    )
    record = stuck.disk.pop((MESSAGE, FIRST, parts[0].queue_id))
    stuck.disk[(MESSAGE, FIRST, digest.queue_id)] = record
    for part in digest.parts[1:]:
        del stuck.disk[(MESSAGE, FIRST, part.queue_id)]
    stuck.happen("merged", FIRST, merging.queue_ids[0], digest)
    assert stuck.owner(digest) == SECOND


def test_settings_that_name_no_account(stuck: Pair) -> None:
    """One that is gone, or itself, is as good as none."""
    for name in ("gone", FIRST, ""):
        stuck.set(FIRST, fallback=name)
        one = stuck.take()
        assert stuck.plan(one).reason is Reason.PAUSED


def test_two_that_name_each_other() -> None:
    """It is moved once, and does not go in circles."""
    pair = Pair(
        second=Settings(server="smtp.qq.com", fallback=FIRST),
    )
    one = pair.take()
    pair.fail(FIRST, one, LIMITED)
    pair.pass_time(20.0)
    pair.fail(SECOND, one, LIMITED)
    assert pair.plan(one).cause is Cause.RATE_LIMIT
    before = len(pair.tried)
    pair.pass_time(600.0)
    assert len(pair.tried) == before


def test_what_cannot_be_moved_holds_up_no_alarm(stuck: Pair) -> None:
    """What was given back, or has had no answer, is in nobody's way."""
    back = stuck.take()
    stuck.pass_time(20.0)
    stuck.fail(SECOND, back, LIMITED)
    stuck.happen("retry", FIRST)
    stuck.pass_time(20.0)
    assert stuck.owner(back) == FIRST
    stuck.fail(FIRST, back, LIMITED)
    stuck.happen("retry", SECOND)
    stuck.pass_time(1.0)
    new = stuck.take()
    stuck.pass_time(20.0)
    assert stuck.owner(new) == SECOND
    assert stuck.owner(back) == FIRST


def test_an_unknown_one_holds_up_no_alarm(pair: Pair) -> None:
    """It stays where the server may have it; an alarm that failed later goes."""
    unknown = pair.take()
    pair.begin_text(FIRST, unknown)
    pair.fail(FIRST, unknown, UNANSWERED)
    pair.pass_time(1.0)
    alarm = pair.take()
    pair.fail(FIRST, alarm, refused(Step.DATA, 451))
    other = pair.take(priority=Priority.NORMAL)
    pair.fail(FIRST, other, LIMITED)
    pair.pass_time(120.0)
    assert pair.owner(unknown) == FIRST
    assert pair.owner(alarm) == SECOND


def test_own_ones_hold_up_no_guest(stuck: Pair) -> None:
    """What was taken over goes home past what the second account waits with itself."""
    own = stuck.take(SECOND)
    one = stuck.take()
    stuck.pass_time(20.0)
    assert stuck.owner(one) == SECOND
    stuck.fail(SECOND, own, LIMITED)
    stuck.fail(SECOND, one, LIMITED)
    stuck.happen("retry", FIRST)
    stuck.pass_time(20.0)
    assert stuck.owner(one) == FIRST


def test_in_memory_alone_the_other_account_has_a_try(pair: Pair) -> None:
    """An alarm that the disk did not take is not lost by the first one's refusal."""
    one = pair.take(in_memory=True)
    pair.fail(FIRST, one, LIMITED)
    assert pair.tried == [(FIRST, "Alert 1"), (SECOND, "Alert 1")]
    pair.accept(SECOND, one)
    assert [event.outcome for event in pair.told] == [Outcome.ACCEPTED]


def test_in_memory_alone_it_ends_where_nobody_may_send(pair: Pair) -> None:
    """It has a try of each account, and no more."""
    one = pair.take(in_memory=True)
    pair.fail(FIRST, one, LIMITED)
    pair.fail(SECOND, one, LIMITED)
    assert pair.scheduler.accounts[FIRST].find(one.queue_id) is None
    assert pair.told[-1].outcome is Outcome.EXPIRED


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_what_comes_from_a_backup_waits_at_home(
    stuck: Pair, order: tuple[str, str]
) -> None:
    """A person decides on it where it was raised."""
    one = stuck.take()
    stuck.pass_time(20.0)
    assert stuck.owner(one) == SECOND
    stuck.disk[(MESSAGE, FIRST, one.queue_id)]["restored"] = True
    stuck.restart(*order)
    assert restored_in(stuck.account(FIRST).queue) == {one.queue_id}
    assert not restored_in(stuck.account(SECOND).queue)
    stuck.happen("retry", FIRST, one.queue_id)
    assert stuck.tried[-1] == (FIRST, "Alert 2")
    stuck.fail(FIRST, one, LIMITED)
    stuck.pass_time(20.0)
    assert stuck.owner(one) == SECOND
