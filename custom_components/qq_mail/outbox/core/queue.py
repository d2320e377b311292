"""The messages that wait, and whose turn it is: at the same cost however many wait."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from .groups import Group, Groups, Merging, group_of
from .lanes import Lanes, Ready, in_turns
from .models import NEVER, Message

_SPARE = 64
"""Entries of a heap that may be stale before it is tidied, whatever its size."""

type _Later = tuple[float, str]


@dataclass(frozen=True, slots=True)
class InProgress:
    """An attempt that has not ended."""

    rank: int
    """Of its message."""
    since: float
    """Steady seconds."""
    busy_since: float | None = None
    """Since when its session is at work for it; None: it is still being opened."""
    counted: bool = False
    """Whether the limits count it: its text is announced, or on its way."""
    text_since: float | None = None
    """Since when its text is on its way."""
    unwanted: bool = False
    """A person discarded it meanwhile: if it is not accepted, it goes."""
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
        self.restored: set[str] = set()
        """Those that come from a backup, and wait for a person's decision."""
        self.guests: dict[str, str] = {}
        """The accounts of those that were taken over from them, by queue id."""
        self.groups = Groups()
        self._messages: dict[str, Message] = {}
        self._places: dict[str, Ready | _Later] = {}
        self._ready = Counter[int]()
        """How many may be tried, by rank."""
        self._mergeable = Counter[tuple[Group, int]]()
        """How many of them could be merged, by group and rank."""
        self._grouped: dict[str, tuple[Group, int]] = {}
        """Where each of those is counted."""
        self._lanes = Lanes(lambda entry: self._places.get(entry[2]) == entry)
        self._oldest: list[str] = []
        """A heap of queue ids, like those below."""
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
        known = self._messages.get(queue_id)
        self.size += message.size - (known.size if known else 0)
        self._know(message)
        if not known:
            self._push(self._oldest, queue_id, self._messages.__contains__)
        if not self.is_owned(queue_id):
            self._place(message)

    def remove(self, queue_id: str) -> None:
        """Let go of a message that is there."""
        message = self._messages.pop(queue_id)
        self.size -= message.size
        self.groups.forget(message)
        self.in_progress.pop(queue_id, None)
        self._put_at(queue_id, None)
        self.restored.discard(queue_id)
        self.guests.pop(queue_id, None)

    @property
    def guests_waiting(self) -> int:
        """How many of those that were taken over have not had their turn."""
        return sum(not self.is_owned(queue_id) for queue_id in self.guests)

    def hand_out(self, message: Message) -> None:
        """Let go of a message whose turn it was, for another account to have it."""
        self._serve(message)
        self.remove(message.queue_id)

    def begin_attempt(self, message: Message, now: float) -> None:
        """Let a message be tried: nobody else touches it until that has ended."""
        self._serve(message)
        self.in_progress[message.queue_id] = InProgress(message.rank, now)

    def end_attempt(self, queue_id: str) -> tuple[Message, InProgress] | None:
        """Return a message that was tried; it waits again, unless it is removed."""
        attempt = self.in_progress.pop(queue_id, None)
        if attempt is None:
            return None
        message = self._messages[queue_id]
        self.put(message)
        return message, attempt

    def is_told_with_others(self, tag: str, home: str = "") -> bool:
        """Tell whether a digest goes out for others' sake that speaks of a tag, too.

        `home` is the account whose tag it is; empty: the one whose queue this is.
        """
        digests = [{part.tag for part in one.parts} for one in self if one.home == home]
        return any(tag in tags and len(tags) > 1 for tags in digests)

    def merge(self, merging: Merging) -> tuple[Message, ...]:
        """Let messages become one: nobody else touches them until that has ended."""
        self.groups.own(merging)
        for queue_id in merging.queue_ids:
            self._put_at(queue_id, None)
        return tuple(self._messages[queue_id] for queue_id in merging.queue_ids)

    def is_owned(self, queue_id: str) -> bool:
        """Tell whether a message is being tried, or merged."""
        return (
            queue_id in self.in_progress or self.groups.merging_of(queue_id) is not None
        )

    def heads(self, now: float) -> Iterator[Message]:
        """Yield the first message of each lane that may be tried (see Lanes)."""
        while self._later and self._later[0][0] <= now:
            entry = heappop(self._later)
            if self._is(entry):
                self._make_ready(self._messages[entry[1]])
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

    def next_later(self) -> float:
        """Return when the next one may be tried of those that may not yet."""
        while self._later and not self._is(self._later[0]):
            heappop(self._later)
        return self._later[0][0] if self._later else NEVER

    def first_later(self) -> Message | None:
        """Return the first of those that may not be tried yet, but will be."""
        if self.next_later() == NEVER:
            return None
        return self._messages[self._later[0][1]]

    def due_of(self, message: Message) -> float:
        """Return when a message may be tried, as far as it goes itself."""
        place = self._places.get(message.queue_id)
        # Ready ones were hurried, where they are not due by themselves.
        return place[0] if place and not _is_ready(place) else float("-inf")

    def ready(self, rank: int) -> int:
        """Return how many may be tried that are as important as that, or more."""
        return sum(number for one, number in self._ready.items() if one >= rank)

    def ready_groups(self, rank: int) -> Counter[Group]:
        """Return how many of those could be merged, by group."""
        sums = Counter[Group]()
        for (group, one), number in self._mergeable.items():
            if one >= rank:
                sums[group] += number
        return sums

    def hurry(self, *, restored: bool) -> list[Message]:
        """Let everything be tried as soon as possible: a person asked for it.

        With `restored`, what comes from a backup as well; return those, which are known
        otherwise then.
        """
        waiting = {entry[1] for entry in self._later if self._is(entry)}
        held = set() if restored else self.restored & waiting
        waiting -= held
        self._later = [(NEVER, queue_id) for queue_id in held]
        return [
            message
            for queue_id in waiting
            if (message := self.hurry_one(self._messages[queue_id]))
        ]

    def hurry_one(self, message: Message) -> Message | None:
        """Let a message that waits be tried as soon as possible."""
        if self.is_owned(message.queue_id):
            return None
        restored = message.restored
        if restored:
            # What it was in the middle of then is no news: a person has decided.
            message = replace(message, restored=False, in_data=False, by="")
            self._know(message)
        self._make_ready(message)
        return message if restored else None

    def oldest(self) -> Message | None:
        """Return the message that came first, in the order of the queue ids."""
        while self._oldest and self._oldest[0] not in self._messages:
            heappop(self._oldest)
        return self._messages[self._oldest[0]] if self._oldest else None

    def in_order(self) -> list[Message]:
        """Return the messages as they go out if they may."""
        return in_turns(list(self._messages.values()))

    def _serve(self, message: Message) -> None:
        if _is_ready(self._put_at(message.queue_id, None)):
            self._lanes.serve(message)

    def _know(self, message: Message) -> None:
        if (known := self._messages.get(message.queue_id)) is not None:
            self.groups.forget(known)
        self.groups.know(message)
        self._messages[message.queue_id] = message
        if message.home:
            self.guests[message.queue_id] = message.home
        if message.restored:
            self.restored.add(message.queue_id)
        else:
            self.restored.discard(message.queue_id)
        if (expires_at := message.expires_at) is not None:
            self._push(self._expiry, (expires_at, message.queue_id), self._expires)

    def _is(self, entry: _Later) -> bool:
        return self._places.get(entry[1]) == entry

    def _expires(self, entry: _Later) -> bool:
        message = self._messages.get(entry[1])
        return message is not None and message.expires_at == entry[0]

    def _place(self, message: Message) -> None:
        due = NEVER if message.restored else message.due
        entry = (due, message.queue_id)
        self._put_at(message.queue_id, entry)
        self._push(self._later, entry, self._is)

    def _make_ready(self, message: Message) -> None:
        if not _is_ready(self._places.get(message.queue_id)):
            self._put_at(message.queue_id, self._lanes.add(message))

    def _put_at(
        self, queue_id: str, place: Ready | _Later | None
    ) -> Ready | _Later | None:
        """Change where a message waits; return where it waited before."""
        before = self._places.pop(queue_id, None)
        if before is not None and _is_ready(before):
            self._ready[-int(before[0])] -= 1
            if group := self._grouped.pop(queue_id, None):
                self._mergeable[group] -= 1
                if not self._mergeable[group]:
                    del self._mergeable[group]
        if place is not None:
            self._places[queue_id] = place
            if _is_ready(place):
                self._ready[-int(place[0])] += 1
                message = self._messages[queue_id]
                if message.mergeable:
                    group = group_of(message), message.rank
                    self._grouped[queue_id] = group
                    self._mergeable[group] += 1
        return before

    def _push[T: (str, _Later)](
        self, heap: list[T], entry: T, counts: Callable[[T], bool]
    ) -> None:
        """Add to a heap, and tidy it once most of it is stale."""
        heappush(heap, entry)
        if len(heap) > 2 * len(self._messages) + _SPARE:
            heap[:] = {one for one in heap if counts(one)}
            heapify(heap)


def _is_ready(place: Ready | _Later | None) -> bool:
    return place is not None and len(place) == 3  # noqa: PLR2004 - a Ready has three
