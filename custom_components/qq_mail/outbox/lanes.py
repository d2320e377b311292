"""Whose turn it is among the messages that may be tried: recipients take turns."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from .message import QueuedMessage

type Ready = tuple[int, float, str]
"""Importance, the higher the smaller; when it was offered last; queue id."""
type _Key = tuple[int, frozenset[str]]
"""Importance, likewise; for whom."""
type _Place = tuple[int, int, bool, int, frozenset[str]]
"""Importance, likewise; round; whether it had a turn; a number of its own; for whom."""


class Lanes:
    """A lane for each set of recipients and each importance.

    The more important go first. Among equals the lanes take turns, so that nobody's
    flood holds up a message for someone else; a lane that was empty has its turn before
    one that was just served. No lane has two turns while another one waits. Within a lane
    goes first who waits for a try, then who was tried in vain; then the older.
    """

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._lanes: dict[_Key, list[Ready]] = {}
        self._places: dict[_Key, _Place] = {}
        self._line: list[_Place] = []
        """Of the lanes. It has stale places: one counts if it is among the above."""
        self._rounds: dict[int, int] = {}
        """Which one it is, by importance."""
        self._number = count()

    def add(self, message: QueuedMessage) -> Ready:
        """Let a message wait for its turn; return its entry."""
        key, entry = _key(message), order(message)
        if key not in self._lanes:
            self._lanes[key] = []
            self._line_up(key, served=False)
        heappush(self._lanes[key], entry)
        return entry

    def first(self, counts: Callable[[Ready], bool]) -> str | None:
        """Return whose turn it is; entries that do not count any more are dropped."""
        while self._line:
            place = self._line[0]
            key = (place[0], place[-1])
            if self._places.get(key) == place:
                lane = self._lanes[key]
                while lane and not counts(lane[0]):
                    heappop(lane)
                if lane:
                    return lane[0][2]
                del self._lanes[key], self._places[key]
            heappop(self._line)
        return None

    def serve(self, message: QueuedMessage) -> None:
        """Note that a message has its turn: its lane lines up anew."""
        key = _key(message)
        self._rounds[key[0]] = self._places[key][1]
        self._line_up(key, served=True)

    def _line_up(self, key: _Key, *, served: bool) -> None:
        importance, people = key
        after = self._rounds.get(importance, 0) + 1
        place = (importance, after, served, next(self._number), people)
        self._places[key] = place
        heappush(self._line, place)


def order(message: QueuedMessage) -> Ready:
    """Return what a message is sorted by in its lane."""
    return (-message.importance, message.offered_at, message.queue_id)


def in_turns(messages: list[QueuedMessage]) -> list[QueuedMessage]:
    """Sort messages as they would go out now, if all of them might."""
    number: dict[_Key, int] = {}
    turns: list[tuple[int, int, Ready, QueuedMessage]] = []
    for message in sorted(messages, key=order):
        key = _key(message)
        number[key] = number.get(key, 0) + 1
        turns.append((key[0], number[key], order(message), message))
    return [message for *_, message in sorted(turns, key=lambda turn: turn[:3])]


def _key(message: QueuedMessage) -> _Key:
    return (-message.importance, frozenset(message.recipients))
