"""Floods in the heart: who is merged, when, and what is told of it."""

from dataclasses import replace
from typing import Any

import pytest

from custom_components.qq_mail.outbox import digest as digest_module
from custom_components.qq_mail.outbox.core.models import Message, Outcome
from custom_components.qq_mail.outbox.digest import INTERVAL, originals
from custom_components.qq_mail.outbox.events import (
    Attempt,
    CountAccepted,
    DigestWriting,
    DiscardAsked,
    MarkGoneOut,
    Merge,
    Merged,
    MergeFailed,
    OverSaid,
    Release,
    Remove,
    RetryAsked,
    TimePassed,
    Write,
)
from custom_components.qq_mail.outbox.pace import Pace
from custom_components.qq_mail.smtp.models import Reply, Step
from custom_components.qq_mail.smtp.replies import Cause

from .heart import AWAY, FRIENDS, HOUR, RATE_LIMIT, UNANSWERED, Heart, message, refused

PACE = Pace(1, 2)
"""One at once, then two within a minute."""
DIGEST_ID = f"{900:026}"


class Flood(Heart):
    """A heart at which so many alerts were raised that they are being merged."""

    def __init__(self, number: int = 4, **values: Any) -> None:
        """Have one in the air, and so many others merged, which wait for it."""
        super().__init__(PACE, digest=True)
        self.before = self.take()
        self.flood = [self.take(**values) for _ in range(number)]
        self.accept(self.before)
        if not self.in_air:
            # What is most important does not wait for its turn.
            self.sleep()

    @property
    def merges(self) -> list[tuple[str, ...]]:
        """The subjects of what the last step began to merge."""
        merges = self.those(Merge, "messages")
        return [tuple(one.subject for one in messages) for messages in merges]

    def made(self, **values: Any) -> Message:
        """Return what is made of the flood."""
        flood = tuple(self.flood)
        return message(900, self.now, merged=originals(flood), **values)

    def be_merged(self, **values: Any) -> Message:
        """Have the digest made."""
        made = self.made(**values)
        self.tell(DigestWriting(self.flood[0].queue_id))
        self.tell(Merged(self.flood[0].queue_id, made))
        return made


def test_merged_when_their_turn_comes() -> None:
    """More wait than can go out within a minute: nobody else touches them."""
    heart = Flood()
    assert heart.merges == [("Alert 2", "Alert 3", "Alert 4", "Alert 5")]
    assert heart.attempted == []
    released = heart.those(Release, "queue_id")
    assert released == [one.queue_id for one in heart.flood]
    assert heart.those(Release, "for_digest") == [True] * 4
    heart.tell(RetryAsked())
    heart.tell(RetryAsked(heart.flood[0].queue_id))
    heart.pass_time(2 * HOUR)
    assert heart.attempted == []
    made = heart.be_merged()
    assert [one.queue_id for one in heart.queue] == [made.queue_id]
    assert heart.attempted == ["Alert 900"]


def test_as_many_as_a_minute_lets_out_go_alone() -> None:
    """Three: one now, and two more within a minute."""
    heart = Flood(3)
    assert heart.merges == []
    assert heart.attempted == ["Alert 2"]


def test_titles_of_a_digest_are_those_of_its_messages() -> None:
    """Or nobody would find the sensor that raises so many."""
    heart = Flood()
    heart.accept(heart.be_merged())
    titles = tuple(one.subject for one in heart.flood)
    assert heart.those(CountAccepted, "subjects") == [titles]


def test_switched_off() -> None:
    """One by one, be it hours."""
    heart = Heart(PACE)
    for _ in range(9):
        heart.take()
    heart.accept(heart.get(next(iter(heart.queue))))
    heart.sleep()
    assert heart.attempted == ["Alert 2"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"importance": 1}, id="important"),
        pytest.param({"importance": 2}, id="most important"),
        pytest.param({"restored": True}, id="from a backup"),
        pytest.param({"in_data": True}, id="the server may have it"),
        pytest.param({"in_memory": True}, id="not on disk"),
        pytest.param({"failures": 1}, id="failed for its own sake"),
        pytest.param({"unanswered": 1}, id="sent without an answer"),
        pytest.param({"acts": True}, id="buttons that act"),
        pytest.param({"alone": True}, id="could not be merged before"),
        pytest.param(
            {"merged": originals((message(901, Heart().now),))}, id="a digest already"
        ),
    ],
)
def test_never_merged(values: dict[str, Any]) -> None:
    """Some wait for a person, some may have gone out, some cannot wait."""
    heart = Flood(6, **values)
    assert heart.merges == []


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"tag": "leak"}, id="another tag"),
        pytest.param({"recipients": FRIENDS[:1]}, id="other recipients"),
        pytest.param({"reverse_path": "b@qq.com"}, id="another sender"),
    ],
)
def test_not_merged_with_others(values: dict[str, Any]) -> None:
    """Each group for itself: of this one there are not so many."""
    heart = Heart(PACE, digest=True)
    first = heart.take()
    for _ in range(3):
        heart.take()
        heart.take(**values)
    heart.accept(first)
    heart.sleep()
    assert not heart.said(Merge)
    assert heart.attempted == ["Alert 2"]


def test_the_order_of_recipients_does_not_matter() -> None:
    """They are the same people, whichever of them an automation names first."""
    heart = Heart(PACE, digest=True)
    heart.accept(heart.take())
    for _ in range(2):
        heart.take()
        heart.take(recipients=FRIENDS[::-1])
    heart.sleep()
    (merged,) = heart.those(Merge, "messages")
    assert len(merged) == 4


def test_tags_do_not_matter_where_one_goes_an_hour() -> None:
    """Or twenty sensors would take twenty hours; other recipients have their own."""
    heart = Heart(Pace(5, 0, per_day=10), digest=True)
    for _ in range(9):
        heart.accept(heart.take())
    heart.session_open = True
    heart.accept(heart.take(tag="first"))
    flood = [heart.take(tag=tag) for tag in ("leak", "", "door", "leak")]
    other = heart.take(recipients=FRIENDS[:1])
    assert heart.sleep() == HOUR
    assert heart.those(Merge, "messages") == [tuple(flood)]
    assert heart.attempted == []
    # The hour is not of who comes while the digest is made.
    heart.take(tag="late", queue_id=f"{901:026}")
    assert heart.attempted == []
    made = message(900, heart.now, subject="Digest", merged=originals(flood))
    heart.tell(DigestWriting(flood[0].queue_id))
    heart.tell(Merged(flood[0].queue_id, made))
    # Recipients take turns.
    heart.accept(other)
    assert heart.sleep() == HOUR
    assert heart.attempted == ["Digest"]


def test_each_tag_of_a_digest_has_gone_out() -> None:
    """So that a clear of any of them is said."""
    heart = Flood()
    heart.flood = [
        replace(one, tag=tag)
        for one, tag in zip(heart.flood, ("leak", "", "door", "leak"), strict=True)
    ]
    made = heart.be_merged()
    heart.accept(made, {FRIENDS[0]: Reply(450, "Later")})
    assert heart.those(MarkGoneOut, "tag") == ["door", "leak"]
    # Once that was said, the next attempt is nothing new.
    heart.tell(OverSaid("leak"))
    assert [one.tag for one in heart.those(Write, "message")[0].merged] == [
        "",
        "",
        "door",
        "",
    ]
    heart.sleep()
    heart.accept(made)
    assert heart.those(MarkGoneOut, "tag") == ["door"]


def test_what_is_in_the_air_is_not_merged() -> None:
    """It has another owner."""
    heart = Heart(PACE, digest=True)
    taken = [heart.take() for _ in range(5)]
    assert heart.in_air == {"Alert 1"}
    heart.open(taken[0])
    # Somebody's patience with it ends.
    heart.pass_time(HOUR)
    (merge,) = heart.those(Merge, "messages")
    assert merge == tuple(taken[1:])


def test_no_more_than_wait_beside_the_one_in_the_air() -> None:
    """Which is counted at first sight."""
    heart = Heart(Pace(1, 3), digest=True)
    taken = [heart.take() for _ in range(5)]
    heart.open(taken[0])
    heart.pass_time(HOUR)
    assert not heart.said(Merge)
    assert heart.attempted == ["Alert 2"]


def test_important_ones_never_wait_behind() -> None:
    """Neither while a digest is made nor when it is."""
    heart = Flood()
    urgent = heart.take(importance=2)
    assert heart.attempted == [urgent.subject]
    heart.be_merged()
    heart.accept(urgent)
    heart.pass_time(60)
    assert heart.attempted == ["Alert 900"]


def test_at_most_a_digest_a_minute() -> None:
    """What comes next waits for what comes after it; then one alone ends it."""
    heart = Flood()
    made = heart.be_merged()
    heart.accept(made)
    second = [heart.take(), heart.take()]
    assert heart.those(Release, "for_digest") == [True]
    heart.pass_time(INTERVAL - 1)
    assert heart.attempted == []
    heart.pass_time(1)
    assert heart.those(Merge, "messages")[0] == tuple(
        replace(one, due=heart.now.steady) for one in second
    )
    heart.flood = second
    heart.accept(heart.be_merged())
    alone = heart.take()
    heart.pass_time(INTERVAL)
    assert heart.attempted == [alone.subject]
    heart.accept(alone)
    heart.pass_time(INTERVAL)
    heart.take()
    assert heart.attempted == ["Alert 9"]


@pytest.mark.parametrize("digest", [True, False])
def test_a_person_ends_the_flood(*, digest: bool) -> None:
    """Without a pace, or without digests, nothing waits for others: not any more."""
    heart = Flood()
    heart.accept(heart.be_merged())
    waiting = [heart.take(), heart.take(), heart.take()]
    heart.session_open = True
    heart.tell(TimePassed())
    assert heart.attempted == []
    heart.digest = digest
    pace = Pace(1, 0) if digest else Pace(9, 9)
    heart.standing = heart.standing.with_pace(pace)
    # Some seconds for the pace to have room; the others would wait for twice as long.
    heart.pass_time(0 if digest else INTERVAL / 2)
    tried = []
    while heart.in_air:
        (name,) = heart.in_air
        tried.append(name)
        (one,) = [one for one in heart.queue if one.subject == name]
        heart.accept(one)
    assert tried == [one.subject for one in waiting]
    assert not heart.queue.groups.floods


def test_after_a_quiet_minute_alone_again() -> None:
    """Nothing waits for others that may never come."""
    heart = Flood()
    heart.accept(heart.be_merged())
    heart.pass_time(INTERVAL)
    alone = heart.take()
    assert heart.attempted == [alone.subject]


def test_nothing_is_merged_without_a_server() -> None:
    """One of them finds out; then the others become one."""
    heart = Heart(PACE, digest=True)
    first = heart.take()
    heart.fail(first, AWAY)
    for _ in range(5):
        heart.take()
    assert not heart.said(Merge)
    heart.pass_time(60)
    (probe,) = heart.those(Attempt, "message")
    heart.accept(probe)
    heart.pass_time(60)
    assert len(heart.those(Merge, "messages")[0]) == 5


def test_very_many() -> None:
    """In pieces that can be made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest_module, "MAX_MERGED", 3)
        heart = Flood(8)
    assert [len(one) for one in heart.merges] == [3, 3, 2]
    assert heart.attempted == []


def told(heart: Heart) -> list[tuple[Outcome, str, str]]:
    """Return what was told of alerts that became a part of a digest."""
    return [
        (event.outcome, event.subject, event.digest)
        for event in heart.told
        if event.digest
    ]


def test_each_outcome_is_told() -> None:
    """Once that of the digest is known, with its queue id."""
    heart = Flood()
    made = heart.be_merged()
    heart.accept(made)
    assert told(heart) == [
        (Outcome.ACCEPTED, f"Alert {number}", DIGEST_ID) for number in range(2, 6)
    ]
    events = [event for event in heart.told if event.digest]
    assert {event.recipients for event in events} == {FRIENDS}
    assert [event.queue_id for event in events] == [one.queue_id for one in heart.flood]
    assert [event.message_id for event in events] == [
        one.message_id for one in heart.flood
    ]
    assert len(heart.queue) == 0


def test_partly_refused() -> None:
    """Each original's recipients as the digest's; what waits is not told."""
    heart = Flood()
    made = heart.be_merged()
    heart.accept(made, {FRIENDS[1]: Reply(450, "busy")})
    assert {event.recipients for event in heart.told if event.digest} == {FRIENDS[:1]}
    heart.told.clear()
    heart.sleep()
    heart.sleep()
    heart.fail(made, refused(Step.MAIL, 550))
    assert {event.recipients for event in heart.told if event.digest} == {FRIENDS[1:]}
    assert {outcome for outcome, *_ in told(heart)} == {Outcome.REJECTED}


def test_a_digest_waits_without_a_word_of_its_parts() -> None:
    """Until it has expired."""
    heart = Flood()
    made = heart.be_merged()
    heart.fail(made, refused(Step.END_OF_DATA, 550, RATE_LIMIT.text))
    assert heart.outcomes == [Outcome.ACCEPTED, Outcome.DEFERRED]
    assert told(heart) == []
    heart.pass_time(made.lifetime)
    assert [outcome for outcome, *_ in told(heart)] == [Outcome.EXPIRED] * 4


def test_unknown_for_good() -> None:
    """Told only when it is not sent again."""
    heart = Flood()
    made = heart.be_merged()
    for _ in range(2):
        heart.begin_data(made)
        heart.fail(made, UNANSWERED)
        assert told(heart) == []
        heart.pass_time(HOUR)
    heart.begin_data(made)
    heart.fail(made, UNANSWERED)
    assert [outcome for outcome, *_ in told(heart)] == [Outcome.UNKNOWN] * 4
    assert heart.told[-1].cause is Cause.OUTCOME_UNKNOWN


def test_a_digest_that_cannot_be_made() -> None:
    """One by one, and not merged again."""
    heart = Flood()
    heart.tell(MergeFailed(heart.flood[0].queue_id))
    assert heart.attempted == ["Alert 2"]
    assert all(one.alone for one in heart.queue)


def test_a_digest_that_was_interrupted() -> None:
    """Merged again at the next turn."""
    heart = Flood()
    heart.tell(MergeFailed(heart.flood[0].queue_id, again=True))
    assert heart.merges == [("Alert 2", "Alert 3", "Alert 4", "Alert 5")]
    heart.tell(MergeFailed(heart.flood[0].queue_id, again=True), may_start=False)
    assert not heart.queue.groups.merging


def test_discarded_while_it_is_made() -> None:
    """The others are merged anew; what was made before is for nobody."""
    heart = Flood(5)
    gone = heart.flood.pop(1)
    heart.tell(DiscardAsked((gone.queue_id,)))
    assert heart.those(Remove, "message") == [gone]
    assert heart.merges == [("Alert 2", "Alert 4", "Alert 5", "Alert 6")]


def test_all_discarded_while_it_is_made() -> None:
    """Nothing comes of what was begun."""
    heart = Flood()
    first = heart.flood[0].queue_id
    heart.tell(DiscardAsked(tuple(one.queue_id for one in heart.flood)))
    assert len(heart.queue) == 0
    heart.tell(Merged(first, heart.made()))
    heart.tell(MergeFailed(first))
    assert len(heart.queue) == 0


def test_discarded_while_it_is_written() -> None:
    """Too late for one of them; all of them take it along."""
    heart = Flood()
    first = heart.flood[0].queue_id
    heart.tell(DigestWriting(first))
    heart.tell(DiscardAsked((first,)))
    made = heart.made()
    heart.tell(Merged(first, made))
    assert heart.attempted == [made.subject]

    heart = Flood()
    heart.tell(DigestWriting(first))
    heart.tell(DiscardAsked(tuple(one.queue_id for one in heart.flood)))
    heart.tell(Merged(first, made))
    assert heart.those(Remove, "message") == [made]
    assert len(heart.queue) == 0


def test_discarded_while_it_could_not_be_written() -> None:
    """Then it is not too late."""
    heart = Flood()
    first = heart.flood[0].queue_id
    heart.tell(DigestWriting(first))
    heart.tell(DiscardAsked((first,)))
    heart.tell(MergeFailed(first))
    assert heart.those(Remove, "message") == [heart.flood[0]]
    assert heart.attempted == ["Alert 3"]


def test_an_original_cannot_be_discarded_any_more() -> None:
    """It is a part of the digest; who knows that one discards it."""
    heart = Flood()
    made = heart.be_merged()
    assert heart.queue.groups.digests[heart.flood[1].queue_id] == made.queue_id
    heart.tell(DiscardAsked((heart.flood[1].queue_id,)))
    assert [one.queue_id for one in heart.queue] == [made.queue_id]
    heart.accept(made)
    assert heart.queue.groups.digests == {}


def test_none_expires_while_it_is_merged() -> None:
    """And all of them do later, if nothing came of it."""
    heart = Flood(4, lifetime=HOUR, attempts=1)
    heart.pass_time(2 * HOUR)
    assert len(heart.queue) == 4
    heart.tell(MergeFailed(heart.flood[0].queue_id))
    assert len(heart.queue) == 0
    assert heart.outcomes[1:] == [Outcome.EXPIRED] * 4


def test_floods_are_forgotten() -> None:
    """Tags may be made by a template, and each of them flooded once."""
    heart = Flood(tag="one")
    heart.accept(heart.be_merged())
    heart.pass_time(3 * INTERVAL)
    flood = [heart.take(tag="two") for _ in range(6)]
    heart.accept(flood[0])
    heart.pass_time(INTERVAL)
    assert heart.said(Merge)
    assert [tag for _, _, tag in heart.queue.groups.floods] == ["two"]
