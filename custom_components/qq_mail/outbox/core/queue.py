"""The messages that wait, and whose turn it is: at the same cost however many wait."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from .groups import Group, Groups, Merging, group_of
from .lanes import Lanes, Ready
from .models import NEVER, Message

_SPARE = 64
"""Entries of a heap that may be stale before it is tidied, whatever its size."""

type _Later = tuple[float, str]
"""When it is due, or expires; queue id."""
type _Kind = tuple[int, Group | None]
"""Rank, and the group of those that could be merged."""


@dataclass(slots=True)
class InProgress:
    """An attempt that has not ended."""

    rank: int
    """Of its message."""
    since: float
    """Steady seconds."""
    busy_since: float | None = None
    """Since when its session is at work for it; None: it is still being opened."""
    text_since: float | None = None
    """Since when its text is on its way."""
    taken_over: bool = False
    """Another account is to have it, or a copy of it: that is asked for once."""


class Queue:
    """An account's messages by their queue ids, each with one owner at a time.

    A message waits (in one of the heaps), or is being tried, or becomes a part of a
    digest, or is gone. The heaps have stale entries: one counts only if it is where the
    message's own place says. Those that may be tried are in lanes, which say whose turn
    it is.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.size = 0
        """Octets of all of them."""
        self.in_progress: dict[str, InProgress] = {}
        self.guests: dict[str, str] = {}
        """The accounts of those that were taken over from them, by queue id."""
        self.groups = Groups()
        self._messages: dict[str, Message] = {}
        self._places: dict[str, Ready | _Later] = {}
        self._ready = Counter[_Kind]()
        """How many may be tried, of each kind."""
        self._kinds: dict[str, _Kind] = {}
        """Where each of those is counted."""
        self._lanes = Lanes(lambda entry: self._places.get(entry[2]) == entry)
        self._later: list[_Later] = []
        self._expiry: list[_Later] = []

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
            self.size -= known.size
            self.groups.forget(known)
        self.size += message.size
        self.groups.know(message)
        self._messages[queue_id] = message
        if message.home:
            self.guests[queue_id] = message.home
        if (expires_at := message.expires_at) is not None:
            self._push(self._expiry, (expires_at, queue_id), self._expires)
        if not self.is_owned(queue_id):
            entry = (NEVER if message.restored else message.due, queue_id)
            self._put_at(queue_id, entry)
            self._push(self._later, entry, self._is)

    def remove(self, queue_id: str) -> None:
        """Let go of a message that is there."""
        message = self._messages.pop(queue_id)
        self.size -= message.size
        self.groups.forget(message)
        self.in_progress.pop(queue_id, None)
        self._put_at(queue_id, None)
        self.guests.pop(queue_id, None)

    @property
    def restored(self) -> set[str]:
        """Those that come from a backup, and wait for a person's decision."""
        return {one.queue_id for one in self if one.restored}

    def hand_out(self, message: Message) -> None:
        """Let go of a message whose turn it was, for another account to have it."""
        self._serve(message)
        self.remove(message.queue_id)

    @property
    def trying(self) -> list[Message]:
        """What is being tried."""
        return [self._messages[queue_id] for queue_id in self.in_progress]

    def begin_attempt(self, message: Message, now: float) -> None:
        """Let a message be tried: nobody else touches it until that has ended."""
        self._serve(message)
        self.in_progress[message.queue_id] = InProgress(message.rank, now)

    def end_attempt(self, queue_id: str) -> Message | None:
        """Return a message that was tried; it waits again, unless it is removed."""
        if self.in_progress.pop(queue_id, None) is None:
            return None
        message = self._messages[queue_id]
        self.put(message)
        return message

    def merge(self, merging: Merging) -> tuple[Message, ...]:
        """Let messages become one: nobody else touches them until that has ended."""
        self.groups.own(merging)
        for queue_id in merging.queue_ids:
            self._put_at(queue_id, None)
        return tuple(self._messages[queue_id] for queue_id in merging.queue_ids)

    def is_owned(self, queue_id: str) -> bool:
        """Tell whether a message is being tried, or merged."""
        return queue_id in self.in_progress or queue_id in self.groups.owned

    def heads(self, now: float) -> Iterator[Message]:
        """Yield the first message of each lane that may be tried (see Lanes)."""
        while self._later and self._later[0][0] <= now:
            entry = heappop(self._later)
            if self._is(entry):
                self._put_at(entry[1], self._lanes.add(self._messages[entry[1]]))
        for queue_id in self._lanes.heads():
            yield self._messages[queue_id]

    def expired(self, now: float, most: int) -> list[Message]:
        """Return messages that are too old and not being tried; at most so many."""
        # A message may have several entries of the same time.
        found: dict[str, Message] = {}
        while self._expiry and self._expiry[0][0] <= now and len(found) < most:
            _, queue_id = heappop(self._expiry)
            message = self._messages.get(queue_id)
            if not message or self.is_owned(queue_id):
                # It is put back with what came of it.
                continue
            if message.expires_at is not None and message.expires_at <= now:
                found[queue_id] = message
        return list(found.values())

    def next_expiry(self) -> float:
        """Return when to look for what is too old; it may be early."""
        return self._expiry[0][0] if self._expiry else NEVER

    def first_later(self) -> tuple[float, Message] | None:
        """Return the first of those that may not be tried yet, but will be, and when."""
        while self._later and not self._is(self._later[0]):
            heappop(self._later)
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
        own = (one for one in self._messages if one not in self.guests)
        return self.get(min(own if self.guests else self._messages, default=""))

    def _serve(self, message: Message) -> None:
        if _is_ready(self._put_at(message.queue_id, None)):
            self._lanes.serve(message)

    def _is(self, entry: _Later) -> bool:
        return self._places.get(entry[1]) == entry

    def _expires(self, entry: _Later) -> bool:
        message = self._messages.get(entry[1])
        return message is not None and message.expires_at == entry[0]

    def _put_at(
        self, queue_id: str, place: Ready | _Later | None
    ) -> Ready | _Later | None:
        """Change where a message waits; return where it waited before."""
        before = self._places.pop(queue_id, None)
        if kind := self._kinds.pop(queue_id, None):
            self._ready[kind] -= 1
            if not self._ready[kind]:
                del self._ready[kind]
        if place is not None:
            self._places[queue_id] = place
        if _is_ready(place):
            message = self._messages[queue_id]
            kind = message.rank, group_of(message) if message.mergeable else None
            self._kinds[queue_id] = kind
            self._ready[kind] += 1
        return before

    def _push(
        self, heap: list[_Later], entry: _Later, counts: Callable[[_Later], bool]
    ) -> None:
        """Add to a heap, and tidy it once most of it is stale."""
        heappush(heap, entry)
        if len(heap) > 2 * len(self._messages) + _SPARE:
            heap[:] = {one for one in heap if counts(one)}
            heapify(heap)


def _is_ready(place: Ready | _Later | None) -> bool:
    return place is not None and len(place) == 3  # noqa: PLR2004 - a Ready has three
