"""The messages that wait, and whose turn it is: at the same cost however many wait."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from .groups import Groups, Merging
from .lanes import Lanes, Ready, in_turns
from .message import QueuedMessage

_SPARE = 64
"""Entries of a heap that may be stale before it is tidied, whatever its size."""

type _Later = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Flight:
    """A message that is just being tried."""

    importance: int
    busy_since: float | None = None
    """Since when its session is at work for it; None: it is still being opened."""
    unwanted: bool = False
    """A person discarded it meanwhile: if it is not accepted, it goes."""
    ending: bool = False
    """All of it is sent: another one may follow it over the same session."""
    behind: str | None = None
    """It follows this one, whose answer has not come yet."""


class Queue:
    """An account's messages by their queue ids, each with one owner at a time.

    A message waits (in one of the heaps), or is in the air, or becomes a part of a
    digest, or is gone. The heaps have stale entries: one counts only if it is where the
    message's own place says. Those that may be tried are in lanes, which say whose turn
    it is.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.size = 0
        """Octets of all of them."""
        self.in_air: dict[str, Flight] = {}
        self.restored: set[str] = set()
        """Those that come from a backup, and wait for a person's decision."""
        self.groups = Groups()
        self._messages: dict[str, QueuedMessage] = {}
        self._places: dict[str, Ready | _Later] = {}
        self._lanes = Lanes()
        self._later: list[_Later] = []
        self._expiry: list[_Later] = []

    def __len__(self) -> int:
        """Return how many messages there are, those in the air included."""
        return len(self._messages)

    def __iter__(self) -> Iterator[QueuedMessage]:
        """Iterate over a copy: messages come and go."""
        return iter(list(self._messages.values()))

    def get(self, queue_id: str) -> QueuedMessage | None:
        """Return a message, if it is still there."""
        return self._messages.get(queue_id)

    def get_whole(self, queue_id: str) -> QueuedMessage | None:
        """Return a message, or the digest that it has become a part of."""
        return self._messages.get(self.groups.digests.get(queue_id, queue_id))

    def put(self, message: QueuedMessage) -> None:
        """Add a message, or replace what is known of it."""
        queue_id = message.queue_id
        if known := self._messages.get(queue_id):
            self.size -= known.size
        self.size += message.size
        self._know(message)
        if not self._is_owned(queue_id):
            self._place(message)

    def remove(self, queue_id: str) -> None:
        """Let go of a message that is there."""
        message = self._messages.pop(queue_id)
        self.size -= message.size
        self.groups.forget(message)
        self.in_air.pop(queue_id, None)
        self._places.pop(queue_id, None)
        self.restored.discard(queue_id)

    def take_off(
        self,
        message: QueuedMessage,
        *,
        busy_since: float | None = None,
        behind: str | None = None,
    ) -> None:
        """Let a message be tried: nobody else touches it until it lands."""
        if _is_ready(self._places.pop(message.queue_id, None)):
            self._lanes.serve(message)
        self.in_air[message.queue_id] = Flight(
            message.importance, busy_since, behind=behind
        )

    def merge(self, merging: Merging) -> tuple[QueuedMessage, ...]:
        """Let messages become one: nobody else touches them until that has ended."""
        self.groups.own(merging)
        for queue_id in merging.queue_ids:
            self._places.pop(queue_id, None)
        return tuple(self._messages[queue_id] for queue_id in merging.queue_ids)

    def split(self, first: str) -> None:
        """Let messages wait again that were to become one."""
        merging = self.groups.merging[first]
        self.groups.end(first)
        for queue_id in merging.queue_ids:
            self.put(self._messages[queue_id])

    def change_flight(self, queue_id: str, flight: Flight) -> None:
        """Replace what is known of a message in the air."""
        self.in_air[queue_id] = flight

    def land(self, queue_id: str) -> tuple[QueuedMessage, Flight] | None:
        """Return a message that was tried; it waits again, unless it is removed."""
        flight = self.in_air.pop(queue_id, None)
        if flight is None:
            return None
        if follower := self.follower_of(queue_id):
            self.change_flight(follower, replace(self.in_air[follower], behind=None))
        message = self._messages[queue_id]
        self.put(message)
        return message, flight

    @property
    def sessions(self) -> int:
        """How many sessions there are for those in the air."""
        return sum(flight.behind is None for flight in self.in_air.values())

    def follower_of(self, queue_id: str) -> str | None:
        """Return which message follows one in the air over the same session."""
        behind = (
            one for one, flight in self.in_air.items() if flight.behind == queue_id
        )
        return next(behind, None)

    @property
    def leader(self) -> str | None:
        """The message in the air that another one can follow over its session."""
        ending = (one for one, flight in self.in_air.items() if flight.ending)
        return next((one for one in ending if not self.follower_of(one)), None)

    def first(self, now: float) -> QueuedMessage | None:
        """Return the message whose turn it is (see Lanes)."""
        while self._later and self._later[0][0] <= now:
            entry = heappop(self._later)
            if self._places.get(entry[1]) == entry:
                self._make_ready(self._messages[entry[1]])
        queue_id = self._lanes.first(lambda entry: self._places.get(entry[2]) == entry)
        return self._messages[queue_id] if queue_id else None

    def expired(self, now: float, most: int) -> list[QueuedMessage]:
        """Return messages that are too old and not in the air; at most so many."""
        # A message may have several entries of the same time.
        found: dict[str, QueuedMessage] = {}
        while self._expiry and self._expiry[0][0] <= now and len(found) < most:
            _, queue_id = heappop(self._expiry)
            message = self._messages.get(queue_id)
            if not message or self._is_owned(queue_id):
                # It is put back with what came of it.
                continue
            if message.expires_at is not None and message.expires_at <= now:
                found[queue_id] = message
        return list(found.values())

    def next_expiry(self) -> float | None:
        """Return when to look for what is too old; it may be early."""
        return self._expiry[0][0] if self._expiry else None

    def next(self) -> QueuedMessage | None:
        """Return the message that may be tried next, as far as the messages go."""
        if message := self.first(float("-inf")):
            return message
        later = self.next_later()
        return None if later is None else self._messages[self._later[0][1]]

    def next_later(self) -> float | None:
        """Return when the next one may be tried of those that may not yet."""
        while self._later:
            entry = self._later[0]
            if self._places.get(entry[1]) == entry:
                return None if entry[0] == float("inf") else entry[0]
            heappop(self._later)
        return None

    def due_of(self, message: QueuedMessage) -> float:
        """Return when a message may be tried, as far as it goes itself."""
        place = self._places.get(message.queue_id)
        # Ready ones were hurried, where they are not due by themselves.
        return place[0] if place and not _is_ready(place) else float("-inf")

    def hurry(self, *, restored: bool) -> list[QueuedMessage]:
        """Let everything be tried as soon as possible: a person asked for it.

        With `restored`, what comes from a backup as well; return those, which are known
        otherwise then.
        """
        waiting = {entry[1] for entry in self._later if self._is(entry)}
        held = set() if restored else self.restored & waiting
        waiting -= held
        self._later = [(float("inf"), queue_id) for queue_id in held]
        return [
            message
            for queue_id in waiting
            if (message := self.hurry_one(self._messages[queue_id]))
        ]

    def hurry_one(self, message: QueuedMessage) -> QueuedMessage | None:
        """Let a message that waits be tried as soon as possible."""
        if self._is_owned(message.queue_id):
            return None
        restored = message.restored
        if restored:
            # What it was in the middle of then is no news: a person has decided.
            message = replace(message, restored=False, in_data=False)
            self._know(message)
        self._make_ready(message)
        return message if restored else None

    def in_order(self) -> list[QueuedMessage]:
        """Return the messages as they go out if they may."""
        return in_turns(list(self._messages.values()))

    def _is_owned(self, queue_id: str) -> bool:
        """Tell whether a message is being tried, or merged."""
        return queue_id in self.in_air or self.groups.merging_of(queue_id) is not None

    def _know(self, message: QueuedMessage) -> None:
        if (known := self._messages.get(message.queue_id)) is not None:
            self.groups.forget(known)
        self.groups.know(message)
        self._messages[message.queue_id] = message
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

    def _place(self, message: QueuedMessage) -> None:
        due = float("inf") if message.restored else message.due
        entry = (due, message.queue_id)
        self._places[message.queue_id] = entry
        self._push(self._later, entry, self._is)

    def _make_ready(self, message: QueuedMessage) -> None:
        if not _is_ready(self._places.get(message.queue_id)):
            self._places[message.queue_id] = self._lanes.add(message)

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
