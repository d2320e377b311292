"""Digests: where more messages wait than can go out within a minute, they become one.

A part of the heart. The shell (merging.py) makes what is decided here. At each instant
either the messages count or their digest, in memory as on disk.
"""

from collections.abc import Sequence
from dataclasses import replace
import logging

from .events import Merge, Merged, MergeFailed, Release, Write
from .groups import Merging, group_of
from .message import AT_ONCE, Original, QueuedMessage
from .turn import Turn

MAX_MERGED = 1000
"""Messages in one digest: making it takes some seconds, though of another thread."""
INTERVAL = 60.0
"""Seconds between two digests of one group, while it is flooded."""


def gather(turn: Turn, message: QueuedMessage) -> QueuedMessage:
    """Return a new message, which waits for the next ones where there are so many."""
    if not turn.digest or not message.mergeable:
        return message
    until = turn.queue.groups.floods.get(group_of(message))
    if until is None or until <= turn.now.steady:
        return message
    turn.do(Release(message.queue_id, for_digest=True))
    return replace(message, due=until)


def merge(turn: Turn, message: QueuedMessage) -> bool:
    """Begin to merge a message, whose turn it is, with others; False: it goes alone."""
    if not turn.digest or not message.mergeable or turn.standing.down:
        # What finds out whether there is a server again goes alone.
        return False
    now, groups, group = turn.now.steady, turn.queue.groups, group_of(message)
    # What goes but once an hour goes with all else for the same people.
    any_tag = turn.standing.allowance.hourly(now, message.importance)
    flooded = group in groups.floods
    enough = 1.0 if flooded else turn.standing.within_a_minute(now, message.importance)
    if groups.size(group, any_tag=any_tag) <= enough:
        groups.floods.pop(group, None)
        return False
    in_air = turn.queue.in_air
    candidates = groups.candidates(group, any_tag=any_tag)
    waiting = sorted(one for one in candidates if one not in in_air)
    if len(waiting) <= enough:
        groups.floods.pop(group, None)
        return False
    chosen = waiting[:MAX_MERGED]
    for other, until in list(groups.floods.items()):
        if until + INTERVAL < now:
            # Over, though nothing came any more that would have shown it.
            del groups.floods[other]
    groups.floods[group] = turn.after(INTERVAL)
    messages = turn.queue.merge(Merging(group, tuple(chosen)))
    turn.do(Merge(messages))
    for queue_id in chosen:
        turn.do(Release(queue_id, for_digest=True))
    return True


def end_floods(turn: Turn) -> None:
    """Let nobody wait for others any more once a person has set it so."""
    queue = turn.queue
    floods = queue.groups.floods
    if not floods or (turn.digest and turn.standing.bucket.rate(turn.now.steady)):
        return
    for group in floods:
        # None of them has failed, so that they wait for nothing else.
        for message in filter(None, map(queue.get, queue.groups.candidates(group))):
            queue.put(replace(message, due=AT_ONCE))
    floods.clear()


def merged(turn: Turn, event: Merged) -> None:
    """Put a digest, which is on disk, into the place of what it is made of."""
    merging = turn.queue.groups.end(event.first)
    if merging is None:
        return
    for queue_id in merging.queue_ids:
        turn.queue.remove(queue_id)
    turn.queue.put(event.digest)
    if merging.unwanted.issuperset(merging.queue_ids):
        turn.remove(event.digest)
        return
    turn.log(
        logging.INFO,
        f"{len(merging.queue_ids)} messages become one: {event.digest.queue_id}",
    )


def merge_failed(turn: Turn, event: MergeFailed) -> None:
    """Let go out one by one what could not be merged."""
    merging = turn.queue.groups.end(event.first)
    if merging is None:
        return
    if not event.again:
        turn.queue.groups.floods.pop(merging.group, None)
    let_go(turn, merging, alone=not event.again)


def discard_merging(turn: Turn, message: QueuedMessage, merging: Merging) -> None:
    """Discard a message that is being merged: what is made of it is of no use."""
    groups = turn.queue.groups
    if merging.writing:
        groups.unwant(message.queue_id)
        return
    groups.end(merging.queue_ids[0])
    let_go(turn, merging, alone=False)
    turn.remove(message)


def forget_tag(turn: Turn, tag: str) -> None:
    """Let a digest of several tags go out without another word on one of them."""
    for digest in turn.queue:
        if any(one.tag == tag for one in digest.merged):
            parts = (
                replace(one, tag="") if one.tag == tag else one for one in digest.merged
            )
            known = replace(digest, merged=tuple(parts))
            turn.queue.put(known)
            turn.do(Write(known))


def let_go(turn: Turn, merging: Merging, *, alone: bool) -> None:
    """Have messages wait for their turn again, but those that a person discarded."""
    for message in filter(None, map(turn.queue.get, merging.queue_ids)):
        if message.queue_id in merging.unwanted:
            turn.remove(message)
        else:
            due = float("-inf") if alone else message.due
            turn.queue.put(replace(message, alone=alone, due=due))


def originals(messages: Sequence[QueuedMessage]) -> tuple[Original, ...]:
    """Return what has to be known of messages to tell what became of them."""
    return tuple(
        Original(one.queue_id, one.subject, one.message_id, one.tag) for one in messages
    )
