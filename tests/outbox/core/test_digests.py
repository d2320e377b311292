"""Digests: what is told of their parts, and who is discarded with them."""

from dataclasses import replace

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Message, Outcome, Reason
from custom_components.qq_mail.smtp.models import Reply, Step
from custom_components.qq_mail.smtp.replies import Cause

from .flood import DIGEST_ID, PACE, Flood, parts_of
from .play import FRIENDS, HOUR, MINUTE, RATE_LIMIT, UNANSWERED, Core, message, refused


def told(core: Core) -> list[tuple[Outcome, str, str]]:
    """Return what was told of alerts that became a part of a digest."""
    return [
        (event.outcome, event.subject, event.digest)
        for event in core.told
        if event.digest
    ]


def all_parts(outcome: Outcome) -> list[tuple[Outcome, str, str]]:
    """Return what is told of a flood of four."""
    return [(outcome, f"Alert {number}", DIGEST_ID) for number in range(2, 6)]


def test_titles_of_a_digest_are_those_of_its_messages() -> None:
    """Or nobody would find the sensor that raises so many."""
    core = Flood()
    core.accept(core.be_merged())
    assert {title for title, _ in core.account.tally.most()} <= {
        "Alert 1",
        *(one.subject for one in core.flood),
    }
    assert core.account.tally.accepted_on(core.now.wall.date()) == 2


def test_each_outcome_is_told() -> None:
    """Of its parts alone, once that of the digest is known, with its queue id."""
    core = Flood()
    core.told.clear()
    core.accept(core.be_merged())
    assert told(core) == all_parts(Outcome.ACCEPTED)
    assert len(core.told) == 4
    assert {event.recipients for event in core.told} == {FRIENDS}
    assert [event.queue_id for event in core.told] == [
        one.queue_id for one in core.flood
    ]
    assert [(event.part, event.of) for event in core.told] == [
        (number, 4) for number in range(4)
    ]
    assert len(core.queue) == 0


def test_partly_refused() -> None:
    """Each part has the digest's recipients; what waits is told as the digest."""
    core = Flood()
    made = core.be_merged()
    core.accept(made, {FRIENDS[1]: Reply(450, "busy")})
    assert {event.recipients for event in core.told if event.digest} == {FRIENDS[:1]}
    waiting = core.told[-1]
    assert (waiting.outcome, waiting.queue_id) == (Outcome.DEFERRED, made.queue_id)
    assert (waiting.of, waiting.recipients) == (4, FRIENDS[1:])
    core.told.clear()
    while not core.trying:
        core.sleep()
    core.fail(made, refused(Step.MAIL, 550))
    assert {event.recipients for event in core.told} == {FRIENDS[1:]}
    assert told(core) == all_parts(Outcome.REJECTED)


def test_a_digest_waits_without_a_word_of_its_parts() -> None:
    """Until it has expired, of which each part is told, and nobody else."""
    core = Flood()
    made = core.be_merged()
    core.fail(made, refused(Step.END_OF_DATA, 550, RATE_LIMIT.text))
    assert core.outcomes == [Outcome.ACCEPTED, Outcome.DEFERRED]
    assert told(core) == []
    core.told.clear()
    core.pass_time(made.lifetime)
    assert told(core) == all_parts(Outcome.EXPIRED)
    assert len(core.told) == 4


def test_unknown_for_good() -> None:
    """Told only when it is not sent again."""
    core = Flood()
    made = core.be_merged()
    for _ in range(2):
        core.begin_text(made)
        core.fail(made, UNANSWERED)
        assert told(core) == []
        core.pass_time(HOUR)
    core.begin_text(made)
    core.fail(made, UNANSWERED)
    assert told(core) == all_parts(Outcome.UNKNOWN)
    assert core.told[-1].cause is Cause.OUTCOME_UNKNOWN


def test_each_tag_of_a_digest_has_gone_out() -> None:
    """So that a clear of any of them is said."""
    core = Flood()
    for tag in ("leak", "door", "other"):
        core.converse(tag)
    core.flood = [
        replace(one, tag=tag)
        for one, tag in zip(core.flood, ("leak", "", "door", "leak"), strict=True)
    ]
    made = core.be_merged()
    core.accept(made, {FRIENDS[0]: Reply(450, "Later")})
    assert core.say_over("door")
    assert core.say_over("leak")
    assert core.say_over("other") is None
    assert [one.tag for one in core.get(made).parts] == [""] * 4


def test_priority_of_a_digest() -> None:
    """A digest of low ones is low, and has its outcomes told so."""
    core = Flood(priority=Priority.LOW)
    made = core.be_merged(priority=Priority.LOW)
    core.accept(made)
    assert {event.priority for event in core.told if event.digest} == {Priority.LOW}
    assert made.rank < 0


# What does not become one


def test_a_digest_that_cannot_be_made() -> None:
    """One by one, and not merged again."""
    core = Flood()
    core.happen("merge_failed", core.first)
    assert core.attempted == ["Alert 2"]
    assert all(one.alone for one in core.queue)
    assert all(core.wrote(one) for one in core.flood)
    assert not core.queue.groups.floods


def test_a_digest_that_was_interrupted() -> None:
    """Merged again at the next turn."""
    core = Flood()
    core.happen("merge_failed", core.first, again=True)
    assert core.merging == [["Alert 2", "Alert 3", "Alert 4", "Alert 5"]]
    core.stop()
    core.happen("merge_failed", core.first, again=True)
    assert not core.queue.groups.merging
    assert not any(one.alone for one in core.queue)


def test_one_that_is_too_long_for_a_digest() -> None:
    """It goes alone; whoever has no place in this one waits for the next."""
    core = Flood(6)
    long, left = core.flood.pop(0), core.flood.pop()
    core.happen("merged", long.queue_id, core.made(), (long.queue_id,))
    assert core.get(long).alone
    assert core.wrote(long)
    assert not core.get(left).alone
    assert not core.wrote(left)
    assert {one.subject for one in core.queue} == {"Digest", "Alert 2", "Alert 7"}


def test_error_that_nobody_expected() -> None:
    """Nobody makes a digest any more: its messages wait again."""
    core = Flood()
    core.happen("recover", {core.first})
    assert core.queue.groups.merging
    core.happen("recover", ())
    assert not core.queue.groups.merging
    assert len(core.queue) == 4
    assert core.merging == []
    core.sleep()
    assert len(core.merging) == 1


# A person discards


def test_discarded_while_it_is_made() -> None:
    """The others are merged anew; what was made before is for nobody."""
    core = Flood(5)
    gone = core.flood.pop(1)
    core.happen("discard", (gone.queue_id,))
    assert core.removed(gone)
    assert core.merging == [["Alert 2", "Alert 4", "Alert 5", "Alert 6"]]


def test_all_discarded_while_it_is_made() -> None:
    """Nothing comes of what was begun."""
    core = Flood()
    core.happen("discard", tuple(one.queue_id for one in core.flood))
    assert len(core.queue) == 0
    core.happen("merged", core.first, core.made())
    core.happen("merge_failed", core.first)
    assert len(core.queue) == 0


def test_a_part_cannot_be_discarded_any_more() -> None:
    """It is in the digest; who knows that one discards it."""
    core = Flood()
    made = core.be_merged()
    assert all(core.removed(one) for one in core.flood)
    assert core.queue.groups.digests[core.flood[1].queue_id] == made.queue_id
    core.happen("discard", (core.flood[1].queue_id,))
    assert [one.queue_id for one in core.queue] == [made.queue_id]
    core.accept(made)
    assert core.queue.groups.digests == {}


def test_none_expires_while_it_is_merged() -> None:
    """And all of them do later, if nothing came of it."""
    core = Flood(4, lifetime=HOUR, attempts=1)
    core.pass_time(2 * HOUR)
    assert len(core.queue) == 4
    core.happen("merge_failed", core.first)
    assert len(core.queue) == 0
    assert core.outcomes[1:] == [Outcome.EXPIRED] * 4


# A flood as it is in a house


def run(core: Core, until: float) -> list[tuple[Message, float]]:
    """Have everything merged and accepted until then; return what went, and when."""
    went = []
    while core.now.steady < until:
        if merging := list(core.queue.groups.merging.values()):
            messages = [core.queue.get(one) for one in merging[0].queue_ids]
            parts = [one for one in messages if one]
            made = message(
                core.next_number(),
                core.now,
                parts=parts_of(parts),
                recipients=parts[0].recipients,
                priority=parts[0].priority,
            )
            core.happen("merged", parts[0].queue_id, made)
        elif core.trying:
            went.append((core.trying[0], core.now.steady))
            core.accept(core.trying[0])
        else:
            core.pass_time(min(core.wake_in, until - core.now.steady))
    return went


@pytest.mark.parametrize("per_day", [400, 20])
def test_flapping_sensor(per_day: int) -> None:
    """High ones each two minutes, for two days: none comes more than an hour late.

    Nor do those of others, high or not, that come then.
    """
    core = Core(Settings(per_day=per_day))
    begin, raised = core.now.steady, dict[str, float]()
    late: dict[str, float] = {}

    def go_on(until: float) -> None:
        before = len(core.told)
        for one, at in run(core, until):
            for queue_id in [part.queue_id for part in one.parts] or [one.queue_id]:
                late[queue_id] = at - raised[queue_id]
        assert all(event.outcome is Outcome.ACCEPTED for event in core.told[before:])

    def alert(**values: object) -> None:
        one = core.take(**values)
        raised[one.queue_id] = core.now.steady

    for number in range(2 * 720):
        alert(priority=Priority.HIGH)
        if number % 30 == 0:
            alert(recipients=("q@x.cn",))
        if number == 900:
            alert(priority=Priority.HIGH, recipients=("owner@x.cn",))
        go_on(begin + (number + 1) * 2 * MINUTE)
    go_on(core.now.steady + 2 * HOUR)
    assert len(core.queue) == 0
    assert len(late) == 2 * 720 + 48 + 1
    assert max(late.values()) <= HOUR


def test_flood_within_a_day_that_is_used_up() -> None:
    """A loose contact: one mail an hour, and the plan of each alert says so."""
    core = Core(PACE)
    core.happen("configure", Settings(per_minute=0, per_day=1))
    core.accept(core.take(priority=Priority.HIGHEST))
    core.accept(core.take())
    one = core.take()
    assert (core.reason(one), core.waits_in(one)) == (Reason.DAY, HOUR)
    second = core.take()
    assert core.waits_in(second) == HOUR
