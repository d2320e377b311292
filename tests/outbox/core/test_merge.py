"""Floods: who is merged with whom, and when."""

from typing import Any

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.merge import INTERVAL
from custom_components.qq_mail.outbox.core.models import AT_ONCE, Merge, Reason
from custom_components.qq_mail.outbox.core.plan import next_plan

from .flood import APART, PACE, Flood, parts_of
from .play import AWAY, FRIENDS, HOUR, HOUSE, MINUTE, UNLIMITED, Core, message

HIGH, HIGHEST = Priority.HIGH, Priority.HIGHEST


def test_merged_when_their_turn_comes() -> None:
    """More wait than can go out within a minute: nobody else touches them."""
    core = Flood()
    assert core.merging == [["Alert 2", "Alert 3", "Alert 4", "Alert 5"]]
    assert core.attempted == []
    assert {core.reason(one) for one in core.flood} == {Reason.DIGEST}
    assert all(core.releases(one) for one in core.flood)
    core.happen("retry")
    core.happen("retry", core.flood[0].queue_id)
    core.pass_time(2 * HOUR)
    assert core.attempted == []
    made = core.be_merged()
    assert [one.queue_id for one in core.queue] == [made.queue_id]
    assert core.attempted == ["Digest"]
    assert core.queue.size == made.size


def test_as_many_as_a_minute_lets_out_go_alone() -> None:
    """Three: one now, and two more within a minute."""
    core = Flood(3)
    assert core.merging == []
    assert core.attempted == ["Alert 2"]


def test_switched_off() -> None:
    """One by one, be it hours."""
    core = Core(Settings(burst=1, per_minute=2, digest=False))
    for _ in range(9):
        core.take()
    core.go_out(1)
    core.sleep()
    assert core.attempted == ["Alert 2"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"priority": HIGH}, id="high"),
        pytest.param({"priority": HIGHEST}, id="highest"),
        *APART,
    ],
)
def test_never_merged(values: dict[str, Any]) -> None:
    """Some wait for a person, some may have gone out, some cannot wait."""
    core = Flood(6, **values)
    assert core.merging == []
    assert not core.queue.groups.merging


def test_low_and_normal_are_merged() -> None:
    """They have the same limits."""
    core = Core(PACE)
    core.accept(core.take())
    for priority in (Priority.LOWEST, Priority.LOW, Priority.NORMAL, Priority.NORMAL):
        core.take(priority=priority)
    core.sleep()
    assert core.merging == [["Alert 2", "Alert 3", "Alert 4", "Alert 5"]]
    plan = next_plan(core.account, core.now.steady)
    assert plan
    assert plan.reason is Reason.DIGEST


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"tag": "leak"}, id="another tag"),
        pytest.param({"recipients": FRIENDS[:1]}, id="other recipients"),
        pytest.param({"priority": HIGH}, id="high"),
    ],
)
def test_not_merged_with_others(values: dict[str, Any]) -> None:
    """Each group for itself: of this one there are not so many."""
    core = Core(PACE)
    core.take()
    for _ in range(3):
        core.take()
        core.take(**values)
    core.go_out(1)
    while not core.trying:
        core.sleep()
    assert not core.merging
    assert not core.queue.groups.merging


def test_the_order_of_recipients_does_not_matter() -> None:
    """They are the same people, whichever of them an automation names first."""
    core = Core(PACE)
    core.accept(core.take())
    for _ in range(2):
        core.take()
        core.take(recipients=FRIENDS[::-1])
    core.sleep()
    assert [len(one) for one in core.merging] == [4]


# Where the day is nearly used up


HOURLY = Settings(per_minute=0, per_day=10)


def hourly(used: int = 9) -> Core:
    """Return a core whose day is used up so far."""
    core = Core(HOURLY)
    for _ in range(used):
        core.accept(core.take(priority=HIGHEST, recipients=("else@example.com",)))
    return core


def test_tags_do_not_matter_where_one_goes_an_hour() -> None:
    """Or twenty sensors would take twenty hours; other recipients have their own."""
    core = hourly()
    core.accept(core.take(tag="first"))
    flood = [core.take(tag=tag) for tag in ("leak", "", "door", "leak")]
    other = core.take(recipients=FRIENDS[:1])
    assert core.attempted == [other.subject]
    core.accept(other)
    assert core.sleep() == HOUR
    assert core.merging == [[one.subject for one in flood]]
    assert core.attempted == []
    # The hour is not of who comes while the digest is made.
    late = core.take(tag="late")
    assert core.attempted == []
    assert core.reason(late) is Reason.TURN
    made = message(900, core.now, subject="Digest", parts=parts_of(flood))
    core.happen("merged", flood[0].queue_id, made)
    assert core.attempted == ["Digest"]
    core.accept(made)
    assert core.reason(late) is Reason.DAY
    assert core.waits_in(late) == HOUR


def test_tags_that_are_all_different_where_one_goes_an_hour() -> None:
    """Though of none of them more than one waits."""
    core = hourly()
    core.accept(core.take(tag="first"))
    flood = [core.take(tag=tag) for tag in ("leak", "door", "window")]
    assert core.sleep() == HOUR
    assert core.merging == [[one.subject for one in flood]]


def test_high_ones_are_merged_apart() -> None:
    """Once the whole day is used up, to each set of recipients."""
    core = hourly(10)
    core.accept(core.take(priority=HIGH))
    core.accept(core.take())
    for _ in range(2):
        core.take(priority=HIGH)
        core.take()
    assert core.sleep() == HOUR
    assert core.merging == [["Alert 13", "Alert 15"], ["Alert 14", "Alert 16"]]


def test_high_ones_are_not_merged_before() -> None:
    """As long as the day has room for them."""
    core = hourly()
    for _ in range(3):
        core.take(priority=HIGH)
    assert core.in_progress == {"Alert 10"}
    assert core.merging == []


def test_six_people_are_told_of_one_thing_each() -> None:
    """None waits for an hour that was another's."""
    core = hourly()
    for number in range(6):
        core.take(recipients=(f"{number}@example.com",))
    assert core.go_out(6) == [str(number) for number in range(10, 16)]


def test_nothing_else_goes_in_the_hour_that_a_digest_takes() -> None:
    """Neither before it was accepted."""
    core = hourly()
    flood = [core.take() for _ in range(3)]
    core.accept(core.trying[0])
    core.sleep()
    assert len(core.merging) == 1
    made = message(900, core.now, parts=parts_of(flood[1:]))
    core.happen("merged", flood[1].queue_id, made)
    assert core.attempted == [made.subject]
    core.take()
    core.pass_time(MINUTE)
    assert core.attempted == []
    core.fail(made, AWAY)
    assert core.merging == []


# When


def test_what_is_tried_is_not_merged() -> None:
    """It has another owner."""
    core = Core(PACE)
    taken = [core.take() for _ in range(5)]
    assert core.in_progress == {"Alert 1"}
    core.begin_text(taken[0])
    # Somebody's patience with it ends.
    core.pass_time(HOUR)
    assert core.merging == [[one.subject for one in taken[1:]]]


def test_no_more_than_wait_beside_the_one_being_tried() -> None:
    """Which is counted at first sight."""
    core = Core(Settings(burst=3, per_minute=3, per_day=0))
    taken = [core.take() for _ in range(7)]
    core.open(taken[0])
    core.pass_time(HOUR)
    assert not core.merging
    assert core.attempted == ["Alert 2"]


def test_important_ones_never_wait_behind() -> None:
    """Neither while a digest is made nor when it is."""
    core = Flood()
    urgent = core.take(priority=HIGHEST)
    assert core.attempted == [urgent.subject]
    core.be_merged()
    core.accept(urgent)
    core.pass_time(60)
    assert core.attempted == ["Digest"]


def test_at_most_a_digest_a_minute() -> None:
    """What comes next waits for what comes after it; then one alone ends it."""
    core = Flood()
    made = core.be_merged()
    core.accept(made)
    second = [core.take(), core.take()]
    assert {core.reason(one) for one in second} == {Reason.DIGEST}
    assert core.releases(second[0])
    assert core.waits_in(second[0]) == INTERVAL
    core.pass_time(INTERVAL - 1)
    assert core.attempted == []
    core.pass_time(1)
    assert core.merging == [[one.subject for one in second]]
    core.flood = second
    made = message(901, core.now, subject="Digest", parts=parts_of(second))
    core.happen("merged", second[0].queue_id, made)
    core.accept(made)
    alone = core.take()
    core.pass_time(INTERVAL)
    assert core.attempted == [alone.subject]
    core.accept(alone)
    core.pass_time(INTERVAL)
    core.take()
    assert core.attempted == ["Alert 9"]


def test_others_do_not_wait_for_a_flood() -> None:
    """What cannot be merged goes as it comes."""
    core = Flood()
    core.accept(core.be_merged())
    assert core.reason(core.take(tag="door")) is Reason.PACE
    assert core.reason(core.take(alone=True)) is Reason.PACE
    core.take(priority=HIGHEST)
    assert core.in_progress == {"Alert 8"}


@pytest.mark.parametrize("digest", [True, False])
def test_a_person_ends_the_flood(*, digest: bool) -> None:
    """Without a pace, or without digests, nothing waits for others: not any more."""
    core = Flood()
    core.accept(core.be_merged())
    waiting = [core.take(), core.take(), core.take()]
    core.pass_time(0)
    assert core.attempted == []
    settings = UNLIMITED if not digest else Settings(per_minute=0, per_day=0)
    core.happen("configure", settings)
    assert core.attempted == ["Alert 6"]
    assert [core.get(one).due for one in waiting] == [AT_ONCE] * 3
    assert core.go_out(3) == ["6", "7", "8"]
    assert not core.queue.groups.floods


def test_flood_goes_on_with_another_pace() -> None:
    """A person has set other figures, and no end to it."""
    core = Flood()
    core.accept(core.be_merged())
    waiting = core.take()
    core.happen("configure", Settings(burst=9, per_minute=9))
    assert core.reason(waiting) is Reason.DIGEST


def test_after_a_quiet_minute_alone_again() -> None:
    """Nothing waits for others that may never come."""
    core = Flood()
    core.accept(core.be_merged())
    core.pass_time(INTERVAL)
    alone = core.take()
    assert core.attempted == [alone.subject]


def test_nothing_is_merged_without_a_server() -> None:
    """One of them finds out; then the others become one."""
    core = Core(PACE)
    first = core.take()
    core.fail(first, AWAY)
    core.pass_time(1)
    core.stop()
    for _ in range(5):
        core.take()
    core.happen("start", check_login=False)
    assert not core.merging
    core.pass_time(60)
    (found,) = core.trying
    core.accept(found)
    core.pass_time(60)
    assert [len(one) for one in core.merging] == [5]


def test_very_many() -> None:
    """In pieces that can be made."""
    core = Flood(2100)
    assert [len(one) for one in core.merging] == [1000, 1000, 100]
    assert core.attempted == []


def test_floods_are_forgotten() -> None:
    """Tags may be made by a template, and each of them flooded once."""
    core = Flood(tag="one")
    core.accept(core.be_merged())
    core.pass_time(3 * INTERVAL)
    for _ in range(6):
        core.take(tag="two")
    core.go_out(1)
    core.pass_time(INTERVAL)
    assert core.merging
    assert [tag for _, _, tag in core.queue.groups.floods] == ["two"]


def test_flood_of_a_minute_ago_is_remembered() -> None:
    """Its next ones may come any moment."""
    core = Flood(tag="one")
    core.accept(core.be_merged())
    core.pass_time(INTERVAL)
    for _ in range(6):
        core.take(tag="two")
    core.go_out(1)
    core.sleep()
    assert [tag for _, _, tag in core.queue.groups.floods] == ["one", "two"]


def test_account_of_a_merging() -> None:
    """The shell does it for that account."""
    core = Flood()
    assert [one.account for one in core.those(Merge)] == [HOUSE]
