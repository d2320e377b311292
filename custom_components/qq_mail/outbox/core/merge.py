"""Digests: where more messages wait than can go out within a minute, they become one.

The shell makes what is decided here. At each instant either the messages count or their
digest, in memory as on disk.
"""

from collections.abc import Collection
from dataclasses import replace
import logging

from .account import Account
from .models import AT_ONCE, Level, Merge, Message
from .queue import group_of
from .turn import Turn

MAX_MERGED = 1000
"""Messages in one digest: making it takes some seconds, though of another thread."""
INTERVAL = 60.0
"""Seconds between two digests of one group, while it is flooded."""


def gather(turn: Turn, message: Message) -> Message:
    """Return a new message, which waits for the next ones where there are so many."""
    if not turn.account.limits.settings.digest or not message.mergeable:
        return message
    until = turn.queue.groups.floods.get(group_of(message), message.due)
    return replace(message, due=until)


def merge(turn: Turn, message: Message, *, by: Account | None = None) -> bool:
    """Begin to merge a message, whose turn it is, with others; False: it goes alone.

    `by` is the account that takes it over, whose limits count then.
    """
    limits, level = (by or turn.account).limits, message.level
    if not turn.account.limits.settings.digest or not message.mergeable:
        return False
    if turn.account.down and not by:
        # What finds out whether there is a server again goes alone.
        return False
    now, groups, group = turn.now.steady, turn.queue.groups, group_of(message)
    enough = 1.0 if group in groups.floods else limits.one_by_one(now, level)
    # Where the day has no room for each of them, all of a level for the same people
    # become one, whatever their tags.
    room = max(limits.room_today(now, level), 1.0)
    any_tag = room < len(turn.queue) and groups.size(group, any_tag=True) > room
    waiting: list[str] = []
    # Else none are merged, and each attempt would look at all that wait.
    if groups.size(group, any_tag=any_tag) > enough:
        candidates = groups.candidates(group, any_tag=any_tag)
        waiting = sorted(one for one in candidates if one not in turn.queue.in_progress)
    if len(waiting) <= enough:
        groups.floods.pop(group, None)
        return False
    for other, until in list(groups.floods.items()):
        if until + INTERVAL < now:
            # Over, though nothing came any more that would have shown it.
            del groups.floods[other]
    if level is Level.BELOW:
        groups.floods[group] = turn.after(INTERVAL)
    messages = map(turn.queue.get, waiting[:MAX_MERGED])
    merging = Merge(turn.account.id, group, tuple(filter(None, messages)))
    turn.queue.merge(merging)
    turn.do(merging)
    return True


def end_floods(turn: Turn) -> None:
    """Let nobody wait for others any more once a person has set it so."""
    queue, limits = turn.queue, turn.account.limits
    floods = queue.groups.floods
    if not floods or (limits.settings.digest and limits.rate(turn.now.steady)):
        return
    for group in floods:
        # None of them has failed, so that they wait for nothing else.
        for message in filter(None, map(queue.get, queue.groups.candidates(group))):
            queue.put(replace(message, due=AT_ONCE))
    floods.clear()


def merged(
    turn: Turn, first: str, digest: Message, alone: tuple[str, ...] = ()
) -> None:
    """Put a digest, which is to be on disk, into the place of what it is made of.

    `alone` are those that are too long for any digest; whoever is in neither waits for
    the next one.
    """
    merging = turn.queue.groups.end(first)
    if merging is None:
        return
    parts = {one.queue_id for one in digest.parts}
    _let_go(turn, merging, parts, alone)
    # It was in turn when that began: what came meanwhile does not go before it.
    turn.queue.put(replace(digest, offered_at=AT_ONCE))
    turn.log(logging.INFO, f"{len(parts)} messages become one: {digest.queue_id}")


def merge_failed(turn: Turn, first: str, *, again: bool = False) -> None:
    """Let go out one by one what could not be merged; the disk has it as before.

    `again`: that says nothing against the next try.
    """
    merging = turn.queue.groups.end(first)
    if merging is None:
        return
    if not again:
        turn.queue.groups.floods.pop(merging.group, None)
    _let_go(turn, merging, (), () if again else merging.queue_ids)


def forget_tag(turn: Turn, home: str, tag: str) -> None:
    """Let digests of several tags go out without another word on one of an account."""
    for digest in turn.queue:
        of_home = (digest.home or turn.account.id) == home
        if of_home and any(one.tag == tag for one in digest.parts):
            parts = (
                replace(one, tag="") if one.tag == tag else one for one in digest.parts
            )
            turn.write(replace(digest, parts=tuple(parts)))


def _let_go(
    turn: Turn, merging: Merge, gone: Collection[str], alone: Collection[str] = ()
) -> None:
    """Have messages wait for their turn again, but those that are gone."""
    for message in filter(None, map(turn.queue.get, merging.queue_ids)):
        if message.queue_id in gone:
            turn.remove(message)
        elif message.queue_id in alone:
            turn.write(replace(message, alone=True, due=AT_ONCE))
        else:
            turn.queue.put(message)


def discard(turn: Turn, queue_id: str) -> None:
    """Remove a message; one that is being tried goes if it is not accepted."""
    queue = turn.queue
    if not (message := queue.get(queue_id)):
        return
    if queue_id in queue.in_progress:
        # Whatever comes of the attempt, and be it a kill, there is no other.
        turn.forget(message)
        queue.put(replace(message, in_memory=True, unwanted=True))
    elif merging := queue.groups.owned.get(queue_id):
        # What is made of it is of no use.
        queue.groups.end(merging.queue_ids[0])
        _let_go(turn, merging, {queue_id})
    else:
        turn.remove(message)
