"""Whose turn it is among the messages that may be tried: recipients take turns."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count

from .models import NEVER, Message

type Ready = tuple[int, float, str]
"""Rank, the higher the smaller; when it was offered last; queue id."""
type Key = tuple[int, frozenset[str], str]
"""Rank, likewise; for whom; the account from which it was taken over."""
type _Place = tuple[int, int, bool, int, Key]
"""Rank, likewise; round; whether it had a turn; a number of its own; which lane."""


class Lanes:
    """A lane for each set of recipients, each priority, and each account's messages.

    The more important go first. Among equals the lanes take turns, so that nobody's
    flood holds up a message for someone else; a lane that was empty has its turn before
    one that was just served. No lane has two turns while another one waits. Within a lane
    goes first who waits for a try, then who was tried in vain; then the older. What no
    other account may take over goes last: it does not hold up what another one may take.
    """

    def __init__(self, counts: Callable[[Ready], bool]) -> None:
        """Begin with nobody waiting; `counts` tells whether an entry still holds."""
        self._counts = counts
        self._lanes: dict[Key, list[Ready]] = {}
        self._places: dict[Key, _Place] = {}
        self._line: list[_Place] = []
        """Of the lanes. It has stale places: one counts if it is among the above."""
        self._rounds: dict[int, int] = {}
        """Which one it is, by rank."""
        self._number = count()

    def add(self, message: Message) -> Ready:
        """Let a message wait for its turn; return its entry."""
        key, entry = key_of(message), order(message)
        if key not in self._lanes:
            self._lanes[key] = []
            self._line_up(key, served=False)
        heappush(self._lanes[key], entry)
        return entry

    def heads(self) -> Iterator[str]:
        """Yield the first of each lane, in the order of their turns.

        Only the first one comes at the same cost however many lanes there are.
        """
        if (head := self._first()) is None:
            return
        yield head
        for place in sorted(self._line)[1:]:
            if self._holds(place) and (head := self._head(place)):
                yield head

    def serve(self, message: Message) -> None:
        """Note that a message has its turn: its lane lines up anew."""
        key = key_of(message)
        self._rounds[key[0]] = self._places[key][1]
        self._line_up(key, served=True)

    def _first(self) -> str | None:
        """Return whose turn it is; what does not count any more is dropped."""
        while self._line:
            place = self._line[0]
            if self._holds(place):
                if head := self._head(place):
                    return head
                del self._lanes[place[-1]], self._places[place[-1]]
            heappop(self._line)
        return None

    def _holds(self, place: _Place) -> bool:
        return self._places.get(place[-1]) == place

    def _head(self, place: _Place) -> str | None:
        lane = self._lanes[place[-1]]
        while lane and not self._counts(lane[0]):
            heappop(lane)
        return lane[0][2] if lane else None

    def _line_up(self, key: Key, *, served: bool) -> None:
        after = self._rounds.get(key[0], 0) + 1
        place = (key[0], after, served, next(self._number), key)
        self._places[key] = place
        heappush(self._line, place)


def order(message: Message) -> Ready:
    """Return what a message is sorted by in its lane."""
    offered_at = NEVER if message.stays else message.offered_at
    return (-message.rank, offered_at, message.queue_id)


def in_turns(messages: list[Message]) -> list[Message]:
    """Sort messages as they would go out now, if all of them might."""
    number: dict[Key, int] = {}
    turns: list[tuple[int, int, Ready, Message]] = []
    for message in sorted(messages, key=order):
        key = key_of(message)
        number[key] = number.get(key, 0) + 1
        turns.append((key[0], number[key], order(message), message))
    return [message for *_, message in sorted(turns, key=lambda turn: turn[:3])]


def key_of(message: Message) -> Key:
    """Return with whom a message shares its lane."""
    return (-message.rank, frozenset(message.recipients), message.home)
