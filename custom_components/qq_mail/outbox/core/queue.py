"""The messages that wait, and whose turn it is: at the same cost however many wait."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator

from .lanes import Lanes
from .limits import people_of
from .models import NEVER, Attempt, Group, Merge, Message

type _Later = tuple[float, str]
"""When it is due, or expires; queue id."""
type _Kind = tuple[int, Group | None]
"""Rank, and the group of those that could be merged."""


class Groups:
    """Knows of each message whom it could be merged with, at the same cost for all."""

    def __init__(self) -> None:
        self.merging: dict[str, Merge] = {}
        """By the queue id of the first of each."""
        self.floods: dict[Group, float] = {}
        """Until when the next of a group wait for each other; steady seconds."""
        self.digests: dict[str, str] = {}
        """By queue ids: the digests that messages have become a part of."""
        self.owned: dict[str, Merge] = {}
        """By queue ids: what is being merged."""
        self._waiting: dict[Group, dict[str, None]] = {}

    def know(self, message: Message) -> None:
        """Note what is known of a message."""
        group, queue_id = group_of(message), message.queue_id
        if message.mergeable:
            self._waiting.setdefault(group, {})[queue_id] = None
        for part in message.parts:
            self.digests[part.queue_id] = queue_id

    def forget(self, message: Message) -> None:
        """Forget a message that is gone."""
        group = group_of(message)
        if waiting := self._waiting.get(group):
            waiting.pop(message.queue_id, None)
            if not waiting:
                del self._waiting[group]
        for part in message.parts:
            self.digests.pop(part.queue_id, None)

    def candidates(self, group: Group, *, any_tag: bool = False) -> list[str]:
        """Return who can be merged, or is being tried and could be afterwards."""
        groups = self._alike(group, any_tag=any_tag)
        return [one for each in groups for one in each if one not in self.owned]

    def size(self, group: Group, *, any_tag: bool = False) -> int:
        """Return how many those are at most, at no cost unless tags do not matter."""
        return sum(map(len, self._alike(group, any_tag=any_tag)))

    def own(self, merge: Merge) -> None:
        """Begin to merge."""
        self.merging[merge.queue_ids[0]] = merge
        self.owned |= dict.fromkeys(merge.queue_ids, merge)

    def end(self, first: str) -> Merge | None:
        """Let go of what was being merged; None: that was given up before."""
        merge = self.merging.pop(first, None)
        for queue_id in merge.queue_ids if merge else ():
            del self.owned[queue_id]
        return merge

    def _alike(self, group: Group, *, any_tag: bool) -> list[dict[str, None]]:
        if not any_tag:
            return [self._waiting.get(group, {})]
        return [each for other, each in self._waiting.items() if other[:2] == group[:2]]


class Queue:
    """An account's messages by their queue ids, each with one owner at a time.

    A message waits until it is due, or for its turn; or it is being tried, or becomes a
    part of a digest, or is gone. Lists are kept sorted: to move ten thousand pointers
    takes microseconds.
    """

    def __init__(self) -> None:
        self.size = 0
        """Octets of all of them."""
        self.in_progress: dict[str, Attempt] = {}
        self.guests: dict[str, str] = {}
        """The accounts of those that were taken over from them, by queue id."""
        self.groups = Groups()
        self._messages: dict[str, Message] = {}
        self._raised: list[str] = []
        """Their queue ids, in the order of these."""
        self._later: list[_Later] = []
        self._expiry: list[_Later] = []
        self._lanes = Lanes()
        """Of those that may be tried."""
        self._kinds: dict[str, _Kind] = {}
        """Of each of those."""
        self._ready = Counter[_Kind]()
        """How many there are of each kind."""

    def __len__(self) -> int:
        """Return how many messages there are, those being tried included."""
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        """Iterate over a copy: messages come and go."""
        return iter(list(self._messages.values()))

    def get(self, queue_id: str) -> Message | None:
        """Return a message, if it is still there."""
        return self._messages.get(queue_id)

    def get_whole(self, queue_id: str) -> Message | None:
        """Return a message, or the digest that it has become a part of."""
        return self._messages.get(self.groups.digests.get(queue_id, queue_id))

    def put(self, message: Message) -> None:
        """Add a message, or replace what is known of it."""
        queue_id = message.queue_id
        if known := self._messages.get(queue_id):
            self._forget(known)
        insort(self._raised, queue_id)
        self.size += message.size
        self.groups.know(message)
        self._messages[queue_id] = message
        if message.home:
            self.guests[queue_id] = message.home
        if (expires_at := message.expires_at) is not None:
            insort(self._expiry, (expires_at, queue_id))
        if not self.is_owned(queue_id):
            insort(self._later, _later(message))

    def remove(self, queue_id: str) -> None:
        """Let go of a message that is there."""
        self._forget(self._messages.pop(queue_id))
        self.in_progress.pop(queue_id, None)
        self.guests.pop(queue_id, None)

    def hand_out(self, message: Message) -> None:
        """Let go of a message whose turn it was, for another account to have it."""
        self._serve(message)
        self.remove(message.queue_id)

    @property
    def trying(self) -> list[Message]:
        """What is being tried."""
        return [self._messages[queue_id] for queue_id in self.in_progress]

    def begin_attempt(self, attempt: Attempt) -> None:
        """Let a message be tried: nobody else touches it until that has ended."""
        self._serve(attempt.message)
        self.in_progress[attempt.message.queue_id] = attempt

    def end_attempt(self, queue_id: str) -> Message | None:
        """Return a message that was tried; it waits again, unless it is removed."""
        if self.in_progress.pop(queue_id, None) is None:
            return None
        message = self._messages[queue_id]
        self.put(message)
        return message

    def merge(self, merge: Merge) -> None:
        """Let messages become one: nobody else touches them until that has ended."""
        self.groups.own(merge)
        for message in merge.messages:
            self._end_wait(message)

    def is_owned(self, queue_id: str) -> bool:
        """Tell whether a message is being tried, or merged."""
        return queue_id in self.in_progress or queue_id in self.groups.owned

    def heads(self, now: float) -> Iterator[Message]:
        """Yield the first message of each lane that may be tried (see Lanes)."""
        while self._later and self._later[0][0] <= now:
            _, queue_id = self._later.pop(0)
            message = self._messages[queue_id]
            kind = message.rank, group_of(message) if message.mergeable else None
            self._kinds[queue_id] = kind
            self._ready[kind] += 1
            self._lanes.add(message)
        for queue_id in self._lanes.heads():
            yield self._messages[queue_id]

    def expired(self, now: float, most: int) -> list[Message]:
        """Return messages that are too old and not being tried; at most so many."""
        found: list[Message] = []
        while self._expiry and self._expiry[0][0] <= now and len(found) < most:
            _, queue_id = self._expiry.pop(0)
            # What is owned is put back with what came of it.
            if not self.is_owned(queue_id):
                found.append(self._messages[queue_id])
        return found

    def next_expiry(self) -> float:
        """Return when to look for what is too old."""
        return self._expiry[0][0] if self._expiry else NEVER

    def first_later(self) -> tuple[float, Message] | None:
        """Return the first of those that may not be tried yet, but will be, and when."""
        if not self._later or self._later[0][0] == NEVER:
            return None
        at, queue_id = self._later[0]
        return at, self._messages[queue_id]

    def ready(self, rank: int) -> Counter[Group | None]:
        """Return how many may be tried that are as important as that, or more.

        By group; None: those that cannot be merged.
        """
        sums = Counter[Group | None]()
        for (one, group), number in self._ready.items():
            if one >= rank:
                sums[group] += number
        return sums

    def oldest(self) -> Message | None:
        """Return the one that was raised here first, in the order of the queue ids."""
        own = (one for one in self._raised if one not in self.guests)
        return self.get(next(own, ""))

    def _serve(self, message: Message) -> None:
        if self._end_wait(self._messages[message.queue_id]):
            self._lanes.serve(message)

    def _forget(self, message: Message) -> None:
        """Undo what was done when this was put here."""
        _drop(self._raised, message.queue_id)
        self.size -= message.size
        self.groups.forget(message)
        if message.expires_at is not None:
            _drop(self._expiry, (message.expires_at, message.queue_id))
        self._end_wait(message)

    def _end_wait(self, message: Message) -> bool:
        """Have a message wait for nothing; return whether it could be tried."""
        kind = self._kinds.pop(message.queue_id, None)
        if kind is None:
            _drop(self._later, _later(message))
            return False
        self._lanes.remove(message)
        self._ready[kind] -= 1
        if not self._ready[kind]:
            del self._ready[kind]
        return True


def _later(message: Message) -> _Later:
    return (NEVER if message.restored else message.due, message.queue_id)


def _drop[T: (_Later, str)](entries: list[T], entry: T) -> None:
    """Remove an entry, if it is there, from a sorted list."""
    place = bisect_left(entries, entry)
    if entries[place : place + 1] == [entry]:
        del entries[place]


def group_of(message: Message) -> Group:
    """Return with whom a message could be merged."""
    return (message.level, people_of(message.recipients), message.tag)
