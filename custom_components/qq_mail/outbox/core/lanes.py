"""Whose turn it is among the messages that may be tried: recipients take turns."""

from bisect import bisect_left, insort
from collections.abc import Iterator
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
    one that was just served. No lane has two turns while another one waits: an empty one
    is forgotten when it would be its turn. Within a lane goes first who waits for a try,
    then who was tried in vain; then the older. What no other account may take over goes
    last: it does not hold up what another one may take.
    """

    def __init__(self) -> None:
        self._lanes: dict[Key, list[Ready]] = {}
        self._places: dict[Key, _Place] = {}
        self._line: list[_Place] = []
        """Of the lanes, in the order of their turns."""
        self._rounds: dict[int, int] = {}
        """Which one it is, by rank."""
        self._number = count()

    def add(self, message: Message) -> None:
        """Let a message wait for its turn."""
        key = key_of(message)
        if key not in self._lanes:
            self._lanes[key] = []
            self._line_up(key, served=False)
        insort(self._lanes[key], order(message))

    def remove(self, message: Message) -> None:
        """Let a message that waits do so no more."""
        lane = self._lanes[key_of(message)]
        del lane[bisect_left(lane, order(message))]

    def heads(self) -> Iterator[str]:
        """Yield the first of each lane, in the order of their turns."""
        while self._line and not self._lanes[self._line[0][-1]]:
            key = self._line.pop(0)[-1]
            del self._lanes[key], self._places[key]
        for place in self._line:
            if lane := self._lanes[place[-1]]:
                yield lane[0][2]

    def serve(self, message: Message) -> None:
        """Note that a message of a lane has its turn: the lane lines up anew."""
        key = key_of(message)
        place = self._places[key]
        del self._line[bisect_left(self._line, place)]
        self._rounds[key[0]] = place[1]
        self._line_up(key, served=True)

    def _line_up(self, key: Key, *, served: bool) -> None:
        after = self._rounds.get(key[0], 0) + 1
        place = (key[0], after, served, next(self._number), key)
        self._places[key] = place
        insort(self._line, place)


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
