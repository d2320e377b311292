"""Conversations: messages of one tag, and what was said of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from custom_components.qq_mail.outbox.core.account import (
    CONVERSATION_DURATION,
    MAX_CONVERSATIONS,
)
from custom_components.qq_mail.outbox.core.models import DAY, Part
from custom_components.qq_mail.outbox.core.turn import CONVERSATION

from .flood import Flood, parts_of
from .play import FRIENDS, HOUR, HOUSE, UNANSWERED, Core, message


def tags_on_disk(core: Core) -> set[str]:
    """Return of which tags the disk has a conversation."""
    return {key for kind, key in core.disk if kind == CONVERSATION}


def test_messages_of_a_tag_are_one_conversation(core: Core) -> None:
    """It has the title of the first, for a week."""
    first = core.converse("leak", "Leak")
    core.pass_time(CONVERSATION_DURATION.total_seconds() - 1)
    again = core.converse("leak", "Still a leak")
    assert (again.references, again.subject) == (first.references, "Leak")
    assert again.started == first.started
    assert again.used == core.now.wall
    core.pass_time(1)
    new = core.converse("leak", "A leak again")
    assert (new.subject, new.started) == ("A leak again", core.now.wall)


def test_clock_that_was_set_back_makes_none_older(core: Core) -> None:
    """Nor does it begin a new one."""
    core.converse("leak", "Leak")
    core.set_wall(core.now.wall - timedelta(days=3650))
    assert core.converse("leak", "Still a leak").subject == "Leak"


def test_conversation_survives_a_kill(core: Core) -> None:
    """And in which order they were used."""
    for tag in ("a", "b", "c"):
        core.pass_time(1)
        core.converse(tag)
    core.pass_time(1)
    before = core.converse("a")
    core.restart()
    assert list(core.account.conversations) == ["b", "c", "a"]
    assert core.account.conversations["a"] == before


def test_nothing_went_out(core: Core) -> None:
    """Then there is nothing to say when it is over."""
    assert core.say_over("leak") is None
    core.converse("leak")
    assert core.say_over("leak") is None
    assert core.marks == {}


@pytest.mark.parametrize("answered", [True, False])
def test_something_went_out(core: Core, *, answered: bool) -> None:
    """Or may have; it is said once, unless that could not be said."""
    before = core.converse("leak")
    one = core.take(tag="leak")
    core.begin_text(one)
    core.accept(one) if answered else core.fail(one, UNANSWERED)
    known = core.say_over("leak")
    assert known
    assert known.references == before.references
    assert core.marks == {}
    assert core.say_over("leak") is None
    core.happen("keep_over", "leak")
    assert list(core.marks) == [(CONVERSATION, HOUSE, "leak")]
    core.happen("not_over", "leak")
    assert core.say_over("leak")


def test_rejected_message_says_nothing(core: Core) -> None:
    """No one has got it."""
    core.converse("leak")
    core.happen("broke", core.take(tag="leak").queue_id, "gone", lost=True)
    assert core.say_over("leak") is None


def test_others_speak_of_it(core: Core) -> None:
    """A digest of several tags does."""
    core.converse("leak")
    core.happen("not_over", "leak")
    assert core.say_over("leak")
    core.happen("not_over", "no such tag")
    core.happen("keep_over", "no such tag")
    assert core.marks == {}


def test_end_of_what_was_cut_off(core: Core) -> None:
    """A start learns of it from the disk."""
    core.converse("leak")
    one = core.take(tag="leak")
    core.begin_text(one)
    core.restart()
    assert core.account.conversations["leak"].went_out


def test_tag_is_over_that_a_digest_speaks_of(core: Core) -> None:
    """The digest goes out all the same, and says nothing of it any more."""
    made = message(
        900,
        core.now,
        parts=(
            Part(f"{1:026}", "Leak", "leak"),
            Part(f"{2:026}", "Door", "door"),
        ),
    )
    for tag in ("leak", "door"):
        core.converse(tag)
    core.happen("take", made)
    core.begin_text(made)
    core.fail(made, UNANSWERED)
    assert core.say_over("leak")
    assert core.wrote(made)
    assert [part.tag for part in core.get(made).parts] == ["", "door"]
    core.pass_time(HOUR)
    core.accept(made)
    assert core.say_over("leak") is None
    assert core.say_over("door")


def test_too_many_conversations(core: Core) -> None:
    """Those that are over are forgotten first, then the longest unused."""
    for number in range(MAX_CONVERSATIONS):
        core.converse(f"tag {number}")
    for number in (0, 1, 2):
        core.happen("not_over", f"tag {number}")
    core.say_over("tag 1")
    core.converse("new")
    gone = {f"tag {number}" for number in range(MAX_CONVERSATIONS)} - tags_on_disk(core)
    assert gone == {"tag 1"}
    core.converse("newer")
    assert "tag 3" not in tags_on_disk(core)
    assert len(core.account.conversations) == MAX_CONVERSATIONS
    assert core.account.conversations.keys() == tags_on_disk(core)


def test_too_many_that_went_out(core: Core) -> None:
    """The newest one stays, whatever it is."""
    for number in range(MAX_CONVERSATIONS):
        core.converse(f"tag {number}")
        core.happen("not_over", f"tag {number}")
    core.converse("new")
    assert "new" in core.account.conversations
    assert "tag 0" not in tags_on_disk(core)
    assert len(tags_on_disk(core)) == 1000


def test_first_unused_is_forgotten(core: Core) -> None:
    """Using one again makes it young."""
    for number in range(MAX_CONVERSATIONS):
        core.converse(f"tag {number}")
    core.converse("tag 0")
    core.converse("new")
    assert "tag 0" in core.account.conversations
    assert "tag 1" not in core.account.conversations


# What went out most


def test_titles_that_went_out_most(core: Core) -> None:
    """Those of today and yesterday, however many others there are."""
    tally = core.account.tally
    for day in range(3):
        for number in range(200):
            for title in (f"Only once {number}", "Door" if number % 2 else "Rain"):
                tally.count(core.now, core.now.wall.date(), (title,))
        tally.count(core.now, core.now.wall.date(), (f"Day {day}",))
        assert tally.most()[0][0] in ("Door", "Rain")
        core.pass_time(DAY)
    assert [number for _, number in tally.most()[:2]] == [200, 200]
    assert len(tally.most()) == 3
    assert len(tally.days) == 2
    core.accept(core.take(recipients=FRIENDS[:1], subject="x" * 500))
    core.restart()
    again = core.account.tally
    assert again.most() == tally.most()
    assert again == tally
    assert all(len(title) <= 100 for title, _ in again.most())


def test_accepted_today(core: Core) -> None:
    """By the house's day; and when the last one was."""
    assert core.account.tally.last_accepted is None
    core.accept(core.take())
    core.accept(core.take())
    today = core.now.wall.date()
    last = core.now.wall
    core.restart()
    tally = core.account.tally
    assert (tally.accepted_on(today), tally.last_accepted) == (2, last)
    assert tally.accepted_on(today + timedelta(days=1)) == 0
    core.pass_time(DAY)
    core.accept(core.take())
    assert core.account.tally.accepted_on(core.now.wall.date()) == 1


def test_clock_set_back_leaves_two_days(core: Core) -> None:
    """The oldest of three goes."""
    tally = core.account.tally
    for days in (0, 1, -1):
        now = core.now.wall + timedelta(days=days)
        tally.count(core.now, now.date(), (f"Day {days}",))
    assert {title for title, _ in tally.most()} == {"Day 1", "Day -1"}


# Tags that others speak of


def test_a_digest_goes_out_for_others_sake() -> None:
    """While it is only made, a message can be taken out."""
    core = Flood()
    tags = ("leak", "leak", "door", "")
    core.flood = [
        replace(one, tag=tag) for one, tag in zip(core.flood, tags, strict=True)
    ]
    assert not core.scheduler.is_told_with_others("house", "leak")
    digest = core.be_merged()
    assert core.scheduler.is_told_with_others("house", "leak")
    assert not core.scheduler.is_told_with_others("house", "other")
    core.queue.put(replace(digest, parts=parts_of(core.flood[:2])))
    assert not core.scheduler.is_told_with_others("house", "leak")
